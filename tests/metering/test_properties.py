"""The eight properties of the ledger, on torture series with faults of every kind, each named by its number:

1 order, repetition, batches; 2 sums between good reads; 3 late reads and anchors; 4 what is settled; 5 clean series;
6 no negative interval, sums over periods in every zone; 7 held reads and declared events; 8 arrival late and twice.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.declarations import Declaration, Declared
from metering.intervals import QUARTER, Flag, Period, share_floor, to_periods
from metering.ledger import Ledger
from metering.reads import Parameters, Reads, admit
from simulators.registers import KINDS, Torture, arrivals, torture
from steward.model import IntArray
from steward.units import DAY, HOUR, MINUTE
from tests.metering.series import ledger as made_of

SEEDS = st.integers(0, 2**31)


def columns(series: Torture) -> tuple[IntArray, IntArray]:
    at, raw = series.reads()
    admitted = admit(raw, 1.0, series.digits)
    return at[admitted.kept], admitted.value


def parameters(series: Torture) -> Parameters:
    return Parameters(rate=series.limit, digits=series.digits, cadence=series.cadence)


def whole(series: Torture) -> Ledger:
    made = Ledger("m", parameters(series))
    made.add(Reads.of(*columns(series)))
    return made


def same(one: Ledger, other: Ledger) -> None:
    first, second = one.intervals(), other.intervals()
    for name in ("start", "value", "method", "confidence", "first_read", "last_read", "flags"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)
    np.testing.assert_array_equal(one.held.at, other.held.at)
    assert one.labels() == other.labels()


def hard(seed: int, days: int = 14, count: int = 4) -> Torture:
    return torture(seed, KINDS, count, days, 15 * MINUTE if seed % 2 else HOUR, apart=6 * HOUR)


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, order=st.randoms(use_true_random=False), pieces=st.integers(1, 12))
def test_any_order_repetition_and_batching_gives_the_same_ledger(seed: int, order: object, pieces: int) -> None:
    series = hard(seed)
    at, value = columns(series)
    rows = np.random.default_rng(seed).permutation(np.concatenate((np.arange(len(at)), np.arange(0, len(at), 7))))
    made = Ledger("m", parameters(series))
    for part in np.array_split(rows, pieces):
        made.add(Reads.of(at[part], value[part]))
    same(made, whole(series))


@settings(max_examples=6, deadline=None)
@given(seed=SEEDS, step=st.integers(1, 300))
def test_reads_in_small_steps_at_the_live_edge_give_the_same_ledger_as_all_at_once(seed: int, step: int) -> None:
    series = hard(seed)
    at, value = columns(series)
    made = Ledger("m", parameters(series))
    for first in range(0, len(at), max(step, len(at) // 60)):
        made.add(Reads.of(at[first : first + max(step, len(at) // 60)], value[first : first + max(step, len(at) // 60)]))
    same(made, whole(series))


@settings(max_examples=12, deadline=None)
@given(seed=SEEDS, places=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=8, max_size=8))
def test_between_good_reads_the_intervals_sum_to_register_difference_plus_events(
    seed: int, places: list[tuple[float, float]]
) -> None:
    made = whole(hard(seed))
    solution, every = made.solution, made.intervals()
    edges = np.append(every.start, every.start[-1] + QUARTER)
    total = np.concatenate(([0], np.cumsum(every.value)))
    for one, other in places:
        first, last = sorted(int(place * (len(solution) - 1)) for place in (one, other))
        if solution.at[first] % QUARTER or solution.at[last] % QUARTER:
            continue
        sums = total[np.searchsorted(edges, solution.at[last])] - total[np.searchsorted(edges, solution.at[first])]
        links = slice(first + 1, last + 1)
        step = np.diff(solution.value[first : last + 1]) * 1000
        expected = (solution.value[last] - solution.value[first]) * 1000 + (solution.gain[links] - step).sum()
        assert sums == expected
        plain = (solution.kind[links] == 0) & (solution.power[links] == 0)
        assert (solution.gain[links][plain] == step[plain]).all()


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, share=st.floats(0.05, 0.95), length=st.integers(1, 40))
def test_late_reads_change_nothing_outside_the_anchors_and_end_as_if_in_time(seed: int, share: float, length: int) -> None:
    series = hard(seed)
    at, value = columns(series)
    first = int(share * (len(at) - length))
    late = np.zeros(len(at), np.bool_)
    late[first : first + length] = True
    made = Ledger("m", parameters(series))
    made.add(Reads.of(at[~late], value[~late]))
    before = made.solution.at[made.solution.anchors]
    revisions = made.add(Reads.of(at[late], value[late]))
    full = whole(series)
    same(made, full)
    anchors = np.intersect1d(before, full.solution.at[full.solution.anchors])
    low = anchors[anchors < at[first]]
    high = anchors[anchors > at[first + length - 1]]
    for revision in revisions:
        assert not len(low) or revision.start.min() + QUARTER > low[-1]
        assert not len(high) or (revision.start.max() < high[0] or full.solution.power.any())


@settings(max_examples=12, deadline=None)
@given(seed=SEEDS, share=st.floats(0.1, 1))
def test_what_is_settled_in_a_prefix_is_equal_in_the_full_series(seed: int, share: float) -> None:
    series = hard(seed, 20)
    at, value = columns(series)
    size = int(share * len(at))
    made = Ledger("m", parameters(series))
    made.add(Reads.of(at[:size], value[:size]))
    if len(made.solution.anchors) and made.settled_until > int(at[0]):
        one = made.intervals(int(at[0]), made.settled_until)
        other = whole(series).intervals(int(at[0]), made.settled_until)
        np.testing.assert_array_equal(one.value, other.value)
        np.testing.assert_array_equal(one.method, other.method)


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS)
def test_a_clean_series_loses_no_read_and_has_no_event(seed: int) -> None:
    series = torture(seed, (), 0, 30)
    made = whole(series)
    assert not made.labels()
    assert not made.solution.kind.any()
    assert made.intervals().total() == 1000 * (series.truth[-1] - series.truth[0])


@settings(max_examples=12, deadline=None)
@given(seed=SEEDS)
def test_no_interval_is_negative_but_flagged_backflow(seed: int) -> None:
    every = whole(hard(seed)).intervals()
    assert every.has(Flag.BACKFLOW)[every.value < 0].all()


@settings(max_examples=40, deadline=None)
@given(
    total=st.integers(-(2**51), 2**51),
    whole_=st.integers(1, 2**60),
    share=st.fractions(0, 1),
)
def test_the_floor_of_a_share_is_exact_beyond_64_bits(total: int, whole_: int, share: object) -> None:
    part = int(share * whole_)  # type: ignore[operator]
    found = share_floor(np.array([total]), np.array([part]), np.array([whole_]))
    assert int(found[0]) == total * part // whole_


@pytest.mark.parametrize(
    ("zone", "day", "quarters"),
    [
        ("Europe/Berlin", "2026-03-29", 92),
        ("Europe/Berlin", "2026-10-25", 100),
        ("Asia/Shanghai", "2026-10-25", 96),
        ("Australia/Lord_Howe", "2026-10-04", 94),
        ("Australia/Lord_Howe", "2026-04-05", 98),
        ("America/New_York", "2026-11-01", 100),
    ],
)
def test_quarters_sum_to_hours_days_and_months_on_the_days_of_the_clock_change(zone: str, day: str, quarters: int) -> None:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    noon = int(datetime.fromisoformat(day + "T12:00").replace(tzinfo=ZoneInfo(zone)).timestamp()) * 10**9
    at = noon - 3 * DAY + np.arange(6 * 24 * 4, dtype=np.int64) * QUARTER
    at = at // QUARTER * QUARTER
    value = np.cumsum(np.random.default_rng(1).integers(0, 9, len(at)))
    every = made_of(at, value.astype(float).tolist(), cadence=QUARTER).intervals()
    days = to_periods(every, zone, Period.DAY)
    hours = to_periods(every, zone, Period.HOUR)
    inside = (days.start <= noon) & (days.end > noon)
    assert days.count[inside].tolist() == [quarters]
    for periods in (days, hours, to_periods(every, zone, Period.MONTH), to_periods(every, zone, Period.BILLING, 5)):
        assert periods.value.sum() == every.total() == 1000 * (value[-1] - value[0])
        assert (periods.end[:-1] == periods.start[1:]).all()
    mine = (hours.start >= days.start[inside][0]) & (hours.end <= days.end[inside][0])
    assert hours.value[mine].sum() == days.value[inside][0]


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS)
def test_arrival_late_and_twice_ends_as_in_time(seed: int) -> None:
    series = hard(seed, 10)
    at, raw = series.reads()
    made = Ledger("m", parameters(series))
    for rows in arrivals(series, seed):
        admitted = admit(raw[rows], 1.0, series.digits)
        made.add(Reads.of(at[rows][admitted.kept], admitted.value))
    same(made, whole(series))


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS)
def test_held_reads_change_no_total_and_declared_events_with_their_reads_leave_no_error(seed: int) -> None:
    series = torture(seed, ("swap_low", "swap_high", "reset"), 2, 14, HOUR, apart=3 * DAY)
    made = whole(series)
    last, level = int(series.at[-1]), int(made.solution.level[-1])
    made.add(Reads.of([last + HOUR, last + 2 * HOUR], [0, 0]))
    assert int(made.solution.level[-1]) == level
    for moment, end, start in series.declared:
        made.declare(Declaration(moment, Declared.SWAP, end=end, start=start), 1)
    truth = int(series.truth[-1] - series.truth[0])
    assert abs(int(made.solution.level[-1]) / 1000 - truth) <= len(series.declared)  # reads are whole units
