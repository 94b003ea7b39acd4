"""Listening to a broker for a while, to write a first facility file: `steward discover`.

Listens in a session that the broker forgets, so that a running Steward loses nothing; keeps the newest messages of a bounded
number of topics.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace

from collectors.connection import Broker
from collectors.mqtt import MqttConnection
from collectors.tap import Frame
from steward.errors import BrokerError

TOPICS = 20_000
"""Topics that are kept; further ones are counted."""
KEPT = 6
"""Messages kept per topic: the first (births) and the newest."""
PATIENCE = 10.0
"""Seconds in which the broker must have granted the subscription."""


class Ear:
    """Takes all messages of a connection; `heard` is read once the connection has stopped."""

    def __init__(self) -> None:
        self.heard: dict[str, tuple[list[tuple[bytes, int]], deque[tuple[bytes, int]]]] = {}
        self.messages = self.dropped = 0
        self.connection: MqttConnection | None = None

    def ready(self) -> bool:
        """There is always room."""
        return True

    def take(self, frames: list[Frame], received: int, session: int, now: float) -> None:
        """Keeps messages and acknowledges them: the session is ours alone."""
        packets = b"".join(frame[2] for frame in frames)
        for number, (topic, payload, _, _) in enumerate(frames):
            self.messages += 1
            text = topic.decode(errors="replace")
            kept = self.heard.get(text)
            if kept is None:
                if len(self.heard) >= TOPICS:
                    self.dropped += 1
                    continue
                kept = self.heard[text] = ([], deque(maxlen=KEPT))
            first, newest = kept
            (first.append if len(first) < KEPT else newest.append)((payload, received + number))
        if packets and self.connection is not None:
            self.connection.acknowledge(packets, len(frames), session)

    def tick(self, now: float) -> float:
        """Nothing is due."""
        return 1.0

    def idle(self, now: float) -> float:
        """Nothing is under way."""
        return 0.0

    def flush(self) -> None:
        """Nothing is open."""

    def finish(self) -> None:
        """Nothing is open."""


def listen(broker: Broker, seconds: float, stop: threading.Event | None = None) -> Ear:
    """Listens to a broker for so many seconds. Raises BrokerError when it cannot be reached or refuses."""
    ear = Ear()
    connection = MqttConnection(broker)
    ear.connection = connection
    stop = stop or threading.Event()
    connection.start(ear, broker.filters)
    try:
        deadline = time.monotonic() + PATIENCE
        while not (status := connection.status()).ready:
            if status.state == "refused" or time.monotonic() > deadline:
                raise BrokerError(f"{broker.url}: {status.error or 'no answer'}")
            stop.wait(0.05)
        stop.wait(seconds)
    finally:
        connection.stop()
    return ear


def passing(broker: Broker, filters: tuple[str, ...]) -> Broker:
    """The same broker, listened to in a session of its own that leaves no trace there and takes nobody's share."""
    return replace(
        broker, client_id=f"steward-discover-{os.getpid()}", filters=filters, share_group="", memory=None, transient=True
    )


def listener(url: str, filters: Iterable[str], username: str, password: str) -> Broker:
    """The settings of a connection to a broker that is known by its address only."""
    return passing(Broker("discover", url, username=username, password=password), tuple(filters))


def messages(ear: Ear) -> Mapping[str, list[tuple[bytes, int]]]:
    """What was heard, by topic, in order of arrival."""
    return {topic: [*first, *newest] for topic, (first, newest) in ear.heard.items()}
