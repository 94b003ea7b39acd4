"""Time of building one /status answer in the server: `python -m bench.api.status POINTS REPEATS`. Prints JSON."""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from prometheus_client import CollectorRegistry

from api import ApiSettings, Context, Services
from api.routes.live import status_pieces
from bench.api.server import cpu, facility
from steward.live import LiveState
from steward.model import Batch, PointIndex
from steward.records import Records
from steward.store.embedded import EmbeddedStore


def main() -> None:
    """Measures with all values changed between two calls, so that nothing of the last answer can be used again."""
    points, repeats = int(sys.argv[1]), int(sys.argv[2])
    described = facility(points)
    index = PointIndex(described.points)
    live = LiveState(index, described)
    records = Records("sqlite://")
    store = EmbeddedStore("unused.duckdb", index)  # never opened
    settings = ApiSettings(web=None)
    context = Context(Services(lambda: described, index, live, store, records, time.time_ns, CollectorRegistry(), settings))
    random, numbers = np.random.default_rng(1), np.arange(points, dtype=np.int32)
    times, size, used = [], 0, 0.0
    for _ in range(repeats):
        live.update(Batch.of(numbers, np.full(points, time.time_ns()), random.uniform(0, 5e5, points)))
        started, before = time.perf_counter(), cpu()
        size = sum(map(len, status_pieces(context, "", None)))
        times.append(time.perf_counter() - started)
        used += cpu() - before
    milliseconds = np.array(times) * 1e3
    found = {
        "p50": float(np.percentile(milliseconds, 50)),
        "p99": float(np.percentile(milliseconds, 99)),
        "cpu_ms": used / repeats * 1e3,
        "mb": size / 1e6,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
