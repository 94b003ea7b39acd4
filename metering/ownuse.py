"""Generation, import and export of a site, and the charging of the institution's own vehicles, each counted once.

Invariants: consumption = import + generation - export, self-consumption = generation - export, both per quarter hour; where it
is negative the value stands, flagged BACKFLOW, and its ratio is None. The building and the vehicles together are always the
whole: a kWh charged is in exactly one of them, by the declared rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from metering.columns import Columns, add, negative_flagged


@dataclass(frozen=True, slots=True)
class OwnUse:
    """Columns over one grid. self_consumption: share of the generation that was used here; autarky: share of the consumption
    that came from here; None where the ratio has no meaning (nothing generated or used, or a contradiction)."""

    imported: Columns
    exported: Columns
    generated: Columns
    consumption: Columns
    own: Columns
    self_consumption: float | None
    autarky: float | None
    contradictions: int


def own_use(imported: Sequence[Columns], exported: Sequence[Columns], generated: Sequence[Columns], nothing: Columns) -> OwnUse:
    """From the registers of grid import, grid export and generation over one grid; `nothing`: zero columns on that grid, used
    where a site has none of a kind."""
    grid_in, grid_out, made = (add(parts) if parts else nothing for parts in (imported, exported, generated))
    consumption = negative_flagged(add([grid_in, made, grid_out], [1.0, 1.0, -1.0]))
    own = negative_flagged(add([made, grid_out], [1.0, -1.0]))
    contradictions = int(((consumption.value < 0) | (own.value < 0)).sum())
    return OwnUse(
        grid_in,
        grid_out,
        made,
        consumption,
        own,
        _ratio(own.total(), made.total()),
        _ratio(own.total(), consumption.total()),
        contradictions,
    )


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 and 0 <= part <= whole * (1 + 1e-9) else None


class ChargingRule(StrEnum):
    """Where the energy of own chargers that hang on a building's meter is counted."""

    BUILDING = "building"
    """In the building; the vehicles' figure is shown as part of it."""
    VEHICLES = "vehicles"
    """With the vehicles; the building is what its meter says less its chargers."""


@dataclass(frozen=True, slots=True)
class Charging:
    """metered: what the building's meters say; vehicles: what the chargers took; building: what counts as the building's by the
    rule; with_chargers, without_chargers: the building both ways. whole = all energy, each kWh once."""

    rule: ChargingRule
    vehicles: Columns
    with_chargers: Columns
    without_chargers: Columns

    @property
    def building(self) -> Columns:
        """What counts as the building's."""
        return self.with_chargers if self.rule is ChargingRule.BUILDING else self.without_chargers

    @property
    def of_which_vehicles(self) -> float:
        """The part of `building` that is the vehicles', canonical unit."""
        return self.vehicles.total() if self.rule is ChargingRule.BUILDING else 0.0

    @property
    def beside(self) -> float:
        """What the vehicles took beside `building`, canonical unit: `building + beside` is the whole, once."""
        return 0.0 if self.rule is ChargingRule.BUILDING else self.vehicles.total()


def charging(building: Columns, under: Sequence[Columns], apart: Sequence[Columns], rule: ChargingRule) -> Charging:
    """A building's columns with its chargers counted once. under: chargers below the building's meters (part of what they
    say); apart: chargers of the site with a supply of their own (not in what they say)."""
    nothing = add([building], [0.0])
    vehicles = add([*under, *apart]) if under or apart else nothing
    without = add([building, *under], [1.0] + [-1.0] * len(under))
    whole = add([building, *apart])
    return Charging(rule, vehicles, negative_flagged(whole), negative_flagged(without))
