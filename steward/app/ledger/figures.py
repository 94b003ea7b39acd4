"""Figures of the books: consumption by periods with its bounds and revisions, and what each figure rests on.

Invariants: a figure is a sum of given-out quarter-hours and nothing else; bounds are those of the events inside; evidence is
solved again from the stored reads, so it shows what is true now, and its links add up to the figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from metering.intervals import QUARTER, Intervals, Period, Periods, to_periods
from metering.ledger import Ledger
from metering.reads import Source
from metering.sources import add_up
from steward.app.ledger.columns import ABSENT, Cells, absent, intervals_of, month_of, unpack
from steward.app.ledger.core import Core
from steward.app.ledger.model import Consumption, Link, Proof, Read, Restated
from steward.app.ledger.registers import Register
from steward.app.ledger.restate import unpack_revision
from steward.errors import NotFound
from steward.model import Batch, FloatArray, IntArray
from steward.units import SECOND


class Figures:
    """Reads the books; used under their lock."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.sums: dict[str, tuple[str, ...]] = {}

    def slot(self, point: str) -> int:
        """The row of a register. Raises NotFound."""
        slot = self._core.shelf.slots.get(point)
        if slot is None:
            raise NotFound("register", point)
        return slot

    def parts(self, point: str) -> tuple[str, ...]:
        """The registers that a point is: itself, or the tariff registers of a sum."""
        return self.sums.get(point, (point,))

    def register(self, point: str) -> Register:
        """The register of a point. Raises NotFound."""
        return self._core.shelf.registers[self.slot(point)]

    def cells(self, point: str, start: int, end: int) -> Cells:
        """The quarter-hours of [start, end) as they were given out."""
        slot, hot = self.slot(point), self._core.shelf.hot
        found = absent(start // QUARTER * QUARTER, -(-end // QUARTER) * QUARTER)
        if found.first < hot.first or not hot.size:
            last = max(found.first, found.end - QUARTER)
            for payload in self._core.records.chunks([point], month_of(found.first), month_of(last)).values():
                found.put(unpack(payload))
        found.put(hot.row(slot))
        return found

    def today(self, now: int) -> list[float | None]:
        """Consumption of every register since its site's midnight, canonical; None where nothing is known."""
        shelf = self._core.shelf
        found: list[float | None] = [None] * len(shelf.registers)
        zones: dict[str, list[int]] = {}
        for slot, register in enumerate(shelf.registers):
            zones.setdefault(register.zone, []).append(slot)
        for zone, slots in zones.items():
            local = datetime.fromtimestamp(now / SECOND, ZoneInfo(zone))
            midnight = round(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()) * SECOND
            columns = slice(max(0, (midnight - shelf.hot.first) // QUARTER), None)
            known = (shelf.hot.flags[slots, columns] & ABSENT) == 0
            total = np.where(known, shelf.hot.value[slots, columns], 0).sum(axis=1)
            for place in np.flatnonzero(known.any(axis=1)).tolist():
                register = shelf.registers[slots[place]]
                if len(register.scales.rows) == 1:
                    found[slots[place]] = register.energy(now, int(total[place]))
                else:
                    row = np.where(known[place], shelf.hot.value[slots[place], columns], 0)
                    found[slots[place]] = float(register.canonical(shelf.hot.start[columns], row).sum())
        return found

    def intervals(self, point: str, start: int, end: int) -> Intervals:
        """The same as intervals with their revisions."""
        cells = self.cells(point, start, end)
        found = intervals_of(cells, int(self._core.shelf.rows["settled"][self.slot(point)]))
        for row in self._core.records.revisions(point, start, end):
            changed = unpack_revision(row["payload"])[0]
            found.revision[np.isin(found.start, changed, assume_unique=True)] = row["number"]
        return found

    def consumption(self, point: str, start: int, end: int, period: str, billing_day: int) -> Consumption:
        """See steward.app.ledger.model.Ledgers."""
        if end <= start:
            raise ValueError(f"end {end} is not after start {start}")
        wanted = Period(period)
        parts = self.parts(point)
        register = self.register(parts[0])
        if any(self.register(part).scales != register.scales for part in parts):
            raise ValueError(f"{point}: its tariff registers count in different units")
        every = [self.intervals(part, start, end) for part in parts]
        found = every[0] if len(every) == 1 else add_up(every)
        known = [self.cells(part, start, end).known for part in parts]
        sums = to_periods(found, register.zone, wanted, billing_day)
        first = np.searchsorted(found.start, sums.start)
        some = np.add.reduceat(np.all(known, axis=0).astype(np.int64), first) > 0 if len(first) else np.zeros(0, np.bool_)
        revision = np.maximum.reduceat(found.revision, first) if len(first) else np.zeros(0, np.int32)
        less, more = self._bounds(parts, start, end, sums.start, sums.end)
        amount = amounts(register, found, sums)
        value = np.where(some, amount, np.nan)
        ends = [amount - register.canonical(sums.start, less), amount + register.canonical(sums.start, more)]
        low, high = np.minimum(*ends), np.maximum(*ends)
        return Consumption(
            point,
            register.unit,
            sums.start,
            sums.end,
            value,
            np.where(some, low, np.nan),
            np.where(some, high, np.nan),
            sums.method,
            sums.flags,
            sums.confidence,
            sums.coverage,
            revision,
        )

    def _bounds(
        self, parts: Sequence[str], start: int, end: int, begin: IntArray, finish: IntArray
    ) -> tuple[IntArray, IntArray]:
        """By how much each period can be less, and more, by the events in it."""
        less, more = np.zeros(len(begin), np.int64), np.zeros(len(begin), np.int64)
        for part in parts:
            for row in self._core.records.events(part, start, end):
                inside = (begin < row["end"]) & (finish > row["start"])
                less[inside] += row["gain"] - row["low"]
                more[inside] += row["high"] - row["gain"]
        return less, more

    def revisions(self, point: str, start: int, end: int) -> list[Restated]:
        """See steward.app.ledger.model.Ledgers."""
        register = self.register(point)
        return [restated(register, row) for row in self._core.records.revisions(point, start, end)]

    def evidence(self, point: str, start: int, end: int, batch: Batch, begin: int) -> Proof | None:
        """See steward.app.ledger.model.Ledgers; from the samples since `begin`, None where they must begin further back."""
        slot, register = self.slot(point), self.register(point)
        found = self._core.restater.solve(slot, batch, begin, start)
        if found is None:
            return None
        solved, decided = found
        ledger = solved.ledger
        named = ledger.labels()
        links = []
        for one in ledger.evidence(start, end):
            rows = [self._read(register, ledger, row, named) if row >= 0 else None for row in one.reads]
            low, gain, high = (register.energy(one.start, value) for value in (one.low, one.consumption, one.high))
            bounds = sorted((low, high))
            links.append(Link(one.start, one.end, one.kind, rows[0], rows[1], gain, bounds[0], bounds[1], one.confidence))
        begin = min([start, *(link.start for link in links)])
        finish = max([end, *(link.end for link in links)])
        inside = np.flatnonzero((ledger.reads.at >= begin) & (ledger.reads.at <= finish))
        reads = [self._read(register, ledger, int(row), named) for row in inside.tolist()]
        declared: list[Mapping[str, Any]] = [
            {"at": one.at, "until": one.until, "kind": one.kind.value, "by": one.by, "reason": one.reason, "number": one.number}
            for one in decided.declarations
            if one.at < finish and (one.until or one.at) >= begin
        ]
        return Proof(point, start, end, links, reads, declared)

    @staticmethod
    def _read(register: Register, ledger: Ledger, row: int, named: Mapping[int, Any]) -> Read:
        reads = ledger.reads
        value = int(reads.value[row])
        return Read(
            int(reads.at[row]),
            int(reads.received[row]),
            register.shown(int(reads.at[row]), value),
            value * register.resolution,
            Source(int(reads.source[row])).name.lower(),
            named[row].value if row in named else "",
        )


def amounts(register: Register, found: Intervals, sums: Periods) -> FloatArray:
    """The sums of intervals over periods in the canonical unit, each quarter-hour by the scale that holds in it."""
    if len(register.scales.rows) == 1 or not len(sums.start):
        return register.canonical(sums.start, sums.value)
    first = np.searchsorted(found.start, sums.start)
    return np.asarray(np.add.reduceat(register.canonical(found.start, found.value), first))


def restated(register: Register, row: Mapping[str, Any]) -> Restated:
    """A revision from its row."""
    start, old, new = unpack_revision(row["payload"])
    return Restated(
        row["number"],
        register.id,
        row["at"],
        row["reason"],
        row["who"],
        start,
        register.canonical(start, old),
        register.canonical(start, new),
    )
