"""What the ledger keeps, on SQLite and PostgreSQL: decisions, restatements whole or not at all, sealed months, closings."""

from __future__ import annotations

from typing import Any

import pytest

from steward.records import LedgerRecords, Records
from steward.records.ledger import Restatement
from steward.records.schema_ledger import ADJUSTMENT


@pytest.fixture
def ledger(records: Records) -> LedgerRecords:
    return LedgerRecords(records.database)


def revision(number: int, start: int = 100, end: int = 200) -> dict[str, Any]:
    return {
        "number": number,
        "at": 5,
        "reason": "late read",
        "who": "",
        "start": start,
        "end": end,
        "payload": bytes([number, 0, 255]),
    }


def closing(register: str = "m", month: str = "2026-10") -> dict[str, Any]:
    return {
        "register": register,
        "month": month,
        "start": 0,
        "end": 1000,
        "value": 2**60,
        "at": 7,
        "who": "li",
        "settled": 1,
    }


def event(end: int) -> dict[str, Any]:
    return {"start": end - 10, "end": end, "kind": "swap", "gain": 5, "low": 0, "high": 9}


def test_decisions_are_numbered_in_order_and_read_back_by_kind_and_register(ledger: LedgerRecords) -> None:
    first = ledger.decide("m", "parameter", -(2**62), "", {"rate": 1.5, "digits": None}, 10)
    last = ledger.decide_all([("n", "read", 3, {"at": 3}), ("m", "baseline", 4, {"refused": ""})], "wang", 11)
    assert last == first + 2
    assert ledger.decide_all([], "wang", 12) == 0
    assert [row["register"] for row in ledger.decisions()] == ["m", "n", "m"]
    (row,) = ledger.decisions("parameter", "m")
    assert (row["at"], row["content"], row["recorded"]) == (-(2**62), {"rate": 1.5, "digits": None}, 10)
    latest = ledger.latest("baseline", "m")
    assert latest is not None
    assert latest["who"] == "wang"
    assert ledger.latest("baseline", "n") is None


def test_a_restatement_replaces_the_events_behind_its_anchor_and_adds_its_revision(ledger: LedgerRecords) -> None:
    ledger.restate([Restatement("m", 0, [event(50), event(150)], revision(1), {3: b"march"})])
    assert ledger.eventful() == ["m"]
    ledger.restate([Restatement("m", 100, [event(160)], revision(2, 300, 400), {3: b"again", 4: b"april"})])
    assert [row["end"] for row in ledger.events("m", 0, 1000)] == [50, 160]
    assert [row["number"] for row in ledger.revisions("m", 0, 300)] == [1]
    assert [row["number"] for row in ledger.revised("m", 1)] == [2]
    assert ledger.revisions("m", 0, 300)[0]["payload"] == bytes([1, 0, 255])
    assert ledger.numbers() == {"m": 2}
    assert ledger.chunks(["m", "other"], 3, 4) == {("m", 3): b"again", ("m", 4): b"april"}
    assert ledger.first_month("m") == 3
    assert ledger.first_month("other") is None
    assert ledger.sealed_size() == (2, len(b"again") + len(b"april"))


def test_a_restatement_that_fails_leaves_nothing_of_itself(ledger: LedgerRecords) -> None:
    good = Restatement("m", 0, [event(50)], revision(1), {3: b"march"})
    broken = Restatement("n", 0, [], {"number": None, **{key: one for key, one in revision(1).items() if key != "number"}})
    with pytest.raises(Exception, match=r"(?i)null"):
        ledger.restate([good, broken])
    assert ledger.numbers() == {}
    assert ledger.events("m", 0, 1000) == []
    assert ledger.chunks(["m"], 0, 9) == {}


def test_a_month_is_closed_once_for_a_register_and_adjusted_by_later_revisions(ledger: LedgerRecords) -> None:
    ledger.close([closing(), closing("n")])
    with pytest.raises(Exception, match=r"(?i)unique"):
        ledger.close([closing()])
    (row,) = ledger.closings(register="m")
    assert row["value"] == 2**60
    assert [one["register"] for one in ledger.closings("2026-10")] == ["m", "n"]
    ledger.restate([Restatement("m", 0, (), revision(4), {}, [(row["id"], -25)])])
    (adjusted,) = ledger.adjustments([row["id"]])
    assert (adjusted["revision"], adjusted["at"], adjusted["difference"]) == (4, 5, -25)
    assert ADJUSTMENT.name in {table.name for table in ADJUSTMENT.metadata.sorted_tables}


def test_many_chunks_are_sealed_and_found_again(ledger: LedgerRecords) -> None:
    chunks = {(f"m{number}", month): f"{number}/{month}".encode() for number in range(700) for month in (1, 2)}
    ledger.seal(chunks)
    ledger.seal({("m3", 2): b"newer"})
    found = ledger.chunks([f"m{number}" for number in range(700)], 2, 2)
    assert len(found) == 700
    assert found["m3", 2] == b"newer"
