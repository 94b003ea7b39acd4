"""Two simple detectors: a robust z against running mean and spread, and the residual of the hour of the week.

Both do not learn what they flagged, so that a fault does not become the norm; after so many flagged samples in a row they
take it as the new norm, or they would never be quiet again.
"""

from __future__ import annotations

from rules.detectors.contract import WEEK_SLOTS, Civil, Saved

NORMAL = 1.2533
"""Mean absolute deviation of a normal distribution -> its standard deviation."""
NEVER = -(2**60)
FLOOR = 1e-6


class RollingZ:
    """|x - mean| in spreads: mean and mean absolute deviation with rate 1/`window`, deviations clipped to 3 spreads.

    Affine invariant. Speaks after `window` samples; takes a new level after `accept` flagged samples in a row."""

    __slots__ = ("_flagged", "_mean", "_n", "_spread", "_t", "accept", "expected", "threshold", "window")

    def __init__(self, window: int = 288, threshold: float = 6.0, accept: int = 288) -> None:
        self.window, self.threshold, self.accept = window, threshold, accept
        self._n, self._t, self._mean, self._spread, self._flagged = 0, NEVER, 0.0, 0.0, 0
        self.expected = float("nan")

    def score(self, x: float, t: int) -> float:
        """Distance from the mean in spreads, 0 before the window is full."""
        if x != x or t <= self._t or self._n < self.window:
            return 0.0
        self.expected = self._mean
        spread = max(NORMAL * self._spread, FLOOR * abs(self._mean))
        away = abs(x - self._mean)
        return away / spread if spread > 0 else (self.threshold if away > 0 else 0.0)

    def learn(self, x: float, t: int) -> None:
        """Takes x in, unless it is flagged."""
        if x != x or t <= self._t:
            return
        flagged = self.score(x, t) >= self.threshold
        self._t = t
        self._flagged = self._flagged + 1 if flagged else 0
        if self._flagged > self.accept:
            self._n, self._flagged = 0, 0
        elif flagged:
            return
        rate = max(1 / self.window, 1 / (self._n + 1))
        if self._n == 0:
            self._mean, self._spread = x, 0.0
        away = x - self._mean
        bound = 3 * NORMAL * self._spread if self._n >= self.window else abs(away)
        away = min(max(away, -bound), bound) if bound > 0 else away
        self._mean += rate * away
        self._spread += rate * (abs(away) - self._spread)
        self._n += 1

    def save(self) -> Saved:
        """The state as plain data."""
        return {"n": self._n, "t": self._t, "mean": self._mean, "spread": self._spread, "flagged": self._flagged}

    def restore(self, saved: Saved) -> None:
        """Goes on from what `save` gave."""
        self._n, self._t, self._mean = saved["n"], saved["t"], saved["mean"]
        self._spread, self._flagged = saved["spread"], saved["flagged"]


class WeekProfile:
    """|x - what this hour of the week usually is| in spreads of such residuals; local civil time.

    Speaks on a slot seen in `weeks` earlier weeks; steps of a slot are clipped to 3 spreads; what is flagged is not learned
    until it has been flagged in the same slot `accept` weeks in a row. Affine invariant."""

    __slots__ = (
        "_civil", "_count", "_number", "_odd", "_slot", "_spread", "_t", "_week", "accept", "expected", "threshold", "weeks",
    )  # fmt: skip

    def __init__(self, zone: str = "UTC", weeks: int = 2, threshold: float = 6.0, accept: int = 2) -> None:
        self._civil = Civil(zone)
        self.weeks, self.threshold, self.accept = weeks, threshold, accept
        self._t, self._spread, self._number = NEVER, 0.0, 0
        self._slot, self._count = [0.0] * WEEK_SLOTS, [0] * WEEK_SLOTS
        self._odd, self._week = [0] * WEEK_SLOTS, [NEVER] * WEEK_SLOTS
        self.expected = float("nan")

    def score(self, x: float, t: int) -> float:
        """Distance from the slot's value in spreads, 0 while the slot is young."""
        if x != x or t <= self._t:
            return 0.0
        slot = self._civil.slots(t)[1]
        if self._count[slot] < self.weeks:
            return 0.0
        self.expected = self._slot[slot]
        spread = max(NORMAL * self._spread, FLOOR * abs(self.expected))
        away = abs(x - self.expected)
        return away / spread if spread > 0 else (self.threshold if away > 0 else 0.0)

    def learn(self, x: float, t: int) -> None:
        """Takes x in, unless it is flagged."""
        if x != x or t <= self._t:
            return
        flagged = self.score(x, t) >= self.threshold
        self._t = t
        slot, hour = self._civil.slots(t)[1], t // (3600 * 10**9)
        fresh = hour - self._week[slot] > 1
        self._week[slot] = hour
        if fresh:
            self._odd[slot] = self._odd[slot] + 1 if flagged else 0
            self._count[slot] += 1
        if flagged and self._odd[slot] <= self.accept:
            return
        if self._count[slot] == 1 and fresh:
            self._slot[slot] = x
            return
        rest = x - self._slot[slot]
        bound = 3 * NORMAL * self._spread if self._number >= 50 and not flagged else abs(rest)
        self._slot[slot] += max(0.2, 1 / (self._count[slot] + 1)) * min(max(rest, -bound), bound)
        if not flagged:
            self._spread += max(0.002, 1 / (self._number + 1)) * (abs(rest) - self._spread)
            self._number += 1

    def save(self) -> Saved:
        """The state as plain data."""
        return {
            "t": self._t, "spread": self._spread, "number": self._number, "slot": self._slot[:], "count": self._count[:],
            "odd": self._odd[:], "week": self._week[:],
        }  # fmt: skip

    def restore(self, saved: Saved) -> None:
        """Goes on from what `save` gave."""
        self._t, self._spread, self._number = saved["t"], saved["spread"], saved["number"]
        self._slot, self._count = saved["slot"][:], saved["count"][:]
        self._odd, self._week = saved["odd"][:], saved["week"][:]
