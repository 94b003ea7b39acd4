"""The DuckDB file of the embedded store: creating it whole, knowing whose it is, refusing what cannot be read.

Invariants: a file is created beside its name and renamed when it is complete, so that an empty or foreign file under the
name is never ours and is refused instead of being taken for a new store; one process and one store object per file.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import threading
from pathlib import Path

import duckdb
import structlog

from steward.errors import StoreError, StoreUnavailable, StoreVersion

SCHEMA = 3
"""Version of the tables below; a newer one is refused, an older one is migrated."""

_SCHEMA_1 = """
CREATE TABLE steward_meta (key VARCHAR, value VARCHAR);
CREATE TABLE points (key INTEGER, id VARCHAR);
CREATE TABLE recent (
    point INTEGER, at_ns BIGINT, received_ns BIGINT, value DOUBLE, quality UTINYINT, historical BOOLEAN, seq BIGINT
);
INSERT INTO steward_meta VALUES ('application', 'steward'), ('schema', '1');
"""
_SCHEMA_2 = """
CREATE TABLE sealed (
    point INTEGER, at_s BIGINT, at_rest INTEGER, delay_ms BIGINT, delay_rest INTEGER,
    value DOUBLE, quality UTINYINT, historical BOOLEAN
);
CREATE TABLE rollup (
    point INTEGER, start_s BIGINT, total DOUBLE, low DOUBLE, high DOUBLE, samples BIGINT, first DOUBLE, last DOUBLE
);
CREATE TABLE sealed_days (day BIGINT, samples BIGINT, rolled BOOLEAN, received_low BIGINT, received_high BIGINT);
UPDATE steward_meta SET value = '2' WHERE key = 'schema';
INSERT INTO steward_meta SELECT 'sequence', (SELECT coalesce(max(seq) + 1, 0) FROM recent)::VARCHAR;
"""
_SCHEMA_3 = """
CREATE TABLE finer AS SELECT
    point, at_s * 1000 + at_rest // 1000000 AS at_ms, (at_rest % 1000000)::INTEGER AS at_rest, delay_ms, delay_rest,
    value, quality, historical
FROM sealed;
DROP TABLE sealed;
ALTER TABLE finer RENAME TO sealed;
UPDATE steward_meta SET value = '3' WHERE key = 'schema';
"""  # milliseconds are what most devices give: a rest of 0 costs nothing
_STEPS = (_SCHEMA_1, _SCHEMA_2, _SCHEMA_3)
"""What makes version n of version n - 1; a new file takes all steps."""

log = structlog.get_logger()

_open_here: set[str] = set()
_guard = threading.Lock()


def open_file(path: Path, *, memory_limit: str, threads: int) -> duckdb.DuckDBPyConnection:
    """Opens the store at `path`, creating it when there is none. Raises StoreVersion, StoreUnavailable, StoreError."""
    name = os.path.realpath(path)
    with _guard:
        if name in _open_here:
            raise StoreUnavailable(f"{path} is already open in this process: one store object per file")
        _open_here.add(name)
    try:
        if not path.exists():
            _create(path)
        return _connect(path, memory_limit, threads)
    except BaseException:
        _open_here.discard(name)
        raise


def close_file(path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    """Closes what `open_file` gave; the write-ahead log is folded into the file."""
    try:
        with contextlib.suppress(duckdb.Error):  # a database that DuckDB has given up has nothing more to fold in
            connection.close()
    finally:
        _open_here.discard(os.path.realpath(path))


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # of two that start at once the second finds the file of the first
        if not path.exists():
            _create_alone(path)
        os.fsync(folder)
    finally:
        os.close(folder)


def _create_alone(path: Path) -> None:
    log = path.with_name(path.name + ".wal")
    if log.exists():
        raise StoreError(
            f"{path} is missing but its write-ahead log {log.name} ({log.stat().st_size} bytes) is there: "
            "put the file back from a backup, or move the log away to start an empty store"
        )
    fresh = path.with_name(path.name + ".new")
    for leftover in (fresh, fresh.with_name(fresh.name + ".wal")):
        leftover.unlink(missing_ok=True)
    with duckdb.connect(str(fresh)) as connection:
        for step in _STEPS:
            connection.execute(f"BEGIN; {step} COMMIT")
        connection.execute("CHECKPOINT")
    os.rename(fresh, path)


def _connect(path: Path, memory_limit: str, threads: int) -> duckdb.DuckDBPyConnection:
    _look_like_ours(path)
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory_limit,
        "threads": threads,
        "autoinstall_known_extensions": False,  # never anything from the network
        "autoload_known_extensions": False,
    }
    while True:
        try:
            connection = duckdb.connect(str(path), config=config)
            break
        except duckdb.Error as error:
            if not _cut_log(path, str(error)):
                raise _explain(path, error) from error
    try:
        _check(path, connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _look_like_ours(path: Path) -> None:
    if not path.is_file():
        raise StoreError(f"{path} is a folder or a device: expected a file")
    with path.open("rb") as file:
        head = file.read(12)
    if not head:
        raise StoreVersion(f"{path} is an empty file, not a store: restore it from a backup, or remove it to start a new store")
    if head[8:] != b"DUCK":
        raise StoreVersion(f"{path} is not a Steward store: not a DuckDB file")


def _cut_log(path: Path, text: str) -> bool:
    """Where DuckDB found its write-ahead log damaged: keeps a copy aside and cuts the log there; whether it did.

    What follows the damage can be samples that were written but not yet acknowledged, as after a power cut; if it was more,
    `Mark` tells how much.
    """
    log_file = path.with_name(path.name + ".wal")
    found = re.search(r"Corrupt WAL file: entry at byte position (\d+)", text)
    if not found or not int(found.group(1)) < log_file.stat().st_size:
        return False
    position, size = int(found.group(1)), log_file.stat().st_size
    copy = _copy_log(log_file)
    os.truncate(log_file, position)
    log.error("store_log_damaged", at_byte=position, lost_bytes=size - position, copy=copy)
    return True


def _copy_log(log_file: Path) -> str:
    copy = log_file.with_name(
        f"{log_file.name}.damaged-{sum(1 for _ in log_file.parent.glob(log_file.name + '.damaged-*')) + 1}"
    )
    shutil.copyfile(log_file, copy)
    return copy.name


def settle_log(path: Path, connection: duckdb.DuckDBPyConnection, lost: int) -> None:
    """Folds a log that was left behind into the file: behind a torn tail in it new entries would not be found again.

    Where acknowledged samples are missing, what there is of the log is kept aside first.
    """
    log_file = path.with_name(path.name + ".wal")
    copy = _copy_log(log_file) if lost and log_file.exists() else None
    if lost:
        log.error("store_samples_lost", path=str(path), samples=lost, copy=copy)
    if log_file.exists():
        connection.execute("CHECKPOINT")


class Mark:
    """How many samples were ever acknowledged, beside the file, so that a loss of acknowledged samples does not go unseen.

    DuckDB opens without a word when its log is missing, cut short or damaged in its head. The mark is written after each commit
    without a sync: it survives a kill, and after a power cut it may be behind, never ahead.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path.with_name(path.name + ".mark"), os.O_RDWR | os.O_CREAT, 0o644)

    def read(self) -> int:
        """The number last written, 0 if there is none."""
        text = os.pread(self._file, 32, 0).strip()
        return int(text) if text.isdigit() else 0

    def write(self, acknowledged: int) -> None:
        """Notes the number."""
        os.pwrite(self._file, b"%020d\n" % acknowledged, 0)

    def close(self) -> None:
        """Closes the file."""
        os.close(self._file)


def _check(path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    tables = {row[0] for row in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    meta = dict(connection.execute("SELECT key, value FROM steward_meta").fetchall()) if "steward_meta" in tables else {}
    if meta.get("application") != "steward":
        raise StoreVersion(
            f"{path} is a DuckDB file of something else, not a Steward store (tables: {', '.join(sorted(tables)[:5])})"
        )
    schema = int(meta["schema"])
    if schema > SCHEMA:
        raise StoreVersion(
            f"{path} has schema version {schema}; this release of Steward reads up to {SCHEMA}: use a newer release"
        )
    for number, step in enumerate(_STEPS[schema:], schema + 1):
        connection.execute(f"BEGIN; {step} COMMIT")
        log.info("store_migrated", path=str(path), schema=number)


def _explain(path: Path, error: duckdb.Error) -> StoreError:
    text = str(error)
    holder = re.search(r"Conflicting lock is held in (.*?)(?: by user|\. |$)", text)
    if holder:
        return StoreUnavailable(f"{path} is in use by {holder.group(1)}: the embedded store belongs to one process")
    if "version number" in text:
        return StoreVersion(
            f"{path} is a DuckDB file of a storage version that DuckDB {duckdb.__version__} cannot read: {text}"
        )
    return StoreError(f"{path} cannot be opened: {text}")
