"""A bank: the rows of all rules of one kind with the same state shape; it steps the kind and its lifecycle.

Order within a row: timers of the kind that lie before the sample (`elapse`), timers of the lifecycle (`advance`), then
`step`. A sample not newer than the row's (input's) last is not judged but counted: late, or duplicate where the times are
equal. Rows with one input are stepped by it; those with several: `rules.aligned`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from rules.binding import Bound, Parameters
from rules.contract import NEVER, Array, Column, Findings, Kind, State, Target
from rules.lifecycle import COLUMNS, Change, Lifecycle
from rules.waves import Route
from steward.model import BoolArray, ByteArray, FloatArray, IntArray, PointIndex

MAX_TIMERS = 100_000
"""Timers of one row that may pass in one call: a guard against a kind whose `due` does not move on."""


class Bank:
    """Rows of one kind on single inputs. `bound` are the rules with their rows; `index` numbers the points."""

    def __init__(self, bound: Sequence[Bound], index: PointIndex, counts: Counter[str]) -> None:
        rules = [one.rule for one in bound]
        self.rules = rules
        self.kind: type[Kind] = type(rules[0].kind)
        self.counts = counts
        targets = [target for one in bound for target in one.targets]
        given = [parameters for one in bound for parameters in one.parameters]
        rule_of = np.repeat(np.arange(len(bound)), [len(one.targets) for one in bound])
        first = np.array([_number(target, index) for target in targets], np.int64)
        order = np.argsort(first, kind="stable")
        self.targets: list[Target] = [targets[row] for row in order]
        self._given: list[Parameters] = [given[row] for row in order]
        self.rule_of: IntArray = rule_of[order]
        self.initial: dict[str, Column] = dict(rules[0].kind.state())
        self.state = State(self._columns(), len(order))
        wait = np.array([rule.wait for rule in rules], np.int64)
        self.keep: IntArray = np.array([rule.keep for rule in rules], np.int64)
        self.lifecycle = Lifecycle(self.state, wait, self.keep, self._evidence, self._before, self.kind.COMPLETES)
        self._held: tuple[IntArray, State] | None = None
        names = [rules[rule].id for rule in self.rule_of.tolist()]
        self.kind.prepare(self.state, list(zip(names, self.targets, strict=True)))
        self.route = self._route(index)

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def memory(self) -> int:
        """Bytes of the columns and routes."""
        arrays: list[Array] = [*self.state.columns.values(), *self.lifecycle.episodes.values()]
        arrays += [self.state.every, self.route.row, self.route.slot, self.route.count, self.route.start]
        return sum(array.nbytes for array in arrays)

    def _columns(self) -> dict[str, Array]:
        size = len(self.targets)
        columns: dict[str, Array] = {name: np.full(size, fill, dtype) for name, (dtype, fill) in COLUMNS.items()}
        columns["rule"][:] = self.rule_of
        columns["due"] = np.full(size if self.kind.TIMED else 0, NEVER, np.int64)
        columns["paused"] = np.ones(size if self.kind.PATIENT else 0, np.bool_)
        for name in self._given[0] if self._given else ():
            columns[name] = np.array([row[name] for row in self._given])
        self._given = []
        rules = [self.rules[rule] for rule in self.rule_of.tolist()]
        columns["hold"][:] = [
            rule.kind.hold(target) if rule.max_gap is None else rule.max_gap
            for rule, target in zip(rules, self.targets, strict=True)
        ]
        for name, column in self.initial.items():
            columns[name] = np.empty((size, *column.shape), column.dtype)
            columns[name][:] = columns[column.initial] if isinstance(column.initial, str) else column.initial
        return columns

    def _route(self, index: PointIndex) -> Route:
        numbers, rows, slots = [], [], []
        for row, target in enumerate(self.targets):
            for slot, point in enumerate(target.points):
                if point is not None:
                    numbers.append(index.add(point.id))
                    rows.append(row)
                    slots.append(slot)
        return Route(numbers, rows, slots, len(index))

    def feed(self, numbers: IntArray, at: IntArray, value: FloatArray, quality: ByteArray, waves: list[IntArray]) -> None:
        """Samples in order of arrival; `waves` cuts them so that each point is in a wave once."""
        for wave in waves:
            whole = len(wave) == len(numbers)
            source, rows = self.route.entries(numbers if whole else numbers.take(wave))
            if not len(rows):
                continue
            if not whole:
                source = wave.take(source)
            if not self.route.identity:
                rows = self.route.row.take(rows)
            elif len(rows) == len(self) and np.array_equal(rows, self.state.every):
                rows = self.state.every
            moment = at.take(source)
            last = self.state.get("last_at", rows)
            fresh = moment > last
            if fresh.all():
                self.judge(rows, moment, value.take(source), quality.take(source))
            else:
                self.count_late(moment, last, fresh)
                source = source[fresh]
                self.judge(rows[fresh], moment[fresh], value.take(source), quality.take(source))

    def count_late(self, at: IntArray, last: IntArray, fresh: BoolArray) -> None:
        """Counts samples that are not newer than what their row has seen."""
        if self.kind.CLOCK != "at":
            return
        same = int(np.count_nonzero(at == last))
        self.counts["duplicate"] += same
        self.counts["late"] += int(np.count_nonzero(~fresh)) - same

    def judge(self, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> None:
        """Steps `rows`, each once, all newer than what they have seen. value, quality: [rows] or [rows, inputs]."""
        if not len(rows):
            return
        if self.kind.TIMED and not self.kind.PATIENT:
            self.elapse(rows, at)
        self._advance(rows, at)
        self._hold(rows)
        self.note(rows, value)
        findings = self.kind.step(self.state, rows, at, value, quality)
        self.settle(rows, at, findings, value if value.ndim == 1 else value[:, 0])
        self.state.put("last_at", rows, at)

    def _hold(self, rows: IntArray) -> None:
        """Keeps what firing rows among `rows` (of kinds of absence: all) are told by, before their kind looks anew."""
        self._held = None
        if not self.lifecycle.active:
            return
        firing = self.lifecycle.rows() if self.kind.PATIENT else rows
        slots = self.state["slot"].take(firing)
        true = (slots >= 0) & self.lifecycle.lasting(slots)
        if true.any():
            firing = np.sort(firing[true])
            columns = {name: column[firing] for name, column in self.state.columns.items() if len(column) == len(self)}
            self._held = firing, State(columns, len(firing))

    def _before(self, row: int) -> dict[str, Any]:
        """The evidence of a row as it was held, else as it is."""
        if self._held is not None:
            rows, state = self._held
            place = int(np.searchsorted(rows, row))
            if place < len(rows) and rows[place] == row:
                return self._told(state, place, row)
        return self._evidence(row)

    def _evidence(self, row: int) -> dict[str, Any]:
        return self._told(self.state, row, row)

    def _told(self, state: State, place: int, row: int) -> dict[str, Any]:
        """The evidence of a row, whose columns are at `place` of `state`."""
        found, inputs = self.kind.evidence(state, place), self.inputs(state, place, row)
        return {**found, "inputs": inputs} if inputs else found

    def note(self, rows: IntArray, value: FloatArray) -> None:
        """Keeps what `rows` are judged by; a bank of single inputs has it in the alert's value."""

    def inputs(self, state: State, place: int, row: int) -> dict[str, float]:
        """The points that a row was last judged by, with their values (canonical units); empty where there is one."""
        return {}

    def _advance(self, rows: IntArray, at: IntArray) -> None:
        if self.lifecycle.active:
            active = np.flatnonzero(self.state["slot"].take(rows) >= 0)
            if self.kind.PATIENT:
                active = active[~self.state["paused"][rows[active]]]
            self.lifecycle.advance(rows[active], at[active])

    def settle(self, rows: IntArray, at: IntArray, findings: Findings, value: FloatArray | None = None) -> None:
        """Hands findings to the lifecycle and notes the timers."""
        if findings.due is not None:
            self.state.put("due", rows, findings.due)
        if findings.rows is not None and findings.at is not None:
            rows, at = findings.rows, findings.at
            self._advance(rows, at)
        shown = findings.value if findings.value is not None else value
        if shown is None:
            shown = np.full(len(rows), np.nan)
        self.lifecycle.apply(rows, at, findings.true, shown, findings.limit, findings.known)

    def elapse(self, rows: IntArray, until: IntArray | int) -> None:
        """Runs the timers of `rows` that lie before `until`, in time order per row."""
        for _ in range(MAX_TIMERS):
            due = self.state.get("due", rows)
            passed = np.flatnonzero(due < until)
            if not len(passed):
                return
            rows, due = rows[passed], due[passed]
            until = until[passed] if isinstance(until, np.ndarray) else until
            known = due - self.state.get("last_at", rows) <= self.state.get("hold", rows)
            self.state.put("due", rows, NEVER)
            now, then = rows[known], due[known]
            if len(now):
                self._advance(now, then)
                self._hold(now)
                self.settle(now, then, self.kind.elapse(self.state, now, then))
        raise RuntimeError(f"rule kind {self.kind.NAME}: due does not move on")

    def tick(self, watermark: int) -> None:
        """Time has passed up to `watermark` without a sample."""
        if self.kind.TIMED:
            ready = self.state["due"] < watermark
            if self.kind.PATIENT:
                ready &= ~self.state["paused"]
            rows = np.flatnonzero(ready)
            if len(rows):
                self.elapse(rows, watermark)
        active = self.lifecycle.rows()
        if self.kind.PATIENT and len(active):
            active = active[~self.state["paused"][active]]
        self.lifecycle.advance(active, watermark)

    def reset(self, rows: IntArray) -> None:
        """The kind's state of `rows` starts anew."""
        for name, column in self.initial.items():
            fill = self.state.get(column.initial, rows) if isinstance(column.initial, str) else column.initial
            self.state.put(name, rows, fill)
        if self.kind.TIMED:
            self.state.put("due", rows, NEVER)

    def signal(self, rows: IntArray, at: int, born: bool) -> None:
        """The devices of `rows` were born or died."""
        moments = np.full(len(rows), at, np.int64)
        self._hold(rows)
        findings = self.kind.signal(self.state, rows, moments, born)
        if findings is not None:
            self._found(rows, moments, findings)

    def resume(self, rows: IntArray, at: int) -> None:
        """The collector is back for `rows`: silence before `at` says nothing."""
        if self.kind.PATIENT:
            self.state["paused"][rows] = False
            self.lifecycle.forget(rows)
        self._hold(rows)
        findings = self.kind.resume(self.state, rows, at)
        if findings is not None:
            self._found(rows, np.full(len(rows), at, np.int64), findings)

    def _found(self, rows: IntArray, at: IntArray, findings: Findings) -> None:
        if findings.rows is None:
            self._advance(rows, at)
        self.settle(rows, at, findings)

    def pause(self, rows: IntArray) -> None:
        """The collector is down for `rows`: absence is not judged."""
        if self.kind.PATIENT:
            self.state["paused"][rows] = True

    def changes(self) -> list[Change]:
        """The changes since the last call."""
        changes, self.lifecycle.changes = self.lifecycle.changes, []
        return changes


def _number(target: Target, index: PointIndex) -> int:
    """Number of the first point: rows are laid out by it, so that one input a row needs no table from entry to row."""
    first = target.points[0] if target.points else None
    return -1 if first is None else index.add(first.id)
