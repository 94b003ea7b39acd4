"""From messages heard to a facility file: which format, which devices, which fields, and what a field probably is.

Pure. Every known format's decoder reads what is said on its topics; of the rest JSON objects are taken as `format = "json"`,
their device being the level of the topic in which topics of the same shape differ. Metric and unit are guessed from the
declared unit and the field's name; every guess is marked in the text, what cannot be guessed is metric "number".
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

import msgspec

from collectors.formats import Message, decoder, formats
from collectors.formats.times import wall
from collectors.topics import Pattern
from steward.errors import UndecodableMessage
from steward.model import METRICS, Quality
from steward.units import UNITS

Value = float | int | bool | str
WORDS = 8
"""Different texts of one field that are taken for the words of a state; a field with more of them is no state."""
LEAVES = 60
"""Fields of one JSON object that are looked at."""

GUESSES: tuple[tuple[str, str, str], ...] = (
    (r"apparent.*power|aprt.*power", "apparent_power", "VA"),
    (r"reactive.*power", "reactive_power", "var"),
    (r"power.?factor|^pf$|cos.?phi|^factor$", "power_factor", ""),
    (r"export|returned|total_ret", "energy_export", "kWh"),
    (r"energy|kwh|^total$", "energy", "kWh"),
    (r"batt.*volt|volt.*batt", "battery_voltage", "V"),
    (r"power|watt", "power", "W"),
    (r"volt", "voltage", "V"),
    (r"current|^amp", "current", "A"),
    (r"freq", "frequency", "Hz"),
    (r"coolant", "coolant_temperature", "degC"),
    (r"temp|^t$|^sat$|^mat$|^rat$|^oat$", "temperature", "degC"),
    (r"humid|^rh$", "humidity", "%"),
    (r"co2", "co2", "ppm"),
    (r"lux|illum|^light$", "illuminance", "lx"),
    (r"tyre|tire", "tyre_pressure", "kPa"),
    (r"press", "pressure", "Pa"),
    (r"^soc$|^batt|battery", "battery", "%"),
    (r"rssi|signal|linkquality|snr", "signal", ""),
    (r"^lat", "latitude", "deg"),
    (r"^lon|^lng", "longitude", "deg"),
    (r"^alt", "altitude", "m"),
    (r"odometer|mileage|totaldistance", "odometer", "m"),
    (r"speed|^vel", "speed", "km/h"),
    (r"course|heading|^cog$", "heading", "deg"),
    (r"fuel", "fuel_level", "%"),
    (r"rpm", "engine_speed", "rpm"),
    (r"hours", "engine_hours", "s"),
    (r"ignition", "ignition", ""),
    (r"occup|motion|presence", "occupied", ""),
    (r"flow", "flow", "m3/h"),
    (r"water|volume", "water", "m3"),
    (r"gas", "gas", "m3"),
    (r"dtc", "dtc_count", ""),
    (r"valve", "valve", "%"),
    (r"damper", "damper", "%"),
)
TIME = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?|\d\d:\d\d(:\d\d)?")
"""Texts that are times: no words of a state."""
STAMPS = ("time", "timestamp", "ts", "at", "datetime", "date_time")
"""Names of JSON fields that hold a message's time."""
ON = {"on": 1.0, "off": 0.0, "true": 1.0, "false": 0.0, "open": 1.0, "closed": 0.0, "online": 1.0, "offline": 0.0}


@dataclass(slots=True)
class Seen:
    """A field of a device: its last number, the texts seen (times apart), the unit that the device declared."""

    number: float | None = None
    texts: set[str] = field(default_factory=set)
    unit: str = ""
    flag: bool = False
    time: bool = False


@dataclass(slots=True)
class Found:
    """A device as it was heard. `topic`: the template's topic, "" where the format has its own."""

    format: str
    topic: str
    address: str
    fields: dict[str, Seen] = field(default_factory=dict)


@dataclass(slots=True)
class Recognised:
    """What was heard: devices by (format, topic, address), and topics that nobody could read, with the reason."""

    devices: dict[tuple[str, str, str], Found] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)

    def note(self, format: str, topic: str, address: str, name: str, value: Value, unit: str = "") -> None:
        """A value of a field."""
        device = self.devices.setdefault((format, topic, address), Found(format, topic, address))
        seen = device.fields.setdefault(name, Seen())
        seen.unit = unit or seen.unit
        if isinstance(value, bool):
            seen.flag, seen.number = True, float(value)
        elif isinstance(value, int | float):
            seen.number = float(value)
        elif _number(value) is not None:
            seen.number = _number(value)
        elif TIME.fullmatch(value.strip()):
            seen.time = True
        elif len(seen.texts) <= WORDS:
            seen.texts.add(value.strip())


def _number(text: str) -> float | None:
    try:
        return float(text) if re.fullmatch(r"\s*[+-]?\d+(\.\d+)?\s*", text) else None
    except ValueError:
        return None


class _Recorder:
    """The out-parameter of decoders: notes fields, forgets the rest."""

    def __init__(self, out: Recognised, format: str, received: int) -> None:
        self.out, self.format, self.received = out, format, received
        self.heard = 0

    def device(self, address: str) -> _Device:
        self.heard += 1
        return _Device(self, address)

    def reply(self, topic: str, payload: bytes) -> None: ...

    def reject(self, reason: str, detail: str = "") -> None: ...


class _Device:
    def __init__(self, recorder: _Recorder, address: str) -> None:
        self._recorder, self._address = recorder, address

    @property
    def fields(self) -> Collection[str] | None:
        return None

    def add(
        self,
        field: str,
        value: Value,
        at: int = 0,
        quality: Quality = Quality.GOOD,
        historical: bool = False,
        unit: str = "",
    ) -> None:
        self._recorder.out.note(self._recorder.format, "", self._address, field, value, unit)

    def add_from(
        self,
        table: Mapping[str, Any],
        fields: Iterable[str],
        at: int = 0,
        quality: Quality = Quality.GOOD,
        historical: bool = False,
    ) -> int:
        count = 0
        for name in fields:
            value = table.get(name)
            if isinstance(value, bool | int | float | str):
                self.add(name, value)
                count += 1
        return count

    def local(self, wall_clock: str) -> int:
        return wall(wall_clock, UTC, self._recorder.received)

    def born(self, at: int = 0) -> None: ...

    def died(self, at: int = 0) -> None: ...


def recognise(messages: Mapping[str, Iterable[tuple[bytes, int]]]) -> Recognised:
    """Recognises messages: topic -> (payload, arrival in ns) in order of arrival."""
    out = Recognised()
    known = [
        (name, Pattern(topic), decoder(name, {}))
        for name, module in formats().items()
        for topic in getattr(module, "TOPICS", ())
    ]
    instances = {name: instance for name, _, instance in known}  # one decoder per format: births of one topic serve another
    rest: dict[str, list[bytes]] = {}
    for topic, payloads in messages.items():
        if topic.startswith("$"):
            continue  # the broker's own
        speakers = [(name, device) for name, pattern, _ in known if (device := pattern.match(topic)) is not None]
        for payload, received in payloads:
            if not any(
                _read(out, name, instances[name], Message(topic, payload, received, device)) for name, device in speakers
            ):
                rest.setdefault(topic, []).append(payload)
    _generic(out, rest)
    return out


def _read(out: Recognised, name: str, instance: Any, message: Message) -> bool:
    recorder = _Recorder(out, name, message.received)
    try:
        instance.decode(message, recorder)
    except UndecodableMessage as error:
        out.unread[message.topic] = str(error)
        return False
    out.unread.pop(message.topic, None)
    return recorder.heard > 0


def _generic(out: Recognised, rest: Mapping[str, list[bytes]]) -> None:
    """JSON objects on topics that no format speaks on."""
    shapes: dict[tuple[int, frozenset[str]], dict[str, list[tuple[str, Value]]]] = {}
    for topic, payloads in rest.items():
        leaves: list[tuple[str, Value]] = []
        for payload in payloads:
            try:
                leaves.extend(_leaves(msgspec.json.decode(payload)))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                out.unread.setdefault(topic, f"no JSON: {error}")
        if leaves:
            out.unread.pop(topic, None)
            shapes.setdefault((topic.count("/"), frozenset(name for name, _ in leaves)), {})[topic] = leaves
        else:
            out.unread.setdefault(topic, "no JSON object with values")
    for topics in shapes.values():
        level = _device_level(list(topics))
        for topic, leaves in topics.items():
            levels = topic.split("/")
            address = levels[level]
            pattern = "/".join("{device}" if number == level else one for number, one in enumerate(levels))
            for name, value in leaves:
                out.note("json", pattern, address, name, value)


def _device_level(topics: list[str]) -> int:
    """The level in which topics of one shape differ; the last but constant words where there is one topic only."""
    columns = list(zip(*(topic.split("/") for topic in topics), strict=True))
    differing = [number for number, column in enumerate(columns) if len(set(column)) > 1]
    if differing:
        return max(differing, key=lambda number: len(set(columns[number])))
    return len(columns) - 2 if len(columns) > 2 else len(columns) - 1


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Value]]:
    """Paths (JMESPath) and values of an object's leaves."""
    if isinstance(value, dict) and path.count(".") < 4:
        for key, inner in list(value.items())[:LEAVES]:
            name = key if re.fullmatch(r"[A-Za-z_]\w*", key) else json.dumps(key, ensure_ascii=False)
            yield from _leaves(inner, f"{path}.{name}" if path else name)
    elif path and isinstance(value, bool | int | float | str):
        yield path, value


def guess(name: str, seen: Seen) -> tuple[str, str, str]:
    """(metric, unit, remark) of a field."""
    declared = UNITS.get(seen.unit) if seen.unit else None
    last = re.split(r"[./]", name)[-1].strip('"').lower()
    for pattern, metric, unit in GUESSES:
        if re.search(pattern, last) or (metric != "energy" and re.search(pattern, name.lower())):
            if declared is None:
                return metric, unit, "guessed from the name"
            if declared.canonical == METRICS[metric].unit:
                return metric, seen.unit, "metric guessed, unit declared by the device"
    if seen.texts or seen.flag:
        return "status", "", "what does it mean?"
    by_unit = {"W": "power", "Wh": "energy", "V": "voltage", "A": "current", "degC": "temperature", "Pa": "pressure"}
    if declared is not None and declared.canonical in by_unit:
        return by_unit[declared.canonical], seen.unit, "guessed from the declared unit"
    return "number", "", "what is it?"


def facility_text(found: Recognised, url: str, site: str, username: str = "", password_env: str = "") -> str:
    """A facility file for what was recognised; it passes `steward check`."""
    name = re.sub(r"[^\w.-]+", "-", site.lower()).strip("-") or "site"
    head = [
        "# Written by `steward discover`. Guesses are marked: read them through.",
        f"[facility]\nid = {_text(name)}\nname = {_text(site)}\n",
        f'[[broker]]\nid = "main"\nurl = {_text(url)}'
        + (f"\nusername = {_text(username)}" if username else "")
        + (f"\npassword_env = {_text(password_env)}" if password_env else "")
        + "\n",
        f'[[site]]\nid = {_text(name)}\nname = {_text(site)}\ntime_zone = "UTC"          # the site\'s own zone\n',
    ]
    groups: dict[tuple[str, str, frozenset[str]], list[Found]] = {}
    for device in found.devices.values():
        if device.fields:
            groups.setdefault((device.format, device.topic, frozenset(device.fields)), []).append(device)
    used: set[str] = set()
    body: list[str] = []
    numbers: dict[str, int] = {}
    for (format, topic, _), devices in groups.items():
        numbers[format] = numbers.get(format, 0) + 1
        body += _template(f"{format}-{numbers[format]}", format, topic, devices)
        body += [_device(f"{format}-{numbers[format]}", device, name, used) for device in devices]
    return "\n".join([*head, *body])


def _template(id: str, format: str, topic: str, devices: list[Found]) -> Iterator[str]:
    stamp = next((name for name, seen in devices[0].fields.items() if name in STAMPS and (seen.time or _epoch(seen))), "")
    options = f"\noptions = {{ time = {_text(stamp)} }}" if stamp and format == "json" else ""
    yield f"[[template]]\nid = {_text(id)}\nformat = {_text(format)}{_topic(topic)}{options}\n"
    points: set[str] = set()
    for name in devices[0].fields:
        if name == stamp and options:
            continue
        seen = Seen()
        for device in devices:
            other = device.fields[name]
            seen.number = other.number if seen.number is None else seen.number
            seen.texts |= other.texts
            seen.unit, seen.flag, seen.time = seen.unit or other.unit, seen.flag or other.flag, seen.time or other.time
        if seen.time:
            yield f"# {name}: a time, left out\n"
            continue
        if len(seen.texts) > WORDS:
            yield f"# {name}: free text, left out\n"
            continue
        yield _point(name, seen, _unique(re.sub(r"[^\w]+", "_", name).strip("_").lower() or "value", points))


def _topic(topic: str) -> str:
    return f"\ntopic = {_text(topic)}" if topic else ""


def _epoch(seen: Seen) -> bool:
    """Whether a number is seconds, ms, us or ns since 1970, in this century."""
    return seen.number is not None and any(1e9 < seen.number / scale < 4e9 for scale in (1, 1e3, 1e6, 1e9))


def _point(name: str, seen: Seen, id: str) -> str:
    metric, unit, remark = guess(name, seen)
    sample = f"e.g. {seen.number:g}" if seen.number is not None else "text"
    lines = [
        "[[template.point]]",
        f"id = {_text(id)}",
        f"field = {_text(name)}",
        f"metric = {_text(metric)}          # {remark}; {sample}",
    ]
    if unit:
        lines.append(f"unit = {_text(unit)}")
    if seen.texts:
        words = {word: ON.get(word.lower(), float(number)) for number, word in enumerate(sorted(seen.texts))}
        lines.append("words = { " + ", ".join(f"{_text(word)} = {number:g}" for word, number in words.items()) + " }")
    return "\n".join(lines) + "\n"


def _device(template: str, device: Found, site: str, used: set[str]) -> str:
    id = _unique(re.sub(r"[\s/#+\x00-\x1f]+", "-", device.address).strip("-") or "device", used)
    return (
        f"[[device]]\nid = {_text(id)}\ntemplate = {_text(template)}\naddress = {_text(device.address)}\nsite = {_text(site)}\n"
    )


def _unique(id: str, used: set[str]) -> str:
    found, number = id, 2
    while found in used:
        found, number = f"{id}-{number}", number + 1
    used.add(found)
    return found


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
