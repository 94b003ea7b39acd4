"""What the consumption of a register cost and emitted, asked of the cashier: the bridge between figures and money.

Invariants: a register is priced as everywhere (demand and power factor by whole months), a virtual meter with its own quarter
hours; where a tariff or factor does not hold for all of the consumption there is no total: half a cost looks like a whole one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from metering.columns import Columns
from metering.cost import Basis, Priced, price
from metering.factors import Measure
from metering.tariffs import MICRO
from steward.app.consumption.figures import Valued
from steward.model import Point


class Prices(Protocol):
    """The part of the cashier that is used (steward.app.money.cashier.Cashier)."""

    def basis(self, carrier: str, site: str, point: str = "") -> Basis:
        """Under what a carrier is priced at a site."""

    def priced(self, point: Point, start: int, end: int) -> Priced | None:
        """The quarter hours of a register, priced with the months that they lie in; None for what is no register."""


class Pricing:
    """`consumption.figures.Money` by the facility's tariffs and factors. carrier: of a register, "" where it costs nothing."""

    def __init__(self, prices: Prices, point: Callable[[str], Point], carrier: Callable[[Point], str]) -> None:
        self._prices, self._point, self._carrier = prices, point, carrier

    def valued(self, point: str, columns: Columns) -> Valued:
        """See steward.app.consumption.figures.Money."""
        register = self._point(point)
        carrier = self._carrier(register)
        if not carrier or not len(columns):
            return Valued()
        basis = self._prices.basis(carrier, register.site, point)
        if not basis.tariffs and not basis.factors:
            return Valued()
        within = self._prices.priced(register, int(columns.start[0]), int(columns.end[-1]))
        priced = within or price(columns, basis)
        used = priced.value != 0
        cost = None
        if basis.tariffs and not (used & (priced.name < 0)).any():
            cost = float(sum(int(part.sum()) for part in priced.parts.values())) / MICRO
        carbon, coal = (
            _whole(priced.kg[measure], used) if measure in priced.kg else None for measure in (Measure.CO2, Measure.COAL)
        )
        return Valued(cost, basis.tariffs[0].currency if cost is not None else "", carbon, coal)


def _whole(
    kg: np.ndarray[tuple[int, ...], np.dtype[np.float64]], used: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
) -> float | None:
    found = kg[used]
    return float(found.sum()) if len(found) and np.isfinite(found).all() else None
