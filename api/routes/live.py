"""What is true now: the status of all points in one call, and the stream of changes."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from api.columns import columns, some_ids
from api.context import Context, Here
from api.cursor import Cursor
from api.events import Filter, message
from api.problems import Refusal
from api.reply import ENCODER, MILLISECOND, Pieces, ms
from api.routes._shared import Under, failures
from api.schema import Status
from api.stream import EventStream

router = APIRouter(tags=["live"])
KINDS = ("values", "alert", "server", "facility")
Since = Annotated[str | None, Query(description="a cursor that /status or /events gave", max_length=64)]

STREAM = {
    "description": "Server-sent events, `id:` of each being a cursor. Kinds: `hello` (once), `values` (columns as in "
    "/status, at most once a tick), `alert` (an alert summary: new or changed), `server` (as in /server, shortened), "
    "`facility` (the tree has changed: read it again), `reset` (too much was missed: read everything again).",
    "content": {
        "text/event-stream": {
            "schema": {"type": "string"},
            "example": 'id: f1x0k2-17-90210\nevent: values\ndata: {"now":1795500000000,"cursor":"f1x0k2-17-90210",'
            '"id":["p1"],"value":[21.5],"at":[1795499999000],"quality":[0],"state":[0]}\n\n',
        }
    },
}


@router.get("/status", response_model=Status, responses=failures(404, 422), summary="Newest values of many points")
async def status(here: Here, under: Under = "", since: Since = None) -> Response:
    """The newest value of every point (below `under`), as columns; with `since`, of those that changed after that cursor.

    A cursor of an earlier run of the service, or a changed tree, gives all points (`full` is true).
    """
    return Pieces(status_pieces(here, here.key(under), Cursor.parse(since)))


def status_pieces(here: Context, key: str, since: Cursor | None) -> list[bytes]:
    """The JSON of a status answer, in pieces."""
    catalogue, live, now = here.catalogue, here.services.live, here.services.clock()
    live.refresh(now)
    present = here.events.cursor  # before the values are read: what changes in between is told again, never lost
    rows = catalogue.rows(key)
    if since is not None and since.epoch == present.epoch and here.events.laid_out <= since.events:
        changed = live.changes(since.values)
        changed = catalogue.row_of_number[changed[changed < len(catalogue.row_of_number)]]
        rows = np.intersect1d(rows, changed, assume_unique=True)
        full, ids = b"false", some_ids(catalogue, rows)
    else:
        full, ids = b"true", catalogue.ids(key)
    head = b'{"now":%d,"cursor":"%s","full":%s,' % (ms(now) or 0, str(present).encode(), full)
    return [head, *columns(live, catalogue.numbers[rows], ids), b"}"]


@router.get("/events", response_class=Response, responses={200: STREAM, **failures(404, 422, 503)}, summary="Stream of changes")
async def events(
    here: Here,
    under: Under = "",
    kinds: Annotated[str, Query(description="comma-separated: values, alert, server, facility", max_length=100)] = "",
    since: Since = None,
    last_event_id: Annotated[str | None, Header(description="the last `id:` seen, sent by browsers", max_length=64)] = None,
) -> Response:
    """Live values, alerts and the server's state as server-sent events, resumed after `since` or Last-Event-ID."""
    wanted = frozenset(kinds.split(",")) if kinds else frozenset(KINDS)
    if not wanted <= set(KINDS):
        raise Refusal(422, f"kinds: {kinds!r}, expected some of {', '.join(KINDS)}")
    settings, stream = here.services.settings, here.events
    if stream.clients >= settings.clients_limit:
        raise Refusal(503, f"{stream.clients} clients are connected already")
    asked = last_event_id or since
    since_cursor = Cursor.parse(asked) if asked else None
    if asked and since_cursor is None:
        raise Refusal(422, f"since: {asked!r} is not a cursor, expected what /status or /events gave")
    client = stream.subscribe(Filter(here.key(under), wanted), since_cursor)
    hello = {
        "version": here.services.version,
        "now": ms(here.services.clock()),
        "cursor": str(stream.cursor),
        "tick": settings.tick // MILLISECOND,
        "points": len(here.catalogue.points),
    }
    opening = b"retry: 2000\n\n" + message("hello", client.at, ENCODER.encode(hello))
    return EventStream(stream, client, opening, settings.heartbeat)
