"""Connections to the embedded broker (NATS, MQTT 3.1.1): lost and found again, subscribed, refused, changed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from collectors.mqtt import Broker, MqttConnection
from collectors.pipeline import BatchLimits
from collectors.routing import Admission
from steward.errors import BrokerError
from steward.model import Channel, Device, PointIndex
from tests.collectors.conftest import nats, publisher, rig, until
from tests.collectors.proxy import proxy
from tests.collectors.site import FIELDS, payload, point, routing
from tests.fakes import MemoryStore

NOW = time.time_ns()


async def test_after_kill_9_of_the_broker_it_is_subscribed_again_within_seconds_and_nothing_is_lost(tmp_path: Path) -> None:
    async with nats(tmp_path, redeliver="500ms") as broker, rig(broker.url, routing()) as it:
        with publisher(broker.port, client_id="pump") as client:
            client.reconnect_delay_set(1, 1)
            for number in range(200):
                client.publish("steward/v1/d1/telemetry", payload(NOW + number), 1)
            await until(lambda: len(it.samples) > 100)
            assert broker.pid
            os.kill(broker.pid, signal.SIGKILL)
            for number in range(200, 400):
                client.publish("steward/v1/d1/telemetry", payload(NOW + number), 1)
            await until(lambda: it.connection.connects >= 2 and it.pipeline.status().ready)
            await until(lambda: len(it.samples) == 1600)


async def test_a_half_open_connection_is_given_up_within_the_keep_alive(tmp_path: Path) -> None:
    async with nats(tmp_path) as broker, proxy(broker.port) as between, rig(between.url, routing(), keepalive=1.5) as it:
        between.silent = True
        await until(lambda: not it.pipeline.status().ready)
        assert "no answer" in it.connection.status().error
        between.silent = False
        await until(lambda: it.pipeline.status().ready)
        assert it.connection.connects >= 2


async def test_a_broker_that_never_answers_the_connect_is_given_up(tmp_path: Path) -> None:
    async with nats(tmp_path) as broker, proxy(broker.port) as between:
        between.silent = True
        async with rig(between.url, routing(), ready=False, keepalive=0.9) as it:
            await until(lambda: between.connections >= 2)
            between.silent = False
            await until(lambda: it.pipeline.status().ready)


async def test_an_idle_connection_stays_up(tmp_path: Path) -> None:
    async with nats(tmp_path) as broker, proxy(broker.port) as between, rig(between.url, routing(), keepalive=9.0) as it:
        await until(lambda: between.pings >= 2, "it pings every three seconds")
        assert it.connection.connects == 1
        assert it.pipeline.status().ready


async def test_what_was_not_acknowledged_comes_again_to_the_next_steward(tmp_path: Path) -> None:
    index, store = PointIndex(), MemoryStore()
    held = MemoryStore()
    held.gate.clear()
    async with nats(tmp_path, redeliver="1s") as broker:
        async with proxy(broker.port) as between, rig(between.url, routing(10, index=index), store=held) as it:
            with publisher(broker.port) as client:
                for number in range(300):
                    client.publish("steward/v1/d1/telemetry", payload(NOW + number), 1)
                await until(lambda: it.connection.received >= 300)  # more, where the broker grew impatient
            between.cut()
            await until(lambda: not it.pipeline.status().ready)
            held.gate.set()
        async with rig(broker.url, routing(10, index=index), store=store) as it:
            await until(lambda: len(store.samples) == 1200)
            await until(lambda: it.connection.acknowledged >= 300)
        async with rig(broker.url, routing(10, index=index)) as it:
            with publisher(broker.port) as client:
                client.publish("steward/v1/d2/telemetry", payload(NOW), 1).wait_for_publish(60)
            await until(lambda: it.connection.acknowledged == 1)
            assert it.connection.received == 1


async def test_an_acknowledgement_of_a_lost_connection_is_not_sent_on_the_next(tmp_path: Path) -> None:
    store = MemoryStore()
    store.gate.clear()
    async with (
        nats(tmp_path, redeliver="500ms") as broker,
        proxy(broker.port) as between,
        rig(between.url, routing(), store=store) as it,
    ):
        with publisher(broker.port) as client:
            client.publish("steward/v1/d1/telemetry", payload(NOW), 1).wait_for_publish(60)
        await until(lambda: it.connection.received > 0)
        between.cut()
        await until(lambda: it.connection.connects == 2 and it.pipeline.status().ready)
        before = it.connection.received
        await until(lambda: it.connection.received > before, "it comes again")
        assert it.connection.acknowledged == 0
        store.gate.set()
        await until(lambda: it.connection.acknowledged == 1)
        assert len(store.samples) == 4


async def test_what_the_broker_sends_again_while_the_first_is_on_its_way_is_not_taken_twice(tmp_path: Path) -> None:
    store = MemoryStore()
    store.gate.clear()
    async with nats(tmp_path, redeliver="100ms") as broker, rig(broker.url, routing(), store=store) as it:
        with publisher(broker.port) as client:
            for number in range(20):
                client.publish("steward/v1/d1/telemetry", b'{"values": {"power": %d}}' % number, 1)
            await until(lambda: it.connection.received >= 60, "redelivered")
        store.gate.set()
        await until(lambda: it.connection.acknowledged == 20)
        assert [value for _, value in sorted(store.samples.items())] == list(range(20))


async def test_a_refused_subscription_is_an_error_and_not_ready(tmp_path: Path) -> None:
    # NATS: the windows of a session's consumers may not sum to more than 65,535; two filters of 40,000 do.
    async with nats(tmp_path, max_ack_pending=40_000) as broker, rig(broker.url, routing(), ready=False) as it:
        await until(lambda: it.connection.status().state == "refused")
        status = it.connection.status()
        assert list(status.refused) == ["steward/v1/+/telemetry"]
        assert "0x80" in status.error
        assert "steward/v1/+/telemetry" in status.error
        assert not it.pipeline.status().ready
        assert it.metric("steward_broker_ready", broker="main") == 0


async def test_a_refused_connection_says_so_and_goes_on_trying(tmp_path: Path) -> None:
    async with nats(tmp_path, username="steward", password='s "x" $y') as broker:
        async with rig(broker.url, routing(), ready=False, username="steward", password="wrong") as it:
            await until(lambda: it.connection.status().state == "refused")
            assert "refused the connection" in it.connection.status().error
            assert it.connection.status().refused == {}
        async with rig(broker.url, routing(), username="steward", password='s "x" $y') as it:
            assert it.connection.status().error == ""


async def test_a_broker_that_is_not_there_is_lost_and_found_when_it_comes(tmp_path: Path) -> None:
    async with nats(tmp_path) as broker:
        port = broker.port
    async with rig(f"mqtt://127.0.0.1:{port}", routing(), ready=False) as it:
        await until(lambda: it.connection.status().state == "lost")
        assert "refused" in it.connection.status().error
        async with nats(tmp_path) as broker:
            broker_port = broker.port
            assert broker_port != 0


async def test_a_filter_gone_from_the_facility_is_unsubscribed_on_a_resumed_session(tmp_path: Path) -> None:
    memory = tmp_path / "subscriptions.json"
    async with nats(tmp_path) as broker:
        async with rig(broker.url, routing(topic="old/{device}"), memory=memory):
            pass
        async with rig(broker.url, routing(topic="new/{device}"), memory=memory) as it:
            with publisher(broker.port) as client:
                client.publish("old/d1", payload(NOW), 1).wait_for_publish(60)
                client.publish("new/d1", payload(NOW), 1).wait_for_publish(60)
            await until(lambda: it.connection.acknowledged == 1)
            assert it.connection.received == 1
            assert len(it.samples) == 4


async def test_a_changed_routing_takes_effect_without_losing_a_message(tmp_path: Path) -> None:
    index = PointIndex()
    before = routing(10, topic="one/{device}/telemetry", index=index)
    after = routing(20, topic="+/{device}/telemetry", index=index)
    memory = tmp_path / "subscriptions.json"
    async with nats(tmp_path) as broker, rig(broker.url, before, memory=memory) as it:
        with publisher(broker.port) as client:
            for number in range(1000):
                client.publish(f"one/d{number % 10}/telemetry", payload(NOW + number), 1)
                if number == 500:
                    it.pipeline.reroute(after)
                    await asyncio.sleep(0)
            await until(lambda: len(it.samples) == 4000)
            await until(lambda: it.connection.status().filters == ("+/+/telemetry",) and it.pipeline.status().ready)
            client.publish("two/d15/telemetry", payload(NOW), 1).wait_for_publish(60)
            await until(lambda: len(it.samples) == 4004)
        assert it.quarantine.counts() == {}
        await until(lambda: json.loads(memory.read_text()) == ["+/+/telemetry"], "the old filter has left")


async def test_a_retained_message_is_no_new_sample_but_its_birth_counts(tmp_path: Path) -> None:
    async with nats(tmp_path) as broker:
        with publisher(broker.port) as client:
            client.publish("steward/v1/d1/status", b"online", 1, retain=True).wait_for_publish(60)
            client.publish("steward/v1/d1/telemetry", b'{"values": {"power": 5}}', 1, retain=True).wait_for_publish(60)
        async with rig(broker.url, routing()) as it:
            await until(lambda: sum(it.quarantine.counts().values()) == 1)
            assert it.quarantine.counts() == {"retained": 1}
            await until(lambda: any(one.births == ["d1"] for one in it.committed))
            assert it.samples == {}


async def test_a_last_will_is_a_death(tmp_path: Path) -> None:
    async with nats(tmp_path) as broker, rig(broker.url, routing()) as it:
        device = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="device")
        device.will_set("steward/v1/d1/status", b"offline", 1)
        device.connect("127.0.0.1", broker.port)
        device.loop_start()
        await until(device.is_connected)
        device.publish("steward/v1/d1/status", b"online", 1).wait_for_publish(60)
        await until(lambda: any(one.births == ["d1"] for one in it.committed))
        wire = device.socket()
        assert wire is not None
        device.loop_stop()
        wire.close()
        await until(lambda: any(one.deaths == ["d1"] for one in it.committed))


async def test_a_device_that_appears_is_admitted_with_its_first_message(tmp_path: Path) -> None:
    asked: list[Sequence[str]] = []

    def admit(broker: str, template: str, address: str) -> Admission | None:
        asked.append((broker, template, address))
        device = Device(address, {"": address}, "native", address, "", site="s", template=template)
        points = [point(f"{address}.{field}", field, address) for field in FIELDS]
        return device, points, [Channel(address, field, f"{address}.{field}") for field in FIELDS]

    index = PointIndex()
    async with nats(tmp_path) as broker, rig(broker.url, routing(1, index=index, admit=admit)) as it:
        with publisher(broker.port) as client:
            for number in range(3):
                client.publish("steward/v1/fresh/telemetry", payload(NOW + number), 1)
            await until(lambda: len(it.samples) == 12)
        assert asked == [("main", "meter", "fresh")]
        assert [device for one in it.committed for device in one.admitted] == ["fresh"]
        assert it.samples[index.add("fresh.power"), NOW] == 1.0


async def test_a_reply_of_a_decoder_reaches_the_broker(tmp_path: Path) -> None:
    heard: list[bytes] = []
    async with nats(tmp_path) as broker, rig(broker.url, routing()) as it:
        with publisher(broker.port, client_id="listener") as client:
            client.on_message = lambda client, data, message: heard.append(message.payload)
            client.on_subscribe = lambda *_: heard.append(b"subscribed")
            client.subscribe("spBv1.0/g/NCMD/e")
            await until(lambda: heard)
            it.connection.publish("spBv1.0/g/NCMD/e", b"rebirth")
            await until(lambda: heard == [b"subscribed", b"rebirth"])
            it.connection.publish("not/a/+/topic", b"x")  # refused by the client: logged, nothing breaks
            it.connection.publish("spBv1.0/g/NCMD/e", b"again")
            await until(lambda: heard[2:] == [b"again"])


async def test_several_brokers_are_collected_at_once(tmp_path: Path) -> None:
    async with nats(tmp_path / "a") as one, nats(tmp_path / "b") as two, rig(one.url, routing()) as it:
        other = MqttConnection(Broker("second", two.url, keepalive=60.0))
        other.start(it.pipeline.intake(other, "second"), ("steward/v1/+/telemetry",))
        await until(lambda: other.status().ready)
        for port, number in ((one.port, 0), (two.port, 1)):
            with publisher(port) as client:
                client.publish("steward/v1/d1/telemetry", payload(NOW + number), 1).wait_for_publish(60)
        await until(lambda: len(it.samples) == 8)
        await asyncio.to_thread(other.hold)
        await asyncio.to_thread(other.stop)


async def test_two_messages_without_a_device_time_get_times_of_their_own(tmp_path: Path) -> None:
    async with nats(tmp_path) as broker, rig(broker.url, routing()) as it:
        with publisher(broker.port) as client:
            for number in range(50):
                client.publish("steward/v1/d1/telemetry", b'{"values": {"power": %d}}' % number, 1)
            await until(lambda: it.connection.acknowledged == 50)
        values = [value for _, value in sorted(it.samples.items())]
        assert values == list(range(50))


async def test_the_end_makes_durable_and_acknowledges_what_was_read(tmp_path: Path) -> None:
    store = MemoryStore(delay=0.05)
    async with nats(tmp_path) as broker:
        async with rig(broker.url, routing(), store=store, limits=BatchLimits(max_samples=200, max_wait=5.0, quiet=5.0)) as it:
            with publisher(broker.port) as client:
                for number in range(333):
                    client.publish("steward/v1/d1/telemetry", payload(NOW + number), 1)
                await until(lambda: it.connection.received == 333)
        assert len(store.samples) == 1332
        assert it.connection.acknowledged == 333
        assert it.connection.status().state == "stopped"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"url": "http://x:1"}, "no address"),
        ({"url": "mqtt://"}, "no address"),
        ({"share_group": "g"}, "needs protocol 5"),
        ({"url": "mqtts://x"}, ""),
    ],
)
def test_settings_that_cannot_work_are_refused_before_anything_connects(settings: dict[str, str], words: str) -> None:
    with pytest.raises(BrokerError, match=words) if words else contextlib.nullcontext():
        MqttConnection(replace(Broker("b", "mqtt://127.0.0.1:1"), **settings)).stop()  # type: ignore[arg-type]


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(Broker("b", "mqtt://x", password="secret"))
