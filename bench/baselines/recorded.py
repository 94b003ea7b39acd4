"""Recorded data as the columns of metering: OpenEEmeter samples, Victoria's demand, RMV2.0 buildings.

The folder is STEWARD_DATA, or `../shared/data` beside the checkout. Temperatures leave here in degC, times in ns.
"""

from __future__ import annotations

import csv
import gzip
import os
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from metering.baselines import Consumption
from metering.degree_days import Weather
from steward.model import FloatArray, IntArray
from steward.units import DAY, HOUR

DATA = Path(os.environ.get("STEWARD_DATA", Path(__file__).parents[2].parent / "shared" / "data"))

METERS: dict[str, tuple[str, float | None, float | None]] = {
    "il-electricity-cdd-hdd": ("il-electricity-cdd-hdd-tempF", 60.0, 65.0),
    "il-electricity-cdd-only": ("il-tempF", None, 65.0),
    "il-gas-hdd-only": ("il-tempF", 60.0, None),
    "il-gas-intercept-only": ("il-tempF", None, None),
}
"""Meter -> file of temperatures, generating heating and cooling balance points in degF (metadata.json)."""


def celsius(fahrenheit: float | None) -> float | None:
    """degC of degF, None of None."""
    return None if fahrenheit is None else (fahrenheit - 32) / 1.8


def nanoseconds(text: str) -> int:
    """ns of an ISO time with its offset."""
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()) * 1_000_000_000


def _rows(path: Path) -> list[list[str]]:
    with gzip.open(path, "rt") as file:
        return list(csv.reader(file))[1:]


@dataclass(frozen=True)
class Sample:
    """A meter before and after a measure, its weather, and the true balance points in degF."""

    before: Consumption
    after: Consumption
    weather: Weather
    heating: float | None
    cooling: float | None


def eemeter(meter: str, frequency: str = "daily") -> Sample:
    """An OpenEEmeter sample: a year before the measure of 2016-12-26, one after 2017-01-04 (bills: all whole ones)."""
    temperatures, heating, cooling = METERS[meter]
    rows = _rows(DATA / "eemeter" / f"{temperatures}.csv.gz")
    weather = Weather.of(
        np.array([nanoseconds(row[0]) for row in rows]), (np.array([float(row[1] or "nan") for row in rows]) - 32) / 1.8
    )
    rows = _rows(DATA / "eemeter" / f"{meter}-{frequency}.csv.gz")
    at, value = np.array([nanoseconds(row[0]) for row in rows]), np.array([float(row[1] or "nan") for row in rows])
    everything = Consumption(at[:-1], at[1:], value[:-1], np.ones(len(at) - 1, np.bool_), "kWh")
    stop, go = nanoseconds("2016-12-26T00:00:00-06:00"), nanoseconds("2017-01-04T00:00:00-06:00")
    if frequency.startswith("billing"):
        return Sample(everything.between(0, stop), everything.between(go, at[-1] + 1), weather, heating, cooling)
    return Sample(everything.between(stop - 366 * DAY, stop), everything.between(go, go + 365 * DAY), weather, heating, cooling)


@dataclass(frozen=True)
class Demand:
    """Hourly demand of the state of Victoria (Wh), 2012-2014, its weather, and the weekday holidays as local day numbers."""

    hours: Consumption
    weather: Weather
    holidays: frozenset[int]


def victoria() -> Demand:
    """vic_electricity, half hours averaged to hours."""
    rows = _rows(DATA / "bdg2" / "vic_electricity.csv.gz")
    at = np.array([nanoseconds(row[0]) for row in rows])
    hour = at // HOUR
    first, count = int(hour[0]), np.bincount(hour - hour[0])
    mean = np.bincount(hour - first, np.array([float(row[1]) for row in rows])) / count * 1e6
    start = (first + np.arange(len(count))) * HOUR
    days = {(date.fromisoformat(row[3]) - date(1970, 1, 1)).days for row in rows if row[4] == "TRUE"}
    return Demand(
        Consumption(start, start + HOUR, mean, np.ones(len(start), np.bool_)),
        Weather.of(at, np.array([float(row[2]) for row in rows])),
        frozenset(day for day in days if (day + 3) % 7 < 5),
    )


def rmv2(number: str, when: str) -> tuple[Consumption, Weather]:
    """A building of RMV2.0, hourly, "pre" or "post"; its hours are local and stamped at their end. Energy in kWh."""
    rows = _rows(DATA / "rmv2" / f"{when.capitalize()}_simu" / f"Data_{when}_{number}.csv.gz")
    at, value, degc = [], [], []
    for row in rows:
        if " " not in row[0]:  # the files end in a row of NA
            continue
        day, hour = row[0].split(" ")
        midnight = datetime.strptime(day, "%m/%d/%y").replace(tzinfo=UTC)
        at.append(int(midnight.timestamp()) * 1_000_000_000 + (int(hour[:2]) - 1) * HOUR)
        value.append(float(row[1]))
        degc.append(float(row[2]))
    order = np.argsort(at, kind="stable")
    start: IntArray = np.array(at)[order]
    once = np.r_[True, np.diff(start) >= HOUR]
    start = start[once]
    energy: FloatArray = np.array(value)[order][once]
    hours = Consumption(start, start + HOUR, energy, np.ones(len(start), np.bool_), "kWh")
    return hours, Weather.of(start, np.array(degc)[order][once])


def daily(hours: Consumption, first_hour: int = 0) -> Consumption:
    """Days of 24 hours of UTC (or of a clock without daylight saving); days that lack an hour are not eligible."""
    day = (hours.start - first_hour * HOUR) // DAY
    first = np.flatnonzero(np.r_[True, np.diff(day) > 0])
    count = np.diff(np.r_[first, len(day)])
    start = day[first] * DAY + first_hour * HOUR
    return Consumption(start, start + DAY, np.add.reduceat(hours.value, first), count == 24, hours.unit)
