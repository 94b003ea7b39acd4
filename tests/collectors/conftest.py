"""Real brokers for the ingest tests, a rig that runs the whole path, and coroutine tests for this folder."""

from __future__ import annotations

import asyncio
import inspect
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from prometheus_client import CollectorRegistry

from collectors.broker import EmbeddedBroker
from collectors.mqtt import Broker, MqttConnection
from collectors.pipeline import BatchLimits, Committed, Pipeline, Writer
from collectors.quarantine import Quarantine
from collectors.routing import Routing
from tests.fakes import MemoryStore
from tests.ports import free_port

DEADLINE = 60.0


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs coroutine tests in an event loop of their own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


async def until(condition: Callable[[], object], what: str = "", deadline: float = DEADLINE) -> None:
    """Returns once the condition holds; fails after the deadline."""
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end, f"not within {deadline:g} s: {what or inspect.getsource(condition).strip()}"
        await asyncio.sleep(0.005)


@dataclass
class Mosquitto:
    """A mosquitto of our own; `kill` is kill -9, `start` starts it again on the same port and data."""

    folder: Path
    port: int
    extra: str = ""
    ports: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = mosquitto_program()
        assert program is not None
        config = self.folder / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
            f"persistence_location {self.folder}/\nmax_inflight_messages 0\nmax_queued_messages 0\n"
            + ("user root\n" if os.geteuid() == 0 else "")
            + self.extra
        )
        with open(self.folder / "mosquitto.log", "ab") as log:
            self.process = subprocess.Popen([program, "-c", str(config)], stdout=log, stderr=log)
        for port in (self.port, *self.ports):
            self._wait_for(port)

    def _wait_for(self, port: int) -> None:
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            assert self.process is not None
            assert self.process.poll() is None, (self.folder / "mosquitto.log").read_text()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.01)
        raise AssertionError("mosquitto does not listen")

    def saved(self) -> int:
        """Has the broker save its state soon; returns when it last did, ns."""
        assert self.process is not None
        self.process.send_signal(signal.SIGUSR1)
        database = self.folder / "mosquitto.db"
        return database.stat().st_mtime_ns if database.exists() else 0

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"


def mosquitto_program() -> str | None:
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    """A function that starts mosquittos: `mosquitto(extra="...")`."""
    if mosquitto_program() is None:
        pytest.skip("needs the mosquitto broker: apt-get install mosquitto")
    started: list[Mosquitto] = []

    def start(extra: str = "", ports: tuple[int, ...] = ()) -> Mosquitto:
        folder = tmp_path / f"mosquitto{len(started)}"
        folder.mkdir()
        one = Mosquitto(folder, free_port(), extra, ports)
        started.append(one)
        one.start()
        return one

    yield start
    for one in started:
        one.kill()


@asynccontextmanager
async def nats(folder: Path, **settings: Any) -> AsyncIterator[EmbeddedBroker]:
    """The embedded broker. It repeats what is not acknowledged at once only where a test says so: by time, which a busy
    machine takes for its own purposes."""
    broker = EmbeddedBroker(0, folder / "broker", **{"redeliver": "60s", "start_timeout": 60.0, **settings})
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop()


@contextmanager
def publisher(port: int, **settings: Any) -> Iterator[paho.Client]:
    """A plain paho client that publishes."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, **settings)
    client.max_inflight_messages = 1000
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


@dataclass
class Rig:
    """The whole path with a store."""

    pipeline: Pipeline
    connection: MqttConnection
    store: Writer
    quarantine: Quarantine
    registry: CollectorRegistry
    committed: list[Committed] = field(default_factory=list)

    @property
    def samples(self) -> dict[tuple[int, int], float]:
        """What a memory store holds."""
        assert isinstance(self.store, MemoryStore)
        return self.store.samples

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def rig(
    url: str,
    routing: Routing,
    *,
    store: Writer | None = None,
    limits: BatchLimits | None = None,
    ready: bool = True,
    **settings: Any,
) -> AsyncIterator[Rig]:
    """A pipeline with one connection, ready; ends without complaint. Only a test of the keep-alive has a short one: a broker
    that a busy machine keeps waiting is not lost."""
    committed: list[Committed] = []
    registry, quarantine = CollectorRegistry(), Quarantine()
    store = MemoryStore() if store is None else store
    pipeline = Pipeline(
        store,
        routing,
        limits or BatchLimits(max_wait=0.02),
        quarantine,
        clock=time.time_ns,
        on_committed=committed.append,
        registry=registry,
    )
    connection = MqttConnection(replace(Broker("main", url, keepalive=60.0), **settings))
    await pipeline.start([connection])
    try:
        if ready:
            await until(lambda: pipeline.status().ready, "ready")
        yield Rig(pipeline, connection, store, quarantine, registry, committed)
    finally:
        await pipeline.stop(timeout=30.0)
