"""The embedded broker: starts, keeps running, keeps what it acknowledged, says what is wrong."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from collectors.broker import EmbeddedBroker, server_binary, window
from collectors.topics import consumers
from steward.errors import BrokerError
from tests.collectors.conftest import nats, publisher, rig, until
from tests.collectors.site import payload, routing
from tests.ports import free_port

NOW = time.time_ns()
ROOT = Path(__file__).parents[2]


def test_the_program_is_the_one_of_the_wheel() -> None:
    assert os.access(server_binary(), os.X_OK)


async def test_a_port_in_use_is_a_clear_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BrokerError, match=f"port {port} of 127.0.0.1 is in use"):
            await EmbeddedBroker(port, tmp_path).start()


async def test_a_free_port_that_somebody_takes_before_the_server_binds_it_gives_way_to_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        found = [free_port(), int(taken.getsockname()[1])]
        monkeypatch.setattr("collectors.broker._claim", lambda port: port or found.pop())
        async with nats(tmp_path) as broker:
            assert broker.port != taken.getsockname()[1]
            assert found == []


async def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match="ended with status"):
        await EmbeddedBroker(0, tmp_path, sync="no duration").start()


async def test_it_listens_on_loopback_only_and_ends_when_stopped(tmp_path: Path) -> None:
    async with nats(tmp_path) as broker:
        port, pid = broker.port, broker.pid
        assert 'listen: "127.0.0.1:' in (tmp_path / "broker" / "nats.conf").read_text()
    assert broker.pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid or 0, 0)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


async def test_what_it_acknowledged_for_an_absent_steward_survives_kill_9_in_order(tmp_path: Path) -> None:
    async with nats(tmp_path) as broker:
        async with rig(broker.url, routing()):
            pass
        with publisher(broker.port) as client:
            for number in range(500):
                last = client.publish("steward/v1/d1/telemetry", payload(NOW + number), 1)
            last.wait_for_publish(60)
        assert broker.pid
        os.kill(broker.pid, signal.SIGKILL)
        await until(lambda: broker.restarts == 1)
        async with rig(broker.url, routing()) as it:
            await until(lambda: len(it.samples) == 2000)
            order = [at for one in it.committed for at in one.batch.at.tolist()]
            assert order == sorted(order)


LEFT_BEHIND = """
import asyncio, sys
from collectors.broker import EmbeddedBroker
async def main():
    broker = EmbeddedBroker(int(sys.argv[1]), sys.argv[2])
    await broker.start()
    print("ready", broker.port, broker.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_after_kill_9_of_steward_the_server_left_behind_gives_way_and_keeps_what_it_had(tmp_path: Path) -> None:
    first = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LEFT_BEHIND, "0", str(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT
    )
    try:
        assert first.stdout is not None
        async with asyncio.timeout(60):
            while not (line := await first.stdout.readline()).startswith(b"ready"):
                assert line, "it ended"
        port, left = (int(word) for word in line.split()[1:])
        with pytest.raises(BrokerError, match="another Steward runs its embedded broker"):
            await EmbeddedBroker(0, tmp_path).start()
        async with rig(f"mqtt://127.0.0.1:{port}", routing()):
            pass
        with publisher(port) as client:
            client.publish("steward/v1/d1/telemetry", payload(NOW), 1).wait_for_publish(60)
    finally:
        first.kill()
        await first.wait()
    os.kill(left, 0)  # it lives on, and holds the port
    broker = EmbeddedBroker(port, tmp_path)
    await broker.start()
    try:
        assert broker.pid != left
        async with rig(broker.url, routing()) as it:
            await until(lambda: len(it.samples) == 4)
    finally:
        await broker.stop()


async def test_a_process_that_only_has_the_noted_number_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "nats.pid").write_text(str(os.getpid()))
    broker = EmbeddedBroker(0, tmp_path)
    await broker.start()  # we are alive to see it
    await broker.stop()


async def test_the_password_is_not_in_its_configuration(tmp_path: Path) -> None:
    async with nats(tmp_path, username="steward", password="open sesame"):
        assert "sesame" not in (tmp_path / "broker" / "nats.conf").read_text()


@pytest.mark.parametrize("filters", [["#"], ["a/#"], ["a/#", "b/#"], [f"a{number}/#" for number in range(40)]])
def test_the_window_leaves_room_for_twice_the_filters(filters: list[str]) -> None:
    assert 2 * consumers(filters) * window(filters) <= 65_535
    assert window(["#"]) == 16_000
