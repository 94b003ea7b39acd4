"""Rules tried on the past through the API: an order, its progress and result, cancel, and every wrong order refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from steward.app.trials.desk import Desk
from steward.app.trials.runs import Trials
from steward.model import Batch
from steward.units import HOUR, MINUTE
from tests.api.world import World

RULE = {
    "id": "high",
    "kind": "threshold",
    "match": {"metric": "power", "equip_type": "chiller"},
    "above": "100kW",
    "for": "5m",
    "title": {"en": "{point} above {limit}"},
}


@pytest.fixture
async def desk(world: World) -> AsyncIterator[World]:
    """The world with a day of history, high for an hour, and a trial desk."""
    at = world.now - np.arange(24 * 60, 0, -1) * MINUTE
    number = world.index.add("block-a.chiller-2.power")
    value = np.full(len(at), 50e3)
    value[600:660] = 150e3
    await world.store.write(Batch.of(np.full(len(at), number), at, value))
    trials = Trials(lambda: world.facility, world.index, world.store, lambda: world.now)
    world.build(trials=Desk(trials, lambda: world.facility, lambda: ["basic"], lambda start, end: ()))
    world.more |= {"start": at[0] // 1_000_000, "end": world.now // 1_000_000, "high": at[600] // 1_000_000}
    yield world
    await trials.close()


def order(world: World, **more: Any) -> dict[str, Any]:
    return {"start": int(world.more["start"]), "end": int(world.more["end"]), **more}


async def asked(world: World, **more: Any) -> dict[str, Any]:
    """A trial, asked for and waited for."""
    answer = await world.http.post("/api/v1/trials", json=order(world, **more))
    assert answer.status_code == 200, answer.text
    async with asyncio.timeout(120):
        while True:
            found = (await world.http.get(f"/api/v1/trials/{answer.json()['id']}")).json()
            if found["state"] not in ("waiting", "running"):
                assert isinstance(found, dict)
                return found


async def test_a_rule_of_ones_own_is_tried_on_the_stored_history(desk: World) -> None:
    label = {"start": int(desk.more["high"]), "end": int(desk.more["high"]) + 3_600_000, "target": "block-a.chiller-2"}
    found = await asked(desk, rules=[RULE], labels=[label], complete=True)
    assert (found["state"], found["progress"], found["total"]) == ("done", 1.0, 1)
    (row,) = found["results"]
    assert (row["episodes"], row["targets"], row["score"]["precision"], row["score"]["recall"]) == (1, 1, 1.0, 1.0)
    assert row["hours"] == pytest.approx(55 / 60)
    assert row["score"]["delay"] == 300
    (episode,) = found["episodes"]
    assert episode["fired"] - desk.more["high"] == 300_000
    assert episode["title"]["en"].endswith("above 100 kW")


async def test_a_sweep_tells_its_trade_off_and_a_second_version_its_difference(desk: World) -> None:
    sweep = {"rule": "high", "field": "above", "values": ["40kW", "100kW", "200kW"]}
    curve = (await asked(desk, rules=[RULE], sweep=sweep))["curve"]
    assert [row["episodes"] for row in curve["rows"]] == [1, 1, 0]
    (change,) = (await asked(desk, rules=[RULE], against=[{**RULE, "for": "20m"}]))["changes"]
    assert change["shift"] == 15 * 60_000


async def test_rules_as_text_and_whole_packs_can_be_tried(desk: World) -> None:
    text = '[[rule]]\nid = "low"\nkind = "threshold"\nmatch = { metric = "power" }\nbelow = "1kW"\n'
    assert [row["rule"] for row in (await asked(desk, text=text))["results"]] == ["low"]
    found = await asked(desk, packs=["basic"])
    assert "basic-stale" in {row["rule"] for row in found["results"]}
    assert found["not_applicable"] is not None


async def test_trials_are_listed_and_can_be_cancelled(desk: World) -> None:
    found = await asked(desk, rules=[RULE])
    listed = (await desk.http.get("/api/v1/trials")).json()["trials"]
    assert [one["id"] for one in listed] == [found["id"]]
    again = await desk.http.post("/api/v1/trials", json=order(desk, rules=[RULE]))
    ended = await desk.http.delete(f"/api/v1/trials/{again.json()['id']}")
    assert ended.json()["state"] in ("cancelled", "done")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({}, "there is no rule to try"),
        ({"use": ["nothing"]}, "no rule 'nothing'"),
        ({"packs": ["nothing"]}, "no pack 'nothing'"),
        ({"text": "[[rule]"}, "not TOML"),
        ({"text": "[site]"}, "nothing else"),
        ({"rules": [{"id": "a", "kind": "threshold", "above": "5 apples"}]}, "rules[0]"),
        ({"rules": [RULE], "sweep": {"rule": "x", "field": "above", "values": [1]}}, "no rule 'x'"),
        ({"rules": [RULE], "end": 0}, "not after start"),
        ({"rules": [RULE], "start": "yesterday"}, "not a time"),
        ({"rulez": []}, "rulez"),
    ],
)
async def test_a_wrong_order_is_refused_with_what_is_wrong(desk: World, more: dict[str, Any], says: str) -> None:
    answer = await desk.http.post("/api/v1/trials", json=order(desk) | more)
    assert answer.status_code == 422
    assert says in answer.text


async def test_an_unknown_trial_and_a_service_without_trials_say_so(desk: World, world: World) -> None:
    assert (await desk.http.get("/api/v1/trials/t99")).status_code == 404
    world.build()
    assert (await world.http.get("/api/v1/trials")).json() == {"trials": []}
    assert (await world.http.post("/api/v1/trials", json=order(desk, rules=[RULE]))).status_code == 409


async def test_hours_outside_the_history_are_simply_without_episodes(desk: World) -> None:
    begin = desk.more["start"] - 30 * HOUR // 1_000_000
    found = await asked(desk, rules=[RULE], start=int(begin), end=int(begin) + 3_600_000)
    assert (found["samples"], found["total"]) == (0, 0)
