"""Hunting: a command or valve that swings to and fro instead of settling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from rules.contract import UNSEEN, Column, Findings, Kind, NotApplicable, State, Target
from rules.quantity import Duration, Limit
from steward.model import ByteArray, FloatArray, IntArray, Nature
from steward.units import HOUR

KEPT = 48
"""Reversals remembered; more in a window are as good as so many."""


class Hunting(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value reverses its direction again and again, each time by more than `amplitude`: a control loop hunts.

    Fields: `amplitude`: how far it must come back from its last extreme to count as a reversal (a difference, default "10%",
    which fits commands and valves); `reversals`: so many within `window` make it hunting (default 8); `window` (default "1h").

    The condition becomes true at the sample that brings the number of reversals within the last `window` to `reversals`,
    and false at the first sample at which fewer lie within it. A gap longer than three expected intervals forgets the
    direction, not the reversals. Warm-up: `window`.

    Example: `kind = "hunting", match = { role = ["cc", "hc"] }, amplitude = "15%", window = "1h"`.
    Source: ASHRAE Guideline 36-2021, 5.16.14 FC#4 (more than seven changes of operating state in an hour), applied to
    single commands; open-fdd PID-HUNT-1.
    """

    NAME: ClassVar[str] = "hunting"
    UNPRICED: ClassVar[str] = "not_metered"

    amplitude: Limit = Limit("10%")
    reversals: int = 8
    window: Duration = Duration(HOUR)

    def check(self) -> list[tuple[str, str, str]]:
        if not 2 <= self.reversals <= KEPT:
            return [("reversals", f"{self.reversals} reversals", f"2 to {KEPT}")]
        return []

    def warm_up(self) -> int:
        return self.window

    def unit(self, target: Target) -> str:
        return "1"

    def parameters(self, target: Target) -> Mapping[str, float | int]:
        if target.point.nature is not Nature.GAUGE:
            raise NotApplicable(f"a {target.point.nature} does not swing")
        amplitude = self.amplitude.difference(target.point.unit)
        if amplitude <= 0:
            raise ValueError(f"amplitude {self.amplitude} is not above 0")
        return {"amplitude": amplitude, "least": self.reversals, "window": int(self.window)}

    def state(self) -> Mapping[str, Column]:
        return {
            "extreme": Column(np.float64, np.nan),
            "direction": Column(np.int8),
            "turns": Column(np.int64, UNSEEN, (KEPT,)),
            "turned": Column(np.int64),
            "low": Column(np.float64, np.nan),
            "high": Column(np.float64, np.nan),
        }

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        extreme, direction = state.get("extreme", rows), state.get("direction", rows)
        amplitude = state.get("amplitude", rows)
        anew = np.isnan(extreme) | (at - state.get("last_at", rows) > state.get("hold", rows))
        extreme = np.where(anew, value, extreme)
        direction = np.where(anew, 0, direction).astype(np.int8)
        moved = value - extreme
        up, down = moved >= amplitude, moved <= -amplitude
        turned = ((direction < 0) & up) | ((direction > 0) & down)
        further = ((direction > 0) & (moved > 0)) | ((direction < 0) & (moved < 0))
        new = np.where(up & (direction <= 0), 1, np.where(down & (direction >= 0), -1, direction)).astype(np.int8)
        follow = turned | further | (new != direction)
        hit = np.flatnonzero(turned)
        if len(hit):
            row, number = rows[hit], state["turned"][rows[hit]]
            state["turns"][row, number % KEPT] = at[hit]
            state["turned"][row] = number + 1
            state["low"][row] = np.minimum(value, extreme)[hit]
            state["high"][row] = np.maximum(value, extreme)[hit]
        state.put("extreme", rows, np.where(follow, value, extreme))
        state.put("direction", rows, new)
        count = (state["turns"][rows] > (at - state.get("window", rows))[:, None]).sum(axis=1)
        least = state.get("least", rows)
        return Findings(count >= least, count.astype(np.float64), least.astype(np.float64))

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        low, high = float(state["low"][row]), float(state["high"][row])
        return {"window_ns": int(state["window"][row]), "swing": f"{high - low:.3g}" if high >= low else ""}
