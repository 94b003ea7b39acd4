"""What devices make of the physics: sampling, instrument errors, registers, clocks, and what the network does to messages.

A `Feed` walks over the campus and yields `Frames`: for each source (a device, or a gateway that polls several) the ticks of a
span with values as sent. Every chance is a hash of (device, tick); what must be remembered (frozen values, register offsets)
is remembered by the feed, which goes forward only. Times are true times in ns; `at` is what the device's clock said.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from simulators.campus import DAY, Campus, DayBlock
from simulators.faults import SECOND, Schedule
from simulators.noise import key, normal, uniform
from simulators.plan import Quantity, SimDevice
from simulators.weather import ZONE
from steward.model import BoolArray, FloatArray, IntArray, Nature

BLOCK = DAY // 4
"""Seconds that are sampled at once; spans asked for are cut out of such blocks."""
MOBILE = ("traccar", "owntracks")
"""Formats of vehicles."""
METERED = ("power", "energy", "reactive_energy", "current", "water", "gas")
"""Metrics whose instruments have a gain of their own (class 0.5)."""


@dataclass(frozen=True, slots=True)
class Impairments:
    """What goes wrong without being a fault: shares of messages lost, doubled, held back; jitter s; clock drift 1e-6."""

    lost: float = 0.001
    doubled: float = 0.0005
    held: float = 0.0003
    jitter: float = 0.3
    drift: float = 12.0


NONE = Impairments(0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Frames:
    """Messages of one source, in order of `sent`. Times in ns (n,): `due` the tick, `true` the sampling, `at` the device's
    clock, `sent` the sending; values: as sent, (n, fields), one array per device; copies: how often each arrives (0: lost);
    late: back-filled after an outage."""

    source: SimDevice
    devices: tuple[SimDevice, ...]
    due: IntArray
    true: IntArray
    at: IntArray
    sent: IntArray
    copies: IntArray
    late: BoolArray
    values: tuple[FloatArray, ...]


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples as columns: number of the point in the plan's order, device time ns, canonical value."""

    point: IntArray
    at: IntArray
    value: FloatArray


@dataclass(slots=True)
class _Memory:
    """What a register or sensor remembers: frozen values, offsets after a reset, swap or at the start; wraps seen."""

    frozen: dict[tuple[str, int], float] = field(default_factory=dict)
    offset: dict[tuple[str, int], float] = field(default_factory=dict)
    wrapped: dict[str, tuple[int, int]] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)


def _within(frames: Frames, begin: int, until: int) -> Frames | None:
    """The part due in [begin, until)."""
    inside = (frames.due >= begin) & (frames.due < until)
    if inside.all():
        return frames
    if not inside.any():
        return None
    return Frames(
        frames.source,
        frames.devices,
        frames.due[inside],
        frames.true[inside],
        frames.at[inside],
        frames.sent[inside],
        frames.copies[inside],
        frames.late[inside],
        tuple(values[inside] for values in frames.values),
    )


class Feed:
    """The messages of a campus from its start on. `pace` multiplies all intervals (0.1: ten times as often); what stands still
    sends every `least` s at most (300: as a site does that saves on traffic), vehicles as they are."""

    def __init__(self, campus: Campus, impairments: Impairments | None = None, *, pace: float = 1.0, least: int = 1) -> None:
        self.campus, self.pace, self.least = campus, pace, least
        self.impairments = impairments or Impairments()
        self._memory = _Memory()
        plan = campus.plan
        polled = [gateway for gateway in plan.gateways if gateway.template.format == "thingsboard"]
        behind = {gateway.id: tuple(plan.behind(gateway.id)) for gateway in polled}
        self.sources: list[tuple[SimDevice, tuple[SimDevice, ...]]] = [(gateway, behind[gateway.id]) for gateway in polled]
        self.sources += [(device, (device,)) for device in plan.devices if device.gateway not in behind]
        self._done = campus.start
        self._cached: tuple[int, list[Frames]] = (-1, [])

    def interval(self, source: SimDevice) -> int:
        """Seconds between two ticks of a source."""
        interval = max(1, round(source.interval * self.pace))
        return interval if source.template.format in MOBILE else max(interval, self.least)

    def frames(self, start: int, end: int) -> list[Frames]:
        """All frames due in [start, end), true time in ns; spans are asked in order, without overlap."""
        if start < self._done:
            raise ValueError(f"asked for {start}, but {self._done} is done: a feed goes forward only")
        self._done = end
        found: list[Frames] = []
        span = BLOCK * SECOND
        origin = -ZONE * SECOND
        for number in range((start - origin) // span, (end - 1 - origin) // span + 1):
            if self._cached[0] != number:
                self._cached = number, self._block(origin + number * span, origin + (number + 1) * span)
            begin, until = max(start, origin + number * span), min(end, origin + (number + 1) * span)
            found += [part for frames in self._cached[1] if (part := _within(frames, begin, until)) is not None]
        return found

    def _block(self, begin: int, until: int) -> list[Frames]:
        """Everything sampled in a block of a quarter of a local day, from the campus's start on."""
        begin = max(begin, self.campus.start)
        block = self.campus.day((begin // SECOND + ZONE) // DAY)
        made = (self._of(block, source, devices, begin, until) for source, devices in self.sources)
        return [frames for frames in made if frames is not None]

    def samples(self, start: int, end: int) -> Samples:
        """What `frames` sends, as columns in canonical units, sorted by (point, at); lost messages are absent."""
        number = {id: index for index, id in enumerate(self.campus.plan.points())}
        points, times, values = [], [], []
        for frames in self.frames(start, end):
            sent = frames.copies > 0
            for device, table in zip(frames.devices, frames.values, strict=True):
                for column, quantity in enumerate(device.template.quantities):
                    points.append(np.full(int(sent.sum()), number[f"{device.id}.{quantity.id}"]))
                    times.append(frames.at[sent])
                    values.append(table[sent, column] * quantity.scale + quantity.offset)
        if not points:
            return Samples(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
        point, at, value = np.concatenate(points), np.concatenate(times), np.concatenate(values)
        order = np.lexsort((at, point))
        return Samples(point[order], at[order], value[order])

    def _of(self, block: DayBlock, source: SimDevice, devices: tuple[SimDevice, ...], begin: int, until: int) -> Frames | None:
        interval, stream = self.interval(source), key(self.campus.seed, "source", source.id)
        phase = stream % interval
        tick = np.arange(-(-(begin // SECOND - phase) // interval), (until // SECOND - phase) // interval + 1, dtype=np.int64)
        nominal = tick * interval + phase
        inside = (nominal * SECOND >= begin) & (nominal * SECOND < until)
        tick, nominal = tick[inside], nominal[inside]
        if source.template.format in MOBILE and len(tick):
            awake = (block.at(f"{source.id}.ignition", nominal) > 0) | (tick % 10 == 0)
            tick, nominal = tick[awake], nominal[awake]
        if not len(tick):
            return None
        wobble = self.impairments.jitter * uniform(stream ^ 3, tick)
        true = nominal * SECOND + (wobble * SECOND).astype(np.int64)
        seconds = np.minimum(true / SECOND, block.start + DAY - 1e-3)
        values = tuple(self._values(block, device, seconds, nominal, tick) for device in devices)
        at = true + self._clock(devices, nominal, stream)
        sent, copies, late = self._network(source, devices, nominal, true, tick, stream)
        order = np.argsort(sent, kind="stable")
        columns = (nominal * SECOND, true, at, sent, copies)
        due, true, at, sent, copies = (column[order] for column in columns)
        return Frames(source, devices, due, true, at, sent, copies, late[order], tuple(table[order] for table in values))

    def _clock(self, devices: tuple[SimDevice, ...], t: IntArray, stream: int) -> IntArray:
        """Error of the device's clock, ns: drift between nightly corrections, and a fault in whole hours."""
        rate = self.impairments.drift * 1e-6 * (2.0 * float(uniform(stream ^ 5, 0)) - 1.0)
        error = rate * ((t + ZONE) % DAY)
        for device in devices:
            error = error + 3600.0 * self.campus.schedule.level("clock_wrong", device.id, t)
        shift: IntArray = (error * 1000.0).astype(np.int64) * (SECOND // 1000)
        return shift

    def _network(
        self, source: SimDevice, devices: tuple[SimDevice, ...], t: IntArray, true: IntArray, tick: IntArray, stream: int
    ) -> tuple[IntArray, IntArray, BoolArray]:
        """Sending time, copies and lateness of each message."""
        schedule, bad = self.campus.schedule, self.impairments
        sent = true + (SECOND * (0.03 + 0.25 * uniform(stream ^ 11, tick))).astype(np.int64)
        session = source.template.format == "sparkplug"  # its sequence numbers make a loss a fault of its own
        copies = np.ones(len(t), np.int64)
        if not session:
            gone = self._lost(stream, tick)
            copies -= gone
            held = (uniform(stream ^ 19, tick) < bad.held) & ~self._lost(stream, tick - 1) & ~self._lost(stream, tick + 1)
            sent = sent + np.where(held, int(1.5 * SECOND) * self.interval(source), 0)
        copies += (uniform(stream ^ 17, tick) < bad.doubled) & (copies > 0)
        storm = schedule.level("duplicate_storm", source.id, t).astype(np.int64)
        copies = np.where(storm > 0, np.minimum(copies, 1) * storm, copies)
        late = np.zeros(len(t), np.bool_)
        for id in {source.id, *(device.gateway for device in devices if device.gateway)}:
            for fault in schedule.of("gateway_outage", id):
                out = (t * SECOND >= fault.start) & (t * SECOND < fault.end)
                kept = out & (uniform(stream ^ 23, tick) < fault.amount)
                copies = np.where(out & ~kept, 0, copies)
                late |= kept
                behind = fault.end + (
                    SECOND * (5.0 + 20.0 * (t - fault.start / SECOND) / (fault.end - fault.start) * SECOND)
                ).astype(np.int64)
                sent = np.where(kept, behind, sent)
        return sent, copies, late

    def _lost(self, stream: int, tick: IntArray) -> BoolArray:
        """Which messages are lost; never two in a row, so that three intervals of silence always mean something."""
        lost: BoolArray = (uniform(stream ^ 13, tick) < 2 * self.impairments.lost) & (tick % 2 == 0)
        return lost

    def _values(self, block: DayBlock, device: SimDevice, t: FloatArray, nominal: IntArray, tick: IntArray) -> FloatArray:
        """Values as sent, (n, quantities)."""
        table = np.empty((len(t), len(device.template.quantities)))
        for column, quantity in enumerate(device.template.quantities):
            point = f"{device.id}.{quantity.id}"
            value = (block.at(point, t) - quantity.offset) / quantity.scale
            table[:, column] = self._read(point, quantity, value, nominal, tick)
        return table

    def _read(self, point: str, quantity: Quantity, value: FloatArray, t: IntArray, tick: IntArray) -> FloatArray:
        """What the instrument shows of the true `value` in its unit."""
        seed, schedule = self.campus.seed, self.campus.schedule
        if quantity.metric in METERED:
            value = value * (1.0 + 0.006 * (float(uniform(key(seed, "gain", point), 0)) - 0.5))
        if quantity.nature is Nature.COUNTER:
            return self._register(point, quantity, value, t, schedule)
        if quantity.nature is Nature.STATE:
            return self._freeze(point, np.round(value), t, schedule)
        if quantity.noise:
            value = value + quantity.noise * normal(key(seed, "noise", point), tick)
        value = value + schedule.days_in("sensor_drift", point, t) + schedule.level("sensor_bias", point, t)
        if quantity.low is not None and quantity.high is not None:
            value = np.clip(value, quantity.low, quantity.high)
        return self._freeze(point, np.round(value, quantity.decimals), t, schedule)

    def _freeze(self, point: str, value: FloatArray, t: IntArray, schedule: Schedule) -> FloatArray:
        for number, fault in enumerate(schedule.of("sensor_freeze", point)):
            inside = (t * SECOND >= fault.start) & (t * SECOND < fault.end)
            if inside.any():
                held = self._memory.frozen.setdefault((point, number), float(value[inside][0]))
                value = np.where(inside, held, value)
        return value

    def _register(self, point: str, quantity: Quantity, value: FloatArray, t: IntArray, schedule: Schedule) -> FloatArray:
        """The register: offsets by reset, swap or a start close to the overflow, whole steps, digits that roll over."""
        step = 10.0**-quantity.decimals
        steps = np.floor(value / step + 1e-6)
        memory = self._memory.offset
        turn = 10.0 ** (quantity.digits + quantity.decimals) if quantity.digits is not None else np.inf
        if schedule.of("rollover", point):
            first = memory.setdefault((f"{point} rollover", 0), turn - schedule.of("rollover", point)[0].amount - steps[0])
            steps = steps + first
        for kind in ("meter_reset", "meter_swap"):
            for number, fault in enumerate(schedule.of(kind, point)):
                after = t * SECOND >= fault.start
                if after.any():
                    begin = np.floor(fault.amount / step)
                    shift = memory.setdefault((f"{point} {kind}", number), begin - float(steps[after][0]))
                    steps = np.where(after, steps + shift, steps)
        steps = np.mod(steps, turn) if np.isfinite(turn) else steps
        if schedule.of("rollover", point):
            self._note_wrap(point, steps, t)
        return np.round(steps * step, quantity.decimals)

    def _note_wrap(self, point: str, steps: FloatArray, t: IntArray) -> None:
        fall = np.diff(steps, prepend=self._memory.last.get(point, steps[0])) < 0
        if fall.any() and point not in self._memory.wrapped:
            after = int(t[int(np.argmax(fall))])
            self._memory.wrapped[point] = (after - 60, after + 1)
        self._memory.last[point] = float(steps[-1])

    def wrapped(self, point: str) -> tuple[int, int] | None:
        """The span (s since 1970) in which a register was seen to roll over, None while it has not."""
        return self._memory.wrapped.get(point)
