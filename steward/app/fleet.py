"""What is known of every device since the start: last heard, samples, clock, whether it is lost. Columns where it is hot."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from steward.model import Batch, Facility, IntArray, NumberArray, PointIndex


class Presence(Protocol):
    """A birth or a death (collectors.taken.Presence)."""

    @property
    def device(self) -> str: ...
    @property
    def alive(self) -> bool: ...
    @property
    def at(self) -> int: ...


@dataclass(slots=True)
class DeviceSeen:
    """A device: last arrival and moment of its death in ns (None: never), samples since the start."""

    seen: int | None = None
    dead: int | None = None


class Devices:
    """Keeps what commits say of devices. `commit` is called by one task, reads by any thread."""

    def __init__(self, facility: Facility, index: PointIndex) -> None:
        self._lock = threading.Lock()
        self._index = index
        self._known: dict[str, DeviceSeen] = {}
        self._rows: dict[str, int] = {}
        self._samples: IntArray = np.zeros(0, np.int64)
        self._device_of: NumberArray = np.zeros(0, np.int32)
        self._points: dict[str, list[int]] = {}
        self.rebind(facility)

    def rebind(self, facility: Facility) -> None:
        """Takes a new facility; what is known of devices that stay is kept."""
        with self._lock:
            for device in facility.devices:
                self._rows.setdefault(device, len(self._rows))
            samples = np.zeros(len(self._rows), np.int64)
            samples[: len(self._samples)] = self._samples
            self._samples = samples
            owner = np.full(len(self._index), -1, np.int32)
            points: dict[str, list[int]] = {}
            for point in facility.points.values():
                number = self._index.get(point.id)
                if number is not None and point.device in self._rows:
                    owner[number] = self._rows[point.device]
                    points.setdefault(point.device, []).append(number)
            self._device_of, self._points = owner, points
            self._gateways = {device.id: device.gateway for device in facility.devices.values() if device.gateway}

    def commit(self, batch: Batch, seen: Mapping[str, int], presence: Iterable[Presence]) -> None:
        """Takes a commit: last arrivals, births and deaths in order, samples by device."""
        with self._lock:
            for device, received in seen.items():
                state = self._known.setdefault(device, DeviceSeen())
                state.seen = received
                if state.dead is not None and received > state.dead:
                    state.dead = None
            for one in presence:
                state = self._known.setdefault(one.device, DeviceSeen())
                state.dead = None if one.alive else one.at
            known = batch.point[batch.point < len(self._device_of)]
            owner = self._device_of[known]
            self._samples += np.bincount(owner[owner >= 0], minlength=len(self._samples))

    def points_of(self, devices: Iterable[str]) -> NumberArray:
        """The numbers of the points of devices and of all devices that these speak for."""
        wanted = set(devices)
        grown = True
        while grown:
            behind = {device for device, gateway in self._gateways.items() if gateway in wanted} - wanted
            wanted |= behind
            grown = bool(behind)
        numbers = [number for device in wanted for number in self._points.get(device, ())]
        return np.array(numbers, np.int32)

    def states(self) -> dict[str, tuple[int | None, int | None, int]]:
        """device -> (seen, dead, samples)."""
        with self._lock:
            return {
                device: (
                    state.seen,
                    state.dead,
                    int(self._samples[self._rows[device]]) if device in self._rows else 0,
                )
                for device, state in self._known.items()
            }
