"""What the alert desk keeps: what people did, how delivery stands, shelvings, windows, and transitions until they are told.

Invariants: an act of a person, its line in the history, its line in the audit log and its transition are one transaction,
all alerts of the act or none; transitions have numbers that rise and are kept until they were handed over, so that a crash
loses none (it may hand the last ones over again, under the same numbers). Blocking, thread-safe, no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, or_, select

from steward.errors import NotFound, RecordsError
from steward.model import Alert, Delivery
from steward.muting import Labelled, Maintenance, Scope, Shelving, Standing
from steward.records import alerts as rows
from steward.records import states
from steward.records.database import Database
from steward.records.model import AlertRecord, Transition, What
from steward.records.schema import ALERT, ALERT_EVENT, AUDIT, MAINTENANCE, SHELVING, TRANSITION

_STANDING = tuple(rows.standing_columns(Standing()))
SIMILAR_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Told:
    """A transition that is to be recorded: without its number, its alert by id."""

    alert: str
    what: What
    level: int
    at: int
    delivery: Delivery
    to: tuple[str, ...] = ()
    by: str = ""


@dataclass(frozen=True, slots=True)
class Noted:
    """A line for the history of an alert."""

    alert: str
    what: str
    at: int
    comment: str = ""


Decide = Callable[[AlertRecord], Mapping[str, Any] | None]
"""Columns of an alert that an act changes, None where it changes nothing. May raise: then nothing is changed at all."""


class DeskRecords:
    """The desk's share of the records; `Records.desk`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # what people do

    def act(
        self, ids: Sequence[str], decide: Decide, what: str, by: str, comment: str, now: int, told: What | None = None
    ) -> tuple[list[AlertRecord], list[Transition]]:
        """Does one act on several alerts; returns those that it changed. `what`: the line in their history; told: the
        transition that it is. Raises NotFound."""
        with self._database.write() as connection:
            found = rows.fetch_all(connection, ids)
            changed = []
            for row in found:
                new = decide(rows.as_record(row))
                if new is not None:
                    changed.append(row | dict(new) | {"changed": now})
            rows.update(connection, changed)
            names = [row["id"] for row in changed]
            rows.note(connection, names, what, now, by, comment)
            audit(connection, by, f"alert.{what}", names, {"comment": comment}, now)
            records = [rows.as_record(row) for row in changed]
            passed = []
            if told is not None:
                passed = [
                    Told(one.id, told, one.standing.level, now, one.standing.state,
                         (one.assigned_to,) if told == "assigned" else (), by)
                    for one in records
                ]  # fmt: skip
            return records, _tell(connection, passed, {one.id: one for one in records}, now)

    # delivery

    def deliver(
        self, standings: Mapping[str, Standing], notes: Sequence[Noted], told: Sequence[Told], now: int
    ) -> tuple[list[AlertRecord], list[Transition]]:
        """Writes how delivery stands, lines of history and transitions; returns the alerts that exist as they are now."""
        with self._database.write() as connection:
            values = [
                {"key": id, "new_changed": now}
                | {f"new_{name}": value for name, value in rows.standing_columns(standing).items()}
                for id, standing in standings.items()
            ]
            if values:
                named: dict[str, Any] = {name: bindparam(f"new_{name}") for name in (*_STANDING, "changed")}
                connection.execute(ALERT.update().where(ALERT.c.id == bindparam("key")).values(named), values)
            wanted = dict.fromkeys([*standings, *(one.alert for one in notes), *(one.alert for one in told)])
            records = {id: rows.as_record(row) for id, row in rows.fetch(connection, wanted).items()}
            lines = [
                {"alert": one.alert, "what": one.what, "at": one.at, "recorded": now, "by": "", "comment": one.comment}
                for one in notes
                if one.alert in records
            ]
            if lines:
                connection.execute(ALERT_EVENT.insert(), lines)
            passed = _tell(connection, [one for one in told if one.alert in records], records, now)
            return [records[id] for id in wanted if id in records], passed

    def unended(self) -> list[AlertRecord]:
        """Alerts that fire, or were resolved without the desk having seen it, oldest first: what it begins with."""
        query = select(ALERT).where(ALERT.c.ended == 0, ALERT.c.fired.is_not(None)).order_by(ALERT.c.since, ALERT.c.id)
        with self._database.read() as connection:
            return [rows.as_record(dict(row)) for row in connection.execute(query).mappings()]

    def fired_since(self, since: int) -> list[AlertRecord]:
        """Alerts that fired at or after `since` (ns), by the time at which they did."""
        query = select(ALERT).where(ALERT.c.since <= ALERT.c.fired, ALERT.c.fired >= since).order_by(ALERT.c.fired, ALERT.c.id)
        with self._database.read() as connection:
            return [rows.as_record(dict(row)) for row in connection.execute(query).mappings()]

    def untold(self, limit: int = 10_000) -> list[Transition]:
        """Transitions that were not handed over yet, in order."""
        query = select(TRANSITION).where(TRANSITION.c.handed == 0).order_by(TRANSITION.c.id).limit(limit)
        with self._database.read() as connection:
            found = [dict(row) for row in connection.execute(query).mappings()]
            held = rows.fetch(connection, dict.fromkeys(row["alert"] for row in found))
            records = {id: rows.as_record(row) for id, row in held.items()}
        return [_transition(row, records[row["alert"]]) for row in found]

    def handed(self, until: int) -> None:
        """Transitions up to number `until` were handed over."""
        with self._database.write() as connection:
            passed = (TRANSITION.c.handed == 0) & (TRANSITION.c.id <= until)
            connection.execute(TRANSITION.update().where(passed).values(handed=1))

    def set_costs(
        self, costs: Mapping[str, float | None], now: int, tables: Mapping[str, Mapping[str, Any]] | None = None
    ) -> list[AlertRecord]:
        """What alerts cost a day if they are left, money; tables: what goes into their evidence as `cost`; returns those that
        exist."""
        with self._database.write() as connection:
            found = rows.fetch(connection, costs)
            values = []
            for id, row in found.items():
                evidence = row["evidence"] if not tables or id not in tables else {**row["evidence"], "cost": dict(tables[id])}
                values.append({"key": id, "new_cost": costs[id], "new_changed": now, "new_evidence": evidence})
            if values:
                named: dict[str, Any] = {name: bindparam(f"new_{name}") for name in ("cost", "changed", "evidence")}
                connection.execute(ALERT.update().where(ALERT.c.id == bindparam("key")).values(named), values)
            return [rows.as_record(row) for row in rows.fetch(connection, costs).values()]

    # episodes before

    def similar(self, rule: str, targets: Sequence[str], but: str, limit: int) -> list[AlertRecord]:
        """Earlier episodes of a rule on any of `targets`, newest first, without the one of id `but`."""
        query = select(ALERT).where(ALERT.c.rule == rule, ALERT.c.id != but, ALERT.c.fired.is_not(None))
        query = query.order_by(ALERT.c.since.desc(), ALERT.c.id.desc()).limit(min(limit, SIMILAR_LIMIT))
        with self._database.read() as connection:
            query = query.where(rows.among(connection, ALERT.c.target, targets))
            return [rows.as_record(dict(row)) for row in connection.execute(query).mappings()]

    def comments(self, ids: Sequence[str]) -> dict[str, list[str]]:
        """What people wrote about alerts, oldest first."""
        found: dict[str, list[str]] = {}
        query = select(ALERT_EVENT.c.alert, ALERT_EVENT.c.comment).order_by(ALERT_EVENT.c.id)
        query = query.where(ALERT_EVENT.c.by != "", ALERT_EVENT.c.comment != "", ALERT_EVENT.c.what != "assigned")
        with self._database.read() as connection:
            for alert, comment in connection.execute(query.where(rows.among(connection, ALERT_EVENT.c.alert, ids))):
                found.setdefault(alert, []).append(comment)
        return found

    def labelled(self, start: int, end: int) -> list[Labelled]:
        """Episodes that a person labelled and that meet [start, end), oldest first."""
        meets = or_(ALERT.c.resolved.is_(None), ALERT.c.resolved > start)
        query = select(ALERT).where(ALERT.c.label.is_not(None), ALERT.c.since < end, meets).order_by(ALERT.c.since)
        with self._database.read() as connection:
            found = connection.execute(query).mappings()
            return [
                Labelled(row["id"], row["rule"], row["target"], row["since"], row["resolved"], bool(row["label"]))
                for row in found
            ]

    def episodes(self, rules: Sequence[str], targets: Sequence[str], start: int, end: int) -> list[AlertRecord]:
        """Episodes that fired and meet [start, end), of these rules on these targets, oldest first."""
        meets = or_(ALERT.c.resolved.is_(None), ALERT.c.resolved >= start)
        query = select(ALERT).where(ALERT.c.since < end, ALERT.c.fired.is_not(None), meets).order_by(ALERT.c.since)
        with self._database.read() as connection:
            query = query.where(rows.among(connection, ALERT.c.rule, rules), rows.among(connection, ALERT.c.target, targets))
            return [rows.as_record(dict(row)) for row in connection.execute(query).mappings()]

    def correct(
        self, notes: Sequence[Noted], now: int, missed: Sequence[Alert] = (), state: tuple[str, bytes] | None = None
    ) -> list[AlertRecord]:
        """Writes corrections into histories, each once; returns the alerts that got one. missed: episodes that are recorded
        with them; state: name and payload of how far late data was looked at. All of it or nothing."""
        with self._database.write() as connection:
            if missed:
                rows.record(connection, missed, now)
            if state is not None:
                states.save(connection, *state, now)
            query = select(ALERT_EVENT.c.alert, ALERT_EVENT.c.comment).where(ALERT_EVENT.c.what == "correction")
            ids = [one.alert for one in notes]
            known = {tuple(row) for row in connection.execute(query.where(rows.among(connection, ALERT_EVENT.c.alert, ids)))}
            new = [one for one in notes if (one.alert, one.comment) not in known]
            lines = [
                {"alert": one.alert, "what": one.what, "at": one.at, "recorded": now, "by": "", "comment": one.comment}
                for one in new
            ]
            if lines:
                connection.execute(ALERT_EVENT.insert(), lines)
            changed = [row | {"changed": now} for row in rows.fetch(connection, [one.alert for one in new]).values()]
            rows.update(connection, changed)
            return [rows.as_record(row) for row in changed]

    # shelvings and windows

    def shelve(self, shelvings: Sequence[Shelving], now: int) -> None:
        """Keeps shelvings, all or none."""
        with self._database.write() as connection:
            for shelving in shelvings:
                connection.execute(insert(SHELVING).values(**_shelving_row(shelving)))
                audit(connection, shelving.by, "shelve", [shelving.id], _shelving_row(shelving), now)

    def shelvings(self, since: int) -> list[Shelving]:
        """Shelvings that were not over at `since` (ns), by their start."""
        query = select(SHELVING).where(SHELVING.c.end > since).order_by(SHELVING.c.start, SHELVING.c.id)
        query = query.where(or_(SHELVING.c.cancelled.is_(None), SHELVING.c.cancelled > since))
        with self._database.read() as connection:
            return [_shelving(dict(row)) for row in connection.execute(query).mappings()]

    def cancel_shelving(self, id: str, by: str, now: int) -> Shelving:
        """Ends a shelving now. Raises NotFound, RecordsError when it is over already."""
        with self._database.write() as connection:
            found = connection.execute(select(SHELVING).where(SHELVING.c.id == id)).mappings().one_or_none()
            if found is None:
                raise NotFound("shelving", id)
            before = _shelving(dict(found))
            if before.over <= now:
                raise RecordsError(f"shelving {id} is over already")
            new = {"cancelled": now, "cancelled_by": by}
            connection.execute(SHELVING.update().where(SHELVING.c.id == id).values(**new))
            audit(connection, by, "unshelve", [id], {}, now)
            return _shelving(dict(found) | new)

    def maintain(self, window: Maintenance, now: int) -> None:
        """Keeps a maintenance window that a person made."""
        row = asdict(window) | {"scope": window.scope.plain(), "days": list(window.days)}
        del row["declared"]
        with self._database.write() as connection:
            connection.execute(insert(MAINTENANCE).values(**row))
            audit(connection, window.by, "maintenance", [window.id], row, now)

    def windows(self) -> list[Maintenance]:
        """All maintenance windows that people made, by id; cancelled ones among them."""
        with self._database.read() as connection:
            found = connection.execute(select(MAINTENANCE).order_by(MAINTENANCE.c.id)).mappings()
            return [Maintenance(**{**row, "scope": Scope(**row["scope"]), "days": tuple(row["days"])}) for row in found]

    def cancel_window(self, id: str, by: str, now: int) -> None:
        """Ends a maintenance window now. Raises NotFound, RecordsError when it was cancelled before."""
        with self._database.write() as connection:
            found = connection.execute(select(MAINTENANCE.c.cancelled).where(MAINTENANCE.c.id == id)).one_or_none()
            if found is None:
                raise NotFound("maintenance window", id)
            if found[0] is not None:
                raise RecordsError(f"maintenance window {id} was cancelled before")
            statement = MAINTENANCE.update().where(MAINTENANCE.c.id == id).values(cancelled=now, cancelled_by=by)
            connection.execute(statement)
            audit(connection, by, "maintenance.cancel", [id], {}, now)

    def retain(self, before: int) -> None:
        """Forgets transitions that were handed over and shelvings that ended before `before` (ns)."""
        with self._database.write() as connection:
            connection.execute(delete(TRANSITION).where(TRANSITION.c.handed == 1, TRANSITION.c.recorded < before))
            connection.execute(delete(SHELVING).where(SHELVING.c.end < before))


def audit(connection: Connection, who: str, what: str, subjects: Sequence[str], detail: Mapping[str, Any], now: int) -> None:
    """Lines of the audit log, within a transaction."""
    lines = [{"at": now, "who": who, "what": what, "subject": one, "detail": rows.plain(detail)} for one in subjects]
    if lines:
        connection.execute(AUDIT.insert(), lines)


def _tell(connection: Connection, told: Sequence[Told], records: Mapping[str, AlertRecord], now: int) -> list[Transition]:
    found = []
    values = [asdict(one) | {"to": list(one.to), "handed": 0, "recorded": now} for one in told]
    if not values:
        return []
    statement = insert(TRANSITION).returning(TRANSITION.c.id, sort_by_parameter_order=True)
    for row, id in zip(values, connection.execute(statement, values).scalars(), strict=True):
        found.append(_transition(row | {"id": id}, records[row["alert"]]))
    return found


def _transition(row: Mapping[str, Any], record: AlertRecord) -> Transition:
    delivery = Delivery(row["delivery"])
    return Transition(record, row["what"], row["level"], row["at"], delivery, tuple(row["to"]), row["by"], row["id"])


def _shelving_row(shelving: Shelving) -> dict[str, Any]:
    return asdict(shelving) | {"scope": shelving.scope.plain()}


def _shelving(row: Mapping[str, Any]) -> Shelving:
    return Shelving(**{**row, "scope": Scope(**row["scope"])})
