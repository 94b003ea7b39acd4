"""The water network of BATADAL, dataset04 with attacks, after a fit on its normal year: `python -m bench.detect.batadal`.

S = (S_TTD + S_CLF) / 2: 1 minus the mean over attacks of time to detection by length, and the mean of true positive and true
negative rate by hour; always-alarm reaches .75. Labels are read to count only; the unlabelled hours (-999) count as quiet,
as the competition's own list of attacks has it. Baselines in the same run, each with the best single threshold in hindsight.
"""

from __future__ import annotations

import numpy as np

from bench.detect.frame import columns, data_folder, moment, peak_kb, table, timed
from bench.detect.peers import peers
from rules.detectors.network import LIMIT, Network
from steward.model import BoolArray, FloatArray, IntArray

STEP = 0.01
"""Resolution of the live values: two decimals."""


def read(name: str) -> tuple[list[str], IntArray, FloatArray, BoolArray]:
    """(tags, times, rows [n, tags], attack) of a data set."""
    found = columns(data_folder("batadal") / f"{name}.csv.gz")
    at = np.array([moment(text, "%d/%m/%y %H") for text in found.pop("DATETIME")], np.int64)
    attack = np.array([float(text) == 1 for text in found.pop("ATT_FLAG")])
    return list(found), at, np.array([[float(text) for text in column] for column in found.values()]).T, attack


def spans(attack: BoolArray) -> list[tuple[int, int]]:
    """(first, last) row of each attack."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], attack.astype(np.int8), [0]))))
    return [(int(first), int(last) - 1) for first, last in edges.reshape(-1, 2)]


def measure(alarm: BoolArray, attack: BoolArray) -> tuple[float, float, float, float, int]:
    """(S, S_TTD, true positive rate, true negative rate, attacks found)."""
    late, found = [], 0
    for first, last in spans(attack):
        hits = np.flatnonzero(alarm[first : last + 1])
        late.append(hits[0] / (last - first + 1) if len(hits) else 1.0)
        found += len(hits) > 0
    tpr, tnr = float(alarm[attack].mean()), float((~alarm[~attack]).mean())
    early = 1.0 - float(np.mean(late))
    return (early + (tpr + tnr) / 2) / 2, early, tpr, tnr, found


def network() -> tuple[FloatArray, BoolArray, list[str], float]:
    """(scores, attacks, what was named at the first alarm of each attack, us a row)."""
    tags, at, rows, _ = read("dataset03")
    partners = [(f"F_{tag[2:]}", tag) for tag in tags if tag.startswith("S_")]
    detector = Network(tags, partners)
    _, fitting = timed(lambda: detector.fit(rows, at, np.full(len(tags), STEP)))
    print(f"fit on {len(rows)} rows of {len(tags)} tags: {1000 * fitting:.0f} ms CPU")
    _, at, rows, attack = read("dataset04")
    score, named = np.zeros(len(rows)), [""] * len(rows)

    def run() -> None:
        for row, (x, t) in enumerate(zip(rows, at.tolist(), strict=True)):
            score[row] = detector.score(x, t)
            if score[row] > LIMIT:
                named[row] = " ".join(detector.names())
            detector.learn(x, t)

    _, spent = timed(run)
    first = [next((text for text in named[begin : end + 1] if text), "-") for begin, end in spans(attack)]
    return score, attack, first, 1e6 * spent / len(rows)


def baselines() -> dict[str, tuple[FloatArray, float, float]]:
    """Scores of dataset04 by detectors fitted on dataset03, us a row (the fit included), peak kB."""
    _, _, train, _ = read("dataset03")
    _, _, rows, _ = read("dataset04")
    mean, spread = train.mean(axis=0), np.maximum(train.std(axis=0), STEP)
    found = {"largest z of a tag": (np.abs((rows - mean) / spread).max(axis=1), 0.0, 0.0)}
    for one in peers():
        score, spent = timed(lambda one=one: one.score(train, rows))  # type: ignore[misc]
        memory = peak_kb(lambda one=one: one.score(train[:1000], rows[:1000]))  # type: ignore[misc]
        found[one.name] = score, 1e6 * spent / len(rows), memory
    return found


def main() -> None:
    """Prints the table."""
    score, attack, named, cost = network()
    own = peak_kb(network)
    blank = ["", ""]
    lines = [["ridge network, shipped limit", *_cells(score > LIMIT, attack), f"{cost:.0f}", f"{own:,.0f}"]]
    lines.append(["always alarm", *_cells(np.ones(len(attack), np.bool_), attack), *blank])
    for name, (values, spent, memory) in baselines().items():
        best = max((measure(values > limit, attack)[0], limit) for limit in np.quantile(values, np.linspace(0, 0.999, 200)))
        costs = [f"{spent:.0f}", f"{memory:,.0f}"] if spent else blank
        lines.append([f"{name}, its best threshold", *_cells(values > best[1], attack), *costs])
    print(table(["detector", "S", "S_TTD", "TPR", "TNR", "attacks", "false episodes", "us a row", "peak kB"], lines))
    print(f"named first, by attack: {'; '.join(named)}")


def _cells(alarm: BoolArray, attack: BoolArray) -> list[str]:
    total, early, tpr, tnr, found = measure(alarm, attack)
    false = sum(not attack[max(0, first - 12) : last + 1].any() for first, last in spans(alarm))
    return [f"{total:.3f}", f"{early:.3f}", f"{tpr:.3f}", f"{tnr:.3f}", f"{found} of {len(spans(attack))}", str(false)]


if __name__ == "__main__":
    main()
