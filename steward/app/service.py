"""The service: builds every part, connects them, runs them, takes them down. Everything that meets, meets here.

Start: records, facility, store behind its spool, live values, rules (restored and replayed), broker, collectors, jobs.
Stop: the other way round, so that what was read is durable and judged before the state is saved. Embeddable: tests run it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import structlog
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Gauge

from api import (
    ApiSettings,
    DeviceState,
    Services,
    StorageState,
    Wording,
    create_app,
    take_alerts,
)
from collectors.broker import EmbeddedBroker
from collectors.mqtt import MqttConnection
from collectors.pipeline import BatchLimits, Committed, Pipeline
from collectors.quarantine import Quarantine
from collectors.routing import Routing
from steward import __version__
from steward.app import brokers
from steward.app.alerts.corrections import Corrections
from steward.app.alerts.costs import PRICE_EVERY, AlertCosts, costs_of, late_price
from steward.app.alerts.desk import AlertDesk
from steward.app.alerts.judge import Judge, rules_of, worded
from steward.app.alerts.rulebook import Rulebook
from steward.app.consumption.expected import Expectations, expectations, schedule_expected
from steward.app.consumption.service import consumptions
from steward.app.directory import Directory
from steward.app.fleet import Devices
from steward.app.jobs import Jobs
from steward.app.ledger.archive import Archive
from steward.app.ledger.bookkeeping import book, books_of, schedule
from steward.app.ledger.books import Books
from steward.app.ledger.desk import LedgerDesk
from steward.app.money.cashier import Cashier, calendar_doubts
from steward.app.notices.service import NoticeService
from steward.app.states import broker_states
from steward.app.stores import open_url, store_of
from steward.app.trials.desk import Desk
from steward.app.trials.runs import Trials
from steward.config import Settings
from steward.errors import ConfigError, NotPossible, Problem, StewardError
from steward.live import LiveState
from steward.model import Batch, Facility, PointIndex
from steward.records import AlertRecord, Records
from steward.store.spool import SpooledStore
from steward.units import DAY, MINUTE, SECOND

log = structlog.get_logger()

LOOK_BACK = 7 * DAY
"""How old a point's newest sample may be to be shown after a start."""
SAVE_EVERY = 60.0
CORRECT_EVERY = 15.0
CLOCK_GRACE = 10 * MINUTE
"""A clock is taken to be right again when its device has been heard for so long without a wrong time."""
FIXED = ("brokers", "store", "records", "spool", "batch", "clock", "api")
"""Parts of the settings that a running service cannot change: a reload that changes one is refused, naming it."""


class Steward:
    """One service for one facility, from `start` to `stop`; `app` is its API.

    data: folder that relative paths of the facility file belong to; reread: reads the facility file again, for reloads.
    `start` raises ConfigError for what is wrong with rules, templates or secrets.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], int],
        environ: Mapping[str, str],
        data: Path,
        reread: Callable[[], Settings] | None = None,
        hosts: tuple[str, ...] = (),
    ) -> None:
        self.settings, self.clock, self.environ, self.data = settings, clock, environ, data
        self._reread, self._hosts = reread, hosts
        self.registry = CollectorRegistry()
        self.index = PointIndex(settings.facility.points)
        self.records = Records(open_url(settings, environ, data))
        self.quarantine = Quarantine()
        self._rulebook = Rulebook()
        self.brokers: dict[str, EmbeddedBroker] = {}
        self.connections: list[MqttConnection] = []
        self._since: dict[str, int] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._deaf: set[str] = set()
        self._stale = asyncio.Event()
        Gauge("steward_info", "Version", ["version"], registry=self.registry).labels(__version__).set(1)

    async def start(self) -> None:
        """Brings everything up; returns when the API may be served. Raises StewardError, and then nothing is left running."""
        async with contextlib.AsyncExitStack() as undo:
            await asyncio.to_thread(self.records.open)
            undo.callback(self.records.close)
            self._loop = asyncio.get_running_loop()
            self.directory = await asyncio.to_thread(
                Directory, self.settings, self.index, self.records, self.clock, self._grown
            )
            self.store: SpooledStore = store_of(self.settings, self.directory, self.environ, self.data, self.registry)
            await self.store.open()
            undo.push_async_callback(self.store.close)
            await self._build()
            await self.judge.start(self.store)
            undo.push_async_callback(self.judge.stop)
            await self.books.start(self.store)
            undo.push_async_callback(self.books.stop)
            await self._connect(undo)
            await self.pipeline.start(self.connections)
            undo.push_async_callback(self.pipeline.stop)
            await self.notices.start({one.broker.id: one for one in self.connections})
            undo.push_async_callback(self.notices.stop)
            await self.desk.start()
            undo.push_async_callback(self.desk.stop)
            self._schedule()
            undo.push_async_callback(self._end_tasks)
            undo.push_async_callback(self.trials.close)
            self._undo = undo.pop_all()
        for doubt in calendar_doubts(self.facility, self.clock()):
            log.warning("calendar_doubtful", detail=doubt)
        log.info("started", version=__version__, points=len(self.facility.points), devices=len(self.facility.devices))

    async def stop(self) -> None:
        """Takes everything down in order; may be called once after a good start."""
        await self._undo.aclose()
        log.info("stopped")

    @property
    def facility(self) -> Facility:
        """The facility as it stands."""
        return self.directory.facility

    async def reload(self) -> None:
        """Reads the facility file again and takes it whole without losing a message, or raises ConfigError and changes
        nothing."""
        if self._reread is None:
            raise NotPossible("this service was not started from a facility file: there is nothing to reload")
        settings = await asyncio.to_thread(self._reread)
        changed = [part for part in FIXED if getattr(settings, part) != getattr(self.settings, part)]
        if changed:
            raise ConfigError([Problem(part, "cannot change while running", "a restart") for part in changed])
        facility = await asyncio.to_thread(self.directory.prepare, settings)
        rules = await asyncio.to_thread(rules_of, settings, facility)
        plan = self.notices.prepare(settings, facility)
        routing = self._routing(facility, settings)
        self.pipeline.reroute(routing)
        self.settings = settings
        facility = await asyncio.to_thread(self.directory.take, settings)
        await self._rebind(facility)
        await self.judge.rebind(rules, facility)
        await self.books.rebind(facility, settings.meters, settings.ledger)
        await self.desk.rebind(facility, settings.desk, self.judge.masks)
        await self.notices.renew(plan)
        brokers.renew_wills(settings, self.connections)
        self.quarantine.adopted(lambda one: routing.find(one.broker, one.format, one.template, one.address) is not None)
        log.info("reloaded", points=len(facility.points), devices=len(facility.devices), rules=len(rules))

    # -- building

    async def _build(self) -> None:
        facility = self.facility
        self.archive = Archive(self.store, lambda: getattr(self, "books", None))
        self.live = LiveState(self.index, facility)
        latest = await self._latest()
        self.live.load(latest)
        self.devices = Devices(facility, self.index)
        rules = await asyncio.to_thread(rules_of, self.settings, facility)
        self.trials: Trials = Trials(lambda: self.facility, self.index, self.archive, self.clock, price=late_price(self))
        self.notices = NoticeService(
            self.settings,
            self.environ,
            lambda: self.facility,
            lambda id: self.judge.engine.rules.get(id),
            self.index,
            self.records,
            self.clock,
            self.registry,
        )
        self.corrections = Corrections(
            lambda: self.judge.engine, self.index, self.archive, self.records, self.clock, self._told, self.registry,
            behind=lambda: self.store.status().samples > 0,
        )  # fmt: skip
        await self.corrections.start(latest)
        self.desk: AlertDesk = AlertDesk(
            self.records, facility, self.settings.desk, lambda id: self.judge.masks(id), self.clock,
            self._show, self.notices.take, self.registry, rules=lambda: self.judge.engine.rules.keys(),
        )  # fmt: skip
        self.money: Cashier = Cashier(
            lambda: self.settings.money, lambda: self.facility, lambda: getattr(self, "books", None), self.records, self.clock
        )
        self.consumptions = consumptions(self, lambda: getattr(self, "books", None), self.money, self._wording)
        parts = (self.index, self.records, self.live, self.store)
        self.books: Books = books_of(self.settings, facility, parts, self.clock, self._judged, self.registry)
        self.costs: AlertCosts = costs_of(self)
        self.expected: Expectations = expectations(self)
        self.app: FastAPI = create_app(self._services())
        self.judge: Judge = Judge(rules, facility, self.index, self.records, self.clock, self._told, self.registry)
        self.desk.on_label = self.judge.learn_from
        batch = self.settings.batch
        self.pipeline = Pipeline(
            self.store,
            self._routing(facility),
            BatchLimits(batch.max_samples, batch.max_wait / SECOND),
            self.quarantine,
            clock=self.clock,
            on_committed=self._committed,
            registry=self.registry,
        )

    async def _latest(self) -> Batch:
        try:
            return await self.store.latest(None, self.clock() - LOOK_BACK)
        except StewardError as error:  # the store is down: live values come with the next samples
            log.warning("latest_not_loaded", error=str(error))
            return Batch.of([], [], [])

    def _routing(self, facility: Facility, settings: Settings | None = None) -> Routing:
        clock = self.settings.clock
        return Routing(
            facility, self.index, future_limit=clock.future_limit, skew_limit=clock.skew_limit, admit=self.directory.admit,
            own=self.notices.topics_with(settings or self.settings),
        )  # fmt: skip

    async def _connect(self, undo: contextlib.AsyncExitStack) -> None:
        for table in self.settings.brokers:
            url = ""
            if table.embedded:
                server = brokers.embedded(table, self.settings, self.environ, self.data)
                await server.start()
                undo.push_async_callback(server.stop)
                self.brokers[table.id], url = server, server.url
            self.connections.append(
                brokers.connection(table, self.settings, self.environ, self.data / "data" / "sessions", url)
            )

    def _services(self) -> Services:
        api = self.settings.api
        return Services(
            facility=lambda: self.facility,
            index=self.index,
            live=self.live,
            store=self.archive,
            records=self.records,
            clock=self.clock,
            registry=self.registry,
            settings=ApiSettings(tick=api.live_interval, summary_age=15 * SECOND, hosts=self._hosts),
            quarantine=self.quarantine,
            devices=self._device_states,
            brokers=lambda: broker_states(self.connections, self._since),
            storage=self._storage_state,
            jobs=lambda: self.jobs.status(),
            rules=lambda: self._rulebook.states(self.judge.engine, self.facility, self.settings.packs),
            wording=self._wording,
            reload=self.reload,
            money=self.money,
            energy=self.consumptions.desk,
            reports=self.consumptions.shelf,
            desk=self.desk,
            ledger=LedgerDesk(self.books, self.clock, self.money.billing_day),
            notices=self.notices,
            trials=Desk(self.trials, lambda: self.facility, lambda: self.settings.packs, self.desk.labels),
        )

    def _schedule(self) -> None:
        self.jobs = Jobs(self.records, self.clock, self.registry)
        self.jobs.nightly("compact", "01:10", self.store.compact)
        self.jobs.nightly("retain", "01:40", self._retain)
        self.jobs.nightly("report", "22:30", self.consumptions.write_report)
        self.jobs.every("save", SAVE_EVERY, self.judge.save)
        schedule(self.jobs, self.books)
        self.jobs.every("corrections", CORRECT_EVERY, self.corrections.run)
        self.jobs.every("prices", PRICE_EVERY, self.costs.run)
        schedule_expected(self.jobs, self.expected)
        self.jobs.start()
        self._tasks = [
            asyncio.create_task(self._every_second(), name="ticks"),
            asyncio.create_task(self._follow(), name="admissions"),
            asyncio.create_task(self.desk.run(), name="desk"),
        ]

    async def _end_tasks(self) -> None:
        self.jobs.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- running

    async def _committed(self, committed: Committed) -> None:
        """A commit, in order: live values, devices, then rules."""
        self.live.update(committed.batch)
        self.devices.commit(committed.batch, committed.seen, committed.presence)
        births, deaths = committed.births, committed.deaths
        if births:
            self.live.births(self.devices.points_of(births))
        if deaths:
            self.live.deaths(self.devices.points_of(deaths), self.clock())
        await self.judge.commit(committed.batch, births, deaths)
        await book(self.books, committed.batch)
        self.corrections.note(committed.batch)

    async def _judged(self, batch: Batch) -> None:
        await self.judge.commit(batch, (), ())

    def _show(self, changed: Sequence[AlertRecord]) -> None:
        take_alerts(self.app, changed)

    def _told(self, changed: Sequence[AlertRecord]) -> None:
        take_alerts(self.app, changed)
        self.costs.note(changed)
        self.desk.take(changed)

    async def _every_second(self) -> None:
        while True:
            await asyncio.sleep(1)
            try:
                await self._listen()
                await self.judge.tick()
                await self.books.tick()
                self.notices.tick(self.live)
            except Exception:  # the task boundary: time must go on passing
                log.exception("tick_failed")

    async def _listen(self) -> None:
        """Silence of devices says nothing while their broker, or the way into the store, is away."""
        status = self.pipeline.status()
        deaf = {one.broker for one in status.connections if one.state != "ready"}
        if status.write_error:
            deaf = {one.broker for one in status.connections}
        for broker in deaf ^ self._deaf:
            devices = [device.id for device in self.facility.devices.values() if device.broker in ("", broker)]
            self._since[broker] = self.clock()
            await (self.judge.pause(devices) if broker in deaf else self.judge.resume(devices))
        self._deaf = deaf

    def _grown(self) -> None:
        """From any thread: devices were admitted."""
        self._loop.call_soon_threadsafe(self._stale.set)

    async def _follow(self) -> None:
        """Binds admitted devices to live values and rules, many at a time."""
        while True:
            await self._stale.wait()
            self._stale.clear()
            facility = self.facility
            try:
                await self._rebind(facility)
                rules = await asyncio.to_thread(rules_of, self.settings, facility)
                await self.judge.rebind(rules, facility)
                await self.books.rebind(facility, self.settings.meters)
                await self.desk.rebind(facility, self.settings.desk, self.judge.masks)
            except Exception:  # the task boundary
                log.exception("admission_not_followed")
            await asyncio.sleep(0.5)

    async def _rebind(self, facility: Facility) -> None:
        await asyncio.to_thread(self.live.rebind, facility)
        await asyncio.to_thread(self.devices.rebind, facility)
        self.store.refresh()

    async def _retain(self) -> None:
        await self.store.retain(self.clock() - self.settings.store.retention)
        await asyncio.to_thread(self.records.retain, self.clock() - self.settings.records.retention)
        await asyncio.to_thread(self.desk.rows.retain, self.clock() - 30 * DAY)
        await self.notices.retain()

    # -- what the API asks

    def _device_states(self) -> Mapping[str, DeviceState]:
        wrong = {clock.device: clock for clock in reversed(self.quarantine.clocks())}
        states = {}
        for device, (seen, dead, samples) in self.devices.states().items():
            clock = wrong.get(device)
            still = clock is not None and (seen is None or clock.last >= seen - CLOCK_GRACE)
            states[device] = DeviceState(seen, clock.offset if clock is not None and still else None, samples, dead)
        return states

    def _storage_state(self) -> StorageState:
        spool = self.store.status()
        error = self.pipeline.status().write_error or spool.error
        return StorageState(self.settings.store.engine, error, None, spool.size, spool.limit, spool.samples)

    def _wording(self, record: AlertRecord, facility: Facility) -> Wording:
        return worded(record, self.judge.engine.rules.get(record.alert.rule), facility)
