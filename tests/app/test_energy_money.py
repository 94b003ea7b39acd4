"""Figures in money: a register's consumption under a tariff and factors, and nothing where they do not hold."""

from __future__ import annotations

import numpy as np
import pytest

from metering.columns import Columns
from metering.cost import Basis
from metering.intervals import QUARTER
from steward.app.consumption.pricing import Pricing
from steward.model import Nature, Point


class Nothing:
    """A cashier without tariffs and factors."""

    def basis(self, carrier: str, site: str, point: str = "") -> Basis:
        return Basis(carrier, "UTC")

    def priced(self, point: Point, start: int, end: int) -> None:
        return None


@pytest.mark.parametrize("carrier", ["", "electricity"])
def test_without_a_carrier_or_a_tariff_nothing_is_said(carrier: str) -> None:
    register = Point("p", {"": "p"}, "energy", "Wh", Nature.COUNTER, "a")
    start = np.arange(4) * QUARTER
    found = Pricing(Nothing(), lambda id: register, lambda point: carrier).valued(
        "p", Columns.of(start, start + QUARTER, [1.0] * 4)
    )
    assert (found.cost, found.currency, found.carbon, found.coal) == (None, "", None, None)
