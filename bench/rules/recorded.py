"""The kinds that learn, on recorded loads: `python -m bench.rules.recorded` (data as in `bench.recorded`).

Victoria (demand of a state, three years, holidays known): deviation by day with a baseline refitted weekly; the hour-of-week
profile, baseload and level. Two buildings of BDG2 (nine months, unlabelled): how often each kind speaks. Rules as in the
energy pack, one setting for all.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import time
from datetime import date, timedelta

import numpy as np

from bench.baselines import recorded
from bench.baselines.__main__ import MELBOURNE
from metering.baselines import Baseline, Form, Purpose, fit
from rules.contract import Kind, Rule
from rules.engine import Engine
from rules.kinds.baseload import Baseload
from rules.kinds.deviation import Deviation
from rules.kinds.level import Level
from rules.kinds.profile import Profile
from rules.quantity import Limit
from steward.model import Alert, Batch, Calendar, Condition, Facility, FloatArray, IntArray, Nature, Point, PointIndex, Site
from steward.units import DAY, HOUR

EPOCH = date(1970, 1, 1)


def place(ids: tuple[str, ...], zone: str, holidays: frozenset[str] = frozenset()) -> Facility:
    """Hourly gauges of power at one site."""
    points = {id: Point(id, {"": id}, "power", "W", Nature.GAUGE, "s", interval=HOUR) for id in ids}
    return Facility(
        id="bench", name={"": ""}, organisations={}, sites={"s": Site("s", {"": ""}, time_zone=zone, calendar="c")}, spaces={},
        equips={}, devices={}, points=points, channels=(), templates={},
        calendars={"c": Calendar("c", (((510, 1050),),) * 5 + ((),) * 2, holidays)},
    )  # fmt: skip


def fired(kind: Kind, here: Facility, at: IntArray, columns: dict[str, FloatArray], keep: int = 0) -> list[Alert]:
    """Alerts that fired, samples fed day by day."""
    index = PointIndex()
    engine = Engine([Rule("rule", kind, wait=0, keep=keep)], here, index)
    numbers = [index.add(id) for id in columns]
    found: list[Alert] = []
    for part in np.array_split(np.arange(len(at)), max(1, len(at) // 24)):
        order = np.repeat(part, len(numbers))
        value = np.stack([column[part] for column in columns.values()], axis=1).reshape(-1)
        good = ~np.isnan(value)
        batch = Batch.of(np.tile(numbers, len(part))[good], at[order][good], value[good])
        found += engine.feed(batch, int(at[part[-1]]) + HOUR)
    last = {alert.id: alert for alert in found}  # firing, or resolved where it has ended
    return [alert for alert in last.values() if alert.condition in (Condition.FIRING, Condition.RESOLVED)]


def refitted(demand: recorded.Demand, every: int) -> FloatArray:
    """Expected values by a baseline of the last two years, refitted each `every` days as the service does; the first
    56 days by the first fit."""
    hours, first = demand.hours, int(demand.hours.start[0])
    expected = np.full(len(hours.start), np.nan)
    at = first + 56 * DAY
    while at < hours.end[-1]:
        past = hours.between(at - 730 * DAY, at)
        made = fit(past, demand.weather, Form.TOWT, MELBOURNE, purpose=Purpose.MONITORING, trim=5.0)
        assert isinstance(made, Baseline)
        ahead = (hours.start >= (first if at == first + 56 * DAY else at)) & (hours.start < at + every * DAY)
        expected[ahead] = made.predict(hours.take(ahead), demand.weather)
        at += every * DAY
    return expected


def odd_days(found: list[Alert], end: int) -> set[int]:
    """Local days (since 1970, Melbourne at UTC+10) that are odd: a day is judged when it is over, an alert may span several."""
    days: set[int] = set()
    for alert in found:
        over = end if alert.resolved is None else alert.resolved
        days |= {moment // DAY - 1 for moment in range(alert.since + 11 * HOUR, over + 11 * HOUR, DAY)}
    return days


def told(label: str, found: list[Alert], days: float) -> None:
    """A line."""
    print(f"| {label} | {len(found)} | {len(found) / days * 365:.1f} |")


def main() -> None:
    """Prints two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=7, help="days between refits")
    every = parser.parse_args().every
    demand = recorded.victoria()
    zone = "Australia/Melbourne"
    at = demand.hours.start
    days = (at[-1] - at[0]) / DAY
    started = time.perf_counter()
    expected = refitted(demand, every)
    here = place(("p", "p.expected"), zone)
    odd = fired(Deviation(), here, at, {"p": demand.hours.value, "p.expected": expected})
    flagged = odd_days(odd, int(demand.hours.end[-1]))
    print(f"Victoria, {days:.0f} days, {time.perf_counter() - started:.0f} s with refits")
    print(f"deviation by day: {len(flagged & demand.holidays)} of {len(demand.holidays)} weekday holidays, "
          f"{len(flagged - demand.holidays)} other days")  # fmt: skip
    print("\n| kind | alerts | a year |\n|---|---|---|")
    dates = frozenset((EPOCH + timedelta(days=one)).isoformat() for one in demand.holidays)
    pack: dict[str, Kind] = {
        "profile": Profile(share=Limit("40%")),
        "baseload": Baseload(),
        "level": Level(share=Limit("25%")),
    }
    for name, kind in pack.items():
        told(f"Victoria, {name}", fired(kind, place(("p",), zone, dates), at, {"p": demand.hours.value}, DAY), days)
    for building in ("building_1", "building_2"):
        with gzip.open(recorded.DATA / "bdg2" / "bdg2_hourly_sample.csv.gz", "rt") as file:
            rows = [(recorded.nanoseconds(row["timestamp"]), row[building]) for row in csv.DictReader(file)]
        moments = np.array([row[0] for row in rows])
        value = np.array([float(row[1]) * 1000 if row[1] else np.nan for row in rows])
        for name, kind in pack.items():
            strict = replace_least(kind)
            alerts = fired(strict, place(("p",), "UTC"), moments, {"p": value}, DAY)
            told(f"{building}, {name}", alerts, (moments[-1] - moments[0]) / DAY)


def replace_least(kind: Kind) -> Kind:
    """With the smallest differences of the pack, which only make sense for a building."""
    least = {Profile: "3kW", Baseload: "1kW", Level: "3kW"}[type(kind)]
    made: Kind = type(kind)(**{**{name: getattr(kind, name) for name in kind.__struct_fields__}, "at_least": Limit(least)})
    return made


if __name__ == "__main__":
    main()
