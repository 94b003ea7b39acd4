"""The way of a message, in order, on one screen:

    receive      collectors.mqtt     a connection's thread hands over the PUBLISH frames of one receive
    decode       collectors.intake   topic -> template, decoder, device address; the payload's fields into columns
    unit         collectors.readings raw * scale + offset, declared units, words of states
    quality      collectors.readings clock rules, range, retained messages; what is rejected is counted and quarantined
    batch        collectors.intake   closed at so many samples or after so long
    write        here                one write at a time, batches that wait are joined; retried until it is durable
    acknowledge  here                only now, in the order of arrival
    publish      here                `on_committed`, in the order of commits, from one task

A store that cannot take a batch (down, slow, spool full) acknowledges nothing, fills the connections' windows and stops the
reading of sockets; nothing is dropped, and it goes on where it stood.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog
from prometheus_client import CollectorRegistry

from collectors.connection import Connection
from collectors.intake import BatchLimits, Intake, Link, Part
from collectors.metrics import IngestMetrics
from collectors.mqtt import MqttConnection
from collectors.quarantine import Quarantine
from collectors.routes import Routes
from collectors.routing import Routing
from collectors.taken import Presence
from steward.errors import SpoolFull, StoreError
from steward.model import Batch
from steward.units import SECOND

__all__ = ["BatchLimits", "Committed", "Pipeline", "PipelineStatus", "Writer"]

log = structlog.get_logger()

JOINED = 50_000
"""Samples of waiting batches that are joined into one write."""
_LONGEST_PAUSE = 5.0
_UNPUBLISHED = 4
"""Commits that may wait for `on_committed` before writing waits too."""


class Writer(Protocol):
    """What makes batches durable: a store, or a spool in front of one. Raises StoreError or SpoolFull when it cannot."""

    async def write(self, batch: Batch) -> None: ...


@dataclass(frozen=True, slots=True)
class Committed:
    """What became durable in one write. presence: births and deaths in order; seen: device id -> last arrival, ns;
    admitted: ids of devices that their templates admitted."""

    batch: Batch
    presence: Sequence[Presence]
    seen: dict[str, int]
    admitted: Sequence[str]

    @property
    def births(self) -> list[str]:
        """Devices that are alive after all births and deaths."""
        return [device for device, alive in self._last().items() if alive]

    @property
    def deaths(self) -> list[str]:
        """Devices that are lost after all births and deaths."""
        return [device for device, alive in self._last().items() if not alive]

    def _last(self) -> dict[str, bool]:
        return {presence.device: presence.alive for presence in self.presence}


OnCommitted = Callable[[Committed], Awaitable[None] | None]


@dataclass(frozen=True, slots=True)
class PipelineStatus:
    """ready: every connection has all its subscriptions and the store takes batches. queued: samples under way;
    write_error: why the store takes nothing now, ""; lag: arrival to durable of the newest write's oldest message, s."""

    ready: bool
    connections: tuple[Connection, ...]
    queued: int
    write_error: str
    lag: float


class Pipeline:
    """Runs from `start` to `stop` in one event loop. `clock` gives ns; `on_committed` may be a coroutine function."""

    def __init__(
        self,
        store: Writer,
        routing: Routing,
        limits: BatchLimits,
        quarantine: Quarantine,
        *,
        clock: Callable[[], int],
        on_committed: OnCommitted,
        registry: CollectorRegistry,
    ) -> None:
        self._store, self._routing, self._limits, self._quarantine = store, routing, limits, quarantine
        self._clock, self._on_committed = clock, on_committed
        self._connections: tuple[MqttConnection, ...] = ()
        self._intakes: list[Intake] = []
        self._waiting: deque[Part] = deque()
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._committed: asyncio.Queue[Committed] = asyncio.Queue(_UNPUBLISHED)
        self._tasks: list[asyncio.Task[None]] = []
        self._write_error, self._lag = "", 0.0
        self._metrics = IngestMetrics(registry)
        self._metrics.watch(lambda: self._connections, lambda: self._intakes)

    async def start(self, connections: Sequence[MqttConnection] = ()) -> None:
        """Connects. Raises ConfigError when a template's format, options or topic cannot be used."""
        self._loop = asyncio.get_running_loop()
        self._connections = tuple(connections)
        intakes = [(connection, self.intake(connection, connection.broker.id)) for connection in connections]
        self._tasks = [asyncio.create_task(self._write(), name="write"), asyncio.create_task(self._publish(), name="publish")]
        for connection, intake in intakes:
            connection.start(intake, intake.routes.filters)

    def intake(self, connection: Link, broker: str) -> Intake:
        """The intake of a connection, for `start` and for what brings messages by other ways (benchmarks, import)."""
        routes = Routes(self._routing, broker)
        intake = Intake(connection, broker, routes, self._limits, self._deliver)
        self._intakes.append(intake)
        return intake

    def reroute(self, routing: Routing) -> None:
        """Uses another routing from the next message on, loses none. Raises ConfigError, and then nothing has changed."""
        fresh = [Routes(routing, intake.broker, before=intake.routes) for intake in self._intakes]
        self._routing = routing
        for intake, routes in zip(self._intakes, fresh, strict=True):
            intake.renew(routes)

    async def stop(self, timeout: float = 30.0) -> None:  # noqa: ASYNC109
        """Reads nothing more, makes durable and acknowledges what was read, as far as `timeout` seconds allow; what is
        not acknowledged stays with the broker and comes again."""
        for connection in self._connections:
            await asyncio.to_thread(connection.hold)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self.drained()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        for connection in self._connections:
            await asyncio.to_thread(connection.stop)

    def status(self) -> PipelineStatus:
        """The state now."""
        connections = tuple(connection.status() for connection in self._connections)
        ready = all(connection.ready for connection in connections) and not self._write_error
        return PipelineStatus(ready, connections, sum(one.in_flight for one in self._intakes), self._write_error, self._lag)

    def _deliver(self, part: Part) -> None:
        """From a connection's thread."""
        self._loop.call_soon_threadsafe(self._accept, part)

    def _accept(self, part: Part) -> None:
        taken, broker = part.taken, part.intake.broker
        self._metrics.count(part)
        if taken.counts or taken.rejects:
            self._quarantine.add(broker, taken.rejects, taken.counts)
        if taken.unknown or taken.clocks:
            self._quarantine.note(broker, part.oldest, taken.unknown, taken.clocks)
        self._waiting.append(part)
        self._arrived.set()

    async def _write(self) -> None:
        """Write, acknowledge, hand over: for ever, one group of batches at a time."""
        while True:
            parts = await self._next()
            batch = Batch.concat([part.taken.batch for part in parts])
            if len(batch):
                await self._make_durable(batch)
            for part in parts:
                part.intake.done(part)
                self._metrics.samples.labels(part.intake.broker).inc(len(part.taken.batch))
            self._idle.set()
            self._lag = max(0, self._clock() - min(part.oldest for part in parts)) / SECOND
            self._metrics.lag.observe(self._lag)
            await self._committed.put(_committed(batch, parts))

    async def _next(self) -> list[Part]:
        """The batches that wait, oldest first, as many as may be joined."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        parts: list[Part] = []
        samples = 0
        while self._waiting and (not parts or samples + len(self._waiting[0].taken.batch) <= JOINED):
            parts.append(self._waiting.popleft())
            samples += len(parts[-1].taken.batch)
        return parts

    async def _make_durable(self, batch: Batch) -> None:
        """Returns when the batch is durable, however long that takes."""
        pause = 0.1
        while True:
            try:
                await self._store.write(batch)
            except Exception as error:  # also of a kind not meant: nothing may end this task, and nothing be dropped
                known = isinstance(error, StoreError | SpoolFull)
                if not self._write_error:
                    log.error("store_write_failed", error=str(error), samples=len(batch), exc_info=not known)
                self._write_error = str(error) or type(error).__name__
                self._metrics.failures.inc()
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                break
        if self._write_error:
            log.info("store_write_resumed")
        self._write_error = ""
        self._metrics.writes.inc()

    async def _publish(self) -> None:
        """`on_committed` in the order of commits; what it raises is its own loss."""
        while True:
            committed = await self._committed.get()
            try:
                outcome = self._on_committed(committed)
                if inspect.isawaitable(outcome):
                    await outcome
            except Exception:
                log.exception("on_committed_failed", samples=len(committed.batch))
            finally:
                self._committed.task_done()

    async def drained(self) -> None:
        """Returns once everything that was taken is durable and handed to `on_committed`."""
        while any(intake.in_flight for intake in self._intakes):
            self._idle.clear()
            await self._idle.wait()
        await self._committed.join()


def _committed(batch: Batch, parts: list[Part]) -> Committed:
    presence = [presence for part in parts for presence in part.taken.presence]
    admitted = [device for part in parts for device in part.taken.admitted]
    seen: dict[str, int] = {}
    for part in parts:
        seen.update(part.taken.seen)
    return Committed(batch, presence, seen, admitted)
