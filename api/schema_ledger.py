"""Types of the ledger: figures with what they rest on, questions, acts; see api.schema for the conventions."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from api.schema import Ms, Names, Shape
from api.schema_trials import Ask, Moment

PeriodName = Literal["quarter", "hour", "day", "month", "billing", "year"]
MethodName = Literal["measured", "manual", "rollover", "replayed", "interpolated", "reset", "swap", "estimated"]
Who = Annotated[str, Field(min_length=1, max_length=200, description="who says so; on record")]


class LedgerRegister(Shape):
    """A register. held: reads that wait; clean: closed with the others; error: why it could not be solved; today: consumption
    since local midnight; waiting: its history is still being worked out; node: key of the node it hangs on."""

    point: str
    name: Names
    node: str
    at: Ms | None
    value: float | None
    settled_until: Ms | None
    held: int
    questions: int
    revision: int
    clean: bool
    fault: Literal["none", "held", "stuck", "question"]
    error: str
    unit: str
    today: float | None
    waiting: bool


class LedgerRegisters(Shape):
    """All registers."""

    registers: list[LedgerRegister]


class LedgerFigure(Shape):
    """One period. low, high: by the bounds of the events inside; coverage: share neither missing nor held; evidence: the way
    down to the reads."""

    start: Ms
    end: Ms
    value: float | None
    low: float | None
    high: float | None
    method: MethodName
    flags: list[str]
    confidence: float
    coverage: float
    revision: int
    evidence: str


class LedgerFigures(Shape):
    """Consumption by local periods of the site."""

    point: str
    unit: str
    period: PeriodName
    total: float | None
    figures: list[LedgerFigure]


class LedgerRead(Shape):
    """A read. value: with ratios; raw: as stored; label: why it was put aside, empty for a good one."""

    at: Ms
    received: Ms
    value: float
    raw: float
    source: str
    label: str


class LedgerLink(Shape):
    """What lies between two good reads; a read that is null was declared."""

    start: Ms
    end: Ms
    kind: str
    first: LedgerRead | None
    last: LedgerRead | None
    consumption: float
    low: float
    high: float
    confidence: float


class LedgerDeclared(Shape):
    """A declaration in force."""

    at: Ms
    until: Ms
    kind: str
    by: str
    reason: str
    number: int


class LedgerEvidence(Shape):
    """What figures rest on."""

    point: str
    start: Ms
    end: Ms
    links: list[LedgerLink]
    reads: list[LedgerRead]
    declarations: list[LedgerDeclared]


class LedgerChange(Shape):
    """A quarter-hour that was restated."""

    start: Ms
    old: float
    new: float


class LedgerRevision(Shape):
    """A restatement: when, why, by whom, from what to what."""

    number: int
    point: str
    at: Ms
    reason: str
    who: str
    difference: float
    changes: list[LedgerChange]


class LedgerRevisions(Shape):
    """Restatements of a register."""

    point: str
    revisions: list[LedgerRevision]


class LedgerActed(Shape):
    """What an act restated."""

    revisions: list[LedgerRevision]


class LedgerAnswer(Shape):
    """A possible answer, and the consumption that follows (null where it depends on what is entered)."""

    number: int
    action: str
    values: dict[str, float]
    consumption: float | None


class LedgerQuestion(Shape):
    """A question for a person: what is known, what can be answered. resolution: canonical units of one unit of its reads."""

    id: str
    point: str
    topic: str
    start: Ms
    at: Ms
    unit: str
    resolution: float
    known: dict[str, float]
    answers: list[LedgerAnswer]


class LedgerQuestions(Shape):
    """What waits for a person."""

    questions: list[LedgerQuestion]


class LedgerAdjustment(Shape):
    """A later difference of a closed month."""

    revision: int
    at: Ms
    difference: float


class LedgerClosed(Shape):
    """A closed month of a register."""

    point: str
    value: float
    at: Ms
    who: str
    settled: bool
    adjustments: list[LedgerAdjustment]


class LedgerMonth(Shape):
    """A closed month."""

    month: str
    closed: list[LedgerClosed]


class LedgerTaken(Shape):
    """How many reads were taken."""

    taken: int


class LedgerBaseline(Shape):
    """A fitted baseline or its refusal (`baseline` null: never fitted); refused: the reason, empty where accepted."""

    point: str
    baseline: dict[str, Any] | None


class LedgerSavings(Shape):
    """Savings with half the width of their interval at `confidence`; refused: why there are none, with its code (see Said)."""

    point: str
    refused: str
    code: str
    params: dict[str, str]
    expected: float | None
    actual: float | None
    saved: float | None
    half_width: float | None
    fraction: float | None
    confidence: float
    cautions: list[str]


class LedgerAnswerAsk(Ask):
    """Which answer, by whom; `values` replace what the answer holds (register units and ns, as listed)."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"answer": 1, "by": "Li Wei"}]})

    answer: int = Field(ge=0, le=50)
    by: Who
    values: dict[str, float] = Field({}, max_length=8)


class LedgerDeclareAsk(Ask):
    """A person's word about a register; reads in `unit`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"kind": "swap", "at": "2026-11-22T08:00:00Z", "by": "Li Wei", "end": 1497.5, "start": 400500, "unit": "kWh"}
            ]
        },
    )

    kind: Literal["swap", "reset", "unit", "consumption", "discard", "confirm", "withdraw"]
    at: Moment
    by: Who
    until: Moment | None = None
    end: float | None = Field(None, ge=0, description="last read of the old meter")
    start: float | None = Field(None, ge=0, description="first read of the new one")
    value: float | None = Field(None, ge=0, description="consumption")
    power: int = Field(0, ge=-3, le=3, description="unit: the register counts 10^power more units from then on")
    unit: str = Field("", max_length=20, description="of end, start and value; empty: canonical", examples=["kWh"])
    reason: str = Field("", max_length=2000)


class LedgerReadAsk(Ask):
    """One read."""

    at: Moment
    value: float = Field(ge=0)


class LedgerReadsAsk(Ask):
    """Reads that a person took."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"reads": [{"at": "2026-11-24T05:50:00Z", "value": 1957.5}], "unit": "kWh", "by": "Li Wei"}]
        },
    )

    reads: list[LedgerReadAsk] = Field(min_length=1, max_length=10_000)
    unit: str = Field("", max_length=20, description="empty: canonical", examples=["kWh"])
    by: Who


class LedgerCloseAsk(Ask):
    """Who closes the month."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"by": "Li Wei"}]})

    by: Who
