"""Profile: an hour that differs from this hour of the week as it usually is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np

from rules import bins, local
from rules.contract import UNSEEN, Column, Findings, Kind, NotApplicable, State, Target
from rules.quantity import Duration, Limit
from rules.waste import Waste, told
from steward.model import Alert, BoolArray, ByteArray, FloatArray, IntArray, Nature
from steward.units import DAY, HOUR

SLOTS = 168
RATE, ACCEPTED = 0.2, 0.7
"""By which part of the way a week moves a slot; and one that is accepted as a new habit."""
CLIP = 3.0
"""An hour moves its slot by at most this many spreads: one odd week must not become the profile."""
LEVEL_RATE, LEVEL_LIMIT = 1 / 48, 0.5
"""The season as a factor on the whole profile: two days of hours, at most half up or down."""
NORMAL = 1.2533
"""Mean absolute deviation of a normal distribution -> its standard deviation."""


class Profile(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The mean of an hour is far from what this hour of the week usually is: load at a wrong time, or load that is missing.

    Fields: `z`: how many spreads away (default 6); `share`: and by at least this share of the expected value (default "30%");
    `at_least`: and by at least this difference ("2kW", default 0); `direction`: "both" (default), "up" or "down"; `learn`:
    how long the row learns before it speaks (default "21d"); `weeks`: how often an hour of the week must have been seen
    (default 3); `accept`: after so many weeks of the same oddity the hour is taken as a new habit (default 2, 0: never).

    168 slots of local time; a holiday is judged by, and learned into, the Sunday, a make-up workday by the weekday that it
    replaces. A slot is a slow mean whose steps are clipped; an hour that was flagged is not learned. The season is a factor on
    the whole profile, from the hours of the last two days that were not flagged. An hour counts when at least half of it
    is known. The condition is that of the last complete hour. Gauges only: power, flow. The alert's value is the mean of
    the hour, its limit the edge of the expected band. Warm-up: `learn`.

    Example: `kind = "profile", match = { metric = "power", equip_type = "switchboard" }, for = "2h"`.
    Source: weekly residual with clipped steps as tried on NAB and bdg2 (clip 3, rate 0.2); time-of-week slots as in the TOWT
    baseline of LBNL; z and share are the project's choice: no alert on the simulated quiet campus.
    """

    NAME: ClassVar[str] = "profile"

    z: float = 6.0
    share: Limit = Limit("30%")
    at_least: Limit = Limit("0")
    direction: Literal["both", "up", "down"] = "both"
    learn: Duration = Duration(21 * DAY)
    weeks: int = 3
    accept: int = 2

    def check(self) -> list[tuple[str, str, str]]:
        problems = []
        if self.z <= 0:
            problems.append(("z", f"{self.z} spreads", "above 0"))
        if self.weeks < 1:
            problems.append(("weeks", f"{self.weeks} weeks cannot show what is usual", "at least 1"))
        if self.accept < 0:
            problems.append(("accept", f"{self.accept} weeks", "0 or more"))
        return problems

    def warm_up(self) -> int:
        return self.learn

    def look_back(self) -> int:
        return 2 * self.learn

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        point = target.point
        if point.nature is not Nature.GAUGE:
            raise NotApplicable("a profile is of a gauge; of a register take its derived power or flow")
        return {
            "width": HOUR,
            "local": local.number(target),
            "z": self.z,
            "share": self.share.value("ratio"),
            "at_least": self.at_least.difference(point.unit),
            "up": self.direction != "down",
            "down": self.direction != "up",
            "learn": int(self.learn),
            "weeks": self.weeks,
            "accept": self.accept,
            "energy": point.unit == "W",
        }

    def waste(self, alert: Alert, evidence: Mapping[str, Any], target: Target) -> Waste | None:
        found = told(evidence)
        return found if found and found.level > 0 and target.point.unit in ("W", "m3/s") else None

    def state(self) -> Mapping[str, Column]:
        return {
            **bins.COLUMNS,
            "usual": Column(np.float64, np.nan, (SLOTS,)),
            "slot_spread": Column(np.float64, np.nan, (SLOTS,)),
            "slot_seen": Column(np.int32, 0, (SLOTS,)),
            "slot_odd": Column(np.int32, 0, (SLOTS,)),
            "spread": Column(np.float64),
            "spread_seen": Column(np.int64),
            "level": Column(np.float64),
            "mean": Column(np.float64),
            "learned_since": Column(np.int64, UNSEEN),
            "odd": Column(np.bool_, False),
            "ready": Column(np.bool_, False),
            "shown": Column(np.float64, np.nan),
            "expected": Column(np.float64, np.nan),
            "band": Column(np.float64, np.nan),
            "wasted": Column(np.float64),
        }

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        for closed in bins.collect(state, rows, at, value):
            whole = closed.share >= 0.5
            if whole.any():
                cls._hour(state, rows[closed.where[whole]], closed.start[whole], closed.mean[whole])
        expected, band, shown = state.get("expected", rows), state.get("band", rows), state.get("shown", rows)
        limit = np.where(shown < expected, expected - band, expected + band)
        return Findings(state.get("odd", rows), shown, limit, state.get("ready", rows))

    @classmethod
    def _hour(cls, state: State, rows: IntArray, start: IntArray, mean: FloatArray) -> None:
        """Judges a complete hour, then learns from it unless it was odd."""
        slot = local.hour_of_week(state.get("local", rows), local.shift(state.get("local", rows), start))
        since = state.get("learned_since", rows)
        since = np.where(since == UNSEEN, start, since)
        seen = state["slot_seen"][rows, slot]
        base = state["usual"][rows, slot]
        expected = base * (1 + state.get("level", rows))
        spread = cls._spread(state, rows, slot)
        share = state.get("share", rows) * np.abs(expected)
        band = np.maximum(np.maximum(state.get("z", rows) * spread, share), state.get("at_least", rows))
        ready = (start - since >= state.get("learn", rows)) & (seen >= state.get("weeks", rows))
        away = mean - expected
        odd = ready & (((away > band) & state.get("up", rows)) | ((away < -band) & state.get("down", rows)))
        before = np.where(state.get("odd", rows), state.get("wasted", rows), np.where(odd, 0.0, state.get("wasted", rows)))
        state.put("wasted", rows, before + np.where(odd, np.maximum(away, 0.0), 0.0) * (HOUR / 1e9))
        for name, column in (("learned_since", since), ("odd", odd), ("ready", ready), ("shown", mean), ("expected", expected),
                             ("band", band)):  # fmt: skip
            state.put(name, rows, column)
        count = np.where(odd, state["slot_odd"][rows, slot] + 1, 0)
        state["slot_odd"][rows, slot] = count
        accept = state.get("accept", rows)
        cls._learn(state, rows, slot, mean, ~odd | ((accept > 0) & (count > accept)), odd)

    @classmethod
    def _spread(cls, state: State, rows: IntArray, slot: IntArray) -> FloatArray:
        """Half that of the slot, half that of all hours: a slot alone has been seen a few times only."""
        own, all_hours = state["slot_spread"][rows, slot], state.get("spread", rows)
        return NORMAL * np.where(np.isnan(own), all_hours, (own + all_hours) / 2)

    @classmethod
    def _learn(cls, state: State, rows: IntArray, slot: IntArray, mean: FloatArray, wanted: BoolArray, odd: BoolArray) -> None:
        rows, slot, mean, odd = rows[wanted], slot[wanted], mean[wanted], odd[wanted]
        base, seen = state["usual"][rows, slot], state["slot_seen"][rows, slot]
        level, number, spread = state.get("level", rows), state.get("spread_seen", rows), state.get("spread", rows)
        first = np.isnan(base)
        away = np.where(first, 0.0, mean - base)
        bound = np.where((number > SLOTS) & ~odd, CLIP * cls._spread(state, rows, slot), np.inf)
        step = np.clip(away, -bound, bound)
        pace = np.where(odd, ACCEPTED, np.maximum(RATE, 1.0 / (seen + 1)))
        state["usual"][rows, slot] = np.where(first, mean, base + pace * step)
        state["slot_seen"][rows, slot] = seen + 1
        rest = np.abs(np.clip(np.where(first, 0.0, mean - base * (1 + level)), -bound, bound))
        own = state["slot_spread"][rows, slot]
        grown = np.where(np.isnan(own), rest, own + RATE * (rest - own))
        state["slot_spread"][rows, slot] = np.where(first, own, grown)
        rate = np.maximum(0.002, 1.0 / (number + 1))
        state.put("spread", rows, np.where(first, spread, spread + rate * (rest - spread)))
        state.put("spread_seen", rows, number + ~first)
        size = state.get("mean", rows)
        size = size + np.maximum(1 / SLOTS, 1.0 / (seen.astype(np.int64) + number + 1)) * (np.abs(mean) - size)
        state.put("mean", rows, size)
        fit = ~first & ~odd & (np.abs(base) > 0.1 * size)
        ratio = np.clip(away / np.where(fit, base, 1.0) - level, -LEVEL_LIMIT, LEVEL_LIMIT)
        state.put("level", rows, np.clip(np.where(fit, level + LEVEL_RATE * ratio, level), -LEVEL_LIMIT, LEVEL_LIMIT))

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        expected, band = float(state["expected"][row]), float(state["band"][row])
        name, factor = ("wasted_kwh", 3.6e6) if state["energy"][row] else ("wasted_m3", 1.0)
        return {
            "expected_value": expected,
            "lowest_value": expected - band,
            "highest_value": expected + band,
            "expected_low": expected - band,
            "expected_high": expected + band,
            "learned_since": int(state["learned_since"][row]),
            name: round(float(state["wasted"][row]) / factor, 3),
        }
