"""Factors: the shipped ones say where they are from, which one counts where and when, and what changes when one is replaced."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from metering.factors import Factor, Measure, Wanted, candidates, changes, convert, lookup, replaced, rows
from metering.seasons import number
from steward.app.money.tables import shipped_factors
from tests.metering.money import factor

CHINA = Wanted("CN")
DAY = date(2026, 11, 24)
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "factors.md"


def found(carrier: str, measure: Measure, wanted: Wanted = CHINA, day: date = DAY) -> Factor:
    one = lookup(shipped_factors(), carrier, measure, wanted, day)
    assert one is not None
    return one


def test_every_shipped_factor_says_its_standard_its_source_and_how_sure_it_is() -> None:
    assert len(shipped_factors()) >= 20
    for one in shipped_factors():
        assert one.standard, one.id
        assert one.source, one.id
        assert one.mark in ("V", "V secondary", "R"), one.id
        assert one.value > 0


def test_every_shipped_factor_is_in_the_reference() -> None:
    page = PAGE.read_text(encoding="utf-8")
    missing = [one.id for one in shipped_factors() if f"| `{one.id}` | {one.value} " not in page]
    assert missing == []


@pytest.mark.parametrize(
    ("carrier", "measure", "wanted", "day", "value"),
    [
        ("electricity", Measure.COAL, CHINA, DAY, "0.1229"),
        ("electricity", Measure.COAL, Wanted("CN-31", {Measure.COAL: "equivalent"}), DAY, "0.28078"),
        ("electricity", Measure.COAL, Wanted("CN-31", {Measure.COAL: "equivalent"}), date(2020, 1, 1), "0.28232"),
        ("electricity", Measure.CO2, CHINA, DAY, "0.5306"),
        ("electricity", Measure.CO2, CHINA, date(2022, 12, 31), "0.5366"),
        ("electricity", Measure.CO2, CHINA, date(2021, 12, 31), "0.5568"),
        ("electricity", Measure.CO2, Wanted("CN-13"), DAY, "0.7252"),
        ("electricity", Measure.CO2, Wanted("CN-33"), DAY, "0.5306"),
        ("gas", Measure.COAL, CHINA, DAY, "1.2143"),
        ("gas", Measure.COAL, Wanted("CN", ids=frozenset({"coal.gas.older"})), DAY, "1.33"),
    ],
)
def test_the_closest_region_the_kind_and_the_day_choose_the_factor(
    carrier: str, measure: Measure, wanted: Wanted, day: date, value: str
) -> None:
    assert found(carrier, measure, wanted, day).value == Decimal(value)


def test_without_a_region_no_national_factor_is_assumed() -> None:
    assert lookup(shipped_factors(), "electricity", Measure.CO2, Wanted(), DAY) is None
    assert lookup(shipped_factors(), "electricity", Measure.CO2, Wanted("DE"), DAY) is None


def test_a_fuel_by_the_litre_goes_through_its_density() -> None:
    diesel = found("diesel", Measure.COAL)
    assert diesel.of_canonical == pytest.approx(1.4571 * 0.85 * 1000)  # kgce per m3
    lighter = replace(diesel, density=Decimal("0.84"))
    assert lighter.version != diesel.version


def test_heat_by_the_gigajoule_is_the_same_by_the_watt_hour() -> None:
    assert found("heat", Measure.COAL).of_canonical * 1e9 / 3600 == pytest.approx(34.12)


def test_the_operators_factor_goes_before_a_shipped_one_and_one_of_the_same_id_replaces_it() -> None:
    own = factor("ours", value=Decimal("0.123"), own=True)
    every = replaced(shipped_factors(), [own])
    assert candidates(every, "electricity", Measure.COAL, CHINA)[0] is own
    instead = factor("coal.electricity.calorific", value=Decimal("0.124"), own=True)
    left = [one for one in replaced(shipped_factors(), [instead]) if one.id == instead.id]
    assert left == [instead]


def test_consumption_without_a_factor_is_not_a_number_and_none_is_nothing() -> None:
    one = factor(valid_from=date(2026, 1, 1))
    days = np.array([number(date(2025, 12, 31)), number(date(2026, 1, 1))], np.int64)
    kg = convert(np.array([1000.0, 1000.0]), rows([one], days), [one])
    assert np.isnan(kg[0])
    assert kg[1] == pytest.approx(0.1229)
    assert convert(np.zeros(2), rows([], days), []).tolist() == [0.0, 0.0]


def test_a_change_of_factors_names_the_days_to_restate_and_nothing_else() -> None:
    old = list(shipped_factors())
    new = replaced(old, [replace(one, value=Decimal("0.5310"), own=True) for one in old if one.id == "co2.electricity.2023"])
    (changed,) = changes(old, new, ["electricity", "gas", "heat"], CHINA, date(2022, 6, 1), date(2026, 1, 1))
    assert (changed.carrier, changed.measure) == ("electricity", Measure.CO2)
    assert (changed.first, changed.last) == (date(2023, 1, 1), date(2026, 1, 1))
    assert (changed.old, changed.new) == ("co2.electricity.2023=0.5306", "co2.electricity.2023=0.5310")
    assert changes(old, old, ["electricity"], CHINA, date(2022, 1, 1), date(2026, 1, 1)) == []
