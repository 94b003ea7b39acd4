"""The devices that decoders add to: one of the facility, kept and used again; and a stand-in for an address that none has.

Invariants: `add` is on the hot path: it only looks up, checks types and appends; scale, range and clock are applied by
`Readings.take` in columns. What cannot be used is rejected by itself; the rest of the message goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Protocol

from collectors.formats.contract import Message
from collectors.formats.times import LIMIT, wall
from collectors.routing import Entry, Routing
from steward.model import Quality

FIELDS_PER_DEVICE = 500
"""Unmapped fields of a device that are remembered, so that each is handed over once; those beyond are only counted."""
_UNMAPPED = -1


class Owner(Protocol):
    """The readings that a device belongs to (readings.Readings), as the device uses them."""

    message: Message
    routing: Routing

    @property
    def appenders(self) -> tuple[Callable[[int], None], Callable[[Any], None], Callable[[int], None]]:
        """How a channel, a value and a time (ns) are appended to the columns; each raises TypeError, OverflowError."""

    def number(self, device: KnownDevice, field: str, channel: int, text: str) -> float:
        """The number of a text value. Raises LookupError once it is rejected."""

    def convert(self, device: KnownDevice, field: str, channel: int, value: Any, unit: str) -> float:
        """A value in the channel's unit. Raises LookupError once it is rejected."""

    def mark(self, quality: int, historical: bool) -> None:
        """Marks the sample that is being added."""

    def repair(self, device: KnownDevice, detail: str) -> None:
        """Takes back a half-added sample and rejects it."""

    def unmapped(self, device: KnownDevice, field: str, value: float | int | bool | str) -> None:
        """A field that no channel wants."""

    def presence(self, device: str, alive: bool, at: int) -> None:
        """A birth or a death."""


class KnownDevice:
    """The readings of one device of the facility; kept and used again for each of its messages."""

    __slots__ = ("_ats", "_channels", "_lookup", "_owner", "_values", "entry", "fields", "remembered")

    def __init__(self, owner: Owner, entry: Entry) -> None:
        self.entry = entry
        self.fields: Collection[str] = tuple(entry.fields)
        self.remembered = 0
        self._owner = owner
        self._lookup = dict(entry.fields)
        self._channels, self._values, self._ats = owner.appenders

    def add(
        self,
        field: str,
        value: float | int | bool | str,
        at: int = 0,
        quality: Quality = Quality.GOOD,
        historical: bool = False,
        unit: str = "",
    ) -> None:
        """States a value; see the contract. A value that cannot be used is rejected by itself."""
        channel = self._lookup.get(field)
        if channel is None or channel < 0:
            self._owner.unmapped(self, field, value)
            return
        try:
            if isinstance(value, str):
                value = self._owner.number(self, field, channel, value)
            if unit:
                value = self._owner.convert(self, field, channel, value, unit)
            self._values(value)
            self._ats(at)
        except (TypeError, OverflowError) as error:
            self._owner.repair(self, f"{field}: {value!r:.100} ({error})")
        except LookupError:
            return  # rejected where it was found
        else:
            if quality or historical:
                self._owner.mark(quality, historical)
            self._channels(channel)

    def add_from(
        self,
        table: Mapping[str, Any],
        fields: Iterable[str],
        at: int = 0,
        quality: Quality = Quality.GOOD,
        historical: bool = False,
    ) -> int:
        """States these fields of a table; see the contract. Numbers that are plainly good take the short way."""
        found = 0
        get, channel_of = table.get, self._lookup.get
        channels, values, ats = self._channels, self._values, self._ats
        plain = not quality and not historical and 0 <= at < LIMIT
        for field in fields:
            value = get(field)
            if value is None:
                continue
            found += 1
            channel = channel_of(field, _UNMAPPED)
            if channel >= 0 and plain:
                try:
                    values(value)
                except (TypeError, OverflowError):
                    self.add(field, value, at)
                    continue
                ats(at)
                channels(channel)
            else:
                self.add(field, value, at, quality, historical)
        return found

    def local(self, wall_clock: str) -> int:
        """ns of a wall-clock time at the device's site; see the contract."""
        return wall(wall_clock, self.entry.zone, self._owner.message.received)

    def born(self, at: int = 0) -> None:
        """The device announced itself."""
        self._owner.presence(self.entry.device.id, True, at)

    def died(self, at: int = 0) -> None:
        """The device is lost, and with it those that it speaks for."""
        for device in self._owner.routing.family(self.entry.device.id):
            self._owner.presence(device, False, at)

    def remember(self, field: str) -> bool:
        """Whether an unmapped field is new to this device."""
        if field in self._lookup or self.remembered >= FIELDS_PER_DEVICE:
            return False
        self._lookup[field] = _UNMAPPED
        self.remembered += 1
        return True


class UnknownDevice:
    """Stands for an address that no device has: notes what it sends, so that a person can adopt it."""

    __slots__ = ("_owner", "address", "noted", "units")

    fields: Collection[str] | None = None

    def __init__(self, owner: Owner, address: str) -> None:
        self._owner = owner
        self.address = address
        self.noted: dict[str, float | int | bool | str] = {}
        self.units: dict[str, str] = {}

    def add(
        self,
        field: str,
        value: float | int | bool | str,
        at: int = 0,
        quality: Quality = Quality.GOOD,
        historical: bool = False,
        unit: str = "",
    ) -> None:
        """Notes a field."""
        if len(self.noted) < FIELDS_PER_DEVICE or field in self.noted:
            self.noted[field] = value
            if unit:
                self.units[field] = unit

    def add_from(
        self,
        table: Mapping[str, Any],
        fields: Iterable[str],
        at: int = 0,
        quality: Quality = Quality.GOOD,
        historical: bool = False,
    ) -> int:
        """Notes these fields of a table."""
        there = [field for field in fields if table.get(field) is not None]
        for field in there:
            self.add(field, table[field])
        return len(there)

    def local(self, wall_clock: str) -> int:
        """ns of a wall-clock time at the first site."""
        return wall(wall_clock, self._owner.routing.default_zone(), self._owner.message.received)

    def born(self, at: int = 0) -> None:
        """Nothing: no device to be alive."""

    def died(self, at: int = 0) -> None:
        """Nothing: no device to be lost."""
