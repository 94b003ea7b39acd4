"""Trying rules on the past: a request in, episodes, scores, a sweep's curve or a diff out, while the service goes on.

Invariants: rules are checked before anything is read; the history is read a block at a time, so memory is bounded whatever the
span; the work is done in processes of its own, one per share of the rules, so live judging is not slowed; a run can be looked
at (partial results) and cancelled at any time; the last runs are kept, older ones are forgotten.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from rules.backtest import Episode, Outcome
from rules.contract import Rule
from rules.load import load
from rules.scoring import Change, Curve, Label, Places, Score, curve, difference, relevant, score, variants
from steward.app.trials.processes import Block, worker
from steward.errors import ConfigError, NotFound, Problem, StewardError
from steward.model import Batch, Facility, PointIndex
from steward.units import DAY, HOUR

log = structlog.get_logger()

BLOCK = 1_500_000
"""Samples of one block, about: 40 MB of columns."""
KEPT = 20
"""Runs that are remembered."""
WAITING = 8
"""Runs that may wait; more are refused."""
OTHER = "after:"
"""Prefix of the rules of a second version."""

Table = tuple[str, Mapping[str, Any]]
Price = Callable[[Episode, Rule | None], float | None]


class History(Protocol):
    """Where the past comes from (steward.store.Store, or a file)."""

    async def read(self, points: Sequence[int], start: int, end: int) -> Batch:
        """Samples of points in [start, end)."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """Values to try for one field of one rule; `field` with dots for tables within it."""

    rule: str
    field: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be tried: rule tables (`where`, table) over [start, end) ns; beside them values of a sweep, or a second
    version of the same rules (`against`); labels say what was wrong, `complete`: nothing else was."""

    tables: tuple[Table, ...]
    start: int
    end: int
    sweep: Sweep | None = None
    against: tuple[Table, ...] | None = None
    labels: tuple[Label, ...] = ()
    complete: bool = False
    by: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A rule's result: episodes, hours in alert, targets watched; score where there are labels, cost where prices are known."""

    rule: str
    kind: str
    targets: int
    episodes: int
    hours: float
    score: Score | None
    cost: float | None


@dataclass(slots=True)
class Run:
    """A request on its way. state: waiting, running, done, cancelled or failed; at: moment of the history reached, ns;
    samples: fed so far; started, finished: ns. outcome is partial until the state is done."""

    id: str
    request: Request
    rules: list[Rule]
    asked: int
    state: str = "waiting"
    at: int = 0
    samples: int = 0
    started: int | None = None
    finished: int | None = None
    error: str = ""
    outcome: Outcome | None = None
    warnings: list[str] = field(default_factory=list)
    task: asyncio.Task[None] | None = None
    looking: asyncio.Event = field(default_factory=asyncio.Event)
    looked: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def progress(self) -> float:
        """Share of the span that is done, 0-1."""
        if self.state == "done":
            return 1.0
        span = self.request.end - self.request.start
        return min(1.0, max(0.0, (self.at - self.request.start) / span))


@dataclass(frozen=True, slots=True)
class Report:
    """What a run tells: a row per rule, the curve of a sweep, the diff of two versions; the episodes are in the outcome."""

    rows: tuple[Row, ...]
    curve: Curve | None
    changes: tuple[Change, ...] | None


class Trials:
    """The trials of one service, one at a time. `price`: money wasted by an episode, None where it is not known."""

    def __init__(
        self,
        facility: Callable[[], Facility],
        index: PointIndex,
        history: History,
        clock: Callable[[], int],
        *,
        price: Price = lambda episode, rule: None,
        processes: int = 1,
    ) -> None:
        self._facility, self._index, self._history, self._clock = facility, index, history, clock
        self._price, self._processes = price, processes
        self._runs: dict[str, Run] = {}
        self._turn = asyncio.Lock()
        self._count = 0

    def submit(self, request: Request) -> Run:
        """Checks a request and starts it (after those before it). Raises ConfigError with every problem of its rules,
        StewardError when too many wait."""
        if sum(run.state == "waiting" for run in self._runs.values()) >= WAITING:
            raise StewardError(f"{WAITING} trials wait already: cancel one, or ask again later")
        if request.end <= request.start:
            raise ConfigError([Problem("end", "is not after start", "a later moment")])
        rules, warnings = self._load(request)
        self._count += 1
        run = Run(f"t{self._count}", request, rules, self._clock(), at=request.start, warnings=warnings)
        self._runs[run.id] = run
        for old in [one.id for one in self._runs.values() if one.finished is not None][:-KEPT]:
            del self._runs[old]
        run.task = asyncio.create_task(self._serve(run), name=f"trial {run.id}")
        return run

    def get(self, id: str) -> Run:
        """A run. Raises NotFound."""
        if id not in self._runs:
            raise NotFound("trial", id)
        return self._runs[id]

    def runs(self) -> list[Run]:
        """The runs that are remembered, newest first."""
        return list(reversed(self._runs.values()))

    async def look(self, run: Run, patience: float) -> None:
        """Waits at most `patience` seconds for fresh partial results of a running trial."""
        if run.task is None or run.state != "running":
            return
        run.looking.set()
        waits = asyncio.create_task(run.looked.wait())
        await asyncio.wait({run.task, waits}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        waits.cancel()
        run.looked.clear()

    async def cancel(self, id: str) -> Run:
        """Ends a run; what it found so far stays."""
        run = self.get(id)
        if run.task is not None and not run.task.done():
            run.task.cancel()
            await asyncio.gather(run.task, return_exceptions=True)
            if run.state == "waiting":  # cancelled before its first step: the task itself never ran
                run.state, run.finished = "cancelled", self._clock()
        return run

    async def close(self) -> None:
        """Ends all runs."""
        for run in list(self._runs.values()):
            await self.cancel(run.id)

    def priced(self, run: Run) -> Callable[[Episode], float | None]:
        """The price of each episode of a run by the rule that made it."""
        rules = {rule.id: rule for rule in run.rules}
        return lambda episode: self._price(episode, rules.get(episode.rule))

    def report(self, run: Run) -> Report:
        """The result so far, in figures. Blocks where prices are asked of a ledger."""
        request, outcome = run.request, run.outcome or Outcome(run.request.start, run.at)
        places = Places(self._facility())
        price = self.priced(run)
        rows = []
        for rule in run.rules:
            episodes = outcome.of(rule.id)
            labels = relevant(request.labels, rule.id.split("@")[0].removeprefix(OTHER), rule.kind.NAME)
            judged = score(episodes, labels, places, outcome.end, complete=request.complete) if request.labels else None
            prices = [one for one in map(price, episodes) if one is not None]
            rows.append(
                Row(
                    rule.id,
                    rule.kind.NAME,
                    outcome.targets.get(rule.id, 0),
                    len(episodes),
                    outcome.hours(rule.id),
                    judged,
                    sum(prices) if prices else None,
                )
            )
        return Report(tuple(rows), self._curve(run, outcome, places), self._changes(run, outcome))

    def _curve(self, run: Run, outcome: Outcome, places: Places) -> Curve | None:
        sweep = run.request.sweep
        if sweep is None:
            return None
        kind = next(rule.kind.NAME for rule in run.rules if rule.id.startswith(f"{sweep.rule}@"))
        labels = relevant(run.request.labels, sweep.rule, kind)
        complete = run.request.complete
        return curve(outcome, sweep.rule, sweep.field, sweep.values, labels, places, complete=complete, cost=self.priced(run))

    def _changes(self, run: Run, outcome: Outcome) -> tuple[Change, ...] | None:
        if run.request.against is None:
            return None
        ids = {rule.id for rule in run.rules}
        names = sorted({id.removeprefix(OTHER) for id in ids})
        return tuple(change for id in names for change in difference(outcome, outcome, id, OTHER + id))

    def _load(self, request: Request) -> tuple[list[Rule], list[str]]:
        tables = list(request.tables)
        if request.sweep is not None:
            sweep = request.sweep
            chosen = next((table for _, table in tables if table.get("id") == sweep.rule), None)
            if chosen is None:
                raise ConfigError([Problem("sweep.rule", f"no rule {sweep.rule!r}", "the id of a rule in this request")])
            tables = list(variants(chosen, sweep.field, sweep.values))
        if request.against is not None:
            tables += [
                (f"against {where}", {**table, "id": f"{OTHER}{table.get('id', '')}"}) for where, table in request.against
            ]
        loaded = load(tables, self._facility())
        if loaded.problems:
            raise ConfigError(loaded.problems)
        if not loaded.rules:
            raise ConfigError([Problem("rules", "there is no rule to try", "at least one")])
        return loaded.rules, [str(warning) for warning in loaded.warnings]

    async def _serve(self, run: Run) -> None:
        """A run from waiting to its end, whatever that is."""
        try:
            async with self._turn:
                run.state, run.started = "running", self._clock()
                await self._replay(run)
            run.state = "done"
        except asyncio.CancelledError:
            run.state = "cancelled"
        except Exception as error:  # the task boundary: a failed trial is a result
            run.state, run.error = "failed", f"{type(error).__name__}: {error}"
            log.warning("trial_failed", trial=run.id, error=run.error)
        finally:
            run.finished = self._clock()

    async def _replay(self, run: Run) -> None:
        facility, request = self._facility(), run.request
        async with contextlib.AsyncExitStack() as stack:
            block = stack.enter_context(contextlib.closing(Block()))
            workers = [
                await stack.enter_async_context(worker(rules, facility, list(self._index.ids), request.start))
                for rules in _shares(run.rules, self._processes)
            ]
            begin = min(one.begin for one in workers)
            points = sorted({point for one in workers for point in one.points})
            span = DAY
            start = begin
            while start < request.end and points:
                end = min(start + span, request.end)
                batch = await self._history.read(points, start, end)  # while the workers are busy with the block before
                await asyncio.gather(*(one.settle() for one in workers))
                run.at, run.samples = max(start, request.start), run.samples + len(batch)
                if run.looking.is_set() and start > request.start:
                    run.outcome = _merged([await one.outcome("look", None) for one in workers])
                    run.looking.clear()
                    run.looked.set()
                if len(batch):
                    memory = await asyncio.to_thread(block.hold, batch)
                    for one in workers:
                        one.feed(memory, len(batch))
                    span = max(HOUR, min(30 * DAY, int(span * BLOCK / len(batch))))
                start = end
            await asyncio.gather(*(one.settle() for one in workers))
            run.outcome = _merged([await one.outcome("end", request.end) for one in workers])
            run.at = request.end


def _shares(rules: Sequence[Rule], processes: int) -> list[list[Rule]]:
    """The rules in as many shares as there are processes, dealt out by kind so that each share has some of all."""
    ordered = sorted(rules, key=lambda rule: rule.kind.NAME)
    shares = [list(ordered[number::processes]) for number in range(max(1, processes))]
    return [share for share in shares if share]


def _merged(outcomes: Sequence[Outcome]) -> Outcome:
    """The outcomes of the shares as one."""
    whole = Outcome(outcomes[0].start, max(one.end for one in outcomes))
    for one in outcomes:
        whole.episodes += one.episodes
        whole.targets |= one.targets
        whole.not_applicable += one.not_applicable
        whole.warming += one.warming
        for reason, count in one.counts.items():
            whole.counts[reason] = whole.counts.get(reason, 0) + count
    whole.episodes.sort(key=lambda episode: (episode.fired, episode.rule, episode.target))
    return whole
