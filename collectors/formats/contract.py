"""What a format's decoder is given and what it states. See the package docstring."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from steward.model import Quality


class Message(NamedTuple):
    """An MQTT message. `device` is the address captured from the topic by the template ("" if the topic holds none);
    `received` in ns; `retained` is the retain flag as the broker delivered it (a retained message seen at subscribe)."""

    topic: str
    payload: bytes
    received: int
    device: str = ""
    retained: bool = False


class DeviceReadings(Protocol):
    """The fields of one device in one message."""

    @property
    def fields(self) -> Collection[str] | None:
        """The fields that are mapped to points, for decoders that look values up by them; None: device not known, state all."""

    def add(
        self,
        field: str,
        value: float | int | bool | str,
        at: int = 0,
        quality: Quality = Quality.GOOD,
        historical: bool = False,
        unit: str = "",
    ) -> None:
        """States a value. `at` in ns, 0 = no device time (arrival is taken); text is looked up in the channel's words;
        `unit` is what the device itself declared, "" if it did not (then the configured unit holds)."""

    def add_from(
        self,
        table: Mapping[str, Any],
        fields: Iterable[str],
        at: int = 0,
        quality: Quality = Quality.GOOD,
        historical: bool = False,
    ) -> int:
        """States these fields of a table in one call, each as `add` would; returns how many were there. None is "no value"."""

    def local(self, wall: str) -> int:
        """ns of a local wall-clock time (ISO 8601 without zone) in the device's site's zone; of the two at the end
        of daylight saving the one near the arrival, else the earlier. Raises UndecodableMessage."""

    def born(self, at: int = 0) -> None:
        """The device announced itself."""

    def died(self, at: int = 0) -> None:
        """The device is lost: its points are stale at once."""


class Readings(Protocol):
    """The out-parameter of `decode`."""

    def device(self, address: str) -> DeviceReadings:
        """The device of an address; an unknown one is counted, quarantined or admitted by its template."""

    def reply(self, topic: str, payload: bytes) -> None:
        """Publishes to the broker that the message came from (e.g. a Sparkplug rebirth request)."""

    def reject(self, reason: str, detail: str = "") -> None:
        """Counts and quarantines a part of the message; the rest goes on."""


class Decoder(Protocol):
    """Turns messages into readings. One instance per broker connection."""

    def decode(self, message: Message, out: Readings) -> None:
        """States what the message says. Raises UndecodableMessage when nothing can be read."""
