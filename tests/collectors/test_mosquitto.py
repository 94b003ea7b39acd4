"""What NATS cannot: MQTT 5, shared subscriptions, TLS with client certificates, WebSocket, access lists, on mosquitto."""

from __future__ import annotations

import gc
import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from collectors.mqtt import Broker, MqttConnection, Tls
from collectors.pipeline import BatchLimits
from steward.errors import BrokerError
from steward.model import PointIndex
from tests.collectors.conftest import Mosquitto, publisher, rig, until
from tests.collectors.site import payload, routing
from tests.fakes import MemoryStore
from tests.ports import free_port

pytestmark = pytest.mark.mosquitto
NOW = time.time_ns()
Start = Callable[..., Mosquitto]


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
async def test_both_protocols_bring_every_message_at_both_qualities_of_service(mosquitto: Start, protocol: str) -> None:
    broker = mosquitto()
    async with rig(broker.url, routing(), protocol=protocol) as it:
        with publisher(broker.port) as client:
            for number in range(400):
                client.publish("steward/v1/d1/telemetry", payload(NOW + number), number % 2)
            await until(lambda: len(it.samples) == 1600)
        await until(lambda: it.connection.acknowledged == 200)


async def test_a_message_of_quality_of_service_2_arrives_once_at_1(mosquitto: Start) -> None:
    broker = mosquitto()
    async with rig(broker.url, routing()) as it:
        with publisher(broker.port) as client:
            client.publish("steward/v1/d1/telemetry", payload(NOW), 2).wait_for_publish(60)
        await until(lambda: it.connection.acknowledged == 1)
        assert len(it.samples) == 4


async def test_a_session_that_holds_a_subscription_of_quality_of_service_2_is_served_too(mosquitto: Start) -> None:
    broker = mosquitto()
    earlier = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="steward", clean_session=False)
    done: list[int] = []
    earlier.on_subscribe = lambda *_: done.append(1)
    earlier.connect("127.0.0.1", broker.port)
    earlier.loop_start()
    earlier.subscribe("steward/v1/+/telemetry", 2)
    await until(lambda: done)
    earlier.disconnect()
    earlier.loop_stop()
    with publisher(broker.port) as client:
        for number in range(5):
            client.publish("steward/v1/d1/telemetry", payload(NOW + number), 2).wait_for_publish(60)
    async with rig(broker.url, routing()) as it:
        await until(lambda: it.connection.acknowledged == 5)
        assert len(it.samples) == 20


async def test_what_waits_for_an_absent_steward_arrives_when_it_is_back_even_if_the_broker_was_killed(mosquitto: Start) -> None:
    broker = mosquitto()
    async with rig(broker.url, routing()) as it:
        pass
    with publisher(broker.port) as client:
        for number in range(100):
            client.publish("steward/v1/d1/telemetry", payload(NOW + number), 1).wait_for_publish(60)
    published = time.time_ns()
    await until(lambda: broker.saved() > published, "saved with all messages")
    broker.kill()
    broker.start()
    async with rig(broker.url, routing()) as it:
        await until(lambda: len(it.samples) == 400)


async def test_a_restarted_broker_is_subscribed_again_within_seconds(mosquitto: Start) -> None:
    broker = mosquitto()
    async with rig(broker.url, routing(), protocol="5") as it:
        for count in range(2):
            broker.kill()
            await until(lambda: not it.pipeline.status().ready)
            broker.start()
            await until(lambda: it.pipeline.status().ready)
            with publisher(broker.port) as client:
                client.publish("steward/v1/d1/telemetry", payload(NOW + count), 1).wait_for_publish(60)
            await until(lambda number=4 * (count + 1): len(it.samples) == number)


async def test_a_small_window_of_the_broker_does_not_wait_for_the_batch_to_fill(mosquitto: Start) -> None:
    # mosquitto's default: 20 messages under way. Each batch of them would otherwise wait max_wait (here 200 s in all).
    broker = mosquitto("max_inflight_messages 20\n")
    async with rig(broker.url, routing(), limits=BatchLimits(max_wait=5.0)) as it:
        with publisher(broker.port) as client:
            for number in range(800):
                client.publish("steward/v1/d1/telemetry", payload(NOW + number), 1)
            await until(lambda: len(it.samples) == 3200)


async def test_two_stewards_share_the_messages_of_a_shared_subscription(mosquitto: Start) -> None:
    broker = mosquitto()
    index, store = PointIndex(), MemoryStore()
    shared = {"protocol": "5", "share_group": "stewards"}
    async with (
        rig(broker.url, routing(10, index=index), store=store, client_id="one", **shared) as one,
        rig(broker.url, routing(10, index=index), store=store, client_id="two", **shared) as two,
    ):
        with publisher(broker.port) as client:
            for number in range(500):
                client.publish("steward/v1/d1/telemetry", payload(NOW + number), 1)
            await until(lambda: len(store.samples) == 2000)
        await until(lambda: one.connection.acknowledged + two.connection.acknowledged == 500)
        assert one.connection.received > 100
        assert two.connection.received > 100


async def test_a_subscription_that_the_access_list_denies_is_refused_by_name(mosquitto: Start) -> None:
    broker = mosquitto()
    broker.kill()
    plugin = dynamic_security()
    security = broker.folder / "security.json"
    allowed = [{"acltype": "subscribePattern", "topic": "steward/v1/+/status", "priority": 0, "allow": True}]
    access = dict.fromkeys(("publishClientSend", "publishClientReceive", "unsubscribe"), True)
    security.write_text(
        json.dumps(
            {
                "defaultACLAccess": {**access, "subscribe": False},
                "clients": [],
                "groups": [{"groupname": "all", "roles": [{"rolename": "reader"}]}],
                "roles": [{"rolename": "reader", "acls": allowed}],
                "anonymousGroup": "all",
            }
        )
    )
    broker.extra = f"plugin {plugin}\nplugin_opt_config_file {security}\n"
    broker.start()
    async with rig(broker.url, routing(), ready=False) as it:
        await until(lambda: it.connection.status().state == "refused")
        status = it.connection.status()
        assert list(status.refused) == ["steward/v1/+/telemetry"]
        assert "0x80" in status.refused["steward/v1/+/telemetry"]
        assert not it.pipeline.status().ready


def dynamic_security() -> Path:
    """mosquitto's plugin for access lists that also hold for SUBSCRIBE."""
    plugin = next(Path("/usr/lib").rglob("mosquitto_dynamic_security.so"), None)
    if plugin is None:
        pytest.skip("needs mosquitto's dynamic security plugin: apt-get install mosquitto")
    return plugin


@dataclass
class Certificates:
    """An authority, a server certificate for 127.0.0.1 and a client certificate, as PEM files."""

    folder: Path

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def make(self) -> None:
        openssl(
            "req", "-x509", "-subj", "/CN=authority", "-days", "2", *new_key(self.path("ca.key")), "-out", self.path("ca.pem")
        )
        for name, extra in (("server", "subjectAltName=IP:127.0.0.1"), ("client", "extendedKeyUsage=clientAuth")):
            request, certificate = self.path(f"{name}.csr"), self.path(f"{name}.pem")
            openssl("req", "-subj", f"/CN={name}", *new_key(self.path(f"{name}.key")), "-out", request)
            (self.folder / "extra").write_text(extra)
            signed = ("-CA", self.path("ca.pem"), "-CAkey", self.path("ca.key"), "-CAcreateserial", "-days", "2")
            openssl("x509", "-req", "-in", request, *signed, "-extfile", self.path("extra"), "-out", certificate)

    def listener(self, port: int) -> str:
        files = f"cafile {self.path('ca.pem')}\ncertfile {self.path('server.pem')}\nkeyfile {self.path('server.key')}\n"
        return f"listener {port} 127.0.0.1\n{files}require_certificate true\n"

    def tls(self) -> Tls:
        return Tls(self.path("ca.pem"), self.path("client.pem"), self.path("client.key"))


def new_key(path: str) -> tuple[str, ...]:
    return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", path)


def openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    folder = tmp_path / "tls"
    folder.mkdir()
    made = Certificates(folder)
    try:
        made.make()
    except FileNotFoundError:
        pytest.skip("needs openssl: apt-get install openssl")
    return made


async def test_tls_with_a_client_certificate(mosquitto: Start, certificates: Certificates) -> None:
    port = free_port()
    broker = mosquitto(certificates.listener(port), ports=(port,))
    async with rig(f"mqtts://127.0.0.1:{port}", routing(), tls=certificates.tls()) as it:
        with publisher(broker.port) as client:
            for number in range(500):
                client.publish("steward/v1/d1/telemetry", payload(NOW + number), 1)
            client.publish("steward/v1/d1/telemetry", b" " * 100_000 + payload(NOW + 500), 1)
            await until(lambda: len(it.samples) == 2004)
        await until(lambda: it.connection.acknowledged == 501)


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # paho leaves a failed TLS socket to the collector
async def test_without_the_client_certificate_or_with_another_authority_there_is_no_connection(
    mosquitto: Start, certificates: Certificates
) -> None:
    port = free_port()
    mosquitto(certificates.listener(port), ports=(port,))
    for tls in (Tls(certificates.path("ca.pem")), Tls(certificates.path("client.pem"))):
        async with rig(f"mqtts://127.0.0.1:{port}", routing(), ready=False, tls=tls) as it:
            await until(lambda: it.connection.status().state == "lost")
            assert it.connection.connects == 0
    with pytest.raises(BrokerError, match="TLS files"):
        MqttConnection(Broker("b", "mqtts://x", tls=Tls("/nowhere/ca.pem")))
    gc.collect()  # here, not in the midst of another test, which would answer for it


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_websocket(mosquitto: Start, certificates: Certificates, scheme: str) -> None:
    port = free_port()
    listener = f"listener {port} 127.0.0.1\n" if scheme == "ws" else certificates.listener(port)
    broker = mosquitto(f"{listener}protocol websockets\n", ports=(port,))
    tls = certificates.tls() if scheme == "wss" else Tls()
    async with rig(f"{scheme}://127.0.0.1:{port}/mqtt", routing(), tls=tls, protocol="5") as it:
        with publisher(broker.port) as client:
            for number in range(300):
                client.publish("steward/v1/d1/telemetry", payload(NOW + number), 1)
            client.publish("steward/v1/d1/telemetry", b" " * 20_000 + payload(NOW + 300), 1)
            await until(lambda: len(it.samples) == 1204)
        await until(lambda: it.connection.acknowledged == 301)


async def test_live_traffic_gives_the_same_messages_through_the_tap_and_through_plain_paho(mosquitto: Start) -> None:
    broker = mosquitto()
    heard: list[bytes] = []
    plain = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="plain")
    ready: list[int] = []
    plain.on_message = lambda client, data, message: heard.append(message.payload)
    plain.on_subscribe = lambda *_: ready.append(1)
    plain.connect("127.0.0.1", broker.port)
    plain.loop_start()
    plain.subscribe("steward/v1/+/telemetry", 1)
    await until(lambda: ready)
    index = PointIndex()
    async with rig(broker.url, routing(10, index=index)) as it:
        with publisher(broker.port) as client:
            for number in range(2000):
                client.publish("steward/v1/d1/telemetry", payload(NOW + number, float(number)), 1)
            await until(lambda: len(it.samples) == 8000 and len(heard) == 2000)
        by_paho = {(NOW + number): json.loads(text)["values"]["power"] for number, text in enumerate(heard)}
        power = {at: value for (point, at), value in it.samples.items() if point == index.add("d1.power")}
        assert power == by_paho
    plain.disconnect()
    plain.loop_stop()
