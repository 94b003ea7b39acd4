"""Migrations, refusals and transactions of the records' database."""

from __future__ import annotations

import multiprocessing
import sqlite3
import tomllib
from pathlib import Path
from typing import cast

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from steward.errors import RecordsError
from steward.records import Records
from steward.records.database import MIGRATIONS, Database, _to_wal
from steward.records.schema import METADATA

NEWEST = max(path.name[1:5] for path in (MIGRATIONS / "versions").glob("r*.py"))


def test_the_migrations_build_the_schema_that_the_code_expects(url: str) -> None:
    database = Database(url)
    database.migrate()
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, METADATA) == []
    database.close()


def test_opening_twice_changes_nothing(url: str) -> None:
    records = Records(url)
    assert records.open() == records.open() == NEWEST
    records.close()


def test_a_database_of_a_newer_release_is_refused_untouched(url: str) -> None:
    database = Database(url)
    database.migrate()
    with database.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(RecordsError, match=rf"revision '9999'.*newest is '{NEWEST}'.*newer release"):
        database.migrate()
    with database.read() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one() == "9999"
    database.close()


def test_a_migration_that_fails_leaves_nothing_behind(url: str) -> None:
    database = Database(url)
    if database.url.database and "sqlite" in url:
        Path(database.url.database).parent.mkdir()
    with database.write() as connection:
        connection.execute(sa.text("CREATE TABLE audit (x INTEGER)"))  # the first migration stumbles over it, at its end
    with pytest.raises(RecordsError):
        database.migrate()
    with database.read() as connection:
        assert set(sa.inspect(connection).get_table_names()) == {"audit"}
    database.close()


def test_a_failed_transaction_is_undone_whole(url: str) -> None:
    database = Database(url)
    database.migrate()
    statement = sa.text("INSERT INTO admitted (device, template, address, broker, at) VALUES ('d', 't', 'a', 'b', 1)")

    def insert_twice() -> None:
        with database.write() as connection:
            connection.execute(statement)
            connection.execute(statement)

    with pytest.raises(RecordsError):
        insert_twice()
    with database.read() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM admitted")).scalar_one() == 0
    database.close()


def _open(url: str) -> str:
    records = Records(url)
    revision = records.open()
    records.admit("d", "t", "a", "b", now=1)
    records.close()
    return revision


def test_processes_that_open_a_new_database_at_once_build_it_once(url: str) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert pool.map(_open, [url] * 3) == [NEWEST] * 3


class _RefusedTwice:
    """A cursor whose file another process turns to a write-ahead log at the same moment: SQLite refuses without a wait."""

    def __init__(self) -> None:
        self.asked = 0

    def execute(self, statement: str) -> None:
        self.asked += 1
        if self.asked < 3:
            refusal = sqlite3.OperationalError("database is locked")
            refusal.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise refusal


def test_a_write_ahead_log_refused_to_two_at_once_is_asked_for_again() -> None:
    cursor = _RefusedTwice()
    _to_wal(cast(sqlite3.Cursor, cursor))
    assert cursor.asked == 3


@pytest.mark.parametrize("url", ["mysql://root@localhost/x", "not a url", "records.db"])
def test_a_url_that_cannot_be_is_refused_with_what_was_expected(url: str) -> None:
    with pytest.raises(RecordsError, match="expected sqlite:///PATH or postgresql"):
        Records(url)


def test_a_server_that_is_down_is_named_without_its_password() -> None:
    records = Records("postgresql://steward:secret-word@127.0.0.1:9/records")
    with pytest.raises(RecordsError, match=r"127\.0\.0\.1:9") as caught:
        records.open()
    assert "secret-word" not in str(caught.value)
    assert "secret-word" not in records.shown
    records.close()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "records.db"
    file.write_bytes(b"this is no database at all, and long enough to be looked at" * 20)
    records = Records(f"sqlite:///{file}")
    with pytest.raises(RecordsError, match="not a database"):
        records.open()
    records.close()


def test_sqlite_is_opened_for_safety_and_company(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/a/b/records.db")
    database.migrate()
    with database.read() as connection:
        pragmas = [connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("journal_mode", "foreign_keys")]
    assert pragmas == ["wal", 1]
    with database.write() as mine:
        mine.execute(sa.text("INSERT INTO state VALUES ('mine', x'00', 1)"))
        reader = sqlite3.connect(tmp_path / "a/b/records.db")  # another process may read while we write
        assert reader.execute("SELECT count(*) FROM state").fetchone() == (0,)
        reader.close()
    database.close()


def test_records_in_memory_are_shared_by_all_threads_and_gone_with_close() -> None:
    records = Records("sqlite://")
    records.open()
    records.save_state("x", b"1", now=1)
    assert records.load_state("x") == b"1"
    records.close()


def test_every_file_of_the_migrations_is_packaged() -> None:
    package = MIGRATIONS.parents[1]
    settings = tomllib.loads((package.parent / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    packaged = {file for pattern in settings["steward"] for file in package.glob(pattern)}
    needed = {file for file in MIGRATIONS.rglob("*") if file.is_file() and "__pycache__" not in file.parts}
    assert len(needed) >= 3
    assert needed <= packaged
