"""The path under test: a pipeline into a store, for a facility of meters with four points each."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from prometheus_client import CollectorRegistry

from collectors.pipeline import BatchLimits, Committed, Pipeline
from collectors.quarantine import Quarantine
from collectors.routing import Routing
from steward.model import Channel, Device, Facility, Nature, Point, PointIndex, Site, Template
from steward.store.embedded import EmbeddedStore

FIELDS = {"power": "W", "voltage": "V", "current": "A", "frequency": "Hz"}
DEVICES = 1_000


def meters(devices: int = DEVICES) -> Facility:
    """`devices` meters on steward/v1/<id>/telemetry in the native format."""
    names = [f"d{number}" for number in range(devices)]
    points = {
        f"{name}.{field}": Point(f"{name}.{field}", {}, field, unit, Nature.GAUGE, site="s", device=name)
        for name in names
        for field, unit in FIELDS.items()
    }
    channels = tuple(Channel(name, field, f"{name}.{field}") for name in names for field in FIELDS)
    return Facility(
        id="bench",
        name={},
        organisations={},
        sites={"s": Site("s", {})},
        spaces={},
        equips={},
        devices={name: Device(name, {}, "native", name, "", site="s", template="meter") for name in names},
        points=points,
        channels=channels,
        calendars={},
        templates={"meter": Template("meter", "native")},
    )


class Bench:
    """The whole path in this process; counts what is committed."""

    def __init__(self, folder: Path, limits: BatchLimits | None = None, devices: int = DEVICES) -> None:
        self.index = PointIndex()
        self.store = EmbeddedStore(folder / "bench.duckdb", self.index)
        # Device times of the benchmark are synthetic: no clock rule shall apply.
        far = 10**18
        self.routing = Routing(meters(devices), self.index, future_limit=far, skew_limit=far)
        self.quarantine = Quarantine()
        self.registry = CollectorRegistry()
        self.samples = 0
        self.pipeline = Pipeline(
            self.store,
            self.routing,
            limits or BatchLimits(),
            self.quarantine,
            clock=time.time_ns,
            on_committed=self._committed,
            registry=self.registry,
        )
        self._target = 0
        self._reached = asyncio.Event()

    async def until(self, samples: int, seconds: float) -> bool:
        """Whether so many samples were committed within the time."""
        self._target = samples
        if self.samples < samples:
            self._reached.clear()
            try:
                await asyncio.wait_for(self._reached.wait(), seconds)
            except TimeoutError:
                return False
        return True

    def _committed(self, committed: Committed) -> None:
        self.samples += len(committed.batch)
        if self.samples >= self._target:
            self._reached.set()
