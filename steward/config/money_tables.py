"""Tables of money: tariffs, emission and standard-coal factors, allocation of cost, heating seasons, as people write them.

Invariants: a version of a tariff or factor is a table with its validity, `valid_to` being its last day; numbers are exact
decimals, as written. What holds between tables is checked in `steward.config.money`; shipped factors use `FactorTable` too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from steward.config.values import Duration, Id, Name
from steward.errors import UnknownUnit
from steward.units import MINUTE, unit

CARRIERS: Mapping[str, str] = {
    "electricity": "Wh",
    "heat": "Wh",
    "cooling": "Wh",
    "water": "m3",
    "gas": "m3",
    "gasoline": "m3",
    "diesel": "m3",
    "lpg": "m3",
}
"""Carrier -> canonical unit of its registers."""
METRIC_CARRIERS: Mapping[str, str] = {"energy": "electricity", "heat": "heat", "water": "water", "gas": "gas"}
"""Metric of a register -> carrier; `fuel_used` is what [money] says of the point."""
_SEASON = re.compile(r"(\d{2})-(\d{2})/(\d{2})-(\d{2})")
_HOURS = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")


def _exact(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ValueError('expected a number such as 0.6421 or "0.6421"')
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f'expected a number such as 0.6421 or "0.6421", got {value!r}') from None
    if not found.is_finite():
        raise ValueError(f"expected a finite number, got {value!r}")
    return found


Exact = Annotated[Decimal, BeforeValidator(_exact)]
"""A decimal number, taken as written."""


def _season(value: Any) -> Any:
    match = _SEASON.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f'expected days of the year such as "11-15/03-15", got {value!r}')
    first, last = (int(match[1]), int(match[2])), (int(match[3]), int(match[4]))
    for month, day in (first, last):
        try:
            date(2000, month, day)
        except ValueError:
            raise ValueError(f"no such day: {month:02d}-{day:02d}, expected MM-DD") from None
    return (first, last)


Season = Annotated[tuple[tuple[int, int], tuple[int, int]], BeforeValidator(_season)]
"""Days of every year, first and last included, written "11-15/03-15"."""


def _day_hours(value: Any) -> Any:
    spans = []
    for part in str(value).split(","):
        match = _HOURS.fullmatch(part.strip())
        start = int(match[1]) * 60 + int(match[2]) if match else -1
        end = int(match[3]) * 60 + int(match[4]) if match else -1
        if not 0 <= start < end <= 1440 or start % 15 or end % 15:
            raise ValueError(f'expected rising quarter hours such as "09:00-11:00, 15:00-17:00", got {part.strip()!r}')
        spans.append((start, end))
    return tuple(spans)


DayHours = Annotated[tuple[tuple[int, int], ...], BeforeValidator(_day_hours)]
"""Spans of the local day in minutes, written "09:00-11:00, 15:00-17:00"."""
DayKind = Literal["workday", "weekend", "holiday"]


class MoneyRow(BaseModel):
    """A table of this module."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Dated(MoneyRow):
    """What holds for a time."""

    valid_from: date = Field(date.min, description="first day on which it holds; default: always has")
    valid_to: date = Field(date.max, description="last day on which it holds; default: until further notice")

    @model_validator(mode="after")
    def _rises(self) -> Dated:
        if self.valid_from > self.valid_to:
            raise ValueError(f"valid_from {self.valid_from} lies after valid_to {self.valid_to}")
        return self


class MoneyTable(MoneyRow):
    """Which factors count, and what the vehicles burn."""

    region: str = Field("", description="grid and province of the factors: CN, CN-33 ...; empty: factors without a region only")
    co2: Literal["location", "market"] = Field("location", description="location-based or market-based emission factors")
    coal: Literal["calorific", "equivalent"] = Field("calorific", description="standard coal by 当量值 or 等价值")
    factors: list[str] = Field([], description="ids of factors that go before all others")
    fuel: str = Field("gasoline", description="carrier of fuel points that `fuels` does not name")
    fuels: dict[str, str] = Field({}, description="point -> carrier, e.g. diesel")


class TariffPeriodTable(MoneyRow):
    """When a price holds: the first period that fits wins; where none does, the price is `flat`."""

    name: Id = Field(description="sharp, peak, flat, valley, deep_valley (尖峰平谷深谷), or a name of your own")
    hours: DayHours = Field(((0, 1440),), description='of the local day, e.g. "09:00-11:00, 15:00-17:00"')
    days: list[DayKind] = Field([], description="kinds of day by the site's calendar; empty: all")
    months: list[int] = Field([], description="1 to 12; with `seasons`, either may fit; both empty: all year")
    seasons: list[Season] = Field([], description='days of the year, e.g. "07-01/08-31"')
    price: Exact | None = Field(None, description="of its own; default: the tariff's price of that name")

    @model_validator(mode="after")
    def _months(self) -> TariffPeriodTable:
        if any(not 1 <= month <= 12 for month in self.months):
            raise ValueError(f"months are 1 to 12, got {self.months}")
        return self


class DemandTable(MoneyRow):
    """A charge per kW (kVA) and month."""

    kind: Literal["measured", "contracted", "capacity"] = Field(
        "measured", description="the month's peak demand, the demand contracted, or the kVA installed"
    )
    price: Exact = Field(description="per kW or kVA and month")
    window: Duration = Field(15 * MINUTE, description="demand interval, a multiple of 15m")
    sliding: bool = Field(False, description="windows end at each quarter hour, not at each `window`")
    contracted: Exact = Field(Decimal(0), description="kW contracted, kVA installed")
    tolerance: Exact = Field(Decimal("1.05"), description="contracted demand is exceeded above contracted x tolerance")
    excess_factor: Exact = Field(Decimal(2), description="price of what exceeds, as a multiple")

    @model_validator(mode="after")
    def _whole(self) -> DemandTable:
        if self.window % (15 * MINUTE) or self.window <= 0:
            raise ValueError("window is no multiple of 15m")
        if self.kind != "measured" and self.contracted <= 0:
            raise ValueError(f"contracted is missing: kW (kVA) of kind {self.kind!r}")
        return self


class BlockTable(MoneyRow):
    """What more a unit costs above a consumption (阶梯)."""

    above: Exact = Field(description="units since the month's or year's begin")
    add: Exact = Field(description="per unit, on top of the period's price")


class FeeTable(MoneyRow):
    """A fixed fee."""

    name: str = Field("", description="as the bill calls it")
    amount: Exact = Field(description="in the tariff's currency")
    per: Literal["day", "month", "year"] = Field("month", description="how often it is due; it is spread evenly")


class PowerFactorTable(MoneyRow):
    """Adjustment by the month's mean power factor, per hundredth below or above the standard."""

    standard: Exact = Field(Decimal("0.90"), description="power factor that changes nothing")
    penalty: Exact = Field(Decimal("0.005"), description="share of energy and demand charge added per hundredth below")
    bonus: Exact = Field(Decimal("0.0015"), description="share taken off per hundredth above")
    worst: Exact = Field(Decimal("0.70"), description="no further down than this")
    best: Exact = Field(Decimal("0.95"), description="no further up than this")


class TariffTable(Dated):
    """One version of a tariff; a new price is a new table with the same id and its own validity."""

    id: Id
    name: Name | None = None
    carrier: str = Field(description="electricity, heat, cooling, water, gas, gasoline, diesel, lpg")
    unit: str = Field(description="of quantities and prices: kWh, m3, GJ, L")
    currency: str = Field("CNY", pattern="^[A-Z]{3}$", description="ISO 4217")
    prices: dict[str, Exact] = Field({}, description="price per unit by period name; `flat` where no period holds")
    period: list[TariffPeriodTable] = Field([], description="when which price holds, the first that fits; see below")
    demand: DemandTable | None = Field(None, description="charge for demand; see below")
    block: list[BlockTable] = Field([], description="prices that rise with consumption; see below")
    blocks_per: Literal["month", "year"] = Field("year", description="when the consumption of blocks begins anew")
    billing_day: int = Field(1, ge=1, le=28, description="local day on which its months begin: of demand, blocks, fees")
    fee: list[FeeTable] = Field([], description="fixed fees; see below")
    power_factor: PowerFactorTable | None = Field(None, description="adjustment by power factor; see below")
    tax: Exact = Field(Decimal(0), ge=0, lt=1, description="rate, e.g. 0.13")
    taxed: bool = Field(True, description="prices hold the tax already")
    sites: list[str] = Field([], description="empty: every site")
    points: list[str] = Field([], description="registers that have this tariff of their own")
    source: str = Field("", description="document that the prices are from")

    @model_validator(mode="after")
    def _prices(self) -> TariffTable:
        bare = sorted({one.name for one in self.period if one.price is None and one.name not in self.prices})
        if bare:
            raise ValueError(f"no price for {', '.join(bare)}, expected an entry of prices or price in the period")
        if not self.prices and not self.period:
            raise ValueError("prices is missing, e.g. { flat = 0.62 }")
        if "flat" not in self.prices and self.period and not _covers_day(self.period):
            raise ValueError("no period holds at some hours and there is no price `flat`")
        if any(two.above <= one.above for one, two in zip(self.block, self.block[1:], strict=False)):
            raise ValueError("blocks must rise")
        return self


def _covers_day(periods: Sequence[TariffPeriodTable]) -> bool:
    plain = [one for one in periods if not one.days and not one.months and not one.seasons]
    spans = sorted(span for one in plain for span in one.hours)
    reached = 0
    for start, end in spans:
        if start > reached:
            return False
        reached = max(reached, end)
    return reached >= 1440


class FactorTable(Dated):
    """One version of an emission or standard-coal factor; one with the id of a shipped factor takes its place."""

    id: Id
    carrier: str = Field(description="electricity, heat, water, gas, gasoline, diesel, lpg, coal ...")
    measure: Literal["co2", "coal"] = Field(description="kgCO2, or kgce (kg of standard coal)")
    kind: Literal["location", "market", "calorific", "equivalent"] = Field(
        description="co2: location or market; coal: calorific (当量值) or equivalent (等价值)"
    )
    value: Exact = Field(ge=0, description="kgCO2 or kgce per unit")
    per: str = Field(description="unit of consumption: kWh, m3, GJ, kg ...")
    density: Exact | None = Field(None, gt=0, description="kg per litre, for a carrier metered by volume with a factor per kg")
    region: str = Field("", description="CN, CN-33 ...; empty: anywhere")
    standard: str = Field("", description="name of the standard")
    clause: str = Field("", description="where in the standard")
    source: str = Field("", description="where the value was read")
    mark: str = Field("", description="how well its source is known: V seen, V secondary quoted, R from memory")
    preferred: bool = Field(True, description="false: known, but used only when [money] names it")

    @model_validator(mode="after")
    def _agrees(self) -> FactorTable:
        kinds = ("location", "market") if self.measure == "co2" else ("calorific", "equivalent")
        if self.kind not in kinds:
            raise ValueError(f"kind {self.kind!r} is none of {self.measure}: expected {' or '.join(kinds)}")
        try:
            canonical = unit(self.per).canonical
        except UnknownUnit as error:
            raise ValueError(f"per: {error}") from None
        wanted = CARRIERS.get(self.carrier)
        if canonical == "kg" and wanted == "m3" and self.density is None:
            raise ValueError("density is missing: kg per litre, since the carrier is metered by volume")
        if wanted is not None and canonical != wanted and not (canonical == "kg" and wanted == "m3"):
            raise ValueError(f"per {self.per!r} is a unit of {canonical}, expected one of {wanted}")
        if canonical != "kg" and self.density is not None:
            raise ValueError("density belongs to a factor per kg")
        return self


class PartyTable(MoneyRow):
    """Who bears a part of a cost."""

    id: str = Field(description="an organisation, space or site")
    points: list[str] = Field([], description="its sub-meters")
    area_m2: float | None = Field(None, gt=0, description="default: of the space or site")
    headcount: float | None = Field(None, ge=0, description="default: of the site")
    key: float | None = Field(None, ge=0, description="fixed share, in any unit")


class AllocationTable(MoneyRow):
    """How the cost of a register is borne."""

    id: Id
    name: Name | None = None
    point: str = Field(description="the register whose cost is allocated")
    by: Literal["meter", "area", "headcount", "key"] = Field(description="what shares go by")
    residual: Literal["show", "area", "headcount", "key"] = Field(
        "show", description="by = meter: what nobody metered is shown, or spread by this"
    )
    party: list[PartyTable] = Field(min_length=1, description="who bears it; see below")


class HeatingSeasonTable(Dated):
    """When places are heated; a row for one winter (by its validity) goes before the general one."""

    id: Id
    days: Season = Field(description='first and last day, e.g. "11-15/03-15"')
    sites: list[str] = Field([], description="empty: every site")
    source: str = Field("", description="where the days are announced")
