"""What axe-core finds in a page, by the rules of WCAG 2.2 AA and its best practice."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def violations(page: Page) -> list[str]:
    """A line for each place where a rule is broken; none in a page that everybody can use."""
    answer = Axe().run(page, options=RULES).response
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary']}" for one in answer["violations"] for node in one["nodes"]
    ]
