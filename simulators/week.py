"""A week of the campus with every kind of fault, each labelled, and the same week without any.

The week begins on a Monday at midnight local time in the cooling season, so that chillers run by day and a chiller at night is
a fault. Faults stand apart in time or place: what an alert answers to is never in doubt. The end-to-end test feeds the
messages to the collectors and compares alerts with labels; the quiet week must stay quiet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from simulators.campus import Campus
from simulators.devices import Feed, Impairments
from simulators.encoders import Publication
from simulators.faults import SECOND, Fault, Label
from simulators.wire import HOUR, Wire

MINUTE = 60 * SECOND
DAY = 24 * HOUR
MONDAY = 1_780_243_200 * SECOND
"""2026-06-01 00:00 in Zhejiang, ns."""


@dataclass(frozen=True, slots=True)
class Week:
    """A span of simulated messages, start and end in ns of true time. `batches` may be walked once."""

    start: int
    end: int
    wire: Wire

    def batches(self, span: int = HOUR) -> Iterator[list[Publication]]:
        """Messages in order of sending, `span` ns of simulated time per batch."""
        return self.wire.hours(self.start, self.end, span)

    def labels(self) -> list[Label]:
        """The ground truth; a rollover carries its exact moment once the week has been walked."""
        return self.wire.labels()


def labelled_week(seed: int = 1, *, start: int = MONDAY, days: int = 7, pace: float = 1.0) -> Week:
    """The week with the faults of `week_faults` that begin within it."""
    end = start + days * DAY
    return _week(seed, start, end, tuple(fault for fault in week_faults(start) if fault.start < end), None, pace)


def quiet_week(
    seed: int = 1, *, start: int = MONDAY, days: int = 7, pace: float = 1.0, impairments: Impairments | None = None
) -> Week:
    """The week without faults; the ordinary losses, duplicates and clock errors remain unless `impairments` says otherwise."""
    return _week(seed, start, start + days * DAY, (), impairments, pace)


def _week(seed: int, start: int, end: int, faults: tuple[Fault, ...], impairments: Impairments | None, pace: float) -> Week:
    return Week(start, end, Wire(Feed(Campus(seed, start, faults), impairments, pace=pace)))


def by_day(start: int) -> Callable[..., Fault]:
    """Makes faults of (kind, target, day since `start` (ns), hour of the day, hours that it lasts, size)."""

    def fault(kind: str, target: str, day: int, begin: float, hours: float, size: float = float("nan")) -> Fault:
        at = start + day * DAY + round(begin * HOUR)
        return Fault(kind, target, at, at + round(hours * HOUR), size)

    return fault


def week_faults(start: int = MONDAY) -> tuple[Fault, ...]:
    """One fault of every kind over a week that begins at `start` (a Monday, midnight local time), ns."""
    fault = by_day(start)
    return (
        fault("clock_wrong", "crac-2", 0, 13.0, 3.0),
        fault("idling", "car-0312", 0, 18.5, 0.9),
        fault("rollover", "c-lift.energy", 0, 0.0, 168.0, 900.0),
        fault("sensor_drift", "hall-1.temperature", 0, 6.0, 160.0, 1.1),
        fault("phase_imbalance", "em-b", 1, 9.0, 8.0),
        fault("stuck_valve", "ahu-c1.cc", 1, 10.0, 54.0, 0.04),
        fault("meter_reset", "c-light.energy", 1, 11.0, 1.0),
        fault("tyre_leak", "car-0318.tyre_2", 1, 12.0, 90.0),
        fault("chiller_on_at_night", "chiller-2", 1, 21.5, 8.0),
        fault("sensor_freeze", "room-301.temperature", 2, 9.0, 24.0),
        fault("dtc", "ev-1105", 2, 10.0, 50.0),
        fault("stuck_damper", "ahu-a2.oad", 2, 9.0, 30.0, 0.9),
        fault("meter_swap", "gas-kitchen.gas", 2, 14.0, 1.0),
        fault("weak_battery", "bus-0731", 2, 18.0, 100.0),
        fault("lights_left_on", "a-light", 2, 20.2, 10.5),
        fault("leak", "water-b", 3, 2.0, 60.0, 200.0),
        fault("coolant_overheating", "car-0312", 3, 8.0, 10.0, 36.0),
        fault("gateway_outage", "gw-b", 3, 10.0, 1.5),
        fault("duplicate_storm", "weather-1", 3, 13.0, 0.5),
        fault("leaking_valve", "ahu-b1.cc", 4, 6.0, 14.0, 0.5),
        fault("sensor_bias", "room-301.temperature", 4, 8.0, 40.0, 2.5),
        fault("power_factor_loss", "em-t1", 4, 9.0, 6.0),
        fault("overspeed", "car-0526", 4, 8.0, 10.0),
        fault("unapproved_trip", "car-0526", 4, 22.66, 3.0),
        fault("fuel_theft", "car-0318", 5, 1.33, 1.0, 20.0),
    )


def demo_faults(now: int) -> tuple[Fault, ...]:
    """Faults around `now` (ns) for a demonstration: some over, some open, some to come within the next hours."""

    def fault(kind: str, target: str, begin: float, hours: float, size: float = float("nan")) -> Fault:
        return Fault(kind, target, now + round(begin * HOUR), now + round((begin + hours) * HOUR), size)

    return (
        fault("leak", "water-b", -20.0, 30.0, 220.0),
        fault("power_factor_loss", "em-t1", -3.0, 6.0),
        fault("weak_battery", "bus-0731", -16.0, 60.0),
        fault("tyre_leak", "car-0318.tyre_2", -22.0, 70.0, 60.0),
        fault("chiller_on_at_night", "chiller-2", -14.0, 7.0),
        fault("sensor_freeze", "room-301.temperature", -6.0, 12.0),
        fault("dtc", "ev-1105", -2.0, 20.0),
        fault("phase_imbalance", "em-b", -0.5, 3.0),
        fault("gateway_outage", "gw-b", 0.05, 0.25, 0.5),
        fault("idling", "car-0312", 0.1, 0.8),
        fault("clock_wrong", "crac-2", 0.2, 1.0),
        fault("lights_left_on", "a-light", -12.0, 9.0),
        fault("fuel_theft", "car-0318", -9.0, 1.0, 20.0),
    )
