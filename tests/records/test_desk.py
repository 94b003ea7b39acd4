"""The desk's records on SQLite and PostgreSQL: acts, standings, transitions, shelvings, windows, labels."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steward.errors import NotFound, RecordsError
from steward.model import Condition, Delivery, Human, Severity
from steward.muting import Maintenance, Reason, Scope, Shelving, Standing
from steward.records import Records
from steward.records.desk import DeskRecords, Noted, Told
from tests.records.test_records import DAWN, FIRING, RESOLVED, S, alert, history


@pytest.fixture
def desk(records: Records) -> DeskRecords:
    return DeskRecords(records.database)


SEEN = {"human": "acknowledged", "acknowledged_at": 7, "acknowledged_by": "li"}


def test_an_act_its_history_its_audit_line_and_its_transition_are_one(records: Records, desk: DeskRecords) -> None:
    records.record_alerts([FIRING], now=1)
    changed, told = desk.act([FIRING.id], lambda record: SEEN, "acknowledged", "li", "on my way", 7, "acknowledged")
    assert [(one.human, one.acknowledged_at, one.acknowledged_by) for one in changed] == [(Human.ACKNOWLEDGED, 7, "li")]
    assert [(one.what, one.by, one.alert.id) for one in told] == [("acknowledged", "li", FIRING.id)]
    assert history(records, FIRING.id) == ["firing", "acknowledged"]
    entry = records.audit_log()[0]
    assert (entry.who, entry.what, entry.subject, entry.detail) == (
        "li", "alert.acknowledged", FIRING.id, {"comment": "on my way"},
    )  # fmt: skip
    with pytest.raises(NotFound):
        desk.act([FIRING.id, "nothing"], lambda record: SEEN, "acknowledged", "li", "", 8)
    assert len(records.audit_log()) == 1


def test_an_act_that_is_refused_for_one_alert_changes_none(records: Records, desk: DeskRecords) -> None:
    other = replace(FIRING, target="other")
    records.record_alerts([FIRING, other], now=1)

    def refuse_other(record: object) -> dict[str, object]:
        if getattr(record, "id", "") == other.id:
            raise RecordsError("not this one")
        return dict(SEEN)

    with pytest.raises(RecordsError, match="not this one"):
        desk.act([FIRING.id, other.id], refuse_other, "acknowledged", "li", "", 2)
    assert records.alert(FIRING.id).human is Human.UNACKNOWLEDGED


def test_a_standing_survives_and_a_replay_of_the_rules_leaves_it_alone(records: Records, desk: DeskRecords) -> None:
    records.record_alerts([FIRING], now=1)
    standing = Standing(
        Delivery.SHELVED, 5, (Reason(Delivery.SHELVED, "s1", "belt on order", "li", 99),), 4, 2, 3, "first", False, False
    )
    shown, told = desk.deliver(
        {FIRING.id: standing}, [Noted(FIRING.id, "shelved", 5, "s1")], [Told(FIRING.id, "muted", 2, 5, Delivery.SHELVED)], 5
    )
    assert shown[0].standing == standing
    assert told[0].delivery is Delivery.SHELVED
    records.record_alerts([replace(FIRING, at=FIRING.at + S, value=40.0)], now=6)
    assert records.alert(FIRING.id).standing == standing
    assert desk.unended()[0].standing == standing
    assert history(records, FIRING.id) == ["firing", "shelved"]


def test_transitions_are_numbered_in_order_and_kept_until_they_were_handed_over(records: Records, desk: DeskRecords) -> None:
    records.record_alerts([FIRING], now=1)
    words = ("firing", "muted", "released", "resolved")
    for what in words:
        desk.deliver({}, [], [Told(FIRING.id, what, 0, 1, Delivery.DELIVERABLE, ("office",))], 1)
    kept = desk.untold()
    assert [one.what for one in kept] == list(words)
    assert [one.id for one in kept] == sorted({one.id for one in kept})
    assert kept[0].to == ("office",)
    desk.handed(kept[1].id)
    assert [one.what for one in desk.untold()] == ["released", "resolved"]
    desk.handed(kept[-1].id)
    desk.retain(2)
    desk.deliver({}, [], [Told(FIRING.id, "severity", 0, 1, Delivery.DELIVERABLE)], 3)
    assert desk.untold()[0].id > kept[-1].id, "a number is never given twice"


def test_what_fires_or_was_not_seen_to_end_is_given_back(records: Records, desk: DeskRecords) -> None:
    gone = replace(RESOLVED, target="gone")
    seen = replace(RESOLVED, target="seen")
    records.record_alerts([FIRING, alert("pending"), gone, seen], now=1)
    desk.deliver({seen.id: Standing(ended=True)}, [], [], 2)
    assert {record.alert.target for record in desk.unended()} == {FIRING.target, "gone"}


def test_shelvings_are_listed_until_they_are_over_or_cancelled(records: Records, desk: DeskRecords) -> None:
    first = Shelving("a", Scope(rule="r"), 10, 100, "li", "belt")
    desk.shelve([first, Shelving("b", Scope(site="x", severity="low"), 20, 50, "wang", "test")], 10)
    assert [one.id for one in desk.shelvings(30)] == ["a", "b"]
    assert desk.shelvings(60) == [first]
    ended = desk.cancel_shelving("a", "zhao", 60)
    assert (ended.cancelled, ended.cancelled_by, ended.over) == (60, "zhao", 60)
    assert desk.shelvings(60) == []
    with pytest.raises(RecordsError, match="over already"):
        desk.cancel_shelving("a", "zhao", 61)
    with pytest.raises(NotFound):
        desk.cancel_shelving("c", "zhao", 61)
    assert {entry.what for entry in records.audit_log()} == {"shelve", "unshelve"}


def test_maintenance_windows_are_kept_as_they_were_made(desk: DeskRecords) -> None:
    window = Maintenance("m", Scope(equip="e"), "service", "li", None, None, (5, 6), 1320, 120, "Asia/Shanghai")
    desk.maintain(window, 1)
    assert desk.windows() == [window]
    desk.cancel_window("m", "wang", 9)
    assert (desk.windows()[0].cancelled, desk.windows()[0].cancelled_by) == (9, "wang")
    with pytest.raises(RecordsError, match="before"):
        desk.cancel_window("m", "wang", 10)
    with pytest.raises(NotFound):
        desk.cancel_window("n", "wang", 10)


def test_labels_and_earlier_episodes_are_found(records: Records, desk: DeskRecords) -> None:
    before = replace(RESOLVED, since=DAWN - 3600 * S, fired=DAWN - 3500 * S, resolved=DAWN - 3000 * S)
    kin = replace(RESOLVED, target="ahu2.supply")
    records.record_alerts([before, kin, FIRING], now=1)
    desk.act([before.id], lambda record: {"label": 0, "label_by": "li", "label_at": 5}, "labelled_false", "li", "a test", 5)
    assert [(one.alert, one.true) for one in desk.labelled(DAWN - 7200 * S, DAWN)] == [(before.id, False)]
    assert desk.labelled(DAWN, DAWN + S) == [], "it was over"
    assert records.alert(before.id).label.true is False
    assert [one.id for one in desk.similar(FIRING.rule, [FIRING.target], FIRING.id, 5)] == [before.id]
    assert [one.id for one in desk.similar(FIRING.rule, ["ahu2.supply"], FIRING.id, 5)] == [kin.id]
    assert desk.comments([before.id]) == {before.id: ["a test"]}
    assert len(desk.episodes([FIRING.rule], [FIRING.target], DAWN - 7200 * S, DAWN + S)) == 2


def test_costs_are_kept_and_sorted_by(records: Records, desk: DeskRecords) -> None:
    alerts = [replace(FIRING, target=f"t{number}", severity=severity) for number, severity in enumerate(Severity)]
    records.record_alerts(alerts, now=1)
    desk.set_costs({alerts[1].id: 330.5, alerts[3].id: 400.0}, 2)
    assert [one.cost for one in records.alerts(sort="cost").alerts[:3]] == [400.0, 330.5, None]
    assert [one.alert.severity for one in records.alerts(sort="severity").alerts] == list(Severity)
    first = records.alerts(sort="cost", limit=3)
    rest = records.alerts(sort="cost", limit=3, after=first.after)
    assert len({one.id for one in (*first.alerts, *rest.alerts)}) == 4
    with pytest.raises(RecordsError, match="sort is"):
        records.alerts(sort="colour")


def test_a_correction_is_written_once(records: Records, desk: DeskRecords) -> None:
    records.record_alerts([FIRING], now=1)
    note = Noted(FIRING.id, "correction", 5, "it would not have fired")
    assert [one.id for one in desk.correct([note], 6)] == [FIRING.id]
    assert desk.correct([note], 7) == []
    assert history(records, FIRING.id) == ["firing", "correction"]
    assert records.alert(FIRING.id).alert.condition is Condition.FIRING, "nothing is rewritten"
