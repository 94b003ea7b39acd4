"""The 42 NAB files by NAB's scoring, every detector with one threshold and de-duplicated alerts: `python -m bench.detect.nab`.

Ours runs at the shipped threshold; each baseline at the best single threshold in hindsight, which favours it. All see a file
from its first row on and none looks ahead. The baselines (`bench.detect.peers`): rolling z, WeekProfile and HalfSpaceTrees
learn row by row; ECOD, KNN and IsolationForest are fitted on the unscored first rows (probation) of each file. Windows are
read to count only. `--quick`: without the libraries.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from bench.detect import nabscore, peers
from bench.detect.frame import Recorded, alerts, columns, data_folder, moment, outside, peak_kb, table, timed
from rules.detectors.contract import Detector
from rules.detectors.record import THRESHOLD, RecordRatio
from rules.detectors.simple import WeekProfile
from steward.model import FloatArray


@dataclass(slots=True)
class Result:
    """Of one threshold: NAB score of all files, of the load-shaped ones, false alerts, those in the quiet files."""

    all: float
    shaped: float
    false: int
    quiet: int
    halves: tuple[float, float]


def load() -> list[Recorded]:
    """The files with their windows as rows."""
    root = data_folder("nab")
    limits = json.loads((root / "labels" / "combined_windows.json").read_text("utf-8"))
    found = []
    for path in sorted(root.glob("data/*/*.csv")):
        column = columns(path)
        at = np.array([moment(text) for text in column["timestamp"]], np.int64)
        name = f"{path.parent.name}/{path.name}"
        windows = [(int(np.searchsorted(at, moment(first[:19]))), int(np.searchsorted(at, moment(last[:19]), side="right")) - 1)
                   for first, last in limits[name]]  # fmt: skip
        found.append(Recorded(name, at, np.array([float(text) for text in column["value"]]), windows))
    return found


def shaped(one: Recorded) -> bool:
    """The twelve load-shaped files: artificial days and the demand of taxis."""
    return one.name.startswith("artificial") or one.name.endswith("nyc_taxi.csv")


def stream(make: Callable[[], Detector[float]]) -> Callable[[Recorded], FloatArray]:
    """Scores of a detector, row by row."""

    def run(one: Recorded) -> FloatArray:
        detector, score = make(), []
        for x, t in zip(one.value.tolist(), one.at.tolist(), strict=True):
            score.append(detector.score(x, t))
            detector.learn(x, t)
        return np.array(score)

    return run


def runners(quick: bool) -> dict[str, tuple[Callable[[Recorded], FloatArray], float | None]]:
    """Name -> (scores of a file, shipped threshold or None: the best)."""
    found: dict[str, tuple[Callable[[Recorded], FloatArray], float | None]] = {
        "record ratio, as shipped (with gate)": (stream(RecordRatio), THRESHOLD),
        "record ratio without gate": (stream(lambda: RecordRatio(gate=False)), THRESHOLD),
        "week profile": (stream(WeekProfile), None),
    }
    for one in peers.peers()[: 1 if quick else None]:
        found[one.name] = (lambda file, one=one: one.series(file.value, nabscore.probation(len(file.value))), None)  # type: ignore[misc]
    return found


def measure(files: list[Recorded], scores: list[FloatArray], threshold: float) -> Result:
    """The figures at one threshold."""
    raw, told = [], []
    for one, score in zip(files, scores, strict=True):
        rows = alerts(score, threshold)
        raw.append(nabscore.score(rows.tolist(), len(score), one.windows))
        told.append(int(outside(rows[rows >= nabscore.probation(len(score))], one.windows).sum()))
    quiet = sum(count for one, count in zip(files, told, strict=True) if "NoAnomaly" in one.name)

    def corpus(pick: Iterable[int]) -> float:
        places = list(pick)
        return nabscore.corpus(sum(raw[place] for place in places), sum(len(files[place].windows) for place in places))

    whole = range(len(files))
    return Result(corpus(whole), corpus(place for place in whole if shaped(files[place])), sum(told), quiet,
                  (corpus(whole[::2]), corpus(whole[1::2])))  # fmt: skip


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    files = load()
    days = sum(one.days for one in files)
    rows = sum(len(one.value) for one in files)
    lines, sweep = [], []
    for name, (run, shipped) in runners(parser.parse_args().quick).items():
        scores, spent = timed(lambda run=run: [run(one) for one in files])
        memory = peak_kb(lambda run=run: run(files[0]))
        threshold = shipped
        if threshold is None:
            ladder = np.unique(np.quantile(np.concatenate(scores), 1 - np.geomspace(1e-5, 0.3, 80)))
            threshold = float(max(ladder, key=lambda limit: measure(files, scores, float(limit)).all))
        result = measure(files, scores, threshold)
        lines.append([name, f"{threshold:.3g}", f"{result.all:.1f}", f"{result.shaped:.1f}", result.false,
                      f"{result.false / days:.3f}", result.quiet, f"{1e6 * spent / rows:.1f}", f"{memory:,.0f}"])  # fmt: skip
        if name.startswith("record ratio, as"):
            for limit in (0.15, 0.18, 0.20, THRESHOLD, 0.25, 0.28, 0.30, 0.40):
                one = measure(files, scores, limit)
                sweep.append([f"{100 * np.expm1(limit):.0f} %", f"{one.all:.1f}", f"{one.shaped:.1f}", one.false, one.quiet,
                              f"{one.halves[0]:.1f}, {one.halves[1]:.1f}"])  # fmt: skip
        print(f"{name} done", flush=True)
    print(table(["detector", "threshold", "NAB", "load-shaped", "false alerts", "a series-day", "in quiet files", "us a row",
                 "peak kB"], lines))  # fmt: skip
    print(table(["sensitivity", "NAB", "load-shaped", "false alerts", "in quiet files", "even, odd files"], sweep))


if __name__ == "__main__":
    main()
