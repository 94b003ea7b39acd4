"""Negative flow: water or gas runs backwards, or a register counts down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from rules.contract import UNSEEN, Column, Findings, Kind, NotApplicable, State, Target
from rules.quantity import Duration, Limit
from steward.model import ByteArray, FloatArray, IntArray, Nature
from steward.units import DAY, HOUR, SECOND

PARTS = 24
"""The window moves by its 24th part."""


class NegativeFlow(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The flow is negative: a check valve leaks, the meter sits the wrong way round, or a register counts down.

    Fields: `at_least`: so much must have run back within `window` ("5L" of registers, of gauges of flow their volume as well;
    default "10L"); `window` (default "24h"); `share`: a register that falls by more than this share of its value has been
    reset or exchanged, which is no flow (default "50%"); the ledger asks about it.

    Of a register each fall counts, of a gauge the time integral of what is below zero, a value standing until the next sample
    and no longer than it holds. The window moves in 24 steps. The condition is true while enough has run back within it. The
    alert's value is that volume in m3, its limit `at_least`; evidence: the last moment, and the volume since the first.
    No warm-up.

    Example: `kind = "negative_flow", match = { metric = "water" }, at_least = "10L"`.
    Source: backflow flag of electronic water meters (ISO 4064 class with reverse metering); 10 L: the project's choice, more
    than what thermal expansion pushes back through a service pipe.
    """

    NAME: ClassVar[str] = "negative_flow"
    UNIT: ClassVar[str] = "m3"

    at_least: Limit = Limit("10L")
    window: Duration = Duration(DAY)
    share: Limit = Limit("50%")

    def check(self) -> list[tuple[str, str, str]]:
        return [] if self.window >= HOUR else [("window", "less than an hour", "at least 1h")]

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        point = target.point
        counter = point.nature is Nature.COUNTER
        if point.unit != ("m3" if counter else "m3/s"):
            raise NotApplicable(f"neither a register of volume nor a flow: {point.nature.value} in {point.unit}")
        least, share = self.at_least.value("m3"), self.share.value("ratio")
        if least <= 0:
            raise ValueError("`at_least` must be a volume above 0")
        if not 0 < share <= 1:
            raise ValueError("`share` must lie between 0 and 100%")
        return {"counter": counter, "at_least": least, "share": share, "part": max(1, int(self.window) // PARTS)}

    def state(self) -> Mapping[str, Column]:
        return {
            "before": Column(np.float64, np.nan),
            "volumes": Column(np.float64, 0.0, (PARTS,)),
            "part_at": Column(np.int64, UNSEEN),
            "total": Column(np.float64),
            "back_since": Column(np.int64, UNSEEN),
            "back_at": Column(np.int64, UNSEEN),
        }

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        counter, before, last = state.get("counter", rows), state.get("before", rows), state.get("last_at", rows)
        fall = np.where(value < before, before - value, 0.0)
        fall = np.where(fall > state.get("share", rows) * np.abs(before), 0.0, fall)  # exchanged or reset
        held = (last != UNSEEN) & (at - last <= state.get("hold", rows)) & (before < 0)
        back = np.where(counter, fall, np.where(held, -before * np.where(held, at - last, 0) / SECOND, 0.0))
        back = np.where(np.isnan(back), 0.0, back)
        cls._roll(state, rows, at)
        place = at // state.get("part", rows) % PARTS
        state["volumes"][rows, place] += back
        volume = state["volumes"][rows].sum(axis=1)
        none = volume <= 0
        state.put("total", rows, np.where(none, 0.0, state.get("total", rows) + back))
        first = np.where((back > 0) & (state.get("back_since", rows) == UNSEEN), at, state.get("back_since", rows))
        state.put("back_since", rows, np.where(none, UNSEEN, first))
        state.put("back_at", rows, np.where(back > 0, at, state.get("back_at", rows)))
        state.put("before", rows, value)
        least = state.get("at_least", rows)
        return Findings(volume >= least * (1 - 1e-9), volume, least)

    @classmethod
    def _roll(cls, state: State, rows: IntArray, at: IntArray) -> None:
        """Empties the parts of the window that time has passed over."""
        part, before = at // state.get("part", rows), state.get("part_at", rows)
        passed = np.clip(part - before, 0, PARTS)
        moved = np.flatnonzero(passed)
        if len(moved):
            age = (part[moved, None] - np.arange(PARTS)) % PARTS  # of each place: how many parts ago it was the open one
            stale = age < passed[moved, None]
            state["volumes"][rows[moved]] = np.where(stale, 0.0, state["volumes"][rows[moved]])
        state.put("part_at", rows, np.maximum(part, before))

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        since, last = int(state["back_since"][row]), int(state["back_at"][row])
        return {
            "back_since": since if since > UNSEEN else None,
            "back_at": last if last > UNSEEN else None,
            "back_m3": round(float(state["total"][row]), 3),
        }
