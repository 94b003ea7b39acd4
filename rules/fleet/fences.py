"""Fences (circle or polygon) with a signed distance to their border.

Computed in local metres around the fence, longitudes relative to it, so that one may lie across the antimeridian.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from steward.ground import metres
from steward.model import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Fence:
    """A circle (radius m around a centre in degrees) or, with at least three corners in degrees, a polygon."""

    latitude: float
    longitude: float
    radius: float = 0.0
    corners: tuple[tuple[float, float], ...] = ()

    def beyond(self, latitude: FloatArray, longitude: FloatArray) -> FloatArray:
        """Signed distance to the border, m: positive outside."""
        east, north = metres(latitude, longitude, self.latitude, self.longitude)
        if not self.corners:
            circle: FloatArray = np.hypot(east, north) - self.radius
            return circle
        corners = np.array(self.corners)
        x, y = metres(corners[:, 0], corners[:, 1], self.latitude, self.longitude)
        return _beyond(east, north, x, y)


def _beyond(east: FloatArray, north: FloatArray, x: FloatArray, y: FloatArray) -> FloatArray:
    """Signed distance of points to a closed polygon, by its edges."""
    x2, y2 = np.roll(x, -1), np.roll(y, -1)
    run, rise = x2 - x, y2 - y
    length = np.maximum(run**2 + rise**2, 1e-12)
    to_x, to_y = east[:, None] - x, north[:, None] - y
    along = np.clip((to_x * run + to_y * rise) / length, 0.0, 1.0)
    near = np.hypot(to_x - along * run, to_y - along * rise).min(axis=1)
    spans = (y <= north[:, None]) != (y2 <= north[:, None])
    meets = x + (north[:, None] - y) * run / np.where(rise == 0, 1.0, rise)
    inside = np.count_nonzero(spans & (east[:, None] < meets), axis=1) % 2 == 1
    signed: FloatArray = np.where(inside, -near, near)
    return signed


_by_number: list[Fence] = []


@cache
def number(fence: Fence) -> int:
    """A number for a fence, the same for equal ones: what a column of a bank can hold."""
    _by_number.append(fence)
    return len(_by_number) - 1


def beyond(numbers: IntArray, latitude: FloatArray, longitude: FloatArray) -> FloatArray:
    """`Fence.beyond` for each (number, place)."""
    found = np.full(len(numbers), np.nan)
    for one in np.unique(numbers).tolist():
        where = np.flatnonzero(numbers == one)
        found[where] = _by_number[one].beyond(latitude[where], longitude[where])
    return found
