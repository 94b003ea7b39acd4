"""Prices of alerts on real parts: the simulated campus through decoders, ledger, rules, money and records."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from simulators.campus import Campus
from simulators.devices import Feed
from simulators.facility import campus_toml
from simulators.faults import Fault
from simulators.week import MONDAY
from simulators.wire import Wire
from steward.app.checking import read
from steward.app.service import Steward
from steward.model import Condition
from steward.records import AlertRecord
from steward.units import HOUR, MINUTE
from tests.app.simulated import Nobody

STEP = 5 * MINUTE


class Played:
    """A service whose clock is the simulation's, from a begin in hours after Monday; only some devices are heard."""

    def __init__(self, steward: Steward, wire: Wire, now: list[int], devices: Sequence[str]) -> None:
        self.steward, self._now, self._devices = steward, now, devices
        self._wire, self._intake = wire, steward.pipeline.intake(Nobody(), "main")

    async def until(self, hours: float) -> None:
        while self._now[0] < MONDAY + hours * HOUR:
            now = self._now[0]
            for publication in self._wire.publications(now, now + STEP):
                if any(device in publication.topic for device in self._devices):
                    frame = (publication.topic.encode(), publication.payload, b"", int(publication.retain))
                    self._intake.take([frame], publication.sent, 1, 0.0)
            self._intake.flush()
            await self.steward.pipeline.drained()
            self._now[0] += STEP
            await self.steward.judge.tick()
            await self.steward.books.tick()
            await self.steward.desk.tick()

    def alert(self, rule: str, target: str) -> AlertRecord:
        found = self.steward.records.alerts(rules=[rule], targets=[target]).alerts
        assert len(found) == 1, [(one.alert.rule, one.alert.target) for one in found]
        return found[0]


@asynccontextmanager
async def campus(folder: Path, faults: tuple[Fault, ...], begin: float, devices: Sequence[str]) -> AsyncIterator[Played]:
    file = folder / "campus.toml"
    file.write_text(campus_toml(data=".", packs=("basic",)), encoding="utf-8")
    now = [MONDAY + round(begin * HOUR)]
    steward = Steward(dataclasses.replace(read(file), brokers=()), clock=lambda: now[0], environ={}, data=folder)
    await steward.start()
    try:
        yield Played(steward, Wire(Feed(Campus(1, now[0], faults))), now, devices)
    finally:
        await steward.stop()


def at(hours: float) -> int:
    return MONDAY + round(hours * HOUR)


async def test_a_chiller_left_on_at_night_costs_the_kwh_of_its_register_at_the_price_of_each_hour(tmp_path: Path) -> None:
    fault = Fault("chiller_on_at_night", "chiller-2", at(20.5), at(24.5), 0.3)
    async with campus(tmp_path, (fault,), 19.0, ("chiller-2",)) as played:
        steward = played.steward
        await played.until(23.5)
        await steward.costs.run()
        firing = played.alert("basic-chiller-hours", "chiller-2.power")
        assert firing.alert.condition is Condition.FIRING
        so_far = firing.alert.evidence["cost"]
        await played.until(26.0)
        await steward.costs.run()
        record = played.alert("basic-chiller-hours", "chiller-2.power")
        assert record.alert.condition is Condition.RESOLVED
        cost = record.alert.evidence["cost"]
        books = steward.books.consumption("chiller-2.energy", at(20.5), at(24.5))
        assert cost["basis"]["register"] == "chiller-2.energy"
        assert cost["energy"] == pytest.approx(float(books.value.sum()), rel=0.01)
        assert cost["energy"] / 1e3 == pytest.approx(record.alert.evidence["used_kwh"], rel=0.02), (
            "as the gauge of power saw it"
        )
        assert 0 < so_far["energy"] < cost["energy"]
        valley = books.start >= at(22.0)  # 22:00-24:00 and 00:00-08:00
        kwh = books.value / 1e3
        taxed = float((np.where(valley, 0.2861, 0.6421) * kwh).sum())
        assert cost["currency"] == "CNY"
        assert cost["money"] == pytest.approx(taxed, rel=0.01) or cost["money"] == pytest.approx(taxed * 1.13, rel=0.01)
        [used] = [one for one in steward.money.factors(at(22), "electricity") if one["used"] and one["measure"] == "co2"]
        assert cost["carbon"] == pytest.approx(float(kwh.sum()) * float(used["value"]), rel=0.01)
        assert record.cost == pytest.approx(cost["per_day"])
        assert so_far["per_day"] > so_far["money"], "the nights of a day are longer than what has passed"
        ranked = steward.records.alerts(sort="cost").alerts
        assert ranked[0].id == record.id


@pytest.mark.slow
async def test_a_leak_costs_the_least_flow_of_the_night_for_as_long_as_it_lasts(tmp_path: Path) -> None:
    fault = Fault("leak", "water-b", at(24.5), at(60.0), 300.0)
    async with campus(tmp_path, (fault,), 23.5, ("water-b",)) as played:
        await played.until(29.5)
        await played.steward.costs.run()
        record = played.alert("basic-night-flow", "water-b.flow")
        cost = record.alert.evidence["cost"]
        hours = (cost["basis"]["until"] - cost["basis"]["begin"]) / HOUR
        assert cost["basis"]["register"] == "water-b.water"
        assert cost["volume"] / hours == pytest.approx(0.3, rel=0.1), "m3 an hour"
        assert cost["day"]["volume"] == pytest.approx(7.2, rel=0.1)
        assert cost["money"] == pytest.approx(cost["volume"] * 5.05, rel=0.04)
        assert record.cost == pytest.approx(cost["per_day"])


@pytest.mark.slow
async def test_a_late_read_restates_the_price_of_an_alert_that_is_over(tmp_path: Path) -> None:
    fault = Fault("chiller_on_at_night", "chiller-2", at(20.5), at(22.0), 0.3)
    async with campus(tmp_path, (fault,), 19.0, ("chiller-2",)) as played:
        steward = played.steward
        await played.until(23.0)
        await steward.costs.run()
        before = played.alert("basic-chiller-hours", "chiller-2.power").alert.evidence["cost"]
        made = await asyncio.to_thread(
            steward.books.declare, "chiller-2.energy", "consumption", at(20.75), "li", at(23.0),
            until=at(21.25), value=before["energy"] + 50_000.0,
        )  # fmt: skip
        assert made, "the declaration changes what the ledger says"
        await steward.costs.run()
        after = played.alert("basic-chiller-hours", "chiller-2.power").alert.evidence["cost"]
        assert after["basis"]["revision"] > before["basis"]["revision"]
        assert after["energy"] != pytest.approx(before["energy"], rel=0.05)
