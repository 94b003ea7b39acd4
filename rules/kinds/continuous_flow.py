"""Continuous flow: the meter has not stood still for longer than the operator allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from rules.contract import UNSEEN, Column, Findings, Kind, State, Target
from rules.quantity import Duration, Limit
from rules.water import intervals
from rules.water.intervals import LONGEST, Interval
from steward.model import ByteArray, FloatArray, IntArray
from steward.units import DAY, HOUR


class ContinuousFlow(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Water or gas has flowed without a pause: no hour of the last `duration` was without flow. A limit that the operator sets.

    Fields: `duration`: how long it may flow without an hour of rest (default "24h"); `above`: flow up to this counts as rest
    ("2L/h", default 0: the register must stand still for the hour); `at_least`: alert only where the lowest hour of the whole
    stretch was above this flow (default 0).

    Unlike `leak` it learns nothing and forgives nothing: a cistern that has always run is told too. Works on cumulative
    registers of volume and on gauges of flow, by intervals of about an hour. After an interval of more than 3.5 h, a fall of
    the register or a gap the stretch starts anew: what nobody metered may have been a rest. The alert's value is the lowest
    hourly flow of the stretch (what certainly never stopped), its limit `above`; evidence: since when, m3/h, m3 so far and a
    year at that flow. Warm-up: `duration`.

    Example: `kind = "continuous_flow", match = { metric = "water", space = "toilets" }, duration = "24h"`.
    Source: the leak flag of household meters (no hour without flow in 24 h), as in AWWA's customer-side leak programmes; on
    92 homes it alone gives 1.5 episodes a meter-year, so it is off where flow at night is normal.
    """

    NAME: ClassVar[str] = "continuous_flow"
    UNIT: ClassVar[str] = "m3/s"

    duration: Duration = Duration(DAY)
    above: Limit = Limit("0")
    at_least: Limit = Limit("0")

    def check(self) -> list[tuple[str, str, str]]:
        return [] if self.duration >= 2 * HOUR else [("duration", "less than two hours", "hours enough to hold a rest, 24h")]

    def warm_up(self) -> int:
        return self.duration

    def hold(self, target: Target) -> int:
        return max(super().hold(target), 2 * HOUR)

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        above, least = self.above.value("m3/s"), self.at_least.value("m3/s")
        if above < 0 or least < 0:
            raise ValueError("a limit is negative, expected a flow")
        return {**intervals.parameters(target), "above": above, "at_least": least, "duration": int(self.duration)}

    def state(self) -> Mapping[str, Column]:
        return {
            **intervals.COLUMNS,
            "end_at": Column(np.int64, UNSEEN),
            "chain_since": Column(np.int64, UNSEEN),
            "flows_since": Column(np.int64, UNSEEN),
            "lowest": Column(np.float64, np.inf),
            "volume": Column(np.float64),
            "running": Column(np.bool_, False),
        }

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        for found in intervals.collect(state, rows, at, value):
            cls._take(state, found)
        end, since, chain = state.get("end_at", rows), state.get("flows_since", rows), state.get("chain_since", rows)
        duration, lowest = state.get("duration", rows), state.get("lowest", rows)
        running = (since != UNSEEN) & (end - since >= duration) & (lowest > state.get("at_least", rows))
        rested = (since == UNSEEN) & (chain != UNSEEN)
        known = (at - end <= LONGEST) & ((end - chain >= duration) | rested)
        state.put("running", rows, running)
        shown = np.where(np.isfinite(lowest), lowest, 0.0)
        return Findings(running, shown, state.get("above", rows), known)

    @classmethod
    def _take(cls, state: State, found: Interval) -> None:
        """An interval: rest ends the stretch, flow goes on with it; a break starts it anew."""
        rows, last = found.rows, state["end_at"][found.rows]
        broken = (last == UNSEEN) | (found.start != last)
        flows = found.flow > state["above"][rows]
        before = np.where(broken, UNSEEN, state["flows_since"][rows])
        fresh = before == UNSEEN
        volume = found.flow * (found.end - found.start) / 1e9
        state["chain_since"][rows] = np.where(broken, found.start, state["chain_since"][rows])
        state["flows_since"][rows] = np.where(flows, np.where(fresh, found.start, before), UNSEEN)
        state["lowest"][rows] = np.where(flows, np.minimum(found.flow, np.where(fresh, np.inf, state["lowest"][rows])), np.inf)
        state["volume"][rows] = np.where(flows, np.where(fresh, 0.0, state["volume"][rows]) + volume, 0.0)
        state["end_at"][rows] = found.end

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        since, lowest = int(state["flows_since"][row]), float(state["lowest"][row])
        flow = lowest if np.isfinite(lowest) else 0.0
        hours = (int(state["end_at"][row]) - since) / HOUR if since > UNSEEN else 0.0
        return {
            "flows_since": since if since > UNSEEN else None,
            "m3_per_hour": round(flow * 3600, 4),
            "used_m3": round(float(state["volume"][row]), 3),
            "wasted_m3": round(flow * 3600 * hours, 3),
            "m3_per_year": round(flow * 3600 * 8766, 1),
        }
