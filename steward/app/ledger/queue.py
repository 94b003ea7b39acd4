"""The queue of registers that are solved by themselves: which are due, what is read for them, and which are tried again when.

Invariants: a register is solved at most once a quarter-hour, unless a person decides; samples that come between its reading
and its solving open it again; one that fails waits ever longer and holds up no other; what is read at once is bounded.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metering.restate import Reason
from steward.app.ledger.restate import Cause, Outcome, Restater, Window
from steward.app.ledger.shelf import FAR, Shelf
from steward.model import Batch, IntArray, NumberArray
from steward.units import DAY, HOUR, MINUTE, SECOND

TOGETHER, ROWS = 200, 300_000
"""At most so many registers, and about so many samples, are read from the store at once."""
_NEAR = 31 * DAY
"""Registers whose windows are no longer than this come first."""
_PAUSE, _LONGEST_PAUSE = MINUTE, HOUR
"""A register that failed is tried again after this, twice as long each time."""


class Queue:
    """Open registers of a shelf on their way to the restater. Slots are rows of the shelf."""

    def __init__(self, shelf: Shelf, restater: Restater) -> None:
        self._shelf, self._restater = shelf, restater
        self.touched: dict[int, int] = {}
        """Opened since they were last read from the store: slot -> from when, ns."""
        self.due: dict[int, None] = {}
        """To be solved, in this order."""
        self._late: set[int] = set()
        self._retry: dict[str, tuple[int, int]] = {}
        """Registers that failed: how often, and not to be tried before (ns)."""
        self._span = 365 * DAY
        """How long a register's whole history was, of those read last, ns."""

    def open(self, slot: int, since: int, *, late: bool = False) -> None:
        """A register is to be solved from `since` (ns) on."""
        rows = self._shelf.rows
        rows["open_from"][slot] = min(int(rows["open_from"][slot]), since)
        rows["run"][slot], rows["born"][slot] = FAR, -1
        self.touched[slot] = min(self.touched.get(slot, FAR), since)
        if late:
            self._late.add(slot)

    def open_all(self, slot: NumberArray, at: IntArray) -> None:
        """Opens registers from the earliest of their samples here on."""
        if not len(slot):
            return
        first = np.full(len(self._shelf.names), FAR, np.int64)
        np.minimum.at(first, slot, at)
        known = self._shelf.rows["last_at"]
        for one in np.flatnonzero(first < FAR).tolist():
            self.open(one, int(first[one]), late=bool(first[one] <= known[one]))

    def renumbered(self, moved: NumberArray) -> None:
        """Slots have changed: old -> new, -1 for those that are gone."""
        self.touched = {int(moved[one]): since for one, since in self.touched.items() if moved[one] >= 0}
        self.due = dict.fromkeys(int(moved[one]) for one in self.due if moved[one] >= 0)
        self._late = {int(moved[one]) for one in self._late if moved[one] >= 0}

    def turn(self) -> None:
        """What was opened so far is due."""
        self.due.update(dict.fromkeys(self.touched))

    def ready(self, now: int) -> bool:
        """Whether a register is due that may be tried now; from any thread, without the lock."""
        if not self._retry:
            return bool(self.due)
        names = self._shelf.names
        return any(self._retry.get(names[slot], (0, 0))[1] <= now for slot in list(self.due) if slot < len(names))

    def pick(self, now: int) -> list[Window]:
        """Windows of some registers, to be read together and then given to `solve`; short ones come first."""
        near: list[tuple[float, int]] = []
        far: list[tuple[float, int]] = []
        for slot in self.due:
            if self._retry.get(self._shelf.names[slot], (0, 0))[1] > now:
                continue
            window = self._restater.window(slot)
            rows = (now - max(window.begin, now - self._span)) / max(self._shelf.registers[slot].base.cadence, SECOND)
            (near if window.begin > now - _NEAR else far).append((rows, slot))
            if len(near) >= TOGETHER or (not near and len(far) >= 4 * TOGETHER):
                break
        chosen: list[Window] = []
        total = 0.0
        for rows, slot in sorted(near or far):
            if chosen and (total + rows > ROWS or len(chosen) >= TOGETHER):
                break
            total += rows
            chosen.append(self.take(slot))
        return chosen

    def take(self, slot: int) -> Window:
        """A register's window, about to be read from the store: what opens it from here on comes after that."""
        window = self._restater.window(slot, slot in self._late)
        self.due.pop(slot, None)
        self.touched.pop(slot, None)
        self._late.discard(slot)
        return window

    def solve(self, given: Sequence[tuple[Window, Batch]], now: int, cause: Cause | None = None) -> Outcome:
        """Solves registers from their samples; those that must be read from further back, or failed, are queued again."""
        shelf = self._shelf
        shelf.reach_now(now)
        outcome = self._restater.restate(given, cause or Cause(Reason.NEXT, now))
        for window, batch in given:
            slot = shelf.slots.get(window.name)
            if slot is None:
                continue
            if window.begin == 0 and len(batch):
                self._span = max(DAY, now - int(batch.at.min()))
            if window.name in outcome.failed:
                self.failed(window, now)
            elif window.name in outcome.further:
                self.again(window)
            else:
                self._retry.pop(window.name, None)
                if slot in self.touched:  # samples came since it was read
                    self.open(slot, self.touched[slot])
        return outcome

    def again(self, window: Window) -> None:
        """A window that was not solved is due again."""
        slot = self._shelf.slots.get(window.name)
        if slot is not None:
            self.open(slot, window.since, late=window.late)
            self.due[slot] = None

    def failed(self, window: Window, now: int) -> None:
        """A register that could not be read or solved: it is tried again, ever later."""
        times = self._retry.get(window.name, (0, 0))[0]
        self._retry[window.name] = (times + 1, now + min(_PAUSE * 2 ** min(times, 10), _LONGEST_PAUSE))
        self.again(window)
