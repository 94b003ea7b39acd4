"""MQTT connections: the only file that knows paho. One thread per broker drives paho and hands PUBLISH frames to an intake.

paho owns the session (connect, subscribe, TLS, WebSocket); a `Tap` in its socket takes the PUBLISH frames out. Sessions are
persistent, subscriptions QoS 1, and nothing is acknowledged before `acknowledge` says that it is durable; acknowledgements
never cross from one connection to the next. When the intake has no room the socket is not read, but pings go on. Liveness
is our own: a ping after a third of the keep-alive without a byte, a new connection after another third without an answer.
"""

from __future__ import annotations

import contextlib
import random
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from collectors.connection import Broker, Connection, Receiver, Tls
from collectors.subscriptions import Subscriptions
from collectors.tap import Tap
from steward.errors import BrokerError

__all__ = ["Broker", "Connection", "MqttConnection", "Receiver", "Tls"]

log = structlog.get_logger()

_PORTS = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
_CONNECT_TIMEOUT = 5.0
_LONGEST_PAUSE = 5.0
_FILTERS_PER_PACKET = 64


class _Client(paho.Client):
    """paho with a tap in its socket: one private method is overridden, tests/collectors/test_tap.py pins it."""

    tap: Tap | None = None

    def _create_socket(self) -> Any:
        wire = super()._create_socket()
        self.tap = Tap(wire, properties=self.protocol == paho.MQTTv5)
        return self.tap


class MqttConnection:
    """One connection; `start` needs the intake and the filters, `stop` ends the thread. Any thread may call the methods."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.received = self.bytes = self.acknowledged = self.connects = self.published = self.refused = 0
        """Messages received, bytes, messages acknowledged, connections made, publications of QoS 1 taken, and refused."""
        self.last_message = 0
        """Arrival of the newest message, ns."""
        self._client = _client(broker)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_unsubscribe = self._on_unsubscribe
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._orders: deque[Callable[[], None]] = deque()
        self._wake_out, self._wake_in = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake_in, selectors.EVENT_READ)
        self._thread: threading.Thread | None = None
        self._stopping = self._holding = self._renewing = False
        self._held = threading.Event()
        self._session = 0
        self._state, self._error, self._refusal = "connecting", "", ""
        self._paused = False
        self._heard = self._pinged = 0.0
        self._subscriptions = Subscriptions(broker.id, broker.memory)

    # For other threads.

    def start(self, intake: Receiver, filters: Iterable[str]) -> None:
        """Starts the thread: connects, subscribes to `filters`, and keeps at it."""
        self._intake = intake
        self._subscriptions.wanted = self.broker.filters or tuple(filters)
        self._thread = threading.Thread(target=self._run, name=f"mqtt {self.broker.id}", daemon=True)
        self._thread.start()

    def subscribe(self, filters: Iterable[str]) -> None:
        """From now on exactly these filters: new ones are subscribed, those gone are unsubscribed."""
        self._subscriptions.wanted = self.broker.filters or tuple(filters)
        self._order(self._subscribe_changes)

    def acknowledge(self, packets: bytes, count: int, session: int) -> None:
        """Sends the acknowledgements of `count` durable messages, unless their connection is gone: then they come again."""

        def send() -> None:
            if session == self._session and self._client.tap is not None:
                self._client.tap.queue(packets)
                self.acknowledged += count

        self._order(send)

    def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False) -> None:
        """Publishes; while there is no connection a message of QoS 0 is lost, one of QoS 1 waits. retain: the broker keeps it
        for those who subscribe later; an empty payload takes that away."""
        self._order(lambda: self._publish(topic, payload, qos, retain))

    def change_will(self, will: tuple[str, bytes] | None) -> None:
        """What the broker says from now on when we are lost; where it differs we leave, heard to do so, and come back."""

        def change() -> None:
            if will != self.broker.will:
                self.broker, self._renewing = replace(self.broker, will=will), True
                self._client.will_clear() if will is None else self._client.will_set(*will, qos=1, retain=True)

        self._order(change)

    def wake(self) -> None:
        """Makes the loop turn, e.g. because the intake has room again."""
        with contextlib.suppress(BlockingIOError, OSError):  # full: it will turn anyway
            self._wake_out.send(b"\0")

    def hold(self, timeout: float = 10.0) -> bool:
        """Stops reading for good; returns once the intake has finished (False: not within `timeout` seconds)."""
        self._holding = True
        self.wake()
        return self._held.wait(timeout) or self._thread is None

    def stop(self) -> None:
        """Sends what is acknowledged, says goodbye and ends the thread. The session stays at the broker."""
        self._stopping = self._holding = True
        self.wake()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()

    def status(self) -> Connection:
        """The state now."""
        held = self._subscriptions
        weak = tuple(sorted(held.weak))
        return Connection(self.broker.id, self._state, self._error, dict(held.refused), weak, held.wanted, self._paused)

    def _order(self, what: Callable[[], None]) -> None:
        self._orders.append(what)
        self.wake()

    # The thread.

    def _run(self) -> None:
        pause = 0.1
        while not self._stopping:
            connected = time.monotonic()
            try:
                self._serve()
            except Exception as error:  # whatever it was, the connection starts anew: nothing unacknowledged is lost
                known = isinstance(error, OSError | BrokerError)
                log.log(30 if known else 40, "broker_lost", broker=self.broker.id, error=str(error), exc_info=not known)
                self._lost(str(error) or type(error).__name__)
            self._close()
            if time.monotonic() - connected > 2 * _LONGEST_PAUSE:
                pause = 0.1
            self._wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads reconnects, no secret
            pause = min(pause * 2, _LONGEST_PAUSE)
        self._finish()
        self._state, self._error = "stopped", ""

    def _wait(self, seconds: float) -> None:
        """Waits between two connections; batches still close in time."""
        until = time.monotonic() + seconds
        while not self._stopping and (now := time.monotonic()) < until:
            self._finish()
            self._selector.select(min(until - now, self._intake.tick(now)))
            self._obey()

    def _finish(self) -> None:
        if self._holding and not self._held.is_set():
            self._intake.flush()
            self._held.set()

    def _serve(self) -> None:
        """One connection, from connect to its end."""
        client, intake = self._client, self._intake
        self._session += 1
        self._refusal = ""
        self._subscriptions.refused.clear()  # of the connection before
        client.reconnect()
        tap = client.tap
        assert tap is not None
        self._heard = self._pinged = time.monotonic()  # the CONNACK has a deadline like a PINGRESP
        interest = 0
        while client.socket() is not None:
            now = time.monotonic()
            self._finish()
            pause = min(intake.tick(now), self._mind_the_peer(tap, now))
            self._paused = self._holding or not intake.ready()
            wanted = 0 if self._paused else selectors.EVENT_READ
            if tap.waiting or client.want_write():
                wanted |= selectors.EVENT_WRITE
            interest = self._watch(tap, interest, wanted)
            pending = not self._paused and tap.pending() > 0
            ready = {key.fileobj: events for key, events in self._selector.select(0 if pending else pause)}
            if pending or ready.get(tap, 0) & selectors.EVENT_READ:
                self._read(tap)
            self._obey()
            if left := self._subscriptions.leave(now, intake.idle(now)):
                self._ask([], left)
            if client.want_write():
                client.loop_write()
            tap.flush()
            leave = (self._stopping or self._renewing) and not self._orders and not tap.waiting
            if leave and client.socket() is not None:
                self._renewing = False
                client.disconnect()
                tap.flush()
                return

    def _watch(self, tap: Tap, interest: int, wanted: int) -> int:
        if wanted != interest:
            if not interest:
                self._selector.register(tap, wanted)
            elif not wanted:
                self._selector.unregister(tap)
            else:
                self._selector.modify(tap, wanted)
        return wanted

    def _read(self, tap: Tap) -> None:
        before = tap.received
        frames = tap.fill()
        now = time.monotonic()
        if tap.received != before:
            self._heard = now
            self.bytes += tap.received - before
        if frames:
            # Each message gets a moment of its own, so that two of one device without a time do not fall together.
            received = self.last_message = max(time.time_ns(), self.last_message + 1)
            self.last_message += len(frames) - 1
            self.received += len(frames)
            self._intake.take(frames, received, self._session, now)
        while tap.control and self._client.socket() is not None:
            self._client.loop_read()

    def _obey(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake_in.recv(4096)
        while self._orders:
            self._orders.popleft()()

    def _mind_the_peer(self, tap: Tap, now: float) -> float:
        """Pings every third of the keep-alive, gives the connection up when for two thirds nothing has come; returns the
        seconds until it is due again.

        While we do not read there is no deadline, as the answer waits behind what we do not read; the pings still go out,
        so that the broker keeps us.
        """
        third = self.broker.keepalive / 3
        if self._paused:
            self._heard = now
        if now - self._heard >= 2 * third:
            raise BrokerError(f"no answer for {now - self._heard:.1f} s")
        if now - self._pinged >= third and self._client.is_connected():
            tap.queue(b"\xc0\x00")
            self._pinged = now
        return max(0.01, min(self._pinged + third, self._heard + 2 * third) - now)

    def _close(self) -> None:
        """After a connection, however it ended: the selector and paho forget its socket, what was received moves on."""
        self._intake.flush()
        tap = self._client.tap
        if tap is not None:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(tap)
            tap.close()
            self._client.tap = None
        if self._state not in ("refused", "lost"):
            self._lost("the connection was closed")

    def _lost(self, error: str) -> None:
        self._state, self._error = ("refused", self._refusal) if self._refusal else ("lost", error)

    # paho's callbacks, all in our thread.

    def _on_connect(
        self, client: paho.Client, data: Any, flags: paho.ConnectFlags, reason: ReasonCode, properties: Any
    ) -> None:
        if reason.is_failure:
            self._refusal = f"the broker refused the connection: {reason}"
            self._lost(self._refusal)
            log.error("broker_refused", broker=self.broker.id, reason=str(reason))
            return
        self.connects += 1
        self._state, self._error = "subscribing", ""
        self._ask(*self._subscriptions.renew(flags.session_present, time.monotonic()))
        log.info("broker_connected", broker=self.broker.id, resumed=flags.session_present)

    def _subscribe_changes(self) -> None:
        if self._client.tap is not None and self._client.is_connected():  # else a new connection subscribes everything
            self._ask(*self._subscriptions.change(time.monotonic()))

    def _ask(self, new: list[str], gone: list[str]) -> None:
        """Sends SUBSCRIBE and UNSUBSCRIBE."""
        share = f"$share/{self.broker.share_group}/" if self.broker.share_group else ""
        for start in range(0, len(new), _FILTERS_PER_PACKET):
            part = new[start : start + _FILTERS_PER_PACKET]
            if self.broker.protocol == "5":
                options = SubscribeOptions(qos=1)
                _, packet = self._client.subscribe([(share + filter, options) for filter in part])
            else:
                _, packet = self._client.subscribe([(filter, 1) for filter in part])
            self._subscriptions.ask(packet or 0, part)
        for start in range(0, len(gone), _FILTERS_PER_PACKET):
            part = gone[start : start + _FILTERS_PER_PACKET]
            _, packet = self._client.unsubscribe([share + filter for filter in part])
            self._subscriptions.ask(packet or 0, part)
        self._settle()

    def _on_subscribe(self, client: paho.Client, data: Any, packet: int, reasons: list[ReasonCode], properties: Any) -> None:
        self._subscriptions.subscribed(packet, [(reason.value, str(reason)) for reason in reasons])
        self._settle()

    def _on_unsubscribe(self, client: paho.Client, data: Any, packet: int, reasons: Any, properties: Any) -> None:
        self._subscriptions.unsubscribed(packet)
        self._settle()

    def _settle(self) -> None:
        """The state once the broker has answered everything."""
        if self._subscriptions.answered:
            self._error = self._subscriptions.error
            self._state = "refused" if self._error else "ready"

    def _on_disconnect(self, client: paho.Client, data: Any, flags: Any, reason: ReasonCode, properties: Any) -> None:
        if not self._stopping:
            log.warning("broker_lost", broker=self.broker.id, error=str(reason))
            self._lost(str(reason))

    def _on_publish(self, client: paho.Client, data: Any, packet: int, reason: ReasonCode, properties: Any) -> None:
        self.published, self.refused = self.published + (not reason.is_failure), self.refused + reason.is_failure

    def _publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> None:
        try:
            self._client.publish(topic, payload, qos, retain)
        except ValueError as error:
            log.error("reply_not_published", broker=self.broker.id, error=str(error))


def _client(broker: Broker) -> _Client:
    """A paho client for a broker, not connected. Raises BrokerError on an address or certificate that cannot be used."""
    url = urlsplit(broker.url)
    if url.scheme not in _PORTS or not url.hostname:
        raise BrokerError(f"broker {broker.id}: {broker.url!r} is no address, expected mqtt, mqtts, ws or wss://host:port")
    if broker.share_group and broker.protocol != "5":
        raise BrokerError(f"broker {broker.id}: a shared subscription needs protocol 5, not {broker.protocol}")
    five = broker.protocol == "5"
    client = _Client(
        CallbackAPIVersion.VERSION2,
        client_id=broker.client_id,
        clean_session=None if five else broker.transient,
        protocol=paho.MQTTv5 if five else paho.MQTTv311,
        transport="websockets" if url.scheme in ("ws", "wss") else "tcp",
        reconnect_on_failure=False,
        manual_ack=True,
    )
    client.connect_timeout = _CONNECT_TIMEOUT
    if broker.will is not None:
        client.will_set(*broker.will, qos=1, retain=True)
    if broker.username:
        client.username_pw_set(broker.username, broker.password or None)
    if url.scheme in ("mqtts", "wss"):
        client.tls_set_context(broker.tls.context(broker.id))
        client.tls_insecure_set(broker.tls.insecure)
    if url.scheme in ("ws", "wss"):
        client.ws_set_options(path=url.path if url.path not in ("", "/") else "/mqtt")
    keepalive = max(1, round(broker.keepalive))
    port = url.port or _PORTS[url.scheme]
    if five:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 0 if broker.transient else broker.session_expiry
        client.connect_async(url.hostname, port, keepalive, clean_start=broker.transient, properties=properties)
    else:
        client.connect_async(url.hostname, port, keepalive)
    return client
