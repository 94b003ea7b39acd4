"""Consumption: the tree of figures, load shapes, balances, indicators, quotas, ranking."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.context import Here
from api.energy import (
    BalanceAnswer,
    By,
    Indicators,
    NoLedger,
    PeriodName,
    PerName,
    ProfileAnswer,
    QuotaAnswer,
    Ranking,
    Summary,
)
from api.problems import Refusal
from api.reply import When, moment, reply
from api.routes._shared import failures

router = APIRouter(tags=["energy"])
Answer = TypeVar("Answer")
Metric = Annotated[
    Literal["energy", "water", "gas", "heat", "fuel_used"],
    Query(description="what is consumed; values are in its canonical unit"),
]
WHERE = "a node: key (`site:block-a`, `space:`, `equip:`, `point:`, `category:<site>/<code>`) or bare id"


async def asked(answer: Awaitable[Answer]) -> Response:
    """The answer, or why it cannot be given."""
    try:
        return reply(await answer)
    except NoLedger as error:
        raise Refusal(503, str(error)) from None
    except ValueError as error:
        raise Refusal(422, str(error)) from None


def span(start: str | None, end: str | None) -> tuple[int | None, int | None]:
    """[start, end) in ns, None where not given."""
    since, until = moment(start, "start", 0), moment(end, "end", 0)
    return (since if start else None), (until if end else None)


@router.get("/energy/summary", response_model=Summary, responses=failures(404, 422, 503), summary="Consumption by place")
async def summary(
    here: Here,
    by: Annotated[By, Query(description="what the tree is made of")] = "site",
    start: When = None,
    end: When = None,
    period: Annotated[PeriodName | None, Query(description="with it, each figure has its course")] = None,
    under: Annotated[str, Query(description="a site or organisation: only what belongs to it", max_length=220)] = "",
) -> Response:
    """Consumption in [start, end) (default: this local month so far), each kWh once: `left_out` says which meters were not
    added and why, `registers` which were; open one at `/energy/profile/point:<id>` and in the ledger."""
    return await asked(here.services.energy.summary(by, *span(start, end), period, under))


@router.get(
    "/energy/profile/{node:path}", response_model=ProfileAnswer, responses=failures(404, 422, 503), summary="Shape of a load"
)
async def profile(here: Here, node: str, metric: Metric = "energy", start: When = None, end: When = None) -> Response:
    """Heat map by day and hour, load curve, duration curve, mean workday and free day of a node. Values whose shape is spread
    or estimated are in totals and curve, marked, and in no profile."""
    return await asked(here.services.energy.profile(node, metric, *span(start, end)))


@router.get(
    "/energy/balance/{site}", response_model=BalanceAnswer, responses=failures(404, 422, 503), summary="Sub-meter balance"
)
async def balance(here: Here, site: str, metric: Metric = "energy", start: When = None, end: When = None) -> Response:
    """Each metered node against the nearest meters below it, with the uncertainty of the meters' class (coverage factor 2)."""
    return await asked(here.services.energy.balance(site, metric, *span(start, end)))


@router.get(
    "/energy/indicators/{site}", response_model=Indicators, responses=failures(404, 422, 503), summary="Indicators of a site"
)
async def indicators(here: Here, site: str, metric: Metric = "energy", start: When = None, end: When = None) -> Response:
    """Per m2, head and degree-day; peak, load factor, baseload, night and weekend shares; against the period before and the
    same period of last year. A number that cannot be said is null with a `reason`."""
    return await asked(here.services.energy.indicators(site, metric, *span(start, end)))


@router.get("/energy/quota/{site}", response_model=QuotaAnswer, responses=failures(404, 422, 503), summary="Quotas of a site")
async def quota(
    here: Here, site: str, year: Annotated[int | None, Query(ge=2000, le=2200, description="default: this year")] = None
) -> Response:
    """Limit and guide values with their source, how much is used, the pace against last year's shape, and the year's end with
    its 90 % range and method."""
    return await asked(here.services.energy.quota(site, year))


@router.get("/energy/ranking", response_model=Ranking, responses=failures(422, 503), summary="Ranking of like buildings")
async def ranking(
    here: Here,
    metric: Metric = "energy",
    per: Annotated[PerName, Query(description="per m2 of area or per person")] = "m2",
    start: When = None,
    end: When = None,
) -> Response:
    """Buildings of the same use, climate and size class, least consumption first; with too few peers there is no rank."""
    return await asked(here.services.energy.ranking(metric, per, *span(start, end)))
