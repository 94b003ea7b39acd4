"""Allocation of a cost to departments by sub-meter, area, headcount or fixed key; what nobody metered is shown, sums are exact.

Invariants: the parts and the residual add up to the total to the last micro-unit, whatever the weights; ties are settled by
order, so equal input gives equal output; a residual below zero (parties metered more than the whole) is shown and never spread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction


@dataclass(frozen=True)
class Party:
    """Who bears cost. id: of an organisation or space; weights: by key ("area", "headcount", "key"); metered: micro-units that
    its own sub-meters cost, None where it has none; quantity: what they measured, tariff units."""

    id: str
    weights: Mapping[str, float] = field(default_factory=dict)
    metered: int | None = None
    quantity: float = 0.0


@dataclass(frozen=True, slots=True)
class PartyShare:
    """What a party bears: metered by its own meters and spread by a key, micro-units; share: of the total."""

    party: str
    metered: int
    spread: int
    quantity: float

    @property
    def total(self) -> int:
        """Micro-units, metered and spread."""
        return self.metered + self.spread


@dataclass(frozen=True, slots=True)
class Allocation:
    """A cost and who bears it. residual: what is left to nobody, micro-units; why: of a residual that was not spread."""

    total: int
    shares: tuple[PartyShare, ...]
    residual: int
    why: str = ""


def divide(total: int, weights: Sequence[float]) -> list[int]:
    """Integer parts of `total` in proportion to weights, by largest remainder: they add up exactly. Raises ValueError for
    negative weights or none above zero."""
    exact = [Fraction(weight) for weight in weights]
    whole = sum(exact, Fraction(0))
    if not whole > 0 or any(weight < 0 for weight in exact):
        raise ValueError("weights must not be negative, and one must be above zero")
    sign = -1 if total < 0 else 1
    quotas = [abs(total) * weight / whole for weight in exact]
    parts = [int(quota) for quota in quotas]
    order = sorted(range(len(parts)), key=lambda row: (parts[row] - quotas[row], row))
    for row in order[: abs(total) - sum(parts)]:
        parts[row] += 1
    return [sign * part for part in parts]


def allocate(total: int, parties: Sequence[Party], by: str, residual: str = "") -> Allocation:
    """Allocates micro-units. by: "meter" or the key of a weight; residual: the key by which what nobody metered is spread, ""
    to show it. Raises ValueError where nobody has the weight."""
    if by != "meter":
        spread = divide(total, [party.weights.get(by, 0.0) for party in parties])
        rows = (PartyShare(one.id, 0, part, one.quantity) for one, part in zip(parties, spread, strict=True))
        return Allocation(total, tuple(rows), 0)
    metered = [party.metered or 0 for party in parties]
    rest = total - sum(metered)
    spread, why = [0] * len(parties), ""
    if residual and rest > 0:
        spread, rest = divide(rest, [party.weights.get(residual, 0.0) for party in parties]), 0
    elif rest < 0:
        why = "the parties' meters cost more than the whole: a meter counts twice or the whole is short"
    elif rest > 0:
        why = "not metered by any party, with the charges that no meter carries (demand, fees)"
    rows = (PartyShare(one.id, part, more, one.quantity) for one, part, more in zip(parties, metered, spread, strict=True))
    return Allocation(total, tuple(rows), rest, why)
