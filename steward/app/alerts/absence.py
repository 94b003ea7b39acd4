"""Absence, corrected: a device that was silent because its link was, and told afterwards what it had kept.

Pure: the episode as recorded, the samples with their arrival; out comes a sentence, or nothing. A slow clock is no proof
of presence: samples that a device had kept come faster than the time that they tell of, those of a slow clock do not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from rules.engine import Engine
from steward.model import Alert, BoolArray, IntArray
from steward.units import MINUTE, SECOND

Pair = tuple[str, str]
DELAYED = MINUTE
"""A sample that arrives so long after its time may be one that its device kept for us."""


@dataclass(frozen=True, slots=True)
class Silence:
    """An episode of silence: ns since the last arrival before it, until the first after it, and the silence allowed."""

    start: int
    end: int
    allowed: int


def watched(engine: Engine, numbers: Sequence[int]) -> Mapping[Pair, set[int]]:
    """(rule, target) that judge by arrival -> those of the points `numbers` that lie below the target."""
    found: dict[Pair, set[int]] = {}
    for bank in engine.banks:
        if bank.kind.CLOCK != "received":
            continue
        route, parent = bank.route, bank.state.columns.get("parent")
        for number in numbers:
            if number >= route.points:
                continue
            first = int(route.start[number])
            for row in route.row[first : first + int(route.count[number])].tolist():
                while row >= 0:
                    pair = bank.rules[int(bank.rule_of[row])].id, bank.targets[row].id
                    found.setdefault(pair, set()).add(number)
                    row = -1 if parent is None else int(parent[row])
    return found


def silence_of(alert: Alert, now: int) -> Silence:
    """The silence that an episode states. Its limit is the silence allowed; of a device that died none was."""
    allowed = MINUTE if math.isnan(alert.limit) else max(MINUTE, round(alert.limit * SECOND))
    start = alert.since if math.isnan(alert.limit) else alert.since - round(alert.limit * SECOND)
    return Silence(start, now if alert.resolved is None else alert.resolved, allowed)


def correction(silence: Silence, at: IntArray, received: IntArray) -> str | None:
    """What samples say of a silence that they lie in: `at`, `received` of equal length, ns; None when they say nothing.

    Said is how far the samples reach that came long after their time, and whether they leave no more silence than is allowed.
    """
    inside: BoolArray = (at > silence.start) & (at < silence.end)
    kept = inside & (received - at > DELAYED)
    times = np.unique(at[kept])
    if len(times) < 2:
        return None
    first, last = int(times[0]), int(times[-1])
    came, ended = int(received[kept].min()), int(received[kept].max())
    if ended - came > (last - first) / 2:  # as slow as time itself: a clock that is behind
        return None
    gaps = np.diff(np.r_[silence.start, np.unique(at[inside]), silence.end])
    whole = bool((gaps <= silence.allowed).all())
    if not whole and last - first < silence.allowed:
        return None
    when = f"at {clock(came)}" if ended - came < MINUTE else f"from {clock(came)} to {clock(ended)}"
    there = "the device was there" if whole else "the device was there then"
    return f"the samples of {clock(first)} to {clock(last)} came {when}: {there}, the link was not"


def clock(at: int) -> str:
    """A moment as corrections write it."""
    return f"{datetime.fromtimestamp(at // SECOND, UTC):%Y-%m-%d %H:%M:%S} UTC"
