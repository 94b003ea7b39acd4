"""The books of the service: every way in gives the same figures, restarts lose nothing, one bad register stops no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from metering.intervals import Flag, Method
from metering.ledger import Ledger
from metering.reads import Parameters, Reads
from steward.app.ledger.people import local_month
from steward.app.ledger.restate import Restater
from steward.config.meters import LedgerTable
from steward.errors import NotFound
from steward.model import Batch, Quality
from steward.units import DAY, HOUR, MINUTE, SECOND
from tests.app.books_world import POINT, T0, World, steady

DAYS = 4
END = T0 + DAYS * DAY


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    await made.open()
    yield made
    await made.close()


async def live(world: World, point: str, at: np.ndarray, value: np.ndarray, chunk: int = 16) -> None:
    """Samples arrive as they are taken, a few at a time."""
    for place in range(0, len(at), chunk):
        await world.feed(point, at[place : place + chunk], value[place : place + chunk])


def expected(at: np.ndarray, value: np.ndarray) -> list[float]:
    """What the ledger of one register says of the closed quarter-hours, Wh."""
    ledger = Ledger("x", Parameters())
    ledger.add(Reads.of(at, np.rint(value).astype(np.int64)))
    found = ledger.intervals()
    whole = found.start + 15 * MINUTE <= int(ledger.solution.at[-1])
    return (found.value[whole] / 1000).tolist()


async def test_a_clean_register_is_closed_as_its_ledger_would(world: World) -> None:
    at, value = steady(DAYS)
    await live(world, "m0", at, value)
    wanted = expected(at, value)
    values, methods, flags = world.figures("m0", T0, int(at[-1]))
    assert values == wanted
    assert set(methods) == {Method.MEASURED}
    assert all(flag & Flag.PEAK_ELIGIBLE for flag in flags)
    (state, *_) = world.books.registers()
    assert (state.clean, state.held, state.questions) == (True, 0, 0)
    assert (state.settled_until or 0) > T0 + 2 * DAY
    assert not state.revision


async def test_late_samples_give_what_they_would_have_given_in_time(world: World) -> None:
    at, value = steady(DAYS)
    value[200] = 0.0
    rng = np.random.default_rng(4)
    late = np.zeros(len(at), np.bool_)
    late[rng.choice(len(at) - 1, 60, replace=False)] = True
    late[90:130] = True
    await live(world, "m0", at, value)
    await live(world, "m1", at[~late], value[~late])
    order = rng.permutation(np.flatnonzero(late))
    for place in range(0, len(order), 7):
        rows = order[place : place + 7]
        await world.feed("m1", at[rows], value[rows], received=END + place * MINUTE)
    await world.pass_time(END + 3 * HOUR)
    mask = ~int(Flag.PROVISIONAL)
    first, second = world.figures("m0", T0, END), world.figures("m1", T0, END)
    assert first[0] == second[0]
    assert first[1] == second[1]
    assert [flag & mask for flag in first[2]] == [flag & mask for flag in second[2]]
    revisions = world.books.revisions("m1", T0, END)
    assert {revision.reason for revision in revisions} >= {"late read"}
    assert all(len(revision.start) == len(revision.old) == len(revision.new) for revision in revisions)


@pytest.mark.parametrize("killed", [False, True])
async def test_a_restart_gives_the_identical_ledger(tmp_path: Path, killed: bool) -> None:
    at, value = steady(2)
    value[100:104] = 0.0
    both = []
    for name, again in (("whole", False), ("restarted", True)):
        folder = tmp_path / name
        folder.mkdir()
        world = World(folder)
        await world.open()
        for place in range(0, len(at), 8):
            await world.feed("m0", at[place : place + 8], value[place : place + 8])
            await world.feed("m1", at[place : place + 8], value[place : place + 8] * 2)
            if again and place in (40, 104, 160):
                await world.books.save()
            if again and place in (48, 112):
                await world.restart(killed=killed)
        await world.pass_time(T0 + 2 * DAY)
        both.append([world.figures(point, T0, T0 + 2 * DAY) for point in ("m0", "m1")])
        await world.close()
    assert both[0] == both[1]


async def test_a_spike_and_a_zero_cost_no_energy_and_are_labelled_in_the_evidence(world: World) -> None:
    at, value = steady(DAYS)
    value[150], value[180] = 0.0, 9e9
    await live(world, "m0", at, value)
    total = world.books.consumption("m0", T0, int(at[-1]), "day").total
    assert total == value[-1] - value[0]
    proof = await asyncio.to_thread(world.books.evidence, "m0", int(at[140]), int(at[190]))
    assert {read.label for read in proof.reads if read.label} == {"zero", "spike"}
    first, last = proof.links[0].first, proof.links[-1].last
    assert first is not None
    assert last is not None
    assert sum(link.consumption for link in proof.links) == pytest.approx(last.value - first.value)


async def test_one_register_that_cannot_be_solved_stops_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    solve = Restater.solve

    def fails(self: Restater, slot: int, *rest: object) -> object:
        if slot == 1:
            raise ArithmeticError("broken")
        return solve(self, slot, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Restater, "solve", fails)
    at, value = steady(1)
    fallen = value.copy()
    fallen[20] = 0.0
    for place in range(0, len(at), 16):
        for point, values in (("m0", value), ("m1", fallen), ("m2", value)):
            await world.feed(point, at[place : place + 16], values[place : place + 16])
    await world.pass_time(T0 + DAY + HOUR)
    states = {state.point: state for state in world.books.registers()}
    assert states["m1"].error == "ArithmeticError: broken"
    assert states["m0"].clean
    assert world.books.consumption("m2", T0, T0 + DAY).total == pytest.approx(float(np.sum(expected(at, value))))
    assert (world.registry.get_sample_value("steward_ledger_failures_total", {"reason": "solve"}) or 0) >= 1
    monkeypatch.undo()
    await world.pass_time(T0 + DAY + 3 * HOUR)  # it is tried again by itself
    assert next(state for state in world.books.registers() if state.point == "m1").error == ""
    assert world.books.consumption("m1", T0, T0 + DAY).total == pytest.approx(float(np.sum(expected(at, value))))


async def test_a_gap_is_counted_but_marked_as_spread(world: World) -> None:
    at, value = steady(2)
    keep = (at < T0 + 20 * HOUR) | (at > T0 + 26 * HOUR)
    await live(world, "m0", at[keep], value[keep])
    found = world.books.consumption("m0", T0, int(at[-1]))
    assert found.total == value[-1] - value[0]
    inside = (found.start >= T0 + 20 * HOUR) & (found.end <= T0 + 26 * HOUR)
    assert (found.flags[inside] & Flag.SPREAD).all()
    assert not (found.flags[inside] & Flag.PEAK_ELIGIBLE).any()


async def test_a_swap_is_asked_about_and_the_answer_is_on_record(world: World) -> None:
    at, value = steady(DAYS)
    value[200:] += 5e9
    await live(world, "m0", at, value)
    (question,) = world.books.questions()
    assert (question.point, question.topic) == ("m0", "swap")
    swap = next(one for one in question.answers if one.action == "swap")
    before, after = value[199] + 2000, value[200] - 1000
    taken = {"end": before, "start": after}
    made = await asyncio.to_thread(world.books.answer, question.id, swap.number, "wang", world.now, taken)
    assert made
    assert made[0].who == "wang"
    assert world.books.questions() == []
    total = world.books.consumption("m0", T0, int(at[-1])).total
    assert total == (before - value[0]) + (value[-1] - after)
    await world.restart()
    assert world.books.consumption("m0", T0, int(at[-1])).total == total
    (line,) = world.records.audit_log(who="wang")
    assert line.what == "ledger.answer"


async def test_a_closed_month_keeps_its_figure_and_late_data_become_an_adjustment(world: World) -> None:
    at, value = steady(40)
    late = (at >= T0 + 3 * DAY) & (at < T0 + 3 * DAY + 5 * HOUR)
    value[(at >= T0 + 3 * DAY + HOUR)] += 50_000
    await live(world, "m0", at[~late], value[~late], 96)
    month = str(np.datetime64(T0 // DAY, "D").astype("datetime64[M]"))
    day = int(str(np.datetime64(T0 // DAY, "D"))[8:])
    assert day < 28
    closed = world.books.close(month, "li", world.now)
    figure = next(one for one in closed if one.point == "m0")
    await world.feed("m0", at[late], value[late], received=world.now + MINUTE)
    await world.pass_time(world.now + 20 * MINUTE)
    again = next(one for one in world.books.closed(month) if one.point == "m0")
    assert again.value == figure.value
    total = world.books.consumption("m0", again.start, again.end).total
    assert total == pytest.approx(again.value + sum(difference for _, _, difference in again.adjustments))
    with pytest.raises(ValueError, match="not over yet"):
        world.books.close("2030-01", "li", world.now)


async def test_a_month_closed_before_its_last_reads_were_booked_is_adjusted_by_them(world: World) -> None:
    at, value = steady(6)
    month = str(np.datetime64(T0 // DAY, "D").astype("datetime64[M]"))
    _, end = local_month(month, "Asia/Shanghai")
    size = int(np.searchsorted(at, end))  # the read that ends the month's last quarter-hour has not come
    await live(world, "m0", at[:size], value[:size])
    world.now = end + 5 * SECOND
    (closed,) = [one for one in world.books.close(month, "li", world.now) if one.point == "m0"]
    await live(world, "m0", at[size:], value[size:])
    (again,) = [one for one in world.books.closed(month) if one.point == "m0"]
    total = world.books.consumption("m0", closed.start, closed.end).total
    assert total == pytest.approx(again.value + sum(difference for _, _, difference in again.adjustments))
    assert total > again.value == closed.value
    assert next(one for one in world.books.registers() if one.point == "m0").clean


async def test_two_people_who_answer_at_once_decide_once(world: World) -> None:
    at, value = steady(DAYS)
    value[200:] += 5e9
    await live(world, "m0", at, value)
    (question,) = world.books.questions()
    swap = next(one for one in question.answers if one.action == "swap")

    async def answers(who: str, more: float) -> Any:
        values = {"end": value[199] + more, "start": value[200] - 1000}
        return await asyncio.to_thread(world.books.answer, question.id, swap.number, who, world.now, values)

    found = await asyncio.gather(answers("li", 2000), answers("wang", 9000), return_exceptions=True)
    assert [type(one) for one in found if isinstance(one, Exception)] == [NotFound]
    assert len(world.books.core.records.decisions("declaration", "m0")) == 1
    assert world.books.questions() == []


async def test_what_a_link_is_bounded_by_shows_in_a_span_that_cuts_it(world: World) -> None:
    at, value = steady(DAYS)
    keep = (at < T0 + 2 * DAY) | (at > T0 + 2 * DAY + 6 * HOUR)
    value[at > T0 + 2 * DAY] += 5e9  # a swap within six hours of silence
    await live(world, "m0", at[keep], value[keep])
    found = world.books.consumption("m0", T0 + 2 * DAY + HOUR, T0 + 2 * DAY + 2 * HOUR, "hour")
    assert found.low[0] < found.value[0] < found.high[0]


async def test_old_quarter_hours_are_sealed_and_read_back_and_restated(world: World) -> None:
    at, value = steady(12)
    missing = (at > T0 + 2 * DAY) & (at < T0 + 2 * DAY + HOUR)
    await live(world, "m0", at[~missing], value[~missing], 96)
    before = world.figures("m0", T0, T0 + 12 * DAY)
    await world.books.nightly()
    assert world.books.core.shelf.hot.first > T0 + 9 * DAY
    assert world.books.core.records.sealed_size()[0] >= 1
    assert world.figures("m0", T0, T0 + 12 * DAY) == before
    await world.feed("m0", at[missing], value[missing], received=world.now + MINUTE)
    await world.pass_time(world.now + 20 * MINUTE)
    values, methods, _ = world.figures("m0", T0, int(at[-1]))
    assert values == expected(at, value)
    assert set(methods) == {Method.MEASURED}


async def test_limits_are_learned_once_a_week_is_settled_and_written_as_a_dated_parameter(tmp_path: Path) -> None:
    world = World(tmp_path, 0, POINT.format(id="m0", metric="energy", unit="kWh", extra=""))
    await world.open()
    at, value = steady(12)
    await live(world, "m0", at, value, 96)
    await world.books.nightly()
    rows = world.books.core.records.decisions("parameter", "m0")
    assert [row["content"]["reason"] for row in rows] == ["learned"]
    assert rows[0]["at"] == T0  # the first limits hold for what they were learned from
    await world.books.nightly()
    assert len(world.books.core.records.decisions("parameter", "m0")) == 1
    await world.close()


async def test_each_closed_quarter_hour_is_told_once_as_mean_power(world: World) -> None:
    at, value = steady(1)
    await live(world, "m0", at, value, 4)
    number = world.index.get("m0.demand")
    told = Batch.concat(world.told)
    mine = told.take(told.point == number)
    assert np.all(np.diff(mine.at) == 15 * MINUTE)
    found = world.books.consumption("m0", T0, int(mine.at[-1]))
    assert mine.value.tolist() == pytest.approx((found.value * 4).tolist())
    assert set(mine.quality[1:].tolist()) == {Quality.GOOD}


async def test_a_read_by_hand_is_a_sample_and_on_record(world: World) -> None:
    at, value = steady(1)
    await live(world, "m0", at[:40], value[:40])
    world.now = int(at[90]) + HOUR
    await world.books.read("m0", [(int(at[90]), float(value[90]))], "zhao")
    assert world.books.consumption("m0", T0, int(at[90])).total == pytest.approx(value[90] - value[0])
    proof = await asyncio.to_thread(world.books.evidence, "m0", int(at[80]), int(at[90]))
    assert [read.source for read in proof.reads if read.at == at[90]] == ["manual"]
    (row,) = world.books.core.records.decisions("read", "m0")
    assert (row["who"], row["content"]["from"]) == ("zhao", "api")
    assert len(await world.store.read([world.index.add("m0")], int(at[90]), int(at[90]) + SECOND)) == 1


async def test_a_backlog_is_worked_in_seconds_after_it_came_not_at_the_next_quarter_hour(world: World) -> None:
    at, value = steady(2)
    await live(world, "m0", at[:96], value[:96], 96)
    world.now = int(at[-1]) + 2 * MINUTE
    await world.books.tick()
    assert not world.books.core.due(world.now)
    await world.feed("m0", at[96:], value[96:], received=world.now)
    await world.pass_time(world.now + 11 * SECOND)
    assert not world.books.core.behind
    assert world.books.consumption("m0", int(at[96]), int(at[-1])).total == pytest.approx(value[-1] - value[96])


async def test_what_is_learned_of_an_idle_charger_does_not_forbid_what_it_is_rated_for(tmp_path: Path) -> None:
    text = '[[equip]]\nid = "c"\nname = "C"\ntype = "charger"\nsite = "a"\nrated_power = "22kW"\n'
    charger = POINT.format(id="m0", metric="energy", unit="kWh", extra='equip = "c"').replace('site = "a"\n', "", 1)
    world = World(tmp_path, 0, text + charger)
    await world.open()
    at = T0 + np.arange(14 * 96, dtype=np.int64) * 15 * MINUTE
    power = np.where((at >= T0 + 12 * DAY) & (at < T0 + 12 * DAY + 3 * HOUR), 22e3, 30.0)  # twelve days of standby, then a car
    value = 1e6 + 10 * np.floor((np.cumsum(power) - power) / 40)
    await live(world, "m0", at[: 12 * 96], value[: 12 * 96], 96)
    await world.books.nightly()
    assert [row["content"]["reason"] for row in world.books.core.records.decisions("parameter", "m0")] == ["learned"]
    await live(world, "m0", at[12 * 96 :], value[12 * 96 :])
    assert not world.books.core.shelf.questions.get("m0")
    charged = world.books.consumption("m0", T0 + 12 * DAY, T0 + 12 * DAY + 3 * HOUR)
    assert charged.total == pytest.approx(66e3, rel=0.01)
    await world.close()


async def test_a_window_that_begins_just_before_a_change_of_unit_goes_on_in_the_new_one(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.open()
    at, value = steady(11)
    begun = at > T0 + 6 * DAY
    value[begun] = np.floor(value[begun] / 10)
    size = int(np.searchsorted(at, T0 + 10 * DAY - 3 * HOUR))
    await live(world, "m0", at[:size], value[:size], 96)
    await live(world, "m0", at[size:], value[size:], 1)  # some window begins with the last reads before the change
    ledger = Ledger("x", Parameters(rate=60_000.0))
    ledger.add(Reads.of(at, np.rint(value).astype(np.int64)))
    found = ledger.intervals()
    whole = found.start + 15 * MINUTE <= int(ledger.solution.at[-1])
    assert world.figures("m0", T0, int(at[-1]))[0] == (found.value[whole] / 1000).tolist()
    await world.close()


async def test_a_month_is_closed_by_itself_on_its_local_day(tmp_path: Path) -> None:
    world = World(tmp_path, table=LedgerTable(close_day=1))
    await world.open()
    at, value = steady(6)
    await live(world, "m0", at, value, 48)
    _, end = local_month("2026-05", "Asia/Shanghai")
    for moment, months in ((end - 80 * MINUTE, 0), (end + 40 * MINUTE, 1)):  # in UTC both lie in May
        world.now = moment
        await world.books.nightly()
        assert len(world.books.closed("2026-05")) == months
    await world.close()
