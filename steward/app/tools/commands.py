"""What the commands beside `run` and `demo` do: simulate, replay, import, export, prepare a store, run rule cases.

Long work shows a progress bar on a terminal and nothing elsewhere; what fails raises StewardError.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from rules.testing import run_text
from simulators.facility import campus_toml
from simulators.player import Options, Played, play
from simulators.presets import load_preset
from simulators.replay import Replayed, Shift, recording_toml, replay
from simulators.week import demo_faults
from steward.app.checking import read
from steward.app.offline import opened, progress
from steward.app.serve import run
from steward.app.tools.discover import listen, listener, messages
from steward.app.tools.recognise import facility_text, recognise
from steward.config import secret
from steward.errors import ConfigError, Problem, StewardError
from steward.model import Batch, PointIndex
from steward.store import export
from steward.units import DAY, SECOND


def simulate(url: str, options: Options, *, faults: bool, facility: Path | None) -> None:
    """Plays the simulated campus against any broker; first writes its facility file where one is wanted."""
    if facility is not None:
        facility.write_text(campus_toml(broker=url, embedded=False, pace=options.pace), encoding="utf-8")
    now = time.time_ns()
    span = max(1, options.past // SECOND)
    with progress() as bar:
        task = bar.add_task("past", total=span)

        def show(played: Played) -> None:
            bar.update(task, completed=min(span, (played.at - (now - options.past)) // SECOND))

        async def main() -> None:
            await play(url, time.time_ns, options, demo_faults(now) if faults else (), progress=show)

        run(main)


def replay_recording(
    preset: str, folder: Path, url: str, *, speed: float | None, shift: Shift, facility: Path | None
) -> Replayed:
    """Publishes a recording of a preset; first writes its facility file where one is wanted."""
    recording = load_preset(preset, folder)
    if facility is not None:
        facility.write_text(recording_toml(recording, broker=url), encoding="utf-8")
    with progress() as bar:
        task = bar.add_task(preset, total=len(recording))
        results: list[Replayed] = []

        async def main() -> None:
            done = await replay(
                url,
                recording,
                time.time_ns,
                speed=speed,
                shift=shift,
                progress=lambda done: bar.update(task, completed=done.messages),
            )
            results.append(done)

        run(main)
    return results[0]


async def import_samples(path: Path, source: Path, environ: Mapping[str, str]) -> tuple[int, dict[str, int]]:
    """Reads samples (CSV or Parquet, columns as `export` writes them) into the store; doing it twice changes nothing.

    Returns how many were stored, and per unknown point how many were not. Raises StewardError naming the line that is wrong.
    """
    unknown: Counter[str] = Counter()
    stored = 0
    async with opened(path, environ) as (directory, store):
        known = directory.facility.points
        with progress() as bar:
            task = bar.add_task("samples", total=None)
            for batch in _batches(source, directory.index):
                ids = directory.index.ids
                numbers, counts = np.unique(batch.point, return_counts=True)
                strangers = [number for number in numbers.tolist() if ids[number] not in known]
                unknown.update(
                    {
                        ids[number]: count
                        for number, count in zip(numbers.tolist(), counts.tolist(), strict=True)
                        if number in strangers
                    }
                )
                good = batch.take(~np.isin(batch.point, strangers)) if strangers else batch
                await store.write(good)
                stored += len(good)
                bar.update(task, completed=stored)
        await store.compact()
    return stored, dict(unknown)


def _batches(source: Path, index: PointIndex) -> Iterator[Batch]:
    try:
        if source.suffix == ".parquet":
            yield from export.from_parquet(source, index)
        else:
            with source.open(encoding="utf-8", newline="") as lines:
                yield from export.from_csv(lines, index)
    except OSError as error:
        raise StewardError(f"{source}: {error.strerror}") from None


async def export_samples(
    path: Path, target: Path, points: Sequence[str], start: int, end: int, environ: Mapping[str, str]
) -> int:
    """Writes the samples of points (all when none are named) in [start, end) to a CSV or Parquet file; returns how many."""
    async with opened(path, environ) as (directory, store):
        known = directory.facility.points
        wanted = list(points) or list(known)
        missing = [id for id in wanted if id not in known]
        if missing:
            raise ConfigError([Problem(id, "no such point", "a point of the facility") for id in missing])
        ids = directory.index.ids
        rows = 0
        with export.sink(target, ids) as write, progress() as bar:
            for id in bar.track(wanted, description="points"):
                number = directory.index.add(id)
                for month in range(start, end, 31 * DAY):
                    batch = await store.read([number], month, min(end, month + 31 * DAY))
                    write(batch)
                    rows += len(batch)
        return rows


def discover(
    url: str, seconds: float, filters: Sequence[str], site: str, username: str, password_env: str
) -> tuple[str, list[str]]:
    """Listens and writes a facility file; returns it and what there is to say about the listening."""
    password = secret("--password-env", password_env, "", os.environ, Path(), required=bool(password_env))
    ear = listen(listener(url, filters, username, password), seconds)
    found = recognise(messages(ear))
    devices = [device for device in found.devices.values() if device.fields]
    remarks = [f"{ear.messages} messages on {len(ear.heard)} topics, {len(devices)} devices recognised"]
    if ear.dropped:
        remarks.append(f"{ear.dropped} messages on further topics were left out")
    remarks += [f"not understood: {topic}: {reason}" for topic, reason in sorted(found.unread.items())[:50]]
    return facility_text(found, url, site, username, password_env), remarks


def init_store(path: Path, environ: Mapping[str, str]) -> list[str]:
    """Sets up bucket, retention and downsampling of an InfluxDB store; an embedded store needs nothing."""
    settings = read(path)
    table = settings.store
    if table.engine != "influx":
        return ["the embedded store needs no preparation"]
    from steward.store.influx import init_store as prepare

    token = secret("store.token_env", table.token_env, table.token_file, environ, settings.root, required=True)
    return prepare(table.url, table.org, table.bucket, token, retention=table.retention) or ["everything was there"]


def run_cases(files: Sequence[Path], say: Callable[[str], None]) -> bool:
    """Runs rule cases from text files; says each failure; returns whether all passed."""
    passed = failed = 0
    for file in files:
        try:
            results = run_text(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise StewardError(f"{file}: {error.strerror}") from None
        for result in results:
            passed += result.passed
            failed += not result.passed
            for failure in result.failures:
                say(f"{file}: {result.name}: {failure}")
    say(f"{passed} passed, {failed} failed")
    return not failed
