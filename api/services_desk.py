"""What the API needs of the desk (steward.app.alerts.desk): acts of people, shelvings, maintenance windows, earlier episodes.

Times are ns. Acts are all or none; they raise NotFound for an alert that does not exist and RecordsError, with the reason,
for one that its state does not allow. What comes back is what has changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from steward.errors import StewardError
from steward.muting import Maintenance, Scope, Shelving
from steward.records import AlertRecord


@dataclass(frozen=True, slots=True)
class Span:
    """An entry of the calendar: a shelving or one occurrence of a window, [start, end) in ns."""

    kind: str
    id: str
    start: int
    end: int
    scope: Scope
    reason: str
    by: str
    declared: bool = False
    weekly: bool = False


@dataclass(frozen=True, slots=True)
class Similar:
    """An earlier episode. same: on the same target (else: on another equip of the type); comments: what people wrote."""

    record: AlertRecord
    same: bool
    comments: Sequence[str] = ()


class AlertDesk(Protocol):
    """The alert desk as the API sees it."""

    async def acknowledge(self, ids: Sequence[str], by: str, comment: str) -> Sequence[AlertRecord]:
        """Says that alerts have been seen."""

    async def assign(self, ids: Sequence[str], to: str, by: str, comment: str) -> Sequence[AlertRecord]:
        """Gives alerts to a person or group."""

    async def begin(self, ids: Sequence[str], by: str, comment: str) -> Sequence[AlertRecord]:
        """Says that work on alerts has begun."""

    async def close(self, ids: Sequence[str], by: str, comment: str) -> Sequence[AlertRecord]:
        """Closes resolved alerts."""

    async def comment(self, ids: Sequence[str], by: str, text: str) -> Sequence[AlertRecord]:
        """Adds a comment."""

    async def label(self, ids: Sequence[str], true: bool | None, by: str, comment: str) -> Sequence[AlertRecord]:
        """Says whether alerts were right; None takes that back."""

    async def shelve(self, scopes: Sequence[Scope], end: int, by: str, reason: str) -> Sequence[Shelving]:
        """Silences alerts until `end`, one shelving for each scope."""

    async def unshelve(self, id: str, by: str) -> Shelving:
        """Ends a shelving."""

    async def shelvings(self) -> Sequence[Shelving]:
        """Shelvings that are not over."""

    async def maintain(self, window: Maintenance) -> Maintenance:
        """Makes a maintenance window; its id and zone are given by the desk."""

    async def cancel_window(self, id: str, by: str) -> None:
        """Ends a maintenance window that a person made."""

    async def windows(self) -> Sequence[Maintenance]:
        """All maintenance windows that are not over."""

    async def calendar(self, start: int, end: int) -> Sequence[Span]:
        """Shelvings and occurrences of windows that meet [start, end), by time."""

    async def similar(self, record: AlertRecord, limit: int) -> Sequence[Similar]:
        """Earlier episodes: of the same rule on the same target, then on equips of the same type."""


NONE = "this service has no alert desk"


class NoDesk:
    """The desk of a service without one: alerts can be read, nobody can act on them."""

    async def acknowledge(self, ids: Sequence[str], by: str, comment: str) -> Sequence[AlertRecord]:
        """Refuses."""
        raise StewardError(NONE)

    async def assign(self, ids: Sequence[str], to: str, by: str, comment: str) -> Sequence[AlertRecord]:
        """Refuses."""
        raise StewardError(NONE)

    async def begin(self, ids: Sequence[str], by: str, comment: str) -> Sequence[AlertRecord]:
        """Refuses."""
        raise StewardError(NONE)

    async def close(self, ids: Sequence[str], by: str, comment: str) -> Sequence[AlertRecord]:
        """Refuses."""
        raise StewardError(NONE)

    async def comment(self, ids: Sequence[str], by: str, text: str) -> Sequence[AlertRecord]:
        """Refuses."""
        raise StewardError(NONE)

    async def label(self, ids: Sequence[str], true: bool | None, by: str, comment: str) -> Sequence[AlertRecord]:
        """Refuses."""
        raise StewardError(NONE)

    async def shelve(self, scopes: Sequence[Scope], end: int, by: str, reason: str) -> Sequence[Shelving]:
        """Refuses."""
        raise StewardError(NONE)

    async def unshelve(self, id: str, by: str) -> Shelving:
        """Refuses."""
        raise StewardError(NONE)

    async def shelvings(self) -> Sequence[Shelving]:
        """There are none."""
        return ()

    async def maintain(self, window: Maintenance) -> Maintenance:
        """Refuses."""
        raise StewardError(NONE)

    async def cancel_window(self, id: str, by: str) -> None:
        """Refuses."""
        raise StewardError(NONE)

    async def windows(self) -> Sequence[Maintenance]:
        """There are none."""
        return ()

    async def calendar(self, start: int, end: int) -> Sequence[Span]:
        """It is empty."""
        return ()

    async def similar(self, record: AlertRecord, limit: int) -> Sequence[Similar]:
        """None are known."""
        return ()
