"""From topics to decoders: which template, decoder and device address a topic of one broker belongs to.

Invariants: a topic's route is found once and cached (bounded); of several templates that match, one that lists the device
goes before one that admits, and this before file order; decoders keep their state (Sparkplug aliases) when the facility
changes, as they are handed from one `Routes` to the next. One `Routes` per connection, used by its thread.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

from collectors.formats import Decoder, Message, Readings, decoder, formats
from collectors.routing import Routing
from collectors.topics import Pattern, subscriptions
from steward.model import Template

CACHED = 200_000
"""Topics whose route is remembered."""


class Route(NamedTuple):
    """Where a topic leads. `device` is the address captured from the topic, "" if it holds none."""

    topic: str
    device: str
    template: Template
    decode: Callable[[Message, Readings], None]


class Routes:
    """The routes of a broker under a routing. Raises ConfigError for an unknown format, its options or a topic pattern."""

    def __init__(self, routing: Routing, broker: str, before: Routes | None = None) -> None:
        self.routing = routing
        self._broker = broker
        self._decoders: dict[str, Decoder] = {}
        self._known: dict[bytes, Route] = {}
        self._patterns: list[tuple[Pattern, Template, Decoder]] = []
        used = {device.template for device in routing.facility.devices.values() if device.broker == broker}
        for template in routing.facility.templates.values():
            if template.broker in ("", broker) or template.id in used:
                instance = self._decoder(template, before)
                texts = (template.topic,) if template.topic else tuple(formats()[template.format].TOPICS)
                self._patterns += [(Pattern(text), template, instance) for text in texts]
        self.filters = subscriptions(pattern.text for pattern, _, _ in self._patterns)
        self.get = self._known.get
        """The cached route of a topic, None if there is none (yet): then `find`."""

    def find(self, topic: bytes) -> Route | None:
        """The route of a topic, None if no template matches. Raises UnicodeDecodeError on a topic that is no UTF-8."""
        text = topic.decode()
        found = [
            Route(text, device, template, instance.decode)
            for pattern, template, instance in self._patterns
            if (device := pattern.match(text)) is not None
        ]
        if not found:
            return None
        best = max(found, key=self._fit) if len(found) > 1 else found[0]
        if len(self._known) >= CACHED:
            self._known.clear()
        self._known[topic] = best
        return best

    def _fit(self, route: Route) -> int:
        template = route.template
        entry = self.routing.find(self._broker, template.format, template.id, route.device)
        if entry is not None and entry.device.template == template.id:
            return 2
        return 1 if template.admit else 0

    def _decoder(self, template: Template, before: Routes | None) -> Decoder:
        key = f"{template.format} {json.dumps(dict(template.options), sort_keys=True, default=str)}"
        found = self._decoders.get(key) or (before._decoders.get(key) if before is not None else None)
        if found is None:
            found = decoder(template.format, template.options)
        self._decoders[key] = found
        return found
