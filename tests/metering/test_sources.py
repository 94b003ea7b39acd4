"""Sources other than a plain register end as reads of one; a bank of clean registers agrees with their ledgers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from metering.bank import Bank
from metering.intervals import QUARTER, Flag, Method, canonical
from metering.ledger import Ledger
from metering.reads import Parameters, Reads, Source, join
from metering.sources import Integration, Scale, add_up, integrate, interval_meter, merge, pulses
from steward.units import DAY, HOUR, MINUTE


def test_ratios_of_transformers_are_exact() -> None:
    scale = Scale(Fraction(1000), Fraction(1, 100), Fraction(1), (500, 5), (10_000, 100))
    assert scale.factor == 100_000
    assert canonical(np.array([3]), scale.factor).tolist() == [300.0]
    assert Scale(Fraction(1), direction=-1).factor == -1
    with pytest.raises(ValueError, match="positive"):
        Scale(current=(0, 5))


def test_pulses_become_a_register_and_a_repeated_message_counts_once() -> None:
    at = np.array([1, 2, 2, 3]) * HOUR
    assert pulses(at, np.array([5, 7, 7, 2])).value.tolist() == [5, 12, 14]


def test_an_interval_meter_keeps_its_missing_intervals_open() -> None:
    start = np.array([0, 1, 4]) * HOUR
    made = interval_meter(start, HOUR, np.array([10, 20, 30]))
    assert made.gaps == ((2 * HOUR, 4 * HOUR),)
    assert made.reads.at.tolist() == [0, HOUR, 2 * HOUR, 4 * HOUR, 5 * HOUR]
    assert made.reads.value.tolist() == [0, 10, 30, 30, 60]


def test_a_gauge_is_integrated_by_its_declared_method_and_not_over_a_long_gap() -> None:
    at = np.array([0, 30, 60, 240]) * MINUTE
    power = np.array([1000.0, 3000.0, 3000.0, 3000.0])
    line = integrate(at, power, HOUR)
    held = integrate(at, power, HOUR, Integration.HOLD)
    assert line.reads.value.tolist() == [0, 1000, 2500, 2500]
    assert held.reads.value.tolist() == [0, 500, 2000, 2000]
    assert line.gaps == ((HOUR, 4 * HOUR),)
    made = Ledger("g", Parameters(rate=10_000, cadence=30 * MINUTE))
    made.add(line.reads)
    every = made.intervals()
    assert every.has(Flag.INTEGRATED).all()
    assert not every.has(Flag.PEAK_ELIGIBLE).any()


def test_a_manual_read_marks_the_intervals_that_rest_on_it() -> None:
    made = Ledger("m", Parameters(rate=100, cadence=HOUR))
    made.add(Reads.of(np.arange(5) * HOUR, np.arange(5) * 10))
    made.add(Reads.of([10 * HOUR], [110], source=Source.MANUAL))
    every = made.intervals()
    assert every.method[-1] == Method.INTERPOLATED
    assert every.has(Flag.SPREAD).sum() == 24


def test_a_lower_source_fills_the_silence_of_the_better_one_and_else_only_checks_it() -> None:
    device = Reads.of(np.array([0, 1, 2, 10]) * HOUR, np.array([0, 10, 20, 100]))
    person = Reads.of(np.array([90, 300, 550]) * MINUTE, np.array([15, 55, 70]), source=Source.MANUAL)
    used, checks = merge([device, person], HOUR)
    assert used.value.tolist() == [0, 10, 20, 55, 100]
    assert [(one.expected, one.value, one.agrees(1)) for one in checks] == [
        (15.0, 15, True),
        (pytest.approx(91.67, abs=0.01), 70, False),
    ]
    late = Reads.of([5 * HOUR], [52])
    assert merge([join([device, late]), person], HOUR)[0].value.tolist() == [0, 10, 20, 52, 100]


def test_tariff_registers_add_up_on_one_grid() -> None:
    parts = []
    for slope in (3, 5):
        made = Ledger("t", Parameters(rate=100, cadence=HOUR))
        made.add(Reads.of(np.arange(9) * HOUR, np.arange(9) * slope))
        parts.append(made.intervals())
    assert add_up(parts).total() == 8 * 8000
    with pytest.raises(ValueError, match="same grid"):
        add_up([parts[0], parts[1].take(slice(1, None))])


def test_a_bank_of_clean_registers_gives_the_intervals_of_their_ledgers_and_names_those_in_trouble() -> None:
    rng = np.random.default_rng(3)
    many, hours = 40, 6
    parameters = [Parameters(rate=400.0, cadence=QUARTER)] * many
    bank = Bank(parameters)
    at = (np.arange(hours * 4 + 1) * QUARTER)[None, :] + rng.integers(0, 60, (many, 1)) * 10**9
    value = 1000 + np.cumsum(rng.integers(0, 90, at.shape), axis=1)
    value[7, 9] = 0
    got: list[np.ndarray[tuple[int, int], np.dtype[np.int64]]] = []
    trouble: set[int] = set()
    for hour in range(hours):
        rows = slice(hour * 4, hour * 4 + 5)
        number = np.repeat(np.arange(many, dtype=np.int32), 5)
        edges = np.arange(hour * 4, hour * 4 + 5) * QUARTER
        closed = bank.close(number, at[:, rows].ravel(), value[:, rows].ravel(), edges)
        trouble |= set(closed.trouble.tolist())
        got.append(np.where(closed.known, closed.value, -1))
    assert trouble == {7}
    found = np.concatenate(got, axis=1)
    for register in set(range(many)) - trouble:
        made = Ledger("m", parameters[register])
        made.add(Reads.of(at[register], value[register]))
        expected = made.intervals(0, hours * 4 * QUARTER).value
        known = found[register] >= 0
        assert known.sum() >= hours * 3
        np.testing.assert_array_equal(found[register][known], expected[known])


def test_what_a_day_counts_of_a_gauge_does_not_depend_on_where_its_series_begins() -> None:
    at = np.arange(0, 4 * DAY, 7 * MINUTE, dtype=np.int64)
    power = 1234.5 + 321.7 * np.sin(np.arange(len(at)))
    whole = integrate(at, power, HOUR, resolution=1e-3)
    part = integrate(at[150:], power[150:], HOUR, resolution=1e-3)
    later = at[150:] >= 2 * DAY  # the first day of the part is not whole
    first, second = np.diff(whole.reads.value[150:][later]), np.diff(part.reads.value[later])
    assert first.tolist() == second.tolist()
    assert whole.reads.value[-1] * 1e-3 == pytest.approx(np.trapezoid(power, at) / HOUR, abs=0.01)


def test_power_below_zero_is_no_consumption_and_no_register_that_runs_backwards() -> None:
    at = np.arange(0, DAY, 15 * MINUTE, dtype=np.int64)
    power = np.where(np.arange(len(at)) % 8 < 4, 1000.0, -3000.0)
    found = integrate(at, power, HOUR)
    assert (np.diff(found.reads.value) >= 0).all()
    assert found.reads.value[-1] == integrate(at, np.maximum(power, 0), HOUR).reads.value[-1] > 0
