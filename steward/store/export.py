"""Samples as CSV, Parquet and Arrow, and back: for export, import and the history that the API gives to analysts.

Invariants: the columns are the same in every format (`COLUMNS`), times are UTC to the nanosecond, values are in the canonical
unit of the point, a point is its id; what was written is read back unchanged, bit for bit; a wrong row is told by its number;
no text of a CSV is a formula to a spreadsheet.
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet

from steward.errors import StoreError
from steward.model import Batch, IntArray, PointIndex, Quality

COLUMNS = ("point", "at", "received", "value", "quality", "historical")
QUALITIES = tuple(quality.name.lower() for quality in Quality)
Value = TypeVar("Value")

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""First signs, after apostrophes, that make a spreadsheet take a text for a formula; the wide ones in a Chinese setting."""

_ROWS = 20_000
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?(Z|z|[+-]\d\d:?\d\d)")
_TIME = pa.timestamp("ns", tz="UTC")
_SCHEMA = pa.schema(
    [
        pa.field("point", pa.dictionary(pa.int32(), pa.string())),
        pa.field("at", _TIME),
        pa.field("received", _TIME),
        pa.field("value", pa.float64()),
        pa.field("quality", pa.dictionary(pa.int32(), pa.string())),
        pa.field("historical", pa.bool_()),
    ]
)


def moment(text: str) -> int:
    """Nanoseconds since 1970 of an ISO 8601 moment with a zone, or of a whole number of nanoseconds. Raises ValueError."""
    if text.lstrip("-").isdigit():
        return int(text)
    found = _MOMENT.fullmatch(text)
    if not found:
        raise ValueError("expected ISO 8601 with a zone, as 2026-01-01T12:00:00Z, or nanoseconds since 1970")
    day, clock, fraction, zone = found.groups()
    second = datetime.fromisoformat(f"{day}T{clock}{'+00:00' if zone in 'Zz' else zone}")
    return int(second.timestamp()) * 10**9 + int((fraction or "").ljust(9, "0"))


def shielded(text: str) -> str:
    """A text as a CSV shows it: one that a spreadsheet would run has an apostrophe before it."""
    return f"'{text}" if text.lstrip("'").startswith(FORMULA) else text


def unshielded(text: str) -> str:
    """The text that `shielded` was given."""
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(FORMULA) else text


def to_csv(batch: Batch, ids: Sequence[str], rows: int = _ROWS, header: bool = True) -> Iterator[str]:
    """The samples as CSV text (RFC 4180, with `COLUMNS` as header), in chunks of `rows` lines.

    ids: id of each point number. Times as `2026-01-01T12:00:00.000000000Z`, values in the shortest form that reads back the
    same, quality as a word, historical as true or false.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    if header:
        writer.writerow(COLUMNS)
    for begin in range(0, len(batch), rows):
        part = batch.take(np.arange(begin, min(begin + rows, len(batch))))
        writer.writerows(
            zip(
                (shielded(ids[number]) for number in part.point.tolist()),
                _stamps(part.at),
                _stamps(part.received),
                map(repr, part.value.tolist()),
                (QUALITIES[quality] for quality in part.quality.tolist()),
                ("true" if historical else "false" for historical in part.historical.tolist()),
                strict=True,
            )
        )
        yield _taken(out)
    if rest := _taken(out):
        yield rest


def from_csv(lines: Iterable[str], index: PointIndex, rows: int = _ROWS) -> Iterator[Batch]:
    """Batches of up to `rows` samples from the lines of a CSV with a header; raises StoreError naming the line and the column.

    Needed are `point`, `at` and `value`; `received` is `at` where it is missing or empty, `quality` good, `historical` true
    (an import is a back-fill). `at` and `received` are ISO 8601 with a zone, or whole nanoseconds since 1970.
    """
    reader = csv.reader(lines)
    names = [name.strip().lower() for name in next(reader, [])]
    missing = [name for name in COLUMNS if name in ("point", "at", "value") and name not in names]
    if missing:
        raise StoreError(
            f"line 1: no column {', '.join(missing)}: expected a header with at least point, at, value; found {names}"
        )
    places = {name: names.index(name) for name in COLUMNS if name in names}
    held: list[list[str]] = []
    first = 2
    for row in reader:
        held.append(row)
        if len(held) == rows:
            yield _batch_of_text(held, places, first, index)
            first, held = first + len(held), []
    if held:
        yield _batch_of_text(held, places, first, index)


def to_arrow(batch: Batch, ids: Sequence[str]) -> pa.Table:
    """The samples as an Arrow table of the columns `COLUMNS`; `point` and `quality` are dictionaries of words."""
    numbers, local = np.unique(batch.point, return_inverse=True)
    words = pa.array([ids[number] for number in numbers.tolist()], pa.string())
    columns = [
        pa.DictionaryArray.from_arrays(pa.array(local.astype(np.int32)), words),
        pa.array(batch.at).view(_TIME),
        pa.array(batch.received).view(_TIME),
        pa.array(batch.value),
        pa.DictionaryArray.from_arrays(pa.array(batch.quality.astype(np.int32)), pa.array(QUALITIES)),
        pa.array(batch.historical),
    ]
    return pa.Table.from_arrays(columns, schema=_SCHEMA)


def from_arrow(table: pa.Table, index: PointIndex) -> Batch:
    """A batch of any table with the columns `point`, `at`, `value`, and the others where it has them.

    Times may be timestamps of any unit and zone, or integers (ns). Raises StoreError naming what is wrong.
    """
    missing = [name for name in ("point", "at", "value") if name not in table.column_names]
    if missing:
        raise StoreError(f"no column {', '.join(missing)}: expected at least point, at, value; found {table.column_names}")
    size = len(table)
    at = _times(table, "at")
    quality = np.zeros(size, np.uint8)
    if "quality" in table.column_names:
        quality = _qualities(table["quality"].cast(pa.string()).to_pylist(), lambda row: f"row {row}")
    words = table["point"].cast(pa.string()).combine_chunks().dictionary_encode()
    if words.null_count:
        raise StoreError("column point: an empty id")
    numbers = np.array([index.add(id) for id in words.dictionary.to_pylist()], np.int32)
    return Batch.of(
        numbers[words.indices.to_numpy()] if size else numbers,
        at,
        _plain(table, "value", pa.float64()),
        received=_times(table, "received") if "received" in table.column_names else None,
        quality=quality,
        historical=_plain(table, "historical", pa.bool_()) if "historical" in table.column_names else True,
    )


def to_parquet(batch: Batch, ids: Sequence[str]) -> bytes:
    """The samples as a Parquet file (zstd)."""
    sink = pa.BufferOutputStream()
    pyarrow.parquet.write_table(to_arrow(batch, ids), sink, compression="zstd")
    return bytes(sink.getvalue())


def from_parquet(source: bytes | Path, index: PointIndex, rows: int = _ROWS) -> Iterator[Batch]:
    """Batches of up to `rows` samples from a Parquet file, by its bytes or its path. Raises StoreError."""
    try:
        file = pyarrow.parquet.ParquetFile(source if isinstance(source, Path) else pa.BufferReader(source))
        for part in file.iter_batches(rows):
            yield from_arrow(pa.Table.from_batches([part]), index)
    except pa.ArrowException as error:
        raise StoreError(f"not a Parquet file of samples: {error}") from error


def to_ipc(batch: Batch, ids: Sequence[str]) -> bytes:
    """The samples as an Arrow IPC stream (`application/vnd.apache.arrow.stream`)."""
    sink = pa.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, _SCHEMA) as writer:
        writer.write_table(to_arrow(batch, ids))
    return bytes(sink.getvalue())


def from_ipc(source: bytes, index: PointIndex) -> Iterator[Batch]:
    """Batches from an Arrow IPC stream. Raises StoreError."""
    try:
        with pyarrow.ipc.open_stream(pa.BufferReader(source)) as reader:
            for part in reader:
                yield from_arrow(pa.Table.from_batches([part]), index)
    except pa.ArrowException as error:
        raise StoreError(f"not an Arrow stream of samples: {error}") from error


@contextlib.contextmanager
def sink(path: Path, ids: Sequence[str]) -> Iterator[Callable[[Batch], None]]:
    """A file that batches are written to, one after the other: Parquet where the name ends so, else CSV. Raises StoreError."""
    try:
        if path.suffix == ".parquet":
            with pyarrow.parquet.ParquetWriter(path, _SCHEMA, compression="zstd") as writer:
                yield lambda batch: writer.write_table(to_arrow(batch, ids))
        else:
            with path.open("w", encoding="utf-8", newline="") as file:
                file.write(",".join(COLUMNS) + "\r\n")
                yield lambda batch: file.writelines(to_csv(batch, ids, header=False))
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from None


def _taken(out: io.StringIO) -> str:
    found = out.getvalue()
    out.seek(0)
    out.truncate()
    return found


def _stamps(times: IntArray) -> list[str]:
    return [f"{stamp}Z" for stamp in np.datetime_as_string(times.view("datetime64[ns]"), unit="ns").tolist()]


def _times(table: pa.Table, name: str) -> IntArray:
    column = table[name]
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("ns", tz=column.type.tz))
    return np.asarray(_plain(pa.table({name: column}), name, pa.int64()), np.int64)


def _plain(table: pa.Table, name: str, kind: pa.DataType) -> np.ndarray[tuple[int], np.dtype[np.generic]]:
    column = table[name]
    if column.null_count:
        raise StoreError(f"column {name}: {column.null_count} empty values: a sample has all of {', '.join(COLUMNS)}")
    try:
        found: np.ndarray[tuple[int], np.dtype[np.generic]] = column.cast(kind).to_numpy()
    except pa.ArrowException as error:
        raise StoreError(f"column {name}: {error}") from error
    return found


def _qualities(words: Sequence[str], where: Callable[[int], str]) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    codes = {word: code for code, word in enumerate(QUALITIES)} | {str(code): code for code in range(len(QUALITIES))} | {"": 0}
    try:
        return np.array([codes[word.strip().lower()] for word in words], np.uint8)
    except KeyError as error:
        row = next(row for row, word in enumerate(words) if word.strip().lower() not in codes)
        raise StoreError(f"{where(row)}, column quality: {words[row]!r}: expected one of {', '.join(QUALITIES)}") from error


def _batch_of_text(rows: list[list[str]], places: dict[str, int], first: int, index: PointIndex) -> Batch:
    """A batch of CSV rows, the first of which is line `first`."""

    def where(row: int) -> str:
        return f"line {first + row}"

    wide = max(places.values())
    for number, row in enumerate(rows):
        if len(row) <= wide:
            raise StoreError(f"{where(number)}: {len(row)} columns: expected at least {wide + 1}")
    columns = {name: [row[place].strip() for row in rows] for name, place in places.items()}
    at = _each(columns["at"], "at", moment, where)
    received = columns.get("received", [""] * len(rows))
    historical = columns.get("historical", [""] * len(rows))
    return Batch.of(
        _each(columns["point"], "point", lambda id: index.add(unshielded(_not_empty(id))), where),
        at,
        _each(columns["value"], "value", _number, where),
        received=_each([text or str(given) for text, given in zip(received, at, strict=True)], "received", moment, where),
        quality=_qualities(columns.get("quality", [""] * len(rows)), where),
        historical=_each(historical, "historical", _flag, where),
    )


def _each(texts: Sequence[str], name: str, read: Callable[[str], Value], where: Callable[[int], str]) -> list[Value]:
    found = []
    for row, text in enumerate(texts):
        try:
            found.append(read(text))
        except ValueError as error:
            raise StoreError(f"{where(row)}, column {name}: {text!r}: {error}") from error
    return found


def _not_empty(text: str) -> str:
    if not text:
        raise ValueError("expected the id of a point")
    return text


def _number(text: str) -> float:
    value = float(text)
    if not np.isfinite(value):
        raise ValueError("expected a finite number")
    return value


def _flag(text: str) -> bool:
    word = text.lower()
    if word not in ("", "true", "false", "1", "0"):
        raise ValueError("expected true or false")
    return word in ("", "true", "1")
