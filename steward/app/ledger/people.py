"""What people and jobs do to the books: answer, declare, read by hand, close months, learn limits and profiles, seal.

Invariants: each act is a decision on record with who and when before it has any effect; it restates its register from where
it matters and nothing else; a closed month keeps its figure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from metering import profile as profiling
from metering.declarations import Declaration, Declared
from metering.intervals import LEDGER_UNITS, QUARTER
from metering.reads import BEGINNING, Parameters, learn, round_up
from metering.restate import Reason
from steward.app.ledger.columns import Cells, absent, intervals_of, month_of, month_span, pack, unpack
from steward.app.ledger.core import Core
from steward.app.ledger.decisions import as_row, profile_row
from steward.app.ledger.figures import Figures, restated
from steward.app.ledger.model import AskedQuestion, Closed, Restated
from steward.app.ledger.registers import Register
from steward.app.ledger.restate import Cause
from steward.app.ledger.shelf import FAR
from steward.app.ledger.solve import AHEAD
from steward.errors import NotFound
from steward.units import DAY, HOUR, SECOND

EARLIEST = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp()) * SECOND
"""No declaration is for a time before this, ns."""
LEARN_DAYS = 60
"""Limits and profiles are learned from so many days."""
LEARN_EVERY = 30 * DAY
"""Limits are learned again after so long."""
_SEALED = 500
"""Registers sealed in one transaction."""


@dataclass(frozen=True, slots=True)
class Act:
    """A decision that is on record: its register is open and is to be solved for this cause."""

    point: str
    cause: Cause


class Desk:
    """Acts on the books; used under their lock."""

    def __init__(self, core: Core, figures: Figures) -> None:
        self._core, self._figures = core, figures

    def questions(self, point: str | None = None) -> list[AskedQuestion]:
        """What waits for a person, oldest first."""
        if point is not None:
            self._figures.slot(point)
        asked = self._core.shelf.questions
        slots = self._core.shelf.slots
        found = [one for name, all in asked.items() if name in slots and point in (None, name) for one in all]
        return sorted(found, key=lambda one: (one.at, one.point))

    def answer(self, question: str, answer: int, who: str, now: int, values: Mapping[str, float] | None) -> Act:
        """Takes an answer; `values` replace those that it holds."""
        found = next((one for one in self.questions() if one.id == question), None)
        if found is None:
            raise NotFound("question", question)
        chosen = next((one for one in found.answers if one.number == answer), None)
        if chosen is None:
            raise ValueError(f"no answer {answer} to question {question}, expected 0 to {len(found.answers) - 1}")
        unknown = set(values or {}) - set(chosen.values)
        if unknown:
            raise ValueError(f"answer {chosen.action} has no {', '.join(sorted(unknown))}, expected {', '.join(chosen.values)}")
        taken = {**chosen.values, **(values or {})}
        content = {"question": question, "topic": found.topic, "action": chosen.action, "values": taken}
        if chosen.action in ("digits", "limit"):
            made = self._parameter(found, chosen.action, taken, who, now)
        else:
            made = self.declare(found.point, _declaration(chosen.action, found, taken), who, now)
        self._core.decisions.add(found.point, "answer", found.at, content, who, now)
        asked = self._core.shelf.questions  # whoever answers it at the same moment finds it answered
        asked[found.point] = [one for one in asked[found.point] if one.id != question]
        return made

    def _parameter(self, question: AskedQuestion, action: str, taken: Mapping[str, float], who: str, now: int) -> Act:
        if action == "digits":
            content: dict[str, Any] = {"valid_from": BEGINNING, "digits": round(taken["digits"]), "reason": "answer"}
        else:
            content = {"valid_from": question.start, "rate": taken["rate"], "daily": 24 * taken["rate"], "reason": "answer"}
        return self.parameter(question.point, content, question.start, who, now)

    def parameter(self, point: str, content: Mapping[str, Any], since: int, who: str, now: int) -> Act:
        """A dated parameter; restates from `since`."""
        slot = self._figures.slot(point)
        self._core.decisions.add(point, "parameter", int(content["valid_from"]), content, who, now)
        self._core.shelf.limit(slot, self._core.decisions.parameters(self._core.shelf.registers[slot]))
        self._core.queue.open(slot, since)
        return Act(point, Cause(Reason.PARAMETER, now, who))

    def declare(self, point: str, declaration: Declaration, who: str, now: int) -> Act:
        """A person's word, in register units. Raises ValueError for a time that is not over, or before the year 2000."""
        slot = self._figures.slot(point)
        if not EARLIEST <= declaration.at <= (declaration.until or declaration.at) <= now + AHEAD:
            raise ValueError(f"a declaration of {declaration.kind}: its time is not over yet, or lies before 2000")
        self._core.decisions.add(point, "declaration", declaration.at, as_row(declaration), who, now)
        self._core.queue.open(slot, declaration.at)
        return Act(point, Cause(Reason.DECLARATION, now, who))

    def restated(self, point: str, numbers: Collection[int]) -> list[Restated]:
        """Revisions by their numbers."""
        rows = [row for row in self._core.records.revisions(point, 0, FAR) if row["number"] in numbers]
        return [restated(self._figures.register(point), row) for row in rows]

    def read(self, point: str, rows: list[tuple[int, float, str]], who: str, now: int) -> None:
        """Puts reads by hand on record: (at, canonical value as stored, where from). The samples come the common way."""
        self._figures.slot(point)
        decided = [(point, "read", at, {"at": at, "value": value, "from": origin}) for at, value, origin in rows]
        self._core.decisions.add_all(decided, who, now)

    # months

    def close(self, month: str, who: str, now: int) -> list[Closed]:
        """Closes a month of every register that is not closed yet."""
        core, done = self._core, {row["register"] for row in self._core.records.closings(month)}
        rows = []
        for name, register in zip(core.shelf.names, core.shelf.registers, strict=True):
            start, end = local_month(month, register.zone)
            if end > now:
                raise ValueError(f"{month} is not over yet in {register.zone}")
            if name in done or core.shelf.rows["last_at"][core.shelf.slots[name]] < 0:
                continue
            value = int(self._figures.cells(name, start, end).value.sum())
            settled = int(core.shelf.rows["settled"][core.shelf.slots[name]]) >= end
            rows.append(
                {"register": name, "month": month, "start": start, "end": end, "value": value, "at": now, "who": who}
                | {"settled": int(settled)}
            )
        core.records.close(rows)
        core.shelf.close(core.records.closed_until())
        return self.closed(month)

    def closed(self, month: str) -> list[Closed]:
        """The closings of a month with their adjustments."""
        records = self._core.records
        rows = records.closings(month)
        booked: dict[int, list[tuple[int, int, int]]] = {}
        for row in records.adjustments([row["id"] for row in rows]):
            booked.setdefault(row["closing"], []).append((row["revision"], row["at"], row["difference"]))
        found = []
        for row in rows:
            register = self._core.shelf.slots.get(row["register"])
            if register is None:
                continue
            energy = self._energy(self._core.shelf.registers[register], row["start"], row["end"])
            adjustments = [(revision, at, energy(value)) for revision, at, value in booked.get(row["id"], [])]
            found.append(
                Closed(
                    row["register"],
                    month,
                    row["start"],
                    row["end"],
                    energy(row["value"]),
                    row["at"],
                    row["who"],
                    bool(row["settled"]),
                    adjustments,
                )
            )
        return found

    def _energy(self, register: Register, start: int, end: int) -> Callable[[int], float]:
        """From ledger units of a span to canonical ones; where the scale changes in it, in the proportion of its figures."""
        if register.scales.at(start) == register.scales.at(end - 1):
            return partial(register.energy, start)
        cells = self._figures.cells(register.id, start, end)
        whole = int(cells.value.sum())
        ratio = float(register.canonical(cells.start, cells.value).sum()) / whole if whole else register.energy(start, 1)
        return lambda value: value * ratio

    # jobs

    def slices(self) -> list[list[str]]:
        """The registers in parts that a job may take at once."""
        names = self._core.shelf.names
        return [names[place : place + _SEALED] for place in range(0, len(names), _SEALED)]

    def seal(self, names: Sequence[str], cut: int) -> int:
        """Seals what is older than `cut` (ns) of some registers; how many chunks were written."""
        core, hot = self._core, self._core.shelf.hot
        rows = {name: core.shelf.slots[name] for name in names if name in core.shelf.slots}
        if not hot.size or hot.first >= cut or not rows:
            return 0
        sealed = core.records.chunks(list(rows), month_of(hot.first), month_of(cut - QUARTER))
        chunks: dict[tuple[str, int], bytes] = {}
        for month in range(month_of(hot.first), month_of(cut - QUARTER) + 1):
            begin, end = month_span(month)
            for name, row in rows.items():
                whole = absent(begin, min(end, cut))
                if (name, month) in sealed:
                    whole.put(unpack(sealed[name, month]))
                whole.put(hot.row(row))
                if whole.known.any():
                    chunks[name, month] = pack(whole)
        core.records.seal(chunks)
        core.restater.rewritten.difference_update(rows)
        return len(chunks)

    def drop(self, cut: int) -> None:
        """Lets go what is sealed, after sealing once more what was restated meanwhile."""
        self.seal(sorted(self._core.restater.rewritten), cut)
        self._core.shelf.drop(max(cut, self._core.shelf.hot.first))

    def learn(self, names: Sequence[str], now: int) -> list[Act]:
        """Learns limits and shapes of gaps where enough is settled; what must be solved again with what was learned."""
        core, rows = self._core, self._core.shelf.rows
        acts = []
        for name in names:
            slot = core.shelf.slots.get(name)
            if slot is None or int(rows["settled"][slot]) <= 0:
                continue
            register = core.shelf.registers[slot]
            limits = register.source == "register" and self._wants_limits(register, now)
            shape = not core.decisions.profiled(name)
            if not (limits or shape):
                continue
            end = int(rows["settled"][slot]) // QUARTER * QUARTER
            cells = self._figures.cells(name, end - LEARN_DAYS * DAY, end)
            first = int(np.argmax(cells.known)) if cells.known.any() else cells.size
            trimmed = absent(cells.first + first * QUARTER, cells.end)
            trimmed.put(cells)
            if limits and (since := self._limit(slot, trimmed, now)) is not None:
                core.queue.open(slot, since)
                acts.append(Act(name, Cause(Reason.PARAMETER, now)))
            if shape:
                self._shape(slot, intervals_of(trimmed, end), now)
        return acts

    def _wants_limits(self, register: Register, now: int) -> bool:
        learned = self._core.decisions.learned(register.id)
        return learned is None or now - learned >= LEARN_EVERY

    def _limit(self, slot: int, cells: Cells, now: int) -> int | None:
        """Learns what a register can count and how long it stands still; from when it must be solved again, None: it must not.

        The first limits hold for what they were learned from, so that a jump in it that nothing forbade is found now; later
        ones hold from now on, what was decided under the older stands. What the facility file or a person says is not touched.
        """
        if cells.size < 7 * 96:
            return None
        register = self._core.shelf.registers[slot]
        rows = self._core.decisions.parameters(register)
        known, first = rows[-1], self._core.decisions.learned(register.id) is None
        level = np.concatenate(([0], np.cumsum(cells.value))) // LEDGER_UNITS
        at = np.concatenate((cells.start, [cells.end]))
        found = learn(at, level, known)
        if found is None:
            return None
        said = known.rate is not None and known.reason != "learned"
        rate, daily = (None, None) if said else _at_full_power(found, register.rated)
        if not first and (rate, daily, found.still) == (
            None if said else known.rate,
            None if said else known.daily,
            known.still,
        ):
            self._core.decisions.note_learned(register.id, now)
            return None
        since = cells.first if first and not said else now
        content = {"valid_from": since, "rate": rate, "daily": daily, "still": found.still, "reason": "learned", "learned": now}
        self._core.decisions.add(register.id, "parameter", since, content, "", now)
        self._core.shelf.limit(slot, self._core.decisions.parameters(register))
        most = float(np.diff(level).max(initial=0)) * (HOUR / QUARTER)
        return since if rate is not None and first and most > rate else None

    def _shape(self, slot: int, found: Any, now: int) -> bool:
        register = self._core.shelf.registers[slot]
        made = profiling.learn(found, register.zone)
        if made is None:
            return False
        row = profile_row(made) | {"valid_from": now}
        self._core.decisions.add(register.id, "profile", now, row, "", now)
        return True


def _at_full_power(found: Parameters, rated: float) -> tuple[float | None, float | None]:
    """Learned limits an hour and a day, but not below what the equip is rated for, with a half for its tolerance and for reads
    that come late: a charger that stood idle while it was learned may charge."""
    most = round_up(1.5 * rated) if rated else 0.0
    rate = None if found.rate is None else max(found.rate, most)
    return rate, None if found.daily is None else max(found.daily, 24 * most)


def _declaration(action: str, question: AskedQuestion, taken: Mapping[str, float]) -> Declaration:
    whole = {key: round(value) for key, value in taken.items()}
    return Declaration(
        whole.get("at", question.at),
        Declared(action),
        end=whole.get("end"),
        start=whole.get("start"),
        until=whole.get("until"),
        value=whole.get("value"),
        reason=f"answer to {question.topic}",
    )


def local_month(month: str, zone: str) -> tuple[int, int]:
    """Start and end of a month such as "2026-10" by the local time of a zone, ns. Raises ValueError."""
    try:
        first = datetime.strptime(month, "%Y-%m").replace(tzinfo=ZoneInfo(zone))
    except ValueError as error:
        raise ValueError(f"month {month!r}, expected for example 2026-10") from error
    if first.year < 2000:
        raise ValueError(f"month {month!r} lies before 2000")
    following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return round(first.timestamp()) * SECOND, round(following.timestamp()) * SECOND
