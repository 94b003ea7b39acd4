"""What `Readings.take` hands over: a batch, and beside it everything that became no sample or is no value."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from steward.model import Batch


class Reject(NamedTuple):
    """A message, or a part of one, that became no sample. `payload` is cut at PAYLOAD_LIMIT bytes."""

    reason: str
    topic: str
    payload: bytes
    detail: str
    address: str
    received: int
    template: str


class Reply(NamedTuple):
    """What a decoder wants published to the broker that the message came from."""

    topic: str
    payload: bytes


class Presence(NamedTuple):
    """A device announced itself (alive) or is lost; `at` in ns, the arrival where the device gave no time."""

    device: str
    alive: bool
    at: int


class Clock(NamedTuple):
    """A device's clock is off: the worst offset (at - received, ns) of `samples`; reason clock_future or clock_skew."""

    device: str
    reason: str
    offset: int
    samples: int


class Unknown(NamedTuple):
    """An address that no device has, with the fields that it sent, their last values, and the units that it declared."""

    template: str
    format: str
    address: str
    fields: dict[str, float | int | bool | str]
    units: dict[str, str] = {}


class Taken(NamedTuple):
    """What was collected since the last `take`.

    batch, rejects; counts: rejected by reason, all of them (also `retained`, which hands nothing over);
    presence: births and deaths in order; replies; seen: device id -> last arrival, ns; clocks; unknown: addresses to adopt;
    admitted: ids of devices that their template has admitted.
    """

    batch: Batch
    rejects: list[Reject]
    counts: Counter[str]
    presence: list[Presence]
    replies: list[Reply]
    seen: dict[str, int]
    clocks: list[Clock]
    unknown: list[Unknown]
    admitted: list[str]

    @property
    def births(self) -> list[str]:
        """Devices that are alive after all births and deaths."""
        last = {presence.device: presence.alive for presence in self.presence}
        return [device for device, alive in last.items() if alive]

    @property
    def deaths(self) -> list[str]:
        """Devices that are lost after all births and deaths."""
        last = {presence.device: presence.alive for presence in self.presence}
        return [device for device, alive in last.items() if not alive]
