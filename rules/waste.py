"""What an alert wastes: how a kind says it, and how much it makes of what was consumed. Pure.

Invariants: a kind says what was used beyond what was allowed, never a price; amounts are in the unit of the consumption
(Wh, m3), rates in W or m3/s; a quarter hour of which nothing is known gives nothing; a waste is never negative and never
more than what was used (but for what the kind itself has measured).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

import numpy as np

from steward.model import FloatArray, IntArray

Span = tuple[int, int]
_RATE = {"Wh": 3.6e12, "m3": 1e9}
"""ns that one unit of a rate needs for one unit of the consumption."""
TOLD = {"wasted_kwh": ("Wh", 1e3), "wasted_m3": ("m3", 1.0), "lost_m3": ("m3", 1.0), "volume_m3": ("m3", 1.0),
        "litres": ("m3", 1e-3)}  # fmt: skip
"""Keys of evidence that tell an amount by themselves -> unit of the consumption, factor to it."""


class How(StrEnum):
    """How the waste follows from the consumption."""

    WHOLE = "whole"
    """All that was used in the judged time: nothing was allowed."""
    FLOOR = "floor"
    """The least hour of the judged time, taken to run at all hours: water that flows at night flows by day."""
    ABOVE = "above"
    """What was used beyond `level` (W, m3/s)."""
    SHARE = "share"
    """The share of the consumption by which it was more than expected."""
    RATE = "rate"
    """A constant rate, `level` (W, m3/s), as long as it lasts."""
    TOLD = "told"
    """An amount that the kind itself has measured."""
    COIL = "coil"
    """Heat or cold that a coil gives to the air in vain (`loss`), estimated from temperatures, flow and commands."""
    DEMAND = "demand"
    """What demand above `level` (W) adds to the month's demand charge."""
    REACTIVE = "reactive"
    """What reactive energy adds by the month's power factor."""


@dataclass(frozen=True, slots=True)
class Waste:
    """What a kind says. level: W or m3/s, a share (of what was expected), or for TOLD the amount (Wh, m3); lead, tail: ns
    by which the waste began before the alert's `since`, and ended before its end (a day that is judged when it is over); loss:
    of a coil: heat, cold, both (heating and cooling at once)."""

    how: How
    level: float = 0.0
    unit: str = ""
    lead: int = 0
    tail: int = 0
    loss: Literal["", "heat", "cold", "both"] = ""


class Unpriced(Exception):
    """An alert has no price; the text is a code of `REASONS`."""


REASONS: dict[str, tuple[str, str]] = {
    "nothing_used": ("it wastes nothing that a meter counts", "不涉及可计量的浪费"),
    "no_register": ("no meter counts what it uses", "无表计计量其用量"),
    "no_ledger": ("the ledger knows nothing of this time yet", "台账尚无该时段数据"),
    "no_tariff": ("no tariff or factor holds for what it uses", "其用量无适用电价或因子"),
    "less": ("less was used than expected", "用量低于预期"),
    "not_metered": (
        "heat or cold is lost, which no meter of it counts and its design data do not tell",
        "损失的冷热量未计量，设计参数亦不足以估算",
    ),
    "power_factor": ("reactive power is charged by the month's mean, with the bill", "力调电费按月平均功率因数随账单计收"),
    "demand": ("demand is charged by the month's highest quarter hour, with the bill", "需量电费按月最大需量随账单计收"),
    "no_demand_charge": ("its tariff charges no demand", "适用电价不收需量电费"),
    "no_peak": ("it has not raised the month's demand charge", "未抬高当月需量电费"),
    "factor_good": ("the month's power factor costs nothing more for it", "当月力调电费未因此增加"),
    "unit": ("what it measures is no consumption", "所测量不是用量"),
}
"""Why an alert has no price: code -> English, Chinese."""


def told(evidence: Mapping[str, Any]) -> Waste | None:
    """What the evidence of a kind that declares nothing tells by itself: an amount in a key named for it."""
    for key, (unit, factor) in TOLD.items():
        if isinstance(value := evidence.get(key), int | float):
            return Waste(How.TOLD, float(value) * factor, unit)
    return None


def overlap(start: IntArray, end: IntArray, spans: Sequence[Span]) -> IntArray:
    """ns of each interval that lie within spans (which do not overlap each other)."""
    found = np.zeros(len(start), np.int64)
    for first, last in spans:
        found += np.maximum(np.minimum(end, last) - np.maximum(start, first), 0)
    return found


def wasted(
    waste: Waste, unit: str, start: IntArray, end: IntArray, value: FloatArray, judged: Sequence[Span], whole: Span
) -> FloatArray:
    """The waste of each interval. value: consumption (Wh, m3), NaN where nothing is known; judged: the time in which the kind
    judges, whole: from beginning to end of the waste. Not for TOLD."""
    rate = _RATE[unit]
    known = np.nan_to_num(value)
    within = overlap(start, end, judged)
    share = within / (end - start)
    if waste.how is How.WHOLE:
        return known * share
    if waste.how is How.SHARE:
        return known * share * max(0.0, waste.level) / (1.0 + max(0.0, waste.level))
    if waste.how is How.ABOVE:
        return np.asarray(np.clip(known - waste.level * (end - start) / rate, 0.0, None) * share)
    lasting = overlap(start, end, [whole])
    if waste.how is How.FLOOR:
        least = floor(start, end, np.where(within == end - start, value, np.nan))
        return np.asarray(np.minimum(least * lasting, np.where(np.isnan(value), np.inf, known * lasting / (end - start))))
    limited = np.where(np.isnan(value), np.inf, known * share)
    return np.asarray(np.clip(np.minimum(waste.level * within / rate, limited), 0.0, None))


def floor(start: IntArray, end: IntArray, value: FloatArray) -> float:
    """The least mean over an hour (or over all there is, if less), per ns; 0 where nothing is known."""
    known = np.flatnonzero(~np.isnan(value))
    if not len(known):
        return 0.0
    size = min(4, len(known))
    runs = np.lib.stride_tricks.sliding_window_view(known, size)
    runs = runs[(end[runs[:, -1]] - start[runs[:, 0]]) == (end[runs] - start[runs]).sum(axis=1)]
    if not len(runs):
        return float((value[known] / (end[known] - start[known])).min())
    return float((value[runs].sum(axis=1) / (end[runs] - start[runs]).sum(axis=1)).min())
