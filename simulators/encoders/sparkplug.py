"""Sparkplug B 3.0, with a protobuf writer of its own.

Source: the specification and its sparkplug_b.proto (proto2): Payload {1 timestamp, 2 metrics, 3 seq}, Metric {1 name,
2 alias, 3 timestamp, 4 datatype, 5 is_historical, 9 properties, 11 long_value, 13 double_value, 14 boolean_value}. Births name
every metric, its alias and engineering unit; data carries aliases alone. A node speaks for its devices with one sequence 0-255.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from simulators.encoders.contract import MS, Publication, Row, Stamp, is_state
from simulators.plan import Plan, SimDevice
from steward.model import IntArray

VARINT, FIXED64, BYTES = 0, 1, 2
DOUBLE, BOOLEAN, UINT64, STRING = 10, 11, 8, 12
REBIRTH = "Node Control/Rebirth"


def varint(value: int) -> bytes:
    """Base-128 varint of a number >= 0."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def tag(field: int, wire: int) -> bytes:
    """The key of a field."""
    return varint(field << 3 | wire)


def number(field: int, value: int) -> bytes:
    """A varint field."""
    return tag(field, VARINT) + varint(value)


def chunk(field: int, content: bytes) -> bytes:
    """A length-delimited field."""
    return tag(field, BYTES) + varint(len(content)) + content


def _unit_property(unit: str) -> bytes:
    """PropertySet {1 keys, 2 values {1 type, 8 string}} with the engineering unit."""
    value = number(1, STRING) + chunk(8, unit.encode())
    return chunk(9, chunk(1, b"engUnit") + chunk(2, value))


class Sparkplug:
    """The edge nodes of a plan and their devices."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._seq: dict[str, int] = {}
        self._birth: dict[str, int] = {}
        self._alias: dict[tuple[str, str], int] = {}
        self._last: dict[str, tuple[int, Row]] = {}
        for device in plan.devices:
            if device.template.format == "sparkplug":
                for quantity in device.template.quantities:
                    self._alias[device.id, quantity.id] = len(self._alias) + 1
        self._layouts: dict[tuple[str, bool], tuple[struct.Struct, list[bytes], bytes]] = {}

    def stamps(self, at: IntArray) -> Sequence[Stamp]:
        """Epoch milliseconds."""
        stamps: list[int] = (at // MS).tolist()
        return stamps

    def message(
        self, source: SimDevice, devices: tuple[SimDevice, ...], stamp: Stamp, rows: tuple[Row, ...], late: bool
    ) -> tuple[str, bytes]:
        """DDATA by alias. A device that was not born yet states its birth instead."""
        assert isinstance(stamp, int)
        if source.id not in self._last:
            self._last[source.id] = stamp, rows[0]
            return self._topic("DBIRTH", source), self._device_birth(source, stamp, rows[0])
        self._last[source.id] = stamp, rows[0]
        moment = varint(stamp)
        tail = number(3, self._next(source.gateway))
        return self._topic("DDATA", source), number(1, stamp) + self._metrics(source, moment, rows[0], late) + tail

    def _metrics(self, source: SimDevice, moment: bytes, row: Row, late: bool) -> bytes:
        """The metrics of a data message. Gauges and registers are doubles: their layout is fixed and packed at once."""
        layout = self._layouts.get((source.id, late))
        if layout is None:
            layout = self._layouts[source.id, late] = self._layout(source, len(moment), late)
        packer, heads, middle = layout
        fields: list[bytes | float] = []
        for head, value in zip(heads, row, strict=True):
            fields += (head, moment, middle, value)
        return packer.pack(*fields)

    def _layout(self, source: SimDevice, size: int, late: bool) -> tuple[struct.Struct, list[bytes], bytes]:
        middle = (number(5, 1) if late else b"") + tag(13, FIXED64)
        heads = []
        for quantity in source.template.quantities:
            if is_state(quantity):
                raise ValueError(f"{source.id}.{quantity.id}: this encoder sends doubles in data messages, no states")
            alias = number(2, self._alias[source.id, quantity.id]) + tag(3, VARINT)
            heads.append(tag(2, BYTES) + varint(len(alias) + size + len(middle) + 8) + alias)
        form = "<" + "".join(f"{len(head)}s{size}s{len(middle)}sd" for head in heads)
        return struct.Struct(form), heads, middle

    def hello(self, devices: Sequence[SimDevice], at: int) -> list[Publication]:
        """NBIRTH of each node among the devices; the devices' own births follow with their first values."""
        out = []
        for node in devices:
            if node.gateway:
                continue
            self._birth[node.id] = (self._birth.get(node.id, -1) + 1) % 256
            self._seq[node.id] = -1
            for device in self._plan.behind(node.id):
                self._last.pop(device.id, None)
            out.append(Publication(at, self._topic("NBIRTH", node), self._node_birth(node, at // MS)))
        return out

    def rebirth(self, node: SimDevice, at: int) -> list[Publication]:
        """What a node answers to its rebirth command: NBIRTH with the same bdSeq, then DBIRTH with the last known values."""
        self._seq[node.id] = -1
        out = [Publication(at, self._topic("NBIRTH", node), self._node_birth(node, at // MS))]
        for device in self._plan.behind(node.id):
            if device.id in self._last:
                stamp, row = self._last[device.id]
                out.append(Publication(at, self._topic("DBIRTH", device), self._device_birth(device, stamp, row)))
        return out

    def death(self, device: SimDevice, at: int) -> list[Publication]:
        """NDEATH with the bdSeq of the last birth; no seq."""
        body = chunk(1, b"bdSeq") + number(3, at // MS) + number(4, UINT64) + number(11, self._birth.get(device.id, 0))
        return [Publication(at, self._topic("NDEATH", device), number(1, at // MS) + chunk(2, body))]

    def _next(self, node: str) -> int:
        seq = self._seq[node] = (self._seq.get(node, -1) + 1) % 256
        return seq

    def _topic(self, kind: str, device: SimDevice) -> str:
        group, _, rest = device.address.partition("/")
        return f"spBv1.0/{group}/{kind}/{rest}"

    def _node_birth(self, node: SimDevice, stamp: int) -> bytes:
        birth = chunk(1, b"bdSeq") + number(3, stamp) + number(4, UINT64) + number(11, self._birth.get(node.id, 0))
        control = chunk(1, REBIRTH.encode()) + number(3, stamp) + number(4, BOOLEAN) + number(14, 0)
        return number(1, stamp) + chunk(2, birth) + chunk(2, control) + number(3, self._next(node.id))

    def _device_birth(self, device: SimDevice, stamp: int, row: Row) -> bytes:
        out = number(1, stamp)
        for quantity, name, value in zip(device.template.quantities, device.template.fields, row, strict=True):
            state = is_state(quantity)
            body = chunk(1, name.encode()) + number(2, self._alias[device.id, quantity.id]) + number(3, stamp)
            body += number(4, BOOLEAN if state else DOUBLE) + (_unit_property(quantity.unit) if quantity.unit else b"")
            out += chunk(2, body + _value(value, state))
        return out + number(3, self._next(device.gateway))


def _value(value: float, state: bool) -> bytes:
    return number(14, int(value)) if state else tag(13, FIXED64) + struct.pack("<d", value)
