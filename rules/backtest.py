"""A rule over history: the same engine, fed from the past; episodes come out.

Time of arrival is taken to be the time of the sample, so that a result does not depend on when a history was imported; time
passes before the samples of each minute, so silence is judged as it would have been. A trial is a fold: the history may come
in blocks of any length, each later than the one before, and partial results may be looked at after each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rules.binding import Unbound
from rules.contract import Rule
from rules.engine import Engine
from steward.model import Alert, Batch, Condition, Facility, NumberArray, PointIndex, Severity
from steward.units import HOUR, MINUTE


@dataclass(frozen=True, slots=True)
class Episode:
    """What would have been an alert. Times in ns; resolved: None while it lasts at the end of the history.

    value and worst in the canonical unit of the target's first point, `limit` likewise (NaN: none).
    """

    rule: str
    kind: str
    severity: Severity
    target: str
    points: tuple[str, ...]
    since: int
    fired: int
    resolved: int | None
    value: float
    worst: float
    limit: float
    evidence: Mapping[str, Any]
    told: Mapping[str, Any] = field(default_factory=dict)
    """The evidence when it fired: what ends an episode shows other values."""

    def end(self, until: int) -> int:
        """When it was over, `until` if it was not."""
        return until if self.resolved is None else self.resolved


@dataclass(slots=True)
class Outcome:
    """What a trial gave so far. start, end: the span judged, ns; targets: rule id -> how many it watched; not_applicable:
    where a rule could not be judged, and why; warming: (rule, target) that never saw enough data; counts: samples not
    judged, by reason."""

    start: int
    end: int
    episodes: list[Episode] = field(default_factory=list)
    targets: dict[str, int] = field(default_factory=dict)
    not_applicable: list[Unbound] = field(default_factory=list)
    warming: list[tuple[str, str]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def hours(self, rule: str) -> float:
        """Hours in alert of a rule, over all its targets."""
        spans = (one.end(self.end) - one.fired for one in self.episodes if one.rule == rule)
        return sum(spans) / HOUR

    def of(self, rule: str) -> list[Episode]:
        """The episodes of a rule, by time."""
        return [one for one in self.episodes if one.rule == rule]


class Trial:
    """Rules replayed over the history of a facility from `start` on.

    Samples before `start` warm the rules up: what was over by then is not counted, and silence counts from `start` on.
    `step`: how finely time passes, ns.
    """

    def __init__(self, rules: Iterable[Rule], facility: Facility, index: PointIndex, start: int, *, step: int = MINUTE) -> None:
        self.engine = Engine(rules, facility, index, lateness=0)
        self.start, self.step = start, step
        self.begin = start - self.engine.look_back()
        self.at = self.begin
        self._episodes: dict[str, Alert] = {}
        self._fired: dict[str, Mapping[str, Any]] = {}
        self._listening = False

    def points(self) -> NumberArray:
        """Numbers of the points that the rules watch: what the history must hold."""
        found: set[int] = set()
        for bank in self.engine.banks:
            found.update(np.flatnonzero(bank.route.count).tolist())
        return np.array(sorted(found), np.int32)

    def feed(self, batch: Batch) -> None:
        """A block of history: samples at or after all that came before; what lies before `begin` is left out.

        Raises ValueError when it reaches back.
        """
        early = batch.at < self.begin
        if early.any():
            batch = batch.take(~early)
        if not len(batch):
            return
        first, last = int(batch.at.min()), int(batch.at.max())
        if first < self.at - self.step:
            raise ValueError(f"history reaches back: a block begins at {first}, the one before ended at {self.at}")
        if not self._listening:  # before `start` nothing is absent: the history may begin anywhere
            early = batch.at < self.start
            self._take(self.engine.replay(batch.take(early), self.step))
            batch = batch.take(~early)
            if len(batch):
                self._listen()
        self._take(self.engine.replay(batch, self.step))
        self.at = last // self.step * self.step + self.step

    def outcome(self, end: int | None = None) -> Outcome:
        """What there is so far; with `end` time passes up to it first."""
        if end is not None:
            if not self._listening and end >= self.start:
                self._listen()
            self._take(self.engine.wait(end, self.step))
            self.at = max(self.at, end)
        episodes = [_episode(alert, self._fired.get(id, {})) for id, alert in self._episodes.items() if alert.fired is not None]
        episodes = [one for one in episodes if one.end(self.at) >= self.start]
        episodes.sort(key=lambda one: (one.fired, one.rule, one.target))
        return Outcome(
            self.start,
            self.at,
            episodes,
            self.engine.bindings(),
            self.engine.not_applicable(),
            self.engine.warming(),
            {reason: count for reason, count in self.engine.counts.items() if count},
        )

    def _listen(self) -> None:
        self._listening = True
        self._take(self.engine.resume(self.start))

    def _take(self, alerts: Sequence[Alert]) -> None:
        for alert in alerts:
            if alert.condition is not Condition.PENDING:
                self._episodes[alert.id] = alert
            if alert.condition is Condition.FIRING:
                self._fired[alert.id] = alert.evidence


def _episode(alert: Alert, told: Mapping[str, Any]) -> Episode:
    fired = alert.since if alert.fired is None else alert.fired
    return Episode(
        alert.rule,
        alert.kind,
        alert.severity,
        alert.target,
        alert.points,
        alert.since,
        fired,
        alert.resolved,
        alert.value,
        alert.worst,
        alert.limit,
        alert.evidence,
        told,
    )
