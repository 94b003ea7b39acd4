"""Codes of evidence in words: every component, state and check that a kind may name has a word in both languages."""

from __future__ import annotations

import pytest

from rules.hvac import tables
from rules.hvac.panel import Panel
from rules.kinds.efficiency import MODES
from rules.load import kinds
from rules.terms import words

PANELS = [kind for kind in kinds().values() if issubclass(kind, Panel)]
CODES = {*tables.COMPONENTS, *MODES} | {part.strip() for check in tables.CHECKS for part in check.mask.split(",")}
CODES |= {code for kind in PANELS for check in kind.CHECKS for code in (check.name, check.component)}


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_has_a_word_in_both_languages(code: str) -> None:
    assert words(code, "zh") != code
    assert "_" not in words(code, "en")


def test_a_list_is_put_into_words_part_by_part_and_what_has_no_word_stays() -> None:
    assert words("heating_valve, cooling_valve", "en") == "heating valve, cooling valve"
    assert words("heating_valve, cooling_valve", "zh") == "热水阀、冷水阀"
    assert words("own history, 6 days", "zh") == "自身历史、6 days"
