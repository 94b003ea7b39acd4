"""Operational records in SQL: alerts and what people did about them, admitted devices, engine states, the audit log.

Invariants: an alert is one episode and never re-opens; its times, once set, do not move; every change of an alert leaves
a row in its history. SQLite by default, PostgreSQL by URL (SQLAlchemy 2); the schema is migrated at `open` (Alembic), and
a database of a newer release is refused. Times are int64 ns; the wall clock is never read here: `now` is a parameter.
"""

from __future__ import annotations

from steward.records.ledger import LedgerRecords, Restatement
from steward.records.model import Admitted, AlertEvent, AlertPage, AlertRecord, AuditEntry, Transition
from steward.records.records import Records

__all__ = [
    "Admitted",
    "AlertEvent",
    "AlertPage",
    "AlertRecord",
    "AuditEntry",
    "LedgerRecords",
    "Records",
    "Restatement",
    "Transition",
]
