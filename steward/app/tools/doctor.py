"""`steward doctor`: tries what `steward check` only reads, and says line by line what is good, doubtful or wrong.

Disturbs nothing: brokers are listened to in sessions that they forget, a store held by a running Steward is left alone.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import stat
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel

from collectors.broker import server_binary
from collectors.formats import Message
from collectors.readings import Readings
from collectors.routes import Route, Routes
from collectors.routing import Routing
from steward.app.brokers import described
from steward.app.checking import read
from steward.app.notices.plan import plan_of
from steward.app.stores import engine_of, open_url
from steward.app.tools.discover import Ear, listen, messages, passing
from steward.config import Settings
from steward.config.schema import BrokerTable
from steward.errors import ConfigError, StewardError, StoreUnavailable, UndecodableMessage
from steward.model import PointIndex
from steward.records import Records
from steward.units import SECOND

LOW_SPACE = 1 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: how it stands, about what, and what to do."""

    level: Literal["ok", "doubtful", "wrong"]
    what: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.level:9} {self.what}" + (f": {self.detail}" if self.detail else "")


def examine(path: Path, environ: Mapping[str, str], seconds: float, data: Path = Path()) -> list[Finding]:
    """Examines the set-up of a facility file; never raises for what is wrong with it."""
    try:
        settings = read(path)
    except ConfigError as error:
        return [Finding("wrong", "facility file", str(problem)) for problem in error.problems]
    facility = settings.facility
    found = [Finding("ok", "facility file", f"{len(facility.devices)} devices, {len(facility.points)} points")]
    for part in (_folders, _port, _secrets, _channels, _records, _store):
        found += _tried(part.__name__.strip("_"), partial(part, settings, environ, data))
    for table in settings.brokers:
        found += _tried(f"broker {table.id}", partial(_broker, settings, table, environ, seconds))
    if not settings.brokers:
        found.append(Finding("doubtful", "brokers", "the file names none: nothing will arrive"))
    return found


def _tried(what: str, examine: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(examine())
    except (StewardError, OSError) as error:
        return [Finding("wrong", what, str(error))]


def _folders(settings: Settings, environ: Mapping[str, str], data: Path) -> Iterator[Finding]:
    folders = {data / settings.spool.path}
    if settings.store.engine == "embedded":
        folders.add((data / settings.store.path).parent)
    for folder in sorted(folders):
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            yield Finding("wrong", f"folder {folder}", "not writable by this user")
            continue
        free = shutil.disk_usage(folder).free
        level: Literal["ok", "doubtful"] = "ok" if free > LOW_SPACE else "doubtful"
        yield Finding(level, f"folder {folder}", f"writable, {free >> 20} MB free")


def _port(settings: Settings, environ: Mapping[str, str], data: Path) -> Iterator[Finding]:
    host, port = settings.api.host, settings.api.port
    with closing(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)) as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            wire.bind((host, port))
            yield Finding("ok", f"port {port}", "free")
        except OSError as error:
            yield Finding("doubtful", f"port {port}", f"{error.strerror}: is Steward running already?")


def _secrets(settings: Settings, environ: Mapping[str, str], data: Path) -> Iterator[Finding]:
    """Files with secrets that everybody on this machine can read."""
    tables: list[tuple[str, BaseModel]] = [("store", settings.store), ("records", settings.records)]
    tables += [(f"broker {one.id}", one) for one in settings.brokers]
    tables += [(f"broker {one.id}", one.tls) for one in settings.brokers if one.tls is not None]
    tables += [(f"channel {one.id}", one) for one in settings.notices.channels]
    for what, table in tables:
        for key in type(table).model_fields:
            path = settings.root / getattr(table, key) if key.endswith("_file") or key == "key" else None
            if path is not None and path.is_file() and path.stat().st_mode & stat.S_IROTH:
                yield Finding("doubtful", what, f"{key} {path} can be read by every user of this machine: chmod o-r")


def _channels(settings: Settings, environ: Mapping[str, str], data: Path) -> Iterator[Finding]:
    channels = plan_of(settings, environ, settings.facility).tables
    if channels:
        yield Finding("ok", "channels", f"secrets of {', '.join(channels)} are there; `steward notify-test` sends a notice")


def _records(settings: Settings, environ: Mapping[str, str], data: Path) -> Iterator[Finding]:
    records = Records(open_url(settings, environ, data))
    file = records.shown.removeprefix("sqlite:///")
    try:
        if file != records.shown and not Path(file).exists():
            yield Finding("ok", f"records {records.shown}", "will be made at the first start")
            return
        revision = records.open()
        yield Finding("ok", f"records {records.shown}", f"revision {revision}")
    finally:
        records.close()


def _store(settings: Settings, environ: Mapping[str, str], data: Path) -> Iterator[Finding]:
    """Opens the store as a service would, and counts; a file that a running service holds is left alone."""
    table = settings.store
    where = table.url if table.engine == "influx" else str(data / table.path)
    if table.engine == "embedded" and not (data / table.path).exists():
        yield Finding("ok", f"store {where}", "will be made at the first start")
        return
    store = engine_of(settings, PointIndex(settings.facility.points), settings.facility.points.get, environ, data, time.time_ns)

    async def count() -> int:
        await store.open()
        try:
            return await store.count()
        finally:
            await store.close()

    try:
        samples = asyncio.run(count())
        yield Finding("ok", f"store {where}", "opens" + (f", {samples} samples" if samples >= 0 else ""))
    except StoreUnavailable as error:
        level: Literal["ok", "wrong"] = "ok" if table.engine == "embedded" else "wrong"
        yield Finding(level, f"store {where}", str(error))


def _broker(settings: Settings, table: BrokerTable, environ: Mapping[str, str], seconds: float) -> Iterator[Finding]:
    what = f"broker {table.id}"
    broker = described(table, settings, environ, Path())
    absent = [path for path in (broker.tls.ca, broker.tls.cert, broker.tls.key) if path and not os.access(path, os.R_OK)]
    if absent:
        yield Finding("wrong", what, f"cannot read {', '.join(absent)}")
        return
    url = urlsplit(table.url)
    if table.embedded:
        yield Finding("ok", what, f"embedded, {Path(server_binary()).name} is here")
        if not url.port or not _answers(str(url.hostname), url.port):
            return
    filters = broker.filters or Routes(Routing(settings.facility, PointIndex()), table.id).filters
    if not filters:
        yield Finding("doubtful", what, "no template listens here: nothing is subscribed")
        return
    ear = listen(passing(broker, tuple(filters)), seconds)
    yield Finding("ok", what, f"reached, {len(filters)} subscriptions granted")
    yield from _heard(settings, table, ear, seconds)


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), 1):
            return True
    except OSError:
        return False


def _heard(settings: Settings, table: BrokerTable, ear: Ear, seconds: float) -> Iterator[Finding]:
    """What came in while listening, decoded as Steward would."""
    what = f"broker {table.id}"
    if not ear.messages:
        yield Finding("doubtful", what, f"no message within {seconds:g} s: do devices publish here?")
        return
    routing = Routing(settings.facility, PointIndex())
    routes = Routes(routing, table.id)
    readings = Readings(routing, table.id)
    unrouted = 0
    for topic, payloads in messages(ear).items():
        route = routes.find(topic.encode())
        if route is None:
            unrouted += 1
            continue
        for payload, received in payloads:
            _decode(readings, route, topic, payload, received)
    taken = readings.take()
    yield Finding("ok" if len(taken.batch) else "doubtful", what, f"{ear.messages} messages, {len(taken.seen)} devices speak")
    if unrouted:
        yield Finding("doubtful", what, f"{unrouted} topics that no template reads: see the quarantine, or `steward discover`")
    for reason, count in sorted(taken.counts.items()):
        yield Finding("doubtful", what, f"{count} x {reason}")
    spaces = [topic for topic in ear.heard if any(sign.isspace() for sign in topic)]
    if spaces:
        yield Finding(
            "doubtful", what, f"topics with white space ({spaces[0]!r}): NATS refuses them, Mosquitto and EMQX do not"
        )
    if len(taken.batch):
        offset = statistics.median((taken.batch.at - taken.batch.received).tolist()) / SECOND
        level: Literal["ok", "doubtful"] = "ok" if abs(offset) < 60 else "doubtful"
        yield Finding(level, what, f"device times differ from this machine's clock by {offset:.1f} s (median)")


def _decode(readings: Readings, route: Route, topic: str, payload: bytes, received: int) -> None:
    message = Message(topic, payload, received, route.device)
    readings.begin(message, route.template)
    try:
        route.decode(message, readings)
    except UndecodableMessage as error:
        readings.reject(error.reason, error.detail)
