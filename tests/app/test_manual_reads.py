"""`steward import --reads`: reads that people took, to the running service or into the store; each bad line is named."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from steward.app.tools.manual_reads import decoded, parse
from steward.config import parse as configure
from steward.records import LedgerRecords, Records
from steward.units import DAY, SECOND
from tests.app.conftest import Call
from tests.app.tables import SITE

METER = """
[[point]]
id = "main.energy"
site = "a"
metric = "energy"
unit = "kWh"
"""
NOW = 20_700 * DAY
GOOD = """point,at,value,by,unit
main.energy,2026-08-01 08:00,1000,wang,
main.energy,2026-09-01T08:00+08:00,1.5,li,MWh
"""
BAD = """nobody,2026-09-01,1,li,
m1.power,2026-09-01,1,li,
main.energy,soon,1,li,
main.energy,2026-09-01,-1,li,
main.energy,2026-09-01,many,li,
main.energy,2026-09-01,1,li,m3
main.energy,2026-09-01,1,,
main.energy,2096-09-01,1,li,
"""


def test_reads_are_in_the_registers_own_unit_and_its_sites_time_unless_they_say_otherwise() -> None:
    found = parse(GOOD.splitlines(), configure([("f.toml", SITE + METER)]).facility, NOW)
    assert found.problems == []
    first, second = found.reads
    assert (first.value, second.value) == (1_000_000.0, 1_500_000.0)
    assert (first.at // SECOND, first.by) == (1785542400, "wang")
    assert second.at // SECOND == 1788220800


def test_every_bad_line_is_named_and_the_others_are_taken() -> None:
    found = parse((GOOD + BAD).splitlines(), configure([("f.toml", SITE + METER)]).facility, NOW)
    assert len(found.reads) == 2
    assert [problem.split(":")[0] for problem in found.problems] == [f"line {number}" for number in range(4, 12)]
    for text, part in zip(
        found.problems,
        ("nobody", "m1.power", "'soon'", "'-1'", "'many'", "unit 'm3'", "nobody read it", "future"),
        strict=True,
    ):
        assert part in text


def test_a_file_without_its_columns_is_refused() -> None:
    found = parse(["id,when", "a,b"], configure([("f.toml", SITE + METER)]).facility, NOW)
    assert found.problems == ["line 1: no column point, at, value, expected point, at, value, and by"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_a_file_is_read_in_the_encoding_that_a_spreadsheet_saved_it_in(encoding: str) -> None:
    text = "point,at,value,by\r\nmain.energy,2026-08-01 08:00,1000.5,王伟\r\n"
    found = parse(decoded(text.encode(encoding)).splitlines(), configure([("f.toml", SITE + METER)]).facility, NOW)
    assert found.problems == []
    assert [(read.by, read.value) for read in found.reads] == [("王伟", 1_000_500.0)]


def test_a_semicolon_or_tab_may_stand_between_cells_and_a_comma_before_decimals_where_it_can_be_no_other() -> None:
    facility = configure([("f.toml", SITE + METER)]).facility
    text = "Point;AT ; value;by\n\nmain.energy;2026-08-01 08:00;1000,5;wang\n;;;\nmain.energy;2026-08-02;1,234;wang\n"
    for split in ";", "\t":
        found = parse(text.replace(";", split).splitlines(), facility, NOW)
        assert [read.value for read in found.reads] == [1_000_500.0]
        assert [problem[:35] for problem in found.problems] == ["line 5: value '1,234': thousands or"]


def test_a_column_that_stands_twice_is_refused() -> None:
    found = parse(
        ["point,at,value,value,by", "main.energy,2026-08-01,1,2,li"], configure([("f.toml", SITE + METER)]).facility, NOW
    )
    assert found.problems == ["line 1: column value stands twice, expected each once"]
    assert parse([], configure([("f.toml", SITE + METER)]).facility, NOW).problems[0].startswith("line 1: no column point")


@pytest.fixture
def metered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site.toml").write_text(SITE + METER)
    return Path("site.toml")


def test_an_address_that_is_none_is_refused_before_anything_is_read(call: Call, metered: Path) -> None:
    said = call("import", metered, "reads.csv", "--reads", "--url", "file:///etc")
    assert said.code == 1
    assert said.err == "steward: --url: 'file:///etc', expected for example http://127.0.0.1:8080\n"


def test_without_a_service_reads_go_into_the_store_and_on_record_once(call: Call, metered: Path, tmp_path: Path) -> None:
    (tmp_path / "reads.csv").write_text("\ufeff" + GOOD + "main.energy,soon,1,li,\n", encoding="utf-8")
    for _ in range(2):
        said = call("import", metered, "reads.csv", "--reads", "--url", "http://127.0.0.1:9")
        assert said.code == 1
        assert said.out == "2 reads taken\n"
        assert "reads.csv: line 4: at 'soon'" in said.err
    records = Records(f"sqlite:///{tmp_path}/records.db")
    records.open()
    rows = LedgerRecords(records.database).decisions("read")
    records.close()
    assert [(row["register"], row["who"], row["content"]["from"]) for row in rows] == [
        ("main.energy", "wang", "csv"),
        ("main.energy", "li", "csv"),
    ]
    span = ("--start", "2026-07-01T00:00:00Z", "--end", "2026-10-01T00:00:00Z")
    assert call("export", metered, "out.csv", *span).out.startswith("2 samples written")


class Service(BaseHTTPRequestHandler):
    """Takes reads of one register, refuses those of others."""

    taken: list[tuple[str, dict[str, Any]]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        good = body["by"] != "li"
        self.send_response(200 if good else 422)
        self.end_headers()
        self.wfile.write(json.dumps({"taken": len(body["reads"])} if good else {"detail": "not by li"}).encode())
        if good:
            self.taken.append((self.path, body))

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def service() -> Iterator[str]:
    Service.taken.clear()
    server = HTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_running_service_takes_the_reads_and_its_refusals_are_named(
    call: Call, metered: Path, tmp_path: Path, service: str
) -> None:
    (tmp_path / "reads.csv").write_text(GOOD)
    said = call("import", metered, "reads.csv", "--reads", "--url", service)
    assert said.code == 1
    assert said.out == "1 reads taken\n"
    assert "lines 3 to 3: not by li" in said.err
    ((path, body),) = Service.taken
    assert path == "/api/v1/ledger/main.energy/reads"
    assert body == {"reads": [{"at": 1785542400000, "value": 1_000_000.0}], "by": "wang"}
    assert not (tmp_path / "samples.duckdb").exists(), "the store belongs to the service"
