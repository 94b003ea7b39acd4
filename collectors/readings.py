"""What decoders state, collected in columns, checked and made a batch: `begin` a message, decode into it, `take`.

Invariants: no object per sample between decoder and batch; a sample leaves either in the batch or as a counted reject;
values leave in canonical units and within range, times in ns; `take` empties. One `Readings` per broker connection, used by
one thread at a time. Clock rules: no device time -> the arrival; ahead of the arrival by more than the future limit, or off
by more than the skew limit without being declared historical -> uncertain, and reported with the offset.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from typing import NamedTuple

import numpy as np

from collectors.devices import KnownDevice, UnknownDevice
from collectors.formats.contract import Message
from collectors.routing import Columns, Routing
from collectors.taken import Clock, Presence, Reject, Reply, Taken, Unknown
from steward.model import Batch, BoolArray, ByteArray, FloatArray, IntArray, NumberArray, Quality, Template

REJECTS_PER_TAKE = 200
"""Rejects handed over with topic and payload by one `take`; those beyond are only counted."""
PAYLOAD_LIMIT = 16_384
"""Bytes of a rejected payload that are kept."""
DETAIL_LIMIT = 300
UNKNOWN_PER_TAKE = 1_000

NO_MESSAGE = Message("", b"", 0)
NO_TEMPLATE = Template("", "")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


class Marks(NamedTuple):
    """A sample that is not plainly good and live."""

    row: int
    quality: int
    historical: bool


class Readings:
    """The out-parameter of decoders for one broker; see the module docstring."""

    def __init__(self, routing: Routing, broker: str) -> None:
        self.routing = routing
        self.broker = broker
        self.message = NO_MESSAGE
        self._template = NO_TEMPLATE
        self._channel, self._value, self._at = array("i"), array("d"), array("q")
        self.appenders = (self._channel.append, self._value.append, self._at.append)
        self._starts: list[int] = []
        self._messages: list[tuple[Message, str]] = []
        self._marks: list[Marks] = []
        self._devices: dict[str, dict[str, KnownDevice]] = {}
        self._by_row: dict[int, KnownDevice] = {}
        self._here: dict[str, KnownDevice] = {}
        self._conversions: dict[tuple[int, str], tuple[float, float] | str] = {}
        self._clear()

    def __len__(self) -> int:
        """Samples collected so far."""
        return len(self._channel)

    def begin(self, message: Message, template: Template) -> None:
        """The message that the next decode is about, and the template that routed it."""
        self._starts.append(len(self._channel))
        self._messages.append((message, template.id))
        self.message = message
        if template is not self._template:
            self._template = template
            self._here = self._devices.setdefault(f"{template.format}\n{template.id}", {})

    def device(self, address: str) -> KnownDevice | UnknownDevice:
        """The device of an address; see the contract."""
        device = self._here.get(address)
        if device is None:
            found = self._find(address)
            if found is None:
                return self._unknown(address)
            device = self._here[address] = found
        if not self.message.retained:
            self._seen[device.entry.device.id] = self.message.received
        return device

    def reply(self, topic: str, payload: bytes) -> None:
        """Publishes to the broker that the message came from."""
        self._replies.append(Reply(topic, payload))

    def reject(self, reason: str, detail: str = "", address: str = "") -> None:
        """Counts a part of the current message and hands it over for the quarantine; the rest goes on."""
        self._reject(reason, detail, address or self.message.device, self.message, self._template.id)

    def take(self) -> Taken:
        """Everything collected since the last `take`, checked and in canonical units."""
        batch = self._batch()
        taken = Taken(
            batch,
            self._rejects,
            self._counts,
            self._presence,
            self._replies,
            self._seen,
            [Clock(device, reason, offset, count) for (device, reason), (offset, count) in self._clocks.items()],
            [
                Unknown(template, format, device.address, device.noted, device.units)
                for (template, format, _), device in self._strangers.items()
            ],
            self._admitted,
        )
        self._clear()
        return taken

    # What the devices call.

    def number(self, device: KnownDevice, field: str, channel: int, text: str) -> float:
        """The number of a text value: by the channel's words, or written in figures. Raises LookupError once rejected."""
        words = self.routing.words[channel]
        word = text.strip()
        found = words.get(word)
        if found is not None:
            return found
        if not words and _NUMBER.fullmatch(word):
            return float(word)
        expected = ", ".join(list(words)[:10]) or "a number"
        self.reject("unknown_state", f"{field}: {text!r:.60}, expected {expected}", device.entry.device.address)
        raise LookupError

    def convert(self, device: KnownDevice, field: str, channel: int, value: float, unit: str) -> float:
        """A value in the channel's configured unit from one in the unit that the device declared."""
        key = (channel, unit)
        factors = self._conversions.get(key)
        if factors is None:
            factors = self.routing.conversion(channel, unit)
            if len(self._conversions) < 100_000:
                self._conversions[key] = factors
        if isinstance(factors, str):
            self.reject(factors, f"{field}: {unit!r:.40}", device.entry.device.address)
            raise LookupError
        return value * factors[0] + factors[1]

    def mark(self, quality: int, historical: bool) -> None:
        """Marks the sample that is being added."""
        self._marks.append(Marks(len(self._channel), quality, historical))

    def repair(self, device: KnownDevice, detail: str) -> None:
        """Takes back a half-added sample and rejects it: its value is no number, or its time no int64."""
        rows = len(self._channel)
        del self._value[rows:], self._at[rows:]
        self.reject("wrong_type", detail, device.entry.device.address)

    def unmapped(self, device: KnownDevice, field: str, value: float | int | bool | str) -> None:
        """A field that no channel wants: counted each time, handed over once."""
        if device.remember(field):
            self.reject("unmapped", f"{field}: {value!r:.60}", device.entry.device.address)
        else:
            self._counts["unmapped"] += 1

    def presence(self, device: str, alive: bool, at: int) -> None:
        """A birth or a death."""
        self._presence.append(Presence(device, alive, at or self.message.received))

    # Inside.

    def _clear(self) -> None:
        del self._channel[:], self._value[:], self._at[:]
        self._starts.clear()
        self._messages.clear()
        self._marks.clear()
        self.message = NO_MESSAGE
        self._rejects: list[Reject] = []
        self._counts: Counter[str] = Counter()
        self._presence: list[Presence] = []
        self._replies: list[Reply] = []
        self._seen: dict[str, int] = {}
        self._clocks: dict[tuple[str, str], tuple[int, int]] = {}
        self._strangers: dict[tuple[str, str, str], UnknownDevice] = {}
        self._admitted: list[str] = []

    def _find(self, address: str) -> KnownDevice | None:
        template = self._template
        entry = self.routing.find(self.broker, template.format, template.id, address)
        if entry is None:
            entry = self.routing.admit(self.broker, template, address)
            if entry is None:
                return None
            self._admitted.append(entry.device.id)
        known = self._by_row.get(entry.row)
        if known is None:
            known = self._by_row[entry.row] = KnownDevice(self, entry)
        return known

    def _unknown(self, address: str) -> UnknownDevice:
        key = (self._template.id, self._template.format, address)
        found = self._strangers.get(key)
        if found is None:
            found = UnknownDevice(self, address)
            if len(self._strangers) < UNKNOWN_PER_TAKE:
                self._strangers[key] = found
            self.reject("unknown_device", f"no device has the address {address!r:.100}", address)
        else:
            self._counts["unknown_device"] += 1
        return found

    def _reject(self, reason: str, detail: str, address: str, message: Message, template: str) -> None:
        self._counts[reason] += 1
        if len(self._rejects) < REJECTS_PER_TAKE:
            payload = message.payload[:PAYLOAD_LIMIT]
            self._rejects.append(
                Reject(reason, message.topic, payload, detail[:DETAIL_LIMIT], address, message.received, template)
            )

    def _batch(self) -> Batch:
        rows = len(self._channel)
        if not rows:
            return Batch.of([], [], [])
        columns = self.routing.columns()
        channel, value, at = np.array(self._channel, np.int32), np.array(self._value), np.array(self._at, np.int64)
        owner = np.repeat(np.arange(len(self._starts)), np.diff(np.array([*self._starts, rows])))
        arrived = np.array([message.received for message, _ in self._messages], np.int64)[owner]
        quality, historical = np.zeros(rows, np.uint8), np.zeros(rows, np.bool_)
        if self._marks:
            marked, qualities, flags = zip(*self._marks, strict=True)
            quality[list(marked)], historical[list(marked)] = qualities, flags
        keep = self._drop_retained(at, historical, owner)
        live = at == 0
        at[live] = arrived[live]
        self._check_clocks(columns, channel, at, arrived, quality, historical, keep)
        if self.routing.twins:
            channel, value, at, arrived, quality, historical, keep, owner = self._with_twins(
                channel, value, at, arrived, quality, historical, keep, owner
            )
        with np.errstate(over="ignore", invalid="ignore"):
            value = value * columns.scale[channel] + columns.offset[channel]
        keep &= self._in_range(columns, channel, value, keep, owner)
        batch = Batch(columns.point[channel], at, arrived, value, quality, historical)
        return batch if keep.all() else batch.take(keep)

    def _drop_retained(self, at: IntArray, historical: BoolArray, owner: IntArray) -> BoolArray:
        """A retained message is not a new sample: kept as historical where the device gave a time, else only counted."""
        keep = np.ones(len(at), np.bool_)
        retained = np.array([message.retained for message, _ in self._messages], np.bool_)
        if retained.any():
            rows = retained[owner]
            historical[rows] = True
            keep = ~(rows & (at == 0))
            self._count("retained", len(keep) - int(keep.sum()))
        return keep

    def _check_clocks(
        self,
        columns: Columns,
        channel: NumberArray,
        at: IntArray,
        arrived: IntArray,
        quality: ByteArray,
        historical: BoolArray,
        keep: BoolArray,
    ) -> None:
        ahead = at - arrived
        future = keep & (ahead > self.routing.future_limit)
        skewed = keep & ~future & ~historical & (np.abs(ahead) > self.routing.skew_limit)
        for reason, wrong in (("clock_future", future), ("clock_skew", skewed)):
            rows = np.flatnonzero(wrong)
            if not len(rows):
                continue
            self._count(reason, len(rows))
            quality[rows] = np.maximum(quality[rows], np.uint8(Quality.UNCERTAIN))
            devices = columns.device[channel[rows]]
            for device in np.unique(devices):
                offsets = ahead[rows[devices == device]]
                worst = int(offsets[np.argmax(np.abs(offsets))])
                self._clocks[self.routing.devices[device].device.id, reason] = (worst, len(offsets))

    def _with_twins(self, channel: NumberArray, *columns: np.ndarray) -> tuple[np.ndarray, ...]:
        """Repeats the samples of a field for the further points that it feeds."""
        twins = self.routing.twins
        rows = np.flatnonzero(np.isin(channel, np.fromiter(twins, np.int32, len(twins))))
        extra = [(row, twin) for row in rows.tolist() for twin in twins[int(channel[row])]]
        order = np.concatenate([np.arange(len(channel)), np.array([row for row, _ in extra], np.int64)])
        channels = np.concatenate([channel, np.array([twin for _, twin in extra], np.int32)])
        return (channels, *(column[order] for column in columns))

    def _in_range(
        self, columns: Columns, channel: NumberArray, value: FloatArray, keep: BoolArray, owner: IntArray
    ) -> BoolArray:
        low, high = columns.low[channel], columns.high[channel]
        good: BoolArray = (value >= low) & (value <= high) & np.isfinite(value)
        for row in np.flatnonzero(keep & ~good).tolist():
            reason = "out_of_range" if np.isfinite(value[row]) else "not_finite"
            if len(self._rejects) >= REJECTS_PER_TAKE:
                self._counts[reason] += 1
                continue
            message, template = self._messages[owner[row]]
            entry = self.routing.devices[columns.device[channel[row]]]
            point = self.routing.index.ids[columns.point[channel[row]]]
            detail = f"{point}: {value[row]:g} is not within {low[row]:g} to {high[row]:g}"
            self._reject(reason, detail, entry.device.address, message, template)
        return good

    def _count(self, reason: str, number: int) -> None:
        if number:
            self._counts[reason] += number
