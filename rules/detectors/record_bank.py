"""The record ratio of `rules.detectors.record` for many series at once: the same steps on arrays with one row per series.

The columns may belong to somebody else (the bank of a rule kind): `Bank.over` works on them in place. Rows may have different
numbers of samples behind them. Almost never does a value go beyond the memory, so only those few entries are looked at.
Agrees with the scalar form to 1e-9; `tests/rules/detectors` holds them together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import exp
from typing import Any

import numpy as np

from rules.contract import Array
from rules.detectors import record as scalar
from rules.detectors.contract import DAY_SLOT, DAY_SLOTS, WEEK_SLOTS, Saved
from rules.detectors.record import EXCURSION, LEARN, PROFILE, RING, SHORT, STREAMS
from rules.detectors.record_columns import COLUMNS, ENOUGH, KEPT
from rules.local import Local
from steward.model import BoolArray, FloatArray, IntArray
from steward.units import DAY, HOUR

REACH = EXCURSION + np.array(scalar.SPANS * 2, np.int64)
FIRST = np.array(scalar._FIRST * 2, np.int64)
HALF = STREAMS // 2
FADE = exp(1 / scalar.MEMORY)


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


@dataclass(slots=True)
class _Seen:
    """What `_look` knows of a sample and `_learn` needs. place, short, slots: where in the flat ring, in the flat last
    residuals and in the flat slots (day, week); rest: the residual that serves, `told` where there is one; rests, known, count,
    old (value of the slot), [2, rows]: of both profiles."""

    n: IntArray
    x: FloatArray
    place: IntArray
    sums: FloatArray
    short: IntArray
    rest: FloatArray
    told: BoolArray
    total: FloatArray
    slots: IntArray
    count: IntArray
    rests: FloatArray
    known: BoolArray
    old: FloatArray
    gross: BoolArray


class Bank:
    """Many series. `threshold` as of the scalar form. See `step`; `score`, `learn` are the interface of a detector, in which
    x is [series] (NaN: no sample of that series now) and t one moment in ns."""

    threshold = scalar.THRESHOLD
    _whole = False
    """Whether the rows of this step are all rows in their order: then columns are used as they are."""

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
        """Takes one sample of every series in at t (ns UTC); NaN, duplicates and times that go back are ignored."""
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
        return column if self._whole else column.take(rows, axis=0)

    def _put(self, name: str, rows: IntArray, values: Any) -> None:
        self.columns[name][slice(None) if self._whole else rows] = values

    def _flat(self, name: str) -> Array:
        """The column itself as one axis: entries are found several times faster than by two indices."""
        column = self.columns[name]
        if not column.flags.c_contiguous:
            raise ValueError(f"column {name} is not contiguous: what is learned would be lost in a copy")
        return column.reshape(-1)

    def _look(
        self, rows: IntArray, x: FloatArray, at: IntArray, day: IntArray, hour: IntArray
    ) -> tuple[Found, tuple[Array, ...], _Seen]:
        """Views and scores; (what was found, entries beyond the memory, what `_learn` needs)."""
        self._whole = len(rows) == len(self.columns["seen"]) and bool((rows[1:] > rows[:-1]).all())  # samples come in any order
        take = self._take
        found = Found(len(rows))
        n, mean, unit, second = take("seen", rows), take("mean", rows), take("memory_unit", rows), take("second_peak", rows)
        floor = np.maximum(scalar.FLOOR * (second[:, 0] + second[:, HALF]) / unit, scalar.FLOOR_OF_MEAN * np.abs(mean))
        if self.gate:
            x = self._gate(rows, x, n, mean, unit, second, floor, found)
        young = bool(len(n)) and int(n.min()) < RING
        mean = np.where(n == 0, x, mean) if young else mean
        now, place = n % RING, rows * RING
        back = self._flat("ring").take(place + _BACK.take(now, axis=1))
        sums = take("sums", rows).T + (x - back[:3])
        slots = rows * (DAY_SLOTS + WEEK_SLOTS) + np.stack((day, hour + DAY_SLOTS))
        count = self._flat("profile_count").take(slots)
        old = self._flat("profile").take(slots)
        rests, known = x - old, count > 0
        weekly = take("weekly", rows)
        rest, told = np.where(weekly, rests[1], rests[0]), np.where(weekly, known[1], known[0])
        number = take("rests", rows)
        short = rows * SHORT + number % SHORT
        total = take("short_sum", rows) + rest - self._flat("short").take(short)
        views = np.empty((len(rows), HALF))
        np.subtract(x, mean, out=views[:, 0])
        views[:, 1:4] = (sums / _WIDTHS - mean).T
        views[:, 4:6] = (x - back[3:]).T
        np.multiply(total / SHORT, told & (number >= SHORT - 1), out=views[:, PROFILE])
        if young:
            views[:, 1:6][n[:, None] < _STARTS] = 0.0
        scaled = views * unit[:, None]
        beyond = np.empty((len(rows), STREAMS), np.bool_)
        np.greater(scaled, second[:, :HALF], out=beyond[:, :HALF])
        np.greater(np.negative(scaled, out=scaled), second[:, HALF:], out=beyond[:, HALF:])
        cell = np.flatnonzero(beyond)
        hits: tuple[Array, ...] = (cell,)
        if len(cell):
            hits = self._judge(rows, at, cell, views, unit, floor, n, mean, x, rest, found)
        seen = _Seen(n, x, now + place, sums, short, rest, told, total, slots, count, rests, known, old,
                     found.gross)  # fmt: skip
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
        self, rows: IntArray, at: IntArray, cell: IntArray, views: FloatArray, unit: FloatArray, floor: FloatArray, n: IntArray,
        mean: FloatArray, x: FloatArray, rest: FloatArray, found: Found,
    ) -> tuple[Array, ...]:  # fmt: skip
        """The few entries beyond the memory: scored; of each row the best is kept."""
        where, stream = np.divmod(cell, STREAMS)
        row, view = rows.take(where), stream % HALF
        z = np.abs(views.ravel().take(where * HALF + view))
        own, second = row * STREAMS + stream, self._flat("second_peak")
        ref = np.maximum(second.take(own) / unit.take(where), floor.take(where))
        profile = view == PROFILE
        ready = n.take(where) - FIRST.take(stream) >= LEARN
        careful = np.zeros(len(cell), np.bool_)
        some = np.flatnonzero(profile)
        if len(some):
            mine = row.take(some)
            known = self.columns["rests_since"].take(mine) >= LEARN
            speaks = at.take(where.take(some)) >= self.columns["silent_until"].take(mine)
            later = self.columns["weekly"].take(mine) | (at.take(where.take(some)) >= self.columns["careful_from"].take(mine))
            ready[some], careful[some] = known & speaks, known & speaks & later
        tells = np.flatnonzero(ready & (z > ref) & ~found.gross.take(where))
        if len(tells):
            gain = np.where(profile[tells], scalar.PROFILE_GAIN, 1.0)
            score = gain * _logarithm(z[tells], ref[tells])
            order = np.lexsort((-view[tells], score))  # of equal scores the first view, as in the scalar form
            best, score = tells[order], score[order]
            to = where[best]
            found.score[to], found.view[to], found.size[to], found.seen[to] = score, view[best], z[best], ref[best]
            found.sign[to] = np.where(stream[best] < HALF, 1.0, -1.0)
            found.expected[to] = np.where(profile[best], x[to] - rest[to], mean[to])
        size = z * unit.take(where)
        size = np.where(careful, np.minimum(size, scalar.CAP * ref * unit.take(where)), size)
        return cell, own, size, n.take(where), REACH.take(stream)

    def _learn(self, rows: IntArray, at: IntArray, seen: _Seen, hits: tuple[Array, ...]) -> None:
        put, take = self._put, self._take
        x, n, unit = seen.x, seen.n, take("memory_unit", rows)
        second = take("second_peak", rows)
        up, down = 2 * second[:, 0] / unit, -2 * second[:, HALF] / unit
        if len(hits[0]):
            self._remember(*hits[1:])
        fresh = n == 0
        if fresh.any():
            self.columns["mean"][rows[fresh]] = x[fresh]
            self.columns["careful_from"][rows[fresh]] = at[fresh] + scalar.CAREFUL
        mean = take("mean", rows)
        step = x - mean
        step = np.where(n >= LEARN, np.minimum(np.maximum(step, down), up), step)
        put("mean", rows, mean + np.maximum(scalar.MEAN_RATE, 1 / (n + 1)) * step)
        self._flat("ring")[seen.place] = x
        put("sums", rows, seen.sums.T)
        told = seen.told
        if told.all():
            self._flat("short")[seen.short] = seen.rest
            put("short_sum", rows, seen.total)
        else:
            self._flat("short")[seen.short[told]] = seen.rest[told]
            self.columns["short_sum"][rows[told]] = seen.total[told]
        put("rests", rows, take("rests", rows) + told)
        put("rests_since", rows, take("rests_since", rows) + told)
        self._slots(rows, at, seen)
        n = n + 1
        put("gross_run", rows, np.where(seen.gross, take("gross_run", rows) + 1, 0))
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

    def _remember(self, own: IntArray, size: FloatArray, n: IntArray, reach: IntArray) -> None:
        """As in the scalar form, for the entries beyond the memory only: `own` of the streams as one axis."""
        firsts, seconds = self._flat("first_peak"), self._flat("second_peak")
        peaks, lasts = self._flat("last_peak"), self._flat("peak_number")
        first, second, peak, last = firsts.take(own), seconds.take(own), peaks.take(own), lasts.take(own)
        same = (n - last <= reach) & (peak >= second)
        stored = (size > second) & (~same | (size > peak))
        top = size > first
        widen = same & (peak >= first)
        new_second = np.where(top, np.where(widen, second, first), size)
        grown = ~same | (size > scalar.GROWS * peak)
        pick = np.flatnonzero(stored)
        own = own[pick]
        firsts[own] = np.where(top, size, first)[pick]
        seconds[own] = new_second[pick]
        peaks[own] = size[pick]
        lasts[own] = np.where(grown, n, last)[pick]

    def _slots(self, rows: IntArray, at: IntArray, seen: _Seen) -> None:
        """Both profiles learn; then it is decided which one serves."""
        take, put, week, known, rests = self._take, self._put, 7 * DAY, seen.known, seen.rests
        gain = np.minimum(np.maximum(at - take("seen_at", rows), 0), week) / week
        number, spread, mean = take("rest_number", rows).T, take("rest_spread", rows).T, take("rest_mean", rows).T
        first = known[1] & (number[1] == 0)
        if first.any():
            self.columns["first_week"][rows[first]] = at[first]
        bound = scalar.SLOT_CLIP * spread
        if len(rows) and int(number.min()) < scalar.CLIP_FROM:
            bound[number < scalar.CLIP_FROM] = np.inf
        step = _SLOT_RATES.take(seen.count) * np.minimum(np.maximum(rests, -bound), bound)
        size, early = np.abs(rests), 1 / (number + 1)
        value = seen.old + step
        spread_step = np.maximum(scalar.SPREAD_RATE, early) * (size - spread)
        mean_step = np.maximum(gain, early) * (size - mean)
        if not known.all():
            fresh = ~known
            value[fresh] = np.broadcast_to(seen.x, value.shape)[fresh]
            spread_step[fresh] = mean_step[fresh] = 0.0
        self._flat("profile")[seen.slots] = value
        self._flat("profile_count")[seen.slots] = np.minimum(seen.count + 1, ENOUGH)
        mean = mean + mean_step
        put("rest_spread", rows, (spread + spread_step).T)
        put("rest_mean", rows, mean.T)
        put("rest_number", rows, (number + known).T)
        self._choose(rows, at, mean)

    def _choose(self, rows: IntArray, at: IntArray, mean: FloatArray) -> None:
        """The week takes over from the day where it fits better, and back; mean: of the residuals of both, [2, rows]."""
        weekly = self._take("weekly", rows)
        changed = np.where(weekly, mean[1] > mean[0], mean[1] < scalar.SWITCH * mean[0])
        if not changed.any():
            return
        row, when, before = rows[changed], at[changed], weekly[changed]
        ready = (self.columns["rest_number"][row, 1] > 0) & (when - self.columns["first_week"][row] >= scalar.SILENT)
        row, when, before = row[before | ready], when[before | ready], before[before | ready]
        self.columns["weekly"][row] = ~before
        for stream in (PROFILE, PROFILE + HALF):
            for name in ("first_peak", "second_peak", "last_peak"):
                self.columns[name][row, stream] = 0.0
            self.columns["peak_number"][row, stream] = scalar.NEVER
        self.columns["silent_until"][row] = when + scalar.SILENT
        self.columns["rests_since"][row] = 0

    def save(self) -> Saved:
        """The state as plain data."""
        return {name: self.columns[name].copy() for name in COLUMNS}

    def restore(self, saved: Saved) -> None:
        """Goes on from what `save` gave."""
        for name in COLUMNS:
            self.columns[name][:] = saved[name]


_SLOT_RATES = np.maximum(scalar.SLOT_RATE, 1 / (np.arange(ENOUGH + 1) + 1))
_BACK = (np.arange(RING) - np.array([[4], [12], [48], [1], [24]])) % RING
"""Of each place in the ring where the samples before it are, that leave a sum or that a jump is from."""
_WIDTHS = np.array([[4.0], [12.0], [48.0]])
_STARTS = np.array([3, 11, 47, 1, 24])


def _logarithm(size: FloatArray, ref: FloatArray) -> FloatArray:
    known = ref > 0
    return np.where(known, np.log(size / np.where(known, ref, 1.0)), scalar.UNKNOWN)
