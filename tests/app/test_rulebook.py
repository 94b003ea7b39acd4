"""What people are told about the rules that run: the whole table, why it exists, and where it cannot be judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from api import RuleState
from rules.engine import Engine
from rules.kinds.threshold import Threshold
from rules.load import load
from rules.testing import facility_of
from steward.app.alerts.rulebook import Rulebook, about
from steward.model import PointIndex

POINTS: list[Mapping[str, Any]] = [
    {"id": f"m{number}", "metric": "power", "equip": f"e{number}", "interval": "5m"} for number in range(3)
]
OWN = {"id": "high", "kind": "threshold", "match": {"metric": "power"}, "above": "90W", "source": "the fuse"}


def states(own: Mapping[str, Any] = MappingProxyType({}), packs: tuple[str, ...] = ()) -> dict[str, RuleState]:
    tables = (("facility.toml:rule[high]", {**OWN, **own}),)
    facility = replace(facility_of(POINTS, {}), rules=tables)
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
    facility = replace(facility_of(POINTS, {}), rules=(("own", {"id": "basic-stale", "factor": 7}),))
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


def hvac(kind: str, roles: Sequence[str]) -> RuleState:
    """A rule of a kind on two air handlers: one with these roles, one with `sat_sp` too."""
    points: list[Mapping[str, Any]] = [
        {
            "id": f"{equip}.{role}",
            "metric": "on" if role == "fan" else "temperature",
            "equip": equip,
            "role": role,
            "interval": "5m",
        }
        for equip, more in (("bare", ()), ("better", ("sat_sp",)))
        for role in (*roles, *more)
    ]
    tables = (("f", {"id": "r", "kind": kind, "match": {"equip": "*"}}),)
    facility = replace(facility_of(points, {}), rules=tables)
    loaded = load(tables, facility, ())
    engine = Engine(loaded.rules, facility, PointIndex(facility.points))
    (found,) = Rulebook().states(engine, facility, ())
    return found


def test_a_condition_that_a_unit_lacks_a_role_for_is_named_with_the_role() -> None:
    needed = ("sat", "mat", "rat", "oat", "cc", "hc", "oad", "fan")
    rule = hvac("air_handler", needed)
    assert (rule.targets, rule.unjudged) == (2, ())
    lacks = {(one.params["condition"], one.params["role"]): one for one in rule.unevaluated}
    fc7 = lacks["fc7", "sat_sp or sat_sp_heat"]
    assert (fc7.code, fc7.count, fc7.targets) == ("condition_needs_role", 1, ("bare",))
    assert fc7.reason == "condition fc7 needs sat_sp or sat_sp_heat"
    assert lacks["dsp", "dsp"].count == lacks["dsp", "dsp_sp"].count == 2
    assert rule.unevaluated[0].count == 2, "what most lack comes first"
    assert not [one for one in lacks if one[0] == "coil_hot"], "it has all that this one needs"


def test_a_panel_tells_the_same_and_a_check_that_is_switched_off_is_not_missing_anything() -> None:
    rule = hvac("supply_air", ("sat", "fan", "cc"))
    lacks = {(one.params["condition"], one.params["role"]): one.count for one in rule.unevaluated}
    assert lacks["simultaneous", "hc"] == 1
    assert lacks["heating_short", "hc"] == 1
    assert ("heating_short", "sat_sp") not in lacks, "the one without a set point is not judged at all"
    assert not [one for one in lacks if one[0] == "air_short"]
    assert [one.targets for one in rule.unjudged] == [("bare",)]


def test_kinds_without_conditions_of_their_own_tell_nothing() -> None:
    assert states()["high"].unevaluated == ()
