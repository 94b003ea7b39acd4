"""Finding the points of a vehicle by metric, and one target per vehicle.

A match may name any points of a vehicle (an equip type alone is enough): a kind that judges vehicles folds them into one row,
whose target is the equip. Values that hold until told otherwise (odometer, ignition, trip) are declared so by `KEPT`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from rules.binding import pattern
from rules.contract import NEVER, NotApplicable, Target
from rules.joining import of_equip
from steward.model import FloatArray, Nature, Point

T = TypeVar("T")

ENGINE = ("engine_speed", "ignition")
"""What tells that the engine runs, the truest first."""
KEPT = int(NEVER)
"""Hold of an input that stays as it was until told otherwise."""


def find(target: Target, *metrics: str, role: str = "") -> Point | None:
    """The first point of the target's equip with one of the metrics (in their order), and with `role` where given."""
    points = of_equip(target.facility, target.equip)
    for metric in metrics:
        for point in points:
            if point.metric == metric and (not role or point.role == role):
                return point
    return None


def per_vehicle(targets: Sequence[Target], *wanted: Sequence[str], role: str = "") -> list[Target]:
    """One target per equip of `targets`: its points by the metrics of `wanted`, in order (None where there is none), and last,
    where `role` is given, the state or counter with that role."""
    found: dict[str, Target] = {}
    for target in targets:
        if not target.equip or target.equip in found:
            continue
        points = [find(target, *metrics) for metrics in wanted]
        if role:
            marks = (point for point in of_equip(target.facility, target.equip) if point.role == role)
            points.append(next((point for point in marks if point.nature is not Nature.GAUGE), None))
        shows = tuple(point.id for point in points if point is not None)
        found[target.equip] = Target(target.equip, tuple(points), target.facility, target.equip, target.device, shows)
    return list(found.values())


def demand(target: Target, *names: str) -> None:
    """Raises NotApplicable where one of the first points is missing; `names` say what was looked for, in their order."""
    if len(target.points) < len(names):
        raise NotApplicable("no vehicle")
    missing = [name for name, point in zip(names, target.points, strict=False) if name and point is None]
    if missing:
        raise NotApplicable(f"has no point with {', '.join(missing)}")


def present(target: Target) -> list[bool]:
    """Of each point whether there is one."""
    return [point is not None for point in target.points]


def electric(target: Target) -> bool:
    """Whether the vehicle has a state of charge and no fuel."""
    return find(target, "soc") is not None and find(target, "fuel_level", "fuel", "fuel_used", "fuel_rate") is None


def of_vehicle(table: Mapping[str, T], target: Target) -> T | None:
    """The entry of a table by globs of equip ids that fits the target's equip: its own id first, then the first glob."""
    if target.equip in table:
        return table[target.equip]
    return next((value for glob, value in table.items() if pattern([glob])(target.equip)), None)


def column(value: FloatArray, place: int) -> FloatArray:
    """An input's values by row, NaN where the bank has none so far out."""
    return value[:, place] if place < value.shape[1] else np.full(len(value), np.nan)


def known(value: float, digits: int) -> float | None:
    """A number for the evidence, None where it is not known."""
    return round(float(value), digits) if np.isfinite(value) else None
