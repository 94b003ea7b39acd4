"""Every command: what it does, what it says and how it ends."""

from __future__ import annotations

import gzip
import json
import os
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collectors.broker import EmbeddedBroker
from simulators.presets import CAR_COLUMNS
from tests.app.conftest import Call, Running
from tests.app.tables import SITE

SAMPLES = """point,at,value
m1.power,2026-01-01T00:00:00Z,1500
m1.power,2026-01-01T00:01:00Z,1600.5
m1.power,2026-01-01T00:02:00Z,-3
"""
SPAN = ("--start", "2026-01-01T00:00:00Z", "--end", "2026-01-02T00:00:00Z")
CASES = """
[rule]
kind = "threshold"
match = { metric = "power" }
above = "5kW"
[[case]]
name = "a meter above its limit"
point = [{ id = "p", metric = "power", unit = "kW", values = "3x4 6x4" }]
expect = [{ at = "2m", state = "inactive" }, { at = "6m", state = "firing" }]
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.toml"
    path.write_text(SITE, encoding="utf-8")
    return path


def status(url: str) -> Any:
    with urllib.request.urlopen(f"{url}/api/v1/points", timeout=60) as answer:
        return json.load(answer)


def test_without_a_command_the_help_names_every_command(call: Call) -> None:
    said = call("--help")
    assert said.code == 0
    for name in ("run", "demo", "check", "discover", "doctor", "simulate", "replay", "import", "export", "init-store", "test"):
        assert f" {name} " in said.out


def test_check_says_what_a_good_file_holds(call: Call, site: Path) -> None:
    said = call("check", site)
    assert said.code == 0
    assert said.out == "good: 1 sites, 0 equips, 1 devices, 1 points, 0 rules\n"


def test_check_names_every_problem_at_once_and_exits_2(call: Call, site: Path) -> None:
    text = SITE.replace('"kW"', '"kV"').replace('"native"', '"nativ"').replace('site = "a"', 'site = "b"')
    site.write_text(text + 'colour = "red"\n[[rule]]\nid = "r"\nkind = "nonsense"\n')
    said = call("check", site)
    assert said.code == 2
    assert said.out == ""
    for place in ("site.toml:device[m1].colour: ",):
        assert place in said.err
    site.write_text(text + '[[rule]]\nid = "r"\nkind = "nonsense"\n')
    said = call("check", site)
    assert said.code == 2
    for place in ("template[meter].point[power].unit", "template[meter].format", "device[m1].site", "rule[r].kind"):
        assert f"site.toml:{place}: " in said.err
    assert said.err.endswith("4 problems\n")


def test_check_of_a_file_that_is_not_there_exits_2(call: Call) -> None:
    said = call("check", "nowhere.toml")
    assert said.code == 2
    assert "nowhere.toml" in said.err


@pytest.mark.parametrize("command", ["run", "demo"])
def test_an_address_that_others_can_reach_is_refused_without_public(call: Call, site: Path, command: str) -> None:
    said = call(command, *([site] if command == "run" else []), "--host", "0.0.0.0", "--port", "0")
    assert said.code in (1, 2)
    assert "--public" in said.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("doctor", "site.toml", "--for", "soon"),
        ("discover", "mqtt://127.0.0.1:1", "--for", "1 fortnight"),
        ("simulate", "mqtt://127.0.0.1:1", "--past", "x"),
        ("replay", "carobd", ".", "mqtt://127.0.0.1:1", "--shift", "sideways"),
        ("export", "site.toml", "out.csv", "--start", "yesterday", "--end", "now"),
    ],
)
def test_an_option_that_cannot_be_read_is_named_and_exits_2(call: Call, site: Path, arguments: tuple[str, ...]) -> None:
    said = call(*arguments)
    assert said.code == 2
    assert arguments[-2] in said.err or arguments[-4] in said.err


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_export_gives_back_what_import_took_and_importing_twice_changes_nothing(
    call: Call, site: Path, tmp_path: Path, suffix: str
) -> None:
    (tmp_path / "in.csv").write_text(SAMPLES)
    assert call("import", site, "in.csv").out == "3 samples stored\n"
    assert call("export", site, f"out.{suffix}", *SPAN).out == f"3 samples written to out.{suffix}\n"
    assert call("import", site, f"out.{suffix}").code == 0
    again = call("export", site, "again.csv", *SPAN)
    assert again.out == "3 samples written to again.csv\n"
    rows = (tmp_path / "again.csv").read_text().splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == ["m1.power"] * 3
    assert ["1500" in row or "1600.5" in row or "-3" in row for row in rows] == [True] * 3


def test_import_leaves_unknown_points_out_names_them_and_exits_1(call: Call, site: Path, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(SAMPLES + "stranger,2026-01-01T00:00:00Z,1\nstranger,2026-01-01T00:01:00Z,1\n")
    said = call("import", site, "in.csv")
    assert said.code == 1
    assert said.out == "3 samples stored\n"
    assert said.err == "stranger: no such point, 2 samples left out\n"


def test_import_names_the_line_that_cannot_be_read(call: Call, site: Path, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(SAMPLES + "m1.power,not a time,1\n")
    said = call("import", site, "in.csv")
    assert said.code == 1
    assert "5" in said.err
    assert "not a time" in said.err
    assert call("import", site, "absent.csv").err == "steward: absent.csv: No such file or directory\n"


def test_export_of_a_point_that_is_not_there_exits_2(call: Call, site: Path) -> None:
    said = call("export", site, "out.csv", *SPAN, "--point", "nobody")
    assert said.code == 2
    assert "nobody: no such point" in said.err


def test_an_embedded_store_needs_no_preparation(call: Call, site: Path) -> None:
    said = call("init-store", site)
    assert (said.code, said.out) == (0, "the embedded store needs no preparation\n")


def test_rule_cases_pass_or_say_where_they_fail(call: Call, tmp_path: Path) -> None:
    (tmp_path / "good.toml").write_text(CASES)
    said = call("test", "good.toml")
    assert (said.code, said.out) == (0, "1 passed, 0 failed\n")
    (tmp_path / "bad.toml").write_text(CASES.replace('state = "firing"', 'state = "inactive"'))
    said = call("test", "good.toml", "bad.toml")
    assert said.code == 1
    assert "bad.toml: a meter above its limit: " in said.out
    assert said.out.endswith("1 passed, 1 failed\n")
    assert call("test", "absent.toml").code == 1


def test_simulate_plays_past_and_present_writes_the_labels_and_the_facility_file(
    call: Call, broker: EmbeddedBroker, tmp_path: Path
) -> None:
    said = call(
        "simulate", broker.url, "--past", "2m", "--duration", "1s", "--labels", "labels.jsonl", "--facility", "campus.toml"
    )
    assert said.code == 0, said.err
    assert call("check", "campus.toml").code == 0
    assert all(json.loads(line) for line in (tmp_path / "labels.jsonl").read_text().splitlines())


@pytest.mark.parametrize("arguments", [("simulate",), ("discover",)])
def test_a_broker_that_is_away_is_an_error_that_names_it(call: Call, monkeypatch: pytest.MonkeyPatch, arguments: Any) -> None:
    monkeypatch.setattr("steward.app.tools.discover.PATIENCE", 0.5)
    said = call(*arguments, "mqtt://127.0.0.1:1")
    assert said.code == 1
    assert said.err.startswith("steward: ")
    assert "127.0.0.1:1" in said.err


def car(folder: Path, seconds: int) -> Path:
    """A recording in the form of the `carobd` files."""
    (folder / "carobd").mkdir()
    rows = [",".join(str(row % 7 + 1) for _ in CAR_COLUMNS) + "," for row in range(seconds)]
    with gzip.open(folder / "carobd" / "drive.csv.gz", "wt") as out:
        out.write("\n".join([",".join(CAR_COLUMNS), *rows]) + "\n")
    return folder


def test_replay_says_how_much_was_sent_and_writes_a_facility_file_that_runs(
    call: Call, broker: EmbeddedBroker, tmp_path: Path
) -> None:
    said = call("replay", "carobd", car(tmp_path, 50), broker.url, "--facility", "car.toml")
    assert (said.code, said.out) == (0, "50 messages, 450 samples, 50 acknowledged\n")
    assert call("check", "car.toml").out.startswith("good: 1 sites, 1 equips, 1 devices, 9 points")


def test_replay_names_what_it_does_not_find(call: Call, tmp_path: Path) -> None:
    assert "no carobd/" in call("replay", "carobd", tmp_path, "mqtt://127.0.0.1:1").err
    said = call("replay", "cassette", tmp_path, "mqtt://127.0.0.1:1")
    assert said.code == 1
    assert "expected one of carobd, daiad_water" in said.err


def test_run_serves_until_sigterm_and_sighup_takes_a_good_file_and_refuses_a_bad_one(
    running: Callable[..., Running], site: Path
) -> None:
    steward = running("run", site)
    url = steward.line("listens on").split()[-1]
    assert {point["id"] for point in status(url)["points"]} == {"m1.power"}
    site.write_text(SITE + '[[device]]\nid = "m2"\ntemplate = "meter"\nsite = "a"\n')
    steward.process.send_signal(signal.SIGHUP)
    steward.line("reloaded")
    assert {point["id"] for point in status(url)["points"]} == {"m1.power", "m2.power"}
    site.write_text(SITE.replace('"kW"', '"kV"'))
    steward.process.send_signal(signal.SIGHUP)
    assert "template[meter].point[power].unit" in steward.line("reload_refused")
    assert {point["id"] for point in status(url)["points"]} == {"m1.power", "m2.power"}
    assert steward.stop(signal.SIGTERM) == 0


def test_run_names_a_port_that_is_taken_and_exits_1(running: Callable[..., Running], site: Path) -> None:
    first = running("run", site)
    port = first.line("listens on").rsplit(":", 1)[1].strip()
    second = running("run", site, "--port", port)
    assert f"cannot listen on 127.0.0.1:{port}" in second.line("cannot listen")
    assert second.process.wait(120) == 1
    assert first.stop(signal.SIGINT) == 0


def test_demo_brings_everything_up_and_sigterm_ends_it_well(running: Callable[..., Running], tmp_path: Path) -> None:
    mask = os.umask(0o022)  # what most systems give
    try:
        demo = running("demo", "--port", "0", "--data", tmp_path / "data", "--past", "2m")
    finally:
        os.umask(mask)
    url = demo.line("Steward: http").split()[1]
    demo.line("the campus is live")
    with urllib.request.urlopen(f"{url}/readyz", timeout=60) as answer:
        assert json.load(answer)["status"] == "ready"
    assert len(status(url)["points"]) > 0
    assert demo.stop(signal.SIGTERM) == 0
    assert (tmp_path / "data" / "labels.jsonl").exists()
    made = [path for path in (tmp_path / "data").rglob("*") if not path.is_socket()]
    assert {path.suffix for path in made} >= {".db", ".duckdb", ".conf"}
    assert [path for path in made if path.stat().st_mode & 0o027] == [], "others read and write nothing of it"
