"""Faults by schedule, each with its ground truth.

A `Fault` says what breaks, where, when and how much; the physics and the device layer ask the `Schedule` by (kind, target).
`KINDS` holds for every kind what size means and what an observer should be able to see; a `Label` is written for each
fault as one JSON line beside the data, so that a test can say what must be found, when, and that nothing else is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from steward.model import BoolArray, FloatArray, IntArray

SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class FaultKind:
    """What a kind of fault is: what `size` means, its default, whether the target is a device, an equip's device or a point."""

    target: str
    size: str
    default: float
    shows: str


def _kinds() -> dict[str, FaultKind]:
    kind = FaultKind
    return {
        "stuck_valve": kind(
            "point", "position 0-1", 0.6, "supply air answers as if the valve stood still, whatever its command"
        ),
        "leaking_valve": kind(
            "point", "position 0-1 that it keeps when shut", 0.3, "supply air warmed or cooled at a shut valve"
        ),
        "stuck_damper": kind("point", "position 0-1", 0.15, "mixed air does not follow the damper command"),
        "chiller_on_at_night": kind(
            "device", "least load ratio", 0.2, "chiller, pump and tower draw power outside opening hours"
        ),
        "lights_left_on": kind("device", "share left on", 0.85, "lighting circuit stays near its day level through the night"),
        "leak": kind(
            "device", "flow L/h", 180.0, "night minimum of the water meter, and of the main above it, rises by the size"
        ),
        "meter_reset": kind("point", "", 0.0, "register falls to zero and counts on"),
        "meter_swap": kind("point", "new register, in the meter's unit", 41.0, "register jumps to another value and counts on"),
        "rollover": kind(
            "point", "steps before the overflow at the start", 30.0, "register passes its last digit and starts at zero"
        ),
        "sensor_freeze": kind("point", "", 0.0, "value does not change at all while its neighbours do"),
        "sensor_bias": kind("point", "offset in the sent unit", 3.0, "value stands off its neighbours by the size"),
        "sensor_drift": kind("point", "drift per day in the sent unit", 0.8, "value walks away from its neighbours"),
        "gateway_outage": kind(
            "device", "share of messages delivered late at the end", 0.0, "all devices of the gateway fall silent together"
        ),
        "power_factor_loss": kind(
            "device", "power factor lost", 0.22, "power factor of the transformer falls, current rises, power does not"
        ),
        "phase_imbalance": kind(
            "device", "share of the load moved to phase 1", 0.18, "current of phase 1 above, of the others below their mean"
        ),
        "fuel_theft": kind("device", "litres", 30.0, "fuel level falls within minutes while parked with the engine off"),
        "unapproved_trip": kind("device", "kilometres", 14.0, "vehicle moves at night"),
        "weak_battery": kind(
            "device", "volts lost at rest", 1.1, "battery voltage low at rest, deep at the start of the engine"
        ),
        "coolant_overheating": kind(
            "device", "kelvin above normal", 26.0, "coolant temperature far above 95 degC while driving"
        ),
        "tyre_leak": kind("point", "kPa per day", 45.0, "one tyre loses pressure against the other three"),
        "dtc": kind("device", "codes", 2.0, "diagnostic trouble codes are present"),
        "idling": kind("device", "", 0.0, "ignition on and engine running, no movement, for the whole span"),
        "overspeed": kind("device", "factor on the speed driven", 1.55, "speed far above the limit of the road"),
        "clock_wrong": kind("device", "hours", 8.0, "device time differs from arrival by the size"),
        "duplicate_storm": kind("device", "copies of each message", 20.0, "every message arrives many times"),
    }


KINDS: dict[str, FaultKind] = _kinds()


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that breaks: target is a device id or a point id, as KINDS says; start, end in ns; size NaN = default."""

    kind: str
    target: str
    start: int
    end: int
    size: float = float("nan")

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no fault kind {self.kind!r}, expected one of {', '.join(KINDS)}")
        if self.end <= self.start:
            raise ValueError(f"{self.kind} of {self.target}: ends at {self.end}, before its start {self.start}")

    @property
    def amount(self) -> float:
        """The size, the kind's default where none is given."""
        return KINDS[self.kind].default if np.isnan(self.size) else self.size

    @property
    def device(self) -> str:
        """The device of the target."""
        return self.target.rpartition(".")[0] if KINDS[self.kind].target == "point" else self.target


@dataclass(frozen=True, slots=True)
class Label:
    """Ground truth of one fault. start, end in ns; `points` are where it is seen first; `shows` in words."""

    fault: str
    target: str
    equip: str
    points: tuple[str, ...]
    start: int
    end: int
    size: float
    size_means: str
    shows: str


class Schedule:
    """The faults of a simulation, asked by kind and target; times in s since 1970 (any array), the end excluded."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self.faults = tuple(faults)
        self._by: dict[tuple[str, str], list[Fault]] = {}
        for fault in self.faults:
            self._by.setdefault((fault.kind, fault.target), []).append(fault)

    def of(self, kind: str, target: str) -> list[Fault]:
        """The faults of a kind on a target, in the order given."""
        return self._by.get((kind, target), [])

    def active(self, kind: str, target: str, t: IntArray) -> BoolArray:
        """Where a fault of the kind holds."""
        mask = np.zeros(len(t), np.bool_)
        for fault in self.of(kind, target):
            mask |= (t * SECOND >= fault.start) & (t * SECOND < fault.end)
        return mask

    def level(self, kind: str, target: str, t: IntArray) -> FloatArray:
        """The size where a fault of the kind holds, 0 elsewhere."""
        level = np.zeros(len(t))
        for fault in self.of(kind, target):
            level[(t * SECOND >= fault.start) & (t * SECOND < fault.end)] = fault.amount
        return level

    def days_in(self, kind: str, target: str, t: IntArray) -> FloatArray:
        """Size times days since the start where a fault holds, 0 elsewhere: for what grows with time."""
        grown = np.zeros(len(t))
        for fault in self.of(kind, target):
            inside = (t * SECOND >= fault.start) & (t * SECOND < fault.end)
            grown[inside] = fault.amount * (t[inside] - fault.start / SECOND) / 86400.0
        return grown


def write_labels(path: Path, labels: Iterable[Label]) -> None:
    """Writes labels as JSON lines."""
    path.write_text("".join(json.dumps(asdict(label), ensure_ascii=False) + "\n" for label in labels), "utf-8")


def read_labels(path: Path) -> list[Label]:
    """Reads what `write_labels` wrote."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]
    return [Label(**{**row, "points": tuple(row["points"])}) for row in rows]
