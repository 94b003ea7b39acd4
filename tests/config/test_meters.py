"""The `[[meter]]` table: everything that is wrong is told at once, with file and key."""

from __future__ import annotations

import pytest

from steward.config import parse
from steward.errors import ConfigError

FILE = """
[ledger]
weather = "m"
[[site]]
id = "a"
name = "A"
[[point]]
id = "m"
site = "a"
metric = "energy"
unit = "kWh"
[[point]]
id = "p"
site = "a"
metric = "power"
[[point]]
id = "t"
site = "a"
metric = "temperature"
"""
WRONG = """
[[meter]]
id = "nobody"
[[meter]]
id = "p"
[[meter]]
id = "m"
source = "power"
[[meter]]
id = "m"
[[meter]]
id = "sum"
tariffs = ["m", "x", "t"]
source = "pulses"
"""


def test_all_that_is_wrong_with_meters_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse([("f.toml", FILE + WRONG)])
    said = {problem.where: problem.message for problem in caught.value.problems}
    assert said == {
        "f.toml:meter[nobody].id": "no point 'nobody'",
        "f.toml:meter[p].id": "'p' is a gauge",
        "f.toml:meter[m].source": "'m' is of energy",
        "f.toml:meter[m].id": "'m' stands here twice",
        "f.toml:meter[sum].tariffs": "tariff registers of source pulses",
        "ledger.weather": "no point 'm' of temperature",
    }


@pytest.mark.parametrize(
    ("tariffs", "says"),
    [('["m", "m"]', "counted twice"), ('["m", "w"]', "of different metrics")],
)
def test_tariff_registers_that_cannot_be_added_are_told(tariffs: str, says: str) -> None:
    water = '[[point]]\nid = "w"\nsite = "a"\nmetric = "water"\nunit = "m3"\n'
    with pytest.raises(ConfigError) as caught:
        parse([("f.toml", FILE.replace('weather = "m"', "") + water + f'[[meter]]\nid = "sum"\ntariffs = {tariffs}\n')])
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('ct_ratio = "400"', "ct_ratio"),
        ('ct_ratio = "400/0"', "expected primary/secondary such as 400/5"),
        ("digits = 16", "digits"),
        ("multiplier = 0", "multiplier"),
        ('direction = "both"', "direction"),
        ("limit = -1", "limit"),
        ("colour = 1", "colour"),
    ],
)
def test_a_wrong_value_is_named_by_its_key(line: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse([("f.toml", FILE.replace('weather = "m"', "") + f'[[meter]]\nid = "m"\n{line}\n')])
    assert says in str(caught.value)


def test_a_further_way_must_read_the_same_register_and_have_no_table_of_its_own() -> None:
    more = '[[meter]]\nid = "m"\nalso = ["p", "m", "nobody"]\n[[meter]]\nid = "p"\nsource = "power"\n'
    with pytest.raises(ConfigError) as caught:
        parse([("f.toml", FILE.replace('weather = "m"', 'weather = "t"') + more)])
    told = [str(problem) for problem in caught.value.problems]
    assert sum("does not read this register" in line for line in told) == 3
    assert sum("is a further way to another register" in line for line in told) == 2  # m itself, and p
