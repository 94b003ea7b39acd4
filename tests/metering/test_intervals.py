"""Interval columns: marks of gaps and peaks, sums over periods with what is missing said."""

from __future__ import annotations

import numpy as np
import pytest

from metering.intervals import QUARTER, Flag, Method, Period, to_periods
from metering.ledger import Ledger
from metering.reads import Parameters, Reads
from steward.units import DAY, HOUR, MINUTE


def test_only_quarter_hourly_reads_give_a_peak() -> None:
    for cadence, eligible in ((15 * MINUTE, True), (18 * MINUTE, True), (HOUR, False)):
        made = Ledger("m", Parameters(rate=400, cadence=cadence))
        made.add(Reads.of(np.arange(20) * cadence, np.arange(20) * 7))
        inside = made.intervals().take(slice(0, 8))
        assert inside.has(Flag.PEAK_ELIGIBLE).all() == eligible


def test_a_gap_is_counted_spread_and_less_sure_the_longer_it_is() -> None:
    trust = []
    for hours in (3, 12, 96):
        made = Ledger("m", Parameters(rate=400, daily=2000, cadence=HOUR))
        made.add(Reads.of(np.array([0, 1, 1 + hours, 2 + hours]) * HOUR, np.array([0, 10, 10 + 10 * hours, 20 + 10 * hours])))
        gap = made.intervals(HOUR, (1 + hours) * HOUR)
        assert gap.total() == 10_000 * hours
        assert gap.has(Flag.SPREAD).all()
        assert (gap.method == Method.INTERPOLATED).all()
        trust.append(float(gap.confidence[0]))
    assert trust == sorted(trust, reverse=True)


def test_a_period_says_how_much_of_it_is_covered_and_carries_the_worst_method() -> None:
    made = Ledger("m", Parameters(rate=400, cadence=HOUR))
    made.add(Reads.of(np.arange(13) * HOUR, np.arange(13) * 10))
    days = to_periods(made.intervals(0, DAY), "UTC", Period.DAY)
    assert days.coverage.tolist() == [0.5]
    assert days.value.tolist() == [120_000]
    assert days.method.tolist() == [Method.ESTIMATED]


def test_a_billing_period_begins_on_its_day_and_a_wrong_day_is_refused() -> None:
    made = Ledger("m", Parameters(rate=400, cadence=HOUR))
    made.add(Reads.of(np.arange(24 * 70) * HOUR, np.arange(24 * 70) * 10))
    periods = to_periods(made.intervals(), "Asia/Shanghai", Period.BILLING, 5)
    assert [(int(start) + 8 * HOUR) // DAY for start in periods.start] == [0, 4, 35, 63]
    with pytest.raises(ValueError, match="billing day 31"):
        to_periods(made.intervals(), "UTC", Period.BILLING, 31)


def test_what_lies_at_the_live_edge_is_provisional_and_what_waits_is_held() -> None:
    at = np.arange(24 * 8) * HOUR
    value = 1000 + np.arange(24 * 8) * 10
    made = Ledger("m", Parameters(rate=400, cadence=HOUR))
    made.add(Reads.of(at, value))
    made.add(Reads.of([24 * 8 * HOUR], [0]))
    every = made.intervals(0, 24 * 8 * HOUR + QUARTER)
    edge = made.settled_until
    assert 24 * 5 * HOUR < edge < 24 * 7 * HOUR
    assert (every.has(Flag.PROVISIONAL) == (every.start + QUARTER > edge)).all()
    assert every.has(Flag.HELD).sum() == 5
    assert len(made.held) == 1
    assert every.total() == 1000 * (value[-1] - value[0])
