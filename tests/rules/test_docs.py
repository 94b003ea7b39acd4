"""The reference pages say what the kinds say."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from rules.binding import MATCH_KEYS
from rules.load import COMMON, kinds

PAGES = Path(__file__).parents[2] / "docs" / "reference" / "rules"


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_every_kind_has_a_page_with_its_whole_documentation(kind: str) -> None:
    page = " ".join((PAGES / f"{kind}.md").read_text("utf-8").split())
    assert " ".join((inspect.getdoc(kinds()[kind]) or "").split()) in page
    assert f"]({kind}.md)" in (PAGES / "index.md").read_text("utf-8")


def test_every_key_of_a_rule_and_of_a_match_is_documented() -> None:
    index = (PAGES / "index.md").read_text("utf-8")
    assert [key for key in (*COMMON, *MATCH_KEYS) if f"`{key}`" not in index] == []
