"""Notices: the delivery log, channels, who would be told, a test, and another try for what was given up."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.context import Context, Here, in_thread
from api.reply import moment, ms, number, reply
from api.routes._shared import failures
from api.schema_notices import Channels, NoticePage, NoticeRow, PreviewAnswer, PreviewAsk, State, TestAsk
from api.sentences import said
from steward.errors import NotFound
from steward.records.outbox import Delivery

router = APIRouter(tags=["notices"])


ROW = ("id", "key", "channel", "recipient", "route", "group", "what", "reason", "title", "state", "tries", "answer", "error")


def row(here: Context, one: Delivery) -> dict[str, Any]:
    """A notice in plain values; schema_notices.NoticeRow."""
    waits = one.state == "waiting"
    times = {"created": ms(one.created), "due": ms(one.due) if waits else None, "begun": ms(one.begun), "done": ms(one.done)}
    words = {
        "titles": dict(here.services.notices.titles(one)),
        "said": said((one.answer if one.state == "sent" else one.error) or one.answer).plain(),
    }
    return {name: getattr(one, name) for name in ROW} | times | words | {"alerts": dict(one.alerts)}


@router.get("/notices", response_model=NoticePage, responses=failures(422), summary="Delivery log")
async def notices(
    here: Here,
    state: Annotated[list[State] | None, Query(description="default: any")] = None,
    channel: Annotated[str | None, Query(max_length=200)] = None,
    recipient: Annotated[str | None, Query(max_length=200)] = None,
    alert: Annotated[str | None, Query(description="id of an alert", max_length=80)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: Annotated[str | None, Query(description="`after` of the page before", max_length=20)] = None,
) -> Response:
    """Who was told what, when, after how many tries and with which result; newest first."""
    before = None if after is None else number(after)

    def read() -> list[Delivery]:
        return list(
            here.services.notices.log(
                states=state,
                channel=channel,
                recipient=recipient,
                alert=alert,
                limit=limit,
                before=before,
            )
        )

    found = await in_thread(read)
    return reply({"notices": [row(here, one) for one in found], "after": str(found[-1].id) if len(found) == limit else None})


@router.get("/notices/channels", response_model=Channels, responses=failures(), summary="Channels of notices")
async def channels(here: Here) -> Response:
    """Every channel with what waits, was sent and was given up, and its newest failure."""
    rows = await in_thread(here.services.notices.channels)
    return reply(
        {"channels": [{**one, "last_sent": ms(one["last_sent"]), "said": said(str(one["error"])).plain()} for one in rows]}
    )


@router.post("/notices/preview", response_model=PreviewAnswer, responses=failures(404, 422), summary="Who would be told")
async def preview(here: Here, ask: PreviewAsk) -> Response:
    """The notices that an alert, recorded or made up, would give at a moment, with their words. Sends nothing."""
    what = ask.model_dump() | {"at": moment(ask.at, "at", 0) if ask.at else 0}
    found = await in_thread(here.services.notices.preview, what)
    names = ("route", "channel", "type", "recipient", "language", "group", "subject", "text")
    return reply({"notices": [{name: getattr(one, name) for name in names} for one in found]})


@router.post("/notices/test", response_model=NoticeRow, responses=failures(404, 422), summary="Send a test notice")
async def test(here: Here, ask: TestAsk) -> Response:
    """Sends a test notice through one channel, at once, and says what became of it."""
    return reply(row(here, await here.services.notices.test(ask.channel, ask.recipient, ask.by)))


@router.post(
    "/notices/{id}/retry", response_model=NoticeRow, responses=failures(404, 409, 422), summary="Try a dead notice again"
)
async def retry(here: Here, id: str) -> Response:
    """A notice that was given up is tried again, with its tries counted from 0."""
    if not (id.isascii() and id.isdigit()):
        raise NotFound("notice", id)
    return reply(row(here, await in_thread(here.services.notices.again, int(id))))
