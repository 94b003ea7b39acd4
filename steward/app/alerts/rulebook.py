"""The rules as they run, for people: the table each was written in, why it exists, what it watches, what it cannot watch.

Invariants: the definition is the whole table, a pack's with the facility's own keys over it; a target that a rule fits and
cannot judge is never left out, its reason is counted; so is a condition that a target lacks a role for.
Packs are read once for each facility, not once for each question.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from api.services import RuleState, Unjudged
from rules.contract import Kind
from rules.engine import Engine
from rules.load import merge
from steward.model import Facility

NEEDS_ROLE = "condition_needs_role"
"""Code of a condition that is not judged for lack of a role; its parameters: condition, role."""
SHOWN = 20
"""So many targets are named for each reason; all are counted."""


class Rulebook:
    """What the API answers about rules."""

    def __init__(self) -> None:
        self._facility: Facility | None = None
        self._packs: tuple[str, ...] = ()
        self._tables: dict[str, tuple[str, Mapping[str, Any], str]] = {}

    def states(self, engine: Engine, facility: Facility, packs: Sequence[str]) -> list[RuleState]:
        """Every rule of the engine. packs: those switched on."""
        if facility is not self._facility or tuple(packs) != self._packs:
            self._tables = merge(facility.rules, packs, [])
            self._facility, self._packs = facility, tuple(packs)
        bindings, unjudged, unevaluated = engine.bindings(), _unjudged(engine), _unevaluated(engine)
        return [
            RuleState(
                rule.id,
                rule.kind.NAME,
                rule.severity.value,
                rule.title,
                rule.where,
                targets=bindings.get(rule.id, 0),
                about=about(type(rule.kind)),
                definition=self._tables[rule.id][1] if rule.id in self._tables else {},
                why=rule.why,
                check=rule.check,
                source=rule.source,
                pack=rule.pack,
                unjudged=unjudged.get(rule.id, ()),
                unevaluated=unevaluated.get(rule.id, ()),
            )
            for rule in engine.rules.values()
        ]


def about(kind: type[Kind]) -> str:
    """What a kind does, as the first paragraph of its documentation says."""
    return " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())


def _unjudged(engine: Engine) -> dict[str, tuple[Unjudged, ...]]:
    found: dict[str, dict[str, list[str]]] = {}
    for one in engine.not_applicable():
        found.setdefault(one.rule, {}).setdefault(one.reason, []).append(one.target)
    return {
        rule: tuple(
            Unjudged(reason, len(targets), tuple(targets[:SHOWN]))
            for reason, targets in sorted(reasons.items(), key=lambda item: -len(item[1]))
        )
        for rule, reasons in found.items()
    }


def _unevaluated(engine: Engine) -> dict[str, tuple[Unjudged, ...]]:
    """Rule -> the conditions of its kind that targets lack a role for, those that most lack first."""
    found: dict[str, dict[tuple[str, str], list[str]]] = {}
    for bank in engine.banks:
        if bank.kind.unevaluated is Kind.unevaluated:
            continue  # a kind without conditions of its own: nothing to ask a hundred thousand rows for
        for row, number in enumerate(bank.rule_of.tolist()):
            rule, target = bank.rules[number], bank.targets[row]
            for lack in rule.kind.unevaluated(target):
                found.setdefault(rule.id, {}).setdefault(lack, []).append(target.id)
    return {
        rule: tuple(
            Unjudged(
                f"condition {condition} needs {role}",
                len(targets),
                tuple(targets[:SHOWN]),
                NEEDS_ROLE,
                {"condition": condition, "role": role},
            )
            for (condition, role), targets in sorted(lacks.items(), key=lambda item: -len(item[1]))
        )
        for rule, lacks in found.items()
    }
