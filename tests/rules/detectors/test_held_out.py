"""The benches' own arithmetic: baselines with one protocol, splits by hash, faults put in, counting."""

from __future__ import annotations

from datetime import date

import numpy as np

from bench.detect import peers
from bench.detect.held_out import days, network, series
from bench.detect.holidays import by_day
from bench.detect.water import YEAR, Home, buildings, drawn
from steward.units import DAY, HOUR

EPOCH = date(1970, 1, 1).toordinal()


def test_the_rolling_z_sees_a_column_that_leaves_its_range_and_a_state_that_stands_does_not_drown_it() -> None:
    rng = np.random.default_rng(1)
    rows = np.stack((rng.normal(0, 1, 600), np.zeros(600)), axis=1)
    rows[100, 1] = 1.0
    rows[500, 0] = 12.0
    score = peers.rolling(rows[:300], rows[300:])
    assert score.argmax() == 200
    assert score[200] > 8


def test_a_peer_sees_the_last_twelve_values_or_value_and_jump() -> None:
    batch = peers.Peer("batch", lambda fit, rows: rows[:, -1], False, 1.0)
    stream = peers.Peer("stream", lambda fit, rows: rows[:, 1], True, 1.0)
    value = np.arange(40.0)
    assert batch.rows(value)[20].tolist() == list(range(9, 21))
    assert stream.rows(value)[20].tolist() == [20.0, 1.0]
    assert stream.series(value, 10).tolist() == [0.0] * 10 + [1.0] * 30
    assert np.isclose(np.median(batch.series(value, 10)[:10]), 0.0)


def test_holidays_of_the_united_states_are_those_of_the_calendar_on_weekdays() -> None:
    want = ["2006-01-02", "2006-01-16", "2006-02-20", "2006-05-29", "2006-07-04", "2006-09-04", "2006-10-09", "2006-11-10",
            "2006-11-23", "2006-12-25"]  # fmt: skip
    assert sorted(days.american(2006)) == [date.fromisoformat(day).toordinal() - EPOCH for day in want]


def test_shares_are_put_into_working_hours_of_days_three_weeks_apart() -> None:
    at = np.arange(400 * 24) * HOUR
    one = days.Building("", at, np.full(len(at), 10.0), np.full(len(at), 10.0))
    value, chosen = days.trials(one, -0.2, 5)
    assert len(chosen) == days.TRIALS
    assert min(np.diff(sorted(chosen))) >= 21
    changed = np.flatnonzero(value != 10.0)
    assert set((at[changed] // DAY).tolist()) == chosen
    assert set((at[changed] % DAY // HOUR).tolist()) == set(range(7, 19))
    assert np.allclose(by_day(at, value / one.expected - 1)[min(chosen)], -0.2)


def test_buildings_are_sums_of_homes_drawn_by_hash_whatever_their_order() -> None:
    at = np.arange(0, int(0.98 * YEAR), HOUR)
    homes = [Home(at, np.cumsum(np.full(len(at), 1e-3 * (n + 1))), f"key{n}") for n in range(4)]
    pairs = buildings(homes, 2)
    assert [home.key for home in buildings(homes[::-1], 2)] == [home.key for home in pairs]
    order = sorted(range(4), key=lambda n: drawn(f"key{n}"))
    litres = (pairs[0].read[-1] - pairs[0].read[0]) / (len(pairs[0].at) - 1) * 1e3
    assert np.isclose(litres, order[0] + order[1] + 2, rtol=1e-3)


def test_a_fault_counts_as_found_where_an_alert_begins_in_its_day_and_not_where_an_episode_runs() -> None:
    one = series.Series("", np.arange(2000) * HOUR, np.sin(np.arange(2000.0)))
    calm, running = np.zeros(2000), np.zeros(2000)
    running[1490:1500] = 5.0
    odd = np.full(24, 5.0)
    for plain, found in ((calm, 1), (running, 0)):
        told = series.count([one], [series.Scores(plain, {("a day 1 higher", 1500): odd})], 4.0)
        assert told.found["a day 1 higher"] == [found, 1]
        assert told.false == 1 - found


def test_alarms_that_follow_within_half_a_day_are_one_episode() -> None:
    alarm = np.zeros(100, np.bool_)
    alarm[[0, 1, 10, 40, 53]] = True
    assert network.episodes(alarm).tolist() == [0, 40, 53]


def test_the_first_day_beyond_all_learned_ones_is_told_by_batch_and_by_streaming_peers() -> None:
    far = peers.Peer("batch", lambda fit, rows: np.abs(rows - fit.mean(axis=0)).max(axis=1), False, 1.0)
    stream = peers.Peer("stream", lambda fit, rows: np.abs(rows - fit.mean(axis=0)).max(axis=1), True, 1.0)
    learned, odd, calm = np.array([[1.0], [2.0], [1.0], [2.0]]), np.array([[1.5], [9.0], [9.0]]), np.array([[1.5], [2.0]])
    for one in (far, stream):
        assert peers.first_beyond(one, [(learned, odd), (learned, calm), (learned, odd[1:])]) == [2, 0, 1]
