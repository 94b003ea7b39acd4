"""Raw tables to rules: every problem at once, with its place."""

from __future__ import annotations

from typing import Any

from rules.load import kinds, load, packs
from tests.rules.conformance import cases

HERE = cases("threshold")["fault"].facility


def problems(**table: Any) -> list[str]:
    return [
        str(one) for one in load([("a.toml:rule[x]", {"id": "x", "kind": "threshold", "above": 1, **table})], HERE).problems
    ]


def test_every_module_of_kinds_is_found() -> None:
    assert set(kinds()) >= {"threshold", "rate", "stale", "stuck", "schedule"}


def test_a_good_rule_has_no_problems() -> None:
    assert problems(match={"metric": "power"}) == []


def test_a_misspelt_kind_key_and_metric_get_the_nearest_word() -> None:
    assert "expected 'threshold'?" in problems(kind="treshold")[0]
    assert problems(abvoe=2) == ["a.toml:rule[x].abvoe: unknown key, expected 'above'?"]
    assert "expected 'power'?" in problems(match={"metric": "powr"})[0]
    assert "expected 'metric'?" in problems(match={"metrik": "power"})[0]


def test_all_problems_of_all_rules_are_told_at_once() -> None:
    bad: list[tuple[str, dict[str, Any]]] = [
        ("r[1]", {"id": "1", "kind": "threshold", "for": "5x", "severity": "huge"}),
        ("r[2]", {"id": "2", "kind": "rate", "window": 5}),
        ("r[3]", {"kind": "stuck"}),
        ("r[4]", {"id": "2", "kind": "stuck"}),
    ]
    found = [str(one) for one in load(bad, HERE).problems]
    assert [one.split(":")[0] for one in found] == ["r[3].id", "r[4].id", "r[1].for", "r[1].severity", "r[2].window"]


def test_an_impossible_or_unknown_unit_is_told_with_the_point() -> None:
    assert "unit 'degC' does not fit: the points are in W (point p, metric power)" in problems(above="5degC")[0]
    assert "unknown unit 'kw'; did you mean kW?" in problems(above="5kw")[0]


def test_a_match_that_fits_nothing_is_a_warning_for_an_own_rule() -> None:
    loaded = load([("r", {"id": "x", "kind": "threshold", "above": 1, "match": {"metric": "co2"}})], HERE)
    assert (len(loaded.rules), loaded.problems) == (1, [])
    assert "fits nothing" in str(loaded.warnings[0])


def test_an_own_table_changes_single_keys_of_a_pack_s_rule_or_turns_it_off() -> None:
    own = [("r1", {"id": "basic-overspeed", "above": "80km/h"}), ("r2", {"id": "basic-dtc", "enabled": False})]
    rules = {rule.id: rule for rule in load(own, HERE, ["basic"]).rules}
    assert "basic-dtc" not in rules
    assert rules["basic-overspeed"].kind.above == "80km/h"  # type: ignore[attr-defined]
    assert rules["basic-overspeed"].title["en"]


def test_a_rule_that_a_pack_keeps_off_is_turned_on_by_its_id_and_with_a_match_of_ones_own() -> None:
    assert not {"energy-anomaly", "water-network"} & {rule.id for rule in load([], HERE, packs()).rules}
    own = [
        ("r1", {"id": "energy-anomaly", "enabled": True}),
        ("r2", {"id": "water-network", "enabled": True, "match": {"point": "p*"}}),
    ]
    rules = {rule.id: rule for rule in load(own, HERE, packs()).rules}
    assert rules["energy-anomaly"].pack == "energy"
    assert rules["energy-anomaly"].title["zh"]
    assert rules["water-network"].match == {"point": ("p*",)}


def test_an_unknown_pack_is_a_problem_that_names_the_packs() -> None:
    assert str(load([], HERE, ["basik"]).problems[0]) == "packs: no pack 'basik', expected 'basic'?"


def test_silence_cannot_be_gated() -> None:
    raw = {"id": "x", "kind": "stale", "while": {"role": "on", "above": 0}}
    assert [one.where for one in load([("r", raw)], HERE).problems] == ["r.while"]
