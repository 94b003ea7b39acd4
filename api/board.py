"""The firing alerts in memory: what the tree, the Now view and the stream show without asking SQL each time.

Invariants: holds exactly the alerts that fire and are not closed, as the records last stated them; changed by `take` only,
which accepts any record in any order of arrival (the newer `changed` wins). Thread-safe: readers get a tuple of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from api.catalogue import Catalogue
from steward.model import SEVERITIES, Condition, Human, Severity
from steward.records import AlertRecord, Records

RANK: dict[Severity, int] = {severity: rank for rank, severity in enumerate(SEVERITIES)}
WAITING = (Human.UNACKNOWLEDGED,)


class AlertBoard:
    """Firing alerts by id; `version` rises with each change."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._alerts: dict[str, AlertRecord] = {}
        self._ranked: tuple[AlertRecord, ...] | None = ()
        self.version = 0

    def load(self, records: Records) -> None:
        """Reads what fires from the records. Blocking."""
        after: str | None = None
        while True:
            page = records.alerts(conditions={Condition.FIRING}, limit=1000, after=after)
            self.take(page.alerts)
            after = page.after
            if after is None:
                return

    def take(self, records: Iterable[AlertRecord]) -> None:
        """Takes changed alerts: those that fire stay, others go."""
        with self._lock:
            for record in records:
                held = self._alerts.get(record.id)
                if held is not None and held.changed > record.changed:
                    continue
                if record.alert.condition == Condition.FIRING and record.human != Human.CLOSED:
                    self._alerts[record.id] = record
                else:
                    self._alerts.pop(record.id, None)
            self._ranked = None
            self.version += 1

    def get(self, id: str) -> AlertRecord | None:
        """The alert of an id while it is here."""
        with self._lock:
            return self._alerts.get(id)

    def ranked(self) -> tuple[AlertRecord, ...]:
        """All of them, the gravest first, then the newest."""
        with self._lock:
            if self._ranked is None:
                key = {id: (RANK[record.alert.severity], -record.alert.since, id) for id, record in self._alerts.items()}
                self._ranked = tuple(sorted(self._alerts.values(), key=lambda record: key[record.id]))
            return self._ranked

    def counts(self, catalogue: Catalogue) -> dict[str, dict[str, int]]:
        """Of each node: how many alerts of each severity fire at or below it, and `waiting` for a person."""
        found: dict[str, dict[str, int]] = {}
        for record in self.ranked():
            for node in catalogue.path(catalogue.home(record.alert.target)):
                at = found.setdefault(node.key, {})
                at[record.alert.severity] = at.get(record.alert.severity, 0) + 1
                at["waiting"] = at.get("waiting", 0) + (record.human in WAITING)
        return found
