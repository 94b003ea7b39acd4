"""History in the form that was asked for: JSON columns for the page, CSV for a spreadsheet, Parquet or Arrow for analysts.

Invariants: the rows of each point stay together, in time order; in the files times are UTC timestamps and the columns are
`point, at, value, quality, received` (raw) or `point, start, mean, min, max, first, last, count` (windows).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Literal
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from starlette.responses import Response

from api.reply import ENCODER, MILLISECOND
from steward.model import Batch, NumberArray, Point
from steward.store import Windows
from steward.store.export import shielded

Form = Literal["json", "csv", "parquet", "arrow"]
MEDIA: dict[str, str] = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
}
STAMP = pa.timestamp("ns", tz="UTC")
WINDOW_COLUMNS = ("mean", "min", "max", "first", "last")


def raw_json(points: Sequence[tuple[int, Point]], rows: Batch, start: int, end: int) -> bytes:
    """The JSON of schema.RawHistory."""
    series = []
    for number, point in points:
        part = _slice(rows.point, number)
        series.append(
            {
                **_about(point),
                "at": (rows.at[part] // MILLISECOND).tolist(),
                "value": rows.value[part].tolist(),
                "quality": rows.quality[part].tolist(),
            }
        )
    return ENCODER.encode({"kind": "raw", "start": start // MILLISECOND, "end": end // MILLISECOND, "series": series})


def window_json(points: Sequence[tuple[int, Point]], rows: Windows, start: int, end: int, window: int) -> bytes:
    """The JSON of schema.WindowHistory."""
    series = []
    for number, point in points:
        part = _slice(rows.point, number)
        columns = {name: getattr(rows, name)[part].tolist() for name in (*WINDOW_COLUMNS, "count")}
        series.append({**_about(point), "start": (rows.start[part] // MILLISECOND).tolist(), **columns})
    head = {"kind": "windows", "start": start // MILLISECOND, "end": end // MILLISECOND, "window": window // MILLISECOND}
    return ENCODER.encode({**head, "series": series})


def raw_table(points: Sequence[tuple[int, Point]], rows: Batch) -> pa.Table:
    """Raw samples as an Arrow table."""
    return pa.table(
        {
            "point": _names(points, rows.point),
            "at": pa.array(rows.at, STAMP),
            "value": pa.array(rows.value),
            "quality": pa.array(rows.quality),
            "received": pa.array(rows.received, STAMP),
        }
    ).replace_schema_metadata(_units(points))


def window_table(points: Sequence[tuple[int, Point]], rows: Windows) -> pa.Table:
    """Windows as an Arrow table."""
    columns = {name: pa.array(getattr(rows, name)) for name in (*WINDOW_COLUMNS, "count")}
    table = pa.table({"point": _names(points, rows.point), "start": pa.array(rows.start, STAMP), **columns})
    return table.replace_schema_metadata(_units(points))


def file(table: pa.Table, form: Form, name: str) -> Response:
    """A table as a file to be saved."""
    sink = io.BytesIO()
    if form == "csv":
        pa.csv.write_csv(_readable(table), sink)
    elif form == "parquet":
        pa.parquet.write_table(table, sink, compression="zstd")
    else:
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    plain = quote(name, safe="")
    said = f'filename="{name}.{form}"' if plain == name else f"filename*=UTF-8''{plain}.{form}"  # RFC 6266: ids may be Chinese
    headers = {"Content-Disposition": f"attachment; {said}", "Cache-Control": "no-store"}
    return Response(sink.getvalue(), 200, headers, MEDIA[form])


def _readable(table: pa.Table) -> pa.Table:
    """Times as ISO 8601 with milliseconds; ids as a spreadsheet may read them."""
    for position, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            stamps = table.column(position).cast(pa.int64()).to_numpy().astype("datetime64[ns]")
            texts = np.char.add(np.datetime_as_string(stamps, unit="ms"), "Z")
            table = table.set_column(position, field.name, pa.array(texts.astype(object), pa.string()))
    ids = table.column("point").cast(pa.string()).dictionary_encode().combine_chunks()
    safe = [shielded(id) for id in ids.dictionary.to_pylist()]
    return table.set_column(
        0, "point", pa.DictionaryArray.from_arrays(ids.indices, pa.array(safe, pa.string())).cast(pa.string())
    )


def _slice(point: NumberArray, number: int) -> slice:
    """The rows of a point among rows sorted by point."""
    return slice(*np.searchsorted(point, [number, number + 1]).tolist())


def _names(points: Sequence[tuple[int, Point]], column: NumberArray) -> pa.Array:
    ordered = sorted(points, key=lambda pair: pair[0])
    indices = np.searchsorted([number for number, _ in ordered], column).astype(np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(indices), pa.array([point.id for _, point in ordered], pa.string()))


def _units(points: Sequence[tuple[int, Point]]) -> dict[str, str]:
    return {f"unit:{point.id}": point.unit for _, point in points}


def _about(point: Point) -> dict[str, Any]:
    return {"point": point.id, "name": point.name, "metric": point.metric, "unit": point.unit}
