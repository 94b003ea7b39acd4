"""The browser and the service for the page's tests. One browser a session, a fresh profile for each test."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.page.campus import campus
from tests.page.server import Service

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
DEADLINE = 60_000
"""How long a condition is waited for, ms; Playwright's own five seconds are too few for a busy machine."""
expect.set_options(timeout=DEADLINE)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("needs Debian's chromium (apt-get install chromium)")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=FLAGS, timeout=3 * DEADLINE)
        yield started
        started.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("campus"), campus()) as running:
        yield running


class Watch:
    """What the browser complained about while a test ran."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.expected: tuple[str, ...] = ()

    def on(self, page: Page) -> None:
        """Listens to a page: console errors and warnings (CSP violations are among them), and exceptions."""
        page.on("console", lambda said: self._note(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self._note(f"{error}\n{error.stack}"))

    def _note(self, text: str) -> None:
        if not any(part in text for part in self.expected):
            self.complaints.append(text)


Open = Callable[..., Page]


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Fails the test when the browser complained."""
    seen = Watch()
    yield seen
    assert not seen.complaints


@pytest.fixture
def open_page(browser: Browser, service: Service, watch: Watch) -> Iterator[Open]:
    """`open_page("#/now", lang="zh", theme="dark", size=(390, 844))` -> a page that shows its view."""
    contexts: list[BrowserContext] = []

    def go(
        address: str = "#/now",
        *,
        lang: str = "en",
        theme: str = "light",
        size: tuple[int, int] = (1440, 900),
        at: str | None = None,
    ) -> Page:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, locale="en-GB", reduced_motion="reduce")
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(DEADLINE)
        watch.on(page)
        page.goto(f"{at or service.url}/?lang={lang}&theme={theme}{address}")
        page.wait_for_selector(".rail .beat:not(.off)", state="attached")
        return page

    yield go
    for context in contexts:
        context.close()


def eventually(holds: Callable[[], bool], what: str, seconds: float = DEADLINE / 1000) -> None:
    """Waits until a condition holds, at most `seconds`."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.02)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of its own for a second service."""
    return tmp_path
