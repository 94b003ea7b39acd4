"""Recorded data as a replayer needs it: which columns are time, device and values, and what each value is.

A `Mapping` says how a CSV or Parquet file is to be read; `read` gives a `Recording`: rows sorted by time with a device number,
int64 ns and one column per value, NaN where a row says nothing. Rows that cannot be read are counted, the rest goes on. Naive
times are local times of the mapping's zone. Presets for public data sets are in `presets`.
"""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from steward.errors import StewardError
from steward.model import FloatArray, IntArray

SECOND = 1_000_000_000


class UnreadableRecording(StewardError):
    """A recording does not hold what its mapping says."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value column: its name in the file, the id of its point, and what a facility file says of it."""

    column: str
    id: str
    metric: str
    unit: str = ""
    name: str = ""
    role: str = ""
    scale: float = 1.0
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Mapping:
    """How a file is read.

    time: its column, "" where rows are `period` s apart from `origin` (ns) on; formats: strptime formats tried in order, none:
    ISO 8601; zone: of naive times; device: column of the device's id, "" where a file is one device; columns: names of all
    columns where the header does not fit; skip: lines before the data then; trailing: lines end with a delimiter too many.
    """

    values: tuple[Value, ...]
    time: str = ""
    formats: tuple[str, ...] = ()
    zone: str = "UTC"
    period: float = 1.0
    origin: int = 0
    device: str = ""
    delimiter: str = ","
    columns: tuple[str, ...] = ()
    skip: int = 0
    trailing: bool = False
    equip_type: str = "other"
    interval: str = "1m"


@dataclass(slots=True)
class Recording:
    """Rows sorted by time. device (n,): number into `devices`; at (n,): ns; values (n, len(mapping.values)), NaN: nothing."""

    name: str
    mapping: Mapping
    devices: list[str]
    device: IntArray
    at: IntArray
    values: FloatArray
    unreadable: int = 0
    sources: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.at)

    def head(self, devices: int) -> Recording:
        """The rows of the first so many devices."""
        keep = self.device < devices
        return Recording(
            self.name,
            self.mapping,
            self.devices[:devices],
            self.device[keep],
            self.at[keep],
            self.values[keep],
            0,
            self.sources,
        )


def read(name: str, files: Iterable[Path], mapping: Mapping) -> Recording:
    """Reads files (csv, csv.gz, zip of one csv, parquet) into one recording; a file without a device column is one device."""
    parts = []
    unreadable = 0
    sources = []
    for path in files:
        table, bad = _table(path, mapping)
        at, good = _times(table, mapping, path)
        values = np.stack([_column(table, value, path) for value in mapping.values], axis=1)
        keep = good & ~np.isnan(values).all(axis=1)
        unreadable += bad + int((~keep).sum())
        parts.append((_devices(table, mapping, path)[keep], at[keep], values[keep]))
        sources.append(path.name)
    if not parts:
        raise UnreadableRecording(f"{name}: no files")
    ids, at, values = (np.concatenate(column) for column in zip(*parts, strict=True))
    devices, first, number = np.unique(ids, return_index=True, return_inverse=True)
    order = np.lexsort((number, at))
    del first
    return Recording(
        name, mapping, devices.tolist(), number[order].astype(np.int64), at[order], values[order], unreadable, sources
    )


def _table(path: Path, mapping: Mapping) -> tuple[pa.Table, int]:
    """The file as a table of texts (CSV) or as it is typed (Parquet), and how many lines were not of its shape."""
    if path.suffix == ".parquet":
        return pyarrow.parquet.read_table(path), 0
    bad = 0

    def skip(_row: Any) -> str:
        nonlocal bad
        bad += 1
        return "skip"

    names = list(mapping.columns) or None
    needed = [mapping.time] * bool(mapping.time) + [mapping.device] * bool(mapping.device) + [v.column for v in mapping.values]
    try:
        table = pyarrow.csv.read_csv(
            io.BytesIO(_lines(_bytes(path), mapping)),
            read_options=pyarrow.csv.ReadOptions(column_names=names, skip_rows=mapping.skip),
            parse_options=pyarrow.csv.ParseOptions(delimiter=mapping.delimiter, invalid_row_handler=skip),
            convert_options=pyarrow.csv.ConvertOptions(include_columns=needed, column_types=dict.fromkeys(needed, pa.string())),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise UnreadableRecording(f"{path.name}: {str(error).splitlines()[0]}") from error
    return table, bad


def _lines(content: bytes, mapping: Mapping) -> bytes:
    """The text without the delimiter that some loggers put at the end of a line."""
    return re.sub(rb"%s[ \t]*(\r?\n)" % re.escape(mapping.delimiter.encode()), rb"\1", content) if mapping.trailing else content


def _bytes(path: Path) -> bytes:
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            inner = [name for name in archive.namelist() if name.endswith(".csv") and not name.startswith("__")]
            if len(inner) != 1:
                raise UnreadableRecording(f"{path.name}: {len(inner)} CSV files inside, expected one")
            return archive.read(inner[0])
    return path.read_bytes()


def _times(table: pa.Table, mapping: Mapping, path: Path) -> tuple[IntArray, np.ndarray[Any, np.dtype[np.bool_]]]:
    """ns of each row, and where it could be read."""
    if not mapping.time:
        steps = np.arange(table.num_rows, dtype=np.int64)
        return mapping.origin + (steps * mapping.period * SECOND).astype(np.int64), np.ones(table.num_rows, np.bool_)
    column = table[mapping.time]
    if pa.types.is_string(column.type):
        column = pc.utf8_trim_whitespace(column)
        formats = mapping.formats or ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S")
        found = [pc.strptime(column, format=form, unit="ns", error_is_null=True) for form in formats]
        column = pc.coalesce(*found) if len(found) > 1 else found[0]
    if not pa.types.is_timestamp(column.type):
        raise UnreadableRecording(f"{path.name}: column {mapping.time!r} is {column.type}, expected text or timestamps")
    if column.type.tz is None:
        column = pc.assume_timezone(column, mapping.zone, ambiguous="earliest", nonexistent="earliest")
    good = np.asarray(pc.is_valid(column))
    if not good.any():
        raise UnreadableRecording(
            f"{path.name}: no time of column {mapping.time!r} could be read as {mapping.formats or 'ISO 8601'}"
        )
    at = np.asarray(pc.fill_null(column.cast(pa.timestamp("ns", "UTC")).cast(pa.int64()), 0), np.int64)
    return at, good


def _column(table: pa.Table, value: Value, path: Path) -> FloatArray:
    """A value column as floats, NaN where it is empty or no number."""
    column = table[value.column] if value.column in table.column_names else None
    if column is None:
        raise UnreadableRecording(f"{path.name}: no column {value.column!r}, found {', '.join(table.column_names[:12])}")
    if pa.types.is_string(column.type):
        texts = pc.utf8_trim_whitespace(column)
        number = pc.match_substring_regex(texts, r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
        column = pc.if_else(number, texts, pa.scalar(None, pa.string())).cast(pa.float64())
    numbers: FloatArray = np.array(column.cast(pa.float64()).to_numpy(), np.float64)
    return numbers


def _devices(table: pa.Table, mapping: Mapping, path: Path) -> np.ndarray[Any, np.dtype[Any]]:
    if not mapping.device:
        return np.full(table.num_rows, path.name.split(".")[0], dtype=object).astype(str)
    return np.asarray(table[mapping.device].cast(pa.string()).to_numpy(), dtype=str)
