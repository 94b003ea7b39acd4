"""History: raw and aggregated, in every form, and what is refused."""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from api import ApiSettings
from steward.model import Batch
from steward.units import DAY, HOUR, MINUTE, SECOND
from tests.api.conftest import Get
from tests.api.world import FILE, NOW, World, facility

POWER = "block-a.power"
MS = 1_000_000


async def stored(world: World, point: str = POWER, count: int = 600, step: int = MINUTE) -> tuple[Any, Any]:
    """`count` samples up to now, the values counting up."""
    at = NOW - np.arange(count - 1, -1, -1) * step
    value = np.arange(count, dtype=np.float64)
    await world.store.write(Batch.of(np.full(count, world.index.add(point)), at, value))
    return at, value


async def test_raw_samples_come_back_as_they_were_stored(world: World, get: Get) -> None:
    at, value = await stored(world)
    answer = await get("/history", point=POWER, start=(NOW - 10 * MINUTE) // MS)
    series = answer["series"][0]
    assert (answer["kind"], series["unit"]) == ("raw", "W")
    assert series["at"] == (at[-11:] // MS).tolist()
    assert series["value"] == value[-11:].tolist()


async def test_the_start_is_in_and_the_end_is_not(world: World, get: Get) -> None:
    at, _ = await stored(world)
    answer = await get("/history", point=POWER, start=int(at[5] // MS), end=int(at[8] // MS))
    assert answer["series"][0]["at"] == (at[5:8] // MS).tolist()


async def test_bad_samples_are_in_raw_history_only(world: World, get: Get) -> None:
    number = world.index.add(POWER)
    await world.store.write(Batch.of([number] * 2, [NOW - 2 * SECOND, NOW - SECOND], [1.0, 1e9], quality=[0, 2]))
    raw = (await get("/history", point=POWER))["series"][0]
    assert (raw["value"], raw["quality"]) == ([1.0, 1e9], [0, 2])
    assert (await get("/history", point=POWER, window="1h"))["series"][0]["max"] == [1.0]


@pytest.mark.parametrize("pixels", [1, 7, 100, 1000])
async def test_however_few_the_pixels_no_peak_disappears(world: World, get: Get, pixels: int) -> None:
    _, value = await stored(world, count=2000, step=30 * SECOND)
    number = world.index.add(POWER)
    await world.store.write(Batch.of([number], [NOW - 7 * HOUR + 1], [1e6]))
    answer = await get("/history", point=POWER, pixels=pixels)
    series = answer["series"][0]
    assert len(series["start"]) <= pixels
    assert max(series["max"]) == 1e6
    assert min(series["min"]) == 0.0
    assert sum(series["count"]) == len(value) + 1
    assert all(low <= mean <= high for low, mean, high in zip(series["min"], series["mean"], series["max"], strict=True))


async def test_windows_are_aligned_to_the_clock_and_gaps_are_absent(world: World, get: Get) -> None:
    number = world.index.add(POWER)
    hour = NOW - NOW % HOUR
    await world.store.write(
        Batch.of([number] * 3, [hour - 5 * HOUR, hour - 5 * HOUR + MINUTE, hour - 2 * HOUR], [1.0, 3.0, 5.0])
    )
    answer = await get("/history", point=POWER, window="1h")
    series = answer["series"][0]
    assert series["start"] == [(hour - 5 * HOUR) // MS, (hour - 2 * HOUR) // MS]
    assert (series["mean"], series["first"], series["last"], series["count"]) == ([2.0, 5.0], [1.0, 5.0], [3.0, 5.0], [2, 1])
    local = await get("/history", point=POWER, window="1d", start=(NOW - 3 * DAY) // MS, origin="2026-11-01T00:00:00+08:00")
    assert local["series"][0]["start"][0] % 86_400_000 == 57_600_000, "days begin at midnight in Shanghai"


async def test_times_are_iso_8601_or_epoch_milliseconds(world: World, get: Get) -> None:
    await stored(world)
    spellings = ("2026-11-24T04:00:00Z", "2026-11-24T12:00:00+08:00", "1795492800000")
    found = [await get("/history", point=POWER, start=start) for start in spellings]
    assert {answer["start"] for answer in found} == {1795492800000}
    answer = await world.http.get(f"/api/v1/history?point={POWER}&start=2026-11-24T12:00:00+08:00")
    assert answer.json()["start"] == 1795492800000, "a bare + in the address is understood"


async def test_several_points_come_in_the_order_asked_for(world: World, get: Get) -> None:
    await stored(world, "block-a.energy", 3)
    await stored(world, POWER, 2)
    answer = await get("/history", point=["block-a.energy", POWER, "block-a.outdoor", POWER])
    assert [(series["point"], len(series["at"])) for series in answer["series"]] == [
        ("block-a.energy", 3),
        (POWER, 2),
        ("block-a.outdoor", 0),
    ]


async def test_every_file_form_holds_the_same_rows(world: World) -> None:
    at, value = await stored(world, count=50)
    await stored(world, "block-a.energy", 50)
    parameters = {"point": [POWER, "block-a.energy"]}

    async def fetch(form: str) -> bytes:
        answer = await world.http.get("/api/v1/history", params={**parameters, "format": form})
        assert answer.status_code == 200
        assert answer.headers["content-disposition"] == f'attachment; filename="history.{form}"'
        return answer.content

    arrow = pa.ipc.open_stream(await fetch("arrow")).read_all()
    parquet = pyarrow.parquet.read_table(io.BytesIO(await fetch("parquet")))
    rows = list(csv.DictReader(io.StringIO((await fetch("csv")).decode())))
    mine = arrow.filter(pa.compute.equal(arrow["point"].cast(pa.string()), POWER))
    assert mine["value"].to_pylist() == value.tolist()
    assert mine["at"].cast(pa.int64()).to_pylist() == at.tolist()
    assert parquet["value"].to_pylist() == arrow["value"].to_pylist()
    assert parquet["at"].cast(pa.int64()).to_pylist() == arrow["at"].cast(pa.int64()).to_pylist()
    assert parquet["point"].cast(pa.string()).to_pylist() == arrow["point"].cast(pa.string()).to_pylist()
    assert arrow.schema.metadata[b"unit:block-a.power"] == b"W"
    assert [float(row["value"]) for row in rows if row["point"] == POWER] == value.tolist()
    assert rows[0]["at"].endswith("Z")
    assert len(rows) == len(arrow) == 100


async def test_windows_can_be_saved_too(world: World) -> None:
    await stored(world)
    answer = await world.http.get("/api/v1/history", params={"point": POWER, "window": "1h", "format": "csv"})
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert set(rows[0]) == {"point", "start", "mean", "min", "max", "first", "last", "count"}
    assert rows[0]["start"].endswith(":00:00.000Z")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"


@pytest.mark.parametrize("id", ["楼.功率", 'a".csv;x="b', "a'b"])
async def test_a_point_may_have_any_id_and_its_history_is_saved_under_it(world: World, id: str) -> None:
    text = FILE.replace('id = "block-a.power"', f"id = {json.dumps(id)}").replace("block-a.power", "block-a.meter")
    world.facility = facility(text)
    world.build()
    await stored(world, id, count=3)
    answer = await world.http.get("/api/v1/history", params={"point": id, "format": "csv"})
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''{quote(id, safe='')}.csv"
    assert [row["point"] for row in csv.DictReader(io.StringIO(answer.text))] == [id] * 3


async def test_an_id_that_a_spreadsheet_would_take_for_a_formula_is_defused(world: World) -> None:
    from api.series import _readable

    table = pa.table({"point": ["=cmd|' /C calc'!A0", "p"], "value": [1.0, 2.0]})
    assert _readable(table)["point"].to_pylist() == ["'=cmd|' /C calc'!A0", "p"]


@pytest.mark.parametrize(
    ("parameters", "status", "words"),
    [
        ({}, 422, "point"),
        ({"point": "nothing"}, 404, "nothing"),
        ({"point": POWER, "start": "yesterday"}, 422, "yesterday"),
        ({"point": POWER, "start": "2026-11-24T04:00:00"}, 422, "time zone"),
        ({"point": POWER, "start": "9" * 30}, 422, "out of range"),
        ({"point": POWER, "start": 2000, "end": 1000}, 422, "not before"),
        ({"point": POWER, "window": "soon"}, 422, "duration"),
        ({"point": POWER, "window": "1us"}, 422, "millisecond"),
        ({"point": POWER, "window": "1h", "pixels": 5}, 422, "not both"),
        ({"point": POWER, "format": "xlsx"}, 422, "format"),
        ({"point": POWER, "window": "1ms"}, 413, "windows"),
        ({"point": [POWER, "block-a.energy", "block-a.outdoor"]}, 413, "at most 2"),
    ],
)
async def test_what_cannot_be_answered_is_refused_with_the_reason(
    world: World, parameters: dict[str, Any], status: int, words: str
) -> None:
    world.build(ApiSettings(points_limit=2))
    answer = await world.http.get("/api/v1/history", params=parameters)
    assert answer.status_code == status
    assert words in answer.json()["detail"]


async def test_more_samples_than_the_limit_are_refused_not_cut(world: World) -> None:
    world.build(ApiSettings(raw_limit=100))
    await stored(world, count=101)
    answer = await world.http.get("/api/v1/history", params={"point": POWER})
    assert (answer.status_code, answer.json()["limit"]) == (413, 100)
    enough = await world.http.get("/api/v1/history", params={"point": POWER, "start": (NOW - 99 * MINUTE) // MS})
    assert len(enough.json()["series"][0]["at"]) == 100
