"""What goes wrong around the books: a store that fails, a kill at any moment, a start on much history; nothing waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rules.engine import Engine
from rules.load import load
from steward.app.ledger.archive import Archive
from steward.app.ledger.worker import Worker
from steward.errors import StoreUnavailable
from steward.model import Batch, Quality
from steward.records.ledger import LedgerRecords
from steward.units import DAY, HOUR, MINUTE
from tests.app.books_world import T0, World, steady


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    await made.open()
    yield made
    await made.close()


async def test_a_store_that_cannot_read_one_register_holds_up_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    read, broken = world.store.read, world.index.add("m1")

    async def fails(points: Sequence[int], start: int, end: int, limit: int | None = None) -> Batch:
        if broken in points:
            raise StoreUnavailable("this part of the disk")
        return await read(points, start, end, limit)

    monkeypatch.setattr(world.store, "read", fails)
    at, value = steady(1)
    value[30] = 0.0  # all three must be read from the store
    for place in range(0, len(at), 16):
        for point in ("m0", "m1", "m2"):
            await world.feed(point, at[place : place + 16], value[place : place + 16])
    await world.pass_time(int(at[-1]) + 2 * MINUTE)
    for point in ("m0", "m2"):
        assert world.books.consumption(point, T0, int(at[-1])).total == pytest.approx(value[-1] - value[0])
    assert (world.registry.get_sample_value("steward_ledger_failures_total", {"reason": "read"}) or 0) >= 1
    assert "disk" in next(state.error for state in world.books.registers() if state.point == "m1")
    monkeypatch.undo()
    await world.pass_time(int(at[-1]) + 3 * HOUR)
    assert world.books.consumption("m1", T0, int(at[-1])).total == pytest.approx(value[-1] - value[0])


async def test_a_closing_does_not_wait_for_a_read_that_hangs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    at, value = steady(1)
    asked, go_on = asyncio.Event(), asyncio.Event()
    read = world.store.read

    async def hangs(points: Sequence[int], start: int, end: int, limit: int | None = None) -> Batch:
        asked.set()
        await go_on.wait()
        return await read(points, start, end, limit)

    monkeypatch.setattr(world.store, "read", hangs)
    number = [world.index.add(point) for point in ("m0", "m1")]
    fallen = value.copy()
    fallen[10] = 0.0
    for place in range(48):
        world.now = int(at[place])
        batch = Batch.of(number, [at[place]] * 2, [value[place], fallen[place]], received=world.now)
        await world.store.write(batch)
        await world.books.commit(batch)
    world.now += 2 * MINUTE
    await world.books.tick()
    async with asyncio.timeout(60):
        await asked.wait()
    assert world.books.consumption("m0", T0, int(at[47])).total == pytest.approx(value[47] - value[0])
    assert np.isnan(world.books.consumption("m1", int(at[20]), int(at[47])).total)
    go_on.set()
    await world.books.idle()
    assert world.books.consumption("m1", T0, int(at[47])).total == pytest.approx(value[47] - value[0])


async def test_samples_that_come_between_reading_and_solving_are_not_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, value = steady(1)
    value[10] = 0.0
    await world.feed("m0", at[:20], value[:20])
    read, done = world.store.read, False

    async def races(points: Sequence[int], start: int, end: int, limit: int | None = None) -> Batch:
        nonlocal done
        found = await read(points, start, end, limit)
        if not done:
            done = True
            batch = Batch.of([points[0]] * 4, at[21:25], value[21:25], received=int(at[24]))
            await world.store.write(batch)
            await world.books.commit(batch)
        return found

    monkeypatch.setattr(world.store, "read", races)
    value[20] = 5.0
    await world.feed("m0", at[20:21], value[20:21])
    await world.pass_time(int(at[24]) + 2 * MINUTE)
    await world.pass_time(int(at[24]) + 20 * MINUTE)
    assert done
    assert world.books.consumption("m0", T0, int(at[24])).total == pytest.approx(value[24] - value[0])


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_kill_in_the_middle_of_a_closing_costs_nothing_and_revises_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    world = World(tmp_path)
    await world.open()
    at, value = steady(2)
    late = (at > T0 + 26 * HOUR) & (at < T0 + 30 * HOUR)
    given = value.copy()
    given[at >= T0 + 30 * HOUR] += 40_000
    for part in np.array_split(np.flatnonzero(~late), 20):
        await world.feed("m0", at[part], given[part])
    await world.books.save()
    restate = LedgerRecords.restate

    def killed(self: LedgerRecords, rows: Any) -> None:
        if when == "after":
            restate(self, rows)
        raise SystemError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(LedgerRecords, "restate", killed)
        world.now += MINUTE
        await world.feed("m0", at[late], given[late] + 10_000, received=world.now)
        await world.pass_time(world.now + 20 * MINUTE)
    await world.restart(killed=True)
    await world.pass_time(world.now + 20 * MINUTE)
    assert world.books.consumption("m0", T0, int(at[-1])).total == pytest.approx(given[-1] - given[0])
    revisions = world.books.revisions("m0", T0, int(at[-1]))
    assert len(revisions) == 1
    found = world.books.consumption("m0", T0, int(at[-1]))
    new = dict(zip(revisions[0].start.tolist(), revisions[0].new.tolist(), strict=True))
    assert all(new.get(start, value) == value for start, value in zip(found.start.tolist(), found.value.tolist(), strict=True))
    await world.close()


async def test_a_first_start_on_much_history_is_up_at_once_and_works_it_out_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 50
    monkeypatch.setattr("steward.app.ledger.queue.TOGETHER", 20)
    world = World(tmp_path, count)
    at, value = steady(3)
    await world.store.open()
    for number in range(count):
        shown = value + number
        shown[100] = 0.0
        await world.store.write(Batch.of([world.index.add(f"m{number}")] * len(at), at, shown, received=at))
    world.now = int(at[-1]) + 2 * MINUTE
    sizes: list[int] = []
    turn = Worker._read

    async def counted(self: Worker, windows: Any, now: int) -> Any:
        sizes.append(len(windows))
        return await turn(self, windows, now)

    monkeypatch.setattr(Worker, "_read", counted)
    await world.books.start(world.store)
    assert not sizes, "the start waits for no history"
    assert world.registry.get_sample_value("steward_ledger_waiting") == count
    fresh = Batch.of([world.index.add("m0")], [world.now], [value[-1] + 500], received=world.now)
    await world.store.write(fresh)
    await world.books.commit(fresh)
    await world.books.idle()
    assert max(sizes) <= 20
    assert world.registry.get_sample_value("steward_ledger_waiting") == 0
    for number in (0, 7, count - 1):
        total = world.books.consumption(f"m{number}", T0, int(at[-1])).total
        assert total == pytest.approx(value[-1] - value[0])
    told = Batch.concat(world.told)
    assert int(told.at.min()) > int(at[-1]) - 4 * HOUR, "the rules are not told of the whole past"
    await world.close()


RULE = {
    "id": "high",
    "kind": "threshold",
    "severity": "medium",
    "match": {"metric": "power", "role": "derived"},
    "above": "11kW",
    "text": {"en": "high"},
}


async def test_after_a_restart_the_last_hour_of_derived_samples_is_told_again_and_judged_once(world: World) -> None:
    at, value = steady(1)
    for place in range(0, 80, 4):
        await world.feed("m0", at[place : place + 4], value[place : place + 4])
    loaded = load([("f.toml", {key: one for key, one in RULE.items() if key != "text"})], world.facility)
    assert not loaded.problems, loaded.problems
    engine = Engine(loaded.rules, world.facility, world.index)
    demand = world.index.add("m0.demand")
    before = Batch.concat(world.told)
    stated = engine.feed(before, world.now)
    assert stated
    world.told.clear()
    await world.restart(killed=True)
    again = Batch.concat(world.told)
    mine = again.take(again.point == demand)
    assert 3 <= len(mine) <= 96
    repeated = mine.take(mine.at > world.now - HOUR)
    assert set(repeated.at.tolist()) <= set(before.take(before.point == demand).at.tolist())
    assert engine.feed(again.take(again.at <= before.at.max()), world.now) == []


async def test_the_history_of_a_derived_point_is_what_the_ledger_says_now(world: World) -> None:
    at, value = steady(5)
    gap = (at > T0 + DAY) & (at < T0 + DAY + 2 * HOUR)
    for part in np.array_split(np.flatnonzero(~gap), 20):
        await world.feed("m0", at[part], value[part])
    await world.books.nightly()
    archive = Archive(world.store, lambda: world.books)
    demand, register = world.index.add("m0.demand"), world.index.add("m0")
    end = int(at[-1])
    found = await archive.read([register, demand], T0, end)
    mine = found.take(found.point == demand)
    booked = world.books.consumption("m0", T0, end)
    assert mine.at.tolist() == [one for one in booked.end.tolist() if one < end]
    assert mine.value.tolist() == pytest.approx((booked.value * 4)[: len(mine)].tolist())
    assert (mine.quality == Quality.UNCERTAIN).any(), "a spread gap shows"
    assert len(found.take(found.point == register)) == len(at) - gap.sum() - 1
    assert np.array_equal(np.lexsort((found.at, found.point)), np.arange(len(found)))
    hours = await archive.aggregate([demand, register], T0, end, HOUR)
    first = hours.point == demand
    assert hours.count[first][1] == 4
    assert hours.mean[first][1] == pytest.approx(mine.take((mine.at >= T0 + HOUR) & (mine.at < T0 + 2 * HOUR)).value.mean())
    assert (hours.point == register).any()
    late = np.flatnonzero(gap)
    await world.feed("m0", at[late], value[late], received=world.now + MINUTE)
    await world.pass_time(world.now + 20 * MINUTE)
    restated = await archive.read([demand], T0 + DAY, T0 + DAY + 2 * HOUR)
    assert set(restated.quality.tolist()) == {Quality.GOOD}
    assert len(await archive.read([demand], T0, end, 10)) == 10
    newest = await archive.latest([demand], T0)
    assert newest.at.tolist() == [end]
    assert (await archive.count()) == await world.store.count()


async def test_faults_are_stored_because_they_follow_from_no_figure(world: World) -> None:
    at, value = steady(3)
    value[200:] += 5e9
    for part in np.array_split(np.arange(len(at)), 24):
        await world.feed("m0", at[part], value[part])
    number = world.index.add("m0.fault")
    found = await Archive(world.store, lambda: world.books).read([number], T0, world.now + HOUR)
    assert found.value.tolist()[0] == 0
    assert found.value.tolist()[-1] == 3, "a question waits"


@pytest.mark.parametrize("action", ["confirm", "swap"])
async def test_a_question_answered_before_a_kill_is_not_asked_again(world: World, action: str) -> None:
    at, value = steady(8)
    value[200:] += 5e9  # settled long ago, so that nothing but the answer has the register solved again
    for place in range(0, len(at), 32):
        await world.feed("m0", at[place : place + 32], value[place : place + 32])
    await world.books.save()
    (question,) = world.books.questions()
    answer = next(one for one in question.answers if one.action == action)
    await asyncio.to_thread(world.books.answer, question.id, answer.number, "li", world.now)
    figures = world.figures("m0", T0, T0 + 8 * DAY)
    await world.restart(killed=True)
    await world.pass_time(world.now + 20 * MINUTE)
    assert world.books.questions() == []
    assert world.figures("m0", T0, T0 + 8 * DAY) == figures


async def test_a_late_read_just_behind_a_decided_consumption_leaves_it_as_it_was_decided(world: World) -> None:
    at, value = steady(13)
    until, decided = T0 + 9 * DAY, 3e6
    late = int(np.searchsorted(at, until + HOUR))
    for part in np.array_split(np.delete(np.arange(len(at)), late), 14):
        await world.feed("m0", at[part], value[part])
    await asyncio.to_thread(world.books.declare, "m0", "consumption", T0 + 2 * DAY, "li", world.now, until=until, value=decided)
    await world.feed("m0", at[late : late + 1], value[late : late + 1], received=world.now + MINUTE)
    await world.pass_time(world.now + 20 * MINUTE)
    measured = value[at == T0 + 12 * DAY][0] - value[at == until][0]
    assert world.books.consumption("m0", T0 + 2 * DAY, until).total == pytest.approx(decided)
    assert world.books.consumption("m0", T0 + 2 * DAY, T0 + 12 * DAY).total == pytest.approx(decided + measured)
