"""What a Chinese reader of the page cannot read: words of Latin letters that stand as a sentence, wherever they are shown."""

from __future__ import annotations

import re
from collections.abc import Iterable

from playwright.sync_api import Page

from tests.page.conftest import eventually

SHOWN = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const within = walker.currentNode.parentElement;
    if (!within || within.closest('script, style, noscript, code, pre, .topic, [lang=en]')) continue;
    if (!within.checkVisibility({ visibilityProperty: true }) && !within.closest('.sr')) continue;
    found.push(walker.currentNode.textContent.trim());
  }
  for (const name of ['aria-label', 'title', 'placeholder', 'alt'])
    for (const one of document.querySelectorAll(`[${name}]`)) found.push(one.getAttribute(name));
  found.push(document.title);
  return found.filter(Boolean);
}"""
SENTENCE = re.compile(r"(?<![\w.-])[A-Za-z]{2,}(?:[ ,;:]+(?:[A-Za-z]{2,}|[a-z])(?![\w.-]))+")
"""Two words and more that follow each other; ids, units and names of one word are no sentence."""


def foreign(page: Page, own: Iterable[str]) -> set[str]:
    """The sentences of Latin letters that the page shows once it has loaded. own: what the facility and its people wrote in
    one language only, and names that are the same in every language."""
    eventually(lambda: not page.get_by_text("加载", exact=False).count(), "everything is loaded")
    allowed = [one.casefold() for one in own]
    shown: list[str] = page.evaluate(SHOWN)
    return {text for text in shown for found in SENTENCE.findall(text) if not any(found.casefold() in one for one in allowed)}
