"""The outbox on SQLite and PostgreSQL: order, keys, states, who was told what."""

from __future__ import annotations

from typing import Any

import pytest

from steward.errors import NotFound, RecordsError
from steward.records import Records
from steward.records.outbox import Outbox, Parcel, ToldRecord

S = 10**9


def parcel(key: str, channel: str = "hook", group: str = "g", due: int = 0, **more: Any) -> Parcel:
    """A parcel about alert a."""
    values: dict[str, Any] = {"recipient": "", "route": "all", "what": "alerts", "reason": "first notification",
                              "title": "t", "alerts": {"a": "firing"}, "payload": {"n": 1}}  # fmt: skip
    return Parcel(key=key, channel=channel, group=group, due=due, **{**values, **more})


def told(alert: str = "a", status: str = "firing", at: int = 1) -> ToldRecord:
    """What lane hook was told in group g."""
    return ToldRecord("hook", "", "g", alert, "all", {"site": "s"}, status, "high", at)


@pytest.fixture
def outbox(records: Records) -> Outbox:
    """An empty outbox."""
    return Outbox(records.database)


def test_a_key_is_taken_once(outbox: Outbox) -> None:
    assert outbox.put([parcel("k"), parcel("l", group="h")], [], 5) == 2
    assert outbox.put([parcel("k")], [], 6) == 0
    assert outbox.known(["k", "x"]) == {"k"}
    assert [one.created for one in outbox.log()] == [5, 5]


def test_parcels_of_a_lane_go_in_order_and_others_do_not_wait(outbox: Outbox) -> None:
    outbox.put([parcel("k"), parcel("l"), parcel("m", group="other"), parcel("n", recipient="li")], [], 1)
    assert [one.key for one in outbox.due("hook", 1)] == ["k", "m", "n"]
    first = outbox.due("hook", 1)[0]
    outbox.begin(first.id, 2)
    assert [one.key for one in outbox.due("hook", 2)] == ["m", "n"]
    outbox.retry(first.id, "down", 10 * S)
    assert [one.key for one in outbox.due("hook", 9 * S)] == ["m", "n"]
    assert [one.key for one in outbox.due("hook", 10 * S)] == ["m", "n", "k"]
    outbox.sent(first.id, "ok", 11 * S)
    assert [one.key for one in outbox.due("hook", 11 * S)] == ["l", "m", "n"]
    assert outbox.channels_due(11 * S) == ["hook"]


def test_only_what_was_under_way_is_revived(outbox: Outbox) -> None:
    outbox.put([parcel("k"), parcel("l", group="b"), parcel("m", group="c")], [], 1)
    k, m = outbox.due("hook", 1)[0], outbox.due("hook", 1)[2]
    outbox.begin(k.id, 2)
    outbox.begin(m.id, 2)
    outbox.sent(m.id, "ok", 3)
    assert outbox.revive(4) == 1
    assert {one.key: (one.state, one.tries) for one in outbox.log()} == {
        "k": ("waiting", 1),
        "l": ("waiting", 0),
        "m": ("sent", 1),
    }


def test_a_lane_has_heard_of_an_alert_only_once_a_notice_arrived(outbox: Outbox) -> None:
    outbox.put([parcel("k")], [told(), told("b")], 1)
    assert outbox.arrived("hook", "", "g", ["a", "b"]) == set()
    outbox.sent(outbox.due("hook", 1)[0].id, "ok", 2)
    assert outbox.arrived("hook", "", "g", ["a", "b"]) == {"a"}
    outbox.put([], [told("a", "resolved", 3)], 3)  # what it heard stays so
    assert outbox.arrived("hook", "", "g", ["a"]) == {"a"}
    assert [(one.alert, one.status) for one in outbox.told(firing=True)] == [("b", "firing")]
    assert {one.alert: one.labels for one in outbox.told("g")} == {"a": {"site": "s"}, "b": {"site": "s"}}


def test_a_dead_parcel_waits_again_when_asked_and_only_a_dead_one(outbox: Outbox) -> None:
    outbox.put([parcel("k")], [], 1)
    one = outbox.due("hook", 1)[0]
    outbox.begin(one.id, 1)
    outbox.give_up(one.id, "no", 2)
    assert outbox.due("hook", 9) == []
    again = outbox.again(one.id, 5)
    assert (again.state, again.tries, again.due, again.done) == ("waiting", 0, 5, None)
    with pytest.raises(RecordsError, match="waiting, expected dead"):
        outbox.again(one.id, 6)
    with pytest.raises(NotFound):
        outbox.again(999, 6)


def test_the_log_is_filtered_counted_and_forgotten_after_its_time(outbox: Outbox) -> None:
    outbox.put([parcel("k"), parcel("l", group="b", alerts={"z": "firing"}), parcel("m", channel="mail")], [], 1)
    k = outbox.due("hook", 1)[0]
    outbox.drop(k.id, "nothing to say", 2)
    assert [one.key for one in outbox.log(channel="hook")] == ["l", "k"]
    assert [one.key for one in outbox.log(alert="z")] == ["l"]
    assert [one.key for one in outbox.log(states=["dropped"])] == ["k"]
    assert [one.key for one in outbox.log(limit=1)] == ["m"]
    assert [one.key for one in outbox.log(before=outbox.log(limit=1)[0].id)] == ["l", "k"]
    assert outbox.counts() == {("hook", "dropped"): 1, ("hook", "waiting"): 1, ("mail", "waiting"): 1}
    assert outbox.retain(3) == 1
    assert [one.key for one in outbox.log()] == ["m", "l"]  # what waits is never forgotten
