"""Outdoor temperature from a file, for baselines and degree-days: the core is pure and reads none."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

import numpy as np

from metering.degree_days import Weather
from steward.errors import StewardError


def weather_of_file(path: Path) -> Weather:
    """Outdoor temperature from a CSV with columns `at` (ISO 8601 with zone) and `degc`. Raises StewardError naming the line."""
    times, values = [], []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), 2):
                try:
                    moment = datetime.fromisoformat(row["at"])
                    if moment.tzinfo is None:
                        raise ValueError("no time zone")
                    times.append(round(moment.timestamp()) * 1_000_000_000)
                    values.append(float(row["degc"]))
                except (KeyError, TypeError, ValueError) as error:
                    raise StewardError(
                        f"{path.name}:{number}: {error}, expected columns at (ISO 8601 with zone), degc"
                    ) from None
    except OSError as error:
        raise StewardError(f"weather file: {error}") from None
    return Weather.of(np.array(times, np.int64), np.array(values, np.float64))
