"""Reading the sample tables of the embedded store: `recent` as written, `sealed` sorted days, `rollup` quarters of an hour.

Invariants: every function sees one snapshot (the caller holds the transaction); points are keys of the file here, numbers
of the index only in `embedded`; a sealed day holds each (point, at) once, and a row of `recent` beats a sealed one; no
function holds more than some millions of rows at a time, but for what it returns.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import duckdb
import numpy as np
from numpy.typing import NDArray

from steward.model import Batch, IntArray, NumberArray
from steward.store._columns import Partial, fold, newest, newest_of_each, usable

Cursor = duckdb.DuckDBPyConnection
Keys = NumberArray | None
"""Points wanted, as keys of the file; None for all."""

SECOND, MILLI = 10**9, 10**6
DAY = 86_400
QUARTER = 900
LOWEST, HIGHEST = -(2**62), 2**62
"""Times that the tables can hold (years 1823 to 2116): the difference of two of them is an int64."""
CHUNK = 2_000_000
"""Rows that one step of a bounded walk may fetch."""

AT = f"at_ms * {MILLI} + at_rest"


def _floor(column: str, step: int) -> str:
    return f"({column} - (({column} % {step}) + {step}) % {step}) // {step}"  # DuckDB's // rounds to zero


RECENT_DAY = _floor("at_ns", DAY * SECOND)
SEALED_DAY = _floor("at_ms", DAY * 1000)
RECEIVED = f"({AT} + delay_ms * {MILLI} + delay_rest)"
RECENT = "point, at_ns, received_ns, value, quality, historical"
SEALED = f"point, {AT} AS at_ns, {RECEIVED} AS received_ns, value, quality, historical"


@dataclass(frozen=True, slots=True)
class Day:
    """A sealed day. day: days since 1970; rows: samples in it; rolled: whether `rollup` covers it; the arrivals in it, ns."""

    day: int
    rows: int
    rolled: bool
    received_low: int
    received_high: int


@contextlib.contextmanager
def snapshot(cursor: Cursor) -> Iterator[Cursor]:
    """All queries inside see the same state, and a change inside is made whole or not at all."""
    cursor.execute("BEGIN")
    try:
        yield cursor
        cursor.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(duckdb.Error):  # DuckDB may have ended the transaction itself
            cursor.execute("ROLLBACK")
        raise


def sealed_days(cursor: Cursor, start: int = LOWEST, end: int = HIGHEST) -> list[Day]:
    """The sealed days that overlap [start, end), in order."""
    found = cursor.execute(
        "SELECT day, samples, rolled, received_low, received_high FROM sealed_days WHERE day BETWEEN ? AND ? ORDER BY day",
        [start // SECOND // DAY, (end - 1) // SECOND // DAY],
    )
    return [Day(*row) for row in found.fetchall()]


def recent_rows(cursor: Cursor, keys: Keys, start: int, end: int) -> Batch:
    """Rows of `recent` in [start, end), sorted by (point, at), the newest version of each."""
    text, values = where_recent(keys, start, end)
    found = cursor.execute(f"SELECT {RECENT}, seq FROM recent WHERE {text}", values).fetchnumpy()
    batch, seq = _columns_of(found), found["seq"]
    if (seq[1:] < seq[:-1]).any():  # DuckDB gives rows in the order of their insertion, which costs less than ORDER BY
        batch = batch.take(np.argsort(seq, kind="stable"))
    return newest(batch)


def sealed_rows(cursor: Cursor, keys: Keys, start: int, end: int) -> Batch:
    """Rows of `sealed` in [start, end): a run sorted by (point, at) for each day."""
    text, values = where_sealed(keys, start, end)
    return batch_of(cursor.execute(f"SELECT {SEALED} FROM sealed WHERE {text}", values))


def rows(cursor: Cursor, keys: Keys, start: int, end: int) -> Batch:
    """All samples in [start, end), sorted by (point, at), each once."""
    late = recent_rows(cursor, keys, start, end)
    if not sealed_days(cursor, start, end):
        return late
    return newest(Batch.concat([sealed_rows(cursor, keys, start, end), late]))


def first_rows(cursor: Cursor, keys: NumberArray, start: int, end: int, limit: int) -> Batch:
    """The first `limit` samples in [start, end) by (order of `keys`, at)."""
    parts: list[Batch] = []
    versions = counts(cursor, keys, start, end)
    waiting = [key for key in keys.tolist() if key in versions]
    while waiting and limit > 0:
        held = np.cumsum([versions[key] for key in waiting])  # at least as many as samples
        enough = min(int(np.searchsorted(held, limit)), len(waiting) - 1)
        group, last, waiting = waiting[:enough], waiting[enough], waiting[enough + 1 :]
        if group:
            parts.append(rows(cursor, np.array(group, np.int32), start, end))
            limit -= len(parts[-1])
        for low, high in spans(cursor, np.array([last], np.int32), start, end, max(limit, CHUNK // 10)):
            part = rows(cursor, np.array([last], np.int32), low, high)
            parts.append(part.take(np.arange(min(max(limit, 0), len(part)))))
            limit -= len(parts[-1])
            if limit <= 0:
                break
    return Batch.concat(parts)


def counts(cursor: Cursor, keys: Keys, start: int, end: int) -> dict[int, int]:
    """Rows of each point in [start, end), every version counted."""
    recent, recent_values = where_recent(keys, start, end)
    sealed, sealed_values = where_sealed(keys, start, end)
    text = f"SELECT point FROM recent WHERE {recent} UNION ALL SELECT point FROM sealed WHERE {sealed}"
    found = cursor.execute(f"SELECT point, count(*) FROM ({text}) GROUP BY point", recent_values + sealed_values)
    return dict(found.fetchall())


def spans(cursor: Cursor, keys: Keys, start: int, end: int, limit: int = CHUNK) -> list[tuple[int, int]]:
    """[start, end) cut at ends of days, so that each part holds some `limit` rows of these keys by estimate, or is one day."""
    share = 1.0 if keys is None else min(1.0, len(keys) / max(1, _one(cursor, "SELECT count(*) FROM points")))
    weights = {day.day: day.rows * share for day in sealed_days(cursor, start, end)}
    if _one(cursor, "SELECT count(*) FROM recent") > limit:
        text, values = where_recent(keys, start, end)
        found = cursor.execute(f"SELECT {RECENT_DAY}, count(*) FROM recent WHERE {text} GROUP BY 1", values)
        for day, count in found.fetchall():
            weights[day] = weights.get(day, 0) + count
    cuts, held = [start], 0.0
    for day, weight in sorted(weights.items()):
        if held and held + weight > limit:
            cuts.append(max(start, day * DAY * SECOND))
            held = 0
        held += weight
    return list(zip(cuts, [*cuts[1:], end], strict=True))


def latest_rows(cursor: Cursor, keys: Keys, since: int) -> Batch:
    """The newest usable sample at or after `since` of each point, sorted by point: a walk from now backwards."""
    found: list[Batch] = []
    missing = keys
    cuts = _backwards(sealed_days(cursor, since), since)
    for end, start in pairwise(cuts):
        found.append(_latest(cursor, missing, start, end))
        if start > since:
            missing = np.setdiff1d(_all_keys(cursor) if missing is None else missing, found[-1].point).astype(np.int32)
            if not len(missing):
                break
    return newest(Batch.concat(found))


def _backwards(days: list[Day], since: int) -> list[int]:
    """From the end of time down to `since`, cut at sealed days: the newest one alone, then by two, four, eight."""
    cuts, position, width = [HIGHEST + 1], len(days), 1
    if days:
        cuts.append(max(since, (days[-1].day + 1) * DAY * SECOND))
    while position > 0:
        position, width = max(0, position - width), min(2 * width, 8)
        cuts.append(max(since, days[position].day * DAY * SECOND))
    return cuts if cuts[-1] == since else [*cuts, since]


def _latest(cursor: Cursor, keys: Keys, start: int, end: int) -> Batch:
    """The newest usable sample of each point in [start, end). Where the newest one is BAD, all samples of the point count."""
    recent, recent_values = where_recent(keys, start, end)
    sealed, sealed_values = where_sealed(keys, start, end)
    text = f"""WITH every AS (
            SELECT {RECENT}, seq FROM recent WHERE {recent} UNION ALL SELECT {SEALED}, -1 FROM sealed WHERE {sealed}
        ), top AS (SELECT point, max(at_ns) AS at_ns FROM every GROUP BY point)
        SELECT every.* FROM every JOIN top ON every.point = top.point AND every.at_ns = top.at_ns ORDER BY seq"""
    tops = newest(batch_of(cursor.execute(text, recent_values + sealed_values)))
    good = usable(tops)
    if len(good) == len(tops):
        return good
    unsure = np.setdiff1d(tops.point, good.point).astype(np.int32)
    return Batch.concat([good, newest_of_each(usable(rows(cursor, unsure, start, end)))])


def partials(cursor: Cursor, keys: Keys, start: int, end: int, window: int, origin: int) -> list[Partial]:
    """Partial aggregates of usable samples in [start, end): from `rollup` where it covers, else from the samples."""
    found: list[Partial] = []
    for low, high in spans(cursor, keys, start, end):
        found += _partials(cursor, keys, low, high, window, origin)
    return [part for part in found if len(part.point)]


def _partials(cursor: Cursor, keys: Keys, start: int, end: int, window: int, origin: int) -> list[Partial]:
    late = recent_rows(cursor, keys, start, end)
    late_day = late.at // (DAY * SECOND)
    days = sealed_days(cursor, start, end)
    sealed = np.isin(late_day, [day.day for day in days])
    disturbed = set(np.unique(late_day[sealed]).tolist())
    aligned = window % (QUARTER * SECOND) == 0 and origin % (QUARTER * SECOND) == 0
    rolled = [day.day for day in days if day.rolled and day.day not in disturbed] if aligned else []
    low, high = -(-start // (QUARTER * SECOND)) * QUARTER, end // (QUARTER * SECOND) * QUARTER  # whole quarters inside
    covered = _runs([(max(low, day * DAY), min(high, (day + 1) * DAY)) for day in rolled])
    found = [_fold(late.take(~sealed), window, origin)]
    found += [_rolled(cursor, keys, *run, window, origin) for run in covered]
    for low, high in _uncovered(start, end, days, covered):
        part = sealed_rows(cursor, keys, low, high)
        over = late.take(sealed & (late.at >= low) & (late.at < high))
        found.append(_fold(newest(Batch.concat([part, over])) if len(over) else part, window, origin))
    return found


def _fold(batch: Batch, window: int, origin: int) -> Partial:
    batch = usable(batch)
    return fold(batch.point, batch.at, batch.value, window, origin)


def _rolled(cursor: Cursor, keys: Keys, low: int, high: int, window: int, origin: int) -> Partial:
    """Quarters in [low, high) seconds as parts of windows of whole quarters."""
    text, values = where_quarters(keys, low, high)
    found = cursor.execute(f"SELECT * FROM rollup WHERE {text}", values).fetchnumpy()
    start = found["start_s"] * SECOND
    phase = origin % window
    return Partial(
        found["point"], start - (start - phase) % window, start, start, found["total"], found["low"], found["high"],
        found["samples"], found["first"], found["last"],
    )  # fmt: skip


def _runs(pieces: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Pieces in order, those that touch joined, empty ones dropped."""
    runs: list[tuple[int, int]] = []
    for low, high in pieces:
        if low >= high:
            continue
        if runs and runs[-1][1] == low:
            runs[-1] = (runs[-1][0], high)
        else:
            runs.append((low, high))
    return runs


def _uncovered(start: int, end: int, days: list[Day], covered: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """What of the sealed days in [start, end) is not covered by runs of seconds, as ranges of ns."""
    pieces = []
    for low, high in _runs([(day.day * DAY, (day.day + 1) * DAY) for day in days]):
        at = max(start, low * SECOND)
        stop = min(end, high * SECOND)
        for first, last in covered:
            if last * SECOND <= at or first * SECOND >= stop:
                continue
            pieces.append((at, first * SECOND))
            at = last * SECOND
        pieces.append((at, stop))
    return [(low, high) for low, high in pieces if low < high]


def where_recent(keys: Keys, start: int, end: int) -> tuple[str, list[Any]]:
    """The condition on `recent` for samples of `keys` in [start, end), and its parameters."""
    return _where(keys, "at_ns", max(start, LOWEST), min(end, HIGHEST + 1))


def where_sealed(keys: Keys, start: int, end: int) -> tuple[str, list[Any]]:
    """The condition on `sealed` for samples of `keys` in [start, end), and its parameters."""
    start, end = max(start, LOWEST), min(end, HIGHEST + 1)
    text, values = _where(keys, "at_ms", start // MILLI, -(-end // MILLI))
    if start % MILLI or end % MILLI:  # only then can a millisecond be cut in two
        text += f" AND {AT} >= ? AND {AT} < ?"
        values += [start, end]
    return text, values


def where_quarters(keys: Keys, low: int, high: int) -> tuple[str, list[Any]]:
    """The condition on `rollup` for quarters of `keys` that start in [low, high), seconds, and its parameters."""
    return _where(keys, "start_s", low, high)


def _where(keys: Keys, column: str, low: int, high: int) -> tuple[str, list[Any]]:
    text, values = f"{column} >= ? AND {column} < ?", [low, high]
    if keys is None:
        return text, values
    if len(keys) == 1:
        return f"point = ? AND {text}", [int(keys[0]), *values]
    # a join with a list is several times faster than `point IN (1, 2, ...)`, which is tried value by value
    return f"point IN (SELECT unnest(?::INTEGER[])) AND {text}", [keys.tolist(), *values]


def _all_keys(cursor: Cursor) -> IntArray:
    return cast(IntArray, cursor.execute("SELECT key FROM points").fetchnumpy()["key"])


def _one(cursor: Cursor, text: str) -> int:
    return int(cursor.execute(text).fetchall()[0][0])


def batch_of(cursor: Cursor) -> Batch:
    """The result of a query with the columns RECENT or SEALED."""
    return _columns_of(cursor.fetchnumpy())


def _columns_of(found: dict[str, NDArray[Any]]) -> Batch:
    return Batch(*(found[name] for name in ("point", "at_ns", "received_ns", "value", "quality", "historical")))
