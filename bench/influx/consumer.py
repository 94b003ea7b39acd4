"""Steward's side of the comparison, a process of its own: collectors into InfluxDB until it is told to stop.

python -m bench.influx.consumer BROKER_URL INFLUX_URL BUCKET CLIENT_ID, with the token in STEWARD_INFLUX_TOKEN.
Prints "ready", runs until its input ends, then one JSON line.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time

import uvloop
from prometheus_client import CollectorRegistry

from bench.influx.settings import ORG
from bench.ingest.path import meters
from collectors.mqtt import Broker, MqttConnection
from collectors.pipeline import BatchLimits, Committed, Pipeline
from collectors.quarantine import Quarantine
from collectors.routing import Routing
from steward.model import PointIndex
from steward.store.influx import InfluxStore

FAR = 10**18
"""Device times of the benchmark are synthetic: no clock rule shall apply."""


async def main(broker: str, influx: str, bucket: str, client_id: str) -> None:
    """The pipeline with its defaults."""
    facility = meters()
    index = PointIndex()
    store = InfluxStore(influx, ORG, bucket, os.environ["STEWARD_INFLUX_TOKEN"], index, facility.points.get)
    await store.open()
    samples = 0

    def committed(what: Committed) -> None:
        nonlocal samples
        samples += len(what.batch)

    quarantine = Quarantine()
    pipeline = Pipeline(
        store,
        Routing(facility, index, future_limit=FAR, skew_limit=FAR),
        BatchLimits(),
        quarantine,
        clock=time.time_ns,
        on_committed=committed,
        registry=CollectorRegistry(),
    )
    connection = MqttConnection(Broker("bench", broker, client_id=client_id))
    await pipeline.start([connection])
    while not pipeline.status().ready:  # noqa: ASYNC110 - a state, not an event
        await asyncio.sleep(0.01)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await pipeline.stop()
    await store.close()
    found = {"samples": samples, "received": connection.received, "rejected": quarantine.counts()}
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:5]))
