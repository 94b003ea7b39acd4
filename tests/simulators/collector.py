"""The real decoders behind simulated messages, without a broker: what a facility makes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from collectors.formats import Message
from collectors.readings import Readings
from collectors.routes import Routes
from collectors.routing import Routing
from simulators.encoders import Publication
from steward.config import load
from steward.errors import UndecodableMessage
from steward.model import Batch, Facility, PointIndex
from steward.units import HOUR


class Collector:
    """Decodes messages as they come; `batch` is all samples, `rejected` counts by reason."""

    def __init__(self, toml: str, folder: Path) -> None:
        path = folder / "facility.toml"
        path.write_text(toml, "utf-8")
        self.facility: Facility = load(path).facility
        self.index = PointIndex()
        self.routing = Routing(self.facility, self.index, skew_limit=26 * HOUR)
        self.routes = Routes(self.routing, "main")
        self.readings = Readings(self.routing, "main")
        self.rejected: Counter[str] = Counter()
        self.replies: list[str] = []
        self.deaths: list[str] = []
        self.births: list[str] = []
        self.clocks: dict[str, int] = {}
        self._batches: list[Batch] = []

    def take(self, messages: Iterable[Publication]) -> None:
        for sent, topic, payload, _retain in messages:
            route = self.routes.find(topic.encode())
            assert route is not None, f"no template takes {topic}"
            message = Message(topic, payload, sent, route.device)
            self.readings.begin(message, route.template)
            try:
                route.decode(message, self.readings)
            except UndecodableMessage as error:
                self.readings.reject(error.reason, error.detail)
        taken = self.readings.take()
        self._batches.append(taken.batch)
        self.rejected.update(taken.counts)
        self.replies += [reply.topic for reply in taken.replies]
        self.deaths += taken.deaths
        self.births += taken.births
        self.clocks |= {clock.device: clock.offset for clock in taken.clocks}

    @property
    def batch(self) -> Batch:
        return Batch.concat(self._batches)
