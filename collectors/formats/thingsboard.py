"""ThingsBoard device and gateway JSON: https://thingsboard.io/docs/reference/mqtt-api/ and .../gateway-mqtt-api/

Telemetry is an object of values, an object of `ts` (ms) and `values`, or a list of either; a gateway puts the device's name
in front. Attributes are values without a time. A gateway's connect and disconnect are births and deaths. `v1/devices/me`
names no device: its address comes from a broker that rewrites the topic, or from the template's `device` option.
"""

from __future__ import annotations

from typing import Any

import msgspec

from collectors.formats import payloads
from collectors.formats.contract import DeviceReadings, Message, Readings
from collectors.formats.times import instant
from steward.errors import UndecodableMessage

TOPICS = (
    "v1/gateway/telemetry",
    "v1/gateway/attributes",
    "v1/gateway/connect",
    "v1/gateway/disconnect",
    "v1/devices/{device}/telemetry",
    "v1/devices/{device}/attributes",
)

NOBODY = ("", "me")


class Options(msgspec.Struct, forbid_unknown_fields=True):
    """device: the address of `v1/devices/me` on a broker that serves one device only."""

    device: str = ""


class Decoder:
    """Has no state."""

    def __init__(self, options: Options | None = None) -> None:
        self._device = (options or Options()).device

    def decode(self, message: Message, out: Readings) -> None:
        """States the values of one device, or of every device of a gateway's message."""
        level, _, last = message.topic.rpartition("/")
        if level.endswith("gateway"):
            self._gateway(last, message, out)
            return
        address = message.device if message.device not in NOBODY else self._device
        if not address:
            raise UndecodableMessage("no_device", "v1/devices/me names no device; set the template's option device")
        stated = payloads.value(message.payload)
        if not isinstance(stated, (dict, list)):
            raise UndecodableMessage("wrong_shape", f"a JSON {type(stated).__name__}, expected an object or a list")
        _entries(stated, out.device(address), out, "")

    def _gateway(self, last: str, message: Message, out: Readings) -> None:
        if last not in ("telemetry", "attributes", "connect", "disconnect"):
            raise UndecodableMessage("unknown_topic", last[:60])
        stated = payloads.table(message.payload)
        if last in ("connect", "disconnect"):
            name = stated.get("device")
            if not isinstance(name, str) or not name:
                raise UndecodableMessage("wrong_shape", "no device is named, expected an object with the key device")
            device = out.device(name)
            if last == "connect":
                device.born()
            else:
                device.died()
            return
        for name, entries in stated.items():
            _entries(entries, out.device(name), out, name)


def _entries(stated: Any, device: DeviceReadings, out: Readings, name: str) -> None:
    """The values of one device: an object or a list of objects, each with or without a time."""
    entries = stated if isinstance(stated, list) else [stated]
    for entry in entries:
        if not isinstance(entry, dict):
            out.reject("wrong_shape", f"{name or 'the payload'} holds a JSON {type(entry).__name__}, expected an object")
            continue
        values, at = entry, 0
        if isinstance(entry.get("values"), dict) and "ts" in entry:
            values = entry["values"]
            try:
                at = instant(entry["ts"], unit="ms")
            except UndecodableMessage as error:
                out.reject(error.reason, f"{name}: {error.detail}" if name else error.detail)
                continue
        elif set(entry) == {"values"} and isinstance(entry["values"], dict):
            values = entry["values"]
        _state(values, device, at)


def _state(values: dict[str, Any], device: DeviceReadings, at: int) -> None:
    for key, value in values.items():
        if isinstance(value, (dict, list)):
            for path, inner in payloads.flatten(value, key):
                device.add(path, inner, at)
        elif value is not None:
            device.add(key, value, at)
