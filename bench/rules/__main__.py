"""What the rules engine costs, in three runs:

1. Forty rules on 100,000 points at one sample per 10 s each: the share of one core, and memory. "every": each rule watches
   every point (4 million rows); "by metric": the forty rules are spread over the points by metric as in a real facility;
   "with learning kinds": the same with thirteen of the thresholds replaced by kinds that learn or count, two profiles
   and three baseloads among them.
2. Five threshold rules with `for` on 10,000 points, ns per sample by wave size, against per-sample Python in the same run.
3. A backtest: 1,000 points x one day x 1 min x 20 rules, extrapolated to a year.

Live batches are as the collectors make them: all points in random phase, 200 ms of arrivals each. Run it alone on the machine.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable

import numpy as np

from rules.contract import Gate, Kind, Rule
from rules.engine import Engine
from rules.kinds.baseload import Baseload
from rules.kinds.cycling import Cycling
from rules.kinds.demand import Demand
from rules.kinds.level import Level
from rules.kinds.profile import Profile
from rules.kinds.rate import Rate
from rules.kinds.runtime import Runtime
from rules.kinds.schedule import Schedule
from rules.kinds.stale import Stale
from rules.kinds.stuck import Stuck
from rules.kinds.threshold import Threshold
from rules.quantity import Duration, Limit
from steward.model import Batch, Calendar, Device, Equip, Facility, Nature, Point, PointIndex, Site
from steward.units import HOUR, MINUTE, SECOND

START = 1_767_571_200 * SECOND
METRICS = ("power", "temperature", "humidity", "co2", "current", "voltage", "pressure", "flow", "level", "illuminance")


def facility(points: int, interval: int, metrics: tuple[str, ...] = METRICS) -> Facility:
    """Points in tens per device and equip, a hundred devices per gateway."""
    made = {}
    for number in range(points):
        owner = number // 10
        metric = metrics[number % len(metrics)]
        names = (f"e{owner}", f"d{owner}", f"r{number % 10}")
        made[f"p{number}"] = Point(f"p{number}", {"": ""}, metric, "W", Nature.GAUGE, "s", "", *names, "", interval)
    owners = range((points + 9) // 10)
    devices = {f"d{one}": Device(f"d{one}", {"": ""}, "native", f"d{one}", "main", gateway=f"g{one // 100}") for one in owners}
    return Facility(
        id="bench", name={"": ""}, organisations={}, sites={"s": Site("s", {"": ""}, time_zone="Asia/Shanghai", calendar="c")},
        spaces={}, equips={f"e{one}": Equip(f"e{one}", {"": ""}, "meter", "s") for one in owners}, devices=devices, points=made,
        channels=(), templates={}, calendars={"c": Calendar("c", (((510, 1050),),) * 5 + ((),) * 2)},
    )  # fmt: skip


def forty(spread: bool) -> list[Rule]:
    """24 thresholds, 6 schedules, 4 rates, 4 stuck, 1 gated, 1 stale; `spread` over the metrics, else on everything."""
    rules: list[Rule] = []

    def add(kind: object, number: int, wait: int = 10 * MINUTE, gate: Gate | None = None) -> None:
        match = {"metric": (METRICS[number % len(METRICS)],)} if spread else {}
        rules.append(Rule(f"rule-{len(rules)}", kind, match=match, wait=wait, keep=5 * MINUTE, gate=gate))  # type: ignore[arg-type]

    for number in range(24):
        add(Threshold(above=Limit(f"{97 + number / 10}"), deadband=Limit("1")), number)
    for number in range(6):
        add(Schedule(above=Limit(f"{97 + number / 10}")), number)
    for number in range(4):
        add(Rate(rise=Limit("99"), per=Duration(10 * MINUTE)), number)
    for number in range(4):
        add(Stuck(duration=Duration(HOUR)), number)
    add(Threshold(above=Limit("99.5")), 0, gate=Gate(role="r1", above=5.0))
    rules.append(Rule("stale", Stale()))
    return rules


def learning() -> list[Rule]:
    """Forty rules by metric as `forty`, of which thirteen thresholds are kinds that learn or count."""
    kinds: list[tuple[Kind, str]] = [
        (Profile(), "power"),
        (Baseload(), "power"),
        (Baseload(days="rest", hours="08:00-18:00"), "power"),
        (Level(), "power"),
        (Demand(contract=Limit("200")), "power"),
        (Profile(), "flow"),
        (Baseload(), "flow"),
        (Level(), "flow"),
        (Cycling(above=Limit("80")), "current"),
        (Cycling(above=Limit("80"), starts=12), "level"),
        (Runtime(above=Limit("50"), hours=Duration(1000 * HOUR)), "current"),
        (Runtime(above=Limit("50"), per="day", hours=Duration(23 * HOUR)), "level"),
        (Demand(contract=Limit("200"), mode="sliding"), "power"),
    ]
    made = [Rule(f"learning-{number}", kind, match={"metric": (metric,)}) for number, (kind, metric) in enumerate(kinds)]
    return made + forty(spread=True)[len(made) :]


def timed(work: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def rss() -> float:
    """Peak resident memory of this process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def live(points: int, seconds: int, rules: list[Rule]) -> dict[str, float]:
    """Share of a core for one sample per point and 10 s, in batches of 200 ms, with a tick each second."""
    before = rss()
    index = PointIndex()
    here = facility(points, 10 * SECOND)
    for id in here.points:
        index.add(id)
    start = time.process_time()
    engine = Engine(rules, here, index)
    bound = time.process_time() - start
    engine.resume(START)
    rng = np.random.default_rng(1)
    phase = rng.permutation(points) % 50
    turns = [np.flatnonzero(phase == turn).astype(np.int32) for turn in range(50)]
    base = rng.uniform(20, 90, points)

    def batches(first: int, count: int) -> list[Batch]:
        made = []
        for number in range(first, first + count):
            rows = turns[number % 50]
            value = base[rows] + rng.normal(0, 2, len(rows))
            made.append(Batch.of(rows, np.full(len(rows), START + number * 200_000_000), value))
        return made

    def play(work: list[Batch], first: int) -> None:
        for number, batch in enumerate(work, first):
            now = START + number * 200_000_000
            alerts.extend(engine.feed(batch, now))
            if number % 5 == 4:
                alerts.extend(engine.tick(now))

    alerts: list[object] = []
    play(batches(0, 100), 0)
    work = batches(100, seconds * 5)
    cost = timed(lambda: play(work, 100))
    samples = sum(map(len, work))
    rows = sum(engine.bindings().values())
    judged = cost / seconds / (rows / 10)
    snapshot = time.process_time()
    size = len(engine.snapshot()) if rows < 1_000_000 else 0
    snapshot = time.process_time() - snapshot
    return {
        "rows": rows, "bind_s": round(bound, 2), "core_share": round(cost / seconds, 4),
        "ns_per_sample": round(cost / samples * 1e9, 1), "ns_per_sample_and_rule": round(judged * 1e9, 1),
        "state_mb": round(engine.memory / 1e6, 1), "rss_mb": round(rss() - before, 1), "alerts": len(alerts),
        "snapshot_mb": round(size / 1e6, 1), "snapshot_s": round(snapshot, 2),
    }  # fmt: skip


def waves(points: int, wave: int, repeats: int) -> float:
    """ns per sample of five threshold rules, waves of `wave` points."""
    index = PointIndex()
    here = facility(points, 10 * SECOND)
    for id in here.points:
        index.add(id)
    rules = [Rule(f"t{number}", Threshold(above=Limit(f"{95 + number}")), wait=MINUTE) for number in range(5)]
    engine = Engine(rules, here, index)
    rng = np.random.default_rng(2)
    order = rng.permutation(points).astype(np.int32)
    work = []
    for turn in range(repeats):
        for start in range(0, points, wave):
            rows = order[start : start + wave]
            work.append(Batch.of(rows, np.full(len(rows), START + turn * 10 * SECOND), rng.uniform(0, 94, len(rows))))
    for batch in work[: len(work) // 5]:
        engine.feed(batch, int(batch.at[0]))
    rest = work[len(work) // 5 :]
    cost = timed(lambda: [engine.feed(batch, int(batch.at[0])) for batch in rest])
    return cost / sum(map(len, rest)) * 1e9


def plain_python(samples: int) -> float:
    """ns per sample of the same five rules, one sample at a time with dicts."""
    rng = np.random.default_rng(2)
    values = rng.uniform(0, 94, samples).tolist()
    state = [{"state": 0, "since": 0, "limit": 95.0 + number, "last": -1} for number in range(5)]

    def work() -> None:
        for at, value in enumerate(values):
            for one in state:
                if at <= one["last"]:
                    continue
                one["last"] = at
                if value > one["limit"]:
                    if one["state"] == 0:
                        one["state"], one["since"] = 1, at
                    elif one["state"] == 1 and at - one["since"] >= 60:
                        one["state"] = 2
                elif one["state"]:
                    one["state"] = 0

    return timed(work) / samples * 1e9


def backtest(points: int, minutes: int) -> dict[str, float]:
    """Twenty rules on all points, one batch per minute, as a replay of stored history feeds it."""
    index = PointIndex()
    here = facility(points, MINUTE)
    for id in here.points:
        index.add(id)
    rules = [Rule(f"t{number}", Threshold(above=Limit(f"{95 + number / 10}")), wait=5 * MINUTE) for number in range(20)]
    engine = Engine(rules, here, index)
    rng = np.random.default_rng(3)
    rows = np.arange(points, dtype=np.int32)
    work = [Batch.of(rows, np.full(points, START + turn * MINUTE), rng.uniform(0, 94.9, points)) for turn in range(minutes)]
    cost = timed(lambda: [engine.feed(batch, int(batch.at[0])) for batch in work])
    return {
        "ns_per_sample_and_rule": round(cost / (points * minutes * 20) * 1e9, 2),
        "year_on_one_core_s": round(cost / minutes * 525_600, 1),
    }


def main() -> None:
    """Prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, to see that it runs")
    given = parser.parse_args()
    points, seconds = (given.points // 10, 4) if given.quick else (given.points, given.seconds)
    sizes = ((10_000, 50), (1_000, 20), (100, 5), (10, 2))
    five = {str(size): round(waves(10_000, size, repeats), 1) for size, repeats in sizes}
    result = {
        "forty_rules_by_metric": live(points, seconds, forty(spread=True)),
        "forty_rules_with_learning_kinds": live(points, seconds, learning()),
        "five_rules_ns_per_sample": five,
        "plain_python_ns_per_sample": round(plain_python(100_000), 1),
        "backtest_20_rules": backtest(1_000, 144 if given.quick else 1_440),
        "forty_rules_on_every_point": live(points, seconds, forty(spread=False)),
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
