"""Every kind of source through the books: ratios, pulses, intervals, power, export, tariff registers; DST; savings."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from metering.baselines import Baseline, Refusal
from metering.intervals import Flag, Method
from metering.savings import Savings
from steward.config.meters import LedgerTable, MeterTable
from steward.model import Batch, FloatArray, IntArray
from steward.units import DAY, HOUR, MINUTE
from tests.app.books_world import POINT, T0, World, steady

QUARTERS: IntArray = T0 + np.arange(97, dtype=np.int64) * 15 * MINUTE
KWH = {"metric": "energy", "unit": "kWh"}
M3 = {"metric": "water", "unit": "m3"}


def meter(**fields: Any) -> MeterTable:
    return MeterTable.model_validate({"id": "x"} | fields)


@pytest.mark.parametrize(
    ("point", "table", "values", "total"),
    [
        (KWH, meter(ct_ratio="400/5"), 1000.0 * np.arange(97), 96_000 * 80),
        (KWH, meter(pt_ratio="10000/100", multiplier=0.5), 1000.0 * np.arange(97), 96_000 * 50),
        (KWH, meter(direction="export"), 1000.0 * np.arange(97), -96_000),
        (KWH, meter(source="pulses", per_pulse=500), np.full(97, 3.0), 96 * 1500),
        (M3, meter(source="pulses", per_pulse=0.01), np.full(97, 7.0), 96 * 0.07),
        (KWH, meter(source="pulses", per_pulse="0.5kWh"), np.full(97, 3.0), 96 * 1500),
        (M3, meter(source="pulses", per_pulse="10L"), np.full(97, 7.0), 96 * 0.07),
        (KWH, meter(source="interval"), np.full(97, 250.0), 96 * 250),
        (M3, meter(), np.arange(97) * 0.25, 24.0),
    ],
    ids=[
        "current transformer",
        "voltage transformer",
        "export",
        "Wh a pulse",
        "m3 a pulse",
        "kWh a pulse",
        "litres a pulse",
        "interval meter",
        "water",
    ],
)
async def test_a_source_ends_as_consumption_in_the_canonical_unit(
    tmp_path: Path, point: dict[str, str], table: MeterTable, values: FloatArray, total: float
) -> None:
    world = World(tmp_path, 0, POINT.format(id="x", extra="", **point), (table,))
    await world.open()
    for place in range(0, 97, 12):
        await world.feed("x", QUARTERS[place : place + 12], np.asarray(values[place : place + 12], np.float64))
    await world.pass_time(int(QUARTERS[-1]) + 2 * MINUTE)
    found = world.books.consumption("x", T0, int(QUARTERS[-1]), "hour")
    assert found.total == pytest.approx(total)
    assert found.unit == ("Wh" if point is KWH else "m3")
    assert np.allclose(found.value, total / 24)
    await world.close()


async def test_power_is_integrated_and_what_lies_too_far_apart_is_a_gap_that_counts_nothing(tmp_path: Path) -> None:
    table = meter(source="power", longest="15m")
    world = World(tmp_path, 0, POINT.format(id="x", metric="power", unit="kW", extra=""), (table,))
    await world.open()
    at = T0 + np.arange(0, 6 * HOUR + 1, 5 * MINUTE, dtype=np.int64)
    keep = (at <= T0 + 2 * HOUR) | (at >= T0 + 3 * HOUR)
    await world.feed("x", at[keep], np.full(int(keep.sum()), 6000.0))
    await world.pass_time(int(at[-1]) + 2 * MINUTE)
    found = world.books.consumption("x", T0, T0 + 6 * HOUR)
    assert found.total == pytest.approx(6000 * 5)
    assert set(found.method.tolist()) == {Method.INTERPOLATED}
    assert (found.flags & Flag.INTEGRATED).any()
    assert not (found.flags & Flag.PEAK_ELIGIBLE).any()
    missing = (found.flags & Flag.MISSING) != 0
    assert missing.tolist() == [2 * HOUR <= start - T0 < 3 * HOUR for start in found.start.tolist()], "a gap is not a zero"
    await world.close()


async def test_power_that_comes_in_time_is_never_restated(tmp_path: Path) -> None:
    table = meter(source="power", longest="20m")
    world = World(tmp_path, 0, POINT.format(id="x", metric="power", unit="kW", extra=""), (table,))
    await world.open()
    at = T0 + np.arange(5 * 96, dtype=np.int64) * 15 * MINUTE
    watts = 2000 + 1000 * np.sin(np.arange(len(at)) / 10)
    for place in range(0, len(at), 12):
        await world.feed("x", at[place : place + 12], watts[place : place + 12])
    assert world.books.revisions("x", T0, T0 + 5 * DAY) == []
    assert world.books.consumption("x", T0, int(at[-1])).total == pytest.approx(np.trapezoid(watts, at) / HOUR, abs=0.1)
    await world.close()


async def two_ways(folder: Path, offset: float) -> World:
    """m0 read by two gateways for a day; the better one is silent for three hours, the other says `offset` more."""
    world = World(folder, 2, "", (MeterTable(id="m0", also=["m1"]),))
    await world.open()
    at, value = steady(1)
    silent = (at > T0 + 10 * HOUR) & (at < T0 + 13 * HOUR)
    shaped = np.where(silent, np.minimum(value + 4000, value[at == T0 + 13 * HOUR]), value)  # 4 kWh early in the three hours
    for place in range(0, len(at), 8):
        part = slice(place, place + 8)
        keep = ~silent[part]
        await world.feed("m1", at[part], shaped[part] + offset)
        if keep.any():
            await world.feed("m0", at[part][keep], value[part][keep])
    await world.pass_time(int(at[-1]) + 2 * MINUTE)
    await world.books.idle()
    return world


async def test_a_further_way_to_a_register_fills_what_the_better_one_does_not_say(tmp_path: Path) -> None:
    world = await two_ways(tmp_path, 0.0)
    at, value = steady(1)
    found = world.books.consumption("m0", T0, int(at[-1]))
    inside = (found.start >= T0 + 10 * HOUR) & (found.start < T0 + 13 * HOUR)
    assert not (found.flags[inside] & Flag.SPREAD).any()
    first = value[at == T0 + 10 * HOUR + 15 * MINUTE][0] + 4000 - value[at == T0 + 10 * HOUR][0]
    assert found.value[inside][0] == pytest.approx(first)
    assert found.total == pytest.approx(value[-1] - value[0])
    assert [state.point for state in world.books.registers()] == ["m0"]
    assert world.books.questions() == []
    (proof,) = [await asyncio.to_thread(world.books.evidence, "m0", T0 + 11 * HOUR, T0 + 12 * HOUR)]
    assert len(proof.reads) >= 4
    await world.close()


async def test_ways_that_disagree_fill_nothing_and_are_asked_about(tmp_path: Path) -> None:
    world = await two_ways(tmp_path, 5000.0)
    at, value = steady(1)
    found = world.books.consumption("m0", T0, int(at[-1]))
    inside = (found.start >= T0 + 10 * HOUR) & (found.start < T0 + 13 * HOUR)
    assert (found.flags[inside] & Flag.SPREAD).all()
    assert found.total == pytest.approx(value[-1] - value[0])
    assert "sources" in {question.topic for question in world.books.questions()}
    await world.close()


async def test_an_interval_that_a_meter_never_sent_is_missing_and_not_spread_over(tmp_path: Path) -> None:
    world = World(tmp_path, 0, POINT.format(id="x", extra="", **KWH), (meter(source="interval"),))
    await world.open()
    keep = np.arange(97) != 40
    await world.feed("x", QUARTERS[:97][keep], np.full(96, 250.0))
    await world.pass_time(int(QUARTERS[96]) + 2 * MINUTE)
    found = world.books.consumption("x", T0, int(QUARTERS[96]))
    lost = int(QUARTERS[39])
    assert dict(zip(found.start.tolist(), found.value.tolist(), strict=True))[lost] == 0
    assert [start for start, flags in zip(found.start, found.flags, strict=True) if flags & Flag.MISSING] == [lost]
    assert found.total == pytest.approx(95 * 250)
    await world.close()


async def test_tariff_registers_add_up_to_one(tmp_path: Path) -> None:
    world = World(tmp_path, 2, "", (MeterTable(id="total", tariffs=["m0", "m1"]),))
    await world.open()
    at, value = steady(1)
    for place in range(0, 96, 8):
        await world.feed("m0", at[place : place + 8], value[place : place + 8])
        await world.feed("m1", at[place : place + 8], value[place : place + 8] * 2)
    await world.pass_time(int(at[-1]) + 2 * MINUTE)
    found = world.books.consumption("total", T0, int(at[-1]))
    assert found.total == pytest.approx(3 * (value[-1] - value[0]))
    assert {state.point for state in world.books.registers()} == {"m0", "m1"}
    proof = await asyncio.to_thread(world.books.evidence, "total", T0, int(at[-1]))
    assert sum(link.consumption for link in proof.links) == pytest.approx(found.total), "a sum can be opened like a register"
    assert len(proof.reads) == 2 * len(at)
    assert world.books.revisions("total", T0, int(at[-1])) == []
    await world.close()


BERLIN = '[[site]]\nid = "b"\nname = "B"\ntime_zone = "Europe/Berlin"\n'
IN_BERLIN = POINT.format(id="x", extra='rated_power = "60kW"', **KWH).replace('site = "a"', 'site = "b"')
MARCH = int(np.datetime64("2026-02-27", "ns").astype(np.int64))
OCTOBER = int(np.datetime64("2026-10-23", "ns").astype(np.int64))


@pytest.mark.parametrize(("start", "day", "hours"), [(MARCH + 29 * DAY, 1, 23), (OCTOBER, 2, 25)], ids=["spring", "autumn"])
async def test_days_of_23_and_25_hours_are_whole_days(tmp_path: Path, start: int, day: int, hours: int) -> None:
    world = World(tmp_path, 0, BERLIN + IN_BERLIN, start=start)
    await world.open()
    at = start - 2 * HOUR + np.arange(0, 4 * DAY, 15 * MINUTE, dtype=np.int64)
    for place in range(0, len(at), 32):
        await world.feed(
            "x", at[place : place + 32], (1e6 + (at - start)[place : place + 32] // MINUTE * 100).astype(np.float64)
        )
    first = start - (2 if hours == 25 else 1) * HOUR
    found = world.books.consumption("x", first, first + 4 * DAY, "day")
    lengths = ((found.end - found.start) // HOUR).tolist()
    assert lengths[day] == hours
    assert found.value[day] == hours * 6000
    assert found.value[0] == 24 * 6000
    hourly = world.books.consumption("x", int(found.start[day]), int(found.end[day]), "hour")
    assert len(hourly) == hours
    assert hourly.total == found.value[day]
    await world.close()


async def test_a_month_with_a_change_of_time_closes_whole_and_is_adjusted_by_what_comes_late(tmp_path: Path) -> None:
    world = World(tmp_path, 0, BERLIN + IN_BERLIN, start=MARCH)
    await world.open()
    at, value = steady(36, start=MARCH)
    value[at >= MARCH + 10 * DAY] += 30_000
    late = (at > MARCH + 9 * DAY) & (at < MARCH + 10 * DAY + 4 * HOUR)
    for part in np.array_split(np.flatnonzero(~late), 30):
        await world.feed("x", at[part], value[part])
    (closed,) = world.books.close("2026-03", "li", world.now)
    assert (closed.end - closed.start) // HOUR == 31 * 24 - 1
    edge = np.interp([closed.start, closed.end], at, value)
    assert closed.value == pytest.approx(edge[1] - edge[0], rel=1e-5)
    moved = value[late] + 12_000  # what lies on both sides of the month is not touched
    await world.feed("x", at[late], moved, received=world.now + MINUTE)
    await world.pass_time(world.now + 20 * MINUTE)
    (again,) = world.books.closed("2026-03")
    assert again.value == closed.value
    total = world.books.consumption("x", closed.start, closed.end).total
    assert total == pytest.approx(again.value + sum(difference for _, _, difference in again.adjustments))
    await world.close()


WEATHER = '[[point]]\nid = "t"\nsite = "a"\nmetric = "temperature"\nunit = "degC"\ninterval = "1h"\n'


async def test_a_baseline_is_fitted_or_refused_with_its_reason_and_savings_follow(tmp_path: Path) -> None:
    world = World(tmp_path, 2, WEATHER, table=LedgerTable(weather="t"))
    await world.open()
    hours = T0 + np.arange(0, 400 * DAY, HOUR, dtype=np.int64)
    outside = 12 - 10 * np.cos((hours - T0) / DAY / 365 * 2 * np.pi) + 3 * np.sin((hours - T0) / HOUR / 24 * 2 * np.pi)
    await world.feed("t", hours, outside)
    at = T0 + np.arange(0, 400 * DAY, 15 * MINUTE, dtype=np.int64)
    day_mean = np.interp(at, hours, outside)
    noise = np.random.default_rng(3).normal(0, 0.2, len(at))
    heat = np.maximum(0.0, 4 + 0.5 * np.maximum(0, 15 - day_mean) + noise)
    saved = np.where(at >= T0 + 370 * DAY, 0.8, 1.0)
    await world.feed("m0", at, np.floor(1e6 + np.cumsum(heat * saved) * 250))
    wild = np.random.default_rng(4).integers(500, 12_000, 400).repeat(96)
    await world.feed("m1", at, 1e6 + np.cumsum(wild).astype(np.float64))
    await world.pass_time(world.now + MINUTE)
    books, begin, end = world.books, T0 + DAY, T0 + 366 * DAY
    made = await asyncio.to_thread(books.fit, "m0", begin, end, "wang", world.now)
    assert isinstance(made, Baseline)
    assert made.daily.cv < 0.15
    refused = await asyncio.to_thread(books.fit, "m1", begin, end, "wang", world.now)
    assert isinstance(refused, Refusal)
    assert refused.reason == "scatter", refused
    found = await asyncio.to_thread(books.savings, "m0", T0 + 371 * DAY, T0 + 399 * DAY)
    assert isinstance(found, Savings)
    assert found.fraction == pytest.approx(0.2, abs=0.03)
    assert isinstance(await asyncio.to_thread(books.savings, "m1", T0 + 371 * DAY, T0 + 399 * DAY), Refusal)
    await world.restart()
    assert (await asyncio.to_thread(world.books.baseline, "m0")) is not None
    rows = world.books.core.records.decisions("baseline")
    assert [(row["register"], row["who"], row["content"]["refused"]) for row in rows] == [
        ("m0", "wang", ""),
        ("m1", "wang", "scatter"),
    ]
    await world.close()


async def test_weather_may_come_from_a_file(tmp_path: Path) -> None:
    hours = T0 + np.arange(0, 240 * DAY, HOUR, dtype=np.int64)
    outside = 12 - 12 * np.cos((hours - T0) / DAY / 200 * 2 * np.pi)
    times = np.datetime_as_string(hours.astype("datetime64[ns]").astype("datetime64[s]"))
    rows = [f"{at}Z,{value:.3f}" for at, value in zip(times, outside, strict=True)]
    (tmp_path / "weather.csv").write_text("at,degc\n" + "\n".join(rows) + "\n")
    world = World(tmp_path, 1, weather_file=tmp_path / "weather.csv")
    await world.open()
    at = T0 + np.arange(0, 240 * DAY, 15 * MINUTE, dtype=np.int64)
    heat = 4 + 0.5 * np.maximum(0, 15 - np.interp(at, hours, outside))
    await world.feed("m0", at, np.floor(1e6 + np.cumsum(heat) * 250))
    made = await asyncio.to_thread(world.books.fit, "m0", T0 + DAY, T0 + 230 * DAY, "wang", world.now)
    assert isinstance(made, Baseline)
    assert made.daily.r2 > 0.95
    await world.close()


async def test_limits_learned_from_a_history_find_the_jump_in_it_and_are_learned_again(tmp_path: Path) -> None:
    world = World(tmp_path, 0, POINT.format(id="x", extra="", **KWH))
    await world.open()
    at, value = steady(90)
    value[at >= T0 + 20 * DAY] += 9e9  # a swap without a word, before anything forbade it
    for part in np.array_split(np.flatnonzero(at < T0 + 30 * DAY), 10):
        await world.feed("x", at[part], value[part])
    assert world.books.consumption("x", T0, T0 + 29 * DAY).total > 9e9
    await world.books.nightly()
    await world.books.idle()
    assert world.books.consumption("x", T0, T0 + 29 * DAY).total < 1e8
    assert world.books.revisions("x", T0, T0 + 29 * DAY)[-1].reason == "parameter"
    assert [one.topic for one in world.books.questions()] == ["swap"]
    rows = world.books.core.records.decisions("parameter", "x")
    assert [(row["content"]["reason"], row["at"]) for row in rows] == [("learned", T0)]
    assert rows[0]["content"]["still"] > 0
    later = value.copy()
    grown = at >= T0 + 32 * DAY
    later[grown] += np.cumsum(np.where(grown, 40_000.0, 0.0))[grown]
    for part in np.array_split(np.flatnonzero(at >= T0 + 30 * DAY), 20):
        await world.feed("x", at[part], later[part])
    await world.books.nightly()
    rows = world.books.core.records.decisions("parameter", "x")
    assert len(rows) == 2, "a month later, for what is to come"
    assert rows[1]["at"] == world.now
    assert rows[1]["content"]["rate"] > rows[0]["content"]["rate"]
    await world.books.nightly()
    assert len(world.books.core.records.decisions("parameter", "x")) == 2
    await world.close()


async def test_a_new_device_brings_its_derived_points_and_is_booked_from_its_first_read(tmp_path: Path) -> None:
    grown = World(tmp_path, 4)
    four = grown.facility
    grown.facility = type(four)(**{**four.__dict__, "points": {id: one for id, one in four.points.items() if id[:2] != "m3"}})
    grown.books = grown.made()
    await grown.open()
    at, value = steady(1)
    await grown.feed("m0", at[:40], value[:40])
    await grown.books.rebind(four, ())
    await grown.books.idle()
    for place in range(40, 96, 4):
        await grown.feed("m3", at[place : place + 4], value[place : place + 4])
    assert grown.books.consumption("m3", T0, int(at[-1])).total == pytest.approx(value[-1] - value[40])
    number = grown.index.get("m3.demand")
    told = Batch.concat(grown.told)
    assert len(told.take(told.point == number)) >= 50
    assert {state.point for state in grown.books.registers()} == {"m0", "m1", "m2", "m3"}
    await grown.close()


async def test_a_transformer_that_is_replaced_counts_from_its_day_and_leaves_what_was_before(tmp_path: Path) -> None:
    change = datetime.fromtimestamp((T0 + 12 * HOUR) / 1e9, UTC)
    table = meter(ct_ratio="100/5", ratios=[{"from": change, "ct_ratio": "200/5"}])
    world = World(tmp_path, 0, POINT.format(id="x", extra="", **KWH), (table,))
    await world.open()
    values = 1000.0 * np.arange(97)
    for place in range(0, 97, 12):
        await world.feed("x", QUARTERS[place : place + 12], values[place : place + 12])
    await world.pass_time(int(QUARTERS[-1]) + 2 * MINUTE)
    found = world.books.consumption("x", T0, int(QUARTERS[-1]), "hour")
    assert found.value.tolist() == pytest.approx([4000 * 20] * 12 + [4000 * 40] * 12)
    whole = world.books.consumption("x", T0, int(QUARTERS[-1]), "year")
    assert whole.total == pytest.approx(found.total) == pytest.approx(48_000 * 20 + 48_000 * 40)
    demand = np.concatenate([batch.value[batch.point == world.index.add("x.demand")] for batch in world.told])
    assert set(np.round(demand)) == {80_000.0, 160_000.0}
    (state,) = world.books.registers()
    assert state.value == pytest.approx(values[-1] * 40)
    await world.close()


async def test_a_new_meter_with_other_digits_turns_over_at_its_own_size(tmp_path: Path) -> None:
    swapped, turned = T0 + DAY, T0 + 3 * DAY
    table = meter(limit=50, digits=5, ratios=[{"from": datetime.fromtimestamp(swapped / 1e9, UTC), "digits": 4}])
    world = World(tmp_path, 0, POINT.format(id="x", extra="", **KWH), (table,))
    await world.open()
    at = T0 + np.arange(5 * 96, dtype=np.int64) * 15 * MINUTE
    true = 2000.0 * np.arange(len(at))  # 8 kW
    value = np.where(at < swapped, 99_900_000.0 + true, 0.0)  # 100 kWh before the old register's end: it turns over too
    value = np.where(value >= 1e8, value - 1e8, value)
    value[at >= swapped] = np.mod(true[at >= swapped] - true[at == turned][0], 1e7)
    for place in range(0, len(at), 24):
        await world.feed("x", at[place : place + 24], value[place : place + 24])
    end, start = 99_900_000.0 + true[at == swapped][0] - 1e8, value[at == swapped][0]
    await asyncio.to_thread(world.books.declare, "x", "swap", swapped - MINUTE, "li", world.now, end=end, start=start)
    assert world.books.consumption("x", T0, int(at[-1])).total == pytest.approx(true[-1] - true[0])
    assert world.books.questions() == []
    await world.close()
