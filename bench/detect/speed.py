"""What a sample costs: the record ratio for one series, and for many at once: `python -m bench.detect.speed`."""

from __future__ import annotations

import numpy as np

from bench.detect.frame import table, timed
from rules.detectors.record import RecordRatio
from rules.detectors.record_bank import Bank
from rules.detectors.record_columns import COLUMNS
from steward.model import FloatArray
from steward.units import HOUR, MINUTE

SAMPLES, WARM = 2000, 600
STEP = 5 * MINUTE


def values(series: int, seed: int = 1) -> FloatArray:
    """A day's sine with noise."""
    rng = np.random.default_rng(seed)
    return 10 * np.sin(2 * np.pi * np.arange(SAMPLES) / 288)[:, None] + rng.normal(0, 1, (SAMPLES, series))


def one() -> float:
    """us a sample of the scalar form."""
    detector, x = RecordRatio(), values(1)[:, 0].tolist()

    def run(first: int, last: int) -> None:
        for row in range(first, last):
            detector.score(x[row], row * STEP)
            detector.learn(x[row], row * STEP)

    run(0, WARM)
    return 1e6 * timed(lambda: run(WARM, SAMPLES))[1] / (SAMPLES - WARM)


def many(series: int) -> float:
    """us a sample of the bank form."""
    bank, x, rows = Bank(series), values(series), np.arange(series)

    def run(first: int, last: int) -> None:
        for row in range(first, last):
            at = np.full(series, row * STEP, np.int64)
            bank.step(rows, at, x[row], at // STEP % 288, at // HOUR % 168)

    run(0, WARM)
    return 1e6 * timed(lambda: run(WARM, SAMPLES))[1] / (SAMPLES - WARM) / series


def main() -> None:
    """Prints the table; each figure is the best of three, in CPU time."""
    lines = [["1, plain Python", f"{min(one() for _ in range(3)):.2f}"]]
    lines += [[f"{series:,}", f"{min(many(series) for _ in range(3)):.2f}"] for series in (10, 100, 1000)]
    print(table(["series at once", "us CPU a sample"], lines))
    size = sum(np.zeros(column.shape or 1, column.dtype).nbytes for column in COLUMNS.values())
    print(f"{size:,} bytes of state a series in the bank")


if __name__ == "__main__":
    main()
