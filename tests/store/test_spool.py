"""The spool before a store that fails, hangs, recovers or refuses; its files after a crash."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from steward.errors import SpoolFull, StoreError, StoreUnavailable
from steward.model import Batch, PointIndex
from steward.store._segments import Segments
from steward.store.embedded import EmbeddedStore
from steward.store.spool import SpooledStore

NOW = 1_767_268_800_000_000_000
IDS = ["a", "b", "机房/温度"]


class Flaky(EmbeddedStore):
    """The embedded store with a switch: `up`, `down`, `hanging` or `refusing`."""

    mode = "up"

    async def open(self) -> None:
        if self.mode == "down":
            raise StoreUnavailable("switched off")
        await super().open()

    async def write(self, batch: Batch) -> None:
        if self.mode == "down":
            raise StoreUnavailable("switched off")
        if self.mode == "refusing":
            raise StoreError("refused for good")
        while self.mode == "hanging":
            await asyncio.sleep(0.01)
        await super().write(batch)


def batch(value: float, size: int = 3) -> Batch:
    return Batch.of(
        np.arange(size) % 3, [NOW] * min(size, 3) + [NOW + n for n in range(1, size - 2)], [value] * size, received=NOW + 5
    )


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def spooled(
    folder: Path, mode: str = "up", limit: int = 1 << 20, registry: CollectorRegistry | None = None, patience: float = 60.0
) -> AsyncIterator[SpooledStore]:
    index = PointIndex(IDS)
    store = Flaky(folder / "steward.duckdb", index)
    store.mode = mode
    spool = SpooledStore(
        store, index, folder / "spool", limit, lambda: NOW, registry or CollectorRegistry(), patience=patience, retry=0.01
    )
    await spool.open()
    try:
        yield spool
    finally:
        store.mode = "up" if store.mode == "hanging" else store.mode
        await spool.close()


def switch(spool: SpooledStore, mode: str) -> None:
    assert isinstance(spool.store, Flaky)
    spool.store.mode = mode


async def values(spool: SpooledStore) -> list[float]:
    return list((await spool.read([0, 1, 2], NOW, NOW + 10**9)).value.tolist())


async def test_a_store_that_is_up_gets_the_batch_at_once(tmp_path: Path) -> None:
    async with spooled(tmp_path) as spool:
        await spool.write(batch(1))
        assert await values(spool) == [1, 1, 1]
        assert spool.status().state == "empty"
        assert spool.status().size == 0


async def test_what_a_store_that_is_down_missed_is_drained_in_order(tmp_path: Path) -> None:
    async with spooled(tmp_path) as spool:
        await spool.write(batch(0))
        switch(spool, "down")
        for value in range(1, 20):
            await spool.write(batch(value))
        status = spool.status()
        assert (status.state, status.samples, status.oldest, status.error) == ("draining", 57, NOW, "switched off")
        switch(spool, "up")
        await until(lambda: spool.status().state == "empty")
        assert await values(spool) == [19, 19, 19]  # the last written wins: the order held
        assert spool.status().size == 0
        assert spool.status().error == ""


async def test_a_new_batch_queues_behind_what_is_spooled(tmp_path: Path) -> None:
    async with spooled(tmp_path, "down") as spool:
        for value in range(50):
            await spool.write(batch(value))
        switch(spool, "up")
        value = 50
        while spool.status().state != "empty" or value < 60:
            await spool.write(batch(value))
            value += 1
            await asyncio.sleep(0)
        assert await values(spool) == [value - 1] * 3


async def test_a_write_that_hangs_is_spooled_and_drained_when_it_comes_back(tmp_path: Path) -> None:
    async with spooled(tmp_path, patience=0.5) as spool:
        switch(spool, "hanging")
        await spool.write(batch(1))
        await spool.write(batch(2))
        assert spool.status().samples == 6
        assert "longer than" in spool.status().error
        switch(spool, "up")
        await until(lambda: spool.status().state == "empty")
        assert await values(spool) == [2, 2, 2]


async def test_the_spool_survives_a_restart_and_a_changed_index(tmp_path: Path) -> None:
    async with spooled(tmp_path, "down") as spool:
        await spool.write(batch(1))
        await spool.write(batch(2))
    index = PointIndex(["new", *reversed(IDS)])
    store = EmbeddedStore(tmp_path / "steward.duckdb", index)
    again = SpooledStore(store, index, tmp_path / "spool", 1 << 20, lambda: NOW, CollectorRegistry(), retry=0.01)
    await again.open()
    await until(lambda: again.status().state == "empty")
    found = await again.latest(None, NOW)
    assert {
        index.ids[number]: value for number, value in zip(found.point.tolist(), found.value.tolist(), strict=True)
    } == dict.fromkeys(IDS, 2)
    assert found.received.tolist() == [NOW + 5] * 3
    await again.close()


async def test_a_spool_that_grows_is_filling_and_then_full_and_refuses_without_dropping(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    async with spooled(tmp_path, "down", limit=100_000, registry=registry) as spool:
        seen = []
        kept = 0
        while spool.status().size < 100_000 - 4_000:
            await spool.write(batch(kept, size=100))
            kept += 1
            seen.append(spool.status().state)
        with pytest.raises(SpoolFull, match="100000 bytes"):
            await spool.write(batch(-1, size=1000))
        assert list(dict.fromkeys(seen)) == ["draining", "filling"]
        assert spool.status().state == "full"
        assert registry.get_sample_value("steward_spool_full") == 1
        assert (registry.get_sample_value("steward_spool_bytes") or 0) > 90_000
        assert spool.status().size <= 100_000
        assert sum(path.stat().st_size for path in (tmp_path / "spool").glob("*.spool")) == spool.status().size
        switch(spool, "up")
        await until(lambda: spool.status().state == "empty")
        assert await values(spool) == [kept - 1] * 100
        assert registry.get_sample_value("steward_spool_full") == 0
        await spool.write(batch(7))


async def test_a_batch_that_no_store_takes_is_set_aside_and_does_not_block(tmp_path: Path) -> None:
    async with spooled(tmp_path, "down") as spool:
        await spool.write(batch(1))
        switch(spool, "refusing")
        await until(lambda: spool.status().refused == 1)
        assert len(list((tmp_path / "spool").glob("*.refused"))) == 1
        switch(spool, "up")
        await spool.write(batch(2))
        await until(lambda: spool.status().state == "empty")
        assert await values(spool) == [2, 2, 2]


async def test_of_batches_drained_together_only_the_wrong_one_is_set_aside(tmp_path: Path) -> None:
    class Picky(Flaky):
        async def write(self, batch: Batch) -> None:
            if self.mode == "up" and (batch.value == 13).any():
                raise StoreError("13 is refused")
            await super().write(batch)

    index = PointIndex(IDS)
    store = Picky(tmp_path / "steward.duckdb", index)
    store.mode = "down"
    spool = SpooledStore(store, index, tmp_path / "spool", 1 << 20, lambda: NOW, CollectorRegistry(), retry=0.01)
    await spool.open()
    for value in (12, 13, 12.5, 13, 12.75):
        await spool.write(batch(value))
    store.mode = "up"
    await until(lambda: spool.status().state == "empty")
    assert await values(spool) == [12.75] * 3
    assert spool.status().refused == 2
    await spool.close()


async def test_a_wrong_batch_is_refused_and_not_spooled(tmp_path: Path) -> None:
    async with spooled(tmp_path, "down") as spool:
        with pytest.raises(StoreError):
            await spool.write(batch(float("nan")))
        assert spool.status().samples == 0


async def test_two_processes_do_not_share_a_spool(tmp_path: Path) -> None:
    async with spooled(tmp_path) as spool:
        assert spool.status().state == "empty"
        with pytest.raises(StoreUnavailable, match="another process"):
            Segments(tmp_path / "spool", PointIndex(), 1000).open()


def filled(folder: Path, count: int) -> Segments:
    segments = Segments(folder, PointIndex(IDS), 1 << 20)
    segments.open()
    for value in range(count):
        segments.append(batch(value), NOW + value)
    return segments


def drained(folder: Path) -> tuple[list[float], list[str]]:
    segments = Segments(folder, PointIndex(), 1 << 20)
    damaged = segments.open()
    found = []
    while (first := segments.first()) is not None:
        assert first[1] == 1
        found.append(float(first[0].value[0]))
        segments.drop(1)
    segments.close()
    assert list(folder.glob("*.spool")) == []
    return found, damaged


@pytest.mark.parametrize("cut", [1, 20, 100])
def test_a_torn_tail_is_cut_off_and_told(tmp_path: Path, cut: int) -> None:
    filled(tmp_path, 5).close()
    (path,) = tmp_path.glob("*.spool")
    os.truncate(path, path.stat().st_size - cut)
    found, damaged = drained(tmp_path)
    assert found == [0, 1, 2, 3]
    assert len(damaged) == 1
    assert "never acknowledged" in damaged[0]


def test_damage_in_the_middle_costs_one_batch_and_is_told(tmp_path: Path) -> None:
    filled(tmp_path, 5).close()
    (path,) = tmp_path.glob("*.spool")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    found, damaged = drained(tmp_path)
    assert found == [0, 1, 3, 4]
    assert "at least one batch is lost" in damaged[0]


def test_a_segment_half_drained_is_replayed_after_a_crash(tmp_path: Path) -> None:
    segments = filled(tmp_path, 4)
    segments.drop(1)
    segments.close()
    assert drained(tmp_path)[0] == [0, 1, 2, 3]


def test_many_batches_take_several_segments_that_go_one_by_one(tmp_path: Path) -> None:
    segments = Segments(tmp_path, PointIndex(IDS), 80_000)
    segments.open()
    for value in range(30):
        segments.append(batch(value, size=50), NOW)
    before = len(list(tmp_path.glob("*.spool")))
    assert before >= 4
    for value in range(29):
        first = segments.first()
        assert first is not None
        assert first[0].value[0] == value
        segments.drop(1)
    assert len(list(tmp_path.glob("*.spool"))) == 1
    segments.close()


KILLED = """
import sys
from pathlib import Path
from steward.model import Batch, PointIndex
from steward.store._segments import Segments
segments = Segments(Path(sys.argv[1]), PointIndex(["a"]), 1 << 30)
segments.open()
step = int(sys.argv[2])
while True:
    segments.append(Batch.of([0] * 500, range(500), [step] * 500), step)
    step += 1
    print(step, flush=True)
"""


def test_no_acknowledged_batch_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    acknowledged = 0
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path), str(acknowledged)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for _ in range(20):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read()
        process.wait()
        process.stdout.close()
        segments = Segments(tmp_path, PointIndex(), 1 << 30)
        segments.open()
        steps = [frame.at for frame in segments._frames]
        segments.close()
        assert steps == list(range(len(steps)))
        printed = [int(line) for line in rest.split("\n")[:-1] if line]
        assert len(steps) >= max([acknowledged + 20, *printed])
        acknowledged = len(steps)
