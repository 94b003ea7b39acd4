"""Types of the answers about the Now view, devices, the quarantine, search, rules and the service itself; see api.schema."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from api.schema import AlertCounts, Ms, Names, PathStep, PointRow, Said, Severity, Shape

DeviceStateName = Annotated[
    Literal["seen", "stale", "dead", "never"],
    Field(description="stale: all its points are; dead: declared lost (last will); never: not heard of"),
]
HitKind = Literal["organisation", "site", "space", "equip", "device", "point"]


class Power(Shape):
    """Power by main meters."""

    power: float | None = Field(description="W; the sum of the fresh ones, null where none is")
    power_points: list[str] = Field(description="the points that are summed up")
    power_fresh: int = Field(description="how many of them are fresh: fewer than all means that the sum is partial")
    power_at: Ms | None = Field(description="of the oldest value in the sum")


class Quantity(Power):
    """A quantity over a place. `today`: the increase of the main registers since local midnight, null without any."""

    today: float | None
    today_unit: str = Field(examples=["Wh"])


class FreshCounts(Shape):
    """Points by state."""

    fresh: int
    stale: int
    dead: int
    none: int
    total: int


class VehicleCounts(Shape):
    """Vehicles below a node; `out`: ignition on, moving, or faster than a walk."""

    total: int
    out: int


class Summary(Shape):
    """Sums over a place."""

    now: Ms
    day_start: Ms
    quantities: dict[Literal["electricity", "water", "gas"], Quantity]
    points: FreshCounts
    vehicles: VehicleCounts
    alerts: AlertCounts


class SiteRow(Power):
    """A site as the Now view lists it."""

    key: str
    id: str
    name: Names
    area_m2: float | None
    today: float | None = Field(description="Wh since local midnight, by main registers")
    spark: list[float | None] = Field(description="mean W by half-hour over the last day, null where a main point is missing")
    points: int
    stale: int
    silent: int
    newest: Ms | None
    age: int | None = Field(description="ms since the newest value")
    worst: Severity | None
    alerts: AlertCounts


class Sites(Shape):
    """One row per site. The last element of each `spark` is the half-hour that is running."""

    now: Ms
    spark_start: Ms
    spark_window: int = Field(description="ms")
    sites: list[SiteRow]


class DeviceRow(Shape):
    """A device as it was heard."""

    id: str
    name: Names
    state: DeviceStateName
    format: str
    address: str
    broker: str
    gateway: str = Field(description="id of the device that speaks for it")
    template: str
    node: str
    site: str
    seen: Ms | None
    age: int | None = Field(description="ms since `seen`")
    dead: Ms | None
    offset: int | None = Field(description="its clock minus ours, ms; null: not known to be off")
    samples: int = Field(description="since the start of the service")
    points: int
    stale: int


class DeviceCounts(Shape):
    """Devices by state."""

    seen: int
    stale: int
    dead: int
    never: int


class DevicePage(Shape):
    """Devices. `total` counts all that match."""

    total: int
    counts: DeviceCounts
    devices: list[DeviceRow]
    after: str | None


class FieldRow(Shape):
    """The way from a field of a device to a point: value = raw * scale + offset."""

    field: str
    point: str
    scale: float
    offset: float


class DeviceDetail(DeviceRow):
    """Everything about a device."""

    path: list[PathStep]
    values: list[PointRow]
    fields: list[FieldRow]
    behind: list[str] = Field(description="ids of the devices that it speaks for")


class QuarantineEntry(Shape):
    """A message, or a part of one, that became no sample."""

    broker: str
    topic: str
    reason: str = Field(examples=["unmapped"])
    detail: str
    code: str = Field(description="of the detail, see Said")
    params: dict[str, str]
    payload: str = Field(description="the newest one; at most 4096 bytes of it")
    encoding: Literal["text", "base64"]
    size: int
    cut: bool
    address: str
    template: str
    count: int
    first: Ms | None
    last: Ms | None


class StrangerRow(Shape):
    """An address that no device has, with the last value of each field that it sent: what an integrator adopts."""

    broker: str
    template: str
    format: str
    address: str
    fields: dict[str, float | int | bool | str]
    count: int
    first: Ms | None
    last: Ms | None


class QuarantinePage(Shape):
    """What could not be used. `counts`: since the start, by reason."""

    counts: dict[str, int]
    entries: list[QuarantineEntry]
    strangers: list[StrangerRow]


class HitRow(Shape):
    """Something that a search found."""

    kind: HitKind
    id: str
    name: Names
    key: str
    where: list[Names] = Field(description="the names above it, from the top")
    extra: str = Field(description="plate of a vehicle, address of a device")


class SearchResult(Shape):
    """What a search found, the best first."""

    hits: list[HitRow]


class RuleUnjudged(Shape):
    """Targets that a rule fits and cannot judge, for one reason; code, params: of the reason, see Said."""

    reason: str
    code: str
    params: dict[str, str]
    count: int
    targets: list[str] = Field(description="the first of them")


class RuleRow(Shape):
    """A rule as it runs."""

    id: str
    kind: str
    severity: Severity
    title: Names
    where: str = Field(description="file and table it is written in")
    points: int
    targets: int
    about: str = Field(description="what its kind does")
    definition: dict[str, Any] = Field(description="its table; of a pack's rule with the facility's own keys over it")
    why: Names = Field(description="why it exists")
    check: Names = Field(description="what to check first when it fires")
    source: str = Field(description="where its limits come from")
    pack: str = Field(description="the pack it comes from; empty: the facility file")
    not_applicable: list[RuleUnjudged]
    not_evaluated: list[RuleUnjudged] = Field(description="conditions that targets which are judged lack a role for")
    firing: int


class Rules(Shape):
    """All rules."""

    rules: list[RuleRow]


class Reloaded(Shape):
    """What the facility holds after a reload."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"facility": "linhai", "points": 2604, "devices": 310, "sites": 4, "rules": 12}]},
    )
    facility: str
    points: int
    devices: int
    sites: int
    rules: int


class BrokerInfo(Shape):
    """A broker connection."""

    id: str
    url: str
    connected: bool
    since: Ms | None
    messages: int
    refused: dict[str, str] = Field(description="topic filter -> why the broker refused the subscription")
    error: str
    said: Said = Field(description="`error`")


class StorageInfo(Shape):
    """Store and spool."""

    engine: str
    error: str
    said: Said = Field(description="`error`")
    samples: int | None
    spool_bytes: int
    spool_limit: int
    spool_samples: int


class JobInfo(Shape):
    """A scheduled job."""

    name: str
    schedule: str
    code: str = Field(description="of the schedule, see Said")
    params: dict[str, str]
    last_good: Ms | None
    last_failure: Ms | None
    error: str
    said: Said = Field(description="`error`")
    runs: int
    failures: int
    missed: int
    overruns: int
    seconds: float
    next_run: Ms | None


class Server(Shape):
    """The service itself."""

    version: str
    now: Ms
    ready: bool
    reasons: list[str]
    said: list[Said] = Field(description="the reasons with their codes")
    facility: str
    name: Names
    points: int
    devices: int
    newest: Ms | None = Field(description="when the newest sample was received")
    lag: int | None = Field(description="ms since then")
    clients: int = Field(description="of the event stream")
    brokers: list[BrokerInfo]
    storage: StorageInfo
    jobs: list[JobInfo]


class Health(Shape):
    """Alive, ready, and why not."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"status": "ready", "reasons": []}]})
    status: Literal["ok", "ready"]
    reasons: list[str]


class Hello(Shape):
    """The first event of a stream."""

    version: str
    now: Ms
    cursor: str
    tick: int = Field(description="ms between two `values` events at least")
    points: int


class Values(Shape):
    """A `values` event: columns as in /status, of the points that changed."""

    now: Ms
    cursor: str
    id: list[str]
    value: list[float | None]
    at: list[int]
    quality: list[int]
    state: list[int]


class BrokerShort(Shape):
    """A broker in a `server` event."""

    id: str
    connected: bool


class ServerEvent(Shape):
    """A `server` event: sent when it changes."""

    ready: bool
    reasons: list[str]
    brokers: list[BrokerShort]


class FacilityEvent(Shape):
    """A `facility` event: the tree has changed, read it again."""

    points: int
    nodes: int


class Reset(Shape):
    """A `reset` event: too much was missed, read everything again."""

    reason: Literal["restarted", "too_old"]
    cursor: str


EVENTS: dict[str, type[Shape]] = {
    "hello": Hello,
    "values": Values,
    "server": ServerEvent,
    "facility": FacilityEvent,
    "reset": Reset,
}
"""kind -> type of its data; `alert` is an api.schema.AlertSummary."""
