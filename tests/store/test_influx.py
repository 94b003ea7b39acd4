"""What is InfluxDB's own about the engine: series and metadata, corrections, set-up. Live, and as recorded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from steward.errors import StoreError, StoreVersion
from steward.model import Batch, Nature, Point, PointIndex, Quality
from steward.store.flux import string
from steward.store.influx import InfluxStore, describe, init_store
from tests.store import influx_engine as engines
from tests.store import influx_server as server

SECOND, MINUTE, HOUR, DAY = 10**9, 60 * 10**9, 3600 * 10**9, 86400 * 10**9
NOON = 20_454 * DAY + 12 * HOUR
AHU = Point("ahu1", {"": "AHU 1"}, "temperature", "degC", Nature.GAUGE, "hall", space="plant room", equip="ahu1", device="gw1")


@pytest.fixture(params=[pytest.param("live", marks=pytest.mark.influx), pytest.param("recorded", marks=pytest.mark.vcr)])
def url(request: pytest.FixtureRequest) -> str:
    """The address of a server, real or recorded."""
    return str(request.getfixturevalue("influx_server")) if request.param == "live" else engines.recorded_url(request)


@pytest.fixture
def bucket(url: str, request: pytest.FixtureRequest) -> str:
    """An empty bucket."""
    name = engines.bucket_name(request)
    if url != engines.REPLAYED:
        server.create_bucket(url, name)
    return name


Opened = Callable[..., Any]


@pytest.fixture
def store(url: str, bucket: str) -> Opened:
    """An open store over the bucket, with the metadata of its points."""

    @asynccontextmanager
    async def opened(points: dict[str, Point] | None = None, **more: Any) -> AsyncIterator[InfluxStore]:
        index = PointIndex(points or ["a", "b"])
        store = InfluxStore(url, server.ORG, bucket, server.TOKEN, index, (points or {}).get, **more)
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    return opened


def rows(batch: Batch) -> list[tuple[int, int, float]]:
    return list(zip(batch.point.tolist(), batch.at.tolist(), batch.value.tolist(), strict=True))


async def test_a_point_that_moved_is_still_one_point(store: Opened) -> None:
    points = {"ahu1": AHU}
    async with store(points) as steward:
        await steward.write(Batch.of([0, 0], [NOON, NOON + MINUTE], [1, 2], received=NOON + HOUR))
        points["ahu1"] = replace(AHU, site="annexe", space="", equip="ahu7")
        steward.refresh()
        await steward.write(Batch.of([0, 0], [NOON + MINUTE, NOON + 2 * MINUTE], [2.5, 3], received=NOON + 2 * HOUR))
        expected = [(0, NOON, 1), (0, NOON + MINUTE, 2.5), (0, NOON + 2 * MINUTE, 3)]
        assert rows(await steward.read([0], NOON, NOON + HOUR)) == expected
        assert rows(await steward.read([0], NOON, NOON + HOUR, limit=2)) == expected[:2]
        assert rows(await steward.latest(None, NOON)) == expected[-1:]
        windows = await steward.aggregate([0], NOON, NOON + HOUR, HOUR)
        assert (windows.count.tolist(), windows.sum.tolist(), windows.first.tolist()) == ([3], [6.5], [1])
        assert rows(await steward.arrived(NOON, NOON + DAY)) == expected
        await steward.delete([0], NOON, NOON + 2 * MINUTE)
        assert rows(await steward.read([0], NOON, NOON + HOUR)) == expected[2:]


async def test_of_a_point_whose_metric_changed_all_history_is_read(store: Opened) -> None:
    points = {"ahu1": AHU}
    async with store(points) as steward:
        await steward.write(Batch.of([0], [NOON], [1]))
        points["ahu1"] = replace(AHU, metric="humidity", unit="ratio")
        steward.refresh()
        await steward.write(Batch.of([0], [NOON + MINUTE], [2]))
        assert rows(await steward.read([0], NOON, NOON + HOUR)) == [(0, NOON, 1), (0, NOON + MINUTE, 2)]
        assert (await steward.aggregate([0], NOON, NOON + HOUR, HOUR)).count.tolist() == [2]


@pytest.mark.parametrize("qualities", [(Quality.GOOD, Quality.BAD), (Quality.BAD, Quality.GOOD)], ids=["to-bad", "to-good"])
async def test_a_correction_between_bad_and_usable_counts_as_the_last_word_says(store: Opened, qualities: Any) -> None:
    async with store() as steward:
        at = NOON + np.arange(4) * MINUTE
        await steward.write(Batch.of([0] * 4, at, [1, 2, 3, 4]))
        for number, quality in enumerate(qualities):
            await steward.write(Batch.of([0], [at[3]], [40 + number], quality=quality))
        usable = [1, 2, 3] if qualities[-1] == Quality.BAD else [1, 2, 3, 41]
        found = await steward.read([0], NOON, NOON + HOUR)
        assert found.value.tolist() == [1, 2, 3, 41]
        assert found.quality.tolist() == [0, 0, 0, qualities[-1]]
        windows = await steward.aggregate([0], NOON, NOON + HOUR, HOUR)
        assert (windows.sum.tolist(), windows.max.tolist()) == ([sum(usable)], [max(usable)])
        assert (await steward.latest([0], NOON)).value.tolist() == usable[-1:]


async def test_a_point_that_is_bad_of_late_has_its_last_usable_sample_as_the_latest(store: Opened) -> None:
    async with store() as steward:
        quality = [0, 2, 2, 0, 0]
        await steward.write(Batch.of([0, 0, 0, 1, 1], NOON + np.arange(5) * HOUR, [1, 2, 3, 4, 5], quality=quality))
        assert rows(await steward.latest([0, 1], NOON - DAY)) == [(0, NOON, 1), (1, NOON + 4 * HOUR, 5)]
        assert rows(await steward.latest([0, 1], NOON + 1)) == [(1, NOON + 4 * HOUR, 5)]


async def test_arrivals_far_from_their_time_are_found_within_a_week(store: Opened) -> None:
    async with store() as steward:
        late = [NOON - 6 * DAY, NOON - 8 * DAY, NOON + DAY, NOON]
        await steward.write(Batch.of([0, 0, 0, 1], late, [1, 2, 3, 4], received=[NOON, NOON, NOON + 1, NOON + 2]))
        found = await steward.arrived(NOON, NOON + MINUTE)
        assert [value for *_, value in rows(found)] == [1, 3, 4]


async def test_many_points_of_any_script_are_chosen_exactly(store: Opened) -> None:
    odd = ["a/b", "a.b", "a+b(c)", "[x]", "$", "^", "p|q", "a b", "温度", 'say "hi"\\', "a#b&c~d-e", "50%"]
    ids = [*odd, "axb", "a", *(f"p{n}" for n in range(100))]
    async with store({id: replace(AHU, id=id) for id in ids}) as steward:
        await steward.write(Batch.of(np.arange(len(ids)), [NOON] * len(ids), np.arange(len(ids))))
        chosen = [*range(len(odd)), *range(len(odd) + 2, len(odd) + 60)]
        assert (await steward.read(chosen, NOON, NOON + 1)).point.tolist() == chosen


async def test_a_compressed_write_is_the_same_write(store: Opened) -> None:
    async with store(compress=True) as steward:
        await steward.write(Batch.of([0, 1], [NOON, NOON], [1, 2]))
        assert rows(await steward.read([0, 1], NOON, NOON + 1)) == [(0, NOON, 1), (1, NOON, 2)]


async def test_a_field_of_another_type_is_refused_and_the_points_are_named(store: Opened) -> None:
    points = {"ahu1": AHU, "meter": replace(AHU, id="meter", metric="energy", unit="Wh")}
    async with store(points) as steward:
        await steward._call("write", lambda: _foreign(steward, "temperature,point=x value=1i 1"))
        with pytest.raises(StoreError, match=r"field type conflict.*temperature.*; point 'ahu1'$"):
            await steward.write(Batch.of([0, 1], [1, 1], [21.5, 7]))


def _foreign(steward: InfluxStore, text: str) -> None:
    """What another program writes into our bucket."""
    from influxdb_client.service.write_service import WriteService

    WriteService(steward._connected().api_client).post_write(steward.org, steward.bucket, text, precision="ns")


async def test_samples_beyond_the_retention_of_the_bucket_are_let_go_and_the_rest_is_kept(
    url: str, request: pytest.FixtureRequest
) -> None:
    name = "short-" + engines.bucket_name(request)[-8:]
    init_store(url, server.ORG, name, server.TOKEN, retention=DAY)
    registry = CollectorRegistry()
    steward = InfluxStore(url, server.ORG, name, server.TOKEN, PointIndex(["a"]), lambda id: None, registry=registry)
    await steward.open()
    future = 4_000_000_000 * SECOND  # not beyond any retention, whenever this runs
    await steward.write(Batch.of([0, 0], [NOON - 3650 * DAY, future], [1, 2]))
    assert rows(await steward.read([0], 0, future + 1)) == [(0, future, 2)]
    assert registry.get_sample_value("steward_influx_outside_retention_total") == 1
    await steward.close()


async def test_rows_that_are_not_ours_are_not_read(store: Opened) -> None:
    async with store() as steward:
        await steward._call("write", lambda: _foreign(steward, f"cpu,host=h value=1.5,received=1i,quality=0i {NOON}"))
        await steward.write(Batch.of([0], [NOON], [7]))
        assert rows(await steward.latest(None, 0)) == [(0, NOON, 7)]


async def test_a_bucket_of_a_newer_layout_is_refused(url: str, bucket: str) -> None:
    if url != engines.REPLAYED:
        server.create_bucket(url, bucket, describe(99))
    steward = InfluxStore(url, server.ORG, bucket, server.TOKEN, PointIndex(), lambda id: None)
    with pytest.raises(StoreVersion, match=r"layout 99.*reads up to 1"):
        await steward.open()
    await steward.close()


@pytest.mark.parametrize(
    ("org", "place", "token", "said"),
    [
        (server.ORG, "no-such-bucket", server.TOKEN, "no bucket 'no-such-bucket'.*steward init-store"),
        (server.ORG, "unused", "wrong-token", r"401.*unauthorized"),
        ("no-such-org", "unused", server.TOKEN, r"organization|org"),
    ],
    ids=["bucket", "token", "org"],
)
async def test_a_wrong_setting_is_named_and_the_token_is_not(url: str, org: str, place: str, token: str, said: str) -> None:
    steward = InfluxStore(url, org, place, token, PointIndex(["a"]), lambda id: None)

    async def use() -> None:
        await steward.open()
        await steward.write(Batch.of([0], [NOON], [1]))

    with pytest.raises(StoreError, match=said) as caught:
        await use()
    assert token not in str(caught.value)
    await steward.close()


def test_init_store_sets_up_once_and_follows_a_changed_retention(url: str, request: pytest.FixtureRequest) -> None:
    name = "init-" + engines.bucket_name(request)[-8:]

    def again(days: int) -> list[str]:
        return init_store(url, server.ORG, name, server.TOKEN, retention=days * DAY, coarse_retention=0)

    assert again(30) == [
        f"created bucket '{name}', retention 30 days",
        f"created bucket '{name}_15m', retention for ever",
        f"created task '{name}_15m from {name}'",
    ]
    assert again(30) == []
    assert again(60)[0].startswith(f"changed bucket '{name}': retention 30 days -> 60 days")
    with pytest.raises(StoreError, match="organization"):
        init_store(url, "nobody", name, server.TOKEN)


async def test_a_bucket_of_init_store_is_ready_for_use(url: str, request: pytest.FixtureRequest) -> None:
    name = "ready-" + engines.bucket_name(request)[-8:]
    init_store(url, server.ORG, name, server.TOKEN)
    steward = InfluxStore(url, server.ORG, name, server.TOKEN, PointIndex(["a"]), lambda id: None)
    await steward.open()
    await steward.write(Batch.of([0], [NOON], [1]))
    assert rows(await steward.read([0], NOON, NOON + 1)) == [(0, NOON, 1)]
    await steward.close()


@pytest.mark.parametrize("text", ['say "hi"', "back\\slash", "${r.point}", "a\\${b}\\", "温度"])
async def test_any_text_is_a_string_in_flux(store: Opened, text: str) -> None:
    async with store() as steward:
        query = f'import "array"\narray.from(rows: [{{point: "a", _time: time(v: 1), x: {string(text)}}}])'
        answer = await steward._query(query, lambda chunks, index: b"".join(chunks).decode())
        assert answer.strip().endswith(',"' + text.replace('"', '""') + '"' if '"' in text else "," + text)


@pytest.mark.influx
async def test_the_task_fills_the_coarse_bucket_with_means_of_quarters(influx_server: str) -> None:
    init_store(influx_server, server.ORG, "fine", server.TOKEN)
    quarter = time.time_ns() // (15 * MINUTE) * 15 * MINUTE - 4 * HOUR
    index = PointIndex(["ahu1"])
    steward = InfluxStore(influx_server, server.ORG, "fine", server.TOKEN, index, {"ahu1": AHU}.get)
    await steward.open()
    await steward.write(Batch.of([0] * 3, quarter + np.array([0, MINUTE, 15 * MINUTE]), [1, 2, 7]))
    await steward.write(Batch.of([0], [quarter + 2 * MINUTE], [1000], quality=Quality.BAD))
    api = steward._connected().tasks_api()
    [task] = api.find_tasks(name="fine_15m from fine")
    api.run_manually(task.id)
    query = 'from(bucket: "fine_15m") |> range(start: 0) |> keep(columns: ["_time", "_value", "point", "space"])'
    found: list[str] = []
    deadline = time.monotonic() + 30
    while len(found) < 3 and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
        answer = await steward._query(query, lambda chunks, index: b"".join(chunks).decode())
        found = answer.strip().split("\r\n")
    times = [f"{np.datetime64(quarter + step, 'ns')}"[:19] + "Z" for step in (0, 15 * MINUTE)]
    fields = [dict(zip(found[0].split(","), line.split(","), strict=True)) for line in found[1:]]
    assert [(row["_time"], row["_value"], row["point"], row["space"]) for row in fields] == [
        (times[0], "1.5", "ahu1", "plant room"),
        (times[1], "7", "ahu1", "plant room"),
    ]
    await steward.close()
