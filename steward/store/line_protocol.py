"""InfluxDB line protocol, written by ourselves: a batch of columns becomes bytes without a Python object per sample.

Invariants: `measurement,tag=value,... field=value,... at`, one line a sample, times in ns; floats in their shortest exact
form, integers with `i`; NaN and infinite values are refused. Tag values of any text are possible: what the protocol
cannot say (a backslash, a line break) is percent-encoded and `untag` gives the original back.
https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from steward.errors import StoreError
from steward.model import Batch, Point, PointIndex, Quality

HISTORICAL = 4
"""Added to the quality of a sample that is declared back-fill: a fourth field would cost a sixth of the write rate."""
QUALITY_MASK = 3
UNKNOWN_METRIC = "number"
"""Measurement of a point that no facility file describes."""

FieldValue = float | int | bool | str
_UNSAYABLE = re.compile(r"[\\%\x00-\x1f\x7f]")


def tag(value: str) -> str:
    """A tag value that the protocol can carry: backslash, percent and control characters as %XX."""
    return _UNSAYABLE.sub(lambda match: f"%{ord(match[0]):02X}", value)


def untag(value: str) -> str:
    """The value that `tag` was given."""
    return unquote(value, errors="strict") if "%" in value else value


def prefix(measurement: str, tags: Mapping[str, str]) -> str:
    """The part of a line that names its series, tags sorted by key; empty tags are left out, because they cannot be said."""
    parts = [_escape(_sayable(measurement), ", ")]
    parts += [f"{_escape(_sayable(key), ',= ')}={_escape(tag(tags[key]), ',= ')}" for key in sorted(tags) if tags[key]]
    return ",".join(parts)


def line(measurement: str, tags: Mapping[str, str], fields: Mapping[str, FieldValue], at: int) -> str:
    """One line, for a few of them; `encode` is for many. Raises StoreError for what cannot be said."""
    if not fields:
        raise StoreError(f"measurement {measurement!r} has no field, expected at least one")
    said = ",".join(f"{_escape(_sayable(key), ',= ')}={_field(key, value)}" for key, value in fields.items())
    return f"{prefix(measurement, tags)} {said} {at}"


def _field(key: str, value: FieldValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise StoreError(f"field {key!r} is {value}, expected a 64-bit integer")
        return f"{value}i"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if not math.isfinite(value):
        raise StoreError(f"field {key!r} is {value}, expected a finite number")
    return repr(float(value))


def _sayable(name: str) -> str:
    if not name or _UNSAYABLE.search(name.replace("%", "")) or name.startswith("#"):
        raise StoreError(f"{name!r} cannot be a name in line protocol, expected no backslash, line break or leading #")
    return name


def _escape(name: str, signs: str) -> str:
    for sign in signs:
        name = name.replace(sign, f"\\{sign}")
    return name


def series(id: str, point: Point | None) -> str:
    """The series of a point: its metric as measurement, its id and its place in the tree as tags."""
    if point is None:
        return prefix(UNKNOWN_METRIC, {"point": id})
    tags = {name: getattr(point, name) for name in ("category", "device", "equip", "site", "space")}
    return prefix(point.metric, {**tags, "point": id})


class Encoder:
    """Batches to line protocol. Not thread-safe: one writer at a time.

    A sample has the fields `value` (or `bad`, when its quality is BAD, so that a mean over `value` never counts it),
    `received` (ns) and `quality` (0 good, 1 uncertain, 2 bad, plus 4 when historical).
    """

    def __init__(self, index: PointIndex, points: Callable[[str], Point | None]) -> None:
        self._index, self._points = index, points
        self._texts: list[str] = []
        self._series: pa.StringArray = pa.array([], pa.string())

    def refresh(self) -> None:
        """Forgets what it knows of points: their metadata have changed."""
        self._texts = []

    def encode(self, batch: Batch) -> bytes:
        """One line a sample, in the order of the batch. Raises StoreError naming the points of values that are no numbers."""
        finite = np.isfinite(batch.value)
        if not finite.all():
            raise StoreError(f"values that are no numbers, of {self.names(batch.take(~finite))}; nothing was written")
        if len(batch) == 0:
            return b""
        bad = batch.quality == Quality.BAD
        name = pa.array([" value=", " bad="]).take(pa.array(bad.view(np.uint8))) if bad.any() else " value="
        quality = batch.quality | (batch.historical.view(np.uint8) * HISTORICAL)
        lines = pc.binary_join_element_wise(
            self._known(int(batch.point.max()) + 1).take(pa.array(batch.point)),
            name,
            _text(batch.value),
            ",received=",
            _text(batch.received),
            "i,quality=",
            _text(quality) if quality.any() else "0",
            "i ",
            _text(batch.at),
            "\n",
            "",
        )
        return _joined(lines)

    def names(self, batch: Batch) -> str:
        """The ids of a batch's points, a few of them, for an error message."""
        numbers = np.unique(batch.point)
        shown = ", ".join(repr(self._index.ids[number]) for number in numbers[:10])
        return f"point {shown}" + (f" and {len(numbers) - 10} more" if len(numbers) > 10 else "")

    def measurement(self, number: int) -> str:
        """The measurement that a point is written to."""
        point = self._points(self._index.ids[number])
        return UNKNOWN_METRIC if point is None else point.metric

    def _known(self, size: int) -> pa.StringArray:
        if len(self._texts) < size:
            fresh = self._index.ids[len(self._texts) :]
            self._texts += [series(id, self._points(id)) for id in fresh]
            self._series = pa.array(self._texts, pa.string())
        return self._series


def _text(column: np.ndarray) -> pa.StringArray:
    return pa.array(column).cast(pa.string())


def _joined(lines: pa.StringArray | pa.ChunkedArray) -> bytes:
    """The bytes of all strings, one after the other: in Arrow they lie so already."""
    parts = lines.chunks if isinstance(lines, pa.ChunkedArray) else [lines]
    return b"".join(part.buffers()[2].to_pybytes() for part in parts)
