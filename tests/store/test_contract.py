"""The store contract, held against every engine of `conftest.ENGINES`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steward.errors import StoreError
from steward.model import Batch, PointIndex, Quality
from steward.store import Store
from tests.store.conftest import Factory

SECOND, MINUTE, HOUR, DAY = 10**9, 60 * 10**9, 3600 * 10**9, 86400 * 10**9
NOON = 20_454 * DAY + 12 * HOUR
"""2026-01-01 12:00 UTC."""


@asynccontextmanager
async def opened(engine: Factory, ids: Sequence[str] = ("a", "b", "c")) -> AsyncIterator[Store]:
    store = engine(PointIndex(ids))
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def rows(batch: Batch) -> list[tuple[int, int, float]]:
    """(point, at, value) of each row."""
    return list(zip(batch.point.tolist(), batch.at.tolist(), batch.value.tolist(), strict=True))


async def all_of(store: Store, points: Sequence[int] = (0, 1, 2), start: int = -(10**18), end: int = 4 * 10**18) -> Any:
    return rows(await store.read(points, start, end))


async def test_what_was_written_is_read_with_every_column(engine: Factory) -> None:
    async with opened(engine) as store:
        await store.write(
            Batch.of(
                [0, 1],
                [NOON, NOON],
                [1.5, -2.25],
                received=[NOON + 7, NOON + 123_456_789],
                quality=[0, 1],
                historical=[False, True],
            )
        )
        found = await store.read([0, 1], NOON, NOON + 1)
        assert rows(found) == [(0, NOON, 1.5), (1, NOON, -2.25)]
        assert found.received.tolist() == [NOON + 7, NOON + 123_456_789]
        assert found.quality.tolist() == [0, 1]
        assert found.historical.tolist() == [False, True]
        assert [found.point.dtype, found.at.dtype, found.received.dtype] == [np.int32, np.int64, np.int64]
        assert [found.value.dtype, found.quality.dtype, found.historical.dtype] == [np.float64, np.uint8, np.bool_]


async def test_a_duplicate_delivery_changes_nothing(engine: Factory) -> None:
    async with opened(engine) as store:
        batch = Batch.of([0, 1, 0], [NOON, NOON, NOON + MINUTE], [1, 2, 3])
        for _ in range(3):
            await store.write(batch)
        assert await all_of(store) == [(0, NOON, 1), (0, NOON + MINUTE, 3), (1, NOON, 2)]
        assert (await store.aggregate([0, 1], NOON, NOON + HOUR, HOUR)).count.tolist() == [2, 1]
        assert await store.count() in (3, -1)


async def test_a_corrected_value_replaces_the_first(engine: Factory) -> None:
    async with opened(engine) as store:
        await store.write(Batch.of([0, 1], [NOON, NOON], [1, 2]))
        await store.write(Batch.of([0], [NOON], [9], quality=Quality.UNCERTAIN))
        found = await store.read([0, 1], NOON, NOON + 1)
        assert rows(found) == [(0, NOON, 9), (1, NOON, 2)]
        assert found.quality.tolist() == [Quality.UNCERTAIN, Quality.GOOD]


async def test_a_correction_after_housekeeping_replaces_the_first(engine: Factory) -> None:
    async with opened(engine) as store:
        for day in range(3):
            await store.write(Batch.of([0, 1], [NOON + day * DAY] * 2, [1, 2], received=NOON + day * DAY))
        await store.compact()
        await store.write(Batch.of([0], [NOON], [9], received=NOON + 2 * DAY))
        assert (await all_of(store))[0] == (0, NOON, 9)
        assert (await store.aggregate([0], NOON, NOON + MINUTE, HOUR)).mean.tolist() == [9]
        await store.compact()
        assert (await all_of(store))[0] == (0, NOON, 9)
        assert len(await all_of(store)) == 6
        assert await store.count() in (6, -1)


async def test_of_equal_keys_in_one_batch_the_last_row_wins(engine: Factory) -> None:
    async with opened(engine) as store:
        await store.write(Batch.of([0, 1, 0, 0], [NOON, NOON, NOON, NOON + 1], [1, 2, 3, 4]))
        assert await all_of(store) == [(0, NOON, 3), (0, NOON + 1, 4), (1, NOON, 2)]


async def test_samples_out_of_order_are_read_in_order(engine: Factory) -> None:
    async with opened(engine) as store:
        at = NOON + np.random.default_rng(5).permutation(500) * SECOND
        for part in np.array_split(at, 7):
            await store.write(Batch.of(np.arange(len(part)) % 3, part, part // SECOND % 1000))
        found = await store.read([2, 0, 1], NOON, NOON + HOUR)
        assert len(found) == 500
        assert np.array_equal(np.lexsort((found.at, found.point)), np.arange(500))


async def test_the_start_is_included_and_the_end_is_not(engine: Factory) -> None:
    async with opened(engine) as store:
        await store.write(Batch.of([0, 0, 0, 0], [NOON - 1, NOON, NOON + HOUR - 1, NOON + HOUR], [1, 2, 3, 4]))
        assert [value for *_, value in await all_of(store, [0], NOON, NOON + HOUR)] == [2, 3]
        found = await store.aggregate([0], NOON, NOON + HOUR, HOUR)
        assert (found.start.tolist(), found.sum.tolist(), found.count.tolist()) == ([NOON], [5], [2])


async def test_aggregates_of_a_window(engine: Factory) -> None:
    async with opened(engine) as store:
        await store.write(
            Batch.of(
                [0] * 5 + [1],
                [NOON, NOON + 1, NOON + 9 * MINUTE, NOON + 30 * MINUTE, NOON + 31 * MINUTE, NOON],
                [4, 1, 7, 2, 2.5, 8],
            )
        )
        found = await store.aggregate([1, 0], NOON, NOON + HOUR, 10 * MINUTE)
        assert found.point.tolist() == [0, 0, 1]
        assert found.start.tolist() == [NOON, NOON + 30 * MINUTE, NOON]
        assert found.mean.tolist() == [4, 2.25, 8]
        assert found.min.tolist() == [1, 2, 8]
        assert found.max.tolist() == [7, 2.5, 8]
        assert found.sum.tolist() == [12, 4.5, 8]
        assert found.count.tolist() == [3, 2, 1]
        assert found.first.tolist() == [4, 2, 8]
        assert found.last.tolist() == [7, 2.5, 8]


async def test_windows_are_days_of_a_time_zone_by_their_origin(engine: Factory) -> None:
    async with opened(engine) as store:
        midnight = int(datetime(2026, 1, 2, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()) * SECOND
        await store.write(Batch.of([0] * 4, [midnight - 1, midnight, midnight + DAY - 1, midnight + DAY], [1, 2, 3, 4]))
        found = await store.aggregate([0], midnight - DAY, midnight + 2 * DAY, DAY, origin=midnight)
        assert found.start.tolist() == [midnight - DAY, midnight, midnight + DAY]
        assert found.sum.tolist() == [1, 5, 4]
        same = await store.aggregate([0], midnight - DAY, midnight + 2 * DAY, DAY, origin=midnight - 1000 * DAY)
        assert same.start.tolist() == found.start.tolist()


async def test_a_window_begun_before_the_start_counts_only_what_is_in_the_range(engine: Factory) -> None:
    async with opened(engine) as store:
        await store.write(Batch.of([0] * 3, [NOON, NOON + 10 * MINUTE, NOON + 50 * MINUTE], [1, 2, 4]))
        found = await store.aggregate([0], NOON + 10 * MINUTE, NOON + 50 * MINUTE, HOUR)
        assert (found.start.tolist(), found.sum.tolist()) == ([NOON], [2])


async def test_bad_samples_are_kept_but_neither_aggregated_nor_the_latest(engine: Factory) -> None:
    async with opened(engine) as store:
        await store.write(Batch.of([0, 0, 1], [NOON, NOON + MINUTE, NOON], [1, 99, 5], quality=[0, Quality.BAD, Quality.BAD]))
        assert len(await all_of(store)) == 3
        found = await store.aggregate([0, 1], NOON, NOON + HOUR, HOUR)
        assert (found.point.tolist(), found.max.tolist(), found.count.tolist()) == ([0], [1], [1])
        assert rows(await store.latest(None, NOON - DAY)) == [(0, NOON, 1)]


async def test_a_sample_corrected_to_bad_no_longer_counts(engine: Factory) -> None:
    async with opened(engine) as store:
        await store.write(Batch.of([0, 0], [NOON, NOON + MINUTE], [1, 99]))
        await store.write(Batch.of([0], [NOON + MINUTE], [99], quality=Quality.BAD))
        assert (await store.aggregate([0], NOON, NOON + HOUR, HOUR)).sum.tolist() == [1]
        assert rows(await store.latest([0], NOON)) == [(0, NOON, 1)]


async def test_latest_gives_the_newest_of_each_point_since_a_moment(engine: Factory) -> None:
    async with opened(engine) as store:
        await store.write(Batch.of([0, 0, 1, 2], [NOON, NOON + MINUTE, NOON, NOON - HOUR], [1, 2, 3, 4]))
        await store.write(Batch.of([0], [NOON - MINUTE], [8]))  # late: does not become the latest
        assert rows(await store.latest(None, NOON)) == [(0, NOON + MINUTE, 2), (1, NOON, 3)]
        assert rows(await store.latest([2, 1], NOON - DAY)) == [(1, NOON, 3), (2, NOON - HOUR, 4)]
        assert rows(await store.latest([2], NOON)) == []


@pytest.mark.parametrize("at", [1_000, -5 * DAY, 4_000_000_000 * SECOND, NOON + 123_456_789])
async def test_times_far_away_are_kept_to_the_nanosecond(engine: Factory, at: int) -> None:
    async with opened(engine) as store:
        await store.write(Batch.of([0, 0], [at, at + 1], [1, 2], received=NOON))
        assert rows(await store.read([0], at, at + 2)) == [(0, at, 1), (0, at + 1, 2)]
        assert rows(await store.read([0], at + 1, at + 2)) == [(0, at + 1, 2)]
        found = await store.aggregate([0], at, at + 2, HOUR)
        assert found.start.tolist() == [at - at % HOUR]


async def test_nothing_found_gives_empty_columns(engine: Factory) -> None:
    async with opened(engine) as store:
        for batch in (
            await store.read([0], NOON, NOON + DAY),
            await store.latest(None, 0),
            await store.arrived(0, NOON),
            await store.read([], 0, NOON),
        ):
            assert len(batch) == 0
            assert [str(batch.point.dtype), str(batch.at.dtype), str(batch.value.dtype)] == ["int32", "int64", "float64"]
        found = await store.aggregate([0], NOON, NOON + DAY, HOUR)
        assert len(found) == 0
        assert [str(found.start.dtype), str(found.count.dtype), str(found.mean.dtype)] == ["int64", "int64", "float64"]
        await store.write(Batch.of([], [], []))
        assert await store.delete([0], NOON, NOON + DAY) in (0, -1)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
async def test_a_value_that_is_no_number_is_refused_before_anything_is_written(engine: Factory, value: float) -> None:
    async with opened(engine) as store:
        with pytest.raises(StoreError):
            await store.write(Batch.of([0, 1], [NOON, NOON], [1, value]))
        assert await all_of(store) == []


async def test_values_at_the_edges_of_a_double_are_kept(engine: Factory) -> None:
    values = [0.1 + 0.2, -0.0, 5e-324, 1.7976931348623157e308, -1e-300, 2**53 + 2.0, 1e15 / 3]
    async with opened(engine) as store:
        await store.write(Batch.of([0] * len(values), NOON + np.arange(len(values)), values))
        assert (await store.read([0], NOON, NOON + HOUR)).value.tolist() == values


async def test_point_ids_of_any_script_are_kept(engine: Factory) -> None:
    ids = ["机房/温度", "água fria", "a,b=c d", 'say "hi"\\', "'; DROP TABLE points; --", "émoji 🌡", "x" * 300]
    async with opened(engine, ids) as store:
        await store.write(Batch.of(np.arange(len(ids)), [NOON] * len(ids), np.arange(len(ids))))
        assert await all_of(store, range(len(ids))) == [(n, NOON, n) for n in range(len(ids))]
    index = PointIndex(["another", *reversed(ids)])
    store = engine(index)
    await store.open()
    found = await store.latest(None, NOON - DAY)
    assert {index.ids[n]: value for n, _, value in rows(found)} == {id: float(n) for n, id in enumerate(ids)}
    await store.close()


async def test_a_large_batch_is_written_at_once(engine: Factory) -> None:
    async with opened(engine, [f"p{n}" for n in range(500)]) as store:
        number = np.arange(100_000)
        await store.write(Batch.of(number % 500, NOON + number // 500 * SECOND, number * 0.5))
        found = await store.aggregate(range(500), NOON, NOON + HOUR, HOUR)
        assert found.count.tolist() == [200] * 500
        assert float(found.sum.sum()) == float(number.sum()) * 0.5
        assert len(await store.read(range(500), NOON, NOON + HOUR)) == 100_000


async def test_a_limit_bounds_the_rows_of_a_read(engine: Factory) -> None:
    async with opened(engine) as store:
        await store.write(Batch.of([0] * 5 + [1] * 5, list(NOON + np.arange(5)) * 2, range(10)))
        assert [value for *_, value in rows(await store.read([0, 1], NOON, NOON + HOUR, limit=6))] == [0, 1, 2, 3, 4, 5]


async def test_reads_during_writes_see_whole_batches(engine: Factory) -> None:
    async with opened(engine) as store:
        done = asyncio.Event()

        async def write() -> None:
            for step in range(30):
                await store.write(Batch.of([0] * 100, NOON + step * MINUTE + np.arange(100), np.arange(100)))
            done.set()

        async def look() -> int:
            seen = 0
            while not done.is_set():
                count = len(await store.read([0], NOON, NOON + DAY))
                assert count % 100 == 0
                assert count >= seen
                seen = count
                await asyncio.sleep(0)
            return seen

        await asyncio.gather(write(), look(), look())
        assert len(await store.read([0], NOON, NOON + DAY)) == 3000


async def test_a_deleted_range_is_gone_and_can_be_written_again(engine: Factory) -> None:
    async with opened(engine) as store:
        await store.write(Batch.of([0] * 4 + [1] * 4, [NOON + step * MINUTE for step in range(4)] * 2, range(8)))
        assert await store.delete([0], NOON + MINUTE, NOON + 3 * MINUTE) in (2, -1)
        assert [value for *_, value in await all_of(store)] == [0, 3, 4, 5, 6, 7]
        await store.write(Batch.of([0], [NOON + MINUTE], [11]))
        assert [value for *_, value in await all_of(store, [0])] == [0, 11, 3]


async def test_a_deleted_correction_does_not_bring_the_first_value_back(engine: Factory) -> None:
    async with opened(engine) as store:
        for value in (1, 2):
            await store.write(Batch.of([0, 0], [NOON, NOON + 3 * DAY], [value, value], received=NOON + 3 * DAY))
            await store.compact()
        await store.write(Batch.of([0], [NOON], [3], received=NOON + 3 * DAY))
        assert await store.delete([0], NOON, NOON + 1) in (1, -1)
        assert await all_of(store, [0]) == [(0, NOON + 3 * DAY, 2)]


async def test_what_is_older_than_the_retention_is_forgotten(engine: Factory) -> None:
    async with opened(engine) as store:
        days = np.arange(6)
        await store.write(Batch.of([0] * 6, NOON + days * DAY, days, received=NOON + 5 * DAY))
        await store.compact()
        await store.write(Batch.of([1], [NOON], [7], received=NOON + 5 * DAY))
        await store.retain(NOON + 3 * DAY)
        assert [value for *_, value in await all_of(store)] == [3, 4, 5]


async def test_arrivals_are_paged_in_the_order_of_their_arrival(engine: Factory) -> None:
    async with opened(engine) as store:
        await store.write(Batch.of([1, 0], [NOON, NOON - HOUR], [1, 2], received=[NOON + 2, NOON + 2]))
        await store.write(Batch.of([0, 2], [NOON, NOON - DAY], [3, 4], received=[NOON + 1, NOON + 5], historical=[False, True]))
        found = await store.arrived(NOON, NOON + DAY)
        assert [value for *_, value in rows(found)] == [3, 2, 1, 4]
        assert found.received.tolist() == [NOON + 1, NOON + 2, NOON + 2, NOON + 5]
        assert [value for *_, value in rows(await store.arrived(NOON, NOON + DAY, limit=2))] == [3, 2]
        assert [value for *_, value in rows(await store.arrived(NOON + 2, NOON + 5))] == [2, 1]


async def test_everything_is_there_after_reopening_with_another_index(engine: Factory) -> None:
    async with opened(engine, ["a", "b"]) as store:
        await store.write(Batch.of([0, 1], [NOON, NOON], [1, 2]))
    index = PointIndex(["new", "b"])
    store = engine(index)
    await store.open()
    await store.write(Batch.of([0, 1], [NOON, NOON + 1], [5, 6]))
    found = await store.latest(None, NOON - DAY)
    assert {(index.ids[n], value) for n, _, value in rows(found)} == {("a", 1), ("b", 6), ("new", 5)}
    await store.close()
    await store.close()


class Model:
    """The contract in twenty lines: a dictionary."""

    def __init__(self) -> None:
        self.samples: dict[tuple[int, int], tuple[float, int]] = {}

    def write(self, batch: Batch) -> None:
        keys = zip(batch.point.tolist(), batch.at.tolist(), strict=True)
        self.samples.update(zip(keys, zip(batch.value.tolist(), batch.quality.tolist(), strict=True), strict=True))

    def forget(self, points: set[int], start: int, end: int) -> None:
        self.samples = {key: found for key, found in self.samples.items() if not (key[0] in points and start <= key[1] < end)}

    def windows(self, start: int, end: int, window: int, origin: int) -> dict[tuple[int, int], list[float]]:
        found: dict[tuple[int, int], list[float]] = {}
        for (point, at), (value, quality) in sorted(self.samples.items()):
            if start <= at < end and quality < Quality.BAD:
                found.setdefault((point, at - (at - origin) % window), []).append(value)
        return found


moments = st.builds(
    lambda day, minute, rest: NOON + day * DAY + minute * MINUTE + rest,
    st.integers(-2, 3),
    st.integers(0, 90),
    st.sampled_from([0, 0, 1]),
)
batches = st.lists(
    st.tuples(st.integers(0, 2), moments, st.integers(-50, 50), st.sampled_from([0, 0, 0, 1, 2])), min_size=1, max_size=60
)
steps = st.lists(
    st.one_of(
        batches.map(lambda rows: ("write", rows)),
        st.just(("compact", None)),
        st.tuples(st.just("delete"), st.tuples(st.sets(st.integers(0, 2), min_size=1), moments, moments)),
        st.tuples(st.just("retain"), moments.filter(lambda at: at < NOON)),
    ),
    min_size=2,
    max_size=10,
)


async def apply(store: Store, model: Model, step: tuple[str, Any]) -> None:
    kind, what = step
    if kind == "write":
        point, at, value, quality = zip(*what, strict=True)
        batch = Batch.of(point, at, value, quality=quality, received=NOON + 4 * DAY)
        await store.write(batch)
        model.write(batch)
    elif kind == "compact":
        await store.compact()
    elif kind == "delete":
        await store.delete(sorted(what[0]), what[1], what[2])
        model.forget(what[0], what[1], what[2])
    else:
        await store.retain(what)
        model.forget({0, 1, 2}, -(10**19), what)


async def agrees(store: Store, model: Model, start: int, end: int, window: int, origin: int) -> None:
    assert await all_of(store) == [(*key, value) for key, (value, _) in sorted(model.samples.items())]
    assert await store.count() in (len(model.samples), -1)
    expected = model.windows(start, end, window, origin)
    found = await store.aggregate([0, 1, 2], start, end, window, origin)
    assert list(zip(found.point.tolist(), found.start.tolist(), strict=True)) == sorted(expected)
    groups = [np.array(expected[key]) for key in sorted(expected)]
    for name in ("sum", "min", "max", "mean"):
        assert np.allclose(getattr(found, name), [getattr(group, name)() for group in groups])
    assert found.count.tolist() == [len(group) for group in groups]
    assert found.first.tolist() == [group[0] for group in groups]
    assert found.last.tolist() == [group[-1] for group in groups]
    newest = {
        point: (at, value)
        for (point, at), (value, quality) in sorted(model.samples.items())
        if at >= start and quality < Quality.BAD
    }
    assert rows(await store.latest(None, start)) == [(point, *newest[point]) for point in sorted(newest)]
    assert sorted(rows(await store.arrived(NOON + 4 * DAY, NOON + 5 * DAY))) == await all_of(store)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    history=steps,
    start=moments,
    window=st.sampled_from([MINUTE, 15 * MINUTE, HOUR, DAY, 7 * MINUTE + 1]),
    origin=st.sampled_from([0, -8 * HOUR, 1]),
)
def test_any_history_reads_like_a_dictionary(engine: Factory, history: list[Any], start: int, window: int, origin: int) -> None:
    async def scenario() -> None:
        async with opened(engine) as store:
            await store.delete([0, 1, 2], -(10**18), 4 * 10**18)
            model = Model()
            for step in history:
                await apply(store, model, step)
            await agrees(store, model, start, start + 3 * DAY + 5 * MINUTE, window, origin)
            await store.delete([0, 1, 2], -(10**18), 4 * 10**18)

    asyncio.run(scenario())
