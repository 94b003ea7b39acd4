"""What a detector is, and what all of them share: the interface, local time slots, and episodes instead of single samples.

`score(x, t)` tells how unusual x is by what was known before, 0 where nothing can be said; `learn(x, t)` takes x in. The order
is score, learn, for every sample; both ignore NaN and samples not newer than the last. `save` gives plain data, `restore` takes
it; a detector restored at any sample goes on as if nothing had happened. Times are ns since 1970-01-01 UTC.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from rules.local import changes
from steward.model import FloatArray
from steward.units import DAY, HOUR, MINUTE

DAY_SLOT = 5 * MINUTE
DAY_SLOTS, WEEK_SLOTS = DAY // DAY_SLOT, 168
_EPOCH_WEEKDAY = 3

Saved = dict[str, Any]
Row = Sequence[float] | FloatArray
Sample = TypeVar("Sample", contravariant=True)


class Detector(Protocol[Sample]):
    """One sample at a time: a number (a series) or a row of numbers (a network of tags). `threshold` is the score from which a
    sample is worth an alert."""

    threshold: float

    def score(self, x: Sample, t: int) -> float:
        """How unusual x at t is; changes nothing that a later score depends on."""

    def learn(self, x: Sample, t: int) -> None:
        """Takes x at t in. What is not finite, a time already known and one that goes back are ignored."""

    def save(self) -> Saved:
        """The state as plain data."""

    def restore(self, saved: Saved) -> None:
        """Goes on from what `save` gave."""


class VectorDetector(Detector[Row], Protocol):
    """A detector of rows that also says which tags made its last score."""

    tags: list[str]

    def names(self, most: int = 3) -> list[str]:
        """The tags that made the last score, the worst first, at most so many."""


class Civil:
    """Local civil time of one zone for scalar detectors: slots of the day (5 min) and of the week (1 h, Monday first)."""

    __slots__ = ("_begins", "_edges", "_ends", "_offset", "_offsets")

    def __init__(self, zone: str = "UTC") -> None:
        edges, offsets = changes(zone)
        self._edges: list[int] = edges.tolist()
        self._offsets: list[int] = offsets.tolist()
        self._begins, self._ends, self._offset = 0, 0, 0

    def slots(self, t: int) -> tuple[int, int]:
        """(slot of the day, slot of the week) of the moment t."""
        if not self._begins <= t < self._ends:
            place = bisect_right(self._edges, t)
            self._offset = self._offsets[place]
            self._begins = self._edges[place - 1] if place else -(2**62)
            self._ends = self._edges[place] if place < len(self._edges) else 2**62
        local = t + self._offset
        day = local // DAY
        within = local - day * DAY
        return within // DAY_SLOT, (day + _EPOCH_WEEKDAY) % 7 * 24 + within // HOUR


@dataclass(slots=True)
class Episode:
    """What one alert covers: times in ns, the worst score; view, expected value and `beyond` (share above what was seen twice)
    of the sample that began it, where the detector can say."""

    start: int
    peak_at: int
    end: int
    peak: float
    view: str = ""
    expected: float = float("nan")
    beyond: float = float("nan")


class Episodes:
    """One alert an episode: a score at the threshold alerts if the last `quiet` samples were all below it, or if it exceeds
    the score of the last alert by more than `escalate`. Counts samples, not time."""

    __slots__ = ("_alerted", "_since", "escalate", "last", "quiet", "threshold")

    def __init__(self, threshold: float, quiet: int = 48, escalate: float = 0.5) -> None:
        self.threshold, self.quiet, self.escalate = threshold, quiet, escalate
        self._since, self._alerted = quiet, 0.0
        self.last: Episode | None = None

    def add(self, score: float, t: int) -> bool:
        """Takes the next score; True where it is an alert. `last` is the episode that runs, or the last one."""
        if score < self.threshold:
            self._since += 1
            return False
        fresh = self._since >= self.quiet
        alert = fresh or score > self._alerted + self.escalate
        self._since = 0
        if alert:
            self._alerted = score
        if fresh or self.last is None:
            self.last = Episode(t, t, t, score)
        else:
            self.last.end = t
            if score > self.last.peak:
                self.last.peak, self.last.peak_at = score, t
        return alert

    def save(self) -> Saved:
        """The state as plain data (the episodes already told are not part of it)."""
        return {"since": self._since, "alerted": self._alerted}

    def restore(self, saved: Saved) -> None:
        """Goes on from what `save` gave."""
        self._since, self._alerted = saved["since"], saved["alerted"]
