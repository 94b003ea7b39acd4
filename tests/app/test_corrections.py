"""Late samples through the real engine, store and records: what they would have changed is noted, nothing is rewritten."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry

from steward.app.alerts.corrections import Corrections
from steward.app.alerts.judge import Judge
from steward.model import Batch, Condition
from steward.units import MINUTE
from tests.app.test_judge import T0, World


class Plant(World):
    """A judge with corrections beside it; `send` is what the pipeline does with a committed batch."""

    async def up(self) -> None:
        await self.store.open()
        self.running: Judge = self.judge()
        await self.running.start(self.store)
        self.corrections = Corrections(
            lambda: self.running.engine, self.index, self.store, self.records, lambda: self.now, self._tell, CollectorRegistry()
        )

    async def send(self, minutes: list[int], kilowatts: list[float], historical: bool = False) -> None:
        at = [T0 + minute * MINUTE for minute in minutes]
        batch = Batch.of([0] * len(at), at, [one * 1000 for one in kilowatts], received=self.now, historical=historical)
        await self.store.write(batch)
        await self.running.commit(batch, (), ())
        self.corrections.note(batch)

    async def live(self, minutes: range, kilowatts: float) -> None:
        for minute in minutes:
            self.now = T0 + minute * MINUTE
            await self.send([minute], [kilowatts])

    async def down(self) -> None:
        await self.running.stop()
        await self.store.close()

    def said(self) -> list[tuple[int, Condition, list[str]]]:
        found = []
        for record in self.records.alerts().alerts:
            notes = [event.comment for event in self.records.events(record.id) if event.what == "correction"]
            found.append(((record.alert.since - T0) // MINUTE, record.alert.condition, notes))
        return found


async def test_late_samples_that_show_that_it_was_over_in_between_are_noted_once_and_rewrite_nothing(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    await plant.up()
    await plant.live(range(2), 4)
    for minute in (2, 4, 6, 8, 10):
        plant.now = T0 + minute * MINUTE
        await plant.send([minute], [6])
    await plant.live(range(11, 13), 4)
    (before,) = plant.records.alerts().alerts
    assert before.alert.condition is Condition.RESOLVED
    await plant.send([3, 5, 7, 9], [4, 4, 4, 4])
    await plant.corrections.run()
    assert plant.said() == [(2, Condition.RESOLVED, ["late data: it would not have fired"])]
    assert plant.records.alerts().alerts[0].alert == before.alert
    await plant.send([3, 5], [4, 4])
    await plant.corrections.run()
    assert len(plant.said()[0][2]) == 1, "the same is noted once"
    await plant.down()


async def test_an_episode_that_only_late_samples_show_is_recorded_as_over_and_found_late(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    await plant.up()
    await plant.live(range(3), 4)
    await plant.live(range(20, 22), 4)
    assert plant.said() == []
    await plant.send(list(range(5, 15)), [6.0] * 9 + [4.0], historical=True)
    await plant.corrections.run()
    ((since, condition, notes),) = plant.said()
    assert (since, condition) == (5, Condition.RESOLVED)
    assert notes[0].startswith("late data: it would have fired at ")
    assert plant.records.alerts().alerts[0].alert.evidence["reason"] == "found by late data"
    await plant.down()


async def test_late_samples_that_change_no_verdict_leave_no_trace(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    await plant.up()
    await plant.live(range(12), 6)
    await plant.live(range(12, 14), 4)
    at = [T0 + 3 * MINUTE + 1, T0 + 5 * MINUTE + 1]
    late = Batch.of([0, 0], at, [6000, 6000], received=plant.now)
    await plant.store.write(late)
    plant.corrections.note(late)
    await plant.corrections.run()
    assert plant.said() == [(0, Condition.RESOLVED, [])]
    await plant.corrections.run()
    await plant.down()


async def test_an_end_that_late_samples_move_is_noted_with_its_times(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    await plant.up()
    await plant.live(range(8), 6)
    await plant.live(range(10, 12), 4)
    await plant.send([8, 9], [4, 4])
    await plant.corrections.run()
    ((_, _, notes),) = plant.said()
    assert len(notes) == 1
    assert "over at" in notes[0]
    await plant.down()
