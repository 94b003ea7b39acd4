"""Money in the facility file: what loads, and that every problem is said at once with file, table and key."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from steward.app.money.tables import columns_of, season_of, tariff_of
from steward.config import parse
from steward.config.money import Money, weight
from steward.errors import ConfigError
from tests.api.money_world import MONEY, money_facility
from tests.fakes import FlatBooks

SITE = """
[[site]]
id = "a"
name = "A"
area_m2 = 500
headcount = 40
[[site]]
id = "b"
name = "B"
[[point]]
id = "a.energy"
metric = "energy"
site = "a"
[[point]]
id = "a.power"
metric = "power"
site = "a"
[[point]]
id = "a.water"
metric = "water"
site = "a"
"""


def load(text: str) -> Money:
    return parse([("f.toml", SITE + text)]).money


def problems(text: str) -> str:
    with pytest.raises(ConfigError) as error:
        load(text)
    return str(error.value)


def tariff(more: str = "", id: str = "t") -> str:
    body = more if "prices" in more else f"prices = {{ flat = 0.5 }}\n{more}"
    return f'[[tariff]]\nid = "{id}"\ncarrier = "electricity"\nunit = "kWh"\n{body}\n'


def test_prices_are_exact_whether_written_as_number_or_text() -> None:
    _, money = money_facility()
    old, new = (tariff_of(table) for table in money.tariffs)
    assert (old.prices["flat"], new.prices["flat"], new.prices["peak"]) == (Decimal("0.6"), Decimal("0.6421"), Decimal("1.02"))
    assert (old.valid_to, new.valid_from, new.valid_to) == (date(2026, 11, 1), date(2026, 11, 1), date.max)
    assert new.scale == 1000.0
    assert "peak" in MONEY


def test_every_part_of_a_tariff_loads() -> None:
    text = """
[[tariff.period]]
name = "sharp"
months = [7, 8]
seasons = ["12-15/01-15"]
hours = "09:00-11:00, 15:00-17:00"
price = 1.5
[[tariff.block]]
above = 100
add = 0.05
[[tariff.fee]]
amount = 12
per = "day"
[tariff.demand]
kind = "contracted"
price = 40
contracted = 315
window = "30m"
sliding = true
[tariff.power_factor]
"""
    one = tariff_of(load(tariff(text)).tariffs[0])
    assert one.demand is not None
    assert (one.demand.window, one.demand.sliding) == (1_800_000_000_000, True)
    assert len(one.periods[0].seasons) == 3
    assert one.row_prices() == (Decimal("1.5"), Decimal("0.5"))
    assert one.power_factor is not None
    season = load('[[heating_season]]\nid = "n"\ndays = "11-15/03-15"\nsites = ["a"]\n').seasons[0]
    assert season_of(season).span.last == (3, 15)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (tariff("prices = { peak = 1 }\n[[tariff.period]]\nname = 'peak'\nhours = '08:00-12:00'"), "no price `flat`"),
        (tariff("[[tariff.period]]\nname = 'peak'"), "no price for peak"),
        (tariff("prices = {}"), "prices is missing"),
        (tariff("prices = { flat = 'cheap' }"), "expected a number"),
        (tariff("prices = { flat = nan }"), "expected a finite number"),
        (tariff("valid_from = 2026-02-01\nvalid_to = 2026-01-01"), "lies after valid_to"),
        (tariff("currency = 'yuan'"), "tariff[t].currency"),
        (tariff("tax = 13"), "tariff[t].tax"),
        (tariff("sites = ['x']"), "f.toml:tariff[t].sites: no site 'x'"),
        (tariff("points = ['a.power']"), "'a.power' is a gauge"),
        (tariff("points = ['a.water']"), "'a.water' counts m3"),
        (tariff("[[tariff.period]]\nname = 'flat'\nhours = '09:10-10:00'"), "quarter hours"),
        (tariff("[[tariff.period]]\nname = 'flat'\nhours = '22:00-06:00'"), "rising"),
        (tariff("[[tariff.period]]\nname = 'flat'\nmonths = [13]"), "months are 1 to 12"),
        (tariff("[[tariff.period]]\nname = 'flat'\nseasons = ['02-30/03-01']"), "no such day"),
        (tariff("[tariff.demand]\nprice = 1\nwindow = '20m'"), "multiple of 15m"),
        (tariff("[tariff.demand]\nprice = 1\nkind = 'capacity'"), "contracted is missing"),
        (tariff("[[tariff.block]]\nabove = 9\nadd = 1\n[[tariff.block]]\nabove = 5\nadd = 1"), "blocks must rise"),
        (tariff() + tariff("valid_from = 2026-01-01"), "overlaps the version"),
        (tariff() + tariff(id="u"), "holds at the same time and place as 't'"),
        (tariff("valid_to = 2025-12-31") + tariff("currency = 'EUR'\nvalid_from = 2026-01-01"), "the same as before"),
        (tariff("valid_to = 2025-12-31") + tariff("billing_day = 20\nvalid_from = 2026-01-01"), "20 after 1"),
        (tariff("billing_day = 31"), "tariff[t].billing_day"),
        (tariff().replace("kWh", "m3"), "'m3' is a unit of m3, expected one of Wh"),
        (tariff().replace("kWh", "bananas"), "unknown unit"),
        (tariff().replace("electricity", "steam"), "no carrier 'steam'"),
        ("[money]\nfuel = 'coal'\nfuels = { nothing = 'diesel' }", "no fuel 'coal'"),
        ("[[heating_season]]\nid = 'n'\ndays = '15 Nov'", "expected days of the year"),
        ("[[heating_season]]\nid = 'n'\ndays = '11-15/03-15'\nsites = ['x']", "heating_season[n].sites: no site 'x'"),
    ],
)
def test_a_wrong_table_is_named_with_what_was_expected(text: str, says: str) -> None:
    assert says in problems(text)


FACTOR = '[[factor]]\nid = "f"\ncarrier = "gas"\nmeasure = "co2"\nkind = "location"\nvalue = 2\nper = "m3"\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (FACTOR.replace("location", "calorific"), "expected location or market"),
        (FACTOR.replace('"m3"', '"kWh"'), "is a unit of Wh, expected one of m3"),
        (FACTOR.replace('"m3"', '"kg"'), "density is missing"),
        (FACTOR + "density = 0.7\n", "density belongs to a factor per kg"),
        (FACTOR + FACTOR, "overlaps the version"),
        (FACTOR.replace("value = 2", "value = -2"), "factor[f].value"),
    ],
)
def test_a_wrong_factor_is_named(text: str, says: str) -> None:
    assert says in problems(text)


def test_an_allocation_must_have_what_it_divides_by() -> None:
    told = problems(
        '[[allocation]]\nid = "x"\npoint = "a.power"\nby = "area"\n[[allocation.party]]\nid = "b"\n'
        '[[allocation]]\nid = "x"\npoint = "a.energy"\nby = "meter"\n[[allocation.party]]\nid = "c"\n'
    )
    for says in (
        "is a gauge",
        "no party has area",
        "stands twice",
        "no party has points",
        "no organisation, space or site 'c'",
    ):
        assert says in told


def test_a_meter_or_party_that_stands_twice_in_an_allocation_would_be_counted_twice() -> None:
    told = problems(
        '[[allocation]]\nid = "x"\npoint = "a.energy"\nby = "meter"\n[[allocation.party]]\nid = "a"\npoints = ["a.energy"]\n'
        '[[allocation.party]]\nid = "a"\npoints = ["a.energy"]\n'
    )
    assert "'a' stands twice: it would be counted twice" in told
    assert "'a.energy' stands twice: it would be counted twice" in told


def test_a_party_has_the_area_and_people_of_its_site_unless_it_says_otherwise() -> None:
    found = load(
        '[[allocation]]\nid = "x"\npoint = "a.energy"\nby = "area"\n[[allocation.party]]\nid = "a"\n'
        '[[allocation.party]]\nid = "b"\narea_m2 = 20\nkey = 3\n'
    )
    facility = parse([("f.toml", SITE)]).facility
    first, second = found.allocations[0].party
    assert [weight(facility, first, key) for key in ("area", "headcount", "key")] == [500, 40, 0]
    assert [weight(facility, second, key) for key in ("area", "headcount", "key")] == [20, 0, 3]


def test_what_the_books_do_not_know_counts_as_nothing_and_is_marked_missing() -> None:
    found = columns_of(FlatBooks({"x": 5.0}, begin=900_000_000_000).consumption("x", 0, 1_800_000_000_000))
    assert found.value.tolist() == [0.0, 5.0]
    assert found.open().tolist() == [True, False]
    assert found.coverage.tolist() == [0.0, 1.0]
