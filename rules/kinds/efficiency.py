"""Efficiency: a chiller, pump or fan needs more power for the same work than it used to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from rules import local
from rules.contract import UNSEEN, Column, Findings, Input, Kind, NotApplicable, State, Target
from rules.quantity import Duration, Limit
from rules.waste import How, Waste
from steward.model import Alert, ByteArray, FloatArray, IntArray
from steward.units import DAY, MINUTE

LOADS, LIFTS, PER_OCTAVE, LIFT_STEP = 32, 8, 4, 3.0
"""Bins of the work done (a quarter octave each, around the first that was seen) and of the temperature lift (3 K each)."""
BINS = LOADS * LIFTS
WATER = 4.186e6
"""Heat capacity of water, J/(m3 K)."""
MODES = ("cooling", "heat of water", "hydraulic power", "flow", "load")
LEAST_BIN, LEAST_DAY = 10.0, 60.0
"""Minutes that a bin, and all known bins together, need in a day."""


class Efficiency(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A machine takes more power for the same work than on its first days: a chiller (W per W of cooling), a pump (W per W
    of hydraulic power or per m3/s), a fan (W per m3/s).

    The machine's own curve is learned: the mean specific power by load (a quarter octave a bin) and temperature lift (3 K a
    bin), each from the first `learn` days on which it ran there for ten minutes, and kept; so slow fouling cannot be learned
    as normal. Each local day the energy used is compared with what the curve gives for the same loads and lifts. The
    condition is true when it was more than `loss` above on `days` days in a row with at least an hour in known bins.

    Fields: `loss` (default "15%"), `days` (default 2), `learn` (default 10, days per bin), `least`: power below which the
    machine counts as off ("1kW", default 0).

    Roles: `power` is needed, and what gives the work: `cooling` (heat flow), or `flow` with `chws` and `chwr` (chilled
    water supply and return), or `flow` with `dp` (pump head), or `flow` alone, or `load` (share of the rating). `cws`
    (condenser water or outdoor air temperature entering) with `chws` gives the lift; without it all lifts share a bin.
    After an overhaul change the rule (for example its `learn`): it starts afresh.

    Example: `kind = "efficiency", match = { equip_type = "chiller" }, loss = "15%", least = "5kW"`.
    Source: kW/ton against the machine's own curve, ASHRAE Guideline 14 (bin method); 15 %: operator's choice, above the
    5-10 % that metering and unsteady minutes leave.
    """

    NAME: ClassVar[str] = "efficiency"
    UNIT: ClassVar[str] = "ratio"
    INPUTS: ClassVar[tuple[Input, ...]] = (
        Input("power"), *(Input(role, required=False) for role in ("cooling", "flow", "chws", "chwr", "dp", "cws", "load")),
    )  # fmt: skip

    loss: Limit = Limit("15%")
    days: int = 2
    learn: int = 10
    least: Limit = Limit("0")

    def check(self) -> list[tuple[str, str, str]]:
        problems = []
        if self.days < 1:
            problems.append(("days", f"{self.days} days", "at least 1"))
        if self.learn < 2:
            problems.append(("learn", f"{self.learn} days", "at least 2"))
        if self.loss.value("ratio") <= 0:
            problems.append(("loss", f"{self.loss} is not above 0", "for example 15%"))
        return problems

    def warm_up(self) -> int:
        return Duration(24 * 60 * MINUTE)

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        has = {wanted.role for wanted, point in zip(self.INPUTS, target.points, strict=False) if point is not None}
        if "cooling" in has:
            mode = 0
        elif has >= {"flow", "chws", "chwr"}:
            mode = 1
        elif has >= {"flow", "dp"}:
            mode = 2
        elif "flow" in has:
            mode = 3
        elif "load" in has:
            mode = 4
        else:
            raise NotApplicable("needs the work done: role cooling, or flow (with chws and chwr, or with dp), or load")
        return {
            "mode": mode, "zone": local.number(target), "loss": self.loss.value("ratio"),
            "days_needed": self.days, "learn": self.learn, "least": self.least.value(target.point.unit),
        }  # fmt: skip

    def waste(self, alert: Alert, evidence: Mapping[str, Any], target: Target) -> Waste:
        return Waste(How.SHARE, alert.worst, lead=self.days * DAY, tail=DAY)

    def state(self) -> Mapping[str, Column]:
        return {
            "day": Column(np.int64, UNSEEN),
            "midnight": Column(np.int64, UNSEEN),
            "anchor": Column(np.float64, np.nan),
            "minutes": Column(np.float32, 0.0, (BINS,)),
            "energy": Column(np.float32, 0.0, (BINS,)),
            "work": Column(np.float32, 0.0, (BINS,)),
            "curve": Column(np.float32, 0.0, (BINS,)),
            "learned": Column(np.int16, 0, (BINS,)),
            "excess": Column(np.float64, np.nan),
            "in_row": Column(np.int32),
            "used": Column(np.float64, np.nan),
            "expected": Column(np.float64, np.nan),
            "verdict_day": Column(np.int64, UNSEEN),
        }

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        local.turn(state, rows, at, cls._close)
        minutes = (at - state.get("last_at", rows)) / MINUTE
        known = at - state.get("last_at", rows) <= state.get("hold", rows)
        power, work, lift = value[:, 0], _work(state.get("mode", rows), value), value[:, 6] - value[:, 3]
        busy = known & (power > state.get("least", rows)) & (work > 0.0)
        pick = np.flatnonzero(busy)
        if len(pick):
            row, done, spent = rows[pick], work[pick], minutes[pick]
            fresh = np.isnan(state["anchor"][row])
            state["anchor"][row[fresh]] = done[fresh]
            octaves = np.log2(done / state["anchor"][row])
            load = np.clip(np.round(octaves * PER_OCTAVE) + LOADS // 2, 0, LOADS - 1).astype(np.int64)
            high = np.clip(np.nan_to_num(lift[pick]) / LIFT_STEP, 0, LIFTS - 1).astype(np.int64)
            cell = load * LIFTS + high
            state["minutes"][row, cell] += spent
            state["energy"][row, cell] += power[pick] * spent
            state["work"][row, cell] += done * spent
        true = state.get("in_row", rows) >= state.get("days_needed", rows)
        return Findings(true, state.get("excess", rows), state.get("loss", rows))

    @classmethod
    def _close(cls, state: State, rows: IntArray) -> None:
        """The day of `rows` is over: compare with the curve, then learn in the bins that are still learning."""
        minutes, energy, work = (state.get(name, rows).astype(np.float64) for name in ("minutes", "energy", "work"))
        curve, learned = state.get("curve", rows).astype(np.float64), state.get("learned", rows)
        enough = minutes >= LEAST_BIN
        ready = enough & (learned >= np.minimum(3, state.get("learn", rows))[:, None])
        used = (energy * ready).sum(axis=1)
        expected = (work * curve * ready).sum(axis=1)
        judged = ((minutes * ready).sum(axis=1) >= LEAST_DAY) & (expected > 0)
        excess = np.where(judged, used / np.where(expected > 0, expected, 1.0) - 1.0, state.get("excess", rows))
        bad = judged & (excess > state.get("loss", rows))
        row_count = state.get("in_row", rows)
        state.put("in_row", rows, np.where(bad, row_count + 1, np.where(judged, 0, row_count)))
        for name, new in (("excess", excess), ("used", used / 60.0), ("expected", expected / 60.0)):
            state.put(name, rows, np.where(judged, new, state.get(name, rows)))
        state.put("verdict_day", rows, np.where(judged, state.get("midnight", rows), state.get("verdict_day", rows)))
        takes = enough & (learned < state.get("learn", rows)[:, None]) & ~bad[:, None]
        now = energy / np.where(work > 0, work, 1.0)
        state.put("curve", rows, np.where(takes, curve + (now - curve) / (learned + 1), curve))
        state.put("learned", rows, np.where(takes, learned + 1, learned))
        for name in ("minutes", "energy", "work"):
            state.put(name, rows, 0.0)

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        day = int(state["verdict_day"][row])
        known = int(np.count_nonzero(state["learned"][row]))
        return {
            "component": ("chiller", "chiller", "pump", "pump_or_fan", "machine")[int(state["mode"][row])],
            "work": MODES[int(state["mode"][row])],
            "used_kwh": None if np.isnan(state["used"][row]) else round(float(state["used"][row]) / 1e3, 2),
            "expected_kwh": None if np.isnan(state["expected"][row]) else round(float(state["expected"][row]) / 1e3, 2),
            "band_from": f"own curve, {known} bins",
            "days_in_row": int(state["in_row"][row]),
            "day_at": day if day > UNSEEN else None,
        }


def _work(mode: IntArray, value: FloatArray) -> FloatArray:
    """What the machine did, W (mode 3: m3/s, 4: share of its rating), NaN where not known."""
    _, cooling, flow, supply, back, head, _, load = value.T
    choices = [cooling, WATER * flow * (back - supply), flow * head, flow]
    return np.select([mode == number for number in range(4)], choices, load)
