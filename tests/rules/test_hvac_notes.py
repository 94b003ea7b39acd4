"""Advisories of an air handler: what is unlike its other days is told, makes no verdict, and sound days have none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from rules.contract import State
from rules.hvac import minute, notes, past
from rules.hvac.history import norm, plain_norm, values
from rules.hvac.tables import KEPT_DAYS, SLOT
from tests.rules.test_hvac import EVERY, FAULTY, LOOKS, Look, unit

DAYS = 8


def noted(series: past.Series) -> list[str]:
    """The notes of each day, as the kind folds, closes and learns them."""
    columns = {**minute.columns(), **notes.columns()}
    state = State({name: np.full((1, *one.shape), one.initial, one.dtype) for name, one in columns.items()}, 1)
    row = np.zeros(1, np.int64)
    kept = np.full((1, DAYS, values(state, row).shape[1]), np.nan)
    found = []
    for day in range(DAYS):
        for look in range(day * LOOKS, (day + 1) * LOOKS):
            one = (
                np.array([series.minute[look] % 1440]),
                np.array([EVERY]),
                np.array([look == 0]),
                series.value[look : look + 1],
            )
            minute.step(state, row, *one)
            notes.step(state, row, *one)
        notes.close(state, row, norm(kept), plain_norm(state["note_past"][row].astype(np.float64)))
        found.append(notes.told(int(state["notes"][0])))
        kept[:, day] = values(state, row)
        notes.learn(state, row, notes.values(state, row), np.array([day % KEPT_DAYS]))
        minute.clear(state, row)
        notes.clear(state, row)
    return found


def occupied(one: Look) -> None:
    hour = np.tile(np.arange(LOOKS) * EVERY / 60.0, len(one["oat"]) // LOOKS)
    one["occ"] = ((hour >= 7) & (hour < 19)).astype(float)


def sound(one: Look, today: np.ndarray) -> None:
    occupied(one)


def opens_wide(one: Look, today: np.ndarray) -> None:
    occupied(one)
    one["oad"] = np.where(one["fan"] > 0, np.where(today, 0.9, 0.3), 0.0)


def runs_at_night(one: Look, today: np.ndarray) -> None:
    occupied(one)
    one["fan"][today] = 1.0


def stands_still(one: Look, today: np.ndarray) -> None:
    occupied(one)
    one["oad"][today & (one["oad"] > 0.15) & (one["oad"] < 0.3)] = 0.37
    one["oad"][today & (one["oad"] > 0.45) & (one["oad"] < 0.6)] = 0.37


def cools_easily(one: Look, today: np.ndarray) -> None:
    occupied(one)
    cooling = today & (one["cc"] > 0)
    one["cc"][cooling] = 0.2
    one["leak"][cooling] = -12.0 * 0.2  # the same air for half the command


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (opens_wide, "damper_unlike"),
        (runs_at_night, "fan_hours"),
        (stands_still, "damper_still"),
        (cools_easily, "less_cooling"),
    ],
)
def test_what_is_unlike_other_days_is_noted_on_that_day_alone(change: Callable[[Look, np.ndarray], None], note: str) -> None:
    found = noted(unit(DAYS, change))
    assert note in found[FAULTY].split(", ")
    assert [one for number, one in enumerate(found) if number != FAULTY and note in one] == []


def test_sound_days_and_days_without_a_history_have_no_notes() -> None:
    assert noted(unit(DAYS, sound)) == [""] * DAYS
    assert noted(unit(DAYS, sound, seed=3)) == [""] * DAYS


def test_without_the_occupied_mode_fan_hours_are_not_judged() -> None:
    series = unit(DAYS, runs_at_night)
    series.value[:, SLOT["occ"]] = np.nan
    assert "fan_hours" not in noted(series)[FAULTY]


def test_a_note_makes_no_verdict() -> None:
    judged = past.judge([unit(DAYS, cools_easily)])
    assert int(judged.verdict.component[FAULTY]) < 0


def test_notes_are_told_by_name() -> None:
    assert notes.told(0) == ""
    assert notes.told(0b10001) == "less_cooling, damper_still"
