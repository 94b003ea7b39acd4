"""The whole service on real parts: a real broker, a real store, real rules, the API; killed, reloaded, fed rubbish."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulators.encoders import Publication
from simulators.publisher import Publisher, Will
from steward.app.checking import read
from steward.app.serve import listen, serving
from steward.app.service import Steward
from steward.errors import ConfigError, StewardError
from tests.app.tables import STORES

FILE = (
    STORES
    + """
[api]
live_interval = "50ms"
[[broker]]
id = "main"
url = "mqtt://127.0.0.1:0"
embedded = true
data = "broker"
[[site]]
id = "a"
name = { en = "Block A", zh = "A座" }
time_zone = "Asia/Shanghai"
[[template]]
id = "meter"
format = "native"
interval = "10s"
[[template.point]]
id = "power"
field = "power"
metric = "power"
unit = "kW"
low = 0
high = 1000
[[device]]
id = "m1"
template = "meter"
site = "a"
[[template]]
id = "plug"
format = "json"
topic = "plugs/{device}/up"
admit = true
admit_to = "a"
[[template.point]]
id = "power"
field = "w"
metric = "power"
unit = "W"
[[rule]]
id = "high"
kind = "threshold"
severity = "high"
match = { metric = "power" }
above = "5kW"
title = { en = "{device} takes {value}", zh = "{device}功率{value}" }
"""
)


class Site:
    """A served Steward, with a client for its API and a publisher for its broker."""

    def __init__(self, folder: Path, text: str = FILE) -> None:
        self.file = folder / "site.toml"
        self.file.write_text(text, encoding="utf-8")
        self.folder = folder

    async def __aenter__(self) -> Site:
        self.steward = Steward(
            read(self.file), clock=time.time_ns, environ={}, data=self.folder, reread=lambda: read(self.file)
        )
        wire = listen("127.0.0.1", 0)
        self._serving = serving(self.steward, wire)
        await self._serving.__aenter__()
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{wire.getsockname()[1]}", timeout=60)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.client.aclose()
        await self._serving.__aexit__(None, None, None)

    @property
    def url(self) -> str:
        return self.steward.brokers["main"].url

    async def get(self, path: str) -> Any:
        answer = await self.client.get(path)
        return answer.json()

    async def send(self, *messages: tuple[str, Any], will: Will | None = None) -> None:
        out = [
            Publication(0, topic, body if isinstance(body, bytes) else json.dumps(body).encode()) for topic, body in messages
        ]
        async with Publisher(self.url, f"test-{time.time_ns()}", will=will) as publisher:
            await publisher.publish(out)
            await publisher.flush()

    async def until(self, path: str, good: Callable[[Any], bool]) -> Any:
        """Asks until the answer is good, at most a minute."""
        async with asyncio.timeout(60):
            while not good(answer := await self.get(path)):
                await asyncio.sleep(0.02)
        return answer


def power(kilowatts: float, at: float | None = None) -> tuple[str, dict[str, Any]]:
    body: dict[str, Any] = {"values": {"power": kilowatts}}
    if at is not None:
        body["at"] = round(at * 1000)
    return "steward/v1/m1/telemetry", body


async def test_a_message_becomes_a_live_value_history_and_an_alert_with_its_sentence(tmp_path: Path) -> None:
    async with Site(tmp_path) as site:
        await site.until("/readyz", lambda answer: answer["status"] == "ready")
        await site.send(power(6))
        point = await site.until("/api/v1/points/m1.power", lambda answer: answer.get("value") is not None)
        assert point["value"] == 6000
        page = await site.until("/api/v1/alerts", lambda answer: len(answer["alerts"]) == 1)
        alert = page["alerts"][0]
        assert alert["condition"] == "firing"
        assert alert["title"]["en"] == "m1 takes 6 kW"
        await site.send(power(1))
        await site.until("/api/v1/alerts?condition=resolved", lambda answer: len(answer["alerts"]) == 1)
        history = await site.get("/api/v1/history?point=m1.power&start=2020-01-01T00:00:00Z")
        assert "6000" in json.dumps(history)


async def test_rubbish_is_counted_by_reason_shown_and_blocks_nothing(tmp_path: Path) -> None:
    async with Site(tmp_path) as site:
        await site.send(
            ("steward/v1/m1/telemetry", b"\xff\x00 no json"),
            ("nobody/speaks/here", b"<img src=x onerror=alert(1)>"),
            ("steward/v1/stranger/telemetry", {"values": {"power": 1}}),
            power(5000),
            power(2),
        )
        await site.until("/api/v1/points/m1.power", lambda answer: answer.get("value") == 2000)
        quarantine = await site.get("/api/v1/quarantine")
        assert quarantine["counts"]["out_of_range"] == 1
        assert quarantine["counts"]["unknown_device"] == 1
        assert quarantine["counts"]["unrouted"] == 1
        assert sum(quarantine["counts"].values()) == 4
        assert any("<img src=x" in entry["payload"] for entry in quarantine["entries"])


async def test_a_restart_keeps_values_alerts_and_their_start_and_takes_what_was_sent_meanwhile(tmp_path: Path) -> None:
    async with Site(tmp_path) as site:
        await site.send(power(6))
        before = await site.until("/api/v1/alerts", lambda answer: len(answer["alerts"]) == 1)
    async with Site(tmp_path) as site:
        assert (await site.get("/api/v1/points/m1.power"))["value"] == 6000
        after = await site.get("/api/v1/alerts")
        assert [alert["id"] for alert in after["alerts"]] == [alert["id"] for alert in before["alerts"]]
        assert after["alerts"][0]["since"] == before["alerts"][0]["since"]
        await site.send(power(7))
        await site.until("/api/v1/points/m1.power", lambda answer: answer["value"] == 7000)
        assert len((await site.get("/api/v1/alerts"))["alerts"]) == 1


async def test_a_device_of_an_admitting_template_is_admitted_with_its_first_message_and_stays(tmp_path: Path) -> None:
    async with Site(tmp_path) as site:
        await site.send(("plugs/kettle/up", {"w": 1500}))
        await site.until("/api/v1/points/kettle.power", lambda answer: answer.get("value") == 1500)
        await site.send(("plugs/kettle/up", {"w": 6000}))
        await site.until("/api/v1/alerts", lambda answer: any(alert["target"] == "kettle.power" for alert in answer["alerts"]))
    async with Site(tmp_path) as site:
        assert (await site.get("/api/v1/points/kettle.power"))["value"] == 6000


async def test_a_good_reload_adds_a_device_and_a_bad_one_changes_nothing_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Site(tmp_path) as site:
        refreshed: list[int] = []
        monkeypatch.setattr(site.steward.store.store, "refresh", lambda: refreshed.append(1))
        site.file.write_text(FILE + '[[device]]\nid = "m2"\ntemplate = "meter"\nsite = "a"\n', encoding="utf-8")
        answer = await site.client.post("/api/v1/reload")
        assert answer.status_code < 300, answer.text
        assert refreshed, "the store hears of changed metadata"
        await site.send(("steward/v1/m2/telemetry", {"values": {"power": 3}}))
        await site.until("/api/v1/points/m2.power", lambda answer: answer.get("value") == 3000)
        site.file.write_text(FILE.replace('"kW"', '"kV"').replace('"threshold"', '"nonsense"'), encoding="utf-8")
        answer = await site.client.post("/api/v1/reload")
        assert answer.status_code == 422
        assert "site.toml:template[meter].point[power].unit" in answer.text
        assert "site.toml:rule[high].kind" in answer.text
        assert (await site.get("/api/v1/points/m2.power"))["value"] == 3000
        window = '[[maintenance]]\nid = "w"\nreason = "filters"\ndays = "sat"\nrule = "hihg"\n'
        site.file.write_text(FILE + window, encoding="utf-8")
        answer = await site.client.post("/api/v1/reload")
        (named,) = answer.json()["problems"]
        assert [named[key] for key in ("where", "message", "expected")] == [
            "site.toml:maintenance[w].rule", "no rule 'hihg'", "one of high",
        ]  # fmt: skip
        site.file.write_text(FILE.replace("samples.duckdb", "other.duckdb"), encoding="utf-8")
        with pytest.raises(ConfigError, match="store: cannot change while running, expected a restart"):
            await site.steward.reload()


async def test_an_address_that_a_reload_makes_a_device_waits_for_adoption_no_more(tmp_path: Path) -> None:
    async with Site(tmp_path) as site:
        await site.send(*((f"steward/v1/{name}/telemetry", {"values": {"power": 1}}) for name in ("m2", "m3")))
        await site.until("/api/v1/quarantine", lambda answer: len(answer["strangers"]) == 2)
        site.file.write_text(FILE + '[[device]]\nid = "m2"\ntemplate = "meter"\nsite = "a"\n', encoding="utf-8")
        assert (await site.client.post("/api/v1/reload")).status_code < 300
        quarantine = await site.get("/api/v1/quarantine")
        assert [one["address"] for one in quarantine["strangers"]] == ["m3"]
        assert {one["address"] for one in quarantine["entries"] if one["reason"] == "unknown_device"} == {"m3"}


async def test_a_last_will_makes_a_device_stale_at_once(tmp_path: Path) -> None:
    async with Site(tmp_path) as site:
        await site.send(power(1))
        await site.until("/api/v1/points/m1.power", lambda answer: answer.get("value") == 1000)
        await site.send(("steward/v1/m1/status", {"status": "offline"}))
        point = await site.until("/api/v1/points/m1.power", lambda answer: answer["state"] == "dead")
        assert point["value"] == 1000


async def test_a_start_that_fails_half_way_leaves_nothing_running(tmp_path: Path) -> None:
    (tmp_path / "samples.duckdb").write_bytes(b"this is no database" * 1000)
    site = Site(tmp_path)
    with pytest.raises(StewardError):
        await site.__aenter__()
    (tmp_path / "samples.duckdb").unlink()
    async with Site(tmp_path) as second:
        await second.until("/readyz", lambda answer: answer["status"] == "ready")


METERED = FILE.replace(
    '[[device]]\nid = "m1"',
    '[[template.point]]\nid = "volume"\nfield = "volume"\nmetric = "water"\nunit = "m3"\ninterval = "15m"\n'
    '[[device]]\nid = "m1"',
    1,
)


async def test_reads_become_consumption_and_derived_points_have_a_history_over_a_restart(tmp_path: Path) -> None:
    quarter = 900
    start = int(time.time()) // quarter * quarter - 12 * quarter
    reads = [(start + step * quarter, 100 + 0.9 * step) for step in range(13)]
    span = f"start={start * 1000}&end={(start + 12 * quarter) * 1000}"
    async with Site(tmp_path, METERED) as site:
        for at, value in reads:
            await site.send(("steward/v1/m1/telemetry", {"values": {"volume": value}, "at": at * 1000}))
        path = f"/api/v1/ledger/m1.volume?{span}&period=hour"
        booked = await site.until(path, lambda answer: abs((answer.get("total") or 0) - 12 * 0.9) < 1e-6)
        assert booked["unit"] == "m3"
        past = f"/api/v1/history?point=m1.volume.flow&point=m1.volume&{span}"
        found = await site.until(past, lambda answer: all(one["value"] for one in answer["series"]))
        flow, volume = (next(one for one in found["series"] if one["point"] == id) for id in ("m1.volume.flow", "m1.volume"))
        assert flow["value"] == pytest.approx([0.9 / quarter] * 11)
        assert len(volume["value"]) == 12
        windows = await site.get(f"/api/v1/history?point=m1.volume.flow&{span}&window=1h")
        assert windows["series"][0]["mean"][1] == pytest.approx(0.9 / quarter)
        (register,) = (await site.get("/api/v1/ledger"))["registers"]
        assert (register["unit"], register["waiting"], register["fault"]) == ("m3", False, "none")
    async with Site(tmp_path, METERED) as site:
        assert (await site.get(past))["series"] == found["series"]
        assert (await site.get(path))["total"] == pytest.approx(booked["total"])
        await site.until("/api/v1/points/m1.volume.fault", lambda answer: answer.get("value") == 0)
