"""Quotas: limit and guide values, the pace of the year, and a forecast of its end with a range.

Invariants: no value stands in code: limits come from data (`metering/data/quota-*.toml`, a facility's own rows) with standard,
clause and source; a forecast names its method and its range; the same days and seed give the same forecast. Days are local days
as numbers since 1970; consumption in canonical units.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from steward.errors import UnknownUnit
from steward.model import METRICS, BoolArray, FloatArray, IntArray
from steward.units import unit

CLIMATES = ("severe_cold", "cold", "hot_summer_cold_winter", "hot_summer_warm_winter", "temperate")
"""Climate zones of building regulation (GB 50176)."""
DRAWS = 1000
BLOCK = 4
"""Weeks drawn together: weeks near each other err alike."""
LEAST_WEEKS = 4
RANGE = (0.05, 0.95)
"""The range that a forecast states."""
WIDER = 1.2
"""The drawn range times this: blocks of a few weeks miss slower swings. Without it 83 % of synthetic years lay inside."""


class Per(StrEnum):
    """What a quota is stated for, a year of."""

    M2 = "m2"
    PERSON = "person"
    SITE = "site"


@dataclass(frozen=True, slots=True)
class Quota:
    """A limit (约束) and a guide value (引导) per year in canonical units of `metric`; guide None: none is set. use, grade,
    climate: the buildings it is for ("" = any)."""

    id: str
    metric: str
    per: Per
    limit: float
    guide: float | None
    standard: str = ""
    clause: str = ""
    source: str = ""
    use: str = ""
    grade: str = ""
    climate: str = ""
    valid_from: str = ""
    valid_to: str = ""

    def fits(self, use: str, grade: str, climate: str, year: int) -> bool:
        """Whether it is for such a building in a year."""
        same = all(own in ("", other) for own, other in ((self.use, use), (self.grade, grade), (self.climate, climate)))
        return same and self.valid_from[:4] <= str(year) and (not self.valid_to or str(year) <= self.valid_to[:4])


class BadQuota(ValueError):
    """A table of quotas that cannot be used."""


def read_table(raw: Mapping[str, Any]) -> list[Quota]:
    """The rows of a quota file (TOML, parsed). Raises BadQuota naming the row and what was expected."""
    name = str(raw.get("id", "quota"))
    try:
        metric, symbol = str(raw["metric"]), unit(str(raw["unit"]))
        if metric not in METRICS or METRICS[metric].unit != symbol.canonical:
            raise BadQuota(f"{name}: {raw['unit']!r} is no unit of {metric!r}")
        rows = []
        for number, row in enumerate(raw["row"], 1):
            limit, guide = float(row["limit"]), row.get("guide")
            if limit <= 0 or (guide is not None and not 0 < float(guide) <= limit):
                raise BadQuota(f"{name}: row {number}: limit {limit:g}, guide {guide}, expected 0 < guide <= limit")
            if row.get("climate", "") not in ("", *CLIMATES):
                raise BadQuota(f"{name}: row {number}: climate {row['climate']!r}, expected one of {', '.join(CLIMATES)}")
            rows.append(
                Quota(
                    f"{name}.{number}",
                    metric,
                    Per(raw["per"]),
                    limit * symbol.scale,
                    None if guide is None else float(guide) * symbol.scale,
                    str(raw.get("standard", "")),
                    str(raw.get("clause", "")),
                    str(raw["source"]),
                    str(row.get("use", "")),
                    str(row.get("grade", "")),
                    str(row.get("climate", "")),
                    str(raw.get("valid_from", "")),
                    str(raw.get("valid_to", "")),
                )
            )
        return rows
    except BadQuota:
        raise
    except KeyError as error:
        raise BadQuota(f"{name}: no {error.args[0]!r}, expected id, metric, unit, per, source and rows with limit") from None
    except (TypeError, ValueError, UnknownUnit) as error:
        raise BadQuota(f"{name}: {error}") from None


@dataclass(frozen=True, slots=True)
class Amount:
    """A quota for one site and year, canonical unit; None: `reason` says why it cannot be said (no_area, no_people)."""

    quota: Quota
    limit: float | None
    guide: float | None
    reason: str = ""


def amount(quota: Quota, area: float | None, people: float | None) -> Amount:
    """The year's amount of a quota for a site of so much area (m2) and so many people."""
    by = {Per.M2: area, Per.PERSON: people, Per.SITE: 1.0}[quota.per]
    if not by:
        return Amount(quota, None, None, "no_area" if quota.per is Per.M2 else "no_people")
    return Amount(quota, quota.limit * by, None if quota.guide is None else quota.guide * by)


def pick(quotas: Iterable[Quota], metric: str, use: str, grade: str, climate: str, year: int) -> Quota | None:
    """The most particular quota that fits, the first of equals; None if none does."""
    fitting = [one for one in quotas if one.metric == metric and one.fits(use, grade, climate, year)]
    return max(fitting, key=lambda one: sum(map(bool, (one.use, one.grade, one.climate))), default=None)


class Basis(StrEnum):
    """What a forecast rests on, best first."""

    DEGREE_DAYS = "degree_days"
    """Weeks of the last 2 years fitted on degree-days; the rest of the year with last year's weather."""
    SEASON = "season"
    """What remained of last year from this date on, times this year's ratio to last year so far."""
    RUN_RATE = "run_rate"
    """No last year: this year's mean per day goes on; the season is not known and the range does not hold it."""
    NONE = "none"
    """Too little is known."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """The year's end: value with its 90 % range (canonical unit). days: known days of this year used; known: their share of the
    days elapsed; basis: the method; None where basis is NONE."""

    value: float | None
    low: float | None
    high: float | None
    basis: Basis
    days: int
    known: float


@dataclass(frozen=True, slots=True)
class Days:
    """Consumption by local day: day numbers in order, value (canonical unit), good: whole, not estimated; excess: heating and
    cooling degree-days of the day (2 rows), NaN where not known, None without weather."""

    day: IntArray
    value: FloatArray
    good: BoolArray
    excess: FloatArray | None = None

    def span(self, first: int, end: int) -> Days:
        """The days in [first, end), counted in days since 1970-01-01."""
        rows = (self.day >= first) & (self.day < end)
        return Days(self.day[rows], self.value[rows], self.good[rows], None if self.excess is None else self.excess[:, rows])


def forecast(days: Days, first: int, today: int, end: int, seed: int = 1) -> Forecast:
    """Forecast of [first, end) (local days of a year) at the start of day `today`. `days` holds last year as well, if known."""
    past = days.span(first, today)
    elapsed = max(1, today - first)
    known = float(past.good.sum()) / elapsed
    so_far = float(past.value.sum())
    if today >= end:
        return Forecast(so_far, so_far, so_far, Basis.RUN_RATE, int(past.good.sum()), known)
    if known < 0.5 or past.good.sum() < 7 * LEAST_WEEKS:
        return Forecast(None, None, None, Basis.NONE, int(past.good.sum()), known)
    draw = np.random.default_rng(seed)
    weather = _by_weather(days, first, today, end, draw)
    rest, basis = (
        (weather, Basis.DEGREE_DAYS) if weather is not None else (_by_season(days, first, today, end, draw), Basis.SEASON)
    )
    if rest is None:
        rest, basis = _by_rate(past, today, end, draw), Basis.RUN_RATE
    middle = float(np.median(rest))
    low, high = middle + WIDER * (np.quantile(rest, RANGE) - middle)
    return Forecast(so_far + middle, so_far + float(low), so_far + float(high), basis, int(past.good.sum()), known)


def _weeks(days: Days) -> list[BoolArray]:
    """Masks of whole weeks counted back from the newest day, oldest first, of which at least 6 days are good."""
    if not len(days.day):
        return []
    number = (days.day - days.day[-1] - 1) // 7
    return [
        rows & days.good for week in np.unique(number) if (rows := number == week).sum() == 7 and (rows & days.good).sum() >= 6
    ]


def _drawn(residuals: FloatArray, weeks: float, draw: np.random.Generator) -> FloatArray:
    """DRAWS sums of residuals of `weeks` weeks, drawn in blocks of neighbours (moving-block bootstrap)."""
    size = min(BLOCK, len(residuals))
    blocks = max(1, int(np.ceil(weeks / size)))
    at = draw.integers(0, len(residuals) - size + 1, (DRAWS, blocks))
    sums: FloatArray = residuals[at[..., None] + np.arange(size)].sum(axis=(1, 2)) * (weeks / (blocks * size))
    return sums


def _by_weather(days: Days, first: int, today: int, end: int, draw: np.random.Generator) -> FloatArray | None:
    ahead = days.span(today - 365, end - 365)  # last year's weather of the days to come
    if days.excess is None or ahead.excess is None or len(ahead.day) < end - today or not np.isfinite(ahead.excess).all():
        return None
    past = days.span(max(first - 366, today - 730), today)
    weeks = [rows for rows in _weeks(past) if np.isfinite(past.excess[:, rows]).all()] if past.excess is not None else []
    if len(weeks) < 26 or past.excess is None:
        return None
    y = np.array([past.value[rows].mean() * 7 for rows in weeks])
    x = np.array([[7.0, *(past.excess[:, rows].mean(axis=1) * 7)] for rows in weeks])
    used = np.flatnonzero(x.any(axis=0))
    factor, *_ = np.linalg.lstsq(x[:, used], y, rcond=None)
    residuals = y - x[:, used] @ factor
    rest = np.array([float(end - today), *ahead.excess.sum(axis=1)])[used] @ factor
    freedom = len(y) / max(1, len(y) - len(used))
    level = residuals.std() * freedom**0.5 * _correlated(residuals) / len(y) ** 0.5 * (end - today) / 7
    found: FloatArray = rest + _drawn(residuals, (end - today) / 7, draw) + level * draw.standard_normal(DRAWS)
    return found


def _correlated(residuals: FloatArray) -> float:
    """How much wider the error of a mean is for the correlation of neighbours (lag 1, not below 0)."""
    if len(residuals) < 4 or not (residuals[:-1].std() and residuals[1:].std()):
        return 1.0
    rho = float(np.clip(np.corrcoef(residuals[:-1], residuals[1:])[0, 1], 0.0, 0.95))
    return float(((1 + rho) / (1 - rho)) ** 0.5)


def _by_season(days: Days, first: int, today: int, end: int, draw: np.random.Generator) -> FloatArray | None:
    """Weekly ratios to the same weeks of last year (364 days before: the same weekdays), drawn in blocks."""
    ahead = days.span(today - 364, end - 364)
    if len(ahead.day) < end - today or ahead.good.mean() < 0.9:
        return None
    ahead_sum = float(ahead.value[ahead.good].mean() * (end - today))
    past, before = days.span(first, today), days.span(first - 364, today - 364)
    if len(before.day) != len(past.day):
        return None
    both = Days(past.day, past.value, past.good & before.good)
    weeks = _weeks(both)
    if len(weeks) < LEAST_WEEKS:
        return None
    now, then = (np.array([one.value[rows].sum() for rows in weeks]) for one in (past, before))
    if then.sum() <= 0:
        return None
    ratio = float(now.sum() / then.sum())
    residuals = now - ratio * then
    scale = ahead_sum / max((end - today) / 7, 1e-9) / max(then.mean(), 1e-9)
    level = residuals.std() * _correlated(residuals) / len(weeks) ** 0.5 * (end - today) / 7
    found: FloatArray = ratio * ahead_sum + scale * (
        _drawn(residuals, (end - today) / 7, draw) + level * draw.standard_normal(DRAWS)
    )
    return found


def _by_rate(past: Days, today: int, end: int, draw: np.random.Generator) -> FloatArray:
    weeks = np.array([past.value[rows].mean() * 7 for rows in _weeks(past)])
    mean = float(past.value[past.good].mean()) * 7
    residuals = (weeks - weeks.mean()) if len(weeks) else np.zeros(1)
    count = (end - today) / 7
    level = residuals.std() * _correlated(residuals) / max(1, len(residuals)) ** 0.5 * count
    found: FloatArray = mean * count + _drawn(residuals, count, draw) + level * draw.standard_normal(DRAWS)
    return found


@dataclass(frozen=True, slots=True)
class Pace:
    """How far the year's amount is used up. consumed: share of the limit; expected: share that the season leaves for this date
    (last year's shape, else days); pace: consumed / expected, above 1 = too fast; shape: "last_year" or "days"."""

    consumed: float
    expected: float
    pace: float | None
    shape: str


def pace(days: Days, first: int, today: int, end: int, limit: float) -> Pace:
    """The pace at the start of day `today` against a year's `limit`."""
    so_far = float(days.span(first, today).value.sum())
    before = days.span(first - 365, end - 365)
    if len(before.day) >= end - first - 1 and before.good.mean() >= 0.9 and before.value.sum() > 0:
        expected, shape = float(days.span(first - 365, today - 365).value.sum() / before.value.sum()), "last_year"
    else:
        expected, shape = (today - first) / (end - first), "days"
    consumed = so_far / limit
    return Pace(consumed, expected, consumed / expected if expected > 0 else None, shape)


def outlook(found: Forecast, made: Amount) -> str:
    """Where the year will end by its range: `within_guide`, `within_limit`, `may_exceed`, `will_exceed`, or `unknown`."""
    if made.limit is None or found.value is None or found.low is None or found.high is None:
        return "unknown"
    if found.low > made.limit:
        return "will_exceed"
    if found.high > made.limit:
        return "may_exceed"
    return "within_guide" if made.guide is not None and found.high <= made.guide else "within_limit"


def all_of(tables: Sequence[Mapping[str, Any]]) -> list[Quota]:
    """The rows of several quota files. Raises BadQuota."""
    return [row for raw in tables for row in read_table(raw)]
