"""Steward's side of the comparison, a process of its own: receives until all samples are committed, prints one JSON line.

python -m bench.ingest.consumer URL MESSAGES FOLDER CLIENT_ID
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from pathlib import Path

import uvloop

from bench.ingest.path import FIELDS, Bench
from collectors.mqtt import Broker, MqttConnection
from collectors.tap import Frame


async def main(url: str, messages: int, folder: Path, client_id: str) -> None:
    bench = Bench(folder)
    await bench.store.open()
    connection = MqttConnection(Broker("bench", url, client_id=client_id))
    first: list[float] = []
    await bench.pipeline.start([connection])
    intake = bench.pipeline._intakes[0]
    take = intake.take

    def noted(frames: list[Frame], received: int, session: int, now: float) -> None:
        first.append(time.monotonic())
        intake.take = take  # type: ignore[method-assign]
        take(frames, received, session, now)

    intake.take = noted  # type: ignore[method-assign]
    while not bench.pipeline.status().ready:  # noqa: ASYNC110 - a state, not an event
        await asyncio.sleep(0.01)
    before = resource.getrusage(resource.RUSAGE_SELF)
    print("ready", flush=True)
    complete = await bench.until(messages * len(FIELDS), 300)
    ended = time.monotonic()
    after = resource.getrusage(resource.RUSAGE_SELF)
    await bench.pipeline.stop()
    stored = await bench.store.count()
    await bench.store.close()
    print(
        json.dumps(
            {
                "complete": complete,
                "seconds": ended - first[0],
                "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
                "samples": bench.samples,
                "stored": stored,
                "received": connection.received,
                "acknowledged": connection.acknowledged,
                "rejected": bench.quarantine.counts(),
            }
        ),
        flush=True,
    )


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]))
