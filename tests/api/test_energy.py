"""Consumption and reports over HTTP: answers, parameters, and every refusal in the one shape."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import openpyxl
import pytest

from tests.api.energy_world import consumption
from tests.api.test_answers import is_problem
from tests.api.world import World, opened

SPAN = "start=2026-11-23T00:00:00%2B08:00&end=2026-11-24T00:00:00%2B08:00"


@pytest.fixture
async def energetic(tmp_path: Path) -> AsyncIterator[World]:
    async with opened(tmp_path) as world:
        consumed = consumption(world, tmp_path / "reports")
        world.build(energy=consumed.desk, reports=consumed.shelf)
        world.more["shelf"] = consumed.shelf
        yield world


async def test_a_summary_names_the_registers_of_each_figure(energetic: World) -> None:
    answer = (await energetic.http.get(f"/api/v1/energy/summary?{SPAN}&period=hour&under=block-a")).json()
    (site,) = answer["branches"]
    (figure,) = site["figures"]
    assert figure["registers"] == ["block-a.energy"]
    assert figure["value"] == pytest.approx(24.0)
    assert len(figure["course"]["value"]) == 24
    assert answer["start"] == 1_795_363_200_000


async def test_a_profile_is_asked_by_key_and_has_24_hours_a_day(energetic: World) -> None:
    answer = (await energetic.http.get(f"/api/v1/energy/profile/point:block-a.energy?{SPAN}")).json()
    assert answer["heat"] == [[1.0] * 24]
    assert answer["days"] == ["2026-11-23"]


async def test_a_quota_has_its_source_and_a_forecast_its_method(energetic: World) -> None:
    (row,) = (await energetic.http.get("/api/v1/energy/quota/block-a")).json()["rows"]
    assert row["source"] == "set by the owner"
    assert row["forecast"]["basis"] == "season"
    assert row["outlook"] == "within_guide"


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/energy/summary?under=nowhere", 404, "no site or organisation 'nowhere'"),
        ("/energy/summary?by=colour", 422, "by"),
        ("/energy/summary?start=yesterday", 422, "start: 'yesterday' is not a time"),
        ("/energy/summary?start=2026-11-24T00:00:00Z&end=2026-11-23T00:00:00Z", 422, "start is not before end"),
        ("/energy/profile/nowhere", 404, "no node 'nowhere'"),
        ("/energy/profile/block-a.power", 404, "no register 'block-a.power'"),
        ("/energy/balance/nowhere", 404, "no site 'nowhere'"),
        ("/energy/indicators/nowhere", 404, "no site 'nowhere'"),
        ("/energy/indicators/garage", 404, "no energy meter at 'site:garage'"),
        ("/energy/indicators/block-a?metric=love", 422, "metric"),
        ("/energy/quota/block-a?year=2030", 422, "year 2030, expected 2000 to 2026"),
        ("/energy/ranking?per=window", 422, "per"),
        ("/reports/2026-10.pdf", 422, "expected for example 2026-10.xlsx"),
        ("/reports/2027-10.xlsx", 422, "has not begun"),
        ("/reports/2026-10.xlsx?lang=fr", 422, "lang"),
        ("/reports/2026-10.xlsx?kept=true", 404, "no report '2026-10.en.xlsx'"),
    ],
)
async def test_what_cannot_be_answered_says_why(energetic: World, path: str, status: int, words: str) -> None:
    body = is_problem(await energetic.http.get(f"/api/v1{path}"), status)
    assert words in body["detail"]


@pytest.mark.parametrize(
    "path", ["/energy/summary", "/energy/balance/block-a", "/energy/quota/block-a", "/reports/2026-10.xlsx"]
)
async def test_a_service_without_books_says_so(tmp_path: Path, path: str) -> None:
    async with opened(tmp_path) as world:
        assert "keeps no books" in is_problem(await world.http.get(f"/api/v1{path}"), 503)["detail"]
        assert (await world.http.get("/api/v1/reports")).json() == {"kept": [], "months": []}


async def test_a_report_comes_as_workbook_page_and_table(energetic: World) -> None:
    workbook = await energetic.http.get("/api/v1/reports/2026-10.xlsx?lang=zh")
    assert workbook.headers["content-disposition"] == 'attachment; filename="steward-2026-10-zh.xlsx"'
    assert "总览" in openpyxl.load_workbook(io.BytesIO(workbook.content)).sheetnames
    page = await energetic.http.get("/api/v1/reports/2026-10.html")
    assert page.headers["content-type"].startswith("text/html")
    assert '<link rel="stylesheet" href="report.css">' in page.text
    assert (await energetic.http.get("/api/v1/reports/report.css")).headers["content-type"].startswith("text/css")
    inside = await energetic.http.get("/api/v1/reports/2026-10.html?inside=true")
    assert "<style>" in inside.text
    table = await energetic.http.get("/api/v1/reports/2026-10.csv")
    assert table.text.lstrip("\ufeff").startswith("Site,Period,")


async def test_written_reports_are_listed_and_given_as_they_were(energetic: World) -> None:
    await energetic.more["shelf"].write("2026-10", ["zh"])
    listed = (await energetic.http.get("/api/v1/reports")).json()
    assert [(one["month"], one["form"], one["language"]) for one in listed["kept"]] == [
        ("2026-10", "xlsx", "zh"),
        ("2026-10", "html", "zh"),
        ("2026-10", "csv", "zh"),
    ]
    kept = await energetic.http.get("/api/v1/reports/2026-10.html?kept=true&lang=zh")
    assert "<style>" in kept.text
