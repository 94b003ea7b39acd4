"""Reads by hand from a CSV file: columns point, at, value, and by (who read it) and unit where they differ from line to line.

Invariants: every line that cannot be taken is named with its reason and the rest goes on; what a spreadsheet saves is read as
it is (UTF-8, UTF-16, GB 18030; commas, semicolons, tabs; a decimal comma where it can be no other); the running service takes
the reads over REST, because books have one writer; where none answers they go into the store, and the next start works them in.
"""

from __future__ import annotations

import asyncio
import csv
import json
import math
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

from steward.app.asking import Silent, address, ask
from steward.app.checking import read as read_settings
from steward.app.directory import Directory
from steward.app.ledger.people import EARLIEST
from steward.app.stores import engine_of, open_url
from steward.errors import StewardError, UnknownUnit
from steward.model import Batch, Facility, Nature, PointIndex
from steward.records import LedgerRecords, Records
from steward.store import Store
from steward.units import SECOND, unit

COLUMNS = ("point", "at", "value")
AT_ONCE = 5_000
"""Reads in one request."""


@dataclass(frozen=True, slots=True)
class ManualRead:
    """A line: `at` ns, `value` in the canonical unit as the register shows it."""

    line: int
    point: str
    at: int
    value: float
    by: str


@dataclass
class ManualFile:
    """What a file holds: reads, and what is wrong with the other lines."""

    reads: list[ManualRead] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def groups(self) -> dict[tuple[str, str], list[ManualRead]]:
        """The reads by point and by who read them."""
        found: dict[tuple[str, str], list[ManualRead]] = defaultdict(list)
        for read in self.reads:
            found[read.point, read.by].append(read)
        return found


def parse(lines: Iterable[str], facility: Facility, now: int, by: str = "", symbol: str = "") -> ManualFile:
    """The reads of a file. by, symbol: who and which unit where a line does not say; else the unit that the register shows."""
    found = ManualFile()
    held = list(lines)
    head = next((line for line in held if line.strip()), "")
    split = max(",;\t", key=head.count)
    rows = csv.reader(held, delimiter=split, skipinitialspace=True)
    names = [name.strip().lower() for name in next((row for row in rows if any(row)), [])]
    missing = [name for name in COLUMNS if name not in names]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if missing:
        found.problems.append(
            f"line {max(1, rows.line_num)}: no column {', '.join(missing)}, expected point, at, value, and by"
        )
    if twice:
        found.problems.append(f"line {rows.line_num}: column {', '.join(twice)} stands twice, expected each once")
    if found.problems:
        return found
    for row in rows:
        cell = dict(zip(names, (part.strip() for part in row), strict=False))
        if not any(cell.values()):
            continue
        try:
            found.reads.append(_read(rows.line_num, defaultdict(str, cell), split, facility, now, by, symbol))
        except (ValueError, UnknownUnit) as error:
            found.problems.append(f"line {rows.line_num}: {error}")
    return found


def decoded(raw: bytes) -> str:
    """The text of a file as spreadsheets save it. Raises UnicodeError."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("gb18030")


def number_of(text: str, split: str) -> float:
    """A number not below zero. In a file that is not split at commas a comma is a decimal one, but where it may as well set off
    thousands. Raises ValueError."""
    comma = _DECIMAL_COMMA.fullmatch(text) if split != "," else None
    if comma and len(comma[2]) == 3:
        raise ValueError(f"value {text!r}: thousands or decimals? expected a point before decimals, and nothing at thousands")
    try:
        found = float(text.replace(",", ".") if comma else text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found) or found < 0:
        raise ValueError(f"value {text!r}, expected a number not below zero")
    return found


_DECIMAL_COMMA = re.compile(r"(\d+),(\d+)")


def _read(line: int, cell: Mapping[str, str], split: str, facility: Facility, now: int, by: str, symbol: str) -> ManualRead:
    point = facility.points.get(cell["point"])
    if point is None or point.nature is not Nature.COUNTER:
        raise ValueError(f"point {cell['point']!r}, expected the id of a register")
    site = facility.sites.get(point.site)
    try:
        moment = datetime.fromisoformat(cell["at"])
    except ValueError:
        raise ValueError(f"at {cell['at']!r}, expected a time such as 2026-03-01T08:00+08:00") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(site.time_zone if site else "UTC"))
    at = round(moment.timestamp() * 1e6) * 1000 // SECOND * SECOND
    if not EARLIEST <= at <= now:
        raise ValueError(f"at {cell['at']!r} lies in the future" if at > now else f"at {cell['at']!r} lies before 2000")
    shown = number_of(cell["value"], split)
    scale = unit(cell["unit"] or symbol or point.register_unit or point.unit)
    if scale.canonical != point.unit:
        raise ValueError(f"unit {scale.symbol!r} of {point.id!r}, expected one of {point.unit}")
    who = cell["by"] or by
    if not who:
        raise ValueError("nobody read it, expected a name in by (or --by)")
    return ManualRead(line, point.id, at, shown * scale.scale, who)


def send(url: str, found: ManualFile) -> int | None:
    """Gives the reads to the running service; how many it took, None where no service answers. Refusals are problems."""
    taken = 0
    for (point, by), reads in found.groups().items():
        for place in range(0, len(reads), AT_ONCE):
            part = reads[place : place + AT_ONCE]
            body = {"reads": [{"at": one.at // 1_000_000, "value": one.value} for one in part], "by": by}
            try:
                answer = ask(url, f"ledger/{quote(point, safe='')}/reads", body)
            except Silent as silent:
                if taken:
                    raise StewardError(f"{silent}: stopped after {taken} reads") from None
                return None
            except StewardError as refused:
                found.problems.append(f"lines {part[0].line} to {part[-1].line}: {refused}")
            else:
                taken += int(json.loads(answer)["taken"])
    return taken


async def store_reads(found: ManualFile, store: Store, records: LedgerRecords, index: PointIndex, now: int) -> int:
    """Puts reads into the store and on record, each once; how many."""
    known = {(row["register"], row["content"]["at"], row["content"]["value"]) for row in records.decisions("read")}
    for (point, by), reads in found.groups().items():
        fresh = [one for one in reads if (point, one.at, one.value) not in known]
        rows = [(point, "read", one.at, {"at": one.at, "value": one.value, "from": "csv"}) for one in fresh]
        records.decide_all(rows, by, now)
    await store.write(batch_of(found.reads, index, now))
    return len(found.reads)


def batch_of(reads: Sequence[ManualRead], index: PointIndex, now: int) -> Batch:
    """Reads as samples."""
    numbers = [index.add(one.point) for one in reads]
    return Batch.of(numbers, [one.at for one in reads], [one.value for one in reads], received=now, historical=True)


async def import_reads(
    path: Path, source: Path, environ: Mapping[str, str], *, by: str = "", symbol: str = "", url: str = ""
) -> tuple[int, list[str]]:
    """Takes the reads of a CSV file: over REST where the service of the facility file runs, else into its store.

    Returns how many were taken, and what is wrong with the other lines. Raises StewardError.
    """
    settings = read_settings(path)
    api = settings.api
    url = address(url or f"http://{'127.0.0.1' if api.host in ('0.0.0.0', '::', '') else api.host}:{api.port}")  # noqa: S104
    records = Records(open_url(settings, environ, Path()))
    await asyncio.to_thread(records.open)
    try:
        now = time.time_ns()
        index = PointIndex(settings.facility.points)
        directory = Directory(settings, index, records, time.time_ns)
        try:
            raw = await asyncio.to_thread(source.read_bytes)
            found = parse(decoded(raw).splitlines(), directory.facility, now, by, symbol)
        except (OSError, UnicodeError) as error:
            raise StewardError(f"{source}: {error}") from None
        taken = await asyncio.to_thread(send, url, found)
        if taken is None:
            store = engine_of(settings, index, directory.point, environ, Path(), time.time_ns)
            await store.open()
            try:
                taken = await store_reads(found, store, LedgerRecords(records.database), index, now)
            finally:
                await store.close()
        return taken, [f"{source}: {problem}" for problem in found.problems]
    finally:
        records.close()
