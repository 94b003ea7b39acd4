"""The publisher against a real broker (NATS with MQTT): acknowledgement, window, wills, retained messages, reconnect."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import paho.mqtt.client as paho
import pytest

from simulators.encoders import Publication
from simulators.publisher import Publisher, Will, connect_frame, publish_frame, remaining
from steward.errors import BrokerError
from tests.ports import free_port
from tests.simulators.conftest import Nats


class Listener:
    """A subscriber that is not ours (paho), in a thread of its own."""

    def __init__(self, nats: Nats, topic: str = "#", client_id: str = "listener") -> None:
        self.got: list[tuple[str, bytes, bool]] = []
        self.subscribed = threading.Event()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False)
        self.client.on_message = lambda _c, _u, message: self.got.append((message.topic, message.payload, message.retain))
        self.client.on_connect = lambda client, *_: client.subscribe(topic, 1)
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.client.connect("127.0.0.1", nats.port)
        self.client.loop_start()
        assert self.subscribed.wait(60)

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()


async def until(condition: Callable[[], bool], deadline: float = 60.0) -> None:
    async with asyncio.timeout(deadline):
        while not condition():
            await asyncio.sleep(0.01)


def some(count: int) -> list[Publication]:
    return [Publication(number, f"t/{number % 7}", b"%d" % number) for number in range(count)]


async def test_everything_arrives_in_order_and_is_acknowledged(nats: Nats) -> None:
    with Listener(nats, "t/#") as listener:
        async with Publisher(nats.url, "p", window=50) as publisher:
            assert await publisher.publish(some(2000)) == 2000
            await publisher.flush()
            assert publisher.acknowledged == 2000
        await until(lambda: len(listener.got) == 2000)
        for topic in range(7):
            numbers = [int(payload) for name, payload, _ in listener.got if name == f"t/{topic}"]
            assert numbers == sorted(numbers)


async def test_retained_messages_are_kept_for_who_comes_later(nats: Nats) -> None:
    async with Publisher(nats.url, "p") as publisher:
        await publisher.publish([Publication(0, "t/status", b"online", True), Publication(0, "t/value", b"1")])
        await publisher.flush()
    with Listener(nats, "t/#") as listener:
        await until(lambda: len(listener.got) == 1)
        assert listener.got == [("t/status", b"online", True)]


async def test_a_will_is_published_when_the_line_drops_and_not_after_a_farewell(nats: Nats) -> None:
    with Listener(nats, "w/#") as listener:
        async with Publisher(nats.url, "polite", will=Will("w/polite", b"gone")):
            pass
        lost = Publisher(nats.url, "lost", will=Will("w/lost", b"gone"))
        await lost.connect()
        await lost.close(abruptly=True)
        await until(lambda: len(listener.got) == 1)
        assert listener.got[0][:2] == ("w/lost", b"gone")


async def test_quality_of_service_0_needs_no_acknowledgement(nats: Nats) -> None:
    with Listener(nats, "t/#") as listener:
        async with Publisher(nats.url, "p", qos=0) as publisher:
            await publisher.publish(some(300))
        await until(lambda: len(listener.got) == 300)
        assert publisher.acknowledged == 0


async def test_a_killed_broker_loses_nothing_that_was_to_be_acknowledged(nats: Nats) -> None:
    with Listener(nats, "t/#") as listener:
        listener.client.reconnect_delay_set(1, 1)
        async with Publisher(nats.url, "p", window=100) as publisher:
            await publisher.publish(some(500))
            await publisher.flush()
            nats.kill()
            restart = asyncio.create_task(asyncio.to_thread(nats.start))
            await publisher.publish(some(700)[500:])
            await publisher.flush()
            await restart
            assert publisher.reconnects >= 1
            assert publisher.acknowledged == 700
        # what was on its way to the listener when the broker was killed comes again after the thirty seconds of `ack_wait`
        await until(lambda: {int(payload) for _, payload, _ in listener.got} == set(range(700)), 120)


async def test_commands_are_received(nats: Nats) -> None:
    heard: list[bytes] = []
    async with Publisher(nats.url, "device") as device, Publisher(nats.url, "host") as host:
        await device.subscribe("c/one", lambda _topic, payload: heard.append(payload))
        async with asyncio.timeout(60):
            while not heard:  # until the subscription stands
                await host.publish([Publication(0, "c/one", b"do")])
                await host.flush()
                await asyncio.sleep(0.02)
    assert heard[0] == b"do"


async def test_an_absent_broker_and_a_wrong_address_are_told_by_name() -> None:
    port = free_port()
    with pytest.raises(BrokerError, match=f"127.0.0.1:{port}"):
        await Publisher(f"mqtt://127.0.0.1:{port}", "p").connect()
    with pytest.raises(BrokerError, match="expected mqtt://host:port"):
        Publisher("http://example.org", "p")


def test_frames_are_those_of_the_standard() -> None:
    assert remaining(127) == b"\x7f"
    assert remaining(128) == b"\x80\x01"
    assert remaining(268_435_455) == b"\xff\xff\xff\x7f"
    assert publish_frame("a/b", b"xy", 1, True, 10) == b"\x33\x09\x00\x03a/b\x00\x0axy"
    assert publish_frame("a/b", b"xy", 0, False, 0) == b"\x30\x07\x00\x03a/bxy"
    will = Will("w", b"x", True)
    assert connect_frame("id", will, "u", "p", 60, True) == (
        b"\x10\x1a\x00\x04MQTT\x04\xee\x00\x3c\x00\x02id\x00\x01w\x00\x01x\x00\x01u\x00\x01p"
    )
