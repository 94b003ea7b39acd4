"""Sampling, instruments, registers and the network: what devices make of the physics."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from simulators.campus import Campus
from simulators.devices import NONE, Feed, Impairments, Samples
from simulators.faults import SECOND, Fault
from simulators.week import DAY, HOUR, MONDAY
from tests.simulators.conftest import Series


def feed(*faults: Fault, impairments: Impairments | None = None, seed: int = 1, pace: float = 1.0) -> Feed:
    return Feed(Campus(seed, MONDAY, faults), impairments, pace=pace)


def joined(parts: list[Samples]) -> Samples:
    point = np.concatenate([part.point for part in parts])
    at, value = np.concatenate([part.at for part in parts]), np.concatenate([part.value for part in parts])
    order = np.lexsort((at, point))
    return Samples(point[order], at[order], value[order])


def test_samples_in_pieces_are_the_samples_of_one_run() -> None:
    faults = (
        Fault("sensor_freeze", "room-301.temperature", MONDAY + 5 * HOUR, MONDAY + 30 * HOUR),
        Fault("meter_reset", "c-light.energy", MONDAY + 11 * HOUR, MONDAY + 12 * HOUR),
        Fault("rollover", "c-lift.energy", MONDAY, MONDAY + 3 * DAY, 300.0),
    )
    whole = feed(*faults).samples(MONDAY, MONDAY + 2 * DAY)
    cuts = [0.0, 0.7, 5.0, 5.01, 17.3, 24.0, 31.9, 48.0]
    pieces = feed(*faults)
    spans = itertools.pairwise(cuts)
    found = joined([pieces.samples(MONDAY + round(a * HOUR), MONDAY + round(b * HOUR)) for a, b in spans])
    assert np.array_equal(whole.point, found.point)
    assert np.array_equal(whole.at, found.at)
    assert np.array_equal(whole.value, found.value)


def test_the_same_seed_repeats_and_another_differs() -> None:
    one, same, other = (feed(seed=seed).samples(MONDAY, MONDAY + 2 * HOUR) for seed in (7, 7, 8))
    assert np.array_equal(one.value, same.value)
    assert np.array_equal(one.at, same.at)
    assert len(one.value) != len(other.value) or not np.array_equal(one.value, other.value)


def test_a_feed_goes_forward_only() -> None:
    forward = feed()
    forward.samples(MONDAY, MONDAY + HOUR)
    with pytest.raises(ValueError, match="forward only"):
        forward.samples(MONDAY, MONDAY + HOUR)


def test_every_point_keeps_its_interval(quiet: Series) -> None:
    plan = Campus(1, MONDAY).plan
    for device in plan.devices:
        at, _ = quiet.of(f"{device.id}.{device.template.quantities[0].id}")
        gaps = np.diff(at) * 3600.0
        expected = 300.0 if device.template.format in ("traccar", "owntracks") else device.interval
        assert gaps.max() < 3.0 * expected, device.id
        assert np.median(gaps) <= expected * 1.01, device.id


def test_pace_samples_more_often() -> None:
    calm, hurried = (feed(pace=pace, impairments=NONE).samples(MONDAY, MONDAY + HOUR) for pace in (1.0, 0.25))
    assert 3.5 < len(hurried.value) / len(calm.value) < 4.5


def test_sent_values_have_the_resolution_and_range_of_their_instrument(quiet: Series) -> None:
    for device in Campus(1, MONDAY).plan.devices:
        for quantity in device.template.quantities:
            sent = (quiet.of(f"{device.id}.{quantity.id}")[1] - quantity.offset) / quantity.scale
            steps = sent * 10.0**quantity.decimals
            assert np.abs(steps - np.round(steps)).max() < 1e-3 * max(1.0, np.abs(steps).max() * 1e-9), (
                f"{device.id}.{quantity.id}"
            )
            assert quantity.low is None or sent.min() >= quantity.low - 1e-9
            assert quantity.high is None or sent.max() <= quantity.high + 1e-9
            assert not quantity.states or set(np.unique(sent)) <= set(quantity.states)


def test_registers_as_sent_never_fall_in_a_quiet_week(quiet: Series) -> None:
    for device in Campus(1, MONDAY).plan.devices:
        for quantity in device.template.quantities:
            if quantity.digits is not None:
                _, value = quiet.of(f"{device.id}.{quantity.id}")
                assert (np.diff(value) >= -1e-6).all(), f"{device.id}.{quantity.id}"


def test_meters_agree_with_the_sum_below_them_within_their_class(quiet: Series) -> None:
    def used(point: str) -> float:
        _, value = quiet.of(point)
        return float(value[-1] - value[0])

    parts = sum(used(f"{id}.energy") for id in ("em-a", "em-c"))
    assert used("em-t1.energy") == pytest.approx(parts, rel=0.03)
    assert used("em-t1.energy") > parts  # losses
    assert used("water-main.water") == pytest.approx(sum(used(f"water-{x}.water") for x in "abc"), rel=0.01)


def test_power_and_energy_of_a_meter_say_the_same(quiet: Series) -> None:
    at, energy = quiet.of("em-a.energy")
    _, power = quiet.of("em-a.power")
    hours = at[-1] - at[0]
    assert energy[-1] - energy[0] == pytest.approx(power.mean() * hours, rel=0.01)


def test_losses_duplicates_and_held_messages_are_as_rare_as_said() -> None:
    bad = Impairments(lost=0.02, doubled=0.03, held=0.02)
    frames = feed(impairments=bad).frames(MONDAY, MONDAY + 12 * HOUR)
    copies = np.concatenate([part.copies for part in frames if part.source.template.format == "native"])
    assert 0.012 < (copies == 0).mean() < 0.028
    assert 0.02 < (copies == 2).mean() < 0.04
    delay = np.concatenate([(part.sent - part.true) / SECOND for part in frames if part.source.template.format == "native"])
    assert delay.min() > 0
    assert 0.01 < (delay > 30).mean() < 0.03
    sparkplug = np.concatenate([part.copies for part in frames if part.source.template.format == "sparkplug"])
    assert sparkplug.min() == 1


def test_messages_of_a_source_can_arrive_out_of_order() -> None:
    frames = feed(impairments=Impairments(held=0.05)).frames(MONDAY, MONDAY + 6 * HOUR)
    assert any((np.diff(part.true) < 0).any() for part in frames)
    assert all((np.diff(part.sent) >= 0).all() for part in frames)


def test_clocks_drift_by_day_and_are_set_at_night() -> None:
    frames = feed(impairments=Impairments(drift=50.0)).frames(MONDAY, MONDAY + 2 * DAY)
    wrong = max(frames, key=lambda part: int(np.abs(part.at - part.true).max()))
    error = np.abs(wrong.at - wrong.true) / SECOND
    assert 1.0 < error.max() < 50e-6 * 86400 + 0.01
    for part in frames:
        shift = np.abs(part.at - part.true) / SECOND
        assert shift[(part.due - MONDAY) % DAY < HOUR].max(initial=0.0) < 0.2


def test_without_impairments_every_message_arrives_once_and_true() -> None:
    for part in feed(impairments=NONE).frames(MONDAY, MONDAY + HOUR):
        assert (part.copies == 1).all()
        assert (part.at == part.true).all()
        assert (part.true == part.due).all()
