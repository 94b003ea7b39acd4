"""Samples of the embedded store by the moment of their arrival: what a replay after a restart feeds.

Invariants: a version that was replaced does not appear, even where it arrived in the range and its successor did not; what
arrived lately is found in `recent` and in the few sealed days that hold such arrivals, without touching the rest.
"""

from __future__ import annotations

from steward.model import Batch
from steward.store._columns import newest
from steward.store._samples import DAY, HIGHEST, LOWEST, RECEIVED, RECENT, SEALED, Cursor, batch_of

_OVER = 2
"""Rows looked at for each row wanted, since replaced versions fall out."""


def arrived(cursor: Cursor, since: int, until: int, limit: int | None) -> Batch:
    """Samples with since <= received < until, in any order; to be called in a snapshot.

    With a limit at least so many of the earliest, if there are so many; rows that arrived in one moment are not parted.
    """
    since, until = max(since, LOWEST), min(until, HIGHEST + 1)
    parts: list[Batch] = []
    held = 0
    while since < until:
        stop = until if limit is None else _stop(cursor, since, until, _OVER * (limit - held) + 1)
        parts.append(_between(cursor, since, stop))
        held += len(parts[-1])
        since = stop
        if limit is not None and held >= limit:
            break
    return Batch.concat(parts)


def _stop(cursor: Cursor, since: int, until: int, wanted: int) -> int:
    """A moment after `since` by which at least `wanted` rows have arrived, `until` if there are not so many."""
    recent, sealed, values = _where(cursor, since, until)
    found = cursor.execute(
        f"""SELECT received FROM (
            SELECT received_ns AS received FROM recent WHERE {recent} UNION ALL SELECT {RECEIVED} FROM sealed WHERE {sealed}
        ) ORDER BY received LIMIT 1 OFFSET ?""",
        [*values, wanted - 1],
    ).fetchall()
    return int(found[0][0]) + 1 if found else until


def _between(cursor: Cursor, since: int, until: int) -> Batch:
    recent, sealed, values = _where(cursor, since, until)
    text = f"""WITH page AS MATERIALIZED (
            SELECT {RECENT}, seq FROM recent WHERE {recent} UNION ALL SELECT {SEALED}, -1 AS seq FROM sealed WHERE {sealed}
        ), over AS (
            SELECT point, at_ns, max(seq) AS seq FROM recent SEMI JOIN page USING (point, at_ns) GROUP BY point, at_ns
        )
        SELECT page.* FROM page LEFT JOIN over USING (point, at_ns)
        WHERE over.seq IS NULL OR page.seq >= over.seq ORDER BY page.seq"""
    return newest(batch_of(cursor.execute(text, values)))


def _where(cursor: Cursor, since: int, until: int) -> tuple[str, str, list[int]]:
    """Conditions on `recent` and `sealed`, and the parameters of both."""
    days = cursor.execute(
        "SELECT day FROM sealed_days WHERE received_high >= ? AND received_low < ?", [since, until]
    ).fetchall()
    recent = "received_ns >= ? AND received_ns < ?"
    if not days:
        return recent, "false", [since, until]
    low, high = min(days)[0] * DAY * 1000, (max(days)[0] + 1) * DAY * 1000
    sealed = f"at_ms >= ? AND at_ms < ? AND {RECEIVED} >= ? AND {RECEIVED} < ?"
    return recent, sealed, [since, until, low, high, since, until]
