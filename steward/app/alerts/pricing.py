"""The price of an alert: what its kind calls waste, taken from the ledger, as money, carbon and standard coal.

Invariants: amounts come from the register that counts the target, quarter hour by quarter hour, priced by the tariff of
each; where no register counts it, the gauge of power is integrated and the price says so; what cannot be priced says why; a
price asked again follows the ledger. Everything here blocks: call it in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from metering.columns import Columns
from metering.cost import Basis, Worth
from metering.intervals import QUARTER, Method
from metering.tariffs import MICRO
from rules import waste as wasting
from rules.contract import Rule, Target
from rules.waste import How, Span, Unpriced, Waste
from steward.app.alerts import charges, coils
from steward.app.ledger.model import Consumption
from steward.app.money.tables import columns_of
from steward.errors import StewardError
from steward.model import Alert, Facility, FloatArray, IntArray, Nature, Point
from steward.units import DAY, HOUR

COUNTED = {"W": ("energy", "heat"), "m3/s": ("water", "gas", "fuel_used")}
"""Unit of a gauge -> metrics of the registers that count the same."""
BOUGHT = ("energy", "water", "gas", "heat", "fuel_used")
NAMES = {"Wh": "energy", "m3": "volume"}
LONGEST = 400 * DAY
"""An alert older than this is priced for so long."""


class Cash(Protocol):
    """The part of the cashier that is asked (steward.app.money.cashier.Cashier)."""

    def margin(self, carrier: str, columns: Columns, site: str, point: str = "") -> Worth: ...
    def carrier(self, point: Point) -> str: ...
    def fuel(self) -> str: ...
    def basis(self, carrier: str, site: str, point: str = "") -> Basis: ...
    def reactive(self, point: Point, columns: Columns, basis: Basis) -> FloatArray | None: ...


Ledger = Callable[[str, int, int], Consumption]
"""Quarter hours of a register in [start, end). Raises NotFound."""
Integrate = Callable[[str, int, int], tuple[IntArray, FloatArray]]
"""Starts of the quarter hours in [start, end) in which a gauge was measured, and its means."""


@dataclass(frozen=True, slots=True)
class Meter:
    """What counts a target. register: its id, "" where `gauge` is integrated; point: which of them; unit: Wh or m3."""

    register: str
    gauge: str
    point: Point
    unit: str


@dataclass(frozen=True, slots=True)
class Price:
    """A price. amount: Wh or m3 so far (unit "" for a charge); day: what it makes a day if left; worths of both; until: how far
    the ledger went; more: what else `basis` says (method, uncertainty as a share)."""

    unit: str
    amount: float
    day: float
    worth: Worth
    day_worth: Worth
    meter: Meter
    waste: Waste
    begin: int
    until: int
    estimated: float
    revision: int
    more: Mapping[str, Any] = field(default_factory=dict)

    def money(self) -> float | None:
        """Money so far."""
        return None if self.worth.money is None else self.worth.money / MICRO

    def per_day(self) -> float | None:
        """Money a day if it is left."""
        return None if self.day_worth.money is None else self.day_worth.money / MICRO

    def plain(self) -> dict[str, Any]:
        """As the evidence of the alert shows it: canonical units, money in the tariff's currency, kg of CO2 and of coal."""
        name = NAMES.get(self.unit, "")
        amount = {name: round(self.amount, 6)} if name else {}
        return {
            **amount,
            "money": _rounded(self.money()),
            "currency": self.worth.currency or self.day_worth.currency,
            "carbon": _rounded(self.worth.co2),
            "coal": _rounded(self.worth.coal),
            "per_day": _rounded(self.per_day()),
            "day": {
                **({name: round(self.day, 6)} if name else {}),
                "carbon": _rounded(self.day_worth.co2),
                "coal": _rounded(self.day_worth.coal),
            },
            "share_estimated": round(self.estimated, 4),
            "basis": {
                "register": self.meter.register,
                "gauge": self.meter.gauge,
                "how": self.waste.how.value,
                "level": self.waste.level,
                "begin": self.begin,
                "until": self.until,
                "revision": self.revision,
                "tariffs": list(self.worth.tariffs),
                "factors": list(self.worth.factors),
                **self.more,
            },
        }


def unpriced(reason: str) -> dict[str, Any]:
    """The cost of an alert that has no price: why."""
    en, zh = wasting.REASONS[reason]
    return {"reason": reason, "why": {"en": en, "zh": zh}}


def meter_of(facility: Facility, target: Target, alert: Alert) -> Meter:
    """What counts the target of an alert: the point's own register, one beside it on its device, that of its equip, or the
    gauge itself. Raises Unpriced."""
    shown = [facility.points[id] for id in alert.points if id in facility.points]
    points = [point for point in (*shown, *target.points) if point is not None]
    for point in points[:1]:
        if point.nature is Nature.COUNTER and point.metric in BOUGHT:
            return Meter(point.id, "", point, point.unit)
        if (found := _beside(facility, point)) is not None:
            return Meter(found.id, "", found, found.unit)
        if point.unit == "W" and point.nature is Nature.GAUGE:
            return Meter("", point.id, point, "Wh")
    equips = {point.equip for point in points if point.equip} | ({target.equip} if target.equip else set())
    for equip in sorted(equips):
        own = [point for point in facility.points.values() if point.equip == equip]
        for metrics, nature in ((("energy",), Nature.COUNTER), (("power",), Nature.GAUGE)):
            chosen = [point for point in own if point.metric in metrics and point.nature is nature]
            if len(chosen) == 1:
                register = nature is Nature.COUNTER
                return Meter(chosen[0].id if register else "", "" if register else chosen[0].id, chosen[0], "Wh")
    raise Unpriced("no_register")


def _beside(facility: Facility, gauge: Point) -> Point | None:
    """The register that counts what a gauge shows: what it is derived from, or the only one like it on its device."""
    stem = facility.points.get(gauge.id.rpartition(".")[0])
    if stem is not None and stem.nature is Nature.COUNTER and stem.metric in COUNTED.get(gauge.unit, ()):
        return stem
    if not gauge.device:
        return None
    like = [
        point
        for point in facility.points.values()
        if point.device == gauge.device
        and point.equip == gauge.equip
        and point.nature is Nature.COUNTER
        and point.metric in COUNTED.get(gauge.unit, ())
    ]
    return like[0] if len(like) == 1 else None


class Pricer:
    """Prices alerts and episodes of trials alike."""

    def __init__(self, facility: Callable[[], Facility], ledger: Ledger, cash: Cash, integrate: Integrate) -> None:
        self._facility, self._ledger, self._cash, self._integrate = facility, ledger, cash, integrate

    def price(self, alert: Alert, rule: Rule, now: int, fired: Mapping[str, Any] | None = None) -> Price:
        """The price of an alert up to `now` or its end. fired: its evidence while it fired, where another is newer. Raises
        Unpriced."""
        facility = self._facility()
        target = target_of(facility, alert)
        waste = rule.kind.waste(alert, alert.evidence if fired is None else {**alert.evidence, **fired}, target)
        if waste is not None and waste.how is How.TOLD and fired is not None:
            waste = rule.kind.waste(alert, alert.evidence, target) or waste  # what was measured up to its end
        if waste is None and any(point is not None and point.metric == "power_factor" for point in target.points):
            waste = Waste(How.REACTIVE)
        if waste is None:
            raise Unpriced(rule.kind.UNPRICED)
        if not waste.level > 0 and waste.how in (How.SHARE, How.RATE, How.TOLD):
            raise Unpriced("less")
        end = max(alert.since + 1, alert.resolved or now)
        begin = max(alert.since - waste.lead, end - LONGEST)
        whole = (begin, max(begin + 1, end - waste.tail))
        if waste.how is How.TOLD:
            return self._told(facility, target, alert, waste, whole)
        if waste.how is How.COIL:
            return self._coil(facility, target, waste, whole)
        if waste.how in (How.DEMAND, How.REACTIVE):
            return self._charged(facility, target, alert, waste, whole)
        return self._counted(facility, target, alert, rule, waste, whole)

    def _counted(self, facility: Facility, target: Target, alert: Alert, rule: Rule, waste: Waste, whole: Span) -> Price:
        meter = meter_of(facility, target, alert)
        columns, known = self._columns(meter, *whole)
        if not known.any():
            raise Unpriced("no_ledger")
        until = min(whole[1], int(columns.end[known][-1]))
        judged = rule.kind.judged(target, *whole) if target.points else [whole]
        value = np.where(known, columns.value, np.nan)
        lost = wasting.wasted(waste, meter.unit, columns.start, columns.end, value, judged, whole)
        lost = np.where(columns.start < until, np.nan_to_num(lost), 0.0)
        amount = float(lost.sum())
        sure = float(lost[~columns.estimated()].sum())
        ahead = (until, until + DAY)
        if waste.how is How.FLOOR:
            spans, lasted = [ahead], wasting.overlap(columns.start, columns.end, [(whole[0], until)])
        else:
            spans = rule.kind.judged(target, *ahead) if target.points else [ahead]
            lasted = wasting.overlap(columns.start, columns.end, [(a, min(b, until)) for a, b in judged if a < until])
        seconds = float(lasted[known].sum())
        starts = np.arange(ahead[0] // QUARTER, -(-ahead[1] // QUARTER), dtype=np.int64) * QUARTER
        day = wasting.overlap(starts, starts + QUARTER, spans) * (amount / seconds if seconds else 0.0)
        return Price(
            meter.unit,
            amount,
            float(day.sum()),
            self._worth(meter.point, "", Columns.of(columns.start, columns.end, lost)),
            self._worth(meter.point, "", Columns.of(starts, starts + QUARTER, day)),
            meter,
            waste,
            whole[0],
            until,
            1.0 - sure / amount if amount > 0 else 0.0,
            int(columns.revision.max(initial=0)),
        )

    def _told(self, facility: Facility, target: Target, alert: Alert, waste: Waste, whole: Span) -> Price:
        """What the kind itself has measured, used evenly over its time."""
        fuel = "" if waste.unit == "Wh" or "litres" not in alert.evidence else self._cash.fuel()
        try:
            meter = meter_of(facility, target, alert)
        except Unpriced:
            meter = None
        if meter is None or meter.unit != waste.unit or fuel:
            point = next((point for point in target.points if point is not None), None)
            if point is None:
                raise Unpriced("no_register")
            meter = Meter("", point.id, point, waste.unit)
        starts = np.arange(whole[0] // QUARTER, -(-whole[1] // QUARTER), dtype=np.int64) * QUARTER
        share = wasting.overlap(starts, starts + QUARTER, [whole]) / (whole[1] - whole[0])
        days = max(1.0, (whole[1] - whole[0]) / DAY)
        ahead = np.arange(DAY // QUARTER, dtype=np.int64) * QUARTER + -(-whole[1] // QUARTER) * QUARTER
        day = np.full(len(ahead), waste.level / days / len(ahead))
        return Price(
            waste.unit,
            waste.level,
            waste.level / days,
            self._worth(meter.point, fuel, Columns.of(starts, starts + QUARTER, waste.level * share)),
            self._worth(meter.point, fuel, Columns.of(ahead, ahead + QUARTER, day)),
            meter,
            waste,
            whole[0],
            whole[1],
            0.0,
            0,
        )

    def _coil(self, facility: Facility, target: Target, waste: Waste, whole: Span) -> Price:
        """Heat and cold that a coil of an air handler loses."""
        found = coils.lost(facility, target, waste, whole, self._integrate)
        known = ~np.isnan(found.heat) & ~np.isnan(found.cold)
        if not known.any():
            raise Unpriced("no_ledger")
        amount = float(np.nansum(found.heat) + np.nansum(found.cold))
        if amount <= 0:
            raise Unpriced("less")
        until = min(whole[1], int(found.start[known][-1]) + QUARTER)
        days = max(1e-9, float(wasting.overlap(found.start, found.start + QUARTER, [whole])[known].sum()) / DAY)
        equip = facility.equips[target.equip]
        worth = coils.worth_of(found, equip.site, equip.cop, self._cash.margin)
        more = {
            "method": found.loss.method,
            "uncertainty": round(found.loss.error, 2),
            "heat": round(float(np.nansum(found.heat)), 3),
            "cold": round(float(np.nansum(found.cold)), 3),
        }
        meter = Meter("", found.point.id, found.point, "Wh")
        return Price("Wh", amount, amount / days, worth, _scaled(worth, days), meter, waste, whole[0], until, 1.0, 0, more)

    def _charged(self, facility: Facility, target: Target, alert: Alert, waste: Waste, whole: Span) -> Price:
        """What an alert adds to the demand charge or the adjustment by power factor of its months."""
        point = _register(facility, target, alert)
        revision = 0

        def quarters(register: str, start: int, end: int) -> Columns:
            nonlocal revision
            columns, known = self._columns(Meter(register, "", point, "Wh"), start, end)
            revision = max(revision, int(columns.revision.max(initial=0)))
            return charges.known(columns, known)

        if waste.how is How.DEMAND:
            added = charges.demand(self._cash, point, whole, waste.level, quarters)
        else:
            added = charges.reactive(self._cash, point, whole, quarters)
        days = max(QUARTER / DAY, (min(whole[1], added.until) - whole[0]) / DAY)
        once = Worth(None, added.worth.currency, None, None, (), ())  # a peak is paid once a month
        day = once if waste.how is How.DEMAND else _scaled(added.worth, days)
        meter = Meter(point.id, "", point, "Wh")
        more = {"method": added.method, "amount": round(added.amount, 1), "unit": added.unit}
        return Price("", 0.0, 0.0, added.worth, day, meter, waste, whole[0], added.until, 0.0, revision, more)

    def _columns(self, meter: Meter, start: int, end: int) -> tuple[Columns, Any]:
        """Quarter hours that cover [start, end), and of which something is known."""
        first, last = start // QUARTER * QUARTER, -(-end // QUARTER) * QUARTER
        if meter.register:
            try:
                found = self._ledger(meter.register, first, last)
            except (StewardError, ValueError):
                raise Unpriced("no_ledger") from None
            return columns_of(found), ~np.isnan(found.value)
        starts, mean = self._integrate(meter.gauge, first, last)
        columns = Columns.of(starts, starts + QUARTER, mean * QUARTER / HOUR, method=np.full(len(starts), Method.INTERPOLATED))
        return columns, np.isfinite(mean)

    def _worth(self, point: Point, fuel: str, columns: Columns) -> Worth:
        carrier = fuel or self._cash.carrier(point) or {"W": "electricity", "m3/s": "water"}.get(point.unit, "")
        if point.metric == "flow" and not fuel:
            carrier = "water"
        if not carrier or not len(columns):
            return Worth(None, "", None, None, (), ())
        return self._cash.margin(carrier, columns, point.site, point.id)


def _register(facility: Facility, target: Target, alert: Alert) -> Point:
    """The only register of energy of the target's device, else of its equip. Raises Unpriced."""
    shown = [facility.points[id] for id in alert.points if id in facility.points]
    first = next((point for point in (*shown, *target.points) if point is not None), None)
    if first is None:
        raise Unpriced("no_register")
    stem = facility.points.get(first.id.rpartition(".")[0])
    for fits in (
        lambda one: one is first or one is stem,
        lambda one: bool(first.device) and one.device == first.device and one.equip == first.equip,
        lambda one: bool(first.equip) and one.equip == first.equip,
    ):
        found = [
            one for one in facility.points.values() if one.metric == "energy" and one.nature is Nature.COUNTER and fits(one)
        ]
        if len(found) == 1:
            return found[0]
    raise Unpriced("no_register")


def _scaled(worth: Worth, days: float) -> Worth:
    """The worth of one of so many days."""

    def part(value: float | None) -> float | None:
        return None if value is None else value / days

    money = None if worth.money is None else round(worth.money / days)
    return Worth(money, worth.currency, part(worth.co2), part(worth.coal), worth.tariffs, worth.factors)


def target_of(facility: Facility, alert: Alert) -> Target:
    """The target of an alert as its kind sees it; of its points, those that the alert names."""
    point = facility.points.get(alert.target)
    points: Sequence[Point] = (
        (point,) if point is not None else tuple(facility.points[id] for id in alert.points if id in facility.points)
    )
    equip = point.equip if point is not None else alert.target if alert.target in facility.equips else ""
    return Target(alert.target, tuple(points), facility, equip)


def _rounded(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), 4)
