"""The library detectors that ours are measured against, with one protocol for every benchmark of `bench.detect`.

pyod's ECOD and KNN, scikit-learn's IsolationForest, river's HalfSpaceTrees, and a rolling z of our own; whichever is installed.
A peer gets rows (days of a machine, rows of tags, or the last 12 values of a series), is fitted on those before the rows to be
judged, and gives each a score. Columns are standardised by the rows of the fit. Parameters are the libraries' own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.detect.frame import peer
from rules.detectors.simple import NORMAL, RollingZ
from steward.model import FloatArray

LAGS = 12
Score = Callable[[FloatArray, FloatArray], FloatArray]
"""(rows of the fit [n, K], rows to judge in time order [m, K]) -> score of each of the latter, higher is odder."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A detector of rows. streams: it learns what it judges; nab: its best threshold on the NAB files (`bench.detect.nab`)."""

    name: str
    score: Score
    streams: bool
    nab: float

    def series(self, value: FloatArray, fitted: int) -> FloatArray:
        """Scores of a series whose first rows are for the fit; those of a batch detector in spreads of its scores there."""
        rows = self.rows(value)
        if self.streams:
            return np.concatenate((np.zeros(fitted), self.score(rows[:fitted], rows[fitted:])))
        own = self.score(rows[:fitted], rows)
        return (own - np.median(own[:fitted])) / max(float(own[:fitted].std()), 1e-9)

    def rows(self, value: FloatArray) -> FloatArray:
        """What the peer sees of a series: its last values; value and jump where it goes row by row."""
        if self.streams:
            return np.stack((value, np.diff(value, prepend=value[0])), axis=1)[:, : 1 if self.name == "rolling z" else 2]
        padded = np.concatenate((np.full(LAGS - 1, value[0]), value))
        return np.lib.stride_tricks.sliding_window_view(padded, LAGS)


def peers() -> list[Peer]:
    """Those that are installed; says which are not."""
    found = [Peer("rolling z", rolling, True, 6.0)]
    if peer("sklearn"):
        found.append(
            Peer("scikit-learn IsolationForest", _batch(_forest, lambda model, rows: -model.score_samples(rows)), False, 3.76)
        )
    if peer("pyod"):
        decide = lambda model, rows: model.decision_function(rows)  # noqa: E731  two lines below share it
        found.append(Peer("pyod ECOD", _batch(_ecod, decide), False, 4.25))
        found.append(Peer("pyod KNN", _batch(_knn, decide), False, 5.16))
    if peer("river"):
        found.append(Peer("river HalfSpaceTrees", trees, True, 0.995))
    return found


def first_beyond(one: Peer, trials: Sequence[tuple[FloatArray, FloatArray]]) -> list[int]:
    """Of each trial (learned rows, rows that follow) the number of the first row that is odder than every learned one, 0: none.
    A peer that goes row by row knows how odd the learned ones are from their second half only."""
    found: list[int] = []
    fitted: dict[bytes, list[int]] = {}
    for number, (learned, _) in enumerate(trials):
        fitted.setdefault(learned.tobytes() if not one.streams else bytes(str(number), "ascii"), []).append(number)
    scores: dict[int, FloatArray] = {}
    for numbers in fitted.values():
        learned = trials[numbers[0]][0]
        half = len(learned) // 2 if one.streams else len(learned)
        rows = [learned[half:] if one.streams else learned, *(trials[number][1] for number in numbers)]
        own = np.split(one.score(learned[:half], np.concatenate(rows)), np.cumsum([len(part) for part in rows])[:-1])
        most = own[0].max()
        scores |= {number: part > most for number, part in zip(numbers, own[1:], strict=True)}
    for number in range(len(trials)):
        hits = np.flatnonzero(scores[number])
        found.append(int(hits[0]) + 1 if len(hits) else 0)
    return found


def standard(fit: FloatArray, rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Both in spreads of the first."""
    mean, spread = fit.mean(axis=0), fit.std(axis=0)
    spread = np.where(spread > 1e-9 * np.maximum(np.abs(mean), 1e-9), spread, 1.0)
    return (fit - mean) / spread, (rows - mean) / spread


def rolling(fit: FloatArray, rows: FloatArray) -> FloatArray:
    """The largest z of a column, by running means and deviations of at most 288 rows. Of several columns a deviation is at
    least 0.05 of that of the fit: a state that seldom changes would drown the others."""
    window = max(2, min(288, len(fit)))
    if rows.shape[1] == 1:
        detector, found = RollingZ(window), []
        for t, x in enumerate(np.concatenate((fit, rows))[:, 0].tolist()):
            found.append(detector.score(x, t))
            detector.learn(x, t)
        return np.array(found[len(fit) :])
    fit, rows = standard(fit, rows)
    mean, spread, scores = fit[-window:].mean(axis=0), np.abs(fit[-window:] - fit[-window:].mean(axis=0)).mean(axis=0), []
    for row in rows:
        away, wide = row - mean, np.maximum(NORMAL * spread, 0.05)
        scores.append(float(np.abs(away / wide).max()))
        step = np.clip(away, -3 * wide, 3 * wide)
        mean = mean + step / window
        spread = spread + (np.abs(step) - spread) / window
    return np.array(scores)


def trees(fit: FloatArray, rows: FloatArray) -> FloatArray:
    """river's HalfSpaceTrees behind its MinMaxScaler, row by row."""
    from river.anomaly import HalfSpaceTrees  # type: ignore[import-untyped,import-not-found,unused-ignore]
    from river.preprocessing import MinMaxScaler  # type: ignore[import-untyped,import-not-found,unused-ignore]

    model, scaler, score = HalfSpaceTrees(window_size=max(2, min(250, len(fit))), seed=1), MinMaxScaler(), []
    for number, row in enumerate(np.concatenate((fit, rows)).tolist()):
        named = dict(enumerate(row))
        scaler.learn_one(named)
        scaled = scaler.transform_one(named)
        if number >= len(fit):
            score.append(model.score_one(scaled))
        model.learn_one(scaled)
    return np.array(score)


def _batch(make: Callable[[int], Any], score: Callable[[Any, FloatArray], FloatArray]) -> Score:
    def run(fit: FloatArray, rows: FloatArray) -> FloatArray:
        fit, rows = standard(fit, rows)
        return np.asarray(score(make(len(fit)).fit(fit), rows))

    return run


def _forest(rows: int) -> Any:
    from sklearn.ensemble import IsolationForest  # type: ignore[import-untyped,import-not-found,unused-ignore]

    return IsolationForest(random_state=1)


def _ecod(rows: int) -> Any:
    from pyod.models.ecod import ECOD  # type: ignore[import-untyped,import-not-found,unused-ignore]

    return ECOD()


def _knn(rows: int) -> Any:
    from pyod.models.knn import KNN  # type: ignore[import-untyped,import-not-found,unused-ignore]

    return KNN(n_neighbors=max(1, min(5, rows - 1)))
