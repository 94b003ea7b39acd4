"""How often the record ratio alerts on unlabelled public data (bdg2): `python -m bench.detect.rates`."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from bench.detect.frame import alerts, columns, data_folder, table
from rules.detectors.record import THRESHOLD, RecordRatio
from steward.units import DAY, SECOND

LEAST = 500
MUTE = 2 * DAY


def number(text: str) -> float:
    """A cell, NaN where it is none."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


def run(at: list[int], value: list[float]) -> tuple[int, float]:
    """(alerts, days) of a series, muted for two days."""
    detector, scores, first = RecordRatio(), [], at[0]
    for t, x in zip(at, value, strict=True):
        score = detector.score(x, t)
        scores.append(score if t - first >= MUTE else 0.0)
        detector.learn(x, t)
    return len(alerts(np.array(scores), THRESHOLD)), (at[-1] - at[0]) / DAY


def main() -> None:
    """Prints the table: every numeric column of every file is a series."""
    lines = []
    for path in sorted(data_folder("bdg2").glob("*.csv.gz")):
        found = columns(path)
        head = list(found)
        stamp = next((name for name in head if "time" in name.lower() or "date" in name.lower()), head[0])
        try:
            moments = [datetime.fromisoformat(text.replace("Z", "+00:00")) for text in found.pop(stamp)]
        except ValueError:
            print(f"{path.name}: no times")
            continue
        at = [int(np.datetime64(moment.replace(tzinfo=None), "s").astype(np.int64)) * SECOND for moment in moments]
        told, days, series = 0, 0.0, 0
        for column in found.values():
            value = [number(text) for text in column]
            if sum(x == x for x in value) < LEAST or len(set(value)) < 10:
                continue
            count, length = run(at, value)
            told, days, series = told + count, days + length, series + 1
        if series:
            lines.append([path.name, series, f"{days:,.0f}", told, f"{told / days:.3f}"])
    print(table(["file", "series", "series-days", "alerts", "alerts a series-day"], lines))


if __name__ == "__main__":
    main()
