"""An alert's sentence in both languages, with display units and site-local time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rules import testing
from rules.load import load, pack, packs
from rules.testing import Player
from rules.wording import check, fill, number, span, title, why
from steward.units import MINUTE, SECOND
from tests.rules.conformance import cases

SENTENCES = [
    ("schedule", "en", "chiller-1 runs out of hours, 80 kW since 18:00"),
    ("schedule", "zh", "chiller-1在非工作时间运行，80 kW，始于18:00"),
    ("threshold", "en", "chiller-1: p is 6 kW, limit 5 kW, since 00:05"),
    ("rate", "en", "car-1: f changes by -10%/10 min, limit -8%/10 min, since 00:25"),
    ("stale", "en", "d has been silent for 3 min"),
    ("stale", "zh", "d数据已中断3分钟"),
    ("stuck", "en", "room-1: t has not moved from 21 °C since 00:30"),
]


@pytest.mark.parametrize(("kind", "language", "sentence"), SENTENCES)
def test_a_fault_of_each_kind_is_one_sentence(kind: str, language: str, sentence: str) -> None:
    case = cases(kind)["fault"]
    fired = testing.run(case).statements[0]
    assert title(fired, case.loaded.rules[0], case.facility, language) == sentence


def test_a_resolved_alert_tells_the_worst_not_the_value_that_ended_it() -> None:
    case = cases("threshold")["fault"]
    over = testing.run(case).statements[-1]
    assert title(over, None, case.facility).startswith("chiller-1: p is 7 kW")


def test_an_alert_that_outlasts_its_condition_tells_of_its_episode_and_not_of_the_moment() -> None:
    case = cases("idling")["outlasts_its_condition"]
    end = case.start + 17 * MINUTE + 30 * SECOND
    player = Player(replace(case, samples=[one for one in case.samples if one.at <= end], expect=[], end=end))
    player.play()
    (alert,) = player.engine.active()
    assert title(alert, case.loaded.rules[0], case.facility) == "car-1 has been idling for 15 min 30 s, 0.21 L"


def test_names_that_nobody_knows_stay_as_written_and_nothing_is_evaluated() -> None:
    case = cases("threshold")["fault"]
    alert = testing.run(case).statements[0]
    assert fill("{nothing} {value.__class__} {0}", alert, case.facility, "en") == "{nothing} {value.__class__} {0}"


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0"), (0.0123, "0.0123"), (4.25, "4.25"), (112.4, "112"), (12.0, "12"), (-8.0, "-8")]
)
def test_numbers_have_three_digits_and_no_exponent(value: float, shown: str) -> None:
    assert number(value) == shown


def test_a_span_has_its_two_largest_parts_in_both_languages() -> None:
    assert span(1501 * MINUTE, "en") == "1 d 1 h"
    assert span(90 * MINUTE, "zh") == "1小时30分钟"


@pytest.mark.parametrize("name", packs())
def test_every_rule_of_a_pack_loads_and_explains_itself_in_both_languages(name: str) -> None:
    case = cases("threshold")["fault"]
    every = [(table["id"], {"id": table["id"], "enabled": True}) for _, table in pack(name)]
    loaded = load(every, case.facility, [name])
    assert loaded.problems == []
    assert len(loaded.rules) == len(pack(name))
    alert = testing.run(case).statements[0]
    for rule in loaded.rules:
        assert rule.source
        for texts in (rule.title, rule.why, rule.check):
            assert set(texts) == {"en", "zh"}, rule.id
        assert title(alert, rule, case.facility) != title(alert, rule, case.facility, "zh")
        assert why(alert, rule, case.facility)
        assert check(alert, rule, case.facility, "zh")
