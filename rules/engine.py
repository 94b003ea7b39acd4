"""The rules engine: batches and time in, statements of changed alerts out.

Conditions are timed by samples (`at`), so what is stated is a function of the samples alone; `tick` only makes time pass
where no sample comes: everything before the watermark, `now - lateness`. `now` is used for nothing else, but for refusing
samples from the future. Historical samples, and samples not newer than the last of their row, are counted, not judged.
Absence is judged only between `resume` and `pause`: the engine starts paused, so nothing is absent because Steward was down.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from rules import moments
from rules import snapshot as snapshots
from rules.aligned import AlignedBank
from rules.bank import Bank
from rules.binding import Bound, Catalogue, Unbound, bind, climb
from rules.contract import NEVER, UNSEEN, Rule, Target
from rules.lifecycle import FIRING, PENDING, Change
from rules.stretch import Stretch, pass_time, replay
from rules.waves import Cutter
from steward.model import Alert, Batch, Condition, Facility, IntArray, PointIndex, Quality, Severity
from steward.units import MINUTE, SECOND

LATENESS = 2 * SECOND
"""How far behind `now` the watermark runs: what the way from a device to us may take before time is taken to have passed."""
FUTURE_LIMIT = 5 * MINUTE
"""A sample further ahead of `now` is not judged: one wrong clock would silence its row until the clock is reached."""


class Engine:
    """All rules of a facility. Not thread-safe; one owner calls it. `counts` counts what was not judged, by reason:
    historical, future, bad, late, duplicate, incomplete (a moment without all required inputs)."""

    def __init__(
        self,
        rules: Iterable[Rule],
        facility: Facility,
        index: PointIndex,
        *,
        lateness: int = LATENESS,
        future_limit: int = FUTURE_LIMIT,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.lateness = lateness
        self.future_limit = future_limit
        self._index = index
        self._cutter = Cutter()
        self.refused: list[snapshots.Refused] = []
        self._down: set[str] | None = None  # devices whose collector is down; None: all of them
        self._stated: dict[str, Rule] = {}
        self._lay_out(rules, facility)

    def _lay_out(self, rules: Iterable[Rule], facility: Facility) -> None:
        catalogue = Catalogue(facility)
        self.facility = facility
        self.rules: dict[str, Rule] = {rule.id: rule for rule in rules}
        self._stated |= self.rules
        self._unbound: list[Unbound] = []
        groups: dict[Any, list[Bound]] = {}
        for rule in self.rules.values():
            bound = bind(rule, catalogue)
            self._unbound.extend(bound.unbound)
            for target in bound.targets:  # all numbers before the first route: routes then know every bound point
                for point in target.points:
                    if point is not None:
                        self._index.add(point.id)
            if bound.targets:
                shapes = tuple((name, column.shape) for name, column in rule.kind.state().items())
                groups.setdefault((type(rule.kind), shapes, rule.gate is not None), []).append(bound)
        self.banks: list[Bank] = []
        for (kind, _, gated), members in groups.items():
            make = AlignedBank if gated or len(kind.INPUTS) > 1 or kind.JOINS else Bank
            self.banks.append(make(members, self._index, self.counts))
        self._device_rows: dict[str, list[tuple[int, int]]] = {}
        for number, bank in enumerate(self.banks):
            for row, target in enumerate(bank.targets):
                if target.device and bank.kind.TIMED:
                    self._device_rows.setdefault(target.device, []).append((number, row))

    # what comes in

    def feed(self, batch: Batch, now: int) -> list[Alert]:
        """Judges a batch, in order of arrival. Returns the statements of alerts that changed, by time."""
        self._judge(batch, now)
        return self._collect()

    def warm_up(self, batch: Batch, now: int) -> list[Alert]:
        """Replays history (`look_back()` of it) into rows that have not seen it: after a start, or for a new rule. Samples
        already seen change nothing and are not counted. Returns statements only of alerts that are still firing."""
        counts = self.counts.copy()
        self._judge(replace(batch, historical=np.zeros(len(batch), np.bool_)), now)
        self.counts.clear()
        self.counts.update(counts)
        stated = self._collect()
        over = {alert.id for alert in stated if alert.condition is Condition.RESOLVED}
        return [alert for alert in stated if alert.id not in over]

    def replay(self, batch: Batch, step: int) -> list[Alert]:
        """Judges a stretch of history at once: the statements are those of feeding it minute by minute (`step` ns) with time
        passing in between. Nothing is refused as historical or from the future; arrival is the time of the sample."""
        known = batch.point < min((bank.route.points for bank in self.banks), default=0)
        batch = batch if known.all() else batch.take(known)
        if not len(batch):
            return []
        every = Stretch.of(batch)
        good = batch.quality != Quality.BAD
        self.counts["bad"] += len(batch) - int(np.count_nonzero(good))
        usable = every if good.all() else Stretch.of(batch.take(good)) if good.any() else None
        for bank in self.banks:
            if bank.kind.CLOCK == "offset":  # nobody knows how late it came
                continue
            stretch = every if bank.kind.USES_BAD or bank.kind.CLOCK == "received" else usable
            if stretch is None:
                continue
            if isinstance(bank, AlignedBank):
                moments.replay(bank, stretch)
            else:
                replay(bank, stretch, step)
        return self._collect()

    def wait(self, until: int, step: int) -> list[Alert]:
        """Time passes up to `until` without samples, in steps as in `replay`."""
        for bank in self.banks:
            pass_time(bank, until, step)
            bank.tick(until)
        return self._collect()

    def tick(self, now: int) -> list[Alert]:
        """Time passes without samples: `for`, `keep_firing_for`, absence, opening hours up to the watermark."""
        for bank in self.banks:
            bank.tick(now - self.lateness)
        return self._collect()

    def births(self, devices: Iterable[str], at: int) -> list[Alert]:
        """Devices announced themselves: they are not absent; their samples are due from now on."""
        return self._signal(devices, at, born=True)

    def deaths(self, devices: Iterable[str], at: int) -> list[Alert]:
        """Devices are lost (last will): absent at once, a gateway for all behind it."""
        return self._signal(devices, at, born=False)

    def pause(self, at: int, devices: Iterable[str] | None = None) -> None:
        """The collector is down (for these devices, for all): silence from `at` on says nothing."""
        if devices is None:
            self._down = None
            for bank in self.banks:
                bank.pause(bank.state.every)
            return
        names = set(devices)
        if self._down is not None:
            self._down |= names
        for bank, rows in self._rows_of(names):
            bank.pause(rows)

    def resume(self, at: int, devices: Iterable[str] | None = None) -> list[Alert]:
        """The collector is (back) up: every device gets its whole allowance from `at` on. Call it once after the start."""
        if devices is None:
            self._down = set()
            for bank in self.banks:
                bank.resume(bank.state.every, at)
        else:
            names = set(devices)
            if self._down is not None:
                self._down -= names
            for bank, rows in self._rows_of(names):
                bank.resume(rows, at)
        return self._collect()

    # what is known

    def active(self, pending: bool = False) -> list[Alert]:
        """The alerts firing now, with their value and worst so far; with `pending` also those that only wait for `for`."""
        alerts: list[Alert] = []
        for bank in self.banks:
            episodes = bank.lifecycle.episodes
            for row in bank.lifecycle.rows().tolist():
                slot = int(bank.state["slot"][row])
                if episodes["condition"][slot] == FIRING or pending:
                    condition = Condition.PENDING if episodes["condition"][slot] == PENDING else Condition.FIRING
                    at = max(int(bank.state["last_at"][row]), int(episodes["since"][slot]), int(episodes["fired"][slot]))
                    alerts.append(self._alert(bank, bank.lifecycle.describe(slot, condition, at)))
        return sorted(alerts, key=_order)

    def not_applicable(self) -> list[Unbound]:
        """Where a rule cannot be judged, and why."""
        return list(self._unbound)

    def bindings(self) -> dict[str, int]:
        """Rule id -> number of targets that it watches; 0 where nothing fits."""
        rows = Counter(bank.rules[rule].id for bank in self.banks for rule in bank.rule_of.tolist())
        return {rule: rows.get(rule, 0) for rule in self.rules}

    def warming(self) -> list[tuple[str, str]]:
        """(rule, target) of the rows that have not yet seen the samples that their kind needs to speak."""
        return [
            (bank.rules[rule].id, bank.targets[row].id)
            for bank in self.banks
            for row, rule in enumerate(bank.rule_of.tolist())
            if bank.rules[rule].kind.warm_up() and bank.state["last_at"][row] == UNSEEN
        ]

    def forget(self, rule: str, target: str) -> bool:
        """A person says that the last episode of a rule on a target was real: what it taught a learning kind is taken back.
        False where the kind learns nothing, or there is no such row."""
        found = False
        for bank in self.banks:
            call = getattr(bank.kind, "forget", None)
            rows = [
                row for row, one in enumerate(bank.targets) if one.id == target and bank.rules[bank.rule_of[row]].id == rule
            ]
            if call is not None and rows:
                call(bank.state, np.array(rows, np.int64))
                found = True
        return found

    def look_back(self) -> int:
        """ns of history that the rules want replayed into fresh rows."""
        return max((rule.kind.look_back() for rule in self.rules.values()), default=0)

    @property
    def memory(self) -> int:
        """Bytes of state and routes."""
        return sum(bank.memory for bank in self.banks)

    # state

    def snapshot(self) -> bytes:
        """All state, keyed by rule content and target."""
        return snapshots.encode(snapshots.take(self.banks, dict(self.counts)))

    def restore(self, data: bytes, at: int) -> list[Alert]:
        """Takes over the state of a snapshot, into a new engine; then replay what arrived since, and `resume`. Returns
        alerts that were firing under rules or targets that are gone, or whose state is refused: resolved at `at`. Raises
        ValueError where it is no snapshot: nothing was taken over then. `refused` tells what else was not."""
        snapshot = snapshots.decode(data)
        self.counts.update(snapshot.counts)
        laid = snapshots.put(self.banks, snapshot, at + self.future_limit)
        self.refused = laid.refused
        return [self._orphan(orphan, at) for orphan in laid.orphans]

    def rebind(self, rules: Iterable[Rule], facility: Facility, at: int) -> list[Alert]:
        """Another facility or other rules: unchanged rules keep their state on unchanged targets, the rest starts afresh.
        Returns alerts whose rule or target is gone: resolved at `at`."""
        before = snapshots.take(self.banks, {})
        down = self._down
        self._lay_out(rules, facility)
        laid = snapshots.put(self.banks, before, int(NEVER))
        for bank, rows in laid.rows:
            if bank.kind.PATIENT and down is not None:
                bank.state["paused"][:] = [target.device in down for target in bank.targets]
                fresh = np.setdiff1d(bank.state.every, rows)
                bank.resume(fresh[~bank.state["paused"][fresh]], at)
        return [self._orphan(orphan, at) for orphan in laid.orphans] + self._collect()

    # inside

    def _judge(self, batch: Batch, now: int) -> None:
        if not len(batch) or not self.banks:
            return
        known = batch.point < min(bank.route.points for bank in self.banks)
        live = ~batch.historical
        self.counts["historical"] += int(np.count_nonzero(batch.historical))
        if not (known.all() and live.all()):
            batch = batch.take(known & live)
        usable = batch.at <= now + self.future_limit
        self.counts["future"] += len(batch) - int(np.count_nonzero(usable))
        good = batch.quality != Quality.BAD
        self.counts["bad"] += len(batch) - int(np.count_nonzero(good))
        judged = batch if (usable & good).all() else batch.take(usable & good)
        self._feed_banks(judged, [bank for bank in self.banks if bank.kind.CLOCK == "at" and not bank.kind.USES_BAD])
        timely = batch if usable.all() else batch.take(usable)
        self._feed_banks(timely, [bank for bank in self.banks if bank.kind.CLOCK == "at" and bank.kind.USES_BAD])
        self._feed_banks(batch, [bank for bank in self.banks if bank.kind.CLOCK != "at"])

    def _feed_banks(self, batch: Batch, banks: Sequence[Bank]) -> None:
        if not banks or not len(batch):
            return
        numbers = batch.point.astype(np.int64)
        waves = self._cutter.cut(numbers, len(self._index))
        for bank in banks:
            at = batch.at if bank.kind.CLOCK == "at" else batch.received
            value = (batch.at - batch.received) / SECOND if bank.kind.CLOCK == "offset" else batch.value
            bank.feed(numbers, at, value, batch.quality, waves)

    def _signal(self, devices: Iterable[str], at: int, born: bool) -> list[Alert]:
        for bank, rows in self._rows_of(set(devices)):
            bank.signal(rows, at, born)
        return self._collect()

    def _rows_of(self, devices: set[str]) -> list[tuple[Bank, IntArray]]:
        by_bank: dict[int, list[int]] = {}
        for device in devices:
            for number, row in self._device_rows.get(device, ()):
                by_bank.setdefault(number, []).append(row)
        return [(self.banks[number], np.array(sorted(rows), np.int64)) for number, rows in by_bank.items()]

    def _collect(self) -> list[Alert]:
        alerts = [self._alert(bank, change) for bank in self.banks if bank.lifecycle.changes for change in bank.changes()]
        return sorted(alerts, key=_order) if len(alerts) > 1 else alerts

    def _alert(self, bank: Bank, change: Change) -> Alert:
        rule, target = bank.rules[int(bank.rule_of[change.row])], bank.targets[change.row]
        resolved = change.at if change.condition is Condition.RESOLVED else None
        evidence = {"first": change.first, "worst_at": change.worst_at, "unit": rule.kind.unit(target), **change.evidence}
        if np.isfinite(change.limit):
            evidence.setdefault("clear_at", change.limit)
        return Alert(
            rule.id, rule.kind.NAME, rule.severity, target.id, _shown(target),
            change.condition, change.since, change.at, None if change.fired == UNSEEN else change.fired, resolved,
            change.value, change.worst, change.limit, evidence,
        )  # fmt: skip

    def _orphan(self, orphan: dict[str, Any], at: int) -> Alert:
        target, *points = str(orphan["target"]).split("\n")
        ended = max(at, orphan["since"], orphan["fired"])
        rule = self._stated.get(orphan["rule"])
        kind, severity = (rule.kind.NAME, rule.severity) if rule else ("", Severity.MEDIUM)
        return Alert(
            orphan["rule"], kind, severity, target, tuple(point for point in points if point), Condition.RESOLVED,
            orphan["since"], ended, orphan["fired"], ended, orphan["value"], orphan["worst"], orphan["limit"],
            {"ended": orphan["ended"]},
        )  # fmt: skip


def _shown(target: Target) -> tuple[str, ...]:
    return tuple(point.id for point in target.points if point) if target.shows is None else target.shows


def _order(alert: Alert) -> tuple[int, str, str, int]:
    return alert.at, alert.rule, alert.target, 0 if alert.condition is Condition.FIRING else 1


def points_of(facility: Facility, devices: Iterable[str]) -> list[str]:
    """The points of devices and of the devices behind them."""
    names = set(devices)
    parents = {id: device.gateway for id, device in facility.devices.items()}
    return [point.id for point in facility.points.values() if names & set(climb(point.device, parents))]
