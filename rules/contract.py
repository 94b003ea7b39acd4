"""What a rule kind is: the interface between the engine and the modules of `rules.kinds`.

A kind is a fold over time, vectorised over rows. Its fields are the config keys, its docstring the user documentation.
All rows of all rules of one kind with the same state shape live in one bank: parameters and state are arrays with one
row per (rule, target), read with `State.get` (always a copy) and written with `State.put`. A call sees each row at most
once, in time order; no kind reads a clock, so that live, warm-up and backtest are the same code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from rules.waste import Waste, told
from steward.model import Alert, BoolArray, ByteArray, Facility, FloatArray, IntArray, Nature, Point, Severity, Text

Array = NDArray[Any]

NEVER = np.iinfo(np.int64).max
"""A moment that does not come; also an unlimited duration."""
UNSEEN = np.iinfo(np.int64).min // 4
"""Before every sample. A quarter of the range, so that differences of times do not overflow."""

HOLD_INTERVALS = 3
"""A gauge or counter is taken to hold for this many expected intervals; beyond that nothing is known (open-fdd, vmalert
use a fixed five minutes; points here differ from seconds to hours, hence a multiple)."""


class NotApplicable(Exception):
    """A rule cannot be judged on a target; the text says why, for a person."""


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a kind that is judged per equip: the point that has `role` in the equip.

    required: without it the rule is not applicable; hold: ns for which a value stays usable (None: HOLD_INTERVALS x the
    point's expected interval, unlimited for states); scope "site": where the equip has no such point, the one of its site.
    """

    role: str
    required: bool = True
    hold: int | None = None
    scope: Literal["equip", "site"] = "equip"


@dataclass(frozen=True, slots=True)
class Column:
    """A state column: dtype, initial value (a name: that parameter column), shape of one row (() a number, (k,) a ring)."""

    dtype: type
    initial: float | int | bool | str = 0
    shape: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """What a row watches. `points` are the points of the inputs in order (None where an optional one is missing); for a
    rule on single points there is one. `device` is the device whose births and deaths concern the row; `shows` are the
    ids that an alert names as its points (None: those of `points`)."""

    id: str
    points: tuple[Point | None, ...]
    facility: Facility
    equip: str = ""
    device: str = ""
    shows: tuple[str, ...] | None = None

    @property
    def point(self) -> Point:
        """The first point: the one that gives unit and value. Raises NotApplicable where there is none."""
        if not self.points or self.points[0] is None:
            raise NotApplicable("no point")
        return self.points[0]


class State:
    """Columns of a bank, one row per binding; parameters and state alike. `every` is the index of all rows."""

    __slots__ = ("columns", "every")

    def __init__(self, columns: dict[str, Array], size: int) -> None:
        self.columns = columns
        self.every: IntArray = np.arange(size, dtype=np.int64)

    def __getitem__(self, name: str) -> Array:
        """The whole column itself."""
        return self.columns[name]

    def get(self, name: str, rows: IntArray) -> Array:
        """A copy of the column's values at `rows`."""
        column = self.columns[name]
        return column.copy() if rows is self.every else column.take(rows, axis=0)

    def put(self, name: str, rows: IntArray, values: Any) -> None:
        """Writes values at `rows` (each row at most once)."""
        self.columns[name][slice(None) if rows is self.every else rows] = values


@dataclass(slots=True)
class Findings:
    """What a call found, as columns over its rows.

    true: the condition holds now; value, limit: what is shown (None: the sample's value; no limit); known: where False
    there is not enough data, the condition is left as it was; due: next moment at which `elapse` must look again although
    no sample came (timed kinds); rows, at: only where a kind finds something about other rows than it was given.
    """

    true: BoolArray
    value: FloatArray | None = None
    limit: FloatArray | None = None
    known: BoolArray | None = None
    due: IntArray | None = None
    rows: IntArray | None = None
    at: IntArray | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """What points did over a stretch of history, or over parts of it, as columns. begin, end: first and last sample, ns; low,
    high: least and greatest value; longest, shortest: time from a sample to the next one of its point, ns (0 and unlimited
    where none follows in the stretch); leap: greatest difference to the next value (0 likewise)."""

    begin: IntArray
    end: IntArray
    low: FloatArray
    high: FloatArray
    longest: IntArray
    shortest: IntArray
    leap: FloatArray

    def take(self, rows: IntArray) -> Span:
        """The columns at `rows`."""
        return Span(*(getattr(self, name)[rows] for name in self.__slots__))


class Kind(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all kinds. Class variables describe the kind to the engine.

    NAME: the word in `kind = "..."`; INPUTS: empty for a rule on single points, else roles of an equip, the first being
    the trigger; TIMED: uses `due` and `elapse`; PATIENT: `elapse` is called by ticks only, never before a sample (for
    absence); CLOCK "received": time is the arrival (absence is silence, whatever the device's clock says), "offset": that
    too, and the value is how far the sample's own time lies ahead of it, s; USES_BAD: sees samples of quality BAD; UNIT: of
    the alert's value, "" for the unit of the point; JOINS: a rule on points whose `bind` puts further points beside the one
    that was matched (siblings, phases, sub-meters): that one is the trigger; MASKS: what a firing alert explains and so keeps
    quiet: "device": on a device, what hangs behind it; "below": what its equip supplies; LEADS: what `telling` names are also
    samples that lead up to those that may find something (a window, a stretch); COMPLETES: which keys of the evidence (and
    "value") are told as of the moment that ends a condition, not of the last at which it was true: sums; UNPRICED: why its
    alerts have no price (a code of rules.waste.REASONS), where `waste` says nothing.
    """

    NAME: ClassVar[str] = ""
    INPUTS: ClassVar[tuple[Input, ...]] = ()
    TIMED: ClassVar[bool] = False
    PATIENT: ClassVar[bool] = False
    CLOCK: ClassVar[Literal["at", "received", "offset"]] = "at"
    USES_BAD: ClassVar[bool] = False
    UNIT: ClassVar[str] = ""
    JOINS: ClassVar[bool] = False
    MASKS: ClassVar[Literal["", "device", "below"]] = ""
    LEADS: ClassVar[bool] = False
    COMPLETES: ClassVar[frozenset[str]] = frozenset()
    UNPRICED: ClassVar[str] = "nothing_used"

    def check(self) -> list[tuple[str, str, str]]:
        """What is wrong with the fields together: (key, what is wrong, what was expected)."""
        return []

    def warm_up(self) -> int:
        """ns of samples that a row needs before it can speak."""
        return 0

    def look_back(self) -> int:
        """ns of history worth replaying into a fresh row."""
        return self.warm_up()

    def hold(self, target: Target) -> int:
        """ns for which a sample stands for the time after it; beyond it nothing is known."""
        return hold_of(target.point)

    def unit(self, target: Target) -> str:
        """Canonical unit of the alert's value."""
        return self.UNIT or target.point.unit

    def bind(self, targets: Sequence[Target]) -> list[Target]:
        """The rows of a rule, given those that the engine found; a kind may add or fold some."""
        return list(targets)

    def requires(self, target: Target) -> Sequence[bool]:
        """Of each of the target's points whether a moment is judged only with it; kinds that join points only."""
        return [number == 0 for number in range(len(target.points))]

    def waits(self, target: Target) -> Sequence[bool]:
        """Of each of the target's points whether a moment waits for it although it is judged without it too: until a newer
        sample comes or time passes; so what one message brings is judged together. Kinds that join points only."""
        return [False] * len(target.points)

    def holds(self, target: Target) -> Sequence[int | None]:
        """Of each point of the target how long a value stays usable, ns (None: as `hold_of`); kinds that join points only."""
        return [None] * len(target.points)

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        """The constant columns of a row, in canonical units and ns. Raises NotApplicable, ValueError."""
        return {}

    def unevaluated(self, target: Target) -> Sequence[tuple[str, str]]:
        """The conditions of this kind that are not judged on a target that is, for lack of a role: (condition, role)."""
        return ()

    def waste(self, alert: Alert, evidence: Mapping[str, Any], target: Target) -> Waste | None:
        """What an alert of this kind wastes; None: nothing that can be counted. evidence: as it was while the alert fired. A
        kind that says nothing here is priced by the keys of its evidence that are named in `rules.waste`."""
        return told(evidence)

    def judged(self, target: Target, start: int, end: int) -> list[tuple[int, int]]:
        """The parts of [start, end) in which this kind judges `target`, ns."""
        return [(start, end)]

    def state(self) -> Mapping[str, Column]:
        """The state columns; rules whose columns have other shapes live in another bank."""
        return {}

    @classmethod
    def prepare(cls, state: State, targets: Sequence[tuple[str, Target]]) -> None:
        """Called once when the rows of a bank are laid out: (rule id, target) of each row."""

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        """One moment of each of `rows`. value, quality: [rows]; of several inputs [rows, inputs] (NaN: missing, too old)."""
        raise NotImplementedError

    @classmethod
    def loud(cls, state: State, rows: IntArray, of: IntArray, span: Span) -> BoolArray:
        """The coarse form of `telling`: which spans of history may hold a sample that tells. They are sorted by row and time;
        `of` is the place in `rows`; a span is all that a row has, or a part of it."""
        return np.ones(len(of), np.bool_)

    @classmethod
    def telling(
        cls, state: State, rows: IntArray, of: IntArray, at: IntArray, value: FloatArray, cut: BoolArray
    ) -> BoolArray | None:
        """Which samples must be judged, so that the statements and the state are those of judging all: a mask over samples
        of spans that are loud, sorted by row and time; `of` is the place in `rows`; cut: what came before was quiet and is
        left out. The first and the last sample of a row are judged in any case. None: all of them. Kinds of absence: where a
        silence ends."""
        return None

    @classmethod
    def elapse(cls, state: State, rows: IntArray, at: IntArray) -> Findings:
        """Time alone has brought `rows` to `at`, their `due`; timed kinds only."""
        raise NotImplementedError

    @classmethod
    def signal(cls, state: State, rows: IntArray, at: IntArray, born: bool) -> Findings | None:
        """The devices of `rows` announced themselves or died."""
        return None

    @classmethod
    def resume(cls, state: State, rows: IntArray, at: int) -> Findings | None:
        """The collector was down and is back (or starts): silence before `at` says nothing."""
        return None

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        """What else a person should see in an alert of `row`: plain values; times in ns, named `..._at`, `..._since`. Asked
        while the condition is true; what an alert says when it outlasts its condition is kept for it."""
        return {}


def hold_of(point: Point, declared: int | None = None) -> int:
    """ns for which a sample of `point` holds."""
    if declared is not None:
        return declared
    return int(NEVER) if point.nature is Nature.STATE else HOLD_INTERVALS * point.interval


@dataclass(frozen=True, slots=True)
class Gate:
    """`while = {...}`: the rule is judged only while another point of the same equip says so, and has said so for `settle`.

    While it says no, or is unknown, the row's state starts anew and nothing is found.
    """

    role: str = ""
    metric: str = ""
    above: float | None = None
    below: float | None = None
    settle: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: a kind with its fields, and what is common to all kinds. Durations in ns, texts by language."""

    id: str
    kind: Kind
    severity: Severity = Severity.MEDIUM
    match: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    wait: int = 0
    """`for`: the condition must hold this long before the alert fires."""
    keep: int = 0
    """`keep_firing_for`: the alert ends only when the condition has been false this long."""
    max_gap: int | None = None
    """How long a sample holds (None: the kind's own choice)."""
    gate: Gate | None = None
    title: Text = field(default_factory=dict)
    why: Text = field(default_factory=dict)
    check: Text = field(default_factory=dict)
    source: str = ""
    where: str = ""
    pack: str = ""
    masks: Literal["", "nothing", "below"] = ""
    """The key `masks`: what a firing alert of this rule keeps quiet, "" as the kind says."""

    @property
    def masking(self) -> Literal["", "device", "below"]:
        """What a firing alert of this rule masks."""
        if self.masks == "nothing":
            return ""
        return self.masks or self.kind.MASKS
