"""`create_app`: the API and the page as one ASGI application.

Invariants: everything of the service comes in through `Services`; the background tasks (event stream, alert board) run from
the application's start to its end; no document here loads anything from elsewhere (OpenAPI is a file, not a viewer).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI

from api import problems
from api.context import Context
from api.page import Page
from api.routes import alerts, history, live, points, tree
from api.security import Security
from api.services import Services

PREFIX = "/api/v1"
ABOUT = """REST and server-sent events of Steward.

Times in answers are epoch milliseconds, null where there is none; time parameters are ISO 8601 with zone or epoch
milliseconds. Values are in the canonical unit of their metric (W, Wh, degC, Pa, m3, m, s, ratio 0-1 ...), null without
data. Every failure is `application/problem+json` (RFC 9457). What a device sent is text and nothing else.
"""
TAGS = [
    {"name": "places", "description": "The tree, its points, and search."},
    {"name": "live", "description": "What is true now, and the stream of changes."},
    {"name": "history", "description": "Samples and aggregates."},
    {"name": "alerts", "description": "What is wrong, and what people do about it."},
    {"name": "devices", "description": "Devices, and what could not be used."},
    {"name": "server", "description": "The service itself."},
]


def create_app(services: Services) -> FastAPI:
    """The application; `app.state.context` is the way to it: `take_alerts`, `events.publish`, `events.close`."""
    context = Context(services)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(context.board.load, services.records)
        task = asyncio.create_task(context.events.run())
        try:
            yield
        finally:
            context.events.close()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    app = FastAPI(
        title="Steward",
        summary="Buildings and official vehicles: live state, history, alerts",
        description=ABOUT,
        version=services.version,
        openapi_url=f"{PREFIX}/openapi.json",
        openapi_tags=TAGS,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        max_body_size=1 << 20,
    )
    app.state.context = context
    problems.install(app)
    for subject in (tree, points, live, history, alerts):
        app.include_router(subject.router, prefix=PREFIX)
    app.router.default = Page(services.settings.web)
    app.add_middleware(Security, hosts=services.settings.hosts)
    return app
