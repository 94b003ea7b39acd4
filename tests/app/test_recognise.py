"""What `steward discover` makes of messages: formats by their decoders, JSON by shape, guesses marked, always a good file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from steward.app.checking import read
from steward.app.tools.recognise import Recognised, Seen, facility_text, guess, recognise
from steward.model import Facility

NOW = 1_767_268_800 * 10**9


def heard(*messages: tuple[str, Any]) -> Recognised:
    topics: dict[str, list[tuple[bytes, int]]] = {}
    for number, (topic, body) in enumerate(messages):
        payload = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        topics.setdefault(topic, []).append((payload, NOW + number))
    return recognise(topics)


def loaded(found: Recognised, folder: Path, site: str = "Block A") -> Facility:
    path = folder / "site.toml"
    path.write_text(facility_text(found, "mqtt://127.0.0.1:1883", site), encoding="utf-8")
    return read(path).facility


def test_a_format_that_has_topics_of_its_own_is_recognised_by_its_decoder(tmp_path: Path) -> None:
    found = heard(
        ("steward/v1/m1/telemetry", {"values": {"power": 3.5, "energy": 10}}),
        ("tele/plug_7/SENSOR", {"Time": "2026-01-01T12:00:00", "ENERGY": {"Power": 40, "Total": 1.5}}),
        ("owntracks/fleet/van", {"_type": "location", "tst": 1767268800, "lat": 30.1, "lon": 120.2, "vel": 40}),
    )
    assert {(device.format, device.address) for device in found.devices.values()} == {
        ("native", "m1"),
        ("tasmota", "plug_7"),
        ("owntracks", "fleet/van"),
    }
    facility = loaded(found, tmp_path)
    assert facility.points["m1.power"].metric == "power"
    assert facility.points["plug_7.energy_total"].metric == "energy"


def test_devices_with_the_same_fields_share_a_template(tmp_path: Path) -> None:
    found = heard(*((f"steward/v1/m{number}/telemetry", {"values": {"power": number}}) for number in range(20)))
    text = facility_text(found, "mqtt://127.0.0.1:1883", "A")
    assert text.count("[[template]]") == 1
    assert text.count("[[device]]") == 20


def test_the_device_of_unknown_json_is_the_level_in_which_topics_of_one_shape_differ(tmp_path: Path) -> None:
    found = heard(*((f"hall/{number}/air/up", {"t": 20.5, "deep": {"co2": 400}}) for number in (1, 2, 3)))
    assert {(device.topic, device.address) for device in found.devices.values()} == {
        ("hall/{device}/air/up", "1"),
        ("hall/{device}/air/up", "2"),
        ("hall/{device}/air/up", "3"),
    }
    facility = loaded(found, tmp_path)
    assert {facility.points[f"{number}.deep_co2"].metric for number in (1, 2, 3)} == {"co2"}


def test_the_time_of_unknown_json_is_no_point_but_the_time_of_the_message(tmp_path: Path) -> None:
    text = facility_text(
        heard(
            ("a/1/up", {"time": "2026-01-01T12:00:00Z", "w": 1, "since": "2025-01-01 00:00:00"}),
            ("b/2/x/up", {"ts": 1767268800123, "v": 1}),
        ),
        "mqtt://127.0.0.1:1883",
        "A",
    )
    assert 'options = { time = "time" }' in text
    assert 'options = { time = "ts" }' in text
    assert "# since: a time, left out" in text
    assert "2026-01-01" not in text


def test_words_of_a_state_are_numbered_and_free_text_is_left_out(tmp_path: Path) -> None:
    states = [("a/1/up", {"mode": mode, "note": f"text {number}"}) for number, mode in enumerate(["on", "off", "auto"] * 4)]
    text = facility_text(heard(*states), "mqtt://127.0.0.1:1883", "A")
    assert '"off" = 0' in text
    assert '"on" = 1' in text
    assert "# note: free text, left out" in text


def test_nothing_of_the_brokers_own_topics_is_recognised() -> None:
    found = heard(("$SYS/broker/clients", {"power": 1}), ("$share/x", b"junk"), ("$SYS/broker/version", b"mosquitto"))
    assert found.devices == {}
    assert found.unread == {}


def test_what_nobody_can_read_is_named_with_the_reason() -> None:
    found = heard(("a/raw", b"\xff\x00"), ("b/list", [1, 2]), ("steward/v1/m1/telemetry", b"no json"))
    assert not any(device.fields for device in found.devices.values())
    assert set(found.unread) == {"a/raw", "b/list", "steward/v1/m1/telemetry"}


def test_nothing_heard_still_gives_a_good_file(tmp_path: Path) -> None:
    facility = loaded(recognise({}), tmp_path)
    assert facility.devices == {}


@pytest.mark.parametrize(
    "address", ['quo"te', "back\\slash", "配电房", "two words", "dots.in.it", "<script>", "x" * 200, "=", "'''", "a b", "a-b"]
)
def test_any_address_a_device_calls_itself_gives_a_good_file(address: str, tmp_path: Path) -> None:
    facility = loaded(
        heard((f"up/{address}/data", {'we"ird': 1, "价格": 2.5, "a.b": 3, "": 4}), ("up/zz/data", {"x": 1})), tmp_path
    )
    assert address in {device.address for device in facility.devices.values()}


def test_ids_that_would_be_the_same_are_numbered(tmp_path: Path) -> None:
    facility = loaded(heard(("up/a b/data", {"x": 1}), ("up/a-b/data", {"x": 2}), ("other/a-b/d/up", {"y": 2})), tmp_path)
    assert len(facility.devices) == 3


@pytest.mark.parametrize(
    ("name", "unit", "expected"),
    [
        ("ENERGY.Power", "", ("power", "W")),
        ("ENERGY.ApparentPower", "", ("apparent_power", "VA")),
        ("battery_voltage", "", ("battery_voltage", "V")),
        ("room.temperature", "degF", ("temperature", "degF")),
        ("totalDistance", "", ("odometer", "m")),
        ("mystery", "kW", ("power", "kW")),
        ("mystery", "", ("number", "")),
        ("temperature", "kW", ("power", "kW")),
    ],
)
def test_metric_and_unit_are_guessed_from_the_name_unless_the_declared_unit_says_otherwise(
    name: str, unit: str, expected: tuple[str, str]
) -> None:
    assert guess(name, Seen(1.0, unit=unit))[:2] == expected
