"""A small facility for the ingest tests: `devices` meters of four points each on steward/v1/<address>/..., native format."""

from __future__ import annotations

import json

from collectors.routing import Admit, Routing
from steward.model import Channel, Device, Facility, Nature, Point, PointIndex, Site, Template, TemplatePoint

FIELDS = ("power", "voltage", "current", "frequency")
_UNITS = {"power": "W", "voltage": "V", "current": "A", "frequency": "Hz"}


def point(id: str, field: str, device: str = "") -> Point:
    return Point(id, {"": id}, field, _UNITS[field], Nature.GAUGE, site="s", device=device)


def facility(devices: int = 10, *, topic: str = "", admit: bool = False, format: str = "native") -> Facility:
    """Devices d0 ... with the points d0.power ...; `topic` of the template, "" for the format's own."""
    template = Template(
        "meter",
        format,
        topic,
        admit=admit,
        admit_to="s",
        points=tuple(TemplatePoint(point(field, field), field) for field in FIELDS),
    )
    names = [f"d{number}" for number in range(devices)]
    by_id = {f"{name}.{field}": point(f"{name}.{field}", field, name) for name in names for field in FIELDS}
    return Facility(
        id="f",
        name={"": "F"},
        organisations={},
        sites={"s": Site("s", {"": "S"})},
        spaces={},
        equips={},
        devices={name: Device(name, {"": name}, format, name, "", site="s", template="meter") for name in names},
        points=by_id,
        channels=tuple(Channel(name, field, f"{name}.{field}") for name in names for field in FIELDS),
        calendars={},
        templates={"meter": template},
    )


def routing(devices: int = 10, *, topic: str = "", index: PointIndex | None = None, admit: Admit | None = None) -> Routing:
    return Routing(
        facility(devices, topic=topic, admit=admit is not None), PointIndex() if index is None else index, admit=admit
    )


def payload(at: int, value: float = 1.0) -> bytes:
    """A telemetry message with all four fields; `at` in ns."""
    return json.dumps({"at": at, "values": dict.fromkeys(FIELDS, value)}).encode()
