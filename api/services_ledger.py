"""What the API needs of the ledger (steward.app.ledger.desk): plain values out, times in epoch ms. Times in are ns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from steward.errors import NotFound

Plain = Mapping[str, Any]


class LedgerDesk(Protocol):
    """The ledger as the API sees it. Raises NotFound for a point without a register, ValueError for what cannot be."""

    async def registers(self) -> Sequence[Plain]:
        """Every register with its state."""

    async def figures(self, point: str, start: int, end: int, period: str) -> Plain:
        """Consumption by periods."""

    async def total(self, points: Sequence[str], start: int, end: int) -> float | None:
        """The consumption of several registers in the canonical unit; None where nothing is known."""

    async def evidence(self, point: str, start: int, end: int) -> Plain:
        """What the figures rest on."""

    async def revisions(self, point: str, start: int, end: int) -> Plain:
        """What was restated."""

    async def questions(self) -> Sequence[Plain]:
        """What waits for a person."""

    async def answer(self, question: str, answer: int, who: str, values: Mapping[str, float]) -> Plain:
        """Takes an answer."""

    async def declare(self, point: str, what: Mapping[str, Any], who: str) -> Plain:
        """Takes a declaration."""

    async def read(self, point: str, reads: Sequence[tuple[int, float]], unit: str, who: str, origin: str) -> Plain:
        """Takes reads by hand, in `unit` ("": the canonical one)."""

    async def close(self, month: str, who: str) -> Plain:
        """Closes a month."""

    async def month(self, month: str) -> Plain:
        """The closings of a month, with their adjustments."""

    async def baseline(self, point: str) -> Plain:
        """The baseline of a register."""

    async def savings(self, point: str, start: int, end: int) -> Plain:
        """Savings against it."""


class NoLedger:
    """The desk of a service without a ledger."""

    async def registers(self) -> Sequence[Plain]:
        """There are none."""
        return ()

    async def figures(self, point: str, start: int, end: int, period: str) -> Plain:
        """There is none."""
        raise NotFound("register", point)

    async def total(self, points: Sequence[str], start: int, end: int) -> float | None:
        """Nothing is known."""
        return None

    async def evidence(self, point: str, start: int, end: int) -> Plain:
        """There is none."""
        raise NotFound("register", point)

    async def revisions(self, point: str, start: int, end: int) -> Plain:
        """There is none."""
        raise NotFound("register", point)

    async def questions(self) -> Sequence[Plain]:
        """Nothing is asked."""
        return ()

    async def answer(self, question: str, answer: int, who: str, values: Mapping[str, float]) -> Plain:
        """There is none."""
        raise NotFound("question", question)

    async def declare(self, point: str, what: Mapping[str, Any], who: str) -> Plain:
        """There is none."""
        raise NotFound("register", point)

    async def read(self, point: str, reads: Sequence[tuple[int, float]], unit: str, who: str, origin: str) -> Plain:
        """There is none."""
        raise NotFound("register", point)

    async def close(self, month: str, who: str) -> Plain:
        """There is nothing to close."""
        return {"month": month, "closed": []}

    async def month(self, month: str) -> Plain:
        """Nothing was closed."""
        return {"month": month, "closed": []}

    async def baseline(self, point: str) -> Plain:
        """There is none."""
        raise NotFound("register", point)

    async def savings(self, point: str, start: int, end: int) -> Plain:
        """There is none."""
        raise NotFound("register", point)
