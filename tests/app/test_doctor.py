"""What `steward doctor` finds: a good set-up, and each thing that can be wrong with one, with its level and exit code."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from collectors.broker import EmbeddedBroker
from steward.app.tools.doctor import Finding, examine
from tests.app.conftest import Call
from tests.app.tables import SITE


def write(folder: Path, url: str = "mqtt://127.0.0.1:0", more: str = "", embedded: bool = False) -> Path:
    text = SITE.replace("mqtt://127.0.0.1:0", url)
    if not embedded:
        text = text.replace("embedded = true\n", "").replace('data = "broker"\n', "")
    path = folder / "site.toml"
    path.write_text(text.replace('id = "main"\n', f'id = "main"\n{more}'), encoding="utf-8")
    return path


def of(found: list[Finding], what: str) -> list[Finding]:
    return [finding for finding in found if finding.what.startswith(what)]


def levels(found: list[Finding]) -> set[str]:
    return {finding.level for finding in found}


def test_a_good_set_up_with_an_embedded_broker_is_ok_throughout_and_exits_0(call: Call, tmp_path: Path) -> None:
    write(tmp_path, embedded=True)
    said = call("doctor", "site.toml", "--for", "100ms")
    assert said.code == 0
    assert {line.split()[0] for line in said.out.splitlines()} == {"ok"}
    assert not (tmp_path / "samples.duckdb").exists(), "nothing is made that a start would make"
    assert not (tmp_path / "records.db").exists()


def test_a_broker_that_is_reached_but_silent_is_doubtful(broker: EmbeddedBroker, tmp_path: Path) -> None:
    found = of(examine(write(tmp_path, broker.url), {}, 0.1, tmp_path), "broker main")
    assert [finding.level for finding in found] == ["ok", "doubtful"]
    assert "no message within 0.1 s" in found[1].detail


def test_a_broker_that_is_away_is_wrong_and_exits_1(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steward.app.tools.discover.PATIENCE", 0.5)
    write(tmp_path, "mqtt://127.0.0.1:1")
    said = call("doctor", "site.toml", "--for", "100ms")
    assert said.code == 1
    assert any(line.startswith("wrong     broker main: mqtt://127.0.0.1:1: ") for line in said.out.splitlines())


def test_a_port_that_is_taken_is_doubtful(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        path = write(tmp_path, embedded=True)
        path.write_text(path.read_text().replace("port = 0", f"port = {port}"))
        (finding,) = of(examine(path, {}, 0.1, tmp_path), "port")
    assert finding.level == "doubtful"
    assert "is Steward running already?" in finding.detail


def test_a_secret_that_is_missing_is_wrong_and_named_and_a_secret_is_never_said(tmp_path: Path) -> None:
    path = write(tmp_path, "mqtt://127.0.0.1:1", 'username = "steward"\npassword_env = "SITE_PASSWORD"\n')
    (finding,) = of(examine(path, {}, 0.1, tmp_path), "broker main")
    assert finding.level == "wrong"
    assert "SITE_PASSWORD" in finding.detail


def test_a_file_with_a_secret_that_everybody_can_read_is_doubtful(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2")
    path = write(tmp_path, "mqtt://127.0.0.1:1", 'username = "steward"\npassword_file = "password"\n')
    (tmp_path / "password").chmod(0o644)
    (finding,) = [one for one in examine(path, {}, 0.1, tmp_path) if "every user" in one.detail]
    assert (finding.level, finding.what) == ("doubtful", "broker main")
    assert "password_file" in finding.detail
    assert "hunter2" not in str(finding)
    (tmp_path / "password").chmod(0o640)
    assert [one for one in examine(path, {}, 0.1, tmp_path) if "every user" in one.detail] == []


def test_the_secrets_of_channels_are_tried_and_none_is_said(tmp_path: Path) -> None:
    channel = '[[channel]]\nid = "group"\ntype = "wecom"\ntoken_env = "GROUP_TOKEN"\n'
    path = write(tmp_path, embedded=True)
    path.write_text(path.read_text() + channel, encoding="utf-8")
    (finding,) = of(examine(path, {}, 0.1, tmp_path), "channels")
    assert finding.level == "wrong"
    assert "GROUP_TOKEN" in finding.detail
    (finding,) = of(examine(path, {"GROUP_TOKEN": "hunter2"}, 0.1, tmp_path), "channels")
    assert finding.level == "ok"
    assert "hunter2" not in str(finding)


def test_a_certificate_that_is_not_there_is_wrong(tmp_path: Path) -> None:
    path = write(tmp_path, "mqtts://127.0.0.1:1", 'tls = { ca = "absent.pem" }\n')
    (finding,) = of(examine(path, {}, 0.1, tmp_path), "broker main")
    assert finding.level == "wrong"
    assert "absent.pem" in finding.detail


@pytest.mark.parametrize(("file", "what"), [("samples.duckdb", "store"), ("records.db", "records")])
def test_a_file_that_is_no_database_is_wrong(tmp_path: Path, file: str, what: str) -> None:
    (tmp_path / file).write_bytes(b"this is no database" * 1000)
    found = of(examine(write(tmp_path, embedded=True), {}, 0.1, tmp_path), what)
    assert levels(found) == {"wrong"}
    assert (tmp_path / file).read_bytes() == b"this is no database" * 1000


def test_a_facility_file_with_problems_says_each_and_looks_no_further(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_text(SITE.replace('"kW"', '"kV"').replace('"native"', '"nativ"'))
    found = examine(path, {}, 0.1, tmp_path)
    assert [(finding.level, finding.what) for finding in found] == [("wrong", "facility file")] * 2
