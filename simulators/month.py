"""Five weeks of the campus with a fault of every kind, each labelled, and the same weeks without any.

They begin on a Monday in spring: air handlers cool with outdoor air, then with chilled water; a holiday of five days and the
Saturday that is worked for it lie in the middle. The first nine days are quiet, so that rules which compare with a point's
own past have learned; then each fault stands apart from the others in time or place, and days between them are quiet.
"""

from __future__ import annotations

from simulators.faults import Fault
from simulators.week import DAY, MONDAY, by_day

START = MONDAY - 42 * DAY
"""2026-04-20 00:00 in Zhejiang, ns."""
DAYS = 35
QUIET = 9
"""Days before the first fault."""


def month_faults(start: int = START) -> tuple[Fault, ...]:
    """The faults over five weeks that begin at `start` (a Monday, midnight local time), ns."""
    fault = by_day(start)
    return (
        fault("rollover", "c-lift.energy", 0, 0.0, 24.0 * DAYS, 12_000.0),
        fault("phase_imbalance", "em-b", 9, 9.0, 8.0),
        fault("dtc", "ev-1105", 9, 10.0, 50.0),
        fault("clock_wrong", "crac-2", 9, 13.0, 3.0),
        fault("chiller_on_at_night", "chiller-2", 9, 21.5, 8.0),
        fault("meter_reset", "c-light.energy", 10, 11.0, 1.0),
        fault("tyre_leak", "car-0318.tyre_2", 10, 12.0, 90.0),
        fault("idling", "car-0312", 10, 18.5, 0.9),
        fault("unapproved_trip", "car-0526", 13, 10.0, 3.0),
        fault("stuck_damper", "ahu-a2.oad", 16, 6.0, 42.0, 0.2),
        fault("sensor_bias", "room-301.temperature", 16, 8.0, 120.0),
        fault("coolant_overheating", "car-0312", 17, 8.0, 10.0, 36.0),
        fault("power_factor_loss", "em-t1", 17, 9.0, 6.0),
        fault("lights_left_on", "a-light", 17, 20.2, 10.5),
        fault("overspeed", "car-0526", 18, 8.0, 10.0),
        fault("meter_swap", "gas-kitchen.gas", 19, 14.0, 1.0),
        fault("fuel_theft", "car-0318", 20, 1.33, 1.0, 20.0),
        fault("gateway_outage", "gw-b", 21, 10.0, 1.5),
        fault("duplicate_storm", "weather-1", 21, 13.0, 0.5),
        fault("weak_battery", "bus-0731", 21, 18.0, 100.0),
        fault("sensor_freeze", "room-612.temperature", 22, 9.0, 24.0),
        fault("stuck_valve", "ahu-c1.cc", 22, 10.0, 54.0, 0.04),
        fault("sensor_drift", "hall-1.temperature", 23, 6.0, 160.0, 1.1),
        fault("leaking_valve", "ahu-b1.cc", 24, 6.0, 42.0, 0.8),
        fault("leak", "water-b", 30, 2.0, 60.0, 200.0),
    )
