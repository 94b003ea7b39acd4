"""What the operational records hand out: frozen dataclasses, never rows of a database.

Invariants: an `AlertRecord` is the `Alert` as the rules engine last stated it plus what people did about it; texts that
nobody gave are "", moments that have not come are None; times are ns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from steward.model import Alert, Delivery, Human
from steward.muting import UNLABELLED, UNMUTED, Label, Standing


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """An alert with its human state.

    acknowledged_at/by: who has seen it, and when; assigned_to: the person who is to act; comments: how many there are;
    recorded: when it was first recorded; changed: when anything about it last changed (both `now` of the caller);
    closed_at/by: who closed it; standing: its delivery; label: what a person says of it; cost: money per day if it is left.
    """

    alert: Alert
    human: Human = Human.UNACKNOWLEDGED
    acknowledged_at: int | None = None
    acknowledged_by: str = ""
    assigned_to: str = ""
    comments: int = 0
    recorded: int = 0
    changed: int = 0
    closed_at: int | None = None
    closed_by: str = ""
    standing: Standing = UNMUTED
    label: Label = UNLABELLED
    cost: float | None = None

    @property
    def id(self) -> str:
        """The id of the episode."""
        return self.alert.id


What = Literal["firing", "resolved", "escalated", "acknowledged", "assigned", "released", "muted", "severity"]


@dataclass(frozen=True, slots=True)
class Transition:
    """Something about an alert that may be worth a notice.

    what: "firing" and "released" (it was muted before) only when it may be told; "resolved" only if one of them was;
    "muted": it was told and is not any more;
    "escalated" never while muted; "acknowledged", "assigned", "severity" always, so look at `delivery`.
    level: escalation step reached, from 1 (0: none yet); to: persons or groups of that step, or the one assigned;
    at: when it was so; delivery: the state then; by: the person who acted, "" for Steward; id: rises by one each.
    """

    alert: AlertRecord
    what: What
    level: int
    at: int
    delivery: Delivery
    to: tuple[str, ...] = ()
    by: str = ""
    id: int = 0


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """One line of an alert's history, in order of `id`.

    what: a Condition or Human word, `severity` or `comment`; at: when it was so; recorded: when it was written down;
    by: the person, "" for the rules engine; comment: free text of the person, or the old and new value.
    """

    id: int
    alert: str
    what: str
    at: int
    recorded: int
    by: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class AlertPage:
    """One page of alerts, newest first; `after` is the cursor of the next page, None on the last."""

    alerts: tuple[AlertRecord, ...]
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Admitted:
    """A device that a template with wildcards let in at `at`; it is bound again after a restart."""

    device: str
    template: str
    address: str
    broker: str
    at: int


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to which subject, in order of `id`; `detail` holds plain values only."""

    id: int
    at: int
    who: str
    what: str
    subject: str
    detail: Mapping[str, Any] = field(default_factory=dict)
