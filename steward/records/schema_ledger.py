"""The tables of the ledger: what people and jobs decided, what was restated, and the sealed quarter-hours.

Invariants: moments are BIGINT ns; energies of a register are ledger units (register unit / 1000, exact integers); rows of
decisions are only added, never changed, and say who and when.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from steward.records.schema import METADATA, Plain, RowId


def _id() -> Column[int]:
    return Column("id", RowId, primary_key=True, autoincrement=True)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _whole(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


DECISION = Table(
    "ledger_decision",
    METADATA,
    _id(),
    _text("register"),
    _text("kind"),
    _whole("at"),
    _text("who"),
    _whole("recorded"),
    Column("content", Plain, nullable=False),
    Index("ix_ledger_decision_register", "register"),
)
"""kind: parameter, profile, declaration, answer, read, baseline; `at`: from when it holds."""

REVISION = Table(
    "ledger_revision",
    METADATA,
    _id(),
    _text("register"),
    Column("number", Integer, nullable=False),
    _whole("at"),
    _text("reason"),
    _text("who"),
    _whole("start"),
    _whole("end"),
    Column("payload", LargeBinary, nullable=False),
    Index("ix_ledger_revision_register_start", "register", "start"),
)
"""`payload`: the quarter-hours that changed with old and new values, compressed columns."""

EVENT = Table(
    "ledger_event",
    METADATA,
    _id(),
    _text("register"),
    _whole("start"),
    _whole("end"),
    _text("kind"),
    _whole("gain"),
    _whole("low"),
    _whole("high"),
    Index("ix_ledger_event_register_end", "register", "end"),
)
"""Links whose consumption is bounded, not known; replaced when their span is solved again."""

CHUNK = Table(
    "ledger_chunk",
    METADATA,
    Column("register", Text, primary_key=True),
    Column("month", Integer, primary_key=True, autoincrement=False),
    Column("payload", LargeBinary, nullable=False),
)
"""Sealed quarter-hours of a register in a month (UTC, months since 1970)."""

CLOSING = Table(
    "ledger_closing",
    METADATA,
    _id(),
    _text("register"),
    _text("month"),
    _whole("start"),
    _whole("end"),
    _whole("value"),
    _whole("at"),
    _text("who"),
    Column("settled", Integer, nullable=False),
    Index("ix_ledger_closing_month_register", "month", "register", unique=True),
)

ADJUSTMENT = Table(
    "ledger_adjustment",
    METADATA,
    _id(),
    _whole("closing"),
    Column("revision", Integer, nullable=False),
    _whole("at"),
    _whole("difference"),
    Index("ix_ledger_adjustment_closing", "closing"),
)
"""A later difference of a closed month, booked in the month open at `at`."""
