"""Money, CO2 and standard coal of consumption: what each quarter hour costs, under which tariff, how sure it is.

Invariants: money is integer micro-units, and a total is the sum of its parts over intervals, names and periods; a result names
the versions of tariffs and factors that it used; what no tariff or factor covers is said, never taken for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from metering import rates
from metering.columns import Columns
from metering.factors import Factor, Measure, Wanted, candidates, convert
from metering.factors import rows as factor_rows
from metering.intervals import QUARTER, Period, period_keys
from metering.rates import MonthDemand
from metering.seasons import Local, unknown_days
from metering.tariffs import MICRO, Tariff, in_force
from steward.model import BoolArray, Calendar, FloatArray, IntArray

PARTS = ("energy", "blocks", "demand", "fixed", "power_factor", "tax")
"""The parts of a price; their sum is the total."""
MISSING = 0.01
"""Less of the time that the ledger does not know is not worth a warning: the last quarter hours are always open."""


@dataclass(frozen=True)
class Basis:
    """Under what something is priced. tariffs: the versions that may hold, all in one currency and unit; factors: all that are
    known; zone: IANA; calendar: of the site."""

    carrier: str
    zone: str
    tariffs: Sequence[Tariff] = ()
    factors: Sequence[Factor] = ()
    wanted: Wanted = field(default_factory=Wanted)
    calendar: Calendar | None = None


@dataclass(frozen=True)
class Priced:
    """Quarter hours with their price: columns of equal length. value: canonical units; name: number in `names` (-1: no tariff);
    parts: int64 micro-units by PARTS; co2, coal: kg, NaN where no factor holds; estimated: rests on estimates or a spread;
    missing: of nothing, or not of all, that the ledger knows; unannounced: on a day whose holidays are not known."""

    start: IntArray
    end: IntArray
    value: FloatArray
    name: IntArray
    names: tuple[str, ...]
    tariff: IntArray
    tariffs: tuple[Tariff, ...]
    parts: Mapping[str, IntArray]
    kg: Mapping[Measure, FloatArray]
    factor: Mapping[Measure, IntArray]
    factors: Mapping[Measure, tuple[Factor, ...]]
    estimated: BoolArray
    missing: BoolArray
    unannounced: BoolArray
    basis: Basis
    demands: tuple[MonthDemand, ...] = ()
    power_factors: tuple[float, ...] = ()

    def __len__(self) -> int:
        return len(self.start)

    def money(self) -> IntArray:
        """Everything that each interval costs, micro-units."""
        return np.asarray(np.sum([self.parts[part] for part in PARTS], axis=0, dtype=np.int64))

    def between(self, start: int, end: int) -> Priced:
        """The intervals that begin in [start, end)."""
        low, high = (int(place) for place in np.searchsorted(self.start, (start, end)))
        rows = slice(low, high)
        return Priced(
            self.start[rows],
            self.end[rows],
            self.value[rows],
            self.name[rows],
            self.names,
            self.tariff[rows],
            self.tariffs,
            {part: column[rows] for part, column in self.parts.items()},
            {measure: column[rows] for measure, column in self.kg.items()},
            {measure: column[rows] for measure, column in self.factor.items()},
            self.factors,
            self.estimated[rows],
            self.missing[rows],
            self.unannounced[rows],
            self.basis,
            tuple(one for one in self.demands if one.start < end and one.end > start),
            self.power_factors,
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is not known of these intervals, in sentences."""
        told, carrier = [], self.basis.carrier
        if len(self) and self.missing.mean() > MISSING:
            told.append(f"the ledger does not know {self.missing.mean():.0%} of the time, which counts as nothing")
        if (self.tariff < 0).any():
            told.append(f"no tariff for {carrier} holds on part of the time")
        if self.unannounced.any() and self.basis.calendar is not None:
            known = self.basis.calendar.known_until
            told.append(f"holidays are known until {known} only: later days count as plain weekdays")
        if any(one.kw is None for one in self.demands):
            told.append("a month has no demand interval that may carry a peak: its demand charge is not known and counted as 0")
        bare = [measure for measure in Measure if np.isnan(self.kg[measure]).any()]
        return (*told, *(f"no {measure} factor for {carrier} on part of the time" for measure in bare))


@dataclass(frozen=True)
class Cost:
    """The price of one period. quantities: tariff units by name; energy: micro-units by name; parts: micro-units by PARTS;
    total: their sum; tax_within: tax that the prices hold already; co2, coal: kg, None where some consumption has no factor;
    estimated: share of the consumption that rests on estimates or spread gaps; uncovered: share that no tariff covers."""

    start: int
    end: int
    currency: str
    unit: str
    quantity: float
    quantities: Mapping[str, float]
    energy: Mapping[str, int]
    parts: Mapping[str, int]
    total: int
    tax_within: int
    co2: float | None
    coal: float | None
    estimated: float
    uncovered: float
    tariffs: tuple[str, ...]
    factors: tuple[str, ...]
    demands: tuple[MonthDemand, ...] = field(default=(), compare=False)


def price(columns: Columns, basis: Basis, reactive: FloatArray | None = None, counted: float = 0.0) -> Priced:
    """Prices quarter hours of consumption (canonical units).

    columns: should begin with a month (demand, power factor) or year (blocks) where the tariff counts by them, else what came
    before is not counted; reactive: varh on the same rows; counted: tariff units already counted in the first block period.
    """
    local = Local.of(columns.start, basis.zone)
    size = len(columns)
    parts = {part: np.zeros(size, np.int64) for part in PARTS}
    names: dict[str, int] = {}
    name = np.full(size, -1, np.int64)
    which = in_force(basis.tariffs, local.day)
    demands: list[MonthDemand] = []
    found: list[float] = []
    for number, tariff in enumerate(basis.tariffs):
        rows = np.flatnonzero(which == number)
        if not len(rows):
            continue
        mine, at = columns.take(rows), Local(local.day[rows], local.minute[rows], local.offset[rows])
        row = tariff.rows(at, basis.calendar)
        numbers = [names.setdefault(one, len(names)) for one in tariff.row_names()]
        name[rows] = np.array(numbers, np.int64)[row]
        parts["energy"][rows] = rates.energy(mine.value, row, tariff)
        if tariff.blocks:
            per = Period.BILLING if tariff.blocks_per == "month" else Period.YEAR
            group = period_keys(columns.start, basis.zone, per, tariff.billing_day)
            parts["blocks"][rows] = rates.blocks(columns.value, group, tariff, counted)[rows]
        parts["demand"][rows], months = rates.demand(mine, at, tariff, basis.zone, columns, local)
        demands += months
        parts["fixed"][rows] = rates.fees(mine.start, at.day, tariff, basis.zone)
        base = parts["energy"][rows] + parts["blocks"][rows] + parts["demand"][rows]
        varh = None if reactive is None else reactive[rows]
        parts["power_factor"][rows], factors = rates.adjust(mine, varh, at.day, tariff, base, basis.zone)
        found += factors
        if tariff.tax and not tariff.taxed:
            net = base + parts["fixed"][rows] + parts["power_factor"][rows]
            parts["tax"][rows] = rates.times(net, Fraction(tariff.tax))
    kg, factor, ranked = _kilograms(columns.value, local.day, basis)
    return Priced(
        columns.start,
        columns.end,
        columns.value,
        name,
        tuple(names),
        which,
        tuple(basis.tariffs),
        parts,
        kg,
        factor,
        ranked,
        columns.estimated(),
        columns.open(),
        unknown_days(local.day, basis.calendar),
        basis,
        tuple(demands),
        tuple(found),
    )


def _kilograms(
    value: FloatArray, day: IntArray, basis: Basis
) -> tuple[dict[Measure, FloatArray], dict[Measure, IntArray], dict[Measure, tuple[Factor, ...]]]:
    kg, row, ranked = {}, {}, {}
    for measure in Measure:
        ranked[measure] = tuple(candidates(basis.factors, basis.carrier, measure, basis.wanted))
        row[measure] = factor_rows(ranked[measure], day)
        kg[measure] = convert(value, row[measure], ranked[measure])
    return kg, row, ranked


def energy_only(basis: Basis) -> Basis:
    """The same prices of energy with their blocks and tax, without what is charged by demand, by power factor or for a time."""
    return replace(basis, tariffs=[replace(one, demand=None, power_factor=None, fees=()) for one in basis.tariffs])


def costs(priced: Priced, zone: str, period: Period | str, billing_day: int = 1) -> list[Cost]:
    """The price by local periods of an IANA zone."""
    size = len(priced)
    if not size:
        return []
    keys = period_keys(priced.start, zone, Period(period), billing_day)
    first = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
    return [_cost(priced, slice(int(a), int(b))) for a, b in zip(first, np.r_[first[1:], size], strict=True)]


def cost(priced: Priced) -> Cost | None:
    """The price of all of it, None where there is nothing."""
    return _cost(priced, slice(0, len(priced))) if len(priced) else None


def _cost(priced: Priced, rows: slice) -> Cost:
    value, which, money = priced.value[rows], priced.tariff[rows], priced.parts["energy"][rows]
    used = [priced.tariffs[number] for number in np.unique(which[which >= 0]).tolist()]
    known = used[0] if used else (priced.tariffs[0] if priced.tariffs else None)
    scale = known.scale if known else 1.0
    names = priced.name[rows]
    shown = np.unique(names[names >= 0]).tolist()
    parts = {part: int(priced.parts[part][rows].sum()) for part in PARTS}
    weight = np.abs(value)
    whole = float(weight.sum())
    start, end = int(priced.start[rows][0]), int(priced.end[rows][-1])
    total = sum(parts.values())
    return Cost(
        start,
        end,
        known.currency if known else "",
        known.unit if known else "",
        float(value.sum()) / scale,
        {priced.names[number]: float(value[names == number].sum()) / scale for number in shown},
        {priced.names[number]: int(money[names == number].sum()) for number in shown},
        parts,
        total,
        _within(priced, rows, used),
        _sum(priced.kg[Measure.CO2][rows]),
        _sum(priced.kg[Measure.COAL][rows]),
        float(weight[priced.estimated[rows]].sum()) / whole if whole else 0.0,
        float(weight[which < 0].sum()) / whole if whole else 0.0,
        tuple(one.version for one in used),
        _factors(priced, rows),
        tuple(one for one in priced.demands if one.start < end and one.end > start),
    )


def _within(priced: Priced, rows: slice, used: Sequence[Tariff]) -> int:
    which, held = priced.tariff[rows], Fraction(0)
    for number, tariff in enumerate(priced.tariffs):
        if tariff in used and tariff.taxed and tariff.tax:
            money = np.asarray(sum(priced.parts[part][rows] for part in PARTS))
            held += int(money[which == number].sum()) * Fraction(tariff.tax) / (1 + Fraction(tariff.tax))
    return int((held * 2 + 1) // 2)


def _sum(kg: FloatArray) -> float | None:
    total = float(kg.sum())
    return None if np.isnan(total) else total


def _factors(priced: Priced, rows: slice) -> tuple[str, ...]:
    return tuple(
        priced.factors[measure][number].version
        for measure in Measure
        for number in np.unique(priced.factor[measure][rows]).tolist()
        if number >= 0
    )


@dataclass(frozen=True, slots=True)
class Restated:
    """A period whose price, carbon or coal differs between two results."""

    start: int
    end: int
    old: Cost | None
    new: Cost | None


def restated(old: Sequence[Cost], new: Sequence[Cost]) -> list[Restated]:
    """The periods that differ between two results over the same periods, in time order."""
    was, now = ({(one.start, one.end): one for one in each} for each in (old, new))
    return [
        Restated(*key, was.get(key), now.get(key)) for key in sorted(was.keys() | now.keys()) if was.get(key) != now.get(key)
    ]


@dataclass(frozen=True, slots=True)
class Worth:
    """What an amount in a span costs at the margin: money in micro-units (None without a tariff), kg (None: no factor)."""

    money: int | None
    currency: str
    co2: float | None
    coal: float | None
    tariffs: tuple[str, ...]
    factors: tuple[str, ...]


def worth(amount: float, start: int, end: int, basis: Basis, counted: float = 0.0) -> Worth:
    """The marginal price of `amount` (canonical units) used evenly over [start, end) ns: energy at the hour's price, the block
    that `counted` (tariff units this year or month) has reached, tax; no demand charge, no fees. Raises ValueError where
    the span is empty."""
    if end <= start:
        raise ValueError("a span that ends where it begins has no price")
    starts = np.arange(start // QUARTER, -(-end // QUARTER), dtype=np.int64) * QUARTER
    overlap = np.minimum(starts + QUARTER, end) - np.maximum(starts, start)
    return margin(Columns.of(starts, starts + QUARTER, amount * overlap / (end - start)), basis, counted)


def margin(columns: Columns, basis: Basis, counted: float = 0.0) -> Worth:
    """As `worth`, of amounts by quarter hours. Raises ValueError where there are none."""
    if not len(columns):
        raise ValueError("nothing to price")
    priced = price(columns, basis, counted=counted)
    found = cost(priced)
    assert found is not None
    if found.uncovered or not found.tariffs:
        return Worth(None, found.currency, found.co2, found.coal, found.tariffs, found.factors)
    added = priced.parts["energy"] + priced.parts["blocks"]
    money = 0
    for number, tariff in enumerate(priced.tariffs):
        net = int(added[priced.tariff == number].sum())
        money += net if tariff.taxed else net + rates.micro(Fraction(net) * Fraction(tariff.tax) / MICRO)
    return Worth(money, found.currency, found.co2, found.coal, found.tariffs, found.factors)
