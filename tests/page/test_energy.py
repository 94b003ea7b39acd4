"""Energy, the ledger and Reports in a real Chromium over a whole service: figures as the API gives them, down to a read."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest
from playwright.sync_api import Page, expect

from tests.page.axe import violations
from tests.page.chinese import foreign
from tests.page.conftest import Open, Watch
from tests.page.energy_world import EnergyService
from tests.page.test_pure import run

pytestmark = pytest.mark.browser

INK = """(canvas) => {
  const { data, width } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const seen = new Set();
  for (let i = 0; i < data.length; i += 4) if ((i / 4) % width > 100 && data[i + 3] > 0) seen.add(data[i + 3]);
  return seen.size;
}"""
"""How many shades a canvas holds right of its axis: a heat map of one load has many."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnergyService]:
    with EnergyService(tmp_path_factory.mktemp("energy")) as running:
        yield running


def _month(service: EnergyService) -> dict[str, Any]:
    """Yesterday as a whole: the same figures whenever it is asked."""
    story = service.story
    start, end = (story.today // 1_000_000 - 86_400_000, story.today // 1_000_000)
    found: dict[str, Any] = service.get("energy/summary", by="site", start=start, end=end)
    return found


def _yesterday(service: EnergyService) -> str:
    return f"period=day&at={service.story.day(1)}"


def test_figures_shares_and_totals_are_those_of_the_api(open_page: Open, service: EnergyService) -> None:
    page = open_page(f"#/energy?{_yesterday(service)}")
    branches = _month(service)["branches"]
    electricity = {one["key"]: next(f for f in one["figures"] if f["metric"] == "energy") for one in branches}
    whole = sum(one["value"] for one in electricity.values())
    for key, figure in electricity.items():
        row = page.locator(f"tr[data-branch='{key}']")
        expect(row.locator("td[data-value]")).to_have_attribute("data-value", re.compile(rf"^{figure['value']:.0f}(\.|$)"))
        expect(row).to_contain_text(f"{figure['value'] / 1e6:.2f}")
        expect(row.locator(".sharetext")).to_have_text(f"{int(100 * figure['value'] / whole + 0.5)}%")
        expect(row).to_contain_text(f"¥{figure['worth']['cost']:,.0f}")
    expect(page.locator("[data-total='energy']")).to_contain_text(f"{whole / 1e6:.2f}")
    carbon = sum(one["worth"]["carbon"] for one in electricity.values())
    expect(page.locator("[data-total='carbon']")).to_contain_text(f"{carbon / 1000:.2f}")
    expect(page.locator("tr[data-branch='site:a'] .change")).to_have_text(re.compile(r"^[+-]?\d"))
    expect(page.locator("canvas[data-chart='course']")).to_have_attribute("data-painted", "24")
    with page.expect_download() as begun:
        page.get_by_role("button", name="CSV").click()
    lines = list(csv.DictReader(Path(begun.value.path()).read_text(encoding="utf-8-sig").splitlines()))
    told = {(one["key"], one["metric"]): float(one["value"]) for one in lines}
    assert told == {(one["key"], f["metric"]): f["value"] for one in branches for f in one["figures"]}


def test_a_site_shows_shape_indicators_money_and_balance_and_changes_its_language_without_a_reload(
    open_page: Open, service: EnergyService
) -> None:
    page = open_page(f"#/energy/site:a?{_yesterday(service)}")
    heat = page.locator("canvas[data-chart='heat']")
    expect(heat).to_have_attribute("data-painted", re.compile(r"^3\d\d$"))
    assert heat.evaluate(INK) > 20
    for name in ("week", "duration"):
        expect(page.locator(f"canvas[data-chart='{name}']")).to_have_attribute("data-painted", re.compile(r"^[1-9]\d+$"))
    start, end = service.story.today // 1_000_000 - 86_400_000, service.story.today // 1_000_000
    said = service.get("energy/indicators/a", start=start, end=end)
    expect(page.locator("[data-indicator='peak']")).to_contain_text(f"{said['peak']['value'] / 1000:.1f}"[:2])
    expect(page.locator("[data-indicator='load_factor']")).to_contain_text(f"{int(100 * said['load_factor']['value'] + 0.5)}%")
    expect(page.locator("[data-indicator='per_degree_day']")).to_contain_text("no outdoor temperature is known")
    cost = service.get("cost/site/a", start=start, end=end, period="day")
    electricity = next(one for one in cost["points"] if one["carrier"] == "electricity")
    expect(page.locator("[data-cost]")).to_have_attribute(
        "data-cost", re.compile(rf"^{int(float(electricity['total']))}(\.|$)")
    )
    expect(page.locator("[data-tariff='valley']")).to_be_visible()
    expect(page.locator(".face")).to_contain_text(f"¥{float(electricity['total']):,.0f}")
    expect(page.locator("[data-balance='a-board']")).to_contain_text("beyond the meters' class")
    expect(page.locator("[data-part='a-board.energy']")).to_be_visible()
    page.get_by_role("button", name="中文").click()
    for word in ("用能指标", "负荷率", "最大需量", "负荷曲线", "尖峰平谷费用", "标准煤", "环比", "计量平衡"):
        expect(page.locator("main")).to_contain_text(word)
    expect(page.locator(".rail")).to_contain_text("用能")


def test_a_gap_is_hatched_and_a_restatement_marked(open_page: Open, service: EnergyService) -> None:
    page = open_page(f"#/energy?period=day&at={service.story.day(2)}")
    expect(page.locator("tr[data-branch='site:a'] .d-spread").last).to_be_visible()
    expect(page.locator("tr[data-branch='site:b'] .doubt")).to_have_count(0)
    page.goto(f"{service.url}/?lang=en#/energy?by=category&period=day&at={service.story.day(3)}")
    expect(page.locator("tr[data-branch='category:a/A1'] .d-restated").last).to_be_visible()


def test_a_figure_opens_down_to_a_zero_read_that_was_put_aside_and_back(open_page: Open, service: EnergyService) -> None:
    page = open_page(f"#/energy?{_yesterday(service)}")
    page.locator("tr[data-branch='site:a'] a").click()
    page.locator("[data-part='a-board.energy'] a").click()
    hour = service.story.zero // 3_600_000_000_000 * 3_600_000
    page.locator(f"tr[data-interval='{hour}'] a").first.click()
    zero = page.locator("tr[data-label='zero']")
    expect(zero).to_contain_text("0.00 kWh")
    expect(zero).to_contain_text("a zero between two good reads is no consumption")
    expect(zero).to_contain_text(":07:00")
    proof = service.get("ledger/a-board.energy/evidence", start=hour, end=hour + 3_600_000)
    expect(page.locator("[data-reads]")).to_have_attribute("data-reads", str(len(proof["reads"])))
    page.get_by_role("button", name="All reads").click()
    expect(page.locator(".reads tbody tr")).to_have_count(len(proof["reads"]))
    address = page.evaluate("location.hash")
    assert f"open={hour}" in address
    page.go_back()
    expect(page.locator(".reads")).to_have_count(0)
    page.go_back()
    expect(page.locator("[data-figure]")).to_be_visible()
    page.go_back()
    expect(page.locator("tr[data-branch='site:b']")).to_be_visible()
    again = open_page(address)
    expect(again.locator("tr[data-label='zero']")).to_be_visible()


def test_revisions_show_both_values_and_the_reason(open_page: Open, service: EnergyService) -> None:
    story = service.story
    page = open_page(
        f"#/ledger/a-light.energy?start={(story.today // 1_000_000) - 4 * 86_400_000}&end={story.today // 1_000_000}"
    )
    told = page.locator("[data-revision]").first
    expect(told).to_contain_text("late read")
    told.locator("summary").click()
    expect(told.locator("tr").first).to_contain_text("→")
    expect(page.locator(".intervals")).to_contain_text("by hand")


def test_a_report_is_made_downloaded_and_opens(open_page: Open, service: EnergyService) -> None:
    page = open_page("#/reports")
    month = service.story.day(0)[:7]
    row = page.locator(f"tr[data-month='{month}']")
    with page.expect_download() as begun:
        row.get_by_role("link", name=re.compile("XLSX, 中文")).click()
    book = openpyxl.load_workbook(BytesIO(Path(begun.value.path()).read_bytes()))
    assert begun.value.suggested_filename == f"steward-{month}-zh.xlsx"
    words = {str(cell) for sheet in book for line in sheet.iter_rows(values_only=True) for cell in line if cell is not None}
    assert any("A座" in word for word in words)
    html = row.get_by_role("link", name=re.compile("HTML, English")).get_attribute("href")
    assert "Block A" in httpx.get(str(html), timeout=60).text
    row.locator("a").first.click()
    expect(page.locator("main")).to_contain_text("The month is not over")
    expect(page.locator("main")).to_contain_text("No question waits")


def test_a_month_is_closed_with_who_and_when(open_page: Open, service: EnergyService) -> None:
    page = open_page("#/reports")
    expect(page.locator("main")).to_contain_text("Not closed")
    page.get_by_role("button", name="Close the month").click()
    page.get_by_role("dialog").get_by_role("button", name="Close the month").click()
    expect(page.locator("main")).to_contain_text("registers closed")
    expect(page.locator("main")).to_contain_text("none since")


def test_names_are_text_whatever_they_hold(open_page: Open, service: EnergyService) -> None:
    page = open_page(f"#/energy?by=equip&{_yesterday(service)}")
    expect(page.locator("tr[data-branch='equip:a-lift']")).to_contain_text("<img src=x")
    page.keyboard.press("j")
    expect(page.locator("tr.picked")).to_have_count(1)
    while page.locator("tr.picked").get_attribute("data-branch") != "equip:a-lift":
        page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("h1 bdi").last).to_contain_text("onerror")
    assert page.evaluate("window.hacked === undefined")


def test_the_empty_view_says_how_to_fill_it(open_page: Open, service: EnergyService) -> None:
    page = open_page("#/settings")
    empty = {"start": 0, "end": 1, "by": "site", "period": "", "time_zone": "UTC", "branches": []}
    page.route("**/energy/summary?*", lambda route: route.fulfill(json=empty))
    page.locator(".rail a", has_text="Energy").click()
    expect(page.locator("main")).to_contain_text("map a counter")


@pytest.mark.parametrize(
    ("address", "shown", "look"),
    [
        ("#/energy?by=category&period=month", "tr[data-branch='category:a/A1']", "dark-zh"),
        pytest.param("#/energy/site:a?period=day", "[data-cost]", "phone", marks=pytest.mark.slow),
        pytest.param("#/ledger/a-board.energy?zero", "tr[data-label='zero']", "light-en", marks=pytest.mark.slow),
        pytest.param("#/reports", "tr[data-month]", "phone", marks=pytest.mark.slow),
        pytest.param("#/energy?period=day", "tr[data-branch]", "phone", marks=pytest.mark.slow),
        pytest.param("#/energy/site:a?period=month", "[data-cost]", "light-en", marks=pytest.mark.slow),
    ],
)
def test_axe_finds_nothing_and_nothing_is_wider_than_the_phone(
    open_page: Open, service: EnergyService, address: str, shown: str, look: str
) -> None:
    story = service.story
    hour = story.zero // 3_600_000_000_000 * 3_600_000
    start = (story.today // 1_000_000) - 86_400_000
    address = address.replace("?zero", f"?start={start}&end={start + 86_400_000}&open={hour}")
    theme = "dark" if look == "dark-zh" else "light"
    size = (390, 844) if look == "phone" else (1440, 900)
    page = open_page(address, theme=theme, lang="zh" if look == "dark-zh" else "en", size=size)
    page.wait_for_selector(shown, state="attached")
    assert not violations(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_periods_are_the_calendars_and_know_daylight_saving() -> None:
    shift = "(ms) => (ms < Date.parse('2026-03-29T01:00:00Z') ? 60 : 120)"
    day = run("lib/period.js", f"m.spanOf('day', '2026-03-29', {shift})")
    assert day["end"] - day["start"] == 23 * 3_600_000
    assert run("lib/period.js", "m.first('week', '2026-11-22')") == "2026-11-16"
    moves = "[['month', '2026-01-31', 1], ['week', '2026-12-30', 1], ['year', '2026-05-05', -1]].map((one) => m.moved(...one))"
    assert run("lib/period.js", moves) == ["2026-02-01", "2027-01-04", "2025-01-01"]
    assert run("lib/period.js", "[m.yearAgo('day', '2026-11-24'), m.yearAgo('month', '2026-11-24')]") == [
        "2025-11-25",
        "2025-11-01",
    ]


def test_a_running_period_is_compared_with_as_much_of_the_other() -> None:
    found = run("lib/period.js", "m.alike({ start: 0, end: 100, whole: false }, { start: -1000, end: -500 })")
    assert found == {"start": -1000, "end": -900}
    assert run("lib/period.js", "m.alike({ start: 0, end: 31, whole: true }, { start: -30, end: 0 })") == {
        "start": -30,
        "end": 0,
    }


def _bill(service: EnergyService, factor: float) -> dict[str, dict[str, str]]:
    """Seven days of Block A as a supplier would bill them: by tariff period, `factor` times the ledger's."""
    start, end = service.story.today // 1_000_000 - 8 * 86_400_000, service.story.today // 1_000_000 - 86_400_000
    (found,) = service.get("cost/a-board.energy", start=start, end=end, period="year")["periods"]
    return {
        name: {"q": f"{found['quantities'][name] * factor:.2f}", "a": f"{float(found['energy'][name]) * factor:.2f}"}
        for name in ("peak", "valley")
    }


def _entered(page: Page, service: EnergyService, lines: dict[str, dict[str, str]], words: dict[str, str]) -> None:
    """Fills the form of a bill and sends it."""
    page.get_by_label(words["register"]).select_option("a-board.energy")
    page.get_by_label(words["from"]).fill(service.story.day(8))
    page.get_by_label(words["to"]).fill(service.story.day(2))
    page.get_by_label(words["supplier"], exact=True).fill("State Grid <b>East</b>")
    page.get_by_label(words["number"]).fill("2026-11/7")
    for name, line in lines.items():
        for kind, value in line.items():
            field = page.locator(f"input[name='{kind} {name}']")
            field.fill(value)
            expect(field).to_have_value(value)
    page.get_by_role("button", name=words["check"]).click()


ENGLISH = {
    "register": "Register", "from": "First day", "to": "Last day, included", "supplier": "Supplier",
    "number": "Number of the bill", "check": "Compare with the ledger",
}  # fmt: skip
CHINESE = {
    "register": "表计",
    "from": "起始日",
    "to": "截止日（含）",
    "supplier": "供应商",
    "number": "账单编号",
    "check": "与计量账对照",
}


def test_a_bill_is_entered_compared_explained_and_leads_to_the_intervals(open_page: Open, service: EnergyService) -> None:
    page = open_page("#/bills")
    expect(page.locator("main")).to_contain_text("No bill has been checked yet.")
    page.keyboard.press("n")
    expect(page.locator("[data-entry='valley']")).to_be_visible()
    lines = _bill(service, 10)
    total = sum(float(line["a"]) for line in lines.values())
    lines["peak"]["a"] = f"{float(lines['peak']['a']):,.2f}"  # as it is printed
    _entered(page, service, lines, ENGLISH)
    expect(page.locator("[data-difference]")).to_contain_text(re.compile(r"\+¥[\d,]+\.\d\d \(\+900%\)"))
    assert float(page.locator("[data-difference]").get_attribute("data-difference") or 0) == pytest.approx(total * 0.9, abs=0.1)
    why = page.locator("[data-why]").first
    expect(why).to_have_attribute("data-why", "multiplier")
    expect(why).to_contain_text("10 times the ledger's")
    expect(page.locator("[data-line='valley']")).to_contain_text("kWh")
    expect(page.locator("[data-line='total']")).to_contain_text(f"¥{total:,.2f}")
    expect(page.locator("h1 bdi").first).to_have_text("State Grid <b>East</b>")
    expect(page.locator("canvas[data-chart='course']")).to_have_attribute("data-painted", "7")
    page.get_by_role("link", name="Intervals and reads").click()
    expect(page.locator("tr[data-interval]")).to_have_count(7)
    page.go_back()
    page.get_by_role("link", name="Bills", exact=True).click()
    row = page.locator("tr[data-bill]")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("State Grid <b>East</b> · 2026-11/7")
    expect(row).to_contain_text("+900%")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("[data-why='multiplier']")).to_be_visible()


def test_a_bill_that_says_nothing_is_refused_in_the_readers_language(
    open_page: Open, service: EnergyService, watch: Watch
) -> None:
    watch.expected = ("409",)
    page = open_page("#/bills/new", lang="zh", size=(390, 844))
    expect(page.locator("[data-entry='peak']")).to_be_visible()
    _entered(page, service, {}, CHINESE)
    expect(page.get_by_role("alert")).to_contain_text("没有任何数量或金额")
    page.get_by_label("起始日").fill("2021-03-01")
    page.get_by_label("截止日（含）").fill("2021-03-31")
    page.locator("input[name='q peak']").fill("100")
    page.get_by_role("button", name="与计量账对照").click()
    expect(page.get_by_role("alert")).to_contain_text("计量账没有账单这段时间的数据")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert not violations(page)
    page.keyboard.press("Escape")
    expect(page.locator("main")).to_contain_text("录入账单")


CHINESE_VIEWS = {
    "#/energy?period=day": "tr[data-branch]",
    "#/energy?by=category&period=month": "tr[data-branch='category:a/A1']",
    "#/energy/site:a?period=month": "[data-cost]",
    "#/ledger/a-board.energy?{zero}": "tr[data-label='zero']",
    "#/ledger/a-light.energy": "tr[data-interval]",
    "#/reports": "tr[data-month]",
    "#/bills": "a[href='#/bills/new']",
    "#/bills/new": "[data-entry='peak']",
    "#/meters": "tr[data-register]",
    "#/devices?tab=quality": ".facts dd",
}
OWN = [
    *["img src=x", "window.hacked", "very long " * 20, "made for the test", "letter of the energy office", "Li Wei"],
    *["State Grid", "somebody at the page", "XLSX, English", "HTML, English", "CSV, English"],
]
"""What the facility of these tests and its people say in one language."""


def test_no_view_of_energy_has_an_english_sentence_for_a_chinese_reader(open_page: Open, service: EnergyService) -> None:
    page = open_page("#/settings", lang="zh")
    hour, start = service.story.zero // 3_600_000_000_000 * 3_600_000, service.story.today // 1_000_000 - 86_400_000
    found = {}
    for address, shown in CHINESE_VIEWS.items():
        named = address.replace("{zero}", f"start={start}&end={start + 86_400_000}&open={hour}")
        page.evaluate("(to) => { location.hash = to; }", named)
        page.wait_for_selector(shown, state="attached")
        left = foreign(page, OWN)
        if left:
            found[address] = left
    assert not found
