"""Types of trials: what may be asked, and what comes back; see api.schema for the conventions."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schema import Ms, Names, Said, Severity, Shape

Moment = Annotated[str | int, Field(description="ISO 8601 with zone, or epoch milliseconds", examples=["2026-10-01T00:00:00Z"])]
TrialState = Literal["waiting", "running", "done", "cancelled", "failed"]


class Ask(BaseModel):
    """Base of what may be asked: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid")


class TrialSweep(Ask):
    """Values to try side by side for one field of one rule."""

    rule: str = Field(max_length=200, examples=["high-power"])
    field: str = Field(max_length=100, description="a key of the rule's table; dots lead into tables", examples=["above"])
    values: list[Any] = Field(min_length=1, max_length=50, examples=[["80kW", "90kW", "100kW"]])


class TrialLabelAsk(Ask):
    """Something was wrong then and there; `true` false: an alert there was not right."""

    start: Moment
    end: Moment
    target: str = Field("", max_length=200, description="id of a point, equip, device, space or site; empty: anywhere")
    rule: str = Field("", max_length=200, description="glob of rule ids; empty: any")
    kind: str = Field("", max_length=100, description="glob of rule kinds; empty: any")
    true: bool = True


class TrialAsk(Ask):
    """Rules to try over the past: those that run (`use`), whole packs, or tables of one's own."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "start": "2026-10-01T00:00:00Z",
                    "end": "2026-11-01T00:00:00Z",
                    "rules": [{"id": "high", "kind": "threshold", "match": {"metric": "power"}, "above": "90kW", "for": "10m"}],
                    "sweep": {"rule": "high", "field": "above", "values": ["80kW", "90kW", "100kW"]},
                }
            ]
        },
    )

    start: Moment
    end: Moment
    use: list[str] = Field([], max_length=200, description="ids of rules as they run")
    packs: list[str] = Field([], max_length=20, examples=[["basic"]])
    rules: list[dict[str, Any]] = Field([], max_length=200, description="rule tables, as in the facility file")
    text: str = Field("", max_length=200_000, description="rule tables as TOML")
    against: list[dict[str, Any]] | None = Field(None, max_length=200, description="a second version of the same rules")
    sweep: TrialSweep | None = None
    labels: list[TrialLabelAsk] = Field([], max_length=5_000)
    people: bool = Field(True, description="also take what people said of episodes (true or false)")
    complete: bool = Field(False, description="the labels name everything that was wrong")
    by: str = Field("", max_length=200, description="who asks")


class TrialScore(Shape):
    """Against the labels. right, wrong, unknown: episodes; found, missed: labels; delays in seconds."""

    right: int
    wrong: int
    unknown: int
    found: int
    missed: int
    precision: float | None
    recall: float | None
    f1: float
    delay: float | None
    delay_p90: float | None


class TrialRule(Shape):
    """What one rule gave."""

    rule: str
    kind: str
    targets: int
    episodes: int
    hours: float = Field(description="in alert, over all targets")
    cost: float | None = Field(description="money flagged, null where no price is known")
    score: TrialScore | None


class TrialPoint(Shape):
    """One value of a sweep."""

    value: Any
    episodes: int
    hours: float
    rate: float = Field(description="episodes per target and 30 days")
    cost: float | None
    score: TrialScore | None


class TrialCurve(Shape):
    """The trade-off of a sweep, and which value to take."""

    field: str
    rows: list[TrialPoint]
    suggested: Any
    why: str


class TrialEpisode(Shape):
    """What would have been an alert."""

    rule: str
    target: str
    severity: Severity
    since: Ms
    fired: Ms
    resolved: Ms | None
    value: float | None
    worst: float | None
    limit: float | None
    points: list[str]
    title: Names
    cost: float | None


class TrialChange(Shape):
    """An episode in two versions; null where the other version has it alone. shift, longer: ms."""

    before: TrialEpisode | None
    after: TrialEpisode | None
    shift: int
    longer: int


class TrialUnbound(Shape):
    """Where a rule could not be judged."""

    rule: str
    target: str
    reason: str
    code: str = Field(description="of the reason, see Said")
    params: dict[str, str]


class TrialHead(Shape):
    """A trial on its way."""

    id: str
    state: TrialState
    progress: float = Field(ge=0, le=1)
    at: Ms | None = Field(description="moment of the history reached")
    start: Ms
    end: Ms
    samples: int
    asked: Ms
    started: Ms | None
    finished: Ms | None
    by: str
    rules: list[str]
    error: str
    warnings: list[str]
    said: list[Said] = Field(description="error and warnings with their codes")


class TrialList(Shape):
    """The trials that are remembered, newest first."""

    trials: list[TrialHead]


class Trial(TrialHead):
    """A trial with its result so far. `total`: how many episodes there are; `counts`: samples not judged, by reason."""

    results: list[TrialRule]
    curve: TrialCurve | None
    changes: list[TrialChange] | None
    episodes: list[TrialEpisode]
    total: int
    not_applicable: list[TrialUnbound]
    currency: str = Field(description="of all costs, ISO 4217; empty: the tariffs have none, or several")
    warming: int = Field(description="targets that never had enough data")
    counts: dict[str, int]
