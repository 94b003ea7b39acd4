"""Encoders against the vendors' documents: the structure of each message, value by value, read by readers of the test's own."""

from __future__ import annotations

import itertools
import json
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulators.campus import Campus
from simulators.devices import NONE, Feed
from simulators.encoders import Publication, encoders_of
from simulators.encoders.sparkplug import Sparkplug, varint
from simulators.facility import campus_toml
from simulators.faults import SECOND, Fault
from simulators.layout import campus_plan
from simulators.week import DAY, HOUR, MONDAY
from simulators.wire import Wire
from tests.simulators.collector import Collector

Fields = list[tuple[int, int, Any]]


def fields(raw: bytes) -> Fields:
    """A protobuf message as (field, wire type, value); written from the encoding's specification for this test."""
    out, at = [], 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = raw[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(raw):
        key = number()
        if key & 7 == 0:
            out.append((key >> 3, 0, number()))
        elif key & 7 == 1:
            out.append((key >> 3, 1, struct.unpack("<d", raw[at : at + 8])[0]))
            at += 8
        elif key & 7 == 2:
            length = number()
            out.append((key >> 3, 2, raw[at : at + length]))
            at += length
        else:
            raise AssertionError(f"wire type {key & 7}")
    return out


def only(message: Fields, field: int) -> Any:
    found = [value for number, _, value in message if number == field]
    assert len(found) == 1, f"field {field} stands {len(found)} times"
    return found[0]


def is_historical(message: Publication) -> bool:
    metrics = [fields(metric) for number, _, metric in fields(message.payload) if number == 2]
    return any(number == 5 for metric in metrics for number, _, _ in metric)


def wire(*faults: Fault) -> Wire:
    return Wire(Feed(Campus(1, MONDAY, faults), NONE))


@pytest.fixture(scope="module")
def hour() -> list[Publication]:
    return wire().publications(MONDAY + 10 * HOUR, MONDAY + 11 * HOUR)


def of(messages: list[Publication], start: str) -> Iterator[tuple[Publication, Any]]:
    for message in messages:
        if message.topic.startswith(start):
            yield message, None if start.startswith("spBv1.0") else json.loads(message.payload)


def test_messages_are_in_order_of_sending_and_births_come_first(hour: list[Publication]) -> None:
    sent = [message.sent for message in hour]
    assert sent == sorted(sent)
    assert all(MONDAY + 10 * HOUR <= moment < MONDAY + 11 * HOUR for moment in sent)
    first = {message.topic.split("/")[0] for message in hour if message.sent == MONDAY + 10 * HOUR}
    assert {"spBv1.0", "steward", "tele", "v1", "events"} <= first


def test_native_telemetry_is_the_documented_envelope(hour: list[Publication]) -> None:
    seen: dict[str, int] = {}
    for message, stated in of(hour, "steward/v1/"):
        if message.topic.endswith("/status"):
            assert stated["status"] == "online"
            assert message.retain
            continue
        device = message.topic.split("/")[2]
        assert message.topic == f"steward/v1/{device}/telemetry"
        assert set(stated) == {"at", "sequence", "values"}
        assert abs(stated["at"] * 1_000_000 - message.sent) < SECOND
        assert stated["sequence"] == seen.get(device, -1) + 1
        seen[device] = stated["sequence"]
        if device.startswith("ahu-"):
            assert set(stated["values"]) >= {"sat", "mat", "rat", "oat", "cc", "hc", "oad", "fan", "spd"}
            assert isinstance(stated["values"]["fan"], bool)
    assert len(seen) > 12


def test_free_json_has_local_time_with_its_zone(hour: list[Publication]) -> None:
    count = 0
    for message, stated in of(hour, "linhai/"):
        count += 1
        assert message.topic == f"linhai/{stated['id']}/data"
        moment = datetime.fromisoformat(stated["time"])
        assert moment.utcoffset() == timedelta(hours=8)
        assert abs(moment.timestamp() - message.sent / SECOND) < 1.0
        assert stated["data"]
    assert count > 500


def test_a_thingsboard_gateway_speaks_for_all_its_devices(hour: list[Publication]) -> None:
    # https://thingsboard.io/docs/reference/gateway-mqtt-api/: {"Device A":[{"ts":1483228800000,"values":{"temperature":42}}]}
    telemetry = [stated for message, stated in of(hour, "v1/gateway/telemetry")]
    assert {frozenset(stated) for stated in telemetry} == {
        frozenset({"b-light", "b-socket", "b-lift", "b-ahu"}),
        frozenset({"a-light", "a-socket", "a-corridor", "a-outdoor", "a-lift", "a-ahu", "a-vent", "a-pumps"}),
    }
    for stated in telemetry:
        for (entry,) in stated.values():
            assert set(entry) == {"ts", "values"}
            assert 1e12 < entry["ts"] < 2e12
            assert set(entry["values"]) == {"power", "energy"}
    assert {"device": "b-ahu"} in [stated for _, stated in of(hour, "v1/gateway/connect")]


def test_tasmota_sends_local_time_without_a_zone_and_its_lwt_retained(hour: list[Publication]) -> None:
    # https://tasmota.github.io/docs/MQTT/: {"Time":"2021-10-26T17:28:45","ENERGY":{"TotalStartTime":...,"Total":9098.245,...}}
    here = timezone(timedelta(hours=8))
    readings = 0
    for message in hour:
        if not message.topic.startswith("tele/"):
            continue
        if message.topic.endswith("/LWT"):
            assert (message.payload, message.retain) == (b"Online", True)
            continue
        readings += 1
        stated = json.loads(message.payload)
        assert set(stated) == {"Time", "ENERGY"}
        assert {"TotalStartTime", "Total", "Power", "ApparentPower", "Factor", "Voltage", "Current"} == set(stated["ENERGY"])
        moment = datetime.fromisoformat(stated["Time"])
        assert moment.tzinfo is None
        assert abs(moment.replace(tzinfo=here).timestamp() - message.sent / SECOND) < 2.0
    assert readings == 48


def test_owntracks_states_a_location(hour: list[Publication]) -> None:
    # https://owntracks.org/booklet/tech/json/#_typelocation
    found = list(of(hour, "owntracks/"))
    assert {message.topic for message, _ in found} == {f"owntracks/fleet/{id}" for id in ("car-0607", "car-0619", "ev-1126")}
    for message, stated in found:
        assert stated["_type"] == "location"
        assert isinstance(stated["tst"], int)
        assert abs(stated["tst"] - message.sent / SECOND) < 2.0
        assert {"lat", "lon", "vel", "cog", "batt", "tid", "acc"} <= set(stated)
        assert 28.0 < stated["lat"] < 29.5


def test_traccar_forwards_a_position_with_its_device(hour: list[Publication]) -> None:
    # https://www.traccar.org/forward/: {"position": {..., "attributes": {...}}, "device": {"uniqueId": ...}}
    found = list(of(hour, "positions"))
    assert len(found) > 60
    for message, stated in found:
        position, device = stated["position"], stated["device"]
        assert len(device["uniqueId"]) == 15
        assert device["uniqueId"].isdigit()
        assert abs(datetime.fromisoformat(position["fixTime"]).astimezone(UTC).timestamp() - message.sent / SECOND) < 1.0
        assert position["valid"] is True
        assert isinstance(position["attributes"]["ignition"], bool)
        assert position["attributes"]["dtcs"] == ""
        assert position["speed"] < 70  # knots
        assert ("hours" in position["attributes"]) == ("fuelLevel" in position["attributes"])


def test_a_sparkplug_birth_names_what_data_messages_shorten(hour: list[Publication]) -> None:
    messages = [message for message, _ in of(hour, "spBv1.0/linhai/")]
    assert messages[0].topic == "spBv1.0/linhai/NBIRTH/switchroom"
    birth = fields(messages[0].payload)
    names = [only(fields(metric), 1) for number, _, metric in birth if number == 2]
    assert names == [b"bdSeq", b"Node Control/Rebirth"]
    assert only(birth, 3) == 0
    sequence = [only(fields(message.payload), 3) for message in messages]
    assert sequence == [number % 256 for number in range(len(messages))]
    born: dict[str, dict[int, bytes]] = {}
    for message in messages[1:]:
        _, _, kind, _, device = message.topic.split("/")
        metrics = [fields(metric) for number, _, metric in fields(message.payload) if number == 2]
        if kind == "DBIRTH":
            assert device not in born
            assert all(only(metric, 4) == 10 for metric in metrics)  # Double
            born[device] = {only(metric, 2): only(metric, 1) for metric in metrics}
        else:
            assert kind == "DDATA"
            assert {only(metric, 2) for metric in metrics} == set(born[device])
            assert not any(number == 1 for metric in metrics for number, _, _ in metric)
            assert all(np.isfinite(only(metric, 13)) for metric in metrics)
    assert set(born) == {"em-t1", "em-t2", "em-a", "em-b", "em-c", "em-d"}
    assert b"Measurements/power" in born["em-a"].values()
    assert len({alias for aliases in born.values() for alias in aliases}) == sum(map(len, born.values()))


def test_a_sparkplug_birth_states_engineering_units() -> None:
    plan = campus_plan()
    encoder = Sparkplug(plan)
    encoder.hello([plan.device("gw-switchroom")], MONDAY)
    device = plan.device("em-a")
    _, payload = encoder.message(device, (device,), 1, ([1.0] * len(device.template.quantities),), False)
    metric = next(fields(m) for n, _, m in fields(payload) if n == 2 and only(fields(m), 1) == b"Measurements/power")
    properties = fields(only(metric, 9))
    assert only(properties, 1) == b"engUnit"
    assert only(fields(only(properties, 2)), 8) == b"kW"


def test_varints_follow_the_encoding() -> None:
    assert varint(1) == b"\x01"
    assert varint(150) == b"\x96\x01"  # the example of the protobuf documentation
    assert varint(2**63) == b"\x80" * 9 + b"\x01"


def test_a_node_death_carries_the_bdseq_of_its_birth_and_no_seq() -> None:
    plan = campus_plan()
    encoder = encoders_of(plan)["sparkplug"]
    node = plan.device("gw-switchroom")
    for number in (0, 1):
        (birth,) = encoder.hello([node], MONDAY)
        (death,) = encoder.death(node, MONDAY + HOUR)
        assert death.topic == "spBv1.0/linhai/NDEATH/switchroom"
        said = [fields(metric) for field, _, metric in fields(birth.payload) if field == 2]
        assert only(said[0], 11) == number
        assert only(fields(only(fields(death.payload), 2)), 11) == number
        assert not any(field == 3 for field, _, _ in fields(death.payload))


def test_a_rebirth_is_stated_at_the_front_of_the_next_span_with_the_last_values() -> None:
    source = wire()
    source.publications(MONDAY, MONDAY + HOUR)
    source.ask_rebirth()
    messages = [m for m in source.publications(MONDAY + HOUR, MONDAY + HOUR + 600 * SECOND) if m.topic.startswith("spBv1.0")]
    kinds = [message.topic.split("/")[2] for message in messages]
    assert kinds[:7] == ["NBIRTH"] + ["DBIRTH"] * 6
    assert set(kinds[7:]) == {"DDATA"}
    assert [only(fields(message.payload), 3) for message in messages] == list(range(len(messages)))


def test_a_sparkplug_gateway_that_was_lost_dies_and_is_born_again() -> None:
    fault = Fault("gateway_outage", "gw-switchroom", MONDAY + HOUR, MONDAY + 2 * HOUR, 1.0)
    messages = wire(fault).publications(MONDAY, MONDAY + 3 * HOUR)
    kinds = [(m.topic.split("/")[2], (m.sent - MONDAY) / HOUR) for m in messages if m.topic.startswith("spBv1.0")]
    deaths = [at for kind, at in kinds if kind == "NDEATH"]
    births = [at for kind, at in kinds if kind == "NBIRTH"]
    assert deaths == [pytest.approx(1 + 90 / 3600)]
    assert births == [0.0, 2.0]
    assert not [kind for kind, at in kinds if 1.01 < at < 2.0 and kind != "NDEATH"]
    late = [m for m in messages if m.topic.startswith("spBv1.0/linhai/DDATA/") and 2.0 < (m.sent - MONDAY) / HOUR < 2.01]
    assert sum(is_historical(message) for message in late) > 300


def test_the_collectors_read_every_point_of_a_campus_day_and_reject_nothing(tmp_path: Path) -> None:
    collector = Collector(campus_toml(), tmp_path)
    source = Wire(Feed(Campus(1, MONDAY)))
    for hours in source.hours(MONDAY, MONDAY + 6 * HOUR):
        collector.take(hours)
    batch = collector.batch
    read = {collector.index.ids[number] for number in set(batch.point.tolist())}
    assert read == set(collector.facility.points)
    assert set(collector.rejected) <= {"unmapped"}  # fields that no point asks for, such as a position's accuracy
    assert not collector.replies
    assert not collector.clocks
    assert (batch.quality == 0).all()
    expected = Feed(Campus(1, MONDAY)).samples(MONDAY, MONDAY + 6 * HOUR)
    plan = campus_plan()
    for point in ("em-a.power", "ahu-a1.sat", "a-light.energy", "c-kitchen.power", "car-0312.tyre_2", "car-0607.latitude"):
        number = plan.points().index(point)
        mine = batch.take(batch.point == collector.index.get(point))
        values = dict(zip((mine.at // SECOND).tolist(), mine.value.tolist(), strict=True))
        truth = expected.point == number
        told = dict(zip((expected.at[truth] // SECOND).tolist(), expected.value[truth].tolist(), strict=True))
        assert len(told) > 10
        assert {at: value for at, value in told.items() if at in values} == pytest.approx(
            {at: values[at] for at in told if at in values}, rel=1e-9
        )
        assert len(set(told) - set(values)) <= 1, point


def test_a_wrong_clock_and_a_lost_gateway_reach_the_collectors(tmp_path: Path) -> None:
    faults = (
        Fault("clock_wrong", "crac-2", MONDAY + HOUR, MONDAY + 2 * HOUR, 8.0),
        Fault("gateway_outage", "gw-switchroom", MONDAY + HOUR, MONDAY + 2 * HOUR),
    )
    collector = Collector(campus_toml(), tmp_path)
    for hours in wire(*faults).hours(MONDAY, MONDAY + 3 * HOUR):
        collector.take(hours)
    assert collector.clocks["crac-2"] == pytest.approx(8 * HOUR, abs=SECOND)
    assert {"gw-switchroom", "em-a", "em-t2"} <= set(collector.deaths)
    assert not collector.replies


def test_duplicates_repeat_the_payload_byte_for_byte() -> None:
    fault = Fault("duplicate_storm", "weather-1", MONDAY, MONDAY + HOUR, 5.0)
    messages = [m for m in wire(fault).publications(MONDAY, MONDAY + HOUR) if m.topic == "linhai/weather-1/data"]
    assert len(messages) == 60
    assert len(set(messages)) == 12


def test_what_is_late_is_sent_in_the_span_of_its_time() -> None:
    fault = Fault("gateway_outage", "gw-b", MONDAY + HOUR, MONDAY + 2 * HOUR, 1.0)
    pieces = wire(fault)
    cuts = [0, 1.2, 1.9, 2.001, 2.005, 3]
    found = [
        m for a, b in itertools.pairwise(cuts) for m in pieces.publications(MONDAY + int(a * HOUR), MONDAY + int(b * HOUR))
    ]
    assert found == wire(fault).publications(MONDAY, MONDAY + 3 * HOUR)
    assert [m.sent for m in found] == sorted(m.sent for m in found)


def test_a_day_as_messages_repeats_for_its_seed() -> None:
    one, same = (wire().publications(MONDAY, MONDAY + DAY // 8) for _ in range(2))
    assert one == same
