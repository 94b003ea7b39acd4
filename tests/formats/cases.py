"""Reads a golden case: a folder with topic.txt, payload files, expected.csv or error.txt, source.txt and maybe template.toml.

topic.txt has one line for all messages or one a message. Payloads are payload.<ext> or payload.1.<ext>, payload.2.<ext> ...;
json and txt are taken as they are (without the last line feed), hex is bytes in hexadecimal, toml is a Sparkplug payload that
`wire` encodes. template.toml: options, fields (the mapped ones; absent: an unknown device), pattern, zone, received, retained
(numbers of messages).
"""

from __future__ import annotations

import csv
import tomllib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from collectors.formats import Message, decoder, formats
from collectors.topics import Pattern
from steward.errors import UndecodableMessage
from tests.formats import wire
from tests.formats.recorder import COLUMNS, Recorder, Row

HERE = Path(__file__).parent
RECEIVED = "2026-11-24T08:00:05+00:00"


def folders() -> list[Path]:
    """Every case of every format."""
    return sorted(path.parent for path in HERE.glob("*/*/topic.txt"))


@dataclass
class Case:
    """A case as read from its folder."""

    format: str
    template: dict[str, Any]
    messages: list[Message]

    @classmethod
    def read(cls, folder: Path) -> Case:
        described = folder / "template.toml"
        template = tomllib.loads(described.read_text(encoding="utf-8")) if described.exists() else {}
        payloads = sorted(folder.glob("payload.*"), key=_number)
        topics = (folder / "topic.txt").read_text().splitlines()
        topics = topics * len(payloads) if len(topics) == 1 else topics
        assert len(topics) == len(payloads), f"{folder}: {len(topics)} topics for {len(payloads)} payloads"
        name = folder.parent.name
        patterns = [template["pattern"]] if "pattern" in template else formats()[name].TOPICS
        received = nanoseconds(template.get("received", RECEIVED))
        retained = template.get("retained", [])
        messages = [
            Message(topic, content(path), received + number * 1_000_000_000, captured(topic, patterns), number + 1 in retained)
            for number, (topic, path) in enumerate(zip(topics, payloads, strict=True))
        ]
        return cls(name, template, messages)

    def run(self, catch: bool = True) -> list[Row]:
        """What a fresh decoder states; an undecodable message is a row `@error` if `catch`, else raised."""
        made = decoder(self.format, self.template.get("options", {}))
        fields = self.template.get("fields")
        out = Recorder(0, None if fields is None else tuple(fields), self.template.get("zone", "UTC"))
        for message in self.messages:
            out.received = message.received
            try:
                made.decode(message, out)
            except UndecodableMessage as error:
                if not catch:
                    raise
                out.rows.append(("", "@error", "", error.reason, "", "", ""))
        return out.rows


def captured(topic: str, patterns: list[str]) -> str:
    """The address that the first matching pattern captures."""
    for pattern in patterns:
        address = Pattern(pattern).match(topic)
        if address is not None:
            return address
    return ""


def content(path: Path) -> bytes:
    """The bytes of a payload file."""
    if path.suffix == ".hex":
        return bytes.fromhex(path.read_text())
    if path.suffix == ".toml":
        return wire.payload(tomllib.loads(path.read_text(encoding="utf-8")))
    return path.read_bytes().removesuffix(b"\n")


def nanoseconds(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp()) * 1_000_000_000


def expected(folder: Path) -> list[Row]:
    """The rows of expected.csv."""
    with (folder / "expected.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert tuple(rows[0]) == COLUMNS, f"{folder}: columns {rows[0]}"
    return [(row[0], row[1], row[2], row[3], row[4], row[5], row[6]) for row in rows[1:]]


def _number(path: Path) -> int:
    parts = path.name.split(".")
    return int(parts[1]) if len(parts) == 3 else 0
