"""The ledger and the peers' rules on torture series with known truth: `python -m bench.metering.torture [series [blind]]`.

`blind`: first seed of the overlapping series, so that fresh ones can be taken.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np

from bench.metering.peers import PEERS
from metering.cut import TOLERANCE
from metering.explain import Link
from metering.intervals import Flag, Period, to_periods
from metering.ledger import Ledger
from metering.reads import Parameters, Reads, admit
from simulators.registers import KINDS, Torture, arrivals, tangle, torture
from steward.model import BoolArray, FloatArray, IntArray
from steward.units import HOUR

EXPECTED = {
    "rollover": {Link.ROLLOVER},
    "reset": {Link.RESET},
    "swap_low": {Link.SWAP, Link.RESET},
    "swap_high": {Link.SWAP, Link.ABOVE},
    "unit_up": {Link.UNIT},
    "unit_down": {Link.UNIT},
}


def keep(series: Torture, seed: int, late: bool = True) -> Ledger:
    """The ledger of a series, fed as its reads arrive; limits are the rated ones."""
    made = Ledger("m", Parameters(rate=series.limit, digits=series.digits, cadence=series.cadence))
    at, raw = series.reads()
    for rows in arrivals(series, seed) if late else [np.arange(len(at))]:
        admitted = admit(raw[rows], 1.0, series.digits)
        made.add(Reads.of(at[rows][admitted.kept], admitted.value))
    return made


def hourly(at: IntArray, step: FloatArray, first: int, hours: int) -> FloatArray:
    """Consumption steps summed by the hour that they end in."""
    row = np.clip((at - 1) // HOUR - first, 0, hours - 1)
    return np.bincount(row, weights=step, minlength=hours)[:hours]


def right(series: Torture, made: Ledger) -> bool:
    """Whether the events found are those injected, and no other."""
    found = Counter(kind for kind in made.solution.kind[1:].tolist() if kind not in (Link.MEASURED, Link.BACKFLOW))
    wanted = [EXPECTED[fault.kind] for fault in series.faults if fault.kind in EXPECTED]
    if sum(found.values()) != len(wanted):
        return False
    pool = list(found.elements())
    for choices in wanted:
        match = next((kind for kind in pool if kind in choices), None)
        if match is None:
            return False
        pool.remove(match)
    return True


def compare(count: int) -> None:
    """The table of the design note: totals, hourly errors, false peaks, negative hours."""
    rows: dict[str, list[tuple[float, float, bool, bool]]] = defaultdict(list)
    rights = 0
    for seed in range(count):
        series = torture(seed, KINDS, 3, 40)
        hours = int(series.at[-1] // HOUR)
        truth = np.diff(np.interp(np.arange(hours + 1) * HOUR, series.at, series.truth.astype(float)))
        made = keep(series, seed)
        rights += right(series, made)
        periods = to_periods(made.intervals(0, hours * HOUR), "UTC", Period.HOUR)
        flagged = (periods.flags & np.uint16(Flag.ABOVE_LIMIT)) != 0
        rows["ledger"].append(score(periods.value / 1000, truth, flagged))
        at, raw = series.reads()
        order = np.concatenate(arrivals(series, seed))
        for name, rule in PEERS.items():
            times, step = rule(at[order], raw[order], series.limit)
            rows[name].append(score(hourly(times, step, 0, hours), truth, np.zeros(hours, np.bool_)))
    print(f"{count} series of 40 days at 15 min, 3 faults each of {len(KINDS)} kinds, 5 % of reads late")
    print("| method | total within 0.1 % | hourly abs. error / total, median | with a false peak > 1.5 x | negative hours |")
    for name, scores in rows.items():
        total = sum(one[0] <= 1e-3 for one in scores)
        error = float(np.median([one[1] for one in scores]))
        print(f"| {name} | {total} | {error:.4g} | {sum(one[2] for one in scores)} | {sum(one[3] for one in scores)} |")
    print(f"events exactly as injected: {rights} of {count}")


def score(value: FloatArray, truth: FloatArray, flagged: BoolArray) -> tuple[float, float, bool, bool]:
    """Error of the total, sum of hourly errors, both over the total; a peak above 1.5 x the true one; a negative hour."""
    total = truth.sum()
    peak = value[~flagged].max() > 1.5 * truth.max()
    return abs(value.sum() - total) / total, float(np.abs(value - truth).sum() / total), bool(peak), bool((value < -5).any())


def classify(seeds: int) -> None:
    """One fault per series: is it found as what it is?"""
    wrong: Counter[str] = Counter()
    off: Counter[str] = Counter()
    for kind in KINDS:
        for seed in range(seeds):
            series = torture(10_000 + seed, (kind,), 1, 60)
            made = keep(series, seed, late=False)
            wrong[kind] += not right(series, made)
            truth = series.truth[-1] - series.truth[0]
            off[kind] += abs(made.solution.level[-1] / 1000 - truth) > 1e-3 * truth
    print(f"one fault per series: {len(KINDS) * seeds - sum(wrong.values())} of {len(KINDS) * seeds} right")
    print(
        "wrong:", {kind: n for kind, n in wrong.items() if n}, "total off by over 0.1 %:", {k: n for k, n in off.items() if n}
    )


def overlapping(seeds: int, first: int = 50_000) -> None:
    """Several faults that may touch each other. Determinable: nothing is held as a conflict."""
    for faults, apart in ((3, 4), (4, 0), (8, 0)):
        outcome: Counter[str] = Counter()
        for seed in range(seeds):
            series = torture(first + seed, KINDS, faults, 60, apart=apart * 24 * HOUR)
            made = keep(series, seed, late=False)
            truth = int(series.truth[-1] - series.truth[0])
            exact = bool(abs(made.solution.level[-1] / 1000 - truth) <= 1e-3 * truth)
            clear = not bool((made.solution.kind == Link.CONFLICT).any())
            outcome.update(right=right(series, made), exact=exact, clear=clear, both=exact and clear)
            outcome.update(asked=not exact and len(made.questions()) > 0, off=not exact)
        print(f"{faults} faults, apart {apart} days, {seeds} series:", dict(outcome))


def conflicts(seeds: int) -> None:
    """What nobody should decide: it is held and asked, its bounds hold the truth, and all else is counted."""
    outcome: Counter[str] = Counter()
    for seed in range(seeds):
        outcome.update(judge_tangle(tangle(seed)))
    print(f"{seeds} tangles:", dict(outcome))


def judge_tangle(series: Torture) -> dict[str, bool]:
    """asked: a conflict is asked about; nothing: it counts nothing; bounds: they hold the truth; rest: all else is right."""
    made = keep(series, 0, late=False)
    links = [one for one in made.evidence(0, int(series.at[-1]) + 1) if one.kind == "conflict"]
    lost = sum(float(np.diff(np.interp([one.start, one.end], series.at, series.truth.astype(float)))[0]) for one in links)
    truth = int(series.truth[-1] - series.truth[0])
    step = 10 / min(series.unit, 1.0)
    return {
        "asked": any(one.topic == "conflict" for one in made.questions()),
        "nothing": all(one.consumption == 0 for one in links),
        "bounds": sum(one.low for one in links) / 1000 <= lost <= sum(one.high for one in links) / 1000,
        "rest": bool(abs(made.solution.level[-1] / 1000 - (truth - lost)) <= 1e-3 * truth + step),
    }


EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 0.95, 0.995, 1.01)


def confidence(seeds: int) -> None:
    """Stated confidence against the share of quarter-hours within TOLERANCE (or one unit) of the truth."""
    stated: list[FloatArray] = []
    hits: list[FloatArray] = []
    for seed in range(seeds):
        series = torture(90_000 + seed, KINDS, 6, 40, apart=24 * HOUR)
        made = keep(series, seed, late=False)
        every = made.intervals(0, int(series.at[-1]))
        truth = np.diff(np.interp(np.append(every.start, series.at[-1]), series.at, series.truth.astype(float)))
        inside = ~every.has(Flag.MISSING)
        error = np.abs(every.value / 1000 - truth)
        stated.append(every.confidence[inside].astype(np.float64))
        hits.append((error <= np.maximum(TOLERANCE * truth, 1.0))[inside].astype(np.float64))
    trust, hit = np.concatenate(stated), np.concatenate(hits)
    print("| confidence | quarter-hours | stated, mean | within 10 % or one unit |")
    for low, high in pairwise(EDGES):
        inside = (trust >= low) & (trust < high)
        if inside.any():
            row = f"{int(inside.sum())} | {trust[inside].mean():.3f} | {hit[inside].mean():.3f}"
            print(f"| {low:g}-{min(high, 1):g} | {row} |")


if __name__ == "__main__":
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 150
    compare(size)
    classify(max(2, size * 2 // 5))
    overlapping(size, int(sys.argv[2]) if len(sys.argv) > 2 else 50_000)
    conflicts(max(4, size // 5))
    confidence(max(4, size // 3))
