"""When a group speaks and what a lane is told: wait, interval, repeat; whatever happens, no start is lost, no end doubled."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from steward.notices import Group, Groups, Item, Route, Told, decide
from steward.units import HOUR, MINUTE, SECOND

ROUTE = Route("r", channels=("hook",), group_by=("site",), wait=30 * SECOND, interval=5 * MINUTE, repeat=HOUR)


def item(id: str = "a", status: Any = "firing", **more: Any) -> Item:
    values: dict[str, Any] = {"id": id, "rule": "r", "kind": "k", "severity": "high", "status": status, "target": id,
                              "title": {}, "since": 0, "at": 0, "site": "s", "fired": 0}  # fmt: skip
    return Item(**{**values, **more})


def test_a_group_waits_from_its_first_alert_and_then_speaks_at_most_every_interval() -> None:
    groups = Groups()
    groups.take(ROUTE, item("a", fired=0), 0)
    groups.take(ROUTE, item("b", fired=20 * SECOND), 20 * SECOND)
    assert groups.due(30 * SECOND - 1) == []
    (group,) = groups.due(30 * SECOND)
    assert sorted(group.items) == ["a", "b"]
    groups.spoke(group)
    groups.take(ROUTE, item("c", fired=31 * SECOND), 31 * SECOND)
    assert groups.due(30 * SECOND + 5 * MINUTE - 1) == []
    assert groups.next() == 30 * SECOND + 5 * MINUTE
    assert groups.due(30 * SECOND + 5 * MINUTE) == [group]


def test_an_alert_that_has_fired_for_longer_than_the_wait_is_told_at_once_and_so_is_an_escalation() -> None:
    groups = Groups()
    groups.take(ROUTE, item("a", fired=0), 10 * MINUTE)
    assert [group.key for group in groups.due(10 * MINUTE)]
    other = Route("up", group_by=("site",), wait=30 * SECOND)
    groups.take(other, item("a", fired=10 * MINUTE), 10 * MINUTE, at_once=True)
    assert [group.route.id for group in groups.due(10 * MINUTE)] == ["up"]


def test_groups_of_different_labels_speak_apart_the_longest_due_first() -> None:
    groups = Groups()
    groups.take(ROUTE, item("late", site="b", fired=2 * SECOND), 2 * SECOND)
    groups.take(ROUTE, item("early", site="a", fired=0), 2 * SECOND)
    assert [group.labels["site"] for group in groups.due(MINUTE)] == ["a", "b"]
    assert len(groups) == 2


def test_what_is_over_leaves_a_group_when_it_has_spoken_and_an_empty_group_is_gone() -> None:
    groups = Groups()
    groups.take(ROUTE, item("a"), 0)
    assert groups.resolve(item("a", "resolved"))
    assert not groups.resolve(item("other", "resolved"))
    (group,) = groups.due(MINUTE)
    groups.spoke(group)
    assert len(groups) == 0
    assert groups.next() is None


def test_a_muted_alert_is_in_no_group_and_a_level_that_was_reached_stays_with_the_end() -> None:
    groups = Groups()
    groups.take(ROUTE, item("a", level=2), 0)
    groups.take(ROUTE, item("b"), 0)
    groups.drop("b")
    groups.resolve(item("a", "resolved", level=0))
    (group,) = groups.due(MINUTE)
    assert {id: one.level for id, one in group.items.items()} == {"a": 2}
    groups.drop("a")
    assert len(groups) == 0


def told(id: str, status: str = "firing", severity: str = "high", at: int = 0) -> dict[str, Told]:
    return {id: Told(id, status, severity, at)}


def test_a_lane_is_told_what_is_new_what_ended_and_what_nobody_has_acknowledged_in_time() -> None:
    assert decide([item()], {}, 0, HOUR) == ([item()], "first notification")
    assert decide([item()], told("a"), HOUR - 1, HOUR) is None
    assert decide([item()], told("a"), HOUR, HOUR) == ([item()], "repeat interval elapsed")
    assert decide([item()], told("a"), 9 * HOUR, 0) is None, "repeat 0: never again"
    assert decide([item(human="acknowledged")], told("a"), 9 * HOUR, HOUR) is None
    both = [item(), item("b")]
    assert decide(both, told("a"), 1, HOUR) == (both, "new alerts added")
    over = item("a", "resolved")
    assert decide([over], told("a"), 1, HOUR) == ([over], "all alerts resolved")
    assert decide([over, item("b")], told("a") | told("b"), 1, HOUR) == ([item("b"), over], "some alerts resolved")
    assert decide([over], told("a", "resolved"), 1, HOUR) is None, "once"
    assert decide([over], {}, 1, HOUR) is None, "nobody was told that it fires"
    assert decide([over], told("a"), 1, HOUR, resolved=False) is None


def test_a_severity_that_rises_is_news_and_one_that_falls_is_not() -> None:
    worse, better = item(severity="critical"), item(severity="low")
    assert decide([worse], told("a"), 1, HOUR) == ([worse], "new alerts added")
    assert decide([better], told("a"), 1, HOUR) is None


class Told_(RuleBasedStateMachine):
    """Alerts come and go as they like; one lane hears of them as the notifier would tell it."""

    def __init__(self) -> None:
        super().__init__()
        self.groups, self.now = Groups(), 0
        self.firing: dict[str, Item] = {}
        self.count = 0
        self.lane: dict[str, Told] = {}
        self.heard: list[tuple[str, str, int]] = []
        self.spoke_at: list[int] = []
        self.ended: dict[str, int] = {}

    @rule()
    def fires(self) -> None:
        self.count += 1
        one = item(f"a{self.count}", since=self.now, fired=self.now)
        self.firing[one.id] = one
        self.groups.take(ROUTE, one, self.now)

    @precondition(lambda self: self.firing)
    @rule(data=st.data())
    def ends(self, data: st.DataObject) -> None:
        id = data.draw(st.sampled_from(sorted(self.firing)))
        self.groups.resolve(item(id, "resolved", resolved=self.now, fired=self.firing.pop(id).fired))
        self.ended[id] = self.now

    @precondition(lambda self: self.firing)
    @rule(data=st.data())
    def is_stated_again(self, data: st.DataObject) -> None:
        id = data.draw(st.sampled_from(sorted(self.firing)))
        self.groups.take(ROUTE, self.firing[id], self.now)

    @rule()
    def restarts(self) -> None:
        """The groups are made anew, from what the lane was told and from what fires."""
        known = {id: self.firing.get(id) or item(id, "resolved", resolved=self.ended.get(id)) for id in self.lane}
        self.groups = Groups()
        labels = ROUTE.labels(item())
        for id, one in known.items():
            if self.lane[id].status == "firing":
                self.groups.adopt(_key(), ROUTE, labels, one, self.now)
        for one in self.firing.values():
            self.groups.take(ROUTE, one, self.now)

    @rule(seconds=st.sampled_from([1, 29, 30, 60, 299, 300, 3600]))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds * SECOND
        for group in self.groups.due(self.now):
            self._speak(group)

    def _speak(self, group: Group) -> None:
        decided = decide(group.items.values(), self.lane, self.now, ROUTE.repeat)
        if decided is not None:
            self.spoke_at.append(self.now)
            for one in decided[0]:
                self.heard.append((one.id, one.status, self.now))
                self.lane[one.id] = Told(one.id, one.status, one.severity, self.now)
        self.groups.spoke(group)

    @invariant()
    def an_end_is_told_once_and_only_after_the_start(self) -> None:
        for id in {one[0] for one in self.heard}:
            words = [status for name, status, _ in self.heard if name == id]
            assert words[0] == "firing"
            assert words.count("resolved") <= 1
            assert "resolved" not in words[:-1], "nothing is told after the end"

    @invariant()
    def a_start_is_told_again_only_after_the_repeat_interval_or_beside_other_news(self) -> None:
        assert all(later >= earlier for earlier, later in zip(self.spoke_at, self.spoke_at[1:], strict=False))

    def teardown(self) -> None:
        """In the end everything that fires was told, and everything that was told and is over was told to be over."""
        for _ in range(3):
            self.time_passes(300)
        assert {id for id, one in self.lane.items() if one.status == "firing"} == set(self.firing)


def _key() -> str:
    groups = Groups()
    groups.take(ROUTE, item(), 0)
    return groups.due(MINUTE)[0].key


TestWhateverHappensNoStartIsLostAndNoEndIsDoubled = Told_.TestCase
TestWhateverHappensNoStartIsLostAndNoEndIsDoubled.settings = settings(max_examples=60, stateful_step_count=30)
