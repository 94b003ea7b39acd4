"""Residual monitoring: odd days by a robust z of the day's relative residual, slow drift by a weekly CUSUM.

Invariants: both are folds over days, vectorised across points (one row of the state arrays a point); `step` sees each row at
most once a call and in time order, so that batches split anywhere give the same findings; a day without a value (NaN) only
moves time. The residual is actual / expected - 1 (ratio); days are local day numbers since 1970. The baseline under the drift
is frozen for a year: refitted, it would learn the drift. Published: Page 1954 (CUSUM); constants measured in bench/baselines.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from metering.baselines import Baseline, Consumption
from metering.degree_days import Weather
from metering.intervals import utc_offsets
from metering.towt import Week
from steward.model import BoolArray, FloatArray, IntArray
from steward.units import DAY, HOUR

WINDOW = 56
"""Days that an odd day is compared with."""
SETTLED = 28
"""Days in the window from which a z is given."""
LIMIT_Z, LEAST_SCALE = 4.0, 0.005
SETTLING_WEEKS = 8
"""Weeks whose median is the centre of the drift."""
WEEK_DAYS = 4
"""Least days with a value in a week that counts."""
SLACK, LIMIT_DRIFT, CLIP = 1.0, 4.0, 4.0
MAD = 1.4826
NEVER = np.iinfo(np.int64).min


def relative(actual: FloatArray, expected: FloatArray) -> FloatArray:
    """actual / expected - 1, NaN where nothing positive is expected."""
    result = np.full(len(actual), np.nan)
    np.divide(actual, expected, out=result, where=expected > 0)
    return result - 1


def day_means(
    start: IntArray, residual: FloatArray, week: Week, hours: tuple[int, int] = (7, 19), least: float = 0.5
) -> tuple[IntArray, FloatArray]:
    """Local days (ns-free day numbers) and the mean residual of their hours [from, to); NaN with fewer than `least` of them."""
    if not len(start):
        return np.zeros(0, np.int64), np.zeros(0)
    local = start + utc_offsets(start, week.zone)
    day, hour = local // DAY, local % DAY // HOUR
    good = (hour >= hours[0]) & (hour < hours[1]) & np.isfinite(residual)
    first = int(day[0])
    size = int(day[-1]) - first + 1
    count = np.bincount(day[good] - first, minlength=size)
    total = np.bincount(day[good] - first, residual[good], size)
    mean = np.full(size, np.nan)
    np.divide(total, count, out=mean, where=count >= least * (hours[1] - hours[0]))
    return np.arange(first, first + size, dtype=np.int64), mean


@dataclass(frozen=True, eq=False)
class OddDays:
    """Judgements of one step: rows of the state, z of the day, whether it is odd, and what it was compared with."""

    row: IntArray
    day: IntArray
    value: FloatArray
    z: FloatArray
    odd: BoolArray
    median: FloatArray
    scale: FloatArray


@dataclass(eq=False)
class OddDayState:
    """The last 56 values of each point, a ring: `past` (points, 56), NaN where none yet; `seen` values so far."""

    past: FloatArray
    seen: IntArray

    @classmethod
    def of(cls, points: int) -> OddDayState:
        """Nothing seen yet."""
        return cls(np.full((points, WINDOW), np.nan), np.zeros(points, np.int64))


def step_odd(state: OddDayState, rows: IntArray, day: IntArray, value: FloatArray) -> OddDays:
    """Judge one day of some points (each row once) against the days before it, then remember it."""
    rows, day, value = rows[np.isfinite(value)], day[np.isfinite(value)], value[np.isfinite(value)]
    judged = state.seen[rows] >= SETTLED
    median, scale = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    if judged.any():
        past = state.past[rows[judged]]
        median[judged] = np.nanmedian(past, axis=1)
        scale[judged] = np.maximum(MAD * np.nanmedian(np.abs(past - median[judged][:, None]), axis=1), LEAST_SCALE)
    z = (value - median) / scale
    state.past[rows, state.seen[rows] % WINDOW] = value
    state.seen[rows] += 1
    return OddDays(rows, day, value, z, np.abs(z) > LIMIT_Z, median, scale)


@dataclass(frozen=True, eq=False)
class Drifts:
    """Alerts of one step: rows, sign (+1 more, -1 less than expected), Monday of the week that raised it and of the week in
    which it began (local day numbers), and the mean residual since (ratio, above the settled centre)."""

    row: IntArray
    sign: IntArray
    week: IntArray
    since: IntArray
    size: FloatArray

    @classmethod
    def none(cls) -> Drifts:
        """No alert."""
        empty = np.zeros(0, np.int64)
        return cls(empty, empty, empty, empty, np.zeros(0))


@dataclass(eq=False)
class DriftState:
    """Weekly CUSUM of each point: `scale` (points) = spread of weekly means in the fit year, see `weekly_scale`.

    week: the open week (Monday's day number, NEVER before the first); total, count: of its days; early (points, 8), weeks:
    the settling weeks; centre; s, since, mass, length (2, points): sums S+ and S-, the week they left 0, the sum of residuals
    and number of weeks since.
    """

    scale: FloatArray
    week: IntArray
    total: FloatArray
    count: IntArray
    early: FloatArray
    weeks: IntArray
    centre: FloatArray
    s: FloatArray
    since: IntArray
    mass: FloatArray
    length: IntArray

    @classmethod
    def of(cls, scale: FloatArray) -> DriftState:
        """Nothing seen yet; one row for each scale."""
        n = len(scale)
        return cls(
            np.maximum(scale, LEAST_SCALE),
            np.full(n, NEVER),
            np.zeros(n),
            np.zeros(n, np.int64),
            np.full((n, SETTLING_WEEKS), np.nan),
            np.zeros(n, np.int64),
            np.full(n, np.nan),
            np.zeros((2, n)),
            np.full((2, n), NEVER),
            np.zeros((2, n)),
            np.zeros((2, n), np.int64),
        )


def step_drift(state: DriftState, rows: IntArray, day: IntArray, value: FloatArray) -> Drifts:
    """Take one day of some points (each row once); a week is closed by the first day after it, with a value or NaN."""
    monday = day - (day + 3) % 7
    over = (state.week[rows] != NEVER) & (monday > state.week[rows])
    found = _close(state, rows[over & (state.count[rows] >= WEEK_DAYS)])
    fresh = rows[over | (state.week[rows] == NEVER)]
    state.week[fresh] = monday[over | (state.week[rows] == NEVER)]
    state.total[fresh], state.count[fresh] = 0.0, 0
    known = np.isfinite(value)
    state.total[rows[known]] += value[known]
    state.count[rows[known]] += 1
    return found


def _close(state: DriftState, rows: IntArray) -> Drifts:
    """Weeks of some points end: settle the centre, or add to the sums and alert."""
    mean = state.total[rows] / state.count[rows]
    settling = state.weeks[rows] < SETTLING_WEEKS
    young = rows[settling]
    state.early[young, state.weeks[young]] = mean[settling]
    state.weeks[rows] += 1
    ready = young[state.weeks[young] == SETTLING_WEEKS]
    state.centre[ready] = np.median(state.early[ready], axis=1)
    rows, mean = rows[~settling], mean[~settling]
    if not len(rows):
        return Drifts.none()
    off = mean - state.centre[rows]
    z = np.clip(off / state.scale[rows], -CLIP, CLIP)
    return _joined([_add(state, side, rows, off, z) for side in (0, 1)])


def _add(state: DriftState, side: int, rows: IntArray, off: FloatArray, z: FloatArray) -> Drifts:
    """One side of the CUSUM takes a week; what passes the limit is reported and restarts at 0."""
    sign = 1 - 2 * side
    before = state.s[side, rows]
    now = np.maximum(before + sign * z - SLACK, 0.0)
    running, began = now > 0, (now > 0) & (before == 0)
    state.since[side, rows] = np.where(began, state.week[rows], np.where(running, state.since[side, rows], NEVER))
    state.mass[side, rows] = np.where(running, np.where(began, 0.0, state.mass[side, rows]) + off, 0.0)
    state.length[side, rows] = np.where(running, np.where(began, 0, state.length[side, rows]) + 1, 0)
    state.s[side, rows] = now
    out = rows[now >= LIMIT_DRIFT]
    size = state.mass[side, out] / state.length[side, out]
    found = Drifts(out, np.full(len(out), sign), state.week[out], state.since[side, out], size)
    state.s[side, out], state.since[side, out], state.mass[side, out], state.length[side, out] = 0.0, NEVER, 0.0, 0
    return found


def _joined(parts: list[Drifts]) -> Drifts:
    names = ("row", "sign", "week", "since", "size")
    return Drifts(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def weekly_scale(day: IntArray, residual: FloatArray) -> float:
    """Spread of weekly means of (cross-validated) daily residuals of the fit year: 1.48 MAD, at least 0.005."""
    monday = day - (day + 3) % 7
    good = np.isfinite(residual)
    if not good.any():
        return LEAST_SCALE
    _, number = np.unique(monday[good], return_inverse=True)
    count = np.bincount(number)
    mean = (np.bincount(number, residual[good]) / count)[count >= WEEK_DAYS]
    if not len(mean):
        return LEAST_SCALE
    return max(MAD * float(np.median(np.abs(mean - np.median(mean)))), LEAST_SCALE)


def cross_validated(
    consumption: Consumption, weather: Weather, refit: Callable[[Consumption], Baseline | None], folds: int = 4
) -> FloatArray:
    """Relative residual of each interval by a fit that did not see its week: every fourth week left out in turn.

    refit: fits a baseline to part of the consumption; None (refused) leaves the fold NaN.
    """
    number = consumption.start // (7 * DAY) % folds
    residual = np.full(len(consumption.start), np.nan)
    for fold in range(folds):
        held = number == fold
        baseline = refit(consumption.take(~held))
        if baseline is not None and held.any():
            part = consumption.take(held)
            residual[held] = relative(part.value, baseline.predict(part, weather))
    return np.where(consumption.eligible, residual, np.nan)
