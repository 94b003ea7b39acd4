"""Work at the alert desk in a real Chromium: a trial that is cancelled, windows that come every week or in another month, what
late data corrected; and every view of the desk in Chinese without a sentence in another language."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

import pytest
from playwright.sync_api import Page, expect

from api.services import Services
from steward.app.trials import runs
from steward.app.trials.desk import Desk
from steward.model import Batch
from steward.records.desk import DeskRecords, Noted
from steward.store import Store
from steward.units import MINUTE
from tests.page.campus import HOSTILE
from tests.page.chinese import foreign
from tests.page.conftest import Open, Watch
from tests.page.desk_world import RULES, DeskService, campus_with_rules

pytestmark = pytest.mark.browser


@dataclass
class Dam:
    """The store behind a dam: while it is shut, a trial reads a little, waits until somebody looks, and reads no more."""

    store: Store
    trials: Any = None
    shut: bool = False
    reads: int = 0

    async def read(self, points: Sequence[int], start: int, end: int) -> Batch:
        """As the store."""
        if self.shut:
            self.reads += 1
            if self.reads == 4:
                while not any(run.looking.is_set() for run in self.trials.runs()):
                    await asyncio.sleep(0.01)
            if self.reads > 4:
                await asyncio.Event().wait()  # until the trial is cancelled
        return await self.store.read(points, start, end)


class DammedService(DeskService):
    """The desk's service with the dam before the history of its trials."""

    def _services(self, now: int) -> Services:
        services = super()._services(now)
        desk = cast(Desk, services.trials)
        self.dam = Dam(self.store, desk.runs)
        desk.runs._history = self.dam
        return services


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DammedService]:
    with pytest.MonkeyPatch.context() as patch, DammedService(tmp_path_factory.mktemp("work"), campus_with_rules()) as running:
        patch.setattr(runs, "BLOCK", 5_000)  # samples read at once: a week is several reads
        yield running


def _id(service: DeskService, rule: str) -> str:
    return next(alert.id for alert in service.records.active() if alert.rule == rule)


def test_a_trial_is_cancelled_and_shows_what_it_found_until_then(open_page: Open, service: DammedService) -> None:
    service.dam.shut, service.dam.reads = True, 0
    page = open_page("#/rules/supply.lost")
    expect(page.locator(".tryit form")).to_be_visible()
    page.get_by_role("button", name="Try", exact=True).click()
    trial = page.locator(".trial[data-state=running]")
    expect(trial.get_by_role("progressbar")).to_be_visible()
    row = page.locator("[data-result='supply.lost']")
    expect(row).to_contain_text(re.compile(r"as it runs[1-9]"))
    expect(trial).to_contain_text(re.compile(r"[\d,]+ samples"))
    watched = row.inner_text()
    trial.get_by_role("button", name="Cancel the trial").click()
    expect(page.locator(".trial[data-state=cancelled]")).to_contain_text("cancelled")
    expect(page.get_by_role("button", name="Cancel the trial")).to_have_count(0)
    assert row.inner_text() == watched
    service.dam.shut = False


def _plan(page: Page, reason: str) -> None:
    page.get_by_role("button", name="Plan maintenance").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_label("Reason").fill(reason)
    page.get_by_label("Place or equip").select_option("equip:a.t218")


def test_a_weekly_window_stands_on_its_days_in_every_week(open_page: Open, service: DammedService) -> None:
    page = open_page("#/calendar")
    _plan(page, "filter change")
    page.get_by_label("every week").check()
    for day in ("Mon", "Wed"):
        page.get_by_role("dialog").get_by_label(day, exact=True).check()
    page.locator("input[name=begins]").fill("21:30")
    page.locator("input[name=ends]").fill("01:15")
    page.get_by_role("dialog").get_by_role("button", name="Plan maintenance").click()
    listed = page.locator("[data-silence]", has_text="filter change")
    expect(listed).to_contain_text("Mon, Wed 21:30–01:15")
    week = page.locator(".bar b").inner_text()
    page.get_by_role("link", name="after").click()
    expect(page.locator(".bar b")).not_to_have_text(week)
    bars = page.locator(".cal-row", has_text="filter change").locator(".cal-bar")
    expect(bars).to_have_count(2)
    starts = [float(re.search(r"left: ?([\d.]+)%", bar.get_attribute("style") or "")[1]) for bar in bars.all()]  # type: ignore[index]
    assert starts == pytest.approx(
        [100 / 7 * 21.5 / 24, 100 / 7 * (2 + 21.5 / 24)], abs=1.0
    )  # a week may hold a change of the clock
    page.get_by_role("link", name="Month").click()
    expect(page.locator(".cal-row", has_text="filter change").locator(".cal-bar").nth(7)).to_be_attached()
    listed.get_by_role("button", name="End now: filter change").click()
    expect(listed).to_have_count(0)


def _months_on(day: str, count: int) -> date:
    """The 15th, so many months after the month of a day."""
    year, month = int(day[:4]), int(day[5:7]) + count
    return date(year + (month - 1) // 12, (month - 1) % 12 + 1, 15)


def test_a_window_planned_in_another_month_is_found_there(open_page: Open, service: DammedService) -> None:
    page = open_page("#/calendar?by=month")
    _plan(page, "transformer outage")
    start, end = page.locator("input[name=start]"), page.locator("input[name=end]")
    then = _months_on(start.input_value(), 2)
    start.fill(f"{then.isoformat()}T09:00")
    end.fill(f"{then.isoformat()}T17:00")
    page.get_by_role("dialog").get_by_role("button", name="Plan maintenance").click()
    listed = page.locator("[data-silence]", has_text="transformer outage")
    expect(listed).to_contain_text(f"15 {then:%b}")
    expect(page.locator(".cal-row", has_text="transformer outage")).to_have_count(0)
    for _ in range(2):
        before = page.evaluate("location.hash")
        page.get_by_role("link", name="after").click()
        page.wait_for_function("(old) => location.hash !== old", arg=before)
    expect(page.locator(".bar b", has_text=f"{then:%B %Y}")).to_be_visible()
    bar = page.locator(".cal-row", has_text="transformer outage").locator(".cal-bar")
    expect(bar).to_have_count(1)
    expect(bar).to_have_attribute("title", re.compile(rf"15 {then:%b}t?, 09:00 – 17:00"))
    again = open_page(page.evaluate("location.hash"))
    expect(again.locator(".cal-row", has_text="transformer outage")).to_be_visible()
    listed.get_by_role("button", name="End now: transformer outage").click()
    expect(listed).to_have_count(0)


def test_what_late_data_would_have_changed_stands_in_the_chain(open_page: Open, service: DammedService) -> None:
    alert, now = _id(service, "energy.out_of_hours"), time.time_ns()
    words = "late data: it would have fired at 2026-11-24 02:15:00 UTC, over at (lasts)"
    DeskRecords(service.records.database).correct([Noted(alert, "correction", now - MINUTE, words)], now)
    page = open_page(f"#/alerts/{alert}")
    line = page.locator(".chain .corrected")
    expect(line).to_contain_text("Corrected by late data")
    expect(line).to_contain_text(re.compile(r"late data: it would have fired at 24 Nov, \d\d:15, and still lasts"))
    page.get_by_role("button", name="中文").click()
    expect(line).to_contain_text("迟到数据更正")
    expect(line).to_contain_text(re.compile(r"迟到数据：本应于 11月24日 \d\d:15 触发，且仍在持续"))


def test_a_refusal_of_the_desk_is_said_in_the_readers_language(open_page: Open, service: DammedService, watch: Watch) -> None:
    watch.expected = ("409", "422")
    page = open_page("#/calendar", lang="zh")
    page.get_by_role("button", name="建立维护窗口").first.click()
    page.get_by_label("原因").fill("everything")
    page.get_by_role("dialog").get_by_role("button", name="建立维护窗口").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("没有指明范围")
    page = open_page("#/rules/chiller-high", lang="zh")
    page.get_by_role("button", name="以 JSON 修改整个定义").click()
    box = page.get_by_label("定义（JSON）")
    box.fill(box.input_value().replace("110kW", "110furlong"))
    page.get_by_role("button", name="试算", exact=True).click()
    expect(page.locator(".tryit [role=alert]")).to_contain_text("未知单位“furlong”")


VIEWS = {
    "#/now": "tr[data-site] .v",
    "#/places?branch=site:b": "[data-row]",
    "#/point/a.ch2.power": ".u-over",
    "#/alerts": "tr[data-alert]",
    "#/alerts?state=resolved": "tr[data-alert]",
    "#/alerts/{chiller-high}": ".u-over",
    "#/alerts/{comfort.supply_air}": "[data-muted]",
    "#/rules": "tr[data-rule]",
    "#/rules/energy.out_of_hours": ".quiet .why",
    "#/rules/basic-stale": ".tryit form",
    "#/calendar": ".cal-days",
    "#/notices": "tr[data-notice]",
    "#/devices": "[data-device]",
    "#/devices/gw-b": ".facts",
    "#/devices?tab=quarantine": "pre.payload",
    "#/devices?tab=quality": ".facts dd",
    "#/settings": ".choices",
    "#/nowhere": ".empty",
}
OWN = [
    *[HOSTILE, "window.hacked", "img src=x onerror"],
    *[str(table["source"]) for table in RULES if "source" in table],
    *[
        "Li Wei",
        "Chiller 2 runs out of hours",
        "Water main runs at night",
        "connection refused",
        "duty engineer",
        "due on Friday",
    ],
    *["not authorised", "everything", "filter change", "transformer outage", "somebody at the page", "Water meter W"],
]
"""What the world of these tests says in English only: the facility's own sources and names, and people's words."""


def test_no_view_of_the_desk_has_an_english_sentence_for_a_chinese_reader(open_page: Open, service: DammedService) -> None:
    page = open_page("#/settings", lang="zh")
    found = {}
    for address, shown in VIEWS.items():
        named = re.sub(r"\{([\w.-]+)\}", lambda rule: _id(service, rule[1]), address)
        page.evaluate("(to) => { location.hash = to; }", named)
        page.wait_for_selector(shown, state="attached")
        left = foreign(page, OWN)
        if left:
            found[address] = left
    assert not found
