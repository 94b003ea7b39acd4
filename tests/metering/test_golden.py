"""The named series: what meters sent in the field and what the peers make of it, each with its right answer."""

from __future__ import annotations

import numpy as np
import pytest

from bench.metering.peers import PEERS
from metering.explain import Link
from metering.intervals import Flag
from metering.reads import Label, admit
from steward.model import IntArray
from steward.units import HOUR, MINUTE
from tests.metering.series import STEADY, around, between, ledger

GLITCHES = {
    "1.83e21 sixteen times": ([115603, *[1.83e21] * 16, 115749], 9, 146, None),
    "zero sixteen times": ([115823, *[0] * 16, 115969], 9, 146, Label.ZERO),
    "a small negative value": ([139968, -7.07e-3, 140114], 70, 146, None),
    "almost zero": ([165599, 0.00303, 165746], 70, 147, Label.ZERO),
    "a single dip": ([146129, 145693, 146274], 70, 145, Label.DIP),
    "trailing digits lost": ([23999, 23000, 24000], 1, 1, Label.TRUNCATED),
}


@pytest.mark.parametrize("name", GLITCHES)
def test_a_glitch_costs_nothing_and_adds_nothing(name: str) -> None:
    middle, slope, consumption, label = GLITCHES[name]
    at, raw = around(middle, slope)
    made = ledger(at, raw)
    assert between(made, int(at[STEADY]), int(at[STEADY + len(middle) - 1])) == consumption
    assert set(made.labels().values()) == ({label} if label else set())
    assert not made.questions()
    assert made.intervals().value.min() >= 0


def test_impossible_and_negative_values_are_rejected_by_reason() -> None:
    found = admit([1.83e21, float("nan"), -7.07e-3, 5.0, 2e12], 1.0, 6)
    assert found.reasons == (Label.IMPOSSIBLE, Label.IMPOSSIBLE, Label.NEGATIVE, Label.IMPOSSIBLE)
    assert found.value.tolist() == [5]


EVENTS = {
    "rollover, digits known": ([999984, 20], 10, 6, Link.ROLLOVER, 36),
    "rollover, digits unknown": ([999984, 20], 10, None, Link.ROLLOVER_UNKNOWN, 36),
    "reset": ([5000, 7], 10, None, Link.RESET, 10),
    "swap": ([5000, 81234], 10, None, Link.SWAP, 10),
}


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_keeps_the_energy_on_both_sides(name: str) -> None:
    middle, slope, digits, kind, consumption = EVENTS[name]
    at, raw = around(middle, slope)
    made = ledger(at, raw, digits=digits)
    assert between(made, int(at[STEADY]), int(at[STEADY + 1])) == consumption
    link = next(one for one in made.evidence(int(at[0]), int(at[-1])) if one.kind != "measured")
    assert link.kind == kind.name.lower()
    assert link.low <= link.consumption <= link.high
    assert not made.labels()


def test_a_reset_is_bounded_by_what_was_counted_and_a_swap_by_nothing() -> None:
    for middle, low in (([5000, 7], 7000), ([5000, 81234], 0)):
        at, raw = around(middle, 10)
        link = next(one for one in ledger(at, raw).evidence(0, int(at[-1])) if one.kind in ("reset", "swap"))
        assert (link.low, link.consumption) == (low, 10_000)
        assert link.high == pytest.approx(300_000 * (1 + 5 / 60))


def test_a_unit_change_by_a_thousand_goes_on_in_the_old_unit() -> None:
    at, raw = around([5000, 5010000], 10, after=1000)
    made = ledger(at, raw)
    assert between(made, int(at[STEADY]), int(at[STEADY + 2])) == 20
    assert made.questions()[0].topic == "unit"


def test_an_offline_night_is_one_gap_without_a_peak() -> None:
    at, raw = around([38312088, 38315900], 140)
    at = np.concatenate((at[: STEADY + 1] - MINUTE, at[STEADY + 1 :] - MINUTE + 5 * HOUR + 15 * MINUTE))
    made = ledger(at, raw, rate=1000)
    gap = made.intervals(int(at[STEADY]) + MINUTE, int(at[STEADY + 1]) - 14 * MINUTE)
    assert len(gap) == 24
    assert set(gap.value.tolist()) <= {152480, 152479, 152481}
    assert gap.has(Flag.SPREAD).all()
    assert not gap.has(Flag.PEAK_ELIGIBLE).any()
    assert between(made, int(at[STEADY]), int(at[STEADY + 1])) == 3812


def test_a_used_meter_seen_first_at_a_high_value_has_no_consumption_before_it() -> None:
    at = np.arange(2, dtype=np.int64) * HOUR + 100 * HOUR
    made = ledger(at, [56842157, 56842200])
    every = made.intervals(0, 200 * HOUR)
    assert every.total() == 43_000
    assert every.has(Flag.MISSING).sum() == len(every) - 4


def peer(name: str, at: IntArray, raw: list[float], limit: float = 300) -> float:
    """What a peer's rule makes of reads in this order of arrival, register units."""
    rule = next(rule for title, rule in PEERS.items() if name in title)
    return float(rule(at, np.array(raw), limit)[1].sum())


def test_home_assistant_counts_the_whole_register_after_one_zero_and_the_ledger_does_not() -> None:
    at, raw = around([115823, 0, 115969], 70)
    truth = raw[-1] - raw[0]
    assert peer("Home Assistant", at, raw) > truth + 100_000
    assert between(ledger(at, raw), int(at[0]), int(at[-1])) == truth


def test_home_assistant_counts_a_dip_by_a_tenth_as_a_new_register_and_the_ledger_does_not() -> None:
    at, raw = around([5000, 4400, 5140], 70)
    truth = raw[-1] - raw[0]
    assert peer("Home Assistant", at, raw) > truth + 4000
    assert between(ledger(at, raw), int(at[0]), int(at[-1])) == truth


def test_thingsboard_makes_two_false_steps_of_a_late_read_and_the_ledger_none() -> None:
    at, raw = around([5000], 70)
    late = np.r_[np.delete(np.arange(len(at)), 30), 30]
    rule = next(rule for title, rule in PEERS.items() if "ThingsBoard" in title)
    assert rule(at[late], np.array(raw)[late], 300)[1].min() < -1000
    made = ledger(np.delete(at, 30), [value for n, value in enumerate(raw) if n != 30])
    total = made.intervals().total()
    admitted = admit([raw[30]])
    made.add(type(made.reads).of(at[30:31], admitted.value))
    assert made.intervals().total() == total
    assert made.intervals().value.max() == 17_500


def test_myems_loses_the_energy_of_a_wrap_and_of_an_hour_above_its_limit_and_the_ledger_does_not() -> None:
    at, raw = around([999984, 20], 10)
    truth = 2 * STEADY * 10 + 36
    assert peer("MyEMS", at, raw) < truth
    assert between(ledger(at, raw, digits=6), int(at[0]), int(at[-1])) == truth
    at, raw = around([5000, 5400], 10)
    made = ledger(at, raw)
    assert peer("MyEMS", at, raw) == raw[-1] - raw[0] - 400
    assert between(made, int(at[STEADY]), int(at[STEADY + 1])) == 400
    assert made.intervals().has(Flag.ABOVE_LIMIT).sum() == 4


def test_myems_counts_an_offline_night_as_nothing_and_the_ledger_as_one_gap() -> None:
    at, raw = around([15000, 15900], 100, gaps=[8])
    assert peer("MyEMS", at, raw) == raw[-1] - raw[0] - 900
    made = ledger(at, raw)
    assert between(made, int(at[STEADY]), int(at[STEADY + 1])) == 900
    assert made.intervals().has(Flag.SPREAD).sum() == 32


@pytest.mark.parametrize(
    ("middle", "taken_after"), [([999984, 20], 2), ([5000, 7], 3), ([5000, 5010000], 3), ([5000, 81234], 5)]
)
def test_an_undecided_read_is_held_until_enough_reads_advance(middle: list[float], taken_after: int) -> None:
    step = 10_000 if middle[1] == 5010000 else 10
    at, raw = around(middle, 10)
    raw[STEADY + 2 :] = [middle[1] + step * (n + 1) for n in range(STEADY)]
    for count in range(1, taken_after + 2):
        made = ledger(at[: STEADY + 1 + count], raw[: STEADY + 1 + count])
        assert len(made.held) == (count if count < taken_after else 0), count


def test_zeros_at_the_live_edge_stay_held_and_a_person_is_asked_past_the_horizon() -> None:
    at, raw = around([5000, *[0] * 34], 10)
    for zeros in (30, 34):
        made = ledger(at[: STEADY + 1 + zeros], raw[: STEADY + 1 + zeros])
        assert len(made.held) == zeros
        assert [one.topic for one in made.questions()] == (["held"] if zeros > 32 else [])
