"""Steward's own JSON envelope: docs/reference/formats/native.md.

Several points per message, each with its own time, quality and unit where it needs one; a sequence that shows losses;
status messages as birth and last will. Structural errors reject the message, those of one point only that point.
"""

from __future__ import annotations

from typing import Any

import msgspec

from collectors.formats import payloads
from collectors.formats.contract import DeviceReadings, Message, Readings
from collectors.formats.times import instant
from steward.errors import UndecodableMessage
from steward.model import Quality

TOPICS = ("steward/v1/{device}/telemetry", "steward/v1/{device}/status")

QUALITIES = {"good": Quality.GOOD, "uncertain": Quality.UNCERTAIN, "bad": Quality.BAD}
RESTARTS = (0, 1)
"""Sequence numbers that a device begins again with."""
REORDERED = 100
"""A number further below the last one than this is a new beginning, not a message that was overtaken."""


class Reading(msgspec.Struct, gc=False):
    """One point of a message."""

    field: str
    value: Any = None
    at: Any = None
    quality: str = ""
    unit: str = ""
    device: str = ""


class Telemetry(msgspec.Struct):
    """One telemetry message."""

    at: Any = None
    sequence: int | None = None
    historical: bool = False
    quality: str = "good"
    points: list[Reading] = []
    values: dict[str, Any] = {}


class Status(msgspec.Struct):
    """One status message."""

    status: str
    at: Any = None


class Decoder:
    """Keeps the last sequence number of each device."""

    def __init__(self) -> None:
        self._decode = msgspec.json.Decoder(Telemetry).decode
        self._decode_status = msgspec.json.Decoder(Status).decode
        self._sequences: dict[str, int] = {}

    def decode(self, message: Message, out: Readings) -> None:
        """States the points of a telemetry message, or the birth or death of a status message."""
        address = message.device
        if not address:
            raise UndecodableMessage("no_device", "the topic holds no address")
        if message.topic.endswith("/status"):
            self._status(message, out.device(address))
            return
        telemetry = payloads.value(message.payload, self._decode)
        quality = QUALITIES.get(telemetry.quality)
        if quality is None:
            raise UndecodableMessage("unknown_quality", telemetry.quality)
        device = out.device(address)
        at = instant(telemetry.at, device.local) if telemetry.at is not None else 0
        if telemetry.sequence is not None and not message.retained and device.fields is not None:
            self._follow(address, telemetry.sequence, out)
        historical = telemetry.historical
        if telemetry.values:
            device.add_from(telemetry.values, telemetry.values, at, quality, historical)
        for reading in telemetry.points:
            if reading.value is not None:
                self._point(reading, out, device, at, quality, historical)

    def _point(
        self, reading: Reading, out: Readings, device: DeviceReadings, at: int, quality: Quality, historical: bool
    ) -> None:
        if reading.device:
            device = out.device(reading.device)
        if reading.at is not None:
            try:
                at = instant(reading.at, device.local) or at
            except UndecodableMessage as error:
                out.reject(error.reason, f"{reading.field}: {error.detail}")
                return
        if reading.quality:
            stated = QUALITIES.get(reading.quality)
            if stated is None:
                out.reject("unknown_quality", f"{reading.field}: {reading.quality!r:.40}")
                return
            quality = stated
        device.add(reading.field, reading.value, at, quality, historical, reading.unit)

    def _follow(self, address: str, sequence: int, out: Readings) -> None:
        last = self._sequences.get(address)
        self._sequences[address] = sequence
        if last is None or sequence in (last, last + 1) or sequence in RESTARTS:
            return
        if last - sequence > REORDERED:
            return  # the device began again somewhere
        if sequence > last:
            out.reject("sequence_gap", f"{sequence - last - 1} missing between {last} and {sequence}")
        else:
            self._sequences[address] = last
            out.reject("sequence_reordered", f"{sequence} after {last}")

    def _status(self, message: Message, device: DeviceReadings) -> None:
        payload = message.payload
        if payload[:1] == b"{":
            stated = payloads.value(payload, self._decode_status)
            word, at = stated.status, instant(stated.at, device.local)
        else:
            word, at = payloads.text(payload), 0
        if word == "online":
            device.born(at)
        elif word == "offline":
            device.died(at)
        else:
            raise UndecodableMessage("unknown_status", f"{word[:40]!r}, expected online or offline")
