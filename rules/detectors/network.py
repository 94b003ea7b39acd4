"""A network of tags: each predicted from the others and from one row earlier by ridge regression; what does not fit is named.

Tags whose spread is near their resolution are left out: ridge would use digits that live data do not have. Residuals are
judged as means over 3 and 12 rows, each against its own 99.9 % quantile on the rows of the fit; so are the values themselves
as means over 12 rows, as wear that moves all tags together leaves no residual. The model is plain arrays, so that a rule
kind can hold it in its columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from rules.detectors.contract import Civil, Row, Saved, VectorDetector
from steward.model import BoolArray, FloatArray, IntArray
from steward.units import DAY, HOUR

RIDGE = 1.0
CLIP = 6.0
RESOLVED = 5.0
"""A tag takes part where its standard deviation is at least so many steps of its resolution."""
SHORT, LONG = 3, 12
SCALE_FLOOR = 0.01
CONSTANT = 1e-9
"""A tag whose standard deviation is below this share of its mean is constant: the rest is rounding of sums."""
LIMIT = 1.5
NEVER = -(2**60)


@dataclass(slots=True)
class Model:
    """A fitted network of K tags. weights: [K, 2 K + 5]; all others [K]; short, long: quantiles of the means of residuals;
    level: of the means of values."""

    used: BoolArray
    mean: FloatArray
    spread: FloatArray
    weights: FloatArray
    scale: FloatArray
    short: FloatArray
    long: FloatArray
    level: FloatArray

    def look(self, before: FloatArray, now: FloatArray, turn: float) -> FloatArray:
        """Residuals of the row `now` [K] after the row `before`, in their scales, and its values in spreads: [2, K]; turn:
        share of the local day, 0 to 1."""
        level = self._standard(now)
        row = np.concatenate((level, self._standard(before), _seasons(np.array([turn]))[0]))
        rest = np.where(self.used, (level - self.weights @ row) / self.scale, 0.0)
        return np.stack((rest, level))

    def _standard(self, rows: FloatArray) -> FloatArray:
        standard: FloatArray = np.where(self.used, np.clip((rows - self.mean) / self.spread, -CLIP, CLIP), 0.0)
        return standard

    def ratios(self, recent: FloatArray) -> FloatArray:
        """Ratio of each tag [K] to its quantiles, of the last looks [at most LONG, 2, K], oldest first; 1 is the rim."""
        short = np.abs(recent[-SHORT:, 0].mean(axis=0)) / self.short if len(recent) >= SHORT else np.zeros(len(self.mean))
        if len(recent) < LONG:
            return short
        rest, level = np.abs(recent.mean(axis=0))
        whole: FloatArray = np.maximum(short, np.maximum(rest / self.long, level / self.level))
        return whole


def _seasons(turn: FloatArray) -> FloatArray:
    angle = 2 * np.pi * turn
    return np.stack((np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle), np.ones_like(angle)), axis=1)


def resolution(rows: FloatArray) -> FloatArray:
    """The smallest step between two values of each tag [K] (0 of a constant)."""
    steps = np.zeros(rows.shape[1])
    for tag in range(rows.shape[1]):
        apart = np.diff(np.unique(rows[:, tag]))
        apart = apart[apart > 1e-9 * max(1.0, float(np.abs(rows[:, tag]).max()))]
        steps[tag] = apart.min() if len(apart) else 0.0
    return steps


def fit(
    rows: FloatArray,
    turn: FloatArray,
    follows: BoolArray,
    partner: BoolArray,
    step: FloatArray | None = None,
    ridge: float = RIDGE,
) -> Model:
    """Fits on rows [n, K]. turn [n]: share of the local day; follows [n]: the row comes right after the one before it; partner
    [K, K]: tags that may not explain each other in the same row (status and flow of one pump); step [K]: resolution of live
    data where it is known, else it is taken from the rows. Raises ValueError where no row follows another."""
    tags = rows.shape[1]
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    step = resolution(rows) if step is None else step
    used = (spread > CONSTANT * np.abs(mean)) & (spread >= RESOLVED * np.minimum(step, _binary(rows, step)))
    if not follows[1:].any():
        raise ValueError("no two rows that follow one another")
    model = Model(used, mean, np.where(used, spread, 1.0), np.zeros((tags, 2 * tags + 5)), *np.ones((4, tags)))
    pick = np.flatnonzero(follows[1:]) + 1
    standard = model._standard(rows)
    table = np.concatenate((standard[pick], standard[pick - 1], _seasons(turn[pick])), axis=1)
    normal = table.T @ table
    for tag in np.flatnonzero(used).tolist():
        free = np.concatenate((used & ~partner[tag], used, np.ones(5, np.bool_)))
        free[tag] = False
        place = np.flatnonzero(free)
        matrix = normal[np.ix_(place, place)] + ridge * np.eye(len(place))
        model.weights[tag, place] = np.linalg.solve(matrix, normal[place, tag])
    rest = table[:, :tags] - table @ model.weights.T
    model.scale = np.maximum(np.quantile(np.abs(rest), 0.99, axis=0) / 2.576, SCALE_FLOOR)
    rest = np.where(used, rest / model.scale, 0.0)
    for name, span, values in (("short", SHORT, rest), ("long", LONG, rest), ("level", LONG, standard[pick])):
        sums = np.cumsum(np.concatenate((np.zeros((1, tags)), values)), axis=0)
        means = np.abs(sums[span:] - sums[:-span]) / span
        rim = np.quantile(means, 0.999, axis=0) if len(means) else np.zeros(tags)
        setattr(model, name, np.where(used & (rim > 0), rim, np.inf))
    return model


def _binary(rows: FloatArray, step: FloatArray) -> FloatArray:
    """The step of each tag, 0 where it takes at most four values: a status is not rounded, it has states."""
    few = np.array([len(np.unique(rows[:, tag])) <= 4 for tag in range(rows.shape[1])])
    return np.where(few, 0.0, step)


class Network(VectorDetector):
    """The detector: `fit` on normal rows first, then `score`, `learn` row by row. Score: the largest ratio, alert from 1.5.

    tags: their names; partners: pairs that may not explain each other; zone: of the local day; every: ns between rows."""

    threshold = LIMIT

    def __init__(
        self, tags: Sequence[str], partners: Sequence[tuple[str, str]] = (), zone: str = "UTC", every: int = HOUR
    ) -> None:
        self.tags, self.every = list(tags), every
        self._civil = Civil(zone)
        self.partner = np.zeros((len(tags), len(tags)), np.bool_)
        for one, other in partners:
            first, second = self.tags.index(one), self.tags.index(other)
            self.partner[first, second] = self.partner[second, first] = True
        self.model: Model | None = None
        self._before, self._t = np.zeros(len(tags)), NEVER
        self._recent = np.zeros((0, 2, len(tags)))
        self._ratios = np.zeros(len(tags))

    def _turn(self, t: int) -> float:
        return self._civil.slots(t)[0] * 300 * 10**9 / DAY

    def fit(self, rows: FloatArray, at: IntArray, step: FloatArray | None = None) -> None:
        """Fits on normal rows [n, K] at times [n] in ns. Raises ValueError where no two rows follow one another."""
        follows = np.concatenate(([False], np.diff(at) <= 1.5 * self.every))
        self.model = fit(rows, np.array([self._turn(t) for t in at.tolist()]), follows, self.partner, step)

    def score(self, x: Row, t: int) -> float:
        """The largest ratio of a tag; 0 before the fit, without the row before, or where a value is missing."""
        recent = self._next(np.asarray(x, np.float64), t)
        if recent is None or self.model is None:
            return 0.0
        self._ratios = self.model.ratios(recent)
        return float(self._ratios.max())

    def _next(self, row: FloatArray, t: int) -> FloatArray | None:
        if self.model is None or t <= self._t or t - self._t > 1.5 * self.every or np.isnan(row).any():
            return None
        look = self.model.look(self._before, row, self._turn(t))
        return np.concatenate((self._recent[-(LONG - 1) :], look[None]))

    def learn(self, x: Row, t: int) -> None:
        """Takes the row in; after a gap the means start anew. The model itself changes by `fit` only."""
        row = np.asarray(x, np.float64)
        if t <= self._t or np.isnan(row).any():
            return
        recent = self._next(row, t)
        self._recent = np.zeros((0, 2, len(self.tags))) if recent is None else recent
        self._before, self._t = row.copy(), t

    def names(self, most: int = 3) -> list[str]:
        """The tags with the highest ratios of the last score, of those above 1; at least the highest."""
        order = np.argsort(-self._ratios, kind="stable")[:most].tolist()
        return [self.tags[tag] for place, tag in enumerate(order) if place == 0 or self._ratios[tag] > 1]

    def save(self) -> Saved:
        """The state as plain data, the model included."""
        model = None if self.model is None else {one.name: getattr(self.model, one.name).copy() for one in fields(Model)}
        return {"model": model, "before": self._before.copy(), "t": self._t, "recent": self._recent.copy()}

    def restore(self, saved: Saved) -> None:
        """Goes on from what `save` gave."""
        model = saved["model"]
        self.model = None if model is None else Model(**{name: values.copy() for name, values in model.items()})
        self._before, self._t, self._recent = saved["before"].copy(), saved["t"], saved["recent"].copy()
