"""What the API is told of the brokers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from collectors.connection import Connection
from steward.app.states import broker_states


def _link(state: str, error: str, refused: dict[str, str]) -> Any:
    status = Connection("main", state, error, refused, (), ("a/#",), False)
    return SimpleNamespace(broker=SimpleNamespace(url="mqtt://h:1883"), received=7, status=lambda: status)


@pytest.mark.parametrize(
    ("state", "refused", "connected"),
    [
        ("ready", {}, True),
        ("subscribing", {}, True),
        ("refused", {"a/#": "Not authorized (0x87)"}, True),
        ("refused", {}, False),
        ("connecting", {}, False),
        ("lost", {}, False),
    ],
)
def test_a_broker_that_refuses_the_connection_is_not_connected_one_that_refuses_a_topic_is(
    state: str, refused: dict[str, str], connected: bool
) -> None:
    (found,) = broker_states([_link(state, "", refused)], {"main": 5})
    assert (found.connected, found.since, found.refused) == (connected, 5, refused)
