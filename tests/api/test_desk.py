"""The desk through the API: filters and orders, acts on many, shelvings, windows, calendar; delivery in lists and stream."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from steward.model import Severity
from steward.units import HOUR, SECOND
from tests.api.conftest import Get
from tests.api.world import World


def iso(ns: int) -> str:
    return datetime.fromtimestamp(ns // SECOND, UTC).isoformat()


async def post(world: World, path: str, status: int = 200, **body: Any) -> Any:
    answer = await world.http.post(f"/api/v1{path}", json={"by": "Li", **body})
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_a_masked_alert_says_so_names_the_other_and_is_found_by_it(world: World, get: Get) -> None:
    cause = world.alert("block-a.meter", rule="no-supply", severity=Severity.CRITICAL, points=("block-a.power",))
    masked = world.alert()
    await world.settle()
    found = (await get("/alerts", delivery="inhibited"))["alerts"]
    assert [one["id"] for one in found] == [masked.id]
    reason = found[0]["reasons"][0]
    assert (reason["state"], reason["by"]) == ("inhibited", cause.id)
    assert reason["title"], "the sentence of the masking alert"
    assert [one.alert.id for one in world.told] == [cause.id]


async def test_lists_are_filtered_and_sorted(world: World, get: Get) -> None:
    chiller = world.alert(kind="schedule")
    car = world.alert("car-1", rule="trip", kind="trip", points=("car-1.ignition",), since=world.now - HOUR // 2)
    await world.desk.assign([car.id], "fleet office", "Li", "")
    await world.desk.set_costs({car.id: 900.0, chiller.id: 20.0})
    for more in ({}, {"condition": ["firing", "resolved"]}):

        async def ids(more: Any = more, **wanted: Any) -> list[str]:
            return [one["id"] for one in (await get("/alerts", **wanted, **more))["alerts"]]

        assert await ids(site="garage") == [car.id]
        assert await ids(equip="block-a.chiller-2") == [chiller.id]
        assert await ids(kind="trip") == [car.id]
        assert await ids(assignee="fleet office") == [car.id]
        assert await ids(text="TRIP fleet") == [car.id]
        assert await ids(text="trip chiller") == []
        assert await ids(sort="cost") == [car.id, chiller.id]
        assert await ids(sort="since") == [car.id, chiller.id]


async def test_many_are_assigned_commented_labelled_and_shelved_at_once(world: World, get: Get) -> None:
    ids = [world.alert(rule=f"r{number}").id for number in range(3)]
    await world.settle()
    assert len((await post(world, "/alerts/assign", ids=ids, to="HVAC team"))["changed"]) == 3
    assert len((await post(world, "/alerts/comment", ids=ids, text="power cut"))["changed"]) == 3
    labelled = await post(world, "/alerts/label", ids=ids, true=False)
    assert {one["label"] for one in labelled["changed"]} == {False}
    await post(world, "/alerts/close", 409, ids=ids)
    made = await post(world, "/alerts/shelve", ids=ids, reason="power cut", until=iso(world.now + HOUR))
    assert [one["scope"]["alert"] for one in made["shelvings"]] == ids
    shown = (await get("/alerts"))["alerts"]
    assert {(one["delivery"], one["assigned_to"], one["comments"]) for one in shown} == {("shelved", "HVAC team", 1)}
    await post(world, "/alerts/shelve", 404, ids=["nothing"], reason="x", until=iso(world.now + HOUR))


async def test_a_shelving_is_listed_ends_by_hand_and_is_refused_when_it_is_too_long(world: World, get: Get) -> None:
    alert = world.alert()
    await world.settle()
    scope = {"rule": alert.rule, "target": alert.target}
    made = await post(world, "/shelvings", reason="belt on order", until=iso(world.now + HOUR), scope=scope)
    id = made["shelvings"][0]["id"]
    assert [one["id"] for one in (await get("/shelvings"))["shelvings"]] == [id]
    ended = await post(world, f"/shelvings/{id}/cancel")
    assert ended["shelvings"][0]["cancelled_by"] == "Li"
    assert (await get("/shelvings"))["shelvings"] == []
    assert (await get("/alerts"))["alerts"][0]["delivery"] == "deliverable"
    too_long = await post(world, "/shelvings", 409, reason="x", until=iso(world.now + 300 * HOUR), scope=scope)
    assert "7 days" in too_long["detail"]
    whats = [entry.what for entry in world.records.audit_log()]
    assert whats == ["unshelve", "shelve"]


async def test_a_window_is_planned_shown_in_the_calendar_and_ended(world: World, get: Get) -> None:
    body = {"reason": "service", "scope": {"space": "block-a.plant"}, "days": ["mon-sun"], "hours": "22:00-02:00"}
    made = (await post(world, "/maintenance", **body))["windows"][0]
    assert (made["zone"], made["hours"], made["days"]) == ("Asia/Shanghai", "22:00-02:00", list(range(7)))
    spans = (await get("/calendar"))["spans"]
    assert {(one["id"], one["end"] - one["start"]) for one in spans} == {(made["id"], 4 * 3_600_000)}
    assert len(spans) in (7, 8)
    assert (await post(world, f"/maintenance/{made['id']}/cancel"))["windows"] == []
    await post(world, "/maintenance", 422, **{**body, "hours": "25:00-26:00"})
    await post(world, "/maintenance", 409, **{**body, "scope": {}})
    await post(world, "/maintenance", 404, **{**body, "scope": {"equip": "nothing"}})


async def test_what_people_and_the_desk_do_is_pushed(world: World) -> None:
    alert = world.alert()
    before = world.context.events._number
    await world.settle()
    await world.desk.acknowledge([alert.id], "Li", "")
    pushed = [one for one in world.context.events._ring if one.number > before]
    assert [one.kind for one in pushed] == ["alert", "alert"]
    assert b'"human":"acknowledged"' in pushed[-1].body
    assert b'"delivery":"deliverable"' in pushed[-1].body
