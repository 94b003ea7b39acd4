"""The operational records on SQLite and PostgreSQL: episodes, what people do about them, states, audit."""

from __future__ import annotations

import math
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from steward.errors import NotFound, RecordsError
from steward.model import Alert, Condition, Human, Severity
from steward.records import AlertRecord, Records
from steward.records.database import MIGRATIONS
from steward.records.desk import DeskRecords

NEWEST = max(path.name[1:5] for path in (MIGRATIONS / "versions").glob("r*.py"))
S = 10**9
DAWN = 1_767_254_400 * S


def alert(target: str = "ahu1.supply", condition: Condition = Condition.PENDING, at: int = DAWN, **more: Any) -> Alert:
    """A statement of the rules engine about an episode that began at dawn."""
    return Alert(
        **{
            "rule": "supply-too-warm",
            "kind": "threshold",
            "severity": Severity.HIGH,
            "target": target,
            "points": (target,),
            "condition": condition,
            "since": DAWN,
            "at": at,
            **more,
        }
    )


PENDING = alert()
FIRING = alert(condition=Condition.FIRING, at=DAWN + 60 * S, fired=DAWN + 60 * S, value=31.5, worst=31.5, limit=28.0)
RESOLVED = replace(FIRING, condition=Condition.RESOLVED, at=DAWN + 300 * S, resolved=DAWN + 300 * S, value=24.0, worst=33.0)


def history(records: Records, id: str = PENDING.id) -> list[str]:
    return [event.what for event in records.events(id)]


def test_an_alert_is_recorded_with_everything_that_the_engine_stated(records: Records) -> None:
    stated = replace(FIRING, evidence={"values": [1, 2.5], "schedule": "closed", "nested": {"on": True, "none": None}})
    [recorded] = records.record_alerts([stated], now=5)
    assert recorded.alert == stated
    assert (recorded.human, recorded.acknowledged_at, recorded.comments) == (Human.UNACKNOWLEDGED, None, 0)
    assert (recorded.recorded, recorded.changed) == (5, 5)
    assert records.alert(stated.id) == recorded


def test_numbers_that_are_none_and_numpy_values_survive(records: Records) -> None:
    evidence = {
        "mean": np.float64(2.5),
        "count": np.int64(3),
        "gap": math.nan,
        "row": np.array([1.0, math.inf]),
        "on": np.True_,
    }
    records.record_alerts([replace(PENDING, evidence=evidence)], now=1)
    found = records.alert(PENDING.id).alert
    assert all(math.isnan(number) for number in (found.value, found.worst, found.limit))
    assert found.evidence == {"mean": 2.5, "count": 3, "gap": None, "row": [1.0, None], "on": True}


def test_an_episode_goes_from_pending_over_firing_to_resolved_and_leaves_a_history(records: Records) -> None:
    for now, stated in enumerate([PENDING, FIRING, RESOLVED]):
        assert records.record_alerts([stated], now)[0].alert.condition is stated.condition
    found = records.alert(PENDING.id).alert
    assert (found.since, found.fired, found.resolved, found.worst) == (DAWN, DAWN + 60 * S, DAWN + 300 * S, 33.0)
    events = records.events(PENDING.id)
    assert [(event.what, event.at, event.recorded) for event in events] == [
        ("pending", DAWN, 0),
        ("firing", DAWN + 60 * S, 1),
        ("resolved", DAWN + 300 * S, 2),
    ]


def test_several_statements_of_one_episode_in_one_call_are_taken_in_order(records: Records) -> None:
    changed = records.record_alerts([PENDING, alert("other"), FIRING, RESOLVED], now=1)
    assert [(record.alert.target, record.alert.condition) for record in changed] == [
        ("ahu1.supply", Condition.RESOLVED),
        ("other", Condition.PENDING),
    ]
    assert history(records) == ["pending", "firing", "resolved"]


def test_a_statement_made_again_changes_nothing(records: Records) -> None:
    first = records.record_alerts([FIRING], now=1)
    assert records.record_alerts([FIRING], now=2) == []
    assert records.alert(FIRING.id) == first[0]
    assert history(records) == ["firing"]


def test_a_resolved_alert_stated_as_firing_by_a_replay_does_not_open_again(records: Records) -> None:
    records.record_alerts([PENDING, FIRING, RESOLVED], now=1)
    before = records.alert(FIRING.id)
    late = replace(FIRING, at=RESOLVED.at + S)
    assert records.record_alerts([PENDING, FIRING, late, RESOLVED], now=2) == []
    assert records.alert(FIRING.id) == before
    assert records.active() == []


def test_a_replay_does_not_move_times_or_values_backwards(records: Records) -> None:
    later = replace(FIRING, at=DAWN + 200 * S, value=33.0, worst=33.0)
    records.record_alerts([FIRING, later], now=1)
    records.record_alerts([PENDING, FIRING, replace(FIRING, fired=DAWN + 90 * S)], now=2)
    found = records.alert(FIRING.id).alert
    assert (found.condition, found.at, found.fired, found.value) == (Condition.FIRING, DAWN + 200 * S, DAWN + 60 * S, 33.0)


def test_a_resolution_that_a_replay_finds_earlier_still_resolves(records: Records) -> None:
    records.record_alerts([replace(FIRING, at=RESOLVED.at + 60 * S)], now=1)
    [changed] = records.record_alerts([RESOLVED], now=2)
    assert (changed.alert.condition, changed.alert.resolved) == (Condition.RESOLVED, RESOLVED.at)


def test_a_changed_severity_is_a_line_of_the_history(records: Records) -> None:
    records.record_alerts([FIRING], now=1)
    worse = replace(FIRING, severity=Severity.CRITICAL, at=FIRING.at + S)
    assert records.record_alerts([worse], now=2)[0].alert.severity is Severity.CRITICAL
    assert records.events(FIRING.id)[-1].comment == "high -> critical"


def test_what_is_not_over_is_given_back_for_the_restart(records: Records) -> None:
    older = replace(FIRING, target="a", since=DAWN - S, evidence={"limit": "summer"})
    records.record_alerts([PENDING, FIRING, alert("b"), older, replace(RESOLVED, target="gone")], now=1)
    active = records.active()
    assert [(found.target, found.condition) for found in active[:1]] == [("a", Condition.FIRING)]
    assert {found.target for found in active[1:]} == {"b", "ahu1.supply"}
    assert older in active
    assert FIRING in active


def many(count: int) -> list[Alert]:
    severities = list(Severity)
    return [alert(f"p{n}", since=DAWN + n // 2, severity=severities[n % 4], rule=f"r{n % 3}") for n in range(count)]


def test_pages_hold_every_alert_once_newest_first_though_new_ones_come(records: Records) -> None:
    records.record_alerts(many(25), now=1)
    seen: list[Alert] = []
    after = None
    while True:
        page = records.alerts(limit=10, after=after)
        seen += [record.alert for record in page.alerts]
        records.record_alerts([alert(f"new{len(seen)}", since=DAWN + 10**6 + len(seen))], now=2)
        after = page.after
        if after is None:
            break
    assert [found.since for found in seen] == sorted((found.since for found in seen), reverse=True)
    assert Counter(found.target for found in seen) == Counter(f"p{n}" for n in range(25))


def test_filters_narrow_and_combine(records: Records) -> None:
    records.record_alerts(many(24), now=1)
    records.record_alerts([replace(many(24)[0], condition=Condition.RESOLVED, at=DAWN + S)], now=2)
    DeskRecords(records.database).act([many(24)[3].id], lambda one: {"human": "acknowledged"}, "acknowledged", "li", "", 3)

    def targets(**filters: Any) -> set[str]:
        return {record.alert.target for record in records.alerts(**filters).alerts}

    assert targets(conditions=[Condition.RESOLVED]) == {"p0"}
    assert targets(severities=[Severity.CRITICAL]) == {f"p{n}" for n in range(0, 24, 4)}
    assert targets(humans=[Human.ACKNOWLEDGED]) == {"p3"}
    assert targets(rules=["r1"], severities=[Severity.HIGH]) == {"p1", "p13"}
    assert targets(since=DAWN + 11) == {"p22", "p23"}
    assert targets(targets=[]) == set()
    assert targets(targets=[f"p{n}" for n in range(5)] + [f"other{n}" for n in range(50_000)]) == {f"p{n}" for n in range(5)}
    assert records.summary()[Condition.PENDING, Severity.LOW, Human.ACKNOWLEDGED] == 1
    assert sum(records.summary().values()) == 24


@pytest.mark.parametrize(("more", "said"), [({"after": "yesterday"}, "not a cursor"), ({"limit": 0}, "limit is 0")])
def test_a_page_that_cannot_be_is_refused(records: Records, more: dict[str, Any], said: str) -> None:
    with pytest.raises(RecordsError, match=said):
        records.alerts(**more)


def test_resolved_alerts_are_forgotten_with_their_history_and_no_others(records: Records) -> None:
    open_one = alert("open", Condition.FIRING, fired=DAWN)
    later = replace(RESOLVED, target="later", resolved=RESOLVED.at + S)
    records.record_alerts([RESOLVED, open_one, later], now=1)
    assert records.retain(RESOLVED.at + S) == 1
    assert {record.alert.target for record in records.alerts().alerts} == {"open", "later"}
    with pytest.raises(NotFound):
        records.events(RESOLVED.id)


def test_an_admitted_device_is_remembered_once(records: Records) -> None:
    assert records.admit("plug-7", "tasmota-plug", "tele/plug-7/SENSOR", "main", now=3)
    assert not records.admit("plug-7", "tasmota-plug", "tele/plug-7/STATE", "main", now=9)
    [device] = records.admitted()
    assert (device.device, device.address, device.at) == ("plug-7", "tele/plug-7/STATE", 3)


def test_a_state_is_replaced_by_the_next_one(records: Records) -> None:
    assert records.load_state("engine") is None
    for payload in (b"\x00\xff first", bytes(range(256)) * 1000):
        records.save_state("engine", payload, now=1)
        assert records.load_state("engine") == payload


def test_the_audit_log_is_read_newest_first_and_in_pages(records: Records) -> None:
    for now in range(6):
        records.audit("li" if now % 2 else "wang", "reload", f"file{now % 3}", {"points": now, "gone": math.nan}, now)
    first = records.audit_log(limit=2)
    assert [entry.at for entry in first] == [5, 4]
    assert [entry.at for entry in records.audit_log(limit=10, before=first[-1].id)] == [3, 2, 1, 0]
    assert [entry.at for entry in records.audit_log(who="li", subject="file0")] == [3]
    assert [entry.at for entry in records.audit_log(since=4)] == [5, 4]
    assert first[0].detail == {"points": 5, "gone": None}


def test_threads_that_write_at_once_lose_nothing(records: Records) -> None:
    stated = many(8)
    records.record_alerts(stated, now=0)

    desk = DeskRecords(records.database)

    def more(record: AlertRecord) -> dict[str, Any]:
        return {"comments": record.comments + 1}

    def seen(record: AlertRecord) -> dict[str, Any] | None:
        return {"human": "acknowledged"} if record.human is Human.UNACKNOWLEDGED else None

    def work(thread: int) -> None:
        for step in range(10):
            desk.act([stated[step % 8].id], more, "comment", f"t{thread}", "x", step)
            desk.act([stated[step % 8].id], seen, "acknowledged", f"t{thread}", "", step)
            records.admit(f"device{step}", "t", "a", "b", now=step)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    found = records.alerts().alerts
    assert sum(record.comments for record in found) == 40
    events = [event.what for each in stated for event in records.events(each.id)]
    assert Counter(events) == {"pending": 8, "comment": 40, "acknowledged": 8}
    assert len(records.admitted()) == 10


def test_everything_is_there_after_reopening(records: Records, url: str) -> None:
    records.record_alerts([FIRING], now=1)
    records.close()
    again = Records(url)
    assert again.open() == NEWEST
    assert again.active() == [FIRING]
    again.close()
    again.close()
