"""What one version of a tariff makes of quarter hours of consumption, as integer micro-units per interval.

Invariants: every part is an int64 column, so a total is the sum of its parts to the last unit; a part of an interval follows
from that interval (and, for blocks and monthly charges, from its own month or year) alone, never from where a query began.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np

from metering.columns import Columns
from metering.demand import Peak, billed_kw, peak, power_factor, power_factor_share
from metering.intervals import QUARTER, share_floor
from metering.seasons import Local, day_of
from metering.tariffs import MICRO, Tariff
from steward.model import FloatArray, IntArray
from steward.units import SECOND


def micro(amount: Decimal | Fraction) -> int:
    """Integer money units of an exact amount, halves up."""
    if isinstance(amount, Fraction):
        return int((amount * MICRO * 2 + 1) // 2)
    return int((amount * MICRO).to_integral_value(ROUND_HALF_UP))


def decimal(units: int) -> Decimal:
    """The amount of integer money units."""
    return Decimal(units) / MICRO


def quantity(value: FloatArray, tariff: Tariff) -> FloatArray:
    """Canonical units as units of the tariff."""
    return value / tariff.scale


def energy(value: FloatArray, row: IntArray, tariff: Tariff) -> IntArray:
    """Money for the consumption (canonical units) of each interval at the price of its row."""
    prices = np.array([float(price) * MICRO for price in tariff.row_prices()])
    return np.asarray(np.rint(quantity(value, tariff) * prices[row]).astype(np.int64))


def blocks(value: FloatArray, group: IntArray, tariff: Tariff, before: float = 0.0) -> IntArray:
    """What blocks add to each interval. group: changes where the count begins anew; before: tariff units already counted in the
    first group. The part of an interval on either side of an edge is priced on its own side."""
    added = np.zeros(len(value), np.int64)
    if not tariff.blocks or not len(value):
        return added
    counted = np.cumsum(quantity(value, tariff))
    first = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    base = np.where(first == 0, -before, counted[np.maximum(first - 1, 0)])
    each = np.repeat(base, np.diff(np.r_[first, len(value)]))
    high = counted - each
    low = high - quantity(value, tariff)
    edges = [float(block.above) for block in tariff.blocks] + [np.inf]
    for block, start, end in zip(tariff.blocks, edges[:-1], edges[1:], strict=True):
        part = np.clip(high, start, end) - np.clip(low, start, end)
        added += np.rint(part * (float(block.add) * MICRO)).astype(np.int64)
    return added


def span(day: date, per: str, zone: str, billing_day: int = 1) -> tuple[int, int]:
    """Start and end (ns) of the local day, month (from its billing day on) or year that holds `day`."""
    if per == "day":
        first, last = day, date.fromordinal(day.toordinal() + 1)
    elif per == "year":
        first, last = date(day.year, 1, 1), date(day.year + 1, 1, 1)
    else:
        begun = day.year * 12 + day.month - 1 - (day.day < billing_day)
        first, last = (date(month // 12, month % 12 + 1, billing_day) for month in (begun, begun + 1))
    return midnight(first, zone), midnight(last, zone)


def midnight(day: date, zone: str) -> int:
    """The moment (ns) at which a local day begins."""
    return int(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).timestamp()) * SECOND


def spread(total: int, start: IntArray, bounds: tuple[int, int]) -> IntArray:
    """The shares of a charge for the span `bounds` that fall on quarter hours in it, evenly over time; all of them together are
    the whole charge exactly."""
    whole = np.full(len(start), (bounds[1] - bounds[0]) // QUARTER, np.int64)
    part = (start - bounds[0]) // QUARTER
    sign, amount = (-1 if total < 0 else 1), np.full(len(start), abs(total), np.int64)
    shares: IntArray = sign * (share_floor(amount, part + 1, whole) - share_floor(amount, part, whole))
    return shares


def fees(start: IntArray, day: IntArray, tariff: Tariff, zone: str) -> IntArray:
    """Fixed fees, spread over their day, month or year."""
    money = np.zeros(len(start), np.int64)
    for per in ("day", "month", "year"):
        total = sum((fee.amount for fee in tariff.fees if fee.per == per), Decimal(0))
        if not total:
            continue
        for rows, bounds in _spans(start, day, per, zone, tariff.billing_day):
            money[rows] += spread(micro(total), start[rows], bounds)
    return money


def _spans(start: IntArray, day: IntArray, per: str, zone: str, billing_day: int) -> Sequence[tuple[slice, tuple[int, int]]]:
    """Slices of time-ordered rows, one for each day, month or year, with its bounds."""
    found: list[tuple[slice, tuple[int, int]]] = []
    place = 0
    while place < len(start):
        bounds = span(day_of(int(day[place])), per, zone, billing_day)
        end = int(np.searchsorted(start, bounds[1]))
        found.append((slice(place, end), bounds))
        place = end
    return found


class MonthDemand:
    """The demand charge of one local month under one version of a tariff. kw: what is paid for, None where not known."""

    __slots__ = ("amount", "end", "kw", "peak", "start", "tariff")

    def __init__(self, start: int, end: int, tariff: str, peak: Peak | None, kw: Decimal | None, amount: int) -> None:
        self.start, self.end, self.tariff, self.peak, self.kw, self.amount = start, end, tariff, peak, kw, amount


def demand(
    columns: Columns, local: Local, tariff: Tariff, zone: str, whole: Columns, whole_local: Local
) -> tuple[IntArray, list[MonthDemand]]:
    """The demand charge of each month, spread over it. columns: the rows under this version; whole: all rows, as a month's peak
    may lie where another version held."""
    money = np.zeros(len(columns), np.int64)
    charge, found = tariff.demand, []
    if charge is None:
        return money, []
    for rows, bounds in _spans(columns.start, local.day, "month", zone, tariff.billing_day):
        low, high = np.searchsorted(whole.start, bounds)
        inside = slice(int(low), int(high))
        month = Local(whole_local.day[inside], whole_local.minute[inside], whole_local.offset[inside])
        best = peak(whole.take(inside), month, charge.window, charge.sliding)
        kw = billed_kw(charge, best)
        amount = 0 if kw is None else micro(kw * charge.price)
        money[rows] += spread(amount, columns.start[rows], bounds)
        found.append(MonthDemand(*bounds, tariff.version, best, kw, amount))
    return money, found


def adjust(
    columns: Columns, reactive: FloatArray | None, day: IntArray, tariff: Tariff, money: IntArray, zone: str
) -> tuple[IntArray, list[float]]:
    """What the month's power factor adds to or takes off `money` (energy and demand); the factors found, month by month, from
    the quarter hours of which both energies are known (reactive: varh, NaN where not)."""
    change = np.zeros(len(columns), np.int64)
    clause, found = tariff.power_factor, []
    if clause is None or reactive is None:
        return change, []
    known = np.isfinite(reactive) & ~columns.open()
    for rows, _ in _spans(columns.start, day, "month", zone, tariff.billing_day):
        both = np.flatnonzero(known[rows]) + rows.start
        factor = power_factor(float(columns.value[both].sum()), float(reactive[both].sum()))
        if factor is None:
            continue
        found.append(factor)
        change[rows] = times(money[rows], Fraction(power_factor_share(clause, factor)))
    return change, found


def times(money: IntArray, share: Fraction) -> IntArray:
    """A share of each amount, halves up: integer arithmetic, |money| * numerator below 2^62."""
    top, bottom = 2 * share.numerator, 2 * share.denominator
    return np.asarray((money * top + share.denominator) // bottom)
