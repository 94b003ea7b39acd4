"""A bank of rows with several inputs, or with a gate.

A row is stepped for the moment of its trigger, once all required inputs have reached that moment, a newer sample arrives, or
the watermark passes it; each input holds for its declared time. A gate is one more input, the last: while it is shut the
rows start anew and their condition is false.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from rules.bank import Bank
from rules.binding import Bound
from rules.contract import UNSEEN, Array, State, hold_of
from rules.waves import Cutter
from steward.model import BoolArray, ByteArray, FloatArray, IntArray, PointIndex


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
        """Keeps the inputs that `rows` are judged by, [rows] or [rows, inputs]; see Bank.note."""
        inputs = 1 if value.ndim == 1 else value.shape[1]
        self.state["judged"][rows, :inputs] = value[:, None] if value.ndim == 1 else value

    def inputs(self, state: State, place: int, row: int) -> dict[str, float]:
        """Point id -> value of the newest verdict, at `place` of the state; inputs without a value are left out."""
        values = state["judged"][place].tolist()
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
        self._hold(rows)
        self.reset(rows)
        value = self.state["input_value"][rows, 0]
        self.lifecycle.apply(rows, at, np.zeros(len(rows), np.bool_), value)
        self.state.put("last_at", rows, at)

    def tick(self, watermark: int) -> None:
        opened = self.state["opened_at"]
        self.close(np.flatnonzero((opened != UNSEEN) & (opened < watermark)))
        super().tick(watermark)
