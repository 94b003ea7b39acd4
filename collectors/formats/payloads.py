"""Payload bytes -> JSON values, with every way to fail turned into UndecodableMessage; shared by the JSON formats.

Reasons: empty, too_large (over LIMIT bytes), not_json, not_utf8, too_deep, wrong_shape. Nothing else is ever raised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from steward.errors import UndecodableMessage

LIMIT = 4 << 20
DEPTH = 12
"""Levels of nested objects and lists that `flatten` follows."""

Scalar = float | int | bool | str

_decode: Callable[[bytes], Any] = msgspec.json.Decoder().decode


def value(payload: bytes, decode: Callable[[bytes], Any] = _decode) -> Any:
    """The JSON value of a payload; `decode` is that of a typed msgspec decoder, or of any JSON value."""
    if not payload or len(payload) > LIMIT:
        raise UndecodableMessage("too_large", f"{len(payload)} bytes") if payload else UndecodableMessage("empty")
    try:
        return decode(payload)
    except msgspec.ValidationError as error:
        raise UndecodableMessage("wrong_shape", str(error)) from None
    except msgspec.DecodeError as error:
        raise UndecodableMessage("not_json", str(error)) from None
    except UnicodeDecodeError as error:
        raise UndecodableMessage("not_utf8", str(error)) from None
    except RecursionError:
        raise UndecodableMessage("too_deep") from None


def table(payload: bytes) -> dict[str, Any]:
    """The JSON object of a payload."""
    found = value(payload)
    if found.__class__ is not dict:
        raise UndecodableMessage("wrong_shape", f"a JSON {found.__class__.__name__}, expected an object")
    return found


def text(payload: bytes, limit: int = 64) -> str:
    """A short plain-text payload, trimmed."""
    if not payload:
        raise UndecodableMessage("empty")
    try:
        return payload[: limit + 1].decode().strip()
    except UnicodeDecodeError as error:
        raise UndecodableMessage("not_utf8", str(error)) from None


def flatten(item: object, prefix: str = "") -> list[tuple[str, Scalar]]:
    """(path, value) of every number, boolean and text in a JSON value: keys and list positions joined by dots."""
    found: list[tuple[str, Scalar]] = []
    _flatten(item, prefix, 0, found)
    return found


def _flatten(item: Any, path: str, depth: int, found: list[tuple[str, Scalar]]) -> None:
    kind = item.__class__
    if kind is not dict and kind is not list:
        if item is not None:
            found.append((path, item))
        return
    if depth > DEPTH:
        raise UndecodableMessage("too_deep", f"{path[:60]} ...")
    before = f"{path}." if path else ""
    for key, inner in item.items() if kind is dict else enumerate(item):
        _flatten(inner, f"{before}{key}", depth + 1, found)
