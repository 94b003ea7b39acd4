"""The player against a real broker: past at full speed, live by the clock, the same campus again, births on demand."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from simulators.faults import Fault, read_labels
from simulators.player import Options, Played, play
from simulators.publisher import Publisher
from simulators.week import HOUR, MONDAY
from tests.simulators.conftest import Nats
from tests.simulators.test_publisher import Listener, until

NOW = MONDAY + 12 * HOUR
SECOND = 10**9


def topics(listener: Listener, start: str) -> list[str]:
    return [topic for topic, _, _ in listener.got if topic.startswith(start)]


class Clock:
    """A clock that jumps by a second whenever it is read."""

    def __init__(self, now: int, step: int = SECOND) -> None:
        self.now, self.step = now, step

    def __call__(self) -> int:
        self.now += self.step
        return self.now


async def test_the_past_is_played_whole_and_acknowledged(nats: Nats, tmp_path: Path) -> None:
    seen: list[Played] = []
    fault = Fault("leak", "water-b", NOW - HOUR, NOW + HOUR)
    options = Options(past=2 * HOUR, end=NOW, labels=tmp_path / "labels.jsonl")
    with Listener(nats) as listener:
        played = await play(nats.url, lambda: NOW, options, (fault,), progress=lambda p: seen.append(Played(p.at, p.sent)))
        await until(lambda: len(listener.got) == played.acknowledged)
        formats = ("steward/v1/", "linhai/", "v1/gateway/", "tele/", "owntracks/", "positions", "spBv1.0/linhai/DDATA/")
        assert all(topics(listener, start) for start in formats)
    assert played.at == NOW
    assert played.sent > 3000
    assert [step.at for step in seen] == [NOW - HOUR, NOW]
    assert [label.fault for label in read_labels(tmp_path / "labels.jsonl")] == ["leak"]


async def test_live_time_runs_by_the_clock_times_the_speed(nats: Nats) -> None:
    begun = NOW
    clock = Clock(begun, SECOND // 10)
    played = await play(nats.url, clock, Options(past=0, end=begun + 600 * SECOND, speed=600.0, step=60 * SECOND))
    assert played.live
    assert played.at == begun + 600 * SECOND
    elapsed = (clock.now - begun) / SECOND
    assert 1.0 <= elapsed < 3.0


async def test_stop_ends_a_live_player_and_its_node_is_dead_afterwards(nats: Nats) -> None:
    stop = asyncio.Event()
    with Listener(nats, "spBv1.0/#") as listener:
        clock = Clock(NOW)
        task = asyncio.create_task(play(nats.url, clock, Options(past=600 * SECOND, speed=5.0), stop=stop))
        await until(lambda: len(listener.got) > 20)
        stop.set()
        async with asyncio.timeout(60):
            played = await task
        await until(lambda: listener.got[-1][0].startswith("spBv1.0/linhai/NDEATH/"))
    assert played.live


async def test_a_restart_with_the_same_start_goes_on_with_the_same_campus(nats: Nats) -> None:
    def telemetry(listener: Listener) -> dict[str, bytes]:
        return {
            payload.split(b'"data"')[0].decode(): payload for topic, payload, _ in listener.got if topic == "linhai/c-lift/data"
        }

    with Listener(nats, "linhai/#", "whole") as whole:
        played = await play(nats.url, lambda: NOW, Options(start=NOW - 2 * HOUR, end=NOW))
        await until(lambda: bool(topics(whole, "linhai/c-lift")))
        await until(
            lambda: len(telemetry(whole)) >= 119 and "T11:59:" in max(telemetry(whole))
        )  # the last one may be the 120th
    with Listener(nats, "linhai/#", "rest") as rest:
        again = await play(nats.url, lambda: NOW, Options(start=NOW - 2 * HOUR, since=NOW - HOUR, end=NOW))
        await until(lambda: len(telemetry(rest)) >= 59)
        assert len(telemetry(rest)) <= 61
        assert telemetry(rest).items() <= telemetry(whole).items()
    assert again.sent < played.sent * 0.6


async def test_a_rebirth_command_is_answered(nats: Nats) -> None:
    stop = asyncio.Event()
    with Listener(nats, "spBv1.0/#") as listener:
        task = asyncio.create_task(play(nats.url, Clock(NOW), Options(past=60 * SECOND, speed=5.0), stop=stop))
        await until(lambda: bool(topics(listener, "spBv1.0/linhai/DDATA/")))
        async with Publisher(nats.url, "host") as host:
            from simulators.encoders import Publication

            await host.publish([Publication(0, "spBv1.0/linhai/NCMD/switchroom", b"")])
        await until(lambda: len(topics(listener, "spBv1.0/linhai/NBIRTH/")) >= 2)
        stop.set()
        await task


async def test_a_broker_that_is_not_there_is_an_error_with_its_address() -> None:
    from steward.errors import BrokerError
    from tests.ports import free_port

    with pytest.raises(BrokerError, match=r"127\.0\.0\.1"):
        await play(f"mqtt://127.0.0.1:{free_port()}", lambda: NOW, Options(past=HOUR))
