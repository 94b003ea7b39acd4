"""Points that follow from models: what a meter should take (`<gauge>.expected`), the pace of a quota (`<site>.<metric>.pace`).

Invariants: derived points like those of registers: emitted to live values and rules, never stored; a model is fitted once, when
eight weeks are there, and stays as it is (its period is on record; one that is fitted again would learn what it should find);
what cannot be fitted or paced gives no sample, and the rules say that they have not enough data.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Protocol

import numpy as np
import structlog

from metering import baselines
from metering.baselines import Baseline, Form, Purpose, Refusal
from metering.degree_days import Weather
from metering.towt import Week
from steward.app.consumption.scopes import COMMODITIES
from steward.app.consumption.service import Consumptions
from steward.app.consumption.yardsticks import Yardsticks
from steward.app.jobs import Jobs
from steward.app.ledger.model import Consumption
from steward.app.money.tables import columns_of
from steward.config import Settings
from steward.config.derived import Derived
from steward.errors import StewardError
from steward.model import DERIVED, Batch, Calendar, Facility, Nature, Point, PointIndex, Text
from steward.records import Records
from steward.units import DAY, HOUR, MINUTE

log = structlog.get_logger()

EXPECTED, PACE = ".expected", ".pace"
METERED = ("meter", "switchboard", "transformer")
"""Equips whose load is modelled: what the rules for deviation look at; a meter without an equip is one too."""
STATE = "expected"
EVERY = 300.0
"""Seconds between two rounds: a sample for each quarter-hour."""
PACE_EVERY = 3600.0
LEAST, MOST = 56 * DAY, 365 * DAY
"""A model is fitted over at least and at most this."""
QUARTER = 15 * MINUTE
_SUNDAY = 6


class Ledger(Protocol):
    """The part of the books that is asked."""

    def consumption(self, point: str, start: int, end: int, period: str = "quarter") -> Consumption: ...


Emit = Callable[[Batch], Awaitable[None]]


def modelled(facility: Facility) -> dict[str, Point]:
    """The gauges of power that have an expected value: register id -> its gauge (the device's own, or the derived one)."""
    gauges: dict[str | tuple[str, str], Point] = {}
    for point in facility.points.values():
        if point.metric == "power" and point.nature is Nature.GAUGE and not point.id.endswith(EXPECTED):
            own = (point.device, point.equip)
            key: str | tuple[str, str] = point.id.removesuffix(".demand") if point.role == DERIVED else own
            gauges.setdefault(key, point)
    found = {}
    for point in facility.points.values():
        if point.metric != "energy" or point.nature is not Nature.COUNTER or not _is_meter(facility, point):
            continue
        gauge = gauges.get((point.device, point.equip)) if point.device else None
        gauge = gauge or gauges.get(point.id)
        if gauge is not None:
            found[point.id] = gauge
    return found


def _is_meter(facility: Facility, point: Point) -> bool:
    equip = facility.equips.get(point.equip)
    return equip.type in METERED if equip is not None else not point.equip


def paced(facility: Facility, derived: Derived) -> dict[str, tuple[str, str]]:
    """The points of quotas: id -> (site, metric), for every site that declares what it is and has a meter of the metric."""
    counted = {(point.site, point.metric) for point in facility.points.values() if point.nature is Nature.COUNTER}
    sites = [site for site in facility.sites if site in derived.buildings or any(one.site == site for one in derived.quotas)]
    return {f"{site}.{metric}{PACE}": (site, metric) for site in sites for metric in COMMODITIES if (site, metric) in counted}


def with_expected(facility: Facility, derived: Derived) -> Facility:
    """The facility with these points. An expected value belongs to no equip: rules for the equip's power do not take it."""
    made = {}
    for gauge in modelled(facility).values():
        id = gauge.id + EXPECTED
        made[id] = replace(
            gauge, id=id, name=_name(gauge.name, gauge.id, " expected", "预期值"), equip="", device="", role=DERIVED,
            category="", interval=QUARTER, low=-np.inf, high=np.inf, digits=None, register_unit="",
        )  # fmt: skip
    for id, (site, metric) in paced(facility, derived).items():
        name = _name(facility.sites[site].name, site, f" {metric} pace", f"{_METRICS[metric]}定额进度")
        made[id] = Point(id, name, "number", "1", Nature.GAUGE, site=site, role=DERIVED, interval=HOUR)
    fresh = {id: point for id, point in made.items() if id not in facility.points}
    return replace(facility, points={**facility.points, **fresh}) if fresh else facility


_METRICS = {"energy": "用电", "water": "用水", "gas": "用气", "heat": "用热", "fuel_used": "用油"}


def _name(base: Text, id: str, en: str, zh: str) -> Text:
    stem = {language: base.get(language) or base.get("") or id for language in ("en", "zh")}
    return {"": stem["en"] + en, "en": stem["en"] + en, "zh": stem["zh"] + zh}


def week_of(zone: str, calendar: Calendar | None) -> Week:
    """The local week of a site: holidays are like Sundays, make-up workdays like the day that they replace."""
    special = {} if calendar is None else {**dict.fromkeys(calendar.holidays, _SUNDAY), **calendar.workdays}
    return Week(zone, {(date.fromisoformat(day) - date(1970, 1, 1)).days: like for day, like in special.items()})


class Expectations:
    """Fits, keeps and applies the models of one service, and tells the pace of its quotas."""

    def __init__(
        self,
        facility: Callable[[], Facility],
        derived: Callable[[], Derived],
        ledger: Callable[[], Ledger],
        yardsticks: Yardsticks,
        records: Records,
        index: PointIndex,
        clock: Callable[[], int],
        emit: Emit,
    ) -> None:
        self._facility, self._derived, self._ledger, self._yardsticks = facility, derived, ledger, yardsticks
        self._records, self._index, self._clock, self._emit = records, index, clock, emit
        self.models: dict[str, Baseline] = {}
        self.refused: dict[str, str] = {}
        self._told = 0
        self._periods: dict[str, tuple[int, int]] | None = None

    async def fit(self) -> int:
        """Fits what has no model yet, and again, over their own periods, the models of before a start; how many there are."""
        facility, now = self._facility(), self._clock()
        periods = await self._known()
        by_site: dict[str, list[str]] = {}
        for register in modelled(facility):
            if register not in self.models:
                by_site.setdefault(facility.points[register].site, []).append(register)
        for site, registers in by_site.items():
            weather = await self._yardsticks.weather(site, now - MOST - DAY, now) if site in facility.sites else None
            if weather is None or not len(weather.degc):
                self.refused |= dict.fromkeys(registers, "no_weather")
                continue
            for register in registers:
                span = periods.get(register) or (now // DAY * DAY - MOST, now // DAY * DAY)
                made = await asyncio.to_thread(self._fit, facility, register, span, weather)
                if isinstance(made, Baseline):
                    self.models[register] = made
                    periods[register] = (made.start, made.end)
                    self.refused.pop(register, None)
                else:
                    self.refused[register] = made
        await asyncio.to_thread(self._records.save_state, STATE, json.dumps(periods).encode(), now)
        return len(self.models)

    async def _known(self) -> dict[str, tuple[int, int]]:
        if self._periods is None:
            saved = await asyncio.to_thread(self._records.load_state, STATE)
            self._periods = {name: (span[0], span[1]) for name, span in json.loads(saved).items()} if saved else {}
        return self._periods

    def _fit(self, facility: Facility, register: str, span: tuple[int, int], weather: Weather) -> Baseline | str:
        point = facility.points[register]
        site = facility.sites[point.site]
        try:
            hours = columns_of(self._ledger().consumption(register, *span, "hour"))
        except (StewardError, ValueError) as error:
            return str(error)
        known = np.flatnonzero(~hours.open())
        if not len(known) or hours.end[known[-1]] - hours.start[known[0]] < LEAST:
            return "too_short"
        used = baselines.Consumption(hours.start, hours.end, hours.value, hours.shapely(), point.unit)
        week = week_of(site.time_zone, facility.calendars.get(site.calendar))
        made = baselines.fit(used, weather, Form.TOWT, week, purpose=Purpose.MONITORING)
        return made.reason.value if isinstance(made, Refusal) else made

    async def run(self) -> None:
        """Tells what is expected of the quarter-hour that has ended, once."""
        at = self._clock() // QUARTER * QUARTER
        if at <= self._told or not (self.models or await self._known()):
            return
        if not self.models:
            await self.fit()
        facility = self._facility()
        gauges = modelled(facility)
        weather: dict[str, Weather] = {}
        numbers: list[int] = []
        values: list[float] = []
        for register, model in self.models.items():
            if register not in gauges:
                continue
            site = facility.points[register].site
            if site not in weather:
                weather[site] = _held(await self._yardsticks.weather(site, at - 3 * DAY, at + HOUR), at)
            value = expected(model, weather[site], at - 1)
            if np.isfinite(value):
                numbers.append(self._index.add(gauges[register].id + EXPECTED))
                values.append(max(0.0, value))
        self._told = at
        await self._tell(numbers, values, at)

    async def pace(self) -> None:
        """Tells the pace of every quota."""
        facility = self._facility()
        wanted = paced(facility, self._derived())
        numbers, values = [], []
        for site in dict.fromkeys(site for site, _ in wanted.values()):
            try:
                answer = await self._yardsticks.quota(site)
            except StewardError as error:  # the books are not there: told with the next round
                log.warning("quota_not_paced", site=site, error=str(error))
                continue
            for row in answer.rows:
                id = f"{site}.{row.metric}{PACE}"
                if id in wanted and row.pace is not None and row.pace.pace is not None:
                    numbers.append(self._index.add(id))
                    values.append(row.pace.pace)
        await self._tell(numbers, values, self._clock())

    async def _tell(self, numbers: Sequence[int], values: Sequence[float], at: int) -> None:
        if numbers:
            order = np.argsort(numbers, kind="stable")
            chosen = np.array(numbers)[order]
            first = np.flatnonzero(np.diff(chosen, prepend=-1))
            await self._emit(Batch.of(chosen[first], [at] * len(first), np.array(values)[order][first], received=self._clock()))


def expected(model: Baseline, weather: Weather, at: int) -> float:
    """W that a model of hours expects at a moment; NaN where it does not know the weather or the hour of the week."""
    hour = at // HOUR * HOUR
    start = np.array([hour], np.int64)
    one = baselines.Consumption(start, start + HOUR, np.zeros(1), np.ones(1, np.bool_))
    return float(model.predict(one, weather)[0])


def _held(weather: Weather, at: int) -> Weather:
    """Weather up to the hour of `at`: what is not known yet is as the last hour was, for at most three hours."""
    if not len(weather.degc):
        return weather
    missing = at // HOUR + 1 - (weather.first + len(weather.degc))
    return Weather(weather.first, np.append(weather.degc, np.full(missing, weather.degc[-1]))) if 0 < missing <= 3 else weather


class Running(Protocol):
    """The service as far as it is used here (steward.app.service.Steward)."""

    settings: Settings
    books: Any
    consumptions: Consumptions
    records: Records
    index: PointIndex
    clock: Callable[[], int]
    live: Any
    judge: Any

    @property
    def facility(self) -> Facility: ...


def expectations(service: Running) -> Expectations:
    """The models of a service."""

    async def emit(batch: Batch) -> None:
        service.live.update(batch)
        await service.judge.commit(batch, (), ())

    return Expectations(
        lambda: service.facility,
        lambda: service.settings.derived,
        lambda: service.books,
        service.consumptions.desk.yardsticks,
        service.records,
        service.index,
        service.clock,
        emit,
    )


def schedule_expected(jobs: Jobs, made: Expectations) -> None:
    """The jobs of the models."""

    async def fit() -> None:
        await made.fit()

    jobs.nightly("models", "00:55", fit)
    jobs.every("expected", EVERY, made.run)
    jobs.every("pace", PACE_EVERY, made.pace)
