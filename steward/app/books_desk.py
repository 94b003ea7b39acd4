"""What people and jobs do to the books: answer, declare, read by hand, close months, learn limits and profiles, seal.

Invariants: each act is a decision on record with who and when before it has any effect; it restates its register from where
it matters and nothing else; a closed month keeps its figure.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from metering import profile as profiling
from metering.declarations import Declaration, Declared
from metering.intervals import LEDGER_UNITS, QUARTER, canonical
from metering.reads import BEGINNING, learn
from metering.restate import Reason
from steward.app.books_columns import COLUMNS, absent, intervals_of, month_of, month_span, pack, unpack
from steward.app.books_core import Core
from steward.app.books_decisions import as_row, profile_row
from steward.app.books_figures import Figures, restated
from steward.app.books_model import AskedQuestion, Closed, Restated
from steward.app.books_restate import Cause
from steward.app.books_shelf import FAR, HOT
from steward.errors import NotFound
from steward.units import DAY, SECOND

LEARN_DAYS = 60
"""Limits and profiles are learned from so many days."""
_SEALED = 500
"""Registers sealed in one transaction."""


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

    def answer(self, question: str, answer: int, who: str, now: int, values: Mapping[str, float] | None) -> list[Restated]:
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
            made = self._declared(_declaration(chosen.action, found, taken), found.point, who, now)
        self._core.decisions.add(found.point, "answer", found.at, content, who, now)
        return made

    def _parameter(
        self, question: AskedQuestion, action: str, taken: Mapping[str, float], who: str, now: int
    ) -> list[Restated]:
        if action == "digits":
            content: dict[str, Any] = {"valid_from": BEGINNING, "digits": round(taken["digits"]), "reason": "answer"}
        else:
            content = {"valid_from": question.start, "rate": taken["rate"], "daily": 24 * taken["rate"], "reason": "answer"}
        return self.parameter(question.point, content, question.start, who, now)

    def parameter(self, point: str, content: Mapping[str, Any], since: int, who: str, now: int) -> list[Restated]:
        """A dated parameter; restates from `since`."""
        slot = self._figures.slot(point)
        self._core.decisions.add(point, "parameter", int(content["valid_from"]), content, who, now)
        self._core.shelf.limit(slot, self._core.decisions.parameters(self._core.shelf.registers[slot]))
        return self._restate(point, since, Cause(Reason.PARAMETER, now, who))

    def declare(self, point: str, declaration: Declaration, who: str, now: int) -> list[Restated]:
        """A person's word, in register units."""
        return self._declared(declaration, point, who, now)

    def _declared(self, declaration: Declaration, point: str, who: str, now: int) -> list[Restated]:
        self._figures.slot(point)
        self._core.decisions.add(point, "declaration", declaration.at, as_row(declaration), who, now)
        return self._restate(point, declaration.at, Cause(Reason.DECLARATION, now, who))

    def _restate(self, point: str, since: int, cause: Cause) -> list[Restated]:
        core, slot = self._core, self._figures.slot(point)
        core.open(slot, since)
        core.touched.discard(slot)
        numbers = core.restater.restate([slot], cause).get(slot, [])
        if point in core.shelf.errors:
            core.touched.add(slot)
            raise ValueError(f"{point}: {core.shelf.errors[point]}")
        rows = [row for row in core.records.revisions(point, 0, FAR) if row["number"] in numbers]
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
            factor = self._core.shelf.registers[register].factor

            def energy(value: int, factor: Any = factor) -> float:
                return float(canonical(np.array([value], np.int64), factor)[0])

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

    # jobs

    def seal(self, now: int) -> int:
        """Seals what is older than two days; how many chunks were written."""
        core, cut = self._core, (now - HOT) // QUARTER * QUARTER
        hot = core.shelf.hot
        if not hot.size or hot.first >= cut:
            return 0
        written = 0
        for place in range(0, len(core.shelf.names), _SEALED):
            names = core.shelf.names[place : place + _SEALED]
            sealed = core.records.chunks(names, month_of(hot.first), month_of(cut - QUARTER))
            chunks: dict[tuple[str, int], bytes] = {}
            for month in range(month_of(hot.first), month_of(cut - QUARTER) + 1):
                begin, end = month_span(month)
                for row, name in enumerate(names, place):
                    whole = absent(begin, min(end, cut))
                    if (name, month) in sealed:
                        whole.put(unpack(sealed[name, month]))
                    whole.put(hot.row(row))
                    if whole.known.any():
                        chunks[name, month] = pack(whole)
            core.records.seal(chunks)
            written += len(chunks)
        core.shelf.drop(cut)
        return written

    def learn(self, now: int) -> int:
        """Learns limits and shapes of gaps where enough is settled and none is known; how many registers learned something."""
        core, rows = self._core, self._core.shelf.rows
        learned = 0
        for slot, register in enumerate(list(core.shelf.registers)):
            limits = register.source == "register" and register.base.rate is None
            known = core.decisions.parameters(register)[-1]
            if int(rows["settled"][slot]) <= 0:
                continue
            end = int(rows["settled"][slot]) // QUARTER * QUARTER
            wanted = limits and known.rate is None
            shape = not core.decisions.profiled(register.id)
            if not (wanted or shape):
                continue
            cells = self._figures.cells(register.id, end - LEARN_DAYS * DAY, end)
            first = int(np.argmax(cells.known)) if cells.known.any() else cells.size
            trimmed = absent(cells.first + first * QUARTER, cells.end)
            trimmed.put(cells)
            found = intervals_of(trimmed, end)
            learned += int(self._limit(slot, wanted, trimmed, now) | (shape and self._shape(slot, found, now)))
        return learned

    def _limit(self, slot: int, wanted: bool, cells: Any, now: int) -> bool:
        if not wanted or cells.size < 7 * 96:
            return False
        register = self._core.shelf.registers[slot]
        known = self._core.decisions.parameters(register)[-1]
        level = np.concatenate(([0], np.cumsum(getattr(cells, COLUMNS[0])))) // LEDGER_UNITS
        at = np.concatenate((cells.start, [cells.end]))
        found = learn(at, level, known)
        if found is None:
            return False
        content = {"valid_from": now, "rate": found.rate, "daily": found.daily, "still": found.still, "reason": "learned"}
        self._core.decisions.add(register.id, "parameter", now, content, "", now)
        self._core.shelf.limit(slot, self._core.decisions.parameters(register))
        return True

    def _shape(self, slot: int, found: Any, now: int) -> bool:
        register = self._core.shelf.registers[slot]
        made = profiling.learn(found, register.zone)
        if made is None:
            return False
        row = profile_row(made) | {"valid_from": now}
        self._core.decisions.add(register.id, "profile", now, row, "", now)
        return True


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
    following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return round(first.timestamp()) * SECOND, round(following.timestamp()) * SECOND
