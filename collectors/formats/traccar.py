"""Traccar's forwarded positions and events as JSON: https://www.traccar.org/forward/

Position fields keep their names (latitude, speed, course ...), the position's attributes theirs (ignition, totalDistance,
hours, fuel ...), the device's status is `status`. The place is true at `fixTime`, everything else at `deviceTime`; an invalid
or outdated place is uncertain. An archived position is historical. Events state what they imply: the position that they
carry, a birth or death, ignition, motion, an alarm. The address is the device's `uniqueId`.
"""

from __future__ import annotations

from typing import Any

from collectors.formats import payloads
from collectors.formats.contract import DeviceReadings, Message, Readings
from collectors.formats.times import instant
from steward.errors import UndecodableMessage
from steward.model import Quality

TOPICS = ("positions", "events")

PLACE = {"latitude": "deg", "longitude": "deg", "altitude": "m", "speed": "kn", "course": "deg", "accuracy": "m"}
UNITS = {
    "distance": "m", "totalDistance": "m", "odometer": "m", "serviceOdometer": "m", "tripOdometer": "m", "obdOdometer": "m",
    "hours": "ms", "fuel": "L", "fuelUsed": "L", "fuelLevel": "%", "fuelConsumption": "L/h", "power": "V", "battery": "V",
    "batteryLevel": "%", "obdSpeed": "km/h", "coolantTemp": "degC", "deviceTemp": "degC", "engineTemp": "degC",
    "engineLoad": "%", "throttle": "%", "humidity": "%", "axleWeight": "kg", "rpm": "rpm",
}  # fmt: skip
EVENTS: dict[str, tuple[str, float]] = {
    "ignitionOn": ("ignition", 1.0),
    "ignitionOff": ("ignition", 0.0),
    "deviceMoving": ("motion", 1.0),
    "deviceStopped": ("motion", 0.0),
}
"""Event type -> the field and value that it states."""
BIRTHS, DEATHS = ("deviceOnline",), ("deviceOffline", "deviceInactive")


class Decoder:
    """Has no state."""

    def decode(self, message: Message, out: Readings) -> None:
        """States a forwarded position or event."""
        stated = payloads.table(message.payload)
        position, event, sender = stated.get("position"), stated.get("event"), stated.get("device")
        if not isinstance(position, dict) and not isinstance(event, dict):
            raise UndecodableMessage("wrong_shape", "neither a position nor an event")
        address = sender.get("uniqueId") if isinstance(sender, dict) else None
        if not isinstance(address, str) or not address:
            address = message.device
        if not address:
            raise UndecodableMessage("no_device", "device.uniqueId is missing")
        device = out.device(address)
        useful = False
        if isinstance(position, dict):
            status = sender.get("status") if isinstance(sender, dict) and not isinstance(event, dict) else None
            _position(position, device, status)
            useful = True
        if isinstance(event, dict):
            useful |= _event(event, device)
        if not useful:
            kind = event.get("type") if isinstance(event, dict) else None
            out.reject("event_not_supported", f"{kind!r:.60}")


def _position(position: dict[str, Any], device: DeviceReadings, status: Any) -> None:
    at = instant(position.get("deviceTime"), device.local)
    fixed = instant(position.get("fixTime"), device.local) or at
    outdated = position.get("outdated") is True
    if outdated:
        fixed = at  # the last known place said again: at its old time it would replace what was good then
    sure = position.get("valid", True) is True and not outdated
    quality = Quality.GOOD if sure else Quality.UNCERTAIN
    attributes = position.get("attributes")
    if not isinstance(attributes, dict):
        attributes = {}
    historical = attributes.get("archive") is True
    for field, unit in PLACE.items():
        value = position.get(field)
        if value is not None:
            device.add(field, value, fixed, quality, historical, unit if value.__class__ is not str else "")
    if isinstance(status, str):
        device.add("status", status, at, historical=historical)
    for field, value in attributes.items():
        _attribute(field, value, device, at, historical)


def _attribute(field: str, value: Any, device: DeviceReadings, at: int, historical: bool) -> None:
    if field == "dtcs" and isinstance(value, str):
        device.add("dtcs", len(value.replace(",", " ").split()), at, historical=historical)
    elif isinstance(value, str):
        device.add(field, value, at, historical=historical)
    elif isinstance(value, (bool, int, float)):
        device.add(field, value, at, historical=historical, unit=UNITS.get(field, ""))


def _event(event: dict[str, Any], device: DeviceReadings) -> bool:
    """States what an event implies; whether it implied anything."""
    kind = event.get("type")
    at = instant(event.get("eventTime") or event.get("serverTime"), device.local)
    if kind in BIRTHS:
        device.born(at)
    elif kind in DEATHS:
        device.died(at)
    elif isinstance(kind, str) and kind in EVENTS:
        field, value = EVENTS[kind]
        device.add(field, value, at)
    elif kind == "alarm":
        attributes = event.get("attributes")
        alarm = attributes.get("alarm") if isinstance(attributes, dict) else None
        if not isinstance(alarm, str):
            return False
        device.add("alarm", alarm, at)
    else:
        return False
    return True
