"""`LedgerRecords`: what the ledger keeps in SQL. One method an act, each in a transaction of its own; blocking, thread-safe.

Invariants: decisions and revisions are only added; a restatement is one transaction (revision, sealed chunks, events and
adjustments together), so after a crash a figure and its explanation are both there or both not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, delete, func, select

from steward.records.database import Database
from steward.records.schema_ledger import ADJUSTMENT, CHUNK, CLOSING, DECISION, EVENT, REVISION

Row = Mapping[str, Any]
_MANY = 500
"""Names in one IN list."""


@dataclass(frozen=True)
class Restatement:
    """All that one solving of a register changes. events: in place of those that end behind `since`; chunks: month ->
    payload; adjustments: (closing id, difference)."""

    register: str
    since: int
    events: Sequence[Row] = ()
    revision: Row | None = None
    chunks: Mapping[int, bytes] = field(default_factory=dict)
    adjustments: Sequence[tuple[int, int]] = ()


class LedgerRecords:
    """The tables of steward.records.schema_ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # decisions

    def decide(self, register: str, kind: str, at: int, who: str, content: Row, now: int) -> int:
        """Adds a decision; returns its number."""
        return self.decide_all([(register, kind, at, content)], who, now)

    def decide_all(self, rows: Sequence[tuple[str, str, int, Row]], who: str, now: int) -> int:
        """Adds decisions (register, kind, at, content) of one person or job; returns the last number, 0 for none."""
        if not rows:
            return 0
        values = [
            {"register": register, "kind": kind, "at": at, "who": who, "recorded": now, "content": dict(content)}
            for register, kind, at, content in rows
        ]
        with self._database.write() as connection:
            connection.execute(DECISION.insert(), values)
            return int(connection.execute(select(func.max(DECISION.c.id))).scalar_one())

    def decisions(self, kind: str | None = None, register: str | None = None) -> list[Row]:
        """Decisions, oldest first."""
        query = select(DECISION).order_by(DECISION.c.id)
        if kind is not None:
            query = query.where(DECISION.c.kind == kind)
        if register is not None:
            query = query.where(DECISION.c.register == register)
        return self._rows(query)

    def latest(self, kind: str, register: str) -> Row | None:
        """The newest decision of a kind about a register."""
        query = select(DECISION).where(DECISION.c.kind == kind, DECISION.c.register == register)
        found = self._rows(query.order_by(DECISION.c.id.desc()).limit(1))
        return found[0] if found else None

    # restatements

    def restate(self, all: Sequence[Restatement]) -> None:
        """Writes restatements in one transaction."""
        with self._database.write() as connection:
            for one in all:
                _restate(connection, one)

    def revisions(self, register: str, start: int, end: int) -> list[Row]:
        """Revisions that touch [start, end), by number."""
        where = (REVISION.c.register == register) & (REVISION.c.start < end) & (REVISION.c.end > start)
        return self._rows(select(REVISION).where(where).order_by(REVISION.c.number))

    def numbers(self) -> dict[str, int]:
        """The last revision of each register."""
        query = select(REVISION.c.register, func.max(REVISION.c.number)).group_by(REVISION.c.register)
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def events(self, register: str, start: int, end: int) -> list[Row]:
        """Bounded links that touch [start, end)."""
        where = (EVENT.c.register == register) & (EVENT.c.end > start) & (EVENT.c.start < end)
        return self._rows(select(EVENT).where(where).order_by(EVENT.c.end))

    def eventful(self) -> list[str]:
        """Registers that have bounded links."""
        with self._database.read() as connection:
            return [row[0] for row in connection.execute(select(EVENT.c.register).distinct())]

    def revised(self, register: str, after: int) -> list[Row]:
        """Revisions with a number above `after`, by number."""
        where = (REVISION.c.register == register) & (REVISION.c.number > after)
        return self._rows(select(REVISION).where(where).order_by(REVISION.c.number))

    # sealed quarter-hours

    def chunks(self, registers: Sequence[str], first: int, last: int) -> dict[tuple[str, int], bytes]:
        """Sealed chunks of registers in months first..last."""
        found: dict[tuple[str, int], bytes] = {}
        with self._database.read() as connection:
            for place in range(0, len(registers), _MANY):
                names = list(registers[place : place + _MANY])
                where = CHUNK.c.register.in_(names) & (CHUNK.c.month >= first) & (CHUNK.c.month <= last)
                for row in connection.execute(select(CHUNK).where(where)):
                    found[row.register, row.month] = bytes(row.payload)
        return found

    def first_month(self, register: str) -> int | None:
        """The first sealed month of a register."""
        with self._database.read() as connection:
            found = connection.execute(select(func.min(CHUNK.c.month)).where(CHUNK.c.register == register)).scalar_one()
            return None if found is None else int(found)

    def seal(self, chunks: Mapping[tuple[str, int], bytes]) -> None:
        """Writes chunks in place of what was there."""
        with self._database.write() as connection:
            _seal(connection, ((register, month, payload) for (register, month), payload in chunks.items()))

    def sealed_size(self) -> tuple[int, int]:
        """How many chunks there are and their bytes."""
        with self._database.read() as connection:
            row = connection.execute(select(func.count(), func.coalesce(func.sum(func.length(CHUNK.c.payload)), 0))).one()
            return int(row[0]), int(row[1])

    # months

    def close(self, rows: Sequence[Row]) -> None:
        """Adds closings."""
        if rows:
            with self._database.write() as connection:
                connection.execute(CLOSING.insert(), [dict(row) for row in rows])

    def closings(self, month: str | None = None, register: str | None = None) -> list[Row]:
        """Closings by number."""
        query = select(CLOSING).order_by(CLOSING.c.id)
        if month is not None:
            query = query.where(CLOSING.c.month == month)
        if register is not None:
            query = query.where(CLOSING.c.register == register)
        return self._rows(query)

    def closed_until(self) -> dict[str, int]:
        """The end of the last closed month of every register that has one, ns."""
        query = select(CLOSING.c.register, func.max(CLOSING.c.end)).group_by(CLOSING.c.register)
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def adjustments(self, closings: Iterable[int]) -> list[Row]:
        """Adjustments of closings by number."""
        return self._rows(select(ADJUSTMENT).where(ADJUSTMENT.c.closing.in_(list(closings))).order_by(ADJUSTMENT.c.id))

    def _rows(self, query: Select[Any]) -> list[Row]:
        with self._database.read() as connection:
            return [_plain(row) for row in connection.execute(query).mappings()]


def _plain(row: RowMapping) -> Row:
    return {name: bytes(value) if isinstance(value, memoryview) else value for name, value in row.items()}


def _restate(connection: Connection, one: Restatement) -> None:
    connection.execute(delete(EVENT).where(EVENT.c.register == one.register, EVENT.c.end > one.since))
    if one.events:
        connection.execute(EVENT.insert(), [{**row, "register": one.register} for row in one.events])
    if one.revision is not None:
        connection.execute(REVISION.insert().values(register=one.register, **one.revision))
    _seal(connection, ((one.register, month, payload) for month, payload in one.chunks.items()))
    if one.adjustments and one.revision is not None:
        values = [
            {"closing": closing, "revision": one.revision["number"], "at": one.revision["at"], "difference": difference}
            for closing, difference in one.adjustments
        ]
        connection.execute(ADJUSTMENT.insert(), values)


def _seal(connection: Connection, chunks: Iterable[tuple[str, int, bytes]]) -> None:
    rows = list(chunks)
    if not rows:
        return
    for month in sorted({row[1] for row in rows}):
        names = [row[0] for row in rows if row[1] == month]
        for place in range(0, len(names), _MANY):
            connection.execute(delete(CHUNK).where(CHUNK.c.month == month, CHUNK.c.register.in_(names[place : place + _MANY])))
    connection.execute(CHUNK.insert(), [{"register": row[0], "month": row[1], "payload": row[2]} for row in rows])
