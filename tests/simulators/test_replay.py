"""Recordings: read from the shapes that loggers write, replayed as MQTT with times kept or moved, and configured."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from simulators.presets import PRESETS, files_of, load_preset
from simulators.recording import Mapping, Recording, UnreadableRecording, Value, read
from simulators.replay import HOUR, publications, recording_toml, replay, shifted
from steward.config import load
from steward.errors import BrokerError
from tests.simulators.collector import Collector
from tests.simulators.conftest import Nats
from tests.simulators.test_publisher import Listener, until

SECOND = 10**9
NOON = 1_767_268_800 * SECOND  # 2026-01-01 12:00 UTC
VALUES = (Value("t", "temperature", "temperature", "degC"), Value("e", "energy", "energy", "kWh"))
PLAIN = Mapping(values=VALUES, time="when", formats=("%d/%m/%Y %H:%M",), zone="Asia/Shanghai", device="id", interval="1h")
DATA = Path(os.environ.get("STEWARD_DATA", Path(__file__).parents[3] / "shared" / "data"))


def needs(preset: str) -> pytest.MarkDecorator:
    folder = PRESETS[preset][0]
    return pytest.mark.skipif(not (DATA / folder).is_dir(), reason=f"no recorded data {folder}: set STEWARD_DATA to its folder")


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    path = tmp_path / "log.csv"
    lines = (
        "id,when,t,e",
        "m2,01/01/2026 20:00,21.5,100",
        "m1,01/01/2026 20:05,,7",
        "m1,01/01/2026 20:00, 19 ,x",
        "m1,soon,1,2",
    )
    path.write_text("\n".join(lines) + "\n")
    return read("log", [path], PLAIN)


def test_rows_are_sorted_by_time_with_local_times_in_their_zone(recording: Recording) -> None:
    assert recording.devices == ["m1", "m2"]
    assert recording.at.tolist() == [NOON, NOON, NOON + 300 * SECOND]
    assert recording.device.tolist() == [0, 1, 0]
    assert recording.values[1].tolist() == [21.5, 100.0]


def test_what_cannot_be_read_is_nothing_and_rows_without_time_are_counted(recording: Recording) -> None:
    assert np.isnan(recording.values[0, 1])
    assert recording.values[0, 0] == 19.0
    assert np.isnan(recording.values[2, 0])
    assert recording.unreadable == 1


def test_files_may_be_gzip_zip_or_parquet(tmp_path: Path) -> None:
    content = b"when,t,e\n2026-01-01T12:00:00,1,2\n"
    mapping = Mapping(values=VALUES, time="when")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(content))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("inner.csv", content)
    table = pa.table({"when": pa.array([NOON], pa.timestamp("ns")), "t": [1.0], "e": [2]})
    pyarrow.parquet.write_table(table, tmp_path / "c.parquet")
    found = read("x", sorted(tmp_path.iterdir()), mapping)
    assert found.devices == ["a", "b", "c"]
    assert found.at.tolist() == [NOON] * 3
    assert found.values.tolist() == [[1.0, 2.0]] * 3


def test_lines_with_a_delimiter_too_many_and_odd_headers_are_read_by_named_columns(tmp_path: Path) -> None:
    (tmp_path / "car.csv").write_text("T (), E ()\n1.0, 2.0,\n3.0, 4.0,\n5.0,\n")
    mapping = Mapping(values=VALUES, columns=("t", "e"), skip=1, trailing=True, period=2.0, origin=NOON)
    found = read("car", [tmp_path / "car.csv"], mapping)
    assert found.values.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert found.at.tolist() == [NOON, NOON + 2 * SECOND]
    assert found.unreadable == 1


def test_a_recording_that_is_not_as_its_mapping_says_is_told_by_file_and_column(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("when,t\n2026-01-01T12:00:00,1\n")
    with pytest.raises(UnreadableRecording, match=r"log\.csv.*\be\b"):
        read("x", [path], Mapping(values=VALUES, time="when"))
    path.write_text("when,t,e\nyesterday,1,2\n")
    with pytest.raises(UnreadableRecording, match="no time of column 'when'"):
        read("x", [path], Mapping(values=VALUES, time="when"))
    with pytest.raises(UnreadableRecording, match="no files"):
        read("x", [], PLAIN)
    with pytest.raises(UnreadableRecording, match="expected one of carobd"):
        files_of("unknown", tmp_path)
    with pytest.raises(UnreadableRecording, match="occupancy"):
        files_of("occupancy", tmp_path)


def test_times_are_kept_or_moved_by_one_constant(recording: Recording) -> None:
    now = NOON + 1000 * HOUR
    assert shifted(recording, "keep", now) is recording.at
    begin, end = shifted(recording, "begin", now), shifted(recording, "end", now)
    assert begin[0] == now
    assert end[-1] == now
    assert np.array_equal(np.diff(begin), np.diff(recording.at))
    assert np.array_equal(np.diff(end), np.diff(recording.at))


def test_messages_are_native_envelopes_and_old_ones_are_historical(recording: Recording) -> None:
    (batch,) = publications(recording, recording.at, NOON + 2 * HOUR)
    stated = [json.loads(message.payload) for message in batch]
    assert [message.topic for message in batch] == [f"steward/v1/{id}/telemetry" for id in ("m1", "m2", "m1")]
    assert stated[1] == {"at": NOON // 10**6, "sequence": 0, "historical": True, "values": {"temperature": 21.5, "energy": 100}}
    assert stated[2]["sequence"] == 1
    assert "temperature" not in stated[2]["values"]
    (young,) = publications(recording, recording.at, NOON)
    assert not any("historical" in json.loads(message.payload) for message in young)


def test_the_facility_file_of_a_recording_reads_its_messages(recording: Recording, tmp_path: Path) -> None:
    collector = Collector(recording_toml(recording), tmp_path)
    for batch in publications(recording, recording.at, NOON):
        collector.take(batch)
    assert set(collector.facility.points) == {f"{device}.{id}" for device in ("m1", "m2") for id in ("temperature", "energy")}
    assert len(collector.batch) == 4
    assert not collector.rejected
    energy = collector.batch.take(collector.batch.point == collector.index.get("m2.energy"))
    assert energy.value.tolist() == [100_000.0]


async def test_a_replay_arrives_whole(nats: Nats, recording: Recording) -> None:
    with Listener(nats, "steward/#") as listener:
        done = await replay(nats.url, recording, lambda: NOON)
        assert (done.rows, done.messages, done.samples, done.acknowledged) == (3, 3, 4, 3)
        await until(lambda: len(listener.got) == 3)


async def test_a_replay_keeps_the_recorded_spacing_times_its_speed(nats: Nats, recording: Recording) -> None:
    now = [NOON]
    pauses: list[int] = []

    def clock() -> int:
        pauses.append(now[0])
        now[0] += SECOND
        return now[0]

    done = await replay(nats.url, recording, clock, speed=100.0, shift="begin")
    assert done.messages == 3
    assert now[0] - NOON >= 3 * SECOND  # 300 recorded seconds at 100 x


async def test_a_replay_can_be_stopped_and_refuses_to_run_backwards(nats: Nats, recording: Recording) -> None:
    stop = asyncio.Event()
    stop.set()
    assert (await replay(nats.url, recording, lambda: NOON, stop=stop)).messages == 0
    with pytest.raises(BrokerError, match="speed -1 is not above 0"):
        await replay(nats.url, recording, lambda: NOON, speed=-1.0)


def test_every_preset_makes_a_facility_file_without_a_problem(tmp_path: Path) -> None:
    for name, (_, _, mapping) in PRESETS.items():
        empty = Recording(name, mapping, ["one", "two"], np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 0)))
        path = tmp_path / f"{name}.toml"
        path.write_text(recording_toml(empty), "utf-8")
        assert len(load(path, formats=["native"]).facility.points) == 2 * len(mapping.values)


@pytest.mark.data
@pytest.mark.parametrize(
    ("preset", "devices", "rows"),
    [
        pytest.param("carobd", 34, 58_815, marks=needs("carobd")),
        pytest.param("lbnl_ahu", 1, 21_600, marks=needs("lbnl_ahu")),
        pytest.param("lbnl_ahu_single", 1, 15_839, marks=needs("lbnl_ahu_single")),
        pytest.param("occupancy", 3, 20_560, marks=needs("occupancy")),
    ],
)
def test_real_recordings_are_read_by_the_collectors(preset: str, devices: int, rows: int, tmp_path: Path) -> None:
    recording = load_preset(preset, DATA)
    assert (len(recording.devices), len(recording)) == (devices, rows)
    collector = Collector(recording_toml(recording), tmp_path)
    now = int(recording.at[-1])
    for batch in itertools.islice(publications(recording, recording.at, now + 2 * HOUR, 1000), 15):
        collector.take(batch)
    assert len(collector.batch) > 0.95 * (~np.isnan(recording.values[:15_000])).sum()
    assert sum(collector.rejected.values()) < 0.002 * len(collector.batch), collector.rejected


@pytest.mark.data
@pytest.mark.slow
@needs("daiad_water")
def test_a_year_of_92_water_meters_is_replayed_through_a_broker(nats: Nats) -> None:
    recording = load_preset("daiad_water", DATA)
    assert (len(recording.devices), len(recording), recording.unreadable) == (92, 673_927, 0)
    done = asyncio.run(replay(nats.url, recording, lambda: int(recording.at[-1])))
    assert done.acknowledged == done.messages == 673_927
