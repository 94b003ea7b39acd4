"""The service itself: search, rules, reload, what runs and what is wrong with it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from api.context import Here
from api.readiness import brokers, reasons
from api.reply import ms, reply
from api.routes._shared import failures
from api.schema_service import HitKind, Reloaded, Rules, SearchResult, Server
from api.sentences import said

router = APIRouter(tags=["server"])


@router.get("/search", response_model=SearchResult, responses=failures(422), summary="Find anything", tags=["places"])
async def search(
    here: Here,
    q: Annotated[str, Query(description="words in name (any language), id, address or plate", min_length=1, max_length=200)],
    kind: Annotated[list[HitKind] | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
) -> Response:
    """Organisations, sites, spaces, equips (by plate too), devices and points that hold every word; exact ones first."""
    kinds: list[Any] = list(kind) if kind else ["organisation", "site", "space", "equip", "device", "point"]
    hits = here.catalogue.search(q, limit, kinds)
    return reply({"hits": [{**_plain(hit)} for hit in hits]})


def _plain(hit: Any) -> dict[str, Any]:
    return {name: getattr(hit, name) for name in ("kind", "id", "name", "key", "where", "extra")}


@router.get("/rules", response_model=Rules, responses=failures(), summary="Rules as they run", tags=["alerts"])
async def rules(here: Here) -> Response:
    """Every rule with how much it watches and how many of its alerts fire."""
    firing: dict[str, int] = {}
    for record in here.board.ranked():
        firing[record.alert.rule] = firing.get(record.alert.rule, 0) + 1
    rows = [
        {
            "id": rule.id,
            "kind": rule.kind,
            "severity": rule.severity,
            "title": rule.title,
            "where": rule.where,
            "points": rule.points,
            "targets": rule.targets,
            "about": rule.about,
            "definition": msgspec.to_builtins(dict(rule.definition), str_keys=True, enc_hook=str),
            "why": dict(rule.why),
            "check": dict(rule.check),
            "source": rule.source,
            "pack": rule.pack,
            "not_applicable": [
                {"reason": one.reason, **said(one.reason).coded(), "count": one.count, "targets": list(one.targets)}
                for one in rule.unjudged
            ],
            "not_evaluated": [
                {"reason": one.reason, "code": one.code, "params": one.params, "count": one.count, "targets": one.targets}
                for one in rule.unevaluated
            ],
            "firing": firing.get(rule.id, 0),
        }
        for rule in here.services.rules()
    ]
    return reply({"rules": rows})


@router.post(
    "/reload", response_model=Reloaded, responses=failures(403, 409, 422, 503), summary="Apply the changed facility file"
)
async def reload(here: Here) -> Response:
    """Takes the facility file as it is now, whole; with any problem in it nothing changes and 422 lists them all."""
    await here.services.reload()
    await here.renew()
    facility = here.services.facility()
    return reply(
        {
            "facility": facility.id,
            "points": len(facility.points),
            "devices": len(facility.devices),
            "sites": len(facility.sites),
            "rules": len(here.services.rules()),
        }
    )


@router.get("/server", response_model=Server, responses=failures(), summary="How the service is")
async def server(here: Here) -> Response:
    """Version, whether it is ready and why not, brokers with refused subscriptions, store and spool, jobs, clients."""
    services = here.services
    now, storage = services.clock(), services.storage()
    newest = services.live.newest
    why = await reasons(here)
    catalogue = here.catalogue
    return reply(
        {
            "version": services.version,
            "now": ms(now),
            "ready": not why,
            "reasons": why,
            "said": [said(one).plain() for one in why],
            "facility": catalogue.facility.id,
            "name": catalogue.facility.name,
            "points": len(catalogue.points),
            "devices": len(catalogue.facility.devices),
            "newest": ms(newest),
            "lag": max(0, (now - newest) // 1_000_000) if newest else None,
            "clients": here.events.clients,
            "brokers": brokers(here),
            "storage": {
                "engine": storage.engine,
                "error": storage.error,
                "said": said(storage.error).plain(),
                "samples": storage.samples,
                "spool_bytes": storage.spool_bytes,
                "spool_limit": storage.spool_limit,
                "spool_samples": storage.spool_samples,
            },
            "jobs": [
                {
                    "name": job.name,
                    "schedule": job.schedule,
                    **said(job.schedule).coded(),
                    "last_good": ms(job.last_good),
                    "last_failure": ms(job.last_failure),
                    "error": job.error,
                    "said": said(job.error).plain(),
                    "runs": job.runs,
                    "failures": job.failures,
                    "missed": job.missed,
                    "overruns": job.overruns,
                    "seconds": job.seconds,
                    "next_run": ms(job.next_run),
                }
                for job in services.jobs()
            ],
        }
    )
