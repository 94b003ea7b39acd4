"""Emission and standard-coal factors as versioned data: which one holds for a carrier, a region and a day, and what changed.

Nothing is hard-coded: a factor says its value, unit, kind, standard, clause, source and validity; an operator's factor goes
before a shipped one. A result names the factors that it used: replacing one restates what rested on it and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

import numpy as np

from metering.seasons import day_of, number
from steward.model import FloatArray, IntArray


class Measure(StrEnum):
    """What a factor converts into."""

    CO2 = "co2"
    """kgCO2"""
    COAL = "coal"
    """kgce: kilograms of standard coal."""


KINDS: Mapping[Measure, tuple[str, ...]] = {
    Measure.CO2: ("location", "market"),
    Measure.COAL: ("calorific", "equivalent"),
}
"""location-based or market-based; 当量值 (calorific) or 等价值 (equivalent). The first is the default."""


@dataclass(frozen=True)
class Factor:
    """One version of a factor. value: per `per` (kWh, m3, GJ, kg); scale: canonical units of the carrier in one `per`, before
    `density` (kg per litre) turns a mass into a volume; mark: how well its source is known; preferred: taken where several
    sources disagree; own: given by the operator."""

    id: str
    carrier: str
    measure: Measure
    kind: str
    value: Decimal
    per: str
    scale: float
    region: str = ""
    standard: str = ""
    clause: str = ""
    source: str = ""
    mark: str = ""
    valid_from: date = date.min
    valid_to: date = date.max
    density: Decimal | None = None
    preferred: bool = True
    own: bool = False

    @property
    def version(self) -> str:
        """`id=value`, with the density where it counts: changes whenever a result would."""
        return f"{self.id}={self.value}" + (f"x{self.density}" if self.density else "")

    @property
    def of_canonical(self) -> float:
        """Kilograms per canonical unit (Wh, m3)."""
        mass = 1.0 if self.density is None else float(self.density) * 1000.0  # kg in a cubic metre
        return float(self.value) / self.scale * mass


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which factors an institution uses: its region (most specific first match), the kinds, and ids that go before all."""

    region: str = ""
    kinds: Mapping[Measure, str] = field(default_factory=dict)
    ids: frozenset[str] = frozenset()

    def kind(self, measure: Measure) -> str:
        """The kind of factor in use for a measure: as wanted, else the first of KINDS (location-based, calorific)."""
        return self.kinds.get(measure) or KINDS[measure][0]


def candidates(factors: Sequence[Factor], carrier: str, measure: Measure, wanted: Wanted) -> list[Factor]:
    """The factors that may hold, best first: named ids, the operator's, the closest region, the preferred, the latest."""
    kind = wanted.kind(measure)
    fits = [
        one
        for one in factors
        if one.carrier == carrier
        and one.measure is measure
        and one.kind == kind
        and _covers(one.region, wanted.region)
        and (one.preferred or one.own or one.id in wanted.ids)
    ]
    fits.sort(key=lambda one: (one.id in wanted.ids, one.own, len(one.region), one.valid_from, one.id), reverse=True)
    return fits


def _covers(region: str, wanted: str) -> bool:
    return not region or wanted == region or wanted.startswith(region + "-")


def lookup(factors: Sequence[Factor], carrier: str, measure: Measure, wanted: Wanted, day: date) -> Factor | None:
    """The factor of one day, None where none holds."""
    row = int(rows(candidates(factors, carrier, measure, wanted), np.array([number(day)], np.int64))[0])
    return candidates(factors, carrier, measure, wanted)[row] if row >= 0 else None


def rows(ranked: Sequence[Factor], days: IntArray) -> IntArray:
    """For each local day the row of the first factor that holds on it, -1 where none does."""
    found = np.full(len(days), -1, np.int64)
    for row in range(len(ranked) - 1, -1, -1):
        one = ranked[row]
        found[(days >= number(one.valid_from)) & (days < number(one.valid_to))] = row
    return found


def convert(value: FloatArray, row: IntArray, ranked: Sequence[Factor]) -> FloatArray:
    """Kilograms of each consumption (canonical unit); NaN where no factor holds and something was consumed."""
    each = np.array([one.of_canonical for one in ranked] + [np.nan])
    return np.where(value == 0, 0.0, value * each[row])


def replaced(factors: Sequence[Factor], own: Sequence[Factor]) -> list[Factor]:
    """The shipped factors with the operator's: one of the same id takes the place of the shipped one."""
    ids = {one.id for one in own}
    return [one for one in factors if one.id not in ids] + list(own)


@dataclass(frozen=True, slots=True)
class Changed:
    """A span of local days [first, last) over which another factor (or another value of it) holds."""

    carrier: str
    measure: Measure
    first: date
    last: date
    old: str
    new: str


def changes(
    old: Sequence[Factor], new: Sequence[Factor], carriers: Sequence[str], wanted: Wanted, first: date, last: date
) -> list[Changed]:
    """What must be restated in [first, last) when the factors change from `old` to `new`: nothing else has changed."""
    days = np.arange(number(first), number(last), dtype=np.int64)
    found: list[Changed] = []
    for carrier in carriers:
        for measure in Measure:
            was, now = _versions(old, carrier, measure, wanted, days), _versions(new, carrier, measure, wanted, days)
            pairs = list(zip(was, now, strict=True))
            edges = [0, *(row for row in range(1, len(days)) if pairs[row] != pairs[row - 1]), len(days)]
            for low, high in pairwise(edges):
                if low < high and was[low] != now[low]:
                    span = day_of(int(days[low])), day_of(int(days[high - 1]) + 1)
                    found.append(Changed(carrier, measure, *span, was[low], now[low]))
    return found


def _versions(factors: Sequence[Factor], carrier: str, measure: Measure, wanted: Wanted, days: IntArray) -> list[str]:
    ranked = candidates(factors, carrier, measure, wanted)
    return [ranked[row].version if row >= 0 else "" for row in rows(ranked, days).tolist()]
