"""MQTT: alerts, counts and points as retained topics, described to Home Assistant so that they appear there by themselves.

Topics below `topic`: status (online, offline), notices (each routed notice, not retained), alerts/<id> (the alert, gone when
it is over), sites/<id>/alerts (counts), sites/<id>/problem (ON, OFF), points/<id> (value in canonical unit, or a word).
https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery. Pure: whoever holds the connection publishes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from steward.model import Facility, Nature, Point, Site, text
from steward.notices.model import SEVERITY_ORDER, Item, Notice, Reader
from steward.notices.wording import Templates, link, write

ONLINE, OFFLINE = b"online", b"offline"


@dataclass(frozen=True, slots=True)
class Publication:
    """What is to be published."""

    topic: str
    payload: bytes
    retain: bool = True
    qos: int = 1


def notice(told: Notice, topic: str, reader: Reader, templates: Templates) -> Publication:
    """A routed notice: who listens at the moment gets it, and may tell by `key` what comes twice."""
    words = write(told, reader, templates)
    alerts = [_alert(item, reader) for item in told.items]
    payload = {"key": told.key, "what": told.what, "status": told.status, "reason": told.reason, "subject": words.subject,
               "text": words.text, "route": told.route, "at": told.at // 1_000_000, "alerts": alerts}  # fmt: skip
    return Publication(f"{topic}/notices", _json(payload), retain=False)


def alert(item: Item, topic: str, reader: Reader) -> Publication:
    """An alert as it stands; over, its topic is cleared."""
    payload = _json(_alert(item, reader)) if item.status == "firing" else b""
    return Publication(f"{topic}/alerts/{item.id}", payload)


def _alert(item: Item, reader: Reader) -> dict[str, Any]:
    language = reader.language
    return {
        "id": item.id,
        "rule": item.rule,
        "kind": item.kind,
        "severity": item.severity,
        "status": item.status,
        "human": item.human,
        "target": item.target,
        "site": item.site,
        "equip": item.equip,
        "title": text(item.title, language),
        "check": text(item.check, language),
        "since": item.since // 1_000_000,
        "resolved": item.resolved // 1_000_000 if item.resolved else None,
        "money": item.money,
        "currency": item.currency,
        "url": link(item, reader.page),
    }


def counts(site: str, firing: Iterable[Item], topic: str) -> list[Publication]:
    """How many alerts of a site fire, in all and by severity, and whether any does."""
    items = [item for item in firing if item.site == site]
    payload: dict[str, Any] = {"total": len(items)}
    payload |= {severity: sum(item.severity == severity for item in items) for severity in SEVERITY_ORDER}
    payload["unacknowledged"] = sum(item.human == "unacknowledged" for item in items)
    return [
        Publication(f"{topic}/sites/{site}/alerts", _json(payload)),
        Publication(f"{topic}/sites/{site}/problem", b"ON" if items else b"OFF"),
    ]


def value(point: Point, number: float, topic: str) -> Publication:
    """The value of a point: a word for a state that has words, else the number in canonical unit."""
    word = point.states.get(round(number)) if point.states and number == number else None
    shown = word if word is not None else ("None" if number != number else f"{number:.10g}")
    return Publication(f"{topic}/points/{point.id}", shown.encode())


def discovery(
    facility: Facility, points: Iterable[Point], topic: str, prefix: str, version: str, language: str = "en"
) -> list[Publication]:
    """Home Assistant's discovery of sites (problem, counts) and points; one config topic each, retained."""
    if not prefix:
        return []
    found = []
    for site in facility.sites.values():
        found += _site(facility, site, topic, prefix, version, language)
    for point in points:
        site_ = facility.sites.get(point.site)
        found.append(_point(facility, site_, point, topic, prefix, version, language))
    return found


def object_id(*parts: str) -> str:
    """An id of letters, digits, _ and - as Home Assistant asks; other characters become their number, so none collide."""
    return "_".join(re.sub(r"[^A-Za-z0-9-]", lambda found: f"_{ord(found[0]):x}", part) for part in parts)


def _common(facility: Facility, site: Site | None, topic: str, version: str, language: str) -> dict[str, Any]:
    place = site.id if site is not None else facility.id
    name = text(site.name if site is not None else facility.name, language)
    return {
        "availability_topic": f"{topic}/status",
        "payload_available": ONLINE.decode(),
        "payload_not_available": OFFLINE.decode(),
        "qos": 1,
        "device": {
            "identifiers": [object_id("steward", facility.id, place)],
            "name": name or place,
            "manufacturer": "Steward",
            "model": "site",
            "sw_version": version,
        },
        "origin": {"name": "Steward", "sw_version": version},
    }


def _site(facility: Facility, site: Site, topic: str, prefix: str, version: str, language: str) -> list[Publication]:
    common = _common(facility, site, topic, version, language)
    words = {"zh": ("告警", "告警数", "未确认告警数")}.get(language, ("Problem", "Alerts", "Alerts not acknowledged"))
    base = f"{topic}/sites/{site.id}"
    problem = {"name": words[0], "device_class": "problem", "state_topic": f"{base}/problem", "payload_on": "ON",
               "payload_off": "OFF", "json_attributes_topic": f"{base}/alerts"}  # fmt: skip
    rows = [("binary_sensor", "problem", problem)]
    for key, name in (("total", words[1]), ("unacknowledged", words[2])):
        sensor = {"name": name, "state_topic": f"{base}/alerts", "value_template": f"{{{{ value_json.{key} }}}}",
                  "state_class": "measurement", "icon": "mdi:alert"}  # fmt: skip
        rows.append(("sensor", f"alerts_{key}", sensor))
    return [_config(prefix, component, object_id("steward", facility.id, site.id, key), own | common)
            for component, key, own in rows]  # fmt: skip


_CLASSES: Mapping[str, tuple[str, str]] = {
    "W": ("power", "W"), "Wh": ("energy", "Wh"), "VA": ("apparent_power", "VA"), "V": ("voltage", "V"), "A": ("current", "A"),
    "Hz": ("frequency", "Hz"), "degC": ("temperature", "°C"), "Pa": ("pressure", "Pa"), "ppm": ("carbon_dioxide", "ppm"),
    "lx": ("illuminance", "lx"), "W/m2": ("irradiance", "W/m²"), "m/s": ("speed", "m/s"), "m": ("distance", "m"),
    "dBm": ("signal_strength", "dBm"), "s": ("duration", "s"), "ug/m3": ("pm25", "µg/m³"),
}  # fmt: skip
"""Canonical unit -> Home Assistant's device class and spelling of the unit."""
_BY_METRIC: Mapping[str, tuple[str, str]] = {
    "water": ("water", "m³"), "gas": ("gas", "m³"), "fuel": ("volume_storage", "m³"), "fuel_used": ("volume", "m³"),
    "flow": ("volume_flow_rate", "m³/s"), "fuel_rate": ("volume_flow_rate", "m³/s"),
    "reactive_power": ("reactive_power", "var"),
}  # fmt: skip


def _point(
    facility: Facility, site: Site | None, point: Point, topic: str, prefix: str, version: str, language: str
) -> Publication:
    common = _common(facility, site, topic, version, language)
    sensor: dict[str, Any] = {"name": text(point.name, language) or point.id, "state_topic": f"{topic}/points/{point.id}"}
    if point.states:
        sensor |= {"device_class": "enum", "options": sorted(set(point.states.values()))}
    elif point.nature is not Nature.STATE:
        found = _BY_METRIC.get(point.metric) or _CLASSES.get(point.unit)
        unit = found[1] if found else {"1": "", "ratio": "", "deg": "°", "m3": "m³", "m3/s": "m³/s"}.get(point.unit, point.unit)
        sensor |= {"state_class": "total_increasing" if point.nature is Nature.COUNTER else "measurement"}
        sensor |= {"device_class": found[0]} if found else {}
        sensor |= {"unit_of_measurement": unit} if unit else {}
    return _config(prefix, "sensor", object_id("steward", facility.id, "point", point.id), sensor | common)


def _config(prefix: str, component: str, id: str, payload: Mapping[str, Any]) -> Publication:
    return Publication(f"{prefix}/{component}/{id}/config", _json({"unique_id": id, **payload}))


def _json(payload: Mapping[str, Any]) -> bytes:
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
