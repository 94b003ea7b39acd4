"""What the API needs of the monthly reports (steward.app.reports): made on demand, kept by the scheduler, listed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from api.energy import NoLedger

Language = Literal["en", "zh"]
Form = Literal["xlsx", "html", "csv"]


@dataclass(frozen=True, slots=True)
class Kept:
    """A report as a file. made: epoch milliseconds; size: bytes."""

    month: str
    form: str
    language: str
    made: int
    size: int


@dataclass(frozen=True, slots=True)
class ReportList:
    """The reports that are kept, newest month first; months: those that can be made, the present one included."""

    kept: list[Kept]
    months: list[str]


class ReportDesk(Protocol):
    """Makes and keeps reports. Raises NotFound, ValueError (no such month)."""

    async def listed(self) -> ReportList:
        """The reports that are kept."""

    async def made(self, month: str, form: Form, language: Language, inside: bool = False) -> bytes:
        """A report as the books say now; html: with its style at `report.css` beside it, or inside."""

    async def kept(self, month: str, form: Form, language: Language) -> bytes:
        """A report as it was written."""

    def style(self) -> str:
        """The style of the page."""


class NoReports:
    """The desk of a service without books."""

    async def listed(self) -> ReportList:
        """There are none."""
        return ReportList([], [])

    async def made(self, month: str, form: Form, language: Language, inside: bool = False) -> bytes:
        """Refused."""
        raise NoLedger("this service keeps no books of consumption")

    async def kept(self, month: str, form: Form, language: Language) -> bytes:
        """Refused."""
        raise NoLedger("this service keeps no books of consumption")

    def style(self) -> str:
        """Nothing to show, nothing to style."""
        return ""
