"""Serving: a Steward, its API on a port, and the signals of the operating system."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import structlog
import uvicorn
import uvloop

from api import close_streams, refuse_public_bind, served_hosts
from steward.app import logs
from steward.app.checking import read, reader
from steward.app.service import Steward
from steward.config import Settings
from steward.errors import StewardError

log = structlog.get_logger()


class Server(uvicorn.Server):
    """uvicorn without its own signal handlers: signals are ours."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one. Raises StewardError naming the address when it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    wire = socket.socket(family, socket.SOCK_STREAM)
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        wire.bind((host, port))
    except OSError as error:
        wire.close()
        raise StewardError(f"cannot listen on {host}:{port}: {error.strerror}; choose another with --port") from None
    return wire


@contextlib.asynccontextmanager
async def serving(steward: Steward, wire: socket.socket) -> AsyncIterator[asyncio.Task[None]]:
    """The service up and its API served on a socket, until the end of the block."""
    try:
        await steward.start()
    except BaseException:
        wire.close()
        raise
    try:
        config = uvicorn.Config(
            steward.app, log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=3, server_header=False
        )
        server = Server(config)
        task = asyncio.create_task(server.serve(sockets=[wire]), name="api")
        while not server.started and not task.done():  # noqa: ASYNC110  uvicorn tells it by a flag only
            await asyncio.sleep(0.01)
        try:
            yield task
        finally:
            close_streams(steward.app)  # the server waits for its clients
            server.should_exit = True
            await task
    finally:
        await steward.stop()


async def until_stopped(steward: Steward, task: asyncio.Task[None]) -> None:
    """Waits for SIGINT, SIGTERM or the end of the API; SIGHUP reloads the facility file."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    running: set[asyncio.Task[None]] = set()

    def hangup() -> None:
        reloading = loop.create_task(_reload(steward))
        running.add(reloading)
        reloading.add_done_callback(running.discard)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, hangup)
    try:
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)


async def _reload(steward: Steward) -> None:
    try:
        await steward.reload()
    except StewardError as error:
        log.error("reload_refused", problems=str(error).splitlines())


def settings_for(path: Path, host: str, port: int, public: bool) -> tuple[Settings, str, int]:
    """The settings of a facility file and the address to listen on. Raises ConfigError, StewardError (a public address)."""
    settings = read(path)
    address = host or settings.api.host
    refuse_public_bind(address, public)
    return settings, address, settings.api.port if port < 0 else port


def serve(path: Path, *, host: str, port: int, public: bool, json: bool, level: str) -> None:
    """Runs the service for a facility file until it is stopped."""
    logs.configure(json=json, level=level)
    private_files()
    settings, address, number = settings_for(path, host, port, public)
    wire = listen(address, number)
    steward = Steward(
        settings,
        clock=time.time_ns,
        environ=os.environ,
        data=Path(),
        reread=reader(path),
        hosts=served_hosts(settings.api.hosts, public),
    )

    async def main() -> None:
        async with serving(steward, wire) as task:
            sys.stderr.write(f"Steward listens on http://{address}:{wire.getsockname()[1]}\n")
            await until_stopped(steward, task)

    run(main)


def private_files() -> None:
    """Files that this process makes from now on are no business of others: samples say who is at work, records name people."""
    os.umask(os.umask(0o077) | 0o027)


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Runs a coroutine function in a fast event loop."""

    async def awaited() -> None:
        await main()

    uvloop.run(awaited())
