"""Balance: a meter and the meters below it do not agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from rules.contract import UNSEEN, Column, Findings, Kind, NotApplicable, State, Target
from rules.joining import of_equip
from rules.quantity import Duration, Limit
from rules.waste import How, Waste
from steward.model import Alert, ByteArray, FloatArray, IntArray, Nature, Point
from steward.units import HOUR

DEPTH = 6
"""How far down a place without a meter is searched for meters."""


class Balance(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sum of the sub-meters does not fit their parent: one of them is wrong, or something is not metered any more.

    Fields: `accuracy`: error of each meter as a share of its reading (default "2%": class 1 with its transformer); `loss`: what
    cables, or what is known not to be metered, may take besides, as a share of the parent (default "3%"); `at_least`: and this
    much ("0.5kW", default 0); `window`: time constant of the means that are compared (default "1h").

    `match` names the parents. Below each are the points of the same metric of the equips that its equip feeds; where a fed
    equip has no such point, those that it feeds in turn. The band is `accuracy` of all readings together, as errors add at
    worst, plus `at_least`. Children above the parent by more than the band are always wrong; parent above the children
    by more than band and loss is wrong only where everything below is metered. A parent with no metered child, or with a
    child that something else feeds too, is not applicable. A moment is judged when all children are there, with their
    last values. The alert's value is parent minus children, its limit the edge of the band. Gauges only: power, flow.
    Warm-up: `window`.

    Example: `kind = "balance", match = { metric = "power", equip_type = "switchboard" }, at_least = "0.5kW"`.
    Source: classes of accuracy of IEC 62053 and GB/T 17215 (1 %), current transformers of IEC 61869-2 (class 1); balance of
    sub-meters as asked by the national guideline for sub-metering of public buildings.
    """

    NAME: ClassVar[str] = "balance"
    JOINS: ClassVar[bool] = True

    accuracy: Limit = Limit("2%")
    loss: Limit = Limit("3%")
    at_least: Limit = Limit("0")
    window: Duration = Duration(HOUR)

    def check(self) -> list[tuple[str, str, str]]:
        return [] if self.window > 0 else [("window", "no time", "a duration above 0")]

    def warm_up(self) -> int:
        return self.window

    def bind(self, targets: Sequence[Target]) -> list[Target]:
        return [replace(target, points=(target.point, *_below(target)[0]), shows=(target.id,)) for target in targets]

    def requires(self, target: Target) -> Sequence[bool]:
        return [True] * len(target.points)

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        point = target.point
        if point.nature is not Nature.GAUGE:
            raise NotApplicable("a balance is of gauges; of registers take their derived power or flow")
        margin = self.at_least.difference(point.unit)
        accuracy, loss = self.accuracy.value("ratio"), self.loss.value("ratio")
        children, bare, shared = _below(target)
        if not children:
            raise NotApplicable(f"nothing below it has a point of metric {point.metric}")
        if shared:
            raise NotApplicable(f"{shared[0]} is fed by another meter too")
        return {
            "accuracy": accuracy,
            "loss": loss,
            "at_least": margin,
            "tau": float(self.window),
            "window": int(self.window),
            "whole": not bare,
            "below": len(children),
        }

    def waste(self, alert: Alert, evidence: Mapping[str, Any], target: Target) -> Waste | None:
        lost = float(evidence.get("residual_value", 0.0))  # of power a meter is wrong; of water, it flows away
        return Waste(How.RATE, lost) if lost > 0 and target.point.unit == "m3/s" else None

    def state(self) -> Mapping[str, Column]:
        return {
            "known_since": Column(np.int64, UNSEEN),
            "parent": Column(np.float64, np.nan),
            "children": Column(np.float64, np.nan),
            "gross": Column(np.float64, np.nan),
        }

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        below = np.nan_to_num(value[:, 1:])
        gap = at - state.get("last_at", rows) > state.get("hold", rows)
        passed = np.where(gap, 0, at - state.get("last_at", rows))
        gain = -np.expm1(-passed / state.get("tau", rows))
        mean = {}
        for name, now in (("parent", value[:, 0]), ("children", below.sum(axis=1)),
                          ("gross", np.abs(value[:, 0]) + np.abs(below).sum(axis=1))):  # fmt: skip
            before = state.get(name, rows)
            fresh = gap | np.isnan(before)
            mean[name] = np.where(fresh, now, before + gain * (now - before))
            state.put(name, rows, mean[name])
        since = state.get("known_since", rows)
        since = np.where(gap | (since == UNSEEN), at, since)
        state.put("known_since", rows, since)
        residual = mean["parent"] - mean["children"]
        band = state.get("accuracy", rows) * mean["gross"] + state.get("at_least", rows)
        upper = band + state.get("loss", rows) * np.abs(mean["parent"])
        true = (residual < -band) | (state.get("whole", rows) & (residual > upper))
        return Findings(true, residual, np.where(residual < 0, -band, upper), at - since >= state.get("window", rows))

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        parent, children = float(state["parent"][row]), float(state["children"][row])
        return {
            "parent_value": parent,
            "children_value": children,
            "residual_value": parent - children,
            "residual_percent": round(100 * (parent - children) / parent, 1) if parent else None,
            "children": int(state["below"][row]),
        }


def _below(target: Target) -> tuple[list[Point], list[str], list[str]]:
    """(points of the sub-meters, fed places without one, sub-metered equips that are fed by more than one equip)."""
    facility, metric, role = target.facility, target.point.metric, target.point.role
    points: list[Point] = []
    bare: list[str] = []
    shared: list[str] = []
    seen = {target.equip}

    def descend(equip: str, depth: int) -> None:
        for fed in facility.equips[equip].feeds if equip in facility.equips else ():
            if fed in seen:
                continue
            seen.add(fed)
            like = [point for point in of_equip(facility, fed) if point.metric == metric and point.nature is Nature.GAUGE]
            like.sort(key=lambda point: point.role != role)
            if like:
                points.append(like[0])
                if sum(fed in other.feeds for other in facility.equips.values()) > 1:
                    shared.append(fed)
            elif depth < DEPTH and fed in facility.equips and facility.equips[fed].feeds:
                descend(fed, depth + 1)
            else:
                bare.append(fed)

    descend(target.equip, 1)
    return points, bare, shared
