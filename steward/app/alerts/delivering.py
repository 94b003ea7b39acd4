"""What the desk decides about telling alerts, without I/O: changed alerts and time in; standings, history lines, told out.

Invariants: one thread calls it; every firing alert has a standing, looked at again when it changes, when a moment named
before has come, and, all of them, when a cause, a shelving, a window or the facility changed; "resolved" is told only for
what was told; an escalation step is told once. What it says follows from its inputs alone, so a restart goes on as before.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from rules.delivery import (
    Chatter,
    ChatterLimit,
    Escalation,
    Step,
    Whereabouts,
    decide,
    fits,
    next_change,
    step_due,
    whereabouts,
    window_at,
)
from rules.masking import Cause, Graph, Masking, Masks
from steward.config.desk import DeskSettings, EscalationTable
from steward.model import Condition, Delivery, Facility, Human
from steward.muting import Maintenance, Reason, Shelving, Standing
from steward.records import AlertRecord
from steward.records.desk import Noted, Told
from steward.records.model import What

NEVER = 1 << 62
Key = tuple[str, str]


@dataclass(slots=True)
class Outcome:
    """What is to be recorded: standings by alert, lines of history, transitions, in order."""

    standings: dict[str, Standing] = field(default_factory=dict)
    notes: list[Noted] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.standings or self.notes or self.told)


@dataclass(slots=True)
class Run:
    """Episodes of one key that chatter: the first, the newest, how many."""

    first: str
    last: str
    episodes: int


@dataclass(slots=True)
class _Held:
    """A firing alert with what follows from where it is."""

    record: AlertRecord
    standing: Standing
    where: Whereabouts
    over: frozenset[str]
    escalation: Escalation | None
    masks: bool = False


class Delivering:
    """The delivery machines of all firing alerts."""

    def __init__(self, facility: Facility, settings: DeskSettings, masks: Callable[[str], Masks]) -> None:
        self.open: dict[str, _Held] = {}
        self.shelvings: list[Shelving] = []
        self.made: list[Maintenance] = []  # windows that people made
        self._past: dict[str, Standing] = {}  # of episodes that are over and may yet be folded
        self._recent: dict[Key, deque[str]] = {}
        self._runs: dict[Key, Run] = {}
        self._due: list[tuple[int, str]] = []
        self._edge = NEVER  # next moment at which a window begins or ends
        self._spans: list[tuple[Maintenance, int]] = []
        self._stale = True
        self._chatter = Chatter(ChatterLimit())
        self.bind(facility, settings, masks)

    def bind(self, facility: Facility, settings: DeskSettings, masks: Callable[[str], Masks]) -> None:
        """Another facility, other settings or rules: everything is looked at again with the next step."""
        table = settings.table
        limit = ChatterLimit(table.chatter_episodes, table.chatter_within, table.chatter_quiet)
        if self._chatter.limit != limit:
            self._chatter = Chatter(limit)
            self._recent.clear()
        self.facility, self._settings, self._masks = facility, settings, masks
        self._graph = Graph(facility)
        self._masking = Masking(self._graph)
        self._escalations = [_escalation(one) for one in settings.escalation]
        self.open = {id: self._hold(held.record, held.standing) for id, held in self.open.items()}
        self.changed()

    def changed(self) -> None:
        """Shelvings or windows changed: all alerts are looked at with the next step."""
        self._stale = True

    def windows(self) -> list[Maintenance]:
        """All maintenance windows: declared ones first."""
        return [*self._settings.maintenance, *self.made]

    def load(self, recent: Iterable[AlertRecord], unended: Iterable[AlertRecord]) -> list[AlertRecord]:
        """Takes over what the records hold: `recent` episodes by the time at which they fired, and those that the desk has
        not seen end. Returns the ones to be given to the first step."""
        for record in recent:
            key = (record.alert.rule, record.alert.target)
            if record.standing.told is None and record.standing.since is None and not record.standing.ended:
                continue  # not seen by the desk yet: the first step takes it
            self._chatter.fired(key, record.alert.fired or 0)
            self._remember(key, record.id)
            if record.standing.ended:
                self._past[record.id] = record.standing
            if record.standing.fold and not record.standing.folded:
                self._runs[key] = Run(record.standing.fold, record.id, record.standing.episodes)
        begin = []
        for record in unended:
            if record.standing.since is None or record.alert.condition is Condition.RESOLVED:
                begin.append(record)
            if record.standing.since is not None:
                self.open[record.id] = self._hold(record, record.standing)
        self._stale = True
        return begin

    def horizon(self) -> int:
        """ns of fired episodes that chattering has to know."""
        limit = self._chatter.limit
        return max(limit.within, limit.quiet)

    # steps

    def step(self, changed: Sequence[AlertRecord], now: int) -> Outcome:
        """Takes changed alerts and lets time pass up to `now`."""
        out = Outcome()
        look = [id for record in changed for id in self._take(record, now, out)]
        if now >= self._edge:
            self._stale = True
        if self._stale:
            self._lay_out(now)
            look = list(self.open)
        while self._due and self._due[0][0] <= now:
            look.append(heapq.heappop(self._due)[1])
        for id in dict.fromkeys(look):
            if id in self.open:
                self._look(self.open[id], now, out)
        return out

    def acted(self, records: Iterable[AlertRecord]) -> None:
        """People acted: what they changed is looked at with the next step."""
        for record in records:
            held = self.open.get(record.id)
            if held is not None:
                held.record = record
                heapq.heappush(self._due, (0, record.id))

    def refresh(self, records: Iterable[AlertRecord]) -> None:
        """Alerts as they stand in the records now, where nothing that is decided by has changed (their cost)."""
        for record in records:
            held = self.open.get(record.id)
            if held is not None:
                held.record = record

    def due(self) -> int:
        """The next moment at which a step may change something."""
        return 0 if self._stale else min(self._edge, self._due[0][0] if self._due else NEVER)

    def _take(self, record: AlertRecord, now: int, out: Outcome) -> list[str]:
        held = self.open.get(record.id)
        if record.standing.ended or record.alert.fired is None:
            return []
        if held is None:
            held = self.open[record.id] = self._hold(record, self._begin(record, out))
            self._stale |= held.masks
        elif held.record.alert.severity is not record.alert.severity:
            held = self.open[record.id] = self._hold(record, held.standing)
            out.told.append(self._told(held, "severity", record.alert.at))
        held.record = record
        if record.alert.condition is Condition.RESOLVED:
            self._end(held, out)
            return []
        return [record.id]

    def _end(self, held: _Held, out: Outcome) -> None:
        id, alert = held.record.id, held.record.alert
        del self.open[id]
        self._stale |= held.masks
        standing = replace(held.standing, ended=True, folded=out.standings.get(id, held.standing).folded)
        out.standings[id] = self._past[id] = standing
        if standing.told is not None:
            out.told.append(self._told(held, "resolved", alert.resolved or alert.at))
        if len(self._past) > 4 * (len(self._recent) * self._chatter.limit.episodes + 256):
            self._forget(alert.at)

    def _begin(self, record: AlertRecord, out: Outcome) -> Standing:
        """The standing of a new episode: by itself, or one more of a run that chatters."""
        alert = record.alert
        key, fired = (alert.rule, alert.target), alert.fired or alert.since
        quiet = self._chatter.quiet_at(key)
        many = self._chatter.fired(key, fired)
        before = [id for id in self._remember(key, record.id) if id != record.id]
        run = self._runs.get(key)
        if run is not None and quiet is not None and fired <= quiet:
            before = [run.last]
            run.episodes, run.last = run.episodes + 1, record.id
        elif many:
            run = self._runs[key] = Run(before[0] if before else record.id, record.id, len(before) + 1)
        else:
            self._runs.pop(key, None)
            return record.standing
        for id in before:
            held = self.open.get(id)
            standing = held.standing if held else out.standings.get(id) or self._past.get(id)
            if standing is not None and id != record.id:
                standing = out.standings[id] = replace(standing, fold=run.first, folded=True)
                if held:
                    held.standing = standing
                else:
                    self._past[id] = standing
        return replace(record.standing, fold=run.first, episodes=run.episodes)

    def _remember(self, key: Key, id: str) -> list[str]:
        recent = self._recent.setdefault(key, deque(maxlen=self._chatter.limit.episodes))
        if id not in recent:
            recent.append(id)
        return list(recent)

    def _forget(self, at: int) -> None:
        self._chatter.forget(at)
        self._recent = {key: ids for key, ids in self._recent.items() if self._chatter.quiet_at(key) is not None}
        self._runs = {key: run for key, run in self._runs.items() if key in self._recent}
        kept = {id for ids in self._recent.values() for id in ids}
        self._past = {id: standing for id, standing in self._past.items() if id in kept}

    # looking

    def _hold(self, record: AlertRecord, standing: Standing) -> _Held:
        alert = record.alert
        where = whereabouts(self.facility, alert.target, alert.points)
        severity = alert.severity.value
        escalation = next((one for one in self._escalations if one.fits(severity, where.site)), None)
        masks = bool(self._graph.node(alert.target, self._masks(alert.rule)))
        return _Held(record, standing, where, self._graph.over(alert.target, alert.points), escalation, masks)

    def _lay_out(self, now: int) -> None:
        """The causes, shelvings and windows of this moment."""
        causes = []
        for id, held in self.open.items():
            alert = held.record.alert
            if held.masks:
                causes.append(Cause(id, self._graph.node(alert.target, self._masks(alert.rule)), alert.since))
        self._masking = Masking(self._graph, causes)
        self.shelvings = [one for one in self.shelvings if one.over > now]
        self._spans, self._edge = [], NEVER
        for window in self.windows():
            span = window_at(window, now)
            if span is not None:
                self._spans.append((window, span[1]))
            following = next_change(window, now)
            if following is None and window.start is not None and window.start > now:
                following = window.start
            self._edge = min(self._edge, NEVER if following is None else following)
        self._stale = False
        self._due = []

    def _reasons(self, held: _Held, now: int) -> list[Reason]:
        alert, reasons = held.record.alert, []
        cause = self._masking.mask(alert.id, held.over)
        if cause is not None and cause.id in self.open:
            by = self.open[cause.id].record.alert
            reasons.append(Reason(Delivery.INHIBITED, cause.id, f"{by.rule}: {by.target}"))
        for shelving in self.shelvings:
            if shelving.over > now and fits(shelving.scope, alert, held.where):
                reasons.append(Reason(Delivery.SHELVED, shelving.id, shelving.reason, shelving.by, shelving.over))
                break
        for window, end in self._spans:
            if fits(window.scope, alert, held.where):
                reasons.append(Reason(Delivery.MAINTENANCE, window.id, window.reason, window.by, end))
                break
        if held.standing.fold:
            quiet = self._chatter.quiet_at((alert.rule, alert.target)) or 0
            if quiet > now:
                why = f"{held.standing.episodes} episodes"
                reasons.append(Reason(Delivery.CHATTERING, held.standing.fold, why, "", quiet))
        return reasons

    def _look(self, held: _Held, now: int, out: Outcome) -> None:
        before, id = held.standing, held.record.id
        after = decide(before, self._reasons(held, now), now, self._settings.table.settle)
        if after.fold and not any(one.state is Delivery.CHATTERING for one in after.reasons):
            after = replace(after, fold="")
        new = before.since is None
        if after.since is None:
            after = replace(after, since=now)
        if after.state is Delivery.DELIVERABLE and (new or before.state is not Delivery.DELIVERABLE):
            held.standing = after = replace(after, told=now)
            if new:
                out.told.append(self._told(held, "firing", held.record.alert.fired or now))
            else:
                out.told.append(self._told(held, "released", now))
                out.notes.append(Noted(id, "released", now))
        elif after.state is not Delivery.DELIVERABLE and (new or after.state is not before.state):
            out.notes.append(Noted(id, after.state.value, now, _said(after.reasons[0])))
            if after.told is not None and before.state is Delivery.DELIVERABLE:
                held.standing = after
                out.told.append(self._told(held, "muted", now))
        held.standing = after
        after = self._escalate(held, now, out)
        if after != before:
            out.standings[id] = after
        moments = [one.until for one in after.reasons if one.until is not None]
        if moments:
            heapq.heappush(self._due, (min(moments), id))

    def _escalate(self, held: _Held, now: int, out: Outcome) -> Standing:
        """Takes every step that is due, and notes when the next one is."""
        record = held.record
        while held.escalation is not None and record.human is not Human.CLOSED:
            found = step_due(held.escalation, held.standing, record.human is Human.UNACKNOWLEDGED)
            if found is None:
                break
            step, due = found
            if due > now:
                heapq.heappush(self._due, (due, record.id))
                break
            held.standing = replace(held.standing, level=step.level)
            out.notes.append(Noted(record.id, "escalated", now, f"{step.level}: {', '.join(step.to)}"))
            out.told.append(replace(self._told(held, "escalated", now), to=step.to))
        return held.standing

    def _told(self, held: _Held, what: What, at: int) -> Told:
        return Told(held.record.id, what, held.standing.level, at, held.standing.state)


def _said(reason: Reason) -> str:
    return f"{reason.by}: {reason.why}" if reason.by else reason.why


def _escalation(table: EscalationTable) -> Escalation:
    """The escalation that a table of the facility file means."""
    steps = tuple(Step(number, step.when, step.after, tuple(step.to)) for number, step in enumerate(table.step, 1))
    return Escalation(table.id, frozenset(one.value for one in table.severity), frozenset(table.site), steps)
