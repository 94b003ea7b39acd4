"""Advisories of an air handler: what is unlike the unit's other days and proves nothing, since season, mode and weather move it
on sound units too. They make no verdict and no alert; where a verdict stands they are told beside it.

A day's values and their norm are kept apart from those of the verdict, so that a verdict does not depend on them. Not judged
before LEAST_DAYS other days. Pure; `columns()` is the state, `step` folds a look, `close` ends a day, `learn` keeps it.
"""

from __future__ import annotations

import numpy as np

from rules.contract import Array, Column, State
from rules.hvac.history import Norm
from rules.hvac.minute import COMMAND_BINS, COMMAND_STEP, LOADS, QUARTERS, SPLITS
from rules.hvac.tables import EFFORT_LEAST, EFFORT_MINUTES, KEPT_DAYS, LEAST_DAYS, LEAST_MINUTES, SLOT
from steward.model import BoolArray, FloatArray, IntArray

NOTES = ("less_cooling", "less_heating", "damper_unlike", "fan_hours", "damper_still")
"""Less valve command than on other days for the same load; damper command unlike other days at this outdoor temperature; fan
hours out of occupancy unlike other days; damper still for three hours at a level that no other day uses."""
OUTDOOR_LOW, OUTDOOR_STEP, OUTDOOR_BINS = -20.0, 5.0, 12
LEVELS = 20
DAMPER_LEAST, HOURS_LEAST = 0.15, 60.0
"""Least difference of a damper command, and of minutes, that is worth a note."""
WIDTH = OUTDOOR_BINS + 1
"""Values of a day: damper command by outdoor temperature, minutes of the fan out of occupancy."""


def columns() -> dict[str, Column]:
    """State of the fold, of the day and of the days before."""
    return {
        "note_damper": Column(np.float32, 0.0, (OUTDOOR_BINS, 2)),
        "note_fan": Column(np.float32, 0.0, (2,)),
        "note_ring": Column(np.float32, np.nan, (QUARTERS,)),
        "note_quarter": Column(np.int64, 0),
        "note_used": Column(np.int32, 0, (LEVELS,)),
        "note_still": Column(np.bool_, False, (LEVELS,)),
        "note_past": Column(np.float32, np.nan, (KEPT_DAYS, WIDTH)),
        "note_levels": Column(np.bool_, False, (KEPT_DAYS, LEVELS)),
        "note_days": Column(np.int32),
        "notes": Column(np.int32),
    }


def step(state: State, rows: IntArray, minute: IntArray, minutes: IntArray, broken: BoolArray, value: FloatArray) -> None:
    """Folds one look at `rows`; as `minute.step`."""
    oat, oad, fan, occ = (value[:, SLOT[role]] for role in ("oat", "oad", "fan", "occ"))
    lag = minutes.astype(np.float32)
    runs = fan > 0.5
    at = np.flatnonzero(runs & ~np.isnan(oat) & ~np.isnan(oad))
    cell = np.clip((oat[at] - OUTDOOR_LOW) / OUTDOOR_STEP, 0, OUTDOOR_BINS - 1).astype(np.int64)
    state["note_damper"][rows[at], cell] += np.stack([lag[at], lag[at] * oad[at].astype(np.float32)], axis=1)
    out = occ < 0.5
    state["note_fan"][rows] += np.stack([lag * out, lag * (out & runs)], axis=1)
    _still(state, rows, minute // 15, broken, runs, oad, minutes)


def _still(
    state: State, rows: IntArray, quarter: IntArray, broken: BoolArray, runs: BoolArray, oad: FloatArray, minutes: IntArray
) -> None:
    """Levels that the damper uses, and those at which it has stood for as long as the ring of quarter hours goes back."""
    ring: Array = state.get("note_ring", rows)
    now = oad.astype(np.float32)
    ring[broken | ~runs] = np.nan
    near: BoolArray = np.all(np.abs(ring - now[:, None]) <= 0.005, axis=1)
    moved = quarter != state.get("note_quarter", rows)
    ring[moved, 1:] = ring[moved, :-1]
    ring[moved, 0] = now[moved]
    state.put("note_ring", rows, ring)
    state.put("note_quarter", rows, quarter)
    at = np.flatnonzero(runs & (oad > 0.05) & (oad < 0.95))
    level = np.clip(oad[at] * LEVELS, 0, LEVELS - 1).astype(np.int64)
    state["note_used"][rows[at], level] += minutes[at].astype(np.int32)
    stood = near[at]
    state["note_still"][rows[at[stood]], level[stood]] = True


def values(state: State, rows: IntArray) -> FloatArray:
    """The values of the day of `rows`, [n, WIDTH]; NaN where there is too little of one."""
    damper = state.get("note_damper", rows).astype(np.float64)
    mean = np.where(damper[..., 0] >= LEAST_MINUTES, damper[..., 1] / np.maximum(damper[..., 0], 1.0), np.nan)
    fan = state.get("note_fan", rows).astype(np.float64)
    hours = np.where(fan[:, :1] >= LEAST_MINUTES, fan[:, 1:], np.nan)
    return np.concatenate([mean, hours], axis=1)


def close(state: State, rows: IntArray, usual: Norm, known: Norm) -> None:
    """The day of `rows` is over: what is unlike other days. usual: of the verdict's values (efforts); known: of `values`."""
    today = values(state, rows)
    least = np.r_[np.full(OUTDOOR_BINS, DAMPER_LEAST), HOURS_LEAST]
    unlike = np.abs(today - known.centre) > np.maximum(least, 3.0 * np.nan_to_num(known.scale))
    damper = state["note_damper"][rows][..., 0]
    odd = (damper * unlike[:, :OUTDOOR_BINS]).sum(axis=1) >= EFFORT_MINUTES
    used = state.get("note_levels", rows).any(axis=1)
    alone = (state.get("note_still", rows) & ~used).any(axis=1) & (state.get("note_days", rows) >= LEAST_DAYS)
    found = np.stack([*_less(state, rows, usual), odd, unlike[:, OUTDOOR_BINS], alone], axis=1)
    state.put("notes", rows, (found << np.arange(len(NOTES))).sum(axis=1))


def _less(state: State, rows: IntArray, usual: Norm) -> list[BoolArray]:
    """For the cooling and the heating valve: clearly less command than on other days for the same load."""
    command = (np.arange(COMMAND_BINS) + 0.5) * COMMAND_STEP
    found = []
    for valve in range(2):
        bins = slice(1 + SPLITS + valve * LOADS, 1 + SPLITS + (valve + 1) * LOADS)
        limit = np.maximum(EFFORT_LEAST, 3.0 * np.nan_to_num(usual.scale[:, bins]))
        short = (usual.centre[:, bins, None] - command[None, None, :]) / limit[:, :, None]
        found.append((state["effort"][rows, valve] * (np.nan_to_num(short) > 1.0)).sum(axis=(1, 2)) >= EFFORT_MINUTES)
    return found


def learn(state: State, rows: IntArray, today: FloatArray, place: IntArray) -> None:
    """Keeps the day of `rows` at `place` of the ring, as the verdict's history does."""
    state["note_past"][rows, place] = today
    state["note_levels"][rows, place] = state["note_used"][rows] >= LEAST_MINUTES
    state["note_days"][rows] += 1


def clear(state: State, rows: IntArray) -> None:
    """Begins a day for `rows`."""
    for name in ("note_damper", "note_fan", "note_used", "note_still"):
        state.put(name, rows, 0)


def told(bits: int) -> str:
    """The notes of a day in one text."""
    return ", ".join(name for number, name in enumerate(NOTES) if bits >> number & 1)
