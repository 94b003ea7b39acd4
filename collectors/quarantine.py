"""The quarantine: what could not be used, kept with topic and payload so that an integrator sees what a device sends.

Bounded in entries per topic, in entries and in bytes: the topics longest quiet give way first; the counts stay. The same
reason and detail on the same topic is one entry with a count and its newest payload. Also kept: addresses that no device
has, with the fields that they sent, and the clock offset of each device. Thread-safe; times in ns.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from collectors.readings import PAYLOAD_LIMIT
from collectors.taken import Clock, Reject, Unknown

_OVERHEAD = 200
"""Bytes that an entry counts beyond its texts and payload."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A rejected message or part of one. `payload` is the newest one, cut at PAYLOAD_LIMIT bytes (then `cut` is true)."""

    broker: str
    topic: str
    reason: str
    detail: str
    payload: bytes
    cut: bool
    address: str
    template: str
    count: int
    first: int
    last: int

    @property
    def size(self) -> int:
        """Bytes that it counts against the limit."""
        return len(self.payload) + len(self.topic) + len(self.detail) + _OVERHEAD


@dataclass(frozen=True, slots=True)
class Stranger:
    """An address that no device has. `fields`: field -> the last value it sent."""

    broker: str
    template: str
    format: str
    address: str
    fields: Mapping[str, float | int | bool | str]
    count: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class DeviceClock:
    """A device whose clock is off: the offset (at - received, ns) seen last, the reason, samples so far, when seen last."""

    device: str
    reason: str
    offset: int
    samples: int
    last: int


class Quarantine:
    """See the module docstring. per_topic, entries, size (bytes): the limits; strangers: addresses and clocks kept."""

    def __init__(self, per_topic: int = 5, entries: int = 5_000, size: int = 32 << 20, strangers: int = 10_000) -> None:
        self._per_topic, self._entries, self._size, self._most = per_topic, entries, size, strangers
        self._lock = threading.Lock()
        self._topics: OrderedDict[tuple[str, str], OrderedDict[tuple[str, str], Entry]] = OrderedDict()
        self._counts: Counter[str] = Counter()
        self._strangers: OrderedDict[tuple[str, str, str], Stranger] = OrderedDict()
        self._clocks: OrderedDict[tuple[str, str], DeviceClock] = OrderedDict()
        self._held = self._bytes = 0

    def add(self, broker: str, rejects: Iterable[Reject], counts: Mapping[str, int]) -> None:
        """Keeps rejects; `counts` are all rejects by reason, also those not handed over."""
        with self._lock:
            self._counts.update(counts)
            for reject in rejects:
                self._add(broker, reject)
            while self._held > self._entries or self._bytes > self._size:
                topic, kept = next(iter(self._topics.items()))
                self._drop(kept, next(iter(kept)))
                if not kept:
                    del self._topics[topic]

    def note(self, broker: str, received: int, unknown: Iterable[Unknown], clocks: Iterable[Clock]) -> None:
        """Keeps addresses that no device has, and clock offsets, as of `received`."""
        with self._lock:
            for one in unknown:
                key = (broker, one.format, one.address)
                old = self._strangers.pop(key, None)
                fields = {**old.fields, **one.fields} if old else dict(one.fields)
                first, count = (old.first, old.count) if old else (received, 0)
                self._strangers[key] = Stranger(
                    broker, one.template, one.format, one.address, fields, count + 1, first, received
                )
            for clock in clocks:
                before = self._clocks.pop((clock.device, clock.reason), None)
                samples = clock.samples + (before.samples if before else 0)
                self._clocks[clock.device, clock.reason] = DeviceClock(
                    clock.device, clock.reason, clock.offset, samples, received
                )
            while len(self._strangers) > self._most:
                self._strangers.popitem(last=False)
            while len(self._clocks) > self._most:
                self._clocks.popitem(last=False)

    def list(
        self, *, broker: str | None = None, topic: str | None = None, reason: str | None = None, limit: int = 100
    ) -> list[Entry]:
        """Entries, newest first, of one broker, topic or reason where given."""
        with self._lock:
            found = [
                entry
                for (its_broker, its_topic), kept in self._topics.items()
                if broker in (None, its_broker) and topic in (None, its_topic)
                for entry in kept.values()
                if reason in (None, entry.reason)
            ]
        found.sort(key=lambda entry: entry.last, reverse=True)
        return found[:limit]

    def counts(self) -> dict[str, int]:
        """How many were rejected since the start, by reason."""
        with self._lock:
            return dict(self._counts)

    def strangers(self) -> tuple[Stranger, ...]:
        """Addresses that no device has, newest first."""
        with self._lock:
            return tuple(reversed(self._strangers.values()))

    def clocks(self) -> tuple[DeviceClock, ...]:
        """Devices whose clock was off, newest first."""
        with self._lock:
            return tuple(reversed(self._clocks.values()))

    def adopted(self, known: Callable[[Stranger], bool]) -> None:
        """Forgets the addresses that have become devices, as `known` says, and what was rejected of them."""
        with self._lock:
            gone = {(one.broker, one.address): key for key, one in self._strangers.items() if known(one)}
            for key in gone.values():
                del self._strangers[key]
            for place, kept in list(self._topics.items()):
                for reason in [id for id, one in kept.items() if id[0] == "unknown_device" and (place[0], one.address) in gone]:
                    self._drop(kept, reason)
                if not kept:
                    del self._topics[place]

    def _add(self, broker: str, reject: Reject) -> None:
        kept = self._topics.setdefault((broker, reject.topic), OrderedDict())
        self._topics.move_to_end((broker, reject.topic))
        key = (reject.reason, reject.detail)
        old = kept.get(key)
        if old is None:
            cut = len(reject.payload) >= PAYLOAD_LIMIT
            entry = Entry(
                broker,
                reject.topic,
                reject.reason,
                reject.detail,
                reject.payload,
                cut,
                reject.address,
                reject.template,
                1,
                reject.received,
                reject.received,
            )
            if len(kept) >= self._per_topic:
                self._drop(kept, next(iter(kept)))
        else:
            cut = len(reject.payload) >= PAYLOAD_LIMIT
            entry = replace(old, payload=reject.payload, cut=cut, count=old.count + 1, last=reject.received)
            self._drop(kept, key)
        kept[key] = entry
        self._held += 1
        self._bytes += entry.size

    def _drop(self, kept: OrderedDict[tuple[str, str], Entry], key: tuple[str, str]) -> None:
        entry = kept.pop(key)
        self._held -= 1
        self._bytes -= entry.size
