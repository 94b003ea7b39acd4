"""What people are told about the rules that run: the whole table, why it exists, and where it cannot be judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from api import RuleState
from rules.engine import Engine
from rules.kinds.threshold import Threshold
from rules.load import load
from rules.testing import _facility
from steward.app.alerts.rulebook import Rulebook, about
from steward.model import PointIndex

POINTS: list[Mapping[str, Any]] = [
    {"id": f"m{number}", "metric": "power", "equip": f"e{number}", "interval": "5m"} for number in range(3)
]
OWN = {"id": "high", "kind": "threshold", "match": {"metric": "power"}, "above": "90W", "source": "the fuse"}


def states(own: Mapping[str, Any] = MappingProxyType({}), packs: tuple[str, ...] = ()) -> dict[str, RuleState]:
    tables = (("facility.toml:rule[high]", {**OWN, **own}),)
    facility = replace(_facility(POINTS, {}), rules=tables)
    loaded = load(tables, facility, packs)
    assert not loaded.problems
    engine = Engine(loaded.rules, facility, PointIndex(facility.points))
    return {one.id: one for one in Rulebook().states(engine, facility, packs)}


def test_a_rule_tells_its_table_its_source_and_how_much_it_watches() -> None:
    one = states()["high"]
    assert one.definition["above"] == "90W"
    assert (one.targets, one.source, one.pack) == (3, "the fuse", "")
    assert one.about == about(Threshold)


def test_a_rule_of_a_pack_tells_why_it_exists_and_which_keys_the_facility_changed() -> None:
    facility = replace(_facility(POINTS, {}), rules=(("own", {"id": "basic-stale", "factor": 7}),))
    loaded = load(facility.rules, facility, ("basic",))
    engine = Engine(loaded.rules, facility, PointIndex(facility.points))
    found = {one.id: one for one in Rulebook().states(engine, facility, ("basic",))}["basic-stale"]
    assert found.pack == "basic"
    assert found.definition["factor"] == 7
    assert found.definition["severity"] == "medium"
    assert "nothing else can be judged" in found.why["en"]


def test_where_a_rule_cannot_be_judged_is_counted_by_reason() -> None:
    gated = states({"while": {"role": "on", "above": 0}})["high"]
    assert gated.targets == 0
    (unjudged,) = gated.unjudged
    assert unjudged.count == 3
    assert len(unjudged.targets) == 3
    assert "on" in unjudged.reason
