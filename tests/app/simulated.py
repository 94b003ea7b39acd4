"""The simulated campus through a whole service: decoders, pipeline, store, ledger, derived points, rules, desk, records.

Only the broker is left out: the messages that the campus would publish are put into the intake of a connection. The clock is
the simulation's: ticks and jobs come at simulated times, so that a play is the same on a slow machine and on a fast one. A
play may go on in another service on the same folder, as after a restart.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from simulators.campus import Campus
from simulators.devices import Feed
from simulators.facility import campus_rules, campus_toml
from simulators.faults import Fault, Label
from simulators.week import MONDAY
from simulators.wire import Wire
from steward.app.checking import read
from steward.app.service import Steward
from steward.records import AlertRecord
from steward.units import DAY, HOUR, MINUTE

STEP = 4 * MINUTE
"""Simulated time between ticks: less than what the engine takes for a wrong clock."""
LONG_STEP = 30 * MINUTE
"""The same for long plays: the service hears of half an hour at once, as after a short outage of the network."""


class Nobody:
    """A connection without a broker."""

    def acknowledge(self, packets: bytes, count: int, session: int) -> None: ...
    def publish(self, topic: str, payload: bytes, qos: int = 0) -> None: ...
    def subscribe(self, filters: Iterable[str]) -> None: ...
    def wake(self) -> None: ...


class Simulated(Steward):
    """A service for which time passes only when it is told."""

    async def _every_second(self) -> None: ...


@dataclass(frozen=True)
class Fired:
    """An alert that fired; hours since the start."""

    rule: str
    target: str
    since: float
    fired: float
    resolved: float | None


class World:
    """A campus from `begin` (ns) on and the service that listens to it.

    least: shortest interval of what stands still, s; step: simulated time between ticks, ns; more: further rules as TOML.
    """

    def __init__(
        self,
        folder: Path,
        faults: tuple[Fault, ...],
        packs: tuple[str, ...],
        *,
        least: int = 1,
        step: int = STEP,
        begin: int = MONDAY,
        more: str = "",
    ) -> None:
        self.folder, self.step, self.begin, self.now = folder, step, begin, begin
        self.file = folder / "campus.toml"
        self.file.write_text(campus_toml(data=".", packs=packs, least=least, rules=campus_rules() + more), encoding="utf-8")
        self._heard = begin
        self.wire = Wire(Feed(Campus(1, begin, faults), least=least))

    async def start(self) -> None:
        """Starts a service on the folder: a new one, or the one of before."""
        settings = dataclasses.replace(read(self.file), brokers=())
        self.steward = Simulated(settings, clock=lambda: self.now, environ={}, data=self.folder)
        await self.steward.start()
        self.steward.jobs.stop()
        await asyncio.sleep(0)  # the scheduler stops in the loop
        self._intake = self.steward.pipeline.intake(Nobody(), "main")

    async def play(self, days: float) -> None:
        """Lets the campus speak until so many days after the start."""
        steward = self.steward
        while self.now < self.begin + days * DAY:
            begin, self.now = self.now, self.now + self.step
            for publication in self.wire.publications(begin, self.now):
                frame = (publication.topic.encode(), publication.payload, b"", int(publication.retain))
                self._heard = max(publication.sent, self._heard + 1)  # no two messages arrive at one moment
                self._intake.take([frame], self._heard, 1, 0.0)
            self._intake.flush()
            await steward.pipeline.drained()
            await steward.judge.tick()
            await steward.books.tick()
            await steward.books.idle()  # else what the worker tells would come at other simulated times on a slow machine
            if (self.now - self.begin) % DAY == 0:
                await self._night()

    async def _night(self) -> None:
        """What the service does once a day: closing and learning, models, quotas, what late samples would have changed."""
        await self.steward.books.nightly()
        await self.steward.expected.fit()
        await self.steward.expected.pace()
        await self.steward.corrections.run()
        await self.steward.judge.save()

    async def restart(self) -> None:
        """Stops the service in order and starts it again: the campus speaks on, and says who it is (births) first."""
        await self.stop()
        await self.start()
        self.wire.ask_rebirth()

    async def settle(self) -> None:
        """Waits until what was heard is booked and seen to."""
        await self.steward.books.idle()
        await self.steward.desk.tick()

    async def stop(self) -> None:
        """Stops the service."""
        await self.settle()
        await self.steward.stop()

    def records(self) -> list[AlertRecord]:
        """The alerts that fired, as they stand in the records."""
        return [record for record in self.steward.records.alerts(limit=1000).alerts if record.alert.fired is not None]

    def fired(self) -> list[Fired]:
        """The alerts that fired, in order of `since`."""
        alerts = [record.alert for record in self.records()]
        told = [
            Fired(
                alert.rule, alert.target, self.hour(alert.since), self.hour(alert.fired or 0),
                None if alert.resolved is None else self.hour(alert.resolved),
            )
            for alert in alerts
        ]  # fmt: skip
        return sorted(told, key=lambda alert: alert.since)

    def labels(self) -> list[Label]:
        """The truth."""
        return self.wire.labels()

    def hour(self, moment: int) -> float:
        """ns -> hours since the start."""
        return (moment - self.begin) / HOUR
