"""Weather of the coast of Zhejiang: temperature, humidity, sun, wind, as a function of time.

The day and the year are harmonics around the climate normals of Linhai (monthly means of about 7 degC in January and 29
in July); weather fronts of some days and clouds of some minutes wander on top. Stateless: any minute can be asked alone.
Sun: declination and hour angle (Cooper 1969), clear sky by air mass (Meinel), dimmed by cloud.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.noise import key, smooth
from steward.model import FloatArray, IntArray

ZONE = 8 * 3600  # s east of UTC; China keeps one zone and no daylight saving
LATITUDE, LONGITUDE = 28.8586, 121.1440


@dataclass(frozen=True, slots=True)
class Weather:
    """Columns of equal length: temperature degC, humidity ratio, irradiance W/m2, wind m/s, cloud ratio."""

    temperature: FloatArray
    humidity: FloatArray
    irradiance: FloatArray
    wind: FloatArray
    cloud: FloatArray


def weather(seed: int, t: IntArray, season_days: float = 0.0) -> Weather:
    """The weather at times `t` (s since 1970 UTC); `season_days` moves the season only (180: summer in winter)."""
    days = (t + ZONE) / 86400.0
    year = (days + season_days) / 365.2425 * 2 * np.pi
    hour = (days % 1.0) * 24.0
    cloud = np.clip(
        0.5 + 0.30 * smooth(key(seed, "front"), t, 2.5 * 86400) + 0.18 * smooth(key(seed, "cloud"), t, 2400), 0.02, 1.0
    )
    sun = _sun(days, season_days, hour)
    irradiance = sun * (1.0 - 0.75 * cloud**2.2)
    swing = (4.2 - 2.6 * cloud) * np.cos((hour - 14.5) / 24.0 * 2 * np.pi)
    mean = 17.6 - 10.9 * np.cos(year - 0.42)
    temperature = mean + swing + 2.6 * smooth(key(seed, "air mass"), t, 3.5 * 86400) + 0.35 * smooth(key(seed, "gust"), t, 900)
    humidity = np.clip(0.72 + 0.14 * (cloud - 0.5) - 0.016 * swing + 0.05 * smooth(key(seed, "moist"), t, 6 * 3600), 0.25, 0.99)
    wind = np.clip(2.6 + 1.6 * smooth(key(seed, "wind"), t, 5 * 3600) + 0.8 * smooth(key(seed, "squall"), t, 300), 0.0, 25.0)
    return Weather(temperature, humidity, irradiance, wind, cloud)


def _sun(days: FloatArray, season_days: float, hour: FloatArray) -> FloatArray:
    """Clear-sky irradiance on the flat, W/m2."""
    declination = np.radians(23.45) * np.sin(2 * np.pi * (days + season_days - 79.6) / 365.2425)
    solar_hour = hour + (LONGITUDE - 120.0) / 15.0
    angle = np.radians(15.0 * (solar_hour - 12.0))
    latitude = np.radians(LATITUDE)
    height = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(angle)
    above = np.maximum(height, 0.0)
    mass = 1.0 / np.maximum(above, 0.035)
    clear: FloatArray = 1353.0 * 0.7 ** (mass**0.678) * above
    return clear
