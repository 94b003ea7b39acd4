"""The path without a broker: the bytes that one would send, through tap, decoder, columns and store, on one core.

python -m bench.ingest.direct MESSAGES FOLDER      prints one JSON line
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import uvloop

from bench.ingest.path import DEVICES, FIELDS, Bench
from collectors.tap import RECEIVE, Tap

FIRST = 1_700_000_000_000_000_000


def stream(messages: int) -> bytes:
    """PUBLISH frames of QoS 1, like those of publisher.c."""
    frames = []
    for number in range(messages):
        topic = b"steward/v1/d%d/telemetry" % (number % DEVICES)
        values = f'"power":{1000 + number % 977 * 0.5:.1f},"voltage":{220 + number % 100 * 0.1:.1f}'
        values += f',"current":{1 + number % 31 * 0.125:.3f},"frequency":{49.5 + number % 100 * 0.01:.2f}'
        payload = f'{{"at":{FIRST + number * 1_000_000},"values":{{{values}}}}}'.encode()
        body = len(topic).to_bytes(2, "big") + topic + (number % 65_535 + 1).to_bytes(2, "big") + payload
        frames.append(bytes([0x32, len(body) & 0x7F | 0x80, len(body) >> 7]) + body)
    return b"".join(frames)


class Tape:
    """A wire that plays a recording and takes whatever is sent."""

    def __init__(self, data: bytes) -> None:
        self._pieces: Iterator[bytes] = (data[start : start + RECEIVE] for start in range(0, len(data), RECEIVE))
        self.sent = 0

    def recv(self, size: int) -> bytes:
        return next(self._pieces, b"")

    def send(self, data: bytes) -> int:
        self.sent += len(data)
        return len(data)

    def close(self) -> None: ...

    def fileno(self) -> int:
        return -1

    def setblocking(self, flag: bool) -> None: ...


class Feeder:
    """Stands for the connection: its thread reads the tape through the tap, as that of MqttConnection does."""

    def __init__(self, data: bytes) -> None:
        self.tap = Tap(Tape(data), False)
        self.acknowledged = 0
        self._wake = threading.Event()

    def acknowledge(self, packets: bytes, count: int, session: int) -> None:
        self.tap.queue(packets)
        self.acknowledged += count
        self._wake.set()

    def publish(self, topic: str, payload: bytes, qos: int = 0) -> None: ...

    def subscribe(self, filters: Iterable[str]) -> None: ...

    def wake(self) -> None:
        self._wake.set()

    def run(self, intake: object) -> None:
        while not self.tap.ended:
            intake.tick(time.monotonic())  # type: ignore[attr-defined]
            while not intake.ready():  # type: ignore[attr-defined]
                self._wake.clear()
                self._wake.wait(0.05)
            frames = self.tap.fill()
            intake.take(frames, time.time_ns(), 1, time.monotonic())  # type: ignore[attr-defined]
            self.tap.flush()
        intake.flush()  # type: ignore[attr-defined]


async def main(messages: int, folder: Path) -> None:
    data = stream(messages)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    bench = Bench(folder)
    await bench.store.open()
    await bench.pipeline.start()
    feeder = Feeder(data)
    intake = bench.pipeline.intake(feeder, "direct")
    thread = threading.Thread(target=feeder.run, args=(intake,))
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    thread.start()
    complete = await bench.until(messages * len(FIELDS), 300)
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF)
    await asyncio.to_thread(thread.join)
    await bench.pipeline.stop()
    stored = await bench.store.count()
    await bench.store.close()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    result = {"complete": complete, "seconds": seconds, "cpu": cpu, "samples": bench.samples, "stored": stored}
    print(json.dumps({**result, "acknowledged": feeder.acknowledged}), flush=True)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), Path(sys.argv[2])))
