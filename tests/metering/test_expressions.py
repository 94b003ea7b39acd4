"""Expressions of virtual meters: what is understood, what is refused and with which words; nothing is evaluated as code."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.columns import Columns
from metering.derived import Register, VirtualMeter, derive, resolve
from metering.expressions import BadExpression, evaluate, parse
from metering.intervals import QUARTER, Flag, Method
from steward.model import FloatArray

UNITS = {"main.energy": "Wh", "a-light.energy": "Wh", "a": "Wh", "b": "Wh", "gas.gas": "m3", "w.water": "m3"}
METRICS = {"gas.gas": "gas", "w.water": "water"}
REGISTERS = [Register(id, unit, METRICS.get(id, "energy")) for id, unit in UNITS.items()]
POWER = Register("main.power", "W", "power", gauge=True)


def value(text: str, **inputs: float) -> float:
    columns = {id: Columns.of([0], [QUARTER], [amount]) for id, amount in inputs.items()}
    found: FloatArray = evaluate(parse(text), columns, 1)
    return float(found[0])


def faults(*expressions: str, metric: str = "") -> list[str]:
    meters = [VirtualMeter(f"v{number}", text, metric) for number, text in enumerate(expressions)]
    return [f"{one.where}.{one.key}: {one.message} | {one.expected}" for one in resolve(meters, [*REGISTERS, POWER])[1]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b", 12.0),
        ("a - b - b", 8.0 - 4 * 2),
        ("a - (b - b)", 8.0),
        ("0.5 * a + 25e-1 * b", 4.0 + 10.0),
        ("a / 4", 2.0),
        ("-a + b", -4.0),
        ("max(a - 10, 0)", 0.0),
        ("min(a, b, 3)", 3.0),
        ("sum(a, b, a - b)", 16.0),
        ('sum("a", b)', 12.0),
        ("2[kWh] * a / 1[kWh]", 16.0),
    ],
)
def test_an_expression_means_what_arithmetic_says(text: str, expected: float) -> None:
    assert value(text, a=8.0, b=4.0) == pytest.approx(expected)


def test_a_hyphen_inside_an_id_belongs_to_it_and_with_spaces_it_is_a_minus() -> None:
    assert value("a-light.energy - b", **{"a-light.energy": 5.0, "b": 2.0}) == 3.0
    assert faults("a-b") == ["v0.expression: column 1: no register 'a-b' | spaces around a minus: a - b"]


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("", 1, "empty"),
        ("a +", 4, "ends in the middle"),
        ("a ) b", 3, "')' does not fit"),
        ("a b", 3, "'b' does not fit"),
        ("__import__('os').system('x')", 11, "does not fit here"),
        ("a; b", 2, "';' does not fit"),
        ("(" * 60 + "a" + ")" * 60, 1, "more than 50 brackets"),
        ("a + " * 2000 + "a", 1, "signs long"),
    ],
)
def test_what_is_no_expression_is_refused_with_its_place(text: str, column: int, words: str) -> None:
    with pytest.raises(BadExpression) as error:
        parse(text)
    assert error.value.complaint.column == column
    assert words in error.value.complaint.message
    assert error.value.complaint.expected


@given(st.text(alphabet='ab1.*+-/()[], "sumxin#', max_size=30))
def test_any_text_is_an_expression_or_a_bad_one(text: str) -> None:
    found = []
    try:
        parse(text)
    except BadExpression as error:
        found.append(error.complaint.column)
    assert all(1 <= column <= len(text) + 1 for column in found)


def test_kilowatt_hours_and_cubic_metres_are_not_added() -> None:
    assert faults("a + gas.gas") == ["v0.expression: column 5: m3 cannot be put together with Wh | a quantity in Wh"]
    assert faults("a + gas.gas * 9.7[kWh/m3]") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a * b", "the product of two meters is no consumption"),
        ("1 / a", "division by a meter"),
        ("a / 0", "division by zero"),
        ("a / (2 - 2)", "division by zero"),
        ("a / 1e-320", "division by zero"),
        ("a * 1e400", "too large a number"),
        ("a + 5", "a plain number cannot be put together with Wh"),
        ("3 + 4", "names no meter"),
        ("a * 2[bananas]", "unknown unit 'bananas'"),
        ("a * 2[degC]", None),
        ("a / 2[kWh]", "the result is in a plain number"),
        ("main.power - a", "'main.power' is a gauge (power), no register"),
        ("main.enrgy", "no register 'main.enrgy' | one of main.energy"),
        ("sum(tenant.*)", "'tenant.*' finds nothing"),
        ("sum(a, a)", "'a' is counted twice in a sum"),
        ("gas.gas + w.water", "a result in m3 may be several things"),
    ],
)
def test_what_is_no_consumption_is_refused(text: str, words: str | None) -> None:
    found = faults(text)
    assert len(found) == 1
    if words:
        assert words in found[0]


def test_every_fault_of_every_meter_is_said_at_once() -> None:
    found = faults("nobody + nothing", "a + gas.gas", "a +", "a - b")
    assert [one.split(":")[0] for one in found] == ["v2.expression", "v0.expression", "v0.expression", "v1.expression"]


def test_a_metric_that_does_not_fit_the_unit_is_refused_and_one_that_does_is_taken() -> None:
    assert faults("a + b", metric="water") == [
        "v0.metric: 'water' is no metric of consumption in Wh | one of energy, energy_export, heat"
    ]
    plan, found = resolve([VirtualMeter("v", "gas.gas + w.water", "water")], REGISTERS)
    assert not found
    assert (plan.meters["v"].metric, plan.meters["v"].unit) == ("water", "m3")


def test_meters_that_go_round_in_a_circle_are_refused_once_and_the_rest_goes_on() -> None:
    meters = [VirtualMeter("x", "y + a"), VirtualMeter("y", "z"), VirtualMeter("z", "x"), VirtualMeter("good", "a - b")]
    plan, found = resolve(meters, REGISTERS)
    assert [one.message for one in found] == ["column 1: goes round in a circle: x > y > z > x"]
    assert list(plan.meters) == ["good"]


def test_meters_are_resolved_in_any_order_of_writing() -> None:
    meters = [VirtualMeter("top", "sum(mid.*)"), VirtualMeter("mid.1", "a"), VirtualMeter("mid.2", "b + b")]
    plan, found = resolve(meters, REGISTERS)
    assert not found
    assert plan.meters["top"].registers == ("a", "b")
    assert plan.registers(["top", "gas.gas"]) == ("a", "b", "gas.gas")


def columns(value: list[float], **more: object) -> Columns:
    start = np.arange(len(value)) * QUARTER
    return Columns.of(start, start + QUARTER, value, **more)


def test_a_gap_an_estimate_and_a_provisional_input_show_in_the_result() -> None:
    plan, _ = resolve([VirtualMeter("v", "a - b")], REGISTERS)
    peak = int(Flag.PEAK_ELIGIBLE)
    inputs = {
        "a": columns([5, 5, 5, 5], flags=[peak, peak, peak | Flag.PROVISIONAL, peak], confidence=[1, 1, 0.9, 1]),
        "b": columns([1, 1, 1], method=[0, Method.ESTIMATED, 0], flags=[peak, Flag.SPREAD, peak], confidence=[1, 0.3, 1]),
    }
    result = derive(plan, "v", inputs.__getitem__, 0, 4 * QUARTER).columns
    assert result.value.tolist() == [4, 4, 4, 5]
    assert result.method.tolist() == [0, Method.ESTIMATED, 0, 0]
    assert [Flag(int(one)) for one in result.flags] == [
        Flag.PEAK_ELIGIBLE,
        Flag.SPREAD,
        Flag.PEAK_ELIGIBLE | Flag.PROVISIONAL,
        Flag.MISSING,
    ]
    assert result.confidence.tolist() == pytest.approx([1, 0.3, 0.9, 0])
    assert result.coverage.tolist() == [1, 1, 1, 0]


def test_a_restated_input_restates_the_result_and_a_negative_one_is_flagged() -> None:
    plan, _ = resolve([VirtualMeter("v", "a - b")], REGISTERS)
    inputs = {"a": columns([5, 5], revision=[3, 3]), "b": columns([1, 1], revision=[5, 5])}
    before = derive(plan, "v", inputs.__getitem__, 0, 2 * QUARTER)
    inputs["a"] = columns([0, 5], revision=[4, 3])
    after = derive(plan, "v", inputs.__getitem__, 0, 2 * QUARTER)
    assert (after.columns.revision > before.columns.revision).tolist() == [True, False]
    assert after.revisions == {"a": 4, "b": 5}
    assert after.columns.value.tolist() == [-1, 4]
    assert after.columns.has(Flag.BACKFLOW).tolist() == [True, False]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_sums_of_quarter_hours_are_sums_of_inputs(value: list[float]) -> None:
    plan, _ = resolve([VirtualMeter("v", "2 * a - b / 4")], REGISTERS)
    inputs = {"a": columns(value), "b": columns(value[::-1])}
    total = derive(plan, "v", inputs.__getitem__, 0, len(value) * QUARTER).columns.total()
    assert total == pytest.approx(sum(value) * 1.75, abs=1e-3)
