"""Cost, carbon and coal: sums are exact, the parts are what the tariff says, results name what they used."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.cost import PARTS, cost, costs, price, restated, worth
from metering.factors import Measure
from metering.intervals import Flag, Method
from metering.tariffs import Block, DemandCharge, DemandKind, Fee, PowerFactorClause
from steward.units import HOUR
from tests.metering.money import BERLIN, OFFICE, SHANGHAI, basis, factor, ns, quarters, tariff

MONTH = ("2026-11-01T00:00+08:00", "2026-12-01T00:00+08:00")
RICH = tariff(
    demand=DemandCharge(DemandKind.MEASURED, Decimal("41.3")),
    blocks=(Block(Decimal(100), Decimal("0.05")),),
    blocks_per="month",
    fees=(Fee("meter", Decimal("17.77")),),
    power_factor=PowerFactorClause(),
    tax=Decimal("0.13"),
    taxed=False,
)


def test_a_month_by_hand() -> None:
    columns = quarters(*MONTH, 10_000.0)
    found = cost(price(columns, basis(RICH, calendar=OFFICE), columns.value * 0.6))
    assert found is not None
    # 21 workdays: 4 h peak; 30 days: 10 h valley; the rest flat; 10 kW
    assert found.quantities == pytest.approx({"peak": 21 * 40, "valley": 30 * 100, "flat": 7200 - 840 - 3000})
    assert found.energy == {"peak": 840_000_000, "valley": 900_000_000, "flat": 3360 * 700_000}
    net = {"energy": 4_092_000_000, "blocks": 355_000_000, "demand": 413_000_000, "fixed": 17_770_000}
    assert {part: found.parts[part] for part in net} == net
    # power factor 1 / sqrt(1.36) = 0.857 -> 0.86: four hundredths, 2 % of energy and demand
    assert found.parts["power_factor"] == pytest.approx(0.02 * (4_092 + 355 + 413) * 1e6, abs=3000)
    assert found.parts["tax"] == pytest.approx(0.13 * (found.total - found.parts["tax"]), abs=3000)
    assert found.demands[0].kw == Decimal("10.0")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(0, 1e6), min_size=96, max_size=96 * 3),
    st.sampled_from(["hour", "day", "month"]),
    st.sampled_from([SHANGHAI, BERLIN]),
)
def test_totals_are_sums_of_their_parts_by_part_name_and_period(watts: list[float], period: str, zone: str) -> None:
    columns = quarters("2026-10-24T00:00+00:00", "2026-10-24T00:00+00:00").take(slice(0, 0))
    start = ns("2026-10-24T00:00+00:00")
    columns = quarters("2026-10-24T00:00+00:00", "2026-10-27T00:00+00:00").take(slice(0, len(watts)))
    columns = replace(columns, value=np.array(watts) / 4)
    assert columns.start[0] == start
    priced = price(columns, basis(RICH, zone=zone), columns.value)
    whole, rows = cost(priced), costs(priced, zone, period)
    assert whole is not None
    assert whole.total == sum(row.total for row in rows) == int(priced.money().sum())
    assert whole.total == sum(whole.parts[part] for part in PARTS)
    for part in PARTS:
        assert whole.parts[part] == sum(row.parts[part] for row in rows)
    assert whole.parts["energy"] == sum(whole.energy.values())
    for name, money in whole.energy.items():
        assert money == sum(row.energy.get(name, 0) for row in rows)


def test_a_figure_does_not_depend_on_where_a_question_begins() -> None:
    columns = quarters(*MONTH, lambda at: 5000 + 1000 * np.sin(at / 3e13))
    under = basis(RICH, calendar=OFFICE)
    whole = price(columns, under)
    start, end = ns("2026-11-10T00:00+08:00"), ns("2026-11-12T00:00+08:00")
    inside = (columns.start >= start) & (columns.start < end)
    part = price(columns.take(inside), basis(replace(RICH, demand=None, blocks=()), calendar=OFFICE))
    assert whole.between(start, end).parts["energy"].tolist() == part.parts["energy"].tolist()
    assert whole.between(start, end).parts["fixed"].tolist() == part.parts["fixed"].tolist()


def test_a_version_that_begins_inside_the_month_prices_its_own_days_and_is_named() -> None:
    old, new = (
        tariff(valid_to=date(2026, 11, 11)),
        tariff(valid_from=date(2026, 11, 11), prices={"flat": Decimal(2)}, periods=()),
    )
    rows = costs(price(quarters(*MONTH), basis(old, new)), SHANGHAI, "day")
    assert rows[9].tariffs == ("tou",)
    assert rows[10].tariffs == ("tou@2026-11-11",)
    assert rows[10].total == 48_000_000


def test_what_no_tariff_and_no_factor_covers_is_said_and_not_counted_as_free() -> None:
    priced = price(quarters(*MONTH), basis(tariff(valid_from=date(2026, 11, 16)), factors=[factor()]))
    found = cost(priced)
    assert found is not None
    assert found.uncovered == pytest.approx(0.5)
    assert found.co2 is None
    assert found.coal == pytest.approx(720 * 0.1229)
    assert any("no tariff" in told for told in priced.warnings)
    assert any("no co2 factor" in told for told in priced.warnings)


def test_the_share_that_rests_on_estimates_is_shown() -> None:
    columns = quarters(*MONTH)
    columns.flags[:720] = Flag.SPREAD
    columns.method[:720] = Method.INTERPOLATED
    found = cost(price(columns, basis(RICH)))
    assert found is not None
    assert found.estimated == pytest.approx(0.25)


def test_tax_that_the_prices_hold_is_told_but_not_added() -> None:
    found = cost(price(quarters(*MONTH), basis(tariff(tax=Decimal("0.13")))))
    assert found is not None
    assert found.parts["tax"] == 0
    assert found.tax_within == pytest.approx(found.total * 0.13 / 1.13, abs=1)


def test_a_month_without_a_peak_says_that_its_demand_charge_is_not_known() -> None:
    columns = quarters(*MONTH)
    columns.flags[:] = Flag.SPREAD
    priced = price(columns, basis(RICH))
    assert priced.demands[0].kw is None
    assert any("demand charge is not known" in told for told in priced.warnings)


def test_months_that_begin_on_the_billing_day_count_their_own_peak_blocks_and_fees() -> None:
    day = 20
    columns = quarters("2026-09-20T00:00+08:00", "2026-12-20T00:00+08:00", lambda at: 5000 + 500 * np.sin(at / 3e14))
    peaks = {"2026-10-25T10:00+08:00": 30_000.0, "2026-11-22T10:00+08:00": 20_000.0}
    for text, watts in peaks.items():
        columns.value[columns.start == ns(text)] = watts / 4
    priced = price(columns, basis(replace(RICH, billing_day=day, taxed=True, power_factor=None), calendar=OFFICE))
    first, second, third = costs(priced, SHANGHAI, "billing", day)
    assert (second.start, second.end) == (ns("2026-10-20T00:00+08:00"), ns("2026-11-20T00:00+08:00"))
    assert [one.kw for one in (*second.demands, *third.demands)] == [Decimal(30), Decimal(20)]
    assert second.parts["demand"] == 30 * 41_300_000
    assert third.parts["demand"] == 20 * 41_300_000
    assert [one.parts["fixed"] for one in (first, second, third)] == [17_770_000] * 3
    for one in (first, second, third):
        assert one.parts["blocks"] == pytest.approx((one.quantity - 100) * 50_000, abs=3000)


def test_a_warning_is_of_the_time_that_was_asked_for() -> None:
    columns = quarters("2026-10-01T00:00+08:00", "2026-12-01T00:00+08:00")
    columns.flags[: 10 * 96] = Flag.MISSING
    priced = price(columns, basis(tariff(valid_from=date(2026, 10, 6)), factors=[factor(), factor("c", measure=Measure.CO2)]))
    assert any("no tariff" in told for told in priced.warnings)
    assert any("does not know 16% of the time" in told for told in priced.warnings)
    november = priced.between(ns(MONTH[0]), ns(MONTH[1])).warnings
    assert not any("tariff" in told or "does not know" in told for told in november)


def test_the_power_factor_is_of_the_quarter_hours_of_which_both_energies_are_known() -> None:
    columns = quarters(*MONTH)
    reactive = columns.value * 0.75  # a power factor of 0.8
    reactive[1000:] = np.nan
    priced = price(columns, basis(RICH), reactive)
    assert priced.power_factors == pytest.approx([0.8])
    assert price(columns, basis(RICH), np.full(len(columns), np.nan)).power_factors == ()


def test_replacing_a_factor_restates_the_periods_that_rested_on_it_and_no_others() -> None:
    columns = quarters("2025-12-01T00:00+08:00", "2026-02-01T00:00+08:00")
    old = [
        factor("y25", measure=Measure.CO2, kind="location", valid_to=date(2026, 1, 1), value=Decimal("0.5366")),
        factor("y26", measure=Measure.CO2, kind="location", valid_from=date(2026, 1, 1), value=Decimal("0.5306")),
        factor(),
    ]
    new = [old[0], replace(old[1], value=Decimal("0.5200")), old[2]]
    before, after = (costs(price(columns, basis(RICH, factors=each)), SHANGHAI, "month") for each in (old, new))
    assert before[0].factors == ("y25=0.5366", "coal=0.1229")
    (changed,) = restated(before, after)
    assert changed.start == ns("2026-01-01T00:00+08:00")
    assert changed.old is not None
    assert changed.new is not None
    assert (changed.old.total, changed.old.coal) == (changed.new.total, changed.new.coal)
    assert changed.new.co2 == pytest.approx(744 * 0.52)
    assert changed.new.factors[0] == "y26=0.5200"


def test_an_avoided_amount_is_worth_its_hours_and_no_demand_or_fees() -> None:
    under = basis(RICH, calendar=OFFICE, factors=[factor()])
    start = ns("2026-11-24T10:00+08:00")
    found = worth(8_000.0, start, start + 2 * HOUR, under)  # 4 kWh at peak, 4 flat, and tax
    assert found.money == pytest.approx((4 * 1.0 + 4 * 0.7) * 1.13 * 1e6, abs=1)
    assert found.coal == pytest.approx(8 * 0.1229)
    assert found.tariffs == ("tou",)
    more = worth(8_000.0, start, start + 2 * HOUR, under, counted=100.0)
    assert more.money == pytest.approx((4 * 1.05 + 4 * 0.75) * 1.13 * 1e6, abs=1)
    assert worth(1.0, start, start + 60, basis()).money is None
    with pytest.raises(ValueError, match="no price"):
        worth(1.0, start, start, under)


def test_nothing_has_no_cost() -> None:
    empty = quarters(MONTH[0], MONTH[0])
    assert cost(price(empty, basis(RICH))) is None
    assert costs(price(empty, basis(RICH)), SHANGHAI, "day") == []
