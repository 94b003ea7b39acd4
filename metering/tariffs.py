"""Tariffs as dated data: prices by period name, season, kind of day and local hours; demand, blocks, fixed fees, tax.

A tariff is immutable and says from when to when it holds; a new price is a new version of the same id, never an edit. Prices
are exact decimals per unit of the tariff; money comes out as integer micro-units of the currency: totals are sums of parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

import numpy as np

from metering.seasons import DayType, Local, Span, day_types, in_season, number
from steward.model import Calendar, IntArray
from steward.units import MINUTE

MICRO = 1_000_000
"""Integer money units in one unit of the currency."""
FLAT = "flat"
"""Name of the price where no period holds."""


class DemandKind(StrEnum):
    """What a demand charge is paid for."""

    MEASURED = "measured"
    """The month's peak demand."""
    CONTRACTED = "contracted"
    """The contracted demand; what is measured above its tolerance costs `excess_factor` times as much."""
    CAPACITY = "capacity"
    """The installed transformer capacity (kVA), whatever is measured."""


@dataclass(frozen=True, slots=True)
class TariffPeriod:
    """A price name and when it holds: the first of a tariff's periods that fits an interval's start wins.

    seasons: () for all year; days: kinds of day; hours: (start, end) minutes of the local day; price: of its own, else the
    tariff's price of that name.
    """

    name: str
    hours: tuple[tuple[int, int], ...] = ((0, 1440),)
    days: frozenset[DayType] = frozenset(DayType)
    seasons: tuple[Span, ...] = ()
    price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class DemandCharge:
    """Paid per kW (or kVA) and month. window: demand interval, ns; sliding: windows end at each quarter hour instead of each
    `window`; tolerance: contracted demand is exceeded above contracted x tolerance."""

    kind: DemandKind
    price: Decimal
    window: int = 15 * MINUTE
    sliding: bool = False
    contracted: Decimal = Decimal(0)
    tolerance: Decimal = Decimal("1.05")
    excess_factor: Decimal = Decimal(2)


@dataclass(frozen=True, slots=True)
class Block:
    """Consumption above `above` (tariff units a month or year) costs `add` more per unit, to the next block's edge."""

    above: Decimal
    add: Decimal


@dataclass(frozen=True, slots=True)
class Fee:
    """A fixed fee per local day, month or year."""

    name: str
    amount: Decimal
    per: str = "month"


@dataclass(frozen=True, slots=True)
class PowerFactorClause:
    """Each hundredth of the month's power factor below (above) `standard` adds (takes off) a share of energy and demand charge;
    no further than `worst` and `best`."""

    standard: Decimal = Decimal("0.90")
    penalty: Decimal = Decimal("0.005")
    bonus: Decimal = Decimal("0.0015")
    worst: Decimal = Decimal("0.70")
    best: Decimal = Decimal("0.95")


@dataclass(frozen=True)
class Tariff:
    """One version of a tariff. unit: of quantities (kWh, m3, GJ, L); scale: canonical units in one `unit`; valid_to: first day
    on which it no longer holds; tax: rate; taxed: prices hold the tax already; billing_day: 1-28, the local day on which its
    months begin."""

    id: str
    carrier: str
    currency: str
    unit: str
    scale: float
    prices: Mapping[str, Decimal]
    valid_from: date = date.min
    valid_to: date = date.max
    periods: tuple[TariffPeriod, ...] = ()
    demand: DemandCharge | None = None
    blocks: tuple[Block, ...] = ()
    blocks_per: str = "year"
    fees: tuple[Fee, ...] = ()
    power_factor: PowerFactorClause | None = None
    tax: Decimal = Decimal(0)
    taxed: bool = True
    billing_day: int = 1
    name: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    sites: tuple[str, ...] = ()
    points: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """`id@date` from which it holds: what a result names as its source."""
        return f"{self.id}@{self.valid_from.isoformat()}" if self.valid_from > date.min else self.id

    def row_names(self) -> tuple[str, ...]:
        """The names of `rows`: one for each period, then `flat`."""
        return (*(period.name for period in self.periods), FLAT)

    def row_prices(self) -> tuple[Decimal, ...]:
        """Price of each row, per unit. Raises KeyError for a name without a price; the configuration is checked for that."""
        own = tuple(self.prices[one.name] if one.price is None else one.price for one in self.periods)
        return (*own, self.prices.get(FLAT, Decimal(0)))

    def rows(self, local: Local, calendar: Calendar | None) -> IntArray:
        """For each local time the number of the first period that holds, len(periods) where none does."""
        found = np.full(len(local.day), len(self.periods), np.int64)
        if not len(found) or not self.periods:
            return found
        first = int(local.day[0])
        days = np.arange(first, int(local.day[-1]) + 1, dtype=np.int64)
        types, place = day_types(days, calendar), local.day - first
        for row in range(len(self.periods) - 1, -1, -1):
            period = self.periods[row]
            fits = (in_season(days, period.seasons) & np.isin(types, [int(kind) for kind in period.days]))[place]
            hours = np.zeros(len(found), np.bool_)
            for start, end in period.hours:
                hours |= (local.minute >= start) & (local.minute < end)
            found[fits & hours] = row
        return found


def in_force(tariffs: Sequence[Tariff], days: IntArray) -> IntArray:
    """For each local day the row of the tariff that holds, the later version where two do; -1 where none does."""
    found = np.full(len(days), -1, np.int64)
    for row in sorted(range(len(tariffs)), key=lambda row: tariffs[row].valid_from):
        tariff = tariffs[row]
        found[(days >= number(tariff.valid_from)) & (days < number(tariff.valid_to))] = row
    return found


def choose(tariffs: Sequence[Tariff], carrier: str, site: str, point: str = "") -> list[Tariff]:
    """The versions that may hold for a point: those that name the point, else its site, else those for everyone."""
    of_carrier = [one for one in tariffs if one.carrier == carrier]
    for fits in (
        [one for one in of_carrier if point and point in one.points],
        [one for one in of_carrier if site in one.sites and not one.points],
        [one for one in of_carrier if not one.sites and not one.points],
    ):
        if fits:
            return fits
    return []
