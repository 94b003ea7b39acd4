"""Masking by the graph of supply and gateways: what hangs under a cause is quiet, and never everything."""

from __future__ import annotations

import itertools
import random

from rules.masking import Cause, Graph, Masking
from steward.config import parse
from steward.model import Facility

FILE = """
[[site]]
id = "s"
name = "S"
[[space]]
id = "plant"
name = "P"
site = "s"
[[space]]
id = "corner"
name = "C"
parent = "plant"
[[equip]]
id = "tr"
name = "T"
type = "transformer"
site = "s"
feeds = ["board"]
[[equip]]
id = "board"
name = "B"
type = "switchboard"
site = "s"
feeds = ["chiller", "plant"]
[[equip]]
id = "chiller"
name = "C"
type = "chiller"
site = "s"
[[equip]]
id = "ahu"
name = "A"
type = "air_handler"
space = "corner"
feeds = ["corner"]
[[template]]
id = "t"
format = "native"
[[template.point]]
id = "p"
metric = "power"
field = "p"
[[device]]
id = "gw"
template = "t"
site = "s"
[[device]]
id = "d1"
template = "t"
gateway = "gw"
equip = "chiller"
[[device]]
id = "d2"
template = "t"
gateway = "gw"
equip = "ahu"
[[device]]
id = "m"
template = "t"
equip = "board"
[[point]]
id = "outdoor"
metric = "temperature"
site = "s"
"""


def facility() -> Facility:
    return parse([("f.toml", FILE)]).facility


def test_a_dead_gateway_masks_devices_and_points_behind_it_and_nothing_else() -> None:
    graph = Graph(facility())
    masking = Masking(graph, [Cause("g", graph.node("gw", "device"), 5)])

    def masked(target: str, *points: str) -> bool:
        return masking.mask("x", graph.over(target, points)) is not None

    assert masked("d1")
    assert masked("d1.p")
    assert masked("d2.p")
    assert masked("gw.p")
    assert not masked("m.p")
    assert not masked("outdoor")
    assert not masked("nowhere")
    assert masked("chiller", "d1.p"), "an alert on an equip all of whose points are behind it"
    assert not masked("chiller", "d1.p", "m.p"), "one of its points still speaks"


def test_a_transformer_without_supply_masks_down_to_rooms_equips_devices_and_points() -> None:
    graph = Graph(facility())
    masking = Masking(graph, [Cause("t", graph.node("tr", "below"), 5)])
    for target in ("board", "m.p", "chiller", "d1.p", "d1", "ahu", "d2.p", "d2"):
        assert masking.mask("x", graph.over(target, ())) is not None, target
    assert masking.mask("x", graph.over("outdoor", ())) is None


def test_a_cause_never_masks_itself_and_names_the_one_at_the_top() -> None:
    graph = Graph(facility())
    causes = [Cause("b", "equip:board", 1), Cause("t", "equip:tr", 9), Cause("t2", "equip:tr", 10), Cause("d", "device:d1", 2)]
    masking = Masking(graph, causes)
    assert [one.id for one in masking.chosen] == ["t", "t2"]
    assert masking.mask("t", graph.over("tr", ())) is None
    assert masking.mask("t2", graph.over("tr", ())) is None, "two causes at one node are both told"
    found = {id: masking.mask(id, graph.over(target, ())) for id, target in (("b", "board"), ("d", "d1"), ("x", "d1.p"))}
    assert {id: cause.id if cause else "" for id, cause in found.items()} == {"b": "t", "d": "t", "x": "t"}


def test_rings_of_rooms_and_gateways_mask_in_one_direction_only() -> None:
    text = (
        FILE
        + """
[[equip]]
id = "ahu2"
name = "A2"
type = "air_handler"
space = "corner"
feeds = ["corner"]
"""
    )
    graph = Graph(parse([("f.toml", text)]).facility)
    masking = Masking(graph, [Cause("two", "equip:ahu2", 2), Cause("one", "equip:ahu", 1)])
    assert [one.id for one in masking.chosen] == ["one"], "each feeds the room of the other: the older one is told"


def test_whatever_fires_each_masked_alert_names_one_that_is_told() -> None:
    graph = Graph(facility())
    nodes = ["equip:tr", "equip:board", "equip:chiller", "equip:ahu", "device:gw", "device:d1", "device:d2", "device:m"]
    picks = random.Random(7)
    for size in range(1, 6):
        for chosen in itertools.islice(itertools.permutations(nodes, size), 0, 400, 7):
            causes = [Cause(node, node, picks.randrange(3)) for node in chosen]
            masking = Masking(graph, causes)
            told = {one.id for one in masking.chosen}
            assert told
            for cause in causes:
                mask = masking.mask(cause.id, graph.above(cause.node))
                assert (mask is None) == (cause.id in told)
                assert mask is None or mask.id in told
