"""Money: tariffs, factors, calendars, cost of registers and sites, bills beside the ledger, allocation to departments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.context import Context, Here, in_thread
from api.problems import Refusal
from api.reply import When, moment, reply
from api.routes._shared import failures
from api.schema_money import (
    AllocationAnswer,
    AllocationList,
    BillAsk,
    BillPage,
    BillRow,
    CalendarList,
    FactorList,
    PeriodName,
    PointCost,
    SiteCost,
    TariffList,
)
from api.services_money import BillOrder, MoneyDesk
from steward.errors import NotFound, RecordsError, StewardError, StoreError
from steward.units import DAY

router = APIRouter(tags=["money"])
SPAN = failures(404, 409, 422)


@router.get("/tariffs", response_model=TariffList, responses=failures(422), summary="Tariffs")
async def tariffs(here: Here, at: When = None) -> Response:
    """Every version of every tariff with its validity; with `at`, those in force then."""
    return reply({"tariffs": await _ask(_desk(here).tariffs, _at(at))})


@router.get("/factors", response_model=FactorList, responses=failures(422), summary="Factors")
async def factors(
    here: Here, at: When = None, carrier: Annotated[str, Query(description="empty: all", max_length=40)] = ""
) -> Response:
    """Emission and standard-coal factors, shipped and own, with standard, source and validity. `used`: counts at `at` (now)."""
    return reply({"factors": await _ask(_desk(here).factors, _at(at), carrier)})


@router.get("/calendars", response_model=CalendarList, responses=failures(422), summary="Calendars")
async def calendars(
    here: Here, year: Annotated[int | None, Query(description="default: this year", ge=1900, le=2200)] = None
) -> Response:
    """Holidays and make-up workdays, until when they are known, and a warning where the next year is not announced yet."""
    return reply({"calendars": await _ask(_desk(here).calendars, year)})


@router.get("/cost/site/{site}", response_model=SiteCost, responses=SPAN, summary="Cost of a site")
async def site_cost(here: Here, site: str, start: When = None, end: When = None, period: PeriodName = "month") -> Response:
    """What the main registers of a site cost, by carrier, with CO2 and standard coal. Default: the last 30 days."""
    first, last = _span(here, start, end)
    return reply(await _ask(_desk(here).site, site, first, last, period))


@router.get("/cost/{point}", response_model=PointCost, responses=SPAN, summary="Cost of a register")
async def point_cost(here: Here, point: str, start: When = None, end: When = None, period: PeriodName = "day") -> Response:
    """What the consumption of a register costs, by periods of the site's local time. Default: the last 30 days."""
    first, last = _span(here, start, end)
    return reply(await _ask(_desk(here).cost, point, first, last, period))


@router.post("/bills", response_model=BillRow, responses=SPAN, summary="Check a bill")
async def check_bill(here: Here, body: BillAsk) -> Response:
    """Compares a supplier's bill with the ledger, line by line, and says what explains the difference. It is put on record."""
    first, last = _span(here, str(body.start), str(body.end))
    lines = [(line.name, line.quantity, line.amount) for line in body.lines]
    ratios = tuple(body.ratios)
    order = BillOrder(body.point, first, last, body.currency, lines, body.number, body.by, ratios, body.supplier)
    return reply(await _ask(_desk(here).check_bill, order))


@router.get("/bills", response_model=BillPage, responses=failures(422), summary="Bills")
async def bills(
    here: Here,
    point: Annotated[str, Query(description="empty: all", max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[int | None, Query(description="`before` of the page before", ge=1, lt=2**63)] = None,
) -> Response:
    """Bills that were checked, newest first, with who entered them."""
    return reply(await _ask(_desk(here).bills, point, limit, before))


@router.get("/allocation", response_model=AllocationList, responses=failures(), summary="Allocations")
async def allocations(here: Here) -> Response:
    """The allocations that the facility file declares."""
    return reply({"allocations": await _ask(_desk(here).allocations)})


@router.get("/allocation/{id}", response_model=AllocationAnswer, responses=SPAN, summary="Allocation of a cost")
async def allocation(here: Here, id: str, start: When = None, end: When = None) -> Response:
    """The cost of a register and what each department bears of it; what nobody metered is shown. Default: the last 30 days."""
    first, last = _span(here, start, end)
    return reply(await _ask(_desk(here).allocation, id, first, last))


def _desk(here: Context) -> MoneyDesk:
    return here.services.money


async def _ask(work: Callable[..., Any], *arguments: Any) -> Any:
    """Asks the desk in a thread; what it cannot answer is a conflict with the state, said in its words."""
    try:
        return await in_thread(work, *arguments)
    except (NotFound, RecordsError, StoreError):
        raise
    except StewardError as error:
        raise Refusal(409, str(error)) from None


def _at(at: str | None) -> int | None:
    return moment(at, "at", 0) if at else None


def _span(here: Context, start: str | None, end: str | None) -> tuple[int, int]:
    last = moment(end, "end", here.services.clock())
    first = moment(start, "start", last - 30 * DAY)
    if first >= last:
        raise Refusal(422, "end is not after start, expected a later time")
    return first, last
