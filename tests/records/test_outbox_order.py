"""The outbox under everything that can happen to it: no parcel is lost or taken twice, a lane's are tried in order."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from steward.records import Records
from steward.records.outbox import Delivery, Outbox
from tests.records.test_outbox import S, parcel

GROUPS = ("g", "h")


class Traffic(RuleBasedStateMachine):
    """Parcels are planned, tried, refused and given up; the process dies in the middle and plans again what it had planned."""

    @initialize()
    def open(self) -> None:
        self.records = Records("sqlite://")
        self.records.open()
        self.outbox = Outbox(self.records.database)
        self.now, self.number = 0, 0
        self.planned: dict[str, list[str]] = defaultdict(list)
        self.tried: dict[str, list[str]] = defaultdict(list)
        self.ended: dict[str, str] = {}
        self.under_way: dict[int, Delivery] = {}

    @rule(group=st.sampled_from(GROUPS))
    def is_planned(self, group: str) -> None:
        key = f"k{self.number}"
        self.number += 1
        assert self.outbox.put([parcel(key, group=group)], [], self.now) == 1
        self.planned[group].append(key)

    @precondition(lambda self: self.number)
    @rule(data=st.data())
    def is_planned_again(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(key for keys in self.planned.values() for key in keys)))
        assert self.outbox.put([parcel(key)], [], self.now) == 0, "its key is known"

    @rule()
    def is_tried(self) -> None:
        due = self.outbox.due("hook", self.now, 1)
        if due:
            one = due[0]
            assert one.id not in self.under_way
            self.outbox.begin(one.id, self.now)
            self.tried[one.group].append(one.key)
            self.under_way[one.id] = one

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), outcome=st.sampled_from(["sent", "sent", "retry", "dead", "drop"]))
    def has_an_outcome(self, data: st.DataObject, outcome: str) -> None:
        id = data.draw(st.sampled_from(sorted(self.under_way)))
        one = self.under_way.pop(id)
        if outcome == "retry":
            self.outbox.retry(id, "down", self.now + 10 * S)
            return
        if outcome == "sent":
            self.outbox.sent(id, "ok", self.now)
        elif outcome == "dead":
            self.outbox.give_up(id, "no", self.now)
        else:
            self.outbox.drop(id, "nothing to say", self.now)
        self.ended[one.key] = outcome

    @rule()
    def the_process_dies(self) -> None:
        assert self.outbox.revive(self.now) == len(self.under_way)
        self.under_way = {}

    @rule(seconds=st.integers(1, 12))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds * S

    @invariant()
    def a_lane_is_tried_in_order_and_one_at_a_time(self) -> None:
        for group in GROUPS:
            first = list(dict.fromkeys(self.tried[group]))
            assert first == self.planned[group][: len(first)], "in the order of planning"
            open_ = [key for key in first if key not in self.ended]
            assert len(open_) <= 1, "the next one only when the one before it is over"

    @invariant()
    def every_parcel_is_where_it_should_be(self) -> None:
        words = {"sent": "sent", "dead": "dead", "drop": "dropped"}
        under_way = {one.key for one in self.under_way.values()}
        held = {one.key: one.state for one in self.outbox.log(limit=1000)}
        wanted = {
            key: words.get(self.ended.get(key, ""), "sending" if key in under_way else "waiting")
            for keys in self.planned.values()
            for key in keys
        }
        assert held == wanted

    def teardown(self) -> None:
        """In the end, with a server that takes everything, each that was not given up has arrived, once."""
        self.the_process_dies()
        for _ in range(2 * self.number + 2):
            self.now += 10 * S
            self.is_tried()
            for id, one in list(self.under_way.items()):
                self.outbox.sent(id, "ok", self.now)
                self.ended[one.key] = "sent"
                del self.under_way[id]
        assert len(self.ended) == self.number
        self.records.close()


TestWhateverHappensNoParcelIsLostAndALaneKeepsItsOrder = Traffic.TestCase
TestWhateverHappensNoParcelIsLostAndALaneKeepsItsOrder.settings = settings(max_examples=25, stateful_step_count=25)
