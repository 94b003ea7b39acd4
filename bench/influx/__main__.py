"""Writes and reads of the InfluxDB engine against a real influxd, and against `influxdb-client`'s own record writing.

`python -m bench.influx [--points 2000] [--samples 1200000]` starts the influxd of PATH or STEWARD_BENCH_INFLUXD in a
temporary folder. Ratios within one run count; the absolute figures are this machine's on this day.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
from influxdb_client import InfluxDBClient
from influxdb_client import Point as ClientPoint
from influxdb_client.client.write_api import SYNCHRONOUS

from steward.model import Batch, Nature, Point, PointIndex
from steward.store.influx import DAY, InfluxStore, init_store
from steward.store.line_protocol import Encoder
from tests.store import influx_server as server

SECOND, MINUTE, HOUR = 10**9, 60 * 10**9, 3600 * 10**9
BEGIN = 20_454 * DAY
STEP = 10 * SECOND


def facility(count: int) -> dict[str, Point]:
    """Points as a campus has them: five per equip, forty equips a site."""
    points = {}
    for number in range(count):
        equip, site = f"equip-{number // 5}", f"site-{number // 200}"
        id = f"{site}.{equip}.power-{number}"
        points[id] = Point(
            id, {"": id}, "power", "W", Nature.GAUGE, site, space="floor-3", equip=equip, device=f"gw-{number // 50}"
        )
    return points


def batches(points: int, samples: int, size: int, begin: int = BEGIN) -> list[Batch]:
    """A sample of each point every ten seconds, cut into batches; values with three decimals, arrival with jitter."""
    rng, number = np.random.default_rng(1), np.arange(samples)
    at = begin + number // points * STEP
    value = np.round(rng.normal(1000, 300, samples), 3)
    received = at + rng.integers(0, SECOND, samples)
    return [
        Batch.of(
            number[cut : cut + size] % points,
            at[cut : cut + size],
            value[cut : cut + size],
            received=received[cut : cut + size],
        )
        for cut in range(0, samples, size)
    ]


async def timed(label: str, rows: int, work: Callable[[], Awaitable[Any]]) -> float:
    """Runs work; prints rate, time and CPU of this process."""
    began, cpu = time.perf_counter(), time.process_time()
    await work()
    took, used = time.perf_counter() - began, time.process_time() - cpu
    rate = f"{rows / took:12,.0f}/s  CPU {used / rows * 1e6:6.2f} us each" if rows else ""
    print(f"{label:<58}{took * 1000:9.0f} ms  {rate}", flush=True)
    return took


async def writes(url: str, points: dict[str, Point], samples: int) -> None:
    """Rates of writing, by batch size and compression, and of the client's records."""
    index = PointIndex(points)
    encoder, cut = Encoder(index, points.get), batches(len(points), samples, 10_000)
    encoder.encode(cut[0])

    async def encode() -> None:
        for batch in cut:
            encoder.encode(batch)

    await timed("line protocol only", samples, encode)
    for size, compress in ((1_000, False), (5_000, False), (10_000, False), (10_000, True)):
        name = f"w{size}{'z' if compress else ''}"
        init_store(url, server.ORG, name, server.TOKEN)
        store = InfluxStore(url, server.ORG, name, server.TOKEN, index, points.get, compress=compress)
        await store.open()

        async def write(store: InfluxStore = store, size: int = size) -> None:
            for batch in batches(len(points), samples, size):
                await store.write(batch)

        await timed(f"write, batches of {size:,}{', gzip' if compress else ''}", samples, write)
        await store.close()
    few = samples // 20
    init_store(url, server.ORG, "client", server.TOKEN)
    with InfluxDBClient(url, server.TOKEN, org=server.ORG) as client:
        api, ids = client.write_api(SYNCHRONOUS), list(points)

        async def records() -> None:
            for batch in batches(len(points), few, 10_000):
                api.write("client", record=[_record(points[ids[n]], batch, row) for row, n in enumerate(batch.point.tolist())])

        await timed("the same by influxdb-client's Point records, 10,000", few, records)


def _record(point: Point, batch: Batch, row: int) -> ClientPoint:
    record = ClientPoint(point.metric).tag("point", point.id).tag("site", point.site).tag("space", point.space)
    record = record.tag("equip", point.equip).tag("device", point.device).field("value", float(batch.value[row]))
    return record.field("received", int(batch.received[row])).field("quality", 0).time(int(batch.at[row]))


async def reads(url: str, points: dict[str, Point], samples: int) -> None:
    """Times of the reads that a page and a report make."""
    index = PointIndex(points)
    store = InfluxStore(url, server.ORG, "w10000", server.TOKEN, index, points.get)
    await store.open()
    end, many = BEGIN + samples // len(points) * STEP, list(range(0, len(points), 2))
    hours = (end - BEGIN) / HOUR
    print(f"-- {samples:,} samples, {len(points):,} points, {hours:.1f} h")
    await timed("one point, raw, all", 0, lambda: store.read([5], BEGIN, end))
    await timed("50 points, 15-minute windows", 0, lambda: store.aggregate(range(50), BEGIN, end, 15 * MINUTE))
    await timed(f"{len(many)} points, 15-minute windows", 0, lambda: store.aggregate(many, BEGIN, end, 15 * MINUTE))
    await timed(f"{len(many)} points, raw, all", samples // 2, lambda: store.read(many, BEGIN, end))
    await timed("latest of all points", 0, lambda: store.latest(None, BEGIN))
    await timed("arrived in the last minute", 0, lambda: store.arrived(end - MINUTE, end + MINUTE))
    await store.close()


async def main() -> None:
    """Both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=2_000)
    parser.add_argument("--samples", type=int, default=1_200_000)
    wanted = parser.parse_args()
    if named := os.environ.get("STEWARD_BENCH_INFLUXD"):
        os.environ["STEWARD_TEST_INFLUXD"] = named
    if server.program() is None:
        print("not run: no influxd; install it or name it in STEWARD_BENCH_INFLUXD")
        return
    points = facility(wanted.points)
    with tempfile.TemporaryDirectory() as folder, server.running(Path(folder)) as influxd:
        await writes(influxd.url, points, wanted.samples)
        await reads(influxd.url, points, wanted.samples)


if __name__ == "__main__":
    asyncio.run(main())
