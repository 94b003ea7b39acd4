"""Whatever arrives, a decoder states readings or raises UndecodableMessage, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collectors.formats import Message, decoder, formats
from collectors.formats.payloads import LIMIT
from steward.errors import UndecodableMessage
from tests.formats import wire
from tests.formats.recorder import Recorder

RECEIVED = 1_764_000_000_000_000_000
TOPICS = {
    "native": ["steward/v1/d/telemetry", "steward/v1/d/status"],
    "json": ["any/d"],
    "thingsboard": ["v1/devices/d/telemetry", "v1/gateway/telemetry", "v1/gateway/connect", "v1/gateway/attributes"],
    "sparkplug": [f"spBv1.0/g/{kind}/n" for kind in ("NBIRTH", "NDATA", "NDEATH")]
    + [f"spBv1.0/g/{kind}/n/d" for kind in ("DBIRTH", "DDATA", "DDEATH")],
    "tasmota": ["tele/d/SENSOR", "tele/d/LWT", "stat/d/POWER", "stat/d/RESULT"],
    "owntracks": ["owntracks/u/d"],
    "traccar": ["positions", "events"],
}
JSON_FORMATS = [name for name in TOPICS if name != "sparkplug"]
OPTIONS: dict[str, dict[str, Any]] = {"json": {"time": "at", "historical": "late", "items": ""}}
FIELDS = ("value", "a.b", "list[0]", "sum(list)", "power")


def deliver(name: str, topic: str, payload: bytes, retained: bool = False) -> Recorder:
    out = Recorder(RECEIVED, FIELDS if name == "json" else None, "Europe/Berlin")
    decoder(name, OPTIONS.get(name, {})).decode(Message(topic, payload, RECEIVED, "d", retained), out)
    return out


def test_every_format_is_tried() -> None:
    assert set(TOPICS) == set(formats())


@pytest.mark.parametrize("name", JSON_FORMATS)
@pytest.mark.parametrize(
    ("payload", "reasons"),
    [
        (b'{"at": 1764000000, "values": {"power": 12.', {"not_json"}),
        (b'"text"', {"wrong_shape"}),
        (b"17", {"wrong_shape"}),
        (b"[" * 100_000, {"too_deep", "wrong_shape"}),
        (b'{"a":' * 100_000, {"too_deep"}),
        (b'{"quality": "\xff\xfe"}', {"not_utf8"}),
        (b"\xff\xfe\x00", {"not_json", "not_utf8"}),
        (b"{" + b" " * LIMIT + b"}", {"too_large"}),
        (b'{"at": 1e999}', {"not_json", "wrong_shape"}),
        (b'{"value": NaN}', {"not_json"}),
    ],
    ids=["truncated", "text", "number", "deep list", "deep object", "utf8 inside", "no utf8", "huge", "overflow", "nan"],
)
def test_an_unreadable_payload_is_named_by_a_reason(name: str, payload: bytes, reasons: set[str]) -> None:
    with pytest.raises(UndecodableMessage) as caught:
        deliver(name, TOPICS[name][0], payload)
    assert caught.value.reason in reasons


@pytest.mark.parametrize("name", [name for name in TOPICS if name != "owntracks"])
def test_an_empty_payload_is_rejected(name: str) -> None:
    for topic in TOPICS[name]:
        with pytest.raises(UndecodableMessage, match="empty"):
            deliver(name, topic, b"")


def test_an_empty_owntracks_payload_clears_a_retained_message() -> None:
    assert deliver("owntracks", "owntracks/u/d", b"").rows == []


def test_a_huge_sparkplug_payload_is_rejected() -> None:
    with pytest.raises(UndecodableMessage, match="too_large"):
        deliver("sparkplug", "spBv1.0/g/NDATA/n", b"\x00" * (LIMIT + 1))


def test_deeply_nested_values_are_rejected_not_followed() -> None:
    nested: Any = 1
    for _ in range(40):
        nested = {"x": nested}
    payload = json.dumps({"values": {"a": nested}, "_type": "location", "position": {"attributes": {"a": nested}}, "a": nested})
    for name in ("thingsboard", "tasmota"):
        with pytest.raises(UndecodableMessage, match="too_deep"):
            deliver(name, TOPICS[name][0], payload.encode())


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30)
WORTH_TRYING = """
at ts tst time Time values points field value quality unit device sequence historical status _type lat lon position
event attributes uniqueId deviceTime fixTime type eventTime valid outdated ENERGY Power TempUnit a b list late power
"""
KEYS = st.sampled_from(WORTH_TRYING.split()) | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=25
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=8) | st.lists(st.dictionaries(KEYS, VALUES, max_size=4), max_size=3)
WORDS = st.sampled_from(["location", "lwt", "alarm", "deviceOnline", "ignitionOn", "online", "good", "2026-02-30T25:00", "0"])
FUZZ = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def survives(name: str, topic: str, payload: bytes, retained: bool = False) -> None:
    try:
        out = deliver(name, topic, payload, retained)
    except UndecodableMessage as error:
        reason = error.reason
    else:
        assert all(len(row) == 7 for row in out.rows)
        return
    assert reason


@pytest.mark.parametrize("name", TOPICS)
@FUZZ
@given(payload=st.binary(max_size=200), retained=st.booleans())
def test_random_bytes_raise_nothing_else(name: str, payload: bytes, retained: bool) -> None:
    for topic in TOPICS[name]:
        survives(name, topic, payload, retained)


@pytest.mark.parametrize("name", JSON_FORMATS)
@FUZZ
@given(item=OBJECTS, word=WORDS, data=st.data())
def test_random_json_raises_nothing_else(name: str, item: Any, word: str, data: st.DataObject) -> None:
    if isinstance(item, dict) and data.draw(st.booleans()):
        item = {**item, data.draw(KEYS): word, "_type": "location"}
        for key in ("position", "event"):
            item.setdefault(key, data.draw(st.dictionaries(KEYS, VALUES, max_size=6)))
        item.setdefault("device", {"uniqueId": "x"})
    for topic in TOPICS[name]:
        survives(name, topic, json.dumps(item).encode())


METRICS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.text(max_size=6) | st.just("bdSeq"),
        "alias": st.integers(0, 5),
        "timestamp": st.integers(0, 2**64 - 1),
        "datatype": st.integers(0, 25),
        "historical": st.booleans(),
        "null": st.booleans(),
        "int": st.integers(0, 2**32 - 1),
        "long": st.integers(0, 2**64 - 1),
        "float": st.floats(width=32),
        "double": st.floats(),
        "bool": st.booleans(),
        "string": st.text(max_size=5),
        "properties": st.dictionaries(
            st.sampled_from(["Quality", "engUnit", "x"]),
            st.fixed_dictionaries({}, optional={"type": st.integers(0, 20), "int": st.integers(0, 600), "string": st.text()}),
            max_size=2,
        ),
    },
)


@FUZZ
@given(
    metrics=st.lists(METRICS, max_size=5),
    seq=st.integers(0, 2**64 - 1),
    stamp=st.integers(0, 2**64 - 1),
    topic=st.sampled_from(TOPICS["sparkplug"]),
)
def test_random_sparkplug_payloads_raise_nothing_else(metrics: list[Any], seq: int, stamp: int, topic: str) -> None:
    survives("sparkplug", topic, wire.payload({"timestamp": stamp, "seq": seq, "metrics": metrics}))
