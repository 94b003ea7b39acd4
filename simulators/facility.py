"""The facility file of the campus: what a person would have written for it, made from the plan that is also simulated.

The text holds brokers, calendar, prices, bodies, templates, devices and rules; `campus_toml` writes no file. Only keys of the
documented format are used; it is loaded and checked by a test.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib.resources import files

from simulators.layout import campus_plan
from simulators.plan import Body, Plan, Quantity, SimDevice, Template
from simulators.weather import LATITUDE, LONGITUDE

SLOW = {"traccar": 300, "owntracks": 300}
"""A parked vehicle reports every five minutes: that is its expected interval, s."""


def campus_toml(
    *,
    broker: str = "mqtt://127.0.0.1:1883",
    embedded: bool = True,
    data: str = "data",
    port: int = 8080,
    packs: Iterable[str] = ("basic",),
    rules: str | None = None,
    pace: float = 1.0,
    least: int = 1,
) -> str:
    """The facility file for the campus. `data` is the folder of store, records, spool and broker; `rules` replaces the rules
    of its own; `pace` as given to the player, `least` as given to the feed (intervals follow them)."""
    plan = campus_plan()
    parts = [
        _head(plan, broker, embedded, data, port, packs),
        _calendar(),
        campus_money(),
        *(_body("organisation", body) for body in plan.organisations),
        *(_site(body) for body in plan.sites),
        *(_body("space", body) for body in plan.spaces),
        *(_body("equip", body) for body in plan.equips),
        *(_template(template, pace, least) for template in _templates(plan)),
        *(_device(device) for device in (*plan.gateways, *plan.devices)),
        campus_rules() if rules is None else rules,
        campus_energy(),
    ]
    return "\n".join(parts)


def text(value: object) -> str:
    """A value as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(text(entry) for entry in value)}]"
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(name)} = {text(entry)}' for name, entry in value.items())} }}" if value else "{}"
    return json.dumps(str(value), ensure_ascii=False)


def _key(name: object) -> str:
    word = str(name)
    return word if word.replace("_", "").replace("-", "").isalnum() and word.isascii() else json.dumps(word, ensure_ascii=False)


def table(name: str, values: Mapping[str, object]) -> str:
    """One table of an array of tables; empty texts are left out."""
    lines = [f"{key} = {text(value)}" for key, value in values.items() if value not in ("", None, (), [])]
    return f"[[{name}]]\n" + "\n".join(lines) + "\n"


def _names(en: str, zh: str) -> dict[str, str]:
    return {"en": en, "zh": zh}


def _head(plan: Plan, broker: str, embedded: bool, data: str, port: int, packs: Iterable[str]) -> str:
    return f"""packs = {text(list(packs))}

[facility]
id = {text(plan.id)}
name = {text(_names(plan.en, plan.zh))}

[store]
engine = "embedded"
path = {text(f"{data}/samples.duckdb")}

[records]
url = {text(f"sqlite:///{data}/records.db")}

[spool]
path = {text(f"{data}/spool")}

[api]
host = "127.0.0.1"
port = {port}

[[broker]]
id = "main"
url = {text(broker)}
client_id = "steward"
embedded = {text(embedded)}
data = {text(f"{data}/broker")}
"""


def _calendar() -> str:
    return table(
        "calendar",
        {
            "id": "office",
            "hours": {"mon-fri": "07:00-20:00"},
            "country": "CN",
        },
    )


def _body(name: str, body: Body) -> str:
    return table(name, {"id": body.id, "name": _names(body.en, body.zh), **body.extra})


def _site(body: Body) -> str:
    place = {"time_zone": "Asia/Shanghai", "latitude": LATITUDE, "longitude": LONGITUDE, "calendar": "office"}
    return table("site", {"id": body.id, "name": _names(body.en, body.zh), **body.extra, **place})


def _templates(plan: Plan) -> list[Template]:
    found: dict[str, Template] = {}
    for device in (*plan.gateways, *plan.devices):
        found[device.template.id] = device.template
    return list(found.values())


def _interval(template: Template, pace: float, least: int) -> str:
    if template.format in SLOW:
        return f"{max(1, round(SLOW[template.format] * pace))}s"
    seconds = next((device.interval for device in campus_plan().devices if device.template.id == template.id), 60)
    return f"{max(1, round(seconds * pace), least)}s"


def _template(template: Template, pace: float, least: int) -> str:
    options = {"time": "time"} if template.format == "json" else None
    head = table(
        "template",
        {
            "id": template.id,
            "format": template.format,
            "topic": template.topic,
            "interval": _interval(template, pace, least),
            "options": options,
        },
    )
    return head + "".join(_point(quantity, field) for quantity, field in zip(template.quantities, template.fields, strict=True))


def _point(quantity: Quantity, field: str) -> str:
    return table(
        "template.point",
        {
            "id": quantity.id,
            "name": _names(quantity.en, quantity.zh),
            "field": field,
            "metric": quantity.metric,
            "unit": quantity.unit,
            "low": quantity.low,
            "high": quantity.high,
            "digits": quantity.digits,
            "role": quantity.role,
            "states": quantity.states or None,
        },
    )


def _device(device: SimDevice) -> str:
    points = {}
    if device.category:
        points = {q.id: {"category": device.category} for q in device.template.quantities if q.metric in ("power", "energy")}
    return table(
        "device",
        {
            "id": device.id,
            "name": _names(device.en, device.zh),
            "template": device.template.id,
            "address": device.address if device.address != device.id else "",
            "equip": device.equip,
            "space": device.space,
            "site": "" if device.equip or device.space else device.site,
            "gateway": device.gateway,
            "points": points or None,
        },
    )


def campus_money() -> str:
    """What the campus pays, as TOML."""
    return files("simulators").joinpath("campus_money.toml").read_text("utf-8")


def campus_rules() -> str:
    """The campus's own rules, beside the packs, as TOML."""
    return files("simulators").joinpath("campus_rules.toml").read_text("utf-8")


def campus_energy() -> str:
    """What the campus declares of its consumption (virtual meters, buildings, quotas), as TOML."""
    return files("simulators").joinpath("campus_energy.toml").read_text("utf-8")
