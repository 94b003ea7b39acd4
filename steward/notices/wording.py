"""A notice in words, in English and Chinese: subject, text, markdown and HTML, each within a channel's limit of bytes.

Templates have `{name}` placeholders from the fixed list `PLACEHOLDERS`; an unknown one stays as written (and `steward check`
refuses it). Nothing is evaluated: a placeholder is looked up, never an attribute or an index. What comes from devices and
people is escaped for HTML and for markdown, each program's own dialect of it. Pure.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from zoneinfo import ZoneInfo

from steward.model import text
from steward.notices.model import SEVERITY_ORDER, Item, Message, Notice, Reader
from steward.units import SECOND

PLACEHOLDERS = (
    "title", "why", "check", "where", "since", "duration", "resolved", "cost", "value", "severity", "status", "link",
    "target", "rule", "site", "facility", "firing", "over", "event", "by",
)  # fmt: skip
_NAME = re.compile(r"\{(\w+)\}")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~])")
_REFERENCED = re.compile(r"([\\`*_{}\[\]<>#|~&])")
_WIDE = str.maketrans({sign: chr(ord(sign) + 0xFEE0) for sign in "`*[]<>#"})
"""To their full-width twins: for a dialect that knows no escape."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "firing": "firing", "resolved": "resolved", "critical": "critical", "high": "high", "medium": "medium", "low": "low",
        "where": "Where", "since": "Since", "until": "Until", "cost": "Cost", "why": "Why", "check": "Check first",
        "link": "Open", "value": "Value", "lasted": "lasted {}", "per_day": "{} per day if left", "more": "... and {} more",
        "several": "[{severity}] {firing} firing, {over} resolved: {title}", "one": "[{severity}] {title}",
        "over": "[resolved] {title}", "test": "Test notice from {facility}",
        "test_body": "This channel works. It was asked for by {by}.",
        "escalated": "Escalated", "acknowledged": "Acknowledged", "assigned": "Assigned", "severity": "Severity changed",
        "released": "Released", "event": "{event}: {title}", "by": "By",
        "digest": "{facility}: {firing} open, {over} resolved", "open": "Open", "closed": "Resolved", "spent": "Spent",
        "nothing": "Nothing is open and nothing was resolved.", "none": "none", "period": "From {} to {}",
        "colon": ": ", "comma": ", ", "aside": " ({})",
    },
    "zh": {
        "firing": "告警中", "resolved": "已恢复", "critical": "紧急", "high": "重要", "medium": "一般", "low": "提示",
        "where": "位置", "since": "开始", "until": "恢复", "cost": "损失", "why": "原因", "check": "先检查",
        "link": "查看", "value": "数值", "lasted": "持续{}", "per_day": "不处理每天{}", "more": "……另有{}条",
        "several": "【{severity}】{firing}条告警，{over}条恢复：{title}", "one": "【{severity}】{title}",
        "over": "【已恢复】{title}", "test": "{facility}测试通知",
        "test_body": "通知渠道工作正常。发起人：{by}。",
        "escalated": "已升级", "acknowledged": "已确认", "assigned": "已指派", "severity": "级别变更",
        "released": "已解除抑制", "event": "{event}：{title}", "by": "操作人",
        "digest": "{facility}：未恢复{firing}条，已恢复{over}条", "open": "未恢复", "closed": "已恢复", "spent": "损失合计",
        "nothing": "没有未恢复的告警，也没有新恢复的告警。", "none": "无", "period": "{}至{}",
        "colon": "：", "comma": "，", "aside": "（{}）",
    },
}  # fmt: skip


LANGUAGES = tuple(WORDS)


@dataclass(frozen=True, slots=True)
class Templates:
    """An operator's own texts by language: `subject` of a notice of alerts, `item` for each alert; "" keeps ours."""

    subject: Mapping[str, str] = field(default_factory=dict)
    item: Mapping[str, str] = field(default_factory=dict)


OURS = Templates()


def unknown(template: str) -> list[str]:
    """The placeholders of a template that do not exist, in order."""
    return [name for name in _NAME.findall(template) if name not in PLACEHOLDERS]


def fill(template: str, names: Mapping[str, str]) -> str:
    """The template with the names that are known filled in, in one pass: what was filled in is not looked at again."""
    return _NAME.sub(lambda found: names.get(found[1], found[0]), template)


@dataclass(frozen=True, slots=True)
class Dialect:
    """Markdown as a program reads it. plain: a text as it is shown and never read; item: what a line of a list begins with."""

    plain: Callable[[str], str]
    item: str = "- "


def backslashed(value: str) -> str:
    """Text that markdown shows as it is, by backslashes."""
    return _MARKDOWN.sub(r"\\\1", value)


def referenced(value: str) -> str:
    """Text that markdown shows as it is, by character references."""
    return _REFERENCED.sub(lambda found: f"&#{ord(found[0])};", value)


def widened(value: str) -> str:
    """Text that a dialect without escapes shows, with the full-width twins of what it would read."""
    return value.translate(_WIDE)


COMMON, REFERENCES, NO_LISTS = Dialect(backslashed), Dialect(referenced), Dialect(widened, "> ")


def write(notice: Notice, reader: Reader, templates: Templates = OURS, limit: int = 0, dialect: Dialect = COMMON) -> Message:
    """The notice for a reader. `limit`: bytes of UTF-8 that text and markdown may have each, 0 for any; what does not fit is
    left out whole alerts at a time, with their count, and last of all cut."""
    words = WORDS.get(reader.language, WORDS["en"])
    title_ = subject(notice, reader, templates)
    heads = _heads(notice, reader, words)
    blocks = [(item, _item(item, reader, templates, words)) for item in notice.items]
    text_ = _bounded(title_, heads, blocks, notice.left_out, words, limit, partial(_plain, words["colon"]))
    title = f"### {dialect.plain(title_)}"
    markdown_ = _bounded(title, heads, blocks, notice.left_out, words, limit, partial(_markdown, dialect, words["colon"]))
    return Message(title_, text_, markdown_, _html(title_, heads, blocks, notice.left_out, words))


def subject(notice: Notice, reader: Reader, templates: Templates = OURS) -> str:
    """The subject of the notice for a reader."""
    return one_line(_subject(notice, reader, templates, WORDS.get(reader.language, WORDS["en"])))


Line = tuple[str, str]
"""A label ("" for none) and what stands beside it."""
Block = tuple[Item, Sequence[Line]]


def _subject(notice: Notice, reader: Reader, templates: Templates, words: Mapping[str, str]) -> str:
    first = notice.items[0] if notice.items else None
    names = _names(first, reader, words) if first else {"facility": text(reader.facility, reader.language), "title": ""}
    names |= {"firing": str(notice.count("firing")), "over": str(notice.count("resolved")), "by": notice.by}
    names["event"] = words.get(notice.event, notice.event)
    if notice.what in ("test", "digest", "event"):
        return fill(words[notice.what], names)
    own = templates.subject.get(reader.language) or templates.subject.get("")
    if own:
        return fill(own, names)
    if notice.status == "resolved" and len(notice.items) == 1:
        return fill(words["over"], names)
    return fill(words["one" if len(notice.items) == 1 else "several"], names)


def _heads(notice: Notice, reader: Reader, words: Mapping[str, str]) -> list[Line]:
    if notice.what == "test":
        return [("", fill(words["test_body"], {"by": notice.by or "steward"}))]
    if notice.what == "event":
        return [(words["by"], notice.by)] if notice.by else []
    if notice.what != "digest":
        return []
    start, end = clock(notice.start or notice.at, reader), clock(notice.end or notice.at, reader)
    lines = [("", words["period"].format(start, end))]
    if not notice.items:
        return [*lines, ("", words["nothing"])]
    spent = notice.spent
    if spent is not None:
        parts = [_money(amount, currency) for currency, amount in sorted(spent.money.items())]
        parts += [_energy(spent.energy)] if spent.energy else []
        parts += [f"{number(spent.volume)} m³"] if spent.volume else []
        lines.append((words["spent"], words["comma"].join(parts) or words["none"]))
    return lines


def _item(item: Item, reader: Reader, templates: Templates, words: Mapping[str, str]) -> list[Line]:
    names = _names(item, reader, words)
    own = templates.item.get(reader.language) or templates.item.get("")
    if own:
        return [("", line) for line in fill(own, names).split("\n")]
    mark = f"{names['severity']} · {names['status']}"
    lasted = words["aside"].format(words["lasted"].format(names["duration"]))
    since = names["since"] + (lasted if item.status == "resolved" else "")
    lines = [
        ("", names["title"] + words["aside"].format(mark)),
        (words["where"], names["where"]),
        (words["since"], since),
        (words["until"], names["resolved"]),
        (words["value"], names["value"]),
        (words["cost"], names["cost"]),
        (words["why"], names["why"]),
        (words["check"], names["check"]),
        (words["link"], names["link"]),
    ]
    return [line for line in lines if line[1]]


def _names(item: Item, reader: Reader, words: Mapping[str, str]) -> dict[str, str]:
    language = reader.language
    title = text(item.title, language) or f"{item.rule}: {item.target}"
    return {
        "title": clean(title),
        "why": clean(text(item.why, language)),
        "check": clean(text(item.check, language)),
        "where": clean(text(item.where, language)),
        "value": clean(text(item.value, language)),
        "since": clock(item.since, reader),
        "resolved": clock(item.resolved, reader) if item.resolved else "",
        "duration": span((item.resolved or item.at) - item.since, language),
        "cost": cost(item, words),
        "severity": words.get(item.severity, item.severity),
        "status": words.get(item.status, item.status),
        "link": link(item, reader.page),
        "target": clean(item.target),
        "rule": clean(item.rule),
        "site": clean(item.site),
        "facility": clean(text(reader.facility, language)),
    }


def link(item: Item, page: str) -> str:
    """The address of an alert on the page, "" without a page."""
    return f"{page.rstrip('/')}/#/alerts/{item.id}" if page else ""


def cost(item: Item, words: Mapping[str, str]) -> str:
    """What an alert costs: money, energy, volume so far, and money per day if left; "" where it is not priced."""
    parts = [_money(item.money, item.currency)] if item.money else []
    parts += [_energy(item.energy)] if item.energy else []
    parts += [f"{number(item.volume)} m³"] if item.volume else []
    if item.per_day and item.status == "firing":
        parts.append(words["per_day"].format(_money(item.per_day, item.currency)))
    return words["comma"].join(parts)


def _money(amount: float, currency: str) -> str:
    sign = {"CNY": "¥", "EUR": "€", "USD": "$", "GBP": "£"}.get(currency)
    shown = f"{amount:,.2f}" if abs(amount) < 1000 else f"{amount:,.0f}"
    return f"{sign}{shown}" if sign else f"{shown} {currency}".strip()


def _energy(wh: float) -> str:
    return f"{number(wh / 1e6)} MWh" if abs(wh) >= 1e7 else f"{number(wh / 1e3)} kWh"


def number(value: float) -> str:
    """Three significant digits, no exponent."""
    if abs(value) >= 100 or value == 0:
        return f"{value:.0f}"
    shown = f"{value:.{2 if abs(value) < 10 else 1}f}"
    return shown.rstrip("0").rstrip(".")


def clock(at: int, reader: Reader) -> str:
    """A moment in the reader's time zone, to the minute."""
    return datetime.fromtimestamp(at // SECOND, UTC).astimezone(ZoneInfo(reader.time_zone)).strftime("%Y-%m-%d %H:%M")


def span(ns: int, language: str) -> str:
    """A length of time with its two largest parts."""
    seconds = max(0, ns // SECOND)
    units = ("天", "小时", "分钟", "秒") if language == "zh" else (" d", " h", " min", " s")
    parts: list[str] = []
    for size, word in zip((86400, 3600, 60, 1), units, strict=True):
        amount, seconds = divmod(seconds, size)
        if amount or (size == 1 and not parts):
            parts.append(f"{amount}{word}")
    return ("" if language == "zh" else " ").join(parts[:2])


def clean(value: str) -> str:
    """Text without control characters: they end up in subjects and headers."""
    return _CONTROL.sub(" ", value)


def one_line(value: str) -> str:
    """Text on one line, at most 200 characters: a subject."""
    flat = " ".join(clean(value).split())
    return flat if len(flat) <= 200 else flat[:199] + "…"


def cut(value: str, limit: int) -> str:
    """At most `limit` bytes of UTF-8, never half a character."""
    raw = value.encode()
    return value if len(raw) <= limit else raw[: max(0, limit - 3)].decode(errors="ignore") + "…"


Write = Callable[[Sequence[Line]], str]


def _plain(colon: str, lines: Sequence[Line]) -> str:
    return "\n".join(f"{label}{colon}{value}" if label else value for label, value in lines)


def _markdown(dialect: Dialect, colon: str, lines: Sequence[Line]) -> str:
    shown = []
    for label, value in lines:
        address = value.startswith(("http://", "https://")) and not any(sign in value for sign in " ()<>")
        body = f"[{value}]({value})" if address else dialect.plain(value)
        shown.append(f"**{label}**{colon}{body}" if label else body)
    rest = "".join(f"\n{dialect.item}{line}" for line in shown[1:])
    return "".join(shown[:1]) + rest


def _bounded(
    title: str,
    heads: Sequence[Line],
    blocks: Sequence[Block],
    left_out: int,
    words: Mapping[str, str],
    limit: int,
    write: Write,
) -> str:
    """Title, heads, as many blocks as fit, and how many were left out."""
    parts = [title] + ([write(heads)] if heads else [])
    tail_room = len(words["more"].encode()) + 12
    size = sum(len(part.encode()) + 2 for part in parts)
    taken = 0
    for _, lines in blocks:
        part = write(lines)
        grown = size + len(part.encode()) + 2
        last = taken == len(blocks) - 1 and not left_out
        if limit and grown + (0 if last else tail_room) > limit:
            if taken == 0 and limit > size + tail_room + 80:  # one alert too long by itself is cut rather than left out
                parts.append(cut(part, limit - size - tail_room - 2))
                taken = 1
            break
        parts.append(part)
        size = grown
        taken += 1
    missing = len(blocks) - taken + left_out
    if missing:
        parts.append(words["more"].format(missing))
    whole = "\n\n".join(parts)
    return cut(whole, limit) if limit else whole


_COLOURS = {"critical": "#b3261e", "high": "#c4570b", "medium": "#8a6d00", "low": "#4a5b6c"}


def _html(subject: str, heads: Sequence[Line], blocks: Sequence[Block], left_out: int, words: Mapping[str, str]) -> str:
    colon = words["colon"]
    parts = [f"<h2>{html.escape(subject)}</h2>"]
    parts += [f"<p>{_html_line(line, colon)}</p>" for line in heads]
    for item, lines in blocks:
        colour = _COLOURS.get(item.severity, "#333") if item.status == "firing" else "#2e7d32"
        body = "<br>\n".join(_html_line(line, colon) for line in lines[1:])
        parts.append(
            f'<div style="border-left:4px solid {colour};padding:2px 12px;margin:12px 0">'
            f"<b>{_html_line(lines[0], colon)}</b><br>\n{body}</div>"
        )
    if left_out:
        parts.append(f"<p>{html.escape(words['more'].format(left_out))}</p>")
    return (
        '<!doctype html><html><head><meta charset="utf-8"></head>'
        '<body style="font-family:sans-serif;font-size:14px;color:#222">' + "\n".join(parts) + "</body></html>"
    )


def _html_line(line: Line, colon: str) -> str:
    label, value = line
    shown = html.escape(value)
    if value.startswith(("http://", "https://")):
        shown = f'<a href="{shown}">{shown}</a>'
    return f"{html.escape(label)}{colon}{shown}" if label else shown


def gravest(items: Sequence[Item]) -> str:
    """The highest severity among items, "" for none."""
    return min((item.severity for item in items), key=lambda word: SEVERITY_ORDER.index(word), default="")
