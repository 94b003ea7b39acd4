"""Names in several languages."""

from __future__ import annotations

from collections.abc import Mapping

Text = Mapping[str, str]
"""A name in several languages: language code -> text; the key "" is the text for any language not named."""


def text(names: Text, language: str = "en") -> str:
    """The text of `names` in `language`, else the one for any language, else any."""
    return names.get(language) or names.get("") or next(iter(names.values()), "")
