"""`Records`: everything that Steward keeps in SQL, one method an act, each in a transaction of its own.

Invariants: thread-safe and blocking (callers in an event loop use a thread); a method either did all of it or nothing;
what people do binds to the episode with that id, so a new episode of the same rule starts unacknowledged.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, select

from steward.errors import NotFound
from steward.model import Alert, Condition, Delivery, Human, Severity
from steward.records import alerts as rows
from steward.records import states
from steward.records.database import Database
from steward.records.model import Admitted, AlertEvent, AlertPage, AlertRecord, AuditEntry
from steward.records.schema import ADMITTED, ALERT, ALERT_EVENT, AUDIT, STATE


class Records:
    """The operational records at `url` (`sqlite:///path`, `sqlite://` in memory, `postgresql://user@host/name`)."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)

    @property
    def shown(self) -> str:
        """The URL without its password."""
        return self._database.shown

    @property
    def database(self) -> Database:
        """The database, for the tables that have a class of their own (`Outbox`)."""
        return self._database

    def open(self) -> str:
        """Creates or migrates the schema; returns its revision. Raises RecordsError, also for a database of a newer release."""
        return self._database.migrate()

    def close(self) -> None:
        """Closes all connections; may be called twice."""
        self._database.close()

    # --- alerts, as the rules engine states them

    def record_alerts(self, alerts: Sequence[Alert], now: int) -> list[AlertRecord]:
        """Records statements in order; returns the episodes that they changed.

        An episode only moves pending -> firing -> resolved and its times are set once: what a replay states again changes
        nothing, and a resolved alert stays so. Each change of condition or severity adds a line to its history.
        """
        if not alerts:
            return []
        with self._database.write() as connection:
            return rows.record(connection, alerts, now)

    def active(self) -> list[Alert]:
        """Pending and firing alerts, oldest first: what the lifecycle restores after a restart."""
        with self._database.read() as connection:
            return [record.alert for record in rows.active(connection)]

    def alert(self, id: str) -> AlertRecord:
        """One alert. Raises NotFound."""
        with self._database.read() as connection:
            return rows.as_record(rows.fetch_all(connection, [id])[0])

    def alerts(
        self,
        *,
        conditions: Collection[Condition] | None = None,
        severities: Collection[Severity] | None = None,
        humans: Collection[Human] | None = None,
        rules: Collection[str] | None = None,
        targets: Collection[str] | None = None,
        kinds: Collection[str] | None = None,
        deliveries: Collection[Delivery] | None = None,
        assignees: Collection[str] | None = None,
        folded: bool = True,
        since: int | None = None,
        limit: int = 100,
        after: str | None = None,
        sort: str = "since",
    ) -> AlertPage:
        """Alerts newest first, or by `sort` ("severity", "cost"); None means any; `folded`: also those that a later episode
        stands for while they chatter; `since`: began at or after, ns; `after`: cursor of the page before."""
        filters: dict[str, Collection[str] | None] = {
            "condition": conditions,
            "severity": severities,
            "human": humans,
            "rule": rules,
            "target": targets,
            "kind": kinds,
            "delivery": deliveries,
            "assigned_to": assignees,
        }
        with self._database.read() as connection:
            return rows.page(connection, filters, since, limit, after, sort, folded)

    def summary(self) -> dict[tuple[Condition, Severity, Human], int]:
        """How many alerts there are of each condition, severity and human state."""
        columns = (ALERT.c.condition, ALERT.c.severity, ALERT.c.human)
        with self._database.read() as connection:
            found = connection.execute(select(*columns, func.count()).group_by(*columns))
            return {(Condition(row[0]), Severity(row[1]), Human(row[2])): row[3] for row in found}

    def retain(self, before: int) -> int:
        """Forgets alerts that were resolved before `before` (ns), with their history; returns how many."""
        with self._database.write() as connection:
            condition = (ALERT.c.condition == Condition.RESOLVED.value) & (ALERT.c.resolved < before)
            return connection.execute(delete(ALERT).where(condition)).rowcount

    def events(self, alert_id: str) -> list[AlertEvent]:
        """The history of an alert, oldest first. Raises NotFound."""
        with self._database.read() as connection:
            query = select(ALERT_EVENT).where(ALERT_EVENT.c.alert == alert_id).order_by(ALERT_EVENT.c.id)
            events = [AlertEvent(**row) for row in connection.execute(query).mappings()]
            if not events:
                raise NotFound("alert", alert_id)
            return events

    # --- devices that a template let in

    def admit(self, device_id: str, template: str, address: str, broker: str, now: int) -> bool:
        """Remembers an admitted device; False when it was known (its template, address and broker are brought up to date)."""
        values = {"template": template, "address": address, "broker": broker}
        with self._database.write() as connection:
            known = ADMITTED.c.device == device_id
            if connection.execute(ADMITTED.update().where(known).values(**values)).rowcount:
                return False
            connection.execute(ADMITTED.insert().values(device=device_id, at=now, **values))
            return True

    def admitted(self) -> list[Admitted]:
        """All admitted devices, in the order of admission."""
        with self._database.read() as connection:
            found = connection.execute(select(ADMITTED).order_by(ADMITTED.c.at, ADMITTED.c.device)).mappings()
            return [Admitted(**row) for row in found]

    # --- states of engines, by name

    def save_state(self, name: str, payload: bytes, now: int) -> None:
        """Keeps `payload` under `name`, in place of what was there."""
        with self._database.write() as connection:
            states.save(connection, name, payload, now)

    def load_state(self, name: str) -> bytes | None:
        """What was last saved under `name`, None if nothing was."""
        with self._database.read() as connection:
            payload = connection.execute(select(STATE.c.payload).where(STATE.c.name == name)).scalar_one_or_none()
            return None if payload is None else bytes(payload)

    # --- who did what

    def audit(self, who: str, what: str, subject: str, detail: Mapping[str, Any], now: int) -> None:
        """Writes one line of the audit log; `detail` holds plain values and no secrets."""
        with self._database.write() as connection:
            connection.execute(AUDIT.insert().values(at=now, who=who, what=what, subject=subject, detail=rows.plain(detail)))

    def audit_log(
        self,
        *,
        subject: str | None = None,
        who: str | None = None,
        since: int | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> list[AuditEntry]:
        """Lines of the audit log, newest first; `since`: at or after, ns; `before`: with a smaller id."""
        query = select(AUDIT).order_by(AUDIT.c.id.desc()).limit(limit)
        for column, value in ((AUDIT.c.subject, subject), (AUDIT.c.who, who)):
            if value is not None:
                query = query.where(column == value)
        if since is not None:
            query = query.where(AUDIT.c.at >= since)
        if before is not None:
            query = query.where(AUDIT.c.id < before)
        with self._database.read() as connection:
            return [AuditEntry(**row) for row in connection.execute(query).mappings()]
