"""CPU of the ledger at scale: `python -m bench.metering.speed [meters]`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np

from metering.bank import Bank
from metering.cut import cut, mark
from metering.intervals import QUARTER
from metering.ledger import Ledger
from metering.reads import Parameters, Reads, admit, join
from metering.solve import solve, solve_many
from simulators.registers import KINDS, torture

DAYS = 365


def timed(name: str, action: Callable[[], object], repeat: int = 1) -> None:
    """Print CPU milliseconds, the best of `repeat`."""
    best = min(_once(action) for _ in range(repeat))
    print(f"{name}: {best * 1000:.1f} ms CPU")


def _once(action: Callable[[], object]) -> float:
    began = time.process_time()
    action()
    return time.process_time() - began


def year(seed: int, faults: int, kinds: tuple[str, ...] = KINDS) -> tuple[Reads, Parameters]:
    """A year of reads of one meter at 15 min."""
    series = torture(seed, kinds, faults, DAYS)
    at, raw = series.reads()
    admitted = admit(raw, 1.0, series.digits)
    reads = join([Reads.of(at[admitted.kept], admitted.value)])
    return reads, Parameters(rate=series.limit, digits=series.digits, cadence=series.cadence)


def hour_of(many: int) -> None:
    """Close an hour for many clean registers."""
    rng = np.random.default_rng(1)
    bank = Bank([Parameters(rate=1000.0)] * many)
    at = np.arange(5) * QUARTER + rng.integers(0, 60, (many, 1)) * 10**9
    value = 10**6 + np.cumsum(rng.integers(0, 200, (many, 5)), axis=1)
    number = np.repeat(np.arange(many, dtype=np.int32), 5)
    edges = np.arange(5) * QUARTER
    timed(f"closing an hour of {many} clean registers", lambda: bank.close(number, at.ravel(), value.ravel(), edges))


def trouble(many: int) -> None:
    """An hour of registers in trouble: each takes one more read at its live edge after a spike."""
    ledgers = []
    for seed in range(many):
        reads, parameters = year(seed, 0, ())
        reads = reads.take(slice(0, 5000))
        made = Ledger("m", parameters)
        made.add(reads)
        made.add(Reads.of(reads.at[-1:] + QUARTER, np.zeros(1, np.int64)))
        ledgers.append((made, Reads.of(reads.at[-1:] + 2 * QUARTER, np.zeros(1, np.int64))))
    timed(f"one more read for {many} registers in trouble", lambda: [made.add(reads) for made, reads in ledgers])


def many_years(many: int) -> None:
    """Recompute a year of many meters from reads, one in five with three faults, intervals included."""
    prepared = [year(seed, 3 if seed % 5 == 0 else 0) for seed in range(min(many, 50))]

    def run() -> None:
        for first in range(0, many, 50):
            part = [prepared[row % len(prepared)] for row in range(first, min(first + 50, many))]
            solutions = solve_many([(reads, [parameters]) for reads, parameters in part])
            for (reads, _), solution in zip(part, solutions, strict=True):
                marks = mark(solution, reads, 15 * 60 * 10**9, ())
                cut(solution, marks, (), int(reads.at[0]), int(reads.at[-1]), False)

    timed(f"{many} meter-years", run)


def main(many: int) -> None:
    """All figures."""
    for faults, kinds in ((0, ()), (4, KINDS), (12, KINDS), (1, ("unit_up",))):
        reads, parameters = year(7, faults, kinds)
        timed(f"a year, {faults} faults {kinds if faults == 1 else ''}", lambda: solve(reads, [parameters]), 3)  # noqa: B023
    reads, parameters = year(7, 4)
    made = Ledger("m", parameters)
    late = np.zeros(len(reads), np.bool_)
    late[15_000:15_010] = True
    made.add(reads.take(~late))
    timed("restating a year with 4 faults after 10 late reads", lambda: made.add(reads.take(late)))
    hour_of(10_000)
    trouble(100)
    many_years(many)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
