"""The command `steward backtest`: from a file or the store, with labels, sweeps and a second version; rubbish is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from steward.app.trials.command import Options, backtest, order_of
from steward.cli import cli
from steward.errors import ConfigError, StewardError
from steward.model import Batch, PointIndex
from steward.store import export
from steward.units import DAY, MINUTE, SECOND

START = 1_767_571_200 * SECOND
FILE = """
[[site]]
id = "a"
name = "A"
[[equip]]
id = "pump"
name = "Pump"
type = "pump"
site = "a"
[[point]]
id = "pump.power"
metric = "power"
equip = "pump"
"""
RULES = """
[[rule]]
id = "high"
kind = "threshold"
match = { metric = "power" }
above = "90W"
for = "5m"
"""
SPAN = ("--start", "2026-01-05T00:00:00Z", "--end", "2026-01-06T00:00:00Z")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A facility, rules, labels and a day of samples with one hour too high."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f.toml").write_text(FILE, "utf-8")
    (tmp_path / "rules.toml").write_text(RULES, "utf-8")
    (tmp_path / "later.toml").write_text(RULES.replace('"5m"', '"30m"'), "utf-8")
    text = "start,end,target\n2026-01-05T10:00:00Z,2026-01-05T11:00:00Z,pump\n"
    (tmp_path / "labels.csv").write_text(text, "utf-8")
    index = PointIndex()
    value = np.full(1440, 50.0)
    value[600:660] = 95.0
    batch = Batch.of(np.full(1440, index.add("pump.power")), START + np.arange(1440) * MINUTE, value)
    with export.sink(tmp_path / "day.csv", index.ids) as write:
        write(batch)
    return tmp_path


Steward = Callable[..., str]


@pytest.fixture
def steward(folder: Path) -> Steward:
    def run(*arguments: str) -> str:
        result = CliRunner().invoke(cli, list(arguments))
        assert result.exit_code == 0, result.output
        return result.output

    return run


def test_rules_are_tried_on_a_file_and_scored_against_labels(folder: Path, steward: Steward) -> None:
    output = steward("backtest", "f.toml", *SPAN, "--rules", "rules.toml", "--data", "day.csv", "--labels", "labels.csv",
                     "--complete", "--against", "later.toml", "--out", "out.json", "--processes", "2")  # fmt: skip
    assert "1440 samples" in output
    assert "1.00    1.00    5 min" in output
    assert "1 episodes in both, 0 gone, 0 new" in output
    result = json.loads((folder / "out.json").read_text())
    assert result["total"] == 2
    assert result["changes"][0]["shift"] == 25 * 60_000


def test_a_sweep_suggests_a_limit_and_the_store_is_read_where_no_file_is_named(folder: Path, steward: Steward) -> None:
    steward("import", "f.toml", "day.csv")
    output = steward("backtest", "f.toml", *SPAN, "--rules", "rules.toml", "--labels", "labels.csv", "--sweep",
                     "high:above=40W,90W,99W")  # fmt: skip
    assert "suggested: 90W" in output or "suggested: 40W" in output
    assert "highest F1" in output


def options(**more: object) -> Options:
    return Options(START, START + DAY, **more)  # type: ignore[arg-type]


def test_wrong_files_and_sweeps_are_named_all_at_once(folder: Path) -> None:
    (folder / "bad.csv").write_text("start,end\nyesterday,today\n2026-01-01T00:00:00Z,2026-01-02T00:00:00Z\nx,y\n", "utf-8")
    (folder / "bad.toml").write_text("[[rule]", "utf-8")
    with pytest.raises(ConfigError) as caught:
        order_of(options(labels=folder / "bad.csv", sweep="above=1", against=folder / "bad.toml"))
    told = [str(problem) for problem in caught.value.problems]
    assert [any(word in one for one in told) for word in ("bad.csv:2", "bad.csv:4", "--sweep", "not TOML")] == [True] * 4
    (folder / "columns.csv").write_text("begin,end\n1,2\n", "utf-8")
    with pytest.raises(ConfigError, match="unknown column 'begin'"):
        order_of(options(labels=folder / "columns.csv"))
    with pytest.raises(StewardError, match=r"none\.toml"):
        order_of(options(rules=folder / "none.toml"))


async def test_samples_that_cannot_be_read_are_named(folder: Path) -> None:
    with pytest.raises(StewardError, match=r"none\.csv"):
        await backtest(folder / "f.toml", options(rules=folder / "rules.toml", data=folder / "none.csv"), {})
