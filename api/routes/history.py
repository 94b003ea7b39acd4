"""History of points: raw samples, or mean, min, max, first, last and count by window or by pixel."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from api import series
from api.context import Context, Here
from api.problems import Refusal
from api.reply import MILLISECOND, When, as_json, moment
from api.routes._shared import failures
from api.schema import History
from api.series import Form
from steward.errors import NotFound
from steward.model import Point
from steward.units import DAY, SECOND, duration

router = APIRouter(tags=["history"])
EXAMPLE = {
    "kind": "windows",
    "start": 1795500000000,
    "end": 1795503600000,
    "window": 1800000,
    "series": [
        {
            "point": "block-a.chiller-2.power",
            "name": {"en": "Power", "zh": "功率"},
            "metric": "power",
            "unit": "W",
            "start": [1795500000000, 1795501800000],
            "mean": [151200.5, 148010.0],
            "min": [149800.0, 146900.0],
            "max": [153000.0, 151100.0],
            "first": [150000.0, 151000.0],
            "last": [151000.0, 147000.0],
            "count": [30, 30],
        }
    ],
}
BINARY = {"schema": {"type": "string", "format": "binary"}}
FILES = {
    "text/csv": {"schema": {"type": "string"}, "example": "point,start,mean,min,max,first,last,count\n"},
    "application/vnd.apache.parquet": BINARY,
    "application/vnd.apache.arrow.stream": BINARY,
}


@router.get(
    "/history",
    response_model=History,
    responses={200: {"content": {"application/json": {"example": EXAMPLE}, **FILES}}, **failures(404, 413, 422, 503)},
    summary="History of points",
)
async def history(
    here: Here,
    point: Annotated[list[str], Query(description="id of a point; may be repeated", min_length=1)],
    start: When = None,
    end: When = None,
    window: Annotated[str, Query(description="aggregate by windows of this length, e.g. `15m`", max_length=20)] = "",
    pixels: Annotated[
        int | None, Query(description="aggregate so that there are at most so many windows", ge=1, le=10_000)
    ] = None,
    origin: When = None,
    format: Annotated[Form, Query(description="form of the answer")] = "json",
) -> Response:
    """Samples in [start, end), by default of the last 24 hours: aggregated by `window` or `pixels`, raw without them.

    Windows are aligned to `origin` (default: `start` for pixels, the epoch for `window`). Samples of bad quality are in raw
    history only. Where the answer would be too large, 413 says what the limit is.
    """
    points = _points(here, point)
    until = moment(end, "end", here.services.clock() + MILLISECOND)  # a sample of this very moment is in
    since = moment(start, "start", until - DAY)
    if since >= until:
        raise Refusal(422, f"start: {start!r} is not before the end")
    span = until - since
    length = _window(window, pixels, span)
    numbers = [number for number, _ in points]
    name = points[0][1].id if len(points) == 1 else "history"
    settings, store = here.services.settings, here.services.store
    if length is None:
        rows = await store.read(numbers, since, until, settings.raw_limit + 1)
        if len(rows) > settings.raw_limit:
            raise Refusal(
                413, f"more than {settings.raw_limit} samples: ask for less time, or for windows", limit=settings.raw_limit
            )
        if format == "json":
            return as_json(await asyncio.to_thread(series.raw_json, points, rows, since, until))
        return await asyncio.to_thread(lambda: series.file(series.raw_table(points, rows), format, name))
    windows = len(points) * -(-span // length)
    if windows > settings.window_limit:
        raise Refusal(413, f"{windows} windows: ask for less time or longer windows", limit=settings.window_limit)
    default_origin = since if pixels else 0
    found = await store.aggregate(numbers, since, until, length, moment(origin, "origin", default_origin))
    if format == "json":
        return as_json(await asyncio.to_thread(series.window_json, points, found, since, until, length))
    return await asyncio.to_thread(lambda: series.file(series.window_table(points, found), format, name))


def _points(here: Context, ids: list[str]) -> list[tuple[int, Point]]:
    limit = here.services.settings.points_limit
    if len(ids) > limit:
        raise Refusal(413, f"{len(ids)} points, expected at most {limit} in one call", limit=limit)
    catalogue = here.catalogue
    rows = []
    for id in dict.fromkeys(ids):
        row = catalogue.row.get(id)
        if row is None:
            raise NotFound("point", id)
        rows.append((int(catalogue.numbers[row]), catalogue.points[row]))
    return rows


def _window(window: str, pixels: int | None, span: int) -> int | None:
    """ns of a window, None for raw samples. Pixels are whole seconds, at least one."""
    if window and pixels:
        raise Refusal(422, "window, pixels: one of them, not both")
    if pixels:
        return max(SECOND, -(-span // (pixels * SECOND)) * SECOND)
    if not window:
        return None
    try:
        length = duration(window)
    except ValueError as error:
        raise Refusal(422, f"window: {error}") from None
    if length < MILLISECOND:
        raise Refusal(422, f"window: {window!r} is shorter than a millisecond")
    return length
