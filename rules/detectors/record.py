"""The record ratio: a value is news if it lies clearly beyond the second-highest peak seen before, in one of seven views.

Seen twice is known; once may have been a fault. The score is the logarithm of a ratio: it has no unit, and one threshold
serves every series. State: 14 streams (seven views, up and down) of two peaks, running means, a profile of the day
and one of the week: about 5 kB. `rules.detectors.record_bank` is the same for many series; a test holds them together.
"""

from __future__ import annotations

from math import exp, log
from typing import Any

from rules.detectors.contract import DAY_SLOTS, WEEK_SLOTS, Civil, Saved
from steward.units import DAY

VIEWS = ("value", "mean of 4", "mean of 12", "mean of 48", "jump", "jump over 24", "profile")
SPANS = (1, 4, 12, 48, 1, 24, 12)
"""Samples that each view spans."""
STREAMS = 2 * len(VIEWS)
PROFILE = 6
LEARN = 200
"""Samples of its own before a stream scores."""
MEAN_RATE = 1 / 2000
RING, SHORT = 48, 12
EXCURSION = 12
"""Samples without a new peak after which a record belongs to another excursion (plus the view's span)."""
GROWS = 1.01
"""An excursion goes on only by peaks that are clearly higher: else one that creeps by its rounding would never end."""
MEMORY = 64_000
"""Samples in which a remembered peak fades to 1/e: .22 of it until what was seen twice is news again."""
RESCALE = 100_000
FLOOR, FLOOR_OF_MEAN = 0.10, 1e-6
PROFILE_GAIN = 0.35
SLOT_RATE, SPREAD_RATE, SLOT_CLIP, CLIP_FROM = 0.2, 0.002, 3.0, 50
SWITCH = 0.8
"""The week takes over from the day when its residuals are below this share of the day's."""
SILENT, CAREFUL = 7 * DAY, 28 * DAY
CAP = 1.05
GROSS, GROSS_RUN = 20.0, 3
UNKNOWN = 9.0
"""Score where nothing was ever seen on that side."""
THRESHOLD = log(1.25)
"""25 % beyond what was seen twice (87 % for the profile, by its gain)."""
NEVER = -(2**60)


class RecordRatio:
    """See the module. `gate`: single gross errors are told but not learned. After `score`, `view`, `expected`, `beyond` and
    `seen` say what made it: the view's name, the value that was expected, exp(score / gain) - 1, and what was seen twice."""

    threshold = THRESHOLD
    __slots__ = (
        "_careful_from", "_civil", "_day", "_day_count", "_day_mean", "_day_number", "_day_spread", "_first_week", "_good",
        "_gross_run", "_hits", "_kept", "_last", "_mean", "_n", "_now", "_profile_count", "_profile_seen", "_profile_sum",
        "_ring", "_short", "_silent_until", "_sums", "_t", "_unit", "_week", "_week_count", "_week_mean", "_week_number",
        "_week_spread", "_weekly", "beyond", "expected", "fade", "first", "gate", "last_peak", "second", "seen", "view",
    )  # fmt: skip

    def __init__(self, zone: str = "UTC", *, gate: bool = True, memory: int = MEMORY) -> None:
        self._civil = Civil(zone)
        self.gate, self.fade = gate, exp(1 / memory)
        self._n, self._t, self._mean, self._unit = 0, NEVER, 0.0, 1.0
        self.first = [0.0] * STREAMS
        self.second = [0.0] * STREAMS
        self.last_peak = [0.0] * STREAMS
        self._last = [NEVER] * STREAMS
        self._ring = [0.0] * RING
        self._sums = (0.0, 0.0, 0.0)
        self._short = [0.0] * SHORT
        self._profile_sum, self._profile_count, self._profile_seen = 0.0, 0, 0
        self._day, self._day_count = [0.0] * DAY_SLOTS, [0] * DAY_SLOTS
        self._week, self._week_count = [0.0] * WEEK_SLOTS, [0] * WEEK_SLOTS
        self._day_spread = self._week_spread = self._day_mean = self._week_mean = 0.0
        self._day_number = self._week_number = 0
        self._weekly, self._first_week, self._silent_until, self._careful_from = False, 0, NEVER, 2**62
        self._good, self._gross_run = 0.0, 0
        self._now: tuple[Any, ...] | None = None
        self._hits: list[tuple[int, float, float]] = []
        self._kept: tuple[list[float], list[float], list[float], list[int]] | None = None
        self.view, self.expected, self.beyond, self.seen = "", float("nan"), 0.0, float("nan")

    def score(self, x: float, t: int) -> float:
        """The logarithm of how far x lies beyond what was seen twice; 0 where it does not, or too little is known."""
        if x != x or t <= self._t:
            self._now = None
            return 0.0
        gross = self._gross(x) if self.gate and self._n >= LEARN else 0.0
        if gross:
            self._look(self._good, x, t, True)
            return gross
        return self._look(x, x, t, False)

    def _floor(self) -> float:
        return max(FLOOR * (self.second[0] + self.second[7]) / self._unit, FLOOR_OF_MEAN * abs(self._mean))

    def _gross(self, x: float) -> float:
        """The score of a gross error, 0 where x is none."""
        away = x - self._mean
        size = abs(away)
        ref = max(self.second[0 if away > 0 else 7] / self._unit, self._floor())
        if size <= GROSS * ref or self._gross_run >= GROSS_RUN:
            return 0.0
        self.view, self.expected, self.seen = VIEWS[0], self._mean, ref
        score = log(size / ref) if ref > 0 else UNKNOWN
        self.beyond = exp(score) - 1
        return score

    def _look(self, x: float, raw: float, t: int, gross: bool) -> float:
        """Forms the views of x, keeps what goes beyond the memory for `learn`, and gives the score."""
        n, mean, unit, ring = self._n, self._mean, self._unit, self._ring
        if n == 0:
            mean = x
        s4, s12, s48 = self._sums
        s4 += x - ring[(n - 4) % RING]
        s12 += x - ring[(n - 12) % RING]
        s48 += x - ring[n % RING]
        day, hour = self._civil.slots(t)
        day_rest = x - self._day[day] if self._day_count[day] else None
        week_rest = x - self._week[hour] if self._week_count[hour] else None
        rest = week_rest if self._weekly else day_rest
        profile, total = 0.0, 0.0
        if rest is not None:
            total = self._profile_sum + rest - self._short[self._profile_count % SHORT]
            if self._profile_count >= SHORT - 1:
                profile = total / SHORT
        self._now = (x, raw, t, gross, s4, s12, s48, day, hour, day_rest, week_rest, rest, total)
        views = (
            x - mean,
            s4 / 4 - mean if n >= 3 else 0.0,
            s12 / 12 - mean if n >= 11 else 0.0,
            s48 / 48 - mean if n >= 47 else 0.0,
            x - ring[(n - 1) % RING] if n >= 1 else 0.0,
            x - ring[(n - 24) % RING] if n >= 24 else 0.0,
            profile,
        )
        second, hits = self.second, []
        for stream, z in enumerate(views):
            if z > 0.0:
                if z * unit > second[stream]:
                    hits.append((stream, z))
            elif z < 0.0 and -z * unit > second[stream + 7]:
                hits.append((stream + 7, -z))
        self._hits = []
        return self._judge(hits, x, t, rest) if hits else 0.0

    def _judge(self, hits: list[tuple[int, float]], x: float, t: int, rest: float | None) -> float:
        best, floor, n = 0.0, self._floor(), self._n
        for stream, z in hits:
            ref = max(self.second[stream] / self._unit, floor)
            self._hits.append((stream, z, ref))
            view = stream % 7
            if z <= ref:
                continue
            if view == PROFILE:
                if self._profile_seen < LEARN or t < self._silent_until:
                    continue
                score = PROFILE_GAIN * (log(z / ref) if ref > 0 else UNKNOWN)
            else:
                if n - _FIRST[view] < LEARN:
                    continue
                score = log(z / ref) if ref > 0 else UNKNOWN
            if score > best:
                best, self.view, self.seen = score, VIEWS[view], ref
                self.beyond = z / ref - 1 if ref > 0 else float("inf")
                self.expected = self._mean if rest is None or view != PROFILE else x - rest
        return best

    def learn(self, x: float, t: int) -> None:
        """Takes x in: the memories, the means, the profiles."""
        if x != x or t <= self._t:
            return
        if self._now is None or self._now[1] != x or self._now[2] != t:
            self.score(x, t)
        assert self._now is not None
        x, _, t, gross, s4, s12, s48, day, hour, day_rest, week_rest, rest, total = self._now
        self._now = None
        self._gross_run = self._gross_run + 1 if gross else 0
        n = self._n
        up, down = self.second[0] / self._unit, self.second[7] / self._unit
        if self._hits:
            self._remember(t)
        if n == 0:
            self._mean, self._careful_from = x, t + CAREFUL
        step = x - self._mean
        if n >= LEARN:
            step = min(max(step, -2 * down), 2 * up)
        self._mean += max(MEAN_RATE, 1 / (n + 1)) * step
        self._ring[n % RING] = x
        self._sums = (s4, s12, s48)
        if rest is not None:
            self._short[self._profile_count % SHORT] = rest
            self._profile_sum = total
            self._profile_count += 1
            self._profile_seen += 1
        self._slots(x, t, day, hour, day_rest, week_rest)
        self._n = n = n + 1
        self._t, self._good = t, x
        self._unit *= self.fade
        if n % RING == 0:
            ring = self._ring
            self._sums = (sum(ring[44:]), sum(ring[36:]), sum(ring))
            self._profile_sum = sum(self._short)
        if n % RESCALE == 0:
            self._rescale()

    def _remember(self, t: int) -> None:
        """Stores what goes beyond the memory: in the entry of its own excursion, or as a new one."""
        first, second, peak, last, n, unit = self.first, self.second, self.last_peak, self._last, self._n, self._unit
        careful = (self._weekly or t >= self._careful_from) and t >= self._silent_until
        for stream, z, ref in self._hits:
            view = stream % 7
            size, grown = z * unit, True
            if view == PROFILE and careful and self._profile_seen >= LEARN:
                size = min(size, CAP * ref * unit)
            if size <= second[stream]:
                continue
            if n - last[stream] <= EXCURSION + SPANS[view] and peak[stream] >= second[stream]:
                if size <= peak[stream]:
                    continue
                grown = size > GROWS * peak[stream]
                if peak[stream] >= first[stream]:
                    first[stream] = size
                elif size > first[stream]:
                    first[stream], second[stream] = size, first[stream]
                else:
                    second[stream] = size
            elif size > first[stream]:
                first[stream], second[stream] = size, first[stream]
            else:
                second[stream] = size
            peak[stream] = size
            if grown:
                last[stream] = n

    def _slots(self, x: float, t: int, day: int, hour: int, day_rest: float | None, week_rest: float | None) -> None:
        """Both profiles learn; then it is decided which one serves."""
        week = 7 * DAY
        gain = min(max(t - self._t, 0), week) / week if self._n else 0.0
        if day_rest is None:
            self._day[day] = x
        else:
            k = self._day_number
            bound = SLOT_CLIP * self._day_spread
            step = day_rest if k < CLIP_FROM else min(max(day_rest, -bound), bound)
            self._day[day] += max(SLOT_RATE, 1 / (self._day_count[day] + 1)) * step
            self._day_spread += max(SPREAD_RATE, 1 / (k + 1)) * (abs(day_rest) - self._day_spread)
            self._day_mean += max(gain, 1 / (k + 1)) * (abs(day_rest) - self._day_mean)
            self._day_number = k + 1
        self._day_count[day] += 1
        if week_rest is None:
            self._week[hour] = x
        else:
            k = self._week_number
            if k == 0:
                self._first_week = t
            bound = SLOT_CLIP * self._week_spread
            step = week_rest if k < CLIP_FROM else min(max(week_rest, -bound), bound)
            self._week[hour] += max(SLOT_RATE, 1 / (self._week_count[hour] + 1)) * step
            self._week_spread += max(SPREAD_RATE, 1 / (k + 1)) * (abs(week_rest) - self._week_spread)
            self._week_mean += max(gain, 1 / (k + 1)) * (abs(week_rest) - self._week_mean)
            self._week_number = k + 1
        self._week_count[hour] += 1
        if self._weekly:
            self._weekly = self._week_mean <= self._day_mean
            if not self._weekly:
                self._anew(t)
        elif self._week_number and t - self._first_week >= SILENT and self._week_mean < SWITCH * self._day_mean:
            self._weekly = True
            self._anew(t)

    def _anew(self, t: int) -> None:
        """Another profile serves: what was remembered of the old one's residuals says nothing about it."""
        for stream in (PROFILE, PROFILE + 7):
            self.first[stream] = self.second[stream] = self.last_peak[stream] = 0.0
            self._last[stream] = NEVER
        self._silent_until, self._profile_seen = t + SILENT, 0

    def _rescale(self) -> None:
        unit = self._unit
        lists = [self.first, self.second, self.last_peak]
        lists += [] if self._kept is None else list(self._kept[:3])
        for values in lists:
            values[:] = [value / unit for value in values]
        self._unit = 1.0

    def keep(self) -> None:
        """Remembers the memories as they are now: call it when an episode begins, before `learn`."""
        self._kept = (self.first[:], self.second[:], self.last_peak[:], self._last[:])

    def forget(self) -> None:
        """A person says that the last episode was a real fault: the memories of before it come back, the next one is news."""
        if self._kept is not None:
            self.first, self.second, self.last_peak, self._last = (list(values) for values in self._kept)  # type: ignore[assignment]

    def save(self) -> Saved:
        """The state as plain data."""
        return {name: _copy(getattr(self, name)) for name in _STATE}

    def restore(self, saved: Saved) -> None:
        """Goes on from what `save` gave."""
        for name in _STATE:
            setattr(self, name, _copy(saved[name]))
        self._now, self._hits = None, []


_FIRST = (0, 3, 11, 47, 1, 24, 0)
"""Sample at which each view can first be formed."""
_STATE = tuple(name for name in RecordRatio.__slots__ if name not in ("_civil", "_now", "_hits", "view", "expected", "beyond",
                                                                      "seen", "gate", "fade"))  # fmt: skip


def _copy(value: Any) -> Any:
    if isinstance(value, list):
        return list(value)
    return tuple(_copy(one) for one in value) if isinstance(value, tuple) else value
