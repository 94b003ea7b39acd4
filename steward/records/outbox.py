"""The outbox of notices: what is to be sent, what became of it, and who was told what. The one truth about deliveries.

Invariants: a parcel and what it tells are written in one transaction; its key is unique, so planning twice sends once. A
parcel goes waiting > sending > sent, or back to waiting, or to dead (given up) or dropped (nothing left to say); parcels of
one lane and group go in order. After a crash what was `sending` is sent again under the same key: at least once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, and_, delete, exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from steward.errors import NotFound, RecordsError
from steward.records.database import Database
from steward.records.schema import NOTICE, NOTICE_TOLD

WAITING, SENDING, SENT, DEAD, DROPPED = "waiting", "sending", "sent", "dead", "dropped"
STATES = (WAITING, SENDING, SENT, DEAD, DROPPED)
OPEN = (WAITING, SENDING)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A notice to be sent. key: idempotency key; lane: what keeps order; alerts: id -> status; payload: plain values."""

    key: str
    channel: str
    recipient: str
    route: str
    group: str
    what: str
    reason: str
    title: str
    alerts: Mapping[str, str]
    payload: Mapping[str, Any]
    due: int

    @property
    def lane(self) -> str:
        """Parcels of one lane go in order."""
        return f"{self.channel}\n{self.recipient}\n{self.group}"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A parcel as it stands. tries: begun so far; due: when it is tried (again), ns; begun: last try; done: when it was
    sent, given up or dropped; answer: what the server said; error: of the last try that failed."""

    id: int
    key: str
    channel: str
    recipient: str
    route: str
    group: str
    what: str
    reason: str
    title: str
    alerts: Mapping[str, str]
    state: str
    tries: int
    created: int
    due: int
    begun: int | None = None
    done: int | None = None
    answer: str = ""
    error: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToldRecord:
    """What a lane was last told about an alert of a group. at: when it was planned; sent: when a notice that it fires had
    arrived, None while none has; labels: of the group."""

    channel: str
    recipient: str
    group: str
    alert: str
    route: str
    labels: Mapping[str, str]
    status: str
    severity: str
    at: int
    sent: int | None = None


class Outbox:
    """The outbox in a database that has been migrated. Thread-safe and blocking; `now` is a parameter."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, parcels: Sequence[Parcel], told: Sequence[ToldRecord], now: int) -> int:
        """Adds parcels (those whose key is known are left out) and what they tell; returns how many are new."""
        if not parcels and not told:
            return 0
        insert = postgresql.insert if self._database.engine.dialect.name == "postgresql" else sqlite.insert
        new = 0
        with self._database.write() as connection:
            for parcel in parcels:
                values = {name: getattr(parcel, name) for name in _PARCEL} | {
                    "group_key": parcel.group,
                    "alerts": dict(parcel.alerts),
                    "payload": dict(parcel.payload),
                }
                values |= {"lane": parcel.lane, "state": WAITING, "tries": 0, "created": now, "answer": "", "error": ""}
                statement = insert(NOTICE).values(**values).on_conflict_do_nothing(index_elements=["key"])
                new += len(connection.execute(statement.returning(NOTICE.c.id)).all())
            for one in told:
                key = {"channel": one.channel, "recipient": one.recipient, "group_key": one.group, "alert": one.alert}
                rest: dict[str, Any] = {name: getattr(one, name) for name in ("route", "status", "severity", "at")}
                rest["labels"] = dict(one.labels)
                into = insert(NOTICE_TOLD).values(**key, **rest, sent=one.sent)
                connection.execute(into.on_conflict_do_update(index_elements=list(key), set_=rest))
        return new

    def due(self, channel: str, now: int, limit: int = 50) -> list[Delivery]:
        """Waiting parcels of a channel whose time has come, oldest first; none behind an unfinished one of its lane."""
        earlier = NOTICE.alias("earlier")
        before = exists().where(earlier.c.lane == NOTICE.c.lane, earlier.c.id < NOTICE.c.id, earlier.c.state.in_(OPEN))
        query = select(NOTICE).where(NOTICE.c.channel == channel, NOTICE.c.state == WAITING, NOTICE.c.due <= now, ~before)
        with self._database.read() as connection:
            found = connection.execute(query.order_by(NOTICE.c.due, NOTICE.c.id).limit(limit))
            return [_delivery(row) for row in found]

    def channels_due(self, now: int) -> list[str]:
        """The channels for which a parcel waits whose time has come."""
        query = select(NOTICE.c.channel).where(NOTICE.c.state == WAITING, NOTICE.c.due <= now).distinct()
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def begin(self, id: int, now: int) -> None:
        """A try begins: from now on a crash may mean that it was sent."""
        self._set(id, {"state": SENDING, "tries": NOTICE.c.tries + 1, "begun": now})

    def sent(self, id: int, answer: str, now: int) -> None:
        """It has arrived, and with it what it tells of alerts that fire."""
        with self._database.write() as connection:
            row = connection.execute(select(NOTICE).where(NOTICE.c.id == id)).one()
            done = {"state": SENT, "done": now, "answer": answer, "error": ""}
            connection.execute(update(NOTICE).where(NOTICE.c.id == id).values(**done))
            firing = [alert for alert, status in row.alerts.items() if status == "firing"]
            lane = and_(
                NOTICE_TOLD.c.channel == row.channel,
                NOTICE_TOLD.c.recipient == row.recipient,
                NOTICE_TOLD.c.group_key == row.group_key,
            )
            if firing:
                connection.execute(update(NOTICE_TOLD).where(lane, NOTICE_TOLD.c.alert.in_(firing)).values(sent=now))

    def retry(self, id: int, error: str, due: int) -> None:
        """A try failed; it is tried again at `due`."""
        self._set(id, {"state": WAITING, "error": error, "due": due})

    def give_up(self, id: int, error: str, now: int) -> None:
        """It is dead: no more tries unless somebody asks for them (`again`)."""
        self._set(id, {"state": DEAD, "error": error, "done": now})

    def drop(self, id: int, why: str, now: int) -> None:
        """There is nothing left to say."""
        self._set(id, {"state": DROPPED, "error": why, "done": now})

    def again(self, id: int, now: int) -> Delivery:
        """A dead parcel waits again, with its tries counted from 0. Raises NotFound; RecordsError when it is not dead."""
        with self._database.write() as connection:
            row = connection.execute(select(NOTICE).where(NOTICE.c.id == id)).one_or_none()
            if row is None:
                raise NotFound("notice", str(id))
            if row.state != DEAD:
                raise RecordsError(f"notice {id} is {row.state}, expected dead")
            values = {"state": WAITING, "tries": 0, "due": now, "done": None}
            connection.execute(update(NOTICE).where(NOTICE.c.id == id).values(**values))
            return _delivery(connection.execute(select(NOTICE).where(NOTICE.c.id == id)).one())

    def revive(self, now: int) -> int:
        """After a start: what was under way when the last run ended waits again; returns how many."""
        with self._database.write() as connection:
            lost = update(NOTICE).where(NOTICE.c.state == SENDING)
            return connection.execute(lost.values(state=WAITING, due=now, error="interrupted")).rowcount

    def told(self, group: str | None = None, *, firing: bool = False) -> list[ToldRecord]:
        """What lanes were told, of one group or of all; firing: only what they still take to fire."""
        query = select(NOTICE_TOLD)
        if group is not None:
            query = query.where(NOTICE_TOLD.c.group_key == group)
        if firing:
            query = query.where(NOTICE_TOLD.c.status == "firing")
        with self._database.read() as connection:
            return [_told(row) for row in connection.execute(query)]

    def arrived(self, channel: str, recipient: str, group: str, alerts: Collection[str]) -> set[str]:
        """Of these alerts, those of which the lane has received that they fire."""
        query = select(NOTICE_TOLD.c.alert).where(
            NOTICE_TOLD.c.channel == channel,
            NOTICE_TOLD.c.recipient == recipient,
            NOTICE_TOLD.c.group_key == group,
            NOTICE_TOLD.c.alert.in_(list(alerts)),
            NOTICE_TOLD.c.sent.is_not(None),
        )
        with self._database.read() as connection:
            return set(connection.execute(query).scalars())

    def log(
        self,
        *,
        states: Collection[str] | None = None,
        channel: str | None = None,
        recipient: str | None = None,
        alert: str | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> list[Delivery]:
        """Parcels, newest first, without payload; `before`: with a smaller id."""
        query = select(NOTICE).order_by(NOTICE.c.id.desc())
        for column, value in ((NOTICE.c.channel, channel), (NOTICE.c.recipient, recipient)):
            if value is not None:
                query = query.where(column == value)
        if states is not None:
            query = query.where(NOTICE.c.state.in_(list(states)))
        if before is not None:
            query = query.where(NOTICE.c.id < before)
        found: list[Delivery] = []
        with self._database.read() as connection:
            for row in connection.execute(query.limit(limit if alert is None else 10_000)):
                if alert is None or alert in row.alerts:
                    found.append(_delivery(row))
                if len(found) >= limit:
                    break
        return found

    def counts(self) -> dict[tuple[str, str], int]:
        """How many parcels there are by channel and state."""
        query = select(NOTICE.c.channel, NOTICE.c.state, func.count()).group_by(NOTICE.c.channel, NOTICE.c.state)
        with self._database.read() as connection:
            return {(row[0], row[1]): row[2] for row in connection.execute(query)}

    def begun_since(self, channel: str, since: int) -> list[int]:
        """The moments of the tries begun at or after `since` (the last one of each parcel): what a rate limit has spent."""
        query = select(NOTICE.c.begun).where(NOTICE.c.channel == channel, NOTICE.c.begun >= since)
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def known(self, keys: Collection[str]) -> set[str]:
        """Of these keys, those that have been planned."""
        with self._database.read() as connection:
            return set(connection.execute(select(NOTICE.c.key).where(NOTICE.c.key.in_(list(keys)))).scalars())

    def retain(self, before: int) -> int:
        """Forgets parcels that were done with before `before` (ns), and who was told of ends then; returns how many."""
        with self._database.write() as connection:
            connection.execute(delete(NOTICE_TOLD).where(NOTICE_TOLD.c.status == "resolved", NOTICE_TOLD.c.at < before))
            return connection.execute(delete(NOTICE).where(NOTICE.c.state.not_in(OPEN), NOTICE.c.done < before)).rowcount

    def _set(self, id: int, values: Mapping[str, Any]) -> None:
        with self._database.write() as connection:
            connection.execute(update(NOTICE).where(NOTICE.c.id == id).values(**values))


_PARCEL = ("key", "channel", "recipient", "route", "what", "reason", "title", "due")


def _delivery(row: Row[Any]) -> Delivery:
    values = dict(row._mapping)
    values.pop("lane")
    return Delivery(group=values.pop("group_key"), **values)


def _told(row: Row[Any]) -> ToldRecord:
    values = dict(row._mapping)
    return ToldRecord(group=values.pop("group_key"), **values)
