"""Replays a recording as MQTT in Steward's native envelope: with its own timing, faster, or as fast as the broker takes it.

Device times are kept or shifted by one constant, so that the recording begins or ends at a given moment; spacing, gaps and
disorder stay as recorded. What is older than an hour when it is sent is declared historical. `recording_toml` is the facility
file for it: one site, one equip and one device per recorded device.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from simulators.encoders import Publication
from simulators.facility import table, text
from simulators.publisher import Publisher
from simulators.recording import SECOND, Recording
from steward.errors import BrokerError
from steward.model import IntArray

Shift = Literal["keep", "begin", "end"]
BATCH = 5000
HOUR = 3600 * SECOND


@dataclass(slots=True)
class Replayed:
    """How far a replay is: messages and samples sent, messages acknowledged, device time (ns) reached, of how many rows."""

    rows: int
    messages: int = 0
    samples: int = 0
    acknowledged: int = 0
    at: int = 0


def shifted(recording: Recording, shift: Shift, now: int) -> IntArray:
    """Device times, ns: as recorded, or moved so that the first ("begin") or last ("end") row is at `now`."""
    if shift == "keep" or not len(recording):
        return recording.at
    anchor = recording.at[0] if shift == "begin" else recording.at[-1]
    moved: IntArray = recording.at - anchor + now
    return moved


def publications(recording: Recording, at: IntArray, now: int, size: int = BATCH) -> Iterator[list[Publication]]:
    """The messages of a recording in its order, `size` rows at a time; `at` as `shifted` gives it (ns). `sent` is the device
    time: a recording does not say when a message was sent. Rows more than an hour before `now` are declared historical."""
    ids = [value.id for value in recording.mapping.values]
    scale = [value.scale for value in recording.mapping.values]
    topics = [f"steward/v1/{device}/telemetry" for device in recording.devices]
    sequence = [0] * len(recording.devices)
    for begin in range(0, len(recording), size):
        rows = slice(begin, begin + size)
        out = []
        numbers, moments = recording.device[rows].tolist(), at[rows].tolist()
        for number, moment, row in zip(numbers, moments, (recording.values[rows] * scale).tolist(), strict=True):
            values = ",".join(f'"{id}":{value:.10g}' for id, value in zip(ids, row, strict=True) if value == value)
            history = '"historical":true,' if moment < now - HOUR else ""
            payload = f'{{"at":{moment // 1_000_000},"sequence":{sequence[number]},{history}"values":{{{values}}}}}'
            sequence[number] += 1
            out.append(Publication(moment, topics[number], payload.encode()))
        yield out


async def replay(
    url: str,
    recording: Recording,
    clock: Callable[[], int],
    *,
    speed: float | None = None,
    shift: Shift = "keep",
    username: str = "",
    password: str = "",
    client_id: str = "steward-replay",
    progress: Callable[[Replayed], None] | None = None,
    stop: asyncio.Event | None = None,
) -> Replayed:
    """Publishes a recording. speed: recorded seconds per second, None: as fast as possible. Raises BrokerError."""
    if speed is not None and speed <= 0:
        raise BrokerError(f"speed {speed:g} is not above 0")
    stop = stop or asyncio.Event()
    at = shifted(recording, shift, clock())
    done = Replayed(len(recording))
    samples = np.cumsum((~np.isnan(recording.values)).sum(axis=1))
    async with Publisher(url, client_id, username=username, password=password) as publisher:
        begun = clock()
        size = BATCH if speed is None else max(1, min(BATCH, int(speed)))
        for messages in publications(recording, at, begun, size):
            if stop.is_set():
                break
            if speed is not None and not await _until(clock, begun + int((messages[0].sent - at[0]) / speed), stop):
                break
            await publisher.publish(messages)
            done.messages += len(messages)
            done.samples, done.at = int(samples[done.messages - 1]), messages[-1].sent
            done.acknowledged = publisher.acknowledged
            if progress is not None:
                progress(done)
        await publisher.flush()
        done.acknowledged = publisher.acknowledged
    return done


async def _until(clock: Callable[[], int], moment: int, stop: asyncio.Event) -> bool:
    """Waits until the clock says `moment`; False when told to stop meanwhile."""
    wait = (moment - clock()) / SECOND
    if wait > 0:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await stop.wait()
    return not stop.is_set()


def recording_toml(
    recording: Recording,
    *,
    broker: str = "mqtt://127.0.0.1:1883",
    embedded: bool = False,
    data: str = "data",
    port: int = 8080,
    packs: tuple[str, ...] = (),
    rules: str = "",
) -> str:
    """The facility file of a recording: template, equips and devices; `rules` is appended as it is."""
    mapping, name = recording.mapping, recording.name
    head = f"""packs = {text(list(packs))}

[facility]
id = {text(name)}
name = {text(f"Recording {name}")}

[store]
path = {text(f"{data}/samples.duckdb")}

[records]
url = {text(f"sqlite:///{data}/records.db")}

[spool]
path = {text(f"{data}/spool")}

[api]
port = {port}

[[broker]]
id = "main"
url = {text(broker)}
client_id = "steward"
embedded = {text(embedded)}
data = {text(f"{data}/broker")}
"""
    site = table("site", {"id": name, "name": name, "time_zone": mapping.zone})
    template = table("template", {"id": f"{name}-device", "format": "native", "interval": mapping.interval})
    for value in mapping.values:
        template += table(
            "template.point",
            {
                "id": value.id, "name": value.name or value.id, "field": value.id, "metric": value.metric, "unit": value.unit,
                "role": value.role, "low": value.low, "high": value.high,
            },
        )  # fmt: skip
    devices = []
    for device in recording.devices:
        devices.append(table("equip", {"id": f"{device}.equip", "name": device, "type": mapping.equip_type, "site": name}))
        devices.append(table("device", {"id": device, "template": f"{name}-device", "equip": f"{device}.equip"}))
    return "\n".join([head, site, template, *devices, rules])
