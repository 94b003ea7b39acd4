"""Delivery: takes parcels out of the outbox and hands them over, channel by channel, with limits, retries and dead letters.

Invariants: a parcel is marked before it is tried and after it arrived, so that a crash repeats at most the one under way
(under the same key); a notice of an end goes only to a lane that received the beginning; one channel never waits for another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random

import msgspec
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from steward.app.notices.plan import Plan, Sender
from steward.errors import NoticeFailed, StewardError
from steward.notices import Notice, RateLimit
from steward.records.outbox import Delivery, Outbox
from steward.units import MINUTE, SECOND

log = structlog.get_logger()


class Postman:
    """Delivers what the outbox holds. `others`: senders of channels that need more than the facility file (mqtt)."""

    def __init__(
        self, plan: Plan, outbox: Outbox, clock: Callable[[], int], registry: CollectorRegistry, random: Random
    ) -> None:
        self.plan, self.outbox, self.clock = plan, outbox, clock
        self.others: dict[str, Sender] = {}
        self._random = random
        self._senders: dict[tuple[str, str, tuple[str, ...]], Sender] = {}
        self._limits: dict[str, RateLimit] = {}
        self._resume: dict[str, int] = {}
        self._tasks: dict[str, asyncio.Task[int]] = {}
        self._stopping = False
        self._outcomes = Counter("steward_notices", "Notices handed over, or not", ["channel", "outcome"], registry=registry)
        self._lag = Histogram(
            "steward_notice_lag_seconds", "Planned to handed over", buckets=(0.1, 1, 10, 60, 600, 3600), registry=registry
        )
        self._waiting = Gauge("steward_notices_waiting", "Notices in the outbox", ["channel"], registry=registry)

    def renew(self, plan: Plan) -> None:
        """Another facility file."""
        self.plan = plan
        self._senders.clear()
        self._limits.clear()

    def kick(self) -> None:
        """Starts a delivery for each channel that has something due and is not at it."""
        if self._stopping:
            return
        for channel in self.outbox.channels_due(self.clock()):
            task = self._tasks.get(channel)
            if (task is None or task.done()) and self._resume.get(channel, 0) <= self.clock():
                self._tasks[channel] = asyncio.get_running_loop().create_task(self.deliver(channel), name=f"notices {channel}")

    async def stop(self) -> None:
        """Lets what is under way finish, and no more."""
        self._stopping = True
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def deliver_all(self) -> int:
        """Tries everything that is due now, all channels at once; returns how many were tried."""
        channels = await asyncio.to_thread(self.outbox.channels_due, self.clock())
        return sum(await asyncio.gather(*(self.deliver(channel) for channel in channels)))

    async def deliver(self, channel: str) -> int:
        """Tries what is due for a channel, in order, within its rate; returns how many were tried."""
        tried = 0
        try:
            while not self._stopping:
                parcels = await asyncio.to_thread(self.outbox.due, channel, self.clock())
                for parcel in parcels:
                    if self._stopping or not await asyncio.to_thread(self._may_go, channel):
                        return tried
                    await asyncio.to_thread(self._try, parcel)
                    tried += 1
                if not parcels:
                    break
        except StewardError as error:  # the task boundary: the records are away; what is due stays due
            log.error("notices_not_delivered", channel=channel, error=str(error))
        return tried

    def _may_go(self, channel: str) -> bool:
        table = self.plan.tables.get(channel)
        if table is None:
            return True
        now = self.clock()
        if self._resume.get(channel, 0) > now:
            return False
        limit = self._limits.get(channel)
        if limit is None:
            spent = self.outbox.begun_since(channel, now - MINUTE) if table.per_minute else ()
            limit = self._limits[channel] = RateLimit(table.per_minute, spent, table.per_second)
        wait = limit.wait(now)
        if wait:
            self._resume[channel] = now + wait
            return False
        limit.count(now)
        return True

    def _try(self, parcel: Delivery) -> None:
        now = self.clock()
        notice = self._still_wanted(msgspec.convert(parcel.payload, Notice), parcel)
        if notice is None:
            self.outbox.drop(parcel.id, "nobody was told that it fires", now)
            self._outcomes.labels(parcel.channel, "dropped").inc()
            return
        if parcel.channel not in self.plan.tables:
            self._dead(parcel, "the facility file has no such channel any more")
            return
        self.outbox.begin(parcel.id, now)
        try:
            answer = self._sender(parcel).send(notice, now)
        except NoticeFailed as error:
            self._failed(parcel, str(error), error.retry, error.after)
        except Exception as error:  # the task boundary: a fault of a sender is this parcel's, not the channel's
            log.exception("notice_failed", channel=parcel.channel, notice=parcel.id)
            self._failed(parcel, type(error).__name__, True, None)
        else:
            done = self.clock()
            self.outbox.sent(parcel.id, answer, done)
            self._outcomes.labels(parcel.channel, "sent").inc()
            self._lag.observe(max(0, done - parcel.created) / SECOND)

    def _still_wanted(self, notice: Notice, parcel: Delivery) -> Notice | None:
        over = [item.id for item in notice.items if item.status == "resolved"]
        if notice.what != "alerts" or not over:
            return notice
        heard = self.outbox.arrived(parcel.channel, parcel.recipient, parcel.group, over)
        items = tuple(item for item in notice.items if item.status == "firing" or item.id in heard)
        return replace(notice, items=items) if items else None

    def _sender(self, parcel: Delivery) -> Sender:
        other = self.others.get(parcel.channel)
        if other is not None:
            return other
        if self.plan.sender is None or self.plan.types.get(parcel.channel) == "mqtt":
            raise NoticeFailed("the channel is not connected")
        route = next((one for one in self.plan.routes if one.id == parcel.route), None)
        mentioned = route.recipients if route is not None and not parcel.recipient else ()
        key = (parcel.channel, parcel.recipient, mentioned)
        if key not in self._senders:
            self._senders[key] = self.plan.sender(*key)
        return self._senders[key]

    def _failed(self, parcel: Delivery, error: str, retry: bool, after: int | None) -> None:
        tried = parcel.tries + 1
        if not retry or tried >= self.plan.retries.tries:
            self._dead(parcel, error)
            return
        pause = max(self.plan.retries.pause(tried, self._random), after or 0)
        if after:  # the server said when to come again: that is for the whole channel
            self._resume[parcel.channel] = self.clock() + after
        self.outbox.retry(parcel.id, error, self.clock() + pause)
        self._outcomes.labels(parcel.channel, "failed").inc()
        log.warning("notice_retried", channel=parcel.channel, notice=parcel.id, tries=tried, error=error)

    def _dead(self, parcel: Delivery, error: str) -> None:
        self.outbox.give_up(parcel.id, error, self.clock())
        self._outcomes.labels(parcel.channel, "dead").inc()
        log.error("notice_given_up", channel=parcel.channel, notice=parcel.id, error=error)

    def count(self) -> Mapping[tuple[str, str], int]:
        """How many parcels there are by channel and state; the gauge is brought up to date."""
        counts = self.outbox.counts()
        for channel in self.plan.tables:
            self._waiting.labels(channel).set(counts.get((channel, "waiting"), 0) + counts.get((channel, "sending"), 0))
        return counts
