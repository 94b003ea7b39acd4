"""The tree, points, search, and the sums of the Now view."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import numpy as np

from api.catalogue import Catalogue
from api.mains import mains
from steward.model import DERIVED, Batch, PointIndex, Severity
from steward.units import DAY, HOUR, MINUTE, SECOND
from tests.api.conftest import Get
from tests.api.world import FILE, NOW, World, facility


def by_key(tree: Any) -> dict[str, Any]:
    return {node["key"]: node for node in tree["nodes"]}


async def test_the_tree_stands_in_depth_first_order_with_counts_of_all_below(world: World, get: Get) -> None:
    nodes = (await get("/tree"))["nodes"]
    assert [(node["depth"], node["key"]) for node in nodes] == [
        (0, "organisation:zj"),
        (1, "organisation:linhai-city"),
        (2, "site:block-a"),
        (3, "space:block-a.plant"),
        (4, "equip:block-a.chiller-2"),
        (3, "equip:block-a.meter"),
        (2, "site:garage"),
        (3, "equip:car-1"),
    ]
    assert [node["points"] for node in nodes] == [6, 6, 5, 2, 2, 2, 1, 1]
    assert nodes[7]["plate"] == "浙A·0312"
    assert nodes[5]["feeds"] == ["block-a.chiller-2"]


async def test_the_tree_below_a_node_holds_that_branch_only(world: World, get: Get) -> None:
    nodes = (await get("/tree", under="block-a.plant"))["nodes"]
    assert [node["key"] for node in nodes] == ["space:block-a.plant", "equip:block-a.chiller-2"]


async def test_each_node_carries_the_worst_alert_below_it_and_how_many_wait(world: World, get: Get) -> None:
    first = world.alert()
    world.alert("car-1", rule="unapproved", severity=Severity.CRITICAL, points=("car-1.ignition",))
    await world.desk.acknowledge([first.id], "Li", "")
    tree = by_key(await get("/tree"))
    assert tree["organisation:zj"]["worst"] == "critical"
    assert tree["organisation:zj"]["alerts"] == {"critical": 1, "high": 1, "medium": 0, "low": 0, "waiting": 1}
    assert (tree["site:block-a"]["worst"], tree["site:block-a"]["alerts"]["waiting"]) == ("high", 0)
    assert tree["equip:block-a.meter"]["worst"] is None


async def test_each_node_counts_what_is_stale_and_what_never_came(world: World, get: Get) -> None:
    await world.sample("block-a.power", 1.0, ago=HOUR)
    await world.sample("block-a.chiller-2.power", 1.0)
    tree = by_key(await get("/tree"))
    assert (tree["site:block-a"]["stale"], tree["site:block-a"]["silent"]) == (1, 3)
    assert (tree["space:block-a.plant"]["stale"], tree["space:block-a.plant"]["silent"]) == (0, 1)


async def test_points_are_found_in_both_languages_by_id_and_by_plate(world: World, get: Get) -> None:
    for text, expected in (
        ("冷机", ["block-a.chiller-2.power"]),
        ("chiller power", ["block-a.chiller-2.power"]),
        ("CHILLER", ["block-a.chiller-2.power", "block-a.chiller-2.on"]),
        ("0312", ["car-1.ignition"]),
        ("outdoor", ["block-a.outdoor"]),
    ):
        page = await get("/points", q=text)
        assert [point["id"] for point in page["points"]] == expected, text


async def test_points_are_filtered_by_branch_metric_and_state(world: World, get: Get) -> None:
    await world.sample("block-a.power", 1000.0)
    await world.sample("block-a.chiller-2.power", 2000.0, ago=HOUR)
    assert (await get("/points", under="site:garage"))["total"] == 1
    assert (await get("/points", under="meter"))["total"] == 2, "a device's bare id is understood"
    assert (await get("/points", metric="power"))["total"] == 2
    stale = await get("/points", state="stale")
    assert [(point["id"], point["age"]) for point in stale["points"]] == [("block-a.chiller-2.power", 3_600_000)]
    assert (await get("/points", state="none"))["total"] == 4


async def test_points_come_in_pages_that_add_up(world: World, get: Get) -> None:
    found: list[str] = []
    after: str | None = None
    for _ in range(10):
        page = await get("/points", limit=4, **({"after": after} if after else {}))
        found += [point["id"] for point in page["points"]]
        after = page["after"]
        if after is None:
            break
    assert len(found) == len(set(found)) == page["total"] == 6


async def test_a_point_says_where_it_hangs_how_it_comes_and_what_is_wrong_with_it(world: World, get: Get) -> None:
    await world.sample("block-a.chiller-2.power", 150e3, ago=5 * SECOND, quality=[1])
    alert = world.alert()
    point = await get("/points/block-a.chiller-2.power")
    assert [step["id"] for step in point["path"]] == ["zj", "linhai-city", "block-a", "block-a.plant", "block-a.chiller-2"]
    assert (point["field"], point["scale"], point["gateway"]) == ("p", 1000.0, "meter")
    assert (point["value"], point["age"], point["quality"], point["state"]) == (150e3, 5000, "uncertain", "fresh")
    assert (point["low"], point["high"]) == (0.0, 250e3)
    assert [each["id"] for each in point["alerts"]] == [alert.id]


async def test_search_finds_every_kind_and_puts_the_exact_one_first(world: World, get: Get) -> None:
    for text, first in (
        ("浙a·0312", "equip:car-1"),
        ("block-a", "site:block-a"),
        ("a座", "site:block-a"),
        ("m 1", "device:meter"),
        ("临海", None),
        ("冷机功率", "point:block-a.chiller-2.power"),
        ("zhejiang", "organisation:zj"),
    ):
        hits = (await get("/search", q=text))["hits"]
        assert (hits[0]["key"] if hits else None) == first, text
    chiller = (await get("/search", q="冷水机组", kind="equip"))["hits"]
    assert [name.get("en") or name[""] for name in chiller[0]["where"]] == ["Zhejiang", "Linhai", "Block A", "Plant room"]


async def test_an_admitted_device_appears_in_the_tree_and_in_the_stream(world: World, get: Get) -> None:
    assert (await get("/points"))["total"] == 6
    world.facility = facility(FILE + '[[point]]\nid = "new"\nmetric = "co2"\nsite = "garage"\n')
    assert (await get("/points", under="garage"))["total"] == 2
    cursor = world.context.events.cursor
    world.context.events._send_events()
    assert world.context.events.cursor.events == cursor.events + 1, "a facility event tells the clients"


async def test_a_large_facility_is_laid_out_beside_the_requests(world: World, get: Get) -> None:
    world.context._cost = 1.0  # as if the last layout had taken a second
    world.facility = facility(FILE + '[[point]]\nid = "new"\nmetric = "co2"\nsite = "garage"\n')
    assert (await get("/points"))["total"] == 6, "the old layout answers meanwhile"
    layout = world.context._layout
    assert layout is not None
    await layout
    assert (await get("/points"))["total"] == 7


def test_a_tree_of_any_depth_is_laid_out() -> None:
    depth = 1200
    spaces = "".join(
        f'[[space]]\nid = "s{level}"\n' + (f'parent = "s{level - 1}"\n' if level else 'site = "a"\n') for level in range(depth)
    )
    text = f'[[site]]\nid = "a"\n{spaces}[[point]]\nid = "p"\nmetric = "power"\nspace = "s{depth - 1}"\n'
    catalogue = Catalogue(facility(text), PointIndex())
    assert len(catalogue.path(f"space:s{depth - 1}")) == depth + 1
    assert catalogue.rows("site:a").tolist() == [0]


CAMPUS = """
[[site]]
id = "a"
[[site]]
id = "b"
[[equip]]
id = "transformer"
type = "transformer"
site = "a"
feeds = ["a.board", "b.board"]
[[equip]]
id = "a.board"
type = "switchboard"
site = "a"
feeds = ["a.light"]
[[equip]]
id = "a.light"
type = "lighting"
site = "a"
[[equip]]
id = "a.plug"
type = "socket"
site = "a"
[[equip]]
id = "b.board"
type = "switchboard"
site = "b"
""" + "".join(
    f'[[point]]\nid = "{equip}.{role}"\nmetric = "power"\nequip = "{equip}"\nrole = "{role}"\n'
    for equip in ("transformer", "a.board", "a.light", "a.plug", "b.board")
    for role in ("power_l1", "power")
)


def test_a_site_is_what_its_own_board_says_and_the_campus_what_the_transformer_says() -> None:
    described = facility(CAMPUS)
    points = list(described.points.values())
    at_a = [point for point in points if point.site == "a"]
    assert [point.id for point in mains(described, at_a, "power")] == ["a.board.power"]
    assert [point.id for point in mains(described, [p for p in points if p.site == "b"], "power")] == ["b.board.power"]
    assert [point.id for point in mains(described, points, "power")] == ["transformer.power"]


def test_points_with_the_role_of_a_main_meter_go_first() -> None:
    described = facility(CAMPUS + '[[point]]\nid = "m"\nmetric = "power"\nsite = "a"\nrole = "main"\n')
    assert [point.id for point in mains(described, list(described.points.values()), "power")] == ["m"]


async def test_a_site_shows_power_today_and_the_last_day(world: World, get: Get) -> None:
    power, energy = world.index.add("block-a.power"), world.index.add("block-a.energy")
    steps = np.arange(0, DAY, 10 * MINUTE)
    at = NOW - DAY + 10 * MINUTE + steps
    gone = np.ones(len(at), bool)
    gone[10:20] = False  # a gap of 100 minutes
    await world.store.write(Batch.of(np.full(gone.sum(), power), at[gone], np.full(gone.sum(), 60e3)))
    await world.store.write(Batch.of(np.full(len(at), energy), at, 1e6 + np.arange(len(at)) * 10e3))
    await world.sample("block-a.power", 61e3, ago=SECOND)
    sites = await get("/sites")
    row, garage = sites["sites"]
    assert (row["power"], row["power_points"], row["power_fresh"]) == (61e3, ["block-a.power"], 1)
    assert len(row["spark"]) == 48
    assert row["spark"][20] == 60e3
    assert 2 <= row["spark"].count(None) <= 4, "a gap is a gap"
    midnight = (await get("/summary"))["day_start"] * 1_000_000
    assert row["today"] == (NOW - midnight) // (10 * MINUTE) * 10e3
    assert (garage["power"], garage["spark"], garage["today"]) == (None, [None] * 48, None)
    assert (row["age"], row["worst"]) == (1000, None)


async def test_a_site_with_registers_only_shows_their_rise_as_power(world: World, get: Get) -> None:
    energy = world.index.add("block-a.energy")
    world.facility = facility('[[site]]\nid = "s"\n[[point]]\nid = "block-a.energy"\nmetric = "energy"\nsite = "s"\n')
    at = NOW - 6 * HOUR + np.arange(0, 6 * HOUR, 10 * MINUTE)
    await world.store.write(Batch.of(np.full(len(at), energy), at, np.arange(len(at)) * 5e3))
    row = (await get("/sites"))["sites"][0]
    assert row["spark"][-3] == 30e3


async def test_a_register_that_falls_does_not_make_consumption_negative(world: World, get: Get) -> None:
    energy = world.index.add("block-a.energy")
    values = [5e6, 5.1e6, 0.0, 0.1e6]
    at = [NOW - (3 - step) * HOUR for step in range(4)]
    await world.store.write(Batch.of([energy] * 4, at, values))
    assert (await get("/summary"))["quantities"]["electricity"]["today"] in (0.1e6, 0.2e6)


async def test_the_summary_counts_freshness_vehicles_and_alerts_below_a_node(world: World, get: Get) -> None:
    await world.sample("block-a.power", 1.0, ago=HOUR)
    await world.sample("car-1.ignition", 1.0)
    world.alert()
    everything = await get("/summary")
    assert everything["points"] == {"fresh": 1, "stale": 1, "dead": 0, "none": 4, "total": 6}
    assert everything["vehicles"] == {"total": 1, "out": 1}
    assert everything["alerts"]["high"] == 1
    garage = await get("/summary", under="site:garage")
    assert (garage["points"]["total"], garage["alerts"]["high"]) == (1, 0)


async def test_a_stale_value_is_no_part_of_the_power_now(world: World, get: Get) -> None:
    await world.sample("block-a.power", 50e3, ago=HOUR)
    electricity = (await get("/summary"))["quantities"]["electricity"]
    assert (electricity["power"], electricity["power_fresh"], electricity["power_points"]) == (None, 0, ["block-a.power"])


async def test_the_store_is_asked_once_however_many_look(world: World, get: Get) -> None:
    calls = 0
    aggregate = world.store.aggregate

    async def counted(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        return await aggregate(*arguments)

    world.store.aggregate = counted  # type: ignore[assignment, method-assign]
    await asyncio.gather(*(get("/sites") for _ in range(5)))
    first = calls
    await get("/sites")
    assert calls == first
    world.now += 2 * MINUTE
    await get("/sites")
    assert calls > first


async def test_without_the_store_the_sites_are_shown_with_dashes(world: World, get: Get) -> None:
    await world.sample("block-a.power", 50e3)
    await world.store.close()
    row = (await get("/sites"))["sites"][0]
    assert (row["power"], row["today"], row["spark"]) == (50e3, None, [None] * 48)


async def test_a_derived_point_without_a_value_is_not_silent(world: World, get: Get) -> None:
    before = (await get("/summary"))["points"]
    made = replace(world.facility.points["block-a.power"], id="block-a.power.expected", role=DERIVED, device="")
    world.facility = replace(world.facility, points={**world.facility.points, made.id: made})
    world.live.rebind(world.facility)
    after = (await get("/summary"))["points"]
    assert after == before
    (site,) = [one for one in (await get("/sites"))["sites"] if one["id"] == "block-a"]
    nodes = {node["key"]: node for node in (await get("/tree"))["nodes"]}
    assert site["silent"] == nodes["site:block-a"]["silent"] == before["none"] - nodes["site:garage"]["silent"]


async def test_a_gateway_that_says_nothing_of_its_own_is_heard_through_those_behind_it(world: World, get: Get) -> None:
    text = FILE.replace('gateway = "meter"\n', 'gateway = "gw"\n').replace(
        '[[device]]\nid = "chiller"',
        '[[device]]\nid = "gw"\ntemplate = "plain"\nbroker = "main"\nsite = "block-a"\n[[device]]\nid = "chiller"',
    )
    world.facility = facility(text)
    world.live.rebind(world.facility)
    world.build()
    assert (await get("/devices/gw"))["state"] == "never"
    await world.sample("block-a.chiller-2.power", 5.0, ago=20 * SECOND)
    heard = await get("/devices/gw")
    assert (heard["state"], heard["points"], heard["samples"]) == ("seen", 0, 0)
    assert heard["seen"] == (await get("/devices/chiller"))["seen"]
    world.now += HOUR
    assert (await get("/devices/gw"))["state"] == (await get("/devices/chiller"))["state"] == "stale"
