"""A file of which parts are wrong: all that is wrong is told at once, and nothing that follows from it."""

from __future__ import annotations

import pytest

from steward.config import parse
from steward.config.rest import nearest
from steward.errors import ConfigError

FILE = """
{top}
[facility]
id = "x"
name = "X"
[[broker]]
id = "main"
url = "{url}"
[[site]]
id = "hall"
name = "Hall"
time_zone = "{zone}"
opening_hours = {{ mon-fri = "{hours}" }}
[[template]]
id = "plug"
format = "tasmota"
[[device]]
id = "kitchen"
template = "{template}"
site = "hall"
[[point]]
id = "kitchen.power"
metric = "{metric}"
device = "kitchen"
field = "p"
"""
GOOD = {
    "top": "",
    "url": "mqtt://h:1883",
    "zone": "Asia/Shanghai",
    "hours": "08:30-17:30",
    "template": "plug",
    "metric": "power",
}


def problems(**wrong: str) -> list[str]:
    try:
        parse([("f.toml", FILE.format(**(GOOD | wrong)))], formats=("tasmota",))
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


def test_a_misspelt_key_does_not_hide_what_is_wrong_with_what_is_named_elsewhere() -> None:
    found = problems(top='pack = ["basic"]', hours="8-25", zone="Asia/Shangai", template="plgu", metric="powr")
    assert len(found) == 5
    for part in (
        "pack: unknown key, expected 'packs' perhaps",
        "site[hall].opening_hours",
        "'Asia/Shangai'",
        "'plgu'",
        "'powr'",
    ):
        assert any(part in one for one in found), part


def test_nobody_is_blamed_for_naming_a_table_that_is_wrong_itself() -> None:
    (found,) = problems(url="mqt://h")
    assert found.startswith("f.toml:broker[main].url")
    assert not problems()


@pytest.mark.parametrize(("typed", "meant"), [("pack", "packs"), ("intervall", "interval"), ("zzz", "")])
def test_the_nearest_key_is_the_one_that_is_spelt_most_like_it(typed: str, meant: str) -> None:
    assert nearest(typed, ("packs", "interval", "unit")) == meant
