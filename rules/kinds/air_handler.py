"""Air handler: the most probable faulty component of an air-handling unit, with its evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from rules import local
from rules.contract import UNSEEN, Column, Findings, Input, Kind, State, Target
from rules.hvac import minute, notes
from rules.hvac.history import WIDTH, norm, offset, plain_norm
from rules.hvac.tables import (
    ALARM_DELAY,
    CHECKS,
    COMPONENTS,
    KEPT_DAYS,
    LEAST_DAYS,
    LEAST_MINUTES,
    MINUTE_CHECKS,
    REQUIRED,
    ROLES,
    STILL_LONG,
    missing,
)
from rules.hvac.verdict import FAULT, WARNING, Counted, Verdict, counted, judge_day, weigh
from rules.waste import How, Waste
from steward.model import Alert, BoolArray, ByteArray, FloatArray, IntArray
from steward.units import DAY, MINUTE

LEVELS = ("none", "note", "warning", "fault")
USUAL = 180.0
"""Minutes that a rule is taken to have on a usual day until days have shown it."""
LOSSES: Mapping[str, Literal["heat", "cold", "both"]] = {
    "coil_hot": "heat", "cool_but_hot": "heat", "h_coil_hot": "heat",
    "coil_cold": "cold", "heat_but_cold": "cold", "h_coil_cold": "cold", "simul": "both",
}  # fmt: skip
"""Leading rules whose verdict names a waste of heat or cold."""
LOOK = 15
"""Minutes between two weighings of a day that is not over."""


class AirHandler(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An air-handling unit has a fault; the alert names the component that explains the evidence best.

    Rules of ASHRAE Guideline 36 and heat balances are judged by the minute, each only while its own conditions have held for
    30 minutes; what they find is counted over the local day, compared with the unit's own other days, and weighed: direct
    evidence in the air before what the controller asks for, before consequences. A rule speaks when it was violated for
    stretches of 30 minutes and, for most rules, a third of its time. The verdict comes during the day as soon as the
    evidence is enough for a whole day, or at the local day's end, when medians of the day are compared with history. It
    stands until a day on which it could have been seen passes without it. Another component is another alert.

    Fields: `least`: the least weight of evidence that counts, "warning" (default; only the controller's commands or
    consequences spoke) or "fault" (the air itself shows it).

    Roles: `sat`, `mat`, `rat`, `oat`, `cc`, `hc`, `oad`, `fan` are needed; `spd` is strongly wanted, `sat_sp` (or
    `sat_sp_heat`, `sat_sp_cool`), `dsp`, `dsp_sp`, `occ` are optional: without them their rules are not evaluated, and the
    alert says so. The first five comparable days are learning: rules on own history do not speak before. Days with a
    verdict are kept out of the history, at most 28 in a row. What is unlike other days and proves nothing (less valve command
    for the same load, the damper at this outdoor temperature, fan hours out of occupancy, a damper that stands where it never
    does) is told beside a verdict as `notes` of the last whole day; it makes none.

    Example: `kind = "air_handler", match = { equip_type = "air_handler" }, severity = "high"`.
    Source: ASHRAE Guideline 36-2021, 5.16.14 (limits, mode and alarm delay); history by least median of squares.
    """

    NAME: ClassVar[str] = "air_handler"
    UNPRICED: ClassVar[str] = "not_metered"
    UNIT: ClassVar[str] = "1"
    INPUTS: ClassVar[tuple[Input, ...]] = tuple(
        Input(role, number < REQUIRED, scope="site" if role == "oat" else "equip") for number, role in enumerate(ROLES)
    )

    least: Literal["warning", "fault"] = "warning"

    def warm_up(self) -> int:
        return (STILL_LONG + ALARM_DELAY) * MINUTE

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        present = {role for role, point in zip(ROLES, target.points, strict=True) if point is not None}
        lacks = sum(1 << number for number, check in enumerate(CHECKS) if missing(check, present))
        zone = local.number(target)
        return {"zone": zone, "lacks": lacks, "least": LEVELS.index(self.least), "airless": "spd" not in present}

    def unevaluated(self, target: Target) -> Sequence[tuple[str, str]]:
        present = {role for role, point in zip(ROLES, target.points, strict=False) if point is not None}
        return [(check.name, role) for check in CHECKS for role in missing(check, present)]

    def waste(self, alert: Alert, evidence: Mapping[str, Any], target: Target) -> Waste | None:
        loss = LOSSES.get(str(evidence.get("check")))
        if loss is None:
            return None
        day = int(evidence.get("day_at") or alert.since)  # a verdict speaks of its whole day
        ago = alert.since - day
        return Waste(How.COIL, unit="Wh", lead=ago if 0 <= ago <= 2 * DAY else ago % DAY, loss=loss)

    def state(self) -> Mapping[str, Column]:
        return {
            **minute.columns(),
            **notes.columns(),
            "seen": Column(np.int64, UNSEEN // MINUTE),
            "day": Column(np.int64, UNSEEN),
            "midnight": Column(np.int64, UNSEEN),
            "past": Column(np.float32, np.nan, (KEPT_DAYS, WIDTH)),
            "kept": Column(np.int32),
            "out": Column(np.int32),
            "usual": Column(np.float32, USUAL, (MINUTE_CHECKS,)),
            "component": Column(np.int8, -1),
            "level": Column(np.int8),
            "lead": Column(np.int8, -1),
            "turned": Column(np.bool_, False),
            "before_component": Column(np.int8, -1),
            "before_lead": Column(np.int8, -1),
            "before_counts": Column(np.float32, 0.0, (4,)),
            "verdict_day": Column(np.int64, UNSEEN),
            "counts": Column(np.float32, 0.0, (4,)),
            "scores": Column(np.float32, 0.0, (len(COMPONENTS),)),
            "known_days": Column(np.int32),
        }

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        state.put("turned", rows, False)
        now = at // MINUTE
        last = state.get("seen", rows)
        fresh = now > last
        if fresh.all():
            cls._advance(state, rows, at, now - last, value)
        elif fresh.any():
            cls._advance(state, rows[fresh], at[fresh], (now - last)[fresh], value[fresh])
        true = (state.get("component", rows) >= 0) & ~state.get("turned", rows)
        return Findings(true, state["counts"][rows, 2].astype(np.float64), np.ones(len(rows)))

    @classmethod
    def _advance(cls, state: State, rows: IntArray, at: IntArray, lag: IntArray, value: FloatArray) -> None:
        """One look a minute at most; what comes more often is thinned."""
        broken = at - state.get("last_at", rows) > state.get("hold", rows)
        now = at // MINUTE
        clock, over = local.turn(state, rows, at, cls._close)
        state.put("seen", rows, now)
        look = clock // MINUTE, np.where(broken, 1, lag), broken, value
        minute.step(state, rows, *look)
        notes.step(state, rows, *look)
        due = ~over & (now // LOOK != (now - lag) // LOOK)
        if due.any() and (state["minutes"][rows[due]] >= LEAST_MINUTES).any():
            cls._look(state, rows[due])

    @classmethod
    def _look(cls, state: State, rows: IntArray) -> None:
        """Weighs a day that is not over. It may raise a verdict, or replace a warning by a fault; it ends none."""
        rows = rows[(state["minutes"][rows] >= LEAST_MINUTES).any(axis=1)]
        found = counted(state, rows)
        usual = np.zeros_like(found.applicable)
        usual[:, :MINUTE_CHECKS] = state.get("usual", rows)
        speaks = weigh(found, usual).component >= 0
        if not speaks.any():
            return
        rows, known = rows[speaks], norm(state["past"][rows[speaks]].astype(np.float64))
        verdict, found, _ = judge_day(state, rows, known, usual[speaks])
        state.put("known_days", rows, known.days.max(axis=1))
        cls._drop(state, rows, verdict)
        component, level = state.get("component", rows), state.get("level", rows)
        same = (verdict.component == component) & (component >= 0)
        take = (verdict.component >= 0) & ((component < 0) | (verdict.level > level))
        cls._take(state, rows, verdict, found, same | take)

    @classmethod
    def _close(cls, state: State, rows: IntArray) -> None:
        """The day of `rows` is over: the verdict with history; then the day goes into history, unless it is faulty."""
        known = norm(state.get("past", rows).astype(np.float64))
        verdict, found, today = judge_day(state, rows, known)
        cls._drop(state, rows, verdict)
        lead = state.get("lead", rows).astype(np.int64)
        evaluable = found.applicable[np.arange(len(rows)), np.maximum(lead, 0)] >= LEAST_MINUTES
        ends = (verdict.component < 0) & (state.get("component", rows) >= 0) & evaluable
        state["component"][rows[ends]] = -1
        state["level"][rows[ends]] = 0
        state.put("known_days", rows, known.days.max(axis=1))
        cls._take(state, rows, verdict, found, verdict.component >= 0)
        notes.close(state, rows, known, plain_norm(state["note_past"][rows].astype(np.float64)))
        cls._learn(state, rows, verdict, found, today)
        minute.clear(state, rows)
        notes.clear(state, rows)

    @classmethod
    def _drop(cls, state: State, rows: IntArray, verdict: Verdict) -> None:
        """Verdicts below `least` are none."""
        low = verdict.level < state.get("least", rows)
        verdict.component[low], verdict.level[low] = -1, 0

    @classmethod
    def _take(cls, state: State, rows: IntArray, verdict: Verdict, found: Counted, where: BoolArray) -> None:
        pick = np.flatnonzero(where)
        hit, rule = rows[pick], verdict.rule[pick]
        before = state["component"][hit]
        state["turned"][hit] = (before >= 0) & (before != verdict.component[pick])
        for name, column in (("before_component", "component"), ("before_lead", "lead"), ("before_counts", "counts")):
            state[name][hit] = state[column][hit]
        state["component"][hit] = verdict.component[pick]
        state["level"][hit] = verdict.level[pick]
        state["lead"][hit] = rule
        state["verdict_day"][hit] = state["midnight"][hit]
        parts = (found.minutes, found.applicable, found.ratio, found.band)
        state["counts"][hit] = np.stack([part[pick, rule] for part in parts], axis=1)
        state["scores"][hit] = verdict.scores[pick]

    @classmethod
    def _learn(cls, state: State, rows: IntArray, verdict: Verdict, found: Counted, today: FloatArray) -> None:
        out = np.where(verdict.level >= WARNING, state.get("out", rows) + 1, 0)
        state.put("out", rows, np.where(out > KEPT_DAYS, 0, out))
        kept = np.flatnonzero((out == 0) | (out > KEPT_DAYS))
        hit = rows[kept]
        place = state["kept"][hit]
        notes.learn(state, hit, notes.values(state, hit), place % KEPT_DAYS)
        state["past"][hit, place % KEPT_DAYS] = today[kept]
        state["kept"][hit] = place + 1
        state["offset"][hit], state["coil_band"][hit] = offset(state["past"][hit, :, 0].astype(np.float64))
        applicable = found.applicable[kept, :MINUTE_CHECKS]
        usual = state["usual"][hit]
        state["usual"][hit] = np.where(applicable > 0, usual + (applicable - usual) / LEAST_DAYS, usual)

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        old = "before_" if state["turned"][row] else ""  # the statement that ends an alert still speaks of its own component
        lead = int(state[f"{old}lead"][row])
        if lead < 0:
            return {}
        check = CHECKS[lead]
        minutes, applicable, ratio, band = (float(part) for part in state[f"{old}counts"][row])
        band = band or check.band
        scores = state["scores"][row]
        named = int(state[f"{old}component"][row])
        named = int(np.argmax(scores)) if named < 0 else named
        others = [COMPONENTS[one] for one in np.argsort(-scores, kind="stable").tolist() if scores[one] > 0 and one != named]
        lacks = int(state["lacks"][row])
        learned = int(state["known_days"][row])
        history = check.daily or (check.name in ("coil_hot", "coil_cold") and state["coil_band"][row] < check.band)
        return {
            "component": COMPONENTS[named],
            "level": LEVELS[int(state["level"][row]) or FAULT],
            "check": check.name,
            "state": check.mask,
            "violated_ns": int(minutes) * MINUTE,
            "applicable_ns": int(applicable) * MINUTE,
            "residual": f"{ratio * band:.2g} {check.unit}",
            "band": f"{band:.2g} {check.unit}",
            "band_from": f"own history, {learned} days" if history else "ASHRAE Guideline 36",
            "score": round(float(scores[named]), 2),
            "others": ", ".join(others),
            "not_evaluated": ", ".join(one.name for number, one in enumerate(CHECKS) if lacks >> number & 1),
            "history": f"learning, {learned} of {LEAST_DAYS} days" if learned < LEAST_DAYS else f"{learned} days",
            "day_at": int(state["verdict_day"][row]),
            **({"notes": noted} if (noted := notes.told(int(state["notes"][row]))) else {}),
        }
