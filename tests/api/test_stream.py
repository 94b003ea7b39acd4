"""The event stream: over a real server with real sockets, and its bookkeeping without one."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import uvicorn

from api import ApiSettings, BrokerState, close_streams
from api.cursor import Cursor
from api.events import Client, Events, Filter
from api.schema import AlertSummary
from api.schema_service import EVENTS
from steward.errors import NotFound
from steward.model import Batch
from steward.units import HOUR, SECOND
from tests.api.world import FILE, World, facility

TICK = SECOND // 50
QUICK = ApiSettings(tick=TICK)
ALL = Filter()


async def until(condition: Callable[[], Any], what: str, seconds: float = 60.0) -> None:
    """Waits for a condition."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
    assert condition(), what


@dataclass
class Listener:
    """What a client has received."""

    events: list[tuple[str, str, Any]] = field(default_factory=list)  # id, kind, data
    comments: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    ended: bool = False

    def of(self, kind: str) -> list[Any]:
        return [data for _, found, data in self.events if found == kind]

    @property
    def last_id(self) -> str:
        return self.events[-1][0]

    def values(self) -> dict[str, float]:
        shown: dict[str, float] = {}
        for data in self.of("values"):
            shown |= dict(zip(data["id"], data["value"], strict=True))
        return shown


async def listen(http: httpx.AsyncClient, listener: Listener, path: str, headers: dict[str, str]) -> None:
    async with http.stream("GET", f"/api/v1/events{path}", headers=headers) as answer:
        listener.headers = dict(answer.headers)
        assert answer.status_code == 200, await answer.aread()
        current: dict[str, str] = {}
        async for line in answer.aiter_lines():
            if line.startswith(":"):
                listener.comments += 1
            elif line:
                name, _, value = line.partition(": ")
                current[name] = value
            elif "event" in current:
                listener.events.append((current["id"], current["event"], json.loads(current["data"])))
                current = {}
    listener.ended = True


@asynccontextmanager
async def served(world: World, settings: ApiSettings = QUICK, **more: Any) -> AsyncIterator[httpx.AsyncClient]:
    """The world's app behind a real uvicorn on a free port."""
    world.build(settings, **more)
    server = uvicorn.Server(uvicorn.Config(world.app, log_config=None, lifespan="on", ws="none", timeout_graceful_shutdown=5))
    server.capture_signals = no_signals  # type: ignore[assignment, method-assign]
    wire = socket.create_server(("127.0.0.1", 0))
    task = asyncio.create_task(server.serve(sockets=[wire]))
    await until(lambda: server.started, "the server starts")
    address = f"http://127.0.0.1:{wire.getsockname()[1]}"
    try:
        async with httpx.AsyncClient(base_url=address, timeout=60, limits=httpx.Limits(max_connections=200)) as http:
            yield http
    finally:
        close_streams(world.app)
        server.should_exit = True
        await task


class no_signals:
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


@asynccontextmanager
async def client(http: httpx.AsyncClient, path: str = "", **headers: str) -> AsyncIterator[Listener]:
    """A client of the stream, until the end of the block."""
    listener = Listener()
    task = asyncio.create_task(listen(http, listener, path, headers))
    try:
        await until(lambda: listener.of("hello") or task.done(), "the stream says hello")
        if task.done():
            await task
        yield listener
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_value_an_alert_and_a_new_tree_arrive_as_they_happen(world: World) -> None:
    async with served(world) as http, client(http) as listener:
        assert listener.headers["content-type"].startswith("text/event-stream")
        await world.sample("block-a.power", 5.0, stored=False)
        await until(lambda: listener.of("values"), "the value")
        assert listener.values() == {"block-a.power": 5.0}
        alert = world.alert()
        await until(lambda: listener.of("alert"), "the alert")
        AlertSummary.model_validate(listener.of("alert")[0])
        assert listener.of("alert")[0]["id"] == alert.id
        world.facility = facility(FILE + '[[point]]\nid = "new"\nmetric = "co2"\nsite = "garage"\n')
        await world.sample("new", 400.0, stored=False)
        await until(lambda: listener.of("facility"), "the tree")
        await until(lambda: "new" in listener.values(), "the value of the new point")
        for _, kind, data in listener.events:
            if kind in EVENTS:
                EVENTS[kind].model_validate(data)


async def test_what_a_person_does_in_one_page_shows_in_the_others(world: World) -> None:
    async with served(world) as http, client(http) as listener:
        alert = world.alert()
        await until(lambda: listener.of("alert"), "the alert")
        answer = await http.post(f"/api/v1/alerts/{alert.id}/acknowledge", json={"by": "Li Wei"})
        assert answer.status_code == 200
        await until(lambda: len(listener.of("alert")) == 2, "the acknowledgement")
        assert listener.of("alert")[1]["acknowledged_by"] == "Li Wei"


async def test_a_value_that_goes_stale_is_told_without_a_sample(world: World) -> None:
    async with served(world) as http, client(http) as listener:
        await world.sample("block-a.power", 5.0, stored=False)
        await until(lambda: listener.of("values"), "the value")
        world.now += HOUR
        await until(lambda: len(listener.of("values")) == 2, "the silence")
        assert listener.of("values")[1]["state"] == [1]


async def test_many_samples_of_a_tick_are_one_message_with_the_newest(world: World) -> None:
    world.build(ApiSettings(tick=HOUR))
    events = world.context.events
    one = events.subscribe(ALL, None)
    for step in range(100):
        world.live.update(Batch.of([0], [world.now + step], [float(step)]))
    events.tick(0.0)
    assert [data["value"] for _, kind, data in received(events.next(one)) if kind == "values"] == [[99.0]]


async def test_a_client_sees_only_its_branch(world: World) -> None:
    async with served(world) as http, client(http, "?under=site:garage") as garage, client(http, "?under=meter") as meter:
        await world.sample("block-a.power", 5.0, stored=False)
        await world.sample("car-1.ignition", 1.0, stored=False)
        world.alert()
        world.alert("car-1", rule="trip", points=("car-1.ignition",))
        await until(lambda: garage.of("alert") and garage.of("values") and meter.of("values"), "what concerns it")
        assert garage.values() == {"car-1.ignition": 1.0}
        assert [alert["target"] for alert in garage.of("alert")] == ["car-1"]
        assert meter.values() == {"block-a.power": 5.0}


async def test_a_client_chooses_its_kinds(world: World) -> None:
    async with served(world) as http, client(http, "?kinds=alert") as listener:
        await world.sample("block-a.power", 5.0, stored=False)
        world.alert()
        await until(lambda: listener.of("alert"), "the alert")
        assert {kind for _, kind, _ in listener.events} == {"hello", "alert"}
    async with served(world) as http:
        assert (await http.get("/api/v1/events?kinds=gossip")).status_code == 422
        assert (await http.get("/api/v1/events?under=nowhere")).status_code == 404
        assert (await http.get("/api/v1/events?since=yesterday")).status_code == 422


@pytest.mark.parametrize("way", ["header", "query"])
async def test_a_client_that_returns_misses_nothing(world: World, way: str) -> None:
    async with served(world) as http:
        async with client(http) as listener:
            await world.sample("block-a.power", 1.0, stored=False)
            await until(lambda: listener.of("values"), "the first value")
            last = listener.last_id
        await until(lambda: world.context.events.clients == 0, "the server notices that it has gone")
        first = world.alert()
        for value in (2.0, 3.0):
            world.now += SECOND
            await world.sample("block-a.power", value, stored=False)
        second = world.alert("car-1", rule="trip")
        back = {"last-event-id": last} if way == "header" else {}
        async with client(http, f"?since={last}" if way == "query" else "", **back) as listener:
            await until(lambda: listener.of("alert") and listener.of("values"), "what it missed")
            assert [alert["id"] for alert in listener.of("alert")] == [first.id, second.id]
            assert listener.values() == {"block-a.power": 3.0}, "the present value only"
            world.now += SECOND
            await world.sample("block-a.power", 4.0, stored=False)
            await until(lambda: listener.values() == {"block-a.power": 4.0}, "and what comes then")
            assert [alert["id"] for alert in listener.of("alert")] == [first.id, second.id], "nothing twice"
            assert not listener.of("reset")


async def test_a_status_and_a_stream_after_its_cursor_leave_no_gap(world: World) -> None:
    async with served(world) as http:
        await world.sample("block-a.power", 1.0, stored=False)
        status = (await http.get("/api/v1/status")).json()
        assert status["full"] is True
        world.now += SECOND
        await world.sample("block-a.power", 2.0, stored=False)
        async with client(http, f"?since={status['cursor']}") as listener:
            await until(lambda: listener.values() == {"block-a.power": 2.0}, "what changed in between")


@pytest.mark.parametrize(("cursor", "reason"), [("abc-1-1", "restarted"), (None, "too_old")])
async def test_a_client_that_missed_too_much_is_told_to_read_everything(world: World, cursor: str | None, reason: str) -> None:
    async with served(world, ApiSettings(tick=TICK, ring=5)) as http:
        asked = cursor or f"{world.context.events.epoch}-0-0"
        for number in range(10):
            world.alert(rule=f"rule-{number}")
        await until(lambda: world.context.events.cursor.events >= 10, "the alerts go out")
        async with client(http, **{"last-event-id": asked}) as listener:
            await until(lambda: listener.of("reset"), "the reset")
            assert listener.of("reset")[0]["reason"] == reason
            assert not listener.of("alert")
            world.alert(rule="after")
            await until(lambda: listener.of("alert"), "what happens then")


async def test_a_quiet_stream_sends_heartbeats(world: World) -> None:
    async with served(world, ApiSettings(tick=TICK, heartbeat=SECOND // 20)) as http, client(http) as listener:
        await until(lambda: listener.comments >= 3, "three heartbeats")


async def test_a_broker_that_is_lost_shows_in_the_stream(world: World) -> None:
    state = [BrokerState("main", "mqtt://x:1", True)]
    async with served(world, brokers=lambda: state) as http, client(http) as listener:
        state[0] = BrokerState("main", "mqtt://x:1", True, refused={"site/#": "not authorised"})
        await until(lambda: any(not told["ready"] for told in listener.of("server")), "the refusal")
        assert "site/#" in listener.of("server")[-1]["reasons"][0]


async def test_fifty_clients_all_get_everything_from_one_serialisation(world: World) -> None:
    async with served(world) as http:
        listeners = [Listener() for _ in range(50)]
        tasks = [asyncio.create_task(listen(http, listener, "", {})) for listener in listeners]
        await until(lambda: world.context.events.clients == 50, "all are connected")
        made = 0
        events = world.context.events
        values = events._values

        def counted(*arguments: Any) -> Any:
            nonlocal made
            made += 1
            return values(*arguments)

        events._values = counted  # type: ignore[assignment, method-assign]
        await world.sample("block-a.power", 7.0, stored=False)
        await until(lambda: all(listener.values() for listener in listeners), "all have it")
        assert made == 1
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await until(lambda: events.clients == 0, "all are forgotten")


async def test_a_client_that_does_not_read_holds_nobody_up_and_is_cut(world: World) -> None:
    """A socket that is never read, a megabyte each tick: the others go on, memory does not grow, the socket is closed."""
    settings = ApiSettings(tick=TICK, cut_after=SECOND // 2, pending_limit=4)
    async with served(world, settings) as http, client(http, "?kinds=alert") as listener:
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.setblocking(False)
        await asyncio.get_running_loop().sock_connect(deaf, (http.base_url.host, http.base_url.port or 0))
        await asyncio.get_running_loop().sock_sendall(deaf, b"GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
        events = world.context.events
        await until(lambda: events.clients == 2, "both are connected")
        (stuck,) = (one for group in events._groups.values() for one in group if "values" in one.filter.kinds)
        for number in range(2000):
            if stuck.closed:
                break
            events.publish("facility", {"padding": "x" * 1_000_000 if number < 30 else "x", "points": 0, "nodes": 0})
            await asyncio.sleep(TICK / SECOND)
            assert len(stuck.pending) <= 4
        assert stuck.closed
        await until(lambda: events.clients == 1, "it is forgotten")
        world.alert()
        await until(lambda: listener.of("alert"), "the other one is served")
        deaf.close()


async def test_no_more_clients_than_the_limit_are_taken(world: World) -> None:
    async with served(world, ApiSettings(tick=TICK, clients_limit=1)) as http, client(http):
        answer = await http.get("/api/v1/events")
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_server_that_stops_ends_its_streams(world: World) -> None:
    listener = Listener()
    async with served(world) as http:
        task = asyncio.create_task(listen(http, listener, "", {}))
        await until(lambda: listener.of("hello"), "the stream says hello")
        close_streams(world.app)
        await asyncio.wait_for(task, 60)
    assert listener.ended


# Without a server


def received(waiting: list[tuple[Cursor, bytes]]) -> list[tuple[str, str, Any]]:
    found = []
    for _, text in waiting:
        for part in text.decode().split("\n\n")[:-1]:
            lines = dict(line.split(": ", 1) for line in part.split("\n"))
            found.append((lines["id"], lines["event"], json.loads(lines["data"])))
    return found


def fill(events: Events, world: World, count: int) -> None:
    for step in range(count):
        world.live.update(Batch.of([0], [world.now + step], [float(step)]))
        events.tick(0.0)


async def test_a_client_that_falls_behind_skips_to_the_present_and_loses_no_alert(world: World) -> None:
    world.build(ApiSettings(pending_limit=4))
    events = world.context.events
    slow, quick = events.subscribe(ALL, None), events.subscribe(Filter(kinds=frozenset(("values",))), None)
    alert = world.alert()
    events._send_events()
    for step in range(20):
        fill(events, world, step + 1)
        events.next(quick)
        assert len(slow.pending) <= 4
    caught = received(events.next(slow))
    assert [data["id"] for _, kind, data in caught if kind == "alert"] == [alert.id]
    assert [data["value"] for _, kind, data in caught if kind == "values"] == [[19.0]]
    world.now += HOUR
    fill(events, world, 1)
    assert [kind for _, kind, _ in received(events.next(slow))] == ["values"], "and goes on from there"


async def test_a_client_that_skips_while_it_writes_resumes_after_what_it_was_writing(world: World) -> None:
    world.build(ApiSettings(pending_limit=2))
    events = world.context.events
    one = events.subscribe(ALL, None)
    first = world.alert(rule="first")
    events._send_events()
    assert [data["id"] for _, kind, data in received(events.next(one)) if kind == "alert"] == [first.id]
    later = [world.alert(rule=f"later-{number}").id for number in range(5)]
    events._send_events()
    assert one.lost
    assert [data["id"] for _, _, data in received(events.next(one))] == later


async def test_a_branch_that_a_reload_removes_silences_its_clients_and_nobody_else(world: World) -> None:
    events = world.context.events
    gone, everyone = events.subscribe(Filter("site:garage"), None), events.subscribe(ALL, None)
    cut = FILE.index('[[equip]]\nid = "car-1"')
    text = FILE[:cut] + FILE[FILE.index("[[template]]") :]
    text = text.replace('[[point]]\nid = "car-1.ignition"\nmetric = "ignition"\nequip = "car-1"\n', "")
    world.facility = facility(
        text.replace('[[site]]\nid = "garage"\nname = { en = "Garage", zh = "车库" }\norganisation = "linhai-city"\n', "")
    )
    with pytest.raises(NotFound):
        world.context.catalogue.rows("site:garage")
    world.live.update(Batch.of([world.index.add("block-a.power")], [world.now], [1.0]))
    events.tick(0.0)
    events._send_events()
    assert [kind for _, kind, _ in received(events.next(gone))] == ["facility"]
    assert {kind for _, kind, _ in received(events.next(everyone))} == {"facility", "values"}


async def test_ingest_never_waits_for_the_stream(world: World) -> None:
    events = world.context.events
    clients: list[Client] = [events.subscribe(Filter(kinds=frozenset(("values",))), None) for _ in range(50)]
    for step in range(200):
        world.live.update(Batch.of([0], [world.now + step], [float(step)]))
    assert all(not one.pending for one in clients), "an update hands nothing over: the tick pulls"


@pytest.mark.parametrize("text", ["", "x", "a-b-c", "a-1", "a-1-2-3", "A-1-2", "a-1-" + "9" * 40, None])
def test_what_is_no_cursor_is_not_taken_for_one(text: str | None) -> None:
    assert Cursor.parse(text) is None


def test_a_cursor_reads_back_as_it_was_written() -> None:
    assert Cursor.parse(str(Cursor("f1x0", 17, 90210))) == Cursor("f1x0", 17, 90210)
