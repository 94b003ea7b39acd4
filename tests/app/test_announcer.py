"""Alerts, counts and points on real brokers: retained, described to Home Assistant, cleared when over, offline when lost."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from prometheus_client import CollectorRegistry

from collectors.broker import EmbeddedBroker
from collectors.mqtt import Broker, MqttConnection
from steward.app.brokers import described
from steward.app.checking import read
from steward.app.notices.service import NoticeService, send_test, transitions_of
from steward.app.service import Steward
from steward.config import Settings, parse
from steward.errors import BrokerError, NotFound
from steward.live import LiveState
from steward.model import Alert, Batch, Condition, PointIndex, Severity
from steward.records import Records
from steward.units import SECOND
from tests.app.tables import METER, STORES
from tests.ports import free_port

NOW = 1_795_500_000 * SECOND
FILE = """
[facility]
id = "campus"
[[broker]]
id = "main"
url = "mqtt://127.0.0.1:1"
[[site]]
id = "a"
name = { en = "Block A", zh = "A座" }
[[point]]
id = "a.power"
name = "Power"
metric = "power"
unit = "kW"
site = "a"
[[point]]
id = "a.fan"
metric = "on"
site = "a"
states = { 0 = "off", 1 = "on" }
[[point]]
id = "a.water"
metric = "water"
unit = "m3"
site = "a"
[[channel]]
id = "ha"
type = "mqtt"
broker = "main"
points = ["a.*"]
[[route]]
id = "all"
channels = ["ha"]
group_wait = "0s"
"""
SITE = (
    STORES
    + """
[[broker]]
id = "main"
url = "{url}"
[[site]]
id = "a"
name = "A"
"""
    + METER
    + """
[[device]]
id = "a"
template = "meter"
site = "a"
"""
)
CHANNEL = '[[channel]]\nid = "ha"\ntype = "mqtt"\nbroker = "main"\npoints = ["a.*"]\n'
KEYS = {
    "unique_id", "name", "device_class", "state_topic", "payload_on", "payload_off", "json_attributes_topic", "value_template",
    "state_class", "icon", "unit_of_measurement", "options", "availability_topic", "payload_available",
    "payload_not_available", "qos", "device", "origin",
}  # fmt: skip
"""What Home Assistant documents for sensor.mqtt and binary_sensor.mqtt, of which we use these."""


class Deaf:
    """Takes nothing: the connection is there to publish."""

    def ready(self) -> bool:
        return True

    def take(self, frames: Any, received: int, session: int, now: float) -> None:
        """Nothing is subscribed."""

    def tick(self, now: float) -> float:
        return 1.0

    def idle(self, now: float) -> float:
        return 0.0

    def flush(self) -> None:
        """Holds nothing."""


class Listener:
    """A client of its own that keeps the newest payload of each topic."""

    def __init__(self, port: int) -> None:
        self.seen: dict[str, bytes] = {}
        self.ready = threading.Event()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"listener-{id(self)}")
        self.client.on_message = lambda client, data, message: self.seen.update({message.topic: message.payload})
        self.client.on_connect = lambda *_: self.client.subscribe("#", 1)
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self.ready.wait(60)

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@asynccontextmanager
async def mosquitto(folder: Path) -> AsyncIterator[int]:
    port = free_port()
    (folder / "m.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(["mosquitto", "-c", folder / "m.conf"], stdout=quiet, stderr=quiet)  # noqa: ASYNC220
    try:
        await until(lambda: _open(port))
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@asynccontextmanager
async def embedded(folder: Path) -> AsyncIterator[int]:
    server = EmbeddedBroker(0, folder / "broker")
    await server.start()
    try:
        yield int(server.url.rsplit(":", 1)[1])
    finally:
        await server.stop()


@pytest.fixture(
    params=[pytest.param("embedded", marks=pytest.mark.slow), pytest.param("mosquitto", marks=pytest.mark.mosquitto)]
)
async def port(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[int]:
    """The port of a real broker."""
    import shutil

    if request.param == "mosquitto" and shutil.which("mosquitto") is None:
        pytest.skip("mosquitto is not installed")
    async with (mosquitto if request.param == "mosquitto" else embedded)(tmp_path) as number:
        yield number


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


def _service(settings: Settings, index: PointIndex, records: Records) -> NoticeService:
    rule = lambda id: None  # noqa: E731
    return NoticeService(settings, {}, lambda: settings.facility, rule, index, records, lambda: NOW, CollectorRegistry(), 1)


async def test_a_reload_announces_a_new_channel_and_what_it_adds_and_withdraws_what_is_gone(port: int, tmp_path: Path) -> None:
    url = f"mqtt://127.0.0.1:{port}"
    text = SITE.format(url=url)
    file = tmp_path / "site.toml"

    async def reload(more: str) -> None:
        file.write_text(text + more, encoding="utf-8")
        await steward.reload()

    def held(prefix: str) -> list[str]:
        return sorted(topic for topic, payload in list(ear.seen.items()) if payload and topic.startswith(prefix))

    file.write_text(text, encoding="utf-8")
    steward = Steward(read(file), clock=time.time_ns, environ={}, data=tmp_path, reread=lambda: read(file))
    await steward.start()
    ear = Listener(port)
    try:
        await reload(CHANNEL)
        await until(lambda: len(held("homeassistant/")) == 4 and ear.seen.get("steward/status") == b"online")
        assert any("a_2epower" in topic for topic in held("homeassistant/")), "the point"
        will = steward.connections[0]
        await until(lambda: will.broker.will == ("steward/status", b"offline") and will.connects == 2 and will.status().ready)
        await until(lambda: ear.seen.get("steward/status") == b"online")
        await reload(CHANNEL + '[[site]]\nid = "b"\nname = "B"\n')
        await until(lambda: len(held("homeassistant/")) == 7)
        await reload(CHANNEL.replace('"a.*"', '"nothing"'))
        await until(lambda: len(held("homeassistant/")) == 3 and not held("steward/sites/b/"))
        await reload(CHANNEL + 'topic = "energy"\n')
        await until(lambda: ear.seen.get("energy/status") == b"online" and not held("steward/"))
        await reload("")
        await until(lambda: not held("homeassistant/") and not held("energy/"))
        late = Listener(port)
        try:
            late.client.publish("end", b"1", 1)
            await until(lambda: late.seen.get("end") == b"1")
            assert not [topic for topic in late.seen if topic.startswith(("homeassistant/", "energy/", "steward/"))]
        finally:
            late.stop()
    finally:
        ear.stop()
        await steward.stop()


async def test_a_test_notice_over_mqtt_needs_no_service_and_says_that_the_broker_took_it(port: int) -> None:
    text = FILE.replace("mqtt://127.0.0.1:1", f"mqtt://127.0.0.1:{port}")
    ear = Listener(port)
    try:
        said = await send_test(parse([("f.toml", text)]), {}, "ha", "Li Wei", NOW)
        assert said == ["ha: taken by main at steward/notices"]
        await until(lambda: "steward/notices" in ear.seen)
        assert "Li Wei" in json.loads(ear.seen["steward/notices"])["text"]
    finally:
        ear.stop()


async def test_a_test_notice_over_mqtt_says_when_there_is_no_broker_and_no_such_channel() -> None:
    text = FILE.replace("mqtt://127.0.0.1:1", f"mqtt://127.0.0.1:{free_port()}").replace("points =", 'timeout = "1s"\npoints =')
    with pytest.raises(BrokerError, match=r"127\.0\.0\.1:"):
        await send_test(parse([("f.toml", text)]), {}, "ha", "Li Wei", NOW)
    with pytest.raises(NotFound, match="no channel 'haa', expected one of ha"):
        await send_test(parse([("f.toml", text)]), {}, "haa", "Li Wei", NOW)


def _state(records: Records, condition: Condition) -> Any:
    over = NOW if condition is Condition.RESOLVED else None
    alert = Alert("hot", "threshold", Severity.HIGH, "a.power", ("a.power",), condition, NOW, NOW, NOW, over)
    return transitions_of(records.record_alerts([alert], NOW))


async def test_alerts_and_points_are_mirrored_and_home_assistant_finds_them(port: int, tmp_path: Path) -> None:
    settings = parse([("f.toml", FILE)])
    index = PointIndex(settings.facility.points)
    records = Records("sqlite://")
    records.open()
    live = LiveState(index, settings.facility)
    live.update(Batch.of(np.arange(2), [NOW, NOW], [1500.0, 1.0]))
    broker: Broker = described(settings.brokers[0], settings, {}, tmp_path, f"mqtt://127.0.0.1:{port}")
    assert broker.will == ("steward/status", b"offline")
    link = MqttConnection(broker)
    link.start(Deaf(), ())
    service = _service(settings, index, records)
    await service.start({"main": link})
    ear = Listener(port)
    try:
        await until(lambda: link.status().ready)
        service.tick(live)
        await until(lambda: ear.seen.get("steward/points/a.fan") == b"on")
        assert ear.seen["steward/points/a.power"] == b"1500"
        await until(lambda: ear.seen.get("steward/sites/a/problem") == b"OFF")
        await until(lambda: ear.seen.get("steward/status") == b"online")
        await until(lambda: sum(topic.startswith("homeassistant/") for topic in list(ear.seen)) >= 6)
        configs = {topic: json.loads(raw) for topic, raw in list(ear.seen.items()) if topic.startswith("homeassistant/")}
        assert sorted(topic.split("/")[1] for topic in configs) == ["binary_sensor"] + ["sensor"] * 5
        for topic, config in configs.items():
            assert set(config) <= KEYS, topic
            assert config["unique_id"] == topic.split("/")[2]
            assert config["device"]["identifiers"] == ["steward_campus_a"]
            assert config["availability_topic"] == "steward/status"
        by_name = {config["name"]: config for config in configs.values()}
        assert by_name["Problem"]["device_class"] == "problem"
        power, water, fan = by_name["Power"], by_name["a.water"], by_name["a.fan"]
        assert (power["device_class"], power["unit_of_measurement"], power["state_class"]) == ("power", "W", "measurement")
        assert (water["device_class"], water["unit_of_measurement"], water["state_class"]) == (
            "water",
            "m³",
            "total_increasing",
        )
        assert (fan["device_class"], fan["options"]) == ("enum", ["off", "on"])

        fired = _state(records, Condition.FIRING)
        await service.take(fired)
        topic = f"steward/alerts/{fired[0].alert.id}"
        await until(lambda: "steward/notices" in ear.seen and ear.seen.get("steward/sites/a/problem") == b"ON")
        await until(lambda: topic in ear.seen and json.loads(ear.seen.get("steward/sites/a/alerts", b"{}")).get("total") == 1)
        assert json.loads(ear.seen[topic])["severity"] == "high"
        assert json.loads(ear.seen["steward/notices"])["reason"] == "first notification"
        late = Listener(port)  # who comes later sees what is true now, and no past notice
        await until(lambda: late.seen.get("steward/sites/a/problem") == b"ON" and topic in late.seen)
        assert "steward/notices" not in late.seen
        late.stop()

        await service.take(_state(records, Condition.RESOLVED))
        await until(lambda: ear.seen.get(topic) == b"" and ear.seen.get("steward/sites/a/problem") == b"OFF")
        await service.stop()
        await until(lambda: ear.seen.get("steward/status") == b"offline")
    finally:
        ear.stop()
        link.stop()
        records.close()
