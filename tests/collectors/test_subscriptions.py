"""What a session holds, asks for and gives up."""

from __future__ import annotations

from pathlib import Path

from collectors.subscriptions import LATEST, Subscriptions

GRANTED, REFUSED, WEAK = (1, "Granted QoS 1"), (0x80, "Unspecified error"), (0, "Granted QoS 0")


def test_every_reason_code_counts() -> None:
    it = Subscriptions("b", None)
    it.wanted = ("a", "b", "c", "d")
    assert it.renew(False, 0.0) == (["a", "b", "c", "d"], [])
    it.ask(1, ["a", "b", "c", "d"])
    assert not it.answered
    it.subscribed(1, [GRANTED, REFUSED, WEAK])
    assert it.answered
    assert it.refused == {"b": "Unspecified error (0x80)", "d": "no reason code in the SUBACK (0x80)"}
    assert it.weak == {"c"}
    assert it.error.startswith("subscriptions refused: b")


def test_what_an_earlier_life_subscribed_is_given_up_on_a_resumed_session_only(tmp_path: Path) -> None:
    memory = tmp_path / "deep" / "memory.json"
    first = Subscriptions("b", memory)
    first.wanted = ("old", "kept")
    first.renew(False, 0.0)
    for resumed, gone in ((True, ["old"]), (False, [])):
        memory.write_text('["kept", "old"]')
        second = Subscriptions("b", memory)
        second.wanted = ("kept", "new")
        assert second.renew(resumed, 0.0) == (["kept", "new"], gone)


def test_a_filter_that_another_takes_over_leaves_late() -> None:
    it = Subscriptions("b", None)
    it.wanted = ("a/x", "z")
    it.renew(False, 0.0)
    it.wanted = ("a/+",)
    assert it.change(0.0) == (["a/+"], ["z"])
    assert it.leave(1.0, idle=0.0) == []
    assert it.leave(1.0, idle=0.6) == ["a/x"]
    assert it.leave(1.0, idle=0.6) == []


def test_under_steady_traffic_it_leaves_at_the_latest_after_a_minute_and_not_at_all_if_wanted_again() -> None:
    it = Subscriptions("b", None)
    it.wanted = ("a/x",)
    it.renew(False, 0.0)
    it.wanted = ("a/+",)
    it.change(0.0)
    assert it.leave(LATEST - 1, idle=0.0) == []
    it.wanted = ("a/+", "a/x")
    assert it.leave(LATEST + 1, idle=0.0) == []


def test_a_damaged_memory_is_no_memory(tmp_path: Path) -> None:
    memory = tmp_path / "memory.json"
    memory.write_text("{not json")
    it = Subscriptions("b", memory)
    it.wanted = ("a",)
    assert it.renew(True, 0.0) == (["a"], [])
