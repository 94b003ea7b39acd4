"""A report as a workbook and as CSV: one sheet per table, real numbers, dates and formats.

Invariants: a text is a text whatever it begins with (no formula, no link comes of a name); what is not known is an empty cell.
"""

from __future__ import annotations

import csv
import io
from datetime import date, datetime
from typing import Any

import xlsxwriter

from steward.app.reports.model import Report
from steward.app.reports.tables import Cell, Table, local, tables
from steward.app.reports.words import word
from steward.model import text
from steward.store.export import shielded

FORMATS = {
    "n0": "#,##0",
    "n1": "#,##0.0",
    "n2": "#,##0.00",
    "n3": "#,##0.000",
    "whole": "0",
    "percent": "0.0%",
    "money": "#,##0.00",
    "date": "yyyy-mm-dd",
    "moment": "yyyy-mm-dd hh:mm",
}
WIDEST, NARROWEST = 48, 8


def workbook(report: Report, language: str) -> bytes:
    """The report as XLSX."""
    buffer = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "nan_inf_to_errors": False,
    }
    with xlsxwriter.Workbook(buffer, options) as book:
        book.set_properties({"title": _title(report, language), "created": local(report.created, "UTC")})
        styles = {name: book.add_format({"num_format": number}) for name, number in FORMATS.items()}
        head = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
        _cover(book, report, language)
        for table in tables(report, language):
            _sheet(book, table, styles, head)
    return buffer.getvalue()


def _title(report: Report, language: str) -> str:
    return f"{text(report.facility, language)} {word('report', language)} {report.month}"


def _cover(book: Any, report: Report, language: str) -> None:
    sheet = book.add_worksheet(word("report", language))
    title = book.add_format({"bold": True, "font_size": 14})
    at = book.add_format({"num_format": FORMATS["moment"], "align": "left"})
    sheet.set_column(0, 0, 26)
    sheet.set_column(1, 1, 40)
    sheet.write_string(0, 0, _title(report, language), title)
    sheet.write_string(2, 0, word("of_month", language))
    sheet.write_string(2, 1, report.month)
    sheet.write_string(3, 0, word("created", language))
    sheet.write_datetime(3, 1, local(report.created, report.time_zone), at)
    sheet.write_string(4, 0, word("closed", language))
    sheet.write_string(4, 1, f"{report.closed} / {report.registers}")
    if not report.whole:
        sheet.write_string(5, 0, word("not_whole_month", language))
    sheet.write_string(6, 0, word("page_note", language))


def _sheet(book: Any, table: Table, styles: dict[str, Any], head: Any) -> None:
    sheet = book.add_worksheet(table.title[:31])
    for number, (column, heading) in enumerate(zip(table.columns, table.headings, strict=True)):
        sheet.write_string(0, number, heading, head)
        sheet.set_column(number, number, _width(table, number, heading), styles.get(column.format))
    for line, row in enumerate(table.rows, 1):
        for number, cell in enumerate(row):
            _write(sheet, line, number, cell, styles.get(table.columns[number].format))
    sheet.freeze_panes(1, 1)
    if table.rows:
        sheet.autofilter(0, 0, len(table.rows), len(table.columns) - 1)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)


def _write(sheet: Any, line: int, number: int, cell: Cell, style: Any) -> None:
    if cell is None:
        return
    if isinstance(cell, datetime | date):
        sheet.write_datetime(line, number, cell, style)
    elif isinstance(cell, str):
        sheet.write_string(line, number, cell)
    else:
        sheet.write_number(line, number, cell, style)


def _width(table: Table, number: int, heading: str) -> float:
    wide = [_signs(row[number]) for row in table.rows[:200] if isinstance(row[number], str)]
    return min(WIDEST, max(NARROWEST, 12 if not wide else 0, _signs(heading) * 0.7, *wide)) + 1


def _signs(cell: Cell) -> float:
    """The width of a text in signs; Chinese ones are twice as wide."""
    return sum(1.0 if ord(sign) < 0x2E80 else 2.0 for sign in str(cell))


def as_csv(table: Table) -> str:
    """One table as CSV with its headings; UTF-8 with a byte order mark, as spreadsheets expect of Chinese text. A text that a
    spreadsheet would run gets an apostrophe before it."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([_safe(heading) for heading in table.headings])
    writer.writerows([[_safe(cell) for cell in row] for row in table.rows])
    return "\ufeff" + out.getvalue()


def _safe(cell: Cell) -> Any:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return shielded(cell)
    if isinstance(cell, datetime):
        return cell.strftime("%Y-%m-%d %H:%M")
    return cell.isoformat() if isinstance(cell, date) else round(cell, 6) if isinstance(cell, float) else cell
