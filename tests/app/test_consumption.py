"""Answers about consumption, over a campus whose loads are known: sums, shapes, balances, indicators, quotas, ranking."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from api.energy import Branch, Figure, Summary
from metering.columns import Columns
from metering.intervals import Flag, Method
from steward.app.consumption.data import categories, quotas
from steward.app.consumption.figures import Valued
from steward.app.ledger.model import Consumption
from steward.app.ledger.weather import weather_of_file
from steward.errors import ConfigError, NotFound, StewardError
from tests.app.energy_world import HOURS, NOW, OCTOBER, at, places, settings, world


def branches(summary: Summary) -> dict[str, Branch]:
    return {branch.key: branch for branch in summary.branches}


def energy(branch: Branch, metric: str = "energy") -> Figure:
    return next(figure for figure in branch.figures if figure.metric == metric)


def kwh(watts: float) -> object:
    return pytest.approx(watts * HOURS)


async def test_each_site_is_told_by_its_own_meters_and_says_which_were_left_out() -> None:
    found = branches(await world().desk.summary("site", *OCTOBER, None, ""))
    a = energy(found["site:a"])
    assert (a.value, a.registers) == (kwh(100e3), ["a-board.energy"])
    left = {one.register: (one.why, one.of) for one in a.left_out}
    assert left["transformer.energy"] == ("beyond", "b-board")
    assert left["a-light.energy"] == ("under", "a-board")
    assert energy(found["site:a"], "water").value == pytest.approx(HOURS)
    assert a.quality.method == "measured"
    assert a.quality.missing == 0


async def test_a_site_with_solar_consumes_import_plus_generation_less_export() -> None:
    b = branches(await world().desk.summary("site", *OCTOBER, None, ""))["site:b"]
    assert energy(b).value == kwh(75e3)
    assert b.generation is not None
    assert b.generation.self_consumption == pytest.approx(0.75)
    assert b.generation.autarky == pytest.approx(0.2)


@pytest.mark.parametrize(("rule", "building"), [("building", 100e3), ("vehicles", 92e3)])
async def test_charging_of_own_vehicles_is_counted_once_by_the_declared_rule(rule: str, building: float) -> None:
    here = world(text=places().replace("[energy]\n", f'[energy]\ncharging = "{rule}"\n'))
    charging = branches(await here.desk.summary("site", *OCTOBER, None, "a"))["site:a"].charging
    assert charging is not None
    assert charging.building == kwh(building)
    assert charging.vehicles == kwh(8e3)
    assert charging.registers == ["a-charger.energy"]


async def test_categories_and_what_is_in_none_add_up_to_the_site() -> None:
    found = branches(await world().desk.summary("category", *OCTOBER, None, "a"))
    values = {key.partition("/")[2]: energy(branch).value for key, branch in found.items() if branch.kind == "category"}
    assert values == {
        "A": kwh(40e3), "A1": kwh(40e3), "C": kwh(10e3), "C1": kwh(10e3), "D": kwh(42e3), "D6": kwh(42e3), "-": kwh(8e3),
    }  # fmt: skip
    assert found["category:a/D6"].name == {"en": "Other", "zh": "其他"}
    assert found["category:a/A1"].parent == "category:a/A"
    rest = energy(found["category:a/D6"])
    assert rest.registers == ["a.rest"]
    assert "a-board.energy" in rest.parts


async def test_a_virtual_main_meter_is_the_whole_of_its_own_place_and_of_no_other() -> None:
    more = """
[[virtual_meter]]
id = "hall.all"
space = "a.hall"
role = "main"
expression = "0.5 * a-light.energy"
[[virtual_meter]]
id = "c.all"
site = "c"
role = "main"
expression = "2 * c-board.energy"
"""
    here = world(text=places(more).replace('feeds = ["a.hall"]', "feeds = []"))
    found = branches(await here.desk.summary("space", *OCTOBER, None, ""))
    assert energy(found["space:a.hall"]).registers == ["hall.all"]
    assert energy(found["site:a"]).registers == ["a-board.energy"]
    assert energy(found["site:c"]).value == kwh(60e3)


async def test_spaces_and_equips_have_their_own_trees() -> None:
    here = world()
    spaces = branches(await here.desk.summary("space", *OCTOBER, None, "a"))
    assert energy(spaces["space:a.hall"]).registers == ["a-light.energy"]
    equips = branches(await here.desk.summary("equip", *OCTOBER, None, "a"))
    assert equips["equip:a-lift"].parent == "equip:a-board"
    assert equips["equip:a-board"].parent == "equip:transformer"
    assert energy(equips["equip:transformer"]).value == kwh(170e3)


async def test_a_course_by_day_sums_to_the_total_and_marks_what_is_not_measured() -> None:
    here = world()

    def spoil(one: Consumption) -> Consumption:
        flags, method, value = one.flags.copy(), one.method.copy(), one.value.copy()
        flags[:96] = Flag.SPREAD
        method[:96] = Method.INTERPOLATED
        flags[96:100] |= np.uint16(Flag.PROVISIONAL)
        flags[192:196], value[192:196] = Flag.HELD, 0
        value[300] = np.nan
        return replace(one, flags=flags, method=method, value=value)

    here.books.spoil["a-board.energy"] = spoil
    figure = energy(branches(await here.desk.summary("site", *OCTOBER, "day", "a"))["site:a"])
    assert figure.course is not None
    assert len(figure.course.start) == 31
    assert sum(figure.course.value) == pytest.approx(figure.value)
    assert figure.course.mark[:5] == ["estimated", "provisional", "held", "missing", ""]
    assert figure.quality.spread == pytest.approx(96 / (31 * 96), rel=0.01)
    assert figure.quality.held > 0
    assert figure.quality.missing > 0
    assert figure.quality.method == "interpolated"


async def test_a_restated_register_restates_the_virtual_meter_that_rests_on_it() -> None:
    here = world()
    before = energy(branches(await here.desk.summary("category", *OCTOBER, None, "a"))["category:a/D6"])
    here.books.spoil["a-lift.energy"] = lambda one: replace(one, value=one.value * 2, revision=np.full(len(one), 7, np.int32))
    after = energy(branches(await here.desk.summary("category", *OCTOBER, None, "a"))["category:a/D6"])
    assert (before.value, after.value) == (kwh(42e3), kwh(32e3))
    assert (before.quality.revision, after.quality.revision) == (0, 7)


async def test_a_sum_asks_the_books_for_each_register_once() -> None:
    here = world()
    await here.desk.summary("category", *OCTOBER, None, "a")
    assert len(here.books.asked) == len(set(here.books.asked))


class Flat:
    """A price of 0.8 a kWh and a factor of 0.5 kg; coal is not known."""

    def valued(self, point: str, columns: Columns) -> Valued:
        return Valued(columns.total() / 1000 * 0.8, "CNY", columns.total() / 1000 * 0.5, None)


async def test_cost_and_carbon_come_from_whoever_knows_them_and_are_absent_without() -> None:
    worth = energy(branches(await world(money=Flat()).desk.summary("site", *OCTOBER, None, "a"))["site:a"]).worth
    assert worth.cost == pytest.approx(100 * HOURS * 0.8)
    assert (worth.currency, worth.coal) == ("CNY", None)
    none = energy(branches(await world().desk.summary("site", *OCTOBER, None, "a"))["site:a"]).worth
    assert (none.cost, none.carbon) == (None, None)


async def test_the_default_span_is_this_local_month_so_far() -> None:
    found = await world().desk.summary("site", None, None, None, "a")
    assert (found.start, found.end) == (at("2026-11-01T00:00") // 1_000_000, NOW // 1_000_000)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("site", OCTOBER[1], OCTOBER[0], None, ""), "start is not before end"),
        (("site", at("2020-01-01T00:00"), NOW, None, ""), "expected at most 1464"),
        (("site", at("2025-01-01T00:00"), NOW, "quarter", ""), "days by quarter, expected at most 45"),
    ],
)
async def test_what_cannot_be_asked_is_refused_with_words(arguments: tuple[object, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        await world().desk.summary(*arguments)  # type: ignore[arg-type]


async def test_unknown_nodes_are_named() -> None:
    here = world()
    for call in (
        here.desk.summary("site", *OCTOBER, None, "nowhere"),
        here.desk.profile("nowhere", "energy", *OCTOBER),
        here.desk.profile("outdoor", "energy", *OCTOBER),
        here.desk.balance("nowhere", "energy", *OCTOBER),
        here.desk.indicators("nowhere", "energy", *OCTOBER),
        here.desk.quota("nowhere", None),
        here.desk.profile("c", "water", *OCTOBER),
    ):
        with pytest.raises(NotFound, match=r"nowhere|outdoor|water meter at"):
            await call


@pytest.mark.parametrize(
    "key", ["a", "site:a", "equip:a-lift", "a-lift.energy", "point:a.rest", "category:a/D6", "space:a.hall"]
)
async def test_the_shape_of_any_node_can_be_asked(key: str) -> None:
    found = await world().desk.profile(key, "energy", *OCTOBER)
    assert len(found.heat) == len(found.days) == 31
    assert found.days[0] == "2026-10-01"
    assert found.heat[0] == [found.duration[0]] * 24
    assert found.registers


async def test_the_balance_of_a_site_counts_generation_and_names_the_children() -> None:
    rows = (await world().desk.balance("a", "energy", *OCTOBER)).rows
    top = next(row for row in rows if row.nodes == ["transformer"])
    assert (top.supplied, top.unaccounted) == (kwh(170e3), kwh(10e3))
    board = next(row for row in rows if row.nodes == ["a-board"])
    assert {child.node for child in board.children} == {"a-light", "a-lift", "a-charger"}
    assert board.share == pytest.approx(0.42)
    assert board.significant


async def test_indicators_of_a_site_follow_from_its_load_and_what_is_declared() -> None:
    found = await world().desk.indicators("a", "energy", *OCTOBER)
    assert found.per_m2.value == kwh(10.0)
    assert found.per_person.value == kwh(250.0)
    assert found.heating == pytest.approx(310)  # 10 K below 18 degC, 31 days
    assert found.per_degree_day.value == pytest.approx(100e3 * HOURS / 310)
    assert (found.peak.value, found.load_factor.value, found.baseload_share.value) == (100e3, 1.0, 1.0)
    assert found.night_share.value == pytest.approx(1 / 3)
    assert found.weekend_share.value == pytest.approx(10 / 31)  # 9 weekend days, one of them worked, and two holidays
    assert found.previous.start == at("2026-09-01T00:00") // 1_000_000
    assert found.last_year.start == at("2025-10-01T00:00") // 1_000_000
    assert found.last_year.change == pytest.approx(0)


async def test_an_indicator_that_cannot_be_said_says_why() -> None:
    found = await world().desk.indicators("c", "energy", at("2025-01-01T00:00"), at("2025-02-01T00:00"))
    assert found.last_year.reason == "not_comparable"
    later = await world().desk.indicators("a", "energy", NOW, NOW + (OCTOBER[1] - OCTOBER[0]))
    assert later.peak.reason == "no_peak_eligible"
    assert later.load_factor.reason == "shape_unknown"
    assert later.per_m2.reason == "not_whole"


async def test_the_share_of_free_days_says_where_holidays_are_not_announced() -> None:
    here = world()
    facility = here.energy.scopes.facility
    announced = replace(facility.calendars["office"], country="CN", known_from="2026-01-01", known_until="2026-10-24")
    vague = replace(facility, calendars={"office": announced})
    here.energy._facility = lambda: vague
    found = await here.desk.indicators("a", "energy", *OCTOBER)
    assert found.weekend_share.detail["unannounced"] == pytest.approx(7 / 31)
    calm = await world().desk.indicators("a", "energy", *OCTOBER)
    assert "unannounced" not in calm.weekend_share.detail


async def test_quotas_are_the_sites_own_before_the_standards() -> None:
    found = await world().desk.quota("a", None)
    rows = {row.metric: row for row in found.rows}
    assert rows["water"].id == "a-water"
    assert (rows["water"].limit, rows["water"].to_date) == (
        9000,
        pytest.approx((at("2026-11-03T00:00") - at("2026-01-01T00:00")) / 3.6e12),
    )
    assert rows["energy"].standard == "GB/T 51161-2016"
    assert rows["energy"].limit == 90e3 * 10_000
    assert "[R]" in rows["energy"].source
    year = 8760.0
    assert rows["water"].forecast.value == pytest.approx(year, rel=0.001)
    assert rows["water"].forecast.basis == "degree_days"
    assert rows["water"].outlook == "within_limit"
    assert rows["water"].pace is not None
    assert rows["water"].pace.pace == pytest.approx(year / 9000, rel=0.01)
    assert rows["energy"].outlook == "within_limit"  # 87.6 of 90 kWh/m2


async def test_a_finished_year_is_told_as_it_ended() -> None:
    row = next(row for row in (await world().desk.quota("a", 2025)).rows if row.metric == "water")
    assert row.forecast.value == row.forecast.low == pytest.approx(8760)
    with pytest.raises(ValueError, match="year 2027, expected 2000 to 2026"):
        await world().desk.quota("a", 2027)


async def test_like_buildings_are_ranked_by_square_metre_and_by_head() -> None:
    found = await world().desk.ranking("energy", "m2", *OCTOBER)
    assert [(row.site, row.rank) for row in found.rows] == [("c", 1), ("b", 2), ("a", 3)]
    assert found.rows[0].percentile == 1.0
    by_head = await world().desk.ranking("energy", "person", *OCTOBER)
    assert [row.site for row in by_head.rows] == ["a", "c", "b"]
    water = await world().desk.ranking("water", "m2", *OCTOBER)
    assert {row.site: row.reason for row in water.rows} == {"a": "too_few_peers", "b": "no_data", "c": "no_data"}


def test_every_problem_of_virtual_meters_buildings_and_quotas_is_said_at_once() -> None:
    more = """
[[virtual_meter]]
id = "bad.units"
site = "a"
expression = "a-board.energy + a.water"
[[virtual_meter]]
id = "a-lift.energy"
site = "a"
expression = "a-board.energy"
[[virtual_meter]]
id = "bad.place"
expression = "a-bord.energy"
[[virtual_meter]]
id = "twice"
site = "a"
expression = "sum(a-*.energy)"
[[building]]
site = "nowhere"
weather = "a.water"
[[quota]]
id = "q"
site = "a"
metric = "water"
unit = "kWh"
limit = 5
"""
    with pytest.raises(ConfigError) as error:
        settings(more)
    found = [str(problem) for problem in error.value.problems]
    assert [one.split(",")[0] for one in found] == [
        "f.toml:virtual_meter[a-lift.energy].id: 'a-lift.energy' is taken by a point",
        "f.toml:virtual_meter[bad.place].site: missing",
        "f.toml:building[nowhere].site: no site 'nowhere'",
        "f.toml:building[nowhere].weather: 'a.water' is a point of water",
        "f.toml:quota[q].unit: 'kWh' is a unit of Wh",
        "f.toml:virtual_meter[twice].expression: column 5: double counting: 'a-light.energy' lies under 'a-board.energy'",
        "f.toml:virtual_meter[bad.units].expression: column 18: m3 cannot be put together with Wh",
        "f.toml:virtual_meter[bad.place].expression: column 1: no register 'a-bord.energy'",
    ]


def test_shipped_data_is_readable_and_named_in_both_languages() -> None:
    assert len(quotas()) >= 10
    assert {"A1", "B2", "C3", "D6"} <= categories().keys()
    assert all({"en", "zh"} <= set(name) for name in categories().values())


def test_weather_is_read_from_a_file_and_a_wrong_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "w.csv"
    file.write_text("at,degc\n2026-10-01T00:00+08:00,8\n2026-10-01T01:00+08:00,9.5\n")
    assert weather_of_file(file).degc.tolist() == [8.0, 9.5]
    file.write_text("at,degc\n2026-10-01T00:00,8\n")
    with pytest.raises(StewardError, match=r"w\.csv:2: no time zone"):
        weather_of_file(file)
    with pytest.raises(StewardError, match="weather file"):
        weather_of_file(file.with_name("none.csv"))
