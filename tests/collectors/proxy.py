"""A TCP proxy that can go silent: both ends stay connected and hear nothing any more (a half-open connection)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

PING = b"\xc0\x00"


class Proxy:
    """Forwards to `target`. `silent`: what arrives is swallowed. `connections` and `pings` (of clients) count."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.silent = False
        self.connections = self.pings = 0
        self._writers: list[asyncio.StreamWriter] = []

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        self._writers += [writer, back]
        await asyncio.gather(self._pump(reader, back, pings=True), self._pump(there, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pings: bool = False) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if pings and not data.strip(PING):
                    self.pings += len(data) // len(PING)
                if not self.silent:
                    writer.write(data)
                    await writer.drain()
        if not self.silent:
            writer.close()

    def cut(self) -> None:
        """Ends every connection."""
        for writer in self._writers:
            writer.close()
        self._writers.clear()


@asynccontextmanager
async def proxy(target: int) -> AsyncIterator[Proxy]:
    it = Proxy(target)
    server = await asyncio.start_server(it.accept, "127.0.0.1", 0)
    it.port = server.sockets[0].getsockname()[1]
    try:
        yield it
    finally:
        server.close()
        it.cut()
