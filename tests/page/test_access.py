"""What everybody must be able to use: axe-core finds nothing in any view, in light and dark, in both languages, on a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.page.axe import violations
from tests.page.conftest import Open, eventually

pytestmark = pytest.mark.browser

VIEWS = {
    "now": ("#/now", "tr[data-site] .bandbar"),
    "places": ("#/places?branch=site:b", "[data-row]"),
    "point": ("#/point/a.ch2.power", ".u-over"),
    "alerts": ("#/alerts", "tr[data-alert]"),
    "devices": ("#/devices", "[data-device]"),
    "device": ("#/devices/gw-b", ".facts"),
    "quarantine": ("#/devices?tab=quarantine", "pre.payload"),
    "quality": ("#/devices?tab=quality", ".facts"),
    "fleet": ("#/fleet", "tr[data-vehicle]"),
    "vehicle": ("#/fleet/car1?span=7d", "tr[data-trip]"),
    "settings": ("#/settings", ".choices"),
}


QUICK = {("now", "light-en"), ("places", "dark-zh"), ("alerts", "phone"), ("quarantine", "light-en")}
"""What the default suite looks at; the rest of the 33 is run with the slow tests."""
LOOKS = ("light-en", "dark-zh", "phone")
ALL = [pytest.param(view, look, marks=() if (view, look) in QUICK else pytest.mark.slow) for view in VIEWS for look in LOOKS]


@pytest.mark.parametrize(("view", "look"), ALL)
def test_axe_finds_nothing(open_page: Open, view: str, look: str) -> None:
    address, shown = VIEWS[view]
    theme = "dark" if look == "dark-zh" else "light"
    page = open_page(
        address, theme=theme, lang="zh" if look == "dark-zh" else "en", size=(390, 844) if look == "phone" else (1440, 900)
    )
    page.wait_for_selector(shown, state="attached")
    assert not violations(page)


@pytest.mark.parametrize("theme", [pytest.param("light", marks=pytest.mark.slow), "dark"])
def test_axe_finds_nothing_in_an_alert_and_in_the_dialogs(open_page: Open, theme: str) -> None:
    page = open_page("#/alerts", theme=theme)
    page.locator("tr[data-alert] a").first.click()
    page.wait_for_selector(".u-over")
    eventually(lambda: page.locator(".episodes a").count() > 0, "the episode stands on the axis")
    assert not violations(page)
    page.keyboard.press("/")
    page.get_by_role("combobox").first.fill("chiller")
    expect(page.locator(".hits [role=option]").first).to_be_visible()
    assert not violations(page)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert not violations(page)


def test_the_focus_is_visible_wherever_the_tab_key_leads(open_page: Open) -> None:
    page = open_page("#/alerts")
    page.wait_for_selector("tr[data-alert]")
    for _ in range(14):
        page.keyboard.press("Tab")
        outline = page.evaluate(
            "(() => { const s = getComputedStyle(document.activeElement); return [s.outlineStyle, s.outlineWidth]; })()"
        )
        assert outline[0] == "solid"
        assert float(outline[1].removesuffix("px")) >= 2


def test_the_severities_differ_in_shape_and_not_only_in_colour(open_page: Open) -> None:
    page = open_page("#/alerts")
    page.wait_for_selector("tr[data-alert]")
    shapes = page.locator("tr[data-alert] .what .sev").evaluate_all(
        "(all) => all.map((one) => one.getAttribute('aria-label') + one.lastChild.outerHTML)"
    )
    words = {shape.split("<")[0]: shape.split("<")[1].split('"')[1] for shape in shapes}
    assert set(words) == {"Critical", "High", "Medium", "Low"}
    assert len(set(words.values())) == 4
