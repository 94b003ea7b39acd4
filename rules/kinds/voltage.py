"""Voltage: ten-minute means outside the permitted deviation from the nominal voltage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from rules import bins, local
from rules.contract import Column, Findings, Kind, NotApplicable, State, Target
from rules.quantity import Duration, Limit
from steward.model import ByteArray, FloatArray, IntArray
from steward.units import MINUTE

NOMINAL: tuple[float, ...] = (110.0, 220.0, 380.0, 660.0, 5_773.5, 10_000.0, 20_207.0, 35_000.0)
"""Nominal voltages in use in China, phase and line, V."""
LINE = 300.0
"""From here on a low voltage is one between phases."""
DEAD = 0.1
"""Below this share of the nominal voltage the supply is off, which is another matter."""


class Voltage(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The mean voltage of ten minutes deviates too far from the nominal voltage.

    Fields: `nominal`: the nominal voltage ("220V"; without it the nearest of 110, 220, 380, 660 V and 10, 20, 35 kV, of
    phase or line, to the mean itself); `over`, `under`: permitted deviation upwards and downwards ("7%", "10%"; without
    them those of the standard: +7 % and -10 % for single phase 220 V and below, 7 % both ways above that); `window`: over
    which the mean is taken (default "10m").

    A mean counts when half of its window is known; below a tenth of the nominal voltage the supply is off and nothing is
    found. The condition is that of the last complete window. The alert's value is the mean, its limit the voltage that
    it should not have passed. Warm-up: `window`.

    Example: `kind = "voltage", match = { metric = "voltage", equip_type = "transformer" }, nominal = "220V"`.
    Source: GB/T 12325-2008 (20 kV and below: 7 % both ways; 220 V single phase: +7 %, -10 %); ten-minute means as in EN 50160
    and IEC 61000-4-30 (EN 50160 permits 10 % both ways: set `over`, `under`).
    """

    NAME: ClassVar[str] = "voltage"

    nominal: Limit | None = None
    over: Limit | None = None
    under: Limit | None = None
    window: Duration = Duration(10 * MINUTE)

    def check(self) -> list[tuple[str, str, str]]:
        return [] if self.window > 0 else [("window", "no time", "a duration above 0")]

    def warm_up(self) -> int:
        return self.window

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        if target.point.unit != "V":
            raise NotApplicable(f"not a voltage: in {target.point.unit}")
        return {
            "width": int(self.window),
            "local": local.number(target),
            "nominal": np.nan if self.nominal is None else self.nominal.value("V"),
            "over": np.nan if self.over is None else self.over.value("ratio"),
            "under": np.nan if self.under is None else self.under.value("ratio"),
        }

    def state(self) -> Mapping[str, Column]:
        return {
            **bins.COLUMNS,
            "true": Column(np.bool_, False),
            "ready": Column(np.bool_, False),
            "shown": Column(np.float64, np.nan),
            "limit": Column(np.float64, np.nan),
            "rated": Column(np.float64, np.nan),
        }

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        for closed in bins.collect(state, rows, at, value):
            whole = closed.share >= 0.5
            if whole.any():
                cls._judge(state, rows[closed.where[whole]], closed.mean[whole])
        return Findings(state.get("true", rows), state.get("shown", rows), state.get("limit", rows), state.get("ready", rows))

    @classmethod
    def _judge(cls, state: State, rows: IntArray, mean: FloatArray) -> None:
        table = np.array(NOMINAL)
        nearest = table[np.abs(np.log(np.maximum(mean, 1.0)[:, None] / table[None, :])).argmin(axis=1)]
        known, given = state.get("rated", rows), state.get("nominal", rows)
        seen = np.where(np.isnan(known) & (mean > 0.5 * nearest), nearest, known)  # found once, kept
        rated = np.where(np.isnan(given), seen, given)
        over, under = state.get("over", rows), state.get("under", rows)
        over = np.where(np.isnan(over), 0.07, over)
        under = np.where(np.isnan(under), np.where(rated < LINE, 0.10, 0.07), under)
        high, low = rated * (1 + over), rated * (1 - under)
        alive = mean > DEAD * rated
        state.put("rated", rows, rated)
        state.put("ready", rows, ~np.isnan(rated))
        state.put("true", rows, alive & ((mean > high * (1 + 1e-9)) | (mean < low * (1 - 1e-9))))
        state.put("shown", rows, mean)
        state.put("limit", rows, np.where(mean < rated, low, high))

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        rated, shown = float(state["rated"][row]), float(state["shown"][row])
        return {"nominal_value": rated, "deviation_percent": round(100 * (shown / rated - 1), 1) if rated == rated else None}
