"""From frames to MQTT messages in the order in which they are sent.

`Wire` puts a feed's frames through the encoders: births first, deaths and re-births around gateway outages, duplicates as
often as the network makes them. Messages that are late wait here until their time has come, so that every span holds exactly
what is sent in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np

from simulators.devices import Feed, Frames
from simulators.encoders import Encoder, Publication, encoders_of
from simulators.encoders.sparkplug import Sparkplug
from simulators.faults import SECOND, Label
from simulators.plan import SimDevice

HOUR = 3600 * SECOND
WILL_AFTER = 90 * SECOND  # a broker tells a death one and a half keep-alives later


class Wire:
    """The messages of a feed; spans are asked in order."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.encoders: dict[str, Encoder] = encoders_of(feed.campus.plan)
        self._waiting: list[tuple[int, int, Frames]] = []
        self._begun = False
        self._asked = False
        self._events = self._outages()

    def _outages(self) -> list[tuple[int, str, SimDevice]]:
        plan = self.feed.campus.plan
        events = []
        for fault in self.feed.campus.schedule.faults:
            if fault.kind == "gateway_outage":
                device = plan.device(fault.target)
                events += [(fault.start + WILL_AFTER, "death", device), (fault.end, "hello", device)]
        return sorted(events, key=lambda event: event[:2])

    def publications(self, start: int, end: int) -> list[Publication]:
        """What is sent in [start, end), in order; ns of true time."""
        out: list[Publication] = []
        if not self._begun:
            self._begun = True
            out += self._hello(start)
        if self._asked:
            self._asked = False
            out += self._rebirth(start)
        rows = self._waiting
        for frames in self.feed.frames(start, end):
            rows += [(int(sent), index, frames) for index, sent in enumerate(frames.sent.tolist()) if frames.copies[index]]
        rows.sort(key=lambda row: row[0])
        cut = int(np.searchsorted(np.array([row[0] for row in rows], np.int64), end)) if rows else 0
        self._waiting = rows[cut:]
        events = [event for event in self._events if start <= event[0] < end]
        out += self._encode(rows[:cut], events)
        return out

    def skip(self, start: int, end: int) -> None:
        """Lets [start, end) pass without a message: the campus and its registers live on."""
        for begin in range(start, end, 24 * HOUR):
            self.feed.frames(begin, min(begin + 24 * HOUR, end))

    def hours(self, start: int, end: int, span: int = HOUR) -> Iterator[list[Publication]]:
        """`publications` in pieces of `span` ns, so that a long past needs little memory."""
        for begin in range(start, end, span):
            yield self.publications(begin, min(begin + span, end))

    def labels(self) -> list[Label]:
        """The ground truth; a rollover has its moment once it was seen."""
        labels = []
        for label in self.feed.campus.labels():
            seen = self.feed.wrapped(label.target) if label.fault == "rollover" else None
            if seen is not None:
                label = Label(label.fault, label.target, label.equip, label.points, seen[0] * SECOND, seen[1] * SECOND,
                              label.size, label.size_means, label.shows)  # fmt: skip
            labels.append(label)
        return labels

    def ask_rebirth(self) -> None:
        """Lets the Sparkplug nodes state their births again at the front of the next span: its sequence goes on from there."""
        self._asked = True

    def _rebirth(self, at: int) -> list[Publication]:
        sparkplug = self.encoders.get("sparkplug")
        nodes = [gateway for gateway in self.feed.campus.plan.gateways if gateway.template.format == "sparkplug"]
        if not isinstance(sparkplug, Sparkplug):
            return []
        return [message for node in nodes for message in sparkplug.rebirth(node, at)]

    def _hello(self, at: int) -> list[Publication]:
        plan = self.feed.campus.plan
        out: list[Publication] = []
        for name, encoder in self.encoders.items():
            devices = [device for device in (*plan.gateways, *plan.devices) if device.template.format == name]
            out += encoder.hello(devices, at)
        return out

    def _encode(self, rows: list[tuple[int, int, Frames]], events: list[tuple[int, str, SimDevice]]) -> list[Publication]:
        tables: dict[int, tuple[Encoder, list[object], list[list[list[float]]]]] = {}
        out: list[Publication] = []
        pending = list(events)
        for sent, index, frames in rows:
            while pending and pending[0][0] <= sent:
                out += self._event(*pending.pop(0))
            table = tables.get(id(frames))
            if table is None:
                encoder = self.encoders[frames.source.template.format]
                table = encoder, list(encoder.stamps(frames.at)), [values.tolist() for values in frames.values]
                tables[id(frames)] = table
            encoder, stamps, values = table
            stamp = stamps[index]
            assert isinstance(stamp, (int, str))
            topic, payload = encoder.message(
                frames.source, frames.devices, stamp, tuple(rows_of[index] for rows_of in values), bool(frames.late[index])
            )
            out += [Publication(sent, topic, payload)] * int(frames.copies[index])
        out += chain.from_iterable(self._event(*event) for event in pending)
        return out

    def _event(self, at: int, kind: str, device: SimDevice) -> list[Publication]:
        encoder = self.encoders[device.template.format]
        if kind == "death":
            return encoder.death(device, at)
        return encoder.hello([device, *self.feed.campus.plan.behind(device.id)], at)
