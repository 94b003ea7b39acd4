"""A small road graph around the campus, and what a drive along it looks like second by second.

Nodes lie on a plane (km east and north of the campus), edges are straight with a speed limit. `route` is Dijkstra's
shortest time; `drive` accelerates, cruises below the limit, slows for turns and sometimes waits at a light. A drive is
arrays by the second: speed m/s and distance m.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np

from simulators.noise import key, uniform
from simulators.weather import LATITUDE, LONGITUDE
from steward.model import FloatArray

NODES: dict[str, tuple[float, float]] = {
    "campus": (0.0, 0.0), "gate": (0.25, -0.1), "square": (0.9, 0.2), "station": (3.4, -1.2), "hospital": (1.6, 1.3),
    "court": (-0.8, 0.7), "college": (-2.1, 1.8), "old-town": (-1.4, -0.9), "bridge": (-2.6, -2.2), "port": (9.8, -4.9),
    "ring-east": (4.6, 0.8), "ring-north": (1.2, 3.9), "town-north": (2.3, 8.6), "town-west": (-7.8, 3.1),
    "highway-in": (5.8, -2.4), "highway-out": (14.5, -9.6), "depot": (-3.9, -0.4), "reservoir": (-5.2, 7.4),
}  # fmt: skip
EDGES: tuple[tuple[str, str, float], ...] = (
    ("campus", "gate", 20), ("gate", "square", 40), ("gate", "old-town", 40), ("square", "hospital", 40),
    ("square", "ring-east", 60),
    ("square", "station", 50), ("station", "ring-east", 60), ("station", "highway-in", 60), ("ring-east", "ring-north", 60),
    ("hospital", "ring-north", 50), ("hospital", "court", 40), ("court", "college", 40), ("court", "old-town", 40),
    ("old-town", "bridge", 50), ("bridge", "depot", 60), ("college", "depot", 50), ("college", "reservoir", 60),
    ("depot", "town-west", 70), ("ring-north", "town-north", 70), ("town-north", "reservoir", 60), ("highway-in", "port", 80),
    ("highway-in", "highway-out", 100), ("port", "highway-out", 80), ("college", "ring-north", 60),
)  # fmt: skip
DESTINATIONS: tuple[str, ...] = (
    "station", "hospital", "court", "college", "old-town", "port", "town-north", "town-west", "highway-out",
    "reservoir", "depot",
)  # fmt: skip
_KM_NORTH = 1.0 / 110.85
_KM_EAST = 1.0 / (111.32 * float(np.cos(np.radians(LATITUDE))))


@dataclass(frozen=True, slots=True)
class Drive:
    """One leg: speed (n,) m/s in each second; distance (n + 1,) m at its boundaries; the line driven in m, deg, deg."""

    speed: FloatArray
    distance: FloatArray
    line: FloatArray
    latitude: FloatArray
    longitude: FloatArray


def place(node: str) -> tuple[float, float]:
    """Latitude and longitude of a node."""
    east, north = NODES[node]
    return LATITUDE + north * _KM_NORTH, LONGITUDE + east * _KM_EAST


@cache
def route(start: str, end: str) -> tuple[str, ...]:
    """The nodes of the fastest way."""
    best = {start: 0.0}
    before: dict[str, str] = {}
    queue = [(0.0, start)]
    while queue:
        cost, node = heapq.heappop(queue)
        if node == end:
            break
        if cost > best[node]:
            continue
        for other, length, limit in _neighbours()[node]:
            total = cost + length / limit
            if total < best.get(other, np.inf):
                best[other], before[other] = total, node
                heapq.heappush(queue, (total, other))
    way = [end]
    while way[-1] != start:
        way.append(before[way[-1]])
    return tuple(reversed(way))


@cache
def _neighbours() -> dict[str, list[tuple[str, float, float]]]:
    graph: dict[str, list[tuple[str, float, float]]] = {node: [] for node in NODES}
    for one, other, limit in EDGES:
        length = 1.18 * float(np.hypot(NODES[one][0] - NODES[other][0], NODES[one][1] - NODES[other][1]))
        graph[one].append((other, length, limit))
        graph[other].append((one, length, limit))
    return graph


def drive(seed: int, start: str, end: str, number: int, haste: float = 1.0) -> Drive:
    """A leg from node to node; `number` tells drives apart, `haste` multiplies the speed driven (above 1.1: speeding)."""
    way = route(start, end)
    stream = key(seed, "drive", start, end, number)
    times, speeds = [0.0], [0.0]
    line = [0.0]
    for index, (one, other) in enumerate(pairwise(way)):
        length, limit = next((length, limit) for node, length, limit in _neighbours()[one] if node == other)
        chance = uniform(stream, np.arange(4) + 4 * index)
        cruise = limit / 3.6 * (0.84 + 0.12 * chance[0]) * haste
        last = index == len(way) - 2
        leave = 0.0 if last or chance[1] < 0.35 else min(cruise, 7.0)
        wait = 0.0 if last or leave > 0 else 4.0 + 38.0 * float(chance[2])
        _edge(times, speeds, 1000.0 * length, cruise, leave, wait)
        line.append(line[-1] + 1000.0 * length)
    seconds = int(np.ceil(times[-1]))
    boundary = np.interp(np.arange(seconds + 1), times, speeds)
    speed = 0.5 * (boundary[1:] + boundary[:-1])
    distance = np.concatenate(([0.0], np.cumsum(speed)))
    distance *= line[-1] / distance[-1]
    places = [place(node) for node in way]
    return Drive(speed, distance, np.array(line), np.array([p[0] for p in places]), np.array([p[1] for p in places]))


def _edge(times: list[float], speeds: list[float], length: float, cruise: float, leave: float, wait: float) -> None:
    """Adds the knots of one edge: speed up at 1.3 m/s2, cruise, slow down at 1.6 m/s2 to `leave`, wait."""
    enter, up, down = speeds[-1], 1.3, 1.6
    top = min(cruise, float(np.sqrt((2 * up * down * length + down * enter**2 + up * leave**2) / (up + down))))
    top = max(top, enter, leave)
    rising, falling = (top**2 - enter**2) / (2 * up), (top**2 - leave**2) / (2 * down)
    for span, speed in (
        ((top - enter) / up, top),
        (max(length - rising - falling, 0.0) / max(top, 0.1), top),
        ((top - leave) / down, leave),
        (wait, leave),
    ):
        if span > 1e-9:
            times.append(times[-1] + span)
            speeds.append(speed)
