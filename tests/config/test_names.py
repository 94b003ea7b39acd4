"""What maintenance windows, escalations, routes and digests name must be there; all that is not is said at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from steward.app.checking import check, read
from steward.config.values import expected, nearest
from steward.errors import ConfigError

FILE = """
packs = ["energy"]
[[site]]
id = "block-a"
name = "A"
[[equip]]
id = "block-a.ahu1"
name = "AHU 1"
type = "air_handler"
site = "block-a"
[[point]]
id = "block-a.power"
site = "block-a"
equip = "block-a.ahu1"
metric = "power"
unit = "kW"
[[point]]
id = "block-a.energy"
site = "block-a"
metric = "energy"
unit = "kWh"
[[rule]]
id = "too-much"
kind = "threshold"
match = { metric = "power" }
above = "5kW"
[[channel]]
id = "hook"
type = "webhook"
url = "http://127.0.0.1:1/"
[[recipient]]
id = "duty-officer"
name = "On duty"
"""
WINDOW = '[[maintenance]]\nid = "{id}"\nreason = "filters"\ndays = "sat"\n{named}\n'


def problems(path: Path, more: str) -> list[str]:
    """What is wrong with the file and `more`."""
    file = path / "site.toml"
    file.write_text(FILE + more, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        read(file)
    return [str(problem) for problem in refused.value.problems]


def test_a_window_that_names_what_is_not_there_is_refused_with_the_nearest_names_all_at_once(tmp_path: Path) -> None:
    windows = {"one": 'rule = "to-much"', "two": 'equip = "block-a.ahu2"', "three": 'point = "block-a.powr"',
               "four": 'rule = "peak"'}  # fmt: skip
    found = problems(tmp_path, "".join(WINDOW.format(id=id, named=named) for id, named in windows.items()))
    assert found[:3] == [
        "site.toml:maintenance[one].rule: no rule 'to-much', expected one of too-much",
        "site.toml:maintenance[two].equip: no equip 'block-a.ahu2', expected one of block-a.ahu1",
        "site.toml:maintenance[three].point: no point 'block-a.powr', expected one of block-a.power, block-a.energy",
    ]
    assert found[3].startswith("site.toml:maintenance[four].rule: no rule 'peak', expected ")
    assert len(found) == 4


def test_a_window_may_name_a_rule_of_the_file_or_of_a_pack_and_a_point_that_follows_from_a_register(tmp_path: Path) -> None:
    named = ['rule = "too-much"', 'rule = "baseload"', 'point = "block-a.power"', 'point = "block-a.energy.demand"']
    file = tmp_path / "site.toml"
    from rules.load import pack

    named[1] = f'rule = "{pack("energy")[0][1]["id"]}"'
    windows = "".join(WINDOW.format(id=f"w{number}", named=one) for number, one in enumerate(named))
    file.write_text(FILE + windows, encoding="utf-8")
    assert check(file).startswith("good")


def test_routes_and_digests_that_name_no_rule_and_no_kind_are_refused(tmp_path: Path) -> None:
    more = (
        '[[route]]\nid = "r"\nchannels = ["hook"]\nrule = ["too-*", "too-mich", "leka-*"]\nkind = ["treshold"]\n'
        '[[digest]]\nid = "d"\nchannels = ["hook"]\nkind = ["threshold", "wrong"]\n'
    )
    found = problems(tmp_path, more)
    assert found[0] == "site.toml:route[r].rule: no rule 'too-mich', expected one of too-much"
    assert found[1].startswith("site.toml:route[r].rule: no rule 'leka-*', expected ")
    assert found[2] == "site.toml:route[r].kind: no kind 'treshold', expected one of threshold"
    assert found[3].startswith("site.toml:digest[d].kind: no kind 'wrong', expected ")


def test_an_escalation_to_somebody_whom_no_notice_would_reach_is_refused(tmp_path: Path) -> None:
    more = '[[escalation]]\nid = "e"\n[[escalation.step]]\nafter = "1h"\nto = ["duty-oficer", "duty-officer"]\n'
    assert problems(tmp_path, more) == [
        "site.toml:escalation[e].step.to: no recipient 'duty-oficer', expected one of duty-officer"
    ]


def test_what_is_nothing_like_any_id_is_told_what_was_expected() -> None:
    assert expected("zzz", ["alpha"], "equip") == "the id of an equip"
    assert nearest("alpa", ["alpha", "beta"]) == ["alpha"]
