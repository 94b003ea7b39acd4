"""`steward report`: the file is what the service answers, and a refusal is told in its words."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from steward.app.reports.command import fetch
from steward.errors import StewardError


class Service(BaseHTTPRequestHandler):
    """Answers one month."""

    def do_GET(self) -> None:
        good = self.path == "/api/v1/reports/2026-10.html?lang=zh&inside=true"
        body = "<!doctype html>月报".encode() if good else b'{"detail": "month has not begun"}'
        self.send_response(200 if good else 422)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Silent."""


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def test_a_report_is_written_into_the_file_named(url: str, tmp_path: Path) -> None:
    size = fetch(url, "2026-10", "zh", tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text(encoding="utf-8") == "<!doctype html>月报"
    assert size == (tmp_path / "r.html").stat().st_size


def test_what_the_service_refuses_is_said_in_its_words(url: str, tmp_path: Path) -> None:
    with pytest.raises(StewardError, match="month has not begun"):
        fetch(url, "2027-10", "zh", tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()


@pytest.mark.parametrize(
    ("address", "language", "name", "words"),
    [
        ("file:///etc", "en", "r.xlsx", "--url"),
        ("http://127.0.0.1:9", "fr", "r.xlsx", "--language"),
        ("http://127.0.0.1:9", "en", "r.pdf", "--out"),
        ("http://127.0.0.1:1", "en", "r.xlsx", "no service answers"),
    ],
)
def test_a_wrong_call_is_refused(tmp_path: Path, address: str, language: str, name: str, words: str) -> None:
    with pytest.raises(StewardError, match=words):
        fetch(address, "2026-10", language, tmp_path / name)
