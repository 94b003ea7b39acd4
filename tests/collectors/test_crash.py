"""kill -9 of the collector and of the broker under load, again and again: nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from collectors.broker import EmbeddedBroker
from steward.model import PointIndex
from steward.store.embedded import EmbeddedStore
from tests.collectors.conftest import nats, publisher, until
from tests.collectors.site import FIELDS, payload

ROOT = Path(__file__).parents[2]
ROUNDS = 22
PER_ROUND = 2_000
DEVICES = 50
FIRST = time.time_ns() - 600 * 10**9
STEP = 1_000_000


class Collector:
    """collector.py as a child; follows what it says."""

    def __init__(self, url: str, folder: Path) -> None:
        self._arguments = (sys.executable, "-m", "tests.collectors.collector", url, str(folder))
        self.stored = 0
        self.ready = False

    async def start(self) -> None:
        self.ready = False
        self.process = await asyncio.create_subprocess_exec(*self._arguments, stdout=asyncio.subprocess.PIPE, cwd=ROOT)
        self._listening = asyncio.create_task(self._listen())

    async def end(self, how: signal.Signals) -> None:
        self.process.send_signal(how)
        async with asyncio.timeout(120):
            await self.process.wait()
            await self._listening

    async def _listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            word = line.decode().strip()
            if word == "ready":
                self.ready = True
            elif word.isdigit():
                self.stored = int(word)


def send(client: paho.Client, start: int, number: int) -> None:
    for count in range(start, start + number):
        client.publish(f"steward/v1/d{count % DEVICES}/telemetry", payload(FIRST + count * STEP, float(count)), 1)


@pytest.mark.slow
async def test_22_kills_of_the_collector_and_of_the_broker_under_load_lose_and_duplicate_nothing(tmp_path: Path) -> None:
    choice = random.Random(7)
    async with nats(tmp_path, redeliver="1s") as broker:
        collector = Collector(broker.url, tmp_path)
        await collector.start()
        await until(lambda: collector.ready)
        with publisher(broker.port, client_id="pump", clean_session=False) as client:
            client.reconnect_delay_set(1, 1)
            await until(client.is_connected)
            for number in range(ROUNDS):
                before = collector.stored
                send(client, number * PER_ROUND, PER_ROUND)
                await until(lambda stored=before: collector.stored > stored, "it works when it is killed")
                await asyncio.sleep(choice.uniform(0.0, 0.1))  # the moment of death, not a synchronisation
                await collector.end(signal.SIGKILL)
                await collector.start()
                await asyncio.sleep(choice.uniform(0.0, 0.6))
                kill(broker)
                await until(lambda count=number + 1: broker.restarts == count and collector.ready, "both are back")
            samples = ROUNDS * PER_ROUND * len(FIELDS)
            await until(lambda: collector.stored >= samples, "everything stored", deadline=300)
        await collector.end(signal.SIGTERM)
        assert collector.process.returncode == 0
    await holds_each_sample_once(tmp_path)


def kill(broker: EmbeddedBroker) -> None:
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGKILL)


async def holds_each_sample_once(folder: Path) -> None:
    index = PointIndex()
    store = EmbeddedStore(folder / "samples.duckdb", index)
    await store.open()
    rows = await store.read(range(len(index)), 0, 2**62)
    names = [index.ids[number] for number in rows.point.tolist()]
    found = Counter(zip(names, rows.at.tolist(), rows.value.tolist(), strict=True))
    expected = {
        (f"d{count % DEVICES}.{field}", FIRST + count * STEP, float(count))
        for count in range(ROUNDS * PER_ROUND)
        for field in FIELDS
    }
    assert expected - found.keys() == set(), "lost"
    assert found.keys() - expected == set(), "invented"
    assert [row for row, number in found.items() if number > 1] == [], "twice"
    await store.close()
