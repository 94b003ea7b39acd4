"""A small facility with a real store and real records behind a real app; time stands where its user puts it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from api import ApiSettings, Context, Services, create_app
from steward.app.alerts.desk import AlertDesk
from steward.config import parse
from steward.config.desk import DeskSettings
from steward.live import LiveState
from steward.model import Alert, Batch, Condition, Facility, PointIndex, Severity
from steward.records import Records, Transition
from steward.store.embedded import EmbeddedStore
from steward.units import HOUR, MINUTE, SECOND

NOW = 1_795_500_000 * SECOND
FILE = """
[facility]
id = "linhai"
name = { en = "Linhai Government Campus", zh = "临海市行政中心" }
[[broker]]
id = "main"
url = "mqtt://127.0.0.1:1"
[[organisation]]
id = "zj"
name = { en = "Zhejiang", zh = "浙江省" }
kind = "province"
[[organisation]]
id = "linhai-city"
name = "Linhai"
parent = "zj"
[[site]]
id = "block-a"
name = { en = "Block A", zh = "A座" }
organisation = "linhai-city"
time_zone = "Asia/Shanghai"
latitude = 28.85
longitude = 121.14
area_m2 = 12800
[[site]]
id = "garage"
name = { en = "Garage", zh = "车库" }
organisation = "linhai-city"
[[space]]
id = "block-a.plant"
name = { en = "Plant room", zh = "冷站" }
site = "block-a"
[[equip]]
id = "block-a.meter"
name = "Main meter"
type = "meter"
site = "block-a"
feeds = ["block-a.chiller-2"]
[[equip]]
id = "block-a.chiller-2"
name = { en = "Chiller 2", zh = "2号冷水机组" }
type = "chiller"
space = "block-a.plant"
rated_power = "200kW"
[[equip]]
id = "car-1"
name = { en = "Car 1", zh = "1号车" }
type = "vehicle"
site = "garage"
plate = "浙A·0312"
[[template]]
id = "plain"
format = "native"
[[device]]
id = "meter"
name = "Meter <b>bold</b>"
template = "plain"
broker = "main"
address = "m 1"
site = "block-a"
[[device]]
id = "chiller"
template = "plain"
broker = "main"
site = "block-a"
gateway = "meter"
[[point]]
id = "block-a.power"
name = { en = "Power", zh = "总功率" }
metric = "power"
unit = "kW"
device = "meter"
field = "p"
equip = "block-a.meter"
interval = "1m"
role = "main"
[[point]]
id = "block-a.energy"
metric = "energy"
unit = "kWh"
device = "meter"
field = "e"
equip = "block-a.meter"
interval = "1m"
role = "main"
[[point]]
id = "block-a.chiller-2.power"
name = { en = "Chiller power", zh = "冷机功率" }
metric = "power"
unit = "kW"
device = "chiller"
field = "p"
equip = "block-a.chiller-2"
interval = "1m"
low = 0
high = 250
[[point]]
id = "block-a.chiller-2.on"
metric = "on"
device = "chiller"
field = "on"
equip = "block-a.chiller-2"
states = { 0 = "off", 1 = "on" }
[[point]]
id = "car-1.ignition"
metric = "ignition"
equip = "car-1"
[[point]]
id = "block-a.outdoor"
metric = "temperature"
site = "block-a"
interval = "10m"
"""


UNNAMED = re.compile(r'(\[\[(?:site|space|equip)\]\]\nid = "([^"]+)"\n)(?!name)')


def facility(text: str = FILE) -> Facility:
    """The facility of a text; places without a name get their id for one."""
    text = UNNAMED.sub(r'\1name = "\2"\n', text)
    return parse([("f.toml", text)]).facility


@dataclass
class World:
    """The service around the app: the parts that a test may move."""

    facility: Facility
    index: PointIndex
    live: LiveState
    store: EmbeddedStore
    records: Records
    now: int = NOW
    more: dict[str, Any] = field(default_factory=dict)
    app: FastAPI = field(default_factory=FastAPI)
    http: httpx.AsyncClient = field(default_factory=httpx.AsyncClient)

    @property
    def context(self) -> Context:
        context = self.app.state.context
        assert isinstance(context, Context)
        return context

    def build(self, settings: ApiSettings | None = None, *, desk: DeskSettings | None = None, **more: Any) -> None:
        self.told: list[Transition] = []
        registry, numbers = CollectorRegistry(), count(1)
        self.desk = AlertDesk(
            self.records, self.facility, desk or DeskSettings(), lambda rule: "below" if rule == "no-supply" else "",
            lambda: self.now, lambda changed: self.context.take_alerts(changed), self.told.extend, registry,
            lambda: f"{next(numbers):04}",
        )  # fmt: skip
        services = Services(
            facility=lambda: self.facility,
            index=self.index,
            live=self.live,
            store=self.store,
            records=self.records,
            clock=lambda: self.now,
            registry=registry,
            settings=settings or ApiSettings(),
            **{"desk": self.desk, **more},
        )
        self.app = create_app(services)
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://steward")

    async def sample(self, point: str, value: float, ago: int = 0, stored: bool = True, **more: Any) -> None:
        """A sample of a point, `ago` ns before now: in the store and in the live state."""
        number = self.index.add(point)
        batch = Batch.of([number], [self.now - ago], [value], **more)
        if stored:
            await self.store.write(batch)
        self.live.update(batch)

    async def settle(self) -> None:
        """The desk takes over what is on record, as it does at the start."""
        await self.desk.start()

    def alert(self, target: str = "block-a.chiller-2", **more: Any) -> Alert:
        """A firing alert, recorded and shown."""
        facts: dict[str, Any] = {
            "rule": "chiller-out-of-hours",
            "kind": "schedule",
            "severity": Severity.HIGH,
            "points": ("block-a.chiller-2.power",),
            "condition": Condition.FIRING,
            "since": self.now - HOUR,
            "fired": self.now - HOUR + 15 * MINUTE,
            "at": self.now,
            "value": 150e3,
            "worst": 180e3,
            "limit": 5e3,
            "evidence": {"hours": "off", "above": 5000.0},
        }
        alert = Alert(target=target, **(facts | more))
        self.context.take_alerts(self.records.record_alerts([alert], self.now))
        return alert


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[World]:
    """The facility above with an empty store and empty records, and its app."""
    described, index = facility(), PointIndex()
    store = EmbeddedStore(folder / "samples.duckdb", index, clock=lambda: NOW)
    await store.open()
    records = Records("sqlite://")
    records.open()
    made = World(described, index, LiveState(index, described), store, records)
    made.build()
    try:
        yield made
    finally:
        await made.http.aclose()
        await made.desk.stop()
        await store.close()
        records.close()
