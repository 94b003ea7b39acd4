"""Late samples through the real engine, store and records: what they would have changed is noted, nothing is rewritten."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from steward.app.alerts.absence import clock
from steward.app.alerts.corrections import Corrections
from steward.app.alerts.judge import Judge
from steward.app.alerts.lateness import late_of
from steward.errors import StoreError
from steward.model import Batch, Condition
from steward.units import MINUTE, SECOND
from tests.app.test_judge import FILE, T0, World


class Plant(World):
    """A judge with corrections beside it; `send` is what the pipeline does with a committed batch."""

    behind = False

    async def up(self) -> None:
        await self.store.open()
        latest = await self.store.latest(None, 0)
        self.running: Judge = self.judge()
        await self.running.start(self.store)
        self.corrections = Corrections(
            lambda: self.running.engine, self.index, self.store, self.records, lambda: self.now, self._tell,
            CollectorRegistry(), lambda: self.behind,
        )  # fmt: skip
        await self.corrections.start(latest)

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


async def crash(plant: Plant) -> Plant:
    """The process is gone, with all that it held in memory; the same store and records are taken up again."""
    await plant.store.close()
    plant.records.close()
    again = Plant(plant.folder)
    again.now = plant.now + MINUTE
    await again.up()
    return again


async def episode(plant: Plant) -> None:
    """An alert from minute 2 to 11 whose samples of the odd minutes are missing."""
    await plant.up()
    await plant.live(range(2), 4)
    for minute in (2, 4, 6, 8, 10):
        plant.now = T0 + minute * MINUTE
        await plant.send([minute], [6])
    await plant.live(range(11, 13), 4)
    plant.now += 5 * MINUTE


SAID = [(2, Condition.RESOLVED, ["late data: it would not have fired"])]


async def test_late_samples_that_nobody_had_looked_at_when_it_crashed_are_looked_at_afterwards_and_noted_once(
    tmp_path: Path,
) -> None:
    plant = Plant(tmp_path)
    await episode(plant)
    await plant.send([3, 5, 7, 9], [4, 4, 4, 4])
    plant = await crash(plant)
    assert plant.said() == [(2, Condition.RESOLVED, [])]
    await plant.corrections.run()
    assert plant.said() == SAID
    for _ in range(2):
        plant = await crash(plant)
        await plant.corrections.run()
        assert plant.said() == SAID
    await plant.down()


async def test_late_samples_that_were_stored_and_not_even_noted_when_it_crashed_are_found_in_the_store(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    await episode(plant)
    at = [T0 + minute * MINUTE for minute in (3, 5, 7, 9)]
    await plant.store.write(Batch.of([0] * 4, at, [4000.0] * 4, received=plant.now))
    plant = await crash(plant)
    await plant.corrections.run()
    assert plant.said() == SAID
    await plant.down()


async def test_late_samples_wait_while_the_store_is_behind_its_spool_and_after_a_run_that_failed(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    await episode(plant)
    await plant.send([3, 5, 7, 9], [4, 4, 4, 4])
    plant.behind = True
    await plant.corrections.run()
    assert plant.said() == [(2, Condition.RESOLVED, [])]
    plant.behind = False
    await plant.store.close()
    with pytest.raises(StoreError):
        await plant.corrections.run()
    await plant.store.open()
    await plant.corrections.run()
    assert plant.said() == SAID
    await plant.down()


async def test_the_watermark_goes_on_with_what_arrives_and_stops_before_what_waits(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    await episode(plant)
    await plant.corrections.run()
    live = int.from_bytes(plant.records.load_state("late") or b"", "little")
    assert live == T0 + 12 * MINUTE, "the newest arrival"
    plant.now += 2 * MINUTE
    await plant.send([3], [4])
    plant.now += 2 * MINUTE
    await plant.live(range(30, 31), 4)
    waits = int.from_bytes(plant.corrections.marks.watermark(), "little")
    assert waits == T0 + 19 * MINUTE, "the arrival of what nobody has looked at"
    await plant.down()


SILENT = FILE.split("[[rule]]")[0] + '[[rule]]\nid = "quiet"\nkind = "stale"\nmatch = { point = "p" }\n'


class Silent(Plant):
    """A plant whose rule is about silence: a point of one sample a minute, three of which may be missing."""

    async def silence(self, first: int, last: int) -> None:
        """Live until `first`, nothing until `last`: an alert."""
        await self.up()
        await self.live(range(first + 1), 4)
        for minute in range(first + 1, last + 1):
            self.now = T0 + minute * MINUTE
            await self.running.tick()
        assert [(record.alert.rule, record.alert.condition) for record in self.records.alerts().alerts] == [
            ("quiet", Condition.FIRING)
        ]

    async def flush(self, minutes: list[int], steps: int = 0) -> None:
        """The samples of `minutes` come now, one after the other every `steps` seconds."""
        for minute in minutes:
            await self.send([minute], [4])
            self.now += steps * SECOND

    async def settle(self) -> list[str]:
        """Time passes until the device has told what it kept; the corrections of the only episode."""
        await self.corrections.run()
        self.now += 3 * MINUTE
        await self.corrections.run()
        ((_, condition, notes),) = self.said()
        assert condition is Condition.RESOLVED
        return notes


async def test_a_silence_whose_samples_come_afterwards_is_corrected_the_device_was_there_the_link_was_not(
    tmp_path: Path,
) -> None:
    plant = Silent(tmp_path, SILENT)
    await plant.silence(10, 130)
    before = plant.records.alerts().alerts[0]
    await plant.flush([*range(11, 131)])
    after = plant.records.alerts().alerts[0]
    notes = await plant.settle()
    start, end, came = (clock(T0 + minute * MINUTE) for minute in (11, 128, 130))
    assert notes == [f"the samples of {start} to {end} came at {came}: the device was there, the link was not"]
    record = plant.records.alerts().alerts[0]
    assert (record.alert, record.human, record.acknowledged_at) == (after.alert, before.human, before.acknowledged_at)
    await plant.down()


async def test_a_silence_of_which_only_a_part_comes_afterwards_is_corrected_for_that_part(tmp_path: Path) -> None:
    plant = Silent(tmp_path, SILENT)
    await plant.silence(10, 130)
    await plant.flush([*range(40, 71), 130], steps=1)
    (note,) = await plant.settle()
    assert note.startswith(f"the samples of {clock(T0 + 40 * MINUTE)} to {clock(T0 + 70 * MINUTE)} came at ")
    assert note.endswith(": the device was there then, the link was not")
    await plant.down()


async def test_a_device_that_was_off_and_comes_back_with_a_slow_clock_was_not_there(tmp_path: Path) -> None:
    plant = Silent(tmp_path, SILENT)
    await plant.silence(10, 130)
    await plant.flush([*range(100, 116)], steps=60)
    assert await plant.settle() == []
    await plant.down()


async def test_a_silence_that_ended_with_live_samples_stands(tmp_path: Path) -> None:
    plant = Silent(tmp_path, SILENT)
    await plant.silence(10, 130)
    await plant.live(range(131, 135), 4)
    assert await plant.settle() == []
    await plant.down()


async def test_what_a_device_kept_is_not_forgotten_in_a_crash_either(tmp_path: Path) -> None:
    plant = Silent(tmp_path, SILENT)
    await plant.silence(10, 130)
    await plant.flush([*range(11, 131)])
    await plant.running.save()
    await plant.store.close()
    plant.records.close()
    again = Silent(tmp_path, SILENT)
    again.now = plant.now + MINUTE
    await again.up()
    (note,) = await again.settle()
    assert note.endswith("the device was there, the link was not")
    await again.down()


rows = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(0, 6)), max_size=25)


@given(rows)
def test_late_is_what_is_older_than_a_sample_of_its_point_that_had_arrived_before(samples: list[tuple[int, int, int]]) -> None:
    point, at, received = zip(*samples, strict=True) if samples else ((), (), ())
    found = late_of(Batch.of(point, at, [0.0] * len(samples), received=np.array(received, np.int64)))
    wanted = [any(q == p and a > t and r < came for q, a, r in samples) for p, t, came in samples]
    assert found.tolist() == wanted
