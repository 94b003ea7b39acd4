"""Tasmota: https://tasmota.github.io/docs/MQTT/ and https://tasmota.github.io/docs/JSON-Status-Responses/

Fields are the JSON's keys joined by dots (ENERGY.Power, DS18B20.Temperature); the values of a device with several channels
are lists and get their position (ENERGY.Power.0). `Time` is the device's local time without a zone. Units are what Tasmota's
documents say: totals in kWh, Period in Wh, temperature and pressure as the message itself declares.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from collectors.formats import payloads
from collectors.formats.contract import DeviceReadings, Message, Readings
from collectors.formats.times import instant
from steward.errors import UndecodableMessage

TOPICS = ("tele/{device}/+", "stat/{device}/+")

DATA = ("SENSOR", "STATE", "RESULT", "STATUS8", "STATUS10", "STATUS11")
QUIET = ("INFO1", "INFO2", "INFO3", "UPTIME", "LOGGING", "MARGINS", "HASS_STATE", "STATUS")
"""What carries no readings; STATUS0-7 and 9 likewise."""
SKIPPED = ("Time", "TempUnit", "PressureUnit", "SpeedUnit", "Id")
WRAPPERS = ("StatusSNS", "StatusSTS")

ENERGY_UNITS = {
    "Total": "kWh", "Yesterday": "kWh", "Today": "kWh", "ExportTotal": "kWh", "ExportActive": "kWh", "ImportActive": "kWh",
    "Period": "Wh", "Power": "W", "ApparentPower": "VA", "ReactivePower": "var", "Factor": "ratio", "Voltage": "V",
    "Current": "A", "Frequency": "Hz",
}  # fmt: skip
UNITS = {"Humidity": "%", "Illuminance": "lx", "CarbonDioxide": "ppm", "eCO2": "ppm", "Vcc": "V", "Signal": "dBm", "RSSI": "%"}
TEMPERATURE, PRESSURE = "TempUnit", "PressureUnit"
TEMPERATURES = ("Temperature", "DewPoint")
PRESSURES = ("Pressure", "SeaPressure")


class Options(msgspec.Struct, forbid_unknown_fields=True):
    """online, offline: the texts of the LWT topic, for firmware built with others."""

    online: str = "Online"
    offline: str = "Offline"


class Decoder:
    """Has no state."""

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()

    def decode(self, message: Message, out: Readings) -> None:
        """States sensors, relay states, and births and deaths by the last will."""
        levels = message.topic.split("/")
        last = levels[-1]
        address = message.device or (levels[-2] if len(levels) > 1 else "")
        if not address:
            raise UndecodableMessage("no_device", "the topic holds no address")
        if last in DATA:
            _data(payloads.table(message.payload), out.device(address))
        elif last == "LWT":
            self._will(payloads.text(message.payload), out.device(address))
        elif last.startswith("POWER"):
            out.device(address).add(last, payloads.text(message.payload))
        elif not last.startswith(QUIET):
            raise UndecodableMessage("unknown_topic", f"{last[:60]!r} is no topic of Tasmota's with readings")

    def _will(self, word: str, device: DeviceReadings) -> None:
        if word == self._options.online:
            device.born()
        elif word == self._options.offline:
            device.died()
        else:
            raise UndecodableMessage(
                "unknown_status", f"{word[:40]!r}, expected {self._options.online} or {self._options.offline}"
            )


def _data(stated: dict[str, Any], device: DeviceReadings) -> None:
    for wrapper in WRAPPERS:
        inner = stated.get(wrapper)
        if isinstance(inner, dict):
            stated = inner
    at = instant(stated.get("Time"), device.local)
    temperature = {"F": "degF", "K": "K"}.get(str(stated.get("TempUnit")), "degC")
    pressure = {"mmHg": "mmHg", "kPa": "kPa"}.get(str(stated.get("PressureUnit")), "hPa")
    for path, value in payloads.flatten(stated):
        unit = _unit(path)
        if unit is None:
            continue
        if unit == TEMPERATURE:
            unit = temperature
        elif unit == PRESSURE:
            unit = pressure
        device.add(path, value, at, unit=unit if value.__class__ is not str else "")


@lru_cache(maxsize=4096)
def _unit(path: str) -> str | None:
    """The unit of a field, or which of the message's units it has; None for what is no reading."""
    levels = path.split(".")
    leaf = levels[-2] if levels[-1].isdigit() and len(levels) > 1 else levels[-1]
    if leaf in SKIPPED or leaf.endswith("StartTime"):
        return None
    if levels[0] == "ENERGY":
        return ENERGY_UNITS.get(leaf, "")
    if leaf in TEMPERATURES:
        return TEMPERATURE
    return PRESSURE if leaf in PRESSURES else UNITS.get(leaf, "")
