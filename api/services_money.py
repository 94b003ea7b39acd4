"""What the API needs of money (steward.app.money.cashier): plain values, times in epoch ms (api.schema_money). Arguments in ns.

Every method but `currency` blocks (ledger, records) and is called in a thread. Raises NotFound for what does not exist,
StewardError with a sentence for what cannot be answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from steward.errors import NotFound


@dataclass(frozen=True, slots=True)
class BillOrder:
    """A supplier's bill as it was entered. lines: (name, quantity, amount); ratios: of the meter's transformers."""

    point: str
    start: int
    end: int
    currency: str
    lines: Sequence[tuple[str, Decimal | None, Decimal | None]]
    number: str
    by: str
    ratios: Sequence[float] = ()
    supplier: str = ""


class MoneyDesk(Protocol):
    """Cost, carbon and standard coal as the API sees them."""

    def currency(self) -> str:
        """The currency of the tariffs; "" where there are none, or several currencies. Never blocks."""

    def tariffs(self, at: int | None) -> Sequence[Mapping[str, Any]]:
        """Every version of every tariff, or those in force at a moment."""

    def factors(self, at: int | None, carrier: str) -> Sequence[Mapping[str, Any]]:
        """Every version of every factor, with which of them is in use."""

    def calendars(self, year: int | None) -> Sequence[Mapping[str, Any]]:
        """The calendars with the days of a year (None: this year), until when holidays are known, and what is doubtful."""

    def cost(self, point: str, start: int, end: int, period: str) -> Mapping[str, Any]:
        """What a register's consumption costs, by periods."""

    def site(self, site: str, start: int, end: int, period: str) -> Mapping[str, Any]:
        """What a site costs, by carrier and main register."""

    def check_bill(self, order: BillOrder) -> Mapping[str, Any]:
        """Compares a bill with the ledger and puts both on record."""

    def bills(self, point: str, limit: int, before: int | None) -> Mapping[str, Any]:
        """Bills that were checked, newest first; `before`: id of the last one of the page before."""

    def allocations(self) -> Sequence[Mapping[str, Any]]:
        """The allocations that are declared."""

    def allocation(self, id: str, start: int, end: int) -> Mapping[str, Any]:
        """A cost and who bears it."""


class NoMoney:
    """The desk of a service that keeps no ledger."""

    def currency(self) -> str:
        """There is none."""
        return ""

    def tariffs(self, at: int | None) -> Sequence[Mapping[str, Any]]:
        """There are none."""
        return ()

    def factors(self, at: int | None, carrier: str) -> Sequence[Mapping[str, Any]]:
        """There are none."""
        return ()

    def calendars(self, year: int | None) -> Sequence[Mapping[str, Any]]:
        """There are none."""
        return ()

    def cost(self, point: str, start: int, end: int, period: str) -> Mapping[str, Any]:
        """There is no register."""
        raise NotFound("point", point)

    def site(self, site: str, start: int, end: int, period: str) -> Mapping[str, Any]:
        """There is no register."""
        raise NotFound("site", site)

    def check_bill(self, order: BillOrder) -> Mapping[str, Any]:
        """There is nothing to compare with."""
        raise NotFound("point", order.point)

    def bills(self, point: str, limit: int, before: int | None) -> Mapping[str, Any]:
        """There are none."""
        return {"bills": [], "before": None}

    def allocations(self) -> Sequence[Mapping[str, Any]]:
        """There are none."""
        return ()

    def allocation(self, id: str, start: int, end: int) -> Mapping[str, Any]:
        """There is none."""
        raise NotFound("allocation", id)
