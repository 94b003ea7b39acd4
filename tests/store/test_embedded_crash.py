"""The embedded store after kill -9 at any moment, and after damage to its files."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from steward.errors import StoreError, StoreVersion
from steward.model import Batch, PointIndex
from steward.store.embedded import EmbeddedStore
from tests.store.ingest_and_die import BACK, IDS, ROWS, START, samples

ROOT = Path(__file__).parents[2]


def ingest_until_killed(path: Path, step: int, steps: int, chance: random.Random, aim: str = "") -> int:
    """Lets a process write at least `steps` steps from `step` and kills it at a random moment; gives the last step that it was
    told is durable. aim: "compact" kills it as soon as it says that a compaction begins, "compacted" that one has ended."""
    command = [sys.executable, "-m", "tests.store.ingest_and_die", str(path), str(step)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    seen: list[str] = []
    for line in process.stdout:
        seen.append(line.strip())
        written = sum(word.isdigit() for word in seen)
        if written >= steps and aim in ("", seen[-1]) and chance.random() < 0.2:
            break
    process.kill()
    seen += process.stdout.read().splitlines()
    process.wait()
    process.stdout.close()
    done = [int(word) for word in seen if word.isdigit()]
    assert done, seen
    return done[-1]


async def whole(path: Path, last: int) -> int:
    """Asserts that everything up to the step `last` is there, once and whole; how many steps there are."""
    store = EmbeddedStore(path, PointIndex(IDS), clock=lambda: START)
    await store.open()
    assert store.lost == 0
    found = await store.read(range(len(IDS)), 0, 2**62)
    keys = np.stack([found.point, found.at])
    assert np.unique(keys, axis=1).shape == keys.shape
    steps = len(found) // ROWS
    assert len(found) == steps * ROWS
    assert steps in (last + 1, last + 2)  # a batch that was durable but not yet acknowledged may be there, whole
    step = (found.at - START) // (120 * 60 * 10**9)
    assert np.array_equal(found.value, step + np.where(step + BACK < steps, 0.5, 0))
    assert await store.count() == len(found)
    windows = await store.aggregate(range(len(IDS)), 0, 2**62, 7200 * 10**9)
    assert windows.count.tolist() == [120] * (steps * len(IDS))
    await store.close()
    return steps


def kill_again_and_again(path: Path, times: int, steps: int) -> None:
    """Kills at any moment, at the beginning of a compaction and at its end in turn: how much of its time a process spends in
    either is the machine's affair."""
    chance, step = random.Random(times), 0
    for number in range(times):
        last = ingest_until_killed(path, step, steps, chance, ("", "compact", "compacted")[number % 3])
        step = asyncio.run(whole(path, last))


def test_three_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path / "steward.duckdb", times=3, steps=20)


@pytest.mark.slow
def test_thirty_kills_in_ingest_and_in_compaction_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path / "steward.duckdb", times=30, steps=30)


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a process killed when all that it wrote was acknowledged, and nothing after its last batch."""
    folder = tmp_path_factory.mktemp("killed")
    command = [sys.executable, "-m", "tests.store.ingest_and_die", str(folder / "steward.duckdb"), "0", str(LAST)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert str(LAST) in (line.strip() for line in process.stdout)
        process.kill()
    return {file.name: file.read_bytes() for file in folder.iterdir()}


LOG, LAST = "steward.duckdb.wal", BACK - 1  # corrections begin after it, so every row written is a row to be found


def cut(size: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:-size]


NOISE = random.Random(7).randbytes(3000)  # no two words alike: DuckDB's checksum is an exclusive or of words, pairs cancel out
DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "one byte short": cut(1),
    "half of it": lambda data: data[: len(data) // 2],
    "a tail of zeros": lambda data: data[:-3000] + bytes(3000),
    "a tail of garbage": lambda data: data[:-3000] + NOISE,
    "garbage in the middle": lambda data: data[: len(data) // 2] + NOISE[:32] + data[len(data) // 2 + 32 :],
    "garbage in the head": lambda data: NOISE[:32] + data[32:],
    "nothing": lambda data: b"",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
async def test_a_damaged_log_opens_and_says_how_many_samples_are_lost(
    tmp_path: Path, left_behind: dict[str, bytes], damage: Callable[[bytes], bytes]
) -> None:
    files = left_behind
    assert len(files[LOG]) > 10_000
    for name, data in files.items():
        (tmp_path / name).write_bytes(damage(data) if name == LOG else data)
    store = EmbeddedStore(tmp_path / "steward.duckdb", PointIndex(IDS))
    await store.open()
    found = await store.read(range(len(IDS)), 0, 2**62)
    written = int(files["steward.duckdb.mark"])
    assert store.lost > 0
    assert written == (LAST + 1) * ROWS
    assert len(found) == written - store.lost
    assert store.lost % ROWS == 0
    assert any(name.endswith(".damaged-1") for name in os.listdir(tmp_path)) or not damage(files[LOG])
    await store.close()
    await store.open()
    assert store.lost == 0
    await store.close()


async def test_garbage_after_the_log_costs_nothing_and_what_is_written_next_survives_a_kill(
    tmp_path: Path, left_behind: dict[str, bytes]
) -> None:
    files = left_behind
    for name, data in files.items():
        (tmp_path / name).write_bytes(data + os.urandom(777) if name == LOG else data)
    path = tmp_path / "steward.duckdb"
    store = EmbeddedStore(path, PointIndex(IDS))
    await store.open()
    assert store.lost == 0
    step = len(await store.read(range(len(IDS)), 0, 2**62)) // ROWS
    await store.close()
    last = await asyncio.to_thread(ingest_until_killed, path, step, 3, random.Random(2))
    await whole(path, last)


async def test_what_is_written_after_a_torn_tail_survives_the_next_kill(tmp_path: Path, left_behind: dict[str, bytes]) -> None:
    files = left_behind
    for name, data in files.items():
        (tmp_path / name).write_bytes(data[:-5] if name == LOG else data)
    path = tmp_path / "steward.duckdb"
    script = (
        "import asyncio, os, sys; from steward.model import *; from steward.store.embedded import EmbeddedStore\n"
        "async def main():\n"
        "    store = EmbeddedStore(sys.argv[1], PointIndex(['late'])); await store.open()\n"
        "    await store.write(Batch.of([0], [7], [42.0])); os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())"
    )
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", script, str(path), cwd=ROOT, stdout=subprocess.DEVNULL)
    assert await killed.wait() == -signal.SIGKILL
    store = EmbeddedStore(path, PointIndex(["late"]))
    await store.open()
    assert store.lost == 0
    assert (await store.read([0], 0, 10)).value.tolist() == [42.0]
    await store.close()


async def test_a_truncated_or_overwritten_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "steward.duckdb"
    store = EmbeddedStore(path, PointIndex(IDS))
    await store.open()
    await store.write(samples(0))
    await store.close()
    whole_file = path.read_bytes()
    for data in (whole_file[:20_000], whole_file[:8] + b"garbage!" * 10 + whole_file[88:], bytes(len(whole_file)), b""):
        path.write_bytes(data)
        with pytest.raises((StoreError, StoreVersion), match=r"is not a Steward store|cannot be opened|empty file"):
            await store.open()
        assert path.read_bytes() == data
    path.write_bytes(whole_file)
    await store.open()
    assert len(await store.read(range(len(IDS)), 0, 2**62)) == ROWS
    await store.close()


async def test_a_lost_file_with_its_log_still_there_is_not_replaced_by_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "steward.duckdb"
    (tmp_path / LOG).write_bytes(b"a log")
    with pytest.raises(StoreError, match="is missing"):
        await EmbeddedStore(path, PointIndex()).open()
    assert not path.exists()


async def test_a_batch_survives_without_a_close(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "steward.duckdb", PointIndex(["a"]))
    await store.open()
    await store.write(Batch.of([0], [1], [2.0]))
    for name in ("steward.duckdb", LOG):
        (tmp_path / f"copy-{name}").write_bytes((tmp_path / name).read_bytes())
    await store.close()
    copy = EmbeddedStore(tmp_path / "copy-steward.duckdb", PointIndex(["a"]))
    await copy.open()
    assert (await copy.read([0], 0, 2)).value.tolist() == [2.0]
    await copy.close()


FULL_DISK = """
import asyncio, resource, sys
import numpy as np
from steward.errors import StoreUnavailable
from steward.model import Batch, PointIndex
from steward.store.embedded import EmbeddedStore

random = np.random.default_rng(1)

async def main(path):
    store, kept, failed = EmbeddedStore(path, PointIndex(["a"])), 0, 0
    await store.open()
    store._connection.execute("SET checkpoint_threshold = '300KB'")
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, resource.RLIM_INFINITY))  # the disk is full for any file that size
    while failed < 3:
        try:
            await store.write(Batch.of([0] * 1000, np.arange(1000) + kept * 1000, random.normal(size=1000)))
            kept += 1
        except StoreUnavailable as error:
            failed += 1
            print(str(error)[:200], file=sys.stderr)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    for _ in range(3):
        await store.write(Batch.of([0] * 1000, np.arange(1000) + kept * 1000, random.normal(size=1000)))
        kept += 1
    assert await store.count() == kept * 1000, (await store.count(), kept)
    await store.close()
    await store.open()
    assert (await store.count(), store.lost) == (kept * 1000, 0)
    await store.close()

asyncio.run(main(sys.argv[1]))
"""


def test_a_full_disk_makes_the_store_unavailable_until_there_is_room_and_loses_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "steward.duckdb")],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "opened again after" in done.stderr
