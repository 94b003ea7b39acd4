"""What the books (the ledger of the running service) hand out. Times are int64 ns, values in the canonical unit of the point.

`Ledgers` is what the rest of steward.app may rely on; `steward.app.ledger.books.Books` is it. Every method of it blocks
(records, and for evidence and restatements the store too): call it in a thread (`asyncio.to_thread`), never in the event loop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from metering.baselines import Baseline, Refusal
from metering.savings import Savings
from steward.model import ByteArray, FloatArray, IntArray, NumberArray


@dataclass(frozen=True, slots=True)
class Consumption:
    """Consumption of one register over periods, columns of equal length n in time order.

    start, end: ns; value, low, high: canonical unit (NaN where nothing is known), low and high from the bounds of the events
    inside; method: metering.intervals.Method, the worst; flags: metering.intervals.Flag; confidence, coverage: 0-1 (coverage:
    share of the period's quarter-hours that are neither missing nor held); revision: the last that changed it, 0 if none.
    """

    point: str
    unit: str
    start: IntArray
    end: IntArray
    value: FloatArray
    low: FloatArray
    high: FloatArray
    method: ByteArray
    flags: NDArray[np.uint16]
    confidence: NDArray[np.float32]
    coverage: NDArray[np.float32]
    revision: NumberArray

    def __len__(self) -> int:
        return len(self.start)

    @property
    def total(self) -> float:
        """The sum of what is known; NaN when nothing is."""
        known = self.value[~np.isnan(self.value)]
        return float(known.sum()) if len(known) else float("nan")


@dataclass(frozen=True, slots=True)
class RegisterState:
    """A register now. at, value: its last good read (ns, canonical unit, None before the first); settled_until: no coming
    read changes what lies before; held: reads that wait; questions: how many wait for a person; revision: the last number;
    clean: closed with the others, False while it is solved by itself; fault: 0 none, 1 held, 2 stuck, 3 a question waits;
    error: why it could not be solved, "" if it was; unit: canonical; today: consumption since local midnight, None where
    nothing is known; waiting: about to be solved by itself."""

    point: str
    at: int | None
    value: float | None
    settled_until: int | None
    held: int
    questions: int
    revision: int
    clean: bool
    fault: int
    error: str = ""
    unit: str = ""
    today: float | None = None
    waiting: bool = False


@dataclass(frozen=True, slots=True)
class AskedAnswer:
    """One answer to a question. number: its place in the list; values: register units and ns; consumption: what follows, in
    the canonical unit, None where it depends on what the person enters."""

    number: int
    action: str
    values: Mapping[str, float]
    consumption: float | None


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question for a person: `id` is the same as long as its cause is. known: reads in register units, consumption, low and
    high in the canonical unit."""

    id: str
    point: str
    topic: str
    start: int
    at: int
    known: Mapping[str, float]
    answers: Sequence[AskedAnswer]


@dataclass(frozen=True, slots=True)
class Read:
    """A read as evidence. value: canonical unit, with the register's ratios applied; raw: as stored; label: why it was put
    aside, "" for a good one."""

    at: int
    received: int
    value: float
    raw: float
    source: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """What lies between two good reads. consumption, low, high: canonical unit; None read: declared by a person."""

    start: int
    end: int
    kind: str
    first: Read | None
    last: Read | None
    consumption: float
    low: float
    high: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Proof:
    """What the figures of a span rest on: links between good reads, every read with its label, declarations."""

    point: str
    start: int
    end: int
    links: Sequence[Link]
    reads: Sequence[Read]
    declarations: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Restated:
    """A revision. start: the quarter-hours that changed, ns; old, new: canonical unit."""

    number: int
    point: str
    at: int
    reason: str
    who: str
    start: IntArray
    old: FloatArray
    new: FloatArray


@dataclass(frozen=True, slots=True)
class Closed:
    """A month closed for one register; later differences are adjustments (canonical unit, booked at `at`)."""

    point: str
    month: str
    start: int
    end: int
    value: float
    at: int
    who: str
    settled: bool
    adjustments: Sequence[tuple[int, int, float]] = ()
    """(revision, at, difference)."""


class Ledgers(Protocol):
    """The ledger of the facility. Raises NotFound for a point without a register, ValueError for what cannot be."""

    def consumption(self, point: str, start: int, end: int, period: str = "quarter", billing_day: int = 1) -> Consumption:
        """Consumption of [start, end) by "quarter", "hour", "day", "month", "billing" (a month from the billing day on, 1-28)
        or "year" of the site's local time."""

    def registers(self) -> list[RegisterState]:
        """Every register, by point id."""

    def questions(self, point: str | None = None) -> list[AskedQuestion]:
        """What waits for a person, oldest first."""

    def answer(
        self, question: str, answer: int, who: str, now: int, values: Mapping[str, float] | None = None
    ) -> list[Restated]:
        """Takes answer number `answer` of a question (`values` replace what the person knows better), on record."""

    def declare(
        self,
        point: str,
        kind: str,
        at: int,
        who: str,
        now: int,
        *,
        end: float | None = None,
        start: float | None = None,
        until: int | None = None,
        value: float | None = None,
        power: int = 0,
        reason: str = "",
    ) -> list[Restated]:
        """A person's word: swap, reset, unit, consumption, discard, confirm (metering.declarations); reads and consumption
        as the register shows them, in units of the point's register."""

    def revisions(self, point: str, start: int, end: int) -> list[Restated]:
        """The revisions that touched [start, end), oldest first."""

    def evidence(self, point: str, start: int, end: int) -> Proof:
        """What the figures of [start, end) rest on."""

    def close(self, month: str, who: str, now: int) -> list[Closed]:
        """Closes a month ("2026-10", local time of each site) for every register that is not closed yet."""

    def closed(self, month: str) -> list[Closed]:
        """The closings of a month, with their adjustments so far."""

    def baseline(self, point: str) -> Baseline | Refusal | None:
        """The fitted baseline of a register, or why there is none; None before the first fit."""

    def savings(self, point: str, start: int, end: int) -> Savings | Refusal:
        """Savings of [start, end) against the baseline."""
