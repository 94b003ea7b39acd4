"""InfluxDB as an engine of the store contract, twice: a real influxd, and conversations recorded from one.

A replay compares method, path, query and body of every request with the recording, so a change in what we send fails
until it is recorded anew, from a real server:
`STEWARD_TEST_INFLUXD=/path/to/influxd pytest tests/store --record-mode=rewrite -k recorded`
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from steward.model import PointIndex
from steward.store.influx import InfluxStore
from tests.store import influx_server as server

Factory = Callable[[PointIndex], InfluxStore]
REPLAYED = "http://influxdb.recorded:8086"
CASSETTES = Path(__file__).parent / "cassettes"
UNRECORDED = "no recording of it; to make one: STEWARD_TEST_INFLUXD=... pytest tests/store --record-mode=rewrite -k recorded"
LIVE_ONLY = {
    "test_reads_during_writes_see_whole_batches": "its requests race each other, so no two runs send the same ones",
    "test_any_history_reads_like_a_dictionary": "hypothesis chooses what it sends, differently from release to release",
    "test_a_large_batch_is_written_at_once": "its conversation is some 25 MB",
}


def influx(folder: Path, request: pytest.FixtureRequest) -> Iterator[Factory]:
    """A bucket of a real influxd."""
    yield _factory(request.getfixturevalue("influx_server"), request)


def recorded(folder: Path, request: pytest.FixtureRequest) -> Iterator[Factory]:
    """A bucket as a recorded conversation knows it."""
    reason = LIVE_ONLY.get(request.node.originalname)
    if reason:
        pytest.skip(f"not recorded: {reason}")
    yield _factory(recorded_url(request), request)


def recorded_url(request: pytest.FixtureRequest) -> str:
    """The address to talk to under a `vcr` mark: a real server while recording, else none; skips without a recording."""
    if request.config.getoption("--record-mode") not in (None, "none"):
        return str(request.getfixturevalue("influx_server"))
    module = request.node.path.stem
    name = re.sub(r"[^\w\-\[\]. ]", "-", request.node.name)
    if not list((CASSETTES / module).glob(f"{name.split('[')[0]}*")):
        pytest.skip(
            "no recorded conversation: record one with STEWARD_TEST_INFLUXD=... pytest --record-mode=rewrite -k recorded"
        )
    return REPLAYED


def _factory(url: str, request: pytest.FixtureRequest) -> Factory:
    bucket = bucket_name(request)
    if url != REPLAYED:
        server.create_bucket(url, bucket)
    return lambda index: InfluxStore(url, server.ORG, bucket, server.TOKEN, index, lambda id: None)


def bucket_name(request: pytest.FixtureRequest) -> str:
    """A bucket of the test's own, the same in every run."""
    return re.sub(r"\W+", "-", request.node.name).strip("-")


@pytest.fixture(scope="session")
def influx_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real influxd that lives as long as the test run; skips where there is none."""
    if server.program() is None:
        pytest.skip(server.MISSING)
    with server.running(tmp_path_factory.mktemp("influxd")) as running:
        yield running.url


@pytest.fixture(scope="module")
def vcr_config() -> dict[str, Any]:
    """How conversations are recorded and compared: everything that we send counts, no secret is kept."""
    return {
        "match_on": ["method", "path", "query", "body"],
        "filter_headers": [("authorization", None), ("user-agent", None)],
        "before_record_request": _anonymous,
        "before_record_response": _lasting,
        "allow_playback_repeats": False,
        "decode_compressed_response": True,
    }


def _anonymous(request: Any) -> Any:
    """Without the address of the server that it was recorded from; None for what only prepares a test."""
    if server.SET_UP.lower() in {name.lower() for name in request.headers}:
        return None
    parts = urlsplit(request.uri)
    request.uri = urlunsplit(urlsplit(REPLAYED)._replace(path=parts.path, query=parts.query))
    return request


def _lasting(response: Any) -> Any:
    """With the headers only that say something about the answer."""
    kept = {"content-type", "x-influxdb-version", "retry-after"}
    response["headers"] = {name: value for name, value in response["headers"].items() if name.lower() in kept}
    return response


ENGINES = [
    pytest.param(influx, id="influx", marks=pytest.mark.influx),
    pytest.param(recorded, id="influx-recorded", marks=pytest.mark.vcr),
]
