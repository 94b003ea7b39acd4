"""Sparkplug B 3.0: https://sparkplug.eclipse.org/specification/version/3.0/documents/sparkplug-specification-3.0.0.pdf

A node's address is `group/node`, a device's `group/node/device`; fields are metric names. Births name the aliases that data
messages use. A gap in `seq`, data before a birth or an unknown alias ask the node for a rebirth, once until it comes; from
a gap until then, values known by alias alone are uncertain. An NDEATH counts only with the bdSeq of the last NBIRTH, and takes
all devices of the node along.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
from google.protobuf.message import DecodeError

from collectors.formats._sparkplug_payload import Payload
from collectors.formats.contract import DeviceReadings, Message, Readings
from collectors.formats.payloads import LIMIT
from steward.errors import UndecodableMessage
from steward.model import Quality

TOPICS = ("spBv1.0/#",)

REBIRTH = "Node Control/Rebirth"
CONTROL = ("Node Control/", "Device Control/")
MILLISECOND = 1_000_000
LAST_MS = (1 << 63) // MILLISECOND

BITS = {1: 8, 2: 16, 3: 32, 4: 64}
"""Signed datatypes: they travel as two's complement in unsigned fields."""
UNSIGNED = {5, 6, 7, 8}
FLOAT, DOUBLE, BOOLEAN, STRING, DATETIME, TEXT, UUID = 9, 10, 11, 12, 13, 14, 15
NODES = 50_000
METRICS = 200_000
"""Bounds on what foreign births may make us remember: nodes, and aliases of a node."""


class Options(msgspec.Struct, forbid_unknown_fields=True):
    """rebirth: whether to ask nodes for a rebirth (false on a broker where we may not publish); units: whether the property
    `engUnit` of a birth is taken as the unit that the device declares."""

    rebirth: bool = True
    units: bool = True


@dataclass(slots=True)
class Known:
    """What a birth said about a metric."""

    name: str
    datatype: int
    unit: str
    device: str


@dataclass(slots=True)
class Node:
    """What is known of an edge node. `seq` is the last sequence number, -1 when none is; `devices` are addresses."""

    born: bool = False
    asked: bool = False
    doubtful: bool = False
    seq: int = -1
    birth: int = -1
    aliases: dict[int, Known] = field(default_factory=dict)
    names: dict[tuple[str, str], Known] = field(default_factory=dict)
    devices: set[str] = field(default_factory=set)


class Decoder:
    """Keeps the births of every node."""

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()
        self._nodes: dict[str, Node] = {}

    def decode(self, message: Message, out: Readings) -> None:
        """States the metrics of births and data, and deaths."""
        levels = message.topic.split("/")
        if len(levels) < 4 or levels[1] == "STATE":
            return  # a host application's state
        group, kind, name = levels[1:4]
        address = f"{group}/{name}"
        if kind in ("NCMD", "DCMD"):
            return
        device = "/".join(levels[4:])
        if kind not in ("NBIRTH", "NDEATH", "NDATA", "DBIRTH", "DDEATH", "DDATA") or (kind[0] == "D") != bool(device):
            raise UndecodableMessage("unknown_topic", message.topic[:100])
        payload = parse(message.payload)
        node = self._nodes.get(address) or self._nodes.setdefault(address, Node())
        if len(self._nodes) > NODES:
            del self._nodes[address]
            raise UndecodableMessage("too_many_nodes", f"more than {NODES}")
        place = Place(message, out, node, address, f"{address}/{device}" if device else address, group, name)
        if kind == "NDEATH":
            _node_death(place, payload)
            return
        if kind == "NBIRTH":
            _node_birth(place, payload)
        elif not self._in_sequence(place, payload):
            return
        if kind == "DDEATH":
            out.device(place.address).died(milliseconds(payload.timestamp))
            node.devices.discard(place.address)
        elif kind == "DBIRTH":
            if len(node.devices) < METRICS:
                node.devices.add(place.address)
            out.device(place.address).born(milliseconds(payload.timestamp))
            self._metrics(place, payload, birth=True)
        else:
            self._metrics(place, payload, birth=kind == "NBIRTH")

    def _in_sequence(self, place: Place, payload: Any) -> bool:
        """Follows `seq` (0-255, wraps); False for a repeated delivery. Retained messages are outside of it."""
        node = place.node
        if place.message.retained:
            return True
        if not node.born:
            self._ask(place, "no_birth", "data before the node's birth")
            return True
        if not payload.HasField("seq"):
            place.out.reject("no_seq", "a data message has no seq")
            return True
        seq = payload.seq & 0xFF
        if seq == node.seq:
            return False
        expected = (node.seq + 1) & 0xFF
        node.seq = seq
        if seq != expected:
            node.doubtful = True
            self._ask(place, "sequence_gap", f"seq {seq}, expected {expected}")
        return True

    def _ask(self, place: Place, reason: str, detail: str) -> None:
        place.out.reject(reason, detail)
        if self._options.rebirth and not place.node.asked:
            place.node.asked = True
            topic = f"spBv1.0/{place.group}/NCMD/{place.name}"
            place.out.reply(topic, rebirth_request(place.message.received // MILLISECOND))

    def _metrics(self, place: Place, payload: Any, birth: bool) -> None:
        device = place.out.device(place.address)
        stamp = milliseconds(payload.timestamp)
        for metric in payload.metrics:
            try:
                known = self._known(place, metric, birth)
                if known is not None:
                    _state(place, device, metric, known, stamp, birth)
            except UndecodableMessage as error:
                place.out.reject(error.reason, error.detail)

    def _known(self, place: Place, metric: Any, birth: bool) -> Known | None:
        """What a metric is, by its name or its alias; None for what is no reading."""
        node, raw = place.node, metric.name
        if not raw:
            alias = metric.alias
            known = node.aliases.get(alias) if alias or metric.HasField("alias") else None
            if known is None or known.device != place.address:
                if node.born:
                    self._ask(place, "unknown_alias", f"alias {metric.alias} of {place.address}")
                    return None
                raise UndecodableMessage("unknown_alias", f"alias {metric.alias} of {place.address}")
            return known
        name = _text(raw)
        if name == "bdSeq" or name.startswith(CONTROL):
            return None
        if not birth:
            known = node.names.get((place.address, name))
            return known or Known(name, metric.datatype, "", place.address)
        known = Known(name, metric.datatype, self._unit(metric), place.address)
        if len(node.names) < METRICS:
            node.names[place.address, name] = known
            if metric.HasField("alias"):
                node.aliases[metric.alias] = known
        return known

    def _unit(self, metric: Any) -> str:
        if self._options.units and metric.HasField("properties"):
            for key, value in zip(metric.properties.keys, metric.properties.values, strict=False):
                if key == b"engUnit":
                    return _text(value.string_value)
        return ""


@dataclass(slots=True)
class Place:
    """Where a message belongs: its node and the address that its metrics are of."""

    message: Message
    out: Readings
    node: Node
    node_address: str
    address: str
    group: str
    name: str


def parse(payload: bytes) -> Any:
    """The protobuf payload. Raises UndecodableMessage."""
    if not payload or len(payload) > LIMIT:
        raise UndecodableMessage("too_large", f"{len(payload)} bytes") if payload else UndecodableMessage("empty")
    try:
        return Payload.FromString(payload)
    except DecodeError as error:
        raise UndecodableMessage("not_protobuf", str(error)) from None


def milliseconds(stamp: int) -> int:
    """ns of a Sparkplug timestamp; 0 stays 0. Raises UndecodableMessage."""
    if stamp >= LAST_MS:
        raise UndecodableMessage("bad_time", f"{stamp} ms is out of range")
    return stamp * MILLISECOND


def rebirth_request(now: int) -> bytes:
    """The payload of an NCMD that asks for a rebirth; `now` in ms."""
    payload = Payload(timestamp=now)
    payload.metrics.add(name=REBIRTH.encode(), timestamp=now, datatype=BOOLEAN, boolean_value=True)
    return bytes(payload.SerializeToString())


def _node_birth(place: Place, payload: Any) -> None:
    node = place.node
    node.born, node.asked, node.doubtful = True, False, False
    node.seq = payload.seq & 0xFF
    node.birth = _birth_number(payload)
    node.aliases.clear()
    node.names.clear()
    place.out.device(place.address).born(milliseconds(payload.timestamp))


def _node_death(place: Place, payload: Any) -> None:
    """A death of an earlier connection comes late and is not one of this."""
    node, number = place.node, _birth_number(payload)
    if not node.born or number != node.birth:
        place.out.reject("stale_death", f"bdSeq {number}, the last birth has {node.birth}")
        return
    for address in (place.address, *sorted(node.devices)):
        place.out.device(address).died()
    node.born, node.asked, node.seq = False, False, -1
    node.devices.clear()
    node.aliases.clear()
    node.names.clear()


def _birth_number(payload: Any) -> int:
    for metric in payload.metrics:
        if metric.name == b"bdSeq":
            return int(metric.long_value if metric.HasField("long_value") else metric.int_value)
    return -1


def _state(place: Place, device: DeviceReadings, metric: Any, known: Known, stamp: int, birth: bool) -> None:
    datatype = metric.datatype or known.datatype
    if metric.is_transient or metric.is_null:
        return  # not to be stored; null is "no value"
    value = number(metric, datatype)
    if not value and metric.WhichOneof("value") is None:
        return  # neither null nor a value
    at = milliseconds(metric.timestamp) or stamp
    if birth and stamp and not metric.is_historical:
        at = stamp  # a birth says what is true now; its metrics may bear the time of their last change
    quality = Quality.GOOD
    if metric.HasField("properties"):
        quality = _quality(metric.properties)
    if quality == Quality.GOOD and place.node.doubtful and not metric.name:
        quality = Quality.UNCERTAIN
    unit = "" if isinstance(value, str) else known.unit
    device.add(known.name, value, at, quality, metric.is_historical, unit)


def number(metric: Any, datatype: int) -> float | int | bool | str:
    """The value of a metric by its datatype; DateTime is in seconds. Raises UndecodableMessage for what is no value."""
    if datatype == DOUBLE:
        return float(metric.double_value)
    if datatype == FLOAT:
        return float(metric.float_value)
    if datatype in BITS:
        bits = BITS[datatype]
        raw = _integer(metric) & ((1 << bits) - 1)
        return raw - (1 << bits) if raw >> (bits - 1) else raw
    if datatype in UNSIGNED:
        return _integer(metric)
    if datatype == BOOLEAN:
        return bool(metric.boolean_value)
    if datatype in (STRING, TEXT, UUID):
        return _text(metric.string_value)
    if datatype == DATETIME:
        return float(metric.long_value / 1000)
    raise UndecodableMessage("unsupported_type", f"datatype {datatype}")


def _integer(metric: Any) -> int:
    return int(metric.long_value if metric.HasField("long_value") else metric.int_value)


def _quality(properties: Any) -> Quality:
    """The `Quality` property: 192 good, 500 stale (uncertain), 0 bad; below 256 the two high bits of an OPC quality."""
    for key, value in zip(properties.keys, properties.values, strict=False):
        if key == b"Quality":
            code = value.long_value if value.HasField("long_value") else value.int_value
            if code == 500 or (code < 256 and code & 0xC0 == 0x40):
                return Quality.UNCERTAIN
            return Quality.GOOD if code < 256 and code & 0xC0 == 0xC0 else Quality.BAD
    return Quality.GOOD


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise UndecodableMessage("not_utf8", str(error)) from None
