"""Types of the alert desk: acts on several alerts, shelvings, maintenance windows, the calendar. See api.schema."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from api.schema import Act, AssignAct, Ms, Severity, Shape

WHO = {"by": "Li Wei"}
TIME = "ISO 8601 with zone or epoch milliseconds"
Ids = list[str]


class BulkAssign(AssignAct):
    """Gives several alerts to a person or group."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{**WHO, "ids": ["c0ffee00c0ffee00"], "to": "HVAC team"}]}
    )
    ids: Ids = Field(min_length=1, max_length=1000)


class BulkComment(Shape):
    """One comment on several alerts."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{**WHO, "ids": ["c0ffee00c0ffee00"], "text": "power cut"}]}
    )
    ids: Ids = Field(min_length=1, max_length=1000)
    by: str = Field(min_length=1, max_length=200)
    text: str = Field(min_length=1, max_length=4000)


class LabelAct(Act):
    """A verdict on an alert: was it right? null takes it back. Labels count when rules are tried on the past."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{**WHO, "true": False, "comment": "test of the fire pumps"}]}
    )
    true: bool | None


class BulkLabel(LabelAct):
    """The same verdict on several alerts."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{**WHO, "ids": ["c0ffee00c0ffee00"], "true": True}]}
    )
    ids: Ids = Field(min_length=1, max_length=1000)


class ScopeShape(Shape):
    """What is silenced: every member that is given must fit the alert."""

    alert: str = Field("", description="id of one episode")
    rule: str = ""
    target: str = Field("", description="id of a point, equip or device")
    site: str = ""
    space: str = Field("", description="with all that lies below it")
    equip: str = ""
    device: str = Field("", description="a gateway: with the devices behind it")
    severity: Severity | Literal[""] = ""


class ShelveAct(Shape):
    """Silences alerts for a time. They are judged as ever."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {**WHO, "reason": "belt on order", "until": "2026-11-25T18:00:00+08:00", "scope": {"rule": "r", "target": "t"}}
            ]
        },
    )
    by: str = Field(min_length=1, max_length=200)
    reason: str = Field(min_length=1, max_length=4000)
    until: str = Field(description=TIME, max_length=40)
    scope: ScopeShape


class BulkShelve(Shape):
    """Silences several alerts for a time: these episodes, or with `coming` also those of the same rule and target to come."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{**WHO, "ids": ["c0ffee00c0ffee00"], "reason": "belt on order", "until": "2026-11-25T18:00:00+08:00"}]
        },
    )
    ids: Ids = Field(min_length=1, max_length=1000)
    by: str = Field(min_length=1, max_length=200)
    reason: str = Field(min_length=1, max_length=4000)
    until: str = Field(description=TIME, max_length=40)
    coming: bool = False


class Shelving(Shape):
    """Alerts silenced by a person."""

    id: str
    scope: ScopeShape
    start: Ms | None
    end: Ms | None
    by: str
    reason: str
    cancelled: Ms | None
    cancelled_by: str


class Shelvings(Shape):
    """Shelvings that are not over, by their start; after an act, those that it made or ended."""

    shelvings: list[Shelving]


class CancelAct(Shape):
    """Who ends it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"by": "Li Wei"}]})
    by: str = Field(min_length=1, max_length=200)


class WindowAct(Shape):
    """A maintenance window: once (`start`, `end`), or weekly (`days`, `hours` in local time of the site)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{**WHO, "reason": "pump service", "scope": {"equip": "e"}, "days": ["sat"], "hours": "22:00-02:00"}]
        },
    )
    by: str = Field(min_length=1, max_length=200)
    reason: str = Field(min_length=1, max_length=4000)
    scope: ScopeShape
    start: str | None = Field(None, description=f"{TIME}; weekly: not before", max_length=40)
    end: str | None = Field(None, description=f"{TIME}; weekly: not after", max_length=40)
    days: list[str] = Field([], description='`"sat"`, `"mon-fri"`', max_length=7)
    hours: str = Field("00:00-24:00", description="past midnight it ends the next day", max_length=20)


class Window(Shape):
    """A maintenance window."""

    id: str
    scope: ScopeShape
    reason: str
    by: str
    start: Ms | None
    end: Ms | None
    days: list[int] = Field(description="0: Monday; empty: once")
    hours: str = Field(description="of the local day")
    zone: str
    declared: bool = Field(description="it stands in the facility file, where alone it can be changed")


class Windows(Shape):
    """Maintenance windows that are not over; after an act, the one that it made or ended."""

    windows: list[Window]


class CalendarSpan(Shape):
    """A shelving, or one occurrence of a maintenance window."""

    kind: Literal["shelving", "maintenance"]
    id: str
    start: Ms
    end: Ms
    scope: ScopeShape
    reason: str
    by: str
    declared: bool
    weekly: bool


class Calendar(Shape):
    """What is silent when, by time."""

    spans: list[CalendarSpan]
