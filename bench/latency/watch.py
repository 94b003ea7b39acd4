"""The page's side: `python -m bench.latency.watch PORT`, a client of /api/v1/events that notes when each event has come whole.

Ends at the end of its input; then every (point, at) that came is compared with the wall clock of its first arrival. The
device time is that of publishing, in whole ms, rounded down: a latency comes out up to 1 ms too long. Prints a JSON
summary. Reading the events is done afterwards, so that it does not delay the next one's arrival.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import cast

import msgspec
import numpy as np
import uvloop


class Stream(asyncio.Protocol):
    """Keeps each event with the time of its last byte."""

    def __init__(self) -> None:
        self.rest = bytearray()
        self.events: list[tuple[float, bytes]] = []
        self.ready = asyncio.get_running_loop().create_future()
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asks for the stream as a page does."""
        cast(asyncio.Transport, transport).write(b"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")

    def data_received(self, data: bytes) -> None:
        """Takes whole events."""
        arrived = time.time_ns() / 1e6
        self.rest += data
        if b"\n\n" not in data and b"\n\n" not in self.rest[-len(data) - 1 :]:
            return
        *whole, rest = bytes(self.rest).split(b"\n\n")
        self.rest = bytearray(rest)
        self.events += [(arrived, text) for text in whole]
        if not self.ready.done() and any(b"event: hello" in text for text in whole):
            self.ready.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        """Noted: a client that was cut has not seen everything."""
        self.closed = True


def summary(events: list[tuple[float, bytes]], began: float) -> dict[str, float]:
    """Latencies of the samples published since `began` (ms)."""
    seen: set[tuple[str, int]] = set()
    delays: list[float] = []
    messages = size = 0
    for arrived, text in events:
        if b"event: values" not in text:
            continue
        start = text.index(b"data: ") + 6
        end = text.index(b"\n", start) if b"\n" in text[start:] else len(text)
        told = msgspec.json.decode(text[start:end].rstrip())
        messages += 1
        size += len(text)
        for key in zip(told["id"], told["at"], strict=True):
            if key[1] >= began and key not in seen:
                seen.add(key)
                delays.append(arrived - key[1])
    if not delays:
        raise SystemExit("nothing came")
    ranks = {f"p{rank}": float(np.percentile(delays, rank)) for rank in (50, 90, 99)}
    return {"samples": len(delays), "messages": messages, "bytes": size, **ranks, "max": max(delays)}


async def main(port: int) -> None:
    """Watches until the input ends."""
    loop = asyncio.get_running_loop()
    transport, stream = await loop.create_connection(Stream, "127.0.0.1", port)
    await asyncio.wait_for(stream.ready, 30)
    began = time.time_ns() // 1_000_000
    print("connected", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    if stream.closed:
        raise SystemExit("the service has closed the stream")
    transport.close()
    print(json.dumps(summary(stream.events, began)), flush=True)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
