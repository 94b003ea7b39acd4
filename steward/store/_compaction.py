"""Changing what is stored in the embedded store: sealing closed days, late data, deletion, retention.

Invariants: each step is one transaction, so that a crash leaves the state before it or after it; a sealed day is sorted by
(point, at) and holds each (point, at) once; `rollup` and `sealed_days` say the same as `sealed` in every snapshot; rows that
the writer appends meanwhile are not in the step's snapshot and stay in `recent`.
"""

from __future__ import annotations

import numpy as np

from steward.model import Batch, NumberArray
from steward.store._columns import Partial, fold, newest, usable
from steward.store._samples import (
    AT,
    CHUNK,
    DAY,
    HIGHEST,
    LOWEST,
    MILLI,
    QUARTER,
    RECENT_DAY,
    SEALED_DAY,
    SECOND,
    Cursor,
    Keys,
    counts,
    recent_rows,
    sealed_days,
    sealed_rows,
    snapshot,
    where_quarters,
    where_recent,
    where_sealed,
)

_WORTH_ROLLING = 4
"""Samples for each quarter of an hour from which a rollup of a day saves more reading than it costs space."""
_GROUP = 8
"""Days whose rollups are sorted as one."""
_LATE_SHARE = 50
"""A sealed day is rewritten when at least one in so many of its rows is late; until then late rows are merged by reads."""


def waiting_days(cursor: Cursor, before: int, everything: bool) -> list[int]:
    """Days before the day number `before` with rows in `recent` that are worth sealing now."""
    found = cursor.execute(
        f"""SELECT day, late FROM (SELECT {RECENT_DAY} AS day, count(*) AS late FROM recent WHERE at_ns < ? GROUP BY 1)
        LEFT JOIN sealed_days USING (day) WHERE ? OR samples IS NULL OR late * {_LATE_SHARE} >= samples ORDER BY day""",
        [before * DAY * SECOND, everything],
    )
    return [row[0] for row in found.fetchall()]


def seal(cursor: Cursor, days: list[int]) -> int:
    """Seals the first of `days`, with those after it while they are small; returns how many. One transaction."""
    with snapshot(cursor):
        _keep_sequence(cursor)
        done, held = 0, 0
        for day in days:
            low, high = day * DAY * SECOND, (day + 1) * DAY * SECOND
            text, values = where_recent(None, low, high)
            held += cursor.execute(f"SELECT count(*) FROM recent WHERE {text}", values).fetchall()[0][0]
            if done and held > CHUNK:
                break
            _seal(cursor, day, low, high)
            cursor.execute(f"DELETE FROM recent WHERE {text}", values)
            done += 1
    return done


def _keep_sequence(cursor: Cursor) -> None:
    """Notes how far the writing has come, before rows that say so are taken out of `recent`."""
    cursor.execute(
        """UPDATE steward_meta SET value = greatest(value::BIGINT, (SELECT coalesce(max(seq) + 1, 0) FROM recent))::VARCHAR
        WHERE key = 'sequence'"""
    )


def _seal(cursor: Cursor, day: int, low: int, high: int) -> None:
    """Writes a day anew from both tables, one range of points after the other, so that memory is bounded."""
    known = bool(sealed_days(cursor, low, high))
    if known:
        cursor.execute("DELETE FROM sealed_days WHERE day = ?", [day])
        cursor.execute("DELETE FROM rollup WHERE start_s >= ? AND start_s < ?", [day * DAY, (day + 1) * DAY])
    samples, rolled, arrivals = 0, False, (HIGHEST, LOWEST)
    for number, keys in enumerate(_ranges(counts(cursor, None, low, high))):
        batch = recent_rows(cursor, keys, low, high)
        if known:
            batch = newest(Batch.concat([sealed_rows(cursor, keys, low, high), batch]))
            text, values = where_sealed(keys, low, high)
            cursor.execute(f"DELETE FROM sealed WHERE {text}", values)
        _insert(cursor, batch)
        quarters = _quarters(batch)
        rolled = len(batch) >= _WORTH_ROLLING * len(quarters.point) if number == 0 else rolled
        if rolled:
            _insert_quarters(cursor, quarters)
        samples += len(batch)
        arrivals = (min(arrivals[0], int(batch.received.min())), max(arrivals[1], int(batch.received.max())))
    cursor.execute("INSERT INTO sealed_days VALUES (?, ?, ?, ?, ?)", [day, samples, rolled, *arrivals])


def group_rollup(cursor: Cursor) -> bool:
    """Sorts the rollup of the next eight sealed days as one, a point's quarters then lie together; whether there were so many.

    A question about fifty points and a month then touches a fraction of the blocks that day by day it would.
    """
    with snapshot(cursor):
        found = cursor.execute("SELECT value::BIGINT FROM steward_meta WHERE key = 'rollup_grouped'").fetchall()
        begin = found[0][0] if found else LOWEST // SECOND // DAY
        days = [day.day for day in sealed_days(cursor, max(LOWEST, begin * DAY * SECOND)) if day.rolled][:_GROUP]
        if len(days) < _GROUP:
            return False
        low, high = days[0] * DAY, (days[-1] + 1) * DAY
        held = cursor.execute("SELECT count(*) FROM rollup WHERE start_s >= ? AND start_s < ?", [low, high]).fetchall()[0][0]
        if held <= _GROUP * CHUNK:  # beyond that each day is large enough by itself
            text, values = where_quarters(None, low, high)
            cursor.execute(f"CREATE OR REPLACE TEMP TABLE grouped AS SELECT * FROM rollup WHERE {text}", values)
            cursor.execute(f"DELETE FROM rollup WHERE {text}", values)
            cursor.execute("INSERT INTO rollup SELECT * FROM grouped ORDER BY point, start_s")
            cursor.execute("DROP TABLE grouped")
        cursor.execute("DELETE FROM steward_meta WHERE key = 'rollup_grouped'")
        cursor.execute("INSERT INTO steward_meta VALUES ('rollup_grouped', ?)", [str(days[-1] + 1)])
    return True


def _ranges(found: dict[int, int]) -> list[NumberArray]:
    """The points of a day in ranges of some CHUNK rows."""
    points = np.array(sorted(found), np.int32)
    held = np.cumsum([found[point] for point in points.tolist()])
    cuts = np.flatnonzero(np.diff(held // CHUNK)) + 1
    return np.split(points, cuts)


def _insert(cursor: Cursor, batch: Batch) -> None:
    delay = batch.received - batch.at
    columns = {  # noqa: F841  DuckDB finds it by its name
        "point": batch.point,
        "at_ms": batch.at // MILLI,
        "at_rest": (batch.at % MILLI).astype(np.int32),
        "delay_ms": delay // MILLI,
        "delay_rest": (delay % MILLI).astype(np.int32),
        "value": batch.value,
        "quality": batch.quality,
        "historical": batch.historical,
    }
    cursor.execute("INSERT INTO sealed SELECT * FROM columns")


def _quarters(batch: Batch) -> Partial:
    batch = usable(batch)
    return fold(batch.point, batch.at, batch.value, QUARTER * SECOND, 0)


def _insert_quarters(cursor: Cursor, quarters: Partial) -> None:
    columns = {  # noqa: F841
        "point": quarters.point,
        "start_s": quarters.start // SECOND,
        "total": quarters.total,
        "low": quarters.low,
        "high": quarters.high,
        "samples": quarters.samples,
        "first": quarters.first,
        "last": quarters.last,
    }
    cursor.execute("INSERT INTO rollup SELECT * FROM columns")


def forget(cursor: Cursor, keys: Keys, start: int, end: int) -> None:
    """Deletes every version of the samples in [start, end); to be called in a snapshot."""
    _keep_sequence(cursor)
    text, values = where_recent(keys, start, end)
    cursor.execute(f"DELETE FROM recent WHERE {text}", values)
    days = sealed_days(cursor, start, end)
    if not days:
        return
    text, values = where_sealed(keys, start, end)
    cursor.execute(f"DELETE FROM sealed WHERE {text}", values)
    quarter = QUARTER * SECOND
    text, values = where_quarters(keys, start // quarter * QUARTER, -(-end // quarter) * QUARTER)
    cursor.execute(f"DELETE FROM rollup WHERE {text}", values)
    rolled = {day.day for day in days if day.rolled}
    for begin in sorted({edge // quarter * quarter for edge in (start, end) if edge % quarter}):  # quarters cut in two
        if begin // (DAY * SECOND) in rolled:
            _insert_quarters(cursor, _quarters(sealed_rows(cursor, keys, begin, begin + quarter)))
    first, last = days[0].day, days[-1].day
    cursor.execute(
        f"""UPDATE sealed_days SET samples = coalesce((SELECT n FROM (
            SELECT {SEALED_DAY} AS d, count(*) AS n FROM sealed WHERE at_ms >= ? AND at_ms < ? GROUP BY 1) WHERE d = day), 0)
        WHERE day BETWEEN ? AND ?""",
        [first * DAY * 1000, (last + 1) * DAY * 1000, first, last],
    )
    cursor.execute("DELETE FROM sealed_days WHERE samples = 0")


def distinct(cursor: Cursor, keys: Keys, start: int, end: int) -> int:
    """How many samples there are in [start, end), each (point, at) once."""
    late, late_values = where_recent(keys, start, end)
    sealed, sealed_values = where_sealed(keys, start, end)
    found = cursor.execute(
        f"""WITH old AS (SELECT point, {AT} AS at_ns FROM sealed WHERE {sealed}),
        late AS (SELECT DISTINCT point, at_ns FROM recent WHERE {late})
        SELECT (SELECT count(*) FROM old) + (SELECT count(*) FROM late ANTI JOIN old USING (point, at_ns))""",
        sealed_values + late_values,
    )
    return int(found.fetchall()[0][0])


def count(cursor: Cursor) -> int:
    """How many samples there are in all, each (point, at) once: `sealed` is looked at only where late rows are."""
    found = cursor.execute(
        f"""WITH late AS MATERIALIZED (SELECT DISTINCT point, at_ns FROM recent),
        over AS MATERIALIZED (SELECT point, at_ns FROM late WHERE {RECENT_DAY} IN (SELECT day FROM sealed_days)),
        old AS (
            SELECT point, {AT} AS at_ns FROM sealed
            WHERE at_ms >= (SELECT min(at_ns) // {MILLI} - 1 FROM over) AND at_ms <= (SELECT max(at_ns) // {MILLI} FROM over)
        )
        SELECT (SELECT coalesce(sum(samples), 0) FROM sealed_days) + (SELECT count(*) FROM late)
            - (SELECT count(*) FROM over SEMI JOIN old USING (point, at_ns))"""
    )
    return int(found.fetchall()[0][0])
