"""Generic JSON by mapping. Paths are JMESPath: https://jmespath.org/specification.html

The `field` of a point is a JMESPath expression on the message's object. Plain keys and dotted keys take a fast path that
needs no interpreter; both mean the same. Only mapped fields are read; a message that holds none of them is rejected as
unmapped, with its keys. For a device that nobody has described, every number, boolean and text is stated by its path.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal

import jmespath
import msgspec
from jmespath.exceptions import JMESPathError

from collectors.formats import payloads
from collectors.formats.contract import DeviceReadings, Message, Readings
from collectors.formats.times import instant
from steward.errors import UndecodableMessage
from steward.model import Quality

TOPICS: tuple[str, ...] = ()
"""None: generic JSON has no topics of its own, a template names them."""

Search = Callable[[Any], Any]

_IDENTIFIERS = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_QUOTED = re.compile(r'"([^"\\]+)"')


class Options(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The template's `options`; every path is JMESPath.

    items: the list of objects in the payload, where it is not the payload itself; time: of an object, `time_unit` for epoch
    numbers; time_in: "item" or "message" (one time for all items); device: the address, where the topic holds none;
    historical: true for back-fill.
    """

    items: str = ""
    time: str = ""
    time_unit: Literal["auto", "s", "ms", "us", "ns"] = "auto"
    time_in: Literal["item", "message"] = "item"
    device: str = ""
    historical: str = ""


class Plan(msgspec.Struct):
    """How the mapped fields of a device are read: plain keys of the object, and everything else."""

    keys: tuple[str, ...]
    paths: tuple[tuple[str, Search], ...]


def check(field: str) -> str:
    """What is wrong with a field of this format, "" if nothing is."""
    try:
        search(field)
    except UndecodableMessage as error:
        return error.detail
    return ""


@lru_cache(maxsize=10_000)
def search(expression: str) -> Search:
    """The function that looks a path up in an object: None where there is nothing. Raises UndecodableMessage."""
    if _IDENTIFIERS.fullmatch(expression):
        return _walk(tuple(expression.split(".")))
    quoted = _QUOTED.fullmatch(expression)
    if quoted:
        return _walk((quoted[1],))
    try:
        compiled = jmespath.compile(expression)
    except JMESPathError as error:
        why = str(error).splitlines()[0]
        raise UndecodableMessage(
            "bad_path",
            f"{expression!r} is no path: {why} (a key of more than letters, digits and _ stands in double quotes)",
        ) from None

    def interpreted(item: Any) -> Any:
        try:
            return compiled.search(item)
        except (JMESPathError, TypeError, ValueError, RecursionError, OverflowError) as error:
            raise UndecodableMessage("bad_path", f"{expression!r} leads nowhere: {error}") from None

    return interpreted


def _walk(keys: tuple[str, ...]) -> Search:
    def walk(item: Any) -> Any:
        for key in keys:
            if item.__class__ is not dict:
                return None
            item = item.get(key)
        return item

    return walk


class Decoder:
    """Has no state but the plans made from the devices' mappings."""

    def __init__(self, options: Options | None = None) -> None:
        chosen = options or Options()
        self._items = search(chosen.items) if chosen.items else None
        self._time = search(chosen.time) if chosen.time else None
        self._time_of_message = chosen.time_in == "message"
        plain = not self._time_of_message and "." not in chosen.time and _IDENTIFIERS.fullmatch(chosen.time)
        self._time_key = chosen.time if plain else ""
        self._unit = chosen.time_unit
        self._device = search(chosen.device) if chosen.device else None
        self._historical = search(chosen.historical) if chosen.historical else None
        self._plans: dict[tuple[str, ...], Plan] = {}

    def decode(self, message: Message, out: Readings) -> None:
        """States the mapped fields of the payload's object or objects."""
        payload = payloads.value(message.payload)
        items = payload if self._items is None else self._items(payload)
        if items.__class__ is dict:
            self._item(items, payload, message, out)
            return
        if items.__class__ is not list:
            raise UndecodableMessage(
                "wrong_shape", f"a JSON {items.__class__.__name__}, expected an object or a list of objects"
            )
        for item in items:
            if item.__class__ is not dict:
                out.reject("wrong_shape", f"a JSON {item.__class__.__name__} in the list, expected an object")
                continue
            try:
                self._item(item, payload, message, out)
            except UndecodableMessage as error:
                out.reject(error.reason, error.detail)

    def _item(self, item: dict[str, Any], payload: Any, message: Message, out: Readings) -> None:
        address = message.device if self._device is None else self._address(item, payload)
        if not address:
            raise UndecodableMessage("no_device", "neither the topic nor the configured path holds an address")
        device = out.device(address)
        at = 0
        if self._time is not None:
            stated = item.get(self._time_key) if self._time_key else self._time(payload if self._time_of_message else item)
            if stated is not None:
                at = instant(stated, device.local, self._unit)
        historical = self._historical is not None and bool(self._historical(item))
        fields = device.fields
        if fields is None:
            for path, scalar in payloads.flatten(item):
                device.add(path, scalar, at, Quality.GOOD, historical)
            return
        plan = self._plans.get(fields if fields.__class__ is tuple else tuple(fields))
        if plan is None:
            plan = self._plan(fields, out)
        found = device.add_from(item, plan.keys, at, Quality.GOOD, historical)
        if plan.paths:
            found += self._paths(plan, item, device, at, historical, out)
        if not found:
            out.reject("unmapped", f"none of the mapped fields; keys: {', '.join(list(item)[:20])}")

    def _paths(self, plan: Plan, item: dict[str, Any], device: DeviceReadings, at: int, historical: bool, out: Readings) -> int:
        found = 0
        for field, look in plan.paths:
            try:
                value = look(item)
            except UndecodableMessage as error:
                out.reject(error.reason, error.detail)
                continue
            if value is not None:
                found += 1
                device.add(field, value, at, Quality.GOOD, historical)
        return found

    def _address(self, item: dict[str, Any], payload: Any) -> str:
        assert self._device is not None
        found = self._device(item)
        if found is None:
            found = self._device(payload)
        return str(found) if isinstance(found, (str, int)) else ""

    def _plan(self, fields: Any, out: Readings) -> Plan:
        """Sorts the mapped fields; one that is no path is reported once, here."""
        keys, paths = [], []
        for field in fields:
            if _IDENTIFIERS.fullmatch(field) and "." not in field:
                keys.append(field)
                continue
            try:
                paths.append((field, search(field)))
            except UndecodableMessage as error:
                out.reject(error.reason, error.detail)
        plan = Plan(tuple(keys), tuple(paths))
        if len(self._plans) < 10_000:
            self._plans[tuple(fields)] = plan
        return plan
