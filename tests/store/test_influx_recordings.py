"""The recorded conversations are worth something: a replay compares what we send, and no secret is in them."""

from __future__ import annotations

from typing import Any

import pytest
import vcr
from vcr.errors import CannotOverwriteExistingCassetteException

from steward.model import Batch, PointIndex
from steward.store.influx import InfluxStore
from tests.store import influx_engine as engines
from tests.store import influx_server as server

NOON = 20_454 * 86_400 * 10**9 + 12 * 3600 * 10**9
NAME = "test_a_deleted_range_is_gone_and_can_be_written_again"
RECORDING = engines.CASSETTES / "test_contract" / f"{NAME}[influx-recorded].yaml"
FIRST = Batch.of([0] * 4 + [1] * 4, [NOON + step * 60 * 10**9 for step in range(4)] * 2, range(8))


async def replay(settings: dict[str, Any], batch: Batch, bucket: str = f"{NAME}-influx-recorded") -> None:
    with vcr.VCR().use_cassette(str(RECORDING), record_mode="none", **settings):
        store = InfluxStore(engines.REPLAYED, server.ORG, bucket, server.TOKEN, PointIndex("abc"), lambda id: None)
        try:
            await store.open()
            await store.write(batch)
        finally:
            await store.close()


async def test_the_same_requests_are_replayed(vcr_config: dict[str, Any]) -> None:
    await replay(vcr_config, FIRST)


@pytest.mark.parametrize("column", ["value", "at", "received", "quality"])
async def test_a_request_with_another_body_is_refused(vcr_config: dict[str, Any], column: str) -> None:
    changed = {name: getattr(FIRST, name).copy() for name in Batch.__slots__}
    changed[column][3] += 1
    with pytest.raises(CannotOverwriteExistingCassetteException):
        await replay(vcr_config, Batch(**changed))


async def test_a_request_with_another_query_is_refused(vcr_config: dict[str, Any]) -> None:
    with pytest.raises(CannotOverwriteExistingCassetteException):
        await replay(vcr_config, FIRST, bucket="another")


def test_the_recordings_hold_no_secret_and_no_address() -> None:
    recordings = list(engines.CASSETTES.rglob("*.yaml"))
    assert len(recordings) >= 40
    for path in recordings:
        text = path.read_text().lower()
        for word in (server.TOKEN, "authorization", "127.0.0.1", "localhost", "user-agent"):
            assert word not in text, f"{path.name}: {word}"
