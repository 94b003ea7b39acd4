"""The notifier from transitions to a real local server: grouping, restarts, retries, limits, digests, who is told of ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from steward.app.notices.service import NoticeService, send_test
from steward.config import Settings, parse
from steward.errors import ConfigError, NotFound
from steward.model import Alert, Condition, Delivery, PointIndex, Severity
from steward.records import AlertRecord, Records
from steward.records.model import Transition
from steward.records.outbox import Delivery as Sent
from steward.units import DAY, HOUR, MINUTE, SECOND
from tests.notices.servers import DingTalkBot, Server, serving

NOW = 1_795_500_000 * SECOND  # Tuesday 2026-11-24 06:00 UTC, 14:00 in Shanghai
PLACES = """
[[organisation]]
id = "zj"
name = "Zhejiang"
[[organisation]]
id = "city"
name = "City"
parent = "zj"
[[calendar]]
id = "office"
hours = { mon-fri = "08:30-17:30" }
[[site]]
id = "a"
name = { en = "Block A", zh = "A座" }
organisation = "city"
time_zone = "Asia/Shanghai"
calendar = "office"
[[site]]
id = "b"
name = "Block B"
[[equip]]
id = "a.ahu"
name = { en = "AHU 1", zh = "1号空调" }
type = "air_handler"
site = "a"
[[equip]]
id = "a.fan"
name = "Fan"
type = "fan"
site = "a"
"""
HOOK = '[[channel]]\nid = "hook"\ntype = "webhook"\nurl = "{url}"\ntimeout = "60s"\n'
ALL = '[[route]]\nid = "all"\nchannels = ["hook"]\n'


@dataclass
class World:
    """A notice service on records in a file, a server, and a clock that stands where its user puts it."""

    folder: Path
    server: Server
    now: int = NOW
    text: str = HOOK + ALL
    environ: dict[str, str] = field(default_factory=dict)
    service: NoticeService = field(init=False)
    records: Records = field(init=False)

    def settings(self) -> Settings:
        """The facility file."""
        return parse([("f.toml", PLACES + self.text.replace("{url}", self.server.url))])

    async def up(self) -> None:
        """Starts, with what the records hold."""
        self.records = Records(f"sqlite:///{self.folder}/records.db")
        self.records.open()
        settings = self.settings()
        self.service = NoticeService(
            settings, self.environ, lambda: settings.facility, lambda id: None, PointIndex(), self.records,
            lambda: self.now, CollectorRegistry(), seed=1,
        )  # fmt: skip
        await self.service.notifier.recover()

    def killed(self) -> None:
        """Ends without saying goodbye."""
        self.records.close()

    def state(self, target: str = "a.ahu", condition: Condition = Condition.FIRING, since: int = 0, **more: Any) -> AlertRecord:
        """States an alert and tells the notifier."""
        since = since or self.now
        over = self.now if condition is Condition.RESOLVED else None
        severity = more.pop("severity", Severity.HIGH)
        rule = more.pop("rule", "hot")
        alert = Alert(rule, "threshold", severity, target, (), condition, since, self.now, since, over, 31.0, 31.0, 28.0, more)
        record = self.records.record_alerts([alert], self.now)[0]
        self.service.told([record])
        return record

    async def turn(self, ahead: int = 0) -> int:
        """Time passes; what is due is planned and tried. Returns how many notices were tried."""
        self.now += ahead
        await self.service.notifier.turn()
        return await self.service.notifier.postman.deliver_all()

    def statuses(self) -> list[list[tuple[str, str]]]:
        """What the server was told: (target, status) of each notice."""
        return [[(one["labels"]["target"], one["status"]) for one in got.json["alerts"]] for got in self.server.got]

    def log(self) -> list[Sent]:
        """The delivery log, oldest first."""
        return self.service.log()[::-1]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world with one webhook for everything, not up yet."""
    with serving() as server:
        made = World(tmp_path, server)
        yield made
        made.records.close()


async def test_alerts_of_a_group_are_one_notice_after_the_wait_and_their_ends_another(world: World) -> None:
    await world.up()
    first = world.state("a.ahu")
    await world.turn(10 * SECOND)
    world.state("a.fan")
    assert await world.turn(19 * SECOND) == 0
    assert await world.turn(1 * SECOND) == 1  # group_wait counts from the first alert
    assert sorted(world.statuses()[0]) == [("a.ahu", "firing"), ("a.fan", "firing")]
    world.state("a.ahu", Condition.RESOLVED, since=first.alert.since)
    assert await world.turn(5 * MINUTE - 1) == 0  # group_interval
    assert await world.turn(1) == 1
    assert world.statuses()[1] == [("a.fan", "firing"), ("a.ahu", "resolved")]
    assert world.server.got[1].json["notification_reason"] == "some alerts resolved"


async def test_an_alert_over_before_the_wait_is_never_told(world: World) -> None:
    await world.up()
    record = world.state()
    await world.turn(10 * SECOND)
    world.state(condition=Condition.RESOLVED, since=record.alert.since)
    assert await world.turn(HOUR) == 0
    assert world.log() == []


async def test_a_firing_alert_is_told_again_after_the_repeat_interval_until_somebody_acknowledges_it(world: World) -> None:
    await world.up()
    record = world.state()
    await world.turn(30 * SECOND)
    for _ in range(47):
        assert await world.turn(5 * MINUTE) == 0
    assert await world.turn(5 * MINUTE) == 1
    assert world.server.got[-1].json["notification_reason"] == "repeat interval elapsed"
    seen = AlertRecord(record.alert, human=type(record.human).ACKNOWLEDGED)
    await world.service.take([Transition(seen, "acknowledged", 0, world.now, Delivery.DELIVERABLE)])
    for _ in range(60):
        assert await world.turn(5 * MINUTE) == 0


async def test_after_a_restart_nothing_is_told_twice_and_no_end_is_lost(world: World) -> None:
    await world.up()
    record = world.state()
    await world.turn(30 * SECOND)
    other = world.state("a.fan", rule="cold")  # recorded, and we die before its wait is over
    world.killed()
    world.now += 10 * MINUTE
    await world.up()
    assert await world.turn() == 1
    assert world.statuses() == [[("a.ahu", "firing")], [("a.fan", "firing")]]
    world.killed()
    with_records = Records(f"sqlite:///{world.folder}/records.db")
    with_records.open()
    over = Alert("hot", "threshold", Severity.HIGH, "a.ahu", (), Condition.RESOLVED, record.alert.since, world.now,
                 record.alert.since, world.now)  # fmt: skip
    with_records.record_alerts([over], world.now)  # it ends while nobody sends notices
    with_records.close()
    world.now += HOUR
    await world.up()
    await world.turn()
    assert world.statuses()[2:] == [[("a.ahu", "resolved")]]
    assert await world.turn(HOUR) == 0
    assert other.alert.target == "a.fan"


async def test_retries_back_off_survive_a_kill_and_keep_their_key(world: World) -> None:
    world.text = '[notices]\nfirst_retry = "10s"\n' + HOOK + ALL
    await world.up()
    world.server.replies = [(503, {}, b"down")] * 3
    world.state()
    assert await world.turn(30 * SECOND) == 1
    one = world.log()[0]
    assert (one.state, one.tries, one.error) == ("waiting", 1, "HTTP 503: down")
    assert 5 * SECOND <= one.due - world.now <= 10 * SECOND
    assert await world.turn(4 * SECOND) == 0
    assert await world.turn(6 * SECOND) == 1
    assert 10 * SECOND <= world.log()[0].due - world.now <= 20 * SECOND
    world.killed()
    await world.up()
    assert await world.turn(20 * SECOND) == 1
    assert await world.turn(40 * SECOND) == 1
    done = world.log()[0]
    assert (done.state, done.tries, done.answer) == ("sent", 4, "HTTP 200")
    assert len({got.headers["idempotency-key"] for got in world.server.got}) == 1


async def test_what_was_under_way_at_a_kill_is_sent_again_with_the_same_key_and_nothing_else_is(world: World) -> None:
    await world.up()
    world.state("a.ahu")
    await world.turn(30 * SECOND)
    world.server.gate.clear()
    world.state("a.fan", rule="cold")
    world.now += 30 * SECOND
    await world.service.notifier.turn()
    delivery = asyncio.create_task(world.service.notifier.postman.deliver_all())
    await _until(lambda: len(world.server.got) == 2)
    assert world.log()[-1].state == "sending"
    crashed = Records(f"sqlite:///{world.folder}/records.db")  # another process finds the records as they are now
    crashed.open()
    assert [one.state for one in world.log()] == ["sent", "sending"]
    from steward.records.outbox import Outbox

    assert Outbox(crashed.database).revive(world.now) == 1
    assert Outbox(crashed.database).due("hook", world.now)[0].key == world.log()[-1].key
    crashed.close()
    world.server.gate.set()
    await delivery


async def test_a_notice_is_given_up_after_its_tries_and_can_be_tried_again(world: World) -> None:
    world.text = "[notices]\ntries = 2\n" + HOOK + ALL
    await world.up()
    world.server.replies = [(500, {}, b"")] * 2
    record = world.state()
    await world.turn(30 * SECOND)
    await world.turn(HOUR)
    dead = world.log()[0]
    assert (dead.state, dead.tries) == ("dead", 2)
    world.state(condition=Condition.RESOLVED, since=record.alert.since)
    await world.turn(HOUR)
    assert [one.state for one in world.log()] == ["dead", "dropped"]  # nobody heard that it fires: nobody hears of its end
    assert world.service.channels()[0]["dead"] == 1
    world.service.again(dead.id)
    await world.turn()
    assert world.log()[0].state == "sent"


async def test_what_no_retry_can_mend_is_given_up_at_once(world: World) -> None:
    await world.up()
    world.server.replies = [(400, {}, b"bad")]
    world.state()
    await world.turn(30 * SECOND)
    assert (world.log()[0].state, world.log()[0].tries) == ("dead", 1)


async def test_a_robot_gets_at_most_twenty_a_minute_also_across_a_restart(tmp_path: Path) -> None:
    with serving() as server:
        world = World(tmp_path, server, environ={"TOKEN": "t"})
        server.judge = DingTalkBot("t", clock=lambda: world.now / SECOND)
        world.text = (
            '[[channel]]\nid = "ding"\ntype = "dingtalk"\nbase_url = "{url}"\ntoken_env = "TOKEN"\n'
            '[[route]]\nid = "all"\nchannels = ["ding"]\ngroup_by = ["target"]\n'
        )
        await world.up()
        for number in range(30):
            world.state(f"a.{number}")
        assert await world.turn(30 * SECOND) == 20
        world.killed()
        await world.up()
        assert await world.turn(30 * SECOND) == 0
        assert await world.turn(31 * SECOND) == 10
        assert [one.state for one in world.log()] == ["sent"] * 30
        assert all(one.tries == 1 for one in world.log())  # the limit was never hit at the server
        world.records.close()


async def test_a_channel_that_hangs_does_not_hold_up_another(world: World) -> None:
    with serving() as quick:
        world.text = HOOK + f'[[channel]]\nid = "quick"\ntype = "webhook"\nurl = "{quick.url}"\n'
        world.text += '[[route]]\nid = "all"\nchannels = ["hook", "quick"]\n'
        await world.up()
        world.server.gate.clear()
        world.state()
        world.now += 30 * SECOND
        await world.service.notifier.turn()
        delivery = asyncio.create_task(world.service.notifier.postman.deliver_all())
        await _until(lambda: any(one.channel == "quick" and one.state == "sent" for one in world.log()))
        world.server.gate.set()
        assert await delivery == 2


async def test_routes_choose_by_branch_severity_and_hours_and_the_first_that_takes_it_ends_it(world: World) -> None:
    world.text = (
        HOOK
        + HOOK.replace('"hook"', '"night"')
        + """
[[route]]
id = "critical"
severity = ["critical"]
channels = ["hook"]
continue = true
[[route]]
id = "office"
organisation = ["zj"]
hours = "open"
channels = ["hook"]
otherwise = ["night"]
[[route]]
id = "rest"
channels = ["night"]
"""
    )
    await world.up()

    def who(**what: Any) -> list[tuple[str, str]]:
        return [(one.route, one.channel) for one in world.service.preview({"target": "a.ahu", "rule": "hot", **what})]

    night = NOW + 8 * HOUR
    assert who(severity="low") == [("office", "hook")]
    assert who(severity="low", at=night) == [("office", "night")]
    assert who(severity="critical", at=night) == [("critical", "hook"), ("office", "night")]
    assert who(severity="low", target="b") == [("rest", "night")]
    with pytest.raises(NotFound):
        who(target="nowhere")


async def test_muted_alerts_are_not_told_and_escalations_reach_the_routes_of_their_level(world: World) -> None:
    world.text = HOOK + HOOK.replace('"hook"', '"boss"') + ALL + '[[route]]\nid = "up"\nlevel = 1\nchannels = ["boss"]\n'
    await world.up()
    alert = Alert("hot", "threshold", Severity.HIGH, "a.ahu", (), Condition.FIRING, world.now, world.now, world.now)
    record = world.records.record_alerts([alert], world.now)[0]
    await world.service.take([Transition(record, "firing", 0, world.now, Delivery.INHIBITED)])
    assert await world.turn(HOUR) == 0
    await world.service.take([Transition(record, "released", 0, world.now, Delivery.DELIVERABLE)])
    assert await world.turn() == 1
    up = Transition(record, "escalated", 1, world.now, Delivery.DELIVERABLE)
    await world.service.take([up])
    await world.service.take([up])  # handed over again: the same
    tried = await world.turn()
    assert tried == 2, world.log()
    said = [(one.route, one.what, one.reason) for one in world.log()[1:]]
    assert sorted(said) == [("all", "event", "escalated"), ("up", "alerts", "first notification")]


async def test_a_severity_that_rises_is_told_at_the_next_interval(world: World) -> None:
    await world.up()
    first = world.state(severity=Severity.LOW)
    await world.turn(30 * SECOND)
    world.state(severity=Severity.CRITICAL, since=first.alert.since)
    assert await world.turn(5 * MINUTE) == 1
    assert world.server.got[-1].json["alerts"][0]["labels"]["severity"] == "critical"


async def test_a_digest_comes_once_at_its_local_time_ranked_by_cost_with_what_was_spent(world: World) -> None:
    world.text = HOOK + '[[digest]]\nid = "morning"\nchannels = ["hook"]\nat = "08:00"\ntime_zone = "Asia/Shanghai"\n'
    await world.up()
    world.state("a.ahu", cost=10.0)
    world.state("a.fan", rule="leak", cost={"money": 250.0, "volume": 3.0})
    assert await world.turn(17 * HOUR + 59 * MINUTE) == 0
    assert await world.turn(MINUTE) == 1
    body = world.server.got[0].json
    assert [one["labels"]["target"] for one in body["alerts"]] == ["a.fan", "a.ahu"]
    assert "¥260.00, 3 m³" in body["commonAnnotations"]["description"]
    world.killed()
    await world.up()
    assert await world.turn(MINUTE) == 0
    assert await world.turn(DAY) == 1


async def test_a_test_notice_goes_through_the_outbox_and_says_what_became_of_it(world: World) -> None:
    await world.up()
    done = await world.service.test("hook", "", "Li Wei")
    assert (done.state, done.what, done.answer) == ("sent", "test", "HTTP 200")
    with pytest.raises(NotFound):
        await world.service.test("nothing", "", "Li Wei")
    assert await send_test(world.settings(), {}, "hook", "Li Wei", NOW) == ["hook: HTTP 200"]
    assert "Li Wei" in world.server.got[-1].json["commonAnnotations"]["description"]


async def test_the_running_service_sends_by_itself_and_stops_cleanly(world: World) -> None:
    world.text = HOOK + ALL + 'group_wait = "0s"\n'
    await world.up()
    await world.service.start({})
    world.state()
    await _until(lambda: [one.state for one in world.log()] == ["sent"])
    await world.service.stop()


async def test_every_secret_that_is_missing_is_said_at_once(world: World) -> None:
    world.text = HOOK + 'secret_env = "A"\n' + '[[channel]]\nid = "w"\ntype = "wecom"\ntoken_env = "B"\n'
    with pytest.raises(ConfigError) as wrong:
        await world.up()
    assert [one.where for one in wrong.value.problems] == ["channel[hook].secret_env", "channel[w].token_env"]


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)
