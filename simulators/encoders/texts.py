"""JSON formats of buildings: Steward's native envelope, free JSON, ThingsBoard's gateway, Tasmota.

Sources: docs/reference/formats/native.md; https://thingsboard.io/docs/reference/gateway-mqtt-api/ ;
https://tasmota.github.io/docs/MQTT/ . Payloads are printf templates made once per device.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from simulators.encoders.contract import MS, Publication, Row, Stamp, is_state, iso, number_format
from simulators.plan import SimDevice
from simulators.weather import ZONE
from steward.model import IntArray

BOOLEANS = ("false", "true")


def values_template(device: SimDevice) -> str:
    """`"power":%.3f,...` of a device, states as %s."""
    parts = []
    for quantity, name in zip(device.template.quantities, device.template.fields, strict=True):
        key = json.dumps(name.removeprefix("data."))
        parts.append(f"{key}:{'%s' if is_state(quantity) else number_format(quantity)}")
    return ",".join(parts)


class _Texts:
    """Keeps one template per device, and which of its columns are states."""

    def __init__(self) -> None:
        self._templates: dict[str, tuple[str, tuple[int, ...]]] = {}

    def fill(self, device: SimDevice, row: Row) -> str:
        """The values of a device as the inside of a JSON object."""
        known = self._templates.get(device.id)
        if known is None:
            states = tuple(number for number, quantity in enumerate(device.template.quantities) if is_state(quantity))
            known = self._templates[device.id] = values_template(device), states
        template, states = known
        if not states:
            return template % tuple(row)
        arguments: list[float | str] = list(row)
        for number in states:
            arguments[number] = BOOLEANS[row[number] != 0]
        return template % tuple(arguments)


class Native:
    """Steward's envelope: `steward/v1/<device>/telemetry`, status retained."""

    def __init__(self) -> None:
        self._texts = _Texts()
        self._sequence: dict[str, int] = {}

    def stamps(self, at: IntArray) -> Sequence[Stamp]:
        """Epoch milliseconds."""
        stamps: list[int] = (at // MS).tolist()
        return stamps

    def message(
        self, source: SimDevice, devices: tuple[SimDevice, ...], stamp: Stamp, rows: tuple[Row, ...], late: bool
    ) -> tuple[str, bytes]:
        """The short form: one time, all values."""
        number = self._sequence[source.id] = self._sequence.get(source.id, -1) + 1
        history = '"historical":true,' if late else ""
        text = f'{{"at":{stamp},"sequence":{number},{history}"values":{{{self._texts.fill(source, rows[0])}}}}}'
        return f"steward/v1/{source.address}/telemetry", text.encode()

    def hello(self, devices: Sequence[SimDevice], at: int) -> list[Publication]:
        """`online`, retained."""
        return [self._status(device, "online", at) for device in devices]

    def death(self, device: SimDevice, at: int) -> list[Publication]:
        """`offline`, retained."""
        return [self._status(device, "offline", at)]

    def _status(self, device: SimDevice, word: str, at: int) -> Publication:
        return Publication(at, f"steward/v1/{device.address}/status", f'{{"status":"{word}","at":{at // MS}}}'.encode(), True)


class Json:
    """Free JSON as many a maker's gateway sends it: local time with its zone, values in an object of their own."""

    def __init__(self) -> None:
        self._texts = _Texts()

    def stamps(self, at: IntArray) -> Sequence[Stamp]:
        """ISO 8601 with +08:00."""
        return iso(at, "ms", ZONE)

    def message(
        self, source: SimDevice, devices: tuple[SimDevice, ...], stamp: Stamp, rows: tuple[Row, ...], late: bool
    ) -> tuple[str, bytes]:
        """`linhai/<device>/data`."""
        text = f'{{"time":"{stamp}+08:00","id":"{source.address}","data":{{{self._texts.fill(source, rows[0])}}}}}'
        return source.template.topic.replace("{device}", source.address), text.encode()

    def hello(self, devices: Sequence[SimDevice], at: int) -> list[Publication]:
        """Nothing: this format knows no births."""
        return []

    def death(self, device: SimDevice, at: int) -> list[Publication]:
        """Nothing."""
        return []


class ThingsBoard:
    """The gateway API: one message for all devices that the gateway has polled."""

    def __init__(self) -> None:
        self._texts = _Texts()

    def stamps(self, at: IntArray) -> Sequence[Stamp]:
        """Epoch milliseconds."""
        stamps: list[int] = (at // MS).tolist()
        return stamps

    def message(
        self, source: SimDevice, devices: tuple[SimDevice, ...], stamp: Stamp, rows: tuple[Row, ...], late: bool
    ) -> tuple[str, bytes]:
        """`{"device": [{"ts": ..., "values": {...}}], ...}`."""
        parts = [
            f'"{device.address}":[{{"ts":{stamp},"values":{{{self._texts.fill(device, row)}}}}}]'
            for device, row in zip(devices, rows, strict=True)
        ]
        return "v1/gateway/telemetry", f"{{{','.join(parts)}}}".encode()

    def hello(self, devices: Sequence[SimDevice], at: int) -> list[Publication]:
        """A connect for each device behind a gateway."""
        return [Publication(at, "v1/gateway/connect", json.dumps({"device": d.address}).encode()) for d in devices if d.gateway]

    def death(self, device: SimDevice, at: int) -> list[Publication]:
        """Nothing: a ThingsBoard gateway that is lost says nothing."""
        return []


class Tasmota:
    """SENSOR telemetry of a metering plug, and its retained LWT."""

    def stamps(self, at: IntArray) -> Sequence[Stamp]:
        """Local time without a zone, whole seconds: Tasmota's own trap."""
        return iso(at, "s", ZONE)

    def message(
        self, source: SimDevice, devices: tuple[SimDevice, ...], stamp: Stamp, rows: tuple[Row, ...], late: bool
    ) -> tuple[str, bytes]:
        """`tele/<topic>/SENSOR`."""
        power, total, voltage, current = rows[0]
        apparent = voltage * current
        text = (
            f'{{"Time":"{stamp}","ENERGY":{{"TotalStartTime":"2024-01-15T09:00:00","Total":{total:.3f},"Power":{power:.0f},'
            f'"ApparentPower":{apparent:.0f},"Factor":{min(power / max(apparent, 1.0), 1.0):.2f},'
            f'"Voltage":{voltage:.0f},"Current":{current:.3f}}}}}'
        )
        return f"tele/{source.address}/SENSOR", text.encode()

    def hello(self, devices: Sequence[SimDevice], at: int) -> list[Publication]:
        """`Online`, retained."""
        return [Publication(at, f"tele/{device.address}/LWT", b"Online", True) for device in devices]

    def death(self, device: SimDevice, at: int) -> list[Publication]:
        """`Offline`, retained."""
        return [Publication(at, f"tele/{device.address}/LWT", b"Offline", True)]
