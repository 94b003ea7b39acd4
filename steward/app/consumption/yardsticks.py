"""Yardsticks of a site: indicators with comparisons, quotas with pace and forecast, ranking of like with like.

Invariants: as in `steward.app.consumption.desk`, on which it stands; outdoor temperature comes from the point or file that the
facility names, and what it does not know is said, not filled in; forecasts are seeded by site and year, so they repeat.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from zlib import crc32
from zoneinfo import ZoneInfo

import numpy as np

from api.energy import (
    ComparisonAnswer,
    ForecastAnswer,
    Indicator,
    Indicators,
    PaceAnswer,
    PeakAnswer,
    PerName,
    QuotaAnswer,
    QuotaRow,
    Ranking,
    RankRow,
)
from metering import indicators as indicating
from metering import quota as quotas
from metering import ranking as ranks
from metering.columns import Columns, quality, sum_periods
from metering.degree_days import COOLING_BASE, HEATING_BASE, Side, Weather, degree_days
from metering.indicators import Comparison, Said
from metering.intervals import Period, utc_offsets
from metering.quota import Days, Quota
from metering.seasons import unknown_days
from steward.app.consumption import data as energy_data
from steward.app.consumption.desk import Energy
from steward.app.consumption.figures import mark_of, moment, ms
from steward.app.consumption.scopes import COMMODITIES, Reader, Scopes, unit_of
from steward.config.derived import BuildingTable
from steward.errors import NotFound
from steward.model import IntArray
from steward.units import DAY, SECOND

Temperatures = Callable[[str, int, int], Awaitable[Weather]]
"""Outdoor temperature from a point (id; "" for the facility's file) in [start, end) ns."""
NO_WEATHER = Weather(0, np.zeros(0))


async def no_temperatures(point: str, start: int, end: int) -> Weather:
    """Where no weather is known."""
    return NO_WEATHER


@dataclass(frozen=True, slots=True)
class About:
    """What is declared of a site. people: energy users; area in m2; None where not declared."""

    area: float | None
    people: int | None
    use: str
    grade: str
    climate: str


class Yardsticks:
    """Indicators, quotas and rankings; `energy` adds up, `temperatures` gives the weather."""

    def __init__(self, energy: Energy, temperatures: Temperatures = no_temperatures) -> None:
        self.energy, self.temperatures = energy, temperatures

    def about(self, scopes: Scopes, site: str) -> About:
        """What is declared of a site. Raises NotFound."""
        if site not in scopes.facility.sites:
            raise NotFound("site", site)
        place = scopes.facility.sites[site]
        table = scopes.derived.buildings.get(site) or BuildingTable(site=site)
        people = table.people if table.people is not None else place.headcount
        return About(place.area_m2, people, table.use, table.grade, table.climate)

    async def weather(self, site: str, start: int, end: int) -> Weather:
        """Outdoor temperature for a site: its own point, the facility's, the only weather station's, or the file's."""
        scopes = self.energy.scopes
        table = scopes.derived.buildings.get(site)
        energy = scopes.derived.energy
        if table is None or not table.weather:
            if energy.weather_file:
                return await self.temperatures("", start, end)
            point = energy.weather or scopes.weather_station
        else:
            point = table.weather
        return await self.temperatures(point, start, end) if point else NO_WEATHER

    # -- indicators

    async def indicators(
        self, site: str, metric: str = "energy", start: int | None = None, end: int | None = None
    ) -> Indicators:
        """See api.energy.EnergyDesk."""
        self._known(site, metric)
        since, until = self.energy.span(start, end, self.energy.zone(site))
        weather = await self.weather(site, since, until)
        return await asyncio.to_thread(self._indicators, site, metric, since, until, weather)

    def _known(self, site: str, metric: str) -> None:
        if site not in self.energy.scopes.facility.sites:
            raise NotFound("site", site)
        if metric not in COMMODITIES:
            raise ValueError(f"metric {metric!r}, expected one of {', '.join(COMMODITIES)}")

    def _columns(self, site: str, metric: str, start: int, end: int) -> tuple[Columns, tuple[str, ...]]:
        scopes = self.energy.scopes
        node = scopes.node(f"site:{site}")
        reader = Reader(scopes, self.energy.books, start, end)
        chosen = scopes.chosen(node, metric)
        return self.energy.columns(node, metric, reader, chosen), chosen.points

    def _indicators(self, site: str, metric: str, start: int, end: int, weather: Weather) -> Indicators:
        zone = self.energy.zone(site)
        about = self.about(self.energy.scopes, site)
        columns, registers = self._columns(site, metric, start, end)
        load = indicating.load(columns, zone, self.energy.working(site))
        heating, cooling = (_degree_days(weather, base, side, start, end) for base, side in SIDES)
        whole = load.quality
        if heating is None or cooling is None:
            by_weather = Said(None, "no_weather")
        else:
            by_weather = indicating.per(load.total, heating + cooling, "no_degree_days", whole)
        before, last = previous(start, end, zone), a_year_before(start, end, zone)
        return Indicators(
            site,
            metric,
            unit_of(metric),
            ms(start),
            ms(end),
            about.area,
            about.people,
            load.total,
            mark_of(whole),
            list(registers),
            _said(indicating.per(load.total, about.area, "no_area", whole)),
            _said(indicating.per(load.total, about.people, "no_people", whole)),
            _said(by_weather),
            heating,
            cooling,
            PeakAnswer(
                load.peak.value, None if load.peak.at is None else ms(load.peak.at), load.peak.reason, load.peak.eligible
            ),
            _said(load.load_factor),
            _said(load.baseload),
            _said(load.baseload_share),
            _said(load.night_share),
            self._of_free_days(site, load.weekend_share, columns, zone),
            self._compared(site, metric, columns, before),
            self._compared(site, metric, columns, last),
        )

    def _of_free_days(self, site: str, share: Said, columns: Columns, zone: str) -> Indicator:
        """The share of free days; where holidays of the time are not announced, with the share of days that this concerns."""
        days = np.unique((columns.start + utc_offsets(columns.start, zone)) // DAY)
        unknown = unknown_days(days, self.energy.calendar(site))
        detail = {**(share.detail or {}), "unannounced": float(unknown.mean())} if unknown.any() else share.detail
        return _said(replace(share, detail=detail))

    def _compared(self, site: str, metric: str, columns: Columns, span: tuple[int, int]) -> ComparisonAnswer:
        found: Comparison = indicating.compare(columns, self._columns(site, metric, *span)[0])
        return ComparisonAnswer(ms(span[0]), ms(span[1]), found.other, found.difference, found.change, found.reason)

    # -- quotas

    async def quota(self, site: str, year: int | None = None, until: int | None = None) -> QuotaAnswer:
        """See api.energy.EnergyDesk. until: as it stood at this moment (ns), by default as it stands now."""
        self._known(site, "energy")
        zone = self.energy.zone(site)
        now = self.energy.clock() if until is None else until
        local = datetime.fromtimestamp(now // SECOND, UTC).astimezone(ZoneInfo(zone)).date()
        year = local.year if year is None else year
        if not 2000 <= year <= local.year:
            raise ValueError(f"year {year}, expected 2000 to {local.year}")
        first, end = date(year, 1, 1), date(year + 1, 1, 1)
        today = min(local, end)
        weather = await self.weather(site, moment(date(year - 1, 1, 1), zone), moment(today, zone))
        return await asyncio.to_thread(self._quota, site, (first, today, end), weather)

    def _quota(self, site: str, dates: tuple[date, date, date], weather: Weather) -> QuotaAnswer:
        scopes = self.energy.scopes
        about = self.about(scopes, site)
        year = dates[0].year
        own = energy_data.own_quotas(scopes.derived, site, year)
        named = {one.metric for one in own}
        shipped = energy_data.quotas() if scopes.derived.energy.quotas else ()
        for metric in COMMODITIES:
            found = quotas.pick(shipped, metric, about.use, about.grade, about.climate, year) if about.use else None
            if found is not None and metric not in named:
                own.append(found)
        node = scopes.node(f"site:{site}")
        rows = [self._row(site, one, about, dates, weather) for one in own if scopes.chosen(node, one.metric).meters]
        return QuotaAnswer(site, year, ms(moment(dates[1], self.energy.zone(site))), rows)

    def _row(self, site: str, quota: Quota, about: About, dates: tuple[date, date, date], weather: Weather) -> QuotaRow:
        zone = self.energy.zone(site)
        first, today = dates[:2]
        start = moment(date(first.year - 1, 1, 1), zone)
        columns, registers = self._columns(site, quota.metric, start, max(moment(today, zone), start + DAY))
        days = days_of(columns, zone, weather)
        begun, at, done = ((one - date(1970, 1, 1)).days for one in dates)
        amount = quotas.amount(quota, about.area, about.people)
        forecast = quotas.forecast(days, begun, at, done, seed=crc32(f"{site}/{quota.metric}/{first.year}".encode()))
        so_far = columns.take(columns.start >= moment(first, zone))
        pace = quotas.pace(days, begun, at, done, amount.limit) if amount.limit and today > first else None
        return QuotaRow(
            quota.id,
            quota.metric,
            unit_of(quota.metric),
            quota.per.value,
            quota.limit,
            quota.guide,
            amount.limit,
            amount.guide,
            amount.reason,
            quota.standard,
            quota.clause,
            quota.source,
            so_far.total(),
            mark_of(quality(so_far)),
            list(registers),
            ForecastAnswer(forecast.value, forecast.low, forecast.high, forecast.basis.value, forecast.days, forecast.known),
            None if pace is None else PaceAnswer(pace.consumed, pace.expected, pace.pace, pace.shape),
            quotas.outlook(forecast, amount),
        )

    # -- ranking

    async def ranking(
        self, metric: str = "energy", per: PerName = "m2", start: int | None = None, end: int | None = None
    ) -> Ranking:
        """See api.energy.EnergyDesk."""
        if metric not in COMMODITIES:
            raise ValueError(f"metric {metric!r}, expected one of {', '.join(COMMODITIES)}")
        if per not in ("m2", "person"):
            raise ValueError(f"per {per!r}, expected m2 or person")
        return await asyncio.to_thread(self.ranking_now, metric, per, start, end)

    def ranking_now(self, metric: str, per: PerName, start: int | None, end: int | None) -> Ranking:
        """As `ranking`; blocks."""
        scopes = self.energy.scopes
        since, until = self.energy.span(start, end, self.energy.zone())
        least = scopes.derived.energy.least_peers
        buildings = [self._building(scopes, site, metric, per, since, until) for site in scopes.facility.sites]
        sites = scopes.facility.sites
        rows = [
            RankRow(one.id, sites[one.id].name, *one.group, one.value, one.rank, one.of, one.percentile, one.median, one.reason)
            for one in ranks.rank(buildings, least)
        ]
        return Ranking(ms(since), ms(until), metric, unit_of(metric), per, least, rows)

    def _building(self, scopes: Scopes, site: str, metric: str, per: PerName, start: int, end: int) -> ranks.Building:
        about = self.about(scopes, site)
        blank = ranks.Building(site, about.use, about.climate, about.area, None)
        if not scopes.chosen(scopes.node(f"site:{site}"), metric).meters:
            return replace(blank, reason="no_data")
        columns, _ = self._columns(site, metric, start, end)
        by, why = (about.area, "no_area") if per == "m2" else (about.people, "no_people")
        found = indicating.per(columns.total(), by, why, quality(columns))
        return replace(blank, value=found.value, reason=found.reason)


SIDES = ((HEATING_BASE, Side.HEATING), (COOLING_BASE, Side.COOLING))


def _degree_days(weather: Weather, base: float, side: Side, start: int, end: int) -> float | None:
    if not len(weather.degc):
        return None
    found = float(degree_days(weather, base, side, np.array([start]), np.array([end]))[0])
    return found if np.isfinite(found) else None


def _said(found: Said) -> Indicator:
    return Indicator(found.value, found.reason, dict(found.detail or {}))


def days_of(columns: Columns, zone: str, weather: Weather) -> Days:
    """Local days of quarter-hour columns, with the degree-days of each where the weather is known."""
    by = sum_periods(columns, zone, Period.DAY)
    local: IntArray = (by.start + utc_offsets(by.start, zone)) // DAY
    excess = None
    if len(weather.degc):
        excess = np.stack([degree_days(weather, base, side, by.start, by.end) for base, side in SIDES])
    return Days(local, by.value, ~by.open() & ~by.estimated(), excess)


def previous(start: int, end: int, zone: str) -> tuple[int, int]:
    """The period before: a whole local month has the month before, anything else the same length before."""
    first = datetime.fromtimestamp(start // SECOND, UTC).astimezone(ZoneInfo(zone))
    month = date(first.year, first.month, 1)
    following = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    if moment(month, zone) == start and moment(following, zone) == end:
        before = date(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1)
        return moment(before, zone), start
    return start - (end - start), start


def a_year_before(start: int, end: int, zone: str) -> tuple[int, int]:
    """The same local dates and times a year before; 29 February becomes 1 March."""

    def back(at: int) -> int:
        local = datetime.fromtimestamp(at // SECOND, UTC).astimezone(ZoneInfo(zone))
        leap = local.month == 2 and local.day == 29
        moved = local.replace(year=local.year - 1, month=3, day=1) if leap else local.replace(year=local.year - 1)
        return int(moved.timestamp()) * SECOND

    return back(start), back(end)
