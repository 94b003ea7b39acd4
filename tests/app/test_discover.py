"""`steward discover` on the campus in all its formats; a Steward started from what it wrote hears nearly every device."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import tomllib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from collectors.broker import EmbeddedBroker
from simulators.encoders import Publication
from simulators.layout import campus_plan
from simulators.player import Options, play
from simulators.publisher import Publisher
from steward.app.checking import check, read
from steward.app.service import Steward
from steward.app.tools.commands import discover
from steward.app.tools.discover import Ear, listen, listener
from steward.errors import BrokerError
from steward.units import MINUTE


@contextlib.asynccontextmanager
async def playing(url: str) -> AsyncIterator[None]:
    """The campus at a broker, twenty minutes of its past first, during the block."""
    stop = asyncio.Event()
    task = asyncio.create_task(play(url, time.time_ns, Options(past=20 * MINUTE), (), stop=stop))
    try:
        yield
    finally:
        stop.set()
        await task


PATHS = '[store]\npath = "s.duckdb"\n[records]\nurl = "sqlite:///r.db"\n[spool]\npath = "sp"\n'


async def test_a_steward_started_from_what_was_discovered_hears_nearly_every_device(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    wanted = {device.address for device in campus_plan().devices}
    for seconds in (6.0, 20.0, 60.0):  # longer only where the machine is too busy to play twenty minutes in six seconds
        async with playing(broker.url):
            text, remarks = await asyncio.to_thread(discover, broker.url, seconds, ["#"], "Campus", "", "")
        found = {device["address"] for device in tomllib.loads(text)["device"]}
        if len(found & wanted) >= 0.95 * len(wanted):
            break
    path = tmp_path / "site.toml"
    path.write_text(PATHS + text, encoding="utf-8")
    assert check(path).startswith("good: 1 sites")
    assert len(found & wanted) >= 0.95 * len(wanted), wanted - found
    assert f"{len(found)} devices recognised" in remarks[0]
    steward = Steward(read(path), clock=time.time_ns, environ={}, data=tmp_path)
    await steward.start()
    try:
        async with playing(broker.url):
            end = time.monotonic() + 120
            while len(speaking(steward)) < 0.9 * len(found):
                silent = set(steward.facility.devices) - speaking(steward)
                assert time.monotonic() < end, (silent, [connection.status() for connection in steward.connections])
                await asyncio.sleep(0.05)
    finally:
        await steward.stop()


async def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.01)


def speaking(steward: Steward) -> set[str]:
    """Devices of which a point has a live value."""
    points = list(steward.facility.points.values())
    newest = steward.live.snapshot([steward.index.add(point.id) for point in points]).at
    return {point.device for point, at in zip(points, newest.tolist(), strict=True) if at > 0}


def test_a_listener_that_is_refused_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steward.app.tools.discover.PATIENCE", 0.3)
    with pytest.raises(BrokerError, match=r"mqtt://127\.0\.0\.1:1"):
        listen(listener("mqtt://127.0.0.1:1", ["#"], "", ""), 0.1)


async def test_the_first_and_the_newest_messages_of_a_topic_are_kept_and_no_more(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ear = Ear()
    monkeypatch.setattr("steward.app.tools.discover.Ear", lambda: ear)
    stop = threading.Event()
    thread = threading.Thread(target=lambda: listen(listener(broker.url, ["a/#"], "", ""), 60, stop))
    thread.start()
    try:
        # QoS 1 to nobody is thrown away: the subscription must stand
        await until(lambda: ear.connection is not None and ear.connection.status().ready)
        async with Publisher(broker.url, "p") as publisher:
            await publisher.publish([Publication(0, "a/b", str(number).encode()) for number in range(100)])
            await publisher.flush()
        await until(lambda: ear.messages >= 100)
    finally:
        stop.set()
        await asyncio.to_thread(thread.join, 60)
    first, newest = ear.heard["a/b"]
    assert ear.messages == 100
    assert [int(payload) for payload, _ in (*first, *newest)] == [0, 1, 2, 3, 4, 5, 94, 95, 96, 97, 98, 99]
