"""What the logs may not do: tell a secret, or let a device write lines of its own."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from steward.app import logs

SECRET = "hunter2-hunter2"  # shown nowhere


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def failing(token: str) -> None:
    raise ValueError("no")


@pytest.mark.parametrize("as_json", [False, True], ids=["plain", "json"])
def test_a_traceback_shows_no_value_of_a_variable(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    logs.configure(json=as_json)
    try:
        failing(SECRET)
    except ValueError:
        structlog.get_logger().exception("failed")
        logging.getLogger("library").exception("failed too")
    said = capsys.readouterr().err
    assert said.count("ValueError: no") == 2
    assert "in failing" in said
    assert SECRET not in said


@pytest.mark.parametrize("as_json", [False, True], ids=["plain", "json"])
def test_a_value_whose_name_says_secret_is_hidden(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    logs.configure(json=as_json)
    structlog.get_logger().warning("x", password=SECRET, api_token=SECRET, Authorization=SECRET, payload=SECRET, topic="a/b")
    said = capsys.readouterr().err
    assert SECRET not in said
    assert "a/b" in said


@pytest.mark.parametrize("as_json", [False, True], ids=["plain", "json"])
def test_what_a_device_wrote_makes_no_line_of_its_own_and_moves_no_cursor(
    capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    logs.configure(json=as_json)
    topic = "a\n2026-01-01 [info] all_is_well\r\x1b[2J\u202e楼\u3000一\u2028"
    structlog.get_logger().warning("rejected", topic=topic)
    logging.getLogger("library").warning("rejected %s", topic)
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 2 if not as_json else said.count("\n") == 2
    assert "\x1b" not in said
    assert "\r" not in said
    if as_json:
        assert json.loads(said.split("\n")[0])["topic"] == topic
    else:
        assert "\u202e" not in said
        assert "楼\u3000一" in said, "words of any language stay readable"
