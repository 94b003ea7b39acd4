"""Tables of money in the facility file as the dataclasses of `metering`, and consumption of the books as its columns.

One direction, no rule of its own: `valid_to` of a file is the last day, of `metering` the day after; prices by month become
spans of the year. The shipped factors are read here once.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from importlib.resources import files

import numpy as np
import tomli

from metering.columns import Columns
from metering.factors import Factor, Measure, Wanted
from metering.intervals import Flag
from metering.seasons import DayType, HeatingSeason, Span
from metering.tariffs import Block, DemandCharge, DemandKind, Fee, PowerFactorClause, Tariff, TariffPeriod
from steward.app.ledger.model import Consumption
from steward.config.money_tables import (
    METRIC_CARRIERS,
    DemandTable,
    FactorTable,
    HeatingSeasonTable,
    MoneyTable,
    TariffPeriodTable,
    TariffTable,
)
from steward.model import Point
from steward.units import unit

DAY_KINDS = {"workday": DayType.WORKDAY, "weekend": DayType.WEEKEND, "holiday": DayType.HOLIDAY}


def carrier_of(point: Point, settings: MoneyTable) -> str:
    """The carrier that a register counts, "" where it counts none that costs money."""
    if point.metric == "fuel_used":
        return settings.fuels.get(point.id, settings.fuel)
    return METRIC_CARRIERS.get(point.metric, "")


def tariff_of(table: TariffTable) -> Tariff:
    """A version of a tariff."""
    return Tariff(
        id=table.id,
        carrier=table.carrier,
        currency=table.currency,
        unit=table.unit,
        scale=unit(table.unit).scale,
        prices=dict(table.prices),
        valid_from=table.valid_from,
        valid_to=_after(table.valid_to),
        periods=tuple(_period(one) for one in table.period),
        demand=None if table.demand is None else _demand(table.demand),
        blocks=tuple(Block(one.above, one.add) for one in table.block),
        blocks_per=table.blocks_per,
        billing_day=table.billing_day,
        fees=tuple(Fee(one.name, one.amount, one.per) for one in table.fee),
        power_factor=None if table.power_factor is None else PowerFactorClause(**table.power_factor.model_dump()),
        tax=table.tax,
        taxed=table.taxed,
        name=table.name or {"": table.id},
        source=table.source,
        sites=tuple(table.sites),
        points=tuple(table.points),
    )


def _after(day: date) -> date:
    return day if day == date.max else day + timedelta(days=1)


def _period(table: TariffPeriodTable) -> TariffPeriod:
    spans = [Span(first, last) for first, last in table.seasons]
    spans += [Span((month, 1), (month, 31)) for month in table.months]
    kinds = frozenset(DAY_KINDS[kind] for kind in table.days) or frozenset(DayType)
    return TariffPeriod(table.name, table.hours, kinds, tuple(spans), table.price)


def _demand(table: DemandTable) -> DemandCharge:
    return DemandCharge(
        DemandKind(table.kind),
        table.price,
        table.window,
        table.sliding,
        table.contracted,
        table.tolerance,
        table.excess_factor,
    )


def factor_of(table: FactorTable, own: bool) -> Factor:
    """A version of a factor."""
    return Factor(
        id=table.id,
        carrier=table.carrier,
        measure=Measure(table.measure),
        kind=table.kind,
        value=table.value,
        per=table.per,
        scale=unit(table.per).scale,
        region=table.region,
        standard=table.standard,
        clause=table.clause,
        source=table.source,
        mark=table.mark,
        valid_from=table.valid_from,
        valid_to=_after(table.valid_to),
        density=table.density,
        preferred=table.preferred,
        own=own,
    )


@cache
def shipped_factors() -> tuple[Factor, ...]:
    """The factors that come with the package."""
    text = (files("metering") / "data" / "factors.toml").read_text(encoding="utf-8")
    return tuple(factor_of(FactorTable(**table), False) for table in tomli.loads(text)["factor"])


def wanted_of(settings: MoneyTable) -> Wanted:
    """Which factors the institution uses."""
    return Wanted(settings.region, {Measure.CO2: settings.co2, Measure.COAL: settings.coal}, frozenset(settings.factors))


def season_of(table: HeatingSeasonTable) -> HeatingSeason:
    """A row of the heating seasons."""
    return HeatingSeason(
        table.id, Span(*table.days), tuple(table.sites), table.valid_from, _after(table.valid_to), table.source
    )


def columns_of(found: Consumption) -> Columns:
    """Consumption of the books as columns: what is not known counts as nothing and is marked missing."""
    bare = np.isnan(found.value)
    flags = np.where(bare, found.flags | np.uint16(Flag.MISSING), found.flags)
    return Columns.of(
        found.start,
        found.end,
        np.where(bare, 0.0, found.value),
        method=found.method,
        flags=flags,
        confidence=found.confidence,
        coverage=np.where(bare, 0.0, found.coverage),
        revision=found.revision,
    )
