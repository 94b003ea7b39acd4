"""Every kind of fault: labelled completely, visible in the data where its label says, and absent elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simulators.campus import Campus
from simulators.faults import KINDS, Fault, Label, Schedule, read_labels, write_labels
from simulators.week import DAY, HOUR, MONDAY, demo_faults, labelled_week, week_faults
from tests.simulators.conftest import Series


def span(series: Series, kind: str) -> tuple[float, float]:
    label = series.label(kind)
    return (label.start - MONDAY) / HOUR, (label.end - MONDAY) / HOUR


def differ(labelled: Series, quiet: Series, point: str) -> np.ndarray:
    """Hours since the start at which a point says something else than in the quiet week."""
    at, value = labelled.of(point)
    other_at, other = quiet.of(point)
    _, mine, theirs = np.intersect1d(at, other_at, return_indices=True)
    return at[mine][np.abs(value[mine] - other[theirs]) > 1e-9]


def test_the_week_holds_every_kind_and_every_label_is_complete(labelled: Series) -> None:
    assert {label.fault for label in labelled.labels} == set(KINDS)
    points = set(Campus(1, MONDAY).plan.points())
    for label in labelled.labels:
        assert label.points, label.fault
        assert set(label.points) <= points
        assert MONDAY <= label.start < label.end <= MONDAY + 7 * DAY
        assert np.isfinite(label.size)
        assert label.shows


def test_labels_survive_a_file(tmp_path: Path, labelled: Series) -> None:
    write_labels(tmp_path / "labels.jsonl", labelled.labels)
    assert read_labels(tmp_path / "labels.jsonl") == labelled.labels
    assert len((tmp_path / "labels.jsonl").read_text().splitlines()) == len(labelled.labels)


def test_what_a_fault_does_not_touch_is_as_in_the_quiet_week(labelled: Series, quiet: Series) -> None:
    for point in ("weather-1.temperature", "a-lift.power", "car-0619.latitude", "room-612.humidity", "b-light.energy"):
        assert len(differ(labelled, quiet, point)) == 0, point


def test_a_stuck_valve_is_obeyed_by_no_air(labelled: Series, quiet: Series) -> None:
    begin, end = span(labelled, "stuck_valve")
    assert begin < differ(labelled, quiet, "ahu-c1.sat").min()
    at, command = labelled.of("ahu-c1.cc")
    _, supply = labelled.of("ahu-c1.sat")
    _, wanted = labelled.of("ahu-c1.sat_sp")
    full = (at > begin + 1) & (at < end) & (command > 0.95)
    assert full.sum() > 100
    assert (supply - wanted)[full].mean() > 4.0


def test_a_stuck_damper_lets_outdoor_air_in_against_its_command(labelled: Series, quiet: Series) -> None:
    begin, _ = span(labelled, "stuck_damper")
    at, command = labelled.of("ahu-a2.oad")
    hours = (at > begin + 0.5) & (at < begin + 8) & (command < 0.3)
    mixed, returned, outdoor = (labelled.of(f"ahu-a2.{name}")[1] for name in ("mat", "rat", "oat"))
    apart = hours & (np.abs(returned - outdoor) > 2.0)
    assert apart.sum() > 20
    assert ((returned - mixed)[apart] / (returned - outdoor)[apart]).mean() > 0.7


def test_a_leaking_valve_goes_on_cooling_when_it_is_shut(labelled: Series, quiet: Series) -> None:
    begin, _ = span(labelled, "leaking_valve")
    evening = begin + 12.4, begin + 13.0  # just after closing time: commands are 0, the water is still cold
    assert labelled.between("ahu-b1.cc", *evening).max() < 0.01
    mine, theirs = labelled.between("ahu-b1.sat", *evening), quiet.between("ahu-b1.sat", *evening)
    assert np.median(mine) < np.median(theirs) - 2.0


def test_a_biased_sensor_stands_off_by_its_size(labelled: Series, quiet: Series) -> None:
    begin, end = span(labelled, "sensor_bias")
    inside = labelled.between("room-301.temperature", begin, end)
    assert np.median(inside) - np.median(quiet.between("room-301.temperature", begin, end)) == pytest.approx(2.5, abs=0.2)
    after = labelled.between("room-301.temperature", end, end + 20.0)
    assert np.median(after) - np.median(quiet.between("room-301.temperature", end, end + 20.0)) == pytest.approx(0.0, abs=0.2)


def test_a_chiller_left_on_draws_power_at_night(labelled: Series, quiet: Series) -> None:
    begin, end = span(labelled, "chiller_on_at_night")
    assert labelled.between("chiller-2.power", begin + 0.1, end).min() > 15e3
    assert quiet.between("chiller-2.power", begin + 0.1, end).max() < 1e3
    assert labelled.between("chiller-2.on", begin + 0.1, end).min() == 1
    assert labelled.between("em-a.power", begin + 0.1, end).mean() > quiet.between("em-a.power", begin + 0.1, end).mean() + 15e3


def test_lights_left_on_stay_near_their_day_level(labelled: Series, quiet: Series) -> None:
    begin, end = span(labelled, "lights_left_on")
    left_on = labelled.between("a-light.power", begin + 0.1, end - 0.1).min()
    assert left_on > 6 * quiet.between("a-light.power", begin + 0.1, end - 2).min()


def test_a_leak_lifts_the_night_minimum_of_its_meter_and_of_the_main(labelled: Series, quiet: Series) -> None:
    begin, end = span(labelled, "leak")
    litres = 3.6e6
    for meter in ("water-b", "water-main"):
        before = quiet.between(f"{meter}.flow", begin + 0.5, begin + 3).mean() * litres
        during = labelled.between(f"{meter}.flow", begin + 0.5, begin + 3).mean() * litres
        assert during - before == pytest.approx(200.0, abs=2.0)
    lost = labelled.of("water-b.water")[1][-1] - quiet.of("water-b.water")[1][-1]
    assert lost == pytest.approx(0.2 * (end - begin), rel=0.01)  # m3


def test_a_reset_register_starts_again_at_zero_and_counts_on(labelled: Series, quiet: Series) -> None:
    begin, _ = span(labelled, "meter_reset")
    at, value = labelled.of("c-light.energy")
    falls = np.flatnonzero(np.diff(value) < 0)
    assert len(falls) == 1
    assert begin <= at[falls[0] + 1] <= begin + 2 / 60
    assert value[falls[0] + 1] < 1000.0  # Wh
    whole = quiet.of("c-light.energy")[1]
    assert value[-1] == pytest.approx(whole[-1] - quiet.between("c-light.energy", begin, begin + 0.1)[0], abs=500.0)


def test_a_swapped_meter_shows_another_number_and_the_same_consumption(labelled: Series, quiet: Series) -> None:
    begin, _ = span(labelled, "meter_swap")
    after = labelled.between("gas-kitchen.gas", begin, 168.0)
    assert after[0] == pytest.approx(41.0, abs=0.05)
    same = quiet.between("gas-kitchen.gas", begin, 168.0)
    assert after[-1] - after[0] == pytest.approx(same[-1] - same[0], abs=0.05)


def test_a_register_rolls_over_when_its_label_says(labelled: Series) -> None:
    begin, end = span(labelled, "rollover")
    at, value = labelled.of("c-lift.energy")
    fall = int(np.argmin(np.diff(value)))
    assert begin <= at[fall] + 1e-3
    assert at[fall + 1] <= end + 1e-3
    assert value[fall] > 9_999_990_000.0  # seven digits of kWh, in Wh
    assert value[fall + 1] < 10_000.0


def test_a_frozen_sensor_says_one_value_while_its_neighbour_moves(labelled: Series) -> None:
    begin, end = span(labelled, "sensor_freeze")
    assert len(np.unique(labelled.between("room-301.temperature", begin, end))) == 1
    assert len(np.unique(labelled.between("room-301.humidity", begin, end))) > 50
    assert len(np.unique(labelled.between("room-301.temperature", end, end + 24))) > 50


def test_a_drifting_sensor_walks_away_from_the_truth(labelled: Series, quiet: Series) -> None:
    begin, _end = span(labelled, "sensor_drift")
    for hours in (24.0, 96.0):
        late = labelled.between("hall-1.temperature", begin + hours, begin + hours + 1).mean()
        assert late - quiet.between("hall-1.temperature", begin + hours, begin + hours + 1).mean() == pytest.approx(
            1.1 * (hours + 0.5) / 24, abs=0.05
        )


def test_a_gateway_outage_silences_all_devices_behind_it_and_no_other(labelled: Series) -> None:
    begin, end = span(labelled, "gateway_outage")
    for id in ("b-light", "b-socket", "b-lift", "b-ahu"):
        assert len(labelled.between(f"{id}.power", begin, end)) == 0
        assert len(labelled.between(f"{id}.power", end, end + 1)) > 50
    assert len(labelled.between("a-light.power", begin, end)) > 80


def test_lost_compensation_lowers_the_power_factor_and_raises_the_current(labelled: Series, quiet: Series) -> None:
    begin, end = span(labelled, "power_factor_loss")
    assert labelled.between("em-t1.power_factor", begin, end).max() < 0.8
    assert quiet.between("em-t1.power_factor", begin, end).min() > 0.95
    more = labelled.between("em-t1.current_1", begin, end).mean() / quiet.between("em-t1.current_1", begin, end).mean()
    assert 1.15 < more < 1.5


def test_a_phase_imbalance_shows_in_the_currents_only(labelled: Series, quiet: Series) -> None:
    begin, end = span(labelled, "phase_imbalance")
    currents = [labelled.between(f"em-b.current_{phase}", begin, end).mean() for phase in (1, 2, 3)]
    assert currents[0] / np.mean(currents) > 1.4
    ordinary = [quiet.between(f"em-b.current_{phase}", begin, end).mean() for phase in (1, 2, 3)]
    assert max(ordinary) / np.mean(ordinary) < 1.08
    assert len(differ(labelled, quiet, "b-socket.power")) == 0


def test_stolen_fuel_leaves_a_standing_car_within_minutes(labelled: Series) -> None:
    begin, end = span(labelled, "fuel_theft")
    before = labelled.between("car-0318.fuel", begin - 1, begin).mean()
    after = labelled.between("car-0318.fuel", end + 0.1, end + 1).mean()
    assert (before - after) * 60.0 == pytest.approx(20.0, abs=0.6)
    assert labelled.between("car-0318.speed", begin - 1, end + 1).max() == 0
    assert labelled.between("car-0318.ignition", begin - 1, end + 1).max() == 0


def test_an_unapproved_trip_moves_a_car_at_night(labelled: Series, quiet: Series) -> None:
    begin, end = span(labelled, "unapproved_trip")
    assert labelled.between("car-0526.ignition", begin, end).max() == 1
    assert labelled.between("car-0526.speed", begin, end).max() > 8.0
    driven = np.ptp(labelled.between("car-0526.odometer", begin - 0.2, end + 0.2)) / 1000.0
    assert 5.0 < driven < 30.0
    assert quiet.between("car-0526.ignition", begin, end).max() == 0


def test_a_weak_battery_is_low_at_rest(labelled: Series, quiet: Series) -> None:
    begin, _ = span(labelled, "weak_battery")
    assert labelled.between("bus-0731.battery", begin + 1, begin + 10).max() < 11.8
    assert quiet.between("bus-0731.battery", begin + 1, begin + 10).min() > 12.4


def test_coolant_overheats_while_driving(labelled: Series, quiet: Series) -> None:
    begin, end = span(labelled, "coolant_overheating")
    assert labelled.between("car-0312.coolant", begin, end).max() > 105.0
    assert quiet.between("car-0312.coolant", begin, end).max() < 95.0


def test_a_leaking_tyre_falls_behind_the_others(labelled: Series) -> None:
    _, end = span(labelled, "tyre_leak")
    tyres = [labelled.between(f"car-0318.tyre_{n}", end - 2, end).mean() / 1000 for n in (1, 2, 3, 4)]
    assert tyres[1] < min(tyres[0], tyres[2], tyres[3]) - 100
    assert labelled.between("car-0318.tyre_2", end + 1, end + 3).min() > 200e3  # pumped up


def test_trouble_codes_are_counted_while_present(labelled: Series) -> None:
    begin, end = span(labelled, "dtc")
    assert set(labelled.between("ev-1105.dtc", begin + 0.1, end)) == {2.0}
    assert labelled.between("ev-1105.dtc", 0, begin).max() == 0


def test_an_idling_car_runs_without_moving(labelled: Series) -> None:
    begin, end = span(labelled, "idling")
    assert labelled.between("car-0312.ignition", begin + 0.05, end - 0.02).min() == 1
    assert labelled.between("car-0312.speed", begin, end).max() == 0
    assert np.ptp(labelled.between("car-0312.engine_hours", begin, end)) > 0.8 * 3600 * (end - begin)


def test_an_overspeeding_car_is_faster_than_any_road_allows(labelled: Series, quiet: Series) -> None:
    begin, end = span(labelled, "overspeed")
    assert labelled.between("car-0526.speed", begin, end).max() > 125 / 3.6
    assert quiet.of("car-0526.speed")[1].max() < 105 / 3.6


def test_a_wrong_clock_shifts_device_times_by_its_hours() -> None:
    week = labelled_week(days=1)
    frames = [part for part in week.wire.feed.frames(week.start, week.end) if part.source.id == "crac-2"]
    at, true = (np.concatenate([getattr(part, name) for part in frames]) for name in ("at", "true"))
    wrong = np.abs(at - true) > HOUR
    assert np.abs((at - true)[wrong] / HOUR - 8.0).max() < 0.01
    assert 13.0 <= (true[wrong].min() - MONDAY) / HOUR < 13.02
    assert 15.98 < (true[wrong].max() - MONDAY) / HOUR < 16.0


def test_a_duplicate_storm_repeats_every_message() -> None:
    fault = Fault("duplicate_storm", "weather-1", MONDAY + HOUR, MONDAY + 2 * HOUR)
    from simulators.devices import Feed

    frames = Feed(Campus(1, MONDAY, (fault,))).frames(MONDAY, MONDAY + 3 * HOUR)
    storm = next(part for part in frames if part.source.id == "weather-1")
    inside = (storm.due >= fault.start) & (storm.due < fault.end)
    assert set(storm.copies[inside]) <= {0, 20}
    assert storm.copies[~inside].max() <= 2


def test_a_fault_of_an_unknown_kind_target_or_span_is_refused() -> None:
    with pytest.raises(ValueError, match="no fault kind 'gremlin', expected one of stuck_valve"):
        Fault("gremlin", "em-a", 0, 1)
    with pytest.raises(ValueError, match="before its start"):
        Fault("leak", "water-a", 5, 5)
    with pytest.raises(ValueError, match="no device 'water-z' on the campus"):
        Campus(1, MONDAY, [Fault("leak", "water-z", MONDAY, MONDAY + HOUR)])
    with pytest.raises(ValueError, match="no point 'room-301' on the campus"):
        Campus(1, MONDAY, [Fault("sensor_freeze", "room-301", MONDAY, MONDAY + HOUR)])


def test_a_schedule_says_where_and_how_much_a_fault_holds() -> None:
    schedule = Schedule(
        [Fault("leak", "water-a", 10 * 10**9, 20 * 10**9, 5.0), Fault("tyre_leak", "x.tyre_1", 0, 86400 * 10**9, 8.0)]
    )
    t = np.array([9, 10, 19, 20])
    assert schedule.level("leak", "water-a", t).tolist() == [0, 5, 5, 0]
    assert schedule.active("leak", "water-a", t).tolist() == [False, True, True, False]
    assert schedule.level("leak", "water-b", t).tolist() == [0, 0, 0, 0]
    assert schedule.days_in("tyre_leak", "x.tyre_1", np.array([43200, 86400])).tolist() == [4.0, 0.0]


def test_faults_for_a_demonstration_fit_the_campus() -> None:
    now = MONDAY + 30 * HOUR
    campus = Campus(1, now - DAY, demo_faults(now))
    labels: list[Label] = campus.labels()
    assert any(label.start < now < label.end for label in labels)
    assert any(label.start > now for label in labels)
    assert len(week_faults()) == len(KINDS)
