"""Scheduled work: missed nights are made up, overruns and failures are counted, nothing runs twice at a time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from steward.app.jobs import CATCH_UP, Jobs
from steward.units import DAY, SECOND

NOON = int(datetime(2026, 5, 4, 12, tzinfo=UTC).timestamp()) * SECOND


class States(dict[str, bytes]):
    """Job states in memory."""

    def save_state(self, name: str, payload: bytes, now: int) -> None:
        self[name] = payload

    def load_state(self, name: str) -> bytes | None:
        return self.get(name)


def jobs(states: States) -> Jobs:
    return Jobs(states, lambda: NOON, CollectorRegistry())


async def nothing() -> None:
    pass


async def failing() -> None:
    raise RuntimeError("disk full")


async def next_run(states: States) -> int:
    work = jobs(states)
    work.nightly("compact", "01:30", nothing)
    work.start()
    run = work.status()[0].next_run
    work.stop()
    assert run is not None
    return run


async def test_a_nightly_job_that_was_missed_while_steward_was_down_runs_soon_after_the_start() -> None:
    two_days_ago = States({"job:compact": str(NOON - 2 * DAY).encode()})
    assert await next_run(two_days_ago) == NOON + CATCH_UP * SECOND


async def test_a_nightly_job_that_ran_last_night_waits_for_the_next() -> None:
    last_night = States({"job:compact": str(NOON - 10 * 3600 * SECOND).encode()})
    assert await next_run(last_night) > datetime.now(UTC).timestamp() * SECOND


async def test_a_good_run_is_remembered_in_the_records_and_in_the_metrics() -> None:
    states = States()
    work = jobs(states)
    work.nightly("compact", "01:30", nothing)
    await work.run_now("compact", nothing)
    assert states["job:compact"] == str(NOON).encode()
    assert work.registry.get_sample_value("steward_job_runs_total", {"job": "compact", "outcome": "good"}) == 1


async def test_a_failing_job_is_counted_with_its_error_and_does_not_count_as_done() -> None:
    states = States()
    work = jobs(states)
    work.nightly("compact", "01:30", failing)
    await work.run_now("compact", failing)
    status = work.status()[0]
    assert (status.failures, status.error, status.last_good) == (1, "RuntimeError: disk full", None)
    assert "job:compact" not in states
    assert work.registry.get_sample_value("steward_job_runs_total", {"job": "compact", "outcome": "failed"}) == 1


async def test_a_run_that_comes_while_the_last_one_lasts_is_counted_as_an_overrun_and_not_started() -> None:
    started = 0
    release = asyncio.Event()

    async def slow() -> None:
        nonlocal started
        started += 1
        await release.wait()

    work = jobs(States())
    work.every("slow", 0.02, slow)
    work.start()
    async with asyncio.timeout(60):
        while work.status()[0].overruns == 0:
            await asyncio.sleep(0.01)
    release.set()
    work.stop()
    assert started == 1
    assert work.registry.get_sample_value("steward_job_misfires_total", {"job": "slow", "why": "overrun"}) >= 1  # type: ignore[operator]


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")
