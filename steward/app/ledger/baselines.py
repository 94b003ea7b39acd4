"""Baselines and savings of registers: fitted from given-out days and the weather of a point, on record with their accuracy.

Invariants: only days that are wholly measured and settled enter a fit; what was fitted (period, model, figures) or why it was
refused is a row; an accepted baseline keeps its period, so that a saving is always against the same past.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from metering import baselines
from metering.baselines import Baseline, Form, Purpose, Refusal
from metering.changepoint import ChangePoint
from metering.degree_days import Weather
from metering.intervals import Flag, to_periods
from metering.savings import Savings, avoided
from metering.towt import Week
from steward.app.ledger.core import Core
from steward.app.ledger.figures import Figures, amounts
from steward.app.ledger.restate import Fetch
from steward.app.ledger.weather import weather_of_file
from steward.errors import StewardError
from steward.model import Facility, Quality
from steward.units import DAY

YEAR = 365 * DAY
LEAST = 26 * 7 * DAY
_UNSURE = Flag.SPREAD | Flag.MISSING | Flag.HELD | Flag.UNRESOLVED | Flag.ABOVE_LIMIT | Flag.PROVISIONAL


def weather_point(facility: Facility, wanted: str = "") -> str:
    """The point of the outdoor temperature: the one named, else that of a weather station; "" if there is none."""
    if wanted:
        return wanted
    stations = {equip.id for equip in facility.equips.values() if equip.type == "weather_station"}
    found = [point.id for point in facility.points.values() if point.metric == "temperature" and point.equip in stations]
    return min(found, default="")


class Baselines:
    """Fits and keeps baselines; used under the lock of the books."""

    def __init__(self, core: Core, figures: Figures, fetch: Fetch) -> None:
        self._core, self._figures, self._fetch = core, figures, fetch
        self.weather_point = ""
        self.weather_file: Path | None = None
        """Where the temperature comes from: a file if there is one, else a point."""
        self._made: dict[str, Baseline | Refusal] = {}

    def weather(self, start: int, end: int) -> Weather:
        """Hourly temperature of [start, end)."""
        if self.weather_file is not None:
            return weather_of_file(self.weather_file)
        if not self.weather_point:
            raise StewardError(
                "no outdoor temperature: no temperature at a weather_station, ledger.weather and energy.weather_file are empty"
            )
        found = self._fetch([self.weather_point], start, end)[self.weather_point]
        found = found.take(found.quality < Quality.BAD)
        return Weather.of(found.at, found.value)

    @property
    def knows_weather(self) -> bool:
        """Whether there is an outdoor temperature."""
        return self.weather_file is not None or bool(self.weather_point)

    def candidates(self, names: Sequence[str]) -> list[str]:
        """Those of some registers that have half a year settled and no accepted baseline."""
        found = []
        for name in names:
            slot = self._core.shelf.slots.get(name)
            settled = 0 if slot is None else int(self._core.shelf.rows["settled"][slot])
            if settled <= 0 or not self._figures.cells(name, settled - LEAST, settled - LEAST + DAY).known.any():
                continue
            known = self._core.records.latest("baseline", name)
            if known is None or known["content"]["refused"]:
                found.append(name)
        return found

    def fit_settled(self, point: str, weather: Weather, now: int) -> Baseline | Refusal | None:
        """Fits the settled year of a register; None when it is gone."""
        slot = self._core.shelf.slots.get(point)
        if slot is None:
            return None
        settled = int(self._core.shelf.rows["settled"][slot])
        return self.fit(point, settled - YEAR, settled, weather, now)

    def fit(self, point: str, start: int, end: int, weather: Weather, now: int, who: str = "") -> Baseline | Refusal:
        """Fits the days of [start, end) and puts the result on record."""
        made = self._fit(point, start, end, weather)
        self._core.decisions.add(point, "baseline", start, describe(made, start, end), who, now)
        self._made[point] = made
        return made

    def _fit(self, point: str, start: int, end: int, weather: Weather) -> Baseline | Refusal:
        days = self._days(point, start, end)
        week = Week(self._figures.register(point).zone, {})
        return baselines.fit(days, weather, Form.CHANGE_POINT, week, purpose=Purpose.SAVINGS)

    def _days(self, point: str, start: int, end: int) -> baselines.Consumption:
        register = self._figures.register(point)
        found = self._figures.intervals(point, start, end)
        sums = to_periods(found, register.zone, "day")
        sure = ((sums.flags & np.uint16(_UNSURE)) == 0) & (sums.count >= 92)
        return baselines.Consumption(sums.start, sums.end, amounts(register, found, sums), sure, register.unit)

    def span(self, point: str) -> tuple[int, int] | None:
        """The span of weather that `baseline` needs, None where it needs none."""
        self._figures.slot(point)
        row = None if point in self._made else self._core.records.latest("baseline", point)
        return None if row is None else (int(row["content"]["start"]) - DAY, int(row["content"]["end"]))

    def baseline(self, point: str, weather: Weather | None) -> Baseline | Refusal | None:
        """The baseline on record, fitted again from its period where this process has not yet."""
        if point not in self._made and weather is not None:
            row = self._core.records.latest("baseline", point)
            if row is not None:
                self._made[point] = self._fit(point, int(row["content"]["start"]), int(row["content"]["end"]), weather)
        return self._made.get(point)

    def savings(self, point: str, made: Baseline, weather: Weather, start: int, end: int) -> Savings | Refusal:
        """What was saved in [start, end) against a baseline."""
        return avoided(made, self._days(point, start, end), weather)


def describe(made: Baseline | Refusal, start: int, end: int) -> dict[str, Any]:
    """A baseline, or its refusal, as plain values for the records and the API."""
    shown = made if isinstance(made, Baseline) else made.baseline
    row: dict[str, Any] = {"start": start, "end": end, "refused": "", "value": None, "limit": None}
    if isinstance(made, Refusal):
        row |= {"refused": made.reason.value, "value": _finite(made.value), "limit": _finite(made.limit)}
    if shown is not None:
        model: Mapping[str, Any] = {}
        if isinstance(shown.model, ChangePoint):
            names = ("base", "heating", "heating_balance", "cooling", "cooling_balance")
            model = {name: _finite(getattr(shown.model, name)) for name in names}
        accuracy = shown.daily
        figures = {"cv": accuracy.cv, "nmbe": accuracy.nmbe, "r2": accuracy.r2, "n": accuracy.n}
        row |= {"form": shown.form.value, "model": model, "cautions": [one.value for one in shown.cautions]}
        row |= {name: _finite(value) for name, value in figures.items()}
    return row


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
