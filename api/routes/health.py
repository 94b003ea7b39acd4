"""For orchestrators and Prometheus: alive, ready, metrics."""

from __future__ import annotations

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from api.context import Here, in_thread
from api.problems import problem
from api.readiness import reasons
from api.reply import reply
from api.routes._shared import failures
from api.schema_service import Health

router = APIRouter(tags=["server"])
TEXT = {"content": {"text/plain": {"schema": {"type": "string"}, "example": "steward_api_stream_clients 3.0\n"}}}


@router.get("/healthz", response_model=Health, responses=failures(), summary="Is the process alive")
async def healthz() -> Response:
    """200 as long as the service answers at all."""
    return reply({"status": "ok", "reasons": []})


@router.get("/readyz", response_model=Health, responses=failures(503), summary="Is the service fit to work")
async def readyz(here: Here) -> Response:
    """200, or 503 with `reasons`: a broker not connected, a subscription refused, the store away, the spool full."""
    why = await reasons(here)
    if why:
        return problem(503, "; ".join(why), reasons=why)
    return reply({"status": "ready", "reasons": []})


@router.get("/metrics", response_class=Response, responses={200: TEXT, **failures()}, summary="Metrics for Prometheus")
async def metrics(here: Here) -> Response:
    """Counters and gauges of every part of the service."""
    return Response(await in_thread(generate_latest, here.services.registry), 200, None, CONTENT_TYPE_LATEST)
