"""The feeds graph: the balance of a node, and sums that count nothing twice."""

from __future__ import annotations

import numpy as np
import pytest

from metering.balance import Balance, balances, choose, graph_of, needed, overlap
from metering.columns import Columns
from metering.derived import Register, VirtualMeter, resolve
from metering.intervals import QUARTER, Flag
from metering.ownuse import ChargingRule, charging, own_use
from steward.config import parse
from steward.model import Facility

PLACES = """
[[site]]
id = "a"
name = "A"
[[site]]
id = "c"
name = "C"
[[space]]
id = "a.hall"
name = "Hall"
site = "a"
"""


def equip(id: str, type: str, feeds: list[str] | None = None, site: str = "a", space: str = "", metered: bool = True) -> str:
    text = f'[[equip]]\nid = "{id}"\nname = "{id}"\ntype = "{type}"\nsite = "{site}"\nfeeds = {feeds or []}\n'.replace("'", '"')
    text += f'space = "{space}"\n' if space else ""
    return text + (f'[[point]]\nid = "{id}.energy"\nmetric = "energy"\nunit = "kWh"\nequip = "{id}"\n' if metered else "")


def facility(*parts: str) -> Facility:
    return parse([("f.toml", PLACES + "".join(parts))]).facility


CAMPUS = (
    equip("t1", "transformer", ["board-a", "board-c"]),
    equip("board-a", "switchboard", ["light", "panel", "chiller"]),
    equip("board-c", "switchboard", site="c"),
    equip("panel", "switchboard", ["lift", "pump"], metered=False),
    equip("light", "lighting"),
    equip("lift", "lift"),
    equip("pump", "pump"),
    equip("chiller", "chiller", ["ahu"]),
    equip("ahu", "air_handler", space="a.hall"),
)


PAIR = (
    equip("t1", "transformer", ["board-a", "board-c"]),
    equip("board-a", "switchboard"),
    equip("board-c", "switchboard", site="c"),
)


def flat(value: float, size: int = 4, **more: object) -> Columns:
    start = np.arange(size) * QUARTER
    return Columns.of(start, start + QUARTER, np.full(size, value), **more)


def by_node(found: list[Balance]) -> dict[str, Balance]:
    return {one.nodes[0]: one for one in found}


def test_each_node_is_balanced_against_the_nearest_meters_below_it() -> None:
    graph = graph_of(facility(*CAMPUS), "energy")
    values = {"t1": 100, "board-a": 70, "board-c": 28, "light": 20, "lift": 5, "pump": 10, "chiller": 30, "ahu": 9}
    found = by_node(balances(graph, {f"{id}.energy": flat(value) for id, value in values.items()}))
    assert set(found) == {"t1", "board-a"}
    top, board = found["t1"], found["board-a"]
    assert (top.supplied, top.accounted, top.unaccounted) == (400, 392, 8)
    assert top.share == pytest.approx(0.02)
    assert {meter.node for meter in board.children} == {"light", "lift", "pump", "chiller"}
    assert board.unaccounted == 4 * 5


def test_the_class_of_the_meters_says_whether_a_difference_means_anything() -> None:
    graph = graph_of(facility(*PAIR), "energy")
    columns = {"t1.energy": flat(100), "board-a.energy": flat(70), "board-c.energy": flat(28)}
    (fine,) = balances(graph, columns, accuracy=0.005)
    (coarse,) = balances(graph, columns, accuracy=0.02)
    assert fine.uncertainty == pytest.approx(2 * 0.005 / 3**0.5 * (400**2 + 280**2 + 112**2) ** 0.5)
    assert (fine.significant, coarse.significant) == (True, False)


def test_a_gap_in_a_meter_makes_the_balance_unclear() -> None:
    graph = graph_of(facility(*PAIR), "energy")
    columns = {"t1.energy": flat(100), "board-a.energy": flat(70, flags=[0, 0, Flag.MISSING, 0]), "board-c.energy": flat(28)}
    (one,) = balances(graph, columns)
    assert not one.clear
    assert one.quality.missing == 0.25


def test_a_load_with_two_feeders_is_balanced_against_both() -> None:
    two = facility(equip("t1", "transformer", ["b"]), equip("t2", "transformer", ["b"]), equip("b", "switchboard"))
    (one,) = balances(graph_of(two, "energy"), {"t1.energy": flat(10), "t2.energy": flat(5), "b.energy": flat(14)})
    assert (set(one.nodes), one.unaccounted) == ({"t1", "t2"}, 4)


def test_generation_that_feeds_a_node_is_part_of_its_supply_and_export_is_not() -> None:
    export = '[[point]]\nid = "b.export"\nmetric = "energy_export"\nunit = "kWh"\nequip = "b"\n'
    sunny = facility(equip("b", "switchboard", ["light"]), equip("pv", "pv", ["b"]), equip("light", "lighting"), export)
    graph = graph_of(sunny, "energy")
    columns = {"b.energy": flat(10), "pv.energy": flat(6), "b.export": flat(1), "light.energy": flat(15)}
    assert set(needed(graph)) == set(columns)
    (one,) = balances(graph, columns)
    assert (one.supplied, one.unaccounted) == (60, 0)
    assert "pv" not in graph.meters


def test_a_board_that_feeds_a_space_is_balanced_against_what_stands_there() -> None:
    hall = facility(equip("b", "switchboard", ["a.hall"]), equip("light", "lighting", space="a.hall"))
    (one,) = balances(graph_of(hall, "energy"), {"b.energy": flat(10), "light.energy": flat(9)})
    assert [meter.node for meter in one.children] == ["light"]


def test_a_sum_over_a_site_takes_its_own_main_meter_and_says_why_the_others_are_left_out() -> None:
    place = facility(*CAMPUS)
    graph = graph_of(place, "energy")
    inside = frozenset(["a", *(id for id, equip in place.equips.items() if equip.site == "a")])
    chosen = choose(graph, [meter for meter in graph.meters.values() if meter.site == "a"], inside)
    assert chosen.points == ("board-a.energy",)
    why = {one.meter.node: (one.why, one.of) for one in chosen.dropped}
    assert why["ahu"] == ("loose", "board-a")  # a chiller's feeds are cold: the air handler's current comes from elsewhere
    assert why["t1"] == ("beyond", "board-c")
    assert why["light"] == ("under", "board-a")


def test_a_main_role_is_the_whole_of_its_site() -> None:
    text = '[[point]]\nid = "grid"\nmetric = "energy"\nsite = "a"\nrole = "main"\n'
    graph = graph_of(facility(text, *PAIR[1:2]), "energy")
    chosen = choose(graph, graph.meters.values(), frozenset(["a", "board-a"]))
    assert chosen.points == ("grid",)
    assert [one.why for one in chosen.dropped] == ["beside_main"]


def test_tariff_registers_of_one_meter_are_added_and_beside_a_total_they_are_not() -> None:
    def register(role: str) -> str:
        return f'[[point]]\nid = "m.{role}"\nmetric = "energy"\nequip = "m"\nrole = "{role}"\n'

    meter = equip("m", "meter", metered=False)
    assert graph_of(facility(meter, register("t1"), register("t2")), "energy").meters["m"].points == ("m.t1", "m.t2")
    assert graph_of(facility(meter, register("t1"), register("total")), "energy").meters["m"].points == ("m.total",)


def test_a_virtual_meter_that_sums_a_meter_and_one_under_it_is_refused() -> None:
    graph = graph_of(facility(*CAMPUS), "energy")
    registers = [Register(point, "Wh", "energy") for meter in graph.meters.values() for point in meter.points]
    meters = [VirtualMeter("v", "sum(board-a.energy, lift.energy)"), VirtualMeter("rest", "board-a.energy - lift.energy")]
    plan, faults = resolve(meters, registers, lambda points: overlap([graph], points))
    assert [one.message for one in faults] == ["column 1: double counting: 'lift.energy' lies under 'board-a.energy'"]
    assert list(plan.meters) == ["rest"]


def test_consumption_is_import_plus_generation_less_export() -> None:
    found = own_use([flat(10)], [flat(2)], [flat(6)], flat(0))
    assert found.consumption.total() == 4 * 14
    assert found.self_consumption == pytest.approx(4 / 6)
    assert found.autarky == pytest.approx(4 / 14)
    assert found.contradictions == 0


def test_more_export_than_generation_is_flagged_and_gives_no_ratio() -> None:
    found = own_use([flat(1)], [flat(5)], [flat(3)], flat(0))
    assert found.consumption.value.tolist() == [-1] * 4
    assert found.consumption.has(Flag.BACKFLOW).all()
    assert (found.self_consumption, found.autarky, found.contradictions) == (None, None, 4)


def test_a_site_without_generation_uses_what_it_imports() -> None:
    found = own_use([flat(3)], [], [], flat(0))
    assert (found.consumption.total(), found.self_consumption, found.autarky) == (12, None, 0.0)


@pytest.mark.parametrize("rule", ChargingRule)
def test_a_kilowatt_hour_charged_is_counted_once_by_either_rule(rule: ChargingRule) -> None:
    found = charging(flat(100), under=[flat(7), flat(3)], apart=[flat(5)], rule=rule)
    assert found.vehicles.total() == 60
    assert (found.with_chargers.total(), found.without_chargers.total()) == (420, 360)
    assert found.building.total() + found.beside == 420
    assert found.of_which_vehicles == (60 if rule is ChargingRule.BUILDING else 0)
