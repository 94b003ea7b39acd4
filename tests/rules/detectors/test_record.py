"""The record ratio: scalar and bank agree, what it finds, what it does not, and what a person may take back."""

from __future__ import annotations

import numpy as np
import pytest

from rules.detectors.contract import Episodes
from rules.detectors.record import RecordRatio
from rules.detectors.record_bank import Bank
from rules.detectors.record_columns import COLUMNS
from steward.model import FloatArray
from steward.units import MINUTE

START = 1_735_689_600 * 10**9
STEP = 5 * MINUTE
FAULT = 5050
SAME_HOUR = (2000, 3152, 4304)


def day(seed: int, rows: int = 5400, noise: float = 1.0) -> FloatArray:
    """A daily sine of amplitude 10 with noise, 5 min."""
    rng = np.random.default_rng(seed)
    return 10 * np.sin(2 * np.pi * np.arange(rows) / 288) + rng.normal(0, noise, rows)


def told(value: FloatArray, *, gate: bool = True, mute: int = 576) -> list[int]:
    """Rows at which an alert begins, after two days of learning."""
    detector, episodes, rows = RecordRatio(gate=gate), Episodes(RecordRatio.threshold), []
    for row, x in enumerate(value.tolist()):
        t = START + row * STEP
        if episodes.add(detector.score(x, t) if row >= mute else 0.0, t):
            rows.append(row)
        detector.learn(x, t)
    return rows


def found(make: FloatArray, within: int) -> bool:
    return any(FAULT <= row < FAULT + within for row in told(make))


def agree(rows: int, series: int) -> tuple[float, int, bool]:
    """(largest difference of scores, scores above 0, whether some week profile took over)."""
    rng = np.random.default_rng(3)
    at = START + np.arange(rows) * STEP
    worktime = at // (24 * 3600 * 10**9) % 7 < 5
    value = np.stack([day(seed, rows) * np.where(worktime, 1 + seed, 1) for seed in range(series)], axis=1)
    value[rows // 2 : rows // 2 + 10, 0] += 60
    value[rows // 3, 1] = 1e5
    value[rng.random(value.shape) < 0.01] = np.nan
    bank, single = Bank(series, "Europe/Berlin"), [RecordRatio("Europe/Berlin") for _ in range(series)]
    worst, above = 0.0, 0
    for x, t in zip(value, at.tolist(), strict=True):
        one = np.array([detector.score(v, t) for detector, v in zip(single, x.tolist(), strict=True)])
        worst, above = max(worst, float(np.abs(bank.score(x, t) - one).max())), above + int((one > 0).sum())
        bank.learn(x, t)
        for detector, v in zip(single, x.tolist(), strict=True):
            detector.learn(v, t)
    return worst, above, bool(bank.columns["weekly"].any())


def test_bank_and_scalar_form_agree() -> None:
    worst, above, _ = agree(1500, 2)
    assert worst < 1e-9
    assert above > 20


@pytest.mark.slow
def test_bank_and_scalar_form_agree_over_a_take_over_by_the_week() -> None:
    worst, above, weekly = agree(20_000, 3)
    assert worst < 1e-9
    assert above > 1000
    assert weekly


def test_the_bank_does_not_care_which_series_come_together() -> None:
    value = np.stack([day(seed, 900) for seed in range(4)], axis=1)
    whole, apart = Bank(4), Bank(4)
    for row, x in enumerate(value):
        t = START + row * STEP
        whole.learn(x, t)
        for pick in ([2], [0, 3], [1]):
            part = np.full(4, np.nan)
            part[pick] = x[pick]
            apart.learn(part, t)
    for name, column in whole.columns.items():
        np.testing.assert_array_equal(column, apart.columns[name], err_msg=name)


def test_the_bank_does_not_care_in_which_order_its_series_come() -> None:
    """Samples of one moment come as devices send them: all rows together, but seldom in their order."""
    rng = np.random.default_rng(5)
    value = np.stack([day(seed, 900) * (1 + seed) for seed in range(4)], axis=1)
    sorted_, mixed = Bank(4), Bank(4)
    for row, x in enumerate(value):
        at = np.full(4, START + row * STEP)
        slot, hour = (np.full(4, number) for number in (row % 288, row // 12 % 168))
        one = sorted_.step(np.arange(4), at, x, slot, hour)
        order = rng.permutation(4)
        other = mixed.step(order, at, x[order], slot, hour)
        np.testing.assert_array_equal(other.score, one.score[order])
    for name, column in sorted_.columns.items():
        np.testing.assert_array_equal(column, mixed.columns[name], err_msg=name)


def test_columns_that_are_a_part_of_others_are_refused_not_forgotten() -> None:
    wide = {name: np.full((4, *column.shape), column.initial, column.dtype) for name, column in COLUMNS.items()}
    bank = Bank.over({name: column[::2] for name, column in wide.items()})
    with pytest.raises(ValueError, match="not contiguous"):
        bank.step(np.arange(2), np.full(2, START), np.ones(2), np.zeros(2, np.int64), np.zeros(2, np.int64))


def test_faults_of_a_daily_load_are_found() -> None:
    shift, stuck, missing, double = (day(seed) for seed in range(4))
    shift[FAULT:] += 8
    stuck[FAULT : FAULT + 288] = stuck[FAULT]
    missing[FAULT : FAULT + 288] = -10
    double[FAULT : FAULT + 288] *= 2
    assert found(shift, 60)
    assert found(stuck, 288)
    assert found(missing, 288)
    assert found(double, 288)


def test_gross_errors_do_not_blind_it() -> None:
    value = day(5)
    value[[4000, 4200, 4400, 4600, 4800]] = 1e5
    value[FAULT:] += 16
    assert found(value, 10)
    assert {4000, 4200, 4400, 4600, 4800} <= set(told(value))
    assert not any(FAULT <= row < FAULT + 10 for row in told(value, gate=False))


def test_a_fault_seen_twice_is_known_unless_a_person_says_that_it_was_real() -> None:
    value = day(6)
    for row in SAME_HOUR:
        value[row : row + 4] += 30
    assert [row for row in SAME_HOUR if any(row <= one < row + 4 for one in told(value))] == list(SAME_HOUR[:2])
    detector, seen = RecordRatio(), []
    for row, x in enumerate(value.tolist()):
        t = START + row * STEP
        if detector.score(x, t) >= detector.threshold and row in SAME_HOUR:
            seen.append(row)
            detector.keep()
        detector.learn(x, t)
        if row - 60 in SAME_HOUR:
            detector.forget()
    assert seen == list(SAME_HOUR)


def test_an_alert_says_what_it_saw() -> None:
    detector = RecordRatio()
    value = [10.0, 11.0, 12.0, 11.0] * 150 + [30.0]
    for row, x in enumerate(value):
        score = detector.score(x, START + row * STEP)
        detector.learn(x, START + row * STEP)
    assert score > 1
    assert detector.view == "jump over 24"
    assert detector.beyond == pytest.approx(np.exp(score) - 1)
    assert detector.expected == pytest.approx(11, abs=0.1)


def test_a_signal_that_repeats_every_few_samples_is_known_after_a_while() -> None:
    value = np.tile(np.array([10, 11, 12, 13, 14, 15, 14, 13, 12, 11.0]), 100)
    assert told(value, mute=200) == []


def test_one_alert_an_episode_and_another_when_it_grows() -> None:
    episodes = Episodes(1.0, quiet=5)
    scores = [0, 1.2, 0, 1.3, 0, 2.0, 0, 0, 0, 0, 0, 1.1]
    assert [row for row, score in enumerate(scores) if episodes.add(score, row)] == [1, 5, 11]
    assert episodes.last is not None
    assert episodes.last.start == 11


@pytest.mark.slow
def test_rates_on_twenty_synthetic_loads() -> None:
    hits = {"shift of 6": 0, "spike of 9": 0, "stuck": 0, "missing": 0, "double": 0, "noise": 0}
    false = 0
    for seed in range(20):
        rng = np.random.default_rng(100 + seed)
        plain = day(seed)
        false += sum(row >= 576 for row in told(plain))
        for name in hits:
            value = plain.copy()
            if name == "shift of 6":
                value[FAULT:] += 6
            elif name == "spike of 9":
                value[FAULT + 80] += 9 + 10
            elif name == "stuck":
                value[FAULT : FAULT + 288] = value[FAULT]
            elif name == "missing":
                value[FAULT : FAULT + 288] = -10
            elif name == "double":
                value[FAULT : FAULT + 288] *= 2
            else:
                value[FAULT : FAULT + 288] += rng.normal(0, 2, 288)
            hits[name] += found(value, 300)
    assert false / (20 * (5400 - 576) / 288) <= 0.1
    assert {name: count for name, count in hits.items() if count < 18} == {}
