"""Consumption: a vehicle needs more per 100 km than it did, or than vehicles of its like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from rules import robust
from rules.contract import UNSEEN, Column, Findings, Kind, State, Target
from rules.fleet import vehicle
from rules.quantity import Limit
from steward.model import BoolArray, ByteArray, FloatArray, IntArray, Point

PEERS = 6
"""Like vehicles that one is compared with."""
MEMBERS = PEERS + 1
HISTORY = 24
"""Stretches of a vehicle that are kept."""
RECENT = 3
"""Stretches whose median is what a vehicle needs now, where it is compared with others."""
LAST = 5
REFUEL, THEFT = 0.04, 0.05
"""Steps of the level, as shares of the tank: a rise is a refuelling, a fall with a standing odometer no consumption."""
LIKELY = 10.0
"""A stretch that needs this many times its history was measured wrongly (a lost refuelling)."""
SOURCES = (("fuel_used", "fuel_level", "fuel", "soc"),)


class Consumption(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A vehicle needs more fuel (or charge) per 100 km than before, or more than vehicles of its like.

    Fields: `stretch`: distance over which consumption is worked out ("100km", default); `share`: how much more than its
    own usual ("25%", default); `learn`: stretches that its usual needs (default 5); `like`: how much more than the median
    of its like ("40%", default); `alike`: who is alike, as lists of globs of equip ids (`[["car-*"], ["bus-*"]]`;
    default: same equip type and same kind of fuel among what `match` names); `tank` and `tanks`: sizes as in kind fuel
    ("60L"); `battery` and `batteries`: capacities of electric vehicles ("60kWh").

    Judged per vehicle at each sample of its odometer. Fuel is counted by the register of fuel used, else by the level
    (median of five samples; refuelling and siphoning are left out), else by the state of charge. Of each `stretch` the
    consumption is compared with the median of up to 24 earlier ones that were not flagged: it must be `share` and four
    spreads higher, twice in a row. Against its like: the median of the last three stretches with that of at least two
    others. Up to six like vehicles are followed, as they were at this vehicle's own samples. In gaps distance and fuel go
    on being counted. Without an odometer, or a fuel or charge: not applicable. The alert's value is the consumption
    (L/100 km or kWh/100 km), its limit what was to be expected. Warm-up: `learn` stretches. Nothing is replayed: the
    history lives in the saved state.

    Example: `kind = "consumption", match = { equip_type = ["vehicle", "bus"] }`.
    Source: abnormal consumption per 100 km is a required figure of official-vehicle management; 25 %: cold, load and town
    traffic change a car's consumption by 10 to 20 % over a stretch; 40 %: models of one class differ by a quarter.
    """

    NAME: ClassVar[str] = "consumption"
    JOINS: ClassVar[bool] = True

    stretch: Limit = Limit("100km")
    share: Limit = Limit("25%")
    learn: int = 5
    like: Limit = Limit("40%")
    alike: list[list[str]] = []
    tank: Limit = Limit("60L")
    tanks: dict[str, Limit] = {}
    battery: Limit = Limit("60kWh")
    batteries: dict[str, Limit] = {}

    def check(self) -> list[tuple[str, str, str]]:
        problems = []
        wanted = [("stretch", self.stretch, "m"), ("share", self.share, "ratio"), ("like", self.like, "ratio"),
                  ("tank", self.tank, "m3"), ("battery", self.battery, "Wh")]  # fmt: skip
        wanted += [(f"tanks.{equip}", limit, "m3") for equip, limit in self.tanks.items()]
        wanted += [(f"batteries.{equip}", limit, "Wh") for equip, limit in self.batteries.items()]
        for key, limit, unit in wanted:
            try:
                if limit.value(unit) <= 0:
                    problems.append((key, f"not above 0: {limit}", ""))
            except ValueError as problem:
                problems.append((key, str(problem), ""))
        if not 3 <= self.learn <= HISTORY:
            problems.append(("learn", f"{self.learn} stretches", f"3 to {HISTORY}"))
        return problems

    def unit(self, target: Target) -> str:
        source = target.points[1] if len(target.points) > 1 else None
        return "kWh/100km" if source is not None and source.metric == "soc" else "L/100km"

    def bind(self, targets: Sequence[Target]) -> list[Target]:
        """Beside each vehicle's odometer and fuel those of its like."""
        own = vehicle.per_vehicle(targets, ("odometer",), *SOURCES)
        whole = [target for target in own if None not in target.points]
        groups: dict[object, list[Target]] = {}
        for target in whole:
            groups.setdefault(self._group(target), []).append(target)
        bound = []
        for target in own:
            peers = groups.get(self._group(target), []) if None not in target.points else []
            others: list[Point | None] = [point for one in peers if one.equip != target.equip for point in one.points]
            bound.append(replace(target, points=(*target.points, *others[: 2 * PEERS])))
        return bound

    def _group(self, target: Target) -> object:
        for number, globs in enumerate(self.alike):
            if vehicle.of_vehicle(dict.fromkeys(globs, True), target):
                return number
        equip = target.facility.equips.get(target.equip)
        source = target.points[1]
        return (equip.type if equip else "", source is not None and source.metric == "soc", None if self.alike else "type")

    def waits(self, target: Target) -> Sequence[bool]:
        return [number < 2 for number in range(len(target.points))]

    def holds(self, target: Target) -> Sequence[int | None]:
        return [vehicle.KEPT] * len(target.points)

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        vehicle.demand(target, "metric odometer", "metric fuel_used, fuel_level, fuel or soc")
        values: dict[str, float | int | bool] = {
            "stretch": self.stretch.value("m"),
            "share": self.share.value("ratio"),
            "like": self.like.value("ratio"),
            "learn": self.learn,
        }
        for member in range(MEMBERS):
            source = target.points[2 * member + 1] if 2 * member + 1 < len(target.points) else None
            amount, tank, register = self._source(source, target)
            values |= {f"amount_{member}": amount, f"tank_{member}": tank, f"register_{member}": register}
        return values

    def _source(self, source: Point | None, target: Target) -> tuple[float, float, bool]:
        """Litres (or kWh) per unit of a source, its tank in that unit, and whether it is a register."""
        if source is None:
            return 0.0, 1.0, False
        own = replace(target, equip=source.equip)
        if source.metric == "soc":
            battery = (vehicle.of_vehicle(self.batteries, own) or self.battery).value("Wh")
            return battery / 1e3, 1.0, False
        tank = (vehicle.of_vehicle(self.tanks, own) or self.tank).value("m3")
        if source.metric == "fuel_level":
            return 1e3 * tank, 1.0, False
        return 1e3, tank, source.metric == "fuel_used"

    def state(self) -> Mapping[str, Column]:
        member = Column(np.float64, np.nan, (MEMBERS,))
        return {
            "odometer": member, "begun": member, "level": member, "used": Column(np.float64, 0, (MEMBERS,)),
            "last": Column(np.float64, np.nan, (MEMBERS, LAST)), "turn": Column(np.int64),
            "recent": Column(np.float64, np.nan, (MEMBERS, RECENT)), "closed": Column(np.int64, 0, (MEMBERS,)),
            "history": Column(np.float64, np.nan, (HISTORY,)), "kept": Column(np.int64), "high": Column(np.int64),
            "own_high": Column(np.bool_, False), "like_high": Column(np.bool_, False), "usual": Column(np.float64, np.nan),
            "others": Column(np.float64, np.nan), "now": Column(np.float64, np.nan), "closed_at": Column(np.int64, UNSEEN),
        }  # fmt: skip

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        width = value.shape[1] // 2
        odometer = np.full((len(rows), MEMBERS), np.nan)
        source = odometer.copy()
        odometer[:, :width], source[:, :width] = value[:, 0 : 2 * width : 2], value[:, 1 : 2 * width : 2]
        spent, driven = cls._count(state, rows, odometer, source)
        over = driven >= state.get("stretch", rows)[:, None]
        rate = np.where(over, 100e3 * spent / np.maximum(driven, 1.0), np.nan)
        plausible = over & (rate > 0)
        place = state["closed"][rows] % RECENT
        for slot in range(RECENT):
            ring = state["recent"][rows, :, slot]
            state["recent"][rows, :, slot] = np.where(plausible & (place == slot), rate, ring)
        state["closed"][rows] += plausible
        own = np.flatnonzero(plausible[:, 0])
        if len(own):
            cls._own(state, rows[own], at[own], rate[own, 0])
        true = state.get("own_high", rows) | state.get("like_high", rows)
        limit = np.where(state.get("own_high", rows), state.get("usual", rows) * (1.0 + state.get("share", rows)),
                         state.get("others", rows) * (1.0 + state.get("like", rows)))  # fmt: skip
        return Findings(true, state.get("now", rows), limit)

    @classmethod
    def _count(cls, state: State, rows: IntArray, odometer: FloatArray, source: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Used (L or kWh) and driven (m) in the open stretch of each member; a stretch that is long enough is closed."""
        amount, tank, register = (np.stack([state.get(f"{name}_{one}", rows) for one in range(MEMBERS)], axis=1)
                                  for name in ("amount", "tank", "register"))  # fmt: skip
        turn = state.get("turn", rows)
        last = state["last"][rows]
        last[np.arange(len(rows)), :, turn % LAST] = source
        state["last"][rows] = last
        state.put("turn", rows, turn + 1)
        level = np.where(register, source, _median(last))
        before, held = state["level"][rows], state["odometer"][rows]
        fall = before - level
        stands = ~(odometer > held)
        jump = (fall < -REFUEL * tank) | ((fall > THEFT * tank) & stands)
        lowest = np.fmin.reduce(last, axis=2)  # where it stood when it was filled up: the median had not come down to it
        at_jump = np.where(fall < 0, np.maximum(before - lowest, 0.0), 0.0)
        used = np.where(register, np.maximum(-fall, 0.0), np.where(jump, at_jump, fall))
        spent = state["used"][rows] + np.nan_to_num(used) * amount
        begun = state["begun"][rows]
        fell = odometer < begun  # another odometer: begin anew
        start = (np.isnan(begun) & ~np.isnan(odometer)) | fell
        begun, spent = np.where(start, odometer, begun), np.where(start, 0.0, spent)
        driven = np.nan_to_num(odometer - begun)
        over = driven >= state.get("stretch", rows)[:, None]
        state["begun"][rows] = np.where(over, odometer, begun)
        state["used"][rows] = np.where(over, 0.0, spent)
        state["level"][rows] = np.where(np.isnan(level), before, level)
        state["odometer"][rows] = np.where(np.isnan(odometer), held, odometer)
        return spent, driven

    @classmethod
    def _own(cls, state: State, rows: IntArray, at: IntArray, rate: FloatArray) -> None:
        """A vehicle has closed a stretch: against its history and against its like."""
        usual, spread = robust.centre(state["history"][rows])
        learned = state.get("kept", rows) >= state.get("learn", rows)
        above = learned & (rate > usual * (1.0 + state.get("share", rows))) & (rate > usual + 4.0 * spread)
        high = np.where(above, state.get("high", rows) + 1, 0)
        keeps = np.flatnonzero(~above & ~(learned & (rate > LIKELY * usual)))
        robust.push(state["history"], state["kept"], rows[keeps], rate[keeps])
        recent = state["recent"][rows]
        settled = state["closed"][rows] >= RECENT
        typical = np.where(settled, _median(recent), np.nan)
        peers = typical[:, 1:]
        others = _median(peers[:, None, :])[:, 0]
        enough = settled[:, 0] & (np.count_nonzero(~np.isnan(peers), axis=1) >= 2)
        for name, column in (("high", high), ("own_high", high >= 2), ("usual", usual), ("others", others), ("now", rate),
                             ("like_high", enough & (typical[:, 0] > others * (1.0 + state.get("like", rows)))),
                             ("closed_at", at)):  # fmt: skip
            state.put(name, rows, column)

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        against: BoolArray = state["own_high"][row]
        closed = int(state["closed_at"][row])
        found: dict[str, Any] = {
            "reason": "own history" if against else "like vehicles",
            "usual_per_100km": vehicle.known(state["usual"][row], 1),
            "others_per_100km": vehicle.known(state["others"][row], 1),
            "per_100km": vehicle.known(state["now"][row], 1),
            "stretch_at": closed if closed != UNSEEN else None,
        }
        reference = float(state["usual" if against else "others"][row])
        if reference > 0:
            found["excess_percent"] = round(100 * (float(state["now"][row]) / reference - 1))
        return found


def _median(values: FloatArray) -> FloatArray:
    """Median over the last axis, NaN left out; NaN where there is none."""
    filled = np.sort(values, axis=-1)
    number = np.count_nonzero(~np.isnan(filled), axis=-1)
    low, high = np.maximum(number - 1, 0) // 2, np.minimum(number // 2, values.shape[-1] - 1)
    middle: FloatArray = (
        np.take_along_axis(filled, low[..., None], axis=-1)[..., 0]
        + np.take_along_axis(filled, high[..., None], axis=-1)[..., 0]
    ) / 2.0
    return middle
