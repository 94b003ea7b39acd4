"""HTTP POST for the channels: one request, one answer, no redirect followed, a bounded body read. Blocks; never logs.

What a failure says names the host and nothing of path, query or headers: they hold tokens.
"""

from __future__ import annotations

import http.client
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from steward.errors import NoticeFailed
from steward.notices.model import Answer, Request
from steward.units import SECOND

_BODY_LIMIT = 65_536
_LONGEST_WAIT = 3600.0


def post(request: Request, timeout: float = 10.0) -> Answer:
    """Sends a request. timeout: seconds for each step. Raises NoticeFailed when there is no answer."""
    url = urlsplit(request.url)
    host = url.hostname or ""
    if url.scheme not in ("http", "https") or not host:
        raise NoticeFailed("the address is not http:// or https://", retry=False)
    connection: http.client.HTTPConnection
    if url.scheme == "https":
        connection = http.client.HTTPSConnection(host, url.port, timeout=timeout, context=ssl.create_default_context())
    else:
        connection = http.client.HTTPConnection(host, url.port, timeout=timeout)
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    try:
        connection.request("POST", path, request.body, {"User-Agent": "steward", **request.headers})
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, headers, answer.read(_BODY_LIMIT))
    except (OSError, http.client.HTTPException) as error:
        raise NoticeFailed(f"{host}: {str(error) or type(error).__name__}") from None
    finally:
        connection.close()


def accept(answer: Answer, now: int = 0) -> str:
    """What the log says of a good answer. Raises NoticeFailed for any status but 2xx: 408, 425, 429 and 5xx may succeed
    later, and `Retry-After` says when (a date counts from `now`, ns); the rest will not."""
    if 200 <= answer.status < 300:
        return f"HTTP {answer.status}"
    retry = answer.status in (408, 425, 429) or answer.status >= 500
    detail = f"HTTP {answer.status}{_said(answer.body)}"
    raise NoticeFailed(detail, retry=retry, after=_after(answer.headers.get("retry-after", ""), now))


def _said(body: bytes) -> str:
    words = " ".join(body[:200].decode(errors="replace").split())
    return f": {words}" if words else ""


def _after(value: str, now: int) -> int | None:
    if value.isdigit():
        return round(min(float(value), _LONGEST_WAIT) * SECOND)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    seconds = (moment - datetime.fromtimestamp(now / SECOND, UTC)).total_seconds() if moment.tzinfo else 0.0
    return round(min(max(0.0, seconds), _LONGEST_WAIT) * SECOND)
