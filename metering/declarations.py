"""What a person declares about a register: swaps with their reads, unit changes, decided consumption, discarded reads.

Invariant: a declaration is an input of the ledger like a read, dated, numbered and kept; where one stands the series is split,
and no search looks across it. Values are in the unit that the register shows, energies in base register units.
"""

from __future__ import annotations

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
