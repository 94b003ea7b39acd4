"""The Now view in two calls: sums over a scope, and one row per site."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from fastapi import APIRouter
from starlette.responses import Response

from api.board import RANK, WAITING
from api.catalogue import Catalogue
from api.context import Context, Here
from api.mains import mains
from api.reply import MILLISECOND, finite, ms, reply
from api.routes._shared import Under, failures
from api.schema_service import Sites, Summary
from api.services_ledger import NoLedger
from api.trips import OUT_SPEED
from steward.errors import StoreError
from steward.live import Freshness
from steward.model import FloatArray, NumberArray, Point, Site
from steward.store import Windows
from steward.units import DAY, HOUR, MINUTE, SECOND

router = APIRouter(tags=["live"])
SPARK = 30 * MINUTE
STEPS = DAY // SPARK
QUANTITIES = {"electricity": ("power", "energy"), "water": ("", "water"), "gas": ("", "gas")}


@router.get("/summary", response_model=Summary, responses=failures(404, 422, 503), summary="Sums over a place")
async def summary(here: Here, under: Under = "") -> Response:
    """Power and today's consumption by main meters, vehicles on their way, freshness and firing alerts below a node."""
    key = here.key(under)
    catalogue, services = here.catalogue, here.services
    now = services.clock()
    services.live.refresh(now)
    rows = catalogue.rows(key)
    points = [catalogue.points[row] for row in rows.tolist()]
    zone = next(
        (catalogue.facility.sites[point.site].time_zone for point in points if point.site in catalogue.facility.sites), "UTC"
    )
    found = services.live.snapshot(catalogue.numbers[rows]).freshness
    found = found[~(catalogue.derived[rows] & (found == Freshness.NO_DATA))]  # not known yet is not silent
    freshness = np.bincount(found, minlength=4).tolist()
    chosen = {name: _mains(here, key, name) for name in QUANTITIES}
    totals = await here.remembered(
        f"today:{key}", services.settings.summary_age, lambda: _today(here, list(chosen.values()), zone)
    )
    counted = here.board.counts(catalogue).get(key, {}) if key else _count_all(here)
    return reply(
        {
            "now": ms(now),
            "day_start": ms(_midnight(now, zone)),
            "quantities": {
                name: _power(here, gauges) | {"today": total, "today_unit": counters[0].unit if counters else ""}
                for (name, (gauges, counters)), total in zip(chosen.items(), totals, strict=True)
            },
            "points": dict(zip(("fresh", "stale", "dead", "none"), freshness, strict=True)) | {"total": len(found)},
            "vehicles": _vehicles(here, points),
            "alerts": {**dict.fromkeys((*RANK, "waiting"), 0), **counted},
        }
    )


@router.get("/sites", response_model=Sites, responses=failures(404, 422, 503), summary="One row per site")
async def sites(here: Here, under: Under = "") -> Response:
    """Each site's power now, energy today, the last 24 hours in half-hours, alerts and age of its newest value.

    Power is that of the main meters (role `main`, `total` or `incomer`, else what nothing else in the site feeds);
    where only registers are read, the last 24 hours are the increase of the register by half-hour, as mean power.
    """
    key = here.key(under)
    catalogue, services = here.catalogue, here.services
    now = services.clock()
    services.live.refresh(now)
    wanted = [node for node in catalogue.nodes if isinstance(node.what, Site) and (not key or catalogue.inside(node.key, key))]
    alerts = here.board.counts(catalogue)
    made = await here.remembered("sites", services.settings.summary_age, lambda: _sites(here, catalogue))
    rows = []
    for node in wanted:
        spark, today = made.get(node.id, ([None] * STEPS, None))
        values = services.live.snapshot(catalogue.numbers[node.start : node.end])
        derived = catalogue.derived[node.start : node.end]
        newest = int(values.at.max(initial=0))
        counts = {**dict.fromkeys((*RANK, "waiting"), 0), **alerts.get(node.key, {})}
        gauges, _ = _mains(here, node.key, "electricity")
        rows.append(
            {"key": node.key, "id": node.id, "name": node.name, "area_m2": getattr(node.what, "area_m2", None)}
            | _power(here, gauges)
            | {
                "today": today,
                "spark": spark,
                "points": node.end - node.start,
                "stale": int(np.isin(values.freshness, (Freshness.STALE, Freshness.DEAD)).sum()),
                "silent": int(((values.freshness == Freshness.NO_DATA) & ~derived).sum()),
                "newest": ms(newest),
                "age": (now - newest) // MILLISECOND if newest else None,
                "worst": next((severity for severity in RANK if counts[severity]), None),
                "alerts": counts,
            }
        )
    return reply({"now": ms(now), "spark_start": ms(_spark_start(now)), "spark_window": SPARK // MILLISECOND, "sites": rows})


def _mains(here: Context, key: str, quantity: str) -> tuple[list[Point], list[Point]]:
    """The points that tell the rate and the register of a quantity below a node; found once per layout."""
    catalogue = here.catalogue
    held = here.mains.get((key, quantity))
    if held is None or here.mains_of is not catalogue:
        if here.mains_of is not catalogue:
            here.mains, here.mains_of = {}, catalogue
        points = [catalogue.points[row] for row in catalogue.rows(key).tolist()]
        gauge, counter = QUANTITIES[quantity]
        facility = catalogue.facility
        held = here.mains[key, quantity] = (mains(facility, points, gauge) if gauge else [], mains(facility, points, counter))
    return held


def _power(here: Context, gauges: Sequence[Point]) -> dict[str, Any]:
    """The sum of the main points now; only of those that can be taken for present, and how many those are."""
    if not gauges:
        return {"power": None, "power_points": [], "power_fresh": 0, "power_at": None}
    found = here.services.live.snapshot(_numbers(here, gauges))
    fresh = found.freshness == Freshness.FRESH
    return {
        "power": finite(float(found.value[fresh].sum())) if fresh.any() else None,
        "power_points": [point.id for point in gauges],
        "power_fresh": int(fresh.sum()),
        "power_at": ms(int(found.at[fresh].min())) if fresh.any() else None,
    }


def _numbers(here: Context, points: Sequence[Point]) -> NumberArray:
    return here.catalogue.numbers[[here.catalogue.row[point.id] for point in points]]


def _vehicles(here: Context, points: Sequence[Point]) -> dict[str, int]:
    """How many vehicles there are, and how many are on their way: ignition on, moving, or faster than a walk."""
    facility = here.catalogue.facility
    total = {
        point.equip
        for point in points
        if point.equip in facility.equips and facility.equips[point.equip].type in ("vehicle", "bus")
    }
    telling = [point for point in points if point.equip in total and point.metric in ("ignition", "moving", "speed")]
    out = set()
    if telling:
        found = here.services.live.snapshot(_numbers(here, telling))
        for point, value, state in zip(telling, found.value.tolist(), found.freshness.tolist(), strict=True):
            if state == Freshness.FRESH and value > (OUT_SPEED if point.metric == "speed" else 0.5):
                out.add(point.equip)
    return {"total": len(total), "out": len(out)}


def _count_all(here: Context) -> dict[str, int]:
    counts: dict[str, int] = {}
    for record in here.board.ranked():
        counts[record.alert.severity] = counts.get(record.alert.severity, 0) + 1
        counts["waiting"] = counts.get("waiting", 0) + (record.human in WAITING)
    return counts


# From the store


async def _today(here: Context, chosen: Sequence[tuple[list[Point], list[Point]]], zone: str) -> list[float | None]:
    """The increase of registers since local midnight, per list of points; None where no register tells it."""
    now = here.services.clock()
    registers = [counters for _, counters in chosen]
    wanted = [point for points in registers for point in points]
    if not wanted:
        return [None for _ in registers]
    if not isinstance(here.services.ledger, NoLedger):
        return [await _booked(here, points, zone) for points in registers]
    found = await _aggregate(here, wanted, _midnight(now, zone), now + SECOND, HOUR)
    return [_total(found, _numbers(here, points)) if points else None for points in registers]


async def _booked(here: Context, registers: Sequence[Point], zone: str) -> float | None:
    """What the ledger has of some registers since local midnight: closed quarter-hours, whatever the registers did."""
    now = here.services.clock()
    start = _midnight(now, zone)
    if not registers or now <= start:
        return None
    return await here.services.ledger.total([point.id for point in registers], start, now)


async def _sites(here: Context, catalogue: Catalogue) -> dict[str, tuple[list[float | None], float | None]]:
    """Of each site: the last day in half-hours, and the energy since local midnight."""
    now = here.services.clock()
    chosen: dict[str, tuple[list[Point], list[Point]]] = {}
    for node in catalogue.nodes:
        if isinstance(node.what, Site):
            chosen[node.id] = _mains(here, node.key, "electricity")
    telling = [point for gauges, counters in chosen.values() for point in (gauges or counters)]
    start = _spark_start(now)
    found = await _aggregate(here, telling, start, now + SECOND, SPARK)
    made: dict[str, tuple[list[float | None], float | None]] = {}
    zones = sorted({catalogue.facility.sites[site].time_zone for site in chosen})
    todays: dict[str, Windows | None] = {}
    for zone in zones:
        counters = [
            point for site, pair in chosen.items() if catalogue.facility.sites[site].time_zone == zone for point in pair[1]
        ]
        todays[zone] = await _aggregate(here, counters, _midnight(now, zone), now + SECOND, HOUR)
    for site, (gauges, counters) in chosen.items():
        zone = catalogue.facility.sites[site].time_zone
        spark: list[float | None] = [None] * STEPS
        if gauges or counters:
            spark = _spark(found, _numbers(here, gauges or counters), start, bool(gauges))
        if isinstance(here.services.ledger, NoLedger):
            made[site] = (spark, _total(todays[zone], _numbers(here, counters)) if counters else None)
        else:
            made[site] = (spark, await _booked(here, counters, zone))
    return made


async def _aggregate(here: Context, points: Sequence[Point], start: int, end: int, window: int) -> Windows | None:
    """Windows of points; None where there are none to ask for or the store does not answer: the view shows dashes then."""
    if not points:
        return None
    try:
        return await here.services.store.aggregate(_numbers(here, points).tolist(), start, end, window, start)
    except StoreError:
        return None


def _total(found: Windows | None, numbers: NumberArray) -> float | None:
    """The sum of all rises of some registers; a fall (reset, swap) counts as nothing until the ledger says what it was."""
    if found is None or not len(found):
        return None
    rises, heard = 0.0, False
    for number in numbers.tolist():
        part = slice(*np.searchsorted(found.point, [number, number + 1]).tolist())
        heard |= part.stop > part.start
        rises += float(np.maximum(_steps(found, part), 0).sum())
    return rises if heard else None


def _steps(found: Windows, part: slice) -> FloatArray:
    """The rise of a register within and up to each window: last minus the last of the window before (or its own first)."""
    last = found.last[part]
    before = np.concatenate([found.first[part][:1], last[:-1]])
    steps: FloatArray = last - before
    return steps


def _spark(found: Windows | None, numbers: NumberArray, start: int, gauge: bool) -> list[float | None]:
    """The sum over points by half-hour; a half-hour in which one of them is missing is a gap, not a dip."""
    if found is None:
        return [None] * STEPS
    total, heard = np.zeros(STEPS), np.zeros(STEPS, np.int64)
    for number in numbers.tolist():
        part = slice(*np.searchsorted(found.point, [number, number + 1]).tolist())
        step = (found.start[part] - start) // SPARK
        kept = (step >= 0) & (step < STEPS)
        value = found.mean[part] if gauge else np.maximum(_steps(found, part), 0) / (SPARK / HOUR)
        total[step[kept]] += value[kept]
        heard[step[kept]] += 1
    return [value if count == len(numbers) else None for value, count in zip(total.tolist(), heard.tolist(), strict=True)]


def _spark_start(now: int) -> int:
    return now - now % SPARK - DAY + SPARK


def _midnight(now: int, zone: str) -> int:
    """ns of the start of the local day."""
    try:
        info = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        info = ZoneInfo("UTC")
    local = datetime.fromtimestamp(now / SECOND, UTC).astimezone(info)
    return int(local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).timestamp()) * SECOND
