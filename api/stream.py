"""A stream of server-sent events as one ASGI response: one task a client, joined messages, no copy per client.

Invariants: the socket's back-pressure is the client's own (its task waits, nobody else); the stream ends when the client
goes, is cut, or the service stops.
"""

from __future__ import annotations

import asyncio
import contextlib

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.events import Client, Events
from steward.units import SECOND

HEARTBEAT = b": still here\n\n"


class EventStream(Response):
    """Sends `opening`, then what `events` has for `client`."""

    media_type = "text/event-stream"

    def __init__(self, events: Events, client: Client, opening: bytes, heartbeat: int) -> None:
        self.status_code = 200
        self.background = None
        self.body = b""
        self.init_headers({"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._events, self._client, self._opening, self._heartbeat = events, client, opening, heartbeat / SECOND

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs the stream until it ends."""
        client = self._client
        watch = asyncio.create_task(self._watch(receive))
        feed = asyncio.create_task(self._feed(send))
        client.abort = feed.cancel
        try:
            await asyncio.wait((watch, feed), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._events.unsubscribe(client)
            for task in (watch, feed):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, OSError):
                    await task

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async def _feed(self, send: Send) -> None:
        client, events = self._client, self._events
        loop = asyncio.get_running_loop()
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self._opening, "more_body": True})
        while not client.closed:
            if not (client.pending or client.lost):
                client.wake.clear()
                timer = loop.call_later(self._heartbeat, client.wake.set)
                await client.wake.wait()
                timer.cancel()
            waiting = events.next(client)
            body = b"".join(text for _, text in waiting) if waiting else HEARTBEAT
            if not client.closed:
                client.writing = loop.time()
                await send({"type": "http.response.body", "body": body, "more_body": True})
                client.writing = None
        await send({"type": "http.response.body", "body": b"", "more_body": False})
