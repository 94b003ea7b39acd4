"""The ledger through the API: figures with a way down to their reads, questions answered on record, every wrong request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from api.catalogue import place
from steward.app.ledger.desk import LedgerDesk
from tests.api.conftest import Get
from tests.api.ledger_world import POINT, SWAP, books_of
from tests.api.world import World


@pytest.fixture
async def ledger(world: World) -> AsyncIterator[World]:
    """The world with four days of a register that was swapped without a word, and one zero."""
    books, at, value = await books_of(world)
    world.build(ledger=LedgerDesk(books, lambda: world.now))
    world.more |= {"at": at, "value": value, "books": books}
    yield world
    await books.stop()


def span(world: World, first: int = 0, last: int = -1) -> dict[str, int]:
    at = world.more["at"]
    return {"start": int(at[first]) // 1_000_000, "end": int(at[last]) // 1_000_000}


async def test_every_figure_leads_to_the_reads_that_it_was_made_from(ledger: World, get: Get) -> None:
    found = await get(f"/ledger/{POINT}", **span(ledger, 90, 110), period="hour")
    assert found["unit"] == "Wh"
    assert {figure["value"] for figure in found["figures"][1:-1]} == {10_000.0}
    figure = next(one for one in found["figures"] if one["start"] <= int(ledger.more["at"][100]) // 1_000_000 < one["end"])
    assert figure["method"] == "interpolated"
    assert "spread" in figure["flags"]
    proof = (await ledger.http.get(figure["evidence"])).json()
    assert [read["label"] for read in proof["reads"] if read["label"]] == ["zero"]
    assert sum(link["consumption"] for link in proof["links"]) == pytest.approx(
        proof["links"][-1]["last"]["value"] - proof["links"][0]["first"]["value"]
    )


async def test_the_list_of_registers_says_how_each_stands(ledger: World, get: Get) -> None:
    states = {one["point"]: one for one in (await get("/ledger"))["registers"]}
    assert states[POINT]["questions"] == 1
    assert states[POINT]["fault"] == "question"
    assert states[POINT]["at"] == int(ledger.more["at"][-1]) // 1_000_000
    assert (states[POINT]["name"], states[POINT]["node"]) == (
        ledger.facility.points[POINT].name,
        place(ledger.facility.points[POINT]),
    )


async def test_a_question_is_answered_once_and_its_restatement_is_on_record(ledger: World, get: Get) -> None:
    (question,) = (await get("/ledger/questions"))["questions"]
    assert question["topic"] == "swap"
    assert question["known"]["low"] < question["known"]["consumption"] < question["known"]["high"]
    enter = next(answer for answer in question["answers"] if answer["action"] == "swap")
    value = ledger.more["value"]
    values = {"end": value[SWAP - 1] + 2000, "start": value[SWAP] - 1000}
    body = {"answer": enter["number"], "by": "wang", "values": values}
    made = await ledger.http.post(f"/api/v1/ledger/questions/{question['id']}/answer", json=body)
    assert made.status_code == 200, made.text
    assert made.json()["revisions"][0]["who"] == "wang"
    assert (await get("/ledger/questions"))["questions"] == []
    revisions = (await get(f"/ledger/{POINT}/revisions", **span(ledger)))["revisions"]
    assert revisions[-1]["reason"] == "declaration"
    total = (await get(f"/ledger/{POINT}", **span(ledger), period="day"))["total"]
    assert total == pytest.approx(value[SWAP - 1] - value[0] + 3000 + value[-1] - value[SWAP])
    again = await ledger.http.post(f"/api/v1/ledger/questions/{question['id']}/answer", json=body)
    assert again.status_code == 404


async def test_a_declaration_and_reads_by_hand_take_units_and_names(ledger: World, get: Get) -> None:
    value, at = ledger.more["value"], ledger.more["at"]
    body: dict[str, Any] = {"kind": "swap", "at": int(at[SWAP]) // 1_000_000 - 60_000, "by": "li", "unit": "kWh"}
    body |= {"end": (value[SWAP - 1] + 2000) / 1000, "start": (value[SWAP] - 500) / 1000}
    made = await ledger.http.post(f"/api/v1/ledger/{POINT}/declarations", json=body)
    assert made.status_code == 200, made.text
    read = {"reads": [{"at": int(at[50]) // 1_000_000 + 60_000, "value": 1125.2}], "unit": "kWh", "by": "zhao"}
    taken = await ledger.http.post(f"/api/v1/ledger/{POINT}/reads", json=read)
    assert taken.json() == {"taken": 1}
    proof = await get(f"/ledger/{POINT}/evidence", **span(ledger, 49, 53))
    assert [(one["source"], one["value"]) for one in proof["reads"] if one["source"] == "manual"] == [("manual", 1125200.0)]
    assert {line.who for line in ledger.records.audit_log()} == {"li", "zhao"}


async def test_a_declaration_is_corrected_by_another_and_taken_back(ledger: World, get: Get) -> None:
    value, at = ledger.more["value"], ledger.more["at"]
    moment = int(at[SWAP]) // 1_000_000 - 60_000
    before = (await get(f"/ledger/{POINT}", **span(ledger), period="day"))["total"]

    async def total(**body: Any) -> float:
        made = await ledger.http.post(f"/api/v1/ledger/{POINT}/declarations", json={"at": moment, "by": "li", **body})
        assert made.status_code == 200, made.text
        found: float = (await get(f"/ledger/{POINT}", **span(ledger), period="day"))["total"]
        return found

    wrong, right = value[SWAP - 1] + 90_000, value[SWAP - 1] + 2000
    await total(kind="swap", end=wrong, start=value[SWAP] - 500)
    assert await total(kind="swap", end=right, start=value[SWAP] - 500) == pytest.approx(
        right - value[0] + value[-1] - value[SWAP] + 500
    )
    assert (await get("/ledger/questions"))["questions"] == []
    assert await total(kind="withdraw") == pytest.approx(before)
    assert [one["topic"] for one in (await get("/ledger/questions"))["questions"]] == ["swap"]
    proof = await get(f"/ledger/{POINT}/evidence", **span(ledger))
    assert [one["kind"] for one in proof["declarations"]] == ["swap", "swap", "withdraw"], "all of it stays on record"


async def test_a_month_that_is_over_can_be_closed_and_baseline_and_savings_say_why_there_are_none(
    ledger: World, get: Get
) -> None:
    closed = await ledger.http.post("/api/v1/ledger/months/2026-10/close", json={"by": "wang"})
    assert closed.status_code == 200, closed.text
    assert [one["point"] for one in closed.json()["closed"]] == [POINT]
    assert await get("/ledger/months/2026-10") == closed.json()
    assert (await get("/ledger/months/2026-09"))["closed"] == []
    assert (await get(f"/ledger/{POINT}/baseline"))["baseline"] is None
    assert "no baseline yet" in (await get(f"/ledger/{POINT}/savings"))["refused"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("GET", "/ledger/nothing", None, 404, "no register 'nothing'"),
        ("GET", f"/ledger/{POINT}?period=week", None, 422, "period"),
        ("GET", f"/ledger/{POINT}?start=5&end=4", None, 422, "end is not after start"),
        ("GET", f"/ledger/{POINT}?start=5&period=quarter", None, 422, "more than 40000 periods"),
        ("GET", f"/ledger/{POINT}/evidence?start=soon", None, 422, "not a time"),
        ("POST", "/ledger/questions/none/answer", {"answer": 0, "by": "a"}, 404, "no question 'none'"),
        ("POST", "/ledger/questions/none/answer", {"answer": 0}, 422, "by"),
        ("POST", "/ledger/months/2030-01/close", {"by": "a"}, 422, "not over yet"),
        ("GET", "/ledger/months/2026-13", None, 422, "expected for example 2026-10"),
        ("POST", "/ledger/months/May/close", {"by": "a"}, 422, "expected for example 2026-10"),
        ("POST", "/ledger/months/0001-01/close", {"by": "a"}, 422, "lies before 2000"),
        ("GET", f"/ledger/{POINT}?start=0001-01-01T00:00Z&period=year", None, 422, "not a time"),
        ("GET", f"/ledger/{POINT}?start=1950-01-01T00:00Z&period=year", None, 422, "expected at most 8000"),
        ("POST", f"/ledger/{POINT}/declarations", {"kind": "swap", "at": "2046-11-22T08:00Z", "by": "a"}, 422, "not over yet"),
        ("POST", f"/ledger/{POINT}/declarations", {"kind": "swap", "at": 5, "by": "a"}, 422, "before 2000"),
        ("POST", f"/ledger/{POINT}/declarations", {"kind": "swap", "at": 5, "end": 1e300, "by": "a"}, 422, "expected 0 to"),
        ("POST", f"/ledger/{POINT}/declarations", {"kind": "discard", "at": 5, "by": "a"}, 422, "expected an end"),
        ("POST", f"/ledger/{POINT}/declarations", {"kind": "swap", "at": 5, "by": "a", "unit": "apples"}, 422, "apples"),
        ("POST", f"/ledger/{POINT}/reads", {"reads": [{"at": "2099-01-01T00:00Z", "value": 1}], "by": "a"}, 422, "future"),
        ("POST", f"/ledger/{POINT}/reads", {"reads": [], "by": "a"}, 422, "reads"),
    ],
)
async def test_a_wrong_request_is_refused_in_the_one_shape(
    ledger: World, method: str, path: str, body: Any, status: int, says: str
) -> None:
    answer = await ledger.http.request(method, f"/api/v1{path}", json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in answer.text


async def test_today_of_a_place_is_what_the_ledger_has_of_it(ledger: World, get: Get) -> None:
    found = await get("/summary", under="site:block-a")
    start, now = found["day_start"], found["now"]
    booked = await get(f"/ledger/{POINT}", start=start, end=now, period="hour")
    assert found["quantities"]["electricity"]["today"] == pytest.approx(booked["total"])


async def test_without_a_ledger_there_is_nothing_to_ask(world: World, get: Get) -> None:
    assert await get("/ledger") == {"registers": []}
    assert await get("/ledger/questions") == {"questions": []}
    assert (await world.http.get(f"/api/v1/ledger/{POINT}")).status_code == 404
