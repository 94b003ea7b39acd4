"""Alerts: listed, filtered, explained, acknowledged."""

from __future__ import annotations

from typing import Any

import pytest

from api.board import AlertBoard
from steward.model import Condition, Facility, Human, Severity
from steward.records import AlertRecord
from steward.units import HOUR, MINUTE, SECOND
from tests.api.conftest import Get
from tests.api.world import World


def ids(page: Any) -> list[str]:
    return [alert["id"] for alert in page["alerts"]]


async def test_firing_alerts_stand_by_severity_and_then_the_newest_first(world: World, get: Get) -> None:
    low = world.alert(rule="low", severity=Severity.LOW)
    old = world.alert(rule="old", since=world.now - 3 * HOUR)
    new = world.alert(rule="new", since=world.now - 2 * HOUR)
    grave = world.alert(rule="grave", severity=Severity.CRITICAL, since=world.now - 9 * HOUR)
    page = await get("/alerts")
    assert ids(page) == [grave.id, new.id, old.id, low.id]
    assert page["total"] == 4
    first = await get("/alerts", limit=3)
    assert ids(first) + ids(await get("/alerts", limit=3, after=first["after"])) == ids(page)


async def test_a_pending_condition_is_no_alert_yet(world: World, get: Get) -> None:
    world.alert(condition=Condition.PENDING, fired=None)
    assert (await get("/alerts"))["alerts"] == []
    assert len((await get("/alerts", condition="pending"))["alerts"]) == 1


async def test_a_resolved_alert_leaves_the_board_and_stays_on_record(world: World, get: Get) -> None:
    alert = world.alert()
    world.alert(condition=Condition.RESOLVED, resolved=world.now)
    assert (await get("/alerts"))["alerts"] == []
    resolved = await get("/alerts", condition="resolved")
    assert [(each["id"], each["resolved"]) for each in resolved["alerts"]] == [(alert.id, world.now // 1_000_000)]


@pytest.mark.parametrize("condition", [[], ["firing", "resolved", "pending"]])
async def test_alerts_are_filtered_by_what_and_where(world: World, get: Get, condition: list[str]) -> None:
    chiller = world.alert(severity=Severity.LOW)
    car = world.alert("car-1", rule="trip", points=("car-1.ignition",), since=world.now - MINUTE)
    meter = world.alert("block-a.power", rule="stuck", points=("block-a.power",), since=world.now - 2 * HOUR)
    await world.desk.acknowledge([meter.id], "Li", "")

    async def found(**parameters: Any) -> set[str]:
        return set(ids(await get("/alerts", **parameters, **({"condition": condition} if condition else {}))))

    assert await found(under="site:garage") == {car.id}
    assert await found(under="organisation:zj") == {chiller.id, car.id, meter.id}
    assert await found(under="device:meter") == {meter.id}
    assert await found(severity="low") == {chiller.id}
    assert await found(rule=["trip", "stuck"]) == {car.id, meter.id}
    assert await found(target="car-1") == {car.id}
    assert await found(human="acknowledged") == {meter.id}
    assert await found(since=(world.now - 90 * MINUTE) // 1_000_000) == {chiller.id, car.id}


async def test_those_below_a_node_are_found_among_many_elsewhere(world: World, get: Get) -> None:
    for number in range(30):
        world.alert(
            rule=f"r{number}", condition=Condition.RESOLVED, resolved=world.now, since=world.now - number * SECOND - HOUR
        )
    car = world.alert("car-1", condition=Condition.RESOLVED, resolved=world.now, since=world.now - 5 * HOUR)
    page = await get("/alerts", condition="resolved", under="garage", limit=2)
    after = page["after"]
    found = ids(page)
    while after is not None:
        page = await get("/alerts", condition="resolved", under="garage", limit=2, after=after)
        found, after = found + ids(page), page["after"]
    assert found == [car.id]


async def test_an_alert_explains_itself_in_both_languages(world: World, get: Get) -> None:
    def words(record: AlertRecord, facility: Facility) -> Any:
        from api import Wording

        name = facility.equips[record.alert.target].name
        return Wording({"en": f"{name['en']} runs", "zh": f"{name['zh']}在运行"}, {"en": "why"}, {"en": "check"})

    world.build(wording=words)
    alert = world.alert()
    detail = await get(f"/alerts/{alert.id}")
    assert detail["title"] == {"en": "Chiller 2 runs", "zh": "2号冷水机组在运行"}
    assert (detail["why"], detail["check"]) == ({"en": "why"}, {"en": "check"})
    assert detail["evidence"] == {"hours": "off", "above": 5000.0}
    assert (detail["unit"], detail["value"], detail["worst"], detail["limit"]) == ("W", 150e3, 180e3, 5e3)
    assert [step["id"] for step in detail["path"]][-1] == "block-a.chiller-2"
    assert [event["what"] for event in detail["events"]] == ["firing"]


async def test_an_alert_shows_its_points_as_they_are_now_and_earlier_episodes(world: World, get: Get) -> None:
    earlier = world.alert(since=world.now - 30 * HOUR, fired=world.now - 29 * HOUR)
    world.alert(
        since=world.now - 30 * HOUR, fired=world.now - 29 * HOUR, condition=Condition.RESOLVED, resolved=world.now - 20 * HOUR
    )
    alert = world.alert()
    await world.sample("block-a.chiller-2.power", 151e3)
    detail = await get(f"/alerts/{alert.id}")
    assert [(point["id"], point["value"]) for point in detail["latest"]] == [("block-a.chiller-2.power", 151e3)]
    assert [other["id"] for other in detail["similar"]] == [earlier.id]


async def test_acknowledging_is_recorded_with_who_and_why(world: World, get: Get) -> None:
    alert = world.alert()
    answer = await world.http.post(f"/api/v1/alerts/{alert.id}/acknowledge", json={"by": "李伟", "comment": "在路上"})
    assert [each["human"] for each in answer.json()["changed"]] == ["acknowledged"]
    again = await world.http.post(f"/api/v1/alerts/{alert.id}/acknowledge", json={"by": "Wang"})
    assert again.json()["changed"] == [], "the first one stays"
    detail = await get(f"/alerts/{alert.id}")
    assert (detail["acknowledged_by"], detail["acknowledged_at"]) == ("李伟", world.now // 1_000_000)
    assert [(event["what"], event["by"], event["comment"]) for event in detail["events"]][1:] == [
        ("acknowledged", "李伟", "在路上")
    ]


async def test_several_are_acknowledged_at_once_or_none(world: World, get: Get) -> None:
    found = [world.alert(rule=f"r{number}").id for number in range(3)]
    wrong = await world.http.post("/api/v1/alerts/acknowledge", json={"ids": [*found, "nothing"], "by": "Li"})
    assert wrong.status_code == 404
    assert {alert["human"] for alert in (await get("/alerts"))["alerts"]} == {"unacknowledged"}
    done = await world.http.post("/api/v1/alerts/acknowledge", json={"ids": found, "by": "Li"})
    assert len(done.json()["changed"]) == 3
    assert {alert["human"] for alert in (await get("/alerts"))["alerts"]} == {"acknowledged"}


async def test_an_alert_is_assigned_worked_on_commented_and_closed(world: World, get: Get) -> None:
    alert = world.alert()
    path = f"/api/v1/alerts/{alert.id}"
    assert (await world.http.post(f"{path}/assign", json={"by": "Li", "to": "Wang"})).json()["changed"][0][
        "assigned_to"
    ] == "Wang"
    assert (await world.http.post(f"{path}/start", json={"by": "Wang"})).json()["changed"][0]["human"] == "in_progress"
    assert (await world.http.post(f"{path}/comment", json={"by": "Wang", "text": "timer was on manual"})).json()[
        "comments"
    ] == 1
    assert (await world.http.post(f"{path}/close", json={"by": "Wang"})).status_code == 409, "it still fires"
    world.alert(condition=Condition.RESOLVED, resolved=world.now)
    assert (await world.http.post(f"{path}/close", json={"by": "Wang"})).json()["changed"][0]["human"] == "closed"
    events = [event["what"] for event in (await get(f"/alerts/{alert.id}"))["events"]]
    assert events == ["firing", "assigned", "in_progress", "comment", "resolved", "closed"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("acknowledge", {"by": ""}),
        ("acknowledge", {}),
        ("acknowledge", {"by": "x", "extra": 1}),
        ("comment", {"by": "x", "text": ""}),
        ("comment", {"by": "x", "text": "y" * 5000}),
        ("assign", {"by": "x"}),
    ],
)
async def test_an_act_that_is_not_whole_changes_nothing(world: World, path: str, body: dict[str, Any]) -> None:
    alert = world.alert()
    assert (await world.http.post(f"/api/v1/alerts/{alert.id}/{path}", json=body)).status_code == 422
    assert len(world.records.events(alert.id)) == 1


async def test_an_alert_on_what_the_facility_no_longer_has_is_still_shown(world: World, get: Get) -> None:
    alert = world.alert("gone", points=("gone.power",))
    shown = (await get("/alerts"))["alerts"][0]
    assert (shown["id"], shown["node"], shown["unit"]) == (alert.id, "", "")
    assert (await get(f"/alerts/{alert.id}"))["latest"] == []


async def test_what_fires_at_the_start_is_on_the_board(world: World, get: Get) -> None:
    alert = world.alert()
    world.build()
    assert (await get("/alerts"))["alerts"] == [], "not before the start"
    world.context.board.load(world.records)
    assert ids(await get("/alerts")) == [alert.id]


async def test_rules_say_how_many_of_their_alerts_fire(world: World, get: Get) -> None:
    from api import RuleState

    title = {"en": "Runs out of hours", "zh": "非工作时间运行"}
    rule = RuleState("chiller-out-of-hours", "schedule", "high", title, "a.toml:rule", 1, 1, "", {"above": "5kW", "set": {1}})
    world.build(rules=lambda: [rule])
    world.alert()
    row = (await get("/rules"))["rules"][0]
    assert (row["id"], row["firing"], row["definition"]["above"]) == ("chiller-out-of-hours", 1, "5kW")


async def test_a_statement_that_arrives_late_does_not_undo_a_newer_one(world: World) -> None:
    alert = world.alert()
    record = world.records.alert(alert.id)
    world.now += SECOND
    (acknowledged,) = await world.desk.acknowledge([alert.id], "Li", "")
    board = AlertBoard()
    board.take([acknowledged])
    board.take([record])
    assert [each.human for each in board.ranked()] == [Human.ACKNOWLEDGED]
