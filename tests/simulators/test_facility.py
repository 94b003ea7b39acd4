"""The facility file of the campus: it loads without a problem and says what the simulation sends."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors.formats import formats
from simulators.facility import campus_toml, text
from simulators.layout import campus_plan
from simulators.occupancy import HOLIDAYS, WORKDAYS
from steward.config import load
from steward.model import METRICS, Facility


@pytest.fixture(scope="module")
def facility(tmp_path_factory: pytest.TempPathFactory) -> Facility:
    path = tmp_path_factory.mktemp("facility") / "campus.toml"
    path.write_text(campus_toml(), "utf-8")
    return load(path, formats=list(formats())).facility


def test_every_point_that_is_simulated_is_configured_and_no_other(facility: Facility) -> None:
    assert set(facility.points) == set(campus_plan().points())


def test_every_device_has_the_address_and_format_that_it_speaks_in(facility: Facility) -> None:
    plan = campus_plan()
    for device in (*plan.devices, *plan.gateways):
        found = facility.devices[device.id]
        assert (found.address, found.format, found.gateway) == (device.address, device.template.format, device.gateway)
        assert found.site == device.site


def test_units_and_natures_are_those_of_the_metrics(facility: Facility) -> None:
    for point in facility.points.values():
        assert point.unit == METRICS[point.metric].unit
        assert point.nature == METRICS[point.metric].nature


def test_the_campus_has_bodies_buildings_and_official_vehicles_in_two_languages(facility: Facility) -> None:
    assert facility.organisations["office-affairs"].parent == "linhai"
    assert facility.organisations["linhai"].parent == "zj"
    assert len(facility.sites) == 4
    vehicles = [equip for equip in facility.equips.values() if equip.type in ("vehicle", "bus")]
    assert len(vehicles) == 8
    assert all(equip.plate.startswith("浙A·") for equip in vehicles)
    named = (*facility.sites.values(), *facility.equips.values(), *facility.points.values(), *facility.organisations.values())
    assert all(thing.name.get("en") and thing.name.get("zh") for thing in named)


def test_sub_metering_categories_cover_lighting_cooling_power_and_special(facility: Facility) -> None:
    found = {point.category for point in facility.points.values() if point.category}
    assert {"A1", "A2", "A3", "B1", "B2", "C1", "C3", "D1", "D2"} <= found


def test_feeds_lead_from_the_transformers_to_every_circuit(facility: Facility) -> None:
    reached, todo = set(), ["transformer-1", "transformer-2"]
    while todo:
        id = todo.pop()
        reached.add(id)
        todo += [fed for fed in facility.equips[id].feeds if fed in facility.equips] if id in facility.equips else []
    assert {equip for equip in facility.equips if equip.endswith(".circuit")} <= reached
    assert {"chiller-1", "chiller-2", "ups-1", "crac-1", "charger-1"} <= reached


def test_pace_and_own_rules_are_taken_over(tmp_path: Path) -> None:
    rule = '[[rule]]\nid = "own"\nkind = "threshold"\nmatch = { metric = "co2" }\nabove = "1000ppm"\n'
    written = campus_toml(pace=0.1, rules=rule, packs=(), broker="mqtt://broker:1884", embedded=False)
    (tmp_path / "campus.toml").write_text(written, "utf-8")
    settings = load(tmp_path / "campus.toml")
    assert [table["id"] for _, table in settings.facility.rules] == ["own"]
    assert settings.facility.points["em-a.power"].interval == 6 * 10**9


def test_texts_with_quotes_signs_and_other_scripts_stay_what_they_are() -> None:
    import tomllib

    texts = ('a "quoted" one', "back\\slash", "浙A·0312", "tab\there")
    for value in (*texts, True, 3, 2.5, ["a", 1.0], {"mon-fri": "x", "a b": {"c": 1}}):
        assert tomllib.loads(f"x = {text(value)}")["x"] == value


def test_the_calendar_of_the_file_has_the_holidays_that_the_simulation_keeps(tmp_path: Path) -> None:
    path = tmp_path / "campus.toml"
    path.write_text(campus_toml(), "utf-8")
    office = load(path).facility.calendars["office"]
    assert {day for day in office.holidays if day.startswith("2026")} == HOLIDAYS
    assert {day for day in office.workdays if day.startswith("2026")} == set(WORKDAYS)


def test_the_file_holds_a_tariff_of_every_period_and_the_factors_of_its_province(tmp_path: Path) -> None:
    path = tmp_path / "campus.toml"
    path.write_text(campus_toml(), "utf-8")
    money = load(path).money
    electricity = next(table for table in money.tariffs if table.carrier == "electricity")
    assert {period.name for period in electricity.period} | {"flat"} == set(electricity.prices)
    assert money.settings.region == "CN-33"
