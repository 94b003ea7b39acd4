"""Duplicates: the readings of a device arrive many times over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from rules.contract import UNSEEN, Column, Findings, Kind, NotApplicable, State, Target
from rules.joining import quickest
from steward.model import ByteArray, FloatArray, IntArray
from steward.units import DAY, SECOND

RING = 16
"""Readings over which is counted: a quarter of an hour of a meter that speaks each minute."""
LEAST = 3
"""So many of them must have come more than once: a single message that is repeated proves nothing."""
SAME = 1_000
"""Times this close are one, ns: they come as a difference to the arrival."""


class Duplicates(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Each reading of a device arrives several times: a loop of bridges, two gateways or two subscriptions for one device, an
    acknowledgement that never comes back.

    Fields: `copies` (default 1.5): from so many arrivals a reading on, in the mean of the last 16 readings of which at least
    three came more than once. It is over when half as many come too many.

    No figure is wrong, as Steward takes a reading once; but it costs traffic, and what else listens may count twice. One row
    for each device, judged by the samples of its quickest point: two with the same time are one reading, however they
    interleave. A reading that comes again an expected interval later or more is none (a tracker that is parked repeats its
    last fix), nor is what is declared historical. Two readings of one second from a device whose clock knows only seconds
    are told too: one of them is lost. A device that gives no times is never found. In a backtest arrivals are not known:
    nothing is found there. The alert's value is the mean number of arrivals; evidence: the most of one reading, and how
    many messages a day are too many. Warm-up: 16 readings.

    Example: `kind = "duplicates", match = { site = "*" }, for = "10m"`.
    Source: MQTT 3.1.1, 4.3: quality of service 1 delivers at least once, so single repeats are normal; 1.5: half of all
    messages more than needed, far above what lossy links repeat (the project's choice).
    """

    NAME: ClassVar[str] = "duplicates"
    CLOCK: ClassVar[Literal["at", "received", "offset"]] = "offset"
    USES_BAD: ClassVar[bool] = True
    UNIT: ClassVar[str] = "1"

    copies: float = 1.5

    def check(self) -> list[tuple[str, str, str]]:
        return [] if self.copies > 1 else [("copies", f"{self.copies} arrivals a reading are what is normal", "above 1")]

    def bind(self, targets: Sequence[Target]) -> list[Target]:
        """A row for each device, with its quickest point."""
        return quickest(targets)

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        if not target.device:
            raise NotApplicable("has no device")
        return {"copies": self.copies, "interval": target.point.interval}

    def state(self) -> Mapping[str, Column]:
        return {
            "time": Column(np.int64, UNSEEN, (RING,)),
            "came": Column(np.int64, UNSEEN, (RING,)),
            "times": Column(np.int64, 0, (RING,)),
            "turn": Column(np.int64),
            "many": Column(np.bool_, False),
        }

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        time = at + np.round(value * SECOND).astype(np.int64)
        near = np.abs(state["time"][rows] - time[:, None]) <= SAME
        near &= at[:, None] - state["came"][rows] < state.get("interval", rows)[:, None]
        again = near.any(axis=1)
        turn = state.get("turn", rows)
        place = np.where(again, near.argmax(axis=1), turn % RING)
        state["times"][rows, place] = np.where(again, state["times"][rows, place], 0) + 1
        fresh = np.flatnonzero(~again)
        state["time"][rows[fresh], place[fresh]] = time[fresh]
        state["came"][rows[fresh], place[fresh]] = at[fresh]
        state.put("turn", rows, turn + ~again)
        times = state["times"][rows]
        mean = times.sum(axis=1) / np.maximum((times > 0).sum(axis=1), 1)
        full = state.get("turn", rows) >= RING
        copies = state.get("copies", rows)
        least = np.where(state.get("many", rows), (1 + copies) / 2, copies)
        true = full & (mean >= least) & ((times > 1).sum(axis=1) >= LEAST)
        state.put("many", rows, true)
        return Findings(true, mean, copies, full)

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        times, came = state["times"][row], state["came"][row]
        known = times > 0
        if np.count_nonzero(known) < 2:
            return {}
        span = int(came[known].max() - came[known].min()) / (np.count_nonzero(known) - 1) * np.count_nonzero(known)
        more = int((times - 1)[known].sum())
        return {"most_copies": int(times.max()), "more_per_day": round(more * DAY / span) if span > 0 else None}
