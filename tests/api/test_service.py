"""Status in bulk, devices, quarantine, health, the page, and where the service may listen."""

from __future__ import annotations

import asyncio
import gzip
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from api import ApiSettings, BrokerState, DeviceState, StorageState, refuse_public_bind, served_hosts
from api.catalogue import Catalogue
from api.cursor import Cursor
from api.routes.live import status_pieces
from collectors.quarantine import Quarantine
from collectors.taken import Reject, Unknown
from steward.errors import RecordsError, StewardError
from steward.model import Batch, Facility, Nature, Point, Site
from steward.units import HOUR, MINUTE, SECOND
from tests.api.conftest import Get
from tests.api.world import FILE, World, facility

# Status


async def test_the_status_holds_every_point_once_with_its_state(world: World, get: Get) -> None:
    await world.sample("block-a.power", 5.5)
    await world.sample("block-a.energy", 7.0, ago=HOUR, quality=[1])
    status = await get("/status")
    rows = {id: row for id, *row in zip(*(status[name] for name in ("id", "value", "at", "quality", "state")), strict=True)}
    assert set(rows) == set(world.facility.points)
    assert rows["block-a.power"] == [5.5, world.now // 1_000_000, 0, 0]
    assert rows["block-a.energy"] == [7.0, (world.now - HOUR) // 1_000_000, 1, 1]
    assert rows["car-1.ignition"] == [None, 0, 0, 3]


async def test_the_status_since_a_cursor_holds_what_changed(world: World, get: Get) -> None:
    await world.sample("block-a.power", 5.5)
    first = await get("/status")
    assert (await get("/status", since=first["cursor"]))["id"] == []
    world.now += SECOND
    await world.sample("car-1.ignition", 1.0)
    await world.sample("block-a.outdoor", 20.0)
    changed = await get("/status", since=first["cursor"])
    assert (changed["full"], set(changed["id"])) == (False, {"car-1.ignition", "block-a.outdoor"})
    assert (await get("/status", since=first["cursor"], under="garage"))["id"] == ["car-1.ignition"]
    world.now += 4 * MINUTE
    silent = await get("/status", since=changed["cursor"])
    assert set(silent["id"]) == {"block-a.power", "car-1.ignition"}, "what went stale has changed"
    assert set(silent["state"]) == {1}


async def test_a_cursor_of_another_run_or_of_another_tree_gives_everything(world: World, get: Get) -> None:
    assert (await get("/status", since="zzz-1-1"))["full"] is True
    cursor = (await get("/status"))["cursor"]
    assert (await get("/status", since=cursor))["full"] is False
    world.facility = facility(FILE + '[[point]]\nid = "new"\nmetric = "co2"\nsite = "garage"\n')
    again = await get("/status", since=cursor)
    assert (again["full"], "new" in again["id"]) == (True, True)


def large(count: int) -> Facility:
    """A facility of `count` points on 100 sites."""
    sites = {f"s{number}": Site(f"s{number}", {"": f"Site {number}"}) for number in range(100)}
    points = {
        f"s{number % 100}.meter-{number}.power": Point(
            f"s{number % 100}.meter-{number}.power", {"": "Power"}, "power", "W", Nature.GAUGE, f"s{number % 100}"
        )
        for number in range(count)
    }
    return Facility("large", {"": "Large"}, {}, sites, {}, {}, {}, points, (), {}, {})


async def test_the_status_of_100_000_points_is_right_and_takes_few_milliseconds(world: World, get: Get) -> None:
    world.facility = large(100_000)
    await world.context.renew()
    numbers = world.context.catalogue.numbers
    value = np.arange(100_000) / 8 + 0.125
    world.live.update(Batch.of(numbers, np.full(100_000, world.now) - np.arange(100_000), value))
    status = await get("/status")
    assert status["value"] == value.tolist()
    assert status["at"] == ((world.now - np.arange(100_000)) // 1_000_000).tolist()
    assert status["id"] == [point.id for point in world.context.catalogue.points]
    assert set(status["quality"]) == set(status["state"]) == {0}
    branch = await get("/status", under="s7")
    assert len(branch["id"]) == 1000
    assert all(id.startswith("s7.") for id in branch["id"])
    seconds = []
    for _ in range(5):
        started = time.thread_time()
        status_pieces(world.context, "", None)
        seconds.append(time.thread_time() - started)
    assert min(seconds) < 0.1, "CPU time; bench/api measures it against 20 ms"
    world.context.events._send_events()  # the tree's own event
    cursor = Cursor.parse((await get("/status"))["cursor"])
    assert cursor is not None
    assert b'"id":[],' in b"".join(status_pieces(world.context, "", cursor))


def test_100_000_points_are_laid_out_in_seconds(world: World) -> None:
    described = large(100_000)
    started = time.thread_time()
    catalogue = Catalogue(described, world.index)
    assert time.thread_time() - started < 5
    assert len(catalogue.points) == 100_000


# Devices and quarantine


async def test_devices_are_seen_stale_dead_or_never_heard(world: World, get: Get) -> None:
    states: dict[str, DeviceState] = {}
    world.build(devices=lambda: states)
    assert (await get("/devices"))["counts"] == {"seen": 0, "stale": 0, "dead": 0, "never": 2}
    await world.sample("block-a.chiller-2.power", 1.0)
    await world.sample("block-a.power", 1.0, ago=HOUR)
    states["chiller"] = DeviceState(world.now, 90 * SECOND, 17)
    rows = {row["id"]: row for row in (await get("/devices"))["devices"]}
    assert (rows["chiller"]["state"], rows["chiller"]["offset"], rows["chiller"]["samples"]) == ("seen", 90_000, 17)
    assert (rows["meter"]["state"], rows["meter"]["age"], rows["meter"]["stale"]) == ("stale", 3_600_000, 1)
    states["chiller"] = DeviceState(world.now, None, 17, world.now + SECOND)
    assert [row["id"] for row in (await get("/devices", state="dead"))["devices"]] == ["chiller"]


async def test_devices_are_filtered_by_text_and_branch(world: World, get: Get) -> None:
    assert [row["id"] for row in (await get("/devices", q="bold m"))["devices"]] == ["meter"]
    assert (await get("/devices", under="garage"))["total"] == 0
    assert (await get("/devices", under="block-a"))["total"] == 2
    page = await get("/devices", limit=1)
    assert [row["id"] for row in (await get("/devices", limit=1, after=page["after"]))["devices"]] == ["chiller"]


async def test_a_device_says_its_fields_its_points_and_whom_it_speaks_for(world: World, get: Get) -> None:
    device = await get("/devices/meter")
    assert [(row["field"], row["point"], row["scale"]) for row in device["fields"]] == [
        ("p", "block-a.power", 1000.0),
        ("e", "block-a.energy", 1000.0),
    ]
    assert [row["id"] for row in device["values"]] == ["block-a.power", "block-a.energy"]
    assert device["behind"] == ["chiller"]


async def test_the_quarantine_shows_what_was_sent_as_text(world: World, get: Get) -> None:
    kept = Quarantine()
    nasty = '<img src=x onerror="alert(1)">'
    kept.add(
        "main",
        [
            Reject("undecodable", nasty, nasty.encode(), "why", "", world.now, ""),
            Reject("undecodable", "bin", b"\xff\x00\x01", "", "", world.now - 1, ""),
            Reject("unmapped", "long", "二".encode() * 3000, "", "", world.now - 2, ""),
        ],
        {"undecodable": 7, "unmapped": 1},
    )
    kept.note("main", world.now, [Unknown("plain", "native", "x 9", {"p": 1.5, "on": True})], [])
    world.build(quarantine=kept)
    answer = await world.http.get("/api/v1/quarantine")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    page = answer.json()
    assert page["counts"] == {"undecodable": 7, "unmapped": 1}
    text, binary, long = page["entries"]
    assert (text["topic"], text["payload"], text["encoding"], text["cut"]) == (nasty, nasty, "text", False)
    assert (binary["payload"], binary["encoding"]) == ("/wAB", "base64")
    assert (long["encoding"], long["cut"], set(long["payload"])) == ("text", True, {"二"})
    assert page["strangers"][0]["fields"] == {"p": 1.5, "on": True}
    assert len((await get("/quarantine", reason="unmapped"))["entries"]) == 1
    assert len((await get("/quarantine", limit=1))["entries"]) == 1


# Health


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"brokers": lambda: [BrokerState("b", "u", False, error="refused")]}, "broker b: not connected (refused)"),
        (
            {"brokers": lambda: [BrokerState("b", "u", True, refused={"x/#": "denied"})]},
            "broker b: subscription x/# refused: denied",
        ),
        ({"storage": lambda: StorageState(error="disk full")}, "store: disk full"),
        ({"storage": lambda: StorageState(spool_bytes=10, spool_limit=10)}, "spool: full (10 of 10 bytes)"),
    ],
)
async def test_readiness_names_what_is_wrong(world: World, get: Get, more: dict[str, Any], reason: str) -> None:
    assert (await world.http.get("/readyz")).json() == {"status": "ready", "reasons": []}
    world.build(**more)
    answer = await world.http.get("/readyz")
    assert (answer.status_code, answer.json()["reasons"]) == (503, [reason])
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await world.http.get("/healthz")).status_code == 200, "alive all the same"
    server = await get("/server")
    assert (server["ready"], server["reasons"]) == (False, [reason])


async def test_records_that_do_not_answer_make_the_service_unfit(world: World) -> None:
    def fails(name: str) -> bytes:
        raise RecordsError("no such file")

    world.records.load_state = fails  # type: ignore[method-assign]
    assert (await world.http.get("/readyz")).json()["reasons"] == ["records: no such file"]


async def test_the_server_says_how_old_its_data_is(world: World, get: Get) -> None:
    assert (await get("/server"))["lag"] is None
    await world.sample("block-a.power", 1.0, ago=2 * SECOND)
    server = await get("/server")
    assert (server["lag"], server["points"], server["facility"]) == (2000, 6, "linhai")


async def test_metrics_are_what_prometheus_reads(world: World) -> None:
    answer = await world.http.get("/metrics")
    names = {family.name for family in text_string_to_metric_families(answer.text)}
    assert {"steward_api_stream_clients", "steward_api_stream_skips", "steward_api_stream_cuts"} <= names


async def test_a_reload_shows_the_new_tree_at_once(world: World, get: Get) -> None:
    async def reload() -> None:
        world.facility = facility(FILE + '[[point]]\nid = "new"\nmetric = "co2"\nsite = "garage"\n')

    world.build(reload=reload)
    world.context._cost = 1.0
    answer = await world.http.post("/api/v1/reload")
    assert answer.json()["points"] == 7
    assert (await get("/points", under="garage"))["total"] == 2


async def test_a_service_without_a_file_has_nothing_to_reload(world: World) -> None:
    assert (await world.http.post("/api/v1/reload")).status_code >= 400


# The page


@pytest.fixture
def web(world: World, tmp_path: Path) -> Path:
    folder = tmp_path / "web"
    (folder / "lib").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Steward</title>")
    (folder / "lib" / "big.js").write_text("export const x = 1;\n" * 500)
    (folder / ".secret").write_text("no")
    (tmp_path / "outside.txt").write_text("no")
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
    world.build(ApiSettings(web=folder))
    return folder


async def test_the_page_is_served_with_its_types(world: World, web: Path) -> None:
    index = await world.http.get("/")
    assert (index.text, index.headers["content-type"]) == ("<!doctype html><title>Steward</title>", "text/html; charset=utf-8")
    script = await world.http.get("/lib/big.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert (await world.http.head("/lib/big.js")).content == b""


async def test_the_page_is_compressed_and_known_again(world: World, web: Path) -> None:
    packed = await world.http.get("/lib/big.js", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.text.startswith("export")
    assert int(packed.headers["content-length"]) < 1000
    plain = await world.http.get("/lib/big.js", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(gzip.compress(plain.content)) == packed.content
    again = await world.http.get("/lib/big.js", headers={"If-None-Match": plain.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_a_changed_file_is_served_anew(world: World, web: Path) -> None:
    first = await world.http.get("/")
    (web / "index.html").write_text("<!doctype html><title>New</title>")
    second = await world.http.get("/", headers={"If-None-Match": first.headers["etag"]})
    assert (second.status_code, second.text) == (200, "<!doctype html><title>New</title>")


@pytest.mark.parametrize(
    "path", ["/.secret", "/link.txt", "/lib", "/lib/", "/lib/../../outside.txt", "/%2e%2e/outside.txt", "/x%00y"]
)
async def test_nothing_beside_the_page_is_served(world: World, web: Path, path: str) -> None:
    assert (await world.http.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("/alerts", "./#/alerts"),
        ("/places/block-a", "../#/places/block-a"),
        ("/places/2号?range=1d", "../#/places/2%E5%8F%B7?range=1d"),
        ("/now", "./#/now"),
    ],
)
async def test_the_address_of_a_view_leads_to_it(world: World, web: Path, path: str, address: str) -> None:
    answer = await world.http.get(path)
    assert (answer.status_code, answer.headers["location"]) == (307, address)


async def test_the_shipped_page_is_there(world: World) -> None:
    answer = await world.http.get("/")
    assert answer.status_code == 200
    assert "<script src" in answer.text
    assert "<script>" not in answer.text, "the policy forbids inline script"


# Where it listens


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]", "localhost", "127.8.9.1"])
def test_loopback_is_always_allowed(host: str) -> None:
    refuse_public_bind(host, allow=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "steward.example", ""])
def test_a_public_address_needs_to_be_asked_for(host: str) -> None:
    with pytest.raises(StewardError, match="--public"):
        refuse_public_bind(host, allow=False)
    refuse_public_bind(host, allow=True)


def test_names_that_are_served_are_those_of_this_machine_and_of_the_facility_file() -> None:
    here = {"127.0.0.1", "localhost", "[::1]"}
    assert set(served_hosts((), public=False)) == here
    assert set(served_hosts(("steward.example",), public=False)) == {*here, "steward.example"}
    assert set(served_hosts(("steward.example",), public=True)) == {*here, "steward.example"}
    assert served_hosts((), public=True) == (), "who opens it to others and names nothing serves any name"


@pytest.mark.parametrize(
    "path", ["/" + "a" * 300, "/" + "a/" * 3000, "/now/" + "a" * 300 + ".js", "/%2e%2e/app.py", "/.hidden"]
)
async def test_a_path_that_no_file_can_have_is_not_found(world: World, path: str) -> None:
    answer = await world.http.get(path)
    assert answer.status_code in (404, 307)
    assert answer.status_code == 404 or answer.headers["location"].startswith("../#/now/")


async def test_requests_that_run_together_do_not_disturb_each_other(world: World, get: Get) -> None:
    await world.sample("block-a.power", 1.0)
    world.alert()
    paths = ["/tree", "/status", "/points", "/alerts", "/devices", "/server", "/sites", "/summary"] * 5
    first = {path: await get(path) for path in set(paths)}
    found = await asyncio.gather(*(get(path) for path in paths))
    assert all(first[path] == answer for path, answer in zip(paths, found, strict=True))
