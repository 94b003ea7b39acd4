"""Commands as a person calls them: in this process where that is enough, as a process where signals matter."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from collectors.broker import EmbeddedBroker

COMMAND = [sys.executable, "-c", "from steward.cli import main; main()"]


@dataclass(frozen=True)
class Said:
    """What a command said and its exit code."""

    code: int
    out: str
    err: str


Call = Callable[..., Said]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Call]:
    """Calls the entry point of the console script in `tmp_path`, in this process."""
    from steward.cli import main

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["steward", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    yield run
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


class Running:
    """A command as a process of our own; its standard error is read line by line."""

    def __init__(self, *arguments: object, cwd: Path) -> None:
        environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "NO_COLOR": "1"}
        self.process = subprocess.Popen(
            [*COMMAND, *map(str, arguments)], cwd=cwd, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environ
        )
        self.lines: list[str] = []
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._more:
                self.lines.append(line)
                self._more.notify_all()
        self.process.stderr.close()

    def line(self, part: str, seconds: float = 180) -> str:
        """The first line that holds `part`, as soon as it is written."""
        end = time.monotonic() + seconds
        with self._more:
            while True:
                found = next((line for line in self.lines if part in line), None)
                if found is not None:
                    return found
                assert time.monotonic() < end, f"no {part!r} within {seconds} s: {self.lines}"
                assert self.process.poll() is None or self._reader.is_alive(), f"ended: {self.lines}"
                self._more.wait(0.1)

    def stop(self, number: int) -> int:
        """Sends a signal and returns the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(120)
        self._reader.join(30)
        return code

    def close(self) -> None:
        """Ends what is left."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(30)
        self._reader.join(30)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts commands as processes in `tmp_path` and ends them with the test."""
    started: list[Running] = []

    def run(*arguments: object) -> Running:
        started.append(Running(*arguments, cwd=tmp_path))
        return started[-1]

    yield run
    for one in started:
        one.close()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    """The embedded broker, run by an event loop in a thread of its own: commands have their own loops."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = EmbeddedBroker(0, tmp_path / "nats", max_ack_pending=1000, start_timeout=60.0)  # NATS: few under way, many filters
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(120)
    yield server
    asyncio.run_coroutine_threadsafe(server.stop(), loop).result(120)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(60)
    loop.close()
