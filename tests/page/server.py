"""The page's server for tests and screenshots: the real application on real parts (live state, DuckDB store, SQL records).

`Service` runs uvicorn in a thread of its own on a free port; `say` moves live values, `tell` states alerts, as the running
service would. Nothing here is a stand-in for a part of the product except the quarantine's entries, which are typed in.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from api.app import create_app, take_alerts
from api.services import ApiSettings, BrokerState, DeviceState, Services, StorageState
from rules.masking import Masks
from steward.app.alerts.desk import AlertDesk
from steward.config.desk import DeskSettings
from steward.live import LiveState
from steward.model import Alert, Batch
from steward.records import Records
from steward.records.desk import DeskRecords
from steward.store.embedded import EmbeddedStore
from steward.units import HOUR, MINUTE, SECOND
from tests.page.campus import HOSTILE, SILENT, Campus, alerts, history, newest

TICK = 200_000_000
"""Live values are sent to the page this often, ns."""


@dataclass(frozen=True)
class Kept:
    """A message in quarantine."""

    topic: str
    reason: str
    payload: bytes
    detail: str = ""
    address: str = ""
    broker: str = "main"
    template: str = ""
    cut: bool = False
    count: int = 1
    first: int = 0
    last: int = 0


@dataclass(frozen=True)
class Stranger:
    """An address that no device has."""

    address: str
    fields: dict[str, Any]
    broker: str = "main"
    template: str = ""
    format: str = "json"
    count: int = 12
    first: int = 0
    last: int = 0


@dataclass
class Shelf:
    """A quarantine with entries typed in."""

    entries: list[Kept] = field(default_factory=list)
    unknown: list[Stranger] = field(default_factory=list)

    def list(
        self, *, broker: str | None = None, topic: str | None = None, reason: str | None = None, limit: int = 100
    ) -> Sequence[Kept]:
        """Entries of a reason, newest first."""
        return [entry for entry in self.entries if reason in (None, entry.reason)][:limit]

    def counts(self) -> dict[str, int]:
        """By reason."""
        found: dict[str, int] = {}
        for entry in self.entries:
            found[entry.reason] = found.get(entry.reason, 0) + entry.count
        return found

    def strangers(self) -> Sequence[Stranger]:
        """All of them."""
        return self.unknown


def shelf(now: int) -> Shelf:
    """What an integrator finds on a Monday: a wrong format, a value out of range, an attack, a stranger."""
    hostile = '{"name": "<script>window.hacked=1</script>", "v": "' + HOSTILE[:40] + '"}'
    return Shelf(
        [
            Kept("campus/b/dev<b>9</b>/up", "wrong_shape", hostile.encode(), HOSTILE[:60], count=3, last=now - MINUTE),
            Kept("campus/a/em-a/up", "out_of_range", b'{"power": 9.9e9}', "a.main.power: 9.9e9 W", "em-a", count=41, last=now),
            Kept("campus/x/up", "not_json", b"\xff\xfe\x00binary", "", last=now - HOUR),
        ],
        [Stranger("shelly-7F21", {"temperature": 21.4, "battery": 88}, last=now - MINUTE)],
    )


class Service:
    """The service over a campus. `url` ends without a slash; use as a context manager."""

    def __init__(
        self, folder: Path, campus: Campus, *, with_alerts: bool = True, with_history: bool = True, port: int = 0
    ) -> None:
        self.campus, self._folder = campus, folder
        self._with_alerts, self._with_history = with_alerts, with_history
        self.live = LiveState(campus.index, campus.facility)
        self.store = EmbeddedStore(folder / "samples.duckdb", campus.index)
        self.records = Records(f"sqlite:///{folder / 'records.db'}")
        self.shelf = shelf(time.time_ns())
        self.port = port
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._server: uvicorn.Server | None = None
        self.app: FastAPI

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(180), "the service did not come up"
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the server and waits for it."""
        if self._server is not None:
            self._server.should_exit = True
        self._thread.join(60)

    def say(self, point: str, value: float, at: int | None = None, quality: int = 0) -> None:
        """A point says something now."""
        moment = time.time_ns() if at is None else at
        number = self.campus.index.add(point)
        self.live.update(Batch.of([number], [moment], [value], received=[time.time_ns()], quality=[quality]))

    def tell(self, *stated: Alert) -> None:
        """The rules engine states alerts."""
        changed = self.records.record_alerts(list(stated), time.time_ns())
        self.app.state.context.take_alerts(changed)
        self._loop.call_soon_threadsafe(self.desk.take, changed)

    def masks(self, rule: str) -> Masks:
        """What alerts of a rule mask: nothing here."""
        return ""

    async def _serve(self) -> None:
        now = time.time_ns()
        self.records.open()
        await self.store.open()
        await self._seed(now)
        self._loop = asyncio.get_running_loop()
        self.desk = AlertDesk(
            self.records, self.campus.facility, DeskSettings(), self.masks, time.time_ns,
            lambda changed: take_alerts(self.app, changed), lambda transitions: None, CollectorRegistry(),
        )  # fmt: skip
        self.app = create_app(self._services(now))
        await self.desk.start()
        running = asyncio.create_task(self.desk.run())
        config = uvicorn.Config(
            self.app, host="127.0.0.1", port=self.port, log_config=None, timeout_graceful_shutdown=1, lifespan="on"
        )
        self._server = uvicorn.Server(config)
        task = asyncio.create_task(self._server.serve())
        while not self._server.started:
            await asyncio.sleep(0.01)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]
        self._ready.set()
        await task
        running.cancel()
        await self.desk.stop()
        await self.store.close()
        self.records.close()

    async def _seed(self, now: int) -> None:
        if not self._with_history:
            return
        samples = history(self.campus, now)
        if await self.store.count() == 0:
            await self.store.write(samples)
        self.live.load(newest(samples))
        if self._with_alerts:
            told = self.records.record_alerts(alerts(now), now)
            battery = next(record for record in told if record.alert.rule == "fleet.battery")
            seen = {"human": "acknowledged", "acknowledged_at": now - HOUR, "acknowledged_by": "Li Wei"}
            DeskRecords(self.records.database).act(
                [battery.id], lambda record: seen, "acknowledged", "Li Wei", "due on Friday", now - HOUR
            )

    def _services(self, now: int) -> Services:
        states = {id: DeviceState(offset=40_000_000, samples=5_310) for id in self.campus.facility.devices}
        states["tr-0"] = DeviceState(offset=8 * HOUR, samples=911)
        states["gw-b"] = DeviceState(seen=now - SILENT, samples=48_211)
        states["bad<1>"] = DeviceState()
        refused = BrokerState("main", "mqtt://127.0.0.1:1883", True, now, 1000, {"secret/#": "not authorised"})
        return Services(
            facility=lambda: self.campus.facility,
            index=self.campus.index,
            live=self.live,
            store=self.store,
            records=self.records,
            clock=time.time_ns,
            registry=CollectorRegistry(),
            settings=ApiSettings(tick=TICK, heartbeat=5 * SECOND),
            desk=self.desk,
            quarantine=self.shelf,
            devices=lambda: states,
            brokers=lambda: [refused],
            storage=lambda: StorageState(engine="embedded", samples=56_988, spool_limit=1 << 30),
        )
