"""OwnTracks: https://owntracks.org/booklet/tech/json/

A location states where and how fast, at the time of the fix (`tst`); a last will is a death, the next location a birth.
Waypoints, transitions, cards, commands and encrypted payloads hold no readings of the device and are left alone. The address is
`user/device`, the two levels after the base topic, unless the template captures one.
"""

from __future__ import annotations

from collectors.formats import payloads
from collectors.formats.contract import Message, Readings
from collectors.formats.times import instant
from steward.errors import UndecodableMessage

TOPICS = ("owntracks/+/+",)

UNITS = {
    "lat": "deg",
    "lon": "deg",
    "cog": "deg",
    "alt": "m",
    "acc": "m",
    "vac": "m",
    "vel": "km/h",
    "batt": "%",
    "p": "kPa",
    "bs": "",
    "m": "",
    "rad": "m",
}
"""The fields of a location and their units."""
QUIET = (
    "waypoint", "waypoints", "transition", "card", "cmd", "configuration", "dump", "steps", "beacon", "status", "request",
)  # fmt: skip


class Decoder:
    """Remembers which devices are lost, so that the next location is a birth."""

    def __init__(self) -> None:
        self._lost: set[str] = set()

    def decode(self, message: Message, out: Readings) -> None:
        """States a location, or a death."""
        if not message.payload:
            return  # how OwnTracks clears a retained message
        stated = payloads.table(message.payload)
        kind = stated.get("_type")
        address = message.device or "/".join(message.topic.split("/")[1:3])
        if kind == "lwt":
            out.device(address).died()
            if len(self._lost) < 100_000:
                self._lost.add(address)
            return
        if kind == "encrypted":
            raise UndecodableMessage("encrypted", "the app encrypts its payload; switch that off or bridge it")
        if kind in QUIET:
            return
        if kind != "location":
            raise UndecodableMessage("wrong_shape", f"_type is {kind!r:.40}, expected location")
        device = out.device(address)
        at = instant(stated.get("tst"), unit="s")
        if address in self._lost and not message.retained:
            self._lost.discard(address)
            device.born(at)
        for field, unit in UNITS.items():
            value = stated.get(field)
            if value is not None:
                device.add(field, value, at, unit=unit if value.__class__ is not str else "")
