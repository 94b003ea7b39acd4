"""What trying rules on the past costs: `python -m bench.rules.backtest [--days 365] [--only mixed]`.

1,000 points at one sample a minute, twenty rules on all of them, through the same processes that the service uses. "limits":
twenty thresholds with `for`; "mixed": 10 thresholds, 3 schedules, 3 stuck, 2 rates, 1 gated threshold, 1 stale; "rough": the
same over a rough history. The history is a day of random load shapes with 24 excursions of half an hour, given again for each
day; a rough one has every device silent for an hour a day, the points that gate others at rest for half of it, and a tenth of
all standing still at night. Making it is part of the figure, reading a store is not. The peer is the aim: 60 s for a year on
two cores. Peak memory is that of the largest process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.rules.__main__ import METRICS, START, facility
from steward.app.trials.runs import Request, Table, Trials
from steward.model import Batch, PointIndex
from steward.units import DAY, MINUTE

POINTS = 1_000


def limits() -> list[Table]:
    """Twenty thresholds."""
    rules = [{"id": f"t{n}", "kind": "threshold", "above": 95 + n / 10, "deadband": 1, "for": "5m"} for n in range(20)]
    return [("bench", rule) for rule in rules]


def mixed() -> list[Table]:
    """Twenty rules of six kinds."""
    rules: list[dict[str, Any]] = [
        {"id": f"t{n}", "kind": "threshold", "above": 95 + n / 10, "deadband": 1, "for": "5m"} for n in range(10)
    ]
    rules += [{"id": f"s{n}", "kind": "schedule", "above": 97 + n, "for": "15m"} for n in range(3)]
    rules += [{"id": f"k{n}", "kind": "stuck", "duration": f"{4 + n}h"} for n in range(3)]
    rules += [{"id": f"r{n}", "kind": "rate", "rise": 99 + n, "per": "10m"} for n in range(2)]
    rules += [
        {"id": "g", "kind": "threshold", "above": 99.5, "while": {"role": "r1", "above": 5}},
        {"id": "z", "kind": "stale"},
    ]
    return [("bench", rule) for rule in rules]


class Days:
    """The same day of load shapes for ever; half a per cent of it above the limits."""

    def __init__(self, rough: bool = False) -> None:
        rng = np.random.default_rng(1)
        minute = np.arange(1440)
        shape = 50 + 30 * np.sin((minute[None, :] - rng.integers(0, 1440, (POINTS, 1))) * 2 * np.pi / 1440)
        self.value = np.minimum(shape + rng.normal(0, 4, shape.shape), 94).reshape(-1)
        for place in rng.integers(0, POINTS * 1440 - 30, 24):
            self.value[place : place + 30] = 98.0
        self.point = np.repeat(np.arange(POINTS, dtype=np.int32), 1440)
        self.minute = np.tile(minute * MINUTE, POINTS)
        self.seconds = 0.0
        if rough:
            self._roughen(rng)

    def _roughen(self, rng: np.random.Generator) -> None:
        number, minute = self.point, self.minute // MINUTE
        self.value[(number % 10 == 1) & ((minute < 420) | (minute > 1140))] = 0.0
        self.value[(number % 10 == 2) & (minute < 360)] = 20.0
        silent = rng.integers(0, 1380, POINTS // 10)[number // 10]
        keep = (minute < silent) | (minute >= silent + 60)
        self.value, self.point, self.minute = self.value[keep], self.point[keep], self.minute[keep]

    async def read(self, points: Sequence[int], start: int, end: int) -> Batch:
        """Whole days only."""
        began = time.perf_counter()
        days = [Batch.of(self.point, day + self.minute, self.value) for day in range(start // DAY * DAY, end, DAY)]
        batch = Batch.concat(days) if len(days) != 1 else days[0]
        self.seconds += time.perf_counter() - began
        return batch.take((batch.at >= start) & (batch.at < end)) if start % DAY or end % DAY else batch


def year(tables: list[Table], days: int, processes: int, rough: bool) -> dict[str, float]:
    """A trial of so many days, and of one day: what begins and ends a trial is counted once in a year, not for each day."""
    one, many = (asyncio.run(trial(tables, span, processes, rough)) for span in (1, days))
    whole = {name: one[name] + (many[name] - one[name]) / (days - 1) * 364 for name in ("s", "cpu_s")}
    return {
        **many, "one_day_cpu_s": one["cpu_s"], "year_s": round(whole["s"], 1), "year_cpu_s": round(whole["cpu_s"], 1),
        "cpu_on_two_cores_to_the_aim_of_60_s": round(whole["cpu_s"] / 120, 2),
    }  # fmt: skip


async def trial(tables: list[Table], days: int, processes: int, rough: bool) -> dict[str, float]:
    """One trial."""
    index = PointIndex()
    here = facility(POINTS, MINUTE, METRICS)
    for id in here.points:
        index.add(id)
    history = Days(rough)
    trials = Trials(lambda: here, index, history, time.time_ns, processes=processes)
    start = START // DAY * DAY
    began, cpu = time.perf_counter(), _cpu()
    run = trials.submit(Request(tuple(tables), start, start + days * DAY))
    assert run.task is not None
    await run.task
    taken = time.perf_counter() - began
    assert run.state == "done", run.error
    outcome = run.outcome
    assert outcome is not None
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return {
        "samples": run.samples, "episodes": len(outcome.episodes), "s": round(taken, 1), "cpu_s": round(_cpu() - cpu, 1),
        "of_it_making_data_s": round(history.seconds, 1), "peak_mb": round(max(own, children) / 1024),
    }  # fmt: skip


def _cpu() -> float:
    """CPU seconds of this process and of those that it has waited for."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    """Prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", choices=("limits", "mixed", "rough"))
    given = parser.parse_args()
    sets = {"limits": (limits(), False), "mixed": (mixed(), False), "rough": (mixed(), True)}
    chosen = {name: one for name, one in sets.items() if given.only in (None, name)}
    result = {name: year(tables, given.days, given.processes, rough) for name, (tables, rough) in chosen.items()}
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
