"""Cycles: a machine's runs have become longer or cost more energy than its own used to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np

from rules import local
from rules.contract import UNSEEN, Column, Findings, Kind, NotApplicable, State, Target
from rules.machines import runs, stretch
from rules.machines.runs import FEATURES, TYPICAL
from rules.machines.stretch import ALTERNATIVES, SCATTERS, WIDTHS
from rules.quantity import Limit
from rules.robust import push
from steward.model import ByteArray, FloatArray, IntArray, Nature
from steward.units import DAY, MINUTE

KEPT, EVERY, DELAY = 28, 4, 4
"""Days remembered; under an alert only every fourth is learned; a day is learned when it is so many days old."""
CLIP, BEYOND = 2.3, 3.0
"""The most that a day counts for or against, logarithm, so that one odd day is never enough; so far above its limit the
evidence may rise, so that it can fall again."""
LIMITS = {"persistent": 365.0, "day": 30.0}
"""Days between two false alerts."""
FEW, ENOUGH, EARLY = 6, 14, 12.0
"""With FEW days learned the EARLY evidence is enough: of 250 simulated machines without a fault 10 % reach it within four days.
From ENOUGH days on it is the limit proper."""
SLOW = 0.0015
"""So much a day the runs of a machine may lengthen by themselves: the steepest of a season of 8 % up and down."""
LEAST = float(np.expm1(ALTERNATIVES[0]))


class Cycles(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A machine that starts and stops runs longer at a time, or takes more energy, than it used to: a wearing compressor, a
    furred heater, a clogged filter, a leaking door.

    Fields: `judge`: "persistent" (default): several days together, the alert to send; "day": a single day, a hint; `limit`:
    how many times likelier a stretch must be than none: 365 (default), for a day 30; it is about the days between false
    alerts; `at_least`: the least span between off and on ("50W", default 10 W); `learn`: days with runs before it speaks
    (default 7, better 14).

    On and off are found from power alone: two running means, so nothing is set per machine, ten times the power gives the
    same runs, a signal that hardly varies gives none, and a machine that was off for weeks keeps its levels. Of each local day
    the runs above half power and of any activity are taken: lengths, energies, and the day's mean energy, as logarithms.

    The runs of the last 28 days make a density, by kernels: programmes are its peaks. A day is as likely under a stretch as its
    runs are when moved back by it; days scatter. Width of kernels and scatter of days are weighted by how well they
    foretold each learned day from the others: few days, few runs and changing programmes widen by themselves what is taken
    for normal. The evidence is how many times likelier a lasting stretch of 6 to 75 % makes all days since some day than none
    (Shiryaev and Roberts), its logarithm the mean over the features; one day counts for a factor of ten at most. It must reach
    12 when six days are learned, the limit from 14 days on. Runs that lengthen by 0.15 % a day are taken for the season. A day
    is learned four days later, under an alert only every fourth.

    A gauge of power at five minutes or faster. A day without runs says nothing, nor does that on which the two levels were
    found; of a day half must be known; a run over a gap is lost. Judged when a day is over, the verdict stands until the
    next. The alert's value is the likeliest stretch as a share; evidence names the feature, its value and usual (of the
    median run), since when, and the energy that it costs a day. Warm-up: `learn` days with runs. Not found: a machine whose
    runs differ by 40 % from day to day (a washer) is judged late.

    Example: `kind = "cycles", match = { equip_type = "water_heater", metric = "power" }`; fridges and compressors by
    their points: `match = { point = ["fridge*.power"] }`.
    Source: online two-level clustering; kernel densities with leave-one-out likelihood; Shiryaev-Roberts procedure; limits from
    simulated machines without a fault, see the benchmarks.
    """

    NAME: ClassVar[str] = "cycles"
    UNIT: ClassVar[str] = "ratio"

    judge: Literal["persistent", "day"] = "persistent"
    limit: float | None = None
    at_least: Limit = Limit("10W")
    learn: int = 7

    def check(self) -> list[tuple[str, str, str]]:
        problems = []
        if not 3 <= self.learn <= KEPT:
            problems.append(("learn", f"{self.learn} days", f"3 to {KEPT}"))
        if self.limit is not None and not 2 <= self.limit <= 1e6:
            problems.append(("limit", f"{self.limit}", "days between false alerts, 2 to a million"))
        return problems

    def warm_up(self) -> int:
        return (self.learn + 1) * DAY

    def look_back(self) -> int:
        return (max(self.learn + 1, KEPT) + DELAY) * DAY

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        point = target.point
        if point.nature is not Nature.GAUGE or point.unit != "W":
            raise NotApplicable("runs are found in a gauge of power")
        if point.interval > 5 * MINUTE:
            raise NotApplicable("a sample each five minutes at least is needed to see runs")
        return {
            "local": local.number(target),
            "at_least": self.at_least.difference("W"),
            "learn": self.learn,
            "daily": self.judge == "day",
            "beyond": float(np.log(LIMITS[self.judge] if self.limit is None else self.limit)),
            "blur": max(point.interval, MINUTE) / 1e9,
        }

    def state(self) -> Mapping[str, Column]:
        size, ways = len(FEATURES), len(FEATURES) * len(ALTERNATIVES)
        return {
            **runs.COLUMNS,
            "day": Column(np.int64, UNSEEN),
            "days": Column(np.float32, np.nan, (KEPT * size * TYPICAL,)),
            "counts": Column(np.int32, 0, (KEPT * size,)),
            "count": Column(np.int64),
            "waiting": Column(np.float32, np.nan, (DELAY * size * TYPICAL,)),
            "waiting_counts": Column(np.int32, 0, (DELAY * size,)),
            "queued": Column(np.int64),
            "careful": Column(np.int64),
            "scores": Column(np.float32, 0.0, (size * len(WIDTHS) * len(SCATTERS),)),
            "weight": Column(np.float64, -np.inf, (ways,)),
            "weight_since": Column(np.int64, UNSEEN, (ways,)),
            "true": Column(np.bool_, False),
            "ready": Column(np.bool_, False),
            "feature": Column(np.int64),
            "shown": Column(np.float64),
            "usual": Column(np.float64, np.nan),
            "since": Column(np.int64, UNSEEN),
            "last_energy": Column(np.float64),
        }

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        day = local.shift(state.get("local", rows), at) // DAY
        before = state.get("day", rows)
        over = before != day
        if over.any():
            turned = rows[over]
            told = (before[over] != UNSEEN) & runs.usable(state, turned)
            told &= state["settled"][turned]
            ended, when = turned[told], at[over][told]
            for first in range(0, len(ended), stretch.ROWS // len(FEATURES)):
                part = slice(first, first + stretch.ROWS // len(FEATURES))
                cls._day(state, ended[part], when[part])
            runs.clear(state, turned)
            state["day"][turned] = day[over]
            state["settled"][turned] = state["two"][turned]
        runs.fold(state, rows, at, value)
        limit = np.where(state.get("ready", rows), LEAST, np.nan)
        return Findings(state.get("true", rows), state.get("shown", rows), limit, state.get("ready", rows))

    @classmethod
    def _day(cls, state: State, rows: IntArray, at: IntArray) -> None:
        """A day is over: judged where it had runs, then learned."""
        found, number = runs.typical(state, rows)
        some = (number > 0).any(axis=1)
        rows, found, number, at = rows[some], found[some], number[some], at[some]
        ready = state["count"][rows] >= state["learn"][rows]
        if ready.any():
            cls._judge(state, rows[ready], found[ready], number[ready], at[ready])
        new = ~ready
        if new.any():
            cls._push(state, rows[new], found[new], number[new])
            full = rows[new][state["count"][rows[new]] == state["learn"][rows[new]]]
            if len(full):
                scores = stretch.left_out(*_learned(state, full))
                state["scores"][full] = scores.reshape(len(full), -1)

    @classmethod
    def _judge(cls, state: State, rows: IntArray, found: FloatArray, number: IntArray, at: IntArray) -> None:
        """What the day adds to the evidence of each alternative, whether that is enough, and what it teaches."""
        size = len(FEATURES)
        days, counts, about, blur = _learned(state, rows)
        logs = stretch.density(days, counts, about, blur)
        scores = state["scores"][rows].reshape(len(rows) * size, len(WIDTHS), len(SCATTERS)).astype(np.float64)
        late = SLOW * (KEPT / 2 + DELAY) * _part(state["count"][rows], KEPT)  # what is learned lies so far back, at the mean
        seen = stretch.foretold(logs, about, (found - late[:, None, None]).reshape(-1, TYPICAL), number.ravel())
        raw = stretch.ratios(seen, scores)
        told = (number.ravel() > 0) & ((counts > 0).sum(axis=1) >= np.minimum(np.repeat(state["learn"][rows], size), 3))
        raw = np.where(told[:, None], raw, 0.0).reshape(len(rows), -1)
        ratio = np.clip(raw, -CLIP, CLIP)
        weight, since = state["weight"][rows], state["weight_since"][rows]
        since = np.where(weight < 0, (at - DAY)[:, None], since)
        kept = np.repeat(told.reshape(len(rows), size), len(ALTERNATIVES), axis=1)
        most = state["beyond"][rows][:, None] + BEYOND
        grown = np.where(kept, np.minimum(np.logaddexp(0.0, weight) + ratio, most), weight)
        state["weight"][rows], state["weight_since"][rows] = grown, since
        cls._verdict(state, rows, np.where(state["daily"][rows][:, None], raw, grown), about.reshape(len(rows), size))
        cls._learn(state, rows, found, number, (logs, about))

    @classmethod
    def _verdict(cls, state: State, rows: IntArray, weight: FloatArray, about: FloatArray) -> None:
        """Whether the evidence, its mean over the features, is beyond the limit; shown is the feature with most."""
        place = np.arange(len(rows))
        every = weight.reshape(len(rows), len(FEATURES), -1)
        best = every.max(axis=2)
        known = np.isfinite(best)
        evidence = np.where(known, best, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        feature = best.argmax(axis=1)
        mine = every[place, feature]
        likely = np.exp(mine - np.maximum(mine.max(axis=1, keepdims=True), -1e9))
        log = (likely * ALTERNATIVES).sum(axis=1) / np.maximum(likely.sum(axis=1), 1e-9)
        limit = cls._limit(state, rows)
        state["true"][rows], state["ready"][rows] = evidence > limit, True
        state["feature"][rows] = feature
        state["shown"][rows] = np.where(evidence > 0, np.expm1(log), 0.0)
        state["usual"][rows] = about[place, feature]
        since = state["weight_since"][rows].reshape(len(rows), len(FEATURES), -1)[place, feature, mine.argmax(axis=1)]
        state["since"][rows] = np.where(state["daily"][rows], state["last_at"][rows] // DAY * DAY, since)
        state["last_energy"][rows] = state["day_energy"][rows]

    @classmethod
    def _limit(cls, state: State, rows: IntArray) -> FloatArray:
        """The evidence that is enough, logarithm: rising with the days learned."""
        early = np.minimum(np.log(EARLY), state["beyond"][rows])
        rising = early + _part(state["count"][rows], ENOUGH) * (state["beyond"][rows] - early)
        return np.asarray(np.where(state["daily"][rows], state["beyond"][rows], rising))

    @classmethod
    def _learn(
        cls, state: State, rows: IntArray, found: FloatArray, number: IntArray, known: tuple[FloatArray, FloatArray]
    ) -> None:
        """Learns the day that is four days old, so that a fault is stated before it is usual, and all days alike: learning
        only the good ones would make all others odd. Under an alert only every fourth. Each tells first which settings
        foretold it."""
        size = len(FEATURES)
        waiting = state["waiting"].reshape(-1, DELAY, size, TYPICAL)
        waiting_counts = state["waiting_counts"].reshape(-1, DELAY, size)
        place = state["queued"][rows] % DELAY
        aged, aged_counts = waiting[rows, place].astype(np.float64), waiting_counts[rows, place].astype(np.int64)
        careful = np.where(state["true"][rows], state["careful"][rows] + 1, 0)
        state["careful"][rows] = careful
        learned = (state["queued"][rows] >= DELAY) & (careful % EVERY == 0)
        if learned.any():
            logs, about = (part.reshape(len(rows), size, *part.shape[1:])[learned] for part in known)
            flat = logs.reshape(-1, *logs.shape[2:])
            scored = stretch.foretold(flat, about.ravel(), aged[learned].reshape(-1, TYPICAL), aged_counts[learned].ravel())
            old = state["scores"][rows[learned]] * (1.0 - 1.0 / KEPT)
            state["scores"][rows[learned]] = old + scored[..., 0].reshape(len(old), -1)
            cls._push(state, rows[learned], aged[learned], aged_counts[learned])
        waiting[rows, place], waiting_counts[rows, place] = found, number
        state["queued"][rows] += 1

    @classmethod
    def _push(cls, state: State, rows: IntArray, found: FloatArray, number: IntArray) -> None:
        """Puts a day in the place of the oldest."""
        size = len(FEATURES)
        place = state["count"][rows] % KEPT
        state["counts"].reshape(-1, KEPT, size)[rows, place] = number
        push(state["days"].reshape(-1, KEPT, size, TYPICAL), state["count"], rows, found)

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        name = FEATURES[int(state["feature"][row])]
        share, usual = float(state["shown"][row]), float(state["usual"][row])
        since = int(state["since"][row])
        normal = float(np.exp(usual)) if not np.isnan(usual) else 0.0
        unit, scale = ("kwh", 3.6e6) if name.endswith("energy") else ("minutes", 60.0)
        extra = float(state["last_energy"][row]) * share / (1.0 + share) / 3.6e6
        return {
            "feature": name,
            "more_percent": round(100 * share),
            f"now_{unit}": round(normal * (1 + share) / scale, 3),
            f"usual_{unit}": round(normal / scale, 3),
            "now": _said(normal * (1 + share) / scale, unit),
            "usual": _said(normal / scale, unit),
            "worse_since": since if since > UNSEEN else None,
            "extra_kwh_per_day": round(max(extra, 0.0), 3),
            "off_value_w": round(float(np.nan_to_num(state["lower"][row])), 1),
            "on_value_w": round(float(np.nan_to_num(state["upper"][row])), 1),
        }


def _learned(state: State, rows: IntArray) -> tuple[FloatArray, IntArray, FloatArray, FloatArray]:
    """What `rows` have learned, a row for each feature: days, counts, the middle of the grid, the blur of lengths."""
    size = len(FEATURES)
    days = state["days"][rows].reshape(-1, KEPT, size, TYPICAL).swapaxes(1, 2).reshape(-1, KEPT, TYPICAL).astype(np.float64)
    counts = state["counts"][rows].reshape(-1, KEPT, size).swapaxes(1, 2).reshape(-1, KEPT).astype(np.int64)
    lengths = np.array([name.endswith("length") for name in FEATURES])
    blur = (state["blur"][rows][:, None] * lengths).ravel()
    return days, counts, stretch.centre(days), blur


def _part(count: IntArray, whole: int) -> FloatArray:
    """How far of the way from FEW to `whole` days, 0 to 1."""
    return np.asarray(np.clip((count - FEW) / (whole - FEW), 0.0, 1.0))


def _said(value: float, unit: str) -> str:
    """A value with its unit, for texts."""
    return f"{value:.3g} {({'kwh': 'kWh', 'minutes': 'min'})[unit]}"
