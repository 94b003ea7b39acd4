"""Trials in processes of their own: the same result however many, progress, partial results, cancel, failures."""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
from collections.abc import Sequence
from multiprocessing.context import SpawnProcess

import numpy as np
import pytest

from rules.backtest import Episode
from rules.contract import Rule
from rules.scoring import Label
from rules.testing import facility_of
from steward.app.trials.runs import Request, Run, Sweep, Trials
from steward.errors import ConfigError, NotFound, StewardError
from steward.model import Batch, PointIndex
from steward.units import DAY, HOUR, MINUTE, SECOND

START = 1_767_571_200 * SECOND
FACILITY = facility_of(
    [{"id": f"m{number}", "metric": "power", "equip": f"e{number}", "interval": "5m"} for number in range(3)], {}
)
HIGH = ("test", {"id": "high", "kind": "threshold", "match": {"metric": "power"}, "above": "90W", "for": "5m"})
STUCK = ("test", {"id": "stuck", "kind": "stuck", "match": {"metric": "power"}, "duration": "2h"})


class Past:
    """A history: each point is 95 W in the hour of the day that is its number, else random; `gate` holds it up."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.reads: list[tuple[int, int]] = []

    async def read(self, points: Sequence[int], start: int, end: int) -> Batch:
        self.reads.append((start, end))
        await self.gate.wait()
        at = np.arange(-(-start // (5 * MINUTE)) * 5 * MINUTE, end, 5 * MINUTE)
        batches = []
        for point in points:
            hour = at // HOUR % 24
            value = np.random.default_rng(point).uniform(20, 60, len(at))
            batches.append(Batch.of(np.full(len(at), point), at, np.where(hour == point, 95.0, value)))
        return Batch.concat(batches)


def trials(past: Past, processes: int = 1) -> Trials:
    return Trials(lambda: FACILITY, PointIndex(FACILITY.points), past, lambda: START, processes=processes)


async def ended(run: Run) -> Run:
    assert run.task is not None
    async with asyncio.timeout(120):
        await asyncio.gather(run.task, return_exceptions=True)
    return run


async def test_a_trial_finds_the_episodes_of_its_span_whatever_the_number_of_processes() -> None:
    results = []
    for processes in (1, 2):
        desk = trials(Past(), processes)
        run = await ended(desk.submit(Request((HIGH, STUCK), START, START + 3 * DAY)))
        assert (run.state, run.error, run.progress) == ("done", "", 1.0)
        rows = {row.rule: row for row in desk.report(run).rows}
        assert rows["high"].episodes == 9
        assert rows["high"].hours == pytest.approx(9 * 55 / 60)
        assert rows["high"].targets == 3
        assert rows["stuck"].episodes == 0
        assert run.outcome is not None
        results.append([(one.rule, one.target, one.fired, one.resolved) for one in run.outcome.episodes])
    assert results[0] == results[1]


async def test_a_sweep_and_two_versions_are_tried_in_one_run_each() -> None:
    desk = trials(Past())
    labels = tuple(Label(START + day * DAY + 2 * HOUR, START + day * DAY + 3 * HOUR, "e2") for day in range(2))
    sweep = Sweep("high", "match.metric", ("power",))
    run = await ended(desk.submit(Request((HIGH,), START, START + 2 * DAY, sweep=sweep, labels=labels, complete=True)))
    found = desk.report(run).curve
    assert found is not None
    assert found.rows[0].score is not None
    assert (found.rows[0].score.right, found.rows[0].score.wrong, found.rows[0].score.missed) == (2, 4, 0)
    later = ("test", {**HIGH[1], "for": "30m"})
    both = await ended(desk.submit(Request((HIGH,), START, START + 2 * DAY, against=(later,))))
    changes = desk.report(both).changes
    assert changes is not None
    assert [change.shift for change in changes] == [25 * MINUTE] * 6


async def test_a_trial_tells_how_far_it_is_and_what_it_found_so_far_and_can_be_cancelled() -> None:
    past = Past()
    desk = trials(past)
    run = desk.submit(Request((HIGH,), START, START + 400 * DAY))
    async with asyncio.timeout(120):
        while run.outcome is None or not run.outcome.episodes:
            run.looking.set()
            await asyncio.sleep(0.01)
    past.gate.clear()
    assert 0 < run.progress <= 1
    assert desk.report(run).rows[0].episodes > 0
    cancelled = await desk.cancel(run.id)
    assert cancelled.state == "cancelled"
    assert cancelled.finished is not None
    assert desk.report(cancelled).rows[0].episodes > 0


async def test_trials_wait_for_their_turn_and_not_without_end() -> None:
    past = Past()
    past.gate.clear()
    desk = trials(past)
    runs = [desk.submit(Request((HIGH,), START, START + DAY)) for _ in range(8)]
    async with asyncio.timeout(120):
        while runs[0].state != "running":
            await asyncio.sleep(0.01)
    desk.submit(Request((HIGH,), START, START + DAY))
    with pytest.raises(StewardError, match="wait already"):
        desk.submit(Request((HIGH,), START, START + DAY))
    await desk.close()
    assert {run.state for run in desk.runs()} == {"cancelled"}


async def test_a_trial_cancelled_while_its_process_starts_leaves_no_process_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, started, go_on = asyncio.Event(), asyncio.Event(), threading.Event()
    loop, start = asyncio.get_running_loop(), SpawnProcess.start

    def slow(process: SpawnProcess) -> None:
        loop.call_soon_threadsafe(begun.set)
        go_on.wait(60)
        start(process)
        loop.call_soon_threadsafe(started.set)

    monkeypatch.setattr(SpawnProcess, "start", slow)
    before = multiprocessing.active_children()
    desk = trials(Past())
    run = desk.submit(Request((HIGH,), START, START + DAY))
    async with asyncio.timeout(120):
        await begun.wait()
        ending = asyncio.create_task(desk.cancel(run.id))
        await asyncio.sleep(0)
        go_on.set()
        await ending
        await started.wait()
    assert run.state == "cancelled"
    assert set(multiprocessing.active_children()) == set(before)


async def test_a_history_that_cannot_be_read_fails_the_trial_and_nothing_else() -> None:
    class Broken:
        async def read(self, points: Sequence[int], start: int, end: int) -> Batch:
            raise StewardError("the store is down")

    desk = Trials(lambda: FACILITY, PointIndex(FACILITY.points), Broken(), lambda: START)
    run = await ended(desk.submit(Request((HIGH,), START, START + DAY)))
    assert (run.state, run.error) == ("failed", "StewardError: the store is down")


async def test_every_wrong_rule_is_told_before_anything_is_read() -> None:
    past = Past()
    desk = trials(past)
    bad = (("one", {"id": "a", "kind": "treshold"}), ("two", {"id": "b", "kind": "threshold", "abov": 3}))
    with pytest.raises(ConfigError) as caught:
        desk.submit(Request(bad, START, START + DAY))
    assert len(caught.value.problems) >= 2
    with pytest.raises(ConfigError, match="no rule 'other'"):
        desk.submit(Request((HIGH,), START, START + DAY, sweep=Sweep("other", "above", ("1W",))))
    with pytest.raises(ConfigError, match="not after start"):
        desk.submit(Request((HIGH,), START, START))
    with pytest.raises(NotFound):
        desk.get("t9")
    assert past.reads == []


async def test_a_sweep_shows_what_each_value_would_have_flagged_in_money() -> None:
    def price(episode: Episode, rule: Rule | None) -> float | None:
        assert rule is not None
        assert rule.id == episode.rule
        return 2.0 if episode.target == "m0" else None

    desk = Trials(lambda: FACILITY, PointIndex(FACILITY.points), Past(), lambda: START, price=price)
    try:
        run = await ended(desk.submit(Request((HIGH,), START, START + 2 * DAY, Sweep("high", "above", ("90W", "99W")))))
        report = desk.report(run)
        assert [row.cost for row in report.rows] == [4.0, None]
        assert report.curve is not None
        assert [row.cost for row in report.curve.rows] == [4.0, None]
    finally:
        await desk.close()
