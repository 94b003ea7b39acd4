"""Trials for the API and the command line: which rules an order means, which labels there are, and results as plain values."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

from api.services_trials import TrialLabel, TrialOrder
from rules import wording
from rules.backtest import Episode
from rules.load import merge
from rules.scoring import Label, Score
from steward.app.trials.runs import Request, Run, Sweep, Table, Trials
from steward.errors import ConfigError, Problem
from steward.model import Alert, Condition, Facility

MS = 1_000_000
LANGUAGES = ("en", "zh")
LOOK = 2.0
"""Seconds that a look at a running trial waits for fresh partial results."""


@dataclass(frozen=True)
class Desk:
    """facility: with its rules; packs: those switched on; people: labels that people gave to episodes in a span."""

    runs: Trials
    facility: Callable[[], Facility]
    packs: Callable[[], Sequence[str]]
    people: Callable[[int, int], Sequence[TrialLabel]]

    async def ask(self, order: TrialOrder) -> Mapping[str, Any]:
        """Starts a trial. Raises ConfigError with every problem, StewardError when too many wait."""
        return head(self.runs.submit(self.request(order)))

    def trials(self) -> Sequence[Mapping[str, Any]]:
        """The trials that are remembered, newest first."""
        return [head(run) for run in self.runs.runs()]

    async def trial(self, id: str, episodes: int) -> Mapping[str, Any]:
        """A trial with its result so far. Raises NotFound."""
        run = self.runs.get(id)
        await self.runs.look(run, LOOK)
        return await asyncio.to_thread(self.result, run, episodes)

    async def cancel(self, id: str) -> Mapping[str, Any]:
        """Ends a trial. Raises NotFound."""
        return head(await self.runs.cancel(id))

    def request(self, order: TrialOrder) -> Request:
        """The rule tables that an order means. Raises ConfigError."""
        facility = self.facility()
        problems: list[Problem] = []
        known = merge(facility.rules, self.packs(), [])
        tables: list[Table] = []
        for id in order.use:
            if id in known:
                tables.append((known[id][0], {**known[id][1], "id": id}))
            else:
                problems.append(Problem("use", f"no rule {id!r}", "the id of a rule that runs"))
        tables += [(where, table) for where, table, _ in merge((), order.packs, problems).values()]
        tables += [(f"rules[{number}]", table) for number, table in enumerate(order.rules)]
        tables += read_rules(order.text, "text", problems)
        if problems:
            raise ConfigError(problems)
        labels = [Label(one.start, one.end, one.target, one.rule, one.kind, one.true) for one in order.labels]
        if order.people:
            given = self.people(order.start, order.end)
            labels += [Label(one.start, one.end, one.target, one.rule, one.kind, one.true) for one in given]
        against = None
        if order.against is not None:
            against = tuple((f"against[{number}]", table) for number, table in enumerate(order.against))
        sweep = None if order.sweep is None else Sweep(order.sweep[0], order.sweep[1], tuple(order.sweep[2]))
        return Request(
            tuple(tables), order.start, order.end, sweep, against, tuple(labels), order.complete and bool(labels), order.by
        )

    def result(self, run: Run, limit: int) -> Mapping[str, Any]:
        """Everything about a run, as `api.schema_trials.Trial` says."""
        report, outcome = self.runs.report(run), run.outcome
        told = _Teller(run, self.facility(), self.runs.priced(run))
        episodes = outcome.episodes if outcome else []
        curve, changes = report.curve, report.changes
        return {
            **head(run),
            "results": [
                {
                    "rule": row.rule,
                    "kind": row.kind,
                    "targets": row.targets,
                    "episodes": row.episodes,
                    "hours": row.hours,
                    "cost": row.cost,
                    "score": _score(row.score),
                }
                for row in report.rows
            ],
            "curve": None
            if curve is None
            else {
                "field": curve.field,
                "rows": [
                    {
                        "value": row.value,
                        "episodes": row.episodes,
                        "hours": row.hours,
                        "rate": row.rate,
                        "cost": row.cost,
                        "score": _score(row.score),
                    }
                    for row in curve.rows
                ],
                "suggested": curve.suggested,
                "why": curve.why,
            },
            "changes": None
            if changes is None
            else [
                {
                    "before": told.episode(one.before),
                    "after": told.episode(one.after),
                    "shift": one.shift // MS,
                    "longer": one.longer // MS,
                }
                for one in changes[:limit]
            ],
            "episodes": [told.episode(one) for one in episodes[:limit]],
            "total": len(episodes),
            "not_applicable": [
                {"rule": one.rule, "target": one.target, "reason": one.reason}
                for one in (outcome.not_applicable if outcome else [])
            ],
            "warming": len(outcome.warming) if outcome else 0,
            "counts": outcome.counts if outcome else {},
        }


def read_rules(text: str, where: str, problems: list[Problem]) -> list[Table]:
    """The `[[rule]]` tables of a TOML text; what is wrong is added to `problems`."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problems.append(Problem(where, f"not TOML: {error}", "[[rule]] tables"))
        return []
    listed = content.get("rule", [])
    if set(content) - {"rule"} or not isinstance(listed, list):
        problems.append(Problem(where, f"holds {', '.join(map(repr, content))}", "[[rule]] tables and nothing else"))
        return []
    return [(f"{where}:rule[{table.get('id', number)}]", table) for number, table in enumerate(listed)]


def head(run: Run) -> dict[str, Any]:
    """A run without its result."""
    request = run.request
    return {
        "id": run.id,
        "state": run.state,
        "progress": run.progress,
        "at": run.at // MS if run.at else None,
        "start": request.start // MS,
        "end": request.end // MS,
        "samples": run.samples,
        "asked": run.asked // MS,
        "started": None if run.started is None else run.started // MS,
        "finished": None if run.finished is None else run.finished // MS,
        "by": request.by,
        "rules": [rule.id for rule in run.rules],
        "error": run.error,
        "warnings": run.warnings,
    }


def _score(score: Score | None) -> dict[str, Any] | None:
    if score is None:
        return None
    names = ("right", "wrong", "unknown", "found", "missed", "precision", "recall", "f1", "delay", "delay_p90")
    return {name: getattr(score, name) for name in names}


class _Teller:
    """Episodes of a run as plain values, each with its sentence."""

    def __init__(self, run: Run, facility: Facility, price: Callable[[Episode], float | None]) -> None:
        self._rules = {rule.id: rule for rule in run.rules}
        self._facility, self._price = facility, price

    def episode(self, one: Episode | None) -> dict[str, Any] | None:
        """As `api.schema_trials.TrialEpisode` says."""
        if one is None:
            return None
        alert = _alert(one)
        rule = self._rules.get(one.rule)
        return {
            "rule": one.rule,
            "target": one.target,
            "severity": one.severity.value,
            "since": one.since // MS,
            "fired": one.fired // MS,
            "resolved": None if one.resolved is None else one.resolved // MS,
            "value": one.value if isfinite(one.value) else None,
            "worst": one.worst if isfinite(one.worst) else None,
            "limit": one.limit if isfinite(one.limit) else None,
            "points": list(one.points),
            "title": {language: wording.title(alert, rule, self._facility, language) for language in LANGUAGES},
            "cost": self._price(one),
        }


def _alert(one: Episode) -> Alert:
    condition = Condition.FIRING if one.resolved is None else Condition.RESOLVED
    at = one.fired if one.resolved is None else one.resolved
    found = Alert(one.rule, one.kind, one.severity, one.target, one.points, condition, one.since, at, one.fired, one.resolved)
    return replace(found, value=one.value, worst=one.worst, limit=one.limit, evidence=one.evidence)
