"""What the API answers with, as types: the OpenAPI document is made from them, and tests hold every answer against them.

Conventions: times are epoch milliseconds, null where there is no moment; values are in the canonical unit of their metric,
null where there is no data; ids are strings; names are texts by language, the key "" standing for any other language.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Ms = Annotated[int, Field(description="epoch milliseconds", examples=[1795500000000])]
Names = Annotated[dict[str, str], Field(description="language -> text", examples=[{"en": "Block A", "zh": "A座"}])]
NodeKind = Literal["organisation", "site", "space", "equip"]
Severity = Literal["critical", "high", "medium", "low"]
Condition = Literal["pending", "firing", "resolved"]
Human = Literal["unacknowledged", "acknowledged", "assigned", "in_progress", "closed"]
State = Annotated[
    Literal["fresh", "stale", "dead", "none"],
    Field(description="fresh; stale: silent longer than k expected intervals; dead: its device is lost; none: no data"),
]
QualityName = Literal["good", "uncertain", "bad"]
Delivery = Literal["deliverable", "inhibited", "shelved", "maintenance", "chattering"]


class Shape(BaseModel):
    """Base of all answers: nothing that is not said here."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*", mode="after")
    @classmethod
    def _text(cls, value: Any) -> Any:
        """Text that a database can keep: PostgreSQL stores no NUL."""
        if any(isinstance(one, str) and "\x00" in one for one in (value if isinstance(value, list) else (value,))):
            raise ValueError("holds a NUL character, expected text without")
        return value


class Problem(BaseModel):
    """RFC 9457 problem details: the one shape of every failure."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {"type": "urn:steward:problem:not-found", "title": "Not Found", "status": 404, "detail": "no point 'p9'"}
            ]
        },
    )
    type: str
    title: str
    status: int
    detail: str
    code: str = Field("", description="of the detail, for a client that words it in another language; empty: not known")
    params: dict[str, str] = Field({}, description="what the code needs")


class Said(BaseModel):
    """A sentence of the service: its English text, and a code with parameters for other languages (empty: only the text)."""

    text: str
    code: str
    params: dict[str, str]


class AlertCounts(Shape):
    """Firing alerts at or below a node, by severity; `waiting`: of them, how many nobody has acknowledged."""

    critical: int = 0
    high: int = 0
    medium: int = 0
    low: int = 0
    waiting: int = 0


class TreeNode(Shape):
    """A node of the tree. Counts and alerts are those of the node and all below it."""

    key: str = Field(description="`kind:id`, what `under` takes", examples=["site:block-a"])
    kind: NodeKind
    id: str
    name: Names
    parent: str = Field(description="key of the node above, empty at the top")
    depth: int
    type: str = Field(description="equip: its type; organisation: its kind", examples=["chiller"])
    plate: str = Field(description="of a vehicle")
    points: int
    stale: int = Field(description="points that are stale or whose device is lost")
    silent: int = Field(description="points without any data")
    worst: Severity | None
    alerts: AlertCounts
    feeds: list[str] = Field(description="equip: ids of the equips and spaces that it supplies")
    time_zone: str = Field(description="site: its IANA time zone")
    latitude: float | None
    longitude: float | None
    area_m2: float | None
    rated_power: float | None = Field(description="equip: W")


class Tree(Shape):
    """The tree in depth-first order: a node stands before those below it."""

    facility: str
    name: Names
    now: Ms
    nodes: list[TreeNode]


class Status(Shape):
    """The newest values of many points as columns of equal length. With `since`, only what changed after that cursor."""

    now: Ms
    cursor: str = Field(description="give it back as `since`, here or to /events", examples=["f1x0k2-17-90210"])
    full: bool = Field(description="true: all points asked for; false: those that changed since the cursor")
    id: list[str]
    value: list[float | None] = Field(description="canonical unit, null without data")
    at: list[int] = Field(description="epoch ms, 0 without data")
    quality: list[int] = Field(description="0 good, 1 uncertain")
    state: list[int] = Field(description="0 fresh, 1 stale, 2 device lost, 3 no data")


class Reading(Shape):
    """A point's newest value."""

    value: float | None
    at: Ms | None
    received: Ms | None
    age: int | None = Field(description="ms since `at`")
    quality: QualityName
    state: State


class PointRow(Reading):
    """A point with its newest value."""

    id: str
    name: Names
    metric: str = Field(examples=["power"])
    unit: str = Field(description="canonical unit of all values", examples=["W"])
    display_unit: str = Field(description="the unit that the facility file wishes, empty for none", examples=["kW"])
    nature: Literal["gauge", "counter", "state"]
    node: str = Field(description="key of the node it hangs on", examples=["equip:block-a.chiller-2"])
    site: str
    space: str
    equip: str
    device: str
    role: str
    category: str
    interval: int = Field(description="expected time between samples, ms")
    low: float | None = Field(description="valid range")
    high: float | None
    states: dict[str, str] = Field(description="code -> word, for points of nature state", examples=[{"0": "off", "1": "on"}])


class PointPage(Shape):
    """Points in the order of the tree. `total` counts all that match."""

    total: int
    points: list[PointRow]
    after: str | None = Field(description="cursor of the next page, null on the last")


class PathStep(Shape):
    """A node above something, from the top."""

    key: str
    kind: NodeKind
    id: str
    name: Names


class PointDetail(PointRow):
    """Everything about a point."""

    path: list[PathStep]
    digits: int | None
    register_unit: str
    rated_power: float | None
    field: str = Field(description="what the device calls it")
    scale: float = Field(description="value = raw * scale + offset")
    offset: float
    format: str
    address: str
    gateway: str
    alerts: list[AlertSummary]


class DeliveryReason(Shape):
    """Why an alert is not told to people now."""

    state: Delivery
    by: str = Field(description="id of the masking alert, the shelving, the window, or the first episode of a chattering run")
    why: str
    who: str = Field(description="the person who said so")
    until: Ms | None = Field(description="when that ends, as far as it is known")
    title: Names = Field(description="inhibited: the sentence of the masking alert, while that is open")
    code: str = Field(description="of `why` where the service wrote it, see Said")
    params: dict[str, str]


class AlertSummary(Shape):
    """An alert: one episode of a rule on one target."""

    id: str
    rule: str
    kind: str
    severity: Severity
    condition: Condition
    human: Human
    title: Names = Field(description="one sentence: what, where, since when")
    why: Names
    check: Names = Field(description="what to check first")
    target: str = Field(description="id of a point or equip")
    node: str = Field(description="key of the node it concerns")
    site: str
    equip: str
    points: list[str]
    metric: str
    unit: str = Field(description="of its first point")
    value_unit: str = Field(description="canonical unit of value, worst and limit; empty: that of its first point")
    since: Ms | None
    fired: Ms | None
    resolved: Ms | None
    at: Ms | None
    value: float | None
    worst: float | None
    limit: float | None
    acknowledged_at: Ms | None
    acknowledged_by: str
    assigned_to: str
    comments: int
    changed: Ms | None
    closed_at: Ms | None
    closed_by: str
    delivery: Delivery = Field(description="deliverable: people are told; else the gravest reason why not now")
    delivery_since: Ms | None
    reasons: list[DeliveryReason] = Field(description="all reasons why it is not told, the gravest first")
    told: Ms | None = Field(description="when it was first told; null: never")
    level: int = Field(description="escalation step reached, 0: none")
    episodes: int = Field(description="how many episodes of the same it stands for while they chatter")
    folded: bool = Field(description="a later episode stands for this one")
    label: bool | None = Field(description="a person's verdict: was it right?")
    label_by: str
    cost: float | None = Field(description="money per day if it is left, null: not known")
    currency: str = Field(description="of `cost`, ISO 4217; empty: not known")


class AlertPage(Shape):
    """Alerts: the firing ones by severity, others newest first."""

    alerts: list[AlertSummary]
    after: str | None
    total: int | None = Field(description="how many match, where that is known without reading them all")


class AlertEvent(Shape):
    """A line of an alert's history: `what` is a condition, a human state, `severity` or `comment`."""

    id: str
    what: str
    at: Ms | None
    recorded: Ms | None
    by: str = Field(description="the person; empty: the rules engine")
    comment: str
    code: str = Field(description="of a comment that the service wrote by itself, see Said; empty: a person's words")
    params: dict[str, str]


class SimilarEpisode(AlertSummary):
    """An earlier episode."""

    same: bool = Field(description="on the same target; else on another equip of the type")
    lasted: int | None = Field(description="ms from its start to its end; null while it lasts")
    said: list[str] = Field(description="what people wrote about it")


class AlertDetail(AlertSummary):
    """An alert with what the rule saw, what happened since, and how often it was so before."""

    evidence: dict[str, Any] = Field(description="what the rule saw; `cost`: its price; `counterfactual`: what would end it")
    costs: Names = Field(description="its price in words, or why it has none; empty: not asked yet")
    path: list[PathStep]
    events: list[AlertEvent]
    latest: list[PointRow] = Field(description="its points as they are now")
    similar: list[SimilarEpisode] = Field(
        description="earlier episodes of the same rule: on the same target, then on equips of the same type; newest first"
    )


class Changed(Shape):
    """The alerts that an act has changed; those that were so already are not among them."""

    changed: list[AlertSummary]


class RawSeries(Shape):
    """Samples of one point as columns."""

    point: str
    name: Names
    metric: str
    unit: str
    at: list[int] = Field(description="epoch ms")
    value: list[float | None]
    quality: list[int] = Field(description="0 good, 1 uncertain, 2 bad")


class WindowSeries(Shape):
    """Aggregates of one point as columns; windows without samples are absent: a gap is a gap."""

    point: str
    name: Names
    metric: str
    unit: str
    start: list[int] = Field(description="first moment of each window, epoch ms")
    mean: list[float | None]
    min: list[float | None]
    max: list[float | None]
    first: list[float | None]
    last: list[float | None]
    count: list[int]


class RawHistory(Shape):
    """Raw samples in [start, end)."""

    kind: Literal["raw"]
    start: Ms
    end: Ms
    series: list[RawSeries]


class WindowHistory(Shape):
    """Aggregates by window over [start, end)."""

    kind: Literal["windows"]
    start: Ms
    end: Ms
    window: int = Field(description="ms")
    series: list[WindowSeries]


History = Annotated[RawHistory | WindowHistory, Field(discriminator="kind")]


class Act(Shape):
    """Who does it, and what he wants to say. Nobody logs in yet: `by` is what the person calls himself."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"by": "Li Wei", "comment": "on my way"}]})
    by: str = Field(min_length=1, max_length=200)
    comment: str = Field("", max_length=4000)


class BulkAct(Act):
    """The same for several alerts."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"ids": ["c0ffee00c0ffee00"], "by": "Li Wei", "comment": ""}]}
    )
    ids: list[str] = Field(min_length=1, max_length=1000)


class AssignAct(Act):
    """Gives alerts to a person."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"by": "Li Wei", "to": "Wang Fang"}]})
    to: str = Field(min_length=1, max_length=200)


class CommentAct(Shape):
    """A comment."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"by": "Li Wei", "text": "valve W-14 is open"}]})
    by: str = Field(min_length=1, max_length=200)
    text: str = Field(min_length=1, max_length=4000)
