"""One error shape: RFC 9457 problem details, whatever went wrong and wherever.

Invariants: every answer of status 400 and above under the API is `application/problem+json` with type, title, status and
detail, and the code and parameters of a detail that api.sentences knows; an unexpected failure says so and nothing else (its
cause goes to the log, not to the client).
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.sentences import expected, said
from steward.errors import ConfigError, NotFound, NotPossible, Problem, RecordsError, StewardError, StoreUnavailable

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
CODES: dict[int, str] = {
    400: "The request cannot be read",
    403: "The request is refused",
    404: "What was asked for does not exist",
    405: "The method is not allowed here",
    409: "The state does not allow it",
    413: "The request or its answer is too large",
    422: "The request is not valid",
    500: "An unexpected failure of the server",
    503: "Not available now: try again later",
}


UNREADABLE = "body: cannot be read, expected JSON in UTF-8"


class Refusal(StewardError):
    """A request that cannot be met: `status` and further members of the problem."""

    def __init__(self, status: int, detail: str, **more: Any) -> None:
        self.status = status
        self.detail = detail
        self.more = more
        super().__init__(detail)


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """The answer for a failed request."""
    title = HTTPStatus(status).phrase
    body = {"type": f"urn:steward:problem:{title.lower().replace(' ', '-')}", "title": title, "status": status}
    content = msgspec.json.encode({**body, "detail": detail, **said(detail).coded(), **more})
    return Response(content, status, dict(headers or {}), MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Gives every failure of `app` the one shape."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(StewardError, _steward)
    app.add_exception_handler(Exception, _unexpected)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = error.detail
    if error.status_code == 400:  # the framework's words for bytes that are no JSON at all
        detail = UNREADABLE
    if error.status_code in (404, 405) and detail == HTTPStatus(error.status_code).phrase:
        detail = f"{request.method} {request.url.path}: {CODES[error.status_code].lower()}"
    return problem(error.status_code, str(detail), error.headers)


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = [
        {"where": ".".join(str(part) for part in found["loc"]), "message": str(found["msg"]), **said(str(found["msg"])).coded()}
        for found in error.errors()
    ]
    detail = "; ".join(f"{found['where']}: {found['message']}" for found in problems)
    return problem(422, detail, problems=problems)


async def _steward(request: Request, error: Exception) -> Response:
    if isinstance(error, Refusal):
        return problem(error.status, error.detail, **error.more)
    if isinstance(error, NotFound):
        return problem(404, str(error), kind=error.kind, id=error.id)
    if isinstance(error, ConfigError):
        found = [_stated(each) for each in error.problems]
        return problem(422, "1 problem" if len(found) == 1 else f"{len(found)} problems", problems=found)
    if isinstance(error, (RecordsError, NotPossible)):
        return problem(409, str(error))
    if isinstance(error, StoreUnavailable):
        return problem(503, "the store does not answer", {"Retry-After": "5"})
    log.error("request_failed", path=request.url.path, error=f"{type(error).__name__}: {error}")
    return problem(500, CODES[500])


def _stated(one: Problem) -> dict[str, Any]:
    wanted = expected(one.expected)
    return {
        "where": one.where,
        "message": one.message,
        "expected": one.expected,
        **said(one.message).coded(),
        "expected_code": wanted.code,
        "expected_params": dict(wanted.params),
    }


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("request_failed", path=request.url.path, error=f"{type(error).__name__}: {error}", exc_info=error)
    return problem(500, CODES[500])
