"""What an alert adds to the charges of its months: demand above what was contracted, reactive energy.

Invariants: the price is a difference of two bills, the month as it is and the month without what the alert is about (demand cut
to the limit, reactive energy to what the standard allows, in the alert's quarter hours alone); so where another quarter hour
was as high, or the month's power factor is good all the same, nothing is added. Blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any, Protocol

import numpy as np

from metering.columns import Columns
from metering.cost import Basis, Worth, price
from metering.demand import billed_kw, peak
from metering.intervals import QUARTER
from metering.rates import micro, span
from metering.seasons import Local, day_of
from metering.tariffs import Tariff, in_force
from rules.waste import Span, Unpriced, overlap
from steward.model import FloatArray, IntArray, Point
from steward.units import HOUR

Quarters = Callable[[str, int, int], Columns]
"""Quarter hours of a register that the ledger knows in [start, end), in order."""


class Charging(Protocol):
    """The part of the cashier that is asked."""

    def basis(self, carrier: str, site: str, point: str = "") -> Basis: ...
    def reactive(self, point: Point, columns: Columns, basis: Basis) -> FloatArray | None: ...


@dataclass(frozen=True, slots=True)
class Charge:
    """What was added. amount: W of demand, varh; method: in words; until: how far the ledger knows."""

    worth: Worth
    amount: float
    unit: str
    method: str
    until: int


def demand(cash: Charging, point: Point, whole: Span, limit: float, quarters: Quarters) -> Charge:
    """What demand above `limit` (W) in `whole` adds to the demand charge of its months. Raises Unpriced."""
    basis, money, most, until = cash.basis("electricity", point.site, point.id), 0, 0.0, whole[0]
    names: list[str] = []
    charged = False
    for columns, tariff in _months(basis, point, whole, quarters):
        charge = tariff.demand
        if charge is None:
            continue
        charged = True
        allowed = limit * QUARTER / HOUR
        inside = overlap(columns.start, columns.end, [whole]) > 0
        kept = np.where(inside, np.minimum(columns.value, allowed), columns.value)
        local = Local.of(columns.start, basis.zone)
        bills = [
            billed_kw(charge, peak(one, local, charge.window, charge.sliding))
            for one in (columns, replace(columns, value=kept))
        ]
        until = max(until, int(columns.end[-1]))
        if bills[0] is None or bills[1] is None:
            continue
        money += micro((bills[0] - bills[1]) * charge.price)
        most = max(most, float(((columns.value - kept) * (HOUR / QUARTER)).max()))
        names.append(tariff.version)
    if not charged:
        raise Unpriced("no_demand_charge")
    if money <= 0:
        raise Unpriced("no_peak")
    return Charge(_worth(money, basis, names), most, "W", "demand charge of the month, with and without", until)


def reactive(cash: Charging, point: Point, whole: Span, quarters: Quarters) -> Charge:
    """What reactive energy beyond the tariff's standard in `whole` adds by the month's power factor. Raises Unpriced."""
    basis, money, most, until = cash.basis("electricity", point.site, point.id), 0, 0.0, whole[0]
    names: list[str] = []
    asked = False
    for columns, tariff in _months(basis, point, whole, quarters):
        clause = tariff.power_factor
        varh = cash.reactive(point, columns, basis) if clause is not None else None
        if clause is None or varh is None:
            continue
        asked = True
        standard = float(clause.standard)
        allowed = columns.value * sqrt(1 - standard**2) / standard
        inside = overlap(columns.start, columns.end, [whole]) > 0
        kept = np.where(inside, np.minimum(varh, allowed), varh)
        added = [int(price(columns, basis, one).parts["power_factor"].sum()) for one in (varh, kept)]
        money += added[0] - added[1]
        most += float((varh - kept).sum())
        until = max(until, int(columns.end[-1]))
        names.append(tariff.version)
    if not asked:
        raise Unpriced("power_factor")
    if money <= 0:
        raise Unpriced("factor_good")
    return Charge(_worth(money, basis, names), most, "varh", "adjustment by the month's power factor, with and without", until)


def _months(basis: Basis, point: Point, whole: Span, quarters: Quarters) -> list[tuple[Columns, Tariff]]:
    """Quarter hours of each month that `whole` meets, from its begin on as far as the ledger knows, with its tariff."""
    found: list[tuple[Columns, Tariff]] = []
    at = whole[0]
    while at < whole[1]:
        day = Local.of(np.array([at], np.int64), basis.zone).day
        first, last = span(day_of(int(day[0])), "month", basis.zone)
        columns = quarters(point.id, first, min(last, -(-whole[1] // QUARTER) * QUARTER))
        which = int(in_force(basis.tariffs, day)[0])
        if len(columns) and which >= 0:
            found.append((columns, basis.tariffs[which]))
        at = last
    if not found:
        raise Unpriced("no_tariff" if not basis.tariffs else "no_ledger")
    return found


def _worth(money: int, basis: Basis, names: list[str]) -> Worth:
    currency = basis.tariffs[0].currency if basis.tariffs else ""
    return Worth(money, currency, None, None, tuple(dict.fromkeys(names)), ())


def known(columns: Columns, mask: Any) -> Columns:
    """The rows of which something is known."""
    rows: IntArray = np.flatnonzero(mask)
    return columns.take(rows)
