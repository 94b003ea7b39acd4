"""Network: points that move together do not fit together any more; the points that do not fit are named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, ClassVar, Literal

import numpy as np

from rules import local
from rules.contract import UNSEEN, Column, Findings, Kind, NotApplicable, State, Target
from rules.detectors.network import LONG, Model, fit
from rules.quantity import Duration
from steward.model import ByteArray, FloatArray, IntArray, Nature, Point
from steward.units import DAY, HOUR

LEAST = 3
"""Points of a network: two can only disagree, not say which."""


class Network(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Points that explain each other (tanks, pumps, pressures, flows of one plant) do not fit together any more.

    Fields: `by`: one network for the matched points of each "site" (default) or each "equip"; `limit`: alert from this multiple
    of the residual that 99.9 % of the learned rows kept below (default 1.5); `every`: points are averaged to rows of this
    length (default "1h"); `learn`: rows of this long are learned before it speaks, and remembered (default "60d"); `refit`:
    how often it learns anew from them (default "7d"); `most`: points of a network at most (default 24).

    Each point is predicted by ridge regression from all others of the same row (a state and the measured values of one equip
    do not explain each other), from all of the row before, and from the time of day. Residuals are judged as means of 3 and
    of 12 rows; so are the values themselves as means of 12 rows: wear that moves all points together leaves no residual. A
    point whose spread is below 5 steps of its resolution takes no part. Rows that alert are not learned. A row
    counts when all points are known; after a silence longer than `learn` all is learned anew. Registers are not applicable.
    The alert's value is the largest ratio; evidence: the points that do not fit, the worst first. A plant that was changed
    needs a new start of the rule. Warm-up: `learn`.

    Example: `kind = "network", match = { site = "waterworks", metric = ["level", "flow", "pressure"] }`.
    Source: ridge residuals as tried on BATADAL: S .97 where always-alarm has .75, 7 of 7 attacks. False episodes: two a month
    with 60 days learned (unseen seasons), one in three months with `learn = "180d"`.
    """

    NAME: ClassVar[str] = "network"
    JOINS: ClassVar[bool] = True
    UNIT: ClassVar[str] = "ratio"

    by: Literal["site", "equip"] = "site"
    limit: float = 1.5
    every: Duration = Duration(HOUR)
    learn: Duration = Duration(60 * DAY)
    refit: Duration = Duration(7 * DAY)
    most: int = 24

    def check(self) -> list[tuple[str, str, str]]:
        problems = []
        if self.limit <= 0:
            problems.append(("limit", f"{self.limit}", "above 0"))
        if self.every <= 0 or self.refit <= 0:
            problems.append(("every" if self.every <= 0 else "refit", "no time", "a duration above 0"))
        elif self._rows() < 4 * LONG:
            problems.append(("learn", f"{self._rows()} rows", f"{4 * LONG} rows of `every` or more"))
        if not LEAST <= self.most <= 64:
            problems.append(("most", f"{self.most} points", f"{LEAST} to 64"))
        return problems

    def _rows(self) -> int:
        return int(self.learn // max(self.every, 1))

    def warm_up(self) -> int:
        return self.learn

    def look_back(self) -> int:
        return self.learn + self.refit

    def bind(self, targets: Sequence[Target]) -> list[Target]:
        """One row for the matched points of a site (an equip); its trigger is the first."""
        groups: dict[str, list[Target]] = {}
        for target in targets:
            groups.setdefault(target.equip if self.by == "equip" else target.point.site, []).append(target)
        return [
            replace(
                group[0], id=name or group[0].id, points=tuple(one.point for one in group), shows=tuple(one.id for one in group)
            )
            for name, group in groups.items()
        ]

    def requires(self, target: Target) -> Sequence[bool]:
        return [True] * len(target.points)

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        points = [point for point in target.points if point is not None]
        if len(points) < LEAST:
            raise NotApplicable(f"a network of {len(points)} points, at least {LEAST} are needed")
        if len(points) > self.most:
            raise NotApplicable(f"a network of {len(points)} points, at most {self.most}: match fewer, or raise `most`")
        counters = [point.id for point in points if point.nature is Nature.COUNTER]
        if counters:
            raise NotApplicable(f"{counters[0]} is a register; take its derived power or flow")
        return {
            "every": int(self.every),
            "wanted": self._rows(),
            "refit": int(self.refit),
            "beyond": self.limit,
            "members": len(points),
            "local": local.number(target),
        }

    def state(self) -> Mapping[str, Column]:
        wide, rows = self.most, self._rows()
        return {
            "row_at": Column(np.int64, UNSEEN),
            "row_sum": Column(np.float64, 0.0, (wide,)),
            "row_count": Column(np.int64),
            "before": Column(np.float64, 0.0, (wide,)),
            "before_at": Column(np.int64, UNSEEN),
            "learned": Column(np.float64, 0.0, (rows, wide)),
            "learned_at": Column(np.int64, UNSEEN, (rows,)),
            "learned_rows": Column(np.int64),
            "fitted_at": Column(np.int64, UNSEEN),
            "recent": Column(np.float64, 0.0, (LONG, 2, wide)),
            "recent_rows": Column(np.int64),
            "used": Column(np.bool_, False, (wide,)),
            "mean": Column(np.float64, 0.0, (wide,)),
            "spread": Column(np.float64, 1.0, (wide,)),
            "weights": Column(np.float64, 0.0, (wide, 2 * wide + 5)),
            "scale": Column(np.float64, 1.0, (wide,)),
            "short": Column(np.float64, 1.0, (wide,)),
            "long": Column(np.float64, 1.0, (wide,)),
            "level": Column(np.float64, np.inf, (wide,)),
            "ratios": Column(np.float64, 0.0, (wide,)),
            "odd": Column(np.bool_, False),
            "ready": Column(np.bool_, False),
        }

    @classmethod
    def prepare(cls, state: State, targets: Sequence[tuple[str, Target]]) -> None:
        wide = state["mean"].shape[1]
        state.columns["partner"] = np.zeros((len(targets), wide, wide), np.bool_)
        state.columns["member"] = np.full((len(targets), wide), "", object)
        for row, (_, target) in enumerate(targets):
            for place, point in enumerate(target.points):
                state["member"][row, place] = point.id if point else ""
                for other, beside in enumerate(target.points):
                    state["partner"][row, place, other] = _partners(point, beside)

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        every = state["every"][rows]
        start = at - at % every
        over = (state["row_at"][rows] != start) & (state["row_count"][rows] > 0)
        for row in rows[over].tolist():  # a few networks, once an hour: plain Python serves
            cls._row(state, row)
        fresh = state["row_at"][rows] != start
        state["row_sum"][rows[fresh]], state["row_count"][rows[fresh]] = 0.0, 0
        state["row_at"][rows] = start
        wide = min(value.shape[1], state["row_sum"].shape[1])
        state["row_sum"][rows, :wide] += np.nan_to_num(value[:, :wide])
        state["row_count"][rows] += 1
        return Findings(state["odd"][rows], state["ratios"][rows].max(axis=1), state["beyond"][rows], state["ready"][rows])

    @classmethod
    def _row(cls, state: State, row: int) -> None:
        """A row of means is complete: judged, learned unless it alerts, and now and then all is fitted anew."""
        count = int(state["members"][row])
        at, now = int(state["row_at"][row]), state["row_sum"][row, :count] / state["row_count"][row]
        follows = at - state["before_at"][row] <= 1.5 * state["every"][row]
        if state["before_at"][row] != UNSEEN and at - state["before_at"][row] > state["wanted"][row] * state["every"][row]:
            state["learned_rows"][row], state["fitted_at"][row] = 0, UNSEEN  # what was remembered is of another season
        odd, fitted = False, state["fitted_at"][row] != UNSEEN
        if not follows:
            state["recent_rows"][row] = 0
        if fitted and follows:
            model = Model(
                **{one.name: _of(state[one.name][row], one.name, count, state["mean"].shape[1]) for one in fields(Model)}
            )
            look = model.look(state["before"][row, :count], now, _turn(state, row, at))
            state["recent"][row] = np.roll(state["recent"][row], -1, axis=0)
            state["recent"][row, -1, :, :count] = look
            state["recent_rows"][row] = known = min(int(state["recent_rows"][row]) + 1, LONG)
            ratios = model.ratios(state["recent"][row, LONG - known :, :, :count])
            state["ratios"][row, :count] = ratios
            odd = bool(ratios.max() > state["beyond"][row])
        state["odd"][row], state["ready"][row] = odd, fitted
        state["before"][row, :count], state["before_at"][row] = now, at
        if not odd:
            cls._learn(state, row, at, now)

    @classmethod
    def _learn(cls, state: State, row: int, at: int, now: FloatArray) -> None:
        wanted, count = int(state["wanted"][row]), len(now)
        place = int(state["learned_rows"][row]) % wanted
        state["learned"][row, place, :count], state["learned_at"][row, place] = now, at
        state["learned_rows"][row] += 1
        due = state["fitted_at"][row] == UNSEEN or at - state["fitted_at"][row] >= state["refit"][row]
        if state["learned_rows"][row] < wanted or not due:
            return
        order = np.argsort(state["learned_at"][row], kind="stable")
        when = state["learned_at"][row][order]
        follows = np.concatenate(([False], np.diff(when) <= 1.5 * state["every"][row]))
        if not follows.any():
            return
        turn = _turns(state, row, when)
        model = fit(state["learned"][row][order][:, :count], turn, follows, state["partner"][row][:count, :count])
        wide = state["mean"].shape[1]
        for one in fields(Model):
            if one.name == "weights":
                state["weights"][row] = 0.0
                state["weights"][row][:count, _places(count, wide)] = model.weights
            else:
                state[one.name][row, :count] = getattr(model, one.name)
        state["fitted_at"][row] = at

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        ratios = state["ratios"][row]
        order = np.argsort(-ratios, kind="stable")[:3].tolist()
        named = [str(state["member"][row, place]) for place in order if place == order[0] or ratios[place] > 1]
        return {"misfits": ", ".join(named), "ratio": round(float(ratios.max()), 2), "fitted_at": int(state["fitted_at"][row])}


def _partners(one: Point | None, other: Point | None) -> bool:
    """Whether the two may not explain each other: the state of an equip and what is measured of it."""
    if one is None or other is None or one.id == other.id or not one.equip or one.equip != other.equip:
        return False
    return (one.nature is Nature.STATE) != (other.nature is Nature.STATE)


def _places(count: int, wide: int) -> IntArray:
    """Columns of the weights of `count` points within those of `wide` ones."""
    return np.concatenate((np.arange(count), wide + np.arange(count), 2 * wide + np.arange(5)))


def _of(column: Any, name: str, count: int, wide: int) -> Any:
    return column[:count, _places(count, wide)] if name == "weights" else column[:count]


def _turns(state: State, row: int, at: IntArray) -> FloatArray:
    numbers = np.full(len(at), state["local"][row], np.int64)
    turn: FloatArray = (local.shift(numbers, at) % DAY) / DAY
    return turn


def _turn(state: State, row: int, at: int) -> float:
    return float(_turns(state, row, np.array([at], np.int64))[0])
