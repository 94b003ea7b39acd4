"""Costs of alerts in the running service: priced every few minutes while they fire, finally at their end, again when the
ledger restates; and prices of the episodes of trials.

Invariants: nothing waits for a price; what cannot be priced says why; an ended alert is final once the ledger has reached its
end (or GIVE_UP later); a cost is written only where it has changed. Pricing runs in a thread, never in the event loop.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import structlog
from prometheus_client import CollectorRegistry, Counter

from metering.intervals import QUARTER
from rules.backtest import Episode
from rules.contract import Rule
from rules.waste import Unpriced
from steward.app.alerts.desk import AlertDesk
from steward.app.alerts.judge import Judge
from steward.app.alerts.pricing import Pricer, unpriced
from steward.app.ledger.books import Books
from steward.app.ledger.model import RegisterState
from steward.app.money.cashier import Cashier
from steward.errors import StewardError
from steward.model import Alert, Condition, Facility, FloatArray, IntArray, PointIndex
from steward.records import AlertRecord, Records
from steward.store import Store
from steward.units import DAY, HOUR

log = structlog.get_logger()

PRICE_EVERY = 180.0
"""Seconds between two rounds: the ledger closes a quarter-hour at a time."""
GIVE_UP = 6 * HOUR
"""An ended alert whose register stays silent is taken as final after this."""
RESTATED_FOR = 35 * DAY
"""Ended alerts are priced again when the ledger restates what they rest on, for this long."""
PATIENCE = 60.0
PAGE = 500
MOST = 5000
REMEMBERED = 20_000
"""Prices of episodes of trials that are remembered."""


SetCosts = Callable[[dict[str, float | None], dict[str, dict[str, Any]]], Any]


@dataclass(slots=True)
class _Ended:
    """An ended alert that may be restated: its register, what it rested on, the revision known when it was priced."""

    register: str
    begin: int
    end: int
    revision: int


class AlertCosts:
    """The pricing of one service. `set_costs` writes (AlertDesk.set_costs); `rule` by its id; `books` None: no ledger."""

    def __init__(
        self,
        pricer: Pricer,
        records: Records,
        books: Callable[[], Books],
        rule: Callable[[str], Rule | None],
        set_costs: SetCosts,
        clock: Callable[[], int],
        registry: CollectorRegistry,
        restate: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.pricer, self._restate = pricer, restate
        self._records, self._books, self._rule, self._set, self._clock = records, books, rule, set_costs, clock
        self._fired: dict[str, Mapping[str, Any]] = {}  # evidence as it was while an alert fired
        self._unsettled: set[str] = set()
        self._ended: dict[str, _Ended] = {}
        self._loaded = False
        self._memory: OrderedDict[tuple[Any, ...], float | None] = OrderedDict()
        self._priced = Counter("steward_alerts_priced", "Prices of alerts, by what came of it", ["outcome"], registry=registry)

    def note(self, changed: Sequence[AlertRecord]) -> None:
        """Alerts have changed: what they looked like while they fired is kept, their end makes them final."""
        for record in changed:
            if record.alert.condition is Condition.FIRING:
                self._fired[record.id] = _bare(record.alert)
            elif record.alert.fired is not None:
                self._unsettled.add(record.id)

    async def run(self) -> None:
        """One round: alerts are stated as they are now, then priced."""
        if self._restate is not None:
            await self._restate()
        costs, tables = await asyncio.to_thread(self._round)
        if costs:
            await self._set(costs, tables)

    def _round(self) -> tuple[dict[str, float | None], dict[str, dict[str, Any]]]:
        now = self._clock()
        firing = self._page([Condition.FIRING])
        if not self._loaded:
            self._load(now)
        states = {state.point: state for state in self._books().registers()}
        ended = [self._records.alert(id) for id in sorted(self._unsettled | self._restated(states))]
        costs: dict[str, float | None] = {}
        tables: dict[str, dict[str, Any]] = {}
        for record in (*firing, *ended):
            before = record.alert.evidence.get("cost")
            per_day, table = self._price(record, now, states)
            if table != before:
                costs[record.id], tables[record.id] = per_day, table
        alive = {record.id for record in firing} | self._unsettled
        self._fired = {id: evidence for id, evidence in self._fired.items() if id in alive}
        return costs, tables

    def _page(self, conditions: Sequence[Condition], since: int | None = None) -> list[AlertRecord]:
        found: list[AlertRecord] = []
        after: str | None = None
        while len(found) < MOST:
            page = self._records.alerts(conditions=conditions, since=since, limit=PAGE, after=after)
            found += page.alerts
            after = page.after
            if after is None:
                break
        return [record for record in found if record.alert.fired is not None]

    def _load(self, now: int) -> None:
        """Ended alerts of the last weeks: those without a final price are priced, the others watched for restatements."""
        for record in self._page([Condition.RESOLVED], now - RESTATED_FOR):
            cost = record.alert.evidence.get("cost")
            if not isinstance(cost, Mapping):
                self._unsettled.add(record.id)
            elif isinstance(basis := cost.get("basis"), Mapping):
                self._watch(record, basis)
        self._loaded = True

    def _watch(self, record: AlertRecord, basis: Mapping[str, Any]) -> None:
        resolved = record.alert.resolved or record.alert.at
        if int(basis["until"]) < resolved // QUARTER * QUARTER and self._clock() < resolved + GIVE_UP:
            self._unsettled.add(record.id)
        elif basis.get("register"):
            self._ended[record.id] = _Ended(basis["register"], int(basis["begin"]), resolved, int(basis["revision"]))

    def _restated(self, states: Mapping[str, RegisterState]) -> set[str]:
        """Ended alerts whose register was restated where they rest on it."""
        now, found = self._clock(), set()
        for id, one in list(self._ended.items()):
            if one.end < now - RESTATED_FOR:
                del self._ended[id]
                continue
            state = states.get(one.register)
            if state is None or state.revision <= one.revision:
                continue
            touched = [row for row in self._books().revisions(one.register, one.begin, one.end) if row.number > one.revision]
            one.revision = state.revision
            if touched:
                found.add(id)
        return found

    def _price(self, record: AlertRecord, now: int, states: Mapping[str, RegisterState]) -> tuple[float | None, dict[str, Any]]:
        alert = record.alert
        over = alert.condition is Condition.RESOLVED
        rule = self._rule(alert.rule)
        cost = alert.evidence.get("cost")
        kept = cost.get("fired") if isinstance(cost, Mapping) else None
        fired = self._fired.get(record.id, kept) if over else _bare(alert)
        try:
            if rule is None:
                raise Unpriced("nothing_used")
            price = self.pricer.price(alert, rule, now, fired)
        except Unpriced as reason:
            self._priced.labels("unpriced").inc()
            waits = over and str(reason) == "no_ledger" and now < (alert.resolved or now) + GIVE_UP
            if not waits:
                self._unsettled.discard(record.id)
            if str(reason) == "no_ledger" and isinstance(cost, Mapping):
                return record.cost, dict(cost)
            return None, unpriced(str(reason))
        self._priced.labels("priced").inc()
        table = price.plain() | {"fired": dict(fired or {})}
        register = price.meter.register
        if register in states:
            table["basis"]["revision"] = states[register].revision
        if over:
            self._unsettled.discard(record.id)
            self._watch(replace(record), table["basis"])
        return price.per_day(), table

    # trials

    def of_episode(self, episode: Episode, rule: Rule | None) -> float | None:
        """Money that an episode of a trial wasted, None where it is not known. Blocks."""
        if rule is None:
            return None
        key = (episode.rule, episode.target, episode.since, episode.resolved, repr(rule.kind))
        if key in self._memory:
            self._memory.move_to_end(key)
            return self._memory[key]
        money: float | None
        try:
            money = self.pricer.price(_alert(episode), rule, self._clock(), episode.told or None).money()
        except (Unpriced, StewardError):
            money = None
        self._memory[key] = money
        if len(self._memory) > REMEMBERED:
            self._memory.popitem(last=False)
        return money


def _bare(alert: Alert) -> dict[str, Any]:
    """What a price may need of the evidence of a firing alert: figures and codes."""
    return {
        key: value
        for key, value in alert.evidence.items()
        if isinstance(value, int | float | str) and key not in ("first", "worst_at", "clear_at")
    }


def _alert(one: Episode) -> Alert:
    condition = Condition.FIRING if one.resolved is None else Condition.RESOLVED
    at = one.fired if one.resolved is None else one.resolved
    return Alert(
        one.rule, one.kind, one.severity, one.target, one.points, condition, one.since, at, one.fired, one.resolved,
        one.value, one.worst, one.limit, one.evidence,
    )  # fmt: skip


def integrator(store: Store, index: PointIndex, loop: asyncio.AbstractEventLoop) -> Callable[..., tuple[IntArray, FloatArray]]:
    """Means of a gauge by quarter hours from the store; to be called in a thread."""

    def integrate(point: str, start: int, end: int) -> tuple[IntArray, FloatArray]:
        number = index.get(point)
        if number is None:
            return np.zeros(0, np.int64), np.zeros(0)
        asked = asyncio.run_coroutine_threadsafe(store.aggregate([number], start, end, QUARTER), loop)
        found = asked.result(PATIENCE)
        return found.start, found.mean

    return integrate


class Running(Protocol):
    """The service as far as it is used here (steward.app.service.Steward)."""

    judge: Judge
    books: Books
    desk: AlertDesk
    money: Cashier
    store: Any
    index: PointIndex
    records: Records
    clock: Callable[[], int]
    registry: CollectorRegistry

    @property
    def facility(self) -> Facility: ...


def costs_of(service: Running) -> AlertCosts:
    """The pricing of a service; call it in the event loop. Its judge may come later."""
    integrate = integrator(service.store, service.index, asyncio.get_running_loop())
    pricer = Pricer(lambda: service.facility, lambda *asked: service.books.consumption(*asked), service.money, integrate)
    return AlertCosts(
        pricer,
        service.records,
        lambda: service.books,
        lambda id: service.judge.engine.rules.get(id),
        service.desk.set_costs,
        service.clock,
        service.registry,
        lambda: service.judge.restate(),
    )


class Later(Protocol):
    """A service whose pricing comes later."""

    costs: AlertCosts


def late_price(service: Later) -> Callable[[Episode, Rule | None], float | None]:
    """The price of an episode, asked of the pricing that the service has by then."""
    return lambda episode, rule: service.costs.of_episode(episode, rule)
