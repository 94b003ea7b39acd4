"""The human machine of alerts, once: what people do about an episode, and what they may not.

unacknowledged -> acknowledged -> assigned <-> in progress -> closed, forwards past any of them. It binds to the episode:
a new one begins unacknowledged. Every act but a comment also acknowledges. An act that says what is so already changes
nothing; a closed episode takes comments and labels only; what still fires or may still fire cannot be closed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from steward.model import Condition, Human


class Act(StrEnum):
    """What a person can do about an episode."""

    ACKNOWLEDGE = "acknowledge"
    ASSIGN = "assign"
    START = "start"
    CLOSE = "close"


LEADS_TO = {
    Act.ACKNOWLEDGE: Human.ACKNOWLEDGED,
    Act.ASSIGN: Human.ASSIGNED,
    Act.START: Human.IN_PROGRESS,
    Act.CLOSE: Human.CLOSED,
}
ALLOWED: dict[Human, frozenset[Act]] = {
    Human.UNACKNOWLEDGED: frozenset(Act),
    Human.ACKNOWLEDGED: frozenset((Act.ASSIGN, Act.START, Act.CLOSE)),
    Human.ASSIGNED: frozenset((Act.ASSIGN, Act.START, Act.CLOSE)),
    Human.IN_PROGRESS: frozenset((Act.ASSIGN, Act.CLOSE)),
    Human.CLOSED: frozenset(),
}
"""Human state -> acts that change something."""


class Refused(ValueError):
    """An act that the state of the episode does not allow; the text says why, for a person."""


@dataclass(frozen=True, slots=True)
class Hands:
    """Who has an episode in hand. Times in ns, None: not yet."""

    state: Human = Human.UNACKNOWLEDGED
    acknowledged_at: int | None = None
    acknowledged_by: str = ""
    assigned_to: str = ""
    closed_at: int | None = None
    closed_by: str = ""


def after(hands: Hands, act: Act, by: str, at: int, condition: Condition, to: str = "") -> Hands:
    """Who has the episode in hand after `by` did `act` at `at`; the same where nothing changes. Raises Refused.

    to: the person or group that it is assigned to.
    """
    if act is Act.CLOSE and condition is not Condition.RESOLVED:
        raise Refused(f"it is {condition}: only a resolved alert can be closed; shelve it to silence it for a time")
    if act is Act.ASSIGN and not to.strip():
        raise Refused("nobody is named, expected a person or a group")
    if act not in ALLOWED[hands.state]:
        if hands.state is Human.CLOSED and act in (Act.ASSIGN, Act.START):
            raise Refused(f"it was closed by {hands.closed_by or 'somebody'}: a new episode will be a new alert")
        return hands
    if act is Act.ASSIGN and hands.state is Human.ASSIGNED and hands.assigned_to == to:
        return hands
    changed = replace(hands, state=LEADS_TO[act])
    if hands.acknowledged_at is None:
        changed = replace(changed, acknowledged_at=at, acknowledged_by=by)
    if act is Act.ASSIGN:
        changed = replace(changed, assigned_to=to)
    if act is Act.CLOSE:
        changed = replace(changed, closed_at=at, closed_by=by)
    return changed
