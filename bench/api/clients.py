"""Many clients of a stream in one process: `python -m bench.api.clients PORT CLIENTS SECONDS`.

Each is a plain TCP connection whose bytes are cut at the blank line; a message's latency is its arrival minus the `now` (ms,
rounded down: the latency comes out up to 1 ms too long) that the server wrote when it was made. Prints a JSON summary.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from typing import cast

import numpy as np
import uvloop

NOW = b'"now":'


class Client(asyncio.Protocol):
    """Reads one stream."""

    def __init__(self, delays: list[float], sizes: list[int]) -> None:
        self.rest = b""
        self.ready = asyncio.get_running_loop().create_future()
        self.delays, self.sizes = delays, sizes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asks for the stream."""
        cast(asyncio.Transport, transport).write(b"GET /api/v1/events?kinds=values HTTP/1.1\r\nHost: bench\r\n\r\n")

    def data_received(self, data: bytes) -> None:
        """Takes whole messages."""
        arrived = time.time_ns() / 1e6
        *whole, self.rest = (self.rest + data).split(b"\n\n")
        for text in whole:
            if b"event: hello" in text and not self.ready.done():
                self.ready.set_result(None)
            elif b"event: values" in text:
                start = text.index(NOW) + len(NOW)
                self.delays.append(arrived - int(text[start : start + 13]))
                self.sizes.append(len(text))


async def run(port: int, count: int, seconds: float) -> None:
    """Connects all, lets two seconds pass, then measures."""
    delays: list[float] = []
    sizes: list[int] = []
    loop = asyncio.get_running_loop()
    clients = []
    for _ in range(count):
        _, client = await loop.create_connection(lambda: Client(delays, sizes), "127.0.0.1", port)
        clients.append(client)
    await asyncio.wait_for(asyncio.gather(*(client.ready for client in clients)), 60)
    await asyncio.sleep(2)
    print("connected", flush=True)
    delays.clear()
    sizes.clear()
    started = time.perf_counter()
    await asyncio.sleep(seconds)
    taken, passed = np.array(delays), time.perf_counter() - started
    used = resource.getrusage(resource.RUSAGE_SELF)
    found = {
        "clients": count,
        "deliveries": len(taken),
        "rate": len(taken) / passed,
        "bytes": float(np.mean(sizes)) if sizes else 0.0,
        **{f"p{rank}": float(np.percentile(taken, rank)) for rank in (50, 90, 99)},
        "max": float(taken.max()),
        "client_cpu": used.ru_utime + used.ru_stime,
    }
    print(json.dumps(found), flush=True)


def main() -> None:
    """Runs the clients that the arguments name."""
    uvloop.run(run(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))


if __name__ == "__main__":
    main()
