"""What the flow of a meter never falls below: minima over the last hours and of the days, judged against the meter's own past.

Consumption touches its base level sooner or later, a leak does not. `take` folds one interval of each row: windows of 3 to 48
hours against the second-highest such minimum ever seen (`peaks`), daily minima among the last 28 by a CUSUM of ranks. State
only depends on the intervals, in order; a row speaks when it has `learn` of history and half as many whole days.
Flow in m3/s, times in ns. Constants from trials on 92 homes, see docs/adr/0021-water-and-machines.md.
"""

from __future__ import annotations

import numpy as np

from rules import local
from rules.contract import UNSEEN, Column, State
from rules.robust import centre, push
from rules.water import intervals, peaks
from rules.water.intervals import LONGEST, Interval
from steward.model import BoolArray, FloatArray, IntArray
from steward.units import DAY, HOUR, MINUTE

HOURS = np.array([3, 6, 12, 24, 48], np.int64)
"""The windows."""
WINDOWS = HOURS * HOUR
RATIO = np.array([2.0, 2.0, 2.0, 1.5, 1.5])
"""So many times the second-highest minimum seen is a leak."""
SHARE = np.array([0.15, 0.075, 0.0375, 0.0, 0.0])
"""The least that counts, as a share of the highest flow ever: 15 % x 3 h / window, for the short windows."""
STEPS = np.array([0.0, 0.0, 0.0, 1.9, 0.95])
"""The same in steps of the register an hour, for the long windows."""
ALMOST = 0.95
"""A leak of exactly the least size is seen a little smaller, by jitter of the reads."""
GAPS = WINDOWS + 12 * HOUR
CAP = 1.5
RING = 68
"""Intervals kept: 48 hours of the shortest ones, and a little."""
SLACK = 30 * MINUTE
DAYS, EVERY, WHOLE = 28, 4, 18
"""Daily minima kept; while something is wrong only every fourth is learned; hours that make a day whole."""
QUIET = 2 * DAY
"""So long after a leak its days are learned with reserve."""
GROSS, IN_A_ROW = 20.0, 3
RISES, FALLS, MOST, USUAL = 4.0, 2.0, 8.0, 1.5
"""CUSUM of how rare the daily minima are: alert, end, ceiling, and what a day must exceed to add (of days that are all alike it
is 1 at the mean)."""
OF_SPREAD = np.array([0.0, 0.0, 0.0, 2.0, 2.0])
"""The least that counts for the long windows, in spreads of the daily minima: a leak within them shows in the trend only."""
LATELY = 14

COLUMNS = {
    **intervals.COLUMNS,
    **peaks.columns(len(HOURS)),
    "flows": Column(np.float64, np.nan, (RING,)),
    "middles": Column(np.int64, UNSEEN, (RING,)),
    "starts": Column(np.int64, UNSEEN, (RING,)),
    "newest": Column(np.int64),
    "first_at": Column(np.int64, UNSEEN),
    "end_at": Column(np.int64, UNSEEN),
    "chain_since": Column(np.int64, UNSEEN),
    "highest": Column(np.float64),
    "gross": Column(np.int64),
    "day": Column(np.int64, UNSEEN),
    "day_least": Column(np.float64, np.inf),
    "day_hours": Column(np.float64),
    "minima": Column(np.float64, np.nan, (DAYS,)),
    "days": Column(np.int64),
    "base": Column(np.float64, np.nan),
    "careful": Column(np.int64),
    "quiet_until": Column(np.int64, UNSEEN),
    "leaking": Column(np.bool_, False),
    "half": Column(np.float64, np.inf),
    "leak_since": Column(np.int64, UNSEEN),
    "leak_flow": Column(np.float64, np.nan),
    "leak_limit": Column(np.float64, np.nan),
    "leak_hours": Column(np.int64),
    "leaked": Column(np.float64),
    "rises": Column(np.float64),
    "rises_since": Column(np.int64, UNSEEN),
    "slow": Column(np.bool_, False),
    "slow_flow": Column(np.float64, np.nan),
    "slow_spread": Column(np.float64, np.nan),
    "slow_lost": Column(np.float64),
    "lately": Column(np.float64, np.nan, (LATELY,)),
    "lately_days": Column(np.int64),
}


def known(state: State, rows: IntArray, at: IntArray) -> BoolArray:
    """Which rows have seen enough at `at`."""
    learn, first = state.get("learn", rows), state.get("first_at", rows)
    enough: BoolArray = (first != UNSEEN) & (at - first >= learn) & (2 * DAY * state.get("days", rows) >= learn)
    return enough


def take(state: State, found: Interval) -> None:
    """Folds one interval of each of its rows."""
    fresh = state["first_at"][found.rows] == UNSEEN
    state["first_at"][found.rows[fresh]] = found.start[fresh]
    ready = known(state, found.rows, found.end)
    kept = ~_gross(state, found, ready)
    if not kept.all():
        found, ready = found.take(np.flatnonzero(kept)), ready[kept]
    if not len(found.rows):
        return
    _turn_day(state, found, ready)
    _put(state, found)
    _windows(state, found, ready)


def _gross(state: State, found: Interval, ready: BoolArray) -> BoolArray:
    """Readings that nothing explains, 20 times the highest flow ever: dropped, at most three in a row."""
    rows = found.rows
    highest = state.get("highest", rows)
    gross = ready & (highest > 0) & (found.flow > GROSS * highest) & (state.get("gross", rows) < IN_A_ROW)
    state.put("gross", rows, np.where(gross, state.get("gross", rows) + 1, 0))
    return gross


def _put(state: State, found: Interval) -> None:
    """Notes the interval in the ring, in the chain of unbroken ones, in the highest flow and the day."""
    rows, last = found.rows, state["end_at"][found.rows]
    broken = (last == UNSEEN) | (found.start - last > LONGEST)
    state["chain_since"][rows[broken]] = found.start[broken]
    passed = np.where(last == UNSEEN, 0, found.end - last) / HOUR
    factor = np.exp(-passed / peaks.YEAR_HOURS)
    peaks.fade(state, rows, factor)
    state["highest"][rows] = np.maximum(state["highest"][rows] * factor, found.flow)
    state["end_at"][rows] = found.end
    newest = (state["newest"][rows] + 1) % RING
    state["newest"][rows] = newest
    state["flows"][rows, newest] = found.flow
    state["middles"][rows, newest] = (found.start + found.end) // 2
    state["starts"][rows, newest] = found.start
    state["day_least"][rows] = np.minimum(state["day_least"][rows], found.flow)
    state["day_hours"][rows] += (found.end - found.start) / HOUR


def _least(state: State, found: Interval) -> FloatArray:
    """Minimum of the flow over each window, [rows, windows]; NaN where the window is not known without a break."""
    rows, end = found.rows, found.end[:, None]
    flows, age = state["flows"][rows], end - state["middles"][rows]
    flows = np.where((age >= found.end[:, None] - state["chain_since"][rows][:, None]), np.inf, flows)
    least = np.stack([np.where(age < span, flows, np.inf).min(axis=1) for span in WINDOWS.tolist()], axis=1)
    covered = state["chain_since"][rows][:, None] <= end - WINDOWS + SLACK
    return np.where(covered & np.isfinite(least), least, np.nan)


def _windows(state: State, found: Interval, ready: BoolArray) -> None:
    """Judges the minima of the windows, then learns them."""
    rows, base = found.rows, state["base"][found.rows]
    z = _least(state, found) - base[:, None]
    valid = ~np.isnan(z)
    z = np.where(valid, z, 0.0)
    floor = SHARE * state["highest"][rows][:, None]
    usual = np.maximum(state["peak_b"][rows], floor)
    step = np.maximum(intervals.resolution(state, rows), state["at_least"][rows])[:, None]
    limit = np.maximum(RATIO * usual, STEPS * step)
    spread = np.nan_to_num(state["slow_spread"][rows])
    least = ALMOST * np.maximum(state["at_least"][rows][:, None], OF_SPREAD * spread[:, None])
    hot = valid & ready[:, None] & (z >= limit) & (z >= least) & (z > 0)
    _follow(state, found, base)
    where = np.flatnonzero(hot.any(axis=1))
    if len(where):
        best = np.where(hot[where], z[where], -1.0).argmax(axis=1)
        _leak(state, found.take(where), base[where], z[where, best], limit[where, best], HOURS[best])
    cap = np.where(ready[:, None], CAP * usual, np.inf)
    peaks.learn(state, rows, found.end, z, GAPS, cap, valid & (z > 0))


def _follow(state: State, found: Interval, base: FloatArray) -> None:
    """A leak goes on while the flow stays above half of it; counts what it lost."""
    rows, flow = found.rows, found.flow
    leaking = state["leaking"][rows]
    over = leaking & (flow <= state["half"][rows])
    state["leaking"][rows[over]] = False
    on = np.flatnonzero(leaking & ~over)
    state["leak_flow"][rows[on]] = np.minimum(state["leak_flow"][rows[on]], flow[on] - base[on])
    passed = (found.end[on] - found.start[on]) / 1e9
    state["leaked"][rows[on]] += state["leak_flow"][rows[on]] * passed
    state["quiet_until"][rows[on]] = found.end[on] + QUIET


def _leak(state: State, found: Interval, base: FloatArray, size: FloatArray, limit: FloatArray, hours: IntArray) -> None:
    """Rows whose minimum is beyond what they know: where the run of high flow began, and its volume per hour. A leak that is
    known already is told anew only where it has grown by half."""
    rows = found.rows
    grown = state["leaking"][rows] & (size <= 1.5 * (state["half"][rows] - base) * 2)
    told = np.flatnonzero(~grown)
    if not len(told):
        return
    rows, base, size = rows[told], base[told], size[told]
    half = base + size / 2
    order = (state["newest"][rows][:, None] - np.arange(RING)) % RING
    flows = np.take_along_axis(state["flows"][rows], order, axis=1)
    starts = np.take_along_axis(state["starts"][rows], order, axis=1)
    on = (flows > half[:, None]) & (starts >= state["chain_since"][rows][:, None])
    length = np.where(on.all(axis=1), RING, (~on).argmax(axis=1))
    inner = np.arange(RING) < np.maximum(length - 1, 1)[:, None]  # without the first, partial interval
    rate = np.where(inner, flows, np.inf).min(axis=1) - base
    since = starts[np.arange(len(rows)), np.maximum(length - 1, 0)]
    since = np.where(state["leaking"][rows], state["leak_since"][rows], since)
    for name, values in (("leaking", True), ("half", half), ("leak_since", since), ("leak_flow", rate),
                         ("leak_limit", limit[told]), ("leak_hours", hours[told]),
                         ("leaked", rate * (found.end[told] - since) / 1e9),
                         ("quiet_until", found.end[told] + QUIET)):  # fmt: skip
        state.put(name, rows, values)


def _turn_day(state: State, found: Interval, ready: BoolArray) -> None:
    """Where the interval lies in another local day: what the last day's minimum says, whether it is learned."""
    rows = found.rows
    day = local.shift(state["local"][rows], (found.start + found.end) // 2) // DAY
    before = state["day"][rows]
    over = before != day
    if not over.any():
        return
    whole = over & (before != UNSEEN) & (state["day_hours"][rows] >= WHOLE)
    if whole.any():
        _day(state, rows[whole], before[whole], state["day_least"][rows[whole]], ready[whole])
    turned = rows[over]
    state["day"][turned], state["day_least"][turned], state["day_hours"][turned] = day[over], np.inf, 0.0


def _day(state: State, rows: IntArray, day: IntArray, least: FloatArray, ready: BoolArray) -> None:
    """A whole day: the trend of the minima, and their median."""
    base = np.nan_to_num(state["base"][rows])
    _trend(state, rows, day, least, base, ready)
    push(state["lately"], state["lately_days"], rows, least)
    calm = ~state["slow"][rows] & (state["end_at"][rows] >= state["quiet_until"][rows])
    careful = np.where(calm, 0, state["careful"][rows] + 1)
    state["careful"][rows] = careful
    learned = calm | (careful % EVERY == 0)
    push(state["minima"], state["days"], rows[learned], least[learned])
    state["base"][rows[learned]] = centre(state["minima"][rows[learned]])[0]


def _trend(state: State, rows: IntArray, day: IntArray, least: FloatArray, base: FloatArray, ready: BoolArray) -> None:
    """CUSUM of how rare the daily minimum is among those remembered, by its rank: -ln of the share that is as high, so that the
    scatter of a meter needs no unit. A day within half a step of the base is nothing new."""
    minima = state["minima"][rows]
    spread = np.maximum(centre(minima)[1], _quantile(minima, 0.9) - base)
    step = np.maximum(intervals.resolution(state, rows), state["at_least"][rows])
    spread = np.maximum(np.nan_to_num(spread), np.maximum(step / 2, 1e-12))
    before, slow = state["rises"][rows], state["slow"][rows]
    higher = np.count_nonzero(minima >= least[:, None], axis=1)
    number = np.count_nonzero(~np.isnan(minima), axis=1)
    news = np.where(least - base >= np.maximum(step / 2, 1e-12), np.log((number + 1) / (higher + 1)), 0.0)
    rises = np.clip(before + news - USUAL, 0.0, MOST)
    rises = np.where(ready, rises, 0.0)
    end = state["end_at"][rows]
    state["rises_since"][rows] = np.where((before <= 0) & (rises > 0), end - DAY, state["rises_since"][rows])
    touched = slow & (least <= base + spread)
    rises = np.where(touched, np.minimum(rises, FALLS), rises)
    starts = ~slow & (rises > RISES)
    slow = starts | (slow & (rises > FALLS))
    lately = np.concatenate((state["lately"][rows], least[:, None]), axis=1)
    flow = np.maximum(centre(lately)[0] - base, 0.0)
    lost = np.where(starts, flow * (end - state["rises_since"][rows]) / 1e9, state["slow_lost"][rows] + flow * DAY / 1e9)
    state["slow_flow"][rows] = np.where(slow, flow, state["slow_flow"][rows])
    state["slow_lost"][rows] = np.where(slow, lost, state["slow_lost"][rows])
    state["slow_spread"][rows] = spread
    state["slow"][rows] = slow
    state["rises"][rows] = rises


def _quantile(values: FloatArray, share: float) -> FloatArray:
    """Linear quantile of each row, NaN left out."""
    ordered = np.sort(values, axis=1)
    number = np.count_nonzero(~np.isnan(ordered), axis=1)
    place = np.maximum(number - 1, 0) * share
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(number - 1, 0))
    rows = np.arange(len(ordered))
    between: FloatArray = ordered[rows, low] + (ordered[rows, high] - ordered[rows, low]) * (place - low)
    return between
