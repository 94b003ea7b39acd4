"""Places on the ground: which fixes can be places, and distances in metres.

Degrees are taken to local metres around a reference (equirectangular; good to a tenth of a percent within 100 km), longitudes
relative to it. A fix of exactly 0, 0 is a receiver without one.
"""

from __future__ import annotations

import numpy as np

from steward.model import BoolArray, FloatArray

EARTH = 6_371_008.8
"""Mean radius, m (IUGG)."""


def sound(latitude: FloatArray, longitude: FloatArray) -> BoolArray:
    """Which fixes (degrees) can be places: inside the ranges, and not 0/0, which receivers send before they know."""
    inside = (np.abs(latitude) <= 90.0) & (np.abs(longitude) <= 180.0)
    found: BoolArray = inside & ~((latitude == 0.0) & (longitude == 0.0))
    return found


def metres(
    latitude: FloatArray, longitude: FloatArray, at_latitude: FloatArray | float, at_longitude: FloatArray | float
) -> tuple[FloatArray, FloatArray]:
    """East and north of the reference, m."""
    turned = (longitude - at_longitude + 180.0) % 360.0 - 180.0
    east = np.radians(turned) * EARTH * np.cos(np.radians(at_latitude))
    return east, np.radians(latitude - at_latitude) * EARTH


def distance(
    latitude: FloatArray, longitude: FloatArray, at_latitude: FloatArray | float, at_longitude: FloatArray | float
) -> FloatArray:
    """Metres between places, NaN where one is not known."""
    found: FloatArray = np.hypot(*metres(latitude, longitude, at_latitude, at_longitude))
    return found
