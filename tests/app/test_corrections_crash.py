"""kill -9 of the whole service between a late sample and its correction: it comes once, whatever the process had done."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest

from collectors.broker import EmbeddedBroker
from simulators.encoders import Publication
from simulators.publisher import Publisher
from steward.records import Records
from tests.app.conftest import Running
from tests.app.test_service import FILE


async def send(url: str, messages: list[tuple[float, float]]) -> None:
    """(at, s; kilowatts) of the meter."""
    out = [
        Publication(0, "steward/v1/m1/telemetry", json.dumps({"values": {"power": value}, "at": round(at * 1000)}).encode())
        for at, value in messages
    ]
    async with Publisher(url, f"test-{time.time_ns()}") as publisher:
        await publisher.publish(out)
        await publisher.flush()


def address(process: Running, word: str) -> str:
    """The URL that the process says it serves."""
    line = process.line(word)
    return next(part for part in line.replace('"', " ").replace("=", " ").split() if "://127.0.0.1:" in part)


async def until(good: Callable[[], bool], why: str, deadline: float = 180) -> None:
    end = time.monotonic() + deadline
    while not good():
        assert time.monotonic() < end, why
        await asyncio.sleep(0.1)


def notes(folder: Path) -> list[str]:
    """The corrections on record."""
    records = Records(f"sqlite:///{folder}/records.db")
    try:
        found = [event for one in records.alerts().alerts for event in records.events(one.id)]
        return [event.comment for event in found if event.what == "correction"]
    finally:
        records.close()


@pytest.mark.slow
async def test_a_correction_comes_once_however_often_the_service_is_killed(
    tmp_path: Path, running: Callable[..., Running], broker: EmbeddedBroker
) -> None:
    text = FILE.replace("mqtt://127.0.0.1:0", broker.url).replace('embedded = true\ndata = "broker"\n', "")
    (tmp_path / "site.toml").write_text(text, encoding="utf-8")
    start = time.time() - 100

    def stored(page: str) -> int:
        path = f"/api/v1/history?point=m1.power&start={round(start * 1000)}&end={round((start + 200) * 1000)}"
        with urlopen(page.rstrip("/") + path, timeout=60) as answer:
            return len(json.load(answer)["series"][0]["value"])

    first = running("run", "site.toml", "--port", "0")
    page = address(first, "http://")
    await send(broker.url, [(start, 6), (start + 30, 6), (start + 60, 4)])
    await until(lambda: stored(page) == 3, "the episode is stored")
    await send(broker.url, [(start + 10, 4)])
    await until(lambda: stored(page) == 4, "the late sample is stored")
    first.stop(signal.SIGKILL)
    second = running("run", "site.toml", "--port", "0")
    address(second, "http://")
    await until(lambda: len(notes(tmp_path)) > 0, "the correction comes after the restart")
    second.stop(signal.SIGKILL)
    third = running("run", "site.toml", "--port", "0")
    page = address(third, "http://")

    def ran() -> bool:
        with urlopen(page.rstrip("/") + "/api/v1/server", timeout=60) as answer:
            jobs = {one["name"]: one for one in json.load(answer)["jobs"]}
        return jobs["corrections"]["runs"] > 0

    await until(ran, "it has looked again")
    assert len(notes(tmp_path)) == 1
