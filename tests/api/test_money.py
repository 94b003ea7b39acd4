"""Money through the API: what holds, what it costs, bills on record, allocation; and every wrong question refused in words."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.api.conftest import Get
from tests.api.money_world import cashier
from tests.api.world import World

NOVEMBER = {"start": "2026-11-01T00:00:00+08:00", "end": "2026-11-21T00:00:00+08:00"}


@pytest.fixture
def desk(world: World) -> World:
    """The world with a desk for money."""
    world.build(money=cashier(world))
    return world


async def test_tariffs_tell_every_version_with_its_validity_and_source(desk: World, get: Get) -> None:
    old, new = (await get("/tariffs"))["tariffs"]
    assert (old["valid_to"], new["valid_from"], new["valid_to"]) == ("2026-10-31", "2026-11-01", None)
    assert (new["prices"]["flat"], new["tax"], new["source"]) == ("0.6421", "0.13", "notice 2026-10")
    assert new["periods"][0] == {
        "name": "peak",
        "price": "1.02",
        "hours": [[540, 660], [900, 1020]],
        "days": ["workday"],
        "seasons": [],
    }
    (now,) = (await get("/tariffs", at="2026-11-24T00:00:00Z"))["tariffs"]
    assert now["version"] == "grid@2026-11-01"


async def test_factors_tell_their_source_and_which_are_used(desk: World, get: Get) -> None:
    found = {row["id"]: row for row in (await get("/factors", carrier="electricity"))["factors"]}
    assert found["co2.electricity.2023"]["used"]
    assert not found["co2.electricity.2022"]["used"]
    assert found["co2.electricity.2022"]["valid_to"] == "2022-12-31"
    assert found["coal.electricity.calorific"]["unit"] == "kgce/kWh"
    then = (await get("/factors", carrier="electricity", at="2022-06-01T00:00:00Z"))["factors"]
    assert {row["id"] for row in then if row["used"]} == {"co2.electricity.2022", "coal.electricity.calorific"}


async def test_a_calendar_whose_next_year_is_not_announced_says_so(desk: World, get: Get) -> None:
    (office,) = (await get("/calendars"))["calendars"]
    assert (office["country"], office["known_until"][:4] >= "2026") == ("CN", True)
    assert (office["holidays"][0], len(office["holidays"])) == ("2026-01-01", 33)
    assert office["workdays"]["2026-10-10"] == 2
    assert (await get("/calendars", year=2025))["calendars"][0]["holidays"][0] == "2025-01-01"
    assert bool(office["warnings"]) == (office["known_until"] == "2026-12-31")


async def test_the_cost_of_a_register_adds_up_and_names_what_it_used(desk: World, get: Get) -> None:
    found = await get("/cost/block-a.energy", **NOVEMBER)
    rows = found["periods"]
    assert len(rows) == 20
    assert sum(Decimal(row["total"]) for row in rows) == Decimal(found["total"])
    monday = rows[1]
    assert monday["energy"] == {"flat": "2568.40", "peak": "1632.00", "valley": "1240.00"}
    assert monday["tariffs"] == ["grid@2026-11-01"]
    assert monday["factors"] == ["co2.electricity.2023=0.5306", "coal.electricity.calorific=0.1229"]
    assert monday["coal"] == pytest.approx(9600 * 0.1229)
    assert monday["demands"][0]["billed"] == "400.0"
    # the demand charge of the month, spread over its 30 days
    assert Decimal(monday["parts"]["demand"]) == pytest.approx(Decimal(400 * 40) / 30, abs=Decimal("0.0001"))
    assert sum(Decimal(each) for each in monday["parts"].values()) == Decimal(monday["total"])


async def test_a_site_costs_its_main_registers_and_names_what_has_no_tariff(desk: World, get: Get) -> None:
    found = await get("/cost/site/block-a", **NOVEMBER)
    assert [row["point"] for row in found["points"]] == ["block-a.energy", "block-a.heat"]
    assert found["totals"] == {"CNY": found["points"][0]["total"]}
    assert found["bare"] == {"tariff": ["heat"], "co2": ["heat"], "coal": []}
    assert found["coal"] > found["points"][0]["coal"]


async def test_a_bill_is_checked_and_stays_on_record_with_who_entered_it(desk: World, get: Get) -> None:
    cost = await get("/cost/block-a.energy", **NOVEMBER, period="year")
    (year,) = cost["periods"]
    lines = [
        {"name": name, "quantity": year["quantities"][name] * 10, "amount": str(Decimal(year["energy"][name]) * 10)}
        for name in year["energy"]
    ]
    order = {"point": "block-a.energy", **NOVEMBER, "number": "2026-11/1", "by": "Li Wei", "supplier": "Grid", "lines": lines}
    answer = await desk.http.post("/api/v1/bills", json=order)
    assert answer.status_code == 200, answer.text
    first = answer.json()["explanations"][0]
    assert (first["reason"], first["figures"]["factor"]) == ("multiplier", 10.0)
    assert "倍率" in first["text"]["zh"]
    (kept,) = (await get("/bills", point="block-a.energy"))["bills"]
    assert (kept["by"], kept["number"], kept["lines"]) == ("Li Wei", "2026-11/1", answer.json()["lines"])
    assert (kept["supplier"], kept["known"]) == ("Grid", 1.0)
    assert (await get("/bills", point="other"))["bills"] == []
    again = await desk.http.post("/api/v1/bills", json=order)
    assert again.status_code == 200
    page = await get("/bills", limit=1)
    assert len((await get("/bills", limit=1, before=page["before"]))["bills"]) == 1


async def test_an_allocation_adds_up_and_shows_what_nobody_metered(desk: World, get: Get) -> None:
    (declared,) = (await get("/allocation"))["allocations"]
    assert declared["parties"] == ["block-a.plant", "linhai-city"]
    found = await get("/allocation/floors", **NOVEMBER)
    total = sum(Decimal(share["total"]) for share in found["shares"]) + Decimal(found["residual"])
    assert total == Decimal(found["total"])
    assert found["shares"][0]["quantity"] == pytest.approx(20 * 960)
    assert Decimal(found["residual"]) > 0
    assert "not metered" in found["why"]


async def test_a_residual_can_be_spread_by_area(world: World, get: Get) -> None:
    more = """
[[allocation]]
id = "by-area"
point = "block-a.energy"
by = "meter"
residual = "area"
[[allocation.party]]
id = "block-a.plant"
points = ["block-a.tenant.energy"]
area_m2 = 100
[[allocation.party]]
id = "block-a"
"""
    world.build(money=cashier(world, more))
    found = await get("/allocation/by-area", **NOVEMBER)
    assert found["residual"] == "0.00"
    spread = [Decimal(share["spread"]) for share in found["shares"]]
    assert spread[1] / spread[0] == pytest.approx(Decimal(128))


async def test_what_a_sub_meter_bears_has_the_prices_of_the_whole_and_no_tax_on_demand_and_fees(world: World, get: Get) -> None:
    plain = 'prices = { flat = 0.60 }\nsource = "notice 2025-12"\n'
    taxed = 'prices = { flat = 0.60 }\ntax = 0.1\ntaxed = false\npoints = ["block-a.energy"]\nsource = "x"\n'
    taxed += "[tariff.demand]\nprice = 40\n[[tariff.fee]]\namount = 30\n"
    world.build(money=cashier(world, change=(plain, taxed)))
    october = {"start": "2026-10-05T00:00:00+08:00", "end": "2026-10-25T00:00:00+08:00"}
    found = await get("/allocation/floors", **october)
    share = found["shares"][0]
    assert share["quantity"] == pytest.approx(20 * 960)
    assert Decimal(share["metered"]) == pytest.approx(Decimal("0.66") * 20 * 960)


async def test_parties_of_which_one_meter_lies_under_another_are_told(world: World, get: Get) -> None:
    more = """
[[equip]]
id = "top"
name = "Top"
type = "switchboard"
site = "block-a"
feeds = ["low"]
[[equip]]
id = "low"
name = "Low"
type = "switchboard"
site = "block-a"
[[point]]
id = "top.energy"
metric = "energy"
unit = "kWh"
equip = "top"
[[point]]
id = "low.energy"
metric = "energy"
unit = "kWh"
equip = "low"
[[allocation]]
id = "twice"
point = "block-a.energy"
by = "meter"
[[allocation.party]]
id = "block-a.plant"
points = ["top.energy"]
[[allocation.party]]
id = "linhai-city"
points = ["low.energy"]
"""
    world.build(money=cashier(world, more))
    found = await get("/allocation/twice", **NOVEMBER)
    assert "'low.energy' lies under 'top.energy': its cost is borne twice" in found["warnings"]


async def test_cost_by_billing_period_begins_on_the_tariffs_day(world: World, get: Get) -> None:
    change = ('id = "grid"\n', 'id = "grid"\nbilling_day = 20\n')
    world.build(money=cashier(world, change=change))
    found = await get("/cost/block-a.energy", start="2026-10-10T00:00:00+08:00", end=NOVEMBER["end"], period="billing")
    starts = [datetime.fromtimestamp(one["start"] / 1000, UTC).isoformat() for one in found["periods"]]
    assert starts == ["2026-10-09T16:00:00+00:00", "2026-10-19T16:00:00+00:00", "2026-11-19T16:00:00+00:00"]
    assert {row["billing_day"] for row in (await get("/tariffs"))["tariffs"]} == {20}


GOOD: dict[str, Any] = {
    "point": "block-a.energy",
    **NOVEMBER,
    "by": "Li Wei",
    "lines": [{"name": "total", "amount": "12.30"}],
}


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/cost/nothing", 404, "no point"),
        ("/cost/site/nothing", 404, "no site"),
        ("/cost/block-a.power", 409, "expected a register"),
        ("/cost/block-a.energy?start=2026-11-02T00:00:00Z&end=2026-11-01T00:00:00Z", 422, "end is not after start"),
        ("/cost/block-a.energy?start=yesterday", 422, "is not a time"),
        ("/cost/block-a.energy?period=week", 422, "period"),
        ("/cost/block-a.energy?start=2020-01-01T00:00:00Z&period=quarter", 409, "at most 35 days"),
        ("/allocation/nothing", 404, "no allocation"),
        ("/factors?at=noon", 422, "is not a time"),
        ("/bills?limit=0", 422, "limit"),
    ],
)
async def test_a_wrong_question_is_refused_in_words(desk: World, path: str, status: int, says: str) -> None:
    answer = await desk.http.get(f"/api/v1{path}")
    assert (answer.status_code, says in answer.text) == (status, True), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("more", "status", "says"),
    [
        ({"point": "nothing"}, 404, "no point"),
        ({"point": "block-a.heat"}, 409, "no tariff for heat"),
        ({"currency": "EUR"}, 409, "the tariff in CNY"),
        ({"currency": "yuan"}, 422, "currency"),
        ({"lines": []}, 422, "lines"),
        ({"lines": [{"name": "peak"}]}, 409, "cannot be checked"),
        ({"lines": [{"name": "peak", "amount": "NaN"}]}, 422, "amount"),
        ({"by": ""}, 422, "by"),
        ({"colour": "red"}, 422, "colour"),
        ({"start": "2020-01-01T00:00:00Z", "end": "2020-02-01T00:00:00Z", "point": "block-a.heat"}, 409, "no tariff"),
    ],
)
async def test_a_wrong_bill_is_refused_and_not_recorded(
    desk: World, get: Get, more: dict[str, Any], status: int, says: str
) -> None:
    answer = await desk.http.post("/api/v1/bills", json=GOOD | more)
    assert (answer.status_code, says in answer.text) == (status, True), answer.text
    assert (await get("/bills"))["bills"] == []


async def test_a_service_without_a_ledger_says_so(world: World) -> None:
    assert (await world.http.get("/api/v1/tariffs")).json() == {"tariffs": []}
    for path in ("/cost/block-a.energy", "/cost/site/block-a", "/allocation/floors"):
        assert (await world.http.get(f"/api/v1{path}")).status_code == 404
    assert (await world.http.post("/api/v1/bills", json=GOOD)).status_code == 404
    world.build(money=cashier(world, books=False))
    answer = await world.http.get("/api/v1/cost/block-a.energy")
    assert (answer.status_code, "keeps no ledger" in answer.text) == (409, True)
    assert (await world.http.get("/api/v1/tariffs")).status_code == 200
