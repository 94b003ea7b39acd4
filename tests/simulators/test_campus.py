"""The physics of the campus: balances hold, states are bounded, days follow the calendar, runs repeat."""

from __future__ import annotations

import numpy as np
import pytest

from simulators.campus import Campus, DayBlock
from simulators.electricity import TREE
from simulators.hvac import ZONES
from simulators.week import DAY, HOUR, MONDAY

WORKED, FREE = range(5), (5, 6)
NIGHT, NOON = slice(60, 240), slice(600, 690)


def test_every_point_of_the_plan_has_a_column_without_gaps(blocks: list[DayBlock]) -> None:
    plan = Campus(1, MONDAY).plan
    assert 250 <= len(plan.points()) <= 350
    assert len(set(plan.points())) == len(plan.points())
    for point in plan.points():
        for block in blocks:
            assert np.isfinite(block.columns[point]).all(), point


def test_a_main_meter_is_the_sum_of_what_it_feeds_and_its_loss_in_every_minute(blocks: list[DayBlock]) -> None:
    for block in blocks:
        for main, parts in TREE.items():
            below = sum(block.network.active[part] for part in parts)
            assert np.allclose(block.network.active[main], below + block.network.loss[main], rtol=1e-12)
            share = block.network.loss[main].sum() / block.network.active[main].sum()
            assert 0.0 < share < 0.06, f"{main} loses {share:.1%}"


def test_the_energy_of_a_main_is_the_energy_below_it_and_its_loss(blocks: list[DayBlock]) -> None:
    def used(block: DayBlock, id: str) -> float:
        column = block.columns[f"{id}.energy"]
        return float(column[-1] - column[0])

    for block in blocks:
        for main, parts in TREE.items():
            lost = float(block.network.loss[main].sum()) / 60.0
            assert used(block, main) == pytest.approx(sum(used(block, part) for part in parts) + lost, rel=1e-9)


def test_registers_never_fall_and_continue_over_midnight(blocks: list[DayBlock]) -> None:
    counters = ("energy", "reactive_energy", "water", "gas", "runtime", "odometer", "engine_hours")
    for point in Campus(1, MONDAY).plan.points():
        if point.rpartition(".")[2] not in counters:
            continue
        for before, after in zip(blocks, [*blocks[1:], None], strict=True):
            column = before.columns[point]
            assert (np.diff(column) >= 0).all(), point
            assert after is None or after.columns[point][0] == column[-1], point


def test_rooms_stay_within_what_people_and_walls_allow(blocks: list[DayBlock]) -> None:
    for block in blocks:
        for room in ("room-301", "room-612", "room-hall", "room-training"):
            assert block.columns[f"{room}.temperature"].min() > 14.0
            assert block.columns[f"{room}.temperature"].max() < 34.0
            assert block.columns[f"{room}.co2"].min() > 400.0
            assert block.columns[f"{room}.co2"].max() < 1200.0


def test_working_hours_are_comfortable(blocks: list[DayBlock]) -> None:
    for day in WORKED:
        for room in ("room-301", "room-612", "room-hall"):
            assert 19.0 < blocks[day].columns[f"{room}.temperature"][600:1020].mean() < 26.5


@pytest.mark.parametrize("zone", [zone.device for zone in ZONES])
def test_an_air_handler_keeps_the_heat_balances_that_rules_use(blocks: list[DayBlock], zone: str) -> None:
    for day in WORKED:
        columns = {
            name: blocks[day].columns[f"{zone}.{name}"] for name in ("sat", "mat", "rat", "oat", "cc", "hc", "fan", "spd")
        }
        on = slice(540, 1020)
        low = np.minimum(columns["rat"], columns["oat"])[on] - 0.6
        high = np.maximum(columns["rat"], columns["oat"])[on] + 0.6
        assert ((columns["mat"][on] >= low) & (columns["mat"][on] <= high)).all()
        shut = (columns["cc"][on] < 0.005) & (columns["hc"][on] < 0.005)
        rise = (columns["sat"] - columns["mat"])[on][shut]
        assert len(rise) == 0 or -3.0 < np.median(rise) < 2.5
        assert ((columns["cc"] >= 0) & (columns["cc"] <= 1) & (columns["hc"] >= 0) & (columns["hc"] <= 1)).all()
        assert not ((columns["cc"] > 0.02) & (columns["hc"] > 0.02)).any()


def test_supply_air_follows_its_set_point_when_the_plant_has_settled(blocks: list[DayBlock]) -> None:
    for day in WORKED:
        for zone in ("ahu-a1", "ahu-b1"):
            error = blocks[day].columns[f"{zone}.sat"][660:1020] - blocks[day].columns[f"{zone}.sat_sp"][660:1020]
            assert np.abs(np.median(error)) < 1.5


def test_chillers_run_only_while_the_building_is_open(blocks: list[DayBlock]) -> None:
    assert sum(blocks[day].columns["chiller-1.on"].sum() for day in WORKED) > 60
    for block in blocks:
        assert block.columns["chiller-1.on"][NIGHT].sum() == 0
        assert block.columns["chiller-2.on"][NIGHT].sum() == 0


def test_nights_and_weekends_take_less_than_working_days(blocks: list[DayBlock]) -> None:
    for main in ("em-a", "em-b", "em-c"):
        for day in WORKED:
            power = blocks[day].columns[f"{main}.power"]
            assert power[NIGHT].mean() < 0.5 * power[NOON].mean()
        free = np.mean([blocks[day].columns[f"{main}.power"].mean() for day in FREE])
        busy = np.mean([blocks[day].columns[f"{main}.power"].mean() for day in WORKED])
        assert free < 0.6 * busy
    steady = blocks[0].columns["em-d.power"]
    assert steady[NIGHT].mean() > 0.8 * steady[NOON].mean()  # the data room knows no night


def test_currents_voltages_and_power_factor_say_the_same_power(blocks: list[DayBlock]) -> None:
    columns = blocks[0].columns
    for main in ("em-t1", "em-a", "em-d"):
        apparent = sum(columns[f"{main}.voltage_{p}"] * columns[f"{main}.current_{p}"] for p in (1, 2, 3))
        assert np.allclose(apparent * columns[f"{main}.power_factor"], columns[f"{main}.power"], rtol=1e-9)
        assert min(columns[f"{main}.voltage_{p}"].min() for p in (1, 2, 3)) > 195.0
        assert max(columns[f"{main}.voltage_{p}"].max() for p in (1, 2, 3)) < 245.0


def test_the_water_main_is_the_sum_of_the_buildings_and_nights_are_nearly_dry(blocks: list[DayBlock]) -> None:
    for block in blocks:
        parts = sum(block.columns[f"water-{letter}.flow"] for letter in "abc")
        assert np.allclose(block.columns["water-main.flow"], parts)
    night = np.mean([block.columns["water-b.flow"][NIGHT].mean() for block in blocks]) * 3.6e6
    busy = np.mean([blocks[day].columns["water-b.flow"][NOON].mean() for day in WORKED]) * 3.6e6
    assert night < 30.0  # L/h
    assert busy > 300.0


def test_cars_move_only_with_ignition_and_come_home(blocks: list[DayBlock]) -> None:
    for block in blocks:
        for car in ("car-0312", "bus-0731", "ev-1105"):
            columns = {
                name: block.columns[f"{car}.{name}"] for name in ("speed", "ignition", "latitude", "odometer", "heading")
            }
            moving = columns["speed"] > 0.5
            assert (columns["ignition"][:-1] + columns["ignition"][1:])[moving[:-1]].min(initial=1) > 0
            assert columns["speed"].max() < 110 / 3.6
            assert columns["latitude"][0] == columns["latitude"][-1]
            assert ((columns["heading"] >= 0) & (columns["heading"] <= 360)).all()
            assert np.allclose(np.diff(columns["odometer"]), columns["speed"] * 10, atol=1e-6)


def test_places_lie_as_far_apart_as_the_odometer_says(blocks: list[DayBlock]) -> None:
    block = blocks[0]
    latitude, longitude = block.columns["car-0312.latitude"], block.columns["car-0312.longitude"]
    north, east = np.diff(latitude) * 110_850, np.diff(longitude) * 111_320 * np.cos(np.radians(28.86))
    straight = np.hypot(north, east).sum()
    driven = block.columns["car-0312.odometer"][-1] - block.columns["car-0312.odometer"][0]
    assert driven > 1000.0
    assert 0.7 * driven < straight <= 1.01 * driven  # roads wind by 18 %


def test_fuel_falls_by_driving_and_charge_comes_back_from_the_charger(blocks: list[DayBlock]) -> None:
    monday = blocks[0].columns
    assert monday["car-0312.fuel"][-1] < monday["car-0312.fuel"][0]
    charged = sum(block.columns["charger-1.power"].sum() / 60.0 - 28.0 * 24.0 for block in blocks)  # Wh
    soc = [block.columns["ev-1105.soc"] for block in blocks]
    gained = sum(np.clip(np.diff(day), 0, None).sum() for day in soc) * 62_000.0
    assert charged > 5000.0
    assert gained == pytest.approx(0.92 * charged, rel=0.03)
    assert all(day.min() > 0.0 and day.max() <= 1.0 for day in soc)


def test_engines_are_warm_after_a_drive_and_cold_in_the_morning(blocks: list[DayBlock]) -> None:
    for day in WORKED:
        coolant = blocks[day].columns["car-0312.coolant"]
        assert coolant[:400].max() < 60.0
        assert 70.0 < coolant.max() < 95.0


def test_in_winter_the_boiler_heats_and_no_chiller_runs() -> None:
    campus = Campus(3, 1_768_147_200 * 10**9)  # 2026-01-12 00:00 local, a Monday
    block = campus.day(campus.first_day)
    assert block.columns["boiler-1.on"].sum() > 30
    assert block.columns["chiller-1.on"].sum() == 0
    gas = block.columns["gas-boiler.gas"]
    heat = gas[-1] - gas[0]
    assert 20.0 < heat < 1500.0  # m3 a day
    assert 17.0 < block.columns["room-301.temperature"][600:1020].mean() < 24.0


def test_the_same_seed_and_start_repeat_and_another_seed_differs() -> None:
    one, same, other = (Campus(seed, MONDAY) for seed in (4, 4, 5))
    day = one.first_day
    first, again, third = one.day(day), same.day(day), other.day(day)
    assert all(np.array_equal(first.columns[point], again.columns[point]) for point in first.columns)
    assert not np.array_equal(first.columns["em-a.power"], third.columns["em-a.power"])


def test_a_campus_goes_forward_only() -> None:
    campus = Campus(1, MONDAY)
    campus.day(campus.first_day + 1)
    with pytest.raises(ValueError, match="forward only"):
        campus.day(campus.first_day)


def test_a_start_within_a_day_belongs_to_that_local_day() -> None:
    assert Campus(1, MONDAY - HOUR).first_day == Campus(1, MONDAY).first_day - 1
    assert Campus(1, MONDAY + DAY - 1).first_day == Campus(1, MONDAY).first_day
