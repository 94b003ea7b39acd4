"""Stale: absence. A device, or one of its points, is silent for longer than expected, or has died."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np

from rules.contract import NEVER, UNSEEN, Column, Findings, Kind, Span, State, Target
from rules.quantity import Duration
from steward.model import DERIVED, BoolArray, ByteArray, Facility, FloatArray, IntArray
from steward.units import MINUTE

TALKS, SILENT, DEAD, MASKED = 0, 1, 2, 3


class Stale(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing has been heard for `factor` x the expected interval; or the device's last will says that it is gone.

    Fields: `factor` (default 3); `at_least`: the shortest allowance (default "1m"); `per`: "device" (default) states one
    alert per device, when all its points are overdue; "point" also names single points that fell silent while their
    device talks.

    Silence is judged by arrival, so a wrong clock of the device does not matter, and any sample counts, bad ones too. A
    death counts at once, a birth gives a new allowance. A gateway that died, or behind which every device is silent, is one
    alert: those behind it are folded into it, and get a new allowance when it is back. Devices behind a gateway wait one
    interval longer than it, so that it comes first. While the collector is down nothing is judged; when it is back (or
    starts) every device has its whole allowance again. The alert's value is the silence in seconds.

    Example: `kind = "stale", match = { site = "*" }, factor = 3`.
    Source: absence alarms of ThingsBoard and Grafana are late or fire at every restart (the chief complaint about them);
    three intervals: two lost messages in a row are not news.
    """

    NAME: ClassVar[str] = "stale"
    TIMED: ClassVar[bool] = True
    PATIENT: ClassVar[bool] = True
    CLOCK: ClassVar[Literal["at", "received"]] = "received"
    USES_BAD: ClassVar[bool] = True
    UNIT: ClassVar[str] = "s"
    MASKS: ClassVar[Literal["", "device", "below"]] = "device"
    COMPLETES: ClassVar[frozenset[str]] = frozenset({"value"})

    factor: float = 3.0
    at_least: Duration = Duration(MINUTE)
    per: Literal["device", "point"] = "device"

    def check(self) -> list[tuple[str, str, str]]:
        return [] if self.factor >= 1 else [("factor", f"{self.factor} would alert on every sample", "at least 1")]

    def hold(self, target: Target) -> int:
        return int(NEVER)

    def unit(self, target: Target) -> str:
        return self.UNIT

    def bind(self, targets: Sequence[Target]) -> list[Target]:
        """The points as leaves, and a row for each device and each gateway above them."""
        targets = [target for target in targets if target.point.role != DERIVED]  # they follow from a register's reads
        below: dict[str, list[str]] = {}
        for target in targets:
            for device in _chain(target.facility, target.device):
                below.setdefault(device, []).append(target.id)
        facility = targets[0].facility if targets else None
        parents = [
            Target(device, (), facility, _equip(facility, device), device, tuple(points))
            for device, points in below.items()
            if facility is not None
        ]
        return [*targets, *parents]

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        leaf = bool(target.points)
        interval = target.point.interval if leaf else 0
        allowance = max(int(self.at_least), round(self.factor * interval)) if leaf else 0
        mute = leaf and self.per == "device" and bool(target.device)
        return {"allowance": allowance, "slack": interval, "parent": -1, "leaf": leaf, "mute": mute, "below": 0}

    def state(self) -> Mapping[str, Column]:
        return {
            "heard_at": Column(np.int64, UNSEEN),
            "base_at": Column(np.int64, UNSEEN),
            "deadline": Column(np.int64, UNSEEN),
            "silence": Column(np.int8, TALKS),
        }

    @classmethod
    def prepare(cls, state: State, targets: Sequence[tuple[str, Target]]) -> None:
        """Links rows to the row above them; a row above takes the longest allowance below, waits longer than its own."""
        above = {(rule, target.device): row for row, (rule, target) in enumerate(targets) if not target.points}
        depth: dict[int, int] = {}
        for row, (rule, target) in enumerate(targets):
            chain = _chain(target.facility, target.device)
            up = chain if target.points else chain[1:]
            depth[row] = len(up)
            if up:
                state["parent"][row] = above.get((rule, up[0]), -1)
        for row in sorted(depth, key=depth.__getitem__, reverse=True):
            parent = int(state["parent"][row])
            if parent >= 0:
                for name in ("allowance", "slack"):
                    state[name][parent] = max(state[name][parent], state[name][row])
                state["below"][parent] += max(int(state["below"][row]), int(state["leaf"][row]))
        lonely = state["parent"] < 0
        state["slack"][lonely] = 0

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        ended: list[tuple[IntArray, IntArray, FloatArray]] = []
        level, when, reach = rows, at, at + state.get("allowance", rows)
        while len(level):
            unique, first = np.unique(level, return_index=True)
            woken = (state["silence"][unique] != TALKS) | (state["slot"][unique] >= 0)  # what talks does not stay an alert
            if woken.any():
                back, moment = unique[woken], when[first][woken]
                ended.append((back, moment, _silence(state, back, moment)))
                state["silence"][back] = TALKS
                cls._allow_below(state, back, moment)
            np.maximum.at(state["heard_at"], level, when)
            np.maximum.at(state["deadline"], level, reach + state["slack"][level])
            state["due"][unique] = np.where(state["mute"][unique], NEVER, state["deadline"][unique])
            parent = state["parent"][level]
            above = parent >= 0
            level, when, reach = parent[above], when[above], reach[above]
        if not ended:
            return Findings(np.zeros(len(rows), np.bool_), np.zeros(len(rows)))
        back, moment, silence = (np.concatenate(column) for column in zip(*ended, strict=True))
        return Findings(np.zeros(len(back), np.bool_), silence, rows=back, at=moment)

    @classmethod
    def loud(cls, state: State, rows: IntArray, of: IntArray, span: Span) -> BoolArray:
        allowance = state["allowance"][rows][of]
        loud: BoolArray = span.longest > allowance
        first = np.flatnonzero(np.diff(of, prepend=-1))  # of a row's spans: what came before them
        row = rows[of[first]]
        heard = state["heard_at"][row]
        loud[first] |= (heard == UNSEEN) | (span.begin[first] - heard > allowance[first])
        while (row >= 0).any():  # something above is silent: the first sample wakes it
            loud[first] |= (row >= 0) & (state["silence"][row] != TALKS)
            row = np.where(row >= 0, state["parent"][row], -1)
        return loud

    @classmethod
    def telling(cls, state: State, rows: IntArray, of: IntArray, at: IntArray, value: FloatArray, cut: BoolArray) -> BoolArray:
        ended = np.zeros(len(at), np.bool_)
        ended[1:] = (np.diff(at) > state["allowance"][rows][of[1:]]) & ~cut[1:]
        return ended

    @classmethod
    def elapse(cls, state: State, rows: IntArray, at: IntArray) -> Findings:
        masked = cls._masked(state, rows, at)
        state.put("silence", rows, np.where(masked, MASKED, SILENT))
        limit = (state.get("deadline", rows) - _last(state, rows)) / 1e9
        true, value = ~masked, _silence(state, rows, at)
        folded, moment = cls._fold(state, rows[true], at[true])
        both = np.isin(folded, rows)  # fell silent in this very call, before the row above it
        true &= ~np.isin(rows, folded[both])
        folded, moment = folded[~both], moment[~both]
        if len(folded):
            rows, at = np.append(rows, folded), np.append(at, moment)
            true, limit = np.append(true, np.zeros(len(folded), np.bool_)), np.append(limit, np.full(len(folded), np.nan))
            value = np.append(value, _silence(state, folded, moment))
        return Findings(true, value, limit, rows=rows, at=at)

    @classmethod
    def signal(cls, state: State, rows: IntArray, at: IntArray, born: bool) -> Findings | None:
        leaf = state["leaf"][rows]
        if born and leaf.any():  # what lies above hears of it through them
            rows, at = rows[leaf], at[leaf]
            found = cls.step(state, rows, at, np.zeros(len(rows)), np.zeros(len(rows), np.uint8))
            return found if found.rows is not None else replace(found, rows=rows, at=at)
        rows, at = rows[~leaf], at[~leaf]
        if born:
            cls._allow(state, rows, int(at[0]) if len(at) else 0)
            cls._allow_below(state, rows, at)
            return Findings(np.zeros(len(rows), np.bool_), _silence(state, rows, at), rows=rows, at=at)
        masked = cls._masked(state, rows, at)
        state["silence"][rows] = np.where(masked, MASKED, DEAD)
        state["due"][rows] = NEVER
        state["deadline"][rows] = at
        folded, moment = cls._fold(state, rows[~masked], at[~masked])
        true = np.concatenate((~masked, np.zeros(len(folded), np.bool_)))
        rows, at = np.append(rows, folded), np.append(at, moment)
        return Findings(true, _silence(state, rows, at), rows=rows, at=at)

    @classmethod
    def resume(cls, state: State, rows: IntArray, at: int) -> Findings | None:
        quiet = rows[state["slot"][rows] < 0]  # what fires already goes on until the device is heard
        cls._allow(state, quiet, at)
        return None

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        heard = int(state["heard_at"][row])
        return {
            "last_heard_at": heard if heard > UNSEEN else None,
            "reason": "death" if state["silence"][row] == DEAD else "silence",
            "silent_points": max(1, int(state["below"][row])),
        }

    @classmethod
    def _allow(cls, state: State, rows: IntArray, at: int) -> None:
        """A whole allowance from `at` on, as if the rows had been heard then."""
        state["silence"][rows] = TALKS
        state["base_at"][rows] = np.where(state["heard_at"][rows] == UNSEEN, at, state["base_at"][rows])
        reach = at + state["allowance"][rows] + state["slack"][rows]
        state["deadline"][rows] = np.maximum(state["deadline"][rows], reach)
        state["due"][rows] = np.where(state["mute"][rows], NEVER, state["deadline"][rows])

    @classmethod
    def _allow_below(cls, state: State, parents: IntArray, at: IntArray) -> None:
        """Those that were folded into `parents` get a new allowance."""
        for parent, moment in zip(parents.tolist(), at.tolist(), strict=True):
            below = np.flatnonzero((state["parent"] == parent) & (state["silence"] == MASKED))
            if len(below):
                cls._allow(state, below, moment)
                cls._allow_below(state, below, np.full(len(below), moment))

    @classmethod
    def _masked(cls, state: State, rows: IntArray, at: IntArray) -> BoolArray:
        """Where something above is silent itself at that moment."""
        masked = np.zeros(len(rows), np.bool_)
        above = state["parent"][rows]
        while (above >= 0).any():
            deadline = state["deadline"][above]
            overdue = (state["silence"][above] != TALKS) | ((deadline != UNSEEN) & (deadline <= at))
            masked |= (above >= 0) & overdue
            above = np.where(above >= 0, state["parent"][above], -1)
        return masked

    @classmethod
    def _fold(cls, state: State, rows: IntArray, at: IntArray) -> tuple[IntArray, IntArray]:
        """What lies below rows that have just fallen silent and was stated for itself: (rows, moments)."""
        folded: list[int] = []
        moments: list[int] = []
        for row, moment in zip(rows.tolist(), at.tolist(), strict=True):
            if state["leaf"][row]:
                continue
            level = np.array([row])
            while len(level):
                level = np.flatnonzero(np.isin(state["parent"], level))
                stated = level[np.isin(state["silence"][level], (SILENT, DEAD))]
                state["silence"][stated] = MASKED
                folded.extend(stated.tolist())
                moments.extend([moment] * len(stated))
        return np.array(folded, np.int64), np.array(moments, np.int64)


def _last(state: State, rows: IntArray) -> IntArray:
    """When a row was last heard; of those never heard, since when it was listened for."""
    heard: IntArray = state["heard_at"][rows]
    return np.where(heard == UNSEEN, state["base_at"][rows], heard)


def _silence(state: State, rows: IntArray, at: IntArray) -> FloatArray:
    """Seconds of silence at `at`."""
    last = _last(state, rows)
    return np.where(last == UNSEEN, 0.0, np.maximum(at - last, 0) / 1e9)


def _chain(facility: Facility, device: str) -> list[str]:
    """The device and its gateways, upwards."""
    chain: list[str] = []
    while device and device not in chain:
        chain.append(device)
        found = facility.devices.get(device)
        device = found.gateway if found else ""
    return chain


def _equip(facility: Facility | None, device: str) -> str:
    found = facility.devices.get(device) if facility else None
    return found.equip if found else ""
