"""Data that comes with `metering` (quotas, sub-metering categories), read once from the package; weather from a file.

The core is pure and reads no file: it is handed what stands here.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import tomli

from metering.degree_days import Weather
from metering.quota import Per, Quota, all_of
from steward.config.derived import Derived, SiteQuota
from steward.errors import StewardError
from steward.model import Text


@cache
def categories() -> Mapping[str, Text]:
    """The shipped sub-metering categories by code."""
    raw = tomli.loads(files("metering").joinpath("data", "categories.toml").read_text("utf-8"))
    return {str(row["code"]): row["name"] for row in raw["category"]}


@cache
def quotas() -> tuple[Quota, ...]:
    """The shipped quotas of all standards."""
    folder = files("metering").joinpath("data")
    names = sorted(one.name for one in folder.iterdir() if one.name.startswith("quota-") and one.name.endswith(".toml"))
    return tuple(all_of([tomli.loads(folder.joinpath(name).read_text("utf-8")) for name in names]))


def own_quotas(derived: Derived, site: str, year: int) -> list[Quota]:
    """The quotas that a facility declares for a site in a year."""
    return [_own(one) for one in derived.quotas if one.site == site and one.year in (None, year)]


def _own(one: SiteQuota) -> Quota:
    return Quota(one.id, one.metric, Per(one.per), one.limit, one.guide, one.standard, "", one.source)


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
