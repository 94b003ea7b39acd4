"""States of engines by name, as rows: a payload in place of the one before, within a transaction of somebody else."""

from __future__ import annotations

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from steward.records.schema import STATE


def save(connection: Connection, name: str, payload: bytes, now: int) -> None:
    """Keeps `payload` under `name`, in place of what was there."""
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = make(STATE).values(name=name, payload=payload, saved=now)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"payload": payload, "saved": now}))
