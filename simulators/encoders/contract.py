"""What an encoder is asked, and the message that it makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from simulators.plan import Quantity, SimDevice
from steward.model import IntArray, Nature

MS = 1_000_000  # ns


class Publication(NamedTuple):
    """An MQTT message to publish at `sent` (ns)."""

    sent: int
    topic: str
    payload: bytes
    retain: bool = False


Row = Sequence[float]
Stamp = int | str


class Encoder(Protocol):
    """Turns values as sent into messages. One instance plays all devices of a format; calls come in order of sending."""

    def stamps(self, at: IntArray) -> Sequence[Stamp]:
        """The device times (ns) as this format writes them."""

    def message(
        self, source: SimDevice, devices: tuple[SimDevice, ...], stamp: Stamp, rows: tuple[Row, ...], late: bool
    ) -> tuple[str, bytes]:
        """Topic and payload of one message; `rows` are the values of each device, in the order of its quantities."""

    def hello(self, devices: Sequence[SimDevice], at: int) -> list[Publication]:
        """What the devices publish when they connect at `at` (ns)."""

    def death(self, device: SimDevice, at: int) -> list[Publication]:
        """What the broker publishes for a device (or gateway) that is lost at `at` (ns): its last will."""


def number_format(quantity: Quantity) -> str:
    """printf format of a quantity as sent."""
    return "%d" if quantity.decimals == 0 else f"%.{quantity.decimals}f"


def is_state(quantity: Quantity) -> bool:
    """Whether the quantity is sent as true or false."""
    return quantity.nature is Nature.STATE


def iso(at: IntArray, unit: Literal["s", "ms"], offset_s: int = 0) -> list[str]:
    """ISO 8601 texts without zone, in the zone `offset_s` east of UTC; unit "s" or "ms"."""
    moments: NDArray[Any] = (at // MS + 1000 * offset_s).astype("datetime64[ms]")
    texts: list[str] = np.datetime_as_string(moments, unit=unit, casting="unsafe").tolist()
    return texts
