"""The alert desk on real rules, a real store and real records: what is told, what is kept quiet and why, across restarts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from steward.app.alerts.desk import AlertDesk
from steward.app.alerts.judge import Judge, rules_of
from steward.config import parse
from steward.errors import NotFound, RecordsError
from steward.model import Batch, Delivery, Human, PointIndex
from steward.muting import Maintenance, Scope
from steward.records import AlertRecord, Records, Transition
from steward.store.embedded import EmbeddedStore
from steward.units import DAY, HOUR, MINUTE, SECOND

FILE = """
[desk]
settle = "1m"
[[site]]
id = "a"
name = "A"
time_zone = "Asia/Shanghai"
[[equip]]
id = "board"
name = "Board"
type = "switchboard"
site = "a"
feeds = ["pump"]
[[equip]]
id = "pump"
name = "Pump"
type = "pump"
site = "a"
[[point]]
id = "board.voltage"
equip = "board"
metric = "voltage"
interval = "1m"
[[point]]
id = "pump.pressure"
equip = "pump"
metric = "pressure"
interval = "1m"
[[rule]]
id = "no-supply"
kind = "threshold"
severity = "critical"
match = { metric = "voltage" }
below = 100
masks = "below"
[[rule]]
id = "no-pressure"
kind = "threshold"
severity = "high"
match = { metric = "pressure" }
below = 1000
[[escalation]]
id = "high"
severity = ["high"]
step = [
  { when = "unacknowledged", after = "15m", to = ["office"] },
  { when = "uncleared", after = "4h", to = ["head"] },
]
"""
T0 = 1_795_500_000 * SECOND
VOLTAGE, PRESSURE = 0, 1


class Site:
    """A judge and a desk over a store and records that outlive both."""

    def __init__(self, folder: Path, text: str = FILE) -> None:
        self.settings = parse([("f.toml", text)])
        self.now = T0
        self.records = Records(f"sqlite:///{folder}/records.db")
        self.records.open()
        self.index = PointIndex(self.settings.facility.points)
        self.store = EmbeddedStore(folder / "s.duckdb", self.index)
        self.told: list[Transition] = []
        self.shown: dict[str, AlertRecord] = {}
        self.refuse = False

    async def __aenter__(self) -> Site:
        await self.store.open()
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.stop()
        await self.store.close()
        self.records.close()

    async def start(self) -> None:
        facility = self.settings.facility
        rules = rules_of(self.settings, facility)
        of: Callable[[str], Any] = lambda id: next(rule.masking for rule in rules if rule.id == id)  # noqa: E731
        self.rules = [rule.id for rule in rules]
        registry = CollectorRegistry()
        self.desk = AlertDesk(
            self.records, facility, self.settings.desk, of, lambda: self.now,
            lambda changed: self.shown.update((one.id, one) for one in changed), self._take, registry,
            rules=lambda: self.rules,
        )  # fmt: skip
        self.judge = Judge(rules, facility, self.index, self.records, lambda: self.now, self.desk.take, registry)
        await self.judge.start(self.store)
        await self.desk.start()

    async def stop(self) -> None:
        await self.desk.stop()
        await self.judge.stop()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def _take(self, transitions: Any) -> None:
        if self.refuse:
            raise OSError("the outbox is full")
        self.told += transitions

    async def at(self, seconds: float, **values: float) -> None:
        """Time comes to `seconds` after T0, with these values."""
        self.now = T0 + round(seconds * SECOND)
        if values:
            numbers = [VOLTAGE if name == "volts" else PRESSURE for name in values]
            batch = Batch.of(numbers, [self.now] * len(numbers), list(values.values()))
            await self.store.write(batch)
            await self.judge.commit(batch, (), ())
        await self.desk.tick()

    def said(self) -> list[tuple[str, str]]:
        return [(one.what, one.alert.alert.rule) for one in self.told]

    def of(self, rule: str) -> AlertRecord:
        return self.records.alerts(rules=[rule]).alerts[0]

    def history(self, rule: str) -> list[str]:
        return [event.what for event in self.records.events(self.of(rule).id)]


async def test_an_alert_is_told_once_with_its_end_and_both_are_on_record_before(tmp_path: Path) -> None:
    async with Site(tmp_path) as site:
        await site.at(0, pressure=5)
        assert site.said() == [("firing", "no-pressure")]
        assert site.told[0].at == site.of("no-pressure").alert.fired
        await site.at(60, pressure=5)
        await site.at(120, pressure=5000)
        assert site.said() == [("firing", "no-pressure"), ("resolved", "no-pressure")]
        assert [one.id for one in site.told] == [1, 2]


async def test_what_a_lost_supply_explains_is_quiet_with_the_reason_and_told_when_it_still_fires_after_it(
    tmp_path: Path,
) -> None:
    async with Site(tmp_path) as site:
        await site.at(0, volts=0, pressure=5)
        pump = site.of("no-pressure")
        assert site.said() == [("firing", "no-supply")]
        assert pump.standing.state is Delivery.INHIBITED
        assert (pump.standing.reasons[0].by, pump.standing.reasons[0].why) == (
            site.of("no-supply").id, "no-supply: board.voltage",
        )  # fmt: skip
        await site.at(120, volts=230, pressure=5)
        assert site.said()[1:] == [("resolved", "no-supply")], "it waits whether the pump comes back"
        await site.at(170, pressure=5)
        assert len(site.told) == 2
        await site.at(181)
        assert site.said()[2:] == [("released", "no-pressure")]
        assert site.of("no-pressure").alert.since == T0
        assert site.history("no-pressure") == ["firing", "inhibited", "released"]


async def test_what_clears_with_its_cause_is_never_told(tmp_path: Path) -> None:
    async with Site(tmp_path) as site:
        await site.at(0, volts=0, pressure=5)
        await site.at(120, volts=230)
        await site.at(130, pressure=5000)
        await site.at(300)
        assert site.said() == [("firing", "no-supply"), ("resolved", "no-supply")]


async def test_a_restart_loses_and_doubles_nothing_of_what_is_told_masked_shelved_and_escalated(tmp_path: Path) -> None:
    async with Site(tmp_path) as site:
        await site.at(0, volts=0, pressure=5)
        before = site.of("no-pressure")
        await site.restart()
        await site.at(30)
        assert site.said() == [("firing", "no-supply")]
        assert site.of("no-pressure").standing == before.standing
        await site.desk.shelve([Scope(rule="no-supply")], site.now + HOUR, "li", "fuse on order")
        assert site.said()[1:] == [("muted", "no-supply")]
        await site.restart()
        assert site.of("no-supply").standing.state is Delivery.SHELVED
        await site.at(3700)
        assert site.said()[2:] == [("released", "no-supply")]
        await site.restart()
        await site.at(3710)
        assert len(site.told) == 3


async def test_transitions_that_were_not_taken_are_handed_over_again_in_order_also_after_a_restart(tmp_path: Path) -> None:
    async with Site(tmp_path) as site:
        site.refuse = True
        await site.at(0, pressure=5)
        await site.at(60, pressure=5000)
        assert site.told == []
        await site.stop()
        site.refuse = False
        await site.start()
        assert site.said() == [("firing", "no-pressure"), ("resolved", "no-pressure")]
        assert [one.id for one in site.told] == sorted(one.id for one in site.told)


async def test_an_alert_that_ended_while_the_desk_was_down_is_told_to_be_over(tmp_path: Path) -> None:
    async with Site(tmp_path) as site:
        await site.at(0, pressure=5)
        await site.desk.stop()  # killed: the rules go on
        site.now += MINUTE
        await site.judge.commit(Batch.of([PRESSURE], [site.now], [5000.0]), (), ())
        await site.judge.stop()
        await site.start()
        assert site.said() == [("firing", "no-pressure"), ("resolved", "no-pressure")]


async def test_nobody_acts_and_it_escalates_step_by_step_once_also_across_a_restart(tmp_path: Path) -> None:
    async with Site(tmp_path) as site:
        await site.at(0, pressure=5)
        await site.at(14 * 60)
        await site.at(15 * 60)
        await site.restart()
        await site.at(16 * 60)
        escalated = [one for one in site.told if one.what == "escalated"]
        assert [(one.level, one.to) for one in escalated] == [(1, ("office",))]
        await site.at(4 * 3600)
        assert [(one.level, one.to) for one in site.told if one.what == "escalated"][1:] == [(2, ("head",))]
        assert site.of("no-pressure").standing.level == 2


async def test_an_acknowledged_alert_skips_the_step_for_those_that_nobody_has_seen(tmp_path: Path) -> None:
    async with Site(tmp_path) as site:
        await site.at(0, pressure=5)
        await site.desk.acknowledge([site.of("no-pressure").id], "li", "")
        await site.at(3600)
        assert site.said() == [("firing", "no-pressure"), ("acknowledged", "no-pressure")]
        await site.at(4 * 3600)
        assert site.said()[2:] == [("escalated", "no-pressure")]


async def test_what_is_muted_does_not_escalate_until_it_was_told_long_enough(tmp_path: Path) -> None:
    async with Site(tmp_path) as site:
        await site.desk.shelve([Scope(site="a")], site.now + HOUR, "li", "tests")
        await site.at(0, pressure=5)
        await site.at(30 * 60)
        assert site.told == []
        await site.at(3601)
        assert site.said() == [("released", "no-pressure")]
        await site.at(3601 + 16 * 60)
        assert site.said()[1:] == [("escalated", "no-pressure")]


async def test_an_acknowledgement_binds_to_the_episode_and_the_next_one_is_new(tmp_path: Path) -> None:
    async with Site(tmp_path) as site:
        await site.at(0, pressure=5)
        first = site.of("no-pressure")
        with pytest.raises(RecordsError, match=f"alert {first.id}: it is firing.*shelve it"):
            await site.desk.close([first.id], "li", "")
        await site.desk.assign([first.id], "pump team", "li", "")
        await site.at(60, pressure=5000)
        await site.desk.close([first.id], "wang", "belt replaced")
        await site.at(7200, pressure=5)
        second = site.of("no-pressure")
        assert (second.human, second.acknowledged_by) == (Human.UNACKNOWLEDGED, "")
        closed = site.records.alert(first.id)
        assert (closed.human, closed.closed_by, closed.assigned_to) == (Human.CLOSED, "wang", "pump team")
        (before,) = await site.desk.similar(second, 5)
        assert (before.record.id, before.same, before.comments) == (first.id, True, ["belt replaced"])


async def test_what_comes_and_goes_is_folded_into_one_and_told_when_it_stays(tmp_path: Path) -> None:
    async with Site(tmp_path) as site:
        for number in range(4):
            await site.at(number * 120, pressure=5)
            if number < 3:
                await site.at(number * 120 + 60, pressure=5000)
        assert [what for what, _ in site.said()] == ["firing", "resolved"] * 2
        newest = site.of("no-pressure")
        assert (newest.standing.state, newest.standing.episodes) == (Delivery.CHATTERING, 4)
        listed = site.records.alerts(folded=False).alerts
        assert [one.id for one in listed] == [newest.id]
        await site.restart()
        await site.at(360 + 599)
        assert len(site.told) == 4
        await site.at(360 + 601)
        assert site.said()[4:] == [("released", "no-pressure")]


async def test_a_weekly_window_keeps_quiet_in_local_time_and_evaluation_goes_on(tmp_path: Path) -> None:
    async with Site(tmp_path) as site:
        local = (T0 // SECOND // 60 + 8 * 60) % 1440  # minutes of the day in Shanghai
        window = Maintenance("", Scope(equip="pump"), "service", "li", days=tuple(range(7)), begins=(local + 5) % 1440,
                             ends=(local + 30) % 1440)  # fmt: skip
        made = await site.desk.maintain(window)
        assert made.zone == "Asia/Shanghai"
        await site.at(0, pressure=5000)
        await site.at(400, pressure=5)
        assert site.told == []
        assert site.of("no-pressure").standing.reasons[0].why == "service"
        await site.at(31 * 60, pressure=5)
        assert site.said() == [("released", "no-pressure")]
        spans = await site.desk.calendar(site.now, site.now + 3 * DAY)
        assert [span.id for span in spans] == [made.id] * 3
        await site.desk.cancel_window(made.id, "li")
        assert await site.desk.calendar(site.now, site.now + 3 * DAY) == []


async def test_a_shelving_needs_an_end_within_the_limit_a_reason_and_something_that_exists(tmp_path: Path) -> None:
    async with Site(tmp_path) as site:
        for scope, end, reason, said in (
            (Scope(rule="x"), 8 * DAY, "why", "7 days"),
            (Scope(rule="x"), -1, "why", "7 days"),
            (Scope(rule="x"), HOUR, " ", "reason is empty"),
            (Scope(), HOUR, "why", "nothing is named"),
        ):
            with pytest.raises(RecordsError, match=said):
                await site.desk.shelve([scope], site.now + end, "li", reason)
        for wrong in (Scope(equip="nothing"), Scope(alert="nothing")):
            with pytest.raises(NotFound):
                await site.desk.shelve([wrong], site.now + HOUR, "li", "why")
        assert await site.desk.shelvings() == []


async def test_a_shelving_or_window_of_a_rule_or_point_that_there_is_not_is_refused_with_the_nearest(tmp_path: Path) -> None:
    async with Site(tmp_path) as site:
        with pytest.raises(NotFound, match="no rule 'no-suply', expected one of no-supply"):
            await site.desk.shelve([Scope(rule="no-suply")], site.now + HOUR, "li", "fuse on order")
        window = Maintenance("", Scope(target="board.volt"), "tests", start=site.now, end=site.now + HOUR)
        with pytest.raises(NotFound, match=r"no target 'board[.]volt', expected one of "):
            await site.desk.maintain(window)
        assert await site.desk.shelvings() == []


async def test_a_reload_that_takes_a_rule_away_says_which_shelvings_keep_nothing_quiet_any_more(tmp_path: Path) -> None:
    async with Site(tmp_path) as site:
        (made,) = await site.desk.shelve([Scope(rule="no-supply")], site.now + HOUR, "li", "fuse on order")
        site.rules = []
        with capture_logs() as lines:
            await site.desk.rebind(site.settings.facility, site.settings.desk, lambda id: "")
        said = [(line["event"], line["id"]) for line in lines if "id" in line]
        assert said == [("muting_names_nothing", made.id)]


async def test_a_person_labels_an_episode_and_takes_it_back(tmp_path: Path) -> None:
    async with Site(tmp_path) as site:
        await site.at(0, pressure=5)
        id = site.of("no-pressure").id
        await site.desk.label([id], False, "li", "a test of the pump")
        assert [(one.alert, one.true) for one in site.desk.rows.labelled(T0, T0 + DAY)] == [(id, False)]
        assert await site.desk.label([id], False, "li", "") == []
        await site.desk.label([id], None, "li", "")
        assert site.desk.rows.labelled(T0, T0 + DAY) == []
        await site.desk.set_costs({id: 330.0})
        assert site.shown[id].cost == 330.0


def test_a_facility_file_names_every_problem_of_its_desk() -> None:
    bad = """
[[maintenance]]
id = "m"
reason = "r"
equip = "nothing"
start = 2026-01-02T00:00:00
end = 2026-01-01T00:00:00
[[maintenance]]
id = "m"
reason = "r"
site = "a"
days = "sat"
hours = "22:00-02:00"
[[escalation]]
id = "e"
site = ["nowhere"]
step = [{ after = "2h", to = ["x"] }, { after = "1h", to = ["y"] }]
"""
    with pytest.raises(Exception) as caught:  # noqa: PT011  the texts are looked at
        parse([("f.toml", FILE + bad)])
    text = str(caught.value)
    for part in ("maintenance[m].equip: no equip 'nothing'", "maintenance[m].end", "stands twice", "escalation[e].site", "escalation[e].step"):  # noqa: E501  # fmt: skip
        assert part in text, part
