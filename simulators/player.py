"""Plays a simulated campus against a broker: the past as fast as the broker takes it, then live.

The clock is given (`clock() -> ns`); live, simulated time runs `speed` times as fast from the moment the past is played.
Sparkplug rebirth commands are answered. Payloads are encoded ahead of the window, so that encoding and the broker overlap.
The session is one connection whose last will is the Sparkplug node's death, as the specification asks.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from simulators.campus import Campus
from simulators.devices import Feed, Impairments
from simulators.encoders import Publication
from simulators.encoders.sparkplug import Sparkplug
from simulators.faults import SECOND, Fault, write_labels
from simulators.publisher import Publisher, Will
from simulators.wire import HOUR, Wire

Progress = Callable[["Played"], None]


@dataclass(slots=True)
class Played:
    """How far a player is: `at` in simulated ns, messages sent and acknowledged, live or still in the past."""

    at: int
    sent: int = 0
    acknowledged: int = 0
    live: bool = False


@dataclass(frozen=True, slots=True)
class Options:
    """How to play; times in ns.

    past: history before now; start: when the campus began, instead of `past` (the same start gives the same campus again);
    since: what was sent before it is simulated and not published (a restart goes on there); end: simulated time to stop at
    (None: never); speed: live, simulated seconds per second; pace: multiplies all device intervals; season_days: see Campus;
    step: simulated time per batch when live; window: messages under way; labels: where the ground truth is written.
    """

    seed: int = 1
    past: int = 24 * HOUR
    start: int | None = None
    since: int = 0
    end: int | None = None
    speed: float = 1.0
    pace: float = 1.0
    season_days: float = 0.0
    step: int = SECOND
    window: int = 4000
    impairments: Impairments | None = None
    labels: Path | None = None
    client_id: str = "steward-simulator"


async def play(
    url: str,
    clock: Callable[[], int],
    options: Options | None = None,
    faults: tuple[Fault, ...] = (),
    *,
    username: str = "",
    password: str = "",
    progress: Progress | None = None,
    stop: asyncio.Event | None = None,
) -> Played:
    """Plays until `stop` is set or `options.end` is reached; returns what was played. Raises BrokerError."""
    options = options or Options()
    stop = stop or asyncio.Event()
    now = clock()
    start = now - options.past if options.start is None else options.start
    campus = Campus(options.seed, start, faults, season_days=options.season_days)
    wire = Wire(Feed(campus, options.impairments, pace=options.pace))
    if options.labels is not None:
        write_labels(options.labels, wire.labels())
    played = Played(campus.start)
    node = next((device for device in campus.plan.gateways if device.template.format == "sparkplug"), None)
    sparkplug = wire.encoders.get("sparkplug")
    will = None
    if node is not None and isinstance(sparkplug, Sparkplug):
        last = sparkplug.death(node, now)[0]
        will = Will(last.topic, last.payload)
    publisher = Publisher(url, options.client_id, will=will, window=options.window, username=username, password=password)
    async with publisher:
        if node is not None:
            group, _, name = node.address.partition("/")
            await publisher.subscribe(f"spBv1.0/{group}/NCMD/{name}", lambda _topic, _payload: wire.ask_rebirth())
        session = _Session(wire, publisher, played, progress, stop)
        end = options.end if options.end is not None else 1 << 62
        await session.skip(min(options.since, now, end))
        await session.past(min(now, end))
        await session.live(clock, options.speed, options.step, end)
        if options.labels is not None:
            write_labels(options.labels, wire.labels())
        if node is not None and isinstance(sparkplug, Sparkplug):
            await publisher.publish(sparkplug.death(node, played.at))
    played.acknowledged = publisher.acknowledged
    return played


@dataclass(slots=True)
class _Session:
    wire: Wire
    publisher: Publisher
    played: Played
    progress: Progress | None
    stop: asyncio.Event

    async def skip(self, until: int) -> None:
        """Lives through what was published in an earlier run."""
        if until > self.played.at:
            await asyncio.to_thread(self.wire.skip, self.played.at, until)
            self.played.at = until

    async def past(self, until: int) -> None:
        """History, an hour at a time, encoded in a thread while the hour before is on its way."""
        at = self.played.at
        ahead = asyncio.create_task(asyncio.to_thread(self.wire.publications, at, min(at + HOUR, until)))
        while at < until and not self.stop.is_set():
            messages, at = await ahead, min(at + HOUR, until)
            ahead = asyncio.create_task(asyncio.to_thread(self.wire.publications, at, min(at + HOUR, until)))
            await self._send(messages, at)
        messages = await ahead
        if messages:
            await self._send(messages, at)
        await self.publisher.flush()

    async def live(self, clock: Callable[[], int], speed: float, step: int, end: int) -> None:
        """From where the past ended: simulated time runs `speed` times as fast as the clock."""
        begun, base = clock(), self.played.at
        self.played.live = True
        while not self.stop.is_set() and self.played.at < end:
            due = min(base + int((clock() - begun) * speed), end)
            if due - self.played.at < min(step, end - self.played.at):
                await self._pause((min(step, end - self.played.at) - (due - self.played.at)) / SECOND / speed)
                continue
            messages = await asyncio.to_thread(self.wire.publications, self.played.at, due)
            await self._send(messages, due)

    async def _send(self, messages: list[Publication], at: int) -> None:
        self.played.sent += await self.publisher.publish(messages)
        self.played.at = at
        self.played.acknowledged = self.publisher.acknowledged
        if self.progress is not None:
            self.progress(self.played)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stop.wait()
