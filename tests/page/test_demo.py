"""End to end: `steward demo` as a user starts it, in the browser: broker, simulated campus, collectors, store, rules, page."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.page.conftest import Open, eventually
from tests.ports import free_port

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def _answers(url: str) -> bool:
    try:
        return bool(urllib.request.urlopen(f"{url}/healthz", timeout=30).status == 200)
    except OSError:
        return False


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    program = [
        str(Path(sys.executable).with_name("steward")),
        "demo",
        "--port",
        str(port),
        "--data",
        str(tmp_path),
        "--past",
        "24h",
    ]
    with subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            url = f"http://127.0.0.1:{port}"
            eventually(lambda: _answers(url), "the demo answers", 180)
            yield url
        finally:
            running.terminate()
            running.wait(120)


def test_the_demo_shows_a_live_campus_with_something_wrong(demo: str, open_page: Open) -> None:
    page = open_page(at=demo)
    expect(page.locator("tr[data-site]")).to_have_count(4)
    expect(page.locator("tr[data-alert]").first).to_be_visible(timeout=300_000)
    expect(page.locator(".strip")).to_contain_text("kW")
    page.get_by_role("button", name="中文").click()
    page.locator(".rail a", has_text="场所").click()
    measured = '[data-row]:not([data-row$=".pace"]):not([data-row$=".expected"]) .v'  # those need weeks of history
    expect(page.locator(measured).first).not_to_have_text("–")
    page.locator(".rail a", has_text="告警").click()
    page.locator("tr[data-alert] a").first.click()
    expect(page.locator(".chain")).to_contain_text("触发")
    page.context.close()
