"""Alerts: one episode of a rule on one target, and the words of its three state machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as default
from enum import StrEnum
from hashlib import blake2b
from typing import Any


class Severity(StrEnum):
    """How much an alert matters, highest first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


SEVERITIES: tuple[Severity, ...] = tuple(Severity)


class Condition(StrEnum):
    """The condition machine of an alert (Prometheus alerting rules)."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class Human(StrEnum):
    """The human machine of an alert."""

    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    IN_PROGRESS = "in_progress"
    CLOSED = "closed"


class Delivery(StrEnum):
    """The delivery machine of an alert: whether it is told to people now, and if not, why (the gravest reason)."""

    DELIVERABLE = "deliverable"
    INHIBITED = "inhibited"
    """Masked by an alert above it, or waiting for a moment after that one has cleared."""
    SHELVED = "shelved"
    """Silenced for a time by a person."""
    MAINTENANCE = "maintenance"
    """In a maintenance window."""
    CHATTERING = "chattering"
    """It comes and goes: folded into one until it is quiet."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One episode of a rule on one target (a point or an equip), as the rules engine states it; times in ns.

    `id` follows from (rule, target, since), so that a replay states the same alert again instead of a new one.
    since: when the condition became true; fired: when it had been true for `for`; resolved: when it was over (None while not);
    at: the moment of this statement; value, worst: canonical unit of the target's (first) point, the newest while the condition
    was true, and the worst; limit: the limit in force (NaN if none); evidence: what the rule saw then, plain values only.
    """

    rule: str
    kind: str
    severity: Severity
    target: str
    points: tuple[str, ...]
    condition: Condition
    since: int
    at: int
    fired: int | None = None
    resolved: int | None = None
    value: float = float("nan")
    worst: float = float("nan")
    limit: float = float("nan")
    evidence: Mapping[str, Any] = default(default_factory=dict)

    @property
    def id(self) -> str:
        """Sixteen hexadecimal digits, the same for the same episode."""
        return blake2b(f"{self.rule}\n{self.target}\n{self.since}".encode(), digest_size=8).hexdigest()
