"""The organisation tree, with what is wrong below each node."""

from __future__ import annotations

from typing import Any

import numpy as np
from fastapi import APIRouter
from starlette.responses import Response

from api.board import RANK
from api.catalogue import Node
from api.context import Here
from api.reply import ms, reply
from api.routes._shared import Under, failures
from api.schema import Tree
from steward.live import Freshness
from steward.model import Equip, Organisation, Site, Space

router = APIRouter(tags=["places"])
NOTHING: dict[str, int] = {}


@router.get("/tree", response_model=Tree, responses=failures(404, 422), summary="The tree")
async def tree(here: Here, under: Under = "") -> Response:
    """Organisations, sites, spaces and equips in depth-first order, each with its points, silent points and firing alerts."""
    catalogue, services = here.catalogue, here.services
    now = services.clock()
    services.live.refresh(now)
    freshness = services.live.snapshot(catalogue.numbers).freshness
    stale = np.concatenate([[0], np.cumsum((freshness == Freshness.STALE) | (freshness == Freshness.DEAD))])
    silent = np.concatenate([[0], np.cumsum((freshness == Freshness.NO_DATA) & ~catalogue.derived)])
    alerts = here.board.counts(catalogue)
    nodes = catalogue.nodes
    if under:
        top = catalogue.node(under)
        first = nodes.index(top)
        nodes = nodes[first : top.last]
    rows = [
        _row(node, int(stale[node.end] - stale[node.start]), int(silent[node.end] - silent[node.start]), alerts)
        for node in nodes
    ]
    facility = catalogue.facility
    return reply({"facility": facility.id, "name": facility.name, "now": ms(now), "nodes": rows})


def _row(node: Node, stale: int, silent: int, alerts: dict[str, dict[str, int]]) -> dict[str, Any]:
    counts = alerts.get(node.key, NOTHING)
    worst = next((severity for severity in RANK if counts.get(severity)), None)
    what = node.what
    return {
        "key": node.key,
        "kind": node.kind,
        "id": node.id,
        "name": node.name,
        "parent": node.parent,
        "depth": node.depth,
        "type": what.type if isinstance(what, Equip) else what.kind if isinstance(what, Organisation) else "",
        "plate": what.plate if isinstance(what, Equip) else "",
        "points": node.end - node.start,
        "stale": stale,
        "silent": silent,
        "worst": worst,
        "alerts": {**dict.fromkeys(("critical", "high", "medium", "low", "waiting"), 0), **counts},
        "feeds": list(what.feeds) if isinstance(what, Equip) else [],
        "time_zone": what.time_zone if isinstance(what, Site) else "",
        "latitude": what.latitude if isinstance(what, Site) else None,
        "longitude": what.longitude if isinstance(what, Site) else None,
        "area_m2": what.area_m2 if isinstance(what, Site | Space) else None,
        "rated_power": what.rated_power if isinstance(what, Equip) else None,
    }
