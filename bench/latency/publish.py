"""The load: `python -m bench.latency.publish URL MESSAGES_A_SECOND DEVICES SECONDS`.

Messages of four values at a steady pace, the devices taking turns, each stamped with the wall clock when it is made, right
before it is handed to the socket: a load that falls behind its pace is seen in the rate, not hidden in the latency.
Prints a JSON summary.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import uvloop

from simulators.encoders import Publication
from simulators.publisher import Publisher

SLICE = 0.005
"""Seconds between two writes: what one device after the other would send within it goes out together."""


def made(device: int, number: int) -> Publication:
    """A message of now."""
    body = b'{"at":%d,"values":{"power":%d.5,"voltage":%d.1,"current":%d.25,"frequency":%d.75}}' % (
        time.time_ns() // 1_000_000,
        1000 + number % 977,
        220 + number % 10,
        1 + number % 31,
        49 + number % 2,
    )
    return Publication(0, f"steward/v1/d{device}/telemetry", body)


async def run(url: str, rate: float, devices: int, seconds: float) -> None:
    """Publishes for so long; the clock of the pace never waits for the broker."""
    number = 0
    lag = 0.0
    async with Publisher(url, "bench-publisher", window=20_000) as publisher:
        began = time.monotonic()
        while (passed := time.monotonic() - began) < seconds:
            due = int(passed * rate)
            lag = max(lag, passed - number / rate)
            await publisher.publish([made(one % devices, one) for one in range(number, due)])
            number = max(number, due)
            await asyncio.sleep(SLICE)
        await publisher.flush()
        spent = time.monotonic() - began
    print(json.dumps({"messages": number, "seconds": spent, "lag_ms": lag * 1e3, "cpu": time.process_time()}), flush=True)


if __name__ == "__main__":
    uvloop.run(run(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
