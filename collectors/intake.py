"""One connection's way in: decodes its messages into columns and closes batches, in the connection's thread.

Invariants: every message taken is in exactly one batch, in order, with its acknowledgement; a batch closes at `max_samples`,
after `max_wait`, or after `quiet` without a message when several wait (a broker with a small window sends no more before it
is answered). When more is under way than `in_flight` allows, `ready` is false and the socket is not read: nothing is dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from collectors.formats import Message
from collectors.readings import NO_TEMPLATE, Readings
from collectors.routes import Route, Routes
from collectors.taken import Taken
from collectors.tap import DUPLICATE, RETAINED, Frame
from steward.errors import UndecodableMessage

_SEVERAL = 8
"""So many unanswered messages make `quiet` count: a trickle below it is batched by `max_wait` alone."""
_ANSWERED = 4 * 16_384
"""Bytes of acknowledgements, four each, in which a repetition is looked for: of a quarter of all packet ids, which brokers
give in turn, so that none of them has been given to another message since."""
_LOOK = 8
"""The size of a batch is looked at every so many messages: it may pass `max_samples` by what they hold."""


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """When a batch closes: samples (or messages), bytes of payload, seconds; in_flight: samples under way per connection
    before reading stops."""

    max_samples: int = 5_000
    max_wait: float = 0.2
    quiet: float = 0.01
    in_flight: int = 200_000
    max_bytes: int = 8 << 20


class Link(Protocol):
    """What an intake needs of its connection (collectors.mqtt.MqttConnection)."""

    def acknowledge(self, packets: bytes, count: int, session: int) -> None: ...
    def publish(self, topic: str, payload: bytes, qos: int = 0) -> None: ...
    def subscribe(self, filters: Iterable[str]) -> None: ...
    def wake(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Part:
    """A closed batch of one connection: what was taken, and what to acknowledge once it is durable.

    messages, bytes: received in it; failed: messages that were not decoded at all; oldest: arrival of its first message,
    ns; weight: what it counts against `in_flight`.
    """

    intake: Intake
    taken: Taken
    packets: bytes
    acknowledgements: int
    session: int
    messages: int
    failed: int
    bytes: int
    oldest: int
    weight: int


class Intake:
    """The intake of one connection. `deliver` gets each closed batch, called in the connection's thread."""

    def __init__(
        self, connection: Link, broker: str, routes: Routes, limits: BatchLimits, deliver: Callable[[Part], None]
    ) -> None:
        self.connection = connection
        self.broker = broker
        self.routes = routes
        self._limits = limits
        self._deliver = deliver
        self._readings = Readings(routes.routing, broker)
        self._renewal: Routes | None = None
        self._session = 0
        self._packets: list[bytes] = []
        self._bytes = self._failed = self._oldest = 0
        self._opened = self._newest = 0.0
        self._under_way: deque[Part] = deque()
        self._answered: deque[tuple[int, bytes]] = deque()  # (session, packets), the newest last
        self._remembered = 0
        self._delivered = 0  # written by this thread only
        self._done = 0  # written by the pipeline's thread only

    @property
    def in_flight(self) -> int:
        """Samples (messages, where they hold none) under way to the store."""
        return self._delivered - self._done

    def ready(self) -> bool:
        """Whether there is room."""
        return self._delivered - self._done < self._limits.in_flight

    def take(self, frames: list[Frame], received: int, session: int, now: float) -> None:
        """Decodes messages. The first arrived at `received` ns, each further one counts as 1 ns later."""
        if session != self._session:
            self._close()
            self._session = session
        if self._renewal is not None:
            self._renew()
        if not self._packets:
            self._open(now, received)
        self._newest = now
        readings, packets, known = self._readings, self._packets, self.routes.get
        most, most_bytes, size = self._limits.max_samples, self._limits.max_bytes, self._bytes
        begin, new = readings.begin, tuple.__new__  # as NamedTuple does it, without the call in between
        for topic, payload, packet, flags in frames:
            if flags & DUPLICATE and packet and self._has(packet):
                continue  # the broker grew impatient: its message is here, or the answer is on its way to the broker
            packets.append(packet)
            size += len(payload)
            route = known(topic) or self._find(topic)
            if route is None:
                # by the standard "#" does not cover "$", but NATS repeats births there
                if not topic.startswith((b"$", *self.routes.routing.own)):
                    self._failed += 1
                    begin(Message(topic.decode(errors="replace"), payload, received, "", flags & RETAINED == 1), NO_TEMPLATE)
                    readings.reject("unrouted", "no template speaks on this topic")
            else:
                text, device, template, decode = route
                message = new(Message, (text, payload, received, device, flags & RETAINED == 1))
                begin(message, template)
                try:
                    decode(message, readings)
                except UndecodableMessage as error:
                    self._failed += 1
                    readings.reject(error.reason, error.detail)
                except Exception as error:  # a decoder's own fault: this message's loss, not the connection's
                    self._failed += 1
                    readings.reject("decoder_failed", f"{type(error).__name__}: {error}")
            received += 1
            if size >= most_bytes or (not len(packets) % _LOOK and (len(readings) >= most or len(packets) >= most)):
                self._bytes = size
                self._close()
                self._open(now, received)
                packets, size = self._packets, 0
        self._bytes = size

    def tick(self, now: float) -> float:
        """Closes a batch that is due; returns the seconds until this is worth another call."""
        if self._renewal is not None:
            self._renew()
        if not self._packets:
            return 1.0
        left = self._opened + self._limits.max_wait - now
        if len(self._packets) >= _SEVERAL:
            left = min(left, self._newest + self._limits.quiet - now)
        if left > 0:
            return left
        self._close()
        return 1.0

    def idle(self, now: float) -> float:
        """Seconds since the newest message, 0 while one is under way to the store."""
        return 0.0 if self._packets or self._delivered != self._done else now - self._newest

    def flush(self) -> None:
        """Closes the open batch now."""
        self._close()

    def renew(self, routes: Routes) -> None:
        """From any thread: use these routes from the next message on. Nothing taken so far is lost."""
        self._renewal = routes
        self.connection.wake()

    def done(self, part: Part) -> None:
        """From the pipeline: a part is durable; its messages are acknowledged and its room is free."""
        self._done += part.weight
        if part.packets:
            self._answered.append((part.session, part.packets))  # before it leaves `_under_way`: it is always in one of them
            self._remembered += len(part.packets)
            while self._remembered - len(self._answered[0][1]) >= _ANSWERED:
                self._remembered -= len(self._answered.popleft()[1])
        self._under_way.popleft()  # parts are done in order
        if part.packets:
            self.connection.acknowledge(part.packets, part.acknowledgements, part.session)
        else:
            self.connection.wake()

    def _find(self, topic: bytes) -> Route | None:
        try:
            return self.routes.find(topic)
        except UnicodeDecodeError:
            return None

    def _has(self, packet: bytes) -> bool:
        """Whether a message of this session with this acknowledgement was taken already: it is on its way to the store, or
        was acknowledged so lately that the broker repeated it before it had heard so."""
        if packet in self._packets:
            return True
        under_way = [(part.session, part.packets) for part in list(self._under_way)]
        return any(session == self._session and _holds(packets, packet) for session, packets in [*under_way, *self._answered])

    def _open(self, now: float, received: int) -> None:
        self._packets = []
        self._bytes = self._failed = 0
        self._opened, self._oldest = now, received

    def _renew(self) -> None:
        routes, self._renewal = self._renewal, None
        assert routes is not None
        self._close()
        changed = routes.filters != self.routes.filters
        self.routes = routes
        self._readings = Readings(routes.routing, self.broker)
        if changed:
            self.connection.subscribe(routes.filters)

    def _close(self) -> None:
        """Hands over what is open as a part, nothing when nothing is."""
        packets, self._packets = self._packets, []
        if not packets:
            return
        taken = self._readings.take()
        weight = max(len(taken.batch), len(packets))
        acknowledgements = len(packets) - packets.count(b"")
        part = Part(
            self,
            taken,
            b"".join(packets),
            acknowledgements,
            self._session,
            len(packets),
            self._failed,
            self._bytes,
            self._oldest,
            weight,
        )
        self._delivered += weight
        self._under_way.append(part)
        self._deliver(part)
        for reply in taken.replies:
            self.connection.publish(reply.topic, reply.payload)


def _holds(packets: bytes, packet: bytes) -> bool:
    """Whether a packet is one of those put together, each of four bytes."""
    position = packets.find(packet)
    while position % 4 and position >= 0:
        position = packets.find(packet, position + 1)
    return position >= 0
