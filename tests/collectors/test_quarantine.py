"""What the quarantine keeps, and what gives way."""

from __future__ import annotations

import threading

from collectors.quarantine import Quarantine
from collectors.readings import PAYLOAD_LIMIT
from collectors.taken import Clock, Reject, Unknown


def reject(topic: str = "t", reason: str = "not_json", detail: str = "", payload: bytes = b"x", at: int = 1) -> Reject:
    return Reject(reason, topic, payload, detail, "address", at, "meter")


def test_the_same_trouble_again_is_one_entry_with_a_count_and_the_newest_payload() -> None:
    quarantine = Quarantine()
    quarantine.add("b", [reject(at=1, payload=b"old"), reject(at=9, payload=b"new")], {"not_json": 2})
    [entry] = quarantine.list()
    assert (entry.count, entry.first, entry.last, entry.payload, entry.cut) == (2, 1, 9, b"new", False)
    assert quarantine.counts() == {"not_json": 2}


def test_a_topic_keeps_its_newest_entries_only() -> None:
    quarantine = Quarantine(per_topic=3)
    quarantine.add("b", [reject(detail=str(number), at=number) for number in range(10)], {})
    assert [entry.detail for entry in quarantine.list()] == ["9", "8", "7"]


def test_the_topics_longest_quiet_give_way_and_the_counts_stay() -> None:
    quarantine = Quarantine(entries=4)
    quarantine.add("b", [reject(f"t{number}", at=number) for number in range(6)], {"not_json": 6})
    assert [entry.topic for entry in quarantine.list()] == ["t5", "t4", "t3", "t2"]
    quarantine.add("b", [reject("t2", at=10), reject("t9", at=11)], {"not_json": 2})
    assert [entry.topic for entry in quarantine.list()] == ["t9", "t2", "t5", "t4"]
    assert quarantine.counts() == {"not_json": 8}


def test_it_never_holds_more_bytes_than_allowed() -> None:
    quarantine = Quarantine(size=10_000)
    quarantine.add("b", [reject(f"t{number}", payload=bytes(3_000), at=number) for number in range(20)], {})
    kept = quarantine.list()
    assert 0 < sum(entry.size for entry in kept) <= 10_000
    assert kept[0].topic == "t19"


def test_entries_are_found_by_broker_topic_and_reason_newest_first() -> None:
    quarantine = Quarantine()
    quarantine.add("a", [reject("x", at=1), reject("y", "unmapped", at=2)], {})
    quarantine.add("b", [reject("x", at=3)], {})
    assert [entry.broker for entry in quarantine.list(topic="x")] == ["b", "a"]
    assert [entry.topic for entry in quarantine.list(broker="a", reason="unmapped")] == ["y"]
    assert len(quarantine.list(limit=2)) == 2


def test_a_payload_at_the_limit_is_marked_as_cut() -> None:
    quarantine = Quarantine()
    quarantine.add("b", [reject(payload=bytes(PAYLOAD_LIMIT))], {})
    assert quarantine.list()[0].cut


def test_an_address_without_a_device_keeps_its_fields_until_it_is_adopted() -> None:
    quarantine = Quarantine()
    quarantine.add("b", [reject(reason="unknown_device")], {"unknown_device": 1})
    quarantine.note("b", 5, [Unknown("meter", "native", "address", {"power": 1.0})], [])
    quarantine.note("b", 7, [Unknown("meter", "native", "address", {"energy": 2.0})], [])
    [stranger] = quarantine.strangers()
    assert stranger.fields == {"power": 1.0, "energy": 2.0}
    assert (stranger.count, stranger.first, stranger.last) == (2, 5, 7)
    quarantine.adopted(lambda one: one.address == "another")
    assert len(quarantine.strangers()) == len(quarantine.list()) == 1
    quarantine.adopted(lambda one: (one.broker, one.format, one.address) == ("b", "native", "address"))
    assert quarantine.strangers() == ()
    assert quarantine.list() == []


def test_a_clock_that_is_off_is_kept_by_device() -> None:
    quarantine = Quarantine()
    for at in (1, 2):
        quarantine.note("b", at, [], [Clock("d1", "clock_skew", -3_600, 4)])
    [clock] = quarantine.clocks()
    assert (clock.device, clock.offset, clock.samples, clock.last) == ("d1", -3_600, 8, 2)


def test_threads_may_add_and_list_at_once() -> None:
    quarantine = Quarantine(entries=50)

    def add(name: str) -> None:
        for number in range(500):
            quarantine.add(name, [reject(f"{name}{number % 70}", at=number)], {"not_json": 1})
            quarantine.list(limit=5)

    threads = [threading.Thread(target=add, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert quarantine.counts() == {"not_json": 1500}
    assert len(quarantine.list(limit=1000)) <= 50
