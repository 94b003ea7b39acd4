"""What the campus declares of its consumption is right, and its sums take each board once."""

from __future__ import annotations

import pytest

from simulators.facility import campus_toml
from steward.app.checking import read
from steward.app.consumption.data import categories
from steward.app.consumption.scopes import Scopes


@pytest.fixture(scope="module")
def scopes(tmp_path_factory: pytest.TempPathFactory) -> Scopes:
    path = tmp_path_factory.mktemp("energy") / "campus.toml"
    path.write_text(campus_toml(), "utf-8")
    settings = read(path)
    return Scopes(settings.facility, settings.derived, categories())


@pytest.mark.parametrize(
    ("site", "metric", "registers"),
    [
        ("block-a", "energy", ("em-a.energy",)),
        ("block-b", "energy", ("em-b.energy",)),
        ("data-room", "energy", ("em-d.energy",)),
        ("block-a", "water", ("water-a.water",)),
        ("block-c", "gas", ("gas-kitchen.gas",)),
    ],
)
def test_each_site_has_its_own_main_meter(scopes: Scopes, site: str, metric: str, registers: tuple[str, ...]) -> None:
    assert scopes.chosen(scopes.node(f"site:{site}"), metric).points == registers


def test_virtual_meters_of_the_campus_are_planned_and_the_plant_room_has_its_own(scopes: Scopes) -> None:
    assert scopes.problems == []
    assert scopes.chosen(scopes.node("space:block-a.plant"), "energy").points == ("block-a.plant.energy",)
    assert set(scopes.plan.meters["block-a.plant.energy"].registers) == {
        "chiller-1.energy",
        "chiller-2.energy",
        "a-pumps.energy",
    }
    assert "em-a.energy" in scopes.plan.meters["block-a.other.energy"].registers


@pytest.mark.parametrize(("site", "plugs"), [("block-a", {"plug-11", "plug-12"}), ("block-b", {"plug-17", "plug-21"})])
def test_a_smart_plug_behind_a_metered_circuit_is_not_added_to_its_category_again(
    scopes: Scopes, site: str, plugs: set[str]
) -> None:
    found = scopes.chosen(scopes.node(f"category:{site}/A1"), "energy")
    letter = site[-1]
    assert set(found.points) == {f"{letter}-light.energy", f"{letter}-socket.energy"}
    left = {one.meter.node.removesuffix(".socket"): (one.why, one.of) for one in found.dropped}
    assert left == dict.fromkeys(plugs, ("under", f"{letter}-socket.circuit"))


def test_gas_is_said_to_go_to_what_burns_it(scopes: Scopes) -> None:
    equips = scopes.facility.equips
    assert equips["gas-boiler.meter"].feeds == ("boiler-1",)
    assert scopes.chosen(scopes.node("space:block-c.kitchen"), "gas").points == ("gas-kitchen.gas",)
