"""Odd days and slow drift as folds."""

from __future__ import annotations

import numpy as np
import pytest

from bench.baselines import recorded
from bench.baselines.synthetic import UTC, drifting, frozen, holidays, load, watch, weather
from metering import cusum
from metering.cusum import DriftState, OddDayState, day_means, relative, step_drift, step_odd, weekly_scale
from metering.towt import Week
from steward.units import DAY, HOUR

MONDAY = 18_267  # 2020-01-06
recorded_data = pytest.mark.skipif(
    not (recorded.DATA / "bdg2").is_dir(), reason="no recorded data bdg2: set STEWARD_DATA to its folder"
)


def residuals(points: int, days: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.02, (days, points))


def test_a_day_20_percent_low_is_odd_and_the_days_before_and_after_are_not() -> None:
    value = residuals(1, 100)[:, 0]
    value[80] = -0.2
    state, row = OddDayState.of(1), np.array([0])
    found = [step_odd(state, row, np.array([MONDAY + i]), value[i : i + 1]) for i in range(100)]
    assert [i for i, step in enumerate(found) if step.odd.any()] == [80]
    assert found[80].z[0] < -4
    assert found[80].value[0] == -0.2
    assert abs(found[80].median[0]) < 0.01


def test_no_day_is_judged_before_28_are_known() -> None:
    state, row = OddDayState.of(1), np.array([0])
    for i in range(28):
        assert np.isnan(step_odd(state, row, np.array([i]), np.array([float(i == 27)])).z).all()
    assert step_odd(state, row, np.array([28]), np.array([9.0])).odd.all()


def test_a_flat_residual_is_judged_by_the_least_scale() -> None:
    state, row = OddDayState.of(1), np.array([0])
    for i in range(60):
        step_odd(state, row, np.array([i]), np.array([0.0]))
    found = step_odd(state, row, np.array([60]), np.array([0.019]))
    assert found.scale[0] == cusum.LEAST_SCALE
    assert not found.odd[0]


def test_a_day_without_a_value_is_neither_judged_nor_remembered() -> None:
    state = OddDayState.of(2)
    found = step_odd(state, np.array([0, 1]), np.array([5, 5]), np.array([np.nan, 0.1]))
    assert found.row.tolist() == [1]
    assert state.seen.tolist() == [0, 1]


def odd_days(value: np.ndarray, parts: list[np.ndarray]) -> list[tuple[int, int]]:
    state, found = OddDayState.of(value.shape[1]), []
    for day in range(len(value)):
        for rows in parts:
            step = step_odd(state, rows, np.full(len(rows), MONDAY + day), value[day, rows])
            found += [(int(row), int(at)) for row, at in zip(step.row[step.odd], step.day[step.odd], strict=True)]
    return sorted(found)


def drifts(value: np.ndarray, parts: list[np.ndarray]) -> list[tuple[float, ...]]:
    state, found = DriftState.of(np.full(value.shape[1], 0.01)), []
    for day in range(len(value)):
        for rows in parts:
            step = step_drift(state, rows, np.full(len(rows), MONDAY + day), value[day, rows])
            columns = (step.row, step.sign, step.week, step.since, step.size)
            found += list(zip(*(column.tolist() for column in columns), strict=True))
    return sorted(found)


def test_points_together_in_parts_or_alone_give_the_same_findings() -> None:
    rng = np.random.default_rng(4)
    value = residuals(12, 300) * 2 + np.linspace(0, 1, 300)[:, None] * rng.normal(0, 0.1, 12)
    value[rng.random(value.shape) < 0.01] += 0.3
    value[rng.random(value.shape) < 0.1] = np.nan
    together = [np.arange(12)]
    alone = [np.array([row]) for row in range(12)]
    shuffled = np.array_split(rng.permutation(12), 4)
    for fold in (odd_days, drifts):
        assert len(fold(value, together)) > 5
        assert fold(value, together) == fold(value, alone) == fold(value, shuffled)


def test_a_step_of_5_percent_is_reported_with_its_start_and_size() -> None:
    value = residuals(1, 300)
    value[140:] += 0.05
    first = drifts(value, [np.array([0])])[0]
    assert first[1] == 1
    assert first[3] == MONDAY + 140
    assert MONDAY + 140 <= first[2] <= MONDAY + 154
    assert first[4] == pytest.approx(0.05, abs=0.015)


def test_a_fall_is_reported_with_its_sign_and_the_sum_restarts_at_zero() -> None:
    value = residuals(1, 300)
    value[140:] -= 0.05
    found = drifts(value, [np.array([0])])
    assert {sign for _, sign, *_ in found} == {-1}
    assert len(found) > 3, "a fault that stays is reported again"


def test_a_standing_offset_of_the_baseline_is_the_centre_and_no_drift() -> None:
    assert drifts(residuals(1, 300) + 0.1, [np.array([0])]) == []


def test_a_week_with_three_days_does_not_count() -> None:
    state, row = DriftState.of(np.array([0.01])), np.array([0])
    for day in range(15):
        value = np.array([0.0 if day < 3 or day >= 7 else np.nan])
        step_drift(state, row, np.array([MONDAY + day]), value)
    assert state.weeks[0] == 1


def test_the_folds_do_not_change_what_they_are_given() -> None:
    value, day, rows = np.array([0.1, 0.2]), np.array([1, 1]), np.array([0, 1])
    kept = value.copy(), day.copy(), rows.copy()
    step_odd(OddDayState.of(2), rows, day, value)
    step_drift(DriftState.of(np.ones(2)), rows, day, value)
    assert all((a == b).all() for a, b in zip((value, day, rows), kept, strict=True))


def test_working_hours_are_those_of_local_time() -> None:
    start = np.arange(48) * HOUR + MONDAY * DAY - 11 * HOUR  # Melbourne in summer is 11 h ahead
    local_hour = np.arange(48) % 24
    residual = np.where((local_hour >= 7) & (local_hour < 19), 0.5, 9.0)
    day, mean = day_means(start, residual, Week("Australia/Melbourne", {}))
    assert day.tolist() == [MONDAY, MONDAY + 1]
    assert mean.tolist() == [0.5, 0.5]


def test_a_day_with_less_than_half_of_its_working_hours_has_no_mean() -> None:
    start = MONDAY * DAY + np.arange(24) * HOUR
    residual = np.where(np.arange(24) < 12, 0.1, np.nan)
    assert np.isnan(day_means(start, residual, UTC)[1]).all()


def test_nothing_positive_expected_gives_no_residual() -> None:
    found = relative(np.array([1.0, 1.0, 3.0]), np.array([0.0, -1.0, 2.0]))
    assert np.isnan(found).tolist() == [True, True, False]
    assert found[2] == 0.5


def test_the_weekly_scale_is_the_robust_spread_of_weekly_means() -> None:
    day = MONDAY + np.arange(70)
    weekly = np.repeat([-3, -2, -1, 0, 0, 0, 0, 1, 2, 30], 7) / 100
    assert weekly_scale(day, weekly) == pytest.approx(1.4826 * 0.01)
    assert weekly_scale(day, np.full(70, np.nan)) == cusum.LEAST_SCALE


def test_24_years_without_drift_give_at_most_6_alerts_in_ten_years_and_drift_is_found_in_time() -> None:
    false, delays = 0, []
    for seed in range(24):
        air = weather(2, seed)
        days = load(air, 730, 0.02, 0.5, 1000 + seed)
        first, second = days.between(days.start[0], days.start[365]), days.between(days.start[365], days.end[-1] + 1)
        baseline, scale = frozen(first, air)
        false += len(watch(baseline, scale, second, air).alerts)
        found = [alert for alert in watch(baseline, scale, drifting(second, 0.02, 63), air).alerts if alert[0] >= 63]
        assert found, "2 % a month for ten months is found in every load"
        delays.append(found[0][0] - 63)
    assert false / 24 <= 0.6
    assert np.median(delays) <= 79


@recorded_data
@pytest.mark.data
@pytest.mark.slow
def test_holidays_of_victoria_are_odd_days_and_few_others_are() -> None:
    demand = recorded.victoria()
    z, day = holidays(demand.hours, demand.weather, Week("Australia/Melbourne", {}))
    holiday = np.isin(day, list(demand.holidays))
    assert holiday.sum() == 28
    assert (np.abs(z[holiday]) > cusum.LIMIT_Z).sum() >= 25
    assert (np.abs(z[~holiday]) > cusum.LIMIT_Z).sum() <= 15
