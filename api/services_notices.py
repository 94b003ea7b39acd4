"""What the API needs of the part that sends notices (steward.app.notices.service.NoticeService)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from steward.errors import NotFound, StewardError
from steward.records.outbox import Delivery


class Told(Protocol):
    """Who would get a notice, and in which words."""

    @property
    def route(self) -> str: ...
    @property
    def channel(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def recipient(self) -> str: ...
    @property
    def language(self) -> str: ...
    @property
    def group(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def text(self) -> str: ...


class NoticeDesk(Protocol):
    """Notices as the API sees them. All but `test` block."""

    def log(self, **filters: Any) -> Sequence[Delivery]:
        """The delivery log, newest first: states, channel, recipient, alert, limit, before."""

    def channels(self) -> Sequence[Mapping[str, Any]]:
        """Every channel with its counts; no secret."""

    def titles(self, one: Delivery) -> Mapping[str, str]:
        """The subject of a notice by language; {} where only its title is known."""

    def again(self, id: int) -> Delivery:
        """A dead notice is tried again. Raises NotFound, RecordsError."""

    def preview(self, what: Mapping[str, Any]) -> Sequence[Told]:
        """Who would get a notice. Raises NotFound."""

    async def test(self, channel: str, recipient: str, by: str) -> Delivery:
        """Sends a test notice now. Raises NotFound."""


class NoNotices:
    """A service that sends none."""

    def log(self, **filters: Any) -> Sequence[Delivery]:
        """Nothing was sent."""
        return ()

    def channels(self) -> Sequence[Mapping[str, Any]]:
        """There are none."""
        return ()

    def titles(self, one: Delivery) -> Mapping[str, str]:
        """Nothing was sent."""
        return {}

    def again(self, id: int) -> Delivery:
        """There is no such notice."""
        raise NotFound("notice", str(id))

    def preview(self, what: Mapping[str, Any]) -> Sequence[Told]:
        """Nobody is told."""
        return ()

    async def test(self, channel: str, recipient: str, by: str) -> Delivery:
        """There is no such channel."""
        raise StewardError(f"no channel {channel!r}")
