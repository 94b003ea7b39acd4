"""When InfluxDB is busy, down, slow or restarted: what is tried again, what is refused, and that nothing is lost."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from steward.errors import StoreError, StoreUnavailable, StoreVersion
from steward.model import Batch, PointIndex
from steward.store._refusal import Patience
from steward.store.flux import columns, sections
from steward.store.influx import InfluxStore
from tests.ports import free_port
from tests.store import influx_server as server

NOON = 1_767_268_800_000_000_000
Answer = tuple[int, dict[str, str], str]
OK: Answer = (204, {}, "")
READY: list[Answer] = [
    (204, {"X-Influxdb-Version": "v2.7.12"}, ""),
    (200, {"Content-Type": "application/json"}, json.dumps({"buckets": [{"name": "b", "retentionRules": []}]})),
]


class Scripted(BaseHTTPRequestHandler):
    """Gives the answers of a list, one a request, and remembers the requests."""

    answers: list[Answer]
    seen: list[tuple[float, str, bytes]]

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.seen.append((time.monotonic(), self.path.split("?")[0], body))
        status, headers, text = self.answers.pop(0)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(text.encode()))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    do_POST = do_GET

    def log_message(self, *args: object) -> None:
        """Nothing."""


@contextmanager
def scripted(*answers: Answer) -> Iterator[tuple[str, type[Scripted]]]:
    """A server that answers so, after what `open` asks."""
    handler = type("Handler", (Scripted,), {"answers": [*READY, *answers], "seen": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        http.daemon_threads = True
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_address[1]}", handler
        finally:
            http.shutdown()
            thread.join()


def steward(url: str, total: float = 60.0, registry: CollectorRegistry | None = None, points: str = "ab") -> InfluxStore:
    patience = Patience(total=total, first_pause=0.01, longest_pause=0.05)
    return InfluxStore(
        url, "o", "b", "the-secret-token", PointIndex(points), lambda id: None, patience=patience, registry=registry
    )


def refusal(status: int, message: str = "", **headers: str) -> Answer:
    return status, {"Content-Type": "application/json", **headers}, json.dumps({"code": "x", "message": message})


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_busy_server_is_asked_again_with_the_same_request(status: int) -> None:
    with scripted(refusal(status), refusal(status), OK) as (url, handler):
        registry = CollectorRegistry()
        store = steward(url, registry=registry)
        await store.open()
        await store.write(Batch.of([0], [NOON], [1]))
        await store.close()
    bodies = [body for _, path, body in handler.seen if path == "/api/v2/write"]
    assert bodies == [b"number,point=a value=1,received=1767268800000000000i,quality=0i 1767268800000000000\n"] * 3
    assert registry.get_sample_value("steward_influx_retries_total", {"what": "write"}) == 2


async def test_retry_after_is_obeyed() -> None:
    with scripted(refusal(429, **{"Retry-After": "1"}), OK) as (url, handler):
        store = steward(url)
        await store.open()
        await store.write(Batch.of([0], [NOON], [1]))
        await store.close()
    (first, *_), (second, *_) = handler.seen[-2:]
    assert second - first >= 1


async def test_a_server_that_asks_for_more_time_than_there_is_patience_is_unavailable_at_once() -> None:
    with scripted(refusal(503, "back later", **{"Retry-After": "3600"})) as (url, _):
        store = steward(url, total=20)
        await store.open()
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match=r"refused write \(503\): back later"):
            await store.write(Batch.of([0], [NOON], [1]))
        assert time.monotonic() - began < 15
        await store.close()


async def test_a_server_that_is_down_is_unavailable_after_the_deadline_and_the_token_is_not_told() -> None:
    store = steward(f"http://127.0.0.1:{free_port()}", total=0.2)
    with pytest.raises(StoreUnavailable, match="out of reach") as caught:
        await store.open()
    assert "the-secret-token" not in str(caught.value)
    await store.close()


async def test_a_batch_that_is_too_large_is_sent_in_halves() -> None:
    with scripted(refusal(413), OK, refusal(413), OK, OK) as (url, handler):
        store = steward(url)
        await store.open()
        await store.write(Batch.of([0] * 4, NOON + np.arange(4), [1, 2, 3, 4]))
        await store.close()
    assert [body.count(b"\n") for _, path, body in handler.seen if path == "/api/v2/write"] == [4, 2, 2, 1, 1]


async def test_a_request_that_will_never_do_is_not_sent_again() -> None:
    with scripted(refusal(400, "unable to parse")) as (url, handler):
        store = steward(url)
        await store.open()
        with pytest.raises(StoreError, match=r"\(400\): unable to parse; point 'a'") as caught:
            await store.write(Batch.of([0], [NOON], [1]))
        assert not isinstance(caught.value, StoreUnavailable)
        await store.close()
    assert handler.answers == []


async def test_a_large_batch_goes_in_requests_of_at_most_twenty_thousand_lines() -> None:
    with scripted(OK, OK, OK) as (url, handler):
        store = steward(url)
        await store.open()
        await store.write(Batch.of([0] * 45_000, NOON + np.arange(45_000), np.arange(45_000)))
        await store.close()
    assert [body.count(b"\n") for *_, body in handler.seen[2:]] == [20_000, 20_000, 5_000]


async def test_many_points_go_in_four_requests_at_once_each_point_in_one_of_them() -> None:
    with scripted(OK, OK, OK, OK) as (url, handler):
        store = steward(url, points="abcdefgh")
        await store.open()
        point = np.arange(4_000) % 8
        await store.write(Batch.of(point, NOON + np.arange(4_000), point))
        await store.close()
    bodies = [body for *_, body in handler.seen[2:]]
    assert [body.count(b"\n") for body in bodies] == [1_000] * 4
    for point_id in b"abcdefgh":
        assert sum(b"point=" + bytes([point_id]) in body for body in bodies) == 1


async def test_when_one_of_several_requests_fails_the_write_fails_once_all_are_over() -> None:
    with scripted(OK, refusal(400, "unable to parse"), OK, OK) as (url, handler):
        store = steward(url, points="abcdefgh")
        await store.open()
        point = np.arange(4_000) % 8
        with pytest.raises(StoreError, match="unable to parse"):
            await store.write(Batch.of(point, NOON + np.arange(4_000), point))
        await store.close()
    assert len(handler.seen[2:]) == 4


@pytest.mark.parametrize("version", ["1.8.10", "v2.6.1", "3.0.1", ""])
async def test_a_server_of_another_version_is_refused(version: str) -> None:
    with scripted() as (url, handler):
        handler.answers[0] = (204, {"X-Influxdb-Version": version} if version else {}, "")
        store = steward(url)
        with pytest.raises(StoreVersion, match=r"expected 2\.7 or newer of version 2"):
            await store.open()
        await store.close()


async def test_an_error_in_the_midst_of_an_answer_is_an_error() -> None:
    rows = ",result,table,_time,_value,point\r\n,value,0,2026-01-01T12:00:00Z,1,a\r\n\r\n"
    text = rows + ",error,reference\r\n,out of memory,897\r\n\r\n"
    with scripted((200, {"Content-Type": "text/csv"}, text)) as (url, _):
        store = steward(url)
        await store.open()
        with pytest.raises(StoreError, match="out of memory"):
            await store.read([0], NOON, NOON + 1)
        await store.close()


ANSWER = (
    b",result,table,_time,_value,point\r\n,value,0,2026-01-01T12:00:00Z,1.5,a\r\n,value,1,2026-01-01T12:00:00.000000001Z,2,b\r\n\r\n"
    b",result,table,_time,point,_value\r\n,received,0,1970-01-01T00:00:00Z,a,9007199254740993\r\n\r\n"
)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000])
def test_an_answer_is_read_the_same_however_it_is_cut(size: int) -> None:
    index = PointIndex(["a"])
    chunks = [ANSWER[begin : begin + size] for begin in range(0, len(ANSWER), size)]
    found = columns(chunks, index)
    assert found["value"].value.tolist() == [1.5, 2]
    assert found["value"].at.tolist() == [NOON, NOON + 1]
    assert found["received"].value.tolist() == [9007199254740993]
    assert index.ids == ["a", "b"]
    assert [header[-1] for header, _ in sections(chunks)] == ["point", "_value"]


def test_an_answer_without_rows_has_no_columns() -> None:
    assert columns([b"\r\n"], PointIndex()) == {}
    assert columns([], PointIndex()) == {}


@pytest.mark.influx
async def test_what_was_acknowledged_is_there_after_the_server_was_killed(tmp_path: Path) -> None:
    if server.program() is None:
        pytest.skip(server.MISSING)
    port = free_port()
    with server.running(tmp_path, port) as first:
        server.create_bucket(first.url, "b")
        store = InfluxStore(first.url, server.ORG, "b", server.TOKEN, PointIndex(["a"]), lambda id: None)
        await store.open()
        for step in range(20):
            await store.write(Batch.of([0] * 100, NOON + step * 100 + np.arange(100), np.arange(100)))
        first.process.kill()
        first.process.wait(10)
        with pytest.raises(StoreUnavailable):
            await asyncio.wait_for(_impatient(store).write(Batch.of([0], [NOON], [1])), 5)
    with server.running(tmp_path, port):
        found = await store.read([0], NOON, NOON + 10_000)  # the same store: its connections are made anew
        assert found.at.tolist() == (NOON + np.arange(2000)).tolist()
        await store.close()


def _impatient(store: InfluxStore) -> InfluxStore:
    store._patience = Patience(total=0.2)
    return store
