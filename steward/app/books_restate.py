"""Restating: registers that the bank cannot close are solved again from their stored samples, and compared with what was given.

Invariants: one register that fails is put aside and named, the others go on; a quarter-hour already given out that comes out
differently is part of a revision; figures, events, sealed months and adjustments of a register change in one transaction.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import structlog

from metering.cut import cumulative
from metering.intervals import QUARTER, canonical
from metering.ledger import Ledger
from metering.restate import Reason
from steward.app.books_columns import Cells, absent, cells_of, month_of, month_span, pack, unpack
from steward.app.books_decisions import Decisions
from steward.app.books_model import AskedAnswer, AskedQuestion
from steward.app.books_shelf import FAR, Shelf
from steward.app.books_solve import Decided, Solved, bounded, epochs_of, solve_window
from steward.app.books_wording import question_id
from steward.model import Batch, BoolArray, IntArray
from steward.records.ledger import LedgerRecords, Restatement
from steward.units import DAY

log = structlog.get_logger()

Fetch = Callable[[Sequence[str], int, int], dict[str, Batch]]
"""Stored samples of points in [start, end) by point; blocks."""
_TOGETHER = 7 * DAY
"""Registers whose windows are no longer than this are read from the store together."""


@dataclass(frozen=True)
class Cause:
    """Why registers are restated: reason and who; `now` ns."""

    reason: Reason
    now: int
    who: str = ""
    late: frozenset[int] = frozenset()
    """Slots of which a read came late."""


class Restater:
    """Solves registers of a shelf again and books what changed."""

    def __init__(self, shelf: Shelf, records: LedgerRecords, decisions: Decisions, fetch: Fetch) -> None:
        self.shelf, self.records, self.decisions, self._fetch = shelf, records, decisions, fetch
        self.solved = 0

    def restate(self, slots: Sequence[int], cause: Cause) -> dict[int, list[int]]:
        """Solves registers from where they are open; the numbers of the revisions by slot."""
        found: dict[int, list[int]] = {}
        done: list[Restatement] = []
        for slot, batch, begin in self._samples(slots, cause.now):
            register = self.shelf.registers[slot]
            try:
                made = self._one(slot, batch, begin, cause)
            except Exception as error:  # one register must not stop the others
                self.shelf.errors[register.id] = f"{type(error).__name__}: {error}"
                log.error("register_not_solved", register=register.id, error=self.shelf.errors[register.id])
                continue
            self.shelf.errors.pop(register.id, None)
            if made is not None:
                done.append(made)
                if made.revision is not None:
                    found.setdefault(slot, []).append(int(made.revision["number"]))
        if done:
            self.records.restate(done)
        return found

    def _samples(self, slots: Sequence[int], now: int) -> list[tuple[int, Batch, int]]:
        """(slot, samples, begin of the window) of each register; short windows are read together."""
        rows = self.shelf.rows
        begins = {slot: self._begin(slot, int(rows["looked"][slot])) for slot in slots}
        near = [slot for slot in slots if begins[slot] > now - _TOGETHER]
        found: list[tuple[int, Batch, int]] = []
        if near:
            begin = min(begins[slot] for slot in near)
            samples = self._fetch([self.shelf.names[slot] for slot in near], begin, FAR)
            found += [(slot, samples[self.shelf.names[slot]], begin) for slot in near]
        for slot in slots:
            if begins[slot] <= now - _TOGETHER:
                name = self.shelf.names[slot]
                found.append((slot, self._fetch([name], begins[slot], FAR)[name], begins[slot]))
        return found

    def _begin(self, slot: int, looked: int) -> int:
        """Where the window of a register begins: far enough for an anchor that what is open cannot move."""
        since = int(self.shelf.rows["open_from"][slot])
        if self.shelf.rows["last_at"][slot] < 0 or looked >= FAR:
            return 0
        return max(0, since - max(looked, 3 * int(self.shelf.horizon[slot])))

    def solve(self, slot: int, since: int, batch: Batch | None = None, begin: int | None = None) -> tuple[Solved, Decided]:
        """The register solved with everything from `since` (ns) on to be trusted; looks further back until it is."""
        register, rows = self.shelf.registers[slot], self.shelf.rows
        decided = self.decisions.of(register)
        looked = max(3 * int(self.shelf.horizon[slot]), int(rows["looked"][slot]))
        begin = (0 if looked >= FAR else max(0, since - looked)) if begin is None else begin
        while True:
            samples = self._fetch([register.id], begin, FAR)[register.id] if batch is None else batch
            power = self._power(register.id, begin)
            solved = solve_window(register, samples, decided, since, power, begin == 0)
            if solved is not None:
                if len(solved.solution.anchors):
                    rows["looked"][slot] = 0
                return solved, decided
            looked, batch = max(8 * looked, 30 * DAY), None
            begin = 0 if looked > 400 * DAY else max(0, since - looked)
            rows["looked"][slot] = FAR if not begin else 0

    def _power(self, name: str, at: int) -> int:
        before = [power for when, power in self.shelf.epochs.get(name, []) if when <= at]
        return before[-1] if before else 0

    def _one(self, slot: int, batch: Batch, begin: int, cause: Cause) -> Restatement | None:
        shelf, name = self.shelf, self.shelf.names[slot]
        solved, _ = self.solve(slot, int(shelf.rows["open_from"][slot]), batch, begin)
        solution, ledger = solved.solution, solved.ledger
        shelf.rows["held"][slot] = len(ledger.held)
        if not len(solution):
            return None
        since = int(solution.at[0]) if solved.begin is None else solved.begin
        new = self._cells(ledger, since)
        old = self._given(slot, new.first, max(new.end, shelf.hot.end))
        fresh = absent(old.first, old.end)
        fresh.put(new)
        changed = old.known & ((old.value != fresh.value) | ~fresh.known)
        touched = changed | (old.flags != fresh.flags) | (old.method != fresh.method) | (old.value != fresh.value)
        closings = self.records.closings(register=name) if touched.any() else []
        for closing in closings:  # a closed figure has been given out, whatever was missing then
            changed |= (old.start >= closing["start"]) & (old.start < closing["end"]) & (old.value != fresh.value)
        epochs = [one for one in shelf.epochs.get(name, []) if one[0] <= since]
        shelf.epochs[name] = epochs + [one for one in epochs_of(solution) if one[0] > since]
        chunks = self._write(slot, fresh, touched)
        self._question(slot, ledger, 0 if solved.begin is None else since)
        self._stand(slot, solved)
        events = bounded(solution, 0 if solved.begin is None else since)
        if not changed.any():
            return Restatement(name, 0 if solved.begin is None else since, events, None, chunks)
        return self._revised(slot, since, solved, events, chunks, (old, fresh, changed), closings, cause)

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

    def _write(self, slot: int, fresh: Cells, touched: BoolArray) -> dict[int, bytes]:
        """Puts new figures into memory; the payloads of sealed months that they touch."""
        shelf = self.shelf
        shelf.reach(fresh.end)
        shelf.hot.row(slot).put(fresh)
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
            chunks[month] = pack(whole)
        return chunks

    def _question(self, slot: int, ledger: Ledger, since: int) -> None:
        register = self.shelf.registers[slot]

        def energy(value: int) -> float:
            return float(canonical(np.array([value], np.int64), register.factor)[0])

        asked = [one for one in self.shelf.questions.get(register.id, []) if one.at <= since]
        for question in ledger.questions():
            if question.at <= since:
                continue
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
        rows["last_at"][slot], rows["last_value"][slot] = last, solution.value[-1]
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
        if edge < int(
            solution.at[0]
        ):  # the series begins in this quarter-hour: the level at its start is that of the first read
            rows["edge_level"][slot] = 0

    def _revised(
        self,
        slot: int,
        since: int,
        solved: Solved,
        events: Sequence[dict[str, int | str]],
        chunks: dict[int, bytes],
        cells: tuple[Cells, Cells, BoolArray],
        closings: Sequence[Mapping[str, Any]],
        cause: Cause,
    ) -> Restatement:
        """The restatement with its revision, and with what it means for closed months."""
        shelf, name = self.shelf, self.shelf.names[slot]
        old, fresh, changed = cells
        start: IntArray = old.start[changed]
        number = int(shelf.rows["revision"][slot]) + 1
        shelf.rows["revision"][slot] = number
        revision = {
            "number": number,
            "at": cause.now,
            "reason": Reason.LATE.value if slot in cause.late else cause.reason.value,
            "who": cause.who,
            "start": int(start[0]),
            "end": int(start[-1]) + QUARTER,
            "payload": pack_revision(start, old.value[changed], fresh.value[changed]),
        }
        adjustments = []
        for closing in closings:
            inside = changed & (old.start >= closing["start"]) & (old.start < closing["end"])
            difference = int(fresh.value[inside].sum() - old.value[inside].sum())
            if difference:
                adjustments.append((int(closing["id"]), difference))
        return Restatement(name, 0 if solved.begin is None else since, events, revision, chunks, adjustments)


_ENERGIES = ("consumption", "low", "high")


def pack_revision(start: IntArray, old: IntArray, new: IntArray) -> bytes:
    """The columns of a revision as bytes."""
    return zlib.compress(np.stack((start, old, new)).astype("<i8").tobytes(), 6)


def unpack_revision(payload: bytes) -> tuple[IntArray, IntArray, IntArray]:
    """start, old, new of a revision."""
    columns = np.frombuffer(zlib.decompress(payload), "<i8").reshape(3, -1).astype(np.int64)
    return columns[0], columns[1], columns[2]
