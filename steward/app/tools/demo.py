"""`steward demo`: the whole of Steward with a simulated campus, in one process and without a facility file of one's own.

The first start makes up the past and plays it as fast as the broker takes it; a later start on the same folder goes on with
the same campus (its start is remembered), so that registers, history and open alerts are what they were.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import structlog

from api import refuse_public_bind, served_hosts
from rules.load import packs
from simulators.facility import campus_toml
from simulators.player import Options, Played, play
from simulators.week import demo_faults
from steward.app import logs
from steward.app.checking import read
from steward.app.serve import listen, private_files, run, serving, until_stopped
from steward.app.service import Steward
from steward.errors import StewardError
from steward.units import HOUR, duration

log = structlog.get_logger()

FACILITY = "facility.toml"
BEGUN = "begun.json"


@dataclass(frozen=True, slots=True)
class Begun:
    """When the campus of a folder began, and the first moment that was not past then; ns."""

    start: int
    first_now: int


def prepare(data: Path, past: int, now: int) -> Begun:
    """Writes the campus' facility file into the folder and says when its campus began: `past` ago at the first start."""
    data.mkdir(parents=True, exist_ok=True)
    text = campus_toml(broker="mqtt://127.0.0.1:0", data=".", port=0, packs=packs())
    (data / FACILITY).write_text(text, encoding="utf-8")
    path = data / BEGUN
    if not path.exists():
        path.write_text(json.dumps({"start": now - past, "first_now": now}))
    begun = Begun(**json.loads(path.read_text()))
    # what is played of the past is as old as the campus, and no clock is wrong for that
    with (data / FACILITY).open("a", encoding="utf-8") as file:
        file.write(f'\n[clock]\nskew_limit = "{(now - begun.start) // HOUR + 26}h"\n')
    return begun


def demo(
    data: Path, *, host: str, port: int, public: bool, past: str, speed: float, seed: int, json_logs: bool, level: str
) -> None:
    """Runs the demonstration until it is stopped."""
    logs.configure(json=json_logs, level=level)
    private_files()
    refuse_public_bind(host, public)
    try:
        wanted = duration(past)
    except ValueError as error:
        raise StewardError(f"--past: {error}") from None
    now = time.time_ns()
    begun = prepare(data, wanted, now)
    settings = read(data / FACILITY)
    wire = listen(host, port)
    number = wire.getsockname()[1]
    steward = Steward(
        settings,
        clock=time.time_ns,
        environ=os.environ,
        data=data,
        hosts=served_hosts((), public),
    )

    async def main() -> None:
        async with serving(steward, wire) as task:
            url = next(iter(steward.brokers.values())).url
            sys.stderr.write(f"Steward: http://{host}:{number}   broker: {url}   data: {data}\n")
            options = Options(
                seed=seed,
                start=begun.start,
                since=steward.live.newest,
                speed=speed,
                labels=data / "labels.jsonl",
            )
            stop = asyncio.Event()
            playing = asyncio.create_task(_play(url, options, begun, stop), name="campus")
            await until_stopped(steward, task)
            stop.set()
            with contextlib.suppress(asyncio.CancelledError):
                await playing

    run(main)


async def _play(url: str, options: Options, begun: Begun, stop: asyncio.Event) -> None:
    faults = demo_faults(begun.first_now)
    said = False

    def progress(played: Played) -> None:
        nonlocal said
        if played.live and not said:
            said = True
            sys.stderr.write(f"Steward: the past is played ({played.sent} messages), the campus is live\n")

    try:
        await play(url, time.time_ns, options, faults, progress=progress, stop=stop)
    except StewardError as error:
        log.error("campus_stopped", error=str(error))
