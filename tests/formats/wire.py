"""A hand-written protobuf encoder of Sparkplug B payloads, so that the decoder is not tested against its own description.

Wire format: https://protobuf.dev/programming-guides/encoding/; field numbers from the Sparkplug B specification, section 6.4.
A payload is a plain table: {timestamp, seq, metrics = [{name, alias, timestamp, datatype, historical, null, transient, ...}]}
with the value under the name of its wire field: int, long, float, double, bool, string; `int` and `long` may be negative.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

METRIC = {
    "name": (1, "text"), "alias": (2, "varint"), "timestamp": (3, "varint"), "datatype": (4, "varint"),
    "historical": (5, "varint"), "transient": (6, "varint"), "null": (7, "varint"), "int": (10, "int32"),
    "long": (11, "int64"), "float": (12, "float"), "double": (13, "double"), "bool": (14, "varint"), "string": (15, "text"),
    "bytes": (16, "text"),
}  # fmt: skip
PROPERTY = {
    "type": (1, "varint"), "null": (2, "varint"), "int": (3, "int32"), "long": (4, "int64"), "float": (5, "float"),
    "double": (6, "double"), "bool": (7, "varint"), "string": (8, "text"),
}  # fmt: skip


def varint(number: int) -> bytes:
    """Seven bits a byte, lowest first, the high bit says that more follow."""
    out = bytearray()
    while True:
        low, number = number & 0x7F, number >> 7
        out.append(low | (0x80 if number else 0))
        if not number:
            return bytes(out)


def key(number: int, wire: int) -> bytes:
    return varint(number << 3 | wire)


def block(number: int, content: bytes) -> bytes:
    """A length-delimited field."""
    return key(number, 2) + varint(len(content)) + content


def scalar(number: int, kind: str, value: Any) -> bytes:
    if kind == "text":
        return block(number, value.encode())
    if kind == "float":
        return key(number, 5) + struct.pack("<f", value)
    if kind == "double":
        return key(number, 1) + struct.pack("<d", value)
    if kind == "int32":
        return key(number, 0) + varint(int(value) & 0xFFFFFFFF)
    if kind == "int64":
        return key(number, 0) + varint(int(value) & 0xFFFFFFFFFFFFFFFF)
    return key(number, 0) + varint(int(value))


def properties(table: Mapping[str, Mapping[str, Any]]) -> bytes:
    """A PropertySet: the keys, then the values in the same order."""
    keys = b"".join(block(1, name.encode()) for name in table)
    values = b"".join(block(2, b"".join(scalar(*PROPERTY[part], it) for part, it in value.items())) for value in table.values())
    return keys + values


def metric(table: Mapping[str, Any]) -> bytes:
    out = bytearray()
    for part, value in table.items():
        if part == "properties":
            out += block(9, properties(value))
        else:
            out += scalar(*METRIC[part], value)
    return bytes(out)


def payload(table: Mapping[str, Any]) -> bytes:
    out = bytearray()
    if "timestamp" in table:
        out += scalar(1, "varint", table["timestamp"])
    for one in table.get("metrics", ()):
        out += block(2, metric(one))
    if "seq" in table:
        out += scalar(3, "varint", table["seq"])
    return bytes(out)
