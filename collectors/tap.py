"""The tap in paho's socket: PUBLISH frames go straight to us, everything else is what paho reads.

A `Tap` stands where paho expects its socket (TCP, TLS or paho's own WebSocket wrapper). `fill` makes one large receive
and splits it; PUBLISH frames come back as tuples, all other frames wait in `_control` for paho's small reads. Whatever
is sent, by paho or by us, passes one out-buffer in whole packets, so that joined PUBACKs never fall into the middle of
one of paho's packets. No thread safety: one thread owns a tap.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Protocol

RECEIVE = 256 * 1024
"""Bytes of one receive."""


Frame = tuple[bytes, bytes, bytes, int]
"""A PUBLISH: topic, payload, the packet that acknowledges it (b"" at QoS 0), flags. A plain tuple: this is the hottest
object of the program."""
RETAINED, QOS, DUPLICATE = 0x01, 0x06, 0x08
"""The flags of a PUBLISH, as on the wire."""


class MalformedFrame(ConnectionError):
    """The peer does not speak MQTT (any more); the connection cannot be used further."""


class Wire(Protocol):
    """What paho makes for us: socket, ssl.SSLSocket or its WebSocket wrapper."""

    def recv(self, size: int, /) -> bytes: ...
    def send(self, data: bytes, /) -> int: ...
    def close(self) -> None: ...
    def fileno(self) -> int: ...
    def setblocking(self, flag: bool, /) -> None: ...


class Tap:
    """Wraps `wire`. `properties` says whether PUBLISH frames carry MQTT 5 properties, which are stepped over."""

    def __init__(self, wire: Wire, properties: bool) -> None:
        self._wire = wire
        self._properties = properties
        self._pending: Callable[[], int] | None = getattr(wire, "pending", None)
        self._control = bytearray()
        self._out = bytearray()
        self._pieces: list[bytes] = []
        self._missing = 0
        self.ended = False
        self.received = 0
        """Bytes received so far."""

    # What paho calls.

    def recv(self, size: int) -> bytes:
        """The next bytes of a frame that is not PUBLISH; BlockingIOError when there are none, b"" at the end."""
        if self._control:
            data = bytes(self._control[:size])
            del self._control[:size]
            return data
        if self.ended:
            return b""
        raise BlockingIOError

    def send(self, data: bytes) -> int:
        """Takes all of `data`; what the wire does not accept now waits for `flush`."""
        self._out += data
        self.flush()
        return len(data)

    def close(self) -> None:
        self.ended = True
        self._wire.close()

    def fileno(self) -> int:
        return self._wire.fileno()

    def setblocking(self, flag: bool) -> None:
        self._wire.setblocking(flag)

    def pending(self) -> int:
        """Decrypted bytes that poll() cannot know of."""
        return self._pending() if self._pending is not None else 0

    # What our loop calls.

    @property
    def control(self) -> bool:
        """Whether paho has something to read: frames that are not PUBLISH, or the end of the connection."""
        return bool(self._control) or self.ended

    @property
    def waiting(self) -> bool:
        """Whether bytes wait to be sent."""
        return bool(self._out)

    def flush(self) -> None:
        """Sends what the wire accepts. Raises OSError when the connection is lost."""
        while self._out:
            try:
                sent = self._wire.send(bytes(self._out))
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            if not sent:  # the WebSocket wrapper keeps the rest of a frame to itself
                return
            del self._out[:sent]

    def fill(self) -> list[Frame]:
        """One receive (all decrypted records with TLS): the PUBLISH frames in it. Raises OSError, MalformedFrame."""
        data = self._receive()
        self.received += len(data)
        if self._missing > len(data):
            self._pieces.append(data)
            self._missing -= len(data)
            return []
        if self._pieces:
            self._pieces.append(data)
            data = b"".join(self._pieces)
            self._pieces.clear()
        return self._split(data)

    def _receive(self) -> bytes:
        try:
            data = self._wire.recv(RECEIVE)
            if not data:
                self.ended = True
            pieces = [data]
            while len(pieces) < 64 and self.pending():
                pieces.append(self._wire.recv(RECEIVE))
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return b""
        # bytes: the WebSocket wrapper of paho 2.1 gives bytearrays, which no dict can look up
        return bytes(data) if len(pieces) == 1 else b"".join(pieces)

    def _split(self, data: bytes) -> list[Frame]:
        """Cuts `data` into frames; an incomplete rest waits in `_pieces` until `_missing` more bytes are here."""
        frames: list[Frame] = []
        position, end = 0, len(data)
        missing = 1
        while end - position >= 2:
            size, start = data[position + 1], position + 2
            if size & 0x80:
                high = data[start] if start < end else 0x80
                if high < 0x80:  # two bytes, the usual case
                    start, size = start + 1, size & 0x7F | high << 7
                else:
                    start, size = _length(data, position + 1)
                if size < 0:  # the length itself is incomplete
                    break
            stop = start + size
            if stop > end:
                missing = stop - end
                break
            first = data[position]
            if first & 0xF0 == 0x30:
                qos = first & QOS
                body = start + 2 + (data[start] << 8 | data[start + 1])
                topic = data[start + 2 : body]
                acknowledgement = b""
                if qos:
                    # QoS 2 is answered with PUBREC, like PUBACK only once the message is durable.
                    acknowledgement = (b"\x40\x02" if qos == 0x02 else b"\x50\x02") + data[body : body + 2]
                    body += 2
                if self._properties:
                    body, size = _length(data, body)
                    body += size
                if body > stop or size < 0 or qos == QOS or not topic:
                    raise MalformedFrame(f"PUBLISH of {stop - start} bytes, topic of {len(topic)} bytes, QoS {qos >> 1}")
                frames.append((topic, data[body:stop], acknowledgement, first & 0x0F))
            elif first == 0x62:  # PUBREL: its message has been ours since PUBLISH, PUBREC said so
                self._out += b"\x70\x02" + data[start : start + 2]
            else:
                self._control += data[position:stop]
            position = stop
        if position < end:
            self._pieces.append(data[position:])
        self._missing = missing if position < end else 0
        return frames

    def queue(self, data: bytes) -> None:
        """Lays whole packets into the out-buffer without sending."""
        self._out += data


def _length(data: bytes, position: int) -> tuple[int, int]:
    """(position behind it, value) of a variable byte integer; value -1 when it is cut off. Raises MalformedFrame."""
    value = shift = 0
    for byte in data[position : position + 4]:
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return position, value
        shift += 7
    if shift == 28:
        raise MalformedFrame("a length of more than four bytes")
    return position, -1
