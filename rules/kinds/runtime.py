"""Runtime: running hours or starts since the last service, or of a day, near or beyond a limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np

from rules import local
from rules.contract import UNSEEN, Column, Findings, Kind, NotApplicable, State, Target
from rules.joining import beside
from rules.quantity import Duration, Limit
from steward.model import ByteArray, FloatArray, IntArray, Nature
from steward.units import DAY


class Runtime(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A machine has run for so long, or started so often, since its last service (or today) that something is due.

    Fields: `hours`: limit of the running time ("500h"); `starts`: limit of the number of starts; at least one of them; `per`:
    "service" (default) counts since the last service, "day" since local midnight; `advance`: the alert comes this much
    before the limit, as a share of it (default "10%" per service; 0 per day); `above`: it runs when the value is above
    this ("1kW"; default 0 for states, else needed); `service`: role of the point in the same equip that says that it was
    serviced (default "service"): each time it rises from 0, counting begins anew.

    A gauge or state counts while a sample holds; a register of running time (unit s, metric runtime or engine_hours) is
    counted by its differences, a fall counts nothing. Without a point for the service the count never ends by itself: see
    `steward check`; the rule is judged all the same. Hours before the first sample are not known: start with a service. The
    alert's value is the running time in seconds, its limit `hours`. Nothing is replayed: the count lives in the saved state.

    Example: `kind = "runtime", match = { equip_type = "pump", role = "status" }, hours = "4000h"`.
    Source: ISO 13374 and makers' service tables count operating hours and starts; the limits are the maker's, 10 % in advance
    is what fleet maintenance commonly uses.
    """

    NAME: ClassVar[str] = "runtime"
    JOINS: ClassVar[bool] = True
    UNIT: ClassVar[str] = "s"

    hours: Duration | None = None
    starts: int | None = None
    per: Literal["service", "day"] = "service"
    advance: Limit | None = None
    above: Limit | None = None
    service: str = "service"

    def check(self) -> list[tuple[str, str, str]]:
        if self.hours is None and self.starts is None:
            return [("hours", "no limit", "`hours`, `starts` or both")]
        return []

    def bind(self, targets: Sequence[Target]) -> list[Target]:
        return [replace(target, points=(target.point, beside(target, self.service)), shows=(target.id,)) for target in targets]

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        point = target.point
        counter = point.nature is Nature.COUNTER
        if counter and point.unit != "s":
            raise NotApplicable(f"not a register of running time: in {point.unit}")
        if self.above is None and point.nature is Nature.GAUGE:
            raise ValueError("`above` is missing: from which value on does it run?")
        advance = (0.1 if self.per == "service" else 0.0) if self.advance is None else self.advance.value("ratio")
        return {
            "above": 0.0 if self.above is None else self.above.value(point.unit),
            "counter": counter,
            "hours": np.inf if self.hours is None else self.hours / 1e9,
            "starts": np.inf if self.starts is None else float(self.starts),
            "early": 1.0 - advance,
            "daily": self.per == "day",
            "local": local.number(target),
        }

    def state(self) -> Mapping[str, Column]:
        return {
            "ran": Column(np.float64),
            "started": Column(np.float64),
            "since": Column(np.int64, UNSEEN),
            "day": Column(np.int64, UNSEEN),
            "held": Column(np.float64, np.nan),
            "serviced": Column(np.float64, np.nan),
        }

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        serviced = value[:, 1] if value.shape[1] > 1 else np.full(len(rows), np.nan)
        value = value[:, 0]
        before, last = state.get("serviced", rows), state.get("last_at", rows)
        day = local.shift(state.get("local", rows), at) // DAY
        daily = state.get("daily", rows)
        anew = np.where(daily, day != state.get("day", rows), (serviced > 0) & (before == 0))
        anew |= state.get("since", rows) == UNSEEN
        ran, started = cls._passed(state, rows, at, value, last)
        ran = np.where(anew, 0.0, state.get("ran", rows) + ran)
        started = np.where(anew, 0.0, state.get("started", rows) + started)
        for name, column in (("ran", ran), ("started", started), ("day", day), ("held", value),
                             ("serviced", np.where(np.isnan(serviced), before, serviced)),
                             ("since", np.where(anew, at, state.get("since", rows)))):  # fmt: skip
            state.put(name, rows, column)
        early, hours = state.get("early", rows), state.get("hours", rows)
        true = (ran >= hours * early) | (started >= state.get("starts", rows) * early)
        return Findings(true, ran, np.where(np.isinf(hours), np.nan, hours))

    @classmethod
    def _passed(
        cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, last: IntArray
    ) -> tuple[FloatArray, FloatArray]:
        """Seconds run and starts since the last sample."""
        held, counter = state.get("held", rows), state.get("counter", rows)
        rise = np.where(np.isnan(held), 0.0, np.maximum(value - held, 0.0))
        ran_before = (held > state.get("above", rows)) & (at - last <= state.get("hold", rows))
        seconds = np.where(counter, rise, np.where(ran_before, (at - last) / 1e9, 0.0))
        started = ~counter & (value > state.get("above", rows)) & (held <= state.get("above", rows))
        return seconds, started.astype(np.float64)

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        ran, limit = float(state["ran"][row]), float(state["hours"][row])
        since = int(state["since"][row])
        passed = (int(state["last_at"][row]) - since) / 1e9
        left = (limit - ran) / (ran / passed) / 86400 if ran > 0 and passed > 0 and np.isfinite(limit) else None
        return {
            "counted_since": since,
            "hours": round(ran / 3600, 1),
            "starts": int(state["started"][row]),
            "days_left": None if left is None else max(0, round(left)),
        }
