"""Data that comes with `metering` (quotas, sub-metering categories), read once from the package.

The core is pure and reads no file: it is handed what stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import tomli

from metering.quota import Per, Quota, all_of
from steward.config.derived import Derived, SiteQuota
from steward.model import Text


@cache
def categories() -> Mapping[str, Text]:
    """The shipped sub-metering categories by code."""
    raw = tomli.loads(files("metering").joinpath("data", "categories.toml").read_text("utf-8"))
    return {str(row["code"]): row["name"] for row in raw["category"]}


@cache
def quotas() -> tuple[Quota, ...]:
    """The shipped quotas of all standards."""
    folder = files("metering").joinpath("data")
    names = sorted(one.name for one in folder.iterdir() if one.name.startswith("quota-") and one.name.endswith(".toml"))
    return tuple(all_of([tomli.loads(folder.joinpath(name).read_text("utf-8")) for name in names]))


def own_quotas(derived: Derived, site: str, year: int) -> list[Quota]:
    """The quotas that a facility declares for a site in a year."""
    return [_own(one) for one in derived.quotas if one.site == site and one.year in (None, year)]


def _own(one: SiteQuota) -> Quota:
    return Quota(one.id, one.metric, Per(one.per), one.limit, one.guide, one.standard, "", one.source)
