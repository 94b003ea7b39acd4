"""Ranking of like buildings with like: same use, climate and size class, by consumption per m2 or head.

Invariants: a building stands only among its peers; with fewer than `least` of them there is no rank but a reason; a building
whose figure is not whole does not rank and does not count as a peer; equal figures have equal ranks. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

SIZES = (5_000.0, 20_000.0)
"""Limits of the size classes small, medium, large, m2 (20 000 m2: a large public building in China's terms)."""
CLASSES = ("small", "medium", "large")


@dataclass(frozen=True, slots=True)
class Building:
    """A building to rank. value: consumption per m2 (or head) of the period, None with `reason` where it cannot be said."""

    id: str
    use: str
    climate: str
    area: float | None
    value: float | None
    reason: str = ""

    @property
    def size(self) -> str:
        """Size class, "" without an area."""
        return "" if self.area is None else CLASSES[sum(self.area >= limit for limit in SIZES)]


@dataclass(frozen=True, slots=True)
class Rank:
    """A building among its peers. rank: 1 = least consumption; of: peers that rank, itself included; percentile: share of the
    other peers that consume more, 0-1; None with `reason`: no_figure, not_described, too_few_peers, or why it has no figure;
    group: use, climate, size class."""

    id: str
    group: tuple[str, str, str]
    value: float | None
    rank: int | None
    of: int
    percentile: float | None
    median: float | None
    reason: str = ""


def rank(buildings: Sequence[Building], least: int = 3) -> list[Rank]:
    """Every building among its like, in the order of groups and ranks, those without a rank last in their group."""
    groups: dict[tuple[str, str, str], list[Building]] = defaultdict(list)
    for building in buildings:
        groups[building.use, building.climate, building.size].append(building)
    found = [_placed(building, key, peers, least) for key, peers in groups.items() for building in peers]
    return sorted(found, key=lambda one: (one.group, one.rank is None, one.rank or 0, one.id))


def _placed(building: Building, group: tuple[str, str, str], peers: list[Building], least: int) -> Rank:
    values = sorted(one.value for one in peers if one.value is not None)
    if not all(group):
        return Rank(building.id, group, building.value, None, 0, None, None, "not_described")
    if building.value is None:
        return Rank(building.id, group, None, None, len(values), None, None, building.reason or "no_figure")
    if len(values) < max(2, least):
        return Rank(building.id, group, building.value, None, len(values), None, None, "too_few_peers")
    place = 1 + sum(value < building.value for value in values)
    more = sum(value > building.value for value in values)
    middle = len(values) // 2
    median = values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2
    return Rank(building.id, group, building.value, place, len(values), more / (len(values) - 1), median)
