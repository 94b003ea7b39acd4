"""Reading a facility file with everything that can be said of it without opening a connection."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

from collectors.formats import formats
from rules.load import kinds, merge
from rules.load import load as load_rules
from steward.app.consumption.scopes import check_derived
from steward.config import Settings, load
from steward.config.calendars import doubts as calendar_doubts
from steward.errors import Problem
from steward.model import Facility


def _check_rules(facility: Facility, packs: Sequence[str]) -> list[Problem]:
    return load_rules(facility.rules, facility, packs).problems


def _rule_names(facility: Facility, packs: Sequence[str]) -> tuple[Collection[str], Collection[str]]:
    return merge(facility.rules, packs, []).keys(), kinds().keys()


def read(path: Path) -> Settings:
    """The settings of a facility file or folder. Raises ConfigError with every problem: tables, references, formats, rules."""
    return load(
        path,
        formats=set(formats()),
        check_rules=_check_rules,
        check_derived=check_derived,
        rule_names=_rule_names,
    )


def reader(path: Path) -> Callable[[], Settings]:
    """Reads the same file again, for reloads."""
    return lambda: read(path)


def check(path: Path) -> str:
    """What a good facility file holds, in one sentence, with what is doubtful about it. Raises ConfigError."""
    settings = read(path)
    facility = settings.facility
    loaded = load_rules(facility.rules, facility, settings.packs)
    counts = (
        f"{len(facility.sites)} sites, {len(facility.equips)} equips, {len(facility.devices)} devices, "
        f"{len(facility.points)} points, {len(loaded.rules)} rules"
    )
    told = [*loaded.warnings, *calendar_doubts(facility.calendars.values(), datetime.now(UTC).date())]
    doubts = "".join(f"\nwarning: {warning}" for warning in told)
    return f"good: {counts}{doubts}"
