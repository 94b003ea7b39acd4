"""The sentences of an alert: what, where, since when; why we think so; what to check first. In English and Chinese.

Pure: texts are templates of the rule (`title`, `why`, `check`) or of its kind, filled from the alert's evidence. Known
names are `NAMES`; another one stays as it is written. Values carry the point's display unit, moments the site's local time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from rules.contract import Rule
from steward.model import Alert, Facility, Nature, Point, Text, text
from steward.units import DAY, HOUR, MINUTE, SECOND, UNITS

NAMES = ("equip", "point", "device", "space", "site", "value", "worst", "limit", "since", "duration", "plate")
"""What a template may name in braces."""

TITLES: Mapping[str, Text] = {
    "threshold": {"en": "{equip}: {point} is {value}, limit {limit}", "zh": "{equip}：{point}为{value}，限值{limit}"},
    "rate": {"en": "{equip}: {point} changes too fast, {value}", "zh": "{equip}：{point}变化过快，{value}"},
    "stale": {"en": "{device} is silent", "zh": "{device}失联"},
    "stuck": {"en": "{equip}: {point} is stuck at {value}", "zh": "{equip}：{point}卡在{value}不变"},
    "schedule": {"en": "{equip} runs out of hours, {value}", "zh": "{equip}在非工作时间运行，{value}"},
    "": {"en": "{equip}: {point} is {value}", "zh": "{equip}：{point}为{value}"},
}
SINCE: Text = {"en": "{title} since {since}", "zh": "{title}，自{since}起"}
STEPS: Mapping[str, tuple[tuple[float, str], ...]] = {
    "W": ((1e6, "MW"), (1e3, "kW"), (1.0, "W")),
    "Wh": ((1e6, "MWh"), (1e3, "kWh"), (1.0, "Wh")),
    "Pa": ((1e3, "kPa"), (1.0, "Pa")),
    "m": ((1e3, "km"), (1.0, "m")),
    "ratio": ((0.01, "%"),),
    "m3/s": ((1 / 3600, "m³/h"),),
    "m/s": ((1 / 3.6, "km/h"),),
    "s": ((DAY / SECOND, "d"), (HOUR / SECOND, "h"), (MINUTE / SECOND, "min"), (1.0, "s")),
    "degC": ((1.0, "°C"),),
    "m3": ((1.0, "m³"),),
    "Hz": ((1 / 60, "rpm"),),
}
_PLACE = re.compile(r"\{(\w+)\}")


def title(alert: Alert, rule: Rule | None, facility: Facility, language: str) -> str:
    """One sentence: what, where, since when."""
    written = rule.title if rule is not None else {}
    template = text(written, language) if written else text(TITLES.get(alert.kind, TITLES[""]), language)
    names = _names(alert, facility, language)
    sentence = _fill(template, names)
    if "{since}" in template or "{duration}" in template:
        return sentence
    return _fill(text(SINCE, language), {"title": sentence, "since": names["since"]})


def why(alert: Alert, rule: Rule | None, facility: Facility, language: str) -> str:
    """Why we think so, "" where the rule does not say."""
    return _fill(text(rule.why, language), _names(alert, facility, language)) if rule is not None and rule.why else ""


def check(alert: Alert, rule: Rule | None, facility: Facility, language: str) -> str:
    """What to check first, "" where the rule does not say."""
    return _fill(text(rule.check, language), _names(alert, facility, language)) if rule is not None and rule.check else ""


def quantity(value: float, canonical: str, display: str = "") -> str:
    """A value with its unit: `display` where it is given, else the step that suits the size; a dash where there is none."""
    if not np.isfinite(value):
        return "–"
    shown = UNITS.get(display)
    if shown is not None and shown.canonical == canonical and canonical not in STEPS:
        return f"{_digits((value - shown.offset) / shown.scale)} {display}".rstrip()
    steps = STEPS.get(canonical, ((1.0, "" if canonical == "1" else canonical),))
    size, symbol = next((step for step in steps if abs(value) >= step[0]), steps[-1])
    gap = "" if symbol in ("%", "") else " "
    return f"{_digits(value / size)}{gap}{symbol}"


def _digits(value: float) -> str:
    """Three significant digits, no exponent, no trailing zeros."""
    if value == 0:
        return "0"
    places = max(0, 2 - int(np.floor(np.log10(abs(value)))))
    shown = f"{value:.{min(places, 6)}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def _fill(template: str, names: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda found: names.get(found[1], found[0]), template)


def _names(alert: Alert, facility: Facility, language: str) -> dict[str, str]:
    point = next((facility.points[id] for id in alert.points if id in facility.points), None)
    equip = facility.equips.get(alert.target) or facility.equips.get(point.equip if point else "")
    device = facility.devices.get(alert.target) or facility.devices.get(point.device if point else "")
    place = equip or device or point
    site = facility.sites.get(place.site) if place else None
    space = facility.spaces.get(place.space) if place else None
    zone = ZoneInfo(site.time_zone) if site else UTC
    where = [text(one.name, language) for one in (equip, space, site) if one is not None]
    named = text(point.name, language) if point else alert.target
    return {
        "equip": where[0] if where else named,
        "plate": equip.plate if equip and equip.plate else (where[0] if where else named),
        "point": named,
        "device": text(device.name, language) if device else alert.target,
        "space": text(space.name, language) if space else "",
        "site": text(site.name, language) if site else "",
        "value": _shown(alert.value, alert, point),
        "worst": _shown(alert.worst, alert, point),
        "limit": _shown(alert.limit, alert, point),
        "since": datetime.fromtimestamp(alert.since / SECOND, zone).strftime("%m-%d %H:%M"),
        "duration": quantity(max(0, (alert.resolved or alert.at) - alert.since) / SECOND, "s"),
    }


def _shown(value: float, alert: Alert, point: Point | None) -> str:
    canonical = str(alert.evidence.get("unit") or (point.unit if point else "1"))
    if point is not None and point.nature is Nature.STATE and np.isfinite(value):
        return point.states.get(int(value), f"{value:g}")
    return quantity(value, canonical, point.display_unit if point and point.unit == canonical else "")
