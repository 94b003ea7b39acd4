"""The two databases that the records are held against: SQLite in a file, and a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from steward.records import Records
from tests.records import postgres_server

NUMBERS = count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server, without a database; skips where there is none."""
    if postgres_server.programs() is None:
        pytest.skip(postgres_server.MISSING)
    with postgres_server.running() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that is empty, of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/new/records.db"
    server = request.getfixturevalue("postgres")
    name = f"records_{next(NUMBERS)}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server}/{name}"


@pytest.fixture
def records(url: str) -> Iterator[Records]:
    """Open records in a new database."""
    records = Records(url)
    records.open()
    yield records
    records.close()
