"""Bills: each cause that a supplier's bill may differ for is put into one, and must come out first, with its figures."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from metering.bills import SHIFT, Bill, BillCheck, BillLine, Reason, check
from metering.columns import Columns
from metering.cost import Cost, cost, price
from metering.intervals import Flag, Method
from metering.rates import decimal
from metering.tariffs import Block, DemandCharge, DemandKind, PowerFactorClause, Tariff
from steward.units import HOUR
from tests.metering.money import OFFICE, basis, ns, quarters, tariff

START, END = ns("2026-11-01T00:00+08:00"), ns("2026-12-01T00:00+08:00")
TARIFF = tariff(demand=DemandCharge(DemandKind.MEASURED, Decimal(40)))


def ledger() -> Columns:
    """Thirty-six days of a load that differs by hour and day."""
    columns = quarters("2026-10-29T00:00+08:00", "2026-12-04T00:00+08:00")
    hour = (columns.start + 8 * HOUR) // HOUR
    return replace(columns, value=(20_000 + 9_000 * np.sin(hour / 3.7) + 30 * (hour % 211)) / 4)


def figures(columns: Columns, start: int = START, end: int = END, under: Tariff = TARIFF) -> Cost:
    inside = columns.take((columns.start >= start) & (columns.start < end))
    found = cost(price(inside, basis(under, calendar=OFFICE)))
    assert found is not None
    return found


def bill(of: Cost, factor: float = 1.0, demand: bool = True) -> Bill:
    """What a supplier would write who saw `of`."""
    cent = Decimal("0.01")
    lines = [
        BillLine(
            name,
            Decimal(str(round(of.quantities[name] * factor, 2))),
            (decimal(of.energy[name]) * Decimal(str(factor))).quantize(cent),
        )
        for name in of.quantities
    ]
    if demand and of.parts["demand"]:
        lines.append(BillLine("demand", of.demands[0].kw, (decimal(of.parts["demand"]) * Decimal(str(factor))).quantize(cent)))
    return Bill("main", START, END, "CNY", tuple(lines))


def checked(one: Bill, columns: Columns | None = None, under: Tariff = TARIFF, **more: object) -> BillCheck:
    found = check(one, ledger() if columns is None else columns, basis(under, calendar=OFFICE), **more)  # type: ignore[arg-type]
    assert found is not None
    return found


def test_a_bill_that_agrees_needs_no_explanation_but_rounding() -> None:
    found = checked(bill(figures(ledger())))
    assert abs(found.difference) < 50_000
    assert {one.reason for one in found.explanations} <= {Reason.ROUNDING, Reason.READING_TIME}
    for line in found.lines:
        assert line.billed == pytest.approx(line.ledger, abs=10_000)


@pytest.mark.parametrize("factor", [10.0, 0.1, 80.0])
def test_a_multiplier_or_transformer_ratio_is_named(factor: float) -> None:
    found = checked(bill(figures(ledger()), factor), ratios=[80.0])
    first = found.explanations[0]
    assert first.reason is Reason.MULTIPLIER
    assert first.figures["factor"] == pytest.approx(factor)
    assert first.share > 0.9


def test_a_reading_at_another_time_is_found_to_the_hour() -> None:
    columns = ledger()
    found = checked(bill(figures(columns, START - 9 * HOUR, END + 16 * HOUR)), columns)
    first = found.explanations[0]
    assert first.reason is Reason.READING_TIME
    assert (first.figures["start_hours"], first.figures["end_hours"]) == (-9.0, 16.0)
    assert abs(first.rest) < abs(found.difference) / 20


def test_another_version_of_the_tariff_is_named() -> None:
    old = tariff(id="old", prices={name: each * Decimal("0.93") for name, each in TARIFF.prices.items()}, demand=TARIFF.demand)
    found = checked(bill(figures(ledger(), under=old)), others=[TARIFF, old])
    assert found.explanations[0].reason is Reason.TARIFF
    assert found.explanations[0].figures["tariff"] == "old"
    assert found.explanations[0].share == pytest.approx(1, abs=1e-3)


def test_a_missing_demand_charge_is_named_with_its_amount_and_so_is_one_too_many() -> None:
    whole = figures(ledger())
    missing = checked(bill(whole, demand=False)).explanations[0]
    assert missing.reason is Reason.DEMAND_MISSING
    assert missing.figures["amount"] == pytest.approx(whole.parts["demand"] / 1e6)
    plain = replace(TARIFF, demand=None)
    extra = bill(figures(ledger(), under=plain))
    extra = replace(extra, lines=(*extra.lines, BillLine("demand", None, Decimal("1234.50"))))
    first = checked(extra, under=plain).explanations[0]
    assert (first.reason, first.figures["amount"]) == (Reason.DEMAND_EXTRA, 1234.5)


def test_tax_added_on_prices_that_hold_it_is_named() -> None:
    taxed = replace(TARIFF, tax=Decimal("0.13"))
    one = bill(figures(ledger(), under=taxed))
    lines = tuple(replace(line, amount=(line.amount or Decimal(0)) * Decimal("1.13")) for line in one.lines)
    first = checked(replace(one, lines=lines), under=taxed).explanations[0]
    assert (first.reason, first.figures["rate"], first.figures["tax"]) == (Reason.TAX, 0.13, 1.0)


def test_estimated_consumption_explains_as_much_as_it_is() -> None:
    columns = ledger()
    columns.flags[400:1000] = Flag.SPREAD
    columns.method[400:1000] = Method.ESTIMATED
    of = figures(ledger())
    found = checked(replace(bill(of), lines=(BillLine("total", None, decimal(of.total) * Decimal("1.05")),)), columns)
    named = {one.reason: one for one in found.explanations}
    assert named[Reason.ESTIMATED].share > 0.5
    assert found.cost.estimated > 0.1


def test_a_bill_without_amounts_is_compared_by_quantity() -> None:
    one = bill(figures(ledger()), 10.0)
    found = checked(replace(one, lines=tuple(replace(line, amount=None) for line in one.lines if line.name != "demand")))
    assert found.unit == "quantity"
    assert found.explanations[0].reason is Reason.MULTIPLIER


def test_a_bill_of_a_time_without_ledger_and_a_bill_without_figures_say_so() -> None:
    nothing = ledger().take(slice(0, 0))
    assert check(bill(figures(ledger())), nothing, basis(TARIFF)) is None
    with pytest.raises(ValueError, match="cannot be checked"):
        checked(Bill("main", START, END, "CNY", (BillLine("peak"),)))
    assert SHIFT > 0


def test_blocks_and_power_factor_of_a_bill_are_those_of_the_year_and_month_so_far() -> None:
    under = tariff(
        blocks=(Block(Decimal(60_000), Decimal("0.1")),), blocks_per="year", power_factor=PowerFactorClause(), taxed=True
    )
    columns = quarters("2026-01-01T00:00+08:00", "2026-12-04T00:00+08:00", 10_000.0)
    reactive = columns.value * 0.75
    priced = price(columns, basis(under, calendar=OFFICE), reactive).between(START, END)
    mine = cost(priced)
    assert mine is not None
    assert mine.parts["blocks"] == 7_200 * 100_000, "the year's consumption passed the block long ago"
    assert mine.parts["power_factor"] > 0
    total = BillLine("total", amount=decimal(mine.total))
    found = checked(Bill("main", START, END, "CNY", (total,)), columns, under, reactive=reactive)
    assert found.difference == 0


def test_a_bill_whose_edges_cut_a_day_is_compared_over_its_own_hours() -> None:
    start, end = ns("2026-10-31T10:30+08:00"), ns("2026-11-30T09:15+08:00")
    columns = ledger()
    inside = columns.take((columns.start >= start) & (columns.start < end))
    line = BillLine("total", Decimal(0), Decimal(1))
    quantity = BillLine("peak", Decimal(str(round(inside.total() / 1000, 3))))
    found = checked(Bill("main", start, end, "CNY", (quantity,)), columns)
    assert found.difference == pytest.approx(0, abs=0.001)
    assert found.known == pytest.approx(1.0)
    assert checked(Bill("main", start, end, "CNY", (line,)), columns).known == pytest.approx(1.0)
