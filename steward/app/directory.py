"""The facility as it stands now: the file, plus the devices that were admitted since. One place that changes it.

Invariants: `facility` is replaced whole, never changed; an admitted device is in the records before its points are used,
so it is bound again after a restart; a reload either takes a whole new file or leaves everything as it was.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import structlog

from steward.app.consumption.expected import with_expected
from steward.app.ledger.registers import with_derived
from steward.config import Settings, admit
from steward.model import Channel, Device, Facility, Point, PointIndex

log = structlog.get_logger()

Admission = tuple[Device, Sequence[Point], Sequence[Channel]]
MAX_ADMITTED = 100_000
"""Devices that may be admitted by templates: a bound, because anyone who may publish can make addresses up."""


class AdmittedDevice(Protocol):
    """A device that was admitted earlier."""

    @property
    def device(self) -> str: ...
    @property
    def template(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def broker(self) -> str: ...


class Registrar(Protocol):
    """Where admitted devices are on record."""

    def admit(self, device_id: str, template: str, address: str, broker: str, now: int) -> bool: ...
    def admitted(self) -> Sequence[AdmittedDevice]: ...


class Directory:
    """Holds settings and facility; `changed` is called, from any thread, after each admission."""

    def __init__(
        self,
        settings: Settings,
        index: PointIndex,
        registrar: Registrar,
        clock: Callable[[], int],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._lock = threading.Lock()
        self._registrar, self.clock = registrar, clock
        self.index = index
        self.changed = changed
        self.refused = 0
        self.settings = settings
        self.facility = self._with_admitted(settings.facility, settings)
        self._number(self.facility)

    def admit(self, broker: str, template: str, address: str) -> Admission | None:
        """Admits the device of an address that appeared; None when the bound is reached. Thread-safe."""
        with self._lock:
            if (known := self._known(template, address)) is not None:
                return known
            if len(self.facility.devices) - len(self.settings.facility.devices) >= MAX_ADMITTED:
                self.refused += 1
                return None
            before = self.facility
            grown, device = admit(before, template, address, broker)
            self._registrar.admit(device.id, template, address, broker, self.clock())
            channels = grown.channels[len(before.channels) :]
            points = [grown.points[channel.point] for channel in channels]
            grown = self._derive(grown, points)
            self._number(grown)
            self.facility = grown
        log.info("device_admitted", device=device.id, template=template, broker=broker)
        self.changed()
        return device, points, channels

    def _known(self, template: str, address: str) -> Admission | None:
        """A device admitted a moment ago, asked for again by a routing that was made before (a reload in between)."""
        facility = self.facility
        for device in facility.devices.values():
            if device.template == template and device.address == address:
                channels = tuple(channel for channel in facility.channels if channel.device == device.id)
                return device, [facility.points[channel.point] for channel in channels], channels
        return None

    def point(self, id: str) -> Point | None:
        """A point as it is known now."""
        return self.facility.points.get(id)

    def prepare(self, settings: Settings) -> Facility:
        """The facility that `take` would make of a new file: admitted devices whose templates are still there stay."""
        facility = self._with_admitted(settings.facility, settings)
        self._number(facility)
        return facility

    def take(self, settings: Settings) -> Facility:
        """Takes a new, validated file; also the devices that were admitted since `prepare`."""
        with self._lock:
            self.settings, self.facility = settings, self.prepare(settings)
            return self.facility

    def _derive(self, grown: Facility, points: Sequence[Point]) -> Facility:
        """With what the registers of a new device give."""
        alone = with_derived(replace(grown, points={point.id: point for point in points}), self.settings.meters)
        return with_expected(replace(grown, points={**grown.points, **alone.points}), self.settings.derived)

    def _with_admitted(self, facility: Facility, settings: Settings) -> Facility:
        listed = {(device.template, device.address) for device in facility.devices.values()}
        for known in self._registrar.admitted():
            if known.template not in facility.templates or known.device in facility.devices:
                continue
            if (known.template, known.address) in listed:
                continue  # a person has adopted it into the file, perhaps under another id
            facility, _ = admit(facility, known.template, known.address, known.broker, known.device)
        return with_expected(with_derived(facility, settings.meters), settings.derived)

    def _number(self, facility: Facility) -> None:
        for point in facility.points:
            self.index.add(point)
