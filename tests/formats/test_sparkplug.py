"""Sparkplug details that a golden file cannot show."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.formats import Message, decoder
from collectors.formats.sparkplug import rebirth_request
from tests.formats import wire
from tests.formats.cases import expected
from tests.formats.recorder import Recorder

HERE = Path(__file__).parent
RANGES = {1: (8, "int"), 2: (16, "int"), 3: (32, "int"), 4: (64, "long")}


def request(now: int) -> bytes:
    """The rebirth command as section 6.4 of the specification has it, by the independent encoder."""
    return wire.payload(
        {"timestamp": now, "metrics": [{"name": "Node Control/Rebirth", "timestamp": now, "datatype": 11, "bool": True}]}
    )


def test_a_rebirth_request_is_what_the_specification_says() -> None:
    assert rebirth_request(1_764_000_000_123) == request(1_764_000_000_123)


def test_the_golden_rebirth_request_is_what_the_specification_says() -> None:
    rows = expected(HERE / "sparkplug" / "a_gap_asks_once_for_a_rebirth")
    replies = [row for row in rows if row[1] == "@reply"]
    third_message = 1_795_507_205_000 + 2_000  # 2026-11-24T08:00:05Z and one second a message
    assert [(row[0], row[3]) for row in replies] == [("spBv1.0/plant/NCMD/edge1", request(third_message).hex())]


@pytest.mark.parametrize("datatype", RANGES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_signed_integer_survives_its_unsigned_field(datatype: int, data: st.DataObject) -> None:
    bits, part = RANGES[datatype]
    value = data.draw(st.integers(-(1 << (bits - 1)), (1 << (bits - 1)) - 1))
    payload = wire.payload({"seq": 0, "metrics": [{"name": "X", "datatype": datatype, part: value}]})
    out = Recorder(1)
    decoder("sparkplug").decode(Message("spBv1.0/g/NBIRTH/n", payload, 1), out)
    assert [row[3] for row in out.rows if row[1] == "X"] == [str(value)]


def test_births_of_many_nodes_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collectors.formats.sparkplug.NODES", 3)
    made, out = decoder("sparkplug"), Recorder(1)
    payload = wire.payload({"seq": 0, "metrics": []})
    for number in range(3):
        made.decode(Message(f"spBv1.0/g/NBIRTH/n{number}", payload, 1), out)
    with pytest.raises(Exception, match="too_many_nodes"):
        made.decode(Message("spBv1.0/g/NBIRTH/n3", payload, 1), out)
    made.decode(Message("spBv1.0/g/NBIRTH/n2", payload, 1), out)
    assert len(out.rows) == 4
