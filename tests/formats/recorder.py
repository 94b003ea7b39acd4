"""Records what a decoder states, as rows of text: the `Readings` contract without routing, scaling or checks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from collectors.formats.times import wall
from steward.model import Quality

Row = tuple[str, str, str, str, str, str, str]
COLUMNS = ("device", "field", "at", "value", "quality", "historical", "unit")


def written(at: int) -> str:
    """A moment in ns as ISO 8601 text in UTC; "" for 0."""
    if not at:
        return ""
    moment = datetime.fromtimestamp(at // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    rest = at % 1_000_000_000
    return moment + (f".{rest:09d}".rstrip("0") if rest else "") + "Z"


@dataclass
class Recorder:
    """The out-parameter of `decode`. Rows with `@` in the second column are not samples."""

    received: int
    fields: Collection[str] | None = None
    zone: str = "UTC"
    rows: list[Row] = field(default_factory=list)

    def device(self, address: str) -> RecordedDevice:
        return RecordedDevice(self, address)

    def reply(self, topic: str, payload: bytes) -> None:
        self.rows.append((topic, "@reply", "", payload.hex(), "", "", ""))

    def reject(self, reason: str, detail: str = "") -> None:
        self.rows.append(("", "@reject", "", reason, "", "", ""))


@dataclass
class RecordedDevice:
    """One address; holds the mapped fields of the case."""

    out: Recorder
    address: str

    @property
    def fields(self) -> Collection[str] | None:
        return self.out.fields

    def add(
        self,
        field: str,
        value: float | int | bool | str,
        at: int = 0,
        quality: Quality = Quality.GOOD,
        historical: bool = False,
        unit: str = "",
    ) -> None:
        shown = str(value) if isinstance(value, (str, bool)) else repr(value)
        row = (self.address, field, written(at), shown, Quality(quality).name.lower(), "yes" if historical else "no", unit)
        self.out.rows.append(row)

    def add_from(
        self,
        table: Mapping[str, Any],
        fields: Iterable[str],
        at: int = 0,
        quality: Quality = Quality.GOOD,
        historical: bool = False,
    ) -> int:
        there = [name for name in fields if table.get(name) is not None]
        for name in there:
            self.add(name, table[name], at, quality, historical)
        return len(there)

    def local(self, wall_clock: str) -> int:
        return wall(wall_clock, ZoneInfo(self.out.zone), self.out.received)

    def born(self, at: int = 0) -> None:
        self.out.rows.append((self.address, "@birth", written(at), "", "", "", ""))

    def died(self, at: int = 0) -> None:
        self.out.rows.append((self.address, "@death", written(at), "", "", "", ""))
