"""What every answer says to browsers, and which requests are not served at all.

Invariants: every answer carries a strict Content-Security-Policy and `nosniff`, so that text from a device can never run;
a page of another origin can neither read nor change anything (no CORS, cross-site writes refused); where the service is
bound to loopback, or names are configured, only those Host names are served, which stops DNS rebinding.
"""

from __future__ import annotations

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import problem

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
BODY_LIMIT = 1 << 20  # bytes
SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
_PORT = re.compile(r":\d+$")


class Security:
    """ASGI middleware. hosts: Host headers that are served, with their port or without (any port), empty for any."""

    def __init__(self, app: ASGIApp, hosts: tuple[str, ...] = ()) -> None:
        self.app = app
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or refuses it; adds the headers to what comes back."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        refusal = self._refusal(scope)
        if refusal:
            await refusal(scope, receive, marked)
        else:
            await self.app(scope, _bounded(receive), marked)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        if self._hosts and host not in self._hosts and _PORT.sub("", host) not in self._hosts:
            return problem(403, f"Host {host!r} is not served here, expected one of {', '.join(sorted(self._hosts))}")
        if scope["method"] not in SAFE and _of_another_site(headers, host):
            return problem(403, "a page of another site may not change anything here")
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > BODY_LIMIT:
            return problem(413, f"a body of {length} bytes, expected at most {BODY_LIMIT}", limit=BODY_LIMIT)
        return None


def _of_another_site(headers: Headers, host: str) -> bool:
    """Whether a page of another origin asks. Over plain HTTP browsers say so by Origin alone; programs say neither."""
    fetched = headers.get("sec-fetch-site")
    if fetched is not None:
        return fetched not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and origin.lower().partition("://")[2] != host


def _bounded(receive: Receive) -> Receive:
    """A body that does not say its length is read up to the limit and no further."""
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > BODY_LIMIT:
            raise HTTPException(413, f"a body of more than {BODY_LIMIT} bytes")
        return message

    return counted
