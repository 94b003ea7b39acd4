"""Scheduled work: APScheduler, with what it leaves open decided here.

- A job runs at most once at a time; a run that comes while the last one lasts is an overrun: counted, not queued.
- Several missed runs become one. A nightly job that was missed because Steward was down runs soon after the next start:
  the time of its last good run is kept in the records, so this survives restarts and is a fact in SQL, not a pickle.
- A failing job is counted and logged, and runs again at its next time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog
from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from prometheus_client import CollectorRegistry, Counter, Gauge

from steward.units import SECOND

log = structlog.get_logger()

Run = Callable[[], Awaitable[None]]
CATCH_UP = 30  # seconds after the start at which a missed nightly job runs: the service is up by then
GRACE = 3600  # seconds by which a job may start late and still count as this run


class State(Protocol):
    """Where the time of the last good run is kept."""

    def save_state(self, name: str, payload: bytes, now: int) -> None:
        """Keeps a payload under a name."""

    def load_state(self, name: str) -> bytes | None:
        """The payload of a name, None if there is none."""


@dataclass
class JobStatus:
    """What is known of a job; times in ns, None before the first run."""

    name: str
    schedule: str
    last_good: int | None = None
    last_failure: int | None = None
    error: str = ""
    runs: int = 0
    failures: int = 0
    missed: int = 0
    overruns: int = 0
    seconds: float = 0.0
    next_run: int | None = None


@dataclass
class Jobs:
    """The jobs of one service."""

    state: State
    clock: Callable[[], int]
    registry: CollectorRegistry
    _jobs: dict[str, JobStatus] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._scheduler.add_listener(self._missed, EVENT_JOB_MISSED)
        self._scheduler.add_listener(self._overrun, EVENT_JOB_MAX_INSTANCES)
        names = ["job"]
        self._runs = Counter("steward_job_runs", "Runs of scheduled jobs", [*names, "outcome"], registry=self.registry)
        self._misfires = Counter("steward_job_misfires", "Runs missed or overrun", [*names, "why"], registry=self.registry)
        self._seconds = Gauge("steward_job_seconds", "Duration of the last run", names, registry=self.registry)
        self._last = Gauge("steward_job_last_good_seconds", "Time of the last good run", names, registry=self.registry)

    def nightly(self, name: str, at: str, run: Run) -> None:
        """Runs `run` every day at `at` ("HH:MM" UTC), and soon after the start when the last time was missed."""
        hour, minute = (int(part) for part in at.split(":"))
        trigger = CronTrigger(hour=hour, minute=minute, timezone=UTC)
        status = self._add(name, f"daily at {at} UTC")
        stored = self.state.load_state(f"job:{name}")
        status.last_good = int(stored) if stored else None
        now = datetime.fromtimestamp(self.clock() / SECOND, UTC)
        due = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
        due -= timedelta(days=1) if due > now else timedelta()
        if status.last_good is not None and status.last_good < due.timestamp() * SECOND:
            self._schedule(name, trigger, run, now + timedelta(seconds=CATCH_UP))
        else:
            self._schedule(name, trigger, run, None)

    def every(self, name: str, seconds: float, run: Run) -> None:
        """Runs `run` every so many seconds."""
        self._add(name, f"every {seconds:g} s")
        self._schedule(name, IntervalTrigger(seconds=seconds, timezone=UTC), run, None)

    def start(self) -> None:
        """Starts the scheduler in the running event loop."""
        self._scheduler.start()

    def stop(self) -> None:
        """Stops it; a job that is running is left to finish by its own task."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def status(self) -> list[JobStatus]:
        """All jobs, by name, with the time of their next run."""
        for name, status in self._jobs.items():
            job = self._scheduler.get_job(name)
            following = getattr(job, "next_run_time", None)
            status.next_run = int(following.timestamp() * SECOND) if following else None
        return [self._jobs[name] for name in sorted(self._jobs)]

    async def run_now(self, name: str, run: Run) -> None:
        """Runs a job once, counted like a scheduled run."""
        status = self._jobs[name]
        started = self.clock()
        try:
            await run()
        except asyncio.CancelledError:
            raise
        except Exception as error:  # the task boundary: one job must not end the service
            status.failures += 1
            status.last_failure, status.error = self.clock(), f"{type(error).__name__}: {error}"
            self._runs.labels(name, "failed").inc()
            log.error("job_failed", job=name, error=status.error)
        else:
            status.last_good, status.error = self.clock(), ""
            self._runs.labels(name, "good").inc()
            self._last.labels(name).set(status.last_good / SECOND)
            await asyncio.to_thread(self.state.save_state, f"job:{name}", str(status.last_good).encode(), status.last_good)
        finally:
            status.runs += 1
            status.seconds = (self.clock() - started) / SECOND
            self._seconds.labels(name).set(status.seconds)

    def _add(self, name: str, schedule: str) -> JobStatus:
        return self._jobs.setdefault(name, JobStatus(name, schedule))

    def _schedule(self, name: str, trigger: object, run: Run, first: datetime | None) -> None:
        options = {"next_run_time": first} if first else {}
        self._scheduler.add_job(
            self.run_now,
            trigger,
            args=[name, run],
            id=name,
            name=name,
            replace_existing=True,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=GRACE,
            **options,
        )

    def _missed(self, event: JobEvent) -> None:
        self._jobs[event.job_id].missed += 1
        self._misfires.labels(event.job_id, "missed").inc()
        log.warning("job_missed", job=event.job_id)

    def _overrun(self, event: JobEvent) -> None:
        self._jobs[event.job_id].overruns += 1
        self._misfires.labels(event.job_id, "overrun").inc()
        log.warning("job_overrun", job=event.job_id)
