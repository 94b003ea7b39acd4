"""The small facility with tariffs, a second register and a flat ledger: what the money tests and the examples ask."""

from __future__ import annotations

from steward.app.money.cashier import Cashier
from steward.config import parse
from steward.config.money import Money
from steward.model import Facility
from steward.units import DAY
from tests.api.world import FILE, UNNAMED, World
from tests.fakes import FlatBooks

MONEY = """
[money]
region = "CN"
[[calendar]]
id = "office"
country = "CN"
hours = { mon-fri = "08:30-17:30" }
[[point]]
id = "block-a.tenant.energy"
metric = "energy"
unit = "kWh"
site = "block-a"
role = "tenant"
[[point]]
id = "block-a.heat"
metric = "heat"
unit = "kWh"
site = "block-a"
[[tariff]]
id = "grid"
name = { en = "Grid, 1-10 kV", zh = "大工业 1-10千伏" }
carrier = "electricity"
unit = "kWh"
valid_to = 2026-10-31
prices = { flat = 0.60 }
source = "notice 2025-12"
[[tariff]]
id = "grid"
name = { en = "Grid, 1-10 kV", zh = "大工业 1-10千伏" }
carrier = "electricity"
unit = "kWh"
valid_from = 2026-11-01
prices = { peak = 1.02, flat = "0.6421", valley = 0.31 }
tax = 0.13
source = "notice 2026-10"
[[tariff.period]]
name = "peak"
hours = "09:00-11:00, 15:00-17:00"
days = ["workday"]
[[tariff.period]]
name = "valley"
hours = "00:00-08:00, 22:00-24:00"
[tariff.demand]
price = 40
[[tariff.fee]]
name = "meter"
amount = 30
[[allocation]]
id = "floors"
point = "block-a.energy"
by = "meter"
[[allocation.party]]
id = "block-a.plant"
points = ["block-a.tenant.energy"]
area_m2 = 800
[[allocation.party]]
id = "linhai-city"
area_m2 = 12000
"""


def money_facility(more: str = "", change: tuple[str, str] = ("", "")) -> tuple[Facility, Money]:
    """The facility of the API's tests with the tables above (change: a text in them, and what stands for it); the site works by
    the office calendar."""
    text = (FILE + (MONEY.replace(*change) if change[0] else MONEY) + more).replace(
        "area_m2 = 12800", 'area_m2 = 12800\ncalendar = "office"'
    )
    settings = parse([("f.toml", UNNAMED.sub(r'\1name = "\2"\n', text))])
    return settings.facility, settings.money


def cashier(world: World, more: str = "", books: bool = True, change: tuple[str, str] = ("", "")) -> Cashier:
    """A desk over a ledger that began 60 days ago: 100 kWh a quarter hour in all, a tenth of it the tenant's."""
    facility, money = money_facility(more, change)
    flat = FlatBooks({"block-a.energy": 100e3, "block-a.tenant.energy": 10e3, "block-a.heat": 5e3}, world.now - 60 * DAY)
    return Cashier(lambda: money, lambda: facility, lambda: flat if books else None, world.records, lambda: world.now)
