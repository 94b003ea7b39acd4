"""Consumption in the running service: books, money, store and records connected to the desk and the reports.

Invariants: what is not there yet (books, prices) is asked for when it is needed, and its absence is an answer (`NoLedger`), no
failure of the start. Only connections stand here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from api.energy import NoLedger
from api.services import Wording
from steward.app.consumption.desk import Energy
from steward.app.consumption.energy_desk import Desk, temperatures_of
from steward.app.consumption.pricing import Prices, Pricing
from steward.app.consumption.yardsticks import Yardsticks
from steward.app.ledger.model import AskedQuestion, Closed, Consumption, Ledgers, RegisterState, Restated
from steward.app.money.tables import carrier_of
from steward.app.reports.model import AlertLine
from steward.app.reports.shelf import Alerts, Reporter, Shelf, no_alerts
from steward.config import Settings
from steward.model import SEVERITIES, Facility, Point, PointIndex
from steward.records import AlertRecord, Records
from steward.store import Store

PAGE = 500
MOST_ALERTS = 20_000
"""Newest alerts that are looked through for a report."""


class LateBooks:
    """The books, once they are there; until then every question is answered by NoLedger."""

    def __init__(self, books: Callable[[], Ledgers | None]) -> None:
        self._books = books

    def _there(self) -> Ledgers:
        found = self._books()
        if found is None:
            raise NoLedger("this service keeps no books of consumption")
        return found

    def consumption(self, point: str, start: int, end: int, period: str = "quarter") -> Consumption:
        """See steward.app.ledger.model.Ledgers."""
        return self._there().consumption(point, start, end, period)

    def registers(self) -> list[RegisterState]:
        """See steward.app.ledger.model.Ledgers."""
        return self._there().registers()

    def questions(self, point: str | None = None) -> list[AskedQuestion]:
        """See steward.app.ledger.model.Ledgers."""
        return self._there().questions(point)

    def revisions(self, point: str, start: int, end: int) -> list[Restated]:
        """See steward.app.ledger.model.Ledgers."""
        return self._there().revisions(point, start, end)

    def closed(self, month: str) -> list[Closed]:
        """See steward.app.ledger.model.Ledgers."""
        return self._there().closed(month)


@dataclass(frozen=True)
class Consumptions:
    """What the API asks about consumption, and the reports."""

    desk: Desk
    shelf: Shelf
    books: Callable[[], Ledgers | None] = lambda: None

    async def write_report(self) -> None:
        """The nightly job; nothing to write where no books are kept."""
        if self.books() is not None:
            await self.shelf.write_when_due()


class Running(Protocol):
    """The service as far as it is used here (steward.app.service.Steward)."""

    @property
    def settings(self) -> Settings: ...
    @property
    def facility(self) -> Facility: ...
    @property
    def store(self) -> Store: ...
    @property
    def index(self) -> PointIndex: ...
    @property
    def records(self) -> Records: ...
    @property
    def clock(self) -> Callable[[], int]: ...
    @property
    def data(self) -> Path: ...


def consumptions(
    service: Running,
    books: Callable[[], Ledgers | None],
    prices: Prices | None = None,
    wording: Callable[[AlertRecord, Facility], Wording] | None = None,
) -> Consumptions:
    """The desk and the shelf of a service. wording: of the alerts that reports list, None to list none."""
    late = LateBooks(books)
    energy = Energy(lambda: service.facility, lambda: service.settings.derived, late, service.clock)
    if prices is not None:
        energy.money = Pricing(prices, lambda id: energy.scopes.point(id), lambda point: _carrier(service.settings, point))
    derived = service.settings.derived
    temperatures = temperatures_of(service.store, service.index, derived.energy.weather_file, service.data)
    yardsticks = Yardsticks(energy, temperatures)
    alerts = no_alerts if wording is None else alerts_of(service.records, lambda: service.facility, wording)
    shelf = Shelf(Reporter(energy, yardsticks, late, alerts), service.data / derived.report.path)
    return Consumptions(Desk(energy, yardsticks), shelf, books)


def _carrier(settings: Settings, point: Point) -> str:
    return carrier_of(point, settings.money.settings)


def alerts_of(
    records: Records, facility: Callable[[], Facility], wording: Callable[[AlertRecord, Facility], Wording]
) -> Alerts:
    """The alerts of a span as lines of a report, the most serious first, then the longest."""

    def alerts(start: int, end: int) -> Sequence[AlertLine]:
        found: list[AlertRecord] = []
        after: str | None = None
        seen = 0
        while seen < MOST_ALERTS:
            page = records.alerts(limit=PAGE, after=after)
            seen += len(page.alerts)
            found += [one for one in page.alerts if one.alert.fired is not None and _on(one, start, end)]
            after = page.after
            if after is None:
                break
        ordered = sorted(found, key=lambda one: (SEVERITIES.index(one.alert.severity), one.alert.since))
        return [_line(one, wording(one, facility())) for one in ordered]

    return alerts


def _on(record: AlertRecord, start: int, end: int) -> bool:
    resolved = record.alert.resolved
    return record.alert.since < end and (resolved is None or resolved >= start)


def _line(record: AlertRecord, words: Wording) -> AlertLine:
    alert = record.alert
    resolved = None if alert.resolved is None else alert.resolved // 1_000_000
    since = alert.since // 1_000_000
    return AlertLine(words.title, alert.target, alert.severity.value, since, resolved, record.human.value, record.cost)
