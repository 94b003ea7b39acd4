"""Imbalance: the three phases of a voltage or a current differ from their mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from rules.contract import Column, Findings, Kind, NotApplicable, State, Target
from rules.joining import beside
from rules.quantity import Limit
from steward.model import ByteArray, FloatArray, IntArray

NEXT = {"1": "23", "a": "bc", "A": "BC", "u": "vw", "U": "VW", "r": "st", "R": "ST"}
"""Name of the first phase -> names of the other two."""


class Imbalance(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The three phases are loaded, or supplied, unevenly: the largest deviation of one from the mean of the three.

    Fields: `above`: largest deviation from the mean, as a share of the mean ("2%"; default 2 %, the limit for voltage);
    `deadband`: how far it must come back ("0.2%", default 0); `at_least`: smallest mean at which it is judged ("20A",
    default 0): at small load the share says nothing.

    `match` names the points of the first phase, whose role ends in 1, a, u or r; the two others are those of the same metric
    in the same equip whose roles end in 2 and 3 (b and c, v and w, s and t). Where one is missing: not applicable. The
    moment is judged once all three phases are there. The alert's value is the imbalance as a ratio. Use `for`:
    single-phase loads switch all the time.

    Example: `kind = "imbalance", match = { metric = "voltage", role = "voltage_1" }, above = "2%", for = "10m"`.
    Source: NEMA MG 1 (largest deviation from the mean / mean; motors are derated above 1 %, not to be run above 5 %); limit for
    voltage of GB/T 15543-2008: 2 % of negative sequence, to which the NEMA measure is close when small.
    """

    NAME: ClassVar[str] = "imbalance"
    JOINS: ClassVar[bool] = True
    UNIT: ClassVar[str] = "ratio"

    above: Limit = Limit("2%")
    deadband: Limit = Limit("0")
    at_least: Limit = Limit("0")

    def bind(self, targets: Sequence[Target]) -> list[Target]:
        joined = []
        for target in targets:
            role = target.point.role
            others = [beside(target, role[:-1] + phase, target.point.metric) for phase in NEXT.get(role[-1:], "")]
            joined.append(replace(target, points=(target.point, *others)))
        return joined

    def requires(self, target: Target) -> Sequence[bool]:
        return [True] * len(target.points)

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        if len(target.points) != 3 or any(point is None for point in target.points):
            raise NotApplicable(f"no three phases: role {target.point.role!r} and the two that follow it")
        above, band = self.above.value("ratio"), self.deadband.difference("ratio")
        return {"enter": above, "leave": above - band, "at_least": self.at_least.value(target.point.unit)}

    def state(self) -> Mapping[str, Column]:
        return {"uneven": Column(np.bool_, False), "worst_phase": Column(np.int64), "mean": Column(np.float64, np.nan)}

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        mean = value.mean(axis=1)
        away = np.abs(value - mean[:, None])
        loaded = (mean >= state.get("at_least", rows)) & (mean > 0)
        share = np.where(loaded, away.max(axis=1) / np.where(loaded, mean, 1.0), 0.0)
        limit = np.where(state.get("uneven", rows), state.get("leave", rows), state.get("enter", rows))
        true = share > limit * (1 + 1e-9)
        state.put("uneven", rows, true)
        state.put("worst_phase", rows, away.argmax(axis=1) + 1)
        state.put("mean", rows, mean)
        return Findings(true, share, state.get("enter", rows))

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        return {"worst_phase": int(state["worst_phase"][row]), "mean": round(float(state["mean"][row]), 2)}
