"""The condition machine of alerts, once, vectorised: inactive -> pending -> firing -> resolved.

Semantics of Prometheus alerting rules (`for`, `keep_firing_for`) as if evaluated continuously: a true condition holds from
its sample to the next one, at most for `hold`; an alert fires at `since + for`, is over at `false since + keep_firing_for`.
These moments follow from the samples alone; when `advance` is called decides only how early they become known. In a gap
longer than `hold` a pending condition is forgotten, a firing alert stays. Value and evidence of an alert are of the last
moment at which its condition was seen to be true, not of those that it outlasts. Only active rows cost memory and time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rules.contract import UNSEEN, Array, State
from steward.model import BoolArray, Condition, FloatArray, IntArray

PENDING, FIRING = 1, 2

EPISODE: dict[str, type] = {
    "row": np.int64, "condition": np.int8, "since": np.int64, "fired": np.int64, "over": np.int64, "value": np.float64,
    "first": np.float64, "worst": np.float64, "worst_at": np.int64, "limit": np.float64,
}  # fmt: skip
"""Columns of an active row; `over`: since when the condition is false while the alert keeps firing (UNSEEN: it is true)."""

COLUMNS: dict[str, tuple[type, int]] = {
    "last_at": (np.int64, UNSEEN), "slot": (np.int32, -1), "hold": (np.int64, 0), "rule": (np.int32, 0),
}  # fmt: skip
"""Columns of every row: time of the last judged sample, place in the episodes (-1: inactive), how long a sample holds, rule."""


@dataclass(frozen=True, slots=True)
class Change:
    """A row's alert has changed: it fires or is resolved. Times in ns."""

    row: int
    condition: Condition
    at: int
    since: int
    fired: int
    value: float
    first: float
    worst: float
    worst_at: int
    limit: float
    evidence: dict[str, Any]


Evidence = Callable[[int], dict[str, Any]]


class Lifecycle:
    """The machine over the rows of one bank. `wait` and `keep` are per rule, ns; `evidence(row)` is asked at each change,
    `before(row)` is the same before what is now applied was seen; completes: what the moment that ends a condition adds to
    (`Kind.COMPLETES`). `said` is the evidence of alerts whose condition is not seen to be true now, by their place."""

    def __init__(
        self, state: State, wait: IntArray, keep: IntArray, evidence: Evidence, before: Evidence, completes: frozenset[str]
    ) -> None:
        self._state = state
        self._wait = wait
        self._keep = keep
        self._evidence, self._before = evidence, before
        self._completes = completes
        self.said: dict[int, dict[str, Any]] = {}
        self.episodes: dict[str, Array] = {name: np.zeros(16, dtype) for name, dtype in EPISODE.items()}
        self._free: list[int] = list(range(15, -1, -1))
        self.active = 0
        self.changes: list[Change] = []

    def rows(self) -> IntArray:
        """The active rows, ascending."""
        if not self.active:
            return np.empty(0, np.int64)
        return np.sort(self.episodes["row"][self.episodes["condition"] != 0])

    def lasting(self, slots: Array) -> BoolArray:
        """Of places: whether an alert fires there whose condition is true."""
        lasting: BoolArray = (self.episodes["condition"].take(slots) == FIRING) & (self.episodes["over"].take(slots) == UNSEEN)
        return lasting

    def open(self, rows: IntArray) -> IntArray:
        """Makes `rows` (inactive until now) active and returns their places in the episodes."""
        count = len(rows)
        while len(self._free) < count:
            self._grow()
        slots = np.array([self._free.pop() for _ in range(count)], np.int64)
        self._state["slot"][rows] = slots
        self.episodes["row"][slots] = rows
        self.active += count
        return slots

    def advance(self, rows: IntArray, until: IntArray | int) -> None:
        """Time passes for active `rows` up to, but not including, `until`."""
        if not len(rows):
            return
        until = np.broadcast_to(np.asarray(until, np.int64), len(rows))
        slots = self._state["slot"][rows].astype(np.int64)
        episode = self.episodes
        pending = episode["condition"][slots] == PENDING
        last, hold = self._state["last_at"][rows], self._state["hold"][rows]
        ready = episode["since"][slots] + self._wait[self._state["rule"][rows]]
        fire = pending & (ready < until) & (ready - last <= hold)
        if fire.any():
            self._fire(slots[fire], ready[fire])
        lost = pending & ~fire & ((until - last > hold) | ((ready < until) & (ready - last > hold)))
        if lost.any():
            self._close(slots[lost])
        over = episode["over"][slots]
        end = over + self._keep[self._state["rule"][rows]]
        ended = ~pending & (over != UNSEEN) & (end < until)
        if ended.any():
            self._resolve(slots[ended], end[ended])

    def apply(
        self,
        rows: IntArray,
        at: IntArray,
        true: BoolArray,
        value: FloatArray,
        limit: FloatArray | None = None,
        known: BoolArray | None = None,
    ) -> None:
        """What was found about `rows` at `at`; they have been advanced to `at` before. Columns of equal length."""
        busy = true
        if self.active:
            slots = self._state["slot"].take(rows)
            busy = true | (slots >= 0)
            self._say(slots, true if known is None else true & known)
        if known is not None:
            busy = busy & known
            if self.active:
                self.forget(rows[~known])
        if not busy.any():
            return
        pick = np.flatnonzero(busy)
        rows, at, true, value = rows[pick], at[pick], true[pick], value[pick]
        slots = self._state["slot"][rows].astype(np.int64)
        new = slots < 0
        if new.any():
            slots[new] = self._start(rows[new], at[new], value[new])
        self._observe(slots, at, true, value, np.full(len(rows), np.nan) if limit is None else limit[pick])
        self._turn(slots, at, true, self._state["rule"][rows])

    def _start(self, rows: IntArray, at: IntArray, value: FloatArray) -> IntArray:
        slots = self.open(rows)
        for name, values in (("condition", PENDING), ("since", at), ("fired", UNSEEN), ("over", UNSEEN), ("first", value),
                             ("worst", value), ("worst_at", at), ("limit", np.nan)):  # fmt: skip
            self.episodes[name][slots] = values
        return slots

    def _say(self, slots: Array, seen: BoolArray) -> None:
        """Keeps the evidence of firing alerts whose condition is not seen to be true any more; drops it where it is again."""
        if self.said:
            for slot in slots[seen & (slots >= 0)].tolist():
                self.said.pop(slot, None)
        unseen = slots[~seen & (slots >= 0)]
        for slot in unseen[self.episodes["condition"][unseen] == FIRING].tolist():
            if slot not in self.said:
                row = int(self.episodes["row"][slot])
                found = self._before(row)
                ends = self._evidence(row) if self._completes else {}
                self.said[slot] = {**found, **{name: ends[name] for name in self._completes & found.keys() & ends.keys()}}

    def _observe(self, slots: IntArray, at: IntArray, true: BoolArray, value: FloatArray, limit: FloatArray) -> None:
        episode = self.episodes
        shown = true | (episode["over"][slots] == UNSEEN) if "value" in self._completes else true
        episode["value"][slots[shown]] = value[shown]
        told = true & ~np.isnan(limit)
        episode["limit"][slots[told]] = limit[told]
        reference = np.nan_to_num(episode["limit"][slots], nan=0.0)
        worse = true & (np.abs(value - reference) > np.abs(episode["worst"][slots] - reference))
        episode["worst"][slots[worse]] = value[worse]
        episode["worst_at"][slots[worse]] = at[worse]

    def _turn(self, slots: IntArray, at: IntArray, true: BoolArray, rule: IntArray) -> None:
        episode = self.episodes
        pending = episode["condition"][slots] == PENDING
        episode["over"][slots[true]] = UNSEEN
        ready = episode["since"][slots] + self._wait[rule]
        fire = true & pending & (ready <= at)
        if fire.any():
            self._fire(slots[fire], ready[fire])
        drop = ~true & pending
        if drop.any():
            self._close(slots[drop])
        ending = ~true & ~pending
        if ending.any():
            held = slots[ending]
            over = episode["over"][held]
            over = np.where(over == UNSEEN, at[ending], over)
            episode["over"][held] = over
            end = over + self._keep[rule[ending]]
            ended = end <= at[ending]
            self._resolve(held[ended], end[ended])

    def forget(self, rows: IntArray) -> None:
        """Not enough data: what was pending is not any more, what fires stays."""
        slots = self._state["slot"][rows].astype(np.int64)
        slots = slots[slots >= 0]
        self._close(slots[self.episodes["condition"][slots] == PENDING])

    def _fire(self, slots: IntArray, at: IntArray) -> None:
        self.episodes["condition"][slots] = FIRING
        self.episodes["fired"][slots] = at
        self._tell(slots, Condition.FIRING, at)

    def _resolve(self, slots: IntArray, at: IntArray) -> None:
        self._tell(slots, Condition.RESOLVED, np.maximum(at, self.episodes["fired"][slots]))
        self._close(slots)

    def _close(self, slots: IntArray) -> None:
        for slot in slots.tolist() if self.said else ():
            self.said.pop(slot, None)
        self._state["slot"][self.episodes["row"][slots]] = -1
        self.episodes["condition"][slots] = 0
        self._free.extend(slots.tolist())
        self.active -= len(slots)

    def _tell(self, slots: IntArray, condition: Condition, at: IntArray) -> None:
        for slot, moment in zip(slots.tolist(), at.tolist(), strict=True):
            self.changes.append(self.describe(slot, condition, moment))

    def describe(self, slot: int, condition: Condition, at: int) -> Change:
        """An episode as it stands."""
        one = {name: column[slot].item() for name, column in self.episodes.items()}
        return Change(
            one["row"], condition, at, one["since"], one["fired"], one["value"], one["first"], one["worst"], one["worst_at"],
            one["limit"], self._evidence(one["row"]) if (said := self.said.get(slot)) is None else said,
        )  # fmt: skip

    def _grow(self) -> None:
        size = len(self.episodes["row"])
        for name, column in self.episodes.items():
            self.episodes[name] = np.concatenate([column, np.zeros(size, column.dtype)])
        self._free.extend(range(2 * size - 1, size - 1, -1))
