"""Quotas: data with its source, amounts, pace, and forecasts whose range holds what came."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest
import tomli

from metering.quota import Amount, BadQuota, Basis, Days, Per, Quota, amount, forecast, outlook, pace, pick, read_table
from metering.ranking import Building, rank
from steward.model import FloatArray

TABLES = [tomli.loads(one.read_text("utf-8")) for one in files("metering.data").iterdir() if one.name.startswith("quota-")]
Y2025, Y2026, Y2027 = 20_089, 20_454, 20_819
"""Local day numbers of the first of January."""


def year(seed: int, growth: float = 1.0, noise: float = 0.05, weather: bool = False) -> Days:
    """Two years with a summer peak; the second one `growth` times the first; noise of neighbouring days goes together."""
    draw = np.random.default_rng(seed)
    day = np.arange(Y2025, Y2027)
    warm = 15 - 13 * np.cos(2 * np.pi * (day - Y2025 - 20) / 365.25) + draw.normal(0, 2, len(day))
    excess = np.stack([np.maximum(18 - warm, 0), np.maximum(warm - 26, 0)])
    level = 1000 + 20 * excess[0] + 60 * excess[1] if weather else 1200 - 300 * np.cos(2 * np.pi * (day - Y2025) / 365.25)
    error = np.zeros(len(day))
    for number in range(1, len(day)):
        error[number] = 0.6 * error[number - 1] + draw.normal(0, noise)
    value = level * (1 + error) * np.where(day >= Y2026, growth, 1.0) * np.where((day + 3) % 7 < 5, 1.0, 0.5)
    return Days(day, value, np.ones(len(day), bool), excess if weather else None)


def test_shipped_quotas_say_where_they_come_from_and_how_sure_that_is() -> None:
    assert TABLES
    for raw in TABLES:
        for row in read_table(raw):
            assert row.standard
            assert row.clause
            assert "[R]" in row.source or "[V]" in row.source
            assert row.guide is None or row.guide <= row.limit


def test_the_quota_of_a_building_is_that_of_its_use_grade_and_climate() -> None:
    rows = [row for raw in TABLES for row in read_table(raw)]
    found = pick(rows, "energy", "government_office", "B", "hot_summer_cold_winter", 2026)
    assert found is not None
    assert (found.limit, found.guide, found.per) == (90_000.0, 65_000.0, Per.M2)
    assert pick(rows, "energy", "government_office", "B", "hot_summer_cold_winter", 2010) is None
    assert pick(rows, "water", "government_office", "B", "temperate", 2026) is None
    assert pick(rows, "energy", "school", "B", "temperate", 2026) is None


def test_an_amount_needs_what_it_is_stated_for() -> None:
    by_area = Quota("q", "energy", Per.M2, 90_000.0, 65_000.0)
    assert amount(by_area, 100.0, None).limit == 9e6
    assert amount(by_area, None, 5).reason == "no_area"
    assert amount(Quota("q", "water", Per.PERSON, 10.0, None), 100.0, None).reason == "no_people"
    assert amount(Quota("q", "energy", Per.SITE, 5.0, None), None, None).limit == 5.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"unit": "m3"}, "no unit of 'energy'"),
        ({"row": [{"limit": 10, "guide": 20}]}, "row 1: limit 10, guide 20, expected 0 < guide <= limit"),
        ({"row": [{"limit": 10, "climate": "tropical"}]}, "climate 'tropical'"),
        ({"row": [{"guide": 20}]}, "no 'limit'"),
        ({"per": "door"}, "'door'"),
        ({"unit": "kilo"}, "unknown unit"),
    ],
)
def test_a_wrong_table_is_refused_with_its_row(change: dict[str, object], words: str) -> None:
    with pytest.raises(BadQuota, match=words.replace("(", r"\(")):
        read_table({**TABLES[0], **change})


def total(days: Days, first: int = Y2026, end: int = Y2027) -> float:
    return float(days.span(first, end).value.sum())


@pytest.mark.parametrize(("weather", "basis"), [(False, Basis.SEASON), (True, Basis.DEGREE_DAYS)])
def test_the_range_of_a_forecast_holds_the_years_end_about_nine_times_in_ten(weather: bool, basis: Basis) -> None:
    inside, widths = 0, []
    for seed in range(40):
        days = year(seed, growth=1.1 if not weather else 1.0, weather=weather)
        today = Y2026 + 200
        found = forecast(days.span(Y2025, today), Y2026, today, Y2027, seed)
        assert found.basis is basis
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= total(days) <= found.high
        widths.append((found.high - found.low) / total(days))
    assert 31 <= inside <= 40
    assert np.median(widths) < 0.12


def test_a_forecast_says_what_it_rests_on() -> None:
    days = year(1)
    today = Y2026 + 120
    assert forecast(days.span(Y2026, today), Y2026, today, Y2027).basis is Basis.RUN_RATE
    early = forecast(days.span(Y2025, Y2026 + 14), Y2026, Y2026 + 14, Y2027)
    assert (early.basis, early.value) == (Basis.NONE, None)
    done = forecast(days, Y2026, Y2027, Y2027)
    assert done.value == done.low == pytest.approx(total(days))


def test_the_same_days_give_the_same_forecast() -> None:
    days, today = year(3), Y2026 + 150
    assert forecast(days.span(Y2025, today), Y2026, today, Y2027) == forecast(days.span(Y2025, today), Y2026, today, Y2027)


def test_pace_follows_the_shape_of_last_year() -> None:
    days, today = year(2, noise=0.0), Y2026 + 100
    found = pace(days.span(Y2025, today), Y2026, today, Y2027, limit=total(days, Y2025, Y2026))
    assert found.shape == "last_year"
    assert found.pace == pytest.approx(1.0, abs=0.01)
    assert found.expected < 100 / 365  # the winter of this load is below its mean
    alone = pace(days.span(Y2026, today), Y2026, today, Y2027, limit=1e6)
    assert (alone.shape, alone.expected) == ("days", pytest.approx(100 / 365))


def made(limit: float | None, guide: float | None) -> Amount:
    return Amount(Quota("q", "energy", Per.SITE, 1.0, None), limit, guide)


def test_the_outlook_is_read_off_the_range() -> None:
    found = forecast(year(4).span(Y2025, Y2026 + 200), Y2026, Y2026 + 200, Y2027)
    assert found.low is not None
    assert found.high is not None
    assert outlook(found, made(found.high + 1, found.high + 1)) == "within_guide"
    assert outlook(found, made(found.high + 1, found.low)) == "within_limit"
    assert outlook(found, made((found.low + found.high) / 2, None)) == "may_exceed"
    assert outlook(found, made(found.low - 1, None)) == "will_exceed"
    assert outlook(found, made(None, None)) == "unknown"


def building(id: str, value: float | None, area: float = 8000.0, use: str = "office", climate: str = "cold") -> Building:
    return Building(id, use, climate, area, value, "" if value is not None else "not_whole")


def test_buildings_rank_among_their_like_alone() -> None:
    values: FloatArray = np.array([30.0, 10.0, 20.0, 20.0])
    peers = [building(f"p{number}", float(value)) for number, value in enumerate(values)]
    found = {one.id: one for one in rank([*peers, building("big", 5.0, area=30_000.0), building("gap", None)])}
    assert [found[f"p{number}"].rank for number in range(4)] == [4, 1, 2, 2]
    assert found["p1"].percentile == 1.0
    assert found["p0"].percentile == 0.0
    assert found["p1"].median == 20.0
    assert (found["big"].rank, found["big"].reason) == (None, "too_few_peers")
    assert (found["gap"].rank, found["gap"].reason, found["gap"].of) == (None, "not_whole", 4)


def test_a_building_that_is_not_described_does_not_rank() -> None:
    (one,) = rank([building("x", 5.0, climate="")], least=1)
    assert one.reason == "not_described"
    assert rank([building("x", 5.0)], least=1)[0].reason == "too_few_peers"


def test_a_load_that_never_changes_has_a_forecast_all_the_same() -> None:
    first, today, end = 20_454, 20_540, 20_819
    day = np.arange(first, today)
    value = np.full(len(day), 100.0)
    value[0] = 150.0  # one odd week: all the others are alike
    found = forecast(Days(day, value, np.ones(len(day), np.bool_)), first, today, end)
    assert found.value is not None
    assert np.isfinite([found.value, found.low, found.high]).all()
    assert found.value == pytest.approx(100 * (end - first) + 50, rel=0.01)
