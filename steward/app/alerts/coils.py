"""The price of heat and cold that an air handler loses: its points by role, by quarter hours, and the carriers they cost.

Invariants: only where the inputs are there, else the reason; heat is priced as heat, cold as the electricity that makes it
where the equip says how much (`cop`); a part without a price leaves the whole without money, never cheaper. Blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from metering.columns import Columns
from metering.cost import Worth
from metering.intervals import QUARTER
from rules.contract import Target
from rules.hvac.thermal import Loss, both, leak
from rules.waste import Span, Unpriced, Waste
from steward.model import Equip, Facility, FloatArray, IntArray, Nature, Point
from steward.units import HOUR

Integrate = Callable[[str, int, int], tuple[IntArray, FloatArray]]
Margin = Callable[[str, Columns, str, str], Worth]


@dataclass(frozen=True)
class Lost:
    """What was lost in [first, last) by quarter hours: heat and cold (Wh, NaN where not known), and how it was found."""

    start: IntArray
    heat: FloatArray
    cold: FloatArray
    point: Point
    loss: Loss


def lost(facility: Facility, target: Target, waste: Waste, whole: Span, integrate: Integrate) -> Lost:
    """The loss that a waste names, in its time. Raises Unpriced("not_metered") where an input is missing."""
    equip = facility.equips.get(target.equip)
    if equip is None:
        raise Unpriced("not_metered")
    first, last = whole[0] // QUARTER * QUARTER, -(-whole[1] // QUARTER) * QUARTER
    start = np.arange(first, last, QUARTER, dtype=np.int64)
    points = {one.role: one for one in facility.points.values() if one.equip == equip.id and one.role}

    def means(point: Point | None) -> FloatArray:
        if point is None:
            raise Unpriced("not_metered")
        found = np.full(len(start), np.nan)
        at, mean = integrate(point.id, first, last)
        place = (at - first) // QUARTER
        inside = (place >= 0) & (place < len(start))
        found[place[inside]] = mean[inside]
        return found

    if waste.loss == "both":
        if not equip.heating_power or not equip.cooling_power:
            raise Unpriced("not_metered")
        commands = means(points.get("hc")), means(points.get("cc"))
        found = both(*commands, equip.heating_power, equip.cooling_power, _running(means(points.get("fan"))))
    else:
        heating = waste.loss == "heat"
        flow, measured = _flow(facility, equip, points, means)
        command = means(points.get("hc" if heating else "cc"))
        found = leak(heating, means(points.get("sat")), means(points.get("mat")), command, flow, measured)
    hours = np.clip(np.minimum(start + QUARTER, whole[1]) - np.maximum(start, whole[0]), 0, None) / HOUR
    shown = points.get("sat") or points.get("cc") or points["hc"]
    return Lost(start, found.heat * hours, found.cold * hours, shown, found)


def _flow(
    facility: Facility, equip: Equip, points: Mapping[str, Point], means: Callable[[Point | None], FloatArray]
) -> tuple[FloatArray, bool]:
    """Flow of supply air, m3/s, and whether it is measured; else design flow x speed of the fan, while it runs."""
    gauges = [
        one for one in facility.points.values()
        if one.equip == equip.id and one.metric == "flow" and one.nature is Nature.GAUGE and one.unit == "m3/s"
    ]  # fmt: skip
    named = [one for one in gauges if one.role == "air_flow"] or (gauges if len(gauges) == 1 else [])
    if named:
        return means(named[0]), True
    if not equip.air_flow:
        raise Unpriced("not_metered")
    running = _running(means(points.get("fan")))
    speed = means(points["spd"]) if "spd" in points else np.ones(len(running))
    return equip.air_flow * running * speed, False


def _running(fan: FloatArray) -> FloatArray:
    return np.clip(fan, 0.0, 1.0)


def worth_of(found: Lost, site: str, cop: float | None, margin: Margin) -> Worth:
    """What the loss costs at the margin: heat, and cold as electricity. No money where a part of it has no price."""
    parts = []
    for carrier, amount, factor in (("heat", found.heat, 1.0), ("electricity", found.cold, 1.0 / cop if cop else np.nan)):
        value = np.nan_to_num(amount)
        if not value.any():
            continue
        if np.isnan(factor):
            parts.append(Worth(None, "", None, None, (), ()))
        else:
            parts.append(margin(carrier, Columns.of(found.start, found.start + QUARTER, value * factor), site, ""))
    return total(parts)


def total(parts: list[Worth]) -> Worth:
    """Several worths as one: a figure that one of them lacks, or another currency, leaves the whole without it."""
    if not parts:
        return Worth(None, "", None, None, (), ())
    currencies = {one.currency for one in parts}
    money = [one.money for one in parts]
    co2, coal = ([getattr(one, name) for one in parts] for name in ("co2", "coal"))
    alike = len(currencies) == 1 and None not in money
    return Worth(
        sum(one for one in money if one is not None) if alike else None,
        currencies.pop() if len(currencies) == 1 else "",
        None if None in co2 else sum(co2),
        None if None in coal else sum(coal),
        tuple(dict.fromkeys(name for one in parts for name in one.tariffs)),
        tuple(dict.fromkeys(name for one in parts for name in one.factors)),
    )
