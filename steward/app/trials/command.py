"""`steward backtest`: rules over the stored history of a facility, or over a file of samples, told as a table or as JSON."""

from __future__ import annotations

import asyncio
import csv
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from api.services_trials import TrialLabel, TrialOrder
from simulators.faults import read_labels
from steward.app.checking import read
from steward.app.offline import opened, progress
from steward.app.trials.desk import Desk, read_rules
from steward.app.trials.runs import History, Trials
from steward.config import Settings
from steward.errors import ConfigError, Problem, StewardError
from steward.model import Batch, Facility, PointIndex
from steward.store import export
from steward.units import SECOND

COLUMNS = ("start", "end", "target", "rule", "kind", "true")
"""Columns of a CSV of labels; start and end are needed."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command was asked: see `steward backtest --help`. start, end: ns (None: of the data)."""

    start: int
    end: int
    rules: Path | None = None
    use: tuple[str, ...] = ()
    packs: tuple[str, ...] = ()
    against: Path | None = None
    sweep: str = ""
    data: Path | None = None
    labels: Path | None = None
    complete: bool = False
    processes: int = 0


class FileHistory:
    """Samples of a CSV or Parquet file (columns as `steward export` writes them), in memory."""

    def __init__(self, path: Path, index: PointIndex) -> None:
        try:
            if path.suffix == ".parquet":
                batches = list(export.from_parquet(path, index))
            else:
                with path.open(encoding="utf-8", newline="") as lines:
                    batches = list(export.from_csv(lines, index))
        except OSError as error:
            raise StewardError(f"{path}: {error.strerror}") from None
        batch = Batch.concat(batches)
        self._batch = batch.take(np.argsort(batch.at, kind="stable"))

    async def read(self, points: Sequence[int], start: int, end: int) -> Batch:
        """Samples of points in [start, end), by point and time."""
        first, last = np.searchsorted(self._batch.at, [start, end])
        part = self._batch.take(np.arange(first, last))
        part = part.take(np.isin(part.point, np.asarray(points, np.int32)))
        return part.take(np.lexsort((part.at, part.point)))


def order_of(options: Options) -> TrialOrder:
    """The order that the options mean. Raises ConfigError with every problem, StewardError for files that cannot be read."""
    problems: list[Problem] = []
    text = _text(options.rules)
    against = None
    if options.against is not None:
        against = tuple(table for _, table in read_rules(_text(options.against), str(options.against), problems))
    sweep = _sweep(options.sweep, problems) if options.sweep else None
    labels = tuple(_labels(options.labels, problems)) if options.labels else ()
    if problems:
        raise ConfigError(problems)
    return TrialOrder(
        options.start,
        options.end,
        options.use,
        options.packs,
        (),
        text,
        against,
        sweep,
        labels,
        people=False,
        complete=options.complete,
    )


async def backtest(path: Path, options: Options, environ: Mapping[str, str]) -> Mapping[str, Any]:
    """The whole result of a trial (api.schema_trials.Trial). Raises StewardError when it fails."""
    order = order_of(options)
    async with _history(path, options.data, environ) as (settings, facility, index, history):
        processes = options.processes or os.cpu_count() or 1
        runs = Trials(lambda: facility, index, history, time.time_ns, processes=processes)
        desk = Desk(runs, lambda: facility, lambda: settings.packs, lambda start, end: ())
        run = runs.submit(desk.request(order))
        assert run.task is not None
        with progress() as bar:
            task = bar.add_task("history", total=(options.end - options.start) // SECOND)
            while not run.task.done():
                bar.update(task, completed=(run.at - options.start) // SECOND)
                await asyncio.wait({run.task}, timeout=0.2)
        if run.state != "done":
            raise StewardError(run.error or "the trial was cancelled")
        return desk.result(run, 100_000)


@asynccontextmanager
async def _history(
    path: Path, data: Path | None, environ: Mapping[str, str]
) -> AsyncIterator[tuple[Settings, Facility, PointIndex, History]]:
    if data is not None:
        settings = read(path)
        index = PointIndex(settings.facility.points)
        yield settings, settings.facility, index, FileHistory(data, index)
        return
    async with opened(path, environ) as (directory, store):
        yield directory.settings, directory.facility, directory.index, store


def told(result: Mapping[str, Any]) -> Iterator[str]:
    """A result as lines of text."""
    yield f"{result['samples']} samples"
    width = max([len(row["rule"]) for row in result["results"]] + [4])
    head = f"{'rule':<{width}}  {'targets':>7} {'episodes':>8} {'hours':>9}"
    scored = any(row["score"] for row in result["results"])
    yield head + (f" {'precision':>9} {'recall':>7} {'delay':>8}" if scored else "")
    for row in result["results"]:
        line = f"{row['rule']:<{width}}  {row['targets']:>7} {row['episodes']:>8} {row['hours']:>9.1f}"
        yield line + (_score(row["score"]) if row["score"] else "")
    if result["curve"] is not None:
        yield from _curve(result["curve"])
    if result["changes"] is not None:
        both = [change for change in result["changes"] if change["before"] and change["after"]]
        gone = sum(change["after"] is None for change in result["changes"])
        new = sum(change["before"] is None for change in result["changes"])
        yield f"second version: {len(both)} episodes in both, {gone} gone, {new} new"
    for one in result["not_applicable"]:
        yield f"not applicable: {one['rule']} on {one['target']}: {one['reason']}"
    for warning in result["warnings"]:
        yield f"doubtful: {warning}"


def _curve(curve: Mapping[str, Any]) -> Iterator[str]:
    yield f"{curve['field']:>12} {'episodes':>8} {'hours':>9} {'a month':>8}"
    for row in curve["rows"]:
        line = f"{row['value']!s:>12} {row['episodes']:>8} {row['hours']:>9.1f} {row['rate']:>8.2f}"
        yield line + (_score(row["score"]) if row["score"] else "")
    yield f"suggested: {curve['suggested'] if curve['suggested'] is not None else 'none'} ({curve['why']})"


def _score(score: Mapping[str, Any]) -> str:
    def share(value: float | None) -> str:
        return "-" if value is None else f"{value:.2f}"

    delay = "-" if score["delay"] is None else f"{score['delay'] / 60:.0f} min"
    return f" {share(score['precision']):>9} {share(score['recall']):>7} {delay:>8}"


def _text(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise StewardError(f"{path}: {error.strerror}") from None


def _sweep(text: str, problems: list[Problem]) -> tuple[str, str, tuple[Any, ...]] | None:
    """`rule:field=value,value`; values are JSON where they can be read so, else text."""
    name, _, listed = text.partition("=")
    rule, _, field = name.rpartition(":")
    if not rule or not field or not listed:
        problems.append(Problem("--sweep", f"{text!r}", "rule:field=value,value,..."))
        return None
    values = []
    for part in listed.split(","):
        try:
            values.append(msgspec.json.decode(part.strip()))
        except msgspec.DecodeError:
            values.append(part.strip())
    return rule, field, tuple(values)


def _labels(path: Path, problems: list[Problem]) -> Iterator[TrialLabel]:
    """Labels of a CSV (COLUMNS), or of the JSON lines that the simulator writes."""
    if path.suffix == ".jsonl":
        for one in read_labels(path):
            yield TrialLabel(one.start, one.end, one.equip or one.target)
        return
    for number, row in enumerate(csv.DictReader(_text(path).splitlines()), 2):
        unknown = set(row) - set(COLUMNS)
        try:
            if unknown:
                raise ValueError(f"unknown column {sorted(map(str, unknown))[0]!r}, expected {', '.join(COLUMNS)}")
            yield TrialLabel(
                export.moment(row["start"]),
                export.moment(row["end"]),
                row.get("target") or "",
                row.get("rule") or "",
                row.get("kind") or "",
                (row.get("true") or "true").lower() not in ("false", "0", "no"),
            )
        except (ValueError, KeyError, AttributeError) as error:
            problems.append(Problem(f"{path}:{number}", str(error), "columns start, end (ISO 8601 with zone) and more"))
