"""What commands share that work beside a service or without one: the open store of a facility file, a progress bar."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from steward.app.checking import read
from steward.app.directory import Directory
from steward.app.stores import engine_of, open_url
from steward.model import PointIndex
from steward.records import Records
from steward.store import Store


def progress() -> Progress:
    """A progress bar on standard error, silent where that is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TaskProgressColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)


@asynccontextmanager
async def opened(path: Path, environ: Mapping[str, str]) -> AsyncIterator[tuple[Directory, Store]]:
    """The facility and the open store of a facility file, without the rest of the service."""
    settings = read(path)
    records = Records(open_url(settings, environ, Path()))
    await asyncio.to_thread(records.open)
    try:
        index = PointIndex(settings.facility.points)
        directory = Directory(settings, index, records, time.time_ns)
        store = engine_of(settings, index, directory.point, environ, Path(), time.time_ns)
        await store.open()
        try:
            yield directory, store
        finally:
            await store.close()
    finally:
        records.close()
