"""A report as one printable page (A4): jinja2 with autoescape, no script, nothing from elsewhere.

Invariants: every text is escaped; numbers and dates are shown in the way of the language, what is not known as a dash; days are
drawn as bars, estimated ones hatched, missing ones left out. With `sheet` the style stands in a file of its own, for a server
whose policy forbids styles inside pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from steward.app.reports.amounts import SHOWN, shown
from steward.app.reports.model import Report
from steward.app.reports.tables import Cell, Column, Table, days, local, tables
from steward.app.reports.words import word
from steward.model import text

DASH = "–"
WIDTH, HEIGHT = 680, 90


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("steward.app.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def style() -> str:
    """The style of the page."""
    return _environment().get_template("report.css").render()


def page(report: Report, language: str, sheet: str = "") -> str:
    """The page. sheet: address of the style, "" to put it inside."""
    made = tables(report, language)
    return (
        _environment()
        .get_template("report.html")
        .render(
            report=report,
            language="zh-CN" if language == "zh" else language,
            facility=text(report.facility, language),
            w=lambda key, column="": word(key, language, column),
            created=_cell(local(report.created, report.time_zone), "moment"),
            tables=[table for table in made if table.key != "daily"],
            cells=_cells,
            numeric=lambda format: format not in ("text",),
            charts=_charts(report, language),
            sheet=sheet,
            style="" if sheet else style(),
        )
    )


def _cells(table: Table, row: list[Cell]) -> list[tuple[str, str]]:
    return [(_cell(cell, column.format), _class(column)) for cell, column in zip(row, table.columns, strict=True)]


LONG = frozenset(("site", "registers", "register", "node", "alert", "source", "standard_id", "known", "of", "reason"))
"""Columns of names and ids, which may break anywhere."""


def _class(column: Column) -> str:
    return "number" if column.format != "text" else "long" if column.key in LONG else ""


def _cell(cell: Cell, format: str) -> str:
    if cell is None:
        return DASH
    if isinstance(cell, datetime):
        return cell.strftime("%Y-%m-%d %H:%M")
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, str):
        return cell
    if format == "percent":
        return f"{cell:.1%}"
    places = {"n0": 0, "n1": 1, "n2": 2, "n3": 3, "money": 2, "whole": 0}.get(format, 2)
    return f"{cell:,.{places}f}" if format != "whole" else f"{cell:.0f}"


@dataclass(frozen=True, slots=True)
class Bar:
    """A day of a chart: place and size in the drawing, its class, and what a reader sees when pointing at it."""

    x: float
    y: float
    width: float
    height: float
    mark: str
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """The days of one figure."""

    title: str
    top: str
    bars: list[Bar]


def _charts(report: Report, language: str) -> list[Chart]:
    charts = []
    for site in report.sites:
        for figure in site.figures:
            found = [(day, shown(value, figure.metric), mark) for day, value, mark in days(figure, report.time_zone)]
            top = max((value for _, value, _ in found if value is not None), default=0.0)
            if top <= 0:
                continue
            step = WIDTH / len(found)
            bars = [
                Bar(
                    round(number * step + 1, 1),
                    round(HEIGHT - HEIGHT * max(value, 0.0) / top, 1),
                    round(step - 2, 1),
                    round(HEIGHT * max(value, 0.0) / top, 1),
                    mark,
                    f"{day.isoformat()}: {value:,.1f}" + (f" ({word(mark, language, 'mark')})" if mark else ""),
                )
                for number, (day, value, mark) in enumerate(found)
                if value is not None
            ]
            name = f"{text(site.name, language)} · {word(figure.metric, language)}"
            charts.append(Chart(name, f"{top:,.1f} {SHOWN[figure.metric][0]}", bars))
    return charts
