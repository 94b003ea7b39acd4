"""An alert in words: the one-sentence title, why it matters, what to check first; in English and Chinese.

The text comes from the rule's templates; `{name}` is filled from the alert and the facility, an unknown name stays as
written. Names: equip, point, target, site, device, value, worst, limit, since, duration, severity and the keys of the evidence.
Values are in the point's display unit, times in local time of its site. Pure; nothing is ever evaluated.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from rules import terms
from rules.contract import Rule
from steward.errors import UnknownUnit
from steward.model import Alert, Facility, Point, Text, text
from steward.units import SECOND, unit

_NAME = re.compile(r"\{(\w+)\}")
_SHOWN = {"W": "kW", "Wh": "kWh", "VA": "kVA", "ratio": "%", "m3/s": "L/h", "Pa": "kPa", "m/s": "km/h", "degC": "°C"}
_DEFAULT: dict[str, Text] = {
    "threshold": {"en": "{equip}: {point} is {value}, limit {limit}, since {since}",
                  "zh": "{equip}：{point}为{value}，限值{limit}，始于{since}"},
    "rate": {"en": "{equip}: {point} changes by {value}, limit {limit}, since {since}",
             "zh": "{equip}：{point}变化{value}，限值{limit}，始于{since}"},
    "stale": {"en": "{device} has been silent for {value}", "zh": "{device}数据已中断{value}"},
    "clock": {"en": "{device}: its clock is off by {value} ({reason})", "zh": "{device}：时钟偏差{value}（{reason}）"},
    "duplicates": {"en": "{device}: each reading arrives {value} times", "zh": "{device}：同一读数平均到达{value}次"},
    "stuck": {"en": "{equip}: {point} has not moved from {value} since {unchanged_since}",
              "zh": "{equip}：{point}自{unchanged_since}起停在{value}不变"},
    "schedule": {"en": "{equip} runs out of hours, {value} since {since}",
                 "zh": "{equip}在非工作时间运行，{value}，始于{since}"},
    "command": {"en": "{equip}: commanded {commanded} since {commanded_since}, {point} is {value}",
                "zh": "{equip}：{commanded_since}起指令为{commanded}，{point}为{value}"},
    "cycling": {"en": "{equip} started {value} times, at most {limit} are allowed",
                "zh": "{equip}启动{value}次，允许{limit}次"},
    "runtime": {"en": "{equip} has run for {hours} h with {starts} starts since {counted_since}",
                "zh": "{equip}自{counted_since}起运行{hours}小时，启动{starts}次"},
    "sibling": {"en": "{point} reads {value}, its siblings let expect {expected_value}",
                "zh": "{point}读数{value}，按同类测点应为{expected_value}"},
    "baseload": {"en": "{equip}: night baseload {value}, usually {expected_value}",
                 "zh": "{equip}：夜间基础负荷{value}，通常为{expected_value}"},
    "profile": {"en": "{equip}: {point} is {value}, at this hour usually {lowest_value} to {highest_value}",
                "zh": "{equip}：{point}为{value}，该时段通常为{lowest_value}至{highest_value}"},
    "level": {"en": "{equip}: {point} moved from {expected_value} to {value}",
              "zh": "{equip}：{point}由{expected_value}变为{value}"},
    "deviation": {"en": "{equip}: {value} away from what was expected",
                  "zh": "{equip}：偏离预期{value}"},
    "trip": {"en": "{equip} is used since {since}: {reason}", "zh": "{equip}自{since}起被使用：{reason}"},
    "idling": {"en": "{equip} has been idling for {value}, {litres} L", "zh": "{equip}怠速{value}，耗油{litres}升"},
    "geofence": {"en": "{equip} is {value} beyond the border since {since}", "zh": "{equip}越界{value}，始于{since}"},
    "service": {"en": "{equip}: service due, {value} of the interval used", "zh": "{equip}：应保养，周期已用{value}"},
    "battery": {"en": "{equip}: battery {value} ({reason})", "zh": "{equip}：蓄电池{value}（{reason}）"},
    "tyre": {"en": "{equip}: {point} at {value} ({reason})", "zh": "{equip}：{point}{value}（{reason}）"},
    "fuel": {"en": "{equip} misses {litres} L of fuel since {from_at}", "zh": "{equip}自{from_at}起缺少燃油{litres}升"},
    "consumption": {"en": "{equip} needs {value}, {excess_percent} % more than expected",
                    "zh": "{equip}百公里能耗{value}，比预期高{excess_percent}%"},
    "demand": {"en": "{equip}: demand heads for {value} by {ends_at}, limit {limit}",
               "zh": "{equip}：预计至{ends_at}需量达{value}，限值{limit}"},
    "voltage": {"en": "{equip}: {point} {value}, {deviation_percent} % from nominal",
                "zh": "{equip}：{point}{value}，偏差{deviation_percent}%"},
    "imbalance": {"en": "{equip}: phases differ by {value}, limit {limit}",
                  "zh": "{equip}：三相不平衡度{value}，限值{limit}"},
    "balance": {"en": "{equip}: {residual_percent} % between the meter and those below it",
                "zh": "{equip}：总表与分表相差{residual_percent}%"},
    "leak": {"en": "{equip}: {value} flows without a stop since {leak_since}",
             "zh": "{equip}：自{leak_since}起持续流失{value}"},
    "continuous_flow": {"en": "{equip}: no hour without flow since {flows_since}",
                        "zh": "{equip}：自{flows_since}起无一小时停流"},
    "no_flow": {"en": "{equip}: no flow for {value}", "zh": "{equip}：已停流{value}"},
    "negative_flow": {"en": "{equip}: {value} have run backwards", "zh": "{equip}：倒流{value}"},
    "cycles": {"en": "{equip}: {feature} {now} instead of {usual} since {worse_since}",
               "zh": "{equip}：自{worse_since}起{feature}为{now}，通常{usual}"},
    "quota": {"en": "{point}: {value} of the pace, used up on {used_up_on}",
              "zh": "{point}：进度为{value}，预计{used_up_on}用完"},
}  # fmt: skip
MEASURED = ("clear_at", "expected_low", "expected_high")
"""Keys of evidence that are values of the alert, beside those that end with `_value`."""
_ANY: Text = {"en": "{target}: {value} since {since}", "zh": "{target}：{value}，始于{since}"}


def title(alert: Alert, rule: Rule | None, facility: Facility, language: str = "en") -> str:
    """The one-sentence title, from the rule's template or, where it has none, from the kind's."""
    template = text(rule.title, language) if rule else ""
    return fill(template or text(_DEFAULT.get(alert.kind, _ANY), language), alert, facility, language)


def why(alert: Alert, rule: Rule | None, facility: Facility, language: str = "en") -> str:
    """Why the alert matters, "" where the rule does not say."""
    return fill(text(rule.why, language), alert, facility, language) if rule else ""


def check(alert: Alert, rule: Rule | None, facility: Facility, language: str = "en") -> str:
    """What to check first, "" where the rule does not say."""
    return fill(text(rule.check, language), alert, facility, language) if rule else ""


def fill(template: str, alert: Alert, facility: Facility, language: str) -> str:
    """The template with the names that are known filled in."""
    names = _names(alert, facility, language)
    return _NAME.sub(lambda found: names.get(found[1], found[0]), template)


def _names(alert: Alert, facility: Facility, language: str) -> dict[str, str]:
    point = next((facility.points[id] for id in alert.points if id in facility.points), None)
    zone = _zone(point, alert, facility)
    names: dict[str, str] = {
        key: _evidence(key, value, alert, point, zone, language) for key, value in alert.evidence.items() if value is not None
    }
    equip = facility.equips.get(point.equip if point else alert.target) or facility.equips.get(alert.target)
    site = facility.sites.get(point.site) if point else (facility.sites.get(equip.site) if equip else None)
    device = facility.devices.get(alert.target) or (facility.devices.get(point.device) if point else None)
    over = alert.resolved is not None and alert.kind != "stale"  # when it is over, the value that ended it is not the news
    now = alert.worst if over else alert.value
    point_name = text(point.name, language) if point else alert.target
    names |= {
        "target": alert.target,
        "point": point_name,
        "equip": text(equip.name, language) if equip else point_name,
        "site": text(site.name, language) if site else "",
        "device": text(device.name, language) if device else alert.target,
        "value": _measure(now, alert, point, language),
        "worst": _measure(alert.worst, alert, point, language),
        "limit": _measure(alert.limit, alert, point, language),
        "since": _clock(alert.since, alert.at, zone),
        "duration": span((alert.resolved or alert.at) - alert.since, language),
        "severity": alert.severity.value,
    }
    return names


def _zone(point: Point | None, alert: Alert, facility: Facility) -> ZoneInfo:
    equip = facility.equips.get(alert.target)
    device = facility.devices.get(alert.target)
    name = point.site if point else equip.site if equip else device.site if device else ""
    found = facility.sites.get(name)
    return ZoneInfo(found.time_zone if found else "UTC")


def _evidence(key: str, value: Any, alert: Alert, point: Point | None, zone: ZoneInfo, language: str) -> str:
    if key in MEASURED and isinstance(value, int | float):
        return _measure(float(value), alert, point, language)
    if key.endswith(("_at", "_since")) and isinstance(value, int):
        return _clock(value, alert.at, zone)
    if key.endswith("_ns") and isinstance(value, int):
        return span(value, language)
    if key.endswith("_value") or key == "first":
        return _measure(float(value), alert, point, language)
    if key in terms.KEYS and isinstance(value, str):
        return terms.words(value, language)
    return str(value)


def _clock(at: int, now: int, zone: ZoneInfo) -> str:
    """Site-local: the hour alone on the day of the statement, else with the date."""
    moment = datetime.fromtimestamp(at // SECOND, UTC).astimezone(zone)
    today = datetime.fromtimestamp(now // SECOND, UTC).astimezone(zone)
    return moment.strftime("%H:%M" if moment.date() == today.date() else "%Y-%m-%d %H:%M")


def _measure(value: float, alert: Alert, point: Point | None, language: str) -> str:
    if math.isnan(value):
        return "–"
    canonical = str(alert.evidence.get("unit", point.unit if point else ""))
    if canonical == "s":
        return span(round(value * SECOND), language)
    if point is not None and point.states and alert.kind != "rate" and canonical == point.unit:
        return point.states.get(round(value), number(value))
    shown = point.display_unit if point and point.display_unit and canonical == point.unit else _SHOWN.get(canonical, canonical)
    scale, offset = _conversion(shown, canonical)
    change = alert.kind == "rate"  # a difference has no zero to shift
    symbol = (("K" if canonical == "degC" and shown != "°F" else shown) if change else shown).replace("m3", "m³")
    per = alert.evidence.get("per_ns") if change else None
    tail = f"/{span(int(per), language)}" if isinstance(per, int) else ""
    amount = number((value - (0.0 if change else offset)) / scale)
    space = "" if symbol in ("%", "1", "") else " "
    return amount + space + ("" if symbol == "1" else symbol) + tail


def _conversion(shown: str, canonical: str) -> tuple[float, float]:
    try:
        found = unit(shown)
    except UnknownUnit:
        return 1.0, 0.0
    return (found.scale, found.offset) if found.canonical == canonical else (1.0, 0.0)


def number(value: float) -> str:
    """Three significant digits, no exponent, no trailing zeros."""
    if not value or abs(value) >= 100:
        return f"{value:.0f}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    shown = f"{value:.{min(digits, 6)}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def span(ns: int, language: str) -> str:
    """A length of time with its two largest parts."""
    seconds = max(0, ns // SECOND)
    words = {"zh": ("天", "小时", "分钟", "秒")}.get(language, (" d", " h", " min", " s"))
    parts: list[str] = []
    for size, word in zip((86400, 3600, 60, 1), words, strict=True):
        amount, seconds = divmod(seconds, size)
        if amount or (size == 1 and not parts):
            parts.append(f"{amount}{word}")
    return ("" if language == "zh" else " ").join(parts[:2])
