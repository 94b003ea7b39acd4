"""The view of registers in a real Chromium over real books: what a person enters is what the ledger counts with."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import expect
from prometheus_client import CollectorRegistry

from steward.app.ledger.books import Books
from steward.app.ledger.desk import LedgerDesk
from steward.config.meters import MeterTable
from steward.model import Batch
from steward.units import DAY, MINUTE
from tests.page.campus import campus
from tests.page.conftest import Open
from tests.page.server import Service

pytestmark = pytest.mark.browser

POINT, SWAP = "a.main.energy", 200
AT = (time.time_ns() - 2 * MINUTE) // (15 * MINUTE) * 15 * MINUTE - np.arange(4 * 96, dtype=np.int64)[::-1] * 15 * MINUTE
VALUE = 1e6 + np.arange(4 * 96) * 2500.0
VALUE[SWAP:] += 4e8


@pytest.fixture(scope="module")
def books(service: Service) -> Iterator[Books]:
    """Books over the store and the records of the service, with a register that was swapped without a word."""
    made = Books(
        service.campus.facility,
        service.campus.index,
        service.records,
        time.time_ns,
        lambda batch: None,
        CollectorRegistry(),
        meters=(MeterTable(id=POINT, limit=100_000, cadence="15m"),),
    )

    async def start() -> None:
        number = service.campus.index.add(POINT)
        await service.store.write(Batch.of([number] * len(AT), AT, VALUE, received=AT + MINUTE))
        await made.start(service.store)
        await made.idle()

    asyncio.run_coroutine_threadsafe(start(), service._loop).result(120)
    object.__setattr__(service.app.state.context.services, "ledger", LedgerDesk(made, time.time_ns))
    yield made
    asyncio.run_coroutine_threadsafe(made.stop(), service._loop).result(120)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("meters"), campus(), with_history=False, with_alerts=False) as running:
        yield running


def test_the_reads_of_a_swap_are_entered_in_kwh_and_the_ledger_counts_with_them(open_page: Open, books: Books) -> None:
    page = open_page("#/meters")
    row = page.locator(f"tr[data-register='{POINT}']")
    shown = float(VALUE[-1]) / 1000
    expect(row).to_contain_text(f"{shown:,.0f} kWh")
    today = next(state.today for state in books.registers() if state.point == POINT)
    # in the first quarter of an hour after midnight nothing of today is closed
    expect(row.locator("[data-today]")).to_have_text(re.compile("^–$" if today is None else r"\d.*Wh"))
    asked = page.locator("[data-question]")
    expect(asked).to_contain_text("Meter swapped?")
    asked.get_by_role("button", name="Swapped here: Enter values").click()
    end, start = asked.locator("input[name=end]"), asked.locator("input[name=start]")
    expect(end).to_have_value(f"{VALUE[SWAP - 1] / 1000:g}")
    expect(start).to_have_value(f"{VALUE[SWAP] / 1000:.1f}".rstrip("0").rstrip("."))
    send = asked.get_by_role("button", name="Take these values")
    end.fill("many")
    expect(send).to_be_disabled()
    end.fill(str((VALUE[SWAP - 1] + 2000) / 1000))
    start.fill(str((VALUE[SWAP] - 1000) / 1000))
    send.click()
    expect(page.locator("[data-question]")).to_have_count(0)
    total = books.consumption(POINT, int(AT[0]), int(AT[-1])).total
    assert total == pytest.approx(VALUE[-1] - VALUE[0] - 4e8 + 500, abs=3000)
    assert total == pytest.approx((VALUE[SWAP - 1] + 2000 - VALUE[0]) + (VALUE[-1] - VALUE[SWAP] + 1000))
    (declared,) = books.core.records.decisions("declaration", POINT)
    assert (declared["content"]["end"], declared["content"]["start"]) == (VALUE[SWAP - 1] + 2000, VALUE[SWAP] - 1000)
    assert books.revisions(POINT, int(AT[0]), int(AT[-1]) + DAY)[-1].reason == "declaration"


def test_the_view_fits_a_phone_in_chinese(open_page: Open, books: Books) -> None:
    page = open_page("#/meters", lang="zh", size=(390, 844))
    expect(page.locator("main")).to_contain_text("今日用量")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert len(books.registers()) > 1
