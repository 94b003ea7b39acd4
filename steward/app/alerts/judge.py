"""Judging: the rules engine with what it needs of the world: a thread of its own, its state in the records, replay.

Invariants: the engine is touched by one thread only, in the order of commits; what it states is in the records before
anyone hears of it. State is saved with the moment of arrival up to which everything was judged; after a restart it is
restored, what arrived since is replayed from the store through the same fold, and absence counts from then on. State that
cannot be used is left out, said and counted, and learned anew; an alert on record that no rule states any more is over, with
the reason, and keeps what it said.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from api import Wording
from rules import counterfactual, wording
from rules.contract import Rule
from rules.engine import Engine
from rules.load import load
from rules.masking import Masks
from steward.config import Settings
from steward.errors import ConfigError
from steward.model import Alert, Batch, Condition, Facility, PointIndex
from steward.records import AlertRecord, Records
from steward.store import Store
from steward.units import DAY, SECOND

log = structlog.get_logger()

Result = TypeVar("Result")
STATE = "rules"
MARGIN = 60 * SECOND
"""Arrivals are replayed from this long before the saved watermark: batches of several brokers may commit crosswise."""
REPLAY_LIMIT = 7 * DAY
"""What arrived longer ago than this is not replayed: nobody waits for those alerts."""
PAGE = 200_000
"""Samples of one replayed batch."""
SHOWN = 20
"""So many refused states of rules and targets are named in the log; all are counted."""
LOST = "the state of the rules was lost"
"""Why an alert on record ended that no rule knows of."""
_HEAD = struct.Struct("<q")


def worded(record: AlertRecord, rule: Rule | None, facility: Facility) -> Wording:
    """The sentences of an alert in every language."""
    alert = record.alert
    title, why, check = ({language: say(alert, rule, facility, language) for language in LANGUAGES} for say in SENTENCES)
    cost = alert.evidence.get("cost")
    costs = {language: counterfactual.costs(cost, language) for language in LANGUAGES} if cost else {}
    return Wording(title, why, check, counterfactual.clears(alert, rule, facility), costs)


LANGUAGES = ("en", "zh")
SENTENCES = (wording.title, wording.why, wording.check)


def rules_of(settings: Settings, facility: Facility) -> list[Rule]:
    """The rules of a facility file and its packs, bound to nothing yet. Raises ConfigError with every problem."""
    loaded = load(facility.rules, facility, settings.packs)
    if loaded.problems:
        raise ConfigError(loaded.problems)
    for warning in loaded.warnings:
        log.warning("rule_doubtful", what=str(warning))
    return loaded.rules


class Judge:
    """Feeds the engine and records what it states. `told` hears of every changed alert, in the event loop."""

    def __init__(
        self,
        rules: Sequence[Rule],
        facility: Facility,
        index: PointIndex,
        records: Records,
        clock: Callable[[], int],
        told: Callable[[Sequence[AlertRecord]], None],
        registry: CollectorRegistry,
    ) -> None:
        self.engine = Engine(rules, facility, index)
        self._records, self._clock, self._told = records, clock, told
        self._thread = ThreadPoolExecutor(1, "judge")
        self._watermark = 0
        self._unrecorded: list[Alert] = []
        self._whole = asyncio.Lock()  # judging and recording are one act: a state is never saved between the two
        self._samples = Counter("steward_judged_samples", "Samples fed to the rules", registry=registry)
        self._seconds = Counter("steward_judge_seconds", "Time spent judging", registry=registry)
        self._refused = Counter(
            "steward_rules_state_refused", "Saved states of rules that were not used", ["of"], registry=registry
        )
        self._statements = Counter("steward_alert_changes", "Alerts that changed", ["condition"], registry=registry)
        active = Gauge("steward_alerts_firing", "Alerts firing now", registry=registry)
        active.set_function(lambda: len(self.engine.active()))

    def masks(self, rule: str) -> Masks:
        """What firing alerts of a rule keep quiet."""
        found = self.engine.rules.get(rule)
        return found.masking if found else ""

    async def start(self, store: Store) -> None:
        """Restores the saved state, replays what arrived since, and lets absence count from now on."""
        now = self._clock()
        saved = await asyncio.to_thread(self._records.load_state, STATE)
        restored = saved is not None and await self._restore(saved, now)
        since = max(self._watermark - MARGIN, now - REPLAY_LIMIT) if restored else now - self.engine.look_back()
        await self._replay(store, since, now, restored)
        await self._act(self.engine.resume, self._clock())
        await self._act(self._lost, await asyncio.to_thread(self._records.active), self._clock())

    async def _restore(self, saved: bytes, now: int) -> bool:
        """Takes over a saved state as far as it can be used; says what was not. False: nothing was."""
        try:
            if len(saved) < _HEAD.size:
                raise ValueError("it is cut off")
            await self._end(self.engine.restore, saved[_HEAD.size :], now)
        except ValueError as error:
            self._refused.labels("all").inc()
            log.error("rules_state_refused", error=str(error))
            return False
        watermark = _HEAD.unpack_from(saved)[0]
        if watermark > now:  # a clock that was ahead: what arrived since is judged from now on
            log.warning("rules_state_ahead", seconds=(watermark - now) // SECOND)
        self._watermark = min(watermark, now)
        for one in self.engine.refused:
            self._refused.labels("target" if one.target else "rule").inc()
        for one in self.engine.refused[:SHOWN]:
            log.error("rules_state_refused", rule=one.rule, target=one.target or "all", error=one.why)
        return True

    async def _end(self, call: Callable[..., list[Alert]], *arguments: Any) -> None:
        """Runs a call of the engine that ends alerts whose rule, target or state is gone: on record they keep what they said,
        beside the reason."""

        def ended(recorded: Sequence[Alert]) -> list[Alert]:
            known = {alert.id: alert for alert in recorded}
            return [
                _over(known[one.id], one) if one.id in known and "ended" in one.evidence else one for one in call(*arguments)
            ]

        await self._act(ended, await asyncio.to_thread(self._records.active))

    async def _replay(self, store: Store, since: int, until: int, judged: bool) -> None:
        """Feeds what arrived in [since, until). A replay is paged by arrival, so that memory stays bounded."""
        count = 0
        while since < until:
            batch = await store.arrived(since, until, PAGE)
            if not len(batch):
                break
            last = int(batch.received[-1])
            if len(batch) >= PAGE and last > since:
                batch = batch.take(batch.received < last)  # the last moment may be cut: it comes whole with the next page
                following = last
            else:
                following = last + 1
            call = self.engine.feed if judged else self.engine.warm_up
            await self._act(call, batch, until)
            self._watermark = max(self._watermark, following - 1)
            count += len(batch)
            since = following
        if count:
            log.info("rules_replayed", samples=count, restored=judged)

    async def commit(self, batch: Batch, births: Sequence[str], deaths: Sequence[str]) -> None:
        """Judges a committed batch and what devices said of themselves with it."""
        now = self._clock()
        await self._act(self._feed, batch, births, deaths, now)

    async def tick(self) -> None:
        """Lets time pass."""
        await self._act(self.engine.tick, self._clock())

    async def pause(self, devices: Sequence[str] | None = None) -> None:
        """We hear nothing (of these devices): their silence says nothing."""
        await self._run(self.engine.pause, self._clock(), devices)

    async def resume(self, devices: Sequence[str] | None = None) -> None:
        """We hear again."""
        await self._act(self.engine.resume, self._clock(), devices)

    async def restate(self) -> None:
        """States all firing alerts as they are now: value, worst and evidence on record follow."""
        async with self._whole:
            await self._record(await self._run(self.engine.active), news=False)

    async def learn_from(self, labelled: Sequence[AlertRecord]) -> None:
        """People labelled episodes: a real fault takes back what its newest episode taught a learning kind."""
        for record in labelled:
            alert = record.alert
            if record.label.true is not True:
                continue  # a false alert is what the rule has to learn, as it did
            newest = await asyncio.to_thread(self._records.alerts, rules=[alert.rule], targets=[alert.target], limit=1)
            if newest.alerts and newest.alerts[0].id == record.id:
                await self._run(self.engine.forget, alert.rule, alert.target)

    async def rebind(self, rules: Sequence[Rule], facility: Facility) -> None:
        """Other rules, another facility: what did not change keeps its state."""
        await self._end(self.engine.rebind, rules, facility, self._clock())

    async def save(self) -> None:
        """Saves the state with its watermark."""
        async with self._whole:
            if self._unrecorded:
                return  # the older state, replayed, states them again
            payload = await self._run(lambda: _HEAD.pack(self._watermark) + self.engine.snapshot())
            await asyncio.to_thread(self._records.save_state, STATE, payload, self._clock())

    async def stop(self) -> None:
        """Saves and ends the thread."""
        await self.save()
        await asyncio.to_thread(self._thread.shutdown)

    def _feed(self, batch: Batch, births: Sequence[str], deaths: Sequence[str], now: int) -> list[Alert]:
        alerts = self.engine.births(births, now) if births else []
        if len(batch):
            alerts += self.engine.feed(batch, now)
            self._watermark = max(self._watermark, int(batch.received.max()))
            self._samples.inc(len(batch))
        if deaths:
            alerts += self.engine.deaths(deaths, now)
        self._seconds.inc(max(0, self._clock() - now) / SECOND)
        return alerts

    def _lost(self, recorded: Sequence[Alert], now: int) -> list[Alert]:
        """Open alerts of the records that the engine knows nothing of (its state was lost): over, and why."""
        known = {alert.id for alert in self.engine.active(pending=True)}
        over = {"ended": LOST}
        return [
            _over(alert, replace(alert, at=max(now, alert.at, alert.since, alert.fired or 0), evidence=over))
            for alert in recorded
            if alert.id not in known
        ]

    async def _act(self, call: Callable[..., list[Alert]], *arguments: Any) -> None:
        """Runs a call of the engine and records what it states."""
        async with self._whole:
            await self._record(await self._run(call, *arguments))

    async def _record(self, alerts: Sequence[Alert], news: bool = True) -> None:
        """Records statements, then tells of them. What cannot be recorded now is kept and tried with the next."""
        self._unrecorded += alerts
        if not self._unrecorded:
            return
        stated, self._unrecorded = self._unrecorded, []
        try:
            changed = await asyncio.to_thread(self._records.record_alerts, stated, self._clock())
        except Exception:
            self._unrecorded = stated + self._unrecorded
            log.exception("alerts_not_recorded", alerts=len(stated))
            return
        for record in changed if news else ():
            self._statements.labels(record.alert.condition.value).inc()
        if changed:
            self._told(changed)

    async def _run(self, call: Callable[..., Result], *arguments: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: call(*arguments))


def _over(recorded: Alert, ended: Alert) -> Alert:
    """An alert on record as it ends with `ended`: at that moment, with why in its evidence; else as it was."""
    evidence = {**recorded.evidence, **ended.evidence}
    return replace(recorded, condition=Condition.RESOLVED, at=ended.at, resolved=ended.at, evidence=evidence)
