"""Quota: consumption runs ahead of the pace at which the quota of a period would last."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, ClassVar, Literal

import numpy as np

from rules import local
from rules.contract import UNSEEN, Column, Findings, Kind, NotApplicable, State, Target
from rules.quantity import Duration, Limit
from steward.model import ByteArray, FloatArray, IntArray
from steward.units import DAY

_EPOCH = date(1970, 1, 1)


class Quota(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The quota of a year (or month) is used up faster than it should be: at this pace it ends before the period does.

    Fields: `above`: from which pace on ("105%", default): 100 % is what was expected by now; `deadband`: how far the pace must
    come back ("1%", default); `period`: "year" (default) or "month"; `after`: nothing is said in the first days of a period
    (default "30d" of a year, "7d" of a month): a pace of a few days says little.

    `match` names points whose value is the pace: consumed so far / expected so far, as the ledger works it out from the
    quota, last year's shape and the calendar (metric number). The period begins at local midnight of its first day. The
    alert's value is the pace as a ratio, its limit `above`; the evidence tells when the quota would be used up if the
    pace stays, and what the period's end would come to.

    Example: `kind = "quota", match = { point = "*.pace" }, above = "105%", for = "1d"`.
    Source: consumption quotas of public institutions (State Council order 531) and GB/T 51161; the national platforms warn
    in colours by how far consumption is ahead of the plan; 5 %: the project's choice.
    """

    NAME: ClassVar[str] = "quota"
    UNPRICED: ClassVar[str] = "unit"
    UNIT: ClassVar[str] = "ratio"

    above: Limit = Limit("105%")
    deadband: Limit = Limit("1%")
    period: Literal["year", "month"] = "year"
    after: Duration | None = None

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        if target.point.unit not in ("1", "ratio"):
            raise NotApplicable(f"not a pace: in {target.point.unit}")
        above, band = self.above.value("ratio"), self.deadband.difference("ratio")
        after = (30 if self.period == "year" else 7) * DAY if self.after is None else int(self.after)
        monthly = self.period == "month"
        return {"enter": above, "leave": above - band, "after": after, "monthly": monthly, "local": local.number(target)}

    def state(self) -> Mapping[str, Column]:
        return {"fast": Column(np.bool_, False), "pace": Column(np.float64, np.nan), "seen_at": Column(np.int64, UNSEEN)}

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        shifted = local.shift(state.get("local", rows), at)
        unit = np.where(state.get("monthly", rows), _floor(shifted, "M"), _floor(shifted, "Y"))
        limit = np.where(state.get("fast", rows), state.get("leave", rows), state.get("enter", rows))
        early = shifted - unit < state.get("after", rows)
        fast = ~early & (value > limit * (1 + 1e-9))
        state.put("fast", rows, fast)
        state.put("pace", rows, value)
        state.put("seen_at", rows, shifted)
        return Findings(fast, value, state.get("enter", rows))

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        pace, seen = float(state["pace"][row]), int(state["seen_at"][row])
        if not pace > 0 or seen == UNSEEN:
            return {}
        today = _EPOCH + timedelta(days=seen // DAY)
        first, end = _period(today, bool(state["monthly"][row]))
        passed = (seen - (first - _EPOCH).days * DAY) / DAY
        lasts = first + timedelta(days=int((end - first).days / pace))
        return {
            "clear_at": float(state["leave"][row]),
            "used_up_on": lasts.isoformat() if lasts < end else None,
            "end_percent": round(100 * pace),
            "days_passed": round(passed),
        }


def _floor(local_ns: IntArray, unit: Literal["M", "Y"]) -> IntArray:
    """Start of the month or year of local times, ns since 1970 local."""
    moments = local_ns.astype("datetime64[ns]")
    begun = moments.astype("datetime64[M]" if unit == "M" else "datetime64[Y]")
    start: IntArray = begun.astype("datetime64[ns]").astype(np.int64)
    return start


def _period(day: date, monthly: bool) -> tuple[date, date]:
    first = day.replace(day=1) if monthly else day.replace(month=1, day=1)
    if not monthly:
        return first, first.replace(year=first.year + 1)
    return first, (first.replace(day=28) + timedelta(days=4)).replace(day=1)
