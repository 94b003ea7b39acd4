"""Notices through the API: the log, channels, who would be told, a test, another try."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.notices_world import Mailbox, noticing, one_dead_one_sent
from tests.api.world import World

V1 = "/api/v1"


@pytest.fixture
async def box(world: World) -> Mailbox:
    """Two alerts were told of: the first notice is dead, the second was sent."""
    service, box = noticing(world)
    world.build(notices=service)
    world.more["dead"] = await one_dead_one_sent(world, service, box)
    return box


async def test_the_log_says_who_what_when_with_which_result_and_after_how_many_tries(
    world: World, box: Mailbox, get: Any
) -> None:
    page = await get("/notices")
    sent, dead = page["notices"]
    assert (sent["state"], sent["tries"], sent["answer"], sent["channel"]) == ("sent", 1, "HTTP 200", "hook")
    assert sent["done"] == world.now // 1_000_000
    assert (dead["state"], dead["error"]) == ("dead", "HTTP 410: gone")
    assert list(sent["alerts"].values()) == ["firing"]
    assert (await get("/notices", state="dead"))["notices"] == [dead]
    assert (await get("/notices", alert=next(iter(sent["alerts"]))))["notices"] == [sent]
    first = await get("/notices", limit=1)
    assert (await get("/notices", limit=1, after=first["after"]))["notices"] == [dead]


async def test_no_answer_shows_a_secret(world: World, box: Mailbox, get: Any) -> None:
    row = (await get("/notices/channels"))["channels"][0]
    assert (row["id"], row["sent"], row["dead"], row["error"]) == ("hook", 1, 1, "HTTP 410: gone")
    for path in ("/notices", "/notices/channels"):
        assert "sEcReT" not in str(await get(path))


async def test_a_preview_says_who_would_be_told_and_sends_nothing(world: World, box: Mailbox) -> None:
    count = len(box.got)
    answer = await world.http.post(f"{V1}/notices/preview", json={"target": "block-a.chiller-2", "severity": "critical"})
    (row,) = answer.json()["notices"]
    assert (row["route"], row["channel"], row["language"]) == ("plant", "hook", "en")
    assert row["subject"].startswith("[critical]")
    assert len(box.got) == count
    recorded = await world.http.post(f"{V1}/notices/preview", json={"alert": box.got[0].items[0].id})
    assert recorded.json()["notices"][0]["route"] == "plant"
    unknown = await world.http.post(f"{V1}/notices/preview", json={"target": "nowhere"})
    assert (unknown.status_code, unknown.json()["id"]) == (404, "nowhere")
    wrong = await world.http.post(f"{V1}/notices/preview", json={"target": "car-1", "at": "soon"})
    assert wrong.status_code == 422


async def test_a_dead_notice_is_tried_again_and_a_sent_one_is_not(world: World, box: Mailbox, get: Any) -> None:
    answer = await world.http.post(f"{V1}/notices/{world.more['dead']}/retry")
    assert answer.json()["state"] == "waiting"
    again = await world.http.post(f"{V1}/notices/{world.more['dead']}/retry")
    assert again.status_code == 409
    assert (await world.http.post(f"{V1}/notices/9999/retry")).status_code == 404


async def test_a_test_notice_says_what_became_of_it(world: World, box: Mailbox) -> None:
    answer = await world.http.post(f"{V1}/notices/test", json={"channel": "hook", "by": "Li Wei"})
    assert (answer.json()["state"], answer.json()["what"]) == ("sent", "test")
    box.broken = True
    failed = await world.http.post(f"{V1}/notices/test", json={"channel": "hook", "by": "Li Wei"})
    assert (failed.json()["state"], failed.json()["error"]) == ("dead", "HTTP 410: gone")
    assert (await world.http.post(f"{V1}/notices/test", json={"channel": "x", "by": "Li Wei"})).status_code == 404
