"""How values leave and enter the API: JSON bytes by msgspec, times as epoch milliseconds out, ISO 8601 or epoch ms in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import Query
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.problems import Refusal

MILLISECOND = 1_000_000
ENCODER = msgspec.json.Encoder()

When = Annotated[
    str | None, Query(description="ISO 8601 with zone (`2026-11-24T06:00:00Z`) or epoch milliseconds", max_length=40)
]


def ms(ns: int | None) -> int | None:
    """Epoch milliseconds of ns; None stays None, as do 0 and before: no moment of ours is in 1970."""
    return None if ns is None or ns <= 0 else ns // MILLISECOND


def finite(value: float) -> float | None:
    """A number that JSON knows, else None."""
    return value if math.isfinite(value) else None


def moment(text: str | None, name: str, default: int) -> int:
    """ns of a time parameter; `default` where it is not given. Raises Refusal (422) naming the parameter."""
    if not text:
        return default
    try:
        if text.lstrip("-").isdigit():
            value = int(text) * MILLISECOND
        else:
            parsed = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)  # a bare + in a URL is a space
            if parsed.tzinfo is None:
                raise ValueError("it has no time zone")
            delta = parsed.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
            value = (delta.days * 86_400_000_000 + delta.seconds * 1_000_000 + delta.microseconds) * 1000
        if not -(2**62) < value < 2**62:
            raise ValueError("it is out of range")
    except (ValueError, OverflowError) as error:
        detail = f"{name}: {text!r} is not a time ({error}), expected ISO 8601 with zone or epoch milliseconds"
        raise Refusal(422, detail) from None
    return value


def number(after: str) -> int:
    """The place in a list that an `after` names, as the page before gave it. Raises Refusal (422)."""
    if not (after.isascii() and after.isdigit()) or int(after) >= 2**63:
        raise Refusal(422, f"after: {after!r} is not a cursor, expected what the page before gave as `after`")
    return int(after)


def reply(data: Any, status: int = 200) -> Response:
    """A JSON answer from plain values or msgspec structs; NaN becomes null."""
    return as_json(ENCODER.encode(data), status)


def as_json(body: bytes, status: int = 200) -> Response:
    """A JSON answer from bytes that are JSON already."""
    return Response(body, status, {"Cache-Control": "no-store"}, "application/json")


class Pieces(Response):
    """A JSON answer from pieces that are sent one after the other and never joined."""

    media_type = "application/json"

    def __init__(self, pieces: Sequence[bytes]) -> None:
        super().__init__(b"", 200, {"Cache-Control": "no-store", "Content-Length": str(sum(map(len, pieces)))})
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for piece in self._pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
