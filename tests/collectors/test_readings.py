"""From what decoders state to a batch: units, range, clocks, retained messages, rejects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.formats import Message, decoder
from collectors.readings import PAYLOAD_LIMIT, REJECTS_PER_TAKE, UNKNOWN_PER_TAKE, Readings
from collectors.routing import Routing
from collectors.taken import Taken
from steward.errors import UndecodableMessage
from steward.model import PointIndex, Quality
from steward.units import HOUR, MINUTE, SECOND
from tests.collectors.plant import NOW, TEMPLATE, deliver, plant, samples


@pytest.fixture
def readings() -> Readings:
    return Readings(Routing(plant(), PointIndex()), "main")


def test_values_arrive_in_canonical_units(readings: Readings) -> None:
    deliver(readings, p=1.5, e=2, t=21.5, on=True)
    taken = readings.take()
    assert samples(readings, taken) == [("plug.power", 1500.0), ("plug.energy", 2000.0), ("plug.temp", 21.5), ("plug.on", 1.0)]
    assert not taken.rejects
    assert not taken.counts


def test_a_batch_has_the_types_of_the_model(readings: Readings) -> None:
    deliver(readings, p=1)
    batch = readings.take().batch
    assert [getattr(batch, name).dtype for name in ("point", "at", "received", "value", "quality", "historical")] == [
        np.int32,
        np.int64,
        np.int64,
        np.float64,
        np.uint8,
        np.bool_,
    ]


def test_take_empties(readings: Readings) -> None:
    deliver(readings, p=1, x=1)
    deliver(readings, "nobody", p=1)
    readings.take()
    assert len(readings) == 0
    again = readings.take()
    assert len(again.batch) == 0
    assert (again.rejects, again.presence, again.replies, again.seen, again.clocks, again.unknown) == ([], [], [], {}, [], [])
    assert not again.counts


def test_samples_of_many_messages_keep_their_order_and_arrival(readings: Readings) -> None:
    deliver(readings, received=NOW, p=1, t=20)
    deliver(readings, received=NOW + 5)
    deliver(readings, received=NOW + 10, p=2)
    batch = readings.take().batch
    assert batch.received.tolist() == [NOW, NOW, NOW + 10]
    assert batch.at.tolist() == [NOW, NOW, NOW + 10]


def test_device_time_and_arrival_are_both_kept(readings: Readings) -> None:
    deliver(readings, p=(1, {"at": NOW - 3 * SECOND}))
    batch = readings.take().batch
    assert (batch.at[0], batch.received[0], batch.quality[0]) == (NOW - 3 * SECOND, NOW, Quality.GOOD)


@pytest.mark.parametrize(
    ("offset", "reason"),
    [
        (5 * MINUTE, None),
        (5 * MINUTE + 1, "clock_future"),
        (-HOUR, None),
        (-HOUR - 1, "clock_skew"),
        (400 * 24 * HOUR, "clock_future"),
    ],
)
def test_a_wrong_clock_makes_a_sample_uncertain_and_is_reported(readings: Readings, offset: int, reason: str | None) -> None:
    deliver(readings, p=(1, {"at": NOW + offset}))
    taken = readings.take()
    assert taken.batch.at.tolist() == [NOW + offset]
    assert taken.batch.quality.tolist() == [Quality.UNCERTAIN if reason else Quality.GOOD]
    assert [tuple(clock) for clock in taken.clocks] == ([("plug", reason, offset, 1)] if reason else [])
    assert dict(taken.counts) == ({reason: 1} if reason else {})


def test_the_clock_report_holds_the_worst_offset_of_each_device(readings: Readings) -> None:
    for offset in (-2 * HOUR, -5 * HOUR, -3 * HOUR):
        deliver(readings, p=(1, {"at": NOW + offset}))
    deliver(readings, "child", p=(1, {"at": NOW + HOUR}))
    assert sorted(readings.take().clocks) == [("child", "clock_future", HOUR, 1), ("plug", "clock_skew", -5 * HOUR, 3)]


def test_historical_samples_may_be_old_but_not_from_the_future(readings: Readings) -> None:
    deliver(readings, p=(1, {"at": NOW - 9 * HOUR, "historical": True}), e=(1, {"at": NOW + HOUR, "historical": True}))
    batch = readings.take().batch
    assert batch.historical.tolist() == [True, True]
    assert batch.quality.tolist() == [Quality.GOOD, Quality.UNCERTAIN]


def test_a_bad_sample_stays_bad_when_its_clock_is_wrong(readings: Readings) -> None:
    deliver(readings, p=(1, {"at": NOW - 9 * HOUR, "quality": Quality.BAD}), t=(20, {"quality": Quality.UNCERTAIN}))
    assert readings.take().batch.quality.tolist() == [Quality.BAD, Quality.UNCERTAIN]


def test_marks_stay_with_their_samples_when_others_are_rejected(readings: Readings) -> None:
    deliver(readings, p=99, e=(1, {"quality": Quality.BAD}), on="BROKEN", t=(20, {"historical": True, "at": NOW}), n=1)
    batch = readings.take().batch
    assert batch.quality.tolist() == [Quality.BAD, Quality.GOOD, Quality.GOOD]
    assert batch.historical.tolist() == [False, True, False]


def test_a_retained_message_is_no_new_sample(readings: Readings) -> None:
    deliver(readings, retained=True, p=1, e=(2, {"at": NOW - 5 * HOUR}))
    deliver(readings, p=3)
    taken = readings.take()
    assert samples(readings, taken) == [("plug.energy", 2000.0), ("plug.power", 3000.0)]
    assert taken.batch.historical.tolist() == [True, False]
    assert taken.batch.quality.tolist() == [Quality.GOOD, Quality.GOOD]
    assert dict(taken.counts) == {"retained": 1}
    assert not taken.rejects


def test_a_retained_message_does_not_make_a_device_seen(readings: Readings) -> None:
    deliver(readings, retained=True, p=1)
    assert readings.take().seen == {}


def test_a_retained_will_is_a_death(readings: Readings) -> None:
    readings.begin(Message("t/child/LWT", b"Offline", NOW, "child", True), TEMPLATE)
    readings.device("child").died()
    assert readings.take().deaths == ["child", "grandchild"]


@pytest.mark.parametrize("value", [-0.001, 5.001, 1e300])
def test_a_value_outside_its_range_is_rejected(readings: Readings, value: float) -> None:
    deliver(readings, p=value, t=20)
    taken = readings.take()
    assert samples(readings, taken) == [("plug.temp", 20.0)]
    (reject,) = taken.rejects
    assert (reject.reason, reject.topic, reject.payload, reject.address) == ("out_of_range", "t/plug", b"payload", "plug")
    assert "plug.power" in reject.detail
    assert "0 to 5000" in reject.detail


def test_the_ends_of_a_range_belong_to_it(readings: Readings) -> None:
    deliver(readings, p=0, t=90)
    deliver(readings, p=5, t=-40)
    assert len(readings.take().batch) == 4


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_value_that_is_not_finite_is_rejected(readings: Readings, value: float) -> None:
    deliver(readings, p=value, e=value)
    taken = readings.take()
    assert len(taken.batch) == 0
    assert dict(taken.counts) == {"not_finite": 2}


def test_a_value_that_overflows_in_its_unit_is_rejected(readings: Readings) -> None:
    deliver(readings, e=1e308)
    assert dict(readings.take().counts) == {"not_finite": 1}


@pytest.mark.parametrize("value", [[1], {"a": 1}, None, 10**400])
def test_what_is_no_number_is_rejected_and_the_rest_kept(readings: Readings, value: Any) -> None:
    deliver(readings, t=1, p=value, e=2)
    taken = readings.take()
    assert samples(readings, taken) == [("plug.temp", 1.0), ("plug.energy", 2000.0)]
    assert dict(taken.counts) == {"wrong_type": 1}


def test_a_time_beyond_int64_rejects_its_sample_only(readings: Readings) -> None:
    deliver(readings, t=1, p=(2, {"at": 1 << 70}), e=(3, {"at": NOW}))
    taken = readings.take()
    assert samples(readings, taken) == [("plug.temp", 1.0), ("plug.energy", 3000.0)]
    assert taken.batch.at.tolist() == [NOW, NOW]


@pytest.mark.parametrize(("text", "value"), [("ON", 1.0), (" OFF ", 0.0)])
def test_text_is_looked_up_in_the_words(readings: Readings, text: str, value: float) -> None:
    deliver(readings, on=text)
    assert samples(readings, readings.take()) == [("plug.on", value)]


@pytest.mark.parametrize("text", ["on", "BROKEN", "", "1"])
def test_text_that_is_none_of_the_words_is_rejected(readings: Readings, text: str) -> None:
    deliver(readings, on=text)
    taken = readings.take()
    assert len(taken.batch) == 0
    assert [reject.reason for reject in taken.rejects] == ["unknown_state"]
    assert "ON, OFF" in taken.rejects[0].detail


@pytest.mark.parametrize(("text", "value"), [("22.5", 22.5), (" -3 ", -3.0), ("1e1", 10.0), (".5", 0.5)])
def test_a_number_may_be_written_as_text(readings: Readings, text: str, value: float) -> None:
    deliver(readings, t=text)
    assert samples(readings, readings.take()) == [("plug.temp", value)]


@pytest.mark.parametrize("text", ["nan", "inf", "1_0", "0x10", "22,5", "twenty", "１２", "--1"])
def test_text_that_is_no_number_is_rejected(readings: Readings, text: str) -> None:
    deliver(readings, t=text)
    assert dict(readings.take().counts) == {"unknown_state": 1}


@pytest.mark.parametrize(
    ("field", "symbol", "value", "canonical"),
    [("p", "W", 1500, 1500), ("p", "kW", 1.5, 1500), ("t", "degF", 68, 20), ("t", "K", 300, 26.85), ("e", "MWh", 1, 1e6)],
)
def test_a_declared_unit_goes_before_the_configured_one(
    readings: Readings, field: str, symbol: str, value: float, canonical: float
) -> None:
    stated: dict[str, Any] = {field: (value, {"unit": symbol})}
    deliver(readings, **stated)
    assert readings.take().batch.value[0] == pytest.approx(canonical, rel=1e-12)


@pytest.mark.parametrize(
    ("symbol", "reason"), [("furlong", "unknown_unit"), ("degC", "unit_mismatch"), ("kWh", "unit_mismatch")]
)
def test_a_declared_unit_that_cannot_be_converted_is_rejected(readings: Readings, symbol: str, reason: str) -> None:
    deliver(readings, p=(1, {"unit": symbol}), t=20)
    taken = readings.take()
    assert samples(readings, taken) == [("plug.temp", 20.0)]
    assert [(reject.reason, reject.address) for reject in taken.rejects] == [(reason, "plug")]


def test_plain_numbers_take_any_unit(readings: Readings) -> None:
    deliver(readings, n=(7, {"unit": "count"}))
    deliver(readings, n=(8, {"unit": "W"}))
    assert readings.take().batch.value.tolist() == [7, 8]


def test_an_unmapped_field_is_counted_each_time_and_handed_over_once(readings: Readings) -> None:
    for _ in range(3):
        deliver(readings, p=1, x=2)
    taken = readings.take()
    assert len(taken.batch) == 3
    assert dict(taken.counts) == {"unmapped": 3}
    assert [(reject.reason, reject.detail, reject.address) for reject in taken.rejects] == [("unmapped", "x: 2", "plug")]
    deliver(readings, x=2)
    assert readings.take().rejects == []


def test_an_unknown_device_is_noted_with_its_fields(readings: Readings) -> None:
    deliver(readings, "new", a=(1, {"unit": "kW"}), b="x")
    deliver(readings, "new", a=2)
    taken = readings.take()
    assert [tuple(one) for one in taken.unknown] == [("plug", "json", "new", {"a": 2, "b": "x"}, {"a": "kW"})]
    assert [(reject.reason, reject.address) for reject in taken.rejects] == [("unknown_device", "new")]
    assert dict(taken.counts) == {"unknown_device": 2}
    assert taken.seen == {}


def test_rejects_are_bounded_and_all_counted(readings: Readings) -> None:
    for _ in range(REJECTS_PER_TAKE + 50):
        deliver(readings, p=-1, on="?")
    taken = readings.take()
    assert len(taken.rejects) == REJECTS_PER_TAKE
    assert dict(taken.counts) == {"out_of_range": REJECTS_PER_TAKE + 50, "unknown_state": REJECTS_PER_TAKE + 50}


def test_a_flood_of_addresses_is_bounded(readings: Readings) -> None:
    for number in range(UNKNOWN_PER_TAKE + 5):
        deliver(readings, f"x{number}", p=1)
    taken = readings.take()
    assert len(taken.unknown) == UNKNOWN_PER_TAKE
    assert taken.counts["unknown_device"] == UNKNOWN_PER_TAKE + 5


def test_a_rejected_payload_is_cut(readings: Readings) -> None:
    readings.begin(Message("t", b"x" * 100_000, NOW), TEMPLATE)
    readings.reject("not_json", "y" * 10_000)
    (reject,) = readings.take().rejects
    assert len(reject.payload) == PAYLOAD_LIMIT
    assert len(reject.detail) <= 300
    assert (reject.template, reject.received) == ("plug", NOW)


def test_births_and_deaths_in_order(readings: Readings) -> None:
    deliver(readings)
    plug, child = readings.device("plug"), readings.device("child")
    plug.died(NOW - 5)
    plug.born(NOW - 4)
    child.born()
    taken = readings.take()
    assert [tuple(one) for one in taken.presence] == [
        ("plug", False, NOW - 5),
        ("child", False, NOW - 5),
        ("grandchild", False, NOW - 5),
        ("plug", True, NOW - 4),
        ("child", True, NOW),
    ]
    assert taken.births == ["plug", "child"]
    assert taken.deaths == ["grandchild"]


def test_replies_are_handed_over(readings: Readings) -> None:
    deliver(readings)
    readings.reply("back", b"1")
    assert [tuple(one) for one in readings.take().replies] == [("back", b"1")]


def test_a_device_is_seen_at_its_last_arrival(readings: Readings) -> None:
    deliver(readings, received=NOW)
    deliver(readings, received=NOW + 9)
    assert readings.take().seen == {"plug": NOW + 9}


def test_local_time_that_is_none_is_undecodable(readings: Readings) -> None:
    deliver(readings)
    with pytest.raises(UndecodableMessage, match="bad_time"):
        readings.device("plug").local("soon")


def test_a_json_message_goes_all_the_way_to_a_batch(readings: Readings) -> None:
    made = decoder("json", {"time": "ts"})
    message = Message("t/plug", b'{"ts": 1795521599000, "p": 1.25, "e": "17", "on": "ON", "t": null}', NOW, "plug")
    readings.begin(message, TEMPLATE)
    made.decode(message, readings)
    taken = readings.take()
    assert samples(readings, taken) == [("plug.power", 1250.0), ("plug.energy", 17000.0), ("plug.on", 1.0)]
    assert taken.batch.at.tolist() == [NOW - SECOND] * 3


def columns(taken: Taken) -> list[Any]:
    batch = taken.batch
    return [getattr(batch, name).tolist() for name in batch.__slots__] + [taken.counts, taken.rejects, taken.unknown]


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["p", "e", "t", "on", "n", "x"]), st.floats() | st.integers() | st.text(max_size=3) | st.none()
    ),
    st.sampled_from([0, NOW - HOUR, 1 << 63, -1]),
    st.sampled_from(Quality),
    st.booleans(),
    st.sampled_from(["plug", "nobody"]),
)
def test_stating_a_table_is_stating_each_of_its_fields(
    table: dict[str, Any], at: int, quality: Quality, historical: bool, address: str
) -> None:
    message = Message("t", b"", NOW, address)
    one, each = (Readings(Routing(plant(), PointIndex()), "main") for _ in range(2))
    one.begin(message, TEMPLATE)
    found = one.device(address).add_from(table, table, at, quality, historical)
    each.begin(message, TEMPLATE)
    device = each.device(address)
    there = {field: value for field, value in table.items() if value is not None}
    for field, value in there.items():
        device.add(field, value, at, quality, historical)
    assert found == len(there)
    assert repr(columns(one.take())) == repr(columns(each.take()))


VALUES = st.floats() | st.integers() | st.booleans() | st.text(max_size=4) | st.none()


STATED = st.tuples(
    st.sampled_from(["p", "e", "t", "on", "n", "x"]),
    VALUES,
    st.sampled_from([0, NOW, NOW - 2 * HOUR, NOW + HOUR, 1 << 64]),
    st.sampled_from(Quality),
    st.booleans(),
    st.sampled_from(["", "W", "kWh", "degF", "?"]),
)


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.lists(STATED, max_size=6)), max_size=8))
def test_every_value_leaves_as_a_sample_or_is_counted(messages: list[tuple[bool, list[tuple[Any, ...]]]]) -> None:
    readings = Readings(Routing(plant(), PointIndex()), "main")
    stated = 0
    for retained, values in messages:
        readings.begin(Message("t/plug", b"", NOW, "plug", retained), TEMPLATE)
        one = readings.device("plug")
        for field, value, at, quality, historical, symbol in values:
            one.add(field, value, at, quality, historical, symbol)
            stated += 1
    taken = readings.take()
    lost = sum(number for reason, number in taken.counts.items() if not reason.startswith("clock_"))
    assert len(taken.batch) + lost == stated
    assert np.isfinite(taken.batch.value).all()
    assert (taken.batch.at > 0).all()
