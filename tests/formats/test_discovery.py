"""Formats are found, not registered."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from collectors import formats as package
from collectors.formats import decoder, formats
from collectors.formats import json as json_format
from steward.errors import ConfigError


def test_the_formats_of_this_package_are_found() -> None:
    assert list(formats()) == ["json", "native", "owntracks", "sparkplug", "tasmota", "thingsboard", "traccar"]


def test_a_format_is_imported_only_when_asked_for() -> None:
    script = "import sys; from collectors.formats import formats; formats(); print('google.protobuf' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "False\n"


def test_an_outsider_adds_a_format_but_replaces_none(monkeypatch: pytest.MonkeyPatch) -> None:
    group = package.ENTRY_POINTS
    theirs = [EntryPoint("acme", "collectors.formats.native", group), EntryPoint("json", "nowhere.at.all", group)]
    monkeypatch.setattr(package, "entry_points", lambda group: theirs)
    found = formats()
    assert found["acme"].__name__ == "collectors.formats.native"
    assert found["json"] is json_format


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("jsn", {}, "no format 'jsn'"),
        ("native", {"x": 1}, "has no options"),
        ("json", {"tme": "ts"}, "tme"),
        ("json", {"time_unit": "minutes"}, "minutes"),
        ("sparkplug", {"rebirth": "yes"}, "rebirth"),
    ],
)
def test_wrong_options_are_a_configuration_error(name: str, options: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        decoder(name, options)


def test_a_wrong_path_of_the_json_format_is_named() -> None:
    assert json_format.check("a.b[0].c") == ""
    assert json_format.check('"x-y"') == ""
    assert "x-y]" in json_format.check("x-y]")


def test_a_wrong_path_in_the_options_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="bad_path"):
        decoder("json", {"time": "a..b"})
