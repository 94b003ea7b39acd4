"""What live values cost the page: `python -m bench.latency.page [--seconds 10]`.

Headless Chromium at a page that is fed 1,000 values a second, twenty times a second fifty of a thousand points; the share of a
core for which its main thread is busy, by how often the server sends. Needs a Chromium on PATH and the page's tests.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from steward.model import Batch
from tests.page import server
from tests.page.campus import campus

POINTS, SLICE = 1_000, 0.05
VIEWS = {"Places": "#/places?branch=equip:c.hall", "Now": "#/now"}
TICKS = (1_000, 200, 100)
"""ms"""


@contextmanager
def fed(service: server.Service) -> Iterator[None]:
    """Live values come in for as long."""
    numbers = np.array([service.campus.index.get(f"c.hall.t{number}") for number in range(POINTS)], np.int32)
    random, over = np.random.default_rng(1), threading.Event()

    def feed() -> None:
        while not over.wait(SLICE):
            chosen = random.choice(numbers, round(POINTS * SLICE), replace=False)
            now = np.full(len(chosen), time.time_ns())
            service.live.update(Batch.of(chosen, now, 20 + random.random(len(chosen)) * 5))

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def busy(page: Page, seconds: float) -> float:
    """The share of time for which the main thread works."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def spent() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))

    before = spent()
    time.sleep(seconds)
    return (spent() - before) / seconds


def main() -> None:
    """Each view at each interval."""
    parser = argparse.ArgumentParser(prog="python -m bench.latency.page")
    parser.add_argument("--seconds", type=float, default=10)
    asked = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("not run: no chromium (apt-get install chromium)")
        return
    print("| sent every | " + " | ".join(f"{view}, cores" for view in VIEWS) + " |\n" + "|---" * (1 + len(VIEWS)) + "|")
    for tick in TICKS:
        server.TICK = tick * 1_000_000
        with (
            tempfile.TemporaryDirectory() as folder,
            server.Service(Path(folder), campus(POINTS)) as service,
            fed(service),
            sync_playwright() as play,
        ):
            words = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
            browser = play.chromium.launch(executable_path=chromium, args=words)
            shares = []
            for address in VIEWS.values():
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                page.goto(f"{service.url}/{address}")
                time.sleep(3)
                shares.append(busy(page, asked.seconds))
                page.close()
            browser.close()
        print(f"| {tick} ms | " + " | ".join(f"{share:.3f}" for share in shares) + " |", flush=True)


if __name__ == "__main__":
    main()
