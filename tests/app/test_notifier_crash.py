"""kill -9 of a process that sends notices, at random moments: none is lost, and what comes twice comes under the same key."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from tests.notices.servers import Server, serving
from tests.ports import free_port

TOTAL, KILLS = 120, 10
ROOT = Path(__file__).parents[2]


class Mails:
    """A mail server that keeps (subject, Message-ID)."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        lines = envelope.content.decode().split("\r\n\r\n", 1)[0].replace("\r\n ", " ").split("\r\n")
        heads = dict(line.split(": ", 1) for line in lines)
        self.got.append((heads["Subject"], heads["Message-ID"]))
        return "250 OK"


@contextmanager
def mails() -> Iterator[tuple[Mails, int]]:
    box, port = Mails(), free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port, ready_timeout=60)
    controller.start()
    try:
        yield box, port
    finally:
        controller.stop()


def until(good: Callable[[], object], why: str, seconds: float = 180) -> None:
    end, pause = time.monotonic() + seconds, threading.Event()
    while not good():
        assert time.monotonic() < end, why
        pause.wait(0.002)


def targets(server: Server) -> list[tuple[str, str]]:
    """(target, key) of every request, as it came."""
    return [(got.json["alerts"][0]["labels"]["target"], got.headers["idempotency-key"]) for got in list(server.got)]


def _sent(server: Server, enough: int, process: subprocess.Popen[bytes]) -> bool:
    return len(server.got) >= enough or process.poll() is not None


@pytest.mark.slow
def test_killed_at_random_moments_every_notice_arrives_and_twice_only_under_its_key(tmp_path: Path) -> None:
    choice = random.Random(11)
    with serving() as server, mails() as (box, port):

        def start() -> subprocess.Popen[bytes]:
            arguments = [sys.executable, "-m", "tests.app.noticer", str(tmp_path), server.url, str(port), str(TOTAL)]
            return subprocess.Popen(arguments, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})

        process = start()
        try:
            for _ in range(KILLS):
                before = len(server.got)
                more = choice.randint(1, TOTAL // KILLS)
                until(partial(_sent, server, before + more, process), "it sends")
                time.sleep(choice.uniform(0, 0.02))  # the moment of death, not a synchronisation
                if process.poll() is None:
                    process.send_signal(signal.SIGKILL)
                process.wait(60)
                process = start()
            assert process.wait(300) == 0, "the last one delivers what is left and ends"
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(60)
        hooks, posts = targets(server), list(box.got)
    everything = {f"p{number}" for number in range(TOTAL)}
    assert {target for target, _ in hooks} == everything, "lost"
    keys: dict[str, set[str]] = defaultdict(set)
    for target, key in hooks:
        keys[target].add(key)
    assert {target: found for target, found in keys.items() if len(found) != 1} == {}, "the same notice under two keys"
    assert len({next(iter(found)) for found in keys.values()}) == TOTAL, "one key for two notices"
    assert sum(count - 1 for count in Counter(target for target, _ in hooks).values()) <= KILLS, "more than the one under way"
    assert len({subject for subject, _ in posts}) == TOTAL
    assert len(set(posts)) == TOTAL, "the same mail under two Message-IDs"
    assert len(posts) - TOTAL <= KILLS
