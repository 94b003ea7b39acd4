"""A bank: the rows of all rules of one kind with the same state shape; it steps the kind and its lifecycle.

Order within a row: timers of the kind that lie before the sample (`elapse`), timers of the lifecycle (`advance`), then
`step`. A sample not newer than the row's (input's) last is not judged but counted: late, or duplicate where the times are
equal. Rows with one input are stepped by it; rows with several are stepped for the moment of their trigger, once all
required inputs have reached that moment, a newer sample arrives, or the watermark passes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from rules.binding import Bound, Parameters
from rules.contract import NEVER, UNSEEN, Array, Column, Findings, Kind, State, Target, hold_of
from rules.lifecycle import COLUMNS, Change, Lifecycle
from rules.waves import Cutter, Route
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
        self.lifecycle = Lifecycle(self.state, wait, self.keep, self._evidence)
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
        self.note(rows, value)
        findings = self.kind.step(self.state, rows, at, value, quality)
        self.settle(rows, at, findings, value if value.ndim == 1 else value[:, 0])
        self.state.put("last_at", rows, at)

    def _evidence(self, row: int) -> dict[str, Any]:
        found, inputs = self.kind.evidence(self.state, row), self.inputs(row)
        return {**found, "inputs": inputs} if inputs else found

    def note(self, rows: IntArray, value: FloatArray) -> None:
        """Keeps what `rows` are judged by; a bank of single inputs has it in the alert's value."""

    def inputs(self, row: int) -> dict[str, float]:
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
        findings = self.kind.signal(self.state, rows, moments, born)
        if findings is not None:
            self._found(rows, moments, findings)

    def resume(self, rows: IntArray, at: int) -> None:
        """The collector is back for `rows`: silence before `at` says nothing."""
        if self.kind.PATIENT:
            self.state["paused"][rows] = False
            self.lifecycle.forget(rows)
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


class AlignedBank(Bank):
    """Rows with several inputs, or with a gate (which is then the last input)."""

    def __init__(self, bound: Sequence[Bound], index: PointIndex, counts: Counter[str]) -> None:
        self.gated = bound[0].rule.gate is not None
        joined = max((len(target.points) for one in bound for target in one.targets), default=1)
        kind = bound[0].rule.kind
        self.width = joined if kind.JOINS else max(1, len(kind.INPUTS)) + self.gated
        self.single = self.width - self.gated == 1 and not kind.JOINS
        """The kind sees one value a moment, not several."""
        self._cutter = Cutter()
        super().__init__(bound, index, counts)

    def _columns(self) -> dict[str, Array]:
        columns = super()._columns()
        size, width = len(self.targets), self.width
        columns["opened_at"] = np.full(size, UNSEEN, np.int64)
        columns["input_at"] = np.full((size, width), UNSEEN, np.int64)
        columns["input_value"] = np.full((size, width), np.nan)
        columns["input_quality"] = np.zeros((size, width), np.uint8)
        columns["judged"] = np.full((size, width), np.nan)
        columns["input_hold"] = np.zeros((size, width), np.int64)
        columns["required"] = np.zeros((size, width), np.bool_)
        columns["awaited"] = np.zeros((size, width), np.bool_)
        for row, target in enumerate(self.targets):
            inputs = self.kind.INPUTS
            joined = self.rules[self.rule_of[row]].kind.holds(target)
            for slot, point in enumerate(target.points):
                declared = inputs[slot].hold if slot < len(inputs) else joined[slot] if self.kind.JOINS else None
                columns["input_hold"][row, slot] = 0 if point is None else hold_of(point, declared)
                columns["required"][row, slot] = inputs[slot].required if slot < len(inputs) else True
            if self.kind.JOINS:
                columns["required"][row, : len(target.points)] = self.rules[self.rule_of[row]].kind.requires(target)
                columns["awaited"][row, : len(target.points)] = self.rules[self.rule_of[row]].kind.waits(target)
        columns["awaited"] |= columns["required"]
        if self.gated:
            gates = [self.rules[rule].gate for rule in self.rule_of.tolist()]
            columns["gate_above"] = np.array([-np.inf if gate is None or gate.above is None else gate.above for gate in gates])
            columns["gate_below"] = np.array([np.inf if gate is None or gate.below is None else gate.below for gate in gates])
            columns["gate_settle"] = np.array([0 if gate is None else gate.settle for gate in gates], np.int64)
            columns["gate_since"] = np.full(size, UNSEEN, np.int64)
        return columns

    def feed(self, numbers: IntArray, at: IntArray, value: FloatArray, quality: ByteArray, waves: list[IntArray]) -> None:
        """As in `Bank`; the waves are cut anew, by row: several points feed one row."""
        source, entries = self.route.entries(numbers)
        if not len(entries):
            return
        row, slot = self.route.row.take(entries), self.route.slot.take(entries)
        for wave in self._cutter.cut(row, len(self)):
            pick = source[wave]
            self.arrive(row[wave], slot[wave], at[pick], value[pick], quality[pick])

    def arrive(self, rows: IntArray, slot: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> None:
        """A sample of one input of each of `rows`."""
        state = self.state
        last = state["input_at"][rows, slot]
        fresh = at > last
        if not fresh.all():
            self.count_late(at, last, fresh)
            rows, slot, at, value, quality = rows[fresh], slot[fresh], at[fresh], value[fresh], quality[fresh]
        opened = state["opened_at"][rows]
        self.close(rows[(opened != UNSEEN) & (at > opened)])
        state["input_at"][rows, slot] = at
        state["input_value"][rows, slot] = value
        state["input_quality"][rows, slot] = quality
        trigger = slot == 0
        state["opened_at"][rows[trigger]] = at[trigger]
        opened = state["opened_at"][rows]
        reached = (state["input_at"][rows] >= opened[:, None]) | ~state["awaited"][rows]
        self.close(rows[(opened != UNSEEN) & reached.all(axis=1)])

    def moment(
        self, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray, over: BoolArray | None = None
    ) -> None:
        """A moment of the trigger of `rows` with all inputs, [rows, inputs]; judged where it is over (None: everywhere)."""
        state = self.state
        state["input_at"][rows], state["input_value"][rows], state["input_quality"][rows] = at, value, quality
        state["opened_at"][rows] = at[:, 0]
        self.close(rows if over is None else rows[over])

    def put_input(self, rows: IntArray, slot: int, at: IntArray, value: FloatArray, quality: ByteArray) -> None:
        """The newest sample of an input of `rows`."""
        for name, values in (("input_at", at), ("input_value", value), ("input_quality", quality)):
            self.state[name][rows, slot] = values

    def note(self, rows: IntArray, value: FloatArray) -> None:
        inputs = 1 if value.ndim == 1 else value.shape[1]
        self.state["judged"][rows, :inputs] = value[:, None] if value.ndim == 1 else value

    def inputs(self, row: int) -> dict[str, float]:
        values = self.state["judged"][row].tolist()
        points = self.targets[row].points
        return {point.id: value for point, value in zip(points, values, strict=False) if point is not None and value == value}

    def close(self, rows: IntArray) -> None:
        """Judges the open moments of `rows`."""
        if not len(rows):
            return
        state = self.state
        at = state["opened_at"][rows]
        state["opened_at"][rows] = UNSEEN
        usable, complete = self.complete(rows, at, state["input_at"][rows])
        value = np.where(usable, state["input_value"][rows], np.nan)
        quality = state["input_quality"][rows]
        inputs = self.width - self.gated
        self.counts["incomplete"] += int(np.count_nonzero(~complete))
        if self.gated:
            complete &= self._gate(rows, at, value[:, -1], complete)
        shape: Any = 0 if self.single else slice(0, inputs)
        self.judge(rows[complete], at[complete], value[complete][:, shape], quality[complete][:, shape])

    def complete(self, rows: IntArray, at: IntArray, input_at: IntArray) -> tuple[BoolArray, BoolArray]:
        """(which inputs can be used at moments `at`, [rows, inputs]; whether all that the kind requires can)."""
        usable = (at[:, None] - input_at <= self.state["input_hold"][rows]) & (input_at != UNSEEN)
        inputs = self.width - self.gated
        return usable, (usable[:, :inputs] | ~self.state["required"][rows, :inputs]).all(axis=1)

    def gate_says(self, rows: IntArray, value: FloatArray) -> BoolArray:
        """Whether `value` opens the gate of `rows`; NaN does not."""
        says: BoolArray = (value > self.state["gate_above"][rows]) & (value < self.state["gate_below"][rows])
        return says

    def _gate(self, rows: IntArray, at: IntArray, value: FloatArray, complete: BoolArray) -> BoolArray:
        """Where the gate is open and settled; elsewhere the rows start anew and their condition is false."""
        state = self.state
        says = self.gate_says(rows, value)
        since = state["gate_since"][rows]
        since = np.where(says, np.where(since == UNSEEN, at, since), UNSEEN)
        state["gate_since"][rows] = since
        allowed = says & (at - since >= state["gate_settle"][rows])
        shut = complete & ~allowed
        if shut.any():
            self.rest(rows[shut], at[shut])
        return allowed

    def rest(self, rows: IntArray, at: IntArray) -> None:
        """The equip of `rows` is off at `at`."""
        if self.kind.TIMED and not self.kind.PATIENT:
            self.elapse(rows, at)
        self._advance(rows, at)
        self.reset(rows)
        value = self.state["input_value"][rows, 0]
        self.lifecycle.apply(rows, at, np.zeros(len(rows), np.bool_), value)
        self.state.put("last_at", rows, at)

    def tick(self, watermark: int) -> None:
        opened = self.state["opened_at"]
        self.close(np.flatnonzero((opened != UNSEEN) & (opened < watermark)))
        super().tick(watermark)
