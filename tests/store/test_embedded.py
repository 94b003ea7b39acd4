"""What is particular to the embedded store: versions of its file, one process, housekeeping."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import numpy as np
import pytest

from steward.errors import StoreError, StoreUnavailable, StoreVersion
from steward.model import Batch, PointIndex
from steward.store._duckfile import _create
from steward.store.embedded import EmbeddedStore

ROOT = Path(__file__).parents[2]
MINUTE, HOUR, DAY = 60 * 10**9, 3600 * 10**9, 86_400 * 10**9
START = 20_454 * DAY

VERSION_1 = """
CREATE TABLE steward_meta (key VARCHAR, value VARCHAR);
CREATE TABLE points (key INTEGER, id VARCHAR);
CREATE TABLE recent (
    point INTEGER, at_ns BIGINT, received_ns BIGINT, value DOUBLE, quality UTINYINT, historical BOOLEAN, seq BIGINT
);
INSERT INTO steward_meta VALUES ('application', 'steward'), ('schema', '1');
INSERT INTO points VALUES (0, 'a'), (1, 'b');
INSERT INTO recent VALUES
    (0, 1000, 1001, 1.5, 0, false, 0), (1, 1000, 1001, 2.5, 1, true, 1), (0, 1000, 1002, 3.5, 0, false, 2);
"""

VERSION_2 = f"""
CREATE TABLE sealed (
    point INTEGER, at_s BIGINT, at_rest INTEGER, delay_ms BIGINT, delay_rest INTEGER,
    value DOUBLE, quality UTINYINT, historical BOOLEAN
);
CREATE TABLE rollup (
    point INTEGER, start_s BIGINT, total DOUBLE, low DOUBLE, high DOUBLE, samples BIGINT, first DOUBLE, last DOUBLE
);
CREATE TABLE sealed_days (day BIGINT, samples BIGINT, rolled BOOLEAN, received_low BIGINT, received_high BIGINT);
INSERT INTO sealed VALUES
    (0, {START // 10**9}, 123456789, 0, 7, 7, 0, false), (0, {START // 10**9 + 5}, 0, 2, 0, 8, 0, false);
INSERT INTO sealed_days VALUES ({START // DAY}, 2, false, {START}, {START + DAY});
UPDATE steward_meta SET value = '2' WHERE key = 'schema';
INSERT INTO steward_meta VALUES ('sequence', '5');
"""


async def written(path: Path, days: int, points: int = 4, step: int = MINUTE) -> EmbeddedStore:
    """An open store with a sample of each point every `step` of `days` days, by the clock of the last day's end."""
    store = EmbeddedStore(path, PointIndex(f"p{n}" for n in range(points)), clock=lambda: START + days * DAY - 1)
    await store.open()
    at = np.arange(START, START + days * DAY, step)
    for part in np.array_split(at, days * 4):
        number = np.tile(np.arange(points), len(part))
        moment = np.repeat(part, points)
        await store.write(Batch.of(number, moment, number + moment // MINUTE % 7, received=moment + 5))
    return store


def tables(path: Path) -> dict[str, int]:
    with duckdb.connect(str(path), read_only=True) as connection:
        names = [row[0] for row in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0] for name in names}


async def test_a_file_of_version_1_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / "old.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(VERSION_1)
    store = EmbeddedStore(path, PointIndex(["b"]))
    await store.open()
    assert (await store.read([0, 1], 0, 2000)).value.tolist() == [2.5, 3.5]
    await store.write(Batch.of([1], [1000], [4.5], received=5 * DAY))  # written after the migration: newer than all before
    await store.compact()
    assert (await store.read([0, 1], 0, 2000)).value.tolist() == [2.5, 4.5]
    await store.close()
    assert tables(path)["sealed"] == 2


async def test_a_file_of_version_2_keeps_its_sealed_days(tmp_path: Path) -> None:
    path = tmp_path / "old.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(VERSION_1 + VERSION_2)
    store = EmbeddedStore(path, PointIndex(["a"]))
    await store.open()
    found = await store.read([0], START, START + DAY)
    assert found.at.tolist() == [START + 123_456_789, START + 5 * 10**9]
    assert found.received.tolist() == [START + 123_456_796, START + 5 * 10**9 + 2_000_000]
    assert found.value.tolist() == [7, 8]
    assert await store.count() == 4
    await store.close()
    assert dict(await asyncio.to_thread(tables, path))["sealed"] == 2


async def test_a_file_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "new.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(VERSION_1 + "UPDATE steward_meta SET value = '99' WHERE key = 'schema'")
    before = path.read_bytes()
    with pytest.raises(StoreVersion, match="schema version 99; this release of Steward reads up to 3"):
        await EmbeddedStore(path, PointIndex()).open()
    assert path.read_bytes() == before


async def test_a_duckdb_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE invoices (id INTEGER)")
    with pytest.raises(StoreVersion, match=r"something else.*invoices"):
        await EmbeddedStore(path, PointIndex()).open()
    assert tables(path) == {"invoices": 0}


async def test_a_sqlite_file_garbage_and_a_folder_are_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.sqlite") as connection:
        connection.execute("CREATE TABLE t (a)")
    connection.close()
    (tmp_path / "garbage").write_bytes(b"not a database " * 2000)
    (tmp_path / "folder").mkdir()
    for name in ("a.sqlite", "garbage"):
        with pytest.raises(StoreVersion, match="not a DuckDB file"):
            await EmbeddedStore(tmp_path / name, PointIndex()).open()
    with pytest.raises(StoreError, match="folder"):
        await EmbeddedStore(tmp_path / "folder", PointIndex()).open()


async def test_a_file_of_a_storage_version_that_duckdb_cannot_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "future.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(VERSION_1)
    data = bytearray(path.read_bytes())
    assert data[8:12] == b"DUCK"
    data[12:20] = (9999).to_bytes(8, "little")
    words = np.frombuffer(bytes(data[8:4096]), np.uint64)
    checksum = np.bitwise_xor.reduce(words * np.uint64(0xBF58476D1CE4E5B9), initial=np.uint64(5381))  # DuckDB's, of its header
    data[:8] = int(checksum).to_bytes(8, "little")
    path.write_bytes(data)
    with pytest.raises(StoreVersion, match=r"storage version|version number 9999"):
        await EmbeddedStore(path, PointIndex()).open()


async def test_a_second_process_is_told_who_holds_the_file(tmp_path: Path) -> None:
    path = tmp_path / "steward.duckdb"
    script = (
        "import asyncio, sys; from steward.model import PointIndex; from steward.store.embedded import EmbeddedStore\n"
        "store = EmbeddedStore(sys.argv[1], PointIndex())\n"
        "asyncio.run(store.open()); print('open', flush=True); sys.stdin.read()"
    )
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(path), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"open\n"
    try:
        with pytest.raises(StoreUnavailable, match=f"in use by .*{holder.pid}"):
            await EmbeddedStore(path, PointIndex()).open()
    finally:
        holder.kill()
        await holder.wait()
    store = EmbeddedStore(path, PointIndex())  # the holder is dead: nothing is left of its lock
    await store.open()
    await store.close()


def test_of_stewards_that_create_a_store_at_once_none_takes_the_file_from_another(tmp_path: Path) -> None:
    path, begin = tmp_path / "new" / "steward.duckdb", threading.Barrier(4)

    def create(_: int) -> int:
        begin.wait(60)
        _create(path)
        return path.stat().st_ino

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(create, range(4)))) == 1
    assert [file.name for file in path.parent.iterdir()] == ["steward.duckdb"]
    assert tables(path)["steward_meta"] == 3


async def test_a_file_is_opened_once_in_a_process(tmp_path: Path) -> None:
    store = await written(tmp_path / "steward.duckdb", 1, step=HOUR)
    with pytest.raises(StoreUnavailable, match="already open in this process"):
        await EmbeddedStore(tmp_path / "steward.duckdb", PointIndex()).open()
    await store.close()
    await store.open()
    await store.close()


async def test_closed_days_are_sealed_and_the_open_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "steward.duckdb"
    store = await written(path, 3)
    before = await store.read(range(4), START, START + 3 * DAY)
    await store.compact()
    after = await store.read(range(4), START, START + 3 * DAY)
    assert all(np.array_equal(getattr(before, name), getattr(after, name)) for name in Batch.__slots__)
    assert await store.count() == 3 * 1440 * 4
    await store.close()
    assert tables(path) == {
        "steward_meta": 3,
        "points": 4,
        "recent": 1440 * 4,
        "sealed": 2880 * 4,
        "rollup": 2 * 96 * 4,
        "sealed_days": 2,
    }


async def test_the_rollup_says_the_same_as_the_samples(tmp_path: Path) -> None:
    store = await written(tmp_path / "steward.duckdb", 3)
    asked = [
        (START + 7 * MINUTE, START + 2 * DAY + 3 * MINUTE, window, origin)
        for window in (15 * MINUTE, HOUR, DAY)
        for origin in (0, -5 * HOUR)
    ]
    before = [await store.aggregate([2, 0], *question) for question in asked]
    await store.compact()
    after = [await store.aggregate([2, 0], *question) for question in asked]
    for old, new in zip(before, after, strict=True):
        for name in old.__slots__:
            assert np.allclose(getattr(old, name), getattr(new, name), rtol=1e-12), name
    await store.close()


async def test_rollups_of_many_days_are_sorted_together_and_say_the_same(tmp_path: Path) -> None:
    path = tmp_path / "steward.duckdb"
    store = await written(path, 19, step=3 * MINUTE)
    before = await store.aggregate([2, 0], START, START + 19 * DAY, HOUR)
    await store.compact()
    for _ in range(2):  # then with a corrected day in a group
        after = await store.aggregate([2, 0], START, START + 19 * DAY, HOUR)
        for name in ("point", "start", "count", "first", "last", "max"):
            assert np.array_equal(getattr(before, name), getattr(after, name)), name
        late = await store.read([0, 1, 2, 3], START + 3 * DAY, START + 4 * DAY)
        await store.write(late)
        await store.compact()
    await store.close()
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute("SELECT count(*), count(DISTINCT (point, start_s)) FROM rollup").fetchall() == [
            (18 * 96 * 4,) * 2
        ]
        order = connection.execute("SELECT point FROM rollup").fetchnumpy()["point"]
    assert np.count_nonzero(np.diff(order) < 0) <= 5  # two groups of eight days, two days, a corrected day: not eighteen runs


async def test_a_few_late_samples_wait_and_many_rewrite_their_day(tmp_path: Path) -> None:
    path = tmp_path / "steward.duckdb"
    store = await written(path, 3)
    await store.compact()
    for size, waiting in ((10, True), (2000, False)):
        moment = START + np.arange(size) % 1440 * MINUTE
        await store.write(Batch.of(np.arange(size) // 1440, moment, [100.0] * size, received=START + 3 * DAY - 1))
        assert (await store.read([0], START, START + MINUTE)).value.tolist() == [100]
        assert (await store.aggregate([0], START, START + MINUTE, 15 * MINUTE)).max.tolist() == [100]
        await store.compact()
        assert (await store.read([0], START, START + MINUTE)).value.tolist() == [100]
        await store.close()
        assert (tables(path)["recent"] > 1440 * 4) is waiting
        store._clock = lambda: START + 3 * DAY - 1
        await store.open()
        store._swept = (START + 3 * DAY - 1) // DAY
    assert await store.count() == 3 * 1440 * 4
    await store.close()


async def test_a_day_of_few_samples_is_sealed_without_a_rollup(tmp_path: Path) -> None:
    path = tmp_path / "steward.duckdb"
    store = await written(path, 4, step=HOUR)
    await store.compact()
    assert (await store.aggregate([0], START, START + 4 * DAY, DAY)).count.tolist() == [24] * 4
    await store.close()
    found = tables(path)
    assert (found["sealed_days"], found["rollup"], found["sealed"]) == (3, 0, 3 * 24 * 4)


async def test_space_of_forgotten_days_is_reused(tmp_path: Path) -> None:
    path = tmp_path / "steward.duckdb"
    points, size = 50, 0
    store = EmbeddedStore(path, PointIndex(f"p{n}" for n in range(points)))
    await store.open()
    random = np.random.default_rng(1)
    for day in range(12):
        at = START + day * DAY + np.repeat(np.arange(1440), points) * MINUTE
        await store.write(Batch.of(np.tile(np.arange(points), 1440), at, random.normal(size=1440 * points), received=at))
        await store.compact()
        await store.retain(START + (day - 2) * DAY)
        if day == 5:
            size = path.stat().st_size
    assert path.stat().st_size < 1.5 * size
    assert await store.count() == 3 * 1440 * points
    await store.close()


async def test_writes_and_reads_go_on_during_compaction(tmp_path: Path) -> None:
    store = await written(tmp_path / "steward.duckdb", 20, points=20)
    task = asyncio.create_task(store.compact())
    meanwhile = 0
    while not task.done():
        await store.write(Batch.of([0], [START + 20 * DAY + meanwhile], [1.0], received=START + 20 * DAY))
        assert (await store.aggregate([3], START, START + 20 * DAY, DAY)).count.tolist() == [1440] * 20
        meanwhile += 1
    await task
    assert meanwhile >= 2
    assert await store.count() == 20 * 20 * 1440 + meanwhile
    await store.close()


async def test_points_of_another_index_and_times_out_of_range_are_refused(tmp_path: Path) -> None:
    store = await written(tmp_path / "steward.duckdb", 1, step=HOUR)
    with pytest.raises(StoreError, match="point numbers"):
        await store.write(Batch.of([99], [START], [1]))
    with pytest.raises(StoreError, match="years 1823 to 2116"):
        await store.write(Batch.of([0], [2**63 - 1], [1]))
    with pytest.raises(StoreError, match="window"):
        await store.aggregate([0], START, START + DAY, 0)
    await store.close()
    with pytest.raises(StoreUnavailable, match="not open"):
        await store.write(Batch.of([0], [START], [1]))
