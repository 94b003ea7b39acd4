"""The page's pure modules, run in Node.js: the stream's parser, series, sums, what is usual, units."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

WEB = Path(__file__).parents[2] / "api" / "web"
HOUR, DAY = 3_600_000, 86_400_000


def run(module: str, expression: str) -> Any:
    """The value of a JavaScript expression in which `m` is a module of the page."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node.js (apt-get install nodejs)")
    source = json.dumps((WEB / module).as_uri())
    program = f"import * as m from {source}; process.stdout.write(JSON.stringify({expression}) ?? 'null')"
    done = subprocess.run([node, "--input-type=module", "-e", program], capture_output=True, timeout=120)
    assert not done.returncode, done.stderr.decode()
    return json.loads(done.stdout)


def test_a_stream_is_the_same_however_it_is_cut() -> None:
    first = 'retry: 2000\n\n: still here\n\nid: a-1-2\nevent: values\ndata: {"x":\ndata: 1}\n\n'
    text = first + "id: a-2-2\r\nevent: alert\r\ndata: é\r\n\r\n"
    feed = """(size) => {
      const out = [];
      const parser = new m.Parser((one) => out.push(one));
      for (let i = 0; i < text.length; i += size) parser.feed(text.slice(i, i + size));
      return out;
    }"""
    whole, *cut = run("lib/stream.js", f"(() => {{ const text = {json.dumps(text)}; return [10000, 1, 3, 7].map({feed}); }})()")
    assert whole == [
        {"event": "values", "data": '{"x":\n1}', "id": "a-1-2"},
        {"event": "alert", "data": "é", "id": "a-2-2"},
    ]
    assert cut == [whole] * 3


def test_a_hole_is_put_where_samples_are_too_far_apart() -> None:
    columns = {"at": [0, 60, 120, 400], "mean": [1, 2, 3, 4], "min": [1, 2, 3, 4], "max": [1, 2, 3, 4]}
    found = run("chart/series.js", f"m.withGaps({json.dumps(columns)}, 100)")
    assert found["at"] == [0, 60, 120, 260, 400]
    assert found["mean"] == [1, 2, 3, None, 4]


def test_a_register_is_drawn_as_its_flow_and_a_fall_is_a_gap() -> None:
    reads = {"at": [0, HOUR, 2 * HOUR, 3 * HOUR], "last": [100.0, 1100.0, 3.0, 503.0]}
    assert run("chart/series.js", f"m.rates({json.dumps(reads)}, 3600).mean") == [None, 1000, None, 500]


def test_the_change_of_daylight_saving_is_found_to_the_minute() -> None:
    change = 1_774_746_000_000
    offset = f"(ms) => ms < {change} ? 60 : 120"
    assert run("chart/series.js", f"m.clockChanges({change - 3 * DAY}, {change + 3 * DAY}, {offset})") == [
        {"at": change, "minutes": 60}
    ]


def test_a_sum_counts_only_what_is_fresh_unless_nothing_is() -> None:
    parts = [{"value": 5, "at": 10, "state": 0}, {"value": 7, "at": 5, "state": 1}]
    assert run("lib/overview.js", f"m.sumNow({json.dumps(parts)})") == {"value": 5, "at": 10, "fresh": 1}
    assert run("lib/overview.js", f"m.sumNow({json.dumps(parts[1:])})") == {"value": 7, "at": 5, "fresh": 0}
    assert run("lib/overview.js", "m.sumNow([undefined])") is None


def test_nothing_is_called_usual_before_four_days_of_its_kind() -> None:
    monday = 4 * DAY  # 5 January 1970
    week = {"at": [monday + day * DAY + 10 * HOUR for day in range(5)], "value": [100, 102, 104, 106, 108]}
    friday = monday + 4 * DAY + 10 * HOUR
    found = run("lib/overview.js", f"m.usualNow({json.dumps(week)}, {friday + 1}, 0)")
    assert found["days"] == 4
    assert 100 <= found["low"] < found["high"] <= 106
    assert run("lib/overview.js", f"m.usualNow({json.dumps(week)}, {friday - DAY}, 0)") is None


@pytest.mark.parametrize(
    ("unit", "most", "metric", "symbol"),
    [
        ("W", 640e3, "power", "kW"),
        ("W", 40, "power", "W"),
        ("W", 2.4e6, "power", "MW"),
        ("m3/s", 1e-4, "flow", "m³/h"),
        ("m3", 12.0, "water", "m³"),
        ("ratio", 0.5, "humidity", "%"),
        ("Hz", 30.0, "engine_speed", "rpm"),
    ],
)
def test_a_column_has_one_unit_by_its_largest_value(unit: str, most: float, metric: str, symbol: str) -> None:
    assert run("lib/units.js", f"m.displayOf({json.dumps(unit)}, {most}, {json.dumps(metric)}).symbol") == symbol


def test_a_rule_is_told_by_the_clauses_that_need_no_figure() -> None:
    texts = [
        "A soft tyre burns fuel; the others let expect {expected_value}.", "Waste. Closed since {since}.", "{equip} is used.",
        "A duty vehicle belongs into `exempt`.", "胎压不足费油；按其他轮胎应为{expected_value}。", "It ran {v}: low.",
    ]  # fmt: skip
    expected = ["A soft tyre burns fuel", "Waste.", "", "A duty vehicle belongs into exempt.", "胎压不足费油", ""]
    assert run("lib/tables.js", f"{json.dumps(texts)}.map(m.gist)") == expected
