"""What a person declares about a register: swaps with their reads, unit changes, decided consumption, discarded reads.

Invariants: a declaration is an input of the ledger like a read, dated, numbered and kept; where one stands the series is split,
and no search looks across it; of several of a kind at one moment the last holds, so declaring anew corrects what was declared.
Values are in the unit that the register shows, energies in base register units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Declared(StrEnum):
    """What is declared."""

    SWAP = "swap"
    """Meter or transformer replaced at `at`: the old one ended with `end`, the new one began with `start`."""
    RESET = "reset"
    """The register was set to `start` (0) at `at`, from `end`."""
    UNIT = "unit"
    """From `at` on the register counts 10^power more units for the same consumption."""
    CONSUMPTION = "consumption"
    """Between `at` and `until` exactly `value` was consumed, whatever the reads there say."""
    DISCARD = "discard"
    """The reads from `at` to `until` are wrong."""
    CONFIRM = "confirm"
    """What was found at `at` is right: the question is closed."""
    WITHDRAW = "withdraw"
    """What was declared for `at` before does not hold."""


MOST = 2**42
"""Register units that nobody declares: in ledger units, a thousandth of one, sums must fit into int64."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """One declaration; times in ns, `end` and `start` None where not known, `by` the person, `number` the caller's id."""

    at: int
    kind: Declared
    end: int | None = None
    start: int | None = None
    until: int | None = None
    value: int | None = None
    power: int = 0
    by: str = ""
    reason: str = ""
    number: int = 0

    def __post_init__(self) -> None:
        if any(one is not None and not 0 <= one < MOST for one in (self.end, self.start, self.value)):
            raise ValueError(f"declaration {self.kind} of {self.end}, {self.start}, {self.value}, expected 0 to {MOST} units")
        spans = self.kind in (Declared.CONSUMPTION, Declared.DISCARD)
        if spans and (self.until is None or self.until < self.at):
            raise ValueError(f"declaration {self.kind} at {self.at} until {self.until}, expected an end not before its start")
        if self.kind is Declared.CONSUMPTION and self.value is None:
            raise ValueError(f"declaration consumption at {self.at} without a value, expected base register units")
        if self.kind is Declared.UNIT and not (self.power and -3 <= self.power <= 3):
            raise ValueError(f"declaration unit at {self.at} by 10^{self.power}, expected a power from -3 to 3 but 0")

    @property
    def splits(self) -> bool:
        """Whether the series is split here."""
        return self.kind in (Declared.SWAP, Declared.RESET, Declared.UNIT, Declared.CONSUMPTION)


def standing(declarations: Sequence[Declaration]) -> list[Declaration]:
    """The declarations that hold, by time and number: of those of one kind at one moment the last; a swap and a reset at one
    moment are one event; what was withdrawn is gone."""
    found: dict[tuple[int, Declared], Declaration] = {}
    for one in sorted(declarations, key=lambda one: one.number):
        if one.kind is Declared.WITHDRAW:
            found = {key: other for key, other in found.items() if key[0] != one.at}
        else:
            found[one.at, Declared.SWAP if one.kind is Declared.RESET else one.kind] = one
    return sorted(found.values(), key=lambda one: (one.at, one.number))
