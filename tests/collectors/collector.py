"""A collector to be killed: the whole path into the embedded store. collector.py URL FOLDER

Prints "ready", and after each commit how many samples the store holds; ends on SIGTERM.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path

from prometheus_client import CollectorRegistry

from collectors.mqtt import Broker, MqttConnection
from collectors.pipeline import BatchLimits, Committed, Pipeline
from collectors.quarantine import Quarantine
from steward.model import PointIndex
from steward.store.embedded import EmbeddedStore
from tests.collectors.site import routing


async def main(url: str, folder: Path) -> None:
    index = PointIndex()
    store = EmbeddedStore(folder / "samples.duckdb", index)
    await store.open()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)

    async def committed(_: Committed) -> None:
        print(await store.count(), flush=True)

    pipeline = Pipeline(
        store,
        routing(50, index=index),
        BatchLimits(max_samples=1000, max_wait=0.05),
        Quarantine(),
        clock=time.time_ns,
        on_committed=committed,
        registry=CollectorRegistry(),
    )
    await pipeline.start([MqttConnection(Broker("main", url, keepalive=60.0))])
    while not pipeline.status().ready:
        await asyncio.sleep(0.01)
    print("ready", flush=True)
    await ended.wait()
    await pipeline.stop()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
