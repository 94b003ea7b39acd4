"""Which repetitions of a broker are the message that was taken already, and which are to be taken."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from collectors.intake import _ANSWERED, BatchLimits, Intake, Part
from collectors.routes import Routes
from collectors.tap import DUPLICATE, Frame
from tests.collectors.site import routing

NOW = 1_795_500_000_000_000_000
TOPIC = b"steward/v1/d1/telemetry"


class Answers:
    """A connection that keeps what it was asked to acknowledge."""

    def __init__(self) -> None:
        self.packets = b""

    def acknowledge(self, packets: bytes, count: int, session: int) -> None:
        self.packets += packets

    def publish(self, topic: str, payload: bytes, qos: int = 0) -> None: ...
    def subscribe(self, filters: Iterable[str]) -> None: ...
    def wake(self) -> None: ...


class Way:
    """An intake whose parts are stored when `store` is called."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.answers = Answers()
        self.intake = Intake(self.answers, "main", Routes(routing(), "main"), BatchLimits(), self.parts.append)

    def take(self, *packets: int, repeated: bool = False, session: int = 1) -> int:
        """A message of each packet id, without a time of the device; how many of them were taken."""
        flags = 0x02 | (DUPLICATE if repeated else 0)
        frames: list[Frame] = [
            (TOPIC, b'{"values": {"power": 5}}', b"\x40\x02" + packet.to_bytes(2, "big"), flags) for packet in packets
        ]
        before = sum(part.messages for part in self.parts)
        self.intake.take(frames, NOW, session, 0.0)
        self.intake.flush()
        return sum(part.messages for part in self.parts) - before

    def store(self) -> None:
        for part in list(self.intake._under_way):
            self.intake.done(part)


def test_a_message_repeated_on_its_way_to_the_store_is_taken_once() -> None:
    way = Way()
    assert way.take(7, 0x4002) == 2
    assert way.take(7, 0x4002, repeated=True) == 0


def test_a_message_repeated_while_its_acknowledgement_is_on_the_way_to_the_broker_is_taken_once() -> None:
    way = Way()
    assert way.take(7, 8) == 2
    way.store()
    assert way.answers.packets == b"\x40\x02\x00\x07\x40\x02\x00\x08"
    assert way.take(7, 8, repeated=True) == 0
    assert way.take(7) == 1, "the same packet id for another message"


def test_what_is_repeated_in_a_new_session_is_taken_and_acknowledged_there() -> None:
    way = Way()
    assert way.take(7) == 1
    assert way.take(7, repeated=True, session=2) == 1
    way.store()
    assert way.take(7, repeated=True, session=3) == 1


@pytest.mark.parametrize("size", [100, 5000])
def test_acknowledgements_so_old_that_their_ids_may_be_in_use_again_are_forgotten(size: int) -> None:
    way = Way()
    count = _ANSWERED // 4 + size
    for start in range(1, count + 1, size):
        way.take(*range(start, min(start + size, count + 1)))
        way.store()
    assert way.take(1, repeated=True) == 1
    assert way.take(count, repeated=True) == 0
    assert sum(len(packets) for _, packets in way.intake._answered) <= _ANSWERED + 4 * size
