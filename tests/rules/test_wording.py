"""The sentences of alerts: what, where, since when, in both languages, with units and local time."""

from __future__ import annotations

import dataclasses

import pytest

from rules import wording
from rules.load import load
from steward.config import parse
from steward.model import Alert, Condition, Severity
from steward.units import HOUR, SECOND

FILE = """
[[site]]
id = "a"
name = { en = "Block A", zh = "A座" }
time_zone = "Asia/Shanghai"
[[equip]]
id = "chiller"
name = { en = "Chiller 2", zh = "2号冷水机组" }
type = "chiller"
site = "a"
[[point]]
id = "p"
name = { en = "power", zh = "功率" }
equip = "chiller"
metric = "power"
unit = "kW"
[[rule]]
id = "r"
kind = "threshold"
match = { point = "p" }
above = "5kW"
title = { en = "{equip} takes {value}, limit {limit}, {no_such_name}", zh = "{equip}功率{value}" }
why = { en = "more than {limit} at {site}", zh = "超过{limit}" }
"""
T0 = 1_767_225_600 * SECOND  # 2026-01-01T00:00Z, 08:00 in Shanghai
FACILITY = parse([("f.toml", FILE)]).facility
RULE = load(FACILITY.rules, FACILITY).rules[0]
ALERT = Alert(
    "r",
    "threshold",
    Severity.HIGH,
    "p",
    ("p",),
    Condition.FIRING,
    T0,
    T0 + HOUR,
    T0,
    None,
    112_345.0,
    120_000.0,
    5_000.0,
    {"unit": "W"},
)


def test_a_title_is_filled_with_values_in_readable_units_and_says_since_when_in_local_time() -> None:
    assert wording.title(ALERT, RULE, FACILITY, "en") == "Chiller 2 takes 112 kW, limit 5 kW, {no_such_name} since 01-01 08:00"
    assert wording.title(ALERT, RULE, FACILITY, "zh") == "2号冷水机组功率112 kW，自01-01 08:00起"


def test_why_is_filled_and_a_missing_check_is_empty() -> None:
    assert wording.why(ALERT, RULE, FACILITY, "en") == "more than 5 kW at Block A"
    assert wording.check(ALERT, RULE, FACILITY, "en") == ""


def test_without_its_rule_an_alert_still_has_a_sentence_of_its_kind() -> None:
    assert wording.title(ALERT, None, FACILITY, "zh") == "2号冷水机组：功率为112 kW，限值5 kW，自01-01 08:00起"


def test_a_point_that_is_gone_is_named_by_its_id_and_a_missing_value_is_a_dash() -> None:
    gone = dataclasses.replace(ALERT, target="gone", points=("gone",), value=float("nan"))
    assert wording.title(gone, None, FACILITY, "en").startswith("gone: gone is –")


@pytest.mark.parametrize(
    ("value", "canonical", "shown"),
    [
        (0.754, "ratio", "75.4%"),
        (0.0, "W", "0 W"),
        (-1500.0, "W", "-1.5 kW"),
        (180_000.0, "Pa", "180 kPa"),
        (5400.0, "s", "1.5 h"),
        (21.46, "degC", "21.5 °C"),
        (1 / 36000, "m3/s", "0.1 m³/h"),
        (3.0, "1", "3"),
    ],
)
def test_quantities_take_the_step_that_suits_their_size(value: float, canonical: str, shown: str) -> None:
    assert wording.quantity(value, canonical) == shown


def test_every_rule_of_every_pack_says_title_why_and_check_in_both_languages_and_names_its_source() -> None:
    from rules.load import pack, packs

    for name in packs():
        for where, table in pack(name):
            for key in ("title", "why", "check"):
                assert set(table[key]) == {"en", "zh"}, where
            assert table["source"], where
