"""Notices in a real Chromium over a whole service and a real web server: a channel is tried, its failure is told, and who would
be told of an alert is asked without telling anybody."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.notices.servers import Server, serving
from tests.page.axe import violations
from tests.page.conftest import Open, Watch
from tests.page.energy_world import EnergyService

pytestmark = pytest.mark.browser

NOTICES = """
[[channel]]
id = "duty"
type = "webhook"
url = "{url}/alerts"
[[recipient]]
id = "li"
name = "李伟"
language = "zh"
[[route]]
id = "grave"
severity = ["critical", "high"]
channels = ["duty"]
recipients = ["li"]
"""


@pytest.fixture(scope="module")
def receiver() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, receiver: Server) -> Iterator[EnergyService]:
    with EnergyService(tmp_path_factory.mktemp("notices"), NOTICES.format(url=receiver.url)) as running:
        yield running


def _channel(page: Page) -> None:
    expect(page.locator("[data-channel='duty']")).to_contain_text("duty")


def test_a_channel_is_tried_and_the_log_says_what_became_of_it(open_page: Open, receiver: Server) -> None:
    page = open_page("#/notices")
    _channel(page)
    expect(page.locator("main")).to_contain_text("Nobody has been told anything yet.")
    page.get_by_role("button", name="Send a test").click()
    expect(page.locator("tr[data-notice]")).to_have_count(1)
    row = page.locator("tr[data-notice]").first
    expect(row).to_contain_text("test")
    expect(row.locator(".state")).to_have_text("sent")
    expect(page.locator("[data-channel='duty']")).to_contain_text("1 sent, 0 waiting, 0 given up")
    assert [got.path for got in receiver.got] == ["/alerts"]
    assert "somebody at the page" in receiver.got[0].body.decode()


def test_a_channel_that_refuses_says_so_where_it_is_tried(open_page: Open, receiver: Server) -> None:
    receiver.replies.append((410, {}, b"gone"))
    page = open_page("#/notices", lang="zh")
    _channel(page)
    page.get_by_role("button", name="发送测试").click()
    dead = page.locator("tr[data-notice]", has_text="已放弃")
    expect(dead).to_contain_text("HTTP 状态码 410：gone")
    expect(dead).to_contain_text("测试通知")
    expect(page.locator("[data-channel='duty'] .failed")).to_contain_text("HTTP 状态码 410")
    assert not violations(page)


def test_who_would_be_told_is_asked_and_nobody_is(open_page: Open, receiver: Server, watch: Watch) -> None:
    watch.expected = ("404",)
    page = open_page("#/notices")
    _channel(page)
    before = len(receiver.got)
    page.get_by_label("Target").fill("a-board.energy")
    page.get_by_label("Severity").select_option("high")
    page.get_by_role("button", name="Ask").click()
    told = page.locator("[data-preview]")
    expect(told).to_have_count(1)
    expect(told).to_contain_text("grave")
    expect(told).to_contain_text("duty")
    page.get_by_label("Severity").select_option("low")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator("main")).to_contain_text("Nobody would be told.")
    page.get_by_label("Target").fill("nowhere")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("alert")).to_contain_text("there is no point, equip, device or site “nowhere”")
    page.get_by_role("button", name="中文").click()
    page.get_by_role("button", name="查询").click()
    expect(page.get_by_role("alert")).to_contain_text("没有测点、设备、终端或建筑“nowhere”")
    assert len(receiver.got) == before
