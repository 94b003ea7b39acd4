"""Deviation on whole loads: steps and falls, offsets, short weeks, years without a drift, recorded holidays."""

from __future__ import annotations

import numpy as np
import pytest

from bench.baselines import recorded
from bench.baselines.synthetic import autoregressive
from bench.rules import drift
from bench.rules.recorded import fired, odd_days, place, refitted
from rules.kinds.deviation import FLOOR, Deviation
from steward.model import Alert, FloatArray
from steward.units import DAY, HOUR


def days(relative: FloatArray, judge: str = "day") -> list[Alert]:
    """Alerts on one load whose actual / expected by day is given, NaN: nothing is known."""
    at = np.arange(drift.START, drift.START + len(relative) * DAY, 2 * HOUR)
    value = 1000 * relative[(at - drift.START) // DAY]
    columns = {"p": value, "p.expected": np.full(len(at), 1000.0)}
    return fired(Deviation(judge=judge), place(tuple(columns), "UTC"), at, columns)  # type: ignore[arg-type]


def noise(count: int, seed: int = 1) -> FloatArray:
    return 1 + np.random.default_rng(seed).normal(0, 0.02, count)


def test_a_day_20_percent_low_is_odd_and_the_days_before_and_after_are_not() -> None:
    value = noise(100)
    value[80] = 0.8
    assert [(alert.since - drift.START) // DAY for alert in days(value)] == [81], "known when the day is over"


def test_a_flat_residual_is_judged_by_the_least_spread() -> None:
    value = np.ones(100)
    value[70] += 3.8 * FLOOR
    assert days(value) == []
    value[70] += 0.4 * FLOOR
    assert len(days(value)) == 1


def test_a_step_of_5_percent_is_a_drift_with_its_start_and_a_fall_has_its_sign() -> None:
    for sign in (1, -1):
        value = noise(300)
        value[140:] += sign * 0.05
        found = days(value, "drift")
        first = found[0]
        assert 140 < (first.since - drift.START) // DAY <= 162
        assert np.sign(first.value) == sign
        assert abs((first.evidence["drifts_since"] - drift.START) // DAY - 140) <= 14, "two weeks, as it is restated"
        assert len(found) > 1, "a fault that stays is told again"


def test_a_standing_offset_of_the_baseline_is_usual_and_no_drift() -> None:
    assert days(noise(300) + 0.1, "drift") == []


def test_weeks_with_three_days_do_not_count() -> None:
    value = noise(300)
    value[140:] += 0.05
    day = np.arange(drift.START // DAY, drift.START // DAY + 300)
    value[((day + 3) % 7 >= 3) & (np.arange(300) >= 140)] = np.nan
    assert days(value, "drift") == []


@pytest.mark.slow
def test_24_years_without_drift_give_at_most_6_alerts_in_ten_years_and_drift_is_found_in_time() -> None:
    assert len(drift.judged(drift.known(0.02, 0.5, 0.0, drift.DAYS))) / (drift.LOADS * 2) <= 0.6
    late = drift.delays(drift.judged(drift.known(0.02, 0.5, 0.02, 420)), drift.FIRST)
    assert len(late) == drift.LOADS
    assert np.median(late) <= 79


@pytest.mark.data
@pytest.mark.slow
def test_holidays_of_victoria_are_odd_days_and_few_others_are() -> None:
    if not (recorded.DATA / "bdg2").is_dir():
        pytest.skip("no recorded data bdg2: set STEWARD_DATA to its folder")
    demand = recorded.victoria()
    at, end = demand.hours.start, int(demand.hours.end[-1])
    columns = {"p": demand.hours.value, "p.expected": refitted(demand, 28)}
    odd = odd_days(fired(Deviation(), place(tuple(columns), "Australia/Melbourne"), at, columns), end)
    first = (int(at[0]) + 10 * HOUR) // DAY + 56
    holidays = {day for day in demand.holidays if day >= first}
    odd = {day for day in odd if day >= first}
    assert len(holidays) == 28
    assert len(odd & holidays) >= 25
    assert len(odd - holidays) <= 15


def test_noise_with_memory_alone_is_no_odd_day_more_than_once_a_month() -> None:
    value = 1 + autoregressive(300, 0.02, 0.5, np.random.default_rng(7))
    assert len(days(value)) <= 10
