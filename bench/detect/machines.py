"""Malfunctions of five appliances, power by the minute: `python -m bench.detect.machines [--splits 50]`.

Each split learns six of a machine's ten normal days; the other four days come either as they were, or as each of its 34 fault
kinds made them (columns read by name). Found: the persistent alert fires within the four days. False: it fires on the normal
ones. Days are laid one behind the other, cut at midnight. Ten splits are rotations, as tabled before; the others are random
with a fixed seed: rotations share days. The limits of `cycles` come from simulated machines (`bench.detect.simulated`), not
from these labels; their false alerts a year, and how many lasting faults are found how soon, are the second table. The same
splits are given to a limit on daily energy and on the longest run, and to pyod's ECOD on the same features, one setting for
all.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
import tarfile
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from bench.detect import simulated
from bench.detect.frame import data_folder, peak_kb, table, timed
from bench.detect.peers import Peer, first_beyond, peers
from rules.contract import Rule
from rules.engine import Engine
from rules.kinds.cycles import Cycles
from steward.model import Batch, Condition, Facility, FloatArray, Nature, Point, PointIndex, Site
from steward.units import DAY, MINUTE

LEARNED, TESTED = 6, 4
Days = list[FloatArray]
Split = tuple[list[int], list[int]]
Judge = Callable[[Sequence[tuple[Days, Days]]], list[int]]
"""(learned days, following days) of each trial -> the day on which it fires, 0 never."""


def machines() -> dict[str, dict[str, Days]]:
    """Machine -> "Normal" and each fault -> its days, W by the minute."""
    path = data_folder(".") / "appliance_malfunctions.tar.gz"
    found: dict[str, dict[str, dict[int, FloatArray]]] = defaultdict(lambda: defaultdict(dict))
    with tarfile.open(path) as archive:
        for member in archive:
            parts = member.name.split("/")
            if not member.name.endswith(".csv"):
                continue
            file = archive.extractfile(member)
            assert file is not None
            reader = csv.DictReader(io.TextIOWrapper(file, encoding="utf-8-sig"))
            power = np.array([float(row["activePower"] or 0.0) for row in reader])
            number = re.search(r"day(\d+)", parts[-1])
            assert number is not None, member.name
            found[parts[-4]][parts[-2]][int(number[1])] = power
    return {
        machine: {kind: [days[day] for day in sorted(days)] for kind, days in kinds.items()} for machine, kinds in found.items()
    }


def splits(count: int, seed: int) -> list[Split]:
    """Ten rotations, then random ones."""
    rng = np.random.default_rng(seed)
    orders = [[(first + step) % 10 for step in range(10)] for first in range(10)]
    orders += [rng.permutation(10).tolist() for _ in range(max(0, count - 10))]
    return [(order[:LEARNED], order[LEARNED:]) for order in orders]


def place(count: int) -> Facility:
    """As many gauges of power."""
    points = {f"m{n}": Point(f"m{n}", {"": ""}, "power", "W", Nature.GAUGE, "s", interval=MINUTE) for n in range(count)}
    return Facility(id="bench", name={"": ""}, organisations={}, sites={"s": Site("s", {"": ""}, time_zone="UTC", calendar="")},
                    spaces={}, equips={}, devices={}, points=points, channels=(), templates={}, calendars={})  # fmt: skip


def cycles(trials: Sequence[tuple[Days, Days]]) -> list[int]:
    """The kind itself, through the engine, all trials at once."""
    index = PointIndex()
    engine = Engine([Rule("cycles", Cycles(learn=LEARNED))], place(len(trials)), index)
    numbers = np.array([index.add(f"m{n}") for n in range(len(trials))])
    firsts = [0] * len(trials)
    laid = [
        [learned[0], *learned, *tested, tested[0]] for learned, tested in trials
    ]  # levels settle on the first, learned again
    for day in range(LEARNED + TESTED + 2):
        parts = [days[day][: 1440 if day <= LEARNED + TESTED else 1] for days in laid]
        sizes = [len(part) for part in parts]
        at = np.concatenate([np.arange(size) for size in sizes]) * MINUTE + day * DAY
        for alert in engine.replay(Batch.of(np.repeat(numbers, sizes), at, np.concatenate(parts)), MINUTE):
            if alert.condition is Condition.FIRING:
                place_of = int(alert.target[1:])
                firsts[place_of] = firsts[place_of] or alert.since // DAY - LEARNED - 1
    return firsts


def limit(measure: Callable[[FloatArray], float], share: float) -> Judge:
    """A fixed limit: a day whose measure is `share` above the highest of the learned ones."""

    def judge(trials: Sequence[tuple[Days, Days]]) -> list[int]:
        firsts = []
        for learned, tested in trials:
            most = max(measure(day[:1440]) for day in learned) * (1 + share)
            hits = [number for number, day in enumerate(tested, 1) if measure(day[:1440]) > most]
            firsts.append(hits[0] if hits else 0)
        return firsts

    return judge


def energy(day: FloatArray) -> float:
    """kWh of a day."""
    return float(day.sum()) / 60e3


def longest(day: FloatArray) -> float:
    """Longest run above half of the day's highest power, min."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], (day > day.max() / 2).astype(np.int8), [0]))))
    return float((edges[1::2] - edges[::2]).max(initial=0))


def features(days: Days) -> FloatArray:
    """Energy, longest run, share of time above 20 W of the days: what the libraries see."""
    return np.array([[energy(day[:1440]), longest(day[:1440]), float((day[:1440] > 20).mean())] for day in days])


def library(one: Peer) -> Judge:
    """A library on the features of the days, alert beyond the highest score learned."""
    return lambda trials: first_beyond(one, [(features(learned), features(tested)) for learned, tested in trials])


def report(name: str, judge: Judge, everything: dict[str, dict[str, Days]], chosen: list[Split]) -> list[list[object]]:
    """Lines of the table: by machine, the ten rotations, all splits."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    delays: list[int] = []
    for machine, kinds in everything.items():
        normal = kinds["Normal"]
        trials, marks = [], []
        for number, (learn, test) in enumerate(chosen):
            learned = [normal[day] for day in learn]
            for kind, days in kinds.items():
                trials.append((learned, [days[day] for day in test]))
                marks.append((number, kind == "Normal"))
        for (number, good), day in zip(marks, judge(trials), strict=True):
            for scope in (machine, "all splits", *(("ten rotations",) if number < 10 else ())):
                counts[scope][2 * good] += bool(day)
                counts[scope][2 * good + 1] += 1
            if day and not good:
                delays.append(day)
    lines: list[list[object]] = []
    for scope, (found, faults, false, normals) in counts.items():
        lines.append(
            [
                name,
                scope,
                f"{found} of {faults} ({100 * found / faults:.1f} %)",
                f"{false} of {normals} ({100 * false / normals:.1f} %)",
                f"{np.median(delays):.0f}" if scope == "all splits" else "",
            ]
        )
    return lines


def long_run(everything: dict[str, dict[str, Days]], years: int) -> str:
    """False alerts a machine-year on normal days drawn at random, for ever, as the kind learns on."""
    rng = np.random.default_rng(5)
    index = PointIndex()
    names = list(everything)
    engine = Engine([Rule("cycles", Cycles())], place(len(names) * years), index)
    numbers = np.array([index.add(f"m{n}") for n in range(len(names) * years)])
    fired = 0
    for day in range(365):
        parts = [everything[name]["Normal"][rng.integers(10)][:1440] for name in names for _ in range(years)]
        at = np.concatenate([np.arange(len(part)) for part in parts]) * MINUTE + day * DAY
        stated = engine.replay(Batch.of(np.repeat(numbers, [len(part) for part in parts]), at, np.concatenate(parts)), MINUTE)
        fired += sum(alert.condition is Condition.FIRING for alert in stated)
    return f"{fired / len(numbers):.2f}"


def years(count: int, length: int, season: float, fault: float) -> list[object]:
    """A line of the table of simulated machines: `count` of them for `length` days, a fault in the last third."""
    rng = np.random.default_rng(7)
    since = 2 * length // 3 if fault else length
    every = [simulated.machine(rng) for _ in range(count)]
    powers = [
        simulated.days(one, length, np.random.default_rng(n), season, fault, since) for n, one in enumerate(every)
    ]  # one generator each: the same use with a fault and without
    index = PointIndex()
    engine = Engine([Rule("cycles", Cycles())], place(count), index)
    numbers = np.repeat([index.add(f"m{n}") for n in range(count)], 1440)
    false, first = 0, dict.fromkeys(range(count), 0)
    for day in range(length):
        power = np.concatenate([next(power) for power in powers])
        at = np.tile(np.arange(1440) * MINUTE + day * DAY, count)
        for alert in engine.replay(Batch.of(numbers, at, power), MINUTE):
            machine, after = int(alert.target[1:]), alert.since // DAY - since
            if alert.condition is Condition.FIRING and after <= 0:
                false += 1
            elif alert.condition is Condition.FIRING:
                first[machine] = first[machine] or after
    found = [delay for delay in first.values() if delay]
    soon = [f"{100 * sum(delay <= days for delay in found) / count:.0f}" if fault else "" for days in (4, 7, 14)]
    return [f"{season:.0%}", f"{fault:.0%}", f"{false / (count * since / 365):.2f}", *soon]


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=50)
    parser.add_argument("--machines", type=int, default=24, help="simulated ones, 240 days each")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    everything = machines()
    chosen = splits(given.splits, given.seed)
    judges: dict[str, Judge] = {
        "cycles": cycles,
        "energy a day 20 % above the highest": limit(energy, 0.2),
        "longest run 10 % above the highest": limit(longest, 0.1),
    }
    libraries = peers()
    judges |= {one.name: library(one) for one in libraries}
    lines: list[list[object]] = []
    for name, judge in judges.items():
        lines += report(name, judge, everything, chosen)
    print(table(["detector", "scope", "faults found", "false in normal runs of 4 days", "median day"], lines))
    days = everything["Dishwasher"]["Normal"]
    trials = [(days[:LEARNED], days[LEARNED:])] * 100
    _, seconds = timed(lambda: cycles(trials))
    print(f"\n{1e6 * seconds / (100 * 11 * 1440):.2f} us a sample for 100 machines at once, "
          f"{peak_kb(lambda: Engine([Rule('c', Cycles())], place(100), PointIndex())) / 100:.1f} kB a machine")  # fmt: skip
    for one in libraries:
        _, seconds = timed(lambda one=one: library(one)(trials[:10]))  # type: ignore[misc]
        memory = peak_kb(lambda one=one: library(one)(trials[:1]))  # type: ignore[misc]
        print(f"{one.name}: {1e6 * seconds / (10 * 10 * 1440):.2f} us a sample, peak {memory:,.0f} kB a machine")
    print(f"false alerts a machine-year on random normal days: {long_run(everything, 1)}\n")
    lines = [
        years(given.machines, 240, season, fault)
        for season, fault in ((0.0, 0.0), (0.08, 0.0), (0.0, 0.1), (0.0, 0.2), (0.0, 0.4))
    ]
    print(table(["season", "fault", "false alerts a machine-year", "found in 4 days %", "7 days", "14 days"], lines))


if __name__ == "__main__":
    main()
