"""Makes the pictures of the page in docs/images: `python -m tests.page.screenshots [URL [NAME...]]`.

Without a URL it starts the demonstration (`steward demo`) with a simulated day behind it and waits until it is live; with
one it takes a service that runs already. Pictures: every view at 1440 x 900 and on a phone, light and dark, both languages.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from tests.page.furnish import furnish

IMAGES = Path(__file__).parents[2] / "docs" / "images"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
DESK, PHONE = (1440, 900), (390, 844)
SHOTS = [
    ("now-light-en", "now", "en", "light", DESK),
    ("now-dark-zh", "now", "zh", "dark", DESK),
    ("now-phone-zh", "now", "zh", "light", PHONE),
    ("places-light-zh", "places", "zh", "light", DESK),
    ("point-light-en", "point", "en", "light", DESK),
    ("point-phone-dark-en", "point", "en", "dark", PHONE),
    ("alerts-light-en", "alerts", "en", "light", DESK),
    ("alert-light-en", "alert", "en", "light", DESK),
    ("alert-dark-zh", "alert", "zh", "dark", DESK),
    ("alerts-phone-zh", "alerts", "zh", "light", PHONE),
    ("rules-dark-en", "rules", "en", "dark", DESK),
    ("rule-light-en", "rule", "en", "light", (1440, 1400)),
    ("calendar-light-zh", "calendar", "zh", "light", DESK),
    ("devices-light-en", "devices", "en", "light", DESK),
    ("energy-light-en", "energy", "en", "light", DESK),
    ("energy-phone-zh", "energy", "zh", "light", PHONE),
    ("energy-categories-light-zh", "categories", "zh", "light", DESK),
    ("energy-site-dark-zh", "energy-site", "zh", "dark", DESK),
    ("ledger-light-en", "ledger", "en", "light", DESK),
    ("reports-light-en", "reports", "en", "light", DESK),
    ("bill-light-en", "bill", "en", "light", DESK),
]

NONE: Mapping[str, str] = {}


def ask(url: str, path: str) -> Any:
    """An answer of the API."""
    with urllib.request.urlopen(f"{url}/api/v1/{path}", timeout=10) as answer:
        return json.load(answer)


@contextmanager
def demo() -> Iterator[str]:
    """A demonstration of its own on a free port; ends with the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = [str(Path(sys.executable).with_name("steward")), "demo", "--port", str(port), "--past", "24h"]
    with tempfile.TemporaryDirectory() as folder, subprocess.Popen([*program, "--data", folder]) as running:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            running.terminate()
            running.wait(30)


def settled(url: str, patience: float = 300) -> None:
    """Waits until the simulated past is behind and the newest values are of now."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        try:
            lag = ask(url, "server")["lag"]
            if lag is not None and lag < 60_000 and ask(url, "alerts")["alerts"]:
                time.sleep(65)  # the sums of the day are remembered for a minute: those of the played past go first
                return
        except OSError:
            pass
        time.sleep(1)
    raise SystemExit(f"{url} did not become live within {patience:.0f} s")


def addresses(url: str) -> dict[str, str]:
    """Where each view shows something: the gravest alert that has a point, and the power of the first main meter."""
    alerts = [alert for alert in ask(url, "alerts")["alerts"] if alert["points"]]
    meters = ask(url, "summary")["quantities"]["electricity"]["power_points"] or [ask(url, "points?limit=1")["points"][0]["id"]]
    return {
        "now": "#/now",
        "places": "#/places",
        "alerts": "#/alerts",
        "devices": "#/devices",
        "rules": "#/rules",
        "rule": "#/rules",
        "calendar": "#/calendar",
        "alert": f"#/alerts/{alerts[0]['id']}" if alerts else "#/alerts",
        "point": f"#/point/{meters[0]}",
        "reports": "#/reports",
        "bill": "#/bills",
        **consumption(url),
    }


def consumption(url: str) -> dict[str, str]:
    """Energy, its first site, and the ledger of that site's first register with an hour open."""
    summary = ask(url, "energy/summary")
    site = summary["branches"][0]
    register = next(figure for figure in site["figures"] if figure["metric"] == "energy")["registers"][0]
    hour = int(time.time() // 3600 - 2) * 3_600_000
    return {
        "energy": "#/energy",
        "categories": "#/energy?by=category",
        "energy-site": f"#/energy/{site['key']}",
        "ledger": f"#/ledger/{register}?start={hour - 12 * 3_600_000}&end={hour + 3_600_000}&step=hour&open={hour}",
    }


def shoot(browser: Browser, url: str, folder: Path, wanted: tuple[str, ...] = (), more: Mapping[str, str] = NONE) -> None:
    """Takes every picture, or those whose names begin as wanted. more: addresses of views that a service was furnished with."""
    where = addresses(url) | dict(more)
    folder.mkdir(parents=True, exist_ok=True)
    for name, view, language, theme, (width, height) in SHOTS:
        if wanted and not name.startswith(wanted):
            continue
        context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce")
        page = context.new_page()
        page.goto(f"{url}/?lang={language}&theme={theme}{where[view]}")
        page.wait_for_selector(".rail .beat:not(.off)", state="attached")
        page.wait_for_load_state("load")
        page.wait_for_timeout(2500)  # sparklines and charts are asked for after the first paint
        page.screenshot(path=folder / f"{name}.png")
        context.close()
        print(folder / f"{name}.png")


def main() -> None:
    """The command."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        if len(sys.argv) > 1:
            shoot(browser, sys.argv[1].rstrip("/"), IMAGES, tuple(sys.argv[2:]))
        else:
            with demo() as url:
                settled(url)
                shoot(browser, url, IMAGES, more=furnish(url))
        browser.close()


if __name__ == "__main__":
    main()
