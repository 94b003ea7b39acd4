"""`Desk`: the one thing that the API asks about consumption, made of adding up and of yardsticks; and outdoor temperature.

Invariants: only delegation and the choice of where weather comes from; what it answers is `api.energy`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from api.energy import (
    BalanceAnswer,
    By,
    Indicators,
    PeriodName,
    PerName,
    ProfileAnswer,
    QuotaAnswer,
    Ranking,
    Summary,
)
from metering.degree_days import Weather
from steward.app.consumption.desk import Energy
from steward.app.consumption.yardsticks import NO_WEATHER, Temperatures, Yardsticks
from steward.app.ledger.weather import weather_of_file
from steward.model import PointIndex
from steward.store import Store
from steward.units import HOUR


class Desk:
    """api.energy.EnergyDesk of a running service."""

    def __init__(self, energy: Energy, yardsticks: Yardsticks) -> None:
        self.energy, self.yardsticks = energy, yardsticks

    async def summary(self, by: By, start: int | None, end: int | None, period: PeriodName | None, under: str) -> Summary:
        """See api.energy.EnergyDesk."""
        return await self.energy.summary(by, start, end, period, under)

    async def profile(self, node: str, metric: str, start: int | None, end: int | None) -> ProfileAnswer:
        """See api.energy.EnergyDesk."""
        return await self.energy.profile(node, metric, start, end)

    async def balance(self, site: str, metric: str, start: int | None, end: int | None) -> BalanceAnswer:
        """See api.energy.EnergyDesk."""
        return await self.energy.balance(site, metric, start, end)

    async def indicators(self, site: str, metric: str, start: int | None, end: int | None) -> Indicators:
        """See api.energy.EnergyDesk."""
        return await self.yardsticks.indicators(site, metric, start, end)

    async def quota(self, site: str, year: int | None) -> QuotaAnswer:
        """See api.energy.EnergyDesk."""
        return await self.yardsticks.quota(site, year)

    async def ranking(self, metric: str, per: PerName, start: int | None, end: int | None) -> Ranking:
        """See api.energy.EnergyDesk."""
        return await self.yardsticks.ranking(metric, per, start, end)


def temperatures_of(store: Store, index: PointIndex, file: str, folder: Path) -> Temperatures:
    """Outdoor temperature: hourly means of a point from the store, or all of the declared file (read in a thread)."""

    async def temperatures(point: str, start: int, end: int) -> Weather:
        if not point:
            return await asyncio.to_thread(weather_of_file, folder / file) if file else NO_WEATHER
        number = index.get(point)
        if number is None:
            return NO_WEATHER
        found = await store.aggregate([number], start, end, HOUR)
        return Weather.of(found.start, found.mean)

    return temperatures
