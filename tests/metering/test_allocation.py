"""Allocation: what parties bear and what is left add up to the cost, whatever the weights; a residual is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.allocation import Party, allocate, divide

WEIGHTS = st.lists(st.floats(0, 1e9, allow_nan=False), min_size=1, max_size=12).filter(lambda each: sum(each) > 0)


@given(st.integers(-(10**14), 10**14), WEIGHTS)
def test_the_parts_add_up_exactly_and_none_is_off_by_a_unit(total: int, weights: list[float]) -> None:
    parts = divide(total, weights)
    assert sum(parts) == total
    whole = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - total * (weight / whole)) <= 1 + abs(total) * 1e-12


@given(
    st.integers(0, 10**12),
    st.lists(st.tuples(st.integers(0, 10**12), st.floats(0, 100)), min_size=1, max_size=8),
    st.sampled_from(["", "area"]),
)
def test_metered_parts_spread_parts_and_residual_add_up(total: int, rows: list[tuple[int, float]], residual: str) -> None:
    parties = [Party(str(row), {"area": area}, metered) for row, (metered, area) in enumerate(rows)]
    if residual and not any(area for _, area in rows):
        residual = ""
    found = allocate(total, parties, "meter", residual)
    assert sum(share.total for share in found.shares) + found.residual == total
    assert [share.metered for share in found.shares] == [metered for metered, _ in rows]


def test_a_key_is_followed() -> None:
    parties = [Party("a", {"headcount": 30}), Party("b", {"headcount": 10}), Party("c")]
    found = allocate(1_000_001, parties, "headcount")
    assert [share.total for share in found.shares] == [750_001, 250_000, 0]
    assert found.residual == 0


def test_what_nobody_metered_is_shown_or_spread_by_the_key_given() -> None:
    parties = [Party("a", {"area": 1.0}, 300), Party("b", {"area": 3.0}, 500)]
    shown = allocate(1000, parties, "meter")
    assert (shown.residual, [share.total for share in shown.shares]) == (200, [300, 500])
    assert "not metered" in shown.why
    spread = allocate(1000, parties, "meter", "area")
    assert (spread.residual, [share.total for share in spread.shares]) == (0, [350, 650])


def test_parties_that_meter_more_than_the_whole_are_told_so_and_nothing_is_spread() -> None:
    found = allocate(1000, [Party("a", {"area": 1.0}, 1200)], "meter", "area")
    assert found.residual == -200
    assert "counts twice" in found.why


@pytest.mark.parametrize("weights", [[], [0.0], [1.0, -1.0]])
def test_weights_that_divide_nothing_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="weights"):
        divide(10, weights)
