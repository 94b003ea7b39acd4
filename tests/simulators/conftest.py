"""A campus, its week and a real NATS server for the simulators' tests."""

from __future__ import annotations

import asyncio
import inspect
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from collectors.broker import server_binary
from simulators.campus import DayBlock
from simulators.devices import Samples
from simulators.faults import Label
from simulators.week import HOUR, Week, labelled_week, quiet_week
from tests.ports import free_port


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs coroutine tests in an event loop of their own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


class Nats:
    """A NATS server with MQTT of our own; `kill` is kill -9, `start` starts it again on the same port and data."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.config = folder / "nats.conf"
        self.config.write_text(
            f'server_name: "t"\nhost: 127.0.0.1\nport: -1\njetstream {{ store_dir: "{folder}" }}\n'
            f"mqtt {{ host: 127.0.0.1, port: {self.port} }}\n"
        )
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = subprocess.Popen([server_binary(), "-c", str(self.config)], stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert time.monotonic() < end, "nats-server did not start within 60 s"
                time.sleep(0.02)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(30)


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[Nats]:
    server = Nats(tmp_path)
    server.start()
    yield server
    server.kill()


@dataclass(frozen=True)
class Series:
    """A week's samples by point, as sent, in canonical units, with its labels: `of(point)` gives times (h since the start) and
    values in order of device time."""

    start: int
    samples: Samples
    points: dict[str, int]
    labels: list[Label]

    def of(self, point: str) -> tuple[np.ndarray, np.ndarray]:
        number = self.points[point]
        begin, end = np.searchsorted(self.samples.point, [number, number + 1])
        return (self.samples.at[begin:end] - self.start) / HOUR, self.samples.value[begin:end]

    def between(self, point: str, first: float, last: float) -> np.ndarray:
        """Values of a span given in hours since the start."""
        at, value = self.of(point)
        return value[(at >= first) & (at < last)]

    def label(self, kind: str) -> Label:
        return next(label for label in self.labels if label.fault == kind)


def series(week: Week) -> Series:
    points = {id: number for number, id in enumerate(week.wire.feed.campus.plan.points())}
    return Series(week.start, week.wire.feed.samples(week.start, week.end), points, week.labels())


@pytest.fixture(scope="session")
def labelled() -> Series:
    return series(labelled_week())


@pytest.fixture(scope="session")
def quiet() -> Series:
    return series(quiet_week())


@pytest.fixture(scope="session")
def blocks() -> list[DayBlock]:
    """The physics of the quiet week, day by day."""
    campus = quiet_week().wire.feed.campus
    return [campus.day(campus.first_day + number) for number in range(7)]
