"""The record ratio of `rules.detectors.record` for many series at once: the same steps on arrays with one row per series.

The columns may belong to somebody else (the bank of a rule kind): `Bank.over` works on them in place. Rows may have different
numbers of samples behind them. Almost never does a value go beyond the memory, so only those few entries are looked at.
Agrees with the scalar form to 1e-9; `tests/rules/detectors` holds them together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import exp
from typing import Any

import numpy as np

from rules.contract import Array, Column
from rules.detectors import record as scalar
from rules.detectors.contract import DAY_SLOT, DAY_SLOTS, WEEK_SLOTS, Saved
from rules.detectors.record import EXCURSION, LEARN, PROFILE, RING, SHORT, STREAMS
from rules.local import Local
from steward.model import BoolArray, FloatArray, IntArray
from steward.units import DAY, HOUR

SPANS = np.array(scalar.SPANS * 2, np.int64)
FIRST = np.array(scalar._FIRST * 2, np.int64)
HALF = STREAMS // 2
FADE = exp(1 / scalar.MEMORY)

COLUMNS: dict[str, Column] = {
    "seen": Column(np.int64),
    "seen_at": Column(np.int64, scalar.NEVER),
    "mean": Column(np.float64),
    "memory_unit": Column(np.float64, 1.0),
    "first_peak": Column(np.float64, 0.0, (STREAMS,)),
    "second_peak": Column(np.float64, 0.0, (STREAMS,)),
    "last_peak": Column(np.float64, 0.0, (STREAMS,)),
    "peak_number": Column(np.int64, scalar.NEVER, (STREAMS,)),
    "ring": Column(np.float64, 0.0, (RING,)),
    "sums": Column(np.float64, 0.0, (3,)),
    "short": Column(np.float64, 0.0, (SHORT,)),
    "short_sum": Column(np.float64),
    "rests": Column(np.int64),
    "rests_since": Column(np.int64),
    "day_slot": Column(np.float64, 0.0, (DAY_SLOTS,)),
    "day_count": Column(np.int32, 0, (DAY_SLOTS,)),
    "week_slot": Column(np.float64, 0.0, (WEEK_SLOTS,)),
    "week_count": Column(np.int32, 0, (WEEK_SLOTS,)),
    "day_spread": Column(np.float64),
    "week_spread": Column(np.float64),
    "day_mean": Column(np.float64),
    "week_mean": Column(np.float64),
    "day_number": Column(np.int64),
    "week_number": Column(np.int64),
    "weekly": Column(np.bool_, False),
    "first_week": Column(np.int64),
    "silent_until": Column(np.int64, scalar.NEVER),
    "careful_from": Column(np.int64, 2**62),
    "gross_run": Column(np.int64),
    "good": Column(np.float64),
}
"""Names, types, initial values and shapes of the state of one series (about 6.4 kB)."""


class Found:
    """What a step found, for each of its rows: score (0: nothing), view (number in `record.VIEWS`, of the best), size of the
    view, what was seen twice (`seen`), expected value, sign (+1 above, -1 below); gross: the value was not learned."""

    __slots__ = ("expected", "gross", "score", "seen", "sign", "size", "view")

    def __init__(self, rows: int) -> None:
        self.score: FloatArray = np.zeros(rows)
        self.view: IntArray = np.zeros(rows, np.int64)
        self.size: FloatArray = np.zeros(rows)
        self.seen: FloatArray = np.zeros(rows)
        self.expected: FloatArray = np.full(rows, np.nan)
        self.sign: FloatArray = np.ones(rows)
        self.gross: BoolArray = np.zeros(rows, np.bool_)


class Bank:
    """Many series. `threshold` as of the scalar form. See `step`; `score`, `learn` are the interface of a detector, in which
    x is [series] (NaN: no sample of that series now) and t one moment in ns."""

    threshold = scalar.THRESHOLD

    def __init__(self, series: int, zone: str = "UTC", *, gate: bool = True) -> None:
        columns: dict[str, Array] = {
            name: np.full((series, *one.shape), one.initial, one.dtype) for name, one in COLUMNS.items()
        }
        self._set(columns, gate)
        self._local = Local(zone, None)
        self._every = np.arange(series)
        self.found = Found(series)

    def _set(self, columns: Mapping[str, Array], gate: bool) -> None:
        self.columns, self.gate = columns, gate

    @classmethod
    def over(cls, columns: Mapping[str, Array], *, gate: bool = True) -> Bank:
        """A bank that works in place on columns laid out as `COLUMNS`."""
        bank = cls.__new__(cls)
        bank._set(columns, gate)
        return bank

    def score(self, x: FloatArray, t: int) -> FloatArray:
        """Scores of all series, 0 where there is no sample; changes nothing."""
        rows, at, slots = self._asked(x, t)
        score = np.zeros(len(self._every))
        self.found = self._look(rows, x[rows], at, *slots)[0]
        score[rows] = self.found.score
        return score

    def learn(self, x: FloatArray, t: int) -> None:
        """Takes the samples in."""
        rows, at, slots = self._asked(x, t)
        if len(rows):
            self.step(rows, at, x[rows], *slots)

    def _asked(self, x: FloatArray, t: int) -> tuple[IntArray, IntArray, tuple[IntArray, IntArray]]:
        rows = self._every[~np.isnan(x) & (self.columns["seen_at"] < t)]
        at = np.full(len(rows), t, np.int64)
        local = self._local.shift(at[:1])
        day = local // DAY
        hour = (day + 3) % 7 * 24 + (local - day * DAY) // HOUR
        slot = (local - day * DAY) // DAY_SLOT
        return rows, at, (np.repeat(slot, len(rows)), np.repeat(hour, len(rows)))

    def step(
        self, rows: IntArray, at: IntArray, x: FloatArray, day: IntArray, hour: IntArray,
        before: Callable[[Found], None] | None = None,
    ) -> Found:  # fmt: skip
        """Scores and learns one sample of each of `rows` (each once, newer than its last, no NaN).

        day, hour: local slot of the day (5 min) and of the week; before: called between scoring and learning."""
        found, hits, seen = self._look(rows, x, at, day, hour)
        if before is not None:
            before(found)
        self._learn(rows, at, seen, hits)
        return found

    def _take(self, name: str, rows: IntArray) -> Array:
        column = self.columns[name]
        return column if len(rows) == len(column) else column.take(rows, axis=0)

    def _put(self, name: str, rows: IntArray, values: Any) -> None:
        column = self.columns[name]
        column[slice(None) if len(rows) == len(column) else rows] = values

    def _look(
        self, rows: IntArray, x: FloatArray, at: IntArray, day: IntArray, hour: IntArray
    ) -> tuple[Found, tuple[Array, ...], dict[str, Array]]:
        """Views and scores; (what was found, entries beyond the memory, what `_learn` needs)."""
        take = self._take
        found = Found(len(rows))
        n, mean, unit, second = take("seen", rows), take("mean", rows), take("memory_unit", rows), take("second_peak", rows)
        floor = np.maximum(scalar.FLOOR * (second[:, 0] + second[:, HALF]) / unit, scalar.FLOOR_OF_MEAN * np.abs(mean))
        if self.gate:
            x = self._gate(rows, x, n, mean, unit, second, floor, found)
        mean = np.where(n == 0, x, mean)
        ring, place = self.columns["ring"], rows * RING
        flat = ring.reshape(-1)
        sums = take("sums", rows) + (x[:, None] - flat.take(place[:, None] + (n[:, None] - _BACK) % RING))
        daily, weekly = self.columns["day_count"][rows, day] > 0, self.columns["week_count"][rows, hour] > 0
        day_rest = x - self.columns["day_slot"][rows, day]
        week_rest = x - self.columns["week_slot"][rows, hour]
        use = take("weekly", rows)
        rest, known = np.where(use, week_rest, day_rest), np.where(use, weekly, daily)
        count = take("rests", rows)
        total = take("short_sum", rows) + rest - self.columns["short"][rows, count % SHORT]
        views = np.empty((len(rows), HALF))
        views[:, 0] = x - mean
        views[:, 1:4] = sums / _WIDTHS - mean[:, None]
        views[:, 4] = x - flat.take(place + (n - 1) % RING)
        views[:, 5] = x - flat.take(place + (n - 24) % RING)
        views[:, PROFILE] = np.where(known & (count >= SHORT - 1), total / SHORT, 0.0)
        if len(n) and int(n.min()) < RING:
            views[:, 1:6][n[:, None] < _STARTS] = 0.0
        scaled = views * unit[:, None]
        above = np.flatnonzero(scaled > second[:, :HALF])  # of a flat array: several times faster than of two axes
        below = np.flatnonzero(-scaled > second[:, HALF:])
        where = np.concatenate((above // HALF, below // HALF))
        stream = np.concatenate((above % HALF, below % HALF + HALF))
        hits: tuple[Array, ...] = (where,)
        if len(where):
            hits = self._judge(rows, at, where, stream, views, second, unit, floor, n, mean, x, rest, found)
        seen = {"x": x, "sums": sums, "day": day, "hour": hour, "day_rest": day_rest, "week_rest": week_rest, "daily": daily,
                "weekly": weekly, "rest": rest, "known": known, "total": total, "gross": found.gross}  # fmt: skip
        return found, hits, seen

    def _gate(
        self, rows: IntArray, x: FloatArray, n: IntArray, mean: FloatArray, unit: FloatArray, second: FloatArray,
        floor: FloatArray, found: Found,
    ) -> FloatArray:  # fmt: skip
        """Gross errors: found, and the last good value instead of them."""
        away = x - mean
        ref = np.maximum(np.where(away > 0, second[:, 0], second[:, HALF]) / unit, floor)
        size = np.abs(away)
        gross = (n >= LEARN) & (size > scalar.GROSS * ref)
        if gross.any():
            gross &= self._take("gross_run", rows) < scalar.GROSS_RUN
            where = np.flatnonzero(gross)
            found.gross = gross
            found.score[where] = _logarithm(size[where], ref[where])
            found.size[where], found.seen[where], found.expected[where] = size[where], ref[where], mean[where]
            found.sign[where] = np.sign(away[where])
            x = np.where(gross, self._take("good", rows), x)
        return x

    def _judge(
        self, rows: IntArray, at: IntArray, where: IntArray, stream: IntArray, views: FloatArray, second: FloatArray,
        unit: FloatArray, floor: FloatArray, n: IntArray, mean: FloatArray, x: FloatArray, rest: FloatArray, found: Found,
    ) -> tuple[Array, ...]:  # fmt: skip
        """The few entries beyond the memory: scored; of each row the best is kept."""
        view = stream % HALF
        z = np.abs(views[where, view])
        ref = np.maximum(second[where, stream] / unit[where], floor[where])
        profile = view == PROFILE
        own = self.columns["rests_since"][rows[where]]
        ready = np.where(profile, (own >= LEARN) & (at[where] >= self.columns["silent_until"][rows[where]]),
                         n[where] - FIRST[stream] >= LEARN)  # fmt: skip
        tells = np.flatnonzero(ready & (z > ref) & ~found.gross[where])
        if len(tells):
            gain = np.where(profile[tells], scalar.PROFILE_GAIN, 1.0)
            score = gain * _logarithm(z[tells], ref[tells])
            order = np.lexsort((-view[tells], score))  # of equal scores the first view, as in the scalar form
            best, score = tells[order], score[order]
            row = where[best]
            found.score[row], found.view[row], found.size[row], found.seen[row] = score, view[best], z[best], ref[best]
            found.sign[row] = np.where(stream[best] < HALF, 1.0, -1.0)
            found.expected[row] = np.where(profile[best], x[row] - rest[row], mean[row])
        return where, stream, z, ref, own

    def _learn(self, rows: IntArray, at: IntArray, seen: dict[str, Array], hits: tuple[Array, ...]) -> None:
        put, take = self._put, self._take
        x, n, unit = seen["x"], take("seen", rows), take("memory_unit", rows)
        second = take("second_peak", rows)
        up, down = second[:, 0] / unit, second[:, HALF] / unit
        if len(hits[0]):
            self._remember(rows, at, n, unit, hits)
        fresh = n == 0
        if fresh.any():
            self.columns["mean"][rows[fresh]] = x[fresh]
            self.columns["careful_from"][rows[fresh]] = at[fresh] + scalar.CAREFUL
        mean = take("mean", rows)
        step = x - mean
        step = np.where(n >= LEARN, np.minimum(np.maximum(step, -2 * down), 2 * up), step)
        put("mean", rows, mean + np.maximum(scalar.MEAN_RATE, 1 / (n + 1)) * step)
        self.columns["ring"][rows, n % RING] = x
        put("sums", rows, seen["sums"])
        known = seen["known"]
        ours = rows[known]
        self.columns["short"][ours, self.columns["rests"][ours] % SHORT] = seen["rest"][known]
        put("short_sum", rows, np.where(known, seen["total"], take("short_sum", rows)))
        put("rests", rows, take("rests", rows) + known)
        put("rests_since", rows, take("rests_since", rows) + known)
        self._slots(rows, at, n, seen)
        n = n + 1
        put("gross_run", rows, np.where(seen["gross"], take("gross_run", rows) + 1, 0))
        put("seen", rows, n)
        put("seen_at", rows, at)
        put("good", rows, x)
        put("memory_unit", rows, unit * FADE)
        again = rows[n % RING == 0]
        if len(again):
            ring = self.columns["ring"][again]
            self.columns["sums"][again] = np.stack(
                (ring[:, 44:].sum(axis=1), ring[:, 36:].sum(axis=1), ring.sum(axis=1)), axis=1
            )
            self.columns["short_sum"][again] = self.columns["short"][again].sum(axis=1)
        full = rows[n % scalar.RESCALE == 0]
        if len(full):
            for name in ("first_peak", "second_peak", "last_peak", *self._kept()):
                self.columns[name][full] /= self.columns["memory_unit"][full][:, None]
            self.columns["memory_unit"][full] = 1.0

    def _kept(self) -> tuple[str, ...]:
        return tuple(name for name in KEPT if name in self.columns and self.columns[name].dtype == np.float64)

    def _remember(self, rows: IntArray, at: IntArray, n: IntArray, unit: FloatArray, hits: tuple[Array, ...]) -> None:
        """As in the scalar form, for the entries beyond the memory only."""
        where, stream, z, ref, own = hits
        row = rows[where]
        size = z * unit[where]
        silent = at[where] < self.columns["silent_until"][row]
        careful = (self.columns["weekly"][row] | (at[where] >= self.columns["careful_from"][row])) & ~silent
        capped = (stream % HALF == PROFILE) & careful & (own >= LEARN)
        size = np.where(capped, np.minimum(size, scalar.CAP * ref * unit[where]), size)
        first, second = self.columns["first_peak"][row, stream], self.columns["second_peak"][row, stream]
        peak, last = self.columns["last_peak"][row, stream], self.columns["peak_number"][row, stream]
        stored = size > second
        same = (n[where] - last <= EXCURSION + SPANS[stream]) & (peak >= second)
        stored &= ~same | (size > peak)
        widen = same & (peak >= first)
        top = stored & (size > first)
        new_first = np.where(top, size, first)
        new_second = np.where(top & ~widen, first, np.where(top, second, size))
        pick = np.flatnonzero(stored)
        row, stream = row[pick], stream[pick]
        self.columns["first_peak"][row, stream] = new_first[pick]
        self.columns["second_peak"][row, stream] = new_second[pick]
        self.columns["last_peak"][row, stream] = size[pick]
        grown = ~same | (size > scalar.GROWS * peak)
        self.columns["peak_number"][row, stream] = np.where(grown, n[where], last)[pick]

    def _slots(self, rows: IntArray, at: IntArray, n: IntArray, seen: dict[str, Array]) -> None:
        """Both profiles learn; then it is decided which one serves."""
        take, week = self._take, 7 * DAY
        gain = np.where(n > 0, np.minimum(np.maximum(at - take("seen_at", rows), 0), week) / week, 0.0)
        first = seen["weekly"] & (take("week_number", rows) == 0)
        if first.any():
            self.columns["first_week"][rows[first]] = at[first]
        for name, slot, known in (("day", seen["day"], seen["daily"]), ("week", seen["hour"], seen["weekly"])):
            self._slot(name, rows, slot, known, seen["x"], seen[f"{name}_rest"], gain)
        weekly, day_mean, week_mean = take("weekly", rows), take("day_mean", rows), take("week_mean", rows)
        back = weekly & (week_mean > day_mean)
        ready = (take("week_number", rows) > 0) & (at - take("first_week", rows) >= scalar.SILENT)
        over = ~weekly & ready & (week_mean < scalar.SWITCH * day_mean)
        changed = back | over
        if changed.any():
            row = rows[changed]
            self.columns["weekly"][row] = over[changed]
            for stream in (PROFILE, PROFILE + HALF):
                for name in ("first_peak", "second_peak", "last_peak"):
                    self.columns[name][row, stream] = 0.0
                self.columns["peak_number"][row, stream] = scalar.NEVER
            self.columns["silent_until"][row] = at[changed] + scalar.SILENT
            self.columns["rests_since"][row] = 0

    def _slot(self, name: str, rows: IntArray, slot: IntArray, known: BoolArray, x: FloatArray, rest: FloatArray,
              gain: FloatArray) -> None:  # fmt: skip
        take, put = self._take, self._put
        k, spread, mean = take(f"{name}_number", rows), take(f"{name}_spread", rows), take(f"{name}_mean", rows)
        values, counts = self.columns[f"{name}_slot"], self.columns[f"{name}_count"]
        old, count = values[rows, slot], counts[rows, slot]
        bound = np.where(k < CLIP_FROM, np.inf, scalar.SLOT_CLIP * spread)
        step = np.minimum(np.maximum(rest, -bound), bound)
        values[rows, slot] = np.where(known, old + np.maximum(scalar.SLOT_RATE, 1 / (count + 1)) * step, x)
        counts[rows, slot] = count + 1
        size, early = np.abs(rest), 1 / (k + 1)
        put(f"{name}_spread", rows, np.where(known, spread + np.maximum(scalar.SPREAD_RATE, early) * (size - spread), spread))
        put(f"{name}_mean", rows, np.where(known, mean + np.maximum(gain, early) * (size - mean), mean))
        put(f"{name}_number", rows, k + known)

    def save(self) -> Saved:
        """The state as plain data."""
        return {name: self.columns[name].copy() for name in COLUMNS}

    def restore(self, saved: Saved) -> None:
        """Goes on from what `save` gave."""
        for name in COLUMNS:
            self.columns[name][:] = saved[name]


CLIP_FROM = scalar.CLIP_FROM
_BACK = np.array([4, 12, 48])
_WIDTHS = np.array([4.0, 12.0, 48.0])
_STARTS = np.array([3, 11, 47, 1, 24])
KEPT = {"kept_first": "first_peak", "kept_second": "second_peak", "kept_last": "last_peak", "kept_number": "peak_number"}
"""Columns of a bank that remembers the memories of before an episode -> where they come from."""


def keep(columns: Mapping[str, Array], rows: IntArray) -> None:
    """Remembers the memories of `rows` as they are now (an episode begins)."""
    for name, source in KEPT.items():
        columns[name][rows] = columns[source][rows]


def forget(columns: Mapping[str, Array], rows: IntArray) -> None:
    """A person says that the last episode of `rows` was a real fault: the memories of before it come back."""
    for name, source in KEPT.items():
        columns[source][rows] = columns[name][rows]


def _logarithm(size: FloatArray, ref: FloatArray) -> FloatArray:
    known = ref > 0
    return np.where(known, np.log(size / np.where(known, ref, 1.0)), scalar.UNKNOWN)
