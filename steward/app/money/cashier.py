"""Money of the running service: what a register or a site costs, bills beside the ledger, cost borne by departments.

The ledger is asked for whole months (years, where a tariff counts blocks by them), so that a figure does not depend on where a
question begins. Every method blocks: call it in a thread. Money leaves as decimal text, so that no float rounds it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from api.mains import mains
from api.services_money import BillOrder
from metering import allocation as sharing
from metering import bills, rates
from metering.balance import graph_of, overlap
from metering.bills import Bill, BillLine
from metering.columns import Columns, align
from metering.cost import Basis, Priced, Worth, cost, costs, energy_only, margin, price, worth
from metering.factors import Factor, replaced
from metering.intervals import Period
from metering.seasons import heated, number
from metering.tariffs import Tariff, choose
from steward.app.ledger.model import Consumption
from steward.app.money import answers as answers
from steward.app.money.tables import (
    carrier_of,
    columns_of,
    factor_of,
    season_of,
    shipped_factors,
    tariff_of,
    wanted_of,
)
from steward.config.calendars import doubts
from steward.config.money import Money, weight
from steward.errors import NotFound, StewardError
from steward.model import Facility, FloatArray, Nature, Point, Site
from steward.records import Records
from steward.units import DAY

LONGEST = {
    "quarter": 35 * DAY,
    "hour": 100 * DAY,
    "day": 800 * DAY,
    "month": 4000 * DAY,
    "billing": 4000 * DAY,
    "year": 8000 * DAY,
}
"""The longest span that is answered by each period."""


class Consumptions(Protocol):
    """The part of the books that is asked (steward.app.ledger.model.Ledgers)."""

    def consumption(self, point: str, start: int, end: int, period: str = "quarter") -> Consumption: ...


def calendar_doubts(facility: Facility, now: int) -> list[str]:
    """What is doubtful about the calendars of a facility at a moment (ns)."""
    return doubts(facility.calendars.values(), answers.local_day(now, "UTC"))


@dataclass(frozen=True)
class _Tables:
    """The tables of one reading of the facility file, converted."""

    source: Money
    tariffs: tuple[Tariff, ...]
    factors: tuple[Factor, ...]


class Cashier:
    """Answers for `api.services_money.MoneyDesk`. ratios: of the transformers of a register, to explain bills."""

    def __init__(
        self,
        money: Callable[[], Money],
        facility: Callable[[], Facility],
        books: Callable[[], Consumptions | None],
        records: Records,
        clock: Callable[[], int],
        ratios: Callable[[str], Sequence[float]] = lambda point: (),
    ) -> None:
        self._money, self._facility, self._books = money, facility, books
        self._records, self._clock, self._ratios = records, clock, ratios
        self._held: _Tables | None = None

    # -- what holds

    def _tables(self) -> _Tables:
        source = self._money()
        if self._held is None or self._held.source is not source:
            own = [factor_of(table, True) for table in source.factors]
            tariffs = tuple(tariff_of(table) for table in source.tariffs)
            self._held = _Tables(source, tariffs, tuple(replaced(shipped_factors(), own)))
        return self._held

    def basis(self, carrier: str, site: str, point: str = "") -> Basis:
        """Under what a carrier is priced at a site."""
        tables, facility = self._tables(), self._facility()
        place = facility.sites.get(site)
        calendar = facility.calendars.get(place.calendar) if place else None
        zone = place.time_zone if place else "UTC"
        tariffs = choose(tables.tariffs, carrier, site, point)
        return Basis(carrier, zone, tariffs, tables.factors, wanted_of(tables.source.settings), calendar)

    def worth(self, carrier: str, amount: float, start: int, end: int, site: str, point: str = "") -> Worth:
        """The marginal price of an amount (canonical unit) in [start, end) at a site: money, kgCO2, kgce of what is avoided.

        In the first block where a tariff has blocks. Raises ValueError where end <= start.
        """
        return worth(amount, start, end, self.basis(carrier, site, point))

    def margin(self, carrier: str, columns: Columns, site: str, point: str = "") -> Worth:
        """As `worth`, of amounts by quarter hours. Raises ValueError where there are none."""
        return margin(columns, self.basis(carrier, site, point))

    def carrier(self, point: Point) -> str:
        """The carrier that a register counts, "" where it counts none that costs money."""
        return carrier_of(point, self._money().settings)

    def fuel(self) -> str:
        """The carrier of litres that no register counts."""
        return self._money().settings.fuel

    def heated(self, site: str, at: int) -> bool:
        """Whether a moment lies in the heating season of a site."""
        zone = self._site(site).time_zone
        day = np.array([number(answers.local_day(at, zone))], np.int64)
        return bool(heated(day, [season_of(table) for table in self._money().seasons], site)[0])

    def currency(self) -> str:
        """The currency of the tariffs; "" where there are none, or several currencies."""
        found = {one.currency for one in self._money().tariffs}
        return found.pop() if len(found) == 1 else ""

    def tariffs(self, at: int | None) -> list[dict[str, Any]]:
        """Every version of every tariff, or those in force."""
        today = None if at is None else answers.local_day(at, "UTC")
        return [
            answers.tariff(one) for one in self._tables().tariffs if today is None or one.valid_from <= today < one.valid_to
        ]

    def factors(self, at: int | None, carrier: str) -> list[dict[str, Any]]:
        """Every version of every factor; `used` says which is in use on the day."""
        tables, day = self._tables(), answers.local_day(self._clock() if at is None else at, "UTC")
        wanted = wanted_of(tables.source.settings)
        rows = [one for one in tables.factors if not carrier or one.carrier == carrier]
        return [answers.factor(one, tables.factors, wanted, day) for one in rows]

    def calendars(self, year: int | None) -> list[dict[str, Any]]:
        """The calendars with the days of a year (None: this year) and what is doubtful about them."""
        today = answers.local_day(self._clock(), "UTC")
        return [answers.calendar(one, doubts([one], today), year or today.year) for one in self._facility().calendars.values()]

    # -- cost

    def cost(self, point: str, start: int, end: int, period: str) -> dict[str, Any]:
        """The cost of a register by periods. Raises NotFound, StewardError."""
        register = self._register(point)
        priced, basis = self._priced(register, start, end, period)
        rows = costs(priced, basis.zone, period, _billing_day(basis))
        return answers.point_cost(register, basis, priced, rows, start, end, period)

    def billing_day(self, point: str) -> int:
        """The local day on which the billing period of a register begins, by its tariff; 1 where none says."""
        register = self._facility().points.get(point)
        if register is None:
            return 1
        return _billing_day(self.basis(carrier_of(register, self._money().settings), register.site, point))

    def site(self, site: str, start: int, end: int, period: str) -> dict[str, Any]:
        """The cost of a site's main registers by carrier. Raises NotFound, StewardError."""
        self._site(site)
        facility, settings = self._facility(), self._money().settings
        here = [point for point in facility.points.values() if point.site == site and point.nature is Nature.COUNTER]
        found = []
        for metric in sorted({point.metric for point in here if carrier_of(point, settings)}):
            for point in mains(facility, here, metric):
                found.append(self.cost(point.id, start, end, period))
        return answers.site_cost(site, found, start, end, period)

    def _priced(self, point: Point, start: int, end: int, period: str) -> tuple[Priced, Basis]:
        """Quarter hours of [start, end), priced with the months (years) that they lie in."""
        if end <= start:
            raise StewardError("end is not after start")
        if end - start > LONGEST[Period(period)]:
            raise StewardError(f"by {period}, at most {LONGEST[Period(period)] // DAY} days are answered at once")
        carrier = carrier_of(point, self._money().settings)
        if not carrier:
            raise StewardError(f"{point.id!r} counts {point.metric}: nothing that costs money by a tariff")
        basis = self.basis(carrier, point.site, point.id)
        first, last = _widened(basis, start, end)
        columns = self._columns(point.id, first, min(last, max(end, self._clock())))
        return price(columns, basis, self._reactive(point, columns, basis)).between(start, end), basis

    def priced(self, point: Point, start: int, end: int) -> Priced | None:
        """Quarter hours of a register as `cost` prices them; None for what is no register of the facility."""
        if self._facility().points.get(point.id) is not point or point.nature is not Nature.COUNTER or end <= start:
            return None
        return self._priced(point, start, end, "year")[0]

    def _columns(self, point: str, start: int, end: int) -> Columns:
        books = self._books()
        if books is None:
            raise StewardError("this service keeps no ledger")
        return columns_of(books.consumption(point, start, end, "quarter"))

    def reactive(self, point: Point, columns: Columns, basis: Basis) -> FloatArray | None:
        """varh on the quarter hours of a register of energy; see `_reactive`."""
        found: FloatArray | None = self._reactive(point, columns, basis)
        return found

    def _reactive(self, point: Point, columns: Columns, basis: Basis) -> Any:
        """varh on the same quarter hours, NaN where not known, from the register beside; None where the tariff does not ask or
        there is none."""
        if not len(columns) or not any(one.power_factor for one in basis.tariffs):
            return None
        for other in self._facility().points.values():
            beside = other.device == point.device and other.equip == point.equip and (point.device or point.equip)
            if other.metric == "reactive_energy" and beside:
                found = self._columns(other.id, int(columns.start[0]), int(columns.end[-1]))
                found = align(found, columns.start)
                return np.where(found.open(), np.nan, found.value)
        return None

    def _register(self, id: str) -> Point:
        point = self._facility().points.get(id)
        if point is None:
            raise NotFound("point", id)
        if point.nature is not Nature.COUNTER:
            raise StewardError(f"{id!r} is a {point.nature}, expected a register (nature counter)")
        return point

    def _site(self, id: str) -> Site:
        site = self._facility().sites.get(id)
        if site is None:
            raise NotFound("site", id)
        return site

    # -- bills

    def check_bill(self, order: BillOrder) -> dict[str, Any]:
        """A bill beside the ledger, on record with who entered it. Raises NotFound, StewardError."""
        register = self._register(order.point)
        carrier = carrier_of(register, self._money().settings)
        basis = self.basis(carrier, register.site, register.id)
        if not basis.tariffs:
            raise StewardError(f"no tariff for {carrier or register.metric} at {register.site!r}: nothing to check a bill with")
        if order.currency != basis.tariffs[0].currency:
            raise StewardError(f"the bill is in {order.currency}, the tariff in {basis.tariffs[0].currency}")
        if order.end - order.start > LONGEST["day"]:
            raise StewardError(f"a bill of more than {LONGEST['day'] // DAY} days")
        lines = tuple(BillLine(*line) for line in order.lines)
        bill = Bill(order.point, order.start, order.end, order.currency, lines, order.number)
        first, last = _widened(basis, order.start, order.end)
        last = min(max(last, order.end + bills.SHIFT), max(order.end, self._clock()))
        columns = self._columns(order.point, min(first, order.start - bills.SHIFT), last)
        others = [one for one in self._tables().tariffs if one.carrier == carrier and one.unit == basis.tariffs[0].unit]
        try:
            reactive = self._reactive(register, columns, basis)
            found = bills.check(bill, columns, basis, others, [*order.ratios, *self._ratios(order.point)], reactive)
        except ValueError as error:
            raise StewardError(str(error)) from None
        if found is None:
            raise StewardError("the ledger holds nothing of the time of this bill")
        answer = {"supplier": order.supplier, **answers.bill_check(bill, found, order.by, self._clock())}
        self._records.audit(order.by, "bill", "bill", answer, self._clock())
        return answer

    def bills(self, point: str, limit: int, before: int | None) -> dict[str, Any]:
        """Bills that were checked, newest first, of one register or all."""
        found: list[dict[str, Any]] = []
        while len(found) < limit:
            page = self._records.audit_log(subject="bill", limit=200, before=before)
            for entry in page:
                before = entry.id
                if not point or entry.detail.get("point") == point:
                    found.append({"supplier": "", "known": None, **entry.detail, "id": entry.id})
                    if len(found) == limit:
                        return {"bills": found, "before": before}
            if len(page) < 200:
                break
        return {"bills": found, "before": None}

    # -- allocation

    def allocations(self) -> list[dict[str, Any]]:
        """The allocations that are declared."""
        return [
            {
                "id": table.id,
                "name": table.name or {"": table.id},
                "point": table.point,
                "by": table.by,
                "residual": table.residual,
                "parties": [party.id for party in table.party],
            }
            for table in self._money().allocations
        ]

    def allocation(self, id: str, start: int, end: int) -> dict[str, Any]:
        """The cost of a register and who bears it. Raises NotFound, StewardError."""
        table = next((one for one in self._money().allocations if one.id == id), None)
        if table is None:
            raise NotFound("allocation", id)
        facility = self._facility()
        priced, basis = self._priced(self._register(table.point), start, end, "year")
        parties = []
        for row in table.party:
            metered, quantity = (None, 0.0) if table.by != "meter" else self._metered(row.points, basis, start, end)
            keys = {key: weight(facility, row, key) for key in ("area", "headcount", "key")}
            parties.append(sharing.Party(row.id, keys, metered, quantity))
        total = int(priced.money().sum())
        residual = "" if table.residual == "show" else table.residual
        try:
            found = sharing.allocate(total, parties, table.by, residual)
        except ValueError as error:
            raise StewardError(f"allocation {id!r}: {error}") from None
        ids = [id for row in table.party for id in row.points] if table.by == "meter" else []
        twice = overlap([graph_of(facility, self._register(table.point).metric)], ids)
        warnings = [*priced.warnings, *([f"{twice}: its cost is borne twice"] if twice else [])]
        return answers.allocation(table.id, table.point, table.by, found, warnings, basis, start, end)

    def _metered(self, points: Sequence[str], basis: Basis, start: int, end: int) -> tuple[int, float]:
        """Energy money at the prices of the whole (by the hour's price and the sub-meter's own blocks, with their tax, without
        demand and fees) and quantity of sub-meters."""
        money, quantity = 0, 0.0
        first = _widened(basis, start, end)[0]
        for id in points:
            found = cost(price(self._columns(self._register(id).id, first, end), energy_only(basis)).between(start, end))
            money += found.total if found else 0
            quantity += found.quantity if found else 0.0
        return money, quantity


def _billing_day(basis: Basis) -> int:
    return basis.tariffs[0].billing_day if basis.tariffs else 1


def _widened(basis: Basis, start: int, end: int) -> tuple[int, int]:
    """The span with the whole months of its tariffs, or years where blocks are counted by them."""
    zone, low, high = basis.zone, start, end
    first, last = answers.local_day(start, zone), answers.local_day(end - 1, zone)
    for tariff in basis.tariffs:
        if tariff.blocks and tariff.blocks_per == "year":
            low = min(low, rates.span(first, "year", zone)[0])
        if tariff.blocks or tariff.demand or tariff.power_factor:
            low = min(low, rates.span(first, "month", zone, tariff.billing_day)[0])
            high = max(high, rates.span(last, "month", zone, tariff.billing_day)[1])
    return low, high
