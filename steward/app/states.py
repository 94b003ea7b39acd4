"""What the API is told of the parts of a service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from api import BrokerState
from collectors.mqtt import MqttConnection


def broker_states(connections: Sequence[MqttConnection], since: Mapping[str, int]) -> list[BrokerState]:
    """The broker connections as they stand; `since`: when each last changed between heard and not, ns. A broker that refuses
    a subscription is connected, one that refuses the connection is not."""
    states = []
    for connection in connections:
        status = connection.status()
        states.append(
            BrokerState(
                status.broker,
                connection.broker.url,
                status.state in ("ready", "subscribing") or bool(status.state == "refused" and status.refused),
                since.get(status.broker),
                connection.received,
                status.refused,
                status.error,
            )
        )
    return states
