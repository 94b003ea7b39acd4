"""The parts of a price: how a waste follows from consumption, which register counts a target, what is said without one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from metering.columns import Columns
from metering.cost import Worth
from rules import counterfactual
from rules.backtest import Episode
from rules.contract import Kind, Rule
from rules.load import kinds, load
from rules.waste import REASONS, How, Unpriced, Waste, floor, told, wasted
from steward.app.alerts.costs import AlertCosts
from steward.app.alerts.pricing import Pricer, meter_of, target_of, unpriced
from steward.app.ledger.model import Consumption
from steward.app.ledger.registers import with_derived
from steward.config import parse
from steward.errors import NotFound
from steward.model import Alert, Condition, Facility, Point, Severity
from steward.units import DAY, HOUR, MINUTE
from tests.app.tables import ENERGY, METER

QUARTER = 15 * MINUTE
T0 = 20_600 * DAY
FILE = (
    """
[[calendar]]
id = "office"
hours = { mon-sun = "08:00-18:00" }
[[site]]
id = "a"
name = "A"
time_zone = "UTC"
calendar = "office"
[[equip]]
id = "chiller"
name = "Chiller"
type = "chiller"
site = "a"
[[equip]]
id = "tower"
name = "Tower"
type = "cooling_tower"
site = "a"
"""
    + METER
    + ENERGY
    + """
[[template.point]]
id = "on"
field = "on"
metric = "on"
[[device]]
id = "d"
template = "meter"
equip = "chiller"
[[point]]
id = "t.power"
equip = "tower"
metric = "power"
unit = "kW"
[[point]]
id = "w"
site = "a"
metric = "water"
unit = "m3"
[[point]]
id = "room"
site = "a"
metric = "temperature"
[[rule]]
id = "night"
kind = "schedule"
match = { metric = "power" }
above = "5kW"
[[rule]]
id = "fan"
kind = "schedule"
match = { metric = "on" }
[[rule]]
id = "high"
kind = "threshold"
match = { metric = "power" }
above = "20kW"
deadband = "2kW"
[[rule]]
id = "warm"
kind = "threshold"
match = { metric = "temperature" }
above = "28degC"
"""
)


class Cash:
    """One unit of money for each unit of consumption, doubled from 22:00 on."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def margin(self, carrier: str, columns: Columns, site: str, point: str = "") -> Worth:
        self.asked.append(carrier)
        late = columns.start % DAY >= 22 * HOUR
        return Worth(round(float((columns.value * (1 + late)).sum()) * 1e6), "CNY", 0.5, 0.1, ("t",), ("f",))

    def carrier(self, point: Point) -> str:
        return {"energy": "electricity", "water": "water"}.get(point.metric, "")

    def fuel(self) -> str:
        return "gasoline"


def consumption(value: np.ndarray, start: int, estimated: bool = False) -> Consumption:
    size = len(value)
    begin = start + np.arange(size, dtype=np.int64) * QUARTER
    flat = np.ones(size, np.float32)
    method = np.full(size, 4 if estimated else 0, np.uint8)
    return Consumption(
        "d.energy", "Wh", begin, begin + QUARTER, value, value, value, method, np.zeros(size, np.uint16), flat, flat,
        np.full(size, 3, np.int32),
    )  # fmt: skip


@pytest.fixture
def facility() -> Facility:
    return with_derived(parse([("f.toml", FILE)]).facility, ())


def rule(facility: Facility, id: str) -> Rule:
    return next(one for one in load(facility.rules, facility).rules if one.id == id)


def alert(target: str, since: int, resolved: int | None, kind: str = "schedule", **more: Any) -> Alert:
    condition = Condition.FIRING if resolved is None else Condition.RESOLVED
    at = since if resolved is None else resolved
    return Alert("night", kind, Severity.HIGH, target, (target,), condition, since, at, since, resolved, **more)


def pricer(facility: Facility, cash: Cash, known: int = 10_000, watt: float = 8000.0, estimated: bool = False) -> Pricer:
    def ledger(point: str, start: int, end: int) -> Consumption:
        if point != "d.energy":
            raise NotFound("register", point)
        size = (end - start) // QUARTER
        return consumption(np.where(np.arange(size) < known, watt / 4, np.nan), start, estimated)

    def integrate(point: str, start: int, end: int) -> tuple[np.ndarray, np.ndarray]:
        starts = np.arange(start, end, QUARTER, dtype=np.int64)
        return starts, np.full(len(starts), watt)

    return Pricer(lambda: facility, ledger, cash, integrate)


STARTS = T0 + np.arange(8, dtype=np.int64) * QUARTER
ENDS = STARTS + QUARTER
VALUE = np.array([100.0, 100.0, 300.0, 300.0, np.nan, 300.0, 500.0, 500.0])
WHOLE = (T0, T0 + 2 * HOUR)


@pytest.mark.parametrize(
    ("waste", "judged", "expected"),
    [
        (Waste(How.WHOLE), [(T0 + HOUR // 2, T0 + HOUR)], 600.0),
        (Waste(How.WHOLE), [(T0, T0 + QUARTER // 3)], 100.0 / 3),
        (Waste(How.ABOVE, 800.0), [WHOLE], 100.0 * 3 + 300.0 * 2),
        (Waste(How.SHARE, 0.25), [WHOLE], 2100.0 / 5),
        (Waste(How.SHARE, -0.25), [WHOLE], 0.0),
        (Waste(How.RATE, 400.0), [WHOLE], 8 * 100.0),
        (Waste(How.RATE, 1200.0), [(T0, T0 + HOUR // 2)], 200.0),  # never more than was used
        (Waste(How.FLOOR), [(T0, T0 + HOUR)], 2 * 100 + 6 * 200.0),
    ],
)
def test_a_waste_follows_from_consumption_as_its_kind_says(waste: Waste, judged: list[Any], expected: float) -> None:
    assert float(wasted(waste, "Wh", STARTS, ENDS, VALUE, judged, WHOLE).sum()) == pytest.approx(expected)


def test_the_floor_is_the_least_hour_without_a_gap_in_it() -> None:
    assert floor(STARTS, ENDS, VALUE) * HOUR == pytest.approx(800.0)
    assert floor(STARTS, ENDS, np.full(8, np.nan)) == 0.0


def test_amounts_that_a_kind_measured_are_told_by_the_name_of_their_key() -> None:
    assert told({"wasted_kwh": 2.5}) == Waste(How.TOLD, 2500.0, "Wh")
    assert told({"litres": 8.0}) == Waste(How.TOLD, 0.008, "m3")
    assert told({"score": 3.0}) is None


def test_a_night_is_priced_by_the_register_beside_the_gauge_at_the_price_of_each_hour(facility: Facility) -> None:
    cash = Cash()
    since = T0 + 17 * HOUR + 1800 * 10**9  # half an hour before it closes: not judged
    price = pricer(facility, cash).price(alert("d.power", since, T0 + 23 * HOUR), rule(facility, "night"), T0 + 30 * HOUR)
    assert (price.meter.register, price.unit) == ("d.energy", "Wh")
    assert price.amount == pytest.approx(5 * 8000.0)
    assert price.money() == pytest.approx(4 * 8000.0 + 2 * 8000.0)
    assert price.day == pytest.approx(14 * 8000.0), "all closed hours of a day"
    assert set(cash.asked) == {"electricity"}
    shown = price.plain()
    assert shown["per_day"] == pytest.approx(price.per_day())
    assert shown["share_estimated"] == 0.0
    assert (shown["basis"]["tariffs"], shown["basis"]["factors"], shown["basis"]["revision"]) == (["t"], ["f"], 3)


def test_estimated_consumption_shows_in_the_price(facility: Facility) -> None:
    price = pricer(facility, Cash(), estimated=True).price(alert("d.power", T0, T0 + HOUR), rule(facility, "night"), T0 + DAY)
    assert price.plain()["share_estimated"] == 1.0


def test_a_firing_alert_costs_what_the_ledger_knows_so_far(facility: Facility) -> None:
    price = pricer(facility, Cash(), known=6).price(alert("d.power", T0, None), rule(facility, "night"), T0 + 4 * HOUR)
    assert price.amount == pytest.approx(6 * 2000.0)
    assert price.until == T0 + 6 * QUARTER
    with pytest.raises(Unpriced, match="no_ledger"):
        pricer(facility, Cash(), known=0).price(alert("d.power", T0, None), rule(facility, "night"), T0 + HOUR)


def test_a_gauge_without_a_register_is_integrated_and_the_price_says_so(facility: Facility) -> None:
    price = pricer(facility, Cash()).price(alert("t.power", T0, T0 + 2 * HOUR), rule(facility, "night"), T0 + DAY)
    shown = price.plain()
    assert (shown["basis"]["register"], shown["basis"]["gauge"]) == ("", "t.power")
    assert (shown["energy"], shown["share_estimated"]) == (pytest.approx(16_000.0), 1.0)


def test_a_state_is_priced_by_the_only_register_of_its_equip(facility: Facility) -> None:
    price = pricer(facility, Cash()).price(alert("d.on", T0, T0 + HOUR), rule(facility, "fan"), T0 + DAY)
    assert price.meter.register == "d.energy"
    room = alert("room", T0, None)
    with pytest.raises(Unpriced, match="no_register"):
        meter_of(facility, target_of(facility, room), room)


def test_a_derived_gauge_is_counted_by_its_register(facility: Facility) -> None:
    flow = alert("w.flow", T0, None)
    assert meter_of(facility, target_of(facility, flow), flow).register == "w"


def test_what_is_above_a_limit_is_the_waste_of_a_threshold_and_warmth_has_no_price(facility: Facility) -> None:
    high = alert("d.power", T0, T0 + HOUR, "threshold", worst=26_000.0, limit=20_000.0)
    price = pricer(facility, Cash(), watt=26_000.0).price(high, rule(facility, "high"), T0 + DAY)
    assert price.amount == pytest.approx(6000.0)
    with pytest.raises(Unpriced, match="nothing_used"):
        pricer(facility, Cash()).price(alert("room", T0, T0 + HOUR, "threshold"), rule(facility, "warm"), T0 + DAY)


def test_an_end_is_priced_by_what_was_seen_while_it_fired(facility: Facility) -> None:
    [level] = load([("t", {"id": "l", "kind": "level", "match": {"point": "d.power"}})], facility).rules
    over = alert("d.power", T0 + 9 * DAY, T0 + 10 * DAY, "level", evidence={"step_value": -100.0})
    price = pricer(facility, Cash()).price(over, level, T0 + 11 * DAY, {"step_value": 1000.0})
    assert price.amount == pytest.approx(8 * 24 * 1000.0), "from a week before the alert on"
    with pytest.raises(Unpriced):
        pricer(facility, Cash()).price(over, level, T0 + 11 * DAY)


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_every_kind_says_by_a_known_word_why_it_has_no_price(kind: str) -> None:
    made: type[Kind] = kinds()[kind]
    assert made.UNPRICED in REASONS


def test_every_reason_has_words_in_both_languages() -> None:
    for code in REASONS:
        said = unpriced(code)
        assert all(said["why"][language] for language in ("en", "zh"))
        assert counterfactual.costs(said, "zh").startswith("未计价")


def test_the_episodes_of_a_trial_are_priced_by_the_rule_that_made_them_each_once(facility: Facility) -> None:
    cash, nothing = Cash(), cast(Any, None)
    costs = AlertCosts(
        pricer(facility, cash), nothing, nothing, nothing, nothing, lambda: T0 + DAY, CollectorRegistry()
    )  # fmt: skip
    one = Episode("night@0", "schedule", Severity.LOW, "d.power", ("d.power",), T0, T0, T0 + HOUR, 8e3, 8e3, 5e3, {})
    assert costs.of_episode(one, rule(facility, "night")) == pytest.approx(8000.0)
    asked = len(cash.asked)
    assert costs.of_episode(one, rule(facility, "night")) == pytest.approx(8000.0)
    assert len(cash.asked) == asked, "remembered"
    warm = replace(one, target="room", points=("room",))
    assert costs.of_episode(warm, rule(facility, "warm")) is None
    assert costs.of_episode(one, None) is None


def test_an_episode_carries_the_evidence_of_its_firing() -> None:
    one = Episode("r", "level", Severity.LOW, "p", ("p",), 1, 2, 3, 0.0, 0.0, 0.0, {"step_value": 1.0}, {"step_value": 9.0})
    assert one.told["step_value"] == 9.0


def test_the_counterfactual_is_a_sentence_in_display_units(facility: Facility) -> None:
    high = alert("d.power", T0, None, "threshold", value=2.6e4, evidence={"clear_at": 18_000.0})
    held = replace(rule(facility, "high"), keep=10 * MINUTE)
    assert counterfactual.clears(high, held, facility)["en"] == "It would clear at 18 kW. It must stay so for 10 min."
    assert counterfactual.clears(high, None, facility)["zh"] == "至18 kW即解除。"
    night = alert("d.power", T0 + 20 * HOUR, None, evidence={"clear_at": 5000.0, "closed_since": T0 + 18 * HOUR})
    said = counterfactual.clears(night, None, facility)["en"]
    assert said == "It would clear at 5 kW; it would not have come up had it stopped by 18:00."
    assert counterfactual.clears(alert("room", T0, None, "hunting"), None, facility) == {}


def test_a_cost_in_words_names_amount_money_and_what_a_day_costs() -> None:
    cost = {"energy": 312_000.0, "money": 187.35, "currency": "CNY", "carbon": 178.0, "per_day": 412.0}
    assert counterfactual.costs(cost) == "So far 312 kWh, 187.35 CNY, 178 kg CO2; 412.00 CNY a day if left."
    assert counterfactual.costs({"volume": 4.2}, "zh") == "已耗4.2 m³。"
    assert counterfactual.costs(None) == ""
