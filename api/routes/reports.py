"""Monthly reports: the list of those that were written, and any month as workbook, page or CSV."""

from __future__ import annotations

import re
from typing import Annotated, cast

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.context import Here
from api.energy import NoLedger
from api.problems import Refusal
from api.reply import reply
from api.reports import Form, Language, ReportList
from api.routes._shared import failures

router = APIRouter(tags=["reports"])
TYPES: dict[Form, str] = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "html": "text/html; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
}
BINARY = {"schema": {"type": "string", "format": "binary"}}
CONTENT = {
    TYPES["xlsx"]: BINARY,
    "text/html": {"schema": {"type": "string"}, "example": "<!doctype html>"},
    "text/csv": {"schema": {"type": "string"}, "example": "Site,Period\r\n"},
}
NAME = re.compile(r"(\d{4}-\d{2})\.(xlsx|html|csv)")


@router.get("/reports", response_model=ReportList, responses=failures(503), summary="Reports")
async def reports(here: Here) -> Response:
    """The reports that the scheduler has written, newest month first, and the months that can be made on demand."""
    return reply(await here.services.reports.listed())


@router.get(
    "/reports/{file}",
    response_class=Response,
    responses={200: {"content": CONTENT}, **failures(404, 422, 503)},
    summary="One report",
)
async def report(
    here: Here,
    file: str,
    lang: Annotated[Language, Query(description="language of headings and words")] = "en",
    kept: Annotated[bool, Query(description="as it was written then, instead of as the books say now")] = False,
    inside: Annotated[bool, Query(description="html: the style inside the page, to keep it as one file")] = False,
) -> Response:
    """`2026-10.xlsx`, `.html` (printable, A4) or `.csv` (the standard table alone). Made from the books at this moment, so
    later restatements are in it; `kept=true` gives the file that the scheduler wrote."""
    desk = here.services.reports
    if file == "report.css":
        return Response(desk.style(), media_type="text/css")
    found = NAME.fullmatch(file)
    if found is None:
        raise Refusal(422, f"file: {file!r}, expected for example 2026-10.xlsx, .html or .csv")
    month, form = found[1], cast(Form, found[2])
    try:
        body = await (desk.kept(month, form, lang) if kept else desk.made(month, form, lang, inside))
    except NoLedger as error:
        raise Refusal(503, str(error)) from None
    except ValueError as error:
        raise Refusal(422, str(error)) from None
    headers = {"Cache-Control": "no-store"}
    if form != "html":
        headers["Content-Disposition"] = f'attachment; filename="steward-{month}-{lang}.{form}"'
    return Response(body, 200, headers, TYPES[form])
