"""The facility as it stands: admitted devices outlive a restart and a reload, and a bad reload changes nothing."""

from __future__ import annotations

from steward.app.directory import Directory
from steward.config import Settings, parse
from steward.model import PointIndex
from steward.records import Records

FILE = """
[[site]]
id = "a"
name = "A"
[[broker]]
id = "main"
url = "mqtt://127.0.0.1:1"
[[template]]
id = "plug"
format = "tasmota"
admit = true
admit_to = "a"
[[template.point]]
id = "power"
field = "P"
metric = "power"
"""


def settings(text: str = FILE) -> Settings:
    return parse([("f.toml", text)])


def records() -> Records:
    found = Records("sqlite://")
    found.open()
    return found


def test_an_admitted_device_is_numbered_at_once_and_outlives_a_restart() -> None:
    kept = records()
    first = Directory(settings(), PointIndex(), kept, lambda: 1)
    admission = first.admit("main", "plug", "p 1")
    assert admission is not None
    device, points, channels = admission
    assert (device.id, [point.id for point in points], [channel.point for channel in channels]) == (
        "p_1",
        ["p_1.power"],
        ["p_1.power"],
    )
    assert first.index.get("p_1.power") is not None
    second = Directory(settings(), PointIndex(), kept, lambda: 2)
    assert second.facility.devices["p_1"].address == "p 1"
    kept.close()


def test_a_device_that_a_person_adopted_into_the_file_is_not_admitted_beside_it() -> None:
    kept = records()
    directory = Directory(settings(), PointIndex(), kept, lambda: 1)
    directory.admit("main", "plug", "p1")
    adopted = FILE + '[[device]]\nid = "kettle"\ntemplate = "plug"\naddress = "p1"\nsite = "a"\n'
    directory.take(settings(adopted))
    assert set(directory.facility.devices) == {"kettle"}
    kept.close()


def test_a_reload_keeps_the_numbers_of_points() -> None:
    kept = records()
    directory = Directory(settings(), PointIndex(), kept, lambda: 1)
    directory.admit("main", "plug", "p1")
    number = directory.index.get("p1.power")
    changes: list[int] = []
    directory.changed = lambda: changes.append(1)
    directory.take(settings(FILE + '[[point]]\nid = "aaa"\nsite = "a"\nmetric = "power"\n'))
    assert directory.index.get("p1.power") == number
    assert "aaa" in directory.facility.points
    assert changes == []  # who reloads binds the rest himself; only an admission has to be told
    directory.admit("main", "plug", "p2")
    assert changes == [1]
    kept.close()


def test_an_address_that_is_asked_for_twice_is_one_device() -> None:
    kept = records()
    directory = Directory(settings(), PointIndex(), kept, lambda: 1)
    first = directory.admit("main", "plug", "p1")
    assert directory.admit("main", "plug", "p1") == first
    assert len(directory.facility.devices) == 1
    kept.close()
