"""What would end an alert, or would have kept it away, in one sentence; and what it cost, in English and Chinese. Pure.

The sentence follows from the kind, from the level at which the condition is false again (`clear_at` in the evidence) and from
what else the evidence tells (when the place closed, how much load is to be shed); values are in display units, times local.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rules import wording
from rules.contract import Rule
from steward.model import Alert, Condition, Facility, Text

_CLEARS: dict[str, tuple[str, str]] = {
    "stale": ("It ends with the next message.", "收到下一条消息即解除。"),
    "stuck": ("It ends when the value moves.", "数值变化即解除。"),
    "command": ("It ends when the feedback follows the command.", "反馈跟随指令即解除。"),
    "schedule": (
        "It would clear at {clear_at}; it would not have come up had it stopped by {stops}.",
        "降至{clear_at}即解除；如在{stops}前停止则不会告警。",
    ),
    "demand": (
        "It would clear at {clear_at}: {shed_value} less for the rest of the interval.",
        "降至{clear_at}即解除：本需量周期余下时间需减{shed_value}。",
    ),
    "cycling": (
        "It ends when no more than {clear_at} starts lie within {window_ns}.",
        "{window_ns}内启动不超过{clear_at}次即解除。",
    ),
    "baseload": (
        "It would clear with a night at or below {clear_at}, usual is {expected_value}.",
        "夜间负荷不高于{clear_at}即解除，通常为{expected_value}。",
    ),
    "profile": (
        "It would clear within {expected_low} to {expected_high}.",
        "回到{expected_low}至{expected_high}之间即解除。",
    ),
    "level": (
        "It would clear with a daily mean within {expected_low} to {expected_high}.",
        "日均值回到{expected_low}至{expected_high}之间即解除。",
    ),
    "air_handler": ("It ends with the first day on which the check holds again.", "检验恢复正常的首日即解除。"),
    "runtime": ("It ends with the day on which it stops in time.", "按时停机的当日即解除。"),
}
_LEVEL = ("It would clear at {clear_at}.", "至{clear_at}即解除。")
_OVER = ("It cleared at {clear_at}.", "已于{clear_at}解除。")
_KEPT = (" It must stay so for {keep}.", "须保持{keep}。")
_LANGUAGES = ("en", "zh")


def clears(alert: Alert, rule: Rule | None, facility: Facility) -> Text:
    """What would end the alert; empty where nothing is known, or where it is over and nothing could be learned from it."""
    over = alert.condition is Condition.RESOLVED
    found = {}
    for number, language in enumerate(_LANGUAGES):
        template = _template(alert, over)
        if template is None:
            return {}
        text = template[number]
        if rule is not None and rule.keep and not over:
            text += _KEPT[number].replace("{keep}", wording.span(rule.keep, language))
        stops = "closed_since" if "closed_since" in alert.evidence else "inside_since"
        filled = wording.fill(text.replace("{stops}", f"{{{stops}}}"), alert, facility, language)
        if "{" in filled:
            return {}
        found[language] = filled
    return found


def _template(alert: Alert, over: bool) -> tuple[str, str] | None:
    known = isinstance(alert.evidence.get("clear_at"), float | int)
    if over:
        return _CLEARS["schedule"] if alert.kind == "schedule" and known else _OVER if known else None
    if alert.kind == "schedule" and not {"closed_since", "inside_since"} & set(alert.evidence):
        return _LEVEL if known else None
    return _CLEARS.get(alert.kind) or (_LEVEL if known else None)


def costs(cost: Mapping[str, Any] | None, language: str = "en") -> str:
    """What an alert cost so far, and a day if it is left; why there is no price; "" where nobody has asked yet."""
    if not cost:
        return ""
    zh = language == "zh"
    if isinstance(cost.get("why"), Mapping):
        return f"未计价：{cost['why']['zh']}。" if zh else f"Not priced: {cost['why']['en']}."
    parts = [_amount(cost)]
    if (money := _money(cost.get("money"), cost)) is not None:
        parts.append(money)
    if isinstance(carbon := cost.get("carbon"), int | float):
        parts.append(f"{wording.number(carbon)} kg CO2")
    said = ("、" if zh else ", ").join(part for part in parts if part)
    basis = cost.get("basis")
    if isinstance(basis, Mapping) and isinstance(error := basis.get("uncertainty"), int | float):
        said += f"（估算，±{error:.0%}）" if zh else f" (estimated, ±{error:.0%})"
    day = _money(cost.get("per_day"), cost) or _amount(cost.get("day") or {})
    left = (f"；不处理每天{day}" if zh else f"; {day} a day if left") if day else ""
    return f"已耗{said}{left}。" if zh else f"So far {said}{left}."


def _amount(cost: Mapping[str, Any]) -> str:
    if isinstance(energy := cost.get("energy"), int | float):
        return f"{wording.number(energy / 1e3)} kWh"
    if isinstance(volume := cost.get("volume"), int | float):
        return f"{wording.number(volume)} m³"
    return ""


def _money(value: Any, cost: Mapping[str, Any]) -> str | None:
    return f"{value:.2f} {cost.get('currency', '')}".rstrip() if isinstance(value, int | float) else None
