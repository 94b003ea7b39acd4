"""Places: organisations, sites with their calendars, spaces, and equips (assets that stand, hang or drive there)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as default

from steward.model.names import Text

EQUIP_TYPES: tuple[str, ...] = (
    "meter",
    "transformer",
    "switchboard",
    "chiller",
    "boiler",
    "pump",
    "cooling_tower",
    "air_handler",
    "fan_coil",
    "vav",
    "fan",
    "lighting",
    "socket",
    "lift",
    "data_room",
    "ups",
    "generator",
    "pv",
    "charger",
    "kitchen",
    "water_heater",
    "tank",
    "valve",
    "gateway",
    "sensor",
    "weather_station",
    "vehicle",
    "bus",
    "machine",
    "other",
)


@dataclass(frozen=True, slots=True)
class Organisation:
    """A body in the tree province > city > agency, or company > branch. `parent` is "" at the root."""

    id: str
    name: Text
    parent: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """A building or campus. Area in m2, location in degrees, `time_zone` an IANA name, `calendar` the id of a Calendar."""

    id: str
    name: Text
    organisation: str = ""
    time_zone: str = "UTC"
    latitude: float | None = None
    longitude: float | None = None
    area_m2: float | None = None
    headcount: int | None = None
    calendar: str = ""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Opening hours by weekday (0 = Monday) as (start, end) minutes of the local day; `holidays` are closed days, `workdays`
    are days of a weekend worked as the weekday they replace (ISO date -> weekday 0-6).

    country: where the holidays of a library come from, "" if none; known_from, known_until: first and last ISO date for which
    they are announced, "" where no library was asked: outside, only local entries and weekdays count; weekend: weekdays.
    """

    id: str
    hours: tuple[tuple[tuple[int, int], ...], ...] = ((),) * 7
    holidays: frozenset[str] = frozenset()
    workdays: Mapping[str, int] = default(default_factory=dict)
    country: str = ""
    known_from: str = ""
    known_until: str = ""
    weekend: frozenset[int] = frozenset((5, 6))

    def known(self, day: str) -> bool:
        """Whether the holidays of the year of an ISO date are announced; True for a calendar without a country."""
        return not self.country or self.known_from <= day <= self.known_until


@dataclass(frozen=True, slots=True)
class Space:
    """A zone, floor or room; `parent` is another space or "" directly under the site."""

    id: str
    name: Text
    site: str
    parent: str = ""
    area_m2: float | None = None


@dataclass(frozen=True, slots=True)
class Equip:
    """An asset; a vehicle is an equip that moves. `feeds` names the equips and spaces that it supplies. `rated_power` in W.

    Of the design, where known: heating_power, cooling_power of its coils, W; air_flow, m3/s; cop: cold made per electricity.
    """

    id: str
    name: Text
    type: str
    site: str
    space: str = ""
    feeds: tuple[str, ...] = ()
    rated_power: float | None = None
    plate: str = ""
    heating_power: float | None = None
    cooling_power: float | None = None
    air_flow: float | None = None
    cop: float | None = None
