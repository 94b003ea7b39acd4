"""Tariffs, factors and columns that the money tests share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np

from metering.columns import Columns
from metering.cost import Basis
from metering.factors import Factor, Measure, Wanted
from metering.intervals import QUARTER, Flag
from metering.seasons import DayType, Span
from metering.tariffs import Tariff, TariffPeriod
from steward.model import Calendar, FloatArray, IntArray
from steward.units import SECOND

SHANGHAI = "Asia/Shanghai"
BERLIN = "Europe/Berlin"


def ns(text: str) -> int:
    """A moment from ISO 8601 with zone."""
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp()) * SECOND


def quarters(start: str, end: str, power: Callable[[IntArray], FloatArray] | float = 1000.0, **more: Any) -> Columns:
    """Quarter hours of energy (Wh) of a constant or computed power (W), fit to carry a peak."""
    starts = np.arange(ns(start), ns(end), QUARTER, dtype=np.int64)
    watts = power(starts) if callable(power) else np.full(len(starts), float(power))
    flags = more.pop("flags", np.full(len(starts), Flag.PEAK_ELIGIBLE))
    return Columns.of(starts, starts + QUARTER, watts / 4, flags=flags, **more)


def tariff(**more: Any) -> Tariff:
    """A time-of-use tariff in CNY per kWh: peak 9-11 and 15-17 on workdays, sharp there in July and August, valley 22-8."""
    holds: dict[str, Any] = {
        "id": "tou",
        "carrier": "electricity",
        "currency": "CNY",
        "unit": "kWh",
        "scale": 1000.0,
        "prices": {
            "sharp": Decimal("1.2"),
            "peak": Decimal("1.0"),
            "flat": Decimal("0.7"),
            "valley": Decimal("0.3"),
            "deep_valley": Decimal("0.2"),
        },
        "periods": (
            TariffPeriod("deep_valley", ((660, 840),), frozenset({DayType.HOLIDAY})),
            TariffPeriod("sharp", ((540, 660), (900, 1020)), frozenset({DayType.WORKDAY}), (Span((7, 1), (8, 31)),)),
            TariffPeriod("peak", ((540, 660), (900, 1020)), frozenset({DayType.WORKDAY})),
            TariffPeriod("valley", ((0, 480), (1320, 1440))),
        ),
    }
    return Tariff(**(holds | more))


def factor(id: str = "coal", **more: Any) -> Factor:
    """A factor of electricity per kWh."""
    holds: dict[str, Any] = {
        "carrier": "electricity",
        "measure": Measure.COAL,
        "kind": "calorific",
        "value": Decimal("0.1229"),
        "per": "kWh",
        "scale": 1000.0,
    }
    return Factor(id=id, **(holds | more))


def basis(*tariffs: Tariff, zone: str = SHANGHAI, calendar: Calendar | None = None, **more: Any) -> Basis:
    """What to price under."""
    return Basis("electricity", zone, tariffs, calendar=calendar, wanted=more.pop("wanted", Wanted()), **more)


OFFICE = Calendar("office", holidays=frozenset({"2026-10-01"}), workdays={"2026-10-10": 2})
NEW_YEAR = date(2026, 1, 1)
