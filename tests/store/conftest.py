"""The engines that the store contract is held against, and coroutine tests for this folder.

To add an engine: write a fixture-like generator that yields a factory `(index) -> Store` for one fresh, empty place (all
stores of one factory share the place, so that a test can close one and open the next), and add it to `ENGINES`, with
marks where it needs something that may be absent (it may call `pytest.skip`).
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from steward.model import PointIndex
from steward.store import Store
from steward.store.embedded import EmbeddedStore
from tests.store import influx_engine
from tests.store.influx_engine import influx_server, vcr_config

__all__ = ["influx_server", "vcr_config"]

Factory = Callable[[PointIndex], Store]


def embedded(folder: Path) -> Iterator[Factory]:
    """DuckDB in a temporary folder."""
    yield lambda index: EmbeddedStore(folder / "steward.duckdb", index)


ENGINES: list[Any] = [pytest.param(embedded, id="embedded")]
"""pytest parameters, each a generator function `(temporary folder[, request]) -> Iterator[Factory]`."""
ENGINES += influx_engine.ENGINES


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Factory]:
    """A factory of stores of one engine over one empty place."""
    takes = len(inspect.signature(request.param).parameters)
    yield from request.param(*(tmp_path, request)[:takes])


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs coroutine tests in an event loop of their own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True
