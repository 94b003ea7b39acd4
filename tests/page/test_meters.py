"""The view of registers in a real Chromium: how they stand, a question with its answers, one click that takes one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import expect

from api.services_ledger import NoLedger
from tests.page.conftest import Open
from tests.page.server import Service

pytestmark = pytest.mark.browser

REGISTER = {"point": "a.main.energy", "at": 1_795_000_000_000, "value": 5_000_000.0, "settled_until": None, "held": 0}
REGISTER |= {"questions": 1, "revision": 3, "clean": False, "fault": "question", "error": ""}
REGISTER |= {"unit": "Wh", "today": 1_250_000.0, "waiting": False}
QUESTION = {"id": "q1", "point": "a.main.energy", "topic": "swap", "start": 1_794_990_000_000, "at": 1_795_000_000_000}
QUESTION |= {"unit": "Wh", "resolution": 1000.0}
QUESTION |= {"known": {"before": 990.0, "after": 12.0, "consumption": 40.0, "low": 0.0, "high": 300.0}}
QUESTION |= {"answers": [{"number": 0, "action": "confirm", "values": {}, "consumption": 40.0}]}


@dataclass
class Asking(NoLedger):
    """A ledger with one question until it is answered."""

    answered: list[tuple[str, int, str]] = field(default_factory=list)

    async def registers(self) -> Sequence[Mapping[str, Any]]:
        return [REGISTER]

    async def questions(self) -> Sequence[Mapping[str, Any]]:
        return [] if self.answered else [QUESTION]

    async def answer(self, question: str, answer: int, who: str, values: Mapping[str, float]) -> Mapping[str, Any]:
        self.answered.append((question, answer, who))
        return {"revisions": []}


def test_registers_and_their_questions_are_shown_and_one_click_answers(open_page: Open, service: Service) -> None:
    ledger = Asking()
    services = service.app.state.context.services
    object.__setattr__(services, "ledger", ledger)
    page = open_page("#/meters")
    expect(page.locator("tr[data-register='a.main.energy']")).to_contain_text("question waits")
    expect(page.locator("tr[data-register='a.main.energy'] small")).to_contain_text("Block A")
    page.get_by_role("searchbox", name="Filter …").fill("no such register")
    expect(page.locator("main")).to_contain_text("Nothing matches")
    page.get_by_role("searchbox", name="Filter …").fill("block a")
    asked = page.locator("[data-question='q1']")
    expect(asked).to_contain_text("Meter swapped?")
    expect(asked).to_contain_text("at most")
    expect(page.locator("tr[data-register] [data-today]")).to_have_text(re.compile("1.25 MWh|1,250 kWh"))
    asked.get_by_role("button", name=re.compile("It is right")).click()
    expect(page.locator("[data-question]")).to_have_count(0)
    assert [one[:2] for one in ledger.answered] == [("q1", 0)]


def test_the_view_speaks_chinese(open_page: Open) -> None:
    page = open_page("#/meters", lang="zh")
    expect(page.locator(".rail")).to_contain_text("计量")
    expect(page.locator("main")).to_contain_text("待答问题")
