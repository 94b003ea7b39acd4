"""The monthly report: figures of the workbook are those of the ledger; the page is whole, escaped, printable, bilingual."""

from __future__ import annotations

import asyncio
import csv
import io
import re
import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
from playwright.async_api import async_playwright

from metering.columns import Columns
from metering.intervals import QUARTER, Flag
from metering.questions import Topic
from metering.restate import Reason
from steward.app.consumption.figures import Valued
from steward.app.ledger.model import AskedQuestion, Closed, RegisterState, Restated
from steward.app.reports.html import page
from steward.app.reports.model import AlertLine, QuestionLine, Report
from steward.app.reports.shelf import Reporter, Shelf
from steward.app.reports.tables import tables
from steward.app.reports.words import WORDS, word
from steward.app.reports.xlsx import as_csv, workbook
from steward.errors import NotFound
from tests.app.energy_world import HOURS, NOW, OCTOBER, EnergyWorld, at, world

HOSTILE = '<script>alert(1)</script> & "=1+1"'
EVIL = """
[[site]]
id = "d"
name = "=HYPERLINK(\\"http://evil\\")"
time_zone = "Asia/Shanghai"
[[point]]
id = "d.energy"
metric = "energy"
site = "d"
role = "main"
[[building]]
site = "d"
data_room = true
heated_area_m2 = 500
[[equip]]
id = "d-ups"
name = "UPS"
type = "ups"
site = "d"
[[point]]
id = "d-ups.energy"
metric = "energy"
equip = "d-ups"
[[equip]]
id = "car"
name = "Car"
type = "vehicle"
site = "a"
[[point]]
id = "car.fuel"
metric = "fuel_used"
equip = "car"
"""


class Beside:
    """What the books say beside consumption."""

    def registers(self) -> list[RegisterState]:
        return [RegisterState("a-board.energy", NOW, 1.0, NOW, 0, 0, 0, True, 0)] * 12

    def questions(self, point: str | None = None) -> list[AskedQuestion]:
        return [AskedQuestion("q1", "a.water", "swap", OCTOBER[0], OCTOBER[0], {"low": 0.0, "high": 12.5}, [])]

    def revisions(self, point: str, start: int, end: int) -> list[Restated]:
        if point != "a-board.energy":
            return []
        grid = OCTOBER[0] + np.arange(-2, 2) * QUARTER
        late = Restated(3, point, NOW, Reason.LATE.value, "", grid, np.full(4, 1000.0), np.full(4, 3000.0))
        return [late, replace(late, number=2, reason=Reason.NEXT.value)]

    def closed(self, month: str) -> list[Closed]:
        return [Closed("a-board.energy", month, *OCTOBER, 1.0, NOW, "Li Wei", True, [(3, NOW, 4000.0)])]


class Flat:
    """0.8 yuan, 0.5 kg CO2, 0.1229 kgce a kWh."""

    def valued(self, point: str, columns: Columns) -> Valued:
        kwh = columns.total() / 1000
        return Valued(kwh * 0.8, "CNY", kwh * 0.5, kwh * 0.1229)


def alerts(start: int, end: int) -> list[AlertLine]:
    assert (start, end) == OCTOBER
    return [AlertLine({"": HOSTILE}, "a-lift", "high", OCTOBER[0] // 1_000_000, None, "unacknowledged", 12.5)]


def reporter(here: EnergyWorld | None = None) -> Reporter:
    here = here or world(EVIL, Flat())
    return Reporter(here.energy, here.yardsticks, Beside(), alerts)


@pytest.fixture(scope="module")
def october() -> Report:
    return asyncio.run(reporter().make("2026-10"))


def sheet(body: bytes, title: str) -> list[dict[str, Any]]:
    book = openpyxl.load_workbook(io.BytesIO(body))
    rows = [[cell.value for cell in row] for row in book[title].iter_rows()]
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


async def test_the_workbook_holds_the_figures_of_the_ledger_as_numbers(october: Report) -> None:
    body = workbook(october, "en")
    row = next(one for one in sheet(body, "Overview") if one["Site"] == "Block A" and one["Kind"] == "Electricity")
    assert row["Period"] == "month"
    assert row["Consumption"] == pytest.approx(100 * HOURS)
    assert (row["Unit"], row["Currency"], row["Missing"], row["Worst method"]) == ("kWh", "CNY", 0, "measured")
    assert row["Cost"] == pytest.approx(80 * HOURS)
    assert row["CO2, kg"] == pytest.approx(50 * HOURS)
    days = [one for one in sheet(body, "Days") if one["Site"] == "Block A" and one["Kind"] == "Electricity"]
    assert len(days) == 31
    assert sum(one["Consumption"] for one in days) == pytest.approx(row["Consumption"])
    assert days[0]["Day"] == datetime(2026, 10, 1)


async def test_numbers_have_formats_and_names_are_never_formulas(october: Report) -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook(october, "en")))
    cells = [cell for one in book for row in one.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n", "d"}
    assert not any(cell.hyperlink for cell in cells)
    formats = {cell.number_format for cell in cells if cell.data_type in ("n", "d") and cell.value is not None}
    assert formats == {"#,##0", "#,##0.0", "#,##0.00", "#,##0.000", "0", "0.0%", "yyyy-mm-dd", "yyyy-mm-dd hh:mm"}
    assert any(cell.value == HOSTILE for cell in cells)


async def test_every_subject_has_its_sheet_in_both_languages(october: Report) -> None:
    english, chinese = (openpyxl.load_workbook(io.BytesIO(workbook(october, one))).sheetnames for one in ("en", "zh"))
    assert len(english) == len(chinese) == 17
    assert {"Overview", "Quotas", "Balance", "Restatements", "Open questions", "Standard table"} <= set(english)
    assert {"总览", "定额", "计量平衡", "数据修订", "待确认事项", "能源资源消费统计表", "数据机房统计表", "采暖统计表"} <= set(
        chinese
    )


async def test_restatements_adjustments_and_questions_are_told_with_both_values(october: Report) -> None:
    body = workbook(october, "en")
    (late,) = sheet(body, "Restatements")
    assert (late["Revision"], late["Why"]) == (3, "late read")
    assert (late["Before"], late["After"], late["Difference"]) == (2.0, 6.0, 4.0)  # the two quarter hours in October
    (adjusted,) = sheet(body, "Adjustments")
    assert (adjusted["Register"], adjusted["Consumption"]) == ("a-board.energy", 4.0)
    (question,) = sheet(body, "Open questions")
    assert question["Known"] == "at least 0, at most 12.5"
    (late,) = sheet(workbook(october, "zh"), "数据修订")
    assert late["原因"] == "迟到读数"
    words = [(kind, word(kind, "zh", column)) for column, kinds in (("revision", Reason), ("topic", Topic)) for kind in kinds]
    assert all(said != kind for kind, said in words), "every reason and question has words"
    stuck = replace(october, questions=[QuestionLine("m", "stuck", 0, {"value": 5.0, "until": OCTOBER[0]})])
    (row,) = next(table for table in tables(stuck, "en") if table.key == "questions").rows
    assert row[1::2] == ["register stuck?", "value 5, until 2026-10-01 00:00"]


async def test_the_standard_table_states_amounts_and_indicators_per_head_and_square_metre(october: Report) -> None:
    rows = sheet(workbook(october, "zh"), "能源资源消费统计表")
    a = next(row for row in rows if row["建筑"] == "A座" and row["统计期"] == "本月")
    assert a["电（kWh）"] == pytest.approx(100 * HOURS)
    assert a["水（m³）"] == pytest.approx(HOURS)
    assert a["车用燃油（L）"] == pytest.approx(1000 * HOURS)
    assert (a["建筑面积（m²）"], a["用能人数（人）"], a["公务用车（辆）"]) == (10000, 400, 1)
    assert a["单位面积电耗（kWh/m²）"] == pytest.approx(HOURS / 100)
    assert a["人均水耗（m³/人）"] == pytest.approx(HOURS / 400)
    year = next(row for row in rows if row["建筑"] == "A座" and row["统计期"] == "本年累计")
    assert year["电（kWh）"] == pytest.approx(100 * (OCTOBER[1] - at("2026-01-01T00:00")) / 3.6e12)
    total = next(row for row in rows if row["建筑"] == "合计" and row["统计期"] == "本月")
    assert total["电（kWh）"] == pytest.approx(205 * HOURS)
    assert not any(str(row["建筑"]).startswith("=HYPER") for row in rows), "a data room has a table of its own"


def test_a_total_of_sites_is_not_stated_where_one_of_them_does_not_say_its_part(october: Report) -> None:
    def total(report: Report) -> dict[str, Any]:
        table = next(one for one in tables(report, "en") if one.key == "standard")
        rows = [dict(zip((column.key for column in table.columns), row, strict=True)) for row in table.rows]
        return next(row for row in rows if (row["site"], row["period"]) == ("Total", "month"))

    sites = [replace(site, area=site.area or 500.0, people=site.people or 10) for site in october.sites]
    known = total(replace(october, sites=sites))
    assert known["electricity_per_m2"] == pytest.approx(known["electricity_kwh"] / known["area_m2"])
    vague = total(replace(october, sites=[replace(sites[0], area=None), *sites[1:]]))
    assert (vague["area_m2"], vague["electricity_per_m2"]) == (None, None)
    figures = [replace(one, worth=replace(one.worth, coal=None)) for one in sites[0].figures]
    bare = total(replace(october, sites=[replace(sites[0], figures=figures), *sites[1:]]))
    assert (bare["coal_kg"], bare["coal_per_person"]) == (None, None)


async def test_a_report_of_an_old_month_shows_the_quota_as_it_stood_at_its_end() -> None:
    made = world(EVIL, Flat())
    here = Reporter(made.energy, made.yardsticks, Beside())
    site = next(one for one in (await here.make("2026-03")).sites if one.quotas)
    row = site.quotas[0]
    figure = site.figure(row.metric, year=True)
    assert figure is not None
    assert row.to_date == pytest.approx(figure.value)


async def test_data_rooms_and_heating_stand_in_tables_of_their_own(october: Report) -> None:
    body = workbook(october, "en")
    room = sheet(body, "Data rooms")[0]
    assert room["Site"].startswith("=HYPERLINK")
    assert room["IT load, kWh"] == pytest.approx(HOURS / 1000)
    assert room["PUE"] == pytest.approx(1.0)
    (heated,) = sheet(body, "Heating")
    assert (heated["Heated area, m2"], heated["Heat, GJ"]) == (500, None)


async def test_the_csv_is_the_standard_table_and_runs_nothing(october: Report) -> None:
    table = next(one for one in tables(october, "zh") if one.key == "standard")
    text = as_csv(table)
    assert text.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text[1:])))
    assert float(rows[0]["电（kWh）"]) == pytest.approx(100 * HOURS)
    evil = as_csv(replace(table, rows=[["=1+1", "@x", None, 2.5, "-3", "ok"]]))
    assert evil.splitlines()[1] == "'=1+1,'@x,,2.5,'-3,ok"


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_the_page_is_whole_self_contained_and_escaped(october: Report, language: str) -> None:
    html = page(october, language)
    assert f'<html lang="{"zh-CN" if language == "zh" else "en"}">' in html
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert not re.search(r"(src|href)=", html)
    assert "url(http" not in html
    for table in tables(october, language):
        assert table.key == "daily" or f'<section id="{table.key}">' in html
    assert f"{100 * HOURS:,.1f}" in html
    assert html.count("<rect") >= 31 * 5


async def test_with_a_sheet_the_style_stands_outside(october: Report) -> None:
    html = page(october, "en", "report.css")
    assert '<link rel="stylesheet" href="report.css">' in html
    assert "<style" not in html
    assert "style=" not in html


async def test_a_missing_day_is_a_hole_and_an_estimated_one_is_hatched() -> None:
    here = world(EVIL, Flat())

    def spoil(one: Any) -> Any:
        flags, value = one.flags.copy(), one.value.copy()
        day = (one.start - OCTOBER[0]) // (96 * QUARTER)
        value[day == 2] = np.nan
        flags[day == 4] = Flag.SPREAD
        return replace(one, flags=flags, value=value)

    here.books.spoil["a-board.energy"] = spoil
    html = page(await reporter(here).make("2026-10"), "en")
    first = html.split("<figure>")[1]
    assert "2026-10-03" not in first
    assert re.search(r'class="estimated"><title>2026-10-05: 2,400.0 \(estimated\)', first)


@pytest.mark.browser
@pytest.mark.parametrize("language", ["en", "zh"])
async def test_the_page_prints_on_a4_without_cutting_anything_off(october: Report, language: str, tmp_path: Path) -> None:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("needs Debian's chromium (apt-get install chromium)")
    file = tmp_path / "report.html"
    file.write_text(page(october, language), encoding="utf-8")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program, args=["--headless", "--no-sandbox", "--disable-gpu"], timeout=180_000
        )
        said: list[str] = []
        shown = await browser.new_page(viewport={"width": 1032, "height": 703})  # A4 landscape less 12 mm at 96 dpi
        shown.set_default_timeout(60_000)
        shown.on("console", lambda message: said.append(message.text))
        shown.on("pageerror", lambda error: said.append(str(error)))
        await shown.emulate_media(media="print")
        await shown.goto(file.as_uri())
        width = await shown.evaluate("document.documentElement.scrollWidth")
        wide = await shown.evaluate(
            "[...document.querySelectorAll('table')].filter(t => t.scrollWidth > 1032).map(t => t.closest('section').id)"
        )
        pdf = await shown.pdf(prefer_css_page_size=True)
        await browser.close()
    assert said == []
    assert (width <= 1032, wide) == (True, [])
    assert re.search(rb"/MediaBox \[0 0 84[12](\.\d+)? 59[45]", pdf)


def test_every_word_stands_in_both_languages() -> None:
    assert all(english and chinese for english, chinese in WORDS.values())


@pytest.mark.parametrize(("month", "words"), [("2026-13", "expected for example 2026-10"), ("2027-01", "has not begun")])
async def test_a_month_that_cannot_be_reported_is_refused(month: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        await reporter().make(month)


async def test_an_unfinished_month_is_reported_up_to_now_and_says_so() -> None:
    here = world(EVIL, Flat())
    report = await Reporter(here.energy, here.yardsticks, Beside()).make("2026-11")
    assert not report.whole
    assert "The month is not over" in page(report, "en")


async def test_the_shelf_writes_lists_and_gives_back_reports(tmp_path: Path) -> None:
    shelf = Shelf(reporter(), tmp_path / "reports")
    assert (await shelf.listed()).kept == []
    written = await shelf.write_when_due()  # 3 November: the second working day
    assert sorted(path.name for path in written) == [
        f"2026-10.{language}.{form}" for language in ("en", "zh") for form in ("csv", "html", "xlsx")
    ]
    listed = await shelf.listed()
    assert {(one.month, one.form, one.language) for one in listed.kept} == {
        ("2026-10", form, language) for language in ("en", "zh") for form in ("csv", "html", "xlsx")
    }
    assert listed.months[:2] == ["2026-11", "2026-10"]
    assert (await shelf.kept("2026-10", "xlsx", "zh"))[:2] == b"PK"
    assert b"report.css" in await shelf.made("2026-10", "html", "en")
    with pytest.raises(NotFound):
        await shelf.kept("2026-09", "xlsx", "zh")
    assert not list((tmp_path / "reports").glob("*.part"))


async def test_the_job_writes_on_the_first_working_days_and_whenever_the_month_is_missing(tmp_path: Path) -> None:
    late = at("2026-11-20T06:00")
    here = world(EVIL, Flat(), now=late)
    shelf = Shelf(Reporter(here.energy, here.yardsticks, Beside()), tmp_path)
    assert shelf.working_day(datetime(2026, 10, 9).date()) == 5  # 1 and 2 October are holidays, 3 and 4 a weekend
    assert shelf.working_day(datetime(2026, 10, 10).date()) == 6  # a Saturday that is worked
    assert shelf.working_day(datetime(2026, 10, 11).date()) == 0
    assert await shelf.write_when_due()
    assert not await shelf.write_when_due()
