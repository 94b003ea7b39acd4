"""The ledger: consumption of every register, with the way from each figure down to its reads, and what people decide."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.catalogue import place
from api.context import Context, Here
from api.problems import Refusal
from api.reply import When, moment, reply
from api.routes._shared import failures
from api.schema_ledger import (
    LedgerActed,
    LedgerAnswerAsk,
    LedgerBaseline,
    LedgerCloseAsk,
    LedgerDeclareAsk,
    LedgerEvidence,
    LedgerFigures,
    LedgerMonth,
    LedgerQuestions,
    LedgerReadsAsk,
    LedgerRegisters,
    LedgerRevisions,
    LedgerSavings,
    LedgerTaken,
    PeriodName,
)
from api.sentences import said
from steward.errors import StewardError, UnknownUnit
from steward.units import DAY

router = APIRouter(tags=["ledger"])

REFUSED = (ValueError, UnknownUnit)
MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


@router.get("/ledger", response_model=LedgerRegisters, responses=failures(), summary="Registers")
async def registers(here: Here) -> Response:
    """Every register with its last read, where it hangs and what is open about it."""
    return reply({"registers": [_placed(here, row) for row in await here.services.ledger.registers()]})


def _placed(here: Context, register: Mapping[str, Any]) -> dict[str, Any]:
    """A register with its name and its place in the tree."""
    point = here.catalogue.facility.points.get(register["point"])
    return {**register, "name": {} if point is None else point.name, "node": "" if point is None else place(point)}


@router.get("/ledger/questions", response_model=LedgerQuestions, responses=failures(), summary="Questions")
async def questions(here: Here) -> Response:
    """What the reads alone cannot decide, with what follows from each answer."""
    return reply({"questions": list(await here.services.ledger.questions())})


@router.post(
    "/ledger/questions/{id}/answer", response_model=LedgerActed, responses=failures(403, 404, 422), summary="Answer a question"
)
async def answer(here: Here, id: str, body: LedgerAnswerAsk) -> Response:
    """Takes an answer, on record with who gave it; the register is restated at once."""
    try:
        return reply(await here.services.ledger.answer(id, body.answer, body.by, body.values))
    except REFUSED as error:
        raise Refusal(422, str(error)) from None


@router.post("/ledger/months/{month}/close", response_model=LedgerMonth, responses=failures(403, 422), summary="Close a month")
async def close(here: Here, month: str, body: LedgerCloseAsk) -> Response:
    """Freezes a month's figures (`2026-10`); later differences become adjustments. Closing it again changes nothing."""
    try:
        return reply(await here.services.ledger.close(month, body.by))
    except REFUSED as error:
        raise Refusal(422, str(error)) from None


@router.get("/ledger/months/{month}", response_model=LedgerMonth, responses=failures(422), summary="A closed month")
async def month(here: Here, month: str) -> Response:
    """The registers that a month (`2026-10`) is closed for, with value, who closed it, and its adjustments since."""
    if not MONTH.fullmatch(month):
        raise Refusal(422, f"month: {month!r}, expected for example 2026-10")
    return reply(await here.services.ledger.month(month))


@router.get("/ledger/{point}", response_model=LedgerFigures, responses=failures(404, 422), summary="Consumption")
async def figures(
    here: Here,
    point: str,
    start: When = None,
    end: When = None,
    period: Annotated[PeriodName, Query(description="of the site's local time")] = "day",
) -> Response:
    """Consumption of a register by period, by default of the last seven days."""
    begin, finish = _span(here, start, end)
    return await _answered(here.services.ledger.figures(point, begin, finish, period))


@router.get("/ledger/{point}/evidence", response_model=LedgerEvidence, responses=failures(404, 422), summary="Evidence")
async def evidence(here: Here, point: str, start: When = None, end: When = None) -> Response:
    """What figures rest on: links between good reads, every read with the label of those put aside, declarations."""
    begin, finish = _span(here, start, end)
    return await _answered(here.services.ledger.evidence(point, begin, finish))


@router.get("/ledger/{point}/revisions", response_model=LedgerRevisions, responses=failures(404, 422), summary="Revisions")
async def revisions(here: Here, point: str, start: When = None, end: When = None) -> Response:
    """What was restated in a span, with both values and the reason."""
    begin, finish = _span(here, start, end)
    return await _answered(here.services.ledger.revisions(point, begin, finish))


@router.post(
    "/ledger/{point}/declarations", response_model=LedgerActed, responses=failures(403, 404, 422), summary="Declare an event"
)
async def declare(here: Here, point: str, body: LedgerDeclareAsk) -> Response:
    """A swap or reset with its end and start reads, a unit change, a decided consumption, reads to be put aside."""
    what: dict[str, Any] = body.model_dump(exclude={"by"})
    what["at"] = moment(str(body.at), "at", 0)
    what["until"] = None if body.until is None else moment(str(body.until), "until", 0)
    return await _answered(here.services.ledger.declare(point, what, body.by))


@router.post("/ledger/{point}/reads", response_model=LedgerTaken, responses=failures(403, 404, 422), summary="Enter reads")
async def reads(here: Here, point: str, body: LedgerReadsAsk) -> Response:
    """Reads that a person took from the meter; they go the way of all samples and are on record."""
    rows = [(moment(str(one.at), "reads.at", 0), one.value) for one in body.reads]
    return await _answered(here.services.ledger.read(point, rows, body.unit, body.by, "api"))


@router.get("/ledger/{point}/baseline", response_model=LedgerBaseline, responses=failures(404, 422), summary="Baseline")
async def baseline(here: Here, point: str) -> Response:
    """The fitted baseline with its accuracy, or the reason why it was refused."""
    return await _answered(here.services.ledger.baseline(point))


@router.get("/ledger/{point}/savings", response_model=LedgerSavings, responses=failures(404, 422), summary="Savings")
async def savings(here: Here, point: str, start: When = None, end: When = None) -> Response:
    """Savings of a span against the baseline, with their uncertainty, or why they are refused."""
    begin, finish = _span(here, start, end)
    return await _answered(_coded(here.services.ledger.savings(point, begin, finish)))


async def _coded(answer: Awaitable[Mapping[str, Any]]) -> dict[str, Any]:
    """Savings with the code of why they are refused."""
    found = await answer
    return {**found, **said(found["refused"]).coded()}


def _span(here: Here, start: str | None, end: str | None) -> tuple[int, int]:
    finish = moment(end, "end", here.services.clock())
    begin = moment(start, "start", finish - 7 * DAY)
    if finish <= begin:
        raise Refusal(422, "end is not after start")
    return begin, finish


async def _answered(call: Any) -> Response:
    try:
        return reply(await call)
    except REFUSED as error:
        raise Refusal(422, str(error)) from None
    except StewardError as error:
        if type(error) is StewardError:
            raise Refusal(409, str(error)) from None
        raise
