"""Which device an address is, which point a field is, and with which scale and range: a facility as lookup tables and columns.

Invariants: a channel's number is its row in every column and never changes for the life of a `Routing`; admitting a device
only appends. A changed facility file makes a new `Routing`. A device is looked up by (broker, format, address), first among
the devices of the template that routed the message, then among all devices of the format. Thread-safe.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from steward.model import Channel, Device, Facility, FloatArray, NumberArray, Point, PointIndex, Template
from steward.units import MINUTE, UNITS

FUTURE_LIMIT = 5 * MINUTE
SKEW_LIMIT = 60 * MINUTE

Admission = tuple[Device, Sequence[Point], Sequence[Channel]]
"""A device that appeared, with its points and channels, as its template makes them."""
Admit = Callable[[str, str, str], Admission | None]
"""(broker, template id, address) -> the device to admit, or None to leave it unknown."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The channels as columns of equal length: raw * scale + offset is the canonical value, valid in [low, high].

    point: number in the PointIndex; device: row in `Routing.devices`.
    """

    point: NumberArray
    device: NumberArray
    scale: FloatArray
    offset: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(slots=True)
class Entry:
    """A device with what its messages need: its channels by field, its time zone, the devices it speaks for."""

    row: int
    device: Device
    zone: ZoneInfo
    fields: dict[str, int]
    children: list[str]


class Routing:
    """Lookup tables of one facility.

    future_limit, skew_limit: clock rules in ns (see `readings`). `admit` is asked for every address that no device has, of
    a template that admits; what it returns is appended, so that not even the first message is lost. A device whose
    broker is "" is known on every broker.
    """

    def __init__(
        self,
        facility: Facility,
        index: PointIndex,
        *,
        future_limit: int = FUTURE_LIMIT,
        skew_limit: int = SKEW_LIMIT,
        admit: Admit | None = None,
        own: tuple[str, ...] = (),
    ) -> None:
        self.own = tuple(f"{prefix}/".encode() for prefix in own)
        """First levels of topics that we publish ourselves: where everything is subscribed they come back, and are no news."""
        self.facility = facility
        self.index = index
        self.future_limit = future_limit
        self.skew_limit = skew_limit
        self.devices: list[Entry] = []
        self.words: list[Mapping[str, float]] = []
        self.twins: dict[int, list[int]] = {}
        """Channel -> further channels of the same field: one field may feed several points."""
        self._admit = admit
        self._lock = threading.Lock()
        self._rows: dict[str, int] = {}
        self._exact: dict[tuple[str, str, str, str], Entry] = {}
        self._any: dict[tuple[str, str, str], Entry] = {}
        self._orphans: dict[str, list[str]] = {}
        self._zones: dict[str, ZoneInfo] = {}
        self._point, self._device = array("i"), array("i")
        self._scale, self._offset, self._low, self._high = array("d"), array("d"), array("d"), array("d")
        self._symbols: list[str] = []
        self._columns: Columns | None = None
        entries = [self._add_device(device) for device in facility.devices.values()]
        for channel in facility.channels:
            self._add_channel(channel, facility.points[channel.point])
        for entry in entries:
            self._publish(entry)

    def find(self, broker: str, format: str, template: str, address: str) -> Entry | None:
        """The device of an address, None if there is none. A device of the broker goes before one of every broker."""
        return (
            self._exact.get((broker, format, template, address))
            or self._exact.get(("", format, template, address))
            or self._any.get((broker, format, address))
            or self._any.get(("", format, address))
        )

    def admit(self, broker: str, template: Template, address: str) -> Entry | None:
        """Admits the device of an unknown address, if its template does and the owner of the facility agrees."""
        if self._admit is None or not template.admit:
            return None
        with self._lock:
            found = self.find(broker, template.format, template.id, address)
            if found is not None:
                return found
            admission = self._admit(broker, template.id, address)
            if admission is None:
                return None
            device, points, channels = admission
            entry = self._add_device(device)
            by_id = {point.id: point for point in points}
            for channel in channels:
                self._add_channel(channel, by_id[channel.point])
            self._columns = None
            self._publish(entry)  # last: another broker's thread may look it up at once
            return entry

    def columns(self) -> Columns:
        """The channels' columns; the same object until a device is admitted."""
        found = self._columns
        if found is None:
            with self._lock:
                found = self._columns = Columns(
                    np.array(self._point, np.int32),
                    np.array(self._device, np.int32),
                    np.array(self._scale, np.float64),
                    np.array(self._offset, np.float64),
                    np.array(self._low, np.float64),
                    np.array(self._high, np.float64),
                )
        return found

    def entry(self, device: str) -> Entry | None:
        """The device of an id."""
        row = self._rows.get(device)
        return None if row is None else self.devices[row]

    def family(self, device: str) -> list[str]:
        """A device and all that it speaks for as a gateway, itself first."""
        found, queue = {device: None}, [device]
        while queue:
            entry = self.entry(queue.pop())
            fresh = [child for child in (entry.children if entry else ()) if child not in found]
            found.update(dict.fromkeys(fresh))
            queue += fresh
        return list(found)

    def conversion(self, channel: int, symbol: str) -> tuple[float, float] | str:
        """(k, b) with configured raw = declared raw * k + b, or the reason why a declared unit cannot be used.

        Where a channel's scale and offset are those of a unit, the device's declaration replaces that unit. Where they are
        not (a transformer ratio, say), a person has scaled this very channel: the configuration holds as it is written.
        """
        declared = UNITS.get(symbol)
        if declared is None:
            return "unknown_unit"
        canonical = self._symbols[channel]
        if canonical == "1":
            return 1.0, 0.0  # plain numbers: whatever the device counts in
        if declared.canonical != canonical:
            return "unit_mismatch"
        scale, offset = self._scale[channel], self._offset[channel]
        plain = any(known.canonical == canonical and (known.scale, known.offset) == (scale, offset) for known in UNITS.values())
        if not plain:
            return 1.0, 0.0
        return declared.scale / scale, (declared.offset - offset) / scale

    def zone(self, name: str) -> ZoneInfo:
        """A time zone by its IANA name, cached."""
        found = self._zones.get(name)
        if found is None:
            found = self._zones[name] = ZoneInfo(name)
        return found

    def default_zone(self) -> ZoneInfo:
        """The zone for devices without a site: that of the first site, else UTC."""
        first = next(iter(self.facility.sites.values()), None)
        return self.zone(first.time_zone if first else "UTC")

    def _zone_of(self, device: Device) -> ZoneInfo:
        facility = self.facility
        site = device.site
        if not site and device.equip in facility.equips:
            site = facility.equips[device.equip].site
        if not site and device.space in facility.spaces:
            site = facility.spaces[device.space].site
        return self.zone(facility.sites[site].time_zone) if site in facility.sites else self.default_zone()

    def _add_device(self, device: Device) -> Entry:
        entry = Entry(len(self.devices), device, self._zone_of(device), {}, [])
        self.devices.append(entry)
        self._rows[device.id] = entry.row
        self._adopt(entry)
        return entry

    def _publish(self, entry: Entry) -> None:
        """Makes a device findable by its address, once all its channels are there."""
        device = entry.device
        self._any.setdefault((device.broker, device.format, device.address), entry)
        if device.template:
            self._exact.setdefault((device.broker, device.format, device.template, device.address), entry)

    def _adopt(self, entry: Entry) -> None:
        """Hangs a device under its gateway, and under it those that named it as theirs before it was read."""
        gateway = entry.device.gateway
        if gateway:
            parent = self.entry(gateway)
            if parent is None:
                self._orphans.setdefault(gateway, []).append(entry.device.id)
            else:
                parent.children.append(entry.device.id)
        entry.children.extend(self._orphans.pop(entry.device.id, ()))

    def _add_channel(self, channel: Channel, point: Point) -> None:
        number = len(self._point)
        entry = self.devices[self._rows[channel.device]]
        self._point.append(self.index.add(point.id))
        self._device.append(entry.row)
        self._scale.append(channel.scale)
        self._offset.append(channel.offset)
        self._low.append(point.low)
        self._high.append(point.high)
        self._symbols.append(point.unit)
        self.words.append(channel.words)
        first = entry.fields.setdefault(channel.field, number)
        if first != number:
            self.twins.setdefault(first, []).append(number)
