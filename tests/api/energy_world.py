"""Consumption of the small facility of the API tests: constant loads behind a real desk and real reports."""

from __future__ import annotations

from pathlib import Path

from steward.app.consumption.desk import Energy
from steward.app.consumption.energy_desk import Desk
from steward.app.consumption.service import Consumptions
from steward.app.consumption.yardsticks import Yardsticks
from steward.app.ledger.model import AskedQuestion, Closed, RegisterState, Restated
from steward.app.reports.shelf import Reporter, Shelf
from steward.config.derived import BuildingTable, Derived, SiteQuota
from tests.api.world import World
from tests.app.energy_world import FakeBooks

DERIVED = Derived(
    buildings={"block-a": BuildingTable(site="block-a", use="government_office", grade="B", climate="hot_summer_cold_winter")},
    quotas=(SiteQuota("block-a-2026", "block-a", "energy", "site", 9e8, 8e8, "", "set by the owner", 2026),),
)


class Books(FakeBooks):
    """Constant loads, and nothing beside them."""

    def registers(self) -> list[RegisterState]:
        return []

    def questions(self, point: str | None = None) -> list[AskedQuestion]:
        return []

    def revisions(self, point: str, start: int, end: int) -> list[Restated]:
        return []

    def closed(self, month: str) -> list[Closed]:
        return []


def consumption(world: World, folder: Path | None = None) -> Consumptions:
    """The desk and the reports of a small service."""
    books = Books(world.facility, until=world.now)
    energy = Energy(lambda: world.facility, lambda: DERIVED, books, lambda: world.now)
    yardsticks = Yardsticks(energy)
    shelf = Shelf(Reporter(energy, yardsticks, books), folder or Path("no-reports-here"))
    return Consumptions(Desk(energy, yardsticks), shelf)
