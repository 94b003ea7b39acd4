"""Vehicle formats: OwnTracks locations and Traccar's forwarded positions.

Sources: https://owntracks.org/booklet/tech/json/ and https://www.traccar.org/forward/ (speed in knots, hours in ms, trouble
codes as one text).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulators.encoders.contract import MS, Publication, Row, Stamp, iso, number_format
from simulators.plan import SimDevice
from steward.model import IntArray

CODES = ("P0301", "P0420", "P0171", "P0455", "P0128", "P0113")
POSITION = ("latitude", "longitude", "speed", "course")


class OwnTracks:
    """`owntracks/<user>/<device>` with `_type` location."""

    def stamps(self, at: IntArray) -> Sequence[Stamp]:
        """Epoch seconds."""
        stamps: list[int] = (at // (1000 * MS)).tolist()
        return stamps

    def message(
        self, source: SimDevice, devices: tuple[SimDevice, ...], stamp: Stamp, rows: tuple[Row, ...], late: bool
    ) -> tuple[str, bytes]:
        """A location; `t` tells what triggered it (p: ping, at rest)."""
        latitude, longitude, speed, heading, battery = rows[0]
        text = (
            f'{{"_type":"location","tid":"{source.id[-2:]}","t":"{"u" if speed else "p"}","tst":{stamp},"lat":{latitude:.6f},'
            f'"lon":{longitude:.6f},"acc":8,"alt":12,"vel":{speed:.0f},"cog":{heading:.0f},"batt":{battery:.0f},"conn":"m"}}'
        )
        return f"owntracks/{source.address}", text.encode()

    def hello(self, devices: Sequence[SimDevice], at: int) -> list[Publication]:
        """Nothing: the next location is the birth."""
        return []

    def death(self, device: SimDevice, at: int) -> list[Publication]:
        """The app's last will."""
        return [Publication(at, f"owntracks/{device.address}", f'{{"_type":"lwt","tst":{at // (1000 * MS)}}}'.encode())]


class Traccar:
    """Traccar's `forward.type = mqtt` (JSON): a position with its device, on the topic `positions`."""

    def __init__(self) -> None:
        self._number = 0
        self._total: dict[str, float] = {}

    def stamps(self, at: IntArray) -> Sequence[Stamp]:
        """ISO 8601 with milliseconds; the zone follows in the payload."""
        return iso(at, "ms")

    def message(
        self, source: SimDevice, devices: tuple[SimDevice, ...], stamp: Stamp, rows: tuple[Row, ...], late: bool
    ) -> tuple[str, bytes]:
        """A position; what is no part of the fix is an attribute."""
        self._number += 1
        attributes, place = [], {}
        for quantity, name, value in zip(source.template.quantities, source.template.fields, rows[0], strict=True):
            if name in POSITION:
                place[name] = number_format(quantity) % value
            elif name == "dtcs":
                attributes.append(f'"dtcs":"{" ".join(CODES[: int(value)])}"')
            elif name == "ignition":
                attributes.append(f'"ignition":{"true" if value else "false"}')
            else:
                attributes.append(f'"{name}":{number_format(quantity) % value}')
        odometer = rows[0][source.template.fields.index("odometer")]
        moved, self._total[source.id] = odometer - self._total.get(source.id, odometer), odometer
        archive = ',"archive":true' if late else ""
        text = (
            f'{{"position":{{"id":{self._number},"deviceId":{source.address[-4:].lstrip("0") or 0},"protocol":"gt06",'
            f'"serverTime":"{stamp}+00:00","deviceTime":"{stamp}+00:00","fixTime":"{stamp}+00:00","outdated":false,"valid":true,'
            f'"latitude":{place["latitude"]},"longitude":{place["longitude"]},"altitude":12.0,"speed":{place["speed"]},'
            f'"course":{place["course"]},"address":null,"accuracy":0.0,"network":null,"attributes":{{{",".join(attributes)},'
            f'"distance":{moved:.1f},"motion":{"true" if float(place["speed"]) > 0.01 else "false"}{archive}}}}},'
            f'"device":{{"id":{source.address[-4:].lstrip("0") or 0},"uniqueId":"{source.address}","name":"{source.en}",'
            f'"status":"online","category":"car"}}}}'
        )
        return "positions", text.encode()

    def hello(self, devices: Sequence[SimDevice], at: int) -> list[Publication]:
        """deviceOnline events."""
        return [_event(device, "deviceOnline", at) for device in devices]

    def death(self, device: SimDevice, at: int) -> list[Publication]:
        """A deviceOffline event."""
        return [_event(device, "deviceOffline", at)]


def _event(device: SimDevice, kind: str, at: int) -> Publication:
    stamp = iso(np.array([at]), "ms")[0]
    text = (
        f'{{"event":{{"id":1,"deviceId":1,"type":"{kind}","eventTime":"{stamp}+00:00","positionId":0,"geofenceId":0,'
        f'"maintenanceId":0,"attributes":{{}}}},"device":{{"id":1,"uniqueId":"{device.address}","name":"{device.en}"}}}}'
    )
    return Publication(at, "events", text.encode())
