"""The random life of one register in books: late data, restarts, kills, nights, closings, declarations, against its ledger."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.random import Generator

from metering.intervals import QUARTER, Flag, Intervals
from metering.ledger import Ledger
from metering.reads import Reads, admit
from simulators.registers import KINDS, Torture, tangle, torture
from steward.app.ledger.columns import Cells
from steward.config.meters import MeterTable
from steward.model import FloatArray, IntArray
from steward.units import DAY, HOUR, MINUTE
from tests.app.books_world import POINT, T0, World

MONTHS = ("2026-05", "2026-06")
_AT_EDGE = int(Flag.PROVISIONAL)
"""Not part of what was given out: it follows from where the register stands now."""


def series_of(rng: Generator, seed: int) -> Torture:
    """Twelve to twenty-four days with up to four faults, one in ten beyond deciding."""
    days, count = int(rng.integers(12, 24)), int(rng.integers(0, 5))
    if rng.random() < 0.1:
        return tangle(seed, days)
    cadence = 15 * MINUTE if rng.random() < 0.7 else HOUR
    return torture(seed, KINDS, count, days, cadence, apart=int(rng.choice([2, 24, 96])) * HOUR)


def arrival(rng: Generator, size: int) -> IntArray:
    """The order in which reads arrive: some late, sometimes a whole block."""
    delay = np.where(rng.random(size) < rng.choice([0, 0.02, 0.1]), rng.integers(1, 600, size), 0)
    if rng.random() < 0.4:
        first = int(rng.integers(0, size))
        delay[first : first + int(rng.integers(1, 300))] = int(rng.integers(1, 800))
    return np.argsort(np.arange(size) + delay, kind="stable")


@dataclass
class Life:
    """What has happened in a life so far."""

    world: World
    rng: Generator
    declared: list[tuple[int, int, int]]
    log: list[str] = field(default_factory=list)

    async def happens(self) -> None:
        """Something, or nothing."""
        world, rng, chance = self.world, self.rng, self.rng.random()
        if chance < 0.06:
            await world.restart(killed=bool(rng.random() < 0.5))
            self.log.append("restart")
        elif chance < 0.09:
            await world.books.save()
            self.log.append("save")
        elif chance < 0.15:
            await world.books.nightly()
            await world.books.idle()
            self.log.append("night")
        elif chance < 0.22:
            await world.pass_time(world.now + int(rng.integers(1, 120)) * MINUTE)
        elif chance > 0.97:
            self._closes()
        if self.declared and self.declared[0][0] < world.now and rng.random() < 0.1:
            at, end, start = self.declared.pop(0)
            await asyncio.to_thread(world.books.declare, "x", "swap", at, "li", world.now, end=float(end), start=float(start))
            self.log.append("declare")

    def _closes(self) -> None:
        for month in MONTHS:
            try:
                self.world.books.close(month, "li", self.world.now)
                self.log.append(f"close {month}")
            except ValueError:  # it is not over
                continue


def world_of(folder: Path, series: Torture, digits: bool) -> World:
    """Books of one register `x` that counts in Wh."""
    table = {"id": "x", "limit": series.limit / 1000, "resolution": 0.001}
    table |= {"cadence": "15m" if series.cadence < HOUR else "1h"} | ({"digits": series.digits - 3} if digits else {})
    return World(folder, 1, POINT.format(id="x", metric="energy", unit="kWh", extra=""), (MeterTable.model_validate(table),))


async def lived(folder: Path, seed: int) -> list[str]:
    """How the books differ in the end from the ledger of all that came; empty where they do not."""
    rng = np.random.default_rng(seed)
    series = series_of(rng, seed)
    world = world_of(folder, series, bool(rng.random() < 0.7))
    await world.open()
    at, raw = series.reads()
    finite = np.isfinite(raw)
    at, raw = at[finite] + T0, raw[finite]
    life = Life(world, rng, [(at + T0, end, start) for at, end, start in series.declared if rng.random() < 0.4])
    order, place = arrival(rng, len(at)), 0
    while place < len(order):
        rows = order[place : place + int(rng.choice([1, 3, 8, 40, 150]))]
        place += len(rows)
        received = max(world.now, int(at[rows].max()) + int(rng.integers(0, 60)) * 10**9)
        await world.feed("x", at[rows], raw[rows], received=received)
        await life.happens()
    for _ in range(2):
        await world.pass_time(world.now + 3 * HOUR)
    found = await _differences(world, at, raw, rng)
    await world.close()
    return [f"{one} after {life.log}" for one in found]


async def _differences(world: World, at: IntArray, raw: FloatArray, rng: Generator) -> list[str]:
    ledger = _ledger(world, at, raw)
    wanted = ledger.intervals()
    wanted = wanted.take(wanted.start + QUARTER <= int(ledger.solution.at[-1]))
    cells = world.books._figures.cells("x", int(wanted.start[0]), int(wanted.start[-1]) + QUARTER)
    found = _figures(wanted, cells)
    for month in MONTHS:
        for one in world.books.closed(month):
            total = float(np.nan_to_num(world.books.consumption(one.point, one.start, one.end).total))
            if abs(total - one.value - sum(difference for *_, difference in one.adjustments)) > 1e-6:
                found.append(f"{month} of {one.point}: {total}, closed with {one.value}, adjusted by {one.adjustments}")
    asked = {(one.topic.value, one.at) for one in ledger.questions()}
    if asked != {(one.topic, one.at) for one in world.books.questions("x")}:
        found.append("other questions")
    state = next(one for one in world.books.registers() if one.point == "x")
    if (state.error, state.held) != ("", len(ledger.held)):
        found.append(f"error {state.error!r}, {state.held} held and not {len(ledger.held)}")
    first = int(rng.integers(0, len(wanted) - 1))
    span = int(wanted.start[first]), int(wanted.start[int(rng.integers(first + 1, len(wanted)))])
    proof = await asyncio.to_thread(world.books.evidence, "x", *span)
    links = [(one.start, one.kind, one.consumption) for one in ledger.evidence(*span)]
    if links != [(one.start, one.kind, round(one.consumption * 1000)) for one in proof.links]:
        found.append(f"other evidence of {span}")
    return found


def _ledger(world: World, at: IntArray, raw: FloatArray) -> Ledger:
    """The ledger of all reads, with what was decided meanwhile."""
    shelf = world.books.core.shelf
    register = shelf.registers[shelf.slots["x"]]
    decided = world.books.core.decisions.of(register)
    ledger = Ledger("x", list(decided.parameters))
    ledger.profiles = sorted(decided.profiles, key=lambda one: one.valid_from)
    ledger.declarations = list(decided.declarations)
    admitted = admit(raw, 1.0, register.base.digits)
    ledger.add(Reads.of(at[admitted.kept], admitted.value))
    return ledger


def _figures(wanted: Intervals, cells: Cells) -> list[str]:
    found = []
    given = cells.flags & ~np.uint16(_AT_EDGE | 1 << 14)
    for name, differs in (
        ("values", (cells.value != wanted.value) | ~cells.known),
        ("flags", given != wanted.flags & ~np.uint16(_AT_EDGE)),
        ("methods", cells.method != wanted.method),
    ):
        if differs.any():
            first = (int(wanted.start[np.argmax(differs)]) - T0) / DAY
            found.append(f"{int(differs.sum())} {name} differ from day {first:.3f} on")
    return found
