"""Sentences that the service says in English, recognised as a code and its parameters, so that a page can say them in another
language. The English text stays beside the code and is what counts.

Invariants: the table is data and the only place that knows these texts outside their origin; a text that it does not know
passes through without a code; a test walks the raises of the packages concerned and holds the table to them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from api.sentences_table import TABLE as SENTENCES
from api.sentences_ways import WAYS

TABLE: Mapping[str, tuple[str, ...]] = {**SENTENCES, **WAYS}

HOLE = re.compile(r"\{(\w+)(!r)?\}")
"""`{name}`: any text; `{name!r}`: a text in quotes, without them."""
WORDS = frozenset((
    "n", "m", "most", "least", "all", "a", "b", "c", "from", "to", "condition", "state", "reason", "value", "limit", "days",
    "one", "two", "from_number", "to_number", "json", "python", "part", "hex", "qos", "status", "robot", "tls", "byte", "sign",
))  # fmt: skip
"""Holes that hold one word, so that a sentence is not taken for another that happens to hold the same small words."""
AT = re.compile(r"(?P<text>.*) \(point (?P<at>[^(),]+), metric \w+\)", re.DOTALL)
LED = re.compile(
    r"(?:alert \w+|[A-Z]\w*(?:Error|Refused|Exception)|days, hours|window|allocation '[^']*'): (?P<text>.+)", re.DOTALL
)
"""What stands before a sentence: whose it is, or its Python class."""
PART = "why"
"""The hole that may hold a sentence of its own: what is known of it stands beside it, as `why.code` and `why.<parameter>`."""
LED_BY = "led"
"""The code of a sentence that begins with what it is about ("mail.example.org: timed out"): `by` and `why`."""
COLONS = 3
"""So many colons are tried as the one behind what a sentence is about."""
EXPECTED = "x_"
"""Codes of what was expected instead: parts of a sentence, looked for only where an expectation stands."""


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence: as it was said, its code ("" where nobody knows it) and what the code needs."""

    text: str
    code: str = ""
    params: Mapping[str, str] = field(default_factory=dict)

    def coded(self) -> dict[str, Any]:
        """Code and parameters, to stand beside the text."""
        return {"code": self.code, "params": dict(self.params)}

    def plain(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {"text": self.text, **self.coded()}


def _pattern(template: str) -> re.Pattern[str]:
    parts, last = [], 0
    for number, hole in enumerate(HOLE.finditer(template)):
        parts.append(re.escape(template[last : hole.start()]))
        name, quoted = hole[1], hole[2]
        text = r"\S+?" if name in WORDS else ".+?"
        inner = f"(?P<{name}>{text})"
        parts.append(rf"(?P<_{number}>['\"]){inner}(?P=_{number})" if quoted else inner)
        last = hole.end()
    return re.compile("".join([*parts, re.escape(template[last:])]), re.DOTALL)


def _patterns(expected: bool) -> list[tuple[re.Pattern[str], str]]:
    """What says most by itself is tried first: "its equip has no point with role" before "has no point with"."""
    rows = [(one, code) for code, all in TABLE.items() for one in all if code.startswith(EXPECTED) is expected]
    rows.sort(key=lambda row: -len(HOLE.sub("", row[0])))
    return [(_pattern(template), code) for template, code in rows]


_SENTENCES, _EXPECTATIONS = _patterns(False), _patterns(True)


def _found(patterns: list[tuple[re.Pattern[str], str]], text: str) -> Said | None:
    for pattern, code in patterns:
        match = pattern.fullmatch(text)
        if match:
            found = {name: one for name, one in match.groupdict().items() if not name.startswith("_")}
            return Said(text, code, found | _part(found[PART]) if PART in found else found)
    return None


def _part(text: str) -> dict[str, str]:
    """What is known of a sentence within another, {} for nothing."""
    inner = said(text)
    return {f"{PART}.code": inner.code, **{f"{PART}.{name}": one for name, one in inner.params.items()}} if inner.code else {}


def _led(text: str) -> Said | None:
    """A sentence behind what it is about; only where the sentence itself is known."""
    start = 0
    for _ in range(COLONS):
        at = text.find(": ", start)
        if at <= 0:
            break
        start = at + 2
        part = _part(text[start:])
        if part:
            return Said(text, LED_BY, {"by": text[:at], PART: text[start:], **part})
    return None


@lru_cache(maxsize=4096)
def said(text: str) -> Said:
    """A sentence with its code where the table knows it; `at` of the parameters: the point that it was tried on."""
    for frame in (AT, LED):
        match = frame.fullmatch(text)
        inner = said(match["text"]) if match else Said(text)
        if match and inner.code:
            at = match.groupdict().get("at")
            return Said(text, inner.code, {**inner.params, **({"at": at} if at else {})})
    return _found(_SENTENCES, text) or _led(text) or Said(text)


@lru_cache(maxsize=1024)
def expected(text: str) -> Said:
    """What was expected instead, with its code where the table knows it."""
    return _found(_EXPECTATIONS, text) or Said(text)
