"""One notice to an MQTT broker without a running service: in a session of its own that leaves no trace there. Blocks."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from collectors.mqtt import MqttConnection
from collectors.tap import Frame
from steward.app.brokers import described
from steward.app.notices.plan import Plan, reader_of
from steward.config import Settings
from steward.config.notices import ChannelTable
from steward.errors import BrokerError, NoticeFailed
from steward.notices import Notice
from steward.notices.channels import mqtt
from steward.units import SECOND


class Mute:
    """Subscribes to nothing and takes nothing."""

    def ready(self) -> bool:
        """There is always room."""
        return True

    def take(self, frames: list[Frame], received: int, session: int, now: float) -> None:
        """Nothing comes."""

    def tick(self, now: float) -> float:
        """Seconds until it wants to be asked again."""
        return 1.0

    def idle(self, now: float) -> float:
        """Seconds without a message."""
        return 0.0

    def flush(self) -> None:
        """Holds nothing."""


def publish_once(notice: Notice, table: ChannelTable, plan: Plan, settings: Settings, environ: Mapping[str, str]) -> str:
    """What the broker said to a notice, published with QoS 1. Raises ConfigError for a secret that cannot be read, BrokerError
    for a broker that cannot be reached or refuses us, NoticeFailed where it refuses or does not take the notice."""
    found = next(one for one in settings.brokers if one.id == table.broker)
    if found.embedded and found.url.endswith(":0"):
        raise BrokerError(f"broker {found.id}: embedded on a free port, which only the running service knows")
    broker = described(found, settings, environ, Path())
    own = f"{broker.client_id}-test-{time.monotonic_ns() % 10**9}"
    link = MqttConnection(replace(broker, client_id=own, memory=None, filters=(), will=None, transient=True, share_group=""))
    publication = mqtt.notice(notice, table.topic, reader_of(table, None, plan, settings.facility), plan.templates)
    pause, deadline = threading.Event(), time.monotonic() + max(1.0, table.timeout / SECOND)
    link.start(Mute(), ())
    try:
        while not link.connects:
            status = link.status()
            if status.state == "refused" or time.monotonic() > deadline:
                raise BrokerError(f"{broker.url}: {status.error or 'no answer'}")
            pause.wait(0.02)
        link.publish(publication.topic, publication.payload, publication.qos, publication.retain)
        while not link.published:
            if link.refused or time.monotonic() > deadline:
                why = "the broker does not allow it" if link.refused else "the broker does not take it"
                raise NoticeFailed(f"{publication.topic}: {why}", retry=not link.refused)
            pause.wait(0.02)
    finally:
        link.stop()
    return f"taken by {broker.id} at {publication.topic}"
