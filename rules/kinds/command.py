"""Command: what was ordered does not happen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from rules.contract import UNSEEN, Column, Findings, Kind, NotApplicable, State, Target
from rules.joining import beside
from rules.quantity import Duration, Limit
from rules.waste import How, Waste
from steward.model import Alert, ByteArray, FloatArray, IntArray
from steward.units import MINUTE


class Command(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command has no effect: the feedback does not follow it within `delay`.

    Fields: `command`: role of the commanding point in the same equip (default "command"); `delay`: the time that the equip may
    take (default "5m"), counted anew from every change of the command; `above`: the feedback runs when it is above this
    ("0.5kW"), and is compared with whether the command is above 0 (on and off; default 0 for states); without `above` a
    gauge is compared with the command itself; `deadband`: by how much they may differ then (default 5 % of the range for
    ratios, else needed).

    `match` names the feedback (status, position, power). A moment is judged once both points are there; a command that is a
    state holds until the next one. Where the equip has no point with the command's role: not applicable. The alert's value
    is the feedback, its limit the command. Warm-up: `delay`.

    Example: `kind = "command", match = { role = "status" }, command = "command", delay = "2m"`.
    Source: open-fdd CMD-1 and the fan status fault of BACnet controllers (failure to start after a delay); 5 min: a damper
    actuator takes up to 150 s, a chiller's start sequence some minutes.
    """

    NAME: ClassVar[str] = "command"
    JOINS: ClassVar[bool] = True

    command: str = "command"
    delay: Duration = Duration(5 * MINUTE)
    above: Limit | None = None
    deadband: Limit | None = None

    def check(self) -> list[tuple[str, str, str]]:
        if self.above is not None and self.deadband is not None:
            return [("deadband", "on and off has no deadband", "`above` or `deadband`")]
        return []

    def warm_up(self) -> int:
        return self.delay

    def bind(self, targets: Sequence[Target]) -> list[Target]:
        return [replace(target, points=(target.point, beside(target, self.command))) for target in targets]

    def requires(self, target: Target) -> Sequence[bool]:
        return (True, True)

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        point = target.point
        binary = self.above is not None or point.unit == "1"
        if not binary and self.deadband is None and point.unit != "ratio":
            raise ValueError("`above` or `deadband` is missing: when does the feedback follow the command?")
        if len(target.points) != 2 or target.points[1] is None:
            raise NotApplicable(f"its equip has no point with role {self.command}")
        band = 0.05 if self.deadband is None else self.deadband.difference(point.unit)
        above = 0.0 if self.above is None else self.above.value(point.unit)
        return {"binary": binary, "above": above, "deadband": 0.0 if binary else band, "delay": int(self.delay)}

    def waste(self, alert: Alert, evidence: Mapping[str, Any], target: Target) -> Waste | None:
        return Waste(How.WHOLE) if evidence.get("commanded") == "off" else None

    def state(self) -> Mapping[str, Column]:
        return {"ordered": Column(np.float64, np.nan), "ordered_at": Column(np.int64, UNSEEN)}

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        binary, band = state.get("binary", rows), state.get("deadband", rows)
        runs = np.where(binary, value[:, 0] > state.get("above", rows), value[:, 0])
        wanted = np.where(binary, value[:, 1] > 0, value[:, 1])
        ordered = state.get("ordered", rows)
        anew = ~(np.abs(wanted - ordered) <= band)
        since = np.where(anew, at, state.get("ordered_at", rows))
        state.put("ordered", rows, np.where(anew, wanted, ordered))  # a creeping command moves by the deadband at once
        state.put("ordered_at", rows, since)
        apart = np.abs(runs - wanted) > band + 1e-9
        return Findings(apart & (at - since >= state.get("delay", rows)), value[:, 0], value[:, 1])

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        ordered = float(state["ordered"][row])
        word = ("on" if ordered else "off") if state["binary"][row] else f"{ordered:g}"
        return {"commanded": word, "commanded_since": int(state["ordered_at"][row])}
