"""`create_app`: the API and the page as one ASGI application.

Invariants: everything of the service comes in through `Services`; the background tasks (event stream, alert board) run from
the application's start to its end; no document here loads anything from elsewhere (OpenAPI is a file, not a viewer).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable

import structlog
from fastapi import FastAPI

from api import openapi, problems, readiness
from api.context import Context
from api.page import Page
from api.routes import (
    alerts,
    desk,
    devices,
    energy,
    fleet,
    health,
    history,
    ledger,
    live,
    money,
    notices,
    now,
    points,
    reports,
    server,
    tree,
    trials,
)
from api.security import Security
from api.services import Services
from steward.records import AlertRecord

log = structlog.get_logger()

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
    {"name": "energy", "description": "Consumption: figures by place, shapes, balances, indicators, quotas, ranking."},
    {"name": "fleet", "description": "Vehicles and their trips."},
    {"name": "alerts", "description": "What is wrong, and what people do about it."},
    {"name": "money", "description": "Tariffs, factors, calendars; cost, bills, allocation."},
    {"name": "ledger", "description": "Consumption with its evidence, and what people decide about it."},
    {"name": "trials", "description": "Rules tried on the past before they are switched on."},
    {"name": "notices", "description": "Who is told, and what became of it."},
    {"name": "reports", "description": "Monthly reports as workbook, page and table."},
    {"name": "devices", "description": "Devices, and what could not be used."},
    {"name": "server", "description": "The service itself."},
]


def create_app(services: Services) -> FastAPI:
    """The application; `take_alerts` and `close_streams` are what the service tells it."""
    context = Context(services)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(context.board.load, services.records)
        tasks = [asyncio.create_task(context.events.run()), asyncio.create_task(_watch(context))]
        try:
            yield
        finally:
            context.events.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

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
    )
    app.state.context = context
    app.openapi = lambda: openapi.document(app)  # type: ignore[method-assign]
    problems.install(app)
    for subject in (
        tree,
        points,
        live,
        now,
        history,
        ledger,
        energy,
        fleet,
        alerts,
        desk,
        money,
        notices,
        trials,
        reports,
        devices,
        server,
    ):
        app.include_router(subject.router, prefix=PREFIX)
    app.include_router(health.router)
    app.router.default = Page(services.settings.web)
    app.add_middleware(Security, hosts=services.settings.hosts)
    return app


async def _watch(context: Context) -> None:
    """Tells the stream when the state of the service changes; until cancelled."""
    told: object = None
    while True:
        try:
            state = readiness.state(context)
            if state != told:
                context.events.publish("server", state)
                told = state
        except Exception as error:  # the task boundary
            log.error("state_not_told", error=f"{type(error).__name__}: {error}")
        await asyncio.sleep(1)


def take_alerts(app: FastAPI, records: Iterable[AlertRecord]) -> None:
    """Shows alerts that have changed, as `Records.record_alerts` returned them. Thread-safe."""
    context: Context = app.state.context
    context.take_alerts(records)


def close_streams(app: FastAPI) -> None:
    """Ends all event streams: to be called before the server is told to stop, as it waits for its connections."""
    context: Context = app.state.context
    context.events.close()
