"""CPU of pricing: `python -m bench.metering.money`. A year of one meter in quarter hours, and a bill with its hypotheses."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np

from bench.metering.speed import timed
from metering.bills import Bill, BillLine, check
from metering.columns import Columns
from metering.cost import Basis, cost, costs, price, worth
from metering.factors import Wanted
from metering.intervals import QUARTER, Flag
from metering.tariffs import Block, DemandCharge, DemandKind, Fee, PowerFactorClause
from steward.app.money.tables import shipped_factors
from steward.config.calendars import with_country
from steward.model import Calendar
from steward.units import DAY, HOUR
from tests.metering.money import ns, tariff


def main() -> None:
    """Measures, best of ten."""
    start = np.arange(ns("2026-01-01T00:00+08:00"), ns("2027-01-01T00:00+08:00"), QUARTER, dtype=np.int64)
    value = np.random.default_rng(1).uniform(0, 100e3, len(start))
    year = Columns.of(start, start + QUARTER, value, flags=np.full(len(start), Flag.PEAK_ELIGIBLE))
    simple = tariff()
    rich = tariff(
        demand=DemandCharge(DemandKind.MEASURED, Decimal(41)),
        blocks=(Block(Decimal(100_000), Decimal("0.05")),),
        fees=(Fee("meter", Decimal(30)),),
        power_factor=PowerFactorClause(),
        tax=Decimal("0.13"),
        taxed=False,
    )
    calendar = with_country(Calendar("office"), "CN")
    under = Basis("electricity", "Asia/Shanghai", [simple], shipped_factors(), Wanted("CN"), calendar)
    full = replace(under, tariffs=[rich])
    timed("a year, time of use with CO2 and coal", lambda: price(year, under), 10)
    timed("a year, every part of a tariff", lambda: price(year, full, value * 0.4), 10)
    priced = price(year, full, value * 0.4)
    timed("its sums by month", lambda: costs(priced, "Asia/Shanghai", "month"), 10)
    timed("its sums by day", lambda: costs(priced, "Asia/Shanghai", "day"), 10)
    timed("worth of an avoided amount over 8 h", lambda: worth(1e5, int(start[5000]), int(start[5000]) + 8 * HOUR, full), 10)
    first, last = int(start[9000]), int(start[9000]) + 30 * DAY
    month = year.take((start >= first - 3 * DAY) & (start < last + 3 * DAY))
    found = cost(price(month.take((month.start >= first) & (month.start < last)), under))
    assert found is not None
    lines = tuple(BillLine(name, Decimal(str(round(each, 2))), Decimal(1000)) for name, each in found.quantities.items())
    timed("a bill with every hypothesis", lambda: check(Bill("m", first, last, "CNY", lines), month, full, [simple, rich]), 10)


if __name__ == "__main__":
    main()
