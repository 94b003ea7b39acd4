"""The fleet in a real Chromium: vehicles with what is wrong, one with its trips, by keyboard, in Chinese, on a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.page.axe import violations
from tests.page.conftest import Open

pytestmark = pytest.mark.browser


def test_the_fleet_shows_every_vehicle_and_one_leads_to_its_trips(open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("g")
    page.keyboard.press("f")
    expect(page.locator(".rail [aria-current=page]")).to_have_text("Fleet")
    first = page.locator("tr[data-vehicle='car1']")
    expect(first).to_contain_text("Car")
    first.get_by_role("link").click()
    expect(page.locator("main h1").last).to_contain_text("Car")
    expect(page.locator("main")).to_contain_text("Trips")
    page.locator("main").get_by_role("link", name="7 d").click()
    expect(page.locator("tr[data-trip]").first).to_be_visible()
    expect(page.locator("tr.sum")).to_contain_text("Together")
    page.keyboard.press("Escape")
    expect(page.locator("tr[data-vehicle]").first).to_be_visible()


def test_an_alert_of_a_vehicle_stands_in_its_row_and_the_filter_stands_in_the_address(open_page: Open) -> None:
    page = open_page("#/fleet?q=0312")
    rows = page.locator("tr[data-vehicle]")
    expect(rows.first).to_be_visible()
    assert page.locator("main input[type=search]").input_value() == "0312"
    page.locator("main input[type=search]").fill("nothing of this name")
    expect(page.locator("main")).to_contain_text("Nothing")
    assert "q=nothing" in page.url


@pytest.mark.parametrize("address", ["#/fleet", "#/fleet/car1"])
def test_the_fleet_speaks_chinese_fits_a_phone_and_axe_finds_nothing(open_page: Open, address: str) -> None:
    page = open_page(address, lang="zh", theme="dark", size=(390, 844))
    expect(page.locator(".rail")).to_contain_text("车队")
    expect(page.locator("main .panel").first).to_be_visible()
    page.wait_for_selector("tr[data-vehicle], .face", state="attached")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert not violations(page)
