"""The servers under measurement, each in a process of its own: `python -m bench.api.server KIND POINTS CHANGED TICK_MS`.

KIND: `steward` (the real app on uvicorn, values changing each tick), `bare` (an asyncio protocol that writes bytes of the
same size to every client: the limit), `bytes` (uvicorn sending a status answer built before: the limit of /status).
Prints its port; on each line of standard input prints the CPU seconds that it has used.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import uvicorn
import uvloop
from prometheus_client import CollectorRegistry

from api import ApiSettings, Services, create_app
from steward.live import LiveState
from steward.model import Batch, Facility, Nature, Point, PointIndex, Site
from steward.records import Records
from steward.store.embedded import EmbeddedStore

MILLISECOND = 1_000_000


def facility(count: int) -> Facility:
    """`count` points on 100 sites."""
    sites = {f"site-{number}": Site(f"site-{number}", {"": f"Site {number}"}) for number in range(100)}
    points = {}
    for number in range(count):
        id = f"site-{number % 100}.meter-{number}.power"
        points[id] = Point(id, {"": "Power"}, "power", "W", Nature.GAUGE, f"site-{number % 100}")
    return Facility("bench", {"": "Bench"}, {}, sites, {}, {}, {}, points, (), {}, {})


def cpu() -> float:
    """CPU seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def tell_cpu() -> None:
    """Answers each line of standard input; a closed input ends the process."""
    loop = asyncio.get_running_loop()

    def answer() -> None:
        if not sys.stdin.readline():
            loop.stop()
            return
        print(f"{cpu():.6f}", flush=True)

    loop.add_reader(sys.stdin.fileno(), answer)


async def serve(app: Any) -> None:
    """Serves on a free port until the process is ended."""
    wire = socket.create_server(("127.0.0.1", 0), backlog=2048)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="on", ws="none"))
    print(wire.getsockname()[1], flush=True)
    await server.serve(sockets=[wire])


async def steward(points: int, changed: int, tick: int, folder: Path) -> None:
    """The real app; `changed` points change each tick (ms), `points` in all."""
    described = facility(points)
    index = PointIndex(described.points)
    live = LiveState(index, described)
    store = EmbeddedStore(folder / "samples.duckdb", index)
    records = Records("sqlite://")
    records.open()
    await store.open()
    settings = ApiSettings(tick=tick * MILLISECOND, clients_limit=5000, web=None)
    services = Services(lambda: described, index, live, store, records, time.time_ns, CollectorRegistry(), settings)
    numbers = np.arange(points, dtype=np.int32)
    live.update(Batch.of(numbers, np.full(points, time.time_ns()), np.random.default_rng(1).uniform(0, 5e5, points)))
    tell_cpu()
    feeding = asyncio.create_task(_feed(live, points, changed, tick / 1000))
    await serve(create_app(services))
    feeding.cancel()


async def _feed(live: LiveState, points: int, changed: int, seconds: float) -> None:
    random = np.random.default_rng(2)
    while changed:
        numbers = np.sort(random.choice(points, changed, replace=False)).astype(np.int32)
        live.update(Batch.of(numbers, np.full(changed, time.time_ns()), random.uniform(0, 5e5, changed)))
        await asyncio.sleep(seconds)


async def bare(size: int, tick: int) -> None:
    """The limit of the stream: one protocol, one write per client and tick, nothing computed."""
    clients: set[asyncio.Transport] = set()

    class Client(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.Transport, transport)

        def data_received(self, data: bytes) -> None:
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nevent: hello\ndata: {}\n\n")
            clients.add(self.transport)

        def connection_lost(self, error: Exception | None) -> None:
            clients.discard(self.transport)

    server = await asyncio.get_running_loop().create_server(Client, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    tell_cpu()
    while True:
        await asyncio.sleep(tick / 1000)
        text = b'event: values\ndata: {"now":%d,"padding":"%s"}\n\n' % (time.time_ns() // MILLISECOND, b"x" * size)
        for client in clients:
            client.write(text)


async def ready_bytes(points: int) -> None:
    """The limit of /status: bytes of the same shape that were built before."""
    ids = [f"site-{number % 100}.meter-{number}.power" for number in range(points)]
    value = np.random.default_rng(1).uniform(0, 5e5, points).tolist()
    at = [time.time_ns() // MILLISECOND] * points
    body = msgspec.json.encode({"id": ids, "value": value, "at": at, "quality": [0] * points, "state": [0] * points})

    async def app(scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
        if scope["type"] == "lifespan":
            while True:
                kind = (await receive())["type"]
                await send({"type": f"{kind}.complete"})
                if kind == "lifespan.shutdown":
                    return
        length = str(len(body)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    tell_cpu()
    await serve(app)


def main() -> None:
    """Runs the server that the arguments name."""
    kind, points, changed, tick = sys.argv[1], *(int(text) for text in sys.argv[2:5])
    with tempfile.TemporaryDirectory() as folder:
        if kind == "bare":
            uvloop.run(bare(changed, tick))
        elif kind == "bytes":
            uvloop.run(ready_bytes(points))
        else:
            uvloop.run(steward(points, changed, tick, Path(folder)))


if __name__ == "__main__":
    main()
