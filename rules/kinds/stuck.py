"""Stuck: a value that does not change when it should."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from rules.contract import UNSEEN, Column, Findings, Kind, NotApplicable, Span, State, Target
from rules.quantity import Duration, Limit
from steward.model import BoolArray, ByteArray, FloatArray, IntArray
from steward.units import HOUR

ALLOWED = 4
"""How many values may be exempt: each is a column."""


SET_POINT = ("_sp", "setpoint", "set_point")
"""How the roles of set points end: these are not judged."""


class Stuck(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The value has not changed for `duration`, although samples keep coming: a frozen sensor, a blocked register.

    Fields: `duration` (default "4h"); `samples`: at least so many samples in that time (default 5, so that two samples far
    apart prove nothing); `tolerance`: changes up to this count as none ("0.05 degC", a difference, default 0);
    `allowed`: values at which standing still is right, at most four (`allowed = [0]` for a machine that may be off).

    The condition becomes true at the first sample at which both are reached, and false at the first one that differs from
    the value at the start of the stretch by more than `tolerance`. A gap longer than three expected intervals starts the
    stretch anew: nobody knows what the value did. Warm-up: `duration`.

    Example: `kind = "stuck", match = { metric = "temperature" }, duration = "6h"`.
    Source: flatline rule of open-fdd (SV-FLATLINE: change of at most 0.1 over 1 h); longer here, since real room sensors
    with a resolution of 0.1-0.5 K rest for hours at night.
    """

    NAME: ClassVar[str] = "stuck"
    LEADS: ClassVar[bool] = True

    duration: Duration = Duration(4 * HOUR)
    samples: int = 5
    tolerance: Limit = Limit("0")
    allowed: tuple[Limit, ...] = ()

    def check(self) -> list[tuple[str, str, str]]:
        problems = []
        if self.samples < 2:
            problems.append(("samples", f"{self.samples} samples cannot show that nothing changes", "at least 2"))
        if len(self.allowed) > ALLOWED:
            problems.append(("allowed", f"{len(self.allowed)} values", f"at most {ALLOWED}"))
        return problems

    def warm_up(self) -> int:
        return self.duration

    def parameters(self, target: Target) -> Mapping[str, float | int]:
        if target.point.role.endswith(SET_POINT):
            raise NotApplicable("a set point stands still by design")
        unit = target.point.unit
        exempt = [value.value(unit) for value in self.allowed] + [np.nan] * (ALLOWED - len(self.allowed))
        return {
            "duration": int(self.duration),
            "samples": self.samples,
            "tolerance": self.tolerance.difference(unit),
            **{f"allowed_{number}": value for number, value in enumerate(exempt)},
        }

    def state(self) -> Mapping[str, Column]:
        return {"still": Column(np.float64, np.nan), "still_since": Column(np.int64, UNSEEN), "seen": Column(np.int64)}

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        still, since = state.get("still", rows), state.get("still_since", rows)
        tolerance = state.get("tolerance", rows)
        gap = at - state.get("last_at", rows) > state.get("hold", rows)
        anew = ~(np.abs(value - still) <= tolerance) | gap
        since = np.where(anew, at, since)
        seen = np.where(anew, 1, state.get("seen", rows) + 1)
        state.put("still", rows, np.where(anew, value, still))
        state.put("still_since", rows, since)
        state.put("seen", rows, seen)
        true = (at - since >= state.get("duration", rows)) & (seen >= state.get("samples", rows))
        if true.any():
            for number in range(ALLOWED):
                true &= ~(np.abs(value - state.get(f"allowed_{number}", rows)) <= tolerance)
        return Findings(true)

    @classmethod
    def loud(cls, state: State, rows: IntArray, of: IntArray, span: Span) -> BoolArray:
        # after a leap a stretch is new, whatever came before it; so spans soon after one cannot be the end of a long stretch
        leaps = span.leap > 2 * state["tolerance"][rows][of]
        loud: BoolArray = (state["samples"][rows] <= 2)[of]
        loud[0] = True
        soon = (of[1:] == of[:-1]) & leaps[:-1] & (span.end[1:] - span.begin[:-1] < state["duration"][rows][of[1:]])
        loud[1:] |= ~soon
        loud |= np.diff(of, append=-1) != 0  # the end of a row: the state that it leaves
        place = np.arange(len(of))
        following = np.minimum.accumulate(np.where(loud, place, len(of) - 1)[::-1])[::-1]
        leapt = np.maximum.accumulate(np.where(leaps, place, -1))[following - 1]
        leapt[following == 0] = -1
        loud |= (of[following] == of) & (leapt <= place)
        return loud

    @classmethod
    def telling(cls, state: State, rows: IntArray, of: IntArray, at: IntArray, value: FloatArray, cut: BoolArray) -> BoolArray:
        telling = np.zeros(len(value), np.bool_)
        # within a stretch two samples differ by at most twice the tolerance; what does not belong to one only starts anew
        telling[1:] = np.abs(np.diff(value)) <= 2 * state["tolerance"][rows][of[1:]]
        leapt = ~telling
        telling[:-1] |= telling[1:]
        telling[1:] |= telling[:-1].copy()
        ends = np.flatnonzero(np.diff(of, append=-1))
        telling[ends] = True
        telling[:-1] |= telling[1:].copy()  # the one before: else a value could look like one of an earlier stretch
        if cut.any():  # what follows a cut belongs to a stretch that began before it, up to the first leap
            place = np.arange(len(of))
            begins = cut | (np.diff(of, prepend=-1) != 0)
            start = np.maximum.accumulate(np.where(begins, place, 0))
            last = np.maximum.accumulate(np.where(leapt & ~begins, place, -1))
            telling &= ~cut[start] | (np.append(last[1:], last[-1]) > start)
        telling |= (state["samples"][rows] <= 2)[of]  # with so few even the one before could be too many
        return telling

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        return {"unchanged_since": int(state["still_since"][row]), "samples": int(state["seen"][row])}
