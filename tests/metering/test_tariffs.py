"""Tariffs: which price holds when, in local civil time with daylight saving, and what demand, blocks, fees and tax add."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering import rates
from metering.demand import billed_kw, peak, power_factor_share
from metering.intervals import QUARTER, Flag
from metering.seasons import HeatingSeason, Local, Span, heated, number
from metering.tariffs import Block, DemandCharge, DemandKind, Fee, PowerFactorClause, TariffPeriod, choose, in_force
from steward.units import HOUR, MINUTE
from tests.metering.money import BERLIN, OFFICE, SHANGHAI, ns, quarters, tariff


def name_at(moment: str, zone: str = SHANGHAI) -> str:
    one = tariff()
    at = np.array([ns(moment) // QUARTER * QUARTER], np.int64)
    return one.row_names()[int(one.rows(Local.of(at, zone), OFFICE)[0])]


@pytest.mark.parametrize(
    ("moment", "name"),
    [
        ("2026-11-24T09:00+08:00", "peak"),
        ("2026-11-24T08:59+08:00", "flat"),
        ("2026-11-24T11:00+08:00", "flat"),
        ("2026-07-01T10:00+08:00", "sharp"),
        ("2026-08-31T16:45+08:00", "sharp"),
        ("2026-09-01T10:00+08:00", "peak"),
        ("2026-11-22T10:00+08:00", "flat"),  # a Sunday
        ("2026-10-10T10:00+08:00", "peak"),  # a Saturday that is worked
        ("2026-10-01T12:00+08:00", "deep_valley"),  # a holiday
        ("2026-11-24T22:00+08:00", "valley"),
        ("2026-11-24T07:45+08:00", "valley"),
    ],
)
def test_the_price_follows_season_kind_of_day_and_local_hour(moment: str, name: str) -> None:
    assert name_at(moment) == name


def test_on_daylight_saving_days_the_hours_are_those_of_the_wall_clock() -> None:
    one = tariff()
    for first, last, hours in (("2026-03-29", "2026-03-30", 7), ("2026-10-25", "2026-10-26", 9)):
        start, end = rates.midnight(date.fromisoformat(first), BERLIN), rates.midnight(date.fromisoformat(last), BERLIN)
        local = Local.of(np.arange(start, end, QUARTER, dtype=np.int64), BERLIN)
        early = (one.rows(local, None) == 3) & (local.minute < 480)
        assert int(early.sum()) == hours * 4


def test_the_version_in_force_changes_at_local_midnight() -> None:
    old = tariff(valid_to=date(2026, 7, 1))
    new = tariff(valid_from=date(2026, 7, 1))
    start = np.array([ns("2026-06-30T23:45+08:00"), ns("2026-07-01T00:00+08:00")], np.int64)
    assert in_force([old, new], Local.of(start, SHANGHAI).day).tolist() == [0, 1]


def test_the_tariff_of_the_point_goes_before_that_of_the_site_and_of_all() -> None:
    for_all, of_site, of_point = tariff(id="a"), tariff(id="s", sites=("x",)), tariff(id="p", points=("m",))
    every = [for_all, of_site, of_point]
    assert choose(every, "electricity", "x", "m") == [of_point]
    assert choose(every, "electricity", "x", "other") == [of_site]
    assert choose(every, "electricity", "y") == [for_all]
    assert choose(every, "water", "y") == []


def test_a_season_over_the_turn_of_the_year_holds_on_both_sides() -> None:
    winter = HeatingSeason("north", Span((11, 15), (3, 15)))
    days = np.array([number(date(2026, *day)) for day in ((11, 14), (11, 15), (12, 31), (1, 1), (3, 15), (3, 16))], np.int64)
    assert heated(days, [winter], "a").tolist() == [False, True, True, True, True, False]


def test_one_winter_of_its_own_goes_before_the_rule_and_other_sites_are_untouched() -> None:
    rule = HeatingSeason("rule", Span((11, 15), (3, 15)))
    early = HeatingSeason("2026", Span((11, 1), (3, 31)), ("a",), date(2026, 10, 1), date(2027, 6, 1))
    days = np.array([number(date(2026, 11, 5)), number(date(2027, 11, 5))], np.int64)
    assert heated(days, [rule, early], "a").tolist() == [True, False]
    assert heated(days, [rule, early], "b").tolist() == [False, False]


def test_peak_demand_is_the_greatest_block_and_a_sliding_window_may_lie_higher() -> None:
    columns = quarters("2026-11-01T00:00+08:00", "2026-11-02T00:00+08:00", 10_000.0)
    columns.value[33:37] = 40_000 / 4  # 08:15 to 09:15
    local = Local.of(columns.start, SHANGHAI)
    found = peak(columns, local, QUARTER)
    assert found is not None
    assert (found.power, found.at) == (40_000.0, ns("2026-11-01T08:15+08:00"))
    hour, sliding = peak(columns, local, HOUR), peak(columns, local, HOUR, sliding=True)
    assert hour is not None
    assert sliding is not None
    assert (hour.power, sliding.power) == (32_500.0, 40_000.0)


def test_what_may_carry_no_peak_makes_none() -> None:
    columns = quarters("2026-11-01T00:00+08:00", "2026-11-02T00:00+08:00", 10_000.0)
    columns.value[40], columns.flags[40] = 90_000 / 4, Flag.SPREAD
    local = Local.of(columns.start, SHANGHAI)
    found = peak(columns, local, 30 * MINUTE)
    assert found is not None
    assert found.power == 10_000.0
    assert found.covered == pytest.approx(47 / 48)
    columns.flags[:] = Flag.SPREAD
    assert peak(columns, local) is None
    with pytest.raises(ValueError, match="multiple of 15 min"):
        peak(columns, local, 20 * MINUTE)


def test_each_kind_of_demand_charge_bills_what_it_says() -> None:
    columns = quarters("2026-11-01T00:00+08:00", "2026-11-02T00:00+08:00", 115_000.0)
    found = peak(columns, Local.of(columns.start, SHANGHAI))
    charge = DemandCharge(DemandKind.CONTRACTED, Decimal(40), contracted=Decimal(100))
    assert billed_kw(replace(charge, kind=DemandKind.MEASURED), found) == Decimal("115.0")
    assert billed_kw(charge, found) == Decimal(100) + (Decimal(115) - Decimal(105)) * 2
    assert billed_kw(replace(charge, contracted=Decimal(110)), found) == Decimal(110)
    assert billed_kw(replace(charge, kind=DemandKind.CAPACITY), None) == Decimal(100)
    assert billed_kw(charge, None) == Decimal(100)
    assert billed_kw(replace(charge, kind=DemandKind.MEASURED), None) is None


def test_an_interval_across_the_edge_of_a_block_is_priced_on_both_sides() -> None:
    one = tariff(blocks=(Block(Decimal(10), Decimal("0.1")), Block(Decimal(20), Decimal("0.5"))))
    value = np.array([8_000.0, 8_000.0, 8_000.0])  # Wh
    group = np.zeros(3, np.int64)
    assert rates.blocks(value, group, one).tolist() == [0, 600_000, 2_400_000]  # 6 x 0.1; 4 x 0.1 + 4 x 0.5
    assert rates.blocks(value, np.array([0, 1, 2]), one).tolist() == [0, 0, 0]
    assert rates.blocks(value, group, one, before=20.0).tolist() == [4_000_000] * 3


@given(
    st.integers(-(10**13), 10**13),
    st.sampled_from(["2026-02-10", "2026-03-29", "2026-10-25", "2028-02-29"]),
    st.sampled_from(["day", "month", "year"]),
)
def test_the_shares_of_a_charge_add_up_to_it_in_every_month_and_on_every_day(total: int, day: str, per: str) -> None:
    bounds = rates.span(date.fromisoformat(day), per, BERLIN)
    start = np.arange(*bounds, QUARTER, dtype=np.int64)
    shares = rates.spread(total, start, bounds)
    assert int(shares.sum()) == total
    assert int(shares.max()) - int(shares.min()) <= 1


def test_fees_by_day_month_and_year_are_spread_over_their_time() -> None:
    one = tariff(fees=(Fee("a", Decimal(24), "day"), Fee("b", Decimal(30), "month"), Fee("c", Decimal(365), "year")))
    columns = quarters("2026-11-01T00:00+08:00", "2026-11-02T00:00+08:00")
    money = rates.fees(columns.start, Local.of(columns.start, SHANGHAI).day, one, SHANGHAI)
    assert int(money.sum()) == pytest.approx(26_000_000, abs=1)


def test_the_power_factor_adds_below_its_standard_and_takes_off_above_with_limits() -> None:
    clause = PowerFactorClause()
    assert power_factor_share(clause, 0.90) == 0
    assert power_factor_share(clause, 0.85) == Decimal("0.025")
    assert power_factor_share(clause, 0.93) == Decimal("-0.0045")
    assert power_factor_share(clause, 1.0) == Decimal("-0.0075")
    assert power_factor_share(clause, 0.3) == Decimal("0.1")


def test_money_is_rounded_half_up_and_tax_is_exact() -> None:
    assert rates.micro(Decimal("0.0000005")) == 1
    assert rates.micro(Fraction(1, 3)) == 333_333
    assert rates.times(np.array([100, 150], np.int64), Fraction(13, 100)).tolist() == [13, 20]


def test_a_period_may_have_a_price_of_its_own() -> None:
    one = tariff(periods=(TariffPeriod("peak", price=Decimal("9.9")),))
    assert one.row_prices() == (Decimal("9.9"), Decimal("0.7"))
