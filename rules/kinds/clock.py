"""Clock: the clock of a device is wrong, so that no rule can judge what it measures by time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from rules.contract import Column, Findings, Kind, NotApplicable, State, Target
from rules.joining import quickest
from rules.quantity import Duration
from steward.model import ByteArray, FloatArray, IntArray
from steward.units import HOUR, MINUTE, SECOND

ZONE = 15 * 60.0
"""Zones of time lie whole quarter-hours apart, s."""
NEAR = 120.0
"""So near to a whole zone, and an hour or more off, the zone is what is wrong, s."""


class Clock(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The times that a device gives lie ahead of their arrival, or long behind it, in every sample.

    Fields: `ahead` (default "5m"): from so far in the future on, as the service refuses to judge such samples; `behind`
    (default "1h"): from so far in the past on.

    One row for each device, judged by the samples of its quickest point. Data that a device kept while it was cut off come late
    and in a burst: give `for` longer than that, and they are no wrong clock; what is declared historical is not judged.
    Times that are off by whole quarter-hours, an hour or more, are told as a wrong zone of time. A device that gives no times
    is never wrong. In a backtest arrivals are not known: nothing is found there. The alert's value is the offset in seconds,
    positive ahead. Warm-up: none.

    Example: `kind = "clock", match = { site = "*" }, for = "30m"`.
    Source: samples from more than 5 min in the future are not judged by any rule (the service's own limit); zones of time lie
    whole quarter-hours apart (IANA time zone database); one hour behind: the project's choice.
    """

    NAME: ClassVar[str] = "clock"
    CLOCK: ClassVar[Literal["at", "received", "offset"]] = "offset"
    USES_BAD: ClassVar[bool] = True
    UNIT: ClassVar[str] = "s"

    ahead: Duration = Duration(5 * MINUTE)
    behind: Duration = Duration(HOUR)

    def check(self) -> list[tuple[str, str, str]]:
        return [(key, "no time", "a duration above 0") for key in ("ahead", "behind") if getattr(self, key) <= 0]

    def bind(self, targets: Sequence[Target]) -> list[Target]:
        """A row for each device, with its quickest point."""
        return quickest(targets)

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        if not target.device:
            raise NotApplicable("has no device")
        return {"ahead": self.ahead / SECOND, "behind": self.behind / SECOND}

    def state(self) -> Mapping[str, Column]:
        return {"offset": Column(np.float64, np.nan)}

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        ahead, behind = state.get("ahead", rows), state.get("behind", rows)
        wrong = (value > ahead) | (value < -behind)
        state.put("offset", rows, np.where(wrong, value, state.get("offset", rows)))  # what was wrong, also once it is over
        return Findings(wrong, value, np.where(value < 0, -behind, ahead))

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        offset = float(state["offset"][row])
        if not np.isfinite(offset):
            return {}
        zones = round(offset / ZONE) * ZONE
        zone = abs(zones) >= 3600 and abs(offset - zones) <= NEAR
        return {"offset_ns": round(offset * SECOND), "reason": "wrong time zone" if zone else "wrong time"}
