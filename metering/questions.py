"""Questions for a person: what the reads alone cannot decide, what is known, and what follows from each answer.

Invariants: a question follows from the ledger and vanishes with its cause or with a `confirm` declaration at its time; each
answer is a declaration or a parameter, so answering is on record; nothing waits for it but the reads concerned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from metering.cut import stuck_spells
from metering.explain import Link, wrap_after
from metering.intervals import LEDGER_UNITS
from metering.reads import Limits, Reads
from metering.solution import Solution
from metering.sources import Check
from steward.units import DAY


class Topic(StrEnum):
    """What is asked."""

    SWAP = "swap"
    DIGITS = "digits"
    UNIT = "unit"
    RESET = "reset"
    LIMIT = "limit"
    CONFLICT = "conflict"
    HELD = "held"
    STUCK = "stuck"
    SOURCES = "sources"


@dataclass(frozen=True, slots=True)
class Answer:
    """One possible answer: `action` declares or sets what `values` hold; `consumption` of the link follows, ledger units
    (None where it depends on what the person enters)."""

    action: str
    values: Mapping[str, int | float]
    consumption: int | None


@dataclass(frozen=True, slots=True)
class Question:
    """A question about the link [start, at] (ns); `known`: reads, consumption and bounds as the ledger has them."""

    topic: Topic
    start: int
    at: int
    known: Mapping[str, int]
    answers: tuple[Answer, ...]


_TOPIC = {
    Link.SWAP: Topic.SWAP,
    Link.ROLLOVER_UNKNOWN: Topic.DIGITS,
    Link.UNIT: Topic.UNIT,
    Link.RESET: Topic.RESET,
    Link.ABOVE: Topic.LIMIT,
    Link.CONFLICT: Topic.CONFLICT,
}


def ask(solution: Solution, held: Reads, limits: Limits, closed: set[int], still: int | None = None) -> list[Question]:
    """All open questions of a register in time order. closed: times that a person has confirmed; still: the longest spell
    without advance that was learned, ns."""
    found = []
    for place in np.flatnonzero(np.isin(solution.kind, list(_TOPIC))).tolist():
        if int(solution.at[place]) not in closed and place and _matters(solution, limits, place):
            found.append(_question(solution, place))
    good = int(solution.at[-1]) if len(solution) else None
    if len(held) and (good is None or int(held.at[-1]) - good > limits.horizon) and int(held.at[0]) not in closed:
        known = {"reads": len(held), "first": int(held.value[0]), "last": int(held.value[-1])}
        since = int(held.at[0]) if good is None else good
        span = {"at": int(held.at[0]), "until": int(held.at[-1])}
        answers = (Answer("discard", span, 0), Answer("swap", {"at": span["at"], "start": known["first"]}, None))
        found.append(Question(Topic.HELD, since, int(held.at[0]), known, answers))
    stuck = stuck_spells(solution, still)[-1:] if still else []
    if stuck and stuck[0][1] == len(solution) - 1:  # it stands now; a spell that has ended is flagged
        found.append(_standing(solution, *stuck[0]))
    return [one for one in found if one.topic is not Topic.STUCK or one.at not in closed]


def _standing(solution: Solution, first: int, last: int) -> Question:
    """A register that stands longer than it ever did: idle, or stuck and losing what it does not count."""
    at, until = int(solution.at[first]), int(solution.at[last])
    known = {"value": int(solution.value[first]), "reads": last - first + 1, "until": until}
    span = {"at": at, "until": until}
    answers = (Answer("confirm", {"at": at}, 0), Answer("discard", span, None), Answer("consumption", span, None))
    return Question(Topic.STUCK, at, at, known, answers)


def ask_sources(checks: Sequence[Check], tolerance: float, apart: int, closed: set[int]) -> list[Question]:
    """Where two sources of one register disagree by more than `tolerance` units: one question for each stretch whose
    disagreements lie no further than `apart` ns from each other. The better source counts until a person answers."""
    found: list[Question] = []
    spans: list[list[Check]] = []
    for check in sorted((one for one in checks if not one.agrees(tolerance)), key=lambda one: one.at):
        if spans and check.at - spans[-1][-1].at <= apart:
            spans[-1].append(check)
        else:
            spans.append([check])
    for span in spans:
        worst = max(span, key=lambda one: abs(one.value - one.expected))
        known = {"reads": len(span), "expected": round(worst.expected), "value": worst.value, "until": span[-1].at}
        answers = (Answer("confirm", {"at": span[0].at}, 0), Answer("discard", {"at": span[0].at, "until": span[-1].at}, None))
        if span[0].at not in closed:
            found.append(Question(Topic.SOURCES, span[0].at, span[0].at, known, answers))
    return found


def _matters(solution: Solution, limits: Limits, place: int) -> bool:
    """A reset is asked about only where its bound exceeds a day's consumption."""
    if solution.kind[place] != Link.RESET:
        return True
    row = np.array([max(0, int(solution.rows[place]))])
    day = float(limits.cap(np.array([DAY]), row)[0]) * LEDGER_UNITS
    return bool(solution.high[place] - solution.low[place] > day)


def _question(solution: Solution, place: int) -> Question:
    kind = Link(int(solution.kind[place]))
    before, after = int(solution.value[place - 1]), int(solution.value[place])
    gain, start, at = int(solution.gain[place]), int(solution.at[place - 1]), int(solution.at[place])
    known = {"before": before, "after": after, "consumption": gain}
    known |= {"low": int(solution.low[place]), "high": int(solution.high[place])}
    keep = Answer("confirm", {"at": at}, gain)
    enter = Answer("swap", {"at": at, "end": before, "start": after}, None)
    decide = Answer("consumption", {"at": start, "until": at, "value": max(0, gain) // LEDGER_UNITS}, None)
    answers: tuple[Answer, ...] = (keep, enter, decide)
    if kind is Link.ROLLOVER_UNKNOWN:
        size = float(wrap_after(np.array([float(before)]))[0])
        digits = round(np.log10(size)) if size == 10.0 ** round(np.log10(size)) else 0
        answers = ((Answer("digits", {"digits": digits}, gain), *answers)) if digits else answers
    elif kind is Link.ABOVE:
        hours = (at - start) / (3600 * 10**9)
        answers = (keep, Answer("limit", {"rate": gain / LEDGER_UNITS / max(hours, 1e-9)}, gain), enter, decide)
    return Question(_TOPIC[kind], start, at, known, answers)
