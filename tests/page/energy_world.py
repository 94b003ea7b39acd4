"""A whole service over 45 days of registers, for the tests of Energy, ledger and Reports: real books, desk and reports.

What is in the registers, told from `Story`: a zero read yesterday morning, a night without reads two days ago, four hours that
came late three days ago (entered by hand, once all else was there), a name as nobody should give it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import numpy as np

from steward.app.checking import read
from steward.app.serve import listen, serving
from steward.app.service import Steward
from steward.model import Batch, FloatArray, IntArray, PointIndex
from steward.store.embedded import EmbeddedStore
from steward.units import DAY, HOUR, MINUTE, SECOND

ZONE = "Asia/Shanghai"
HOSTILE = '<img src=x onerror=\\"window.hacked=1\\">' + "very long " * 12
DAYS = 45
FILE = f"""
[money]
region = "CN-33"
[facility]
id = "campus"
name = {{ en = "Campus", zh = "园区" }}
[store]
path = "samples.duckdb"
[records]
url = "sqlite:///records.db"
[spool]
path = "spool"
[[broker]]
id = "main"
url = "mqtt://127.0.0.1:0"
embedded = true
data = "broker"
[[calendar]]
id = "office"
hours = {{ mon-fri = "08:00-18:00" }}
[[site]]
id = "a"
name = {{ en = "Block A", zh = "A座" }}
time_zone = "{ZONE}"
calendar = "office"
area_m2 = 10000
headcount = 400
[[site]]
id = "b"
name = {{ en = "Block B", zh = "B座" }}
time_zone = "{ZONE}"
area_m2 = 8000
[[building]]
site = "a"
use = "government_office"
grade = "B"
climate = "hot_summer_cold_winter"
[[quota]]
id = "a-2026"
site = "a"
metric = "energy"
limit = 1400000
guide = 1200000
source = "letter of the energy office"
[[tariff]]
id = "power"
name = {{ en = "Two-part", zh = "两部制" }}
carrier = "electricity"
unit = "kWh"
currency = "CNY"
valid_from = 2020-01-01
prices = {{ peak = 1.0, valley = 0.3 }}
source = "made for the test"
[[tariff.period]]
name = "peak"
hours = "08:00-22:00"
[[tariff.period]]
name = "valley"
hours = "00:00-08:00, 22:00-24:00"
[[tariff]]
id = "water"
name = {{ en = "Water", zh = "水" }}
carrier = "water"
unit = "m3"
currency = "CNY"
valid_from = 2020-01-01
prices = {{ flat = 5.0 }}
source = "made for the test"
"""
EQUIPS = (
    ("a-board", "switchboard", "a", '["a-light", "a-lift"]', "", "energy", 100e3),
    ("a-light", "lighting", "a", "[]", "A1", "energy", 55e3),
    ("a-lift", "lift", "a", "[]", "C1", "energy", 40e3),
    ("b-board", "switchboard", "b", "[]", "", "energy", 60e3),
    ("a-water", "meter", "a", "[]", "", "water", 1.5),
)


def text() -> str:
    """The facility file."""
    made = FILE
    for id, type, site, feeds, category, metric, _ in EQUIPS:
        name = HOSTILE if id == "a-lift" else id
        made += f'[[equip]]\nid = "{id}"\nname = "{name}"\ntype = "{type}"\nsite = "{site}"\nfeeds = {feeds}\n'
        unit = "kWh" if metric == "energy" else "m3"
        made += (
            f'[[point]]\nid = "{id}.{metric}"\nmetric = "{metric}"\nunit = "{unit}"\nequip = "{id}"\ncategory = "{category}"\n'
        )
        made += 'interval = "15m"\n'
    return made


@dataclass(frozen=True)
class Story:
    """Moments of the story, ns. today: local midnight."""

    now: int
    today: int

    @classmethod
    def of(cls, now: int) -> Story:
        """As told at a moment."""
        local = datetime.fromtimestamp(now // SECOND, UTC).astimezone(ZoneInfo(ZONE))
        return cls(now, int(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()) * SECOND)

    def day(self, back: int) -> str:
        """A local day as the address writes it."""
        at = datetime.fromtimestamp(self.today // SECOND, UTC).astimezone(ZoneInfo(ZONE)) - timedelta(days=back)
        return at.date().isoformat()

    @property
    def zero(self) -> int:
        """When the meter of Block A said zero."""
        return self.today - DAY + 10 * HOUR + 7 * MINUTE

    @property
    def gap(self) -> tuple[int, int]:
        """The night without reads of Block A."""
        return self.today - 2 * DAY + HOUR, self.today - 2 * DAY + 6 * HOUR

    @property
    def late(self) -> tuple[int, int]:
        """The hours of the lighting that came late."""
        return self.today - 3 * DAY + 10 * HOUR, self.today - 3 * DAY + 14 * HOUR


def register(at: IntArray, power: float) -> FloatArray:
    """A cumulative register with a day in it, whole Wh (litres of water). Every day alike: the page's units and signs must not
    depend on the weekday on which a test is run."""
    hour = (at // SECOND + 8 * 3600) % 86_400 / 3600
    shape = 0.25 + 0.75 * np.clip(np.sin((hour - 6.5) / 13 * np.pi), 0, None)
    step = np.diff(at, prepend=at[0] - 15 * MINUTE) / HOUR
    return np.asarray(5e6 + np.floor(np.cumsum(power * shape * step)), np.float64)


def reads(id: str, story: Story) -> tuple[IntArray, FloatArray]:
    """Times and register of a meter, canonical units, as if nothing had gone wrong."""
    at = np.arange(story.today - DAYS * DAY, story.now - MINUTE, 15 * MINUTE, dtype=np.int64)
    _, _, _, _, _, metric, power = next(one for one in EQUIPS if one[0] == id)
    return (at, register(at, power)) if metric == "energy" else (at, register(at, power * 1000) / 1000)


def samples(index: PointIndex, story: Story) -> Batch:
    """What arrived by itself, a day at a time."""
    parts = []
    for id, _, _, _, _, metric, _ in EQUIPS:
        at, value = reads(id, story)
        number, rows = index.add(f"{id}.{metric}"), np.ones(len(at), np.bool_)
        if id == "a-board":
            rows = (at <= story.gap[0]) | (at >= story.gap[1])
            parts.append(Batch.of([number], [story.zero], [0.0], received=[story.zero + SECOND]))
        if id == "a-light":
            rows = (at <= story.late[0]) | (at >= story.late[1])
        day = np.minimum((at[rows] // DAY + 1) * DAY, story.now - 3 * MINUTE)
        parts.append(Batch.of([number] * int(rows.sum()), at[rows], value[rows], received=day))
    return Batch.concat(parts)


class EnergyService:
    """The service in a thread; `url` ends without a slash; more: of its facility file. Use as a context manager."""

    def __init__(self, folder: Path, more: str = "") -> None:
        self.folder, self.more, self.story = folder, more, Story.of(time.time_ns())
        self._ready, self._stop = threading.Event(), threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.url = ""

    def __enter__(self) -> EnergyService:
        self._thread.start()
        assert self._ready.wait(180), "the service did not come up"
        if self._failed is not None:
            raise self._failed
        try:
            self._enter_late()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)

    def get(self, path: str, **query: Any) -> Any:
        """An answer of the API."""
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=query, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def _enter_late(self) -> None:
        """A person enters what the lighting's meter kept: it restates what had been spread."""
        at, value = reads("a-light", self.story)
        rows = np.flatnonzero((at > self.story.late[0]) & (at < self.story.late[1]))
        body = {
            "by": "Li Wei",
            "unit": "kWh",
            "reads": [{"at": int(at[row]) // 1_000_000, "value": value[row] / 1000} for row in rows.tolist()],
        }
        answer = httpx.post(f"{self.url}/api/v1/ledger/a-light.energy/reads", json=body, timeout=60)
        assert answer.status_code == 200, answer.text

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failed = error
            self._ready.set()

    async def _serve(self) -> None:
        file = self.folder / "site.toml"
        file.write_text(text() + self.more, encoding="utf-8")
        settings = read(file)
        index = PointIndex(settings.facility.points)
        store = EmbeddedStore(self.folder / "samples.duckdb", index)
        await store.open()
        await store.write(samples(index, self.story))
        await store.close()
        steward = Steward(settings, clock=time.time_ns, environ={}, data=self.folder)
        wire = listen("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{wire.getsockname()[1]}"
        async with serving(steward, wire):
            self._ready.set()
            await asyncio.to_thread(self._stop.wait)
