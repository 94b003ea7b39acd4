"""The page in a real Chromium over the real service: what arrives, what moves, what the address and the keyboard do."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from steward.model import Alert, Condition, Severity
from steward.units import MINUTE
from tests.page.campus import HOSTILE, campus
from tests.page.conftest import Open, Watch, eventually
from tests.page.server import Service
from tests.ports import free_port

pytestmark = pytest.mark.browser


INKED = """() => {
  const canvas = document.querySelector('.plot canvas'), over = document.querySelector('.u-over'), ratio = devicePixelRatio;
  const width = over.clientWidth * ratio, left = over.offsetLeft * ratio, height = over.clientHeight * ratio - 16;
  const whole = canvas.getContext('2d').getImageData(left, over.offsetTop * ratio, width, height);
  const inked = (from, to) => {
    let n = 0;
    for (let i = 0; i < whole.data.length; i += 4) {
      const x = ((i / 4) % whole.width) / whole.width;
      if (x > from && x < to && whole.data[i] < 110 && whole.data[i + 3] > 200) n += 1;
    }
    return n;
  };
  return { gap: inked(0.645, 0.685), before: inked(0.5, 0.54) };
}"""
"""Counts dark pixels of the trace within and before the gap of Block A's chiller (nine to seven hours ago of a day)."""


SLOW = ("#/places", "#/alerts", "#/devices", "#/settings")
PHONE = ["#/now", "#/point/a.ch2.power", *(pytest.param(address, marks=pytest.mark.slow) for address in SLOW)]


def _alert(rule: str, severity: Severity = Severity.HIGH, condition: Condition = Condition.FIRING, since: int = 0) -> Alert:
    now = time.time_ns()
    began = since or now - 3 * MINUTE
    resolved = now if condition is Condition.RESOLVED else None
    return Alert(
        rule, "threshold", severity, "a.t218.t", ("a.t218.t",), condition, began, now, began, resolved, 29.1, 29.6, 28.0
    )


def _address(page: Page) -> str:
    """The address as the page has it now (`page.url` is only as new as the last event that Playwright handled)."""
    address: str = page.evaluate("location.hash")
    return address


def _drawn(page: Page) -> None:
    """Waits for a chart with its data, and for the frame that shows it."""
    page.wait_for_selector(".u-over")
    eventually(lambda: int(page.locator(".plot").get_attribute("data-points") or 0) > 300, "the history is here")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


NEVER = {
    "id": "p",
    "name": {"en": "Kitchen plug"},
    "state": "never",
    "gateway": "",
    "stale": 0,
    "offset": None,
    "dead": None,
    "seen": None,
}


def test_the_now_view_answers_with_totals_alerts_silence_and_sites(open_page: Open) -> None:
    page = open_page()
    expect(page.locator(".strip")).to_contain_text("Electricity")
    beside_midnight = (time.time() + 8 * 3600 + 300) % 86_400 < 1200  # in Shanghai: nothing of today is known yet
    used = r"Energy today(–|\d)" if beside_midnight else r"Energy today[\d.,]+\s*[kM]?Wh"
    expect(page.locator(".strip")).to_contain_text(re.compile(used))
    expect(page.locator("tr[data-alert]")).to_have_count(5)
    expect(page.locator("tr[data-alert]").first).to_contain_text("flow above 1.44 m³/h")
    expect(page.locator(".quiet")).to_contain_text("Gateway B2-03")
    expect(page.locator(".quiet")).to_contain_text("clock 8 h ahead")
    expect(page.locator("tr[data-site]")).to_have_count(4)


def test_the_normal_band_of_a_site_is_learned_from_its_history(open_page: Open) -> None:
    page = open_page()
    label = re.compile(r"usual at this hour: [\d.,]+–[\d.,]+ kW \(from \d+ days\)")
    expect(page.locator("tr[data-site] .bandbar").first).to_have_attribute("aria-label", label)


def test_a_value_changes_in_place_without_a_reload(open_page: Open, service: Service) -> None:
    page = open_page("#/places?branch=equip:a.t218")
    expect(page.locator('[data-point="a.t218.t"] .v')).to_be_visible()
    page.evaluate("window.kept = document.querySelector('[data-point=\"a.t218.t\"]')")
    service.say("a.t218.t", 23.45)
    expect(page.locator('[data-point="a.t218.t"] .v')).to_have_text("23.5")
    service.say("a.t218.t", 24.11)
    expect(page.locator('[data-point="a.t218.t"] .v')).to_have_text("24.1")
    assert page.evaluate("window.kept === document.querySelector('[data-point=\"a.t218.t\"]')"), "the row was made anew"


def test_every_value_carries_unit_age_and_quality(open_page: Open) -> None:
    page = open_page("#/places")
    uncertain = page.locator('[data-row="car1.battery"]')
    expect(uncertain).to_contain_text("V")
    expect(uncertain.locator(".mark")).to_have_text("uncertain")
    expect(uncertain.locator(".mark")).to_have_attribute("title", re.compile("^Stored and shown, but not to be relied on"))
    stale = page.locator('[data-row="b.ch2.power"]')
    expect(stale.locator(".hollow")).to_be_visible()
    expect(stale.locator(".age")).to_contain_text("silent")


def test_no_data_is_a_dash_and_never_a_zero(open_page: Open, folder: Path) -> None:
    with Service(folder, campus(), with_history=False) as empty:
        page = open_page("#/places?branch=equip:a.ch2", at=empty.url)
        expect(page.locator('[data-row="a.ch2.power"] .v')).to_have_text("–")
        expect(page.locator('[data-row="a.ch2.power"] .age')).to_contain_text("–")
        page.goto(f"{empty.url}/#/now")
        expect(page.locator("tr[data-site=a] .v")).to_have_text("–")
        expect(page.locator("main")).to_contain_text("0 of 4 reporting")
        page.context.close()


def test_a_device_that_never_spoke_is_not_said_to_speak(open_page: Open) -> None:
    page = open_page()
    page.route(
        "**/api/v1/devices?*", lambda route: route.fulfill(json={"total": 1, "counts": {}, "after": None, "devices": [NEVER]})
    )
    page.reload()
    expect(page.locator("main")).to_contain_text("1 device was never heard")
    expect(page.locator("main")).not_to_contain_text("All devices speak")


def test_a_service_that_does_not_answer_is_said_in_words(open_page: Open, watch: Watch) -> None:
    watch.expected = ("net::ERR_FAILED",)
    page = open_page()
    page.route("**/api/v1/quarantine*", lambda route: route.abort())
    page.goto(page.url.split("#")[0] + "#/devices?tab=quarantine")
    expect(page.get_by_role("alert")).to_contain_text("Steward does not answer.")


def test_an_alert_appears_without_a_reload_on_top_and_is_announced(open_page: Open, service: Service) -> None:
    page = open_page("#/alerts")
    expect(page.locator("tr[data-alert]")).to_have_count(5)
    stated = _alert("comfort.too_warm", Severity.CRITICAL)
    service.tell(stated)
    row = page.locator(f'tr[data-alert="{stated.id}"]')
    expect(row).to_contain_text("temperature above 28.0 °C")
    expect(page.locator("#announced")).to_contain_text("New alert: Critical")
    assert page.locator("tr[data-alert]").first.get_attribute("data-alert") == stated.id
    service.tell(_alert("comfort.too_warm", Severity.CRITICAL, Condition.RESOLVED, stated.since))
    expect(row).to_have_count(0)
    expect(page.locator("#announced")).to_contain_text("Resolved")


def test_an_alert_is_acknowledged_by_keyboard_alone(open_page: Open, service: Service) -> None:
    stated = _alert("comfort.keyboard", Severity.LOW)
    service.tell(stated)
    page = open_page("#/alerts")
    row = page.locator(f'tr[data-alert="{stated.id}"]')
    expect(row).to_contain_text("nobody yet")
    while "picked" not in (row.get_attribute("class") or ""):
        page.keyboard.press("j")
    page.keyboard.press("a")
    expect(row).to_contain_text("somebody at the page")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{service.url}/?lang=en&theme=light#/alerts/{stated.id}")
    expect(page.locator(".chain")).to_contain_text("Acknowledged")
    assert service.records.alert(stated.id).acknowledged_by == "somebody at the page"


def test_several_alerts_are_acknowledged_at_once(open_page: Open, service: Service) -> None:
    stated = [_alert(f"comfort.bulk{n}", Severity.LOW) for n in range(3)]
    service.tell(*stated)
    page = open_page("#/alerts?q=comfort.bulk")
    expect(page.locator("tr[data-alert]")).to_have_count(3)
    page.get_by_label("Select all that wait").check()
    page.get_by_role("button", name="Acknowledge 3").click()
    eventually(
        lambda: all(service.records.alert(one.id).acknowledged_by for one in stated),
        "all three are acknowledged in the records",
    )
    expect(page.locator(".toast")).to_have_text("3 acknowledged")


def test_the_language_switches_without_a_reload_and_is_kept(open_page: Open) -> None:
    page = open_page("#/alerts")
    page.evaluate("window.same = true")
    page.get_by_role("button", name="中文").click()
    expect(page.locator(".panel h2").first).to_have_text("告警")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page.locator("tr[data-alert]").first).to_contain_text("总水表流量高于")
    assert page.evaluate("window.same")
    page.goto(page.url.split("?")[0] + "#/settings")
    expect(page.locator(".panel h2").first).to_have_text("设置")


def test_the_address_restores_the_view_the_range_and_the_filter(open_page: Open) -> None:
    page = open_page("#/point/a.ch2.power?range=7d")
    expect(page.locator(".choice [aria-current=true]")).to_have_text("7 d")
    expect(page.locator(".path [aria-current=location]")).to_have_text("Chiller 2")
    page = open_page("#/places?branch=site:b&q=supply&state=stale")
    expect(page.locator("[data-row]")).to_have_count(2)
    expect(page.get_by_label("Filter …")).to_have_value("supply")
    page = open_page("#/alerts?severity=critical")
    expect(page.locator("tr[data-alert]")).to_have_count(1)


def test_back_returns_to_what_was_seen_before(open_page: Open) -> None:
    page = open_page("#/now")
    page.locator("tr[data-site=b]").click()
    expect(page.locator(".path [aria-current=location]")).to_have_text("Block B")
    page.locator('[data-row="b.main.power"] a').click()
    expect(page.locator("h1").first).to_have_text("Active power")
    page.go_back()
    expect(page.locator('[data-row="b.main.power"]')).to_be_visible()
    page.go_back()
    expect(page.locator("tr[data-site=b]")).to_be_visible()


def test_a_chart_zooms_by_dragging_and_returns_by_a_double_click(open_page: Open) -> None:
    page = open_page("#/point/a.main.power")
    _drawn(page)
    over = page.locator(".u-over")
    box = over.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 60, steps=4)
    eventually(lambda: (page.locator(".u-select").bounding_box() or {"width": 0})["width"] > 100, "the stretch is marked")
    page.mouse.up()
    eventually(lambda: "from=" in _address(page), "the address holds the zoom")
    query = dict(part.split("=") for part in _address(page).split("?")[-1].split("&"))
    assert 5 * 3_600_000 < int(query["to"]) - int(query["from"]) < 7 * 3_600_000
    page.locator(".u-over").dblclick()
    eventually(lambda: "from=" not in _address(page), "the double click returns")


def test_a_gap_in_the_data_is_a_gap_in_the_chart(open_page: Open) -> None:
    page = open_page("#/point/a.ch2.power")
    _drawn(page)
    pixels = page.evaluate(INKED)
    assert pixels["before"] > 20
    assert pixels["gap"] == 0


def test_a_chart_is_saved_as_a_picture_and_as_a_table(open_page: Open) -> None:
    page = open_page("#/point/a.main.power")
    _drawn(page)
    with page.expect_download() as picture:
        page.get_by_role("button", name="PNG").click()
    assert Path(picture.value.path()).read_bytes().startswith(b"\x89PNG")
    assert picture.value.suggested_filename == "Active-power.png"
    with page.expect_download() as table:
        page.get_by_role("link", name="CSV").click()
    lines = Path(table.value.path()).read_text(encoding="utf-8").splitlines()
    assert "mean" in lines[0]
    assert len(lines) > 300


def test_a_point_is_found_from_anywhere_by_its_chinese_name(open_page: Open) -> None:
    page = open_page("#/alerts")
    page.keyboard.press("/")
    page.get_by_role("combobox", name="Find anything").fill("浙A·0312")
    expect(page.locator(".hits [role=option]").first).to_contain_text("浙A·0312")
    expect(page.locator(".hits [role=option] .where").first).to_contain_text("Block A")
    page.keyboard.press("Enter")
    expect(page.locator(".path [aria-current=location]")).to_have_text("Car 浙A·0312")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


@pytest.mark.parametrize("address", ["#/devices", "#/devices/bad%3C1%3E", "#/devices?tab=quarantine"])
def test_what_a_device_sends_is_text_and_never_markup(open_page: Open, address: str) -> None:
    page = open_page(address)
    sent = "<script>window.hacked=1</script>" if "quarantine" in address else "<img src=x onerror="
    expect(page.locator("main")).to_contain_text(sent)
    assert page.evaluate("window.hacked") is None
    assert page.locator("main img, main script").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{len(HOSTILE)} characters push the page apart"


@pytest.mark.slow
def test_a_dropped_connection_is_said_and_comes_back_with_what_was_missed(open_page: Open, folder: Path, watch: Watch) -> None:
    watch.expected = ("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE")
    first = Service(folder, campus(), port=free_port())  # its own, also while nobody listens there
    with first:
        page = open_page("#/places?branch=equip:a.t218", at=first.url)
        first.say("a.t218.t", 25.25)
        expect(page.locator('[data-point="a.t218.t"] .v')).to_have_text("25.3")
    expect(page.locator(".dropped")).to_contain_text("No connection to Steward for")
    before = page.locator('[data-row="a.t218.t"] .age').inner_text()
    eventually(lambda: page.locator('[data-row="a.t218.t"] .age').inner_text() != before, "the age counts on")
    with Service(folder, campus(), port=first.port) as second:
        second.say("a.t218.t", 26.75)
        expect(page.locator(".dropped")).to_have_count(0)
        expect(page.locator('[data-point="a.t218.t"] .v')).to_have_text("26.8")
        page.context.close()


def test_a_hidden_tab_closes_the_stream_and_catches_up_when_it_is_seen(open_page: Open, service: Service) -> None:
    page = open_page("#/places?branch=equip:a.t218")
    service.say("a.t218.t", 20.5)
    expect(page.locator('[data-point="a.t218.t"] .v')).to_have_text("20.5")
    hide = """(hidden) => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
        document.dispatchEvent(new Event('visibilitychange')); }"""
    clients = service.app.state.context.events
    page.evaluate(hide, True)
    eventually(lambda: clients.clients == 0, "the server sees the stream closed")
    service.say("a.t218.t", 19.5)
    page.evaluate(hide, False)
    expect(page.locator('[data-point="a.t218.t"] .v')).to_have_text("19.5")


@pytest.mark.parametrize("address", PHONE)
def test_on_a_phone_nothing_is_wider_than_the_screen_and_the_bar_is_at_the_bottom(open_page: Open, address: str) -> None:
    page = open_page(address, size=(390, 844))
    expect(page.locator("main .panel:visible").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    bar = page.locator(".rail").bounding_box()
    assert bar is not None
    assert bar["y"] > 700
    assert bar["y"] + bar["height"] <= 844


@pytest.mark.slow
def test_a_list_of_a_hundred_thousand_points_scrolls(open_page: Open, folder: Path) -> None:
    with Service(folder, campus(extra_points=100_000), with_alerts=False, with_history=False) as large:
        page = open_page("#/places?branch=equip:c.hall", at=large.url)
        expect(page.locator(".panel.points .title small")).to_have_text("100,000 points")
        assert page.locator(".vrow").count() < 80
        page.locator(".points .virtual").evaluate("(box) => { box.scrollTop = box.scrollHeight; }")
        expect(page.locator('[data-row="c.hall.t99999"]')).to_be_visible()
        large.say("c.hall.t99999", 22.2)
        expect(page.locator('[data-point="c.hall.t99999"] .v')).to_have_text("22.2")
        assert page.locator(".vrow").count() < 80
        page.context.close()


def test_an_unknown_view_says_so_and_leads_home(open_page: Open) -> None:
    page = open_page("#/nowhere")
    expect(page.locator("main")).to_contain_text("There is no such view.")
    page.locator("main").get_by_role("link", name="Now").click()
    expect(page.locator(".strip")).to_be_visible()


def test_the_help_lists_the_keys_and_g_leads_to_a_view(open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("acknowledge what is selected")
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("d")
    expect(page.locator(".rail [aria-current=page]")).to_have_text("Devices")
