"""Consumption over the real books, store and records: a late read restates what rests on its register."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from steward.app.consumption.desk import Energy
from steward.app.consumption.pricing import Pricing
from steward.app.consumption.service import LateBooks
from steward.app.consumption.yardsticks import Yardsticks
from steward.app.reports.shelf import Reporter
from steward.config.derived import Derived, Virtual
from steward.units import DAY, HOUR
from tests.app.books_world import T0, World, steady
from tests.app.test_energy_money import Nothing

REST = Virtual("rest", {"": "Rest"}, "a", "", "", "D6", "", "", "", "m0 - m1", "f.toml:virtual_meter[rest]")


async def test_a_virtual_meter_is_the_difference_of_its_registers_and_follows_a_late_read(tmp_path: Path) -> None:
    world = World(tmp_path, count=2)
    await world.open()
    try:
        at, value = steady(4)
        await world.feed("m0", at, value * 2)
        keep = (at < T0 + DAY + 6 * HOUR) | (at >= T0 + DAY + 12 * HOUR)
        await world.feed("m1", at[keep], value[keep])
        await world.pass_time(int(at[-1]) + HOUR)
        made = Derived(virtual=(REST,))
        energy = Energy(lambda: world.facility, lambda: made, LateBooks(lambda: world.books), lambda: world.now)
        span = (T0 + HOUR, T0 + 3 * DAY)

        async def rest() -> tuple[float, float, int]:
            found = await energy.profile("rest", "energy", *span)
            return sum(found.curve.value), found.quality.spread, found.quality.revision

        low, high = (float(np.interp(one, at, value)) for one in span)
        total, spread, before = await rest()
        assert total == pytest.approx(high - low, rel=1e-4)
        assert spread > 0, "the gap of m1 shows in the virtual meter"
        late = np.flatnonzero(~keep)
        await world.feed("m1", at[late], value[late], received=world.now + HOUR)
        total, spread, after = await rest()
        assert total == pytest.approx(high - low, rel=1e-4)
        assert spread == 0
        assert after > before, "a restated input restates the result"
        yardsticks = Yardsticks(energy)
        energy.money = Pricing(Nothing(), energy.scopes.point, lambda point: "electricity")
        report = await Reporter(energy, yardsticks, LateBooks(lambda: world.books)).make("2026-05")
        assert {line.register for line in report.restatements} <= {"m0", "m1"}
        assert report.registers == 2
    finally:
        await world.close()
