"""The tap against paho itself: the same bytes must give the same messages."""

from __future__ import annotations

import inspect
import random
import selectors
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

import paho.mqtt.client as paho
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.mqtt import Broker, _Client, _client
from collectors.tap import Frame, MalformedFrame, Tap

SEEN = ("2.1.0", "2.2.0")
"""The releases of paho-mqtt that these tests have run against; pyproject.toml admits no others."""

Seen = tuple[bytes, bytes, int, int, bool]
"""Topic, payload, packet id, QoS, retained."""


def test_this_release_of_paho_is_one_that_the_tap_was_tested_with() -> None:
    assert version("paho-mqtt") in SEEN


def test_paho_makes_its_socket_in_the_one_method_that_we_override() -> None:
    assert "self._sock = self._create_socket()" in inspect.getsource(paho.Client.reconnect)
    assert list(inspect.signature(paho.Client._create_socket).parameters) == ["self"]
    private = {name for name in vars(_Client) if name.startswith("_") and not name.startswith("__")}
    assert private == {"_create_socket"}


# Traffic, encoded here by the standard's text and not by the code under test.


def length(number: int) -> bytes:
    out = bytearray()
    while True:
        number, low = divmod(number, 128)
        out.append(low | 0x80 if number else low)
        if not number:
            return bytes(out)


def frame(first: int, body: bytes) -> bytes:
    return bytes([first]) + length(len(body)) + body


@dataclass(frozen=True)
class Message:
    topic: str
    payload: bytes
    packet: int
    qos: int
    retained: bool
    properties: bytes = b""

    def encode(self, five: bool) -> bytes:
        topic = self.topic.encode()
        body = len(topic).to_bytes(2, "big") + topic
        if self.qos:
            body += self.packet.to_bytes(2, "big")
        if five:
            body += length(len(self.properties)) + self.properties
        return frame(0x30 | self.qos << 1 | self.retained, body + self.payload)

    def seen(self) -> Seen:
        return self.topic.encode(), self.payload, self.packet if self.qos else 0, self.qos, self.retained


PINGRESP = b"\xd0\x00"
CONNACK = {False: b"\x20\x02\x00\x00", True: b"\x20\x03\x00\x00\x00"}
USER_PROPERTY = b"\x26\x00\x01k\x00\x01v"
LONG_PROPERTIES = USER_PROPERTY * 40
"""Longer than 127 bytes: its own length takes two."""


def traffic(five: bool, seed: int, number: int = 300) -> list[Message]:
    choice = random.Random(seed)
    sizes = [0, 1, 100, 127, 128, 300, 16_383, 16_384, 70_000]
    messages = []
    for count in range(number):
        size = choice.choice(sizes[:5] if count % 20 else sizes)
        topic = choice.choice(["a", "steward/v1/d1/telemetry", "楼/一层/温度", "x" * 200, "spBv1.0/g/NDATA/e"])
        properties = choice.choice([b"", USER_PROPERTY, b"\x01\x01", LONG_PROPERTIES]) if five else b""
        message = Message(
            topic, choice.randbytes(size), count % 65_535 + 1, choice.choice([0, 1, 1]), choice.random() < 0.1, properties
        )
        messages.append(message)
    messages.append(Message("big", choice.randbytes(3_000_000), 9, 1, False))
    return messages


class Peer:
    """Answers CONNECT on a port of its own and then says the given bytes in pieces of odd sizes."""

    def __init__(self, greeting: bytes, stream: bytes, seed: int) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._greeting, self._stream, self._choice = greeting, stream, random.Random(seed)
        self._thread = threading.Thread(target=self._talk, daemon=True)
        self._thread.start()
        self.done = threading.Event()

    def _talk(self) -> None:
        peer, _ = self._server.accept()
        with peer, self._server:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer.recv(4096)
            peer.sendall(self._greeting)
            position = 0
            while position < len(self._stream):
                size = self._choice.choice([1, 2, 3, 5, 7, 64, 1000, 4099, 65_536, 200_000])
                peer.sendall(self._stream[position : position + size])
                position += size
            self.done.wait(120)


def plain_paho(port: int, five: bool, number: int) -> list[Seen]:
    """What paho's own on_message sees."""
    seen: list[Seen] = []
    client = paho.Client(
        paho.CallbackAPIVersion.VERSION2,
        client_id="plain",
        protocol=paho.MQTTv5 if five else paho.MQTTv311,
        manual_ack=True,
    )
    client.on_message = lambda client, data, one: seen.append(
        (one.topic.encode(), bytes(one.payload), one.mid, one.qos, one.retain)
    )
    client.connect("127.0.0.1", port, keepalive=60)
    run(client, lambda: len(seen) >= number, lambda: client.loop_read())
    return seen


def tapped(port: int, five: bool, number: int) -> list[Seen]:
    """What the tap sees, driven as our loop drives it."""
    seen: list[Seen] = []
    client = _client(Broker("b", f"mqtt://127.0.0.1:{port}", "5" if five else "3.1.1", keepalive=60))
    client.reconnect()
    tap = client.tap
    assert tap is not None

    def read() -> None:
        seen.extend(flat(one) for one in tap.fill())
        while tap.control and client.socket() is not None:
            client.loop_read()

    run(client, lambda: len(seen) >= number, read)
    assert client.is_connected()
    return seen


def flat(one: Frame) -> Seen:
    topic, payload, packet, flags = one
    return topic, payload, int.from_bytes(packet[2:]), flags >> 1 & 3, flags & 1 == 1


def run(client: paho.Client, complete: Callable[[], bool], read: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    with selectors.DefaultSelector() as selector:
        selector.register(client.socket(), selectors.EVENT_READ)  # type: ignore[arg-type]
        while not complete():
            assert time.monotonic() < end
            if selector.select(0.2):
                read()
    client.socket().close()  # type: ignore[union-attr]


@pytest.mark.parametrize("five", [False, True], ids=["3.1.1", "5"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_tap_sees_exactly_what_plain_paho_sees(five: bool, seed: int) -> None:
    messages = traffic(five, seed)
    choice = random.Random(seed)
    stream = b"".join((PINGRESP if choice.random() < 0.1 else b"") + message.encode(five) for message in messages)
    found = []
    for receive in (plain_paho, tapped):
        peer = Peer(CONNACK[five], stream, seed)
        found.append(receive(peer.port, five, len(messages)))
        peer.done.set()
    assert found[0] == found[1]
    assert found[1] == [message.seen() for message in messages]


class Script:
    """A wire that gives the pieces of a script and takes `accepts` bytes of each send."""

    def __init__(self, pieces: list[bytes], accepts: int = 1 << 20) -> None:
        self.pieces, self.accepts, self.sent, self.blocked = pieces, accepts, bytearray(), False

    def recv(self, size: int) -> bytes:
        if not self.pieces:
            raise BlockingIOError
        return self.pieces.pop(0)

    def send(self, data: bytes) -> int:
        self.blocked = not self.blocked
        if self.blocked:
            raise BlockingIOError
        self.sent += data[: self.accepts]
        return min(len(data), self.accepts)

    def close(self) -> None: ...

    def fileno(self) -> int:
        return -1

    def setblocking(self, flag: bool) -> None: ...


@settings(max_examples=60, deadline=None)
@given(cuts=st.lists(st.integers(1, 9), max_size=400), five=st.booleans(), seed=st.integers(0, 1000))
def test_how_the_stream_is_cut_changes_nothing(cuts: list[int], five: bool, seed: int) -> None:
    messages = [one for one in traffic(five, seed, 12) if len(one.payload) < 1000]
    stream = PINGRESP.join(message.encode(five) for message in messages)
    pieces, position = [], 0
    for cut in cuts:
        pieces.append(stream[position : position + cut])
        position += cut
    pieces = [piece for piece in [*pieces, stream[position:]] if piece]
    tap = Tap(Script(pieces), five)
    seen = [flat(one) for _ in range(len(pieces)) for one in tap.fill()]
    assert seen == [message.seen() for message in messages]
    assert tap.recv(1 << 20) == PINGRESP * (len(messages) - 1)


def test_acknowledgements_never_fall_into_the_middle_of_a_packet_of_paho() -> None:
    wire = Script([], accepts=3)
    tap = Tap(wire, False)
    packet, acknowledgements = b"\x30\x0bpaho packet", b"\x40\x02\x00\x01\x40\x02\x00\x02"
    assert tap.send(packet) == len(packet)
    tap.queue(acknowledgements)
    assert tap.send(packet) == len(packet)
    while tap.waiting:
        tap.flush()
    assert bytes(wire.sent) == packet + acknowledgements + packet


def test_an_acknowledgement_is_the_packet_that_the_standard_asks_for() -> None:
    stream = b"".join(Message("t", b"x", 258, qos, False).encode(False) for qos in (0, 1, 2))
    frames = Tap(Script([stream]), False).fill()
    assert [packet for _, _, packet, _ in frames] == [b"", b"\x40\x02\x01\x02", b"\x50\x02\x01\x02"]


def test_a_pubrel_is_answered_at_once() -> None:
    wire = Script([b"\x62\x02\x01\x02"])
    tap = Tap(wire, False)
    assert tap.fill() == []
    assert not tap.control
    while tap.waiting:
        tap.flush()
    assert bytes(wire.sent) == b"\x70\x02\x01\x02"


def test_the_end_of_the_connection_reaches_paho_as_an_empty_read() -> None:
    tap = Tap(Script([b""]), False)
    assert tap.fill() == []
    assert tap.control
    assert tap.recv(10) == b""


@pytest.mark.parametrize(
    "stream",
    [
        b"\x36\x05\x00\x01a\x00\x01",  # QoS 3
        b"\x30\x03\x00\x09a",  # a topic longer than the frame
        b"\x30\x02\x00\x00",  # no topic: an alias that we never allowed
        b"\x30\xff\xff\xff\xff\x01",  # a length of five bytes
    ],
)
def test_what_is_not_mqtt_ends_the_connection(stream: bytes) -> None:
    with pytest.raises(MalformedFrame):
        Tap(Script([stream]), False).fill()
