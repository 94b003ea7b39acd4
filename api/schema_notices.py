"""Types of the answers about notices; see api.schema."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from api.schema import Ms, Said, Severity, Shape

State = Literal["waiting", "sending", "sent", "dead", "dropped"]


class NoticeRow(Shape):
    """A notice and what became of it. dead: given up after all tries; dropped: there was nothing left to say."""

    id: int
    key: str = Field(description="idempotency key, the same for every try: header Idempotency-Key, Message-ID of a mail")
    channel: str
    recipient: str
    route: str
    group: str = Field(description="key of the group, as Alertmanager writes it")
    what: Literal["alerts", "event", "digest", "test"]
    reason: str
    title: str = Field(description="as it was sent, in the language of who reads it there")
    titles: dict[str, str] = Field(description="the same by language; empty: only `title` is known")
    alerts: dict[str, str] = Field(description="id of an alert -> what was said of it")
    state: State
    tries: int
    created: Ms
    due: Ms | None = Field(description="when it is tried (again), while it waits")
    begun: Ms | None = Field(description="the last try")
    done: Ms | None = Field(description="when it was sent, given up or dropped")
    answer: str = Field(description="what the server said")
    error: str = Field(description="of the last try that failed")
    said: Said = Field(description="`answer` of a notice that was sent, else `error`")


class NoticePage(Shape):
    """The delivery log, newest first."""

    notices: list[NoticeRow]
    after: str | None = Field(description="cursor of the next page")


class ChannelRow(Shape):
    """A channel and how it is doing. No secret is shown."""

    id: str
    type: str
    rate: int = Field(description="most notices a minute, 0: any")
    waiting: int
    sending: int
    sent: int
    dead: int
    dropped: int
    last_sent: Ms | None
    error: str = Field(description="the newest failure among those not sent")
    said: Said = Field(description="`error`")


class Channels(Shape):
    """Every channel."""

    channels: list[ChannelRow]


class PreviewAsk(Shape):
    """An alert, recorded or made up."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"target": "block-a.chiller-2", "severity": "high"}]})

    alert: str = Field("", description="id of a recorded alert; else the keys below")
    rule: str = ""
    kind: str = ""
    severity: Severity | None = None
    target: str = Field("", description="id of a point, equip, device or site")
    at: str = Field("", description="ISO 8601 with zone or epoch milliseconds; default: now")
    level: int = Field(0, ge=0, description="escalation level")


class PreviewRow(Shape):
    """One notice that would be sent."""

    route: str
    channel: str
    type: str
    recipient: str
    language: str
    group: str
    subject: str
    text: str


class PreviewAnswer(Shape):
    """Who would be told."""

    notices: list[PreviewRow]


class TestAsk(Shape):
    """Which channel to try."""

    __test__ = False
    model_config = ConfigDict(json_schema_extra={"examples": [{"channel": "hook", "by": "Li Wei"}]})

    channel: str
    recipient: str = ""
    by: str = Field(min_length=1, max_length=200)
