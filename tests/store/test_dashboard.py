"""The provisioned Grafana dashboard: it names what Steward writes, and a real InfluxDB answers each of its queries."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from steward.config import parse
from steward.model import METRICS, Batch, Facility, PointIndex
from steward.store.influx import InfluxStore, init_store
from tests.store import influx_server

DASHBOARD = Path(__file__).parents[2] / "deploy/grafana/dashboards/steward.json"
VARIABLES = {"v.timeRangeStart": "-1h", "v.timeRangeStop": "now()", "v.windowPeriod": "1m", "${site:regex}": "(a)"}


def panels() -> list[dict[str, Any]]:
    content = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = content["panels"]
    return found


def test_each_panel_asks_the_provisioned_source_for_metrics_that_exist() -> None:
    assert len({panel["id"] for panel in panels()}) == len(panels()) >= 6
    for panel in panels():
        assert panel["datasource"]["uid"] == "steward"
        query = panel["targets"][0]["query"]
        assert 'from(bucket: "steward")' in query
        for metric in re.findall(r'_measurement == "(\w+)"', query):
            assert metric in METRICS, panel["title"]


def facility() -> Facility:
    metrics = ("power", "energy", "temperature", "flow", "power_factor", "speed")
    text = '[[site]]\nid = "a"\nname = "A"\n' + "".join(
        f'[[point]]\nid = "{metric}"\nsite = "a"\nmetric = "{metric}"\n' for metric in metrics
    )
    return parse([("f.toml", text)]).facility


@pytest.mark.influx
async def test_a_real_influxdb_answers_each_query_with_rows(tmp_path: Path) -> None:
    if influx_server.program() is None:
        pytest.skip(influx_server.MISSING)
    from influxdb_client import InfluxDBClient

    site = facility()
    index = PointIndex(site.points)
    now = time.time_ns()
    with influx_server.running(tmp_path) as server:
        init_store(server.url, influx_server.ORG, "steward", influx_server.TOKEN)
        store = InfluxStore(server.url, influx_server.ORG, "steward", influx_server.TOKEN, index, site.points.get)
        await store.open()
        for minute in range(10, 0, -1):
            at = now - minute * 60_000_000_000
            await store.write(Batch.of(range(len(index)), [at] * len(index), [float(minute)] * len(index), quality=1))
        await store.close()
        with InfluxDBClient(server.url, influx_server.TOKEN, org=influx_server.ORG) as client:
            for panel in panels():
                query = panel["targets"][0]["query"]
                for name, value in VARIABLES.items():
                    query = query.replace(name, value)
                rows = [record for table in client.query_api().query(query) for record in table.records]
                assert rows, panel["title"]
