"""Amounts of a report in the units that people read (kWh, m3, L, GJ), and those of the standard table with their totals.

Invariants: conversion stands here and nowhere else; what is not known is None, never zero, and neither is a sum or ratio of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from steward.app.reports.model import SiteReport

SHOWN: dict[str, tuple[str, float]] = {
    "energy": ("kWh", 1e-3),
    "heat": ("GJ", 3.6e-6),
    "water": ("m3", 1.0),
    "gas": ("m3", 1.0),
    "fuel_used": ("L", 1e3),
}
"""metric -> unit in reports, and factor from the canonical one."""


def shown(value: float | None, metric: str) -> float | None:
    """A canonical value in the unit of reports."""
    return None if value is None else value * SHOWN[metric][1]


METRICS = ("energy", "water", "gas", "fuel_used", "heat")


def amounts(site: SiteReport, year: bool) -> list[float | None]:
    """Electricity, water, gas, fuel, heat, coal, area, people, vehicles."""
    figures = [site.figure(metric, year) for metric in METRICS]
    values = [None if one is None else shown(one.value, one.metric) for one in figures]
    coal = _whole([one.worth.coal for one in figures if one is not None and one.metric != "water"])
    return [*values, coal, site.area, site.people, site.vehicles]


def _whole(values: Sequence[float | None]) -> float | None:
    """The sum of all, None where one is not known: half a sum would look like a whole one."""
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def totals(rows: Sequence[Sequence[float | None]]) -> list[float | None]:
    """The sums of sites. A site may have no meter of a kind; but where one that uses energy has no coal, area or people, the
    sum is not known, and neither is what is divided by it."""
    found: list[float | None] = []
    for number in range(len(rows[0])):
        known = [row[number] for row in rows if row[number] is not None]
        needed = [row[number] for row in rows if any(row[metric] is not None for metric in _NEEDED.get(number, ()))]
        found.append(sum(value for value in known if value is not None) if known and None not in needed else None)
    return found


_USES = range(len(METRICS))
_COAL = len(METRICS)
_NEEDED = {_COAL: [number for number in _USES if METRICS[number] != "water"], _COAL + 1: _USES, _COAL + 2: _USES}
"""Column -> the amounts of which none may be there without it: coal, area, people."""


def ratios(row: Sequence[float | None]) -> list[float | None]:
    """The indicators of the standard table: by people, area and vehicles."""
    power, water, _, fuel, _, coal, area, people, vehicles = row
    return [
        over(coal, people), over(coal, area), over(power, area), over(power, people), over(water, people), over(fuel, vehicles),
    ]  # fmt: skip


def over(part: float | None, whole: float | None) -> float | None:
    """A ratio, None where one side is not known or there is nothing to divide by."""
    return part / whole if part is not None and whole else None
