"""The alert desk in a real Chromium over the real service: rank, filters, keys, acts in bulk, why nobody is told, the evidence,
rules tried on the past, the calendar of silence, the delivery log."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from steward.model import Alert, Condition, Severity
from steward.units import MINUTE
from tests.page.axe import violations
from tests.page.campus import HOSTILE, ZONE
from tests.page.conftest import Open, Watch, eventually
from tests.page.desk_world import DeskService, desk_service

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskService]:
    """The service that `open_page` shows, with rules, trials and a delivery log."""
    with desk_service(tmp_path_factory.mktemp("desk")) as running:
        yield running


def _tell(service: DeskService, rule: str, severity: Severity = Severity.LOW, target: str = "a.t218.t") -> Alert:
    now = time.time_ns()
    began = now - 3 * MINUTE
    stated = Alert(rule, "threshold", severity, target, (target,), Condition.FIRING, began, now, began, None, 29.1, 29.6, 28.0)
    service.tell(stated)
    return stated


def _shown(page: Page) -> list[str]:
    shown: list[str] = page.locator("tr[data-alert]").evaluate_all("(all) => all.map((one) => one.dataset.alert)")
    return shown


def _id(service: DeskService, rule: str) -> str:
    return next(alert.id for alert in service.records.active() if alert.rule == rule)


def _hash(page: Page) -> str:
    address: str = page.evaluate("location.hash")
    return address


def test_alerts_are_ranked_by_severity_and_cost_and_the_filters_stand_in_the_address(
    open_page: Open, service: DeskService
) -> None:
    page = open_page("#/alerts")
    expect(page.locator("tr[data-alert]")).to_have_count(8)
    order = _shown(page)
    priced, free = _id(service, "chiller-high"), _id(service, "hvac.sensor_stuck")
    assert order.index(_id(service, "water.night_flow")) < order.index(priced) < order.index(free)
    expect(page.locator(f'tr[data-alert="{priced}"]')).to_contain_text("¥1,030")
    page.get_by_label("Order").select_option("cost")
    expect(page.locator("tr[data-alert]").first).to_have_attribute("data-alert", priced)
    page.get_by_label("Severity", exact=True).select_option("medium")
    expect(page.locator("tr[data-alert]")).to_have_count(3)
    page.get_by_text("More filters").click()
    page.get_by_label("Told").select_option("inhibited")
    expect(page.locator("tr[data-alert]")).to_have_count(1)
    address = _hash(page)
    assert {"sort=cost", "severity=medium", "delivery=inhibited"} <= set(address.split("?")[1].split("&"))
    again = open_page(address)
    expect(again.locator("tr[data-alert]")).to_have_count(1)
    again.get_by_role("link", name="Clear the filter").click()
    expect(again.locator("tr[data-alert]")).to_have_count(8)


def test_why_nobody_is_told_is_said_with_the_way_to_the_alert_that_explains_it(open_page: Open, service: DeskService) -> None:
    page = open_page("#/alerts")
    row = page.locator(f'tr[data-alert="{_id(service, "comfort.supply_air")}"]')
    expect(row.locator("[data-muted=inhibited]")).to_contain_text("explained by Main meter of Block B: power silent since")
    row.locator("[data-muted=inhibited] a").click()
    expect(page.locator("h1")).to_contain_text("Main meter of Block B: power silent")


def test_several_alerts_are_chosen_and_acknowledged_with_the_keyboard_alone(open_page: Open, service: DeskService) -> None:
    stated = [_tell(service, f"bulk.keys{number}") for number in range(3)]
    page = open_page("#/alerts?q=bulk.keys")
    expect(page.locator("tr[data-alert]")).to_have_count(3)
    for key in ("j", "x", "j", "x"):
        page.keyboard.press(key)
    expect(page.get_by_text("2 selected")).to_be_visible()
    page.keyboard.press("a")
    expect(page.locator(".toast")).to_have_text("2 acknowledged")
    expect(page.locator("tr[data-alert]", has_text="somebody at the page")).to_have_count(2)
    assert sum(bool(service.records.alert(one.id).acknowledged_by) for one in stated) == 2
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("assign, shelve, close, label, comment")


@pytest.mark.slow
def test_alerts_are_assigned_to_a_group_in_one_act(open_page: Open, service: DeskService) -> None:
    stated = [_tell(service, f"bulk.assign{number}") for number in range(2)]
    page = open_page("#/alerts?q=bulk.assign")
    page.get_by_label("Select all that wait").check()
    page.keyboard.press("w")
    page.get_by_label("To whom").fill("HVAC team")
    page.get_by_role("dialog").get_by_role("button", name="Assign").click()
    expect(page.locator("tr[data-alert]", has_text="HVAC team")).to_have_count(2)
    assert {service.records.alert(one.id).assigned_to for one in stated} == {"HVAC team"}
    assert {service.records.alert(one.id).human for one in stated} == {"assigned"}


def test_an_alert_is_shelved_with_a_reason_which_then_stands_in_its_row(open_page: Open, service: DeskService) -> None:
    stated = _tell(service, "bulk.shelve")
    page = open_page("#/alerts?q=bulk.shelve")
    page.get_by_role("checkbox", name=re.compile("Select: ")).check()
    page.get_by_role("button", name="Shelve").click()
    page.get_by_label("Reason").fill(f"belt on order {HOSTILE[:60]}")
    page.get_by_label("7 days").check()
    page.get_by_role("dialog").get_by_role("button", name="Shelve").click()
    muted = page.locator(f'tr[data-alert="{stated.id}"] [data-muted=shelved]')
    expect(muted).to_contain_text("by somebody at the page: belt on order <img src=x onerror=")
    assert page.evaluate("window.hacked") is None
    assert page.locator("main img").count() == 0
    page.locator(f'tr[data-alert="{stated.id}"] .what a').first.click()
    expect(page.locator(".muted-box")).to_contain_text("Not told: shelved until")
    page = open_page("#/calendar")
    expect(page.locator(".cal-row", has_text="belt on order")).to_be_visible()
    page.locator("[data-silence]", has_text="belt on order").get_by_role("button").click()
    expect(page.locator("[data-silence]", has_text="belt on order")).to_have_count(0)


def test_the_list_stands_still_while_it_is_read_and_says_how_many_are_new(open_page: Open, service: DeskService) -> None:
    first = _tell(service, "still.first")
    page = open_page("#/alerts?q=still.")
    row = page.locator(f'tr[data-alert="{first.id}"]')
    row.hover()
    second = _tell(service, "still.second", Severity.CRITICAL, "b.t218.t")
    fresh = page.get_by_role("button", name="1 new: show")
    expect(fresh).to_be_visible()
    assert _shown(page) == [first.id]
    fresh.click()
    expect(page.locator("tr[data-alert]").first).to_have_attribute("data-alert", second.id)


def test_an_alert_shows_what_was_expected_where_it_clears_and_what_it_costs(open_page: Open, service: DeskService) -> None:
    page = open_page(f"#/alerts/{_id(service, 'chiller-high')}")
    expect(page.locator("h1")).to_contain_text("Chiller 2: power above 110 kW: 131 kW since")
    expect(page.locator(".lede")).to_contain_text("It would clear at 108 kW.")
    expect(page.locator(".legend")).to_contain_text("expected")
    expect(page.locator(".recorded")).to_contain_text("70.0 kW – 96.0 kW")
    cost = page.locator("[data-cost]")
    for words in (
        "268 kWh",
        "¥215",
        "142 kg CO₂",
        "32.9 kgce",
        "¥1,030 a day",
        "(2 % estimated)",
        "what was used beyond 96.0 kW",
    ):
        expect(cost).to_contain_text(words)
    page = open_page(f"#/alerts/{_id(service, 'water.night_flow')}")
    expect(page.locator("[data-cost='0'] dd").first).to_have_text("–")
    expect(page.locator("main")).to_contain_text("Not priced yet")
    expect(page.locator("[data-similar]")).to_have_count(5)
    expect(page.locator(".chain")).to_contain_text("Could not be told: lead@block-a.example")
    expect(page.locator(".chain")).to_contain_text("connection refused")


@pytest.mark.slow
def test_chattering_is_folded_into_one_row_that_says_how_many_it_stands_for(open_page: Open, service: DeskService) -> None:
    now = time.time_ns()
    for number in range(6):
        began = now - (12 - 2 * number) * MINUTE
        alert = Alert("chatter.one", "threshold", Severity.LOW, "a.t218.t", (), Condition.FIRING, began, began, began, None)
        service.tell(alert)
        if number < 5:
            service.tell(replace(alert, condition=Condition.RESOLVED, at=began + MINUTE, resolved=began + MINUTE))
    page = open_page("#/alerts?q=chatter.one")
    row = page.locator("tr[data-alert]")
    expect(row).to_have_count(1)
    expect(row.locator("[data-muted=chattering]")).to_contain_text("6 episodes folded into this one")


@pytest.mark.slow
def test_an_alert_without_a_price_says_why_and_what_would_end_it(open_page: Open, service: DeskService) -> None:
    page = open_page(f"#/alerts/{_id(service, 'comfort.supply_air')}", lang="zh")
    expect(page.locator("main")).to_contain_text("未计价：送风偏热本身不产生费用。")
    expect(page.locator(".lede")).to_contain_text("回到 17.0 至 18.2 °C 即解除。")


@pytest.mark.slow
def test_the_usual_band_of_a_point_is_drawn_where_the_rule_recorded_none(open_page: Open, service: DeskService) -> None:
    page = open_page(f"#/alerts/{_id(service, 'energy.out_of_hours')}")
    expect(page.locator(".legend")).to_contain_text("usual at this hour (own history)")
    expect(page.locator(".legend")).to_contain_text("no data")


def test_an_alert_is_worked_on_commented_and_labelled(open_page: Open, service: DeskService) -> None:
    stated = _tell(service, "one.label")
    page = open_page(f"#/alerts/{stated.id}")
    expect(page.locator(".chain")).to_contain_text("Firing")
    page.keyboard.press("o")
    expect(page.locator(".chain")).to_contain_text("Work began · somebody at the page")
    page.get_by_role("button", name="Comment").click()
    page.get_by_role("textbox", name="Comment").fill("<b>valve W-14 is open</b>")
    page.get_by_role("dialog").get_by_role("button", name="Comment").click()
    expect(page.locator(".chain")).to_contain_text("<b>valve W-14 is open</b>")
    page.keyboard.press("l")
    page.get_by_label("false alarm").check()
    page.get_by_role("dialog").get_by_role("button", name="True or false").click()
    expect(page.locator(".facts", has_text="Verdict")).to_contain_text("false alarm")
    assert service.records.alert(stated.id).label.true is False
    assert service.records.alert(stated.id).human == "in_progress"


@pytest.mark.slow
def test_what_is_over_is_closed_with_the_words_that_the_next_one_will_show(open_page: Open, service: DeskService) -> None:
    page = open_page("#/alerts?state=resolved&rule=water.night_flow")
    expect(page.locator("tr[data-alert]")).to_have_count(5)
    page.keyboard.press("j")
    page.keyboard.press("c")
    page.get_by_role("textbox", name="Comment").fill("flush valve on the second floor")
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    expect(page.locator("tr[data-alert]").first).to_contain_text("closed by somebody at the page")
    page = open_page(f"#/alerts/{_id(service, 'water.night_flow')}")
    expect(page.locator("[data-similar]").first).to_contain_text("flush valve on the second floor")


def test_rules_are_listed_with_what_they_watch_and_why_they_cannot_be_judged(open_page: Open) -> None:
    page = open_page("#/rules")
    row = page.locator('tr[data-rule="energy.out_of_hours"]')
    expect(row).to_contain_text("site “a” has no calendar")
    expect(page.locator('tr[data-rule="water.night_flow"]')).to_contain_text("3")
    page.get_by_role("link", name="With gaps").click()
    expect(page.locator('tr[data-rule="water.night_flow"]')).to_have_count(0)
    row.get_by_role("link", name="energy.out_of_hours").click()
    expect(page.locator("main")).to_contain_text("a.ch2.power")


def test_a_rule_is_tried_with_a_changed_limit_and_a_sweep_which_suggests_one(open_page: Open, service: DeskService) -> None:
    page = open_page("#/rules/water.night_flow")
    label = {"by": "Li Wei", "true": True}
    told = page.request.post(f"{service.url}/api/v1/alerts/{_id(service, 'water.night_flow')}/label", data=label)
    assert told.ok
    expect(page.locator("[data-episode]")).to_have_count(6)
    expect(page.locator(".facts.code")).to_contain_text("1.44m3/h")
    page.locator("input[name='f.above']").fill("1.8m3/h")
    page.get_by_label("Limit to sweep").select_option("above")
    assert page.get_by_label("Values").input_value().startswith("0.864m3/h, ")
    page.get_by_label("Values").fill("1m3/h, 1.44m3/h, 9m3/h")
    page.get_by_role("button", name="Try", exact=True).click()
    expect(page.locator(".trial[data-state=done]")).to_have_count(2)
    expect(page.locator("[data-result='after:water.night_flow']")).to_contain_text("changed")
    expect(page.locator(".trial").first).to_contain_text("differences")
    suggested = page.locator(".suggestion").get_attribute("data-suggested")
    assert suggested in ("1m3/h", "1.44m3/h")
    expect(page.locator(".curve .plot")).to_have_attribute("data-values", "3")
    page.get_by_role("button", name="Take it into the form").click()
    expect(page.locator("input[name='f.above']")).to_have_value(suggested)
    again = open_page(_hash(page))
    expect(again.locator(".trial[data-state=done]")).to_have_count(2)


@pytest.mark.slow
def test_a_trial_is_refused_with_the_reason_and_can_be_written_as_json(open_page: Open, watch: Watch) -> None:
    watch.expected = ("422",)
    page = open_page("#/rules/chiller-high")
    page.get_by_role("button", name="change the whole table as JSON").click()
    box = page.get_by_label("Definition as JSON")
    box.fill(box.input_value().replace("110kW", "110furlong"))
    page.get_by_role("button", name="Try", exact=True).click()
    expect(page.locator(".tryit [role=alert]")).to_contain_text("furlong")


def test_a_maintenance_window_is_planned_and_the_alert_in_it_says_so(open_page: Open, service: DeskService) -> None:
    stated = _tell(service, "window.alert", target="a.t218.co2")
    page = open_page("#/calendar")
    page.get_by_role("button", name="Plan maintenance").click()
    page.get_by_label("Reason").fill("sensor calibration")
    began = datetime.now(ZoneInfo(ZONE)) - timedelta(hours=1)
    page.get_by_label("From").fill(f"{began:%Y-%m-%dT%H:%M}")
    page.get_by_label("Place or equip").select_option("equip:a.t218")
    page.get_by_role("dialog").get_by_role("button", name="Plan maintenance").click()
    expect(page.locator(".cal-row", has_text="sensor calibration").locator(".cal-bar")).to_have_count(1)
    page.get_by_role("link", name="Month").click()
    expect(page.locator(".cal-row", has_text="sensor calibration").locator(".cal-bar")).to_have_count(1)
    page = open_page("#/alerts?q=window.alert")
    expect(page.locator(f'tr[data-alert="{stated.id}"] [data-muted=maintenance]')).to_contain_text("sensor calibration")
    page = open_page("#/calendar")
    page.get_by_role("button", name="End now: sensor calibration").click()
    expect(page.locator("[data-silence]", has_text="sensor calibration")).to_have_count(0)


def test_the_delivery_log_says_who_was_told_and_a_dead_notice_is_tried_again(open_page: Open) -> None:
    page = open_page("#/notices")
    expect(page.locator("tr[data-notice]")).to_have_count(3)
    dead = page.locator("tr[data-notice]", has_text="given up")
    expect(dead).to_contain_text("lead@block-a.example")
    dead.get_by_role("button", name="Try again").click()
    expect(page.locator("tr[data-notice]", has_text="given up")).to_have_count(0)
    page.get_by_label("State").select_option("sent")
    expect(page.locator("tr[data-notice]")).to_have_count(1)
    assert "state=sent" in _hash(page)


@pytest.mark.slow
def test_wall_clock_times_are_those_of_the_site_beside_a_change_of_the_clock(open_page: Open) -> None:
    page = open_page("#/settings")
    found = page.evaluate("""async () => {
      const { fromWall, toWall, midnights, mondayOf } = await import('./lib/when.js');
      const noon = fromWall('2026-03-29T12:00', 'Europe/Berlin');
      return [noon, toWall(noon, 'Europe/Berlin'), midnights(noon, 2, 'Europe/Berlin').map((ms) => toWall(ms, 'Europe/Berlin')),
        toWall(mondayOf(noon, 'Europe/Berlin'), 'Europe/Berlin')];
    }""")
    assert found[0] == 1_774_778_400_000
    assert found[1:] == [
        "2026-03-29T12:00", ["2026-03-29T00:00", "2026-03-30T00:00", "2026-03-31T00:00"], "2026-03-23T00:00",
    ]  # fmt: skip


VIEWS = {
    "alerts": ("#/alerts", "tr[data-alert]"),
    "alert": ("#/alerts/{chiller-high}", ".u-over"),
    "rules": ("#/rules", "tr[data-rule]"),
    "rule": ("#/rules/water.night_flow", "[data-episode]"),
    "calendar": ("#/calendar", ".cal-days"),
    "notices": ("#/notices", "tr[data-notice]"),
}
QUICK = {("rule", "dark-zh"), ("alerts", "phone")}
"""What the default suite looks at; the rest is run with the slow tests."""
LOOKS = ("light-en", "dark-zh", "phone")
ALL = [pytest.param(view, look, marks=() if (view, look) in QUICK else pytest.mark.slow) for view in VIEWS for look in LOOKS]


@pytest.mark.parametrize(("view", "look"), ALL)
def test_everybody_can_use_the_desk_in_both_languages_and_on_a_phone(
    open_page: Open, service: DeskService, view: str, look: str
) -> None:
    address, shown = VIEWS[view]
    address = address.replace("{chiller-high}", _id(service, "chiller-high"))
    size = (390, 844) if look == "phone" else (1440, 900)
    page = open_page(
        address, theme="dark" if look == "dark-zh" else "light", lang="zh" if look == "dark-zh" else "en", size=size
    )
    page.wait_for_selector(shown, state="attached")
    eventually(lambda: page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is wider than the screen")
    assert not re.search(
        r"\b(?:alerts?|rules?|try|trial|calendar|notices|cost|muted|scope)\.[a-z]\w*\b(?!\.|_)", _own_words(page)
    )
    assert not violations(page)
    if look == "dark-zh":
        expect(page.locator(".rail")).to_contain_text("规则")


def _own_words(page: Page) -> str:
    """The page's own words, without what the facility calls its things."""
    said: str = page.evaluate("""() => {
      const copy = document.querySelector('main').cloneNode(true);
      copy.querySelectorAll('bdi, code, [data-rule]').forEach((one) => one.remove());
      return copy.innerText;
    }""")
    return said


@pytest.mark.parametrize("view", [pytest.param("shelve", marks=pytest.mark.slow), pytest.param("plan", marks=pytest.mark.slow)])
def test_axe_finds_nothing_in_the_forms(open_page: Open, view: str) -> None:
    page = open_page("#/alerts" if view == "shelve" else "#/calendar", theme="dark")
    if view == "shelve":
        page.wait_for_selector("tr[data-alert]")
        page.keyboard.press("j")
        page.keyboard.press("s")
        page.get_by_label("own choice").check()
    else:
        page.get_by_role("button", name="Plan maintenance").click()
        page.get_by_label("every week").check()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert not violations(page)


@pytest.mark.slow
def test_an_empty_desk_says_what_would_appear(open_page: Open, tmp_path_factory: pytest.TempPathFactory) -> None:
    with desk_service(tmp_path_factory.mktemp("empty"), with_history=False, with_alerts=False) as empty:
        page = open_page("#/alerts?state=resolved", at=empty.url)
        expect(page.locator("main")).to_contain_text("No alert has been resolved yet.")
        page.goto(f"{empty.url}/#/notices")
        expect(page.locator("main")).to_contain_text("Nobody has been told anything yet.")
        page.goto(f"{empty.url}/#/calendar")
        expect(page.locator("main")).to_contain_text("Nothing is silenced in this time.")
        page.context.close()
