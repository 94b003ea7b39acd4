"""Air handlers as such: a toy unit with one fault at a time, judged over its own days; and the parts of the statistics."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.detect import lbnl, openfdd
from rules.contract import State
from rules.engine import Engine
from rules.hvac import minute, past
from rules.hvac.history import WIDTH, norm, offset
from rules.hvac.tables import CHECKS, COMPONENTS, INDEX, ROLES, SLOT
from rules.hvac.verdict import FAULT, WARNING
from rules.kinds.air_handler import AirHandler
from rules.load import load
from steward.model import PointIndex
from steward.units import MINUTE

DATA = Path(os.environ.get("STEWARD_DATA") or Path(__file__).parents[3] / "shared" / "data")
Look = dict[str, np.ndarray]
FAULTY = 6
EVERY = 10
LOOKS = 1440 // EVERY
"""Looks of a day: ten minutes stand for each, as in a slow building management system."""


def unit(
    days: int = 8, break_: Callable[[Look, np.ndarray], None] | None = None, seed: int = 1, every: int = EVERY
) -> past.Series:
    """A unit of `days` days, a look every `every` minutes: free cooling in the morning, cooling in the afternoon,
    8 to 18 h; on day FAULTY `break_` changes the air (it is given the looks and which of them are of that day)."""
    rng = np.random.default_rng(seed)
    at = np.arange(0, days * 1440, every, dtype=np.int64)
    hour = at % 1440 / 60.0
    on = (hour >= 8) & (hour < 18)
    phase = rng.normal(0.0, 1.0, days).repeat(1440 // every)
    one: Look = {role: np.full(len(at), np.nan) for role in ROLES}
    one["oat"] = 12.0 + phase + 3.0 * np.sin((hour - 9.0) / 24.0 * 2 * np.pi)
    one["rat"] = 22.0 + 0.3 * np.sin(hour)
    one["fan"], one["spd"] = on.astype(float), np.where(on, 0.6, 0.0)
    one["oad"] = np.where(on, np.where(hour < 11, 0.2, np.where(hour < 14, 0.5, 1.0)), 0.0)
    one["cc"], one["hc"] = np.where(on & (hour >= 13), 0.4, 0.0), np.zeros(len(at))
    one["opening"], one["leak"] = one["oad"].copy(), np.zeros(len(at))
    today = at // 1440 == FAULTY
    if break_ is not None:
        break_(one, today)
    fraction = 0.9 * one.pop("opening")
    one["mat"] = np.where(on, one["rat"] - fraction * (one["rat"] - one["oat"]), 20.0)
    one["sat"] = one["mat"] + np.where(on, 1.1 - 12.0 * one["cc"], 0.0) + one.pop("leak")
    for role in ("oat", "rat", "mat", "sat"):
        one[role] = one[role] + one.get(f"{role}_bias", 0.0) + rng.normal(0.0, 0.05, len(at))
    return past.Series(at, np.stack([one[role] for role in ROLES], axis=1))


def leaks(one: Look, today: np.ndarray) -> None:
    one["leak"][today & (one["fan"] > 0) & (one["cc"] == 0)] = 1.0


def leaks_cold(one: Look, today: np.ndarray) -> None:
    one["leak"][today & (one["fan"] > 0) & (one["cc"] == 0)] = -4.0


def sticks(one: Look, today: np.ndarray) -> None:
    one["opening"][today] = 0.2


def mixed_reads_cold(one: Look, today: np.ndarray) -> None:
    one["mat_bias"] = np.where(today, -3.0, 0.0)


def outdoor_reads_warm(one: Look, today: np.ndarray) -> None:
    one["oat_bias"] = np.where(today, 3.5, 0.0)


def heats_and_cools(one: Look, today: np.ndarray) -> None:
    one["hc"][today & (one["cc"] > 0)] = 0.3


def named(judged: past.Judged, day: int = FAULTY) -> str:
    component = int(judged.verdict.component[day])
    return COMPONENTS[component] if component >= 0 else ""


def others_are_quiet(judged: past.Judged) -> bool:
    return bool((np.delete(judged.verdict.component, FAULTY) < 0).all())


def test_sound_days_have_no_verdict() -> None:
    assert (past.judge([unit(), unit(seed=2)]).verdict.component < 0).all()


@pytest.mark.parametrize(
    ("break_", "component", "check"),
    [
        (leaks, "heating_valve", "h_coil_hot"),
        (leaks_cold, "cooling_valve", "coil_cold"),
        (sticks, "outdoor_air_damper", "h_oaf"),
        (mixed_reads_cold, "mixed_air_sensor", ""),
        (outdoor_reads_warm, "outdoor_air_sensor", ""),
    ],
)
def test_the_verdict_names_the_component_on_the_day_of_the_fault_and_on_no_other(
    break_: Callable[[Look, np.ndarray], None], component: str, check: str
) -> None:
    judged = past.judge([unit(break_=break_)])
    assert named(judged) == component
    assert judged.verdict.level[FAULTY] == FAULT
    assert not check or judged.verdict.speaks[FAULTY, INDEX[check]]
    assert others_are_quiet(judged)


def test_both_coils_at_once_are_a_warning_since_only_the_controller_says_so() -> None:
    judged = past.judge([unit(break_=heats_and_cools)])
    assert named(judged) == "control_sequence"
    assert judged.verdict.level[FAULTY] == WARNING


def test_a_temperature_that_stands_exactly_still_names_its_sensor() -> None:
    series = unit()
    series.value[FAULTY * LOOKS :][:LOOKS, SLOT["rat"]] = 22.0
    assert named(past.judge([series])) == "return_air_sensor"


def test_below_five_other_days_own_history_does_not_speak() -> None:
    series = unit(break_=leaks)
    few = past.Series(series.minute[3 * LOOKS :], series.value[3 * LOOKS :])  # five days: four others
    assert (past.judge([few]).verdict.component < 0).all()


def test_units_side_by_side_are_judged_as_each_alone() -> None:
    one, two = unit(break_=leaks), unit(break_=sticks, seed=2)
    both = past.judge([one, two])
    alone = [past.judge([one]), past.judge([two])]
    for name in ("minutes", "applicable", "ratio"):
        np.testing.assert_array_equal(
            getattr(both.counted, name), np.concatenate([getattr(single.counted, name) for single in alone])
        )
    np.testing.assert_array_equal(both.values, np.concatenate([single.values for single in alone]))


@pytest.mark.parametrize("every", [1, 15])
def test_finer_and_coarser_samples_name_the_same_component(every: int) -> None:
    series = unit(break_=leaks_cold, every=every)
    judged = past.judge([series])
    assert named(judged) == "cooling_valve"
    assert others_are_quiet(judged)


def test_air_that_stands_at_a_low_fan_speed_is_no_evidence() -> None:
    series = unit(break_=leaks_cold)
    series.value[:, SLOT["spd"]] = np.minimum(series.value[:, SLOT["spd"]], 0.15)
    assert (past.judge([series]).verdict.component < 0).all()


def test_the_shortest_half_bears_almost_half_of_the_days_being_faulty() -> None:
    days = np.full((1, 9, WIDTH), np.nan)
    days[0, :, 0] = [1.0, 1.1, 0.9, 1.05, 0.95, 5.0, 5.1, 4.9, 5.2]
    found = norm(days)
    assert found.centre[0, 0] == pytest.approx(1.0, abs=0.06)
    assert found.scale[0, 0] < 0.3
    assert found.days[0, 0] == 9
    assert np.isnan(found.centre[0, 1])


def test_an_offset_far_from_a_fan_s_warming_is_not_learned() -> None:
    values = np.array([[1.5, 1.6, 1.4, 1.5], [6.0, 6.1, 5.9, 6.0], [1.5, 1.6, np.nan, 1.5]])
    found, band = offset(values)
    assert found.tolist() == pytest.approx([1.5, 1.1, 1.1])
    assert band[0] < band[1] == band[2]


def test_a_gap_begins_anew_what_must_hold() -> None:
    state = State({name: np.full((1, *one.shape), one.initial, one.dtype) for name, one in minute.columns().items()}, 1)
    value = unit().value[60:61]
    for lag, broken in ((40, False), (1, True), (20, False)):
        minute.step(state, state.every, np.array([600]), np.array([lag]), np.array([broken]), value)
    assert state["held"][0, 0] == 21


def test_live_a_fault_is_stated_during_its_day_and_says_what_it_could_not_evaluate() -> None:
    world = lbnl.facility(1, EVERY * MINUTE)
    index = PointIndex(world.points)
    rule = {"id": "ahu", "kind": "air_handler", "match": {"equip_type": "air_handler"}}
    engine = Engine(load([("rule", rule)], world).rules, world, index)
    series = unit(break_=leaks_cold)
    stated = []
    for day in range(8):
        chosen = slice(day * LOOKS, (day + 1) * LOOKS)
        batch = lbnl.batch(index, 0, series.minute[chosen], series.value[chosen])
        stated += [(day, alert) for alert in engine.feed(batch, (day + 1) * 1440 * MINUTE)]
    assert [day for day, _ in stated] == [FAULTY]
    alert = stated[0][1]
    assert alert.evidence["component"] == "cooling_valve"
    assert alert.evidence["history"] == "6 days"
    assert FAULTY * 1440 + 8 * 60 < alert.at // MINUTE < FAULTY * 1440 + 13 * 60
    assert [one.component for one in CHECKS if one.name == alert.evidence["check"]] == ["cooling_valve"]


def test_a_day_with_a_verdict_is_kept_out_of_the_history() -> None:
    world = lbnl.facility(1, EVERY * MINUTE)
    index = PointIndex(world.points)
    rule = {"id": "ahu", "kind": "air_handler", "match": {"equip_type": "air_handler"}}
    engine = Engine(load([("rule", rule)], world).rules, world, index)
    series = unit(break_=leaks_cold)
    engine.feed(lbnl.batch(index, 0, series.minute, series.value), 9 * 1440 * MINUTE)
    assert engine.banks[0].state["kept"][0] == 6  # eight days: the last is not over, one is faulty


def test_optional_roles_switch_their_checks_off_and_are_named() -> None:
    world = lbnl.facility(1, EVERY * MINUTE)
    for role in ("spd", "dsp", "occ", "sat_sp", "sat_sp_heat", "sat_sp_cool"):
        del world.points[f"u0.{role}"]  # type: ignore[attr-defined]
    index = PointIndex(world.points)
    rule = {"id": "ahu", "kind": "air_handler", "match": {"equip_type": "air_handler"}}
    engine = Engine(load([("rule", rule)], world).rules, world, index)
    series = unit(break_=leaks_cold)
    value = series.value.copy()
    value[:, [SLOT[role] for role in ("spd", "dsp", "occ")]] = np.nan
    stated = engine.feed(lbnl.batch(index, 0, series.minute, value), 9 * 1440 * MINUTE)
    assert {"dsp", "fc7", "no_vent", "h_cool_own"} <= set(stated[0].evidence["not_evaluated"].split(", "))


def test_the_kind_asks_for_the_roles_of_the_table() -> None:
    assert [one.role for one in AirHandler.INPUTS] == list(ROLES)
    assert len({check.name for check in CHECKS}) == len(CHECKS)


@pytest.mark.data
@pytest.mark.skipif(not (DATA / "lbnl_ahu").is_dir(), reason="no recorded data lbnl_ahu: set STEWARD_DATA to its folder")
def test_recorded_units_are_judged_as_well_as_the_documentation_says() -> None:
    score, days = lbnl.imported([lbnl.load(name, DATA / "lbnl_ahu") for name in lbnl.UNITS])
    assert len(days) == 26
    assert score.f1 >= 0.9 - 1e-9
    assert score.false <= 1
    assert score.right >= 8


@pytest.mark.data
@pytest.mark.skipif(not (DATA / "openfdd").is_dir(), reason="no recorded data openfdd: set STEWARD_DATA to its folder")
def test_shared_rules_agree_with_the_fixtures_of_open_fdd() -> None:
    told = [one for one in openfdd.run(DATA / "openfdd" / "oracle.tar.gz") if one.expected is not None]
    assert len(told) >= 25
    assert [(one.rule, one.case) for one in told if one.expected != one.found] == []
