"""Which device an address is, which points its fields feed, admission, gateways."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from collectors.formats import Message
from collectors.readings import Readings
from collectors.routing import Admission, Routing
from steward.model import Channel, PointIndex, Quality, Template
from steward.units import HOUR
from tests.collectors.plant import NOW, OTHER, TEMPLATE, channel, deliver, device, facility, plant, point, samples


def test_a_scale_that_a_person_set_holds_against_a_declared_unit() -> None:
    ratio = Channel("plug", "p", "plug.power", scale=30_000.0)  # kW behind a transformer of 30:1
    readings = Readings(Routing(facility([device("plug")], [point("plug.power")], [ratio]), PointIndex()), "main")
    deliver(readings, p=(2, {"unit": "kW"}))
    assert readings.take().batch.value.tolist() == [60_000]


def test_the_death_of_a_gateway_takes_a_thousand_devices_along() -> None:
    many = [device(f"d{number}", gateway="gate") for number in range(1_000)]
    readings = Readings(Routing(facility([*many, device("gate")], [], []), PointIndex()), "main")
    deliver(readings, "gate")
    readings.device("gate").died()
    assert readings.take().deaths == ["gate", *(one.id for one in many)]


def test_gateways_that_name_each_other_do_not_loop() -> None:
    ring = facility([device("a", gateway="b"), device("b", gateway="a")], [], [])
    readings = Readings(Routing(ring, PointIndex()), "main")
    deliver(readings, "a")
    readings.device("a").died()
    assert sorted(readings.take().deaths) == ["a", "b"]


def test_the_same_address_is_another_device_for_another_template_or_broker() -> None:
    devices = [
        device("a", "1"),
        device("b", "1", template="other"),
        device("c", "1", broker="second"),
        device("d", "2", broker=""),
        device("e", "3", template=""),
        device("g", "1", format="tasmota"),
    ]
    routing = Routing(facility(devices, [], []), PointIndex())

    def found(broker: str, template: Template, address: str) -> str | None:
        entry = routing.find(broker, template.format, template.id, address)
        return entry.device.id if entry else None

    assert found("main", TEMPLATE, "1") == "a"
    assert found("main", OTHER, "1") == "b"
    assert found("second", TEMPLATE, "1") == "c"
    assert found("second", TEMPLATE, "2") == "d"
    assert found("main", OTHER, "2") == "d"
    assert found("main", TEMPLATE, "3") == "e"
    assert found("main", Template("x", "tasmota"), "1") == "g"
    assert found("second", Template("x", "tasmota"), "1") is None


def test_one_field_may_feed_several_points() -> None:
    points = [point("a"), point("b", high=1_000), point("c", "energy")]
    channels = [channel("plug", "p", "a", "kW"), channel("plug", "e", "c"), Channel("plug", "p", "b", 500.0)]
    readings = Readings(Routing(facility([device("plug")], points, channels), PointIndex()), "main")
    deliver(readings, p=(1, {"quality": Quality.UNCERTAIN}), e=1)
    deliver(readings, p=3)
    taken = readings.take()
    assert sorted(samples(readings, taken)) == [("a", 1000.0), ("a", 3000.0), ("b", 500.0), ("c", 1.0)]
    assert dict(taken.counts) == {"out_of_range": 1}
    assert sorted(zip(taken.batch.value.tolist(), taken.batch.quality.tolist(), strict=True)) == [
        (1, 0),
        (500, 1),
        (1000, 1),
        (3000, 0),
    ]


@pytest.mark.parametrize(
    ("place", "hour"),
    [({"site": "berlin"}, 11), ({"site": "", "equip": "van"}, 4), ({"site": "", "space": "room"}, 4), ({"site": ""}, 11)],
    ids=["site", "equip", "space", "first site"],
)
def test_local_time_is_that_of_the_place_of_the_device(place: dict[str, str], hour: int) -> None:
    readings = Readings(Routing(facility([device("plug", **place)], [], []), PointIndex()), "main")
    deliver(readings)
    local = readings.device("plug").local("2026-11-24T12:00:00")
    assert local == NOW + (hour - 12) * HOUR


def admitting(calls: list[tuple[str, str, str]]) -> Callable[[str, str, str], Admission | None]:
    def admit(broker: str, template: str, address: str) -> Admission | None:
        calls.append((broker, template, address))
        if address.startswith("bad"):
            return None
        id = f"{template}.{address}"
        return device(id, address), [point(f"{id}.power", high=10)], [channel(id, "p", f"{id}.power", "W")]

    return admit


def test_a_template_admits_a_device_without_losing_its_first_message() -> None:
    calls: list[tuple[str, str, str]] = []
    readings = Readings(Routing(plant(), PointIndex(), admit=admitting(calls)), "main")
    wide = Template("plug", "json", admit=True)
    for value in (7, 99):
        readings.begin(Message("t/new", b"", NOW, "new"), wide)
        readings.device("new").add("p", value)
        readings.begin(Message("t/bad", b"", NOW, "bad"), wide)
        readings.device("bad").add("p", value)
    deliver(readings, p=1)
    taken = readings.take()
    assert samples(readings, taken) == [("plug.new.power", 7.0), ("plug.power", 1000.0)]
    assert taken.admitted == ["plug.new"]
    assert dict(taken.counts) == {"out_of_range": 1, "unknown_device": 2}
    assert calls[0] == ("main", "plug", "new")
    assert len(calls) == 3
    assert readings.take().admitted == []


def test_a_template_that_does_not_admit_asks_nobody() -> None:
    calls: list[tuple[str, str, str]] = []
    readings = Readings(Routing(plant(), PointIndex(), admit=admitting(calls)), "main")
    deliver(readings, "new", p=1)
    assert calls == []


def test_two_brokers_share_one_admission() -> None:
    calls: list[tuple[str, str, str]] = []
    routing = Routing(plant(), PointIndex(), admit=admitting(calls))
    wide = Template("plug", "json", admit=True)
    first, second = Readings(routing, "main"), Readings(routing, "main")
    for readings in (first, second):
        readings.begin(Message("t/new", b"", NOW, "new"), wide)
        readings.device("new").add("p", 5)
    assert len(calls) == 1
    assert [len(readings.take().batch) for readings in (first, second)] == [1, 1]
