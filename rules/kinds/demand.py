"""Demand: the mean power of the running demand interval will exceed the contracted demand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np

from rules import local
from rules.contract import UNSEEN, Column, Findings, Kind, NotApplicable, State, Target
from rules.quantity import Duration, Limit
from rules.waste import How, Waste
from steward.model import Alert, ByteArray, FloatArray, IntArray, Nature
from steward.units import DAY, MINUTE

PARTS = 15
"""Pieces of an interval that are kept for a sliding mean."""


class Demand(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The demand interval that is running will end above the contracted demand, if the present power goes on.

    Fields: `contract`: the contracted (or agreed highest) demand ("800kW"; without it the rated power of the equip);
    `share`: from which share of it the forecast is an alert (default "100%"); `interval`: length of the demand interval
    (default "15m"); `mode`: "block" (default): intervals begin at 00:00, 00:15 ..., "sliding": any interval counts;
    `after`: share of a block that must have passed before a forecast is made (default "30%"), in sliding mode the part of the
    interval that lies behind.

    Block: forecast = (energy so far + present power x remaining time) / interval; the past must be known to four fifths.
    Sliding: the same over the interval that began `after` x interval ago, as fifteenths of it. A value holds until the
    next sample, at most three expected intervals. A block that begins ends the condition: use `keep_firing_for`. Gauges of
    power; without a contract and a rated power not applicable. The alert's value is the forecast, its limit the demand
    not to be exceeded; the evidence tells when the interval ends and by how much the power must fall for the rest of it.

    Example: `kind = "demand", match = { equip_type = "transformer", metric = "power" }, contract = "800kW"`.
    Source: mean over 15 min as the maximum demand is billed in China (two-part tariff) and in most of Europe (30 min in some
    countries: set `interval`); the contract is the operator's.
    """

    NAME: ClassVar[str] = "demand"
    UNPRICED: ClassVar[str] = "demand"

    contract: Limit | None = None
    share: Limit = Limit("100%")
    interval: Duration = Duration(15 * MINUTE)
    mode: Literal["block", "sliding"] = "block"
    after: Limit = Limit("30%")

    def check(self) -> list[tuple[str, str, str]]:
        problems = []
        if not MINUTE <= self.interval <= DAY or DAY % self.interval:
            problems.append(("interval", "does not divide the day", "for example 15m, 30m, 1h"))
        try:
            if not 0 < self.after.value("ratio") < 1:
                problems.append(("after", f"{self.after} of the interval", "between 0 and 100%"))
        except ValueError as problem:
            problems.append(("after", str(problem), "a share, for example 30%"))
        return problems

    def warm_up(self) -> int:
        return self.interval

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        point = target.point
        if point.nature is not Nature.GAUGE:
            raise NotApplicable("a forecast needs a gauge of power")
        equip = target.facility.equips.get(point.equip)
        if self.contract is not None:
            contract = self.contract.value(point.unit)
        elif equip is not None and equip.rated_power and point.unit == "W":
            contract = equip.rated_power
        else:
            raise NotApplicable("no contracted demand: `contract`, or a rated power of the equip")
        share, sliding = self.after.value("ratio"), self.mode == "sliding"
        return {
            "contract": contract * self.share.value("ratio"),
            "interval": int(self.interval),
            "behind": max(1, round(PARTS * share)) * (int(self.interval) // PARTS) if sliding else round(self.interval * share),
            "sliding": sliding,
            "local": local.number(target),
        }

    def waste(self, alert: Alert, evidence: Mapping[str, Any], target: Target) -> Waste | None:
        limit = alert.limit / self.share.value("ratio")  # the contract itself: a share of it is an early warning
        return Waste(How.DEMAND, limit, "W", lead=int(self.interval), tail=0) if limit > 0 else None

    def state(self) -> Mapping[str, Column]:
        return {
            "block": Column(np.int64, UNSEEN),
            "sum": Column(np.float64),
            "time": Column(np.float64),
            "part": Column(np.int64, UNSEEN),
            "part_sum": Column(np.float64, 0, (PARTS,)),
            "part_time": Column(np.float64, 0, (PARTS,)),
            "held": Column(np.float64, np.nan),
            "shown": Column(np.float64, np.nan),
            "so_far": Column(np.float64, np.nan),
            "rest": Column(np.int64),
            "ends": Column(np.int64, UNSEEN),
        }

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        last, held = state.get("last_at", rows), state.get("held", rows)
        since = np.where(np.isnan(held) | (at - last > state.get("hold", rows)), at, last)
        kept = np.where(np.isnan(held), 0.0, held)
        sliding = state.get("sliding", rows)
        interval = state.get("interval", rows)
        total, time, passed = cls._block(state, rows, at, since, kept)
        if sliding.any():
            behind = state.get("behind", rows)
            slid, slid_time = cls._slide(state, rows, at, since, kept)
            total, time = np.where(sliding, slid, total), np.where(sliding, slid_time, time)
            passed = np.where(sliding, behind, passed)
        rest = interval - passed
        known = (passed >= state.get("behind", rows)) & (time >= 0.8 * passed)
        so_far = total / np.maximum(time, 1.0)
        forecast = (so_far * passed + value * rest) / interval
        limit = state.get("contract", rows)
        for name, column in (("held", value), ("shown", forecast), ("so_far", so_far), ("rest", rest), ("ends", at + rest)):
            state.put(name, rows, column)
        fresh = ~known & ~sliding & (passed < state.get("behind", rows))  # a block that has just begun is not above anything
        return Findings(known & (forecast > limit), forecast, limit, known | fresh)

    @classmethod
    def _block(
        cls, state: State, rows: IntArray, at: IntArray, since: IntArray, kept: FloatArray
    ) -> tuple[FloatArray, FloatArray, IntArray]:
        """Integral and known time of the running block up to `at`, and how much of it has passed."""
        passed = local.shift(state.get("local", rows), at) % state.get("interval", rows)
        start = at - passed
        same = state.get("block", rows) == start
        piece = at - np.maximum(since, start)
        total = np.where(same, state.get("sum", rows), 0.0) + piece * kept
        time = np.where(same, state.get("time", rows), 0.0) + piece
        for name, column in (("block", start), ("sum", total), ("time", time)):
            state.put(name, rows, column)
        return total, time, passed

    @classmethod
    def _slide(
        cls, state: State, rows: IntArray, at: IntArray, since: IntArray, kept: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """The same for the last `behind` ns, from pieces of a fifteenth of the interval."""
        width = state.get("interval", rows) // PARTS
        part, before = at // width, state.get("part", rows)
        sums, times = state["part_sum"][rows], state["part_time"][rows]
        ago = np.where(before == UNSEEN, PARTS, np.minimum(part - before, PARTS))
        place = np.arange(PARTS)[None, :] - ago[:, None]
        sums = np.where(place >= 0, np.take_along_axis(sums, np.maximum(place, 0), axis=1), 0.0)
        times = np.where(place >= 0, np.take_along_axis(times, np.maximum(place, 0), axis=1), 0.0)
        edges = (part[:, None] - np.arange(PARTS)[None, :]) * width[:, None]
        piece = np.minimum(at[:, None], edges + width[:, None]) - np.maximum(since[:, None], edges)
        piece = np.maximum(piece, 0)
        sums, times = sums + piece * kept[:, None], times + piece
        state["part_sum"][rows], state["part_time"][rows] = sums, times
        state.put("part", rows, part)
        wanted = edges + width[:, None] > (at - state.get("behind", rows))[:, None]
        return (sums * wanted).sum(axis=1), (times * wanted).sum(axis=1)

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        rest, limit, shown = int(state["rest"][row]), float(state["contract"][row]), float(state["shown"][row])
        interval = int(state["interval"][row])
        return {
            "so_far_value": float(state["so_far"][row]),
            "present_value": float(state["held"][row]),
            "ends_at": int(state["ends"][row]),
            "shed_value": round(max(0.0, (shown - limit) * interval / rest), 1) if rest else None,
        }
