"""What the routes share: the services, and what is derived from them (catalogue, alert board, event stream).

Invariants: the catalogue follows the facility; a large one is laid out in a thread and never more than a small part of the
time, however many devices are being admitted; blocking work (SQL) runs in threads.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Annotated, Any, TypeVar, cast

import structlog
from fastapi import Depends, Request

from api.alerting import summary
from api.board import AlertBoard
from api.catalogue import Catalogue
from api.events import Events
from api.problems import Refusal
from api.services import Services
from steward.errors import NotFound
from steward.model import Point
from steward.records import AlertRecord

log = structlog.get_logger()
Result = TypeVar("Result")
SHARE = 20  # laying out takes at most 1/SHARE of the time
QUICK = 0.01  # seconds: a catalogue that is built within them is built where it is asked for


class Context:
    """One per app. `events` is what the service tells: `take_alerts` after recording, `events.publish` for the rest."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.board = AlertBoard()
        self._catalogue = Catalogue(services.facility(), services.index)
        self._cost = 0.0  # seconds that the last layout took
        self._not_before = 0.0
        self._layout: asyncio.Task[None] | None = None
        self.events = Events(services.live, lambda: self.catalogue, services.clock, services.registry, services.settings)
        self.memory: dict[str, tuple[int, Any]] = {}
        self.mains: dict[tuple[str, str], tuple[list[Point], list[Point]]] = {}
        self.mains_of: Catalogue | None = None

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue of the facility as it stands, or of a moment ago while a large one is laid out again."""
        if self._catalogue.facility is not self.services.facility():
            if self._cost < QUICK:
                self._lay_out()
            elif self._layout is None and time.monotonic() >= self._not_before:
                self._layout = asyncio.get_running_loop().create_task(self.renew())
        return self._catalogue

    async def renew(self) -> None:
        """Lays the facility out anew, in a thread."""
        try:
            await asyncio.to_thread(self._lay_out)
        finally:
            self._layout = None
            self._not_before = time.monotonic() + SHARE * self._cost

    def _lay_out(self) -> None:
        facility = self.services.facility()
        if self._catalogue.facility is facility:
            return
        started = time.perf_counter()
        catalogue = Catalogue(facility, self.services.index)
        self.services.live.rebind(facility)
        self._cost = time.perf_counter() - started
        self._catalogue = catalogue
        self.memory = {}
        self.events.publish("facility", {"points": len(catalogue.points), "nodes": len(catalogue.nodes)})

    def take_alerts(self, records: Iterable[AlertRecord]) -> None:
        """Shows changed alerts: on the board and in the stream. Thread-safe; call it with what `record_alerts` returns."""
        changed = [record for record in records if record.alert.fired is not None]
        self.board.take(changed)
        catalogue = self._catalogue
        self.events.publish_all(("alert", summary(self, record), catalogue.home(record.alert.target)) for record in changed)

    def key(self, under: str) -> str:
        """The key of a node or device, given as key or bare id; "" for everything. Raises NotFound."""
        if not under:
            return ""
        catalogue = self.catalogue
        device = under.removeprefix("device:")
        try:
            return catalogue.node(under).key
        except NotFound:
            if device not in catalogue.facility.devices:
                raise
            return f"device:{device}"

    async def remembered(self, name: str, age: int, make: Callable[[], Any]) -> Any:
        """What the async `make` gave at most `age` ns ago under `name`."""
        now = self.services.clock()
        held = self.memory.get(name)
        if held is None or now - held[0] > age or now < held[0]:
            held = self.memory[name] = (now, asyncio.ensure_future(make()))
        try:
            return await asyncio.shield(held[1])
        except BaseException:
            if self.memory.get(name) is held and held[1].done():
                del self.memory[name]
            raise


def context(request: Request) -> Context:
    """The context of the app that a request came to. Raises Refusal (422) where its address holds a NUL: no text that we
    keep or look for does, and PostgreSQL stores none."""
    if "\x00" in request.scope["path"] or b"%00" in request.scope["query_string"]:
        raise Refusal(422, "the address holds a NUL character, expected text without")
    return cast(Context, request.app.state.context)


Here = Annotated[Context, Depends(context)]


async def in_thread(work: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
    """Runs blocking work (SQL) in a thread."""
    return await asyncio.to_thread(work, *arguments, **named)
