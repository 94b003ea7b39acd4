"""Fixtures of the API's tests: a world, and a way to read from it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.api.world import World, opened

Get = Callable[..., Any]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A small facility behind a real app."""
    async with opened(tmp_path) as made:
        yield made


@pytest.fixture
def get(world: World) -> Get:
    """GET below /api/v1, answered with 200, as JSON."""

    async def fetch(path: str, **parameters: Any) -> Any:
        answer = await world.http.get(f"/api/v1{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return fetch
