"""Prices that no meter tells: heat and cold of an air handler, demand above the contract, reactive energy; by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import pytest

from metering.intervals import Flag
from rules import counterfactual
from rules.hvac.thermal import AIR, both, leak
from rules.load import load
from rules.waste import How, Unpriced
from steward.app.alerts.pricing import Price, Pricer
from steward.app.ledger.model import Consumption
from steward.app.money.cashier import Cashier
from steward.config import Settings, parse
from steward.errors import NotFound
from steward.model import Alert, Condition, Severity
from steward.units import DAY, HOUR, MINUTE
from tests.app.tables import ENERGY, METER

QUARTER = 15 * MINUTE
T0 = 20_605 * DAY  # Monday 2026-06-01 00:00 UTC
ROLES = {"sat": 20.0, "mat": 15.0, "rat": 22.0, "oat": 10.0, "cc": 0.0, "hc": 0.0, "oad": 0.3, "fan": 1.0}
METRICS = {"cc": "valve", "hc": "valve", "oad": "damper", "fan": "on", "spd": "speed_ratio"}
HEAD = (
    """
[[site]]
id = "a"
name = "A"
time_zone = "UTC"
[[equip]]
id = "ahu"
name = "AHU"
type = "air_handler"
site = "a"
{design}
[[equip]]
id = "board"
name = "Board"
type = "transformer"
site = "a"
rated_power = "800kW"
"""
    + METER
    + """
[[template.point]]
id = "pf"
field = "pf"
metric = "power_factor"
"""
    + ENERGY
    + """
[[template.point]]
id = "varh"
field = "varh"
metric = "reactive_energy"
unit = "kvarh"
[[device]]
id = "main"
template = "meter"
equip = "board"
[[rule]]
id = "unit"
kind = "air_handler"
match = {{ equip_type = "air_handler" }}
[[rule]]
id = "peak"
kind = "demand"
match = {{ metric = "power" }}
contract = "100kW"
[[rule]]
id = "cosphi"
kind = "threshold"
match = {{ metric = "power_factor" }}
below = "0.9"
[[tariff]]
id = "e"
carrier = "electricity"
unit = "kWh"
currency = "CNY"
prices = {{ flat = 1.0 }}
{charges}
"""
)
HEAT = '[[tariff]]\nid = "h"\ncarrier = "heat"\nunit = "kWh"\ncurrency = "CNY"\nprices = { flat = 0.5 }\n'
DESIGN = 'heating_power = "40kW"\ncooling_power = "60kW"\nair_flow = "7200m3/h"\ncop = 4.0\n'
DEMAND = '[tariff.demand]\nkind = "measured"\nprice = 40.0\n'
CONTRACTED = '[tariff.demand]\nkind = "contracted"\nprice = 40.0\ncontracted = 100.0\n'


def facility_of(design: str = DESIGN, charges: str = DEMAND, roles: Mapping[str, float] = ROLES, more: str = HEAT) -> Settings:
    """An air handler with points of these roles, and a transformer with a meter."""
    points = "".join(
        f'[[point]]\nid = "ahu.{role}"\nequip = "ahu"\nrole = "{role}"\nmetric = "{METRICS.get(role, "temperature")}"\n'
        for role in roles
    )
    return parse([("f.toml", HEAD.format(design=design, charges=charges) + points + more)])


class Books:
    """Quarter hours of registers: constant, but for some that are named."""

    def __init__(self, energy: np.ndarray, varh: np.ndarray | None = None) -> None:
        self.values = {"main.energy": energy, "main.varh": varh}

    def consumption(self, point: str, start: int, end: int, period: str = "quarter") -> Consumption:
        value = self.values.get(point)
        if value is None:
            raise NotFound("register", point)
        at = T0 + np.arange(len(value), dtype=np.int64) * QUARTER
        rows = (at >= start) & (at < end)
        size, flat = int(rows.sum()), np.ones(int(rows.sum()), np.float32)
        return Consumption(
            point, "Wh", at[rows], at[rows] + QUARTER, value[rows], value[rows], value[rows], np.zeros(size, np.uint8),
            np.full(size, int(Flag.PEAK_ELIGIBLE), np.uint16), flat, flat, np.zeros(size, np.int32),
        )  # fmt: skip


def pricer(settings: Settings, books: Books | None = None, values: Mapping[str, float] = ROLES) -> Pricer:
    kept = books or Books(np.zeros(0))
    cashier = Cashier(lambda: settings.money, lambda: settings.facility, lambda: kept, cast(Any, None), lambda: T0 + 40 * DAY)

    def integrate(point: str, start: int, end: int) -> tuple[np.ndarray, np.ndarray]:
        starts = np.arange(start, end, QUARTER, dtype=np.int64)
        return starts, np.full(len(starts), values[point.split(".")[1]])

    return Pricer(lambda: settings.facility, lambda *asked: kept.consumption(*asked), cashier, integrate)


def price(settings: Settings, rule: str, alert: Alert, **more: Any) -> Price:
    (found,) = [one for one in load(settings.facility.rules, settings.facility).rules if one.id == rule]
    return pricer(settings, **more).price(alert, found, T0 + 30 * DAY)


def verdict(check: str, hours: float = 2.0, **evidence: Any) -> Alert:
    since = T0 + 6 * HOUR
    end = since + round(hours * HOUR)
    told = {"check": check, "component": "heating_valve", "day_at": T0 + 6 * HOUR, **evidence}
    return Alert(
        "unit", "air_handler", Severity.HIGH, "ahu", ("ahu.sat",), Condition.RESOLVED, since, end, since, end, evidence=told
    )


# -- heat and cold

WATT = 1.2 * 1005 * 2.0 * (20 - 15 - 1.1)  # 7200 m3/h are 2 m3/s; 3.9 K beyond the fan's own warming


def test_a_leaking_heating_valve_costs_the_heat_that_the_air_takes_from_it() -> None:
    found = price(facility_of(), "unit", verdict("coil_hot"))
    assert pytest.approx(9406.8) == WATT
    assert found.waste.how is How.COIL
    assert found.amount == pytest.approx(2 * WATT)
    assert found.money() == pytest.approx(2 * 9.4068 * 0.5), "2 h of 9.4 kW at 0.50 a kWh of heat"
    assert found.per_day() == pytest.approx(24 * 9.4068 * 0.5, rel=1e-6)
    shown = found.plain()
    assert shown["energy"] == pytest.approx(18813.6)
    assert (shown["basis"]["heat"], shown["basis"]["cold"]) == (pytest.approx(18813.6), 0.0)
    assert shown["basis"]["uncertainty"] == round(float(np.hypot(np.sqrt(2) * 1.1 / 3.9, 0.25)), 2)
    assert shown["basis"]["method"].startswith("design air flow x fan speed")
    assert shown["share_estimated"] == 1.0
    assert "(estimated, ±47%)" in counterfactual.costs(shown)
    assert "（估算，±47%）" in counterfactual.costs(shown, "zh")


def test_a_leaking_cooling_valve_costs_the_electricity_of_its_cold() -> None:
    values = {**ROLES, "sat": 12.0}  # 12 - 15 - 1.1: 4.1 K of cold
    found = price(facility_of(), "unit", verdict("h_coil_cold"), values=values)
    watt = 1.2 * 1005 * 2.0 * 4.1
    assert found.amount == pytest.approx(2 * watt)
    assert found.money() == pytest.approx(2 * watt / 1000 / 4.0 * 1.0), "a COP of 4, 1.00 a kWh of electricity"
    without = price(facility_of(DESIGN.replace("cop = 4.0\n", "")), "unit", verdict("h_coil_cold"), values=values)
    assert (without.amount, without.money()) == (pytest.approx(2 * watt), None), "how much is known, what it costs is not"


def test_heating_and_cooling_at_once_waste_the_lesser_of_the_two_twice() -> None:
    values = {**ROLES, "hc": 0.5, "cc": 0.25}  # 20 kW of heat against 15 kW of cold
    found = price(facility_of(), "unit", verdict("simul", component="control_sequence"), values=values)
    assert found.amount == pytest.approx(2 * 15_000.0 * 2)
    assert found.money() == pytest.approx(30 * 0.5 + 30 / 4.0 * 1.0)
    assert found.plain()["basis"]["uncertainty"] == 0.5


def test_a_fan_that_turns_slowly_or_stands_carries_less_or_nothing() -> None:
    roles = {**ROLES, "spd": 0.5}
    half = price(facility_of(roles=roles), "unit", verdict("coil_hot"), values=roles)
    assert half.amount == pytest.approx(WATT)
    with pytest.raises(Unpriced, match="less"):
        price(facility_of(), "unit", verdict("coil_hot"), values={**ROLES, "fan": 0.0})


def test_a_measured_flow_counts_before_the_design_and_is_surer() -> None:
    more = HEAT + '[[point]]\nid = "ahu.air_flow"\nequip = "ahu"\nrole = "air_flow"\nmetric = "flow"\nunit = "m3/h"\n'
    found = price(facility_of(more=more), "unit", verdict("coil_hot"), values={**ROLES, "air_flow": 1.0})
    assert found.amount == pytest.approx(WATT)
    assert found.plain()["basis"]["uncertainty"] == round(float(np.hypot(np.sqrt(2) * 1.1 / 3.9, 0.10)), 2)


@pytest.mark.parametrize(
    ("check", "design", "reason"),
    [
        ("coil_hot", "", "not_metered"),  # neither a flow nor a design flow
        ("simul", 'heating_power = "40kW"\n', "not_metered"),
        ("no_vent", DESIGN, "not_metered"),  # a damper: no waste that these inputs tell
        ("coil_cold", DESIGN, "less"),  # the air shows nothing of it
    ],
)
def test_what_the_inputs_do_not_tell_has_no_price_and_the_reason(check: str, design: str, reason: str) -> None:
    with pytest.raises(Unpriced, match=reason):
        price(facility_of(design), "unit", verdict(check))


def test_the_loss_begins_with_the_day_of_which_the_verdict_speaks() -> None:
    found = price(facility_of(), "unit", verdict("coil_hot", day_at=T0))
    assert found.begin == T0
    assert found.amount == pytest.approx(8 * WATT)


def test_differences_within_the_sensors_repeatability_and_open_valves_count_nothing() -> None:
    one, two = np.array([1.0, 1.0, 1.0]), np.array([2.0, 2.0, 2.0])
    found = leak(True, np.array([16.6, 20.0, np.nan]), 15 * one, np.array([0.0, 0.3, 0.0]), two, measured=True)
    assert found.heat.tolist()[:2] == [0.0, 0.0]
    assert np.isnan(found.heat[2])
    assert pytest.approx(1206.0) == AIR
    assert both(0.04 * one, one, 1e3, 1e3, one).heat.tolist() == [0.0, 0.0, 0.0]


# -- demand and reactive energy


def watts(*peaks: tuple[float, float], days: int = 20) -> np.ndarray:
    """Energy of quarter hours at 80 kW, but for (hour, kW)."""
    value = np.full(days * 96, 80_000.0 / 4)
    for hour, kilowatts in peaks:
        value[round(hour * 4)] = kilowatts * 1000 / 4
    return value


def peak(hour: float) -> Alert:
    since = T0 + round(hour * HOUR) + 5 * MINUTE
    end = T0 + round(hour * HOUR) + QUARTER
    return Alert(
        "peak", "demand", Severity.HIGH, "main.power", ("main.power",), Condition.RESOLVED, since, end, since, end, limit=1e5
    )


def test_demand_above_the_contract_costs_what_it_adds_to_the_months_charge() -> None:
    found = price(facility_of(), "peak", peak(34.5), books=Books(watts((34.5, 130.0))))
    assert found.money() == pytest.approx((130 - 100) * 40.0)
    shown = found.plain()
    assert (shown["basis"]["amount"], shown["basis"]["unit"]) == (30_000.0, "W")
    assert "energy" not in shown
    assert found.per_day() is None, "a peak is paid once a month"
    assert counterfactual.costs(shown) == "So far 1200.00 CNY."


def test_only_what_exceeds_the_months_other_peaks_is_added() -> None:
    books = Books(watts((10.0, 120.0), (34.5, 130.0), (40.0, 125.0)))
    assert price(facility_of(), "peak", peak(10.0), books=books).money() == pytest.approx((120 - 100) * 40.0), "when it ended"
    assert price(facility_of(), "peak", peak(34.5), books=books).money() == pytest.approx((130 - 120) * 40.0)
    with pytest.raises(Unpriced, match="no_peak"):
        price(facility_of(), "peak", peak(40.0), books=books)


def test_a_contracted_demand_is_exceeded_beyond_its_tolerance_at_its_factor() -> None:
    found = price(facility_of(charges=CONTRACTED), "peak", peak(34.5), books=Books(watts((34.5, 130.0))))
    assert found.money() == pytest.approx((130 - 105) * 2 * 40.0)
    with pytest.raises(Unpriced, match="no_peak"):
        price(facility_of(charges=CONTRACTED), "peak", peak(34.5), books=Books(watts((34.5, 104.0))))


def test_a_tariff_without_a_demand_charge_and_a_month_without_reads_have_no_price() -> None:
    with pytest.raises(Unpriced, match="no_demand_charge"):
        price(facility_of(charges=""), "peak", peak(34.5), books=Books(watts((34.5, 130.0))))
    with pytest.raises(Unpriced, match="no_ledger"):
        price(facility_of(), "peak", peak(34.5))


def cosphi(hours: float) -> Alert:
    since, end = T0, T0 + round(hours * HOUR)
    return Alert("cosphi", "threshold", Severity.MEDIUM, "main.pf", ("main.pf",), Condition.RESOLVED, since, end, since, end)


def test_reactive_energy_beyond_the_standard_costs_the_penalty_that_the_month_would_not_have() -> None:
    settings = facility_of(charges=f"{DEMAND}[tariff.power_factor]\n")
    energy = watts(days=10)
    varh = energy.copy()  # power factor 0.71 all the time: (0.90 - 0.71) x 100 x 0.5 % = 9.5 %
    found = price(settings, "cosphi", cosphi(240), books=Books(energy, varh))
    base = 10 * 24 * 80 * 1.0 + 80 * 40.0 * 10 / 30  # energy, and the days' part of the month's demand charge
    assert found.money() == pytest.approx(base * 0.095, rel=1e-6), "at the standard itself nothing is added or taken off"
    assert found.per_day() == pytest.approx(base * 0.095 / 10, rel=1e-6)
    assert found.plain()["basis"]["unit"] == "varh"
    half = price(settings, "cosphi", cosphi(120), books=Books(energy, varh))
    assert 0 < (half.money() or 0) < (found.money() or 0)


def test_reactive_energy_costs_nothing_where_the_month_is_good_and_where_the_tariff_does_not_ask() -> None:
    energy = watts(days=10)
    good = facility_of(charges=f"{DEMAND}[tariff.power_factor]\n")
    with pytest.raises(Unpriced, match="factor_good"):
        price(good, "cosphi", cosphi(240), books=Books(energy, energy * 0.3))
    with pytest.raises(Unpriced, match="power_factor"):
        price(facility_of(), "cosphi", cosphi(240), books=Books(energy, energy))
