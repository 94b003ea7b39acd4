"""The stream of changes: live values once a tick, alerts and the server's state as they come, the same bytes for all.

Invariants: ingest never waits here (values are pulled from the live state, alerts are handed over by a callback); what is
sent to clients with one filter is serialised once; a client holds at most `pending_limit` messages: one that falls behind
skips to the present like one that reconnects, and one that takes nothing for `cut_after` is cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from api.catalogue import Catalogue
from api.columns import columns, some_ids
from api.cursor import Cursor
from api.reply import ENCODER, ms
from api.services import ApiSettings
from steward.errors import NotFound
from steward.live import LiveState
from steward.model import BoolArray, NumberArray
from steward.units import SECOND

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Filter:
    """What a client wants. under: key of a node or device, "" for all; kinds: of events."""

    under: str = ""
    kinds: frozenset[str] = frozenset(("values", "alert", "server", "facility"))


@dataclass(eq=False)
class Client:
    """A subscriber. `at`: the cursor of the last message handed to its socket; `lost`: it has to catch up from there;
    `writing`: loop time at which the write under way began, None while there is none."""

    filter: Filter
    at: Cursor
    writing: float | None = None
    pending: deque[tuple[Cursor, bytes]] = field(default_factory=deque)
    lost: bool = False
    closed: bool = False
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    abort: Callable[[], object] = bool

    def close(self) -> None:
        """Ends the stream: in order where the client listens, at once where it does not take what is being written."""
        self.closed = True
        self.wake.set()
        if self.writing is not None:
            self.abort()


@dataclass(frozen=True, slots=True)
class Happened:
    """An event in the ring. `home`: key of the node that it belongs to, "" for everybody."""

    number: int
    kind: str
    body: bytes
    home: str = ""


def message(kind: str, cursor: Cursor, body: bytes) -> bytes:
    """An event in the form of server-sent events. `body` is JSON, so it holds no line break."""
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (str(cursor).encode(), kind.encode(), body)


class Events:
    """The one source of events of a service. `alerts`, `server`, `facility` may be called from any thread."""

    def __init__(
        self,
        live: LiveState,
        catalogue: Callable[[], Catalogue],
        clock: Callable[[], int],
        registry: CollectorRegistry,
        settings: ApiSettings,
    ) -> None:
        self._live, self._catalogue, self._clock, self._settings = live, catalogue, clock, settings
        self.epoch = _base36(clock())
        self._lock = threading.Lock()
        self._ring: deque[Happened] = deque(maxlen=settings.ring)
        self._number = 0
        self.laid_out = 0  # number of the last event that said that the tree has changed
        self._sent = 0  # number of the last event handed to the clients
        self._cursor = live.cursor
        self._groups: dict[Filter, set[Client]] = {}
        self._masks: dict[str, BoolArray] = {}
        self._masks_of: Catalogue | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._clients = Gauge("steward_api_stream_clients", "Clients of the event stream", registry=registry)
        self._messages = Counter("steward_api_stream_messages", "Messages handed to clients", registry=registry)
        self._skipped = Counter("steward_api_stream_skips", "Clients that skipped to the present", registry=registry)
        self._cut = Counter("steward_api_stream_cuts", "Clients cut for taking nothing", registry=registry)

    # What comes in

    def publish(self, kind: str, data: Any, home: str = "") -> None:
        """Adds an event to the ring; it goes out at once. Thread-safe."""
        self.publish_all([(kind, data, home)])

    def publish_all(self, events: Iterable[tuple[str, Any, str]]) -> None:
        """Adds several events: kind, data, home."""
        encoded = [(kind, ENCODER.encode(data), home) for kind, data, home in events]
        with self._lock:
            for kind, body, home in encoded:
                self._number += 1
                self._ring.append(Happened(self._number, kind, body, home))
                if kind == "facility":
                    self.laid_out = self._number
        if self._loop is not None and encoded:
            self._loop.call_soon_threadsafe(self._send_events)

    # Where it goes

    @property
    def cursor(self) -> Cursor:
        """The present place in the stream."""
        return Cursor(self.epoch, self._sent, self._live.cursor)

    @property
    def clients(self) -> int:
        """How many clients there are."""
        return sum(len(group) for group in self._groups.values())

    def subscribe(self, wanted: Filter, since: Cursor | None) -> Client:
        """A new client, that is caught up from `since` (None: from the present)."""
        client = Client(wanted, since or Cursor(self.epoch, self._sent, self._cursor))
        client.lost = since is not None
        self._groups.setdefault(wanted, set()).add(client)
        self._clients.inc()
        if client.lost:
            client.wake.set()
        return client

    def unsubscribe(self, client: Client) -> None:
        """Forgets a client."""
        group = self._groups.get(client.filter, set())
        if client in group:
            group.discard(client)
            self._clients.dec()
        if not group:
            self._groups.pop(client.filter, None)

    def next(self, client: Client) -> list[tuple[Cursor, bytes]]:
        """Takes what waits for a client, caught up first if it has fallen behind."""
        if client.lost:
            client.lost = False
            client.pending.clear()
            return self._missed(client)
        waiting = list(client.pending)
        client.pending.clear()
        if waiting:
            client.at = waiting[-1][0]
        return waiting

    def close(self) -> None:
        """Ends all streams: called before the server stops, which waits for its connections."""
        for group in list(self._groups.values()):
            for client in list(group):
                client.close()

    async def run(self) -> None:
        """Sends values each tick until cancelled; a failure of one tick is logged and the next one tried."""
        self._loop = asyncio.get_running_loop()
        self._send_events()
        tick = self._settings.tick / SECOND
        due = self._loop.time() + tick
        while True:
            await asyncio.sleep(max(0.0, due - self._loop.time()))
            due = max(due + tick, self._loop.time())
            try:
                self.tick(self._loop.time())
            except Exception as error:  # the task boundary: the stream must outlive one bad tick
                log.error("stream_tick_failed", error=f"{type(error).__name__}: {error}")

    def tick(self, now: float) -> None:
        """Sends what changed since the last tick, once per filter. `now`: loop time."""
        self._live.refresh(self._clock())
        changed = self._live.changes(self._cursor)
        self._cursor = self._live.cursor
        if len(changed):
            at = Cursor(self.epoch, self._sent, self._cursor)
            for wanted, group in self._groups.items():
                if "values" in wanted.kinds:
                    body = self._values(wanted.under, changed)
                    if body is not None:
                        self._hand(group, at, message("values", at, body))
        self._cut_stuck(now)

    # Inside

    def _send_events(self) -> None:
        with self._lock:
            fresh = [event for event in self._ring if event.number > self._sent]
        for event in fresh:
            self._sent = event.number
            at = Cursor(self.epoch, event.number, self._cursor)
            text = message(event.kind, at, event.body)
            for wanted, group in self._groups.items():
                if self._concerns(event, wanted):
                    self._hand(group, at, text)

    def _concerns(self, event: Happened, wanted: Filter) -> bool:
        if event.kind not in wanted.kinds:
            return False
        return not (wanted.under and event.home) or self._catalogue().inside(event.home, wanted.under)

    def _hand(self, group: set[Client], at: Cursor, text: bytes) -> None:
        for client in group:
            if client.lost:
                continue
            if len(client.pending) >= self._settings.pending_limit:
                client.pending.clear()
                client.lost = True
                self._skipped.inc()
            else:
                client.pending.append((at, text))
            client.wake.set()
        self._messages.inc(len(group))

    def _missed(self, client: Client) -> list[tuple[Cursor, bytes]]:
        """What happened since the client's cursor: events from the ring, values as one message of the newest."""
        since, present = client.at, Cursor(self.epoch, self._sent, self._cursor)
        with self._lock:
            kept = [event for event in self._ring if since.events < event.number <= self._sent]
        gap = len(kept) < self._sent - since.events
        if since.epoch != self.epoch or since.events > self._sent or gap:
            reason = "restarted" if since.epoch != self.epoch else "too_old"
            return [(present, message("reset", present, ENCODER.encode({"reason": reason, "cursor": str(present)})))]
        found = []
        for event in kept:
            if self._concerns(event, client.filter):
                at = Cursor(self.epoch, event.number, since.values)
                found.append((at, message(event.kind, at, event.body)))
        if "values" in client.filter.kinds:
            body = self._values(client.filter.under, self._live.changes(since.values))
            if body is not None:
                found.append((present, message("values", present, body)))
        client.at = present
        return found

    def _values(self, under: str, changed: NumberArray) -> bytes | None:
        catalogue = self._catalogue()
        changed = changed[changed < len(catalogue.row_of_number)]
        rows = catalogue.row_of_number[changed]
        wanted = rows >= 0
        if under:
            wanted &= self._mask(catalogue, under)[rows]
        if not wanted.any():
            return None
        numbers, rows = changed[wanted], rows[wanted]
        cursor = Cursor(self.epoch, self._sent, self._cursor)
        head = b'{"now":%d,"cursor":"%s",' % (ms(self._clock()) or 0, str(cursor).encode())
        return b"".join((head, *columns(self._live, numbers, some_ids(catalogue, rows)), b"}"))

    def _mask(self, catalogue: Catalogue, under: str) -> BoolArray:
        if self._masks_of is not catalogue or len(self._masks) > 200:
            self._masks, self._masks_of = {}, catalogue
        mask = self._masks.get(under)
        if mask is None:
            mask = self._masks[under] = np.zeros(len(catalogue.points) + 1, np.bool_)
            with contextlib.suppress(NotFound):  # a reload may have removed what a client looks at
                mask[catalogue.rows(under)] = True
        return mask

    def _cut_stuck(self, now: float) -> None:
        limit = self._settings.cut_after / SECOND
        for group in self._groups.values():
            for client in group:
                if client.writing is not None and now - client.writing > limit and not client.closed:
                    client.close()
                    self._cut.inc()
                    log.warning("stream_client_cut", seconds=round(now - client.writing))


def _base36(number: int) -> str:
    digits: Sequence[str] = "0123456789abcdefghijklmnopqrstuvwxyz"
    found = ""
    while number:
        number, digit = divmod(number, 36)
        found = digits[digit] + found
    return found or "0"
