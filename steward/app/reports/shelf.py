"""Monthly reports: put together from the books, written on the first working days, kept in a folder, made on demand.

Invariants: a report is made whole from what the books say at one moment and keeps nothing; files are replaced at once (nobody
sees half of one); a month that lies ahead or before the books is refused. Work runs in threads.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

import structlog

from api.energy import Figure, Indicators, QuotaAnswer, Summary
from api.reports import Form, Kept, Language, ReportList
from metering.restate import Reason
from steward.app.consumption.desk import Energy
from steward.app.consumption.figures import moment, ms, works
from steward.app.consumption.scopes import Reader, points_of
from steward.app.consumption.yardsticks import Yardsticks
from steward.app.ledger.model import AskedQuestion, Closed, RegisterState, Restated
from steward.app.reports.html import page, style
from steward.app.reports.model import AdjustmentLine, AlertLine, QuestionLine, Report, RestatementLine, SiteReport
from steward.app.reports.tables import tables
from steward.app.reports.xlsx import as_csv, workbook
from steward.config.derived import BuildingTable
from steward.errors import NotFound
from steward.units import SECOND

log = structlog.get_logger()
MOST_LINES = 500
"""Restatements, alerts and questions that a report lists; the counts are of all."""
ORDINARY = frozenset((Reason.NEXT.value,))
"""Reasons of revisions that are no news: the next read settled what was provisional."""
MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


class ReportBooks(Protocol):
    """The part of the books that reports read beside consumption (steward.app.ledger.model.Ledgers). Blocks."""

    def registers(self) -> list[RegisterState]: ...
    def questions(self, point: str | None = None) -> list[AskedQuestion]: ...
    def revisions(self, point: str, start: int, end: int) -> list[Restated]: ...
    def closed(self, month: str) -> list[Closed]: ...


Alerts = Callable[[int, int], Sequence[AlertLine]]
"""The alerts that were on in [start, end), the most serious first. Blocks."""


def no_alerts(start: int, end: int) -> Sequence[AlertLine]:
    """Where no alerts are kept."""
    return ()


@dataclass(frozen=True, slots=True)
class Span:
    """A local month. end: its end, or now where it is not over (`whole` False); ns."""

    month: str
    zone: str
    first: date
    start: int
    end: int
    whole: bool


class Reporter:
    """Puts reports together."""

    def __init__(self, energy: Energy, yardsticks: Yardsticks, books: ReportBooks, alerts: Alerts = no_alerts) -> None:
        self.energy, self.yardsticks, self.books, self.alerts = energy, yardsticks, books, alerts

    def span(self, month: str) -> Span:
        """The span of "2026-10". Raises ValueError for what is no month or has not begun."""
        if not MONTH.fullmatch(month):
            raise ValueError(f"month {month!r}, expected for example 2026-10")
        zone = self.energy.zone()
        first = date(int(month[:4]), int(month[5:]), 1)
        following = (first + timedelta(days=31)).replace(day=1)
        start, end, now = moment(first, zone), moment(following, zone), self.energy.clock()
        if start >= now or first.year < 2000:
            raise ValueError(f"month {month!r} has not begun" if start >= now else f"month {month!r} lies before 2000")
        return Span(month, zone, first, start, min(end, now), end <= now)

    async def make(self, month: str) -> Report:
        """The report of a month. Raises ValueError."""
        span = self.span(month)
        summary = await self.energy.summary("site", span.start, span.end, "day")
        year = await self.energy.summary("site", moment(date(span.first.year, 1, 1), span.zone), span.end)
        sites = [await self._site(branch.id, span, summary, year) for branch in summary.branches if branch.kind == "site"]
        return await asyncio.to_thread(self._whole, span, sites)

    async def _site(self, site: str, span: Span, summary: Summary, year: Summary) -> SiteReport:
        energy = any(figure.metric == "energy" for branch in summary.branches if branch.id == site for figure in branch.figures)
        indicators = await self.yardsticks.indicators(site, "energy", span.start, span.end) if energy else None
        quotas = await self.yardsticks.quota(site, span.first.year, span.end)
        return await asyncio.to_thread(self._site_now, site, span, summary, year, indicators, quotas)

    def _site_now(
        self, site: str, span: Span, summary: Summary, year: Summary, indicators: Indicators | None, quotas: QuotaAnswer
    ) -> SiteReport:
        scopes = self.energy.scopes
        place = scopes.facility.sites[site]
        table = scopes.derived.buildings.get(site) or BuildingTable(site=site)
        about = self.yardsticks.about(scopes, site)
        branch = next(one for one in summary.branches if one.key == f"site:{site}")
        so_far = next(one for one in year.branches if one.key == f"site:{site}")
        categories = self.energy.summary_now("category", span.start, span.end, None, f"site:{site}")
        balance = self.energy.balance_now(site, "energy", span.start, span.end)
        reader = Reader(scopes, self.energy.books, span.start, span.end)
        vehicles = sum(one.site == site and one.type in ("vehicle", "bus") for one in scopes.facility.equips.values())
        return SiteReport(
            site,
            place.name,
            about.area,
            about.people,
            table.vehicles if table.vehicles is not None else vehicles,
            table.data_room,
            table.heated_area_m2,
            branch.figures,
            so_far.figures,
            [one for one in categories.branches if one.kind == "category"],
            branch.generation,
            branch.charging,
            indicators,
            quotas.rows,
            balance.rows,
            self._at(reader, site, "energy", "ups") if table.data_room else None,
            self._at(reader, site, "gas", "boiler"),
        )

    def _at(self, reader: Reader, site: str, metric: str, type: str) -> float | None:
        """What the meters on, or directly before, equips of a type counted; None without any."""
        scopes = reader.scopes
        equips = {one.id for one in scopes.facility.equips.values() if one.site == site and one.type == type}
        before = {one.id for one in scopes.facility.equips.values() if one.feeds and set(one.feeds) <= equips}
        graph = scopes.graphs[metric]
        meters = [graph.meters[node] for node in sorted(equips | before) if node in graph.meters]
        return sum(columns.total() for columns in reader.every(points_of(meters))) if meters else None

    # -- what stands beside the figures

    def _whole(self, span: Span, sites: list[SiteReport]) -> Report:
        alerts = list(self.alerts(span.start, span.end))
        counts: dict[str, int] = {}
        for one in alerts:
            counts[one.severity] = counts.get(one.severity, 0) + 1
        closings = self.books.closed(span.month)
        questions = self.books.questions()
        return Report(
            span.month,
            self.energy.scopes.facility.name,
            span.zone,
            ms(span.start),
            ms(span.end),
            ms(self.energy.clock()),
            span.whole,
            len(closings),
            len(self.books.registers()),
            sites,
            alerts[:MOST_LINES],
            self._restatements(sites, span)[:MOST_LINES],
            self._adjustments(closings),
            [QuestionLine(one.point, one.topic, ms(one.at), dict(one.known)) for one in questions[:MOST_LINES]],
            counts,
        )

    def _restatements(self, sites: list[SiteReport], span: Span) -> list[RestatementLine]:
        """Of the registers that the figures rest on, newest first."""
        figures: list[Figure] = [one for site in sites for one in site.figures]
        registers = dict.fromkeys(id for one in figures for id in (*one.registers, *one.parts))
        lines = []
        for register in registers:
            if register in self.energy.scopes.plan.meters:
                continue
            for one in self.books.revisions(register, span.start, span.end):
                inside = (one.start >= span.start) & (one.start < span.end)
                if one.reason in ORDINARY or not inside.any():
                    continue
                old, new = float(one.old[inside].sum()), float(one.new[inside].sum())
                metric = self.energy.scopes.point(register).metric
                lines.append(RestatementLine(register, metric, one.number, ms(one.at), one.reason, one.who, old, new))
        return sorted(lines, key=lambda line: (-line.at, line.register, line.number))

    def _adjustments(self, closings: Sequence[Closed]) -> list[AdjustmentLine]:
        scopes = self.energy.scopes
        return [
            AdjustmentLine(one.point, scopes.point(one.point).metric, one.month, revision, ms(at), value)
            for one in closings
            if one.point in scopes.facility.points
            for revision, at, value in one.adjustments
        ][:MOST_LINES]


def rendered(report: Report, form: Form, language: Language, sheet: str = "") -> bytes:
    """A report as a file. csv: the standard table; sheet: address of the page's style, "" to put it inside."""
    if form == "xlsx":
        return workbook(report, language)
    if form == "html":
        return page(report, language, sheet).encode()
    table = next(one for one in tables(report, language) if one.key == "standard")
    return as_csv(table).encode()


FORMS: tuple[Form, ...] = ("xlsx", "html", "csv")
FILE = re.compile(r"(\d{4}-\d{2})\.(en|zh)\.(xlsx|html|csv)")


class Shelf:
    """The reports of a service: made on demand, and written into `folder` on the first working days of a month."""

    def __init__(self, reporter: Reporter, folder: Path) -> None:
        self.reporter, self.folder = reporter, folder
        self._one = asyncio.Lock()

    async def listed(self) -> ReportList:
        """See api.reports.ReportDesk."""
        kept = await asyncio.to_thread(self._kept)
        zone = self.reporter.energy.zone()
        month = (
            datetime.fromtimestamp(self.reporter.energy.clock() // SECOND, UTC).astimezone(ZoneInfo(zone)).date().replace(day=1)
        )
        months = []
        for _ in range(24):
            months.append(month.isoformat()[:7])
            month = (month - timedelta(days=1)).replace(day=1)
        return ReportList(kept, months)

    def _kept(self) -> list[Kept]:
        found = []
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            name = FILE.fullmatch(path.name)
            if name:
                state = path.stat()
                found.append(Kept(name[1], name[3], name[2], state.st_mtime_ns // 1_000_000, state.st_size))
        return sorted(found, key=lambda one: (one.month, one.language, one.form), reverse=True)

    async def made(self, month: str, form: Form, language: Language, inside: bool = False) -> bytes:
        """See api.reports.ReportDesk. One at a time: a report reads a year of every main meter."""
        async with self._one:
            report = await self.reporter.make(month)
        return await asyncio.to_thread(rendered, report, form, language, "" if inside else "report.css")

    async def kept(self, month: str, form: Form, language: Language) -> bytes:
        """See api.reports.ReportDesk."""
        path = self.folder / f"{month}.{language}.{form}"
        try:
            return await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError:
            raise NotFound("report", path.name) from None

    def style(self) -> str:
        """The style of the page."""
        return style()

    async def write(self, month: str, languages: Sequence[Language]) -> list[Path]:
        """Makes a report once and writes it in every form and language."""
        async with self._one:
            report = await self.reporter.make(month)
        return [await asyncio.to_thread(self._write, report, form, language) for language in languages for form in FORMS]

    def _write(self, report: Report, form: Form, language: Language) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{report.month}.{language}.{form}"
        half = path.with_suffix(path.suffix + ".part")
        half.write_bytes(rendered(report, form, language))
        os.replace(half, path)
        return path

    async def write_when_due(self) -> list[Path]:
        """The nightly job: on the first working days of a month writes the month before, and whenever it is missing."""
        table = self.reporter.energy.scopes.derived.report
        zone = self.reporter.energy.zone()
        today = datetime.fromtimestamp(self.reporter.energy.clock() // SECOND, UTC).astimezone(ZoneInfo(zone)).date()
        month = (today.replace(day=1) - timedelta(days=1)).isoformat()[:7]
        missing = not all((self.folder / f"{month}.{one}.xlsx").exists() for one in table.languages)
        if not table.working_days or not (missing or self.working_day(today) in range(1, table.working_days + 1)):
            return []
        written = await self.write(month, table.languages)
        log.info("report_written", month=month, files=len(written))
        return written

    def working_day(self, day: date) -> int:
        """Which working day of its month a day is, by the first site's calendar (0: none)."""
        energy = self.reporter.energy
        calendar = energy.calendar(next(iter(energy.scopes.facility.sites), ""))
        days = [day.replace(day=number) for number in range(1, day.day + 1)]
        worked = [one.weekday() < 5 if calendar is None else works(calendar, one) for one in days]
        return sum(worked) if worked[-1] else 0
