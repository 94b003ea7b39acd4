"""From a day's counters to a verdict: which rules speak, which of two explanations holds, which component is named.

A component's score is the sum over its rules of min(median ratio, 4) x min(minutes, 480) x weight; the highest is named,
the others stand behind it. Severity: fault where evidence from the air spoke, warning where only control or consequence did.
Before the other days are LEAST_DAYS, rules on own history are not evaluated; the rest speaks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rules.contract import State
from rules.hvac.history import Norm, values
from rules.hvac.minute import COMMAND_BINS, COMMAND_STEP, LOADS, RATIO_MIDDLES, SPLIT_BOUNDS, SPLITS
from rules.hvac.tables import (
    BAND_LEARNED,
    CHECKS,
    COMPONENTS,
    E_OAT,
    EFFORT_LEAST,
    EFFORT_MINUTES,
    INDEX,
    LEAST_DAYS,
    LEAST_MINUTES,
    MINUTE_CHECKS,
    REPEATABILITY,
)  # fmt: skip
from steward.model import BoolArray, FloatArray, IntArray

NONE, NOTE, WARNING, FAULT = 0, 1, 2, 3
_SHARE = np.array([check.share for check in CHECKS])
_WEIGHT = np.array([check.weight for check in CHECKS])
_EVIDENT = np.array([check.rank == "E" for check in CHECKS])
_OF = np.array([COMPONENTS.index(check.component) for check in CHECKS])
MATRIX = np.eye(len(COMPONENTS))[_OF]
"""[rules, components]"""


@dataclass(slots=True)
class Counted:
    """Of each rule: minutes violated, minutes applicable, median residual over band, and its band (0: see the table);
    [n, rules]."""

    minutes: FloatArray
    applicable: FloatArray
    ratio: FloatArray
    band: FloatArray


@dataclass(slots=True)
class Verdict:
    """Per unit: index in COMPONENTS (-1 none), level, leading rule (-1), scores of all components, and what spoke."""

    component: IntArray
    level: IntArray
    rule: IntArray
    scores: FloatArray
    speaks: BoolArray


def counted(state: State, rows: IntArray) -> Counted:
    """What the minute rules have counted today; the daily ones are empty."""
    shape = (len(rows), len(CHECKS))
    found = Counted(np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape))
    found.minutes[:, :MINUTE_CHECKS] = state.get("minutes", rows)
    found.applicable[:, :MINUTE_CHECKS] = state.get("applicable", rows)
    busy = np.flatnonzero((found.minutes >= LEAST_MINUTES).any(axis=1))
    if len(busy):
        bins = np.cumsum(state["ratios"][rows[busy]], axis=-1, dtype=np.int64)
        place = np.argmax(2 * bins >= bins[..., -1:], axis=-1)
        found.ratio[busy, :MINUTE_CHECKS] = RATIO_MIDDLES[place]
    found.band[:, INDEX["coil_hot"]] = found.band[:, INDEX["coil_cold"]] = state.get("coil_band", rows)
    return found


def weigh(found: Counted, usual: FloatArray | None = None) -> Verdict:
    """The verdict. usual: minutes that a rule has on a usual day, [n, rules]: before the day is over, a rule must violate
    its share of those too, or a morning would speak for the day."""
    whole = found.applicable if usual is None else np.maximum(found.applicable, usual)
    speaks = (found.minutes >= LEAST_MINUTES) & (found.minutes >= _SHARE * whole) & (found.ratio > 1.0)
    points = np.minimum(found.ratio, 4.0) * np.minimum(found.minutes, 480.0) * _WEIGHT * speaks
    scores = points @ MATRIX
    any_ = speaks.any(axis=1)
    component = np.where(any_, np.argmax(scores, axis=1), -1)
    own = np.where(_OF[None, :] == component[:, None], points, -1.0)
    rule = np.where(any_, np.argmax(own, axis=1), -1)
    level = np.where((speaks & _EVIDENT).any(axis=1), FAULT, np.where(any_, WARNING, NONE))
    return Verdict(component, level, rule, scores, speaks)


def judge_day(state: State, rows: IntArray, norm: Norm, usual: FloatArray | None = None) -> tuple[Verdict, Counted, FloatArray]:
    """The verdict of a whole day with own history, what was counted, and the day's values. usual: see `weigh`."""
    today = values(state, rows)
    found = counted(state, rows)
    _coil(found, state, rows, today, norm)
    gap = _fraction(found, state, rows, today, norm)
    _effort(found, state, rows, norm)
    mix = _mix(found, state, rows, norm)
    verdict = weigh(found, usual)
    sensor = mixed_sensor(state, rows, today, norm, gap)
    outdoor = (verdict.speaks[:, INDEX["h_oaf"]] | mix) & outdoor_sensor(state, rows, norm)
    _rename(verdict, sensor, "mixed_air_sensor", alone=True)
    _rename(verdict, outdoor & ~sensor, "outdoor_air_sensor", alone=False)
    return verdict, found, today


def _rename(verdict: Verdict, where: BoolArray, component: str, *, alone: bool) -> None:
    """Another explanation of the same evidence: the component is named, with the score of the one that it replaces."""
    number = COMPONENTS.index(component)
    hit = np.flatnonzero(where)
    best = verdict.scores[hit].max(axis=1, initial=0.0)
    if alone:
        verdict.scores[hit] = 0.0
        verdict.level[hit] = FAULT
        fresh = verdict.rule[hit] < 0
        verdict.rule[hit] = np.where(fresh, INDEX["h_oaf"], verdict.rule[hit])
    verdict.scores[hit, number] = np.maximum(best, 1.0)
    verdict.component[hit] = number


def _coil(found: Counted, state: State, rows: IntArray, today: FloatArray, norm: Norm) -> None:
    minutes = state["coil"][rows].sum(axis=-1)
    limit = np.maximum(2.0 * np.sqrt(2.0) * REPEATABILITY, 3.0 * norm.scale[:, 0])
    off = today[:, 0] - norm.centre[:, 0]
    for name, sign in (("h_coil_hot", 1.0), ("h_coil_cold", -1.0)):
        _put(found, name, minutes, minutes, np.nan_to_num(sign * off / limit), limit)


def _fraction(found: Counted, state: State, rows: IntArray, today: FloatArray, norm: Norm) -> FloatArray:
    """Rule h_oaf; returns the deviation of mixed air in K by damper bin, [n, bins] (NaN: not known)."""
    bins = slice(1, 1 + SPLITS)
    minutes = state["oaf"][rows].sum(axis=-1)
    split = state.get("split", rows) / np.maximum(minutes, 1)
    now, usual = today[:, bins], norm.centre[:, bins]
    spread = np.sqrt(1.0 + usual**2 + (1.0 - usual) ** 2)
    noise = 2.0 * REPEATABILITY * spread / np.maximum(np.abs(split), 1.0)
    limit = np.maximum(np.maximum(0.05, 3.0 * norm.scale[:, bins]), noise)
    off = now - usual
    over = np.nan_to_num(np.abs(off) / limit)
    over[:, -1] = np.where(off[:, -1] < 0, over[:, -1], 0.0)
    hit = over > 1.0
    worst = np.argmax(over * minutes, axis=1)[:, None]
    known = ~np.isnan(off)
    _put(found, "h_oaf", (minutes * hit).sum(axis=1), (minutes * known).sum(axis=1),
         np.take_along_axis(over, worst, 1)[:, 0], np.take_along_axis(limit, worst, 1)[:, 0])  # fmt: skip
    return np.where(minutes >= LEAST_MINUTES, -off * split, np.nan)


def _effort(found: Counted, state: State, rows: IntArray, norm: Norm) -> None:
    """Rules h_cool_*, h_heat_*: more valve command than on other days for the same load on the air side."""
    command = (np.arange(COMMAND_BINS) + 0.5) * COMMAND_STEP
    for valve, names in enumerate((("h_cool_own", "h_cool_other"), ("h_heat_own", "h_heat_other"))):
        bins = slice(1 + SPLITS + valve * LOADS, 1 + SPLITS + (valve + 1) * LOADS)
        centre = norm.centre[:, bins]
        scale = _middle(norm.scale[:, bins])
        limit = np.maximum(EFFORT_LEAST, 3.0 * np.nan_to_num(scale))
        counts = state["effort"][rows, valve]
        excess = (command[None, None, :] - centre[:, :, None]) / limit[:, None, None]
        over = counts * (np.nan_to_num(excess) > 1.0)
        minutes = over.sum(axis=(1, 2))
        mean = (over * np.nan_to_num(excess)).sum(axis=(1, 2)) / np.maximum(minutes, 1)
        busy = counts.sum(axis=(1, 2))
        minutes = np.where(minutes >= EFFORT_MINUTES, minutes, 0)
        other = 2 * state["steady"][rows, valve] > busy
        _put(found, names[0], minutes * ~other, busy, mean * ~other, limit)
        _put(found, names[1], minutes * other, busy, mean * other, limit)


def _middle(scale: FloatArray) -> FloatArray:
    """Median of the known ones along the last axis, NaN where there is none."""
    known = ~np.isnan(scale).all(axis=1)
    found = np.full(len(scale), np.nan)
    if known.any():
        found[known] = np.nanmedian(scale[known], axis=1)
    return found


def _slots(state: State, rows: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Half-hour means: mixed minus return, outdoor minus return, damper command, [n, slots]; NaN under 10 minutes."""
    sums = state.get("slots", rows).astype(np.float64)
    count = np.where(sums[..., 0] >= 10, sums[..., 0], np.nan)
    return sums[..., 1] / count, sums[..., 2] / count, sums[..., 3] / count


def _mix(found: Counted, state: State, rows: IntArray, norm: Norm) -> BoolArray:
    """Rule h_mix: at a full-open damper mixed air lies beyond outdoor air, on the side away from return air."""
    mixed, outdoor, opening = _slots(state, rows)
    usual = norm.centre[:, SPLITS][:, None]
    off = np.where(opening >= 0.95, (mixed - usual * outdoor) * np.sign(outdoor), np.nan)
    known = np.count_nonzero(~np.isnan(off), axis=1) > 0
    middle = np.zeros(len(rows))
    if known.any():
        middle[known] = np.nanmedian(off[known], axis=1)
    spread = np.nan_to_num(3.0 * norm.scale[:, SPLITS])
    split = np.zeros(len(rows))
    if known.any():
        split[known] = np.nanmedian(np.abs(outdoor[known]), axis=1)
    limit = np.maximum(E_OAT, spread * split)
    minutes = np.nansum(np.where(np.isnan(off), 0.0, state["slots"][rows][..., 0]), axis=1)
    _put(found, "h_mix", minutes, minutes, middle / limit, limit)
    speaks: BoolArray = (minutes >= LEAST_MINUTES) & (middle > limit)
    return speaks


def mixed_sensor(state: State, rows: IntArray, today: FloatArray, norm: Norm, gap: FloatArray) -> BoolArray:
    """Mixed air stands in two balances: where the residual of the coil and that of mixing cancel, its sensor is wrong."""
    reference = np.where(np.isnan(norm.centre[:, 0]), state.get("offset", rows), norm.centre[:, 0])
    coil = today[:, 0] - reference
    minutes = state["oaf"][rows].sum(axis=-1) * ~np.isnan(gap)
    mixing = np.nansum(gap * minutes, axis=1) / np.maximum(minutes.sum(axis=1), 1)
    known = (minutes.sum(axis=1) >= LEAST_MINUTES) & ~np.isnan(coil)
    both = np.minimum(np.abs(coil), np.abs(mixing)) > BAND_LEARNED
    cancel: BoolArray = known & both & (np.abs(coil + mixing) < BAND_LEARNED)
    return cancel


def outdoor_sensor(state: State, rows: IntArray, norm: Norm) -> BoolArray:
    """Two explanations with one unknown each: one fraction at all commands (damper), or the usual fractions with outdoor
    air read wrong by b (sensor). True where b is beyond the sensor's error and fits clearly better."""
    mixed, outdoor, opening = _slots(state, rows)
    bins = np.clip(np.searchsorted(SPLIT_BOUNDS, np.nan_to_num(opening), side="right") - 1, 0, SPLITS - 1)
    usual = np.take_along_axis(norm.centre[:, 1 : 1 + SPLITS], bins, axis=1)
    good = ~np.isnan(mixed) & ~np.isnan(usual)
    enough = np.count_nonzero(good, axis=1) >= 4
    x, y, f = np.where(good, outdoor, 0.0), np.where(good, mixed, 0.0), np.where(good, usual, 0.0)
    stuck = (x * y).sum(axis=1) / np.maximum((x * x).sum(axis=1), 1e-9)
    shift = ((y - f * x) * f).sum(axis=1) / np.maximum((f * f).sum(axis=1), 1e-9)
    wrong = np.zeros((2, len(rows)))
    if enough.any():
        first = np.where(good, np.abs(y - stuck[:, None] * x), np.nan)
        second = np.where(good, np.abs(y - f * (x + shift[:, None])), np.nan)
        wrong[0, enough] = np.nanmedian(first[enough], axis=1)
        wrong[1, enough] = np.nanmedian(second[enough], axis=1)
    better: BoolArray = enough & (np.abs(shift) > E_OAT) & (wrong[1] < 0.7 * wrong[0])
    return better


def _put(found: Counted, name: str, minutes: FloatArray, applicable: FloatArray, ratio: FloatArray, band: FloatArray) -> None:
    number = INDEX[name]
    found.minutes[:, number] = minutes
    found.applicable[:, number] = applicable
    found.ratio[:, number] = ratio
    found.band[:, number] = np.nan_to_num(band)


def learning(norm: Norm) -> BoolArray:
    """Whether a unit has too few other days for any rule on its own history."""
    few: BoolArray = np.all(norm.days < LEAST_DAYS, axis=1)
    return few
