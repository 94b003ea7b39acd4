"""One database, SQLite or PostgreSQL: its engine, its transactions, its migrations.

Invariants: a write transaction is alone (BEGIN IMMEDIATE in SQLite, an advisory lock in PostgreSQL), so what it read is
still true when it writes; errors of the driver leave as RecordsError, without the password of the URL; the schema is
at this release's newest revision after `migrate`, or nothing was changed.
"""

from __future__ import annotations

import json
import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from steward.errors import RecordsError

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_S = 30
"""How long a SQLite connection waits for the writer of another process."""
_ADVISORY_LOCK = 0x57E_7A2D
_ALEMBIC = threading.Lock()
"""Alembic keeps the migration under way in a global of its own: one at a time in a process."""


class Database:
    """An engine with two kinds of transaction: `read` and `write`."""

    def __init__(self, url: str) -> None:
        self.url = _parse(url)
        self.shown = self.url.render_as_string(hide_password=True)
        self.engine = _engine(self.url)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database. Raises RecordsError."""
        with self._errors(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that no other write transaction overlaps; rolled back on any exception. Raises RecordsError."""
        with self._errors(), self.engine.connect() as plain:
            connection = plain.execution_options(steward_write=True)
            with connection.begin():
                if self.engine.dialect.name == "postgresql":
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
                yield connection

    def migrate(self) -> str:
        """Brings the schema to the newest revision and returns it. Raises RecordsError when the database is newer."""
        if self.url.get_backend_name() == "sqlite" and not _in_memory(self.url):
            Path(str(self.url.database)).parent.mkdir(parents=True, exist_ok=True)
        config = Config(attributes={})
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        script = ScriptDirectory.from_config(config)
        head = script.get_current_head() or ""
        with _ALEMBIC, self.write() as connection:
            for revision in MigrationContext.configure(connection).get_current_heads():
                self._refuse_newer(script, revision, head)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        return head

    def _refuse_newer(self, script: ScriptDirectory, revision: str, head: str) -> None:
        try:
            script.get_revision(revision)
        except CommandError as error:
            raise RecordsError(
                f"{self.shown} is at schema revision {revision!r}, which this release does not know (its newest is {head!r}): "
                "it was written by a newer release; run that one, or restore a backup"
            ) from error

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            raise RecordsError(f"{self.shown}: {str(cause).strip() or type(cause).__name__}") from error

    def close(self) -> None:
        """Closes every connection."""
        self.engine.dispose()


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise RecordsError("the records URL cannot be read, expected sqlite:///PATH or postgresql://USER@HOST/NAME") from error
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise RecordsError(f"records in {backend!r} are not supported, expected sqlite:///PATH or postgresql://USER@HOST/NAME")
    return parsed


def _in_memory(url: URL) -> bool:
    return url.database in (None, "", ":memory:")


def _engine(url: URL) -> Engine:
    options: dict[str, Any] = {"json_serializer": lambda value: json.dumps(value, allow_nan=False, ensure_ascii=False)}
    if url.get_backend_name() == "postgresql":
        return create_engine(url, pool_pre_ping=True, **options)
    if _in_memory(url):  # one connection, kept and lent to one thread at a time: a second one would be another database
        options |= {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 0, "connect_args": {"check_same_thread": False}}
    engine = create_engine(url, **options)
    event.listen(engine, "connect", _sqlite_connect)
    event.listen(engine, "begin", _sqlite_begin)
    return engine


def _sqlite_connect(connection: Any, record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves: the driver would commit before DDL and begin too late
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_S * 1000}")
    _to_wal(cursor)
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _to_wal(cursor: sqlite3.Cursor) -> None:
    """Write-ahead log, asked for until BUSY_S have passed.

    Two processes that turn a new file to it at once are refused at once, without the wait of `busy_timeout`: each holds
    a shared lock and wants the exclusive one, so SQLite does not let either wait (https://www.sqlite.org/c3ref/busy_handler.html).
    """
    give_up = time.monotonic() + BUSY_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
        time.sleep(random.uniform(0.001, 0.02))  # noqa: S311  # apart from the other, no secret


def _sqlite_begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("steward_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
