"""The ledger on 92 recorded water meters: `python -m bench.metering.daiad [folder]` prints the table of falls."""

from __future__ import annotations

import os
import sys
import time
import zipfile
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from metering.explain import Link
from metering.ledger import Ledger
from metering.reads import Parameters, Reads, join, learn
from steward.model import IntArray
from steward.units import DAY, HOUR


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one meter; energies in ledger units. `unexplained`: falls between raw reads whose later read is good
    with a measured link although nothing was thrown there."""

    ledger: Ledger
    falls: int
    unexplained: int
    difference: int
    events: int
    total: int
    quarters: int
    labels: Counter[str]
    links: Counter[str]


@cache
def load(folder: Path) -> dict[str, tuple[IntArray, IntArray]]:
    """Reads (ns, whole litres) of every meter by its id, in file order."""
    with zipfile.ZipFile(folder / "swm_trialA_clean.zip") as archive, archive.open(archive.namelist()[0]) as raw:
        meter, stamp, value = np.loadtxt(raw, dtype="U36", delimiter=";", skiprows=1, usecols=(0, 1, 2), unpack=True)
    day = np.char.partition(stamp, "/")
    rest = np.char.partition(day[:, 2], "/")
    clock = np.char.partition(rest[:, 2], " ")
    iso = np.char.add(np.char.add(np.char.add(clock[:, 0], "-"), np.char.add(rest[:, 0], "-")), day[:, 0])
    at = np.char.add(np.char.add(iso, "T"), clock[:, 2]).astype("datetime64[ns]").astype(np.int64)
    litres = value.astype(np.float64).astype(np.int64)
    return {name: (at[meter == name], litres[meter == name]) for name in np.unique(meter).tolist()}


def judge(at: IntArray, value: IntArray) -> Outcome:
    """Learn limits on the first week with enough rises, then keep the ledger of the whole series."""
    every = join([Reads.of(at, value)])
    plain = Parameters(cadence=HOUR)
    limits = None
    for days in (7, 14, 28, 56, 10_000):
        first = every.at <= every.at[0] + days * DAY
        limits = limits or learn(every.at[first], every.value[first], plain)
    made = Ledger("m", limits or plain)
    made.add(every)
    solution = made.solution
    named = made.labels()
    rows = np.diff(every.value) < 0
    good = {int(row): place for place, row in enumerate(solution.rows)}
    unexplained = 0
    for fall in np.flatnonzero(rows).tolist():
        touched = fall in named or fall + 1 in named
        unexplained += not touched and solution.kind[good[fall + 1]] == Link.MEASURED
    step = np.diff(solution.value) * 1000
    return Outcome(
        made,
        int(rows.sum()),
        unexplained,
        int(1000 * (solution.value[-1] - solution.value[0])),
        int((solution.gain[1:] - step).sum()),
        int(solution.level[-1]),
        made.intervals().total(),
        Counter(str(label) for label in named.values()),
        Counter(Link(kind).name.lower() for kind in solution.kind[1:].tolist() if kind),
    )


def settling(made: Ledger, cuts: int = 12) -> list[float]:
    """Days with reads from the last settled instant to the newest read, at `cuts` times spread over the series: a silent
    season is no search and nothing to settle."""
    lags = []
    for size in np.linspace(len(made.reads) // 4, len(made.reads), cuts).astype(int).tolist():
        part = Ledger("m", made.parameters)
        part.add(made.reads.take(slice(0, size)))
        if part.solution.anchors.size:
            behind = part.reads.at[part.reads.at > part.settled_until]
            lags.append(len(np.unique(behind // HOUR)) / 24)
    return lags


def table(outcome: dict[str, Outcome]) -> str:
    """A row for every meter as Markdown: register difference, events, sum of the intervals, what became of each fall."""
    rows = [
        "| meter | reads | falls | register difference, L | events, L | sum of intervals, L | thrown | links | unexplained |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for number, one in enumerate(outcome.values(), 1):
        thrown = ", ".join(f"{count} {label}" for label, count in one.labels.most_common()) or "-"
        links = ", ".join(f"{count} {link}" for link, count in one.links.most_common()) or "-"
        litres = f"{one.difference // 1000} | {one.events // 1000} | {one.quarters // 1000}"
        reads = len(one.ledger.reads)
        rows.append(f"| {number} | {reads} | {one.falls} | {litres} | {thrown} | {links} | {one.unexplained} |")
    return "\n".join(rows)


def main(folder: Path) -> None:
    """Print what became of every fall."""
    meters = load(folder)
    began = time.process_time()
    judged = {name: judge(*meter) for name, meter in meters.items()}
    outcome = list(judged.values())
    spent = time.process_time() - began
    labels = sum((one.labels for one in outcome), Counter[str]())
    links = sum((one.links for one in outcome), Counter[str]())
    reads = sum(len(meter[0]) for meter in meters.values())
    print(f"meters {len(outcome)}, reads {reads}, falls {sum(one.falls for one in outcome)}, {spent:.1f} s CPU")
    print(f"unexplained falls {sum(one.unexplained for one in outcome)}")
    print(f"register difference + events = ledger: {sum(one.total == one.difference + one.events for one in outcome)}")
    print(f"sum of quarter-hours = ledger: {sum(one.quarters == one.total for one in outcome)}")
    print(f"meters without any event: {sum(one.events == 0 for one in outcome)}")
    lags = np.array([lag for one in outcome for lag in settling(one.ledger)])
    share = ", ".join(f"{part} %: {np.percentile(lags, part):.1f}" for part in (50, 90, 99, 100))
    print(f"days of reads until settled, {len(lags)} cuts: {share}")
    windows = np.concatenate([np.diff(one.ledger.solution.rows[one.ledger.solution.anchors]) for one in outcome]) / 24
    print(f"longest window between anchors: {windows.max():.1f} days of reads; over 7 days: {int((windows > 7).sum())}")
    print("thrown reads:", dict(labels.most_common()))
    print("links:", dict(links.most_common()))
    print(table(judged))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(os.environ.get("STEWARD_DATA", "../shared/data")) / "daiad_water")
