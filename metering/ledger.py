"""The ledger of one register: reads, parameters and declarations in; intervals with their evidence, revisions, questions out.

Invariants: the ledger is a pure function of its reads (as a set), parameters, profiles and declarations, so order,
repetition and batches of arrival change nothing; reads at the live edge re-solve only what lies behind the last anchor;
every change of an interval already given out is a revision. Nothing waits for an answer but the reads concerned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from metering import reads as reading
from metering.cut import Marks, cumulative, cut, mark
from metering.declarations import Declaration, Declared, standing
from metering.explain import Link
from metering.intervals import LEDGER_UNITS, QUARTER, Flag, Intervals, boundaries
from metering.labels import labels
from metering.profile import Profile
from metering.questions import Question, ask, ask_sources
from metering.reads import Label, Parameters, Reads, join
from metering.restate import Adjustment, Closing, Reason, Revision, compare
from metering.solution import Solution
from metering.solve import NOTHING, extend, kept, solve
from metering.sources import Check, Gaps
from steward.model import BoolArray, IntArray
from steward.units import DAY


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one link of the ledger rests on. reads: rows of its bounding reads (-1: declared); values: what they showed;
    thrown: rows and labels of the reads between; consumption, low, high: ledger units; times: ns."""

    start: int
    end: int
    kind: str
    reads: tuple[int, int]
    values: tuple[int, int]
    consumption: int
    low: int
    high: int
    thrown: tuple[tuple[int, Label], ...]
    confidence: float


class Ledger:
    """The ledger of one register. Values are register units, energies ledger units (1000 per base register unit)."""

    def __init__(self, register: str, parameters: Parameters | Sequence[Parameters] = ()) -> None:
        self.register = register
        self.parameters = [parameters] if isinstance(parameters, Parameters) else list(parameters) or [Parameters()]
        self.profiles: list[Profile] = []
        self.declarations: list[Declaration] = []
        self.revisions: list[Revision] = []
        self.closings: list[Closing] = []
        self.adjustments: list[Adjustment] = []
        self.reads = join([])
        self.gaps: Gaps = ()
        """Spans about which the source says nothing (integrated gauges, interval meters): counted as nothing, and said so."""
        self.checks: tuple[Check, ...] = ()
        """Reads of further sources of the same register beside those that count, which agree to `agree` units."""
        self.agree = 0.0
        self.solution: Solution = NOTHING
        self._marks: Marks | None = None

    # what comes in

    def add(self, reads: Reads, now: int | None = None) -> list[Revision]:
        """Take reads in any order, repeated or late; the revisions that they cause. `now` defaults to the last `received`."""
        if not len(reads):
            return []
        size, newest = len(self.reads), int(self.reads.at[-1]) if len(self.reads) else None
        every = join([self.reads, reads])
        moment = int(reads.received.max()) if now is None else now
        ahead = newest is not None and int(reads.at.min()) > newest
        if len(every) == size and (every.source == self.reads.source).all():
            return []
        if ahead and len(self.solution.anchors) and self._plain_tail():
            solution, since = extend(self.solution, every, self.parameters)
            return self._restate(every, solution, since, Reason.NEXT, moment)
        solution = solve(every, self.parameters, self.declarations)
        return self._restate(every, solution, None, Reason.NEXT if ahead or newest is None else Reason.LATE, moment)

    def declare(self, declaration: Declaration, now: int) -> list[Revision]:
        """Take a person's word; the revisions that it causes."""
        self.declarations.append(replace(declaration, number=declaration.number or len(self.declarations) + 1))
        return self._again(Reason.DECLARATION, now)

    def set_parameter(self, parameters: Parameters, now: int) -> list[Revision]:
        """A new row of parameters from its validity on (one of equal validity is superseded); restates from there."""
        self.parameters = [row for row in self.parameters if row.valid_from != parameters.valid_from]
        self.parameters.append(replace(parameters, revision=self.revision + 1))
        return self._again(Reason.PARAMETER, now)

    def set_profile(self, profile: Profile, now: int) -> list[Revision]:
        """A learned shape for the gaps from its validity on."""
        before = self._before()
        self.profiles = sorted([*self.profiles, profile], key=lambda row: row.valid_from)
        return self._record(before, self.reads, self.solution, None, Reason.PROFILE, now)

    def learn(self) -> Parameters | None:
        """Limits learned from what is settled; None where that is too little. Nothing changes until `set_parameter`."""
        place = int(self.solution.anchors[-1]) + 1 if len(self.solution.anchors) else 0
        return reading.learn(self.solution.at[:place], self.solution.level[:place] // LEDGER_UNITS, self.parameters[-1])

    def close(self, start: int, end: int, now: int) -> Closing:
        """Freeze the figure of [start, end); later differences become adjustments."""
        closing = Closing(start, end, self._total(start, end), now, end <= self.settled_until)
        self.closings.append(closing)
        return closing

    # what comes out

    @property
    def revision(self) -> int:
        """Number of the last revision, 0 before the first."""
        return self.revisions[-1].number if self.revisions else 0

    @property
    def settled_until(self) -> int:
        """No read behind the newest can change what lies before this ns."""
        return int(self.solution.at[self.solution.anchors[-1]]) if len(self.solution.anchors) else reading.BEGINNING

    @property
    def held(self) -> Reads:
        """Reads at the live edge that wait for the next ones."""
        rows = self.solution.rows[self.solution.rows >= 0]
        keep = kept(self.reads, self.declarations)
        return self.reads.take(np.flatnonzero(keep[int(rows[-1]) + 1 :]) + int(rows[-1]) + 1) if len(rows) else self.reads

    def intervals(self, start: int | None = None, end: int | None = None) -> Intervals:
        """Grid intervals that cover [start, end), by default from the first to the last good read."""
        if not len(self.solution):
            return cut(self.solution, self.marks, (), start or 0, end or start or 0, False)
        start = int(self.solution.at[0]) if start is None else start
        end = int(self.solution.at[-1]) if end is None else end
        found = cut(self.solution, self.marks, self.profiles, start, end, len(self.held) > 0)
        found.flags[found.start + QUARTER > self.settled_until] |= np.uint16(Flag.PROVISIONAL)
        for begin, until in self.gaps:
            inside = (found.start < until) & (found.start + QUARTER > begin)
            found.flags[inside] = (found.flags[inside] | np.uint16(Flag.MISSING)) & ~np.uint16(Flag.PEAK_ELIGIBLE)
            found.confidence[inside] = 0.0
        for revision in self.revisions:
            found.revision[np.isin(found.start, revision.start, assume_unique=True)] = revision.number
        return found

    def evidence(self, start: int, end: int) -> list[Evidence]:
        """The links that touch [start, end), with their reads and what was thrown away between them."""
        solution, marks = self.solution, self.marks
        named = self.labels()
        found = []
        for link in range(1, len(solution)):
            if solution.at[link] <= start or solution.at[link - 1] >= end:
                continue
            first, last = int(solution.rows[link - 1]), int(solution.rows[link])
            between = tuple((row, named[row]) for row in range(first + 1, last) if row in named) if first >= 0 else ()
            found.append(
                Evidence(
                    int(solution.at[link - 1]),
                    int(solution.at[link]),
                    Link(int(solution.kind[link])).name.lower(),
                    (first, last),
                    (int(solution.value[link - 1]), int(solution.value[link])),
                    int(solution.gain[link]),
                    int(solution.low[link]),
                    int(solution.high[link]),
                    between,
                    float(marks.confidence[link]),
                )
            )
        return found

    def labels(self) -> dict[int, Label]:
        """Why each read (by row) that is not good was put aside."""
        keep: BoolArray = kept(self.reads, self.declarations)
        return labels(self.solution, self.reads, reading.lay(self.parameters, self.reads.at), keep)

    def questions(self) -> list[Question]:
        """What a person should decide, with what follows from each answer."""
        closed = {one.at for one in standing(self.declarations) if one.kind is Declared.CONFIRM}
        limits = reading.lay(self.parameters, self.reads.at)
        asked = ask(self.solution, self.held, limits, closed, self.parameters[-1].still)
        return asked + ask_sources(self.checks, self.agree, DAY, closed)

    def bound(self, start: int, end: int) -> tuple[int, int]:
        """Least and most that the consumption of [start, end) can be, by the bounds of the events in it."""
        inside = (self.solution.at > start) & (self.solution.at <= end)
        total = self._total(start, end)
        spare = self.solution.gain[inside]
        return (
            total - int((spare - self.solution.low[inside]).sum()),
            total + int((self.solution.high[inside] - spare).sum()),
        )

    @property
    def marks(self) -> Marks:
        """Marks of every link of the solution."""
        if self._marks is None:
            cadence = max(row.cadence for row in self.parameters)
            self._marks = mark(self.solution, self.reads, cadence, self.profiles, still=self.parameters[-1].still)
        return self._marks

    # inside

    def _plain_tail(self) -> bool:
        """Whether nothing is declared, and no read declared, behind the last anchor."""
        column = int(self.solution.anchors[-1])
        last = max([one.until or one.at for one in self.declarations], default=reading.BEGINNING)
        return int(self.solution.rows[column]) >= 0 and last < int(self.solution.at[column])

    def _level(self, at: IntArray) -> IntArray:
        return cumulative(self.solution, at, self.marks, self.profiles)

    def _total(self, start: int, end: int) -> int:
        edges = self._level(np.array([start, end], np.int64))
        return int(edges[1] - edges[0])

    def _again(self, reason: Reason, now: int) -> list[Revision]:
        return self._restate(self.reads, solve(self.reads, self.parameters, self.declarations), None, reason, now)

    def _restate(self, every: Reads, solution: Solution, since: int | None, reason: Reason, now: int) -> list[Revision]:
        return self._record(self._before(), every, solution, since, reason, now)

    def _before(self) -> Callable[[IntArray], IntArray]:
        """The cumulative as it is now, whatever changes afterwards."""
        old, marks, profiles = self.solution, self.marks if len(self.solution) else None, self.profiles
        return lambda at: cumulative(old, at, marks, profiles)

    def _record(
        self,
        before: Callable[[IntArray], IntArray],
        every: Reads,
        solution: Solution,
        since: int | None,
        reason: Reason,
        now: int,
    ) -> list[Revision]:
        """Take the new state, and write a revision where an interval already given out differs."""
        old = self.solution
        seen = [int(old.at[-1])] if len(old) else []
        seen += [closing.end for closing in self.closings]
        edges = boundaries(0, 0)
        if len(old):
            first = min(int(old.at[0]), int(solution.at[0])) if since is None and len(solution) else since
            first = int(old.at[0]) if first is None else first
            edges = boundaries(first, max(seen))
        was = before(edges)
        self.reads, self.solution, self._marks = every, solution, None
        if len(edges) < 2:
            return []
        start, value, other = compare(edges, was, self._level(edges))
        given = start + QUARTER <= int(old.at[-1])
        for closing in self.closings:
            given |= (start >= closing.start) & (start < closing.end)
        if not given.any():
            return []
        revision = Revision(self.revision + 1, now, reason, start[given], value[given], other[given])
        self.revisions.append(revision)
        self._adjust(revision, now)
        return [revision]

    def _adjust(self, revision: Revision, now: int) -> None:
        """Book what a closed period's total is now beside its figure and earlier adjustments."""
        for closing in self.closings:
            booked = closing.value + sum(one.difference for one in self.adjustments if one.closing is closing)
            difference = self._total(closing.start, closing.end) - booked
            if difference:
                self.adjustments.append(Adjustment(closing, revision.number, difference, now))

    # persistence

    def state(self) -> dict[str, Any]:
        """The whole state as plain columns and rows; `restore` gives the same ledger."""
        return {
            "register": self.register,
            "gaps": self.gaps,
            "reads": {column.name: getattr(self.reads, column.name) for column in fields(Reads)},
            "solution": {column.name: getattr(self.solution, column.name) for column in fields(Solution)},
            "parameters": [asdict(row) for row in self.parameters],
            "profiles": [{**asdict(row)} for row in self.profiles],
            "declarations": [asdict(row) for row in self.declarations],
            "revisions": [asdict(row) for row in self.revisions],
            "closings": [asdict(row) for row in self.closings],
            "adjustments": [
                {**asdict(row), "closing": next(n for n, one in enumerate(self.closings) if one is row.closing)}
                for row in self.adjustments
            ],
        }

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> Ledger:
        """A ledger from its state; nothing is solved again."""
        ledger = cls(state["register"], [Parameters(**row) for row in state["parameters"]])
        ledger.reads, ledger.solution = Reads(**state["reads"]), Solution(**state["solution"])
        ledger.gaps = tuple((int(begin), int(until)) for begin, until in state["gaps"])
        ledger.profiles = [Profile(**row) for row in state["profiles"]]
        ledger.declarations = [Declaration(**{**row, "kind": Declared(row["kind"])}) for row in state["declarations"]]
        ledger.revisions = [Revision(**{**row, "reason": Reason(row["reason"])}) for row in state["revisions"]]
        ledger.closings = [Closing(**row) for row in state["closings"]]
        ledger.adjustments = [Adjustment(**{**row, "closing": ledger.closings[row["closing"]]}) for row in state["adjustments"]]
        return ledger
