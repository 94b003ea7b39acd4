"""What the benchmarks of `bench.detect` share: where the data are, series, episodes, markdown tables, time and memory."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import os
import time
import tracemalloc
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import numpy as np

from steward.model import BoolArray, FloatArray, IntArray
from steward.units import SECOND

T = TypeVar("T")
QUIET, ESCALATE = 48, 0.5


@dataclass(slots=True)
class Recorded:
    """One series: times in ns, values, and where labelled the windows as (first, last) row."""

    name: str
    at: IntArray
    value: FloatArray
    windows: list[tuple[int, int]] = field(default_factory=list)

    @property
    def days(self) -> float:
        """Length in days."""
        return float(self.at[-1] - self.at[0]) / (86400 * SECOND)


def data_folder(name: str) -> Path:
    """The folder of a recorded set: STEWARD_DATA, else ../shared/data. Raises SystemExit where it is absent."""
    path = Path(os.environ.get("STEWARD_DATA", Path(__file__).parents[3] / "shared" / "data")) / name
    if not path.is_dir():
        raise SystemExit(f"no recorded data: {name}; name their folder by STEWARD_DATA")
    return path


def moment(text: str, form: str = "%Y-%m-%d %H:%M:%S") -> int:
    """A text of the files as ns, taken as UTC."""
    return int(datetime.strptime(text, form).replace(tzinfo=UTC).timestamp()) * SECOND


def columns(path: Path) -> dict[str, list[str]]:
    """A CSV file, plain or gzip, by column."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    return {name.strip(): [row[place] for row in rows[1:]] for place, name in enumerate(rows[0])}


def alerts(score: FloatArray, threshold: float, quiet: int = QUIET, escalate: float = ESCALATE) -> IntArray:
    """Rows that are alerts: at the threshold, after `quiet` rows below it, or more than `escalate` above the last alert."""
    found, last, told = [], -quiet - 1, 0.0
    for row in np.flatnonzero(score >= threshold).tolist():
        if row - last > quiet or score[row] > told + escalate:
            found.append(row)
            told = float(score[row])
        last = row
    return np.array(found, np.int64)


def outside(rows: IntArray, windows: Iterable[tuple[int, int]]) -> BoolArray:
    """Which of `rows` lie in no window."""
    inside = np.zeros(len(rows), np.bool_)
    for first, last in windows:
        inside |= (rows >= first) & (rows <= last)
    return ~inside


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def peer(*modules: str) -> bool:
    """Whether the modules of a peer are installed; says so where not."""
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        print(f"peer not installed: pip install {' '.join(missing)}")
    return not missing


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What `work` gives, and its seconds of CPU."""
    begun = time.process_time()
    done = work()
    return done, time.process_time() - begun


def peak_kb(work: Callable[[], object]) -> float:
    """Most memory that `work` held beyond what was there before (Python's and numpy's allocations), kB."""
    tracemalloc.start()
    work()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1024
