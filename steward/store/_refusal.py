"""What a request that failed means: whether it makes sense to try it again, and what the server said about it. Pure.

Invariants: no answer, a busy server and an internal error are worth another try (a write is idempotent); what the server
finds wrong with the request is not. Texts hold what the server said, never a request's headers: the token is in them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from steward.errors import StoreError

BUSY = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the same request is tried again, and the pauses between; seconds."""

    total: float = 5.0
    first_pause: float = 0.1
    longest_pause: float = 2.0


PATIENCE = Patience()


class Refused(StoreError):
    """A request that was not answered with success.

    status: of HTTP, 0 when it was not answered at all; detail: what the server said; retry_after: seconds it asked for.
    """

    def __init__(self, text: str, status: int, detail: str, retry_after: float) -> None:
        super().__init__(text)
        self.status, self.detail, self.retry_after = status, detail, retry_after


def refusal(url: str, what: str, error: Exception) -> Refused:
    """The refusal when trying again makes sense; raises it when not."""
    status = getattr(error, "status", None) or 0
    detail = _detail(getattr(error, "body", None)) or (getattr(error, "reason", None) if status else "") or type(error).__name__
    text = (
        f"InfluxDB at {url} refused {what} ({status}): {detail}" if status else f"InfluxDB at {url} is out of reach: {detail}"
    )
    after = str((getattr(error, "headers", None) or {}).get("Retry-After", ""))
    refused = Refused(text, status, str(detail), float(after) if after.isdigit() else 0.0)
    if status and status not in BUSY:
        raise refused from error
    return refused


def _detail(body: Any) -> str:
    """The message in the body of a refusal."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body or "")
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text.strip()[:500]
