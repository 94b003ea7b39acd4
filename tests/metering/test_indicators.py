"""Indicators: figures on loads whose indicators are known by construction, and the reasons where there is none."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from metering.columns import Columns, quality, sum_periods
from metering.indicators import REASONS, compare, load, peak, per, profile
from metering.intervals import QUARTER, Flag, Method, Period
from steward.model import FloatArray
from steward.units import SECOND

ZONE = "Asia/Shanghai"
PEAK = int(Flag.PEAK_ELIGIBLE)


def at(text: str, zone: str = ZONE) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * SECOND


def days(first: str, count: int, watts: FloatArray, zone: str = ZONE, **more: object) -> Columns:
    """`watts` by quarter hour of the day, repeated."""
    start = at(first, zone) + np.arange(count * 96) * QUARTER
    return Columns.of(start, start + QUARTER, np.tile(watts, count) / 4, **{"flags": np.full(count * 96, PEAK), **more})


OFFICE = np.full(96, 100.0)
OFFICE[32:72] = 500.0  # 8:00 to 18:00
WEEK = days("2026-10-12T00:00", 7, OFFICE)  # Monday to Sunday


def test_an_office_week_has_the_indicators_of_its_shape() -> None:
    found = load(WEEK, ZONE)
    assert found.total == pytest.approx(7 * (14 * 100 + 10 * 500))
    assert found.mean == pytest.approx(found.total / 168)
    assert (found.peak.value, found.peak.at) == (500.0, at("2026-10-12T08:00"))
    assert found.baseload.value == 100.0
    assert found.baseload_share.value == pytest.approx(100 / found.mean)
    assert found.load_factor.value == pytest.approx(found.mean / 500)
    assert found.night_share.value == pytest.approx(8 * 100 / 6400)
    assert found.weekend_share.value == pytest.approx(2 / 7)


def test_a_make_up_workday_is_no_weekend() -> None:
    saturday = at("2026-10-17T12:00") // (86_400 * SECOND)
    found = load(WEEK, ZONE, lambda day: day == saturday or (day + 3) % 7 < 5)
    assert found.weekend_share.value == pytest.approx(1 / 7)


def test_a_peak_is_taken_from_closely_measured_quarter_hours_alone() -> None:
    flags, method = np.full(96 * 7, PEAK), np.zeros(96 * 7)
    value = np.tile(OFFICE, 7) / 4
    value[40] = 1e6
    flags[40] = Flag.SPREAD
    method[40] = Method.INTERPOLATED
    found = peak(Columns.of(WEEK.start, WEEK.end, value, flags=flags, method=method))
    assert found.value == 500.0
    none = peak(Columns.of(WEEK.start, WEEK.end, value))
    assert (none.value, none.at, none.reason) == (None, None, "no_peak_eligible")


def test_a_load_whose_shape_is_mostly_unknown_has_a_total_and_no_shape() -> None:
    flags = np.full(96 * 7, int(Flag.SPREAD))
    flags[: 96 * 5] = PEAK
    found = load(Columns.of(WEEK.start, WEEK.end, WEEK.value, flags=flags), ZONE)
    assert found.total == pytest.approx(WEEK.total())
    assert {one.reason for one in (found.baseload, found.load_factor, found.night_share)} == {"shape_unknown"}
    assert found.quality.spread == pytest.approx(2 / 7)


def test_no_figure_is_given_by_nothing() -> None:
    empty = load(WEEK.take(slice(0, 0)), ZONE)
    assert (empty.baseload.value, empty.baseload.reason) == (None, "no_data")
    assert per(100.0, None, "no_area").reason == "no_area"
    assert per(100.0, 0, "no_people").value is None
    assert per(100.0, 50.0, "no_area").value == 2.0
    gone = Columns.missing(WEEK.start, WEEK.end)
    assert per(100.0, 50.0, "no_area", quality(gone)).reason == "not_whole"
    assert {empty.baseload.reason, "no_area", "not_whole"} <= REASONS.keys()


def test_a_period_is_compared_by_the_hour_and_refused_where_it_is_not_known() -> None:
    longer = days("2026-09-01T00:00", 14, OFFICE)
    found = compare(WEEK, longer)
    assert found.change == pytest.approx(0)
    assert found.difference == pytest.approx(0)
    assert compare(WEEK, Columns.missing(WEEK.start, WEEK.end)).reason == "not_comparable"
    assert compare(WEEK, WEEK.take(slice(0, 0))).change is None


def test_the_heat_map_has_a_row_for_each_day_and_a_cell_for_each_hour() -> None:
    found = profile(WEEK, ZONE)
    assert found.heat.shape == (7, 24)
    assert found.heat[0].tolist() == [100.0] * 8 + [500.0] * 10 + [100.0] * 6
    assert found.weekday.tolist() == OFFICE.tolist()
    assert found.duration[0] == 500.0
    assert (np.diff(found.duration) <= 0).all()
    assert len(found.duration) == 201


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29T00:00", 23), ("2026-10-25T00:00", 25)])
def test_a_change_day_has_a_gap_or_a_doubled_hour(day: str, hours: int) -> None:
    start = at(day, "Europe/Berlin") + np.arange(hours * 4) * QUARTER
    columns = Columns.of(start, start + QUARTER, np.full(hours * 4, 25.0))
    found = profile(columns, "Europe/Berlin")
    assert found.heat.shape == (1, 24)
    assert np.isnan(found.heat).sum() == (1 if hours == 23 else 0)
    assert np.nanmax(found.heat) == 100.0
    assert sum_periods(columns, "Europe/Berlin", Period.DAY).value.tolist() == [hours * 100.0]


def test_a_gap_is_a_hole_in_the_heat_map_and_no_zero() -> None:
    flags = np.full(96 * 7, PEAK)
    flags[40:48] = Flag.MISSING
    value = WEEK.value.copy()
    value[40:48] = 0
    found = profile(Columns.of(WEEK.start, WEEK.end, value, flags=flags), ZONE)
    assert np.isnan(found.heat[0, 10:12]).all()
    assert found.weekday[40] == 500.0
    assert not found.shape[0, 10]
