"""The vocabulary of Steward: what a point, a batch, an alert is. Standard library and numpy only.

Invariants: times are int64 nanoseconds since 1970 UTC inside arrays and records; values are in the canonical unit of
their metric; a `Batch` is columns of equal length, never objects; `PointIndex` numbers are append-only, so that a
number, once given, means the same point for the life of the process.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as default
from enum import IntEnum, StrEnum
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
NumberArray = NDArray[np.int32]
FloatArray = NDArray[np.float64]
ByteArray = NDArray[np.uint8]
BoolArray = NDArray[np.bool_]

Text = Mapping[str, str]
"""A name in several languages: language code -> text; the key "" is the text for any language not named."""


def text(names: Text, language: str = "en") -> str:
    """The text of `names` in `language`, else the one for any language, else any."""
    return names.get(language) or names.get("") or next(iter(names.values()), "")


class Nature(StrEnum):
    """How values of a metric behave in time."""

    GAUGE = "gauge"
    """Instantaneous; between samples it may be anything."""
    COUNTER = "counter"
    """A cumulative register; the difference of two reads is consumption."""
    STATE = "state"
    """Enumerated; holds until the next sample."""


class Quality(IntEnum):
    """Whether a sample can be used."""

    GOOD = 0
    UNCERTAIN = 1
    """Stored and shown, with a mark: clock wrong beyond the limit, device says so, restored by a person."""
    BAD = 2
    """Stored for the record, never used."""


class Severity(StrEnum):
    """How much an alert matters, highest first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


SEVERITIES: tuple[Severity, ...] = tuple(Severity)


@dataclass(frozen=True, slots=True)
class Kind:
    """What a metric is: its canonical unit and its default nature."""

    unit: str
    nature: Nature


def _metrics() -> dict[str, Kind]:
    gauge = {
        "power": "W",
        "apparent_power": "VA",
        "reactive_power": "var",
        "power_factor": "ratio",
        "voltage": "V",
        "current": "A",
        "frequency": "Hz",
        "thd": "ratio",
        "temperature": "degC",
        "humidity": "ratio",
        "pressure": "Pa",
        "co2": "ppm",
        "illuminance": "lx",
        "pm25": "ug/m3",
        "irradiance": "W/m2",
        "flow": "m3/s",
        "valve": "ratio",
        "damper": "ratio",
        "speed_ratio": "ratio",
        "level": "ratio",
        "count": "1",
        "speed": "m/s",
        "latitude": "deg",
        "longitude": "deg",
        "altitude": "m",
        "heading": "deg",
        "fuel": "m3",
        "fuel_level": "ratio",
        "fuel_rate": "m3/s",
        "soc": "ratio",
        "soh": "ratio",
        "battery_voltage": "V",
        "coolant_temperature": "degC",
        "tyre_pressure": "Pa",
        "engine_speed": "Hz",
        "engine_load": "ratio",
        "dtc_count": "1",
        "signal": "dBm",
        "battery": "ratio",
        "number": "1",
    }
    counter = {
        "energy": "Wh",
        "energy_export": "Wh",
        "reactive_energy": "varh",
        "apparent_energy": "VAh",
        "heat": "Wh",
        "water": "m3",
        "gas": "m3",
        "fuel_used": "m3",
        "odometer": "m",
        "runtime": "s",
        "engine_hours": "s",
        "starts": "1",
        "pulses": "1",
    }
    state = (
        "on",
        "open",
        "occupied",
        "mode",
        "status",
        "alarm",
        "motion",
        "ignition",
        "charging",
        "moving",
        "fault",
        "enabled",
    )
    table = {name: Kind(unit, Nature.GAUGE) for name, unit in gauge.items()}
    table |= {name: Kind(unit, Nature.COUNTER) for name, unit in counter.items()}
    table |= {name: Kind("1", Nature.STATE) for name in state}
    return table


METRICS: dict[str, Kind] = _metrics()
"""metric -> Kind. A metric fixes the canonical unit and the usual nature of a point."""

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


DERIVED = "derived"
"""Role of points that Steward itself makes of others (demand of a register, pace of a quota): they have no device;
without a value they are not silent, only not known yet. Rules that want them say so, totals of main meters leave them out."""


@dataclass(frozen=True, slots=True)
class Point:
    """One measured quantity. Values are in `unit`, the canonical unit of its metric; times in ns.

    interval: expected time between samples; low, high: the valid range, outside it a sample is rejected as out of range;
    digits: register digits of a counter, in `register_unit` steps; category: sub-metering category (A1, B2 ...);
    states: code -> word for points of nature state.
    """

    id: str
    name: Text
    metric: str
    unit: str
    nature: Nature
    site: str
    space: str = ""
    equip: str = ""
    device: str = ""
    role: str = ""
    category: str = ""
    interval: int = 60_000_000_000
    low: float = -np.inf
    high: float = np.inf
    digits: int | None = None
    register_unit: str = ""
    rated_power: float | None = None
    display_unit: str = ""
    states: Mapping[int, str] = default(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Device:
    """What has an address on the network. `gateway` is the device that speaks for it, or ""."""

    id: str
    name: Text
    format: str
    address: str
    broker: str
    site: str = ""
    space: str = ""
    equip: str = ""
    gateway: str = ""
    template: str = ""


@dataclass(frozen=True, slots=True)
class Channel:
    """The way from a field of a device to a point: `value = raw * scale + offset` gives the canonical unit.

    `words` maps text values (after trimming) to numbers for state points; `field` is what the format's decoder calls it.
    """

    device: str
    field: str
    point: str
    scale: float = 1.0
    offset: float = 0.0
    words: Mapping[str, float] = default(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TemplatePoint:
    """A point that every device of a template has: `point` without place and with the id's suffix, and its channel's way."""

    point: Point
    field: str
    scale: float = 1.0
    offset: float = 0.0
    words: Mapping[str, float] = default(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Template:
    """What devices of one make send, written once. `topic` holds `{device}` where the address stands; "" = the format's own.

    `options` go to the format's decoder; with `admit`, devices not listed are admitted under `admit_to` (a site, space or
    equip) when they first appear.
    """

    id: str
    format: str
    topic: str = ""
    broker: str = ""
    options: Mapping[str, Any] = default(default_factory=dict)
    admit: bool = False
    admit_to: str = ""
    points: tuple[TemplatePoint, ...] = ()


class PointIndex:
    """Point ids and their numbers, append-only and shared by every part of a process. Thread-safe."""

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self.ids: list[str] = []
        self._numbers: dict[str, int] = {}
        for point in ids:
            self.add(point)

    def add(self, id: str) -> int:
        """The number of `id`, given now if it had none."""
        number = self._numbers.get(id)
        if number is None:
            with self._lock:
                number = self._numbers.setdefault(id, len(self.ids))
                if number == len(self.ids):
                    self.ids.append(id)
        return number

    def get(self, id: str) -> int | None:
        """The number of `id`, None if it has none."""
        return self._numbers.get(id)

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples as columns of equal length n: the unit of commit, and what rules and live state are fed with.

    point: numbers of a PointIndex; at: when it was true, ns; received: when it reached us, ns; value: canonical unit;
    quality: Quality; historical: declared back-fill, stored but never live.
    """

    point: NumberArray
    at: IntArray
    received: IntArray
    value: FloatArray
    quality: ByteArray
    historical: BoolArray

    def __len__(self) -> int:
        return len(self.point)

    @classmethod
    def of(cls, point: Any, at: Any, value: Any, *, received: Any = None, quality: Any = None, historical: Any = None) -> Batch:
        """A batch from anything that numpy understands; missing columns are filled (received = at, GOOD, not historical)."""
        numbers = np.ascontiguousarray(point, dtype=np.int32)
        times = np.ascontiguousarray(at, dtype=np.int64)
        size = len(numbers)
        return cls(
            numbers,
            times,
            times.copy() if received is None else np.ascontiguousarray(np.broadcast_to(np.asarray(received, np.int64), size)),
            np.ascontiguousarray(value, dtype=np.float64),
            np.zeros(size, np.uint8)
            if quality is None
            else np.ascontiguousarray(np.broadcast_to(np.asarray(quality, np.uint8), size)),
            np.zeros(size, np.bool_)
            if historical is None
            else np.ascontiguousarray(np.broadcast_to(np.asarray(historical, np.bool_), size)),
        )

    def take(self, rows: NDArray[Any]) -> Batch:
        """The rows of an index or boolean mask."""
        return Batch(
            self.point[rows], self.at[rows], self.received[rows], self.value[rows], self.quality[rows], self.historical[rows]
        )

    @classmethod
    def concat(cls, batches: list[Batch]) -> Batch:
        """All rows of several batches, in order."""
        if not batches:
            return cls.of([], [], [])
        return cls(*(np.concatenate([getattr(batch, name) for batch in batches]) for name in cls.__slots__))


class Condition(StrEnum):
    """The condition machine of an alert (Prometheus alerting rules)."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class Human(StrEnum):
    """The human machine of an alert."""

    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    IN_PROGRESS = "in_progress"
    CLOSED = "closed"


class Delivery(StrEnum):
    """The delivery machine of an alert: whether it is told to people now, and if not, why (the gravest reason)."""

    DELIVERABLE = "deliverable"
    INHIBITED = "inhibited"
    """Masked by an alert above it, or waiting for a moment after that one has cleared."""
    SHELVED = "shelved"
    """Silenced for a time by a person."""
    MAINTENANCE = "maintenance"
    """In a maintenance window."""
    CHATTERING = "chattering"
    """It comes and goes: folded into one until it is quiet."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One episode of a rule on one target (a point or an equip), as the rules engine states it; times in ns.

    `id` follows from (rule, target, since), so that a replay states the same alert again instead of a new one.
    since: when the condition became true; fired: when it had been true for `for`; resolved: when it was over (None while not);
    at: the moment of this statement; value, worst: canonical unit of the target's (first) point, now and at the worst;
    limit: the limit in force (NaN if none); evidence: what the rule saw, plain values only.
    """

    rule: str
    kind: str
    severity: Severity
    target: str
    points: tuple[str, ...]
    condition: Condition
    since: int
    at: int
    fired: int | None = None
    resolved: int | None = None
    value: float = float("nan")
    worst: float = float("nan")
    limit: float = float("nan")
    evidence: Mapping[str, Any] = default(default_factory=dict)

    @property
    def id(self) -> str:
        """Sixteen hexadecimal digits, the same for the same episode."""
        return blake2b(f"{self.rule}\n{self.target}\n{self.since}".encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class Facility:
    """A validated facility: everything by id, immutable. A reload makes a new one.

    `rules` are the raw rule tables (validated by the rules package, which knows the kinds), each with its `where`.
    """

    id: str
    name: Text
    organisations: Mapping[str, Organisation]
    sites: Mapping[str, Site]
    spaces: Mapping[str, Space]
    equips: Mapping[str, Equip]
    devices: Mapping[str, Device]
    points: Mapping[str, Point]
    channels: tuple[Channel, ...]
    calendars: Mapping[str, Calendar]
    templates: Mapping[str, Template]
    rules: tuple[tuple[str, Mapping[str, Any]], ...] = ()
