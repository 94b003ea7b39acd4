"""The whole way of a message, on the embedded broker."""

from __future__ import annotations

import time
from pathlib import Path

from collectors.pipeline import BatchLimits
from steward.model import PointIndex
from tests.collectors.conftest import nats, publisher, rig, until
from tests.collectors.proxy import proxy
from tests.collectors.site import payload, routing
from tests.fakes import MemoryStore

NOW = time.time_ns()


async def test_a_message_becomes_samples_in_the_store_and_is_acknowledged(tmp_path: Path) -> None:
    index = PointIndex()
    async with nats(tmp_path) as broker, rig(broker.url, routing(10, index=index)) as it:
        with publisher(broker.port) as client:
            client.publish("steward/v1/d3/telemetry", payload(NOW, 7.5), 1).wait_for_publish(60)
        await until(lambda: len(it.samples) == 4)
        assert it.samples[index.add("d3.power"), NOW] == 7.5
        await until(lambda: it.connection.acknowledged == 1)
        await until(lambda: it.committed)
        assert it.committed[0].seen["d3"] >= NOW
        assert it.metric("steward_messages_decoded_total", broker="main") == 1
        assert it.metric("steward_samples_total", broker="main") == 4


async def test_what_cannot_be_read_is_counted_quarantined_and_acknowledged(tmp_path: Path) -> None:
    async with nats(tmp_path) as broker, rig(broker.url, routing()) as it:
        with publisher(broker.port) as client:
            client.publish("steward/v1/d1/telemetry", b"not json", 1)
            client.publish("steward/v1/stranger/telemetry", payload(NOW), 1)
            client.publish("steward/v1/d1/telemetry", payload(NOW), 1).wait_for_publish(60)
        await until(lambda: it.connection.acknowledged == 3)
        assert len(it.samples) == 4
        assert it.quarantine.counts() == {"not_json": 1, "unknown_device": 1}
        assert {entry.topic for entry in it.quarantine.list()} == {"steward/v1/d1/telemetry", "steward/v1/stranger/telemetry"}
        assert it.quarantine.strangers()[0].address == "stranger"
        assert it.metric("steward_rejected_total", broker="main", reason="not_json") == 1


async def test_a_topic_of_the_broker_itself_is_acknowledged_and_no_matter_for_the_quarantine(tmp_path: Path) -> None:
    async with nats(tmp_path) as broker, rig(broker.url, routing()) as it:
        intake = it.pipeline.intake(it.connection, "main")
        frames = [(b"$sparkplug/certificates/x", b"\0", b"", 0), (b"nobody/listens", b"\0", b"", 0)]
        intake.take(frames, NOW, 1, 0.0)
        intake.flush()
        await it.pipeline.drained()
        assert it.quarantine.counts() == {"unrouted": 1}


async def test_nothing_is_acknowledged_before_it_is_durable_and_nothing_dropped_while_the_store_is_down(tmp_path: Path) -> None:
    store = MemoryStore()
    store.down = True
    async with nats(tmp_path) as broker, rig(broker.url, routing(), store=store) as it:
        with publisher(broker.port) as client:
            for number in range(500):
                client.publish("steward/v1/d1/telemetry", payload(NOW + number), 1)
            await until(lambda: it.pipeline.status().write_error)
            await until(lambda: it.connection.received >= 500)  # more, where the broker grew impatient
        assert it.connection.acknowledged == 0
        assert not it.pipeline.status().ready
        store.down = False
        await until(lambda: it.connection.acknowledged == 500)
        assert len(store.samples) == 2000
        assert it.pipeline.status().ready


async def test_a_slow_store_stops_the_reading_and_drops_nothing(tmp_path: Path) -> None:
    store = MemoryStore()
    store.gate.clear()
    limits = BatchLimits(max_samples=100, max_wait=0.02, in_flight=400)
    async with (
        nats(tmp_path) as broker,
        proxy(broker.port) as between,
        rig(between.url, routing(), store=store, limits=limits, keepalive=9.0) as it,
    ):
        with publisher(broker.port) as client:
            for number in range(5000):
                client.publish("steward/v1/d1/telemetry", payload(NOW + number), 1)
            await until(lambda: it.connection.status().paused, "paused")
            before = between.pings
            await until(lambda: between.pings >= before + 2, "the pings go on while nothing is read")
            assert it.connection.status().paused
            assert it.connection.connects == 1
            store.gate.set()
            await until(lambda: len(store.samples) == 20_000, "everything stored")
        assert it.connection.connects == 1
