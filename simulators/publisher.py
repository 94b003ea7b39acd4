"""A small MQTT 3.1.1 client that publishes: asyncio, QoS 0 and 1, a window of unacknowledged messages, a last will.

It shares no code with the collectors, so that it is a fair tester of them. Frames follow the OASIS standard (MQTT 3.1.1,
section numbers at the functions). `publish` blocks when the window is full: the broker's pace is the caller's pace. When the
connection is lost, what was not acknowledged is sent again (DUP) after a reconnect, at the same client id.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from simulators.encoders.contract import Publication
from steward.errors import BrokerError

CONNECT_WAIT = 10.0  # s
RETRIES = 30
REFUSALS = {1: "protocol version", 2: "client id", 3: "server unavailable", 4: "user name or password", 5: "not authorised"}
Handler = Callable[[str, bytes], None]


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes when we are lost."""

    topic: str
    payload: bytes
    retain: bool = False


def text(value: str | bytes) -> bytes:
    """A length-prefixed UTF-8 string or binary (1.5.3)."""
    raw = value.encode() if isinstance(value, str) else value
    return len(raw).to_bytes(2, "big") + raw


def remaining(length: int) -> bytes:
    """The remaining-length field (2.2.3)."""
    out = bytearray()
    while True:
        length, digit = divmod(length, 128)
        out.append(digit | 0x80 if length else digit)
        if not length:
            return bytes(out)


def connect_frame(client_id: str, will: Will | None, username: str, password: str, keepalive: int, clean: bool) -> bytes:
    """CONNECT (3.1)."""
    flags = 0x02 if clean else 0
    payload = text(client_id)
    if will is not None:
        flags |= 0x04 | 0x08 | (0x20 if will.retain else 0)
        payload += text(will.topic) + text(will.payload)
    if username:
        flags |= 0x80
        payload += text(username)
    if password:
        flags |= 0x40
        payload += text(password)
    body = text("MQTT") + bytes([4, flags]) + keepalive.to_bytes(2, "big") + payload
    return b"\x10" + remaining(len(body)) + body


def publish_frame(topic: str, payload: bytes, qos: int, retain: bool, number: int) -> bytes:
    """PUBLISH (3.3); `number` is the packet id at QoS 1."""
    name = topic.encode()
    head = len(name).to_bytes(2, "big") + name + (number.to_bytes(2, "big") if qos else b"")
    return bytes((0x30 | qos << 1 | retain,)) + remaining(len(head) + len(payload)) + head + payload


class Publisher:
    """One connection. `url` is mqtt://[user:password@]host:port or mqtts://; counts what it sent and what was acknowledged."""

    def __init__(
        self, url: str, client_id: str, *, will: Will | None = None, qos: int = 1, window: int = 2000, keepalive: int = 30,
        username: str = "", password: str = "", tls: ssl.SSLContext | None = None,
    ) -> None:  # fmt: skip
        parts = urlsplit(url)
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
            raise BrokerError(f"not a broker address: {parts.scheme}://{parts.hostname or ''}, expected mqtt://host:port")
        self._host, self._port = parts.hostname, parts.port or (8883 if parts.scheme == "mqtts" else 1883)
        self._tls = tls or (ssl.create_default_context() if parts.scheme == "mqtts" else None)
        self._username, self._password = username or parts.username or "", password or parts.password or ""
        self._client_id, self._will, self._qos, self._keepalive = client_id, will, qos, keepalive
        self._window = max(1, min(window, 60_000))
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._number = 0
        self._open: dict[int, bytes] = {}
        self._room = asyncio.Event()
        self._lost: BaseException | None = None
        self._closing = False
        self._subscriptions: dict[str, Handler] = {}
        self.sent = self.acknowledged = self.reconnects = 0

    async def __aenter__(self) -> Publisher:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def connect(self) -> None:
        """Opens the connection. Raises BrokerError with the broker's reason."""
        try:
            async with asyncio.timeout(CONNECT_WAIT):
                self._reader, self._writer = await asyncio.open_connection(self._host, self._port, ssl=self._tls)
                self._writer.write(
                    connect_frame(self._client_id, self._will, self._username, self._password, self._keepalive, True)
                )
                reply = await self._reader.readexactly(4)
        except (OSError, EOFError, TimeoutError) as error:
            if self._writer is not None:
                self._writer.close()
            raise BrokerError(f"broker {self._host}:{self._port}: {error or type(error).__name__}") from error
        if reply[0] != 0x20 or reply[3] != 0:
            self._writer.close()
            raise BrokerError(f"broker {self._host}:{self._port} refused: {REFUSALS.get(reply[3], f'code {reply[3]}')}")
        self._lost = None
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._ping())]
        for topic in self._subscriptions:
            self._send_subscribe(topic)

    async def close(self, *, abruptly: bool = False) -> None:
        """Disconnects after everything is acknowledged; `abruptly`: drops the line at once, so that the will is published."""
        if not abruptly:
            await self.flush()
        self._closing = True
        if self._writer is not None:
            with contextlib.suppress(OSError):
                if abruptly:
                    self._writer.transport.abort()
                else:
                    self._writer.write(b"\xe0\x00")
                    await self._writer.drain()
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def subscribe(self, topic: str, handler: Handler) -> None:
        """Calls `handler(topic, payload)` for messages at QoS 0 on exactly this topic."""
        self._subscriptions[topic] = handler
        self._send_subscribe(topic)

    async def publish(self, messages: Iterable[Publication]) -> int:
        """Sends messages in order, waiting while the window is full; returns how many. Reconnects when the line is lost."""
        count = 0
        queue = deque(messages)
        while queue:
            if self._lost is not None:
                await self._reconnect()
            assert self._writer is not None
            room = min(self._window - len(self._open), 500, len(queue)) if self._qos else min(500, len(queue))
            if room <= 0:
                self._room.clear()
                await self._room.wait()
                continue
            self._writer.write(b"".join(self._frame(queue.popleft()) for _ in range(room)))
            self.sent += room
            count += room
            with contextlib.suppress(OSError):
                await self._writer.drain()
        return count

    async def flush(self) -> None:
        """Waits until everything is acknowledged. Raises BrokerError when the broker does not come back."""
        while self._open:
            if self._lost is not None:
                await self._reconnect()
            self._room.clear()
            if self._open and self._lost is None:
                await self._room.wait()
        if self._writer is not None:
            with contextlib.suppress(OSError):
                await self._writer.drain()

    def _frame(self, message: Publication) -> bytes:
        if not self._qos:
            return publish_frame(message.topic, message.payload, 0, message.retain, 0)
        number = self._number % 65535 + 1
        while number in self._open:
            number = number % 65535 + 1
        self._number = number
        frame = publish_frame(message.topic, message.payload, 1, message.retain, number)
        self._open[number] = frame
        return frame

    def _send_subscribe(self, topic: str) -> None:
        body = (1).to_bytes(2, "big") + text(topic) + b"\x00"
        assert self._writer is not None
        self._writer.write(b"\x82" + remaining(len(body)) + body)

    async def _reconnect(self) -> None:
        """Connects again with a growing pause and repeats what is open."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
        for attempt in range(RETRIES):
            try:
                await self.connect()
                break
            except BrokerError:
                if attempt == RETRIES - 1:
                    raise
                await asyncio.sleep(min(0.1 * 2**attempt, 2.0))
        self.reconnects += 1
        assert self._writer is not None
        for frame in list(self._open.values()):
            self._writer.write(bytes((frame[0] | 0x08,)) + frame[1:])
        with contextlib.suppress(OSError):
            await self._writer.drain()

    async def _ping(self) -> None:
        while self._lost is None:
            await asyncio.sleep(self._keepalive / 2)
            if self._writer is not None:
                self._writer.write(b"\xc0\x00")

    async def _read(self) -> None:
        """Takes acknowledgements in bulk; wakes whoever waits for room."""
        buffer = bytearray()
        try:
            assert self._reader is not None
            while chunk := await self._reader.read(65536):
                buffer += chunk
                del buffer[: self._take(buffer)]
                self._room.set()
            raise EOFError("the broker closed the connection")
        except (OSError, EOFError) as error:
            if not self._closing:
                self._lost = error
                self._room.set()

    def _take(self, buffer: bytearray) -> int:
        """Handles whole packets at the front of the buffer; returns how many bytes they were."""
        at, end = 0, len(buffer)
        while end - at >= 2:
            if buffer[at] == 0x40 and end - at >= 4:  # PUBACK (3.4)
                if self._open.pop(buffer[at + 2] << 8 | buffer[at + 3], None) is not None:
                    self.acknowledged += 1
                at += 4
                continue
            length, shift, start = 0, 0, at + 1
            while start < end:
                digit = buffer[start]
                start += 1
                length |= (digit & 0x7F) << shift
                shift += 7
                if not digit & 0x80:
                    break
            else:
                break
            if end - start < length:
                break
            if buffer[at] >> 4 == 3:
                self._received(bytes(buffer[start : start + length]))
            at = start + length
        return at

    def _received(self, body: bytes) -> None:
        size = int.from_bytes(body[:2], "big")
        topic = body[2 : 2 + size].decode("utf-8", "replace")
        handler = self._subscriptions.get(topic)
        if handler is not None:
            handler(topic, body[2 + size :])
