"""How good a rule is against what people, or a simulator, say was wrong: precision, recall, delay; limits tried side by side.

An episode is right when it overlaps a label of its place, wrong when it overlaps one that says "false", or none at all where
the labels are complete; else nobody knows, and it counts neither way. Each label is found once, however many episodes it has
(existence of a range, after Tatbul et al., Precision and Recall for Time Series, NeurIPS 2018, with existence weighted 1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from statistics import median
from typing import Any

from rules.backtest import Episode, Outcome
from steward.model import Facility
from steward.units import DAY, HOUR

MONTH = 30 * DAY
AIM = 1.0
"""Episodes per target and month that a person can be asked to look at, where no labels say more."""


@dataclass(frozen=True, slots=True)
class Label:
    """In [start, end) ns something was wrong (or, `true` False: an alert was not right) at `target`: the id of a point,
    equip, device, space or site; "" anywhere. rule, kind: globs; "" any."""

    start: int
    end: int
    target: str = ""
    rule: str = ""
    kind: str = ""
    true: bool = True


@dataclass(frozen=True, slots=True)
class Score:
    """Counts and rates of one rule. right, wrong, unknown: episodes; found, missed: labels; delay, delay_p90: seconds from
    the start of a label to the first alert on it (None: nothing found); rates are None where nothing is counted."""

    right: int
    wrong: int
    unknown: int
    found: int
    missed: int
    delay: float | None
    delay_p90: float | None

    @property
    def precision(self) -> float | None:
        """Share of the judged episodes that were right."""
        judged = self.right + self.wrong
        return self.right / judged if judged else None

    @property
    def recall(self) -> float | None:
        """Share of the labels that were found."""
        labels = self.found + self.missed
        return self.found / labels if labels else None

    @property
    def f1(self) -> float:
        """Harmonic mean of both, 0 where one of them is missing."""
        precision, recall = self.precision or 0.0, self.recall or 0.0
        return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


class Places:
    """Which ids an alert belongs to: its target, its points, and the equip, device, spaces and site around them."""

    def __init__(self, facility: Facility) -> None:
        self._facility = facility
        self._known: dict[tuple[str, tuple[str, ...]], frozenset[str]] = {}

    def of(self, episode: Episode) -> frozenset[str]:
        """Ids that a label may name for an episode: target, points, and the equip, device, spaces and site of each."""
        key = (episode.target, episode.points)
        found = self._known.get(key)
        if found is None:
            ids = {episode.target, *episode.points}
            for id in (episode.target, *episode.points):
                ids |= self._around(id)
            found = self._known[key] = frozenset(ids - {""})
        return found

    def _around(self, id: str) -> set[str]:
        facility = self._facility
        one = facility.points.get(id) or facility.equips.get(id) or facility.devices.get(id)
        if one is None:
            return set()
        ids = {one.site, one.space, getattr(one, "equip", ""), getattr(one, "device", "")}
        equip = facility.equips.get(getattr(one, "equip", ""))
        if equip is not None:
            ids |= {equip.site, equip.space}
        for space in list(ids):
            while space in facility.spaces:
                ids |= {space, facility.spaces[space].site}
                space = facility.spaces[space].parent
        return ids


def score(
    episodes: Iterable[Episode], labels: Sequence[Label], places: Places, until: int, *, complete: bool, slack: int = HOUR
) -> Score:
    """Judges the episodes of one rule. complete: what no label speaks of was sound; slack: an alert may come so long after
    the end of what it is about, ns."""
    right = wrong = unknown = 0
    first: dict[int, int] = {}
    for episode in episodes:
        hits = [
            number
            for number, label in enumerate(labels)
            if _about(label, episode, places) and episode.since < label.end + slack and episode.end(until) > label.start
        ]
        true = [number for number in hits if labels[number].true]
        for number in true:
            first[number] = min(first.get(number, episode.fired), episode.fired)
        if true:
            right += 1
        elif hits or complete:
            wrong += 1
        else:
            unknown += 1
    wanted = sum(label.true for label in labels)
    delays = sorted(max(0, at - labels[number].start) / 1e9 for number, at in first.items())
    late = delays[min(len(delays) - 1, int(0.9 * len(delays)))] if delays else None
    return Score(right, wrong, unknown, len(first), wanted - len(first), median(delays) if delays else None, late)


def relevant(labels: Iterable[Label], rule: str, kind: str) -> list[Label]:
    """The labels that speak of a rule."""
    return [one for one in labels if fnmatchcase(rule, one.rule or "*") and fnmatchcase(kind, one.kind or "*")]


def _about(label: Label, episode: Episode, places: Places) -> bool:
    if label.target and label.target not in places.of(episode):
        return False
    return fnmatchcase(episode.kind, label.kind or "*")


# -- several limits in one run


@dataclass(frozen=True, slots=True)
class Tried:
    """One value of a sweep: the episodes it gives, hours in alert, episodes per target and month; with labels a score; cost
    where a price is known (money in the facility's currency)."""

    value: Any
    rule: str
    episodes: int
    hours: float
    rate: float
    score: Score | None
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """The trade-off of a sweep, in the order of its values, the value suggested (None: none serves) and why."""

    field: str
    rows: tuple[Tried, ...]
    suggested: Any
    why: str


def variants(table: Mapping[str, Any], field: str, values: Sequence[Any]) -> list[tuple[str, dict[str, Any]]]:
    """A rule table once per value of `field` (dots lead into tables: "while.above"), each with an id of its own:
    `<id>@<number>`. Raises ValueError for an empty sweep."""
    if not values:
        raise ValueError("a sweep without values")
    made = []
    for number, value in enumerate(values):
        changed: dict[str, Any] = {**table, "id": f"{table.get('id', 'rule')}@{number}"}
        inner, *path = changed, *field.split(".")
        for key in path[:-1]:
            inner[key] = dict(inner.get(key, {}))
            inner = inner[key]
        inner[path[-1]] = value
        made.append((f"{changed['id']} ({field} = {value!r})", changed))
    return made


def curve(
    outcome: Outcome,
    rule: str,
    field: str,
    values: Sequence[Any],
    labels: Sequence[Label],
    places: Places,
    *,
    complete: bool,
    cost: Callable[[Episode], float | None] = lambda episode: None,
) -> Curve:
    """What each value of a sweep gave, and which one to take."""
    months = max(outcome.end - outcome.start, 1) / MONTH
    rows = []
    for number, value in enumerate(values):
        id = f"{rule}@{number}"
        episodes = outcome.of(id)
        targets = max(outcome.targets.get(id, 0), 1)
        judged = score(episodes, labels, places, outcome.end, complete=complete) if labels else None
        prices = [price for price in map(cost, episodes) if price is not None]
        rate = len(episodes) / targets / months
        rows.append(Tried(value, id, len(episodes), outcome.hours(id), rate, judged, sum(prices) if prices else None))
    suggested, why = _suggest(rows)
    return Curve(field, tuple(rows), suggested, why)


def _suggest(rows: Sequence[Tried]) -> tuple[Any, str]:
    scored = [row for row in rows if row.score is not None and row.score.found]
    if scored:
        best = max(scored, key=lambda row: (row.score.f1 if row.score else 0.0, -row.episodes))
        return best.value, f"highest F1 ({best.score.f1:.2f}) against the labels" if best.score else ""
    if any(row.score is not None for row in rows):
        return None, "no value finds any label"
    quiet = [row for row in rows if row.episodes and row.rate <= AIM]
    if quiet:
        best = max(quiet, key=lambda row: (row.episodes, -row.hours))
        return (
            best.value,
            f"most sensitive value with at most {AIM:g} episode per target and month ({best.rate:.2f}); no labels",
        )
    if all(not row.episodes for row in rows):
        return None, "no value gives any episode in this history"
    return None, f"every value gives more than {AIM:g} episode per target and month"


# -- two versions of a rule


@dataclass(frozen=True, slots=True)
class Change:
    """An episode in two versions: before or after is None where the other version has it alone. shift: ns by which the
    alert fires later; longer: ns by which it lasts longer."""

    before: Episode | None
    after: Episode | None
    shift: int = 0
    longer: int = 0


def difference(before: Outcome, after: Outcome, rule: str, other: str) -> list[Change]:
    """The episodes of `rule` in `before` beside those of `other` in `after`, matched by target and overlap, by time."""
    waiting: dict[str, list[Episode]] = {}
    for episode in after.of(other):
        waiting.setdefault(episode.target, []).append(episode)
    changes = []
    for one in before.of(rule):
        rest = waiting.get(one.target, [])
        twin = next((two for two in rest if two.since < one.end(before.end) and two.end(after.end) > one.since), None)
        if twin is None:
            changes.append(Change(one, None))
        else:
            rest.remove(twin)
            longer = (twin.end(after.end) - twin.fired) - (one.end(before.end) - one.fired)
            changes.append(Change(one, twin, twin.fired - one.fired, longer))
    changes += [Change(None, two) for rest in waiting.values() for two in rest]
    return sorted(changes, key=_fired)


def _fired(change: Change) -> int:
    one = change.before or change.after
    return one.fired if one else 0
