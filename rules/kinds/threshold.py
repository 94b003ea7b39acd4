"""Threshold: a value beyond a limit, with a deadband."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from rules.contract import Column, Findings, Kind, Span, State, Target
from rules.quantity import Limit
from rules.waste import How, Waste
from steward.model import Alert, BoolArray, ByteArray, FloatArray, IntArray


class Threshold(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The value is above or below a limit.

    Fields: `above`, `below`: limits with a unit ("5kW", "28 degC", "90%"; without one: the canonical unit of the point),
    at least one of them; `deadband`: how far the value must come back behind the limit before the condition is false
    again ("0.5kW", a difference, default 0).

    The condition becomes true when the value is strictly above `above` or strictly below `below`. Once true, it stays so
    until the value is at or below `above - deadband`, or at or above `below + deadband`. With `for` the condition must
    hold that long, with `keep_firing_for` the alert outlasts short returns; a value holds until the next sample, at most
    three expected intervals (states: without limit).

    Example: `kind = "threshold", match = { metric = "power_factor" }, below = "0.9", deadband = "0.02", for = "30m"`.
    Source: hysteresis and on-delay as in ISA-18.2 (alarm deadband, on-delay); `for` as in Prometheus.
    """

    NAME: ClassVar[str] = "threshold"

    above: Limit | None = None
    below: Limit | None = None
    deadband: Limit = Limit("0")

    def check(self) -> list[tuple[str, str, str]]:
        if self.above is None and self.below is None:
            return [("above", "no limit", "`above`, `below` or both")]
        return []

    def parameters(self, target: Target) -> Mapping[str, float]:
        unit = target.point.unit
        above = np.inf if self.above is None else self.above.value(unit)
        below = -np.inf if self.below is None else self.below.value(unit)
        band = self.deadband.difference(unit)
        if band < 0:
            raise ValueError(f"deadband {self.deadband} is negative")
        if self.above is not None and self.below is not None and below + band > above - band:
            raise ValueError(f"no value is good: below {self.below}, above {self.above}, deadband {self.deadband}")
        return {"high_enter": above, "high_leave": above - band, "low_enter": below, "low_leave": below + band}

    def waste(self, alert: Alert, evidence: Mapping[str, Any], target: Target) -> Waste | None:
        point = target.points[0]
        if self.above is None or point is None or point.unit not in ("W", "m3/s") or alert.worst < alert.limit:
            return None
        return Waste(How.ABOVE, self.above.value(point.unit))

    def state(self) -> Mapping[str, Column]:
        return {"high": Column(np.float64, "high_enter"), "low": Column(np.float64, "low_enter"), "side": Column(np.int8)}

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        over = value > state.get("high", rows)  # the limits in force: on the side where it is true, inside the deadband
        under = value < state.get("low", rows)
        side = over.view(np.int8) + 2 * under.view(np.int8)
        changed = np.flatnonzero(side != state.get("side", rows))
        if len(changed):
            moved = rows[changed]
            state["side"][moved] = side[changed]
            state["high"][moved] = np.where(over[changed], state["high_leave"][moved], state["high_enter"][moved])
            state["low"][moved] = np.where(under[changed], state["low_leave"][moved], state["low_enter"][moved])
        true = over | under
        return Findings(true, limit=cls._limits(state, rows, true, over))

    @classmethod
    def loud(cls, state: State, rows: IntArray, of: IntArray, span: Span) -> BoolArray:
        beyond: BoolArray = (span.high > state["high_leave"][rows][of]) | (span.low < state["low_leave"][rows][of])
        return beyond

    @classmethod
    def telling(cls, state: State, rows: IntArray, of: IntArray, at: IntArray, value: FloatArray, cut: BoolArray) -> BoolArray:
        beyond: BoolArray = (value > state["high_leave"][rows][of]) | (value < state["low_leave"][rows][of])
        beyond[1:] |= beyond[:-1].copy()  # and the sample that ends it
        return beyond

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        side = int(state["side"][row])
        return {"clear_at": float(state["high_leave" if side != 2 else "low_leave"][row])} if side else {}

    @classmethod
    def _limits(cls, state: State, rows: IntArray, true: BoolArray, over: BoolArray) -> FloatArray | None:
        hit = np.flatnonzero(true)
        if not len(hit):
            return None
        limit = np.full(len(rows), np.nan)
        limit[hit] = np.where(over[hit], state["high_enter"][rows[hit]], state["low_enter"][rows[hit]])
        return limit
