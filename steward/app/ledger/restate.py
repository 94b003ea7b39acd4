"""Restating: registers that the bank cannot close are solved again from their stored samples, and compared with what was given.

Invariants: one register that fails is put aside and named, the others go on; a quarter-hour already given out that comes out
differently is part of a revision; figures, events, sealed months and adjustments of a register change in one transaction, and
memory takes them after it. Used under the lock of the books; the store is read before, without it.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import structlog

from metering.cut import cumulative
from metering.intervals import QUARTER
from metering.ledger import Ledger
from metering.restate import Reason
from steward.app.ledger.columns import Cells, absent, cells_of, month_of, month_span, pack, unpack
from steward.app.ledger.decisions import Decisions
from steward.app.ledger.model import AskedAnswer, AskedQuestion
from steward.app.ledger.shelf import FAR, Shelf
from steward.app.ledger.solve import Decided, Solved, bounded, epochs_of, solve_window
from steward.app.ledger.wording import question_id
from steward.model import Batch, BoolArray, IntArray
from steward.records.ledger import LedgerRecords, Restatement
from steward.units import DAY

log = structlog.get_logger()

Fetch = Callable[[Sequence[str], int, int], dict[str, Batch]]
"""Stored samples of points in [start, end) by point; blocks."""


@dataclass(frozen=True)
class Cause:
    """Why registers are restated: reason and who; `now` ns."""

    reason: Reason
    now: int
    who: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """What is to be read of a register: its samples from `begin` on; it is open from `since` (ns); late: a read came late."""

    name: str
    begin: int
    since: int
    late: bool = False


@dataclass
class Outcome:
    """What became of windows: numbers of the revisions by register; those that must be read from further back; those that
    failed, with the reason (solve, record)."""

    revisions: dict[str, list[int]] = field(default_factory=dict)
    further: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Change:
    """A register solved: what the records take, and what memory takes once they have."""

    slot: int
    window: Window
    solved: Solved
    row: Restatement | None
    fresh: Cells | None


class Restater:
    """Solves registers of a shelf again and books what changed. Reads no store: samples are given to it."""

    def __init__(self, shelf: Shelf, records: LedgerRecords, decisions: Decisions) -> None:
        self.shelf, self.records, self.decisions = shelf, records, decisions
        self.rewritten: set[str] = set()
        """Registers whose figures in memory were written since the last sealing began."""
        self._bounded: set[str] = set(records.eventful())

    def window(self, slot: int, late: bool = False) -> Window:
        """What must be read to solve a register from where it is open."""
        rows = self.shelf.rows
        since, looked = int(rows["open_from"][slot]), int(rows["looked"][slot])
        begin = max(0, since - max(looked, 3 * int(self.shelf.horizon[slot])))
        whole = rows["last_at"][slot] < 0 or looked >= FAR
        return Window(self.shelf.names[slot], 0 if whole else begin, since, late)

    def restate(self, given: Sequence[tuple[Window, Batch]], cause: Cause) -> Outcome:
        """Solves registers from their samples (Window.begin and later), records what changed, then takes it into memory."""
        outcome, changes = Outcome(), []
        for window, batch in given:
            slot = self.shelf.slots.get(window.name)
            if slot is None:
                continue
            try:
                change = self._one(slot, batch, window, cause)
            except Exception as error:  # one register must not stop the others
                self._failed(window.name, error, "solve", outcome)
                continue
            if change is None:
                begin = further(window.since, window.begin)
                self.shelf.rows["looked"][slot] = window.since - begin if begin else FAR
                outcome.further.append(window.name)
            else:
                changes.append(change)
        rows = [change.row for change in changes if change.row is not None]
        try:
            if rows:
                self.records.restate(rows)
        except Exception as error:  # nothing of it is on record, so nothing of it is taken
            for change in changes:
                self._failed(change.window.name, error, "record", outcome)
            return outcome
        for change in changes:
            self._take(change)
            if change.row is not None and change.row.revision is not None:
                outcome.revisions[change.window.name] = [int(change.row.revision["number"])]
        return outcome

    def _failed(self, name: str, error: Exception, reason: str, outcome: Outcome) -> None:
        self.shelf.errors[name] = f"{type(error).__name__}: {error}"
        outcome.failed[name] = reason
        log.error("register_not_solved", register=name, reason=reason, error=self.shelf.errors[name])

    def solve(self, slot: int, batch: Batch, begin: int, since: int) -> tuple[Solved, Decided] | None:
        """The register solved from its samples since `begin`, everything from `since` (ns) on to be trusted; None where the
        samples must begin further back."""
        register = self.shelf.registers[slot]
        decided = self.decisions.of(register)
        solved = solve_window(register, batch, decided, since, self._power(register.id, begin), begin == 0)
        if solved is None or not self._continues(register.id, solved):
            return None
        return solved, decided

    def _continues(self, name: str, solved: Solved) -> bool:
        """Whether a window arrives where it is trusted in the unit in which the register stood there: one that begins just
        before a change of unit has too few reads to see it."""
        if solved.begin is None:
            return True
        column = int(np.searchsorted(solved.solution.at, solved.begin))
        return int(solved.solution.power[column]) == self._power(name, solved.begin)

    def _power(self, name: str, at: int) -> int:
        before = [power for when, power in self.shelf.epochs.get(name, []) if when <= at]
        return before[-1] if before else 0

    def _one(self, slot: int, batch: Batch, window: Window, cause: Cause) -> _Change | None:
        """A register solved and compared with what was given out; None where its samples must begin further back."""
        shelf, name = self.shelf, window.name
        found = self.solve(slot, batch, window.begin, window.since)
        if found is None:
            return None
        solved, _ = found
        solution, ledger = solved.solution, solved.ledger
        if not len(solution):
            return _Change(slot, window, solved, None, None)
        since = int(solution.at[0]) if solved.begin is None else solved.begin
        new = self._cells(ledger, since)
        old = self._given(slot, new.first, max(new.end, shelf.hot.end))
        fresh = absent(old.first, old.end)
        fresh.put(new)
        changed = old.known & ((old.value != fresh.value) | ~fresh.known)
        touched = changed | (old.flags != fresh.flags) | (old.method != fresh.method) | (old.value != fresh.value)
        adjustments = self._adjustments(slot, fresh) if touched.any() else []
        for closing, _ in adjustments:  # a closed figure has been given out, whatever was missing then
            changed |= (old.start >= closing["start"]) & (old.start < closing["end"]) & (old.value != fresh.value)
        trusted = 0 if solved.begin is None else since
        events = bounded(solution, trusted)
        chunks = self._chunks(slot, fresh, touched)
        if changed.any():
            row = self._revised(slot, trusted, events, chunks, (old, fresh, changed), adjustments, cause, window.late)
        elif events or chunks or name in self._bounded:
            row = Restatement(name, trusted, events, None, chunks)
        else:
            row = None
        return _Change(slot, window, solved, row, fresh)

    def _take(self, change: _Change) -> None:
        """Takes into memory what is on record now."""
        shelf, slot, solved, name = self.shelf, change.slot, change.solved, change.window.name
        rows, solution = shelf.rows, solved.solution
        shelf.errors.pop(name, None)
        rows["held"][slot] = len(solved.ledger.held)
        if change.fresh is None:  # no read yet, or none that can be used
            if not len(solved.ledger.reads) and change.window.begin == 0 and shelf.plain[slot]:
                rows["fresh"][slot], rows["open_from"][slot] = 1, FAR
            return
        begin = int(solution.at[0]) if solved.begin is None else solved.begin
        if len(solution.anchors):
            rows["looked"][slot] = 0
        epochs = [one for one in shelf.epochs.get(name, []) if one[0] <= begin]
        shelf.epochs[name] = epochs + [one for one in epochs_of(solution) if one[0] > begin]
        shelf.reach(change.fresh.end)
        shelf.hot.row(slot).put(change.fresh)
        if change.row is not None:
            (self._bounded.add if change.row.events else self._bounded.discard)(name)
            if change.row.revision is not None:
                rows["revision"][slot] = change.row.revision["number"]
        self._question(slot, solved.ledger, 0 if solved.begin is None else begin)
        self._stand(slot, solved)
        self.rewritten.add(name)

    def _cells(self, ledger: Ledger, since: int) -> Cells:
        """The closed quarter-hours from `since` on."""
        solution = ledger.solution
        found = ledger.intervals(since, int(solution.at[-1]))
        whole = found.start + QUARTER <= int(solution.at[-1])
        first = since // QUARTER * QUARTER
        return cells_of(found.take(whole)) if whole.any() else absent(first, first)

    def _given(self, slot: int, first: int, end: int) -> Cells:
        """What was given out of [first, end), from memory and from the sealed months."""
        found = absent(first, max(first, end))
        hot = self.shelf.hot
        if first < hot.first:
            name = self.shelf.names[slot]
            for payload in self.records.chunks([name], month_of(first), month_of(hot.first)).values():
                found.put(unpack(payload))
        found.put(hot.row(slot))
        return found

    def _adjustments(self, slot: int, fresh: Cells) -> list[tuple[Mapping[str, Any], int]]:
        """The closed months that new figures touch, each with what its total then is beside its figure and what was booked:
        taken from the totals, so that figure and adjustments are the total whatever a kill has made memory forget."""
        touched = [
            one
            for one in self.records.closings(register=self.shelf.names[slot])
            if one["start"] < fresh.end and one["end"] > fresh.first
        ]
        booked: dict[int, int] = defaultdict(int)
        for row in self.records.adjustments([one["id"] for one in touched]):
            booked[row["closing"]] += row["difference"]
        found = []
        for closing in touched:
            whole = self._given(slot, closing["start"], closing["end"])
            whole.put(fresh)
            difference = int(whole.value.sum()) - closing["value"] - booked[closing["id"]]
            if difference:
                found.append((closing, difference))
        return found

    def _chunks(self, slot: int, fresh: Cells, touched: BoolArray) -> dict[int, bytes]:
        """The payloads of the sealed months that new figures touch."""
        shelf = self.shelf
        if not touched.any() or fresh.first >= shelf.hot.first:
            return {}
        name, chunks = shelf.names[slot], {}
        starts = fresh.start[touched]
        last = min(int(starts[-1]), shelf.hot.first - QUARTER)
        sealed = self.records.chunks([name], month_of(int(starts[0])), month_of(last)) if starts[0] <= last else {}
        for month in range(month_of(int(starts[0])), month_of(last) + 1 if starts[0] <= last else 0):
            begin, end = month_span(month)
            whole = absent(begin, min(end, shelf.hot.first))
            if (name, month) in sealed:
                whole.put(unpack(sealed[name, month]))
            whole.put(fresh)
            if whole.known.any():
                chunks[month] = pack(whole)
        return chunks

    def _question(self, slot: int, ledger: Ledger, since: int) -> None:
        register = self.shelf.registers[slot]

        asked = [one for one in self.shelf.questions.get(register.id, []) if one.at <= since]
        for question in ledger.questions():
            if question.at <= since:
                continue
            energy = partial(register.energy, question.start)
            known = {key: energy(value) if key in _ENERGIES else float(value) for key, value in question.known.items()}
            answers = tuple(
                AskedAnswer(number, one.action, dict(one.values), None if one.consumption is None else energy(one.consumption))
                for number, one in enumerate(question.answers)
            )
            id = question_id(register.id, question.topic, question.at)
            asked.append(AskedQuestion(id, register.id, question.topic.value, question.start, question.at, known, answers))
        self.shelf.questions[register.id] = asked

    def _stand(self, slot: int, solved: Solved) -> None:
        """Where the register stands now: back in the bank, or open from its last anchor."""
        shelf, solution, register = self.shelf, solved.solution, self.shelf.registers[slot]
        rows, last = shelf.rows, int(solution.at[-1])
        edge = last // QUARTER * QUARTER
        level = cumulative(solution, np.array([edge, last], np.int64), solved.ledger.marks, solved.ledger.profiles)
        rows["last_at"][slot], rows["last_value"][slot], rows["born"][slot] = last, solution.value[-1], -1
        rows["edge"][slot], rows["edge_level"][slot] = edge, 0
        if register.source == "register":
            rows["settled"][slot] = solved.ledger.settled_until
        else:
            rows["settled"][slot] = last
        moves = np.flatnonzero(np.diff(solution.value)) + 1
        if len(moves):
            rows["moved"][slot] = solution.at[moves[-1]]
        begun = edge >= int(solution.at[0])  # else the first quarter-hour, of which a part is missing, is still open
        clean = bool(shelf.plain[slot]) and solved.clean and begun
        shelf.bank.set(slot, last, int(solution.value[-1]), int(level[1] - level[0]))
        if clean:
            rows["open_from"][slot], rows["run"][slot] = FAR, last
        else:
            anchors = solution.anchors
            at = int(solution.at[anchors[-1]]) if len(anchors) else int(solution.at[0])
            rows["open_from"][slot] = at + 1 if register.source == "register" else last

    def _revised(
        self,
        slot: int,
        trusted: int,
        events: Sequence[dict[str, int | str]],
        chunks: dict[int, bytes],
        cells: tuple[Cells, Cells, BoolArray],
        adjustments: Sequence[tuple[Mapping[str, Any], int]],
        cause: Cause,
        late: bool,
    ) -> Restatement:
        """The restatement with its revision and what that adjusts in closed months."""
        old, fresh, changed = cells
        start: IntArray = old.start[changed]
        revision = {
            "number": int(self.shelf.rows["revision"][slot]) + 1,
            "at": cause.now,
            "reason": Reason.LATE.value if late else cause.reason.value,
            "who": cause.who,
            "start": int(start[0]),
            "end": int(start[-1]) + QUARTER,
            "payload": pack_revision(start, old.value[changed], fresh.value[changed]),
        }
        booked = [(int(closing["id"]), difference) for closing, difference in adjustments]
        return Restatement(self.shelf.names[slot], trusted, events, revision, chunks, booked)


def further(since: int, begin: int) -> int:
    """Where samples begin that reach further back than `begin`, ns; 0: all of them."""
    looked = max(8 * (since - begin), 30 * DAY)
    return 0 if looked > 400 * DAY else max(0, since - looked)


_ENERGIES = ("consumption", "low", "high")


def pack_revision(start: IntArray, old: IntArray, new: IntArray) -> bytes:
    """The columns of a revision as bytes."""
    return zlib.compress(np.stack((start, old, new)).astype("<i8").tobytes(), 6)


def unpack_revision(payload: bytes) -> tuple[IntArray, IntArray, IntArray]:
    """start, old, new of a revision."""
    columns = np.frombuffer(zlib.decompress(payload), "<i8").reshape(3, -1).astype(np.int64)
    return columns[0], columns[1], columns[2]
