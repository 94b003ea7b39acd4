"""A panel of checks on one equip: each with its own timer, one alert that names the worst one's component.

The base of kinds whose checks are independent conditions (Guideline 36 alarms of terminal units, screening of supply air).
A check is violated while its ratio is above 1 and counts once it has been so for `delay`; checks of a running equip only
once it has run for `settle`. A gap restarts the timers. A check without its roles is not evaluated, and the alert says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rules.contract import UNSEEN, Column, Findings, Kind, State, Target
from rules.quantity import Duration
from steward.model import BoolArray, ByteArray, FloatArray, IntArray
from steward.units import MINUTE

Look = dict[str, FloatArray]


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what it blames, which optional roles it needs, how much longer than `delay` it waits (ns), and whether it
    is judged while the equip is off instead of on, or always (None)."""

    name: str
    component: str
    needs: tuple[str, ...] = ()
    longer: int = 0
    on: bool | None = True


class Panel(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base; kinds give CHECKS, `on`, `ratios` and `limits`."""

    CHECKS: ClassVar[tuple[Check, ...]] = ()
    UNIT: ClassVar[str] = "1"

    delay: Duration = Duration(30 * MINUTE)
    settle: Duration = Duration(30 * MINUTE)

    @classmethod
    def running(cls, one: Look) -> BoolArray:
        """Whether the equip runs."""
        raise NotImplementedError

    @classmethod
    def ratios(cls, state: State, rows: IntArray, one: Look) -> Mapping[str, FloatArray]:
        """Residual over band by check name, NaN where it does not apply."""
        raise NotImplementedError

    def limits(self, target: Target) -> Mapping[str, float]:
        """The parameter columns of the kind."""
        return {}

    def off(self) -> set[str]:
        """Checks that this rule does not make, because a field that they need is not given."""
        return set()

    def warm_up(self) -> int:
        return self.settle + self.delay

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        pairs = zip(self.INPUTS, target.points, strict=False)
        present = {wanted.role for wanted, point in pairs if point is not None}
        lacks = 0
        for number, check in enumerate(self.CHECKS):
            if check.name in self.off() or not present.issuperset(check.needs):
                lacks |= 1 << number
        if lacks == (1 << len(self.CHECKS)) - 1:
            raise ValueError("no check has the roles that it needs")
        return {"delay": int(self.delay), "settle": int(self.settle), "lacks": lacks, **self.limits(target)}

    def unevaluated(self, target: Target) -> Sequence[tuple[str, str]]:
        pairs = zip(self.INPUTS, target.points, strict=False)
        present = {wanted.role for wanted, point in pairs if point is not None}
        made = [check for check in self.CHECKS if check.name not in self.off()]
        return [(check.name, role) for check in made for role in check.needs if role not in present]

    def state(self) -> Mapping[str, Column]:
        count = len(self.CHECKS)
        return {
            "since": Column(np.int64, UNSEEN, (count,)),
            "ratio": Column(np.float32, 0.0, (count,)),
            "on_since": Column(np.int64, UNSEEN),
            "off_since": Column(np.int64, UNSEEN),
            "lead": Column(np.int8, -1),
        }

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        one = {wanted.role: value[:, number] for number, wanted in enumerate(cls.INPUTS)}
        broken = at - state.get("last_at", rows) > state.get("hold", rows)
        runs = cls.running(one)
        settled = [_long(state, rows, at, broken, name, where) for name, where in (("on_since", runs), ("off_since", ~runs))]
        with np.errstate(divide="ignore", invalid="ignore"):
            given = cls.ratios(state, rows, one)
        lacks = state.get("lacks", rows)
        ratio = np.zeros((len(rows), len(cls.CHECKS)), np.float32)
        for number, check in enumerate(cls.CHECKS):
            allowed = (lacks >> number & 1) == 0
            if check.on is not None:
                allowed &= settled[0 if check.on else 1]
            ratio[:, number] = np.where(allowed, np.nan_to_num(given[check.name]), 0.0)
        since = state.get("since", rows)
        since[broken] = UNSEEN
        since = np.where(ratio > 1.0, np.where(since == UNSEEN, at[:, None], since), UNSEEN)
        longer = np.array([check.longer for check in cls.CHECKS], np.int64)
        held = (since != UNSEEN) & (at[:, None] - since >= state.get("delay", rows)[:, None] + longer)
        true = held.any(axis=1)
        lead = np.argmax(np.where(held, ratio, -1.0), axis=1)
        state.put("since", rows, since)
        state.put("ratio", rows, ratio)
        state.put("lead", rows, np.where(true, lead, state.get("lead", rows)))
        shown = np.take_along_axis(ratio, np.maximum(state.get("lead", rows), 0).astype(np.int64)[:, None], axis=1)[:, 0]
        return Findings(true, shown.astype(np.float64), np.ones(len(rows)))

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        lead = int(state["lead"][row])
        if lead < 0:
            return {}
        check = cls.CHECKS[lead]
        ratio, lacks = state["ratio"][row], int(state["lacks"][row])
        others = [one for number, one in enumerate(cls.CHECKS) if ratio[number] > 1 and number != lead]
        began = int(state["since"][row, lead])
        return {
            "component": check.component,
            "check": check.name,
            "violated_since": began if began > UNSEEN else None,
            "others": ", ".join(one.component for one in others),
            "not_evaluated": ", ".join(one.name for number, one in enumerate(cls.CHECKS) if lacks >> number & 1),
        }


def _long(state: State, rows: IntArray, at: IntArray, broken: BoolArray, name: str, where: BoolArray) -> BoolArray:
    """Whether `where` has been true for the settling time."""
    since = state.get(name, rows)
    since[broken] = UNSEEN
    since = np.where(where, np.where(since == UNSEEN, at, since), UNSEEN)
    state.put(name, rows, since)
    long: BoolArray = (since != UNSEEN) & (at - since >= state.get("settle", rows))
    return long
