"""Odd days of buildings that no constant was chosen on: `python -m bench.detect.held_out.days`.

The kind `deviation` by day, as shipped, expectation by a baseline that is refitted weekly. RMV2.0: a simulated office, 2006 and
three later years of 2017, closed on holidays of the United States, which are the labels; the second of them has its weekend on
Wednesday and Thursday from June on (seen in the loads), a change that is rightly told and that no label names: it counts up
to then. OpenEEmeter: two homes of Illinois, two years each; BDG2: two buildings (no weather there: the last eight same
slots are expected); both without labels. Into each load working days are put that are a share higher or lower from 07 to
19. Libraries get the same residuals, hour by hour of the day, fitted anew every four weeks on the days before, and the
threshold, in hindsight, at which they tell as many other days.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from bench.baselines import recorded
from bench.detect.frame import columns, data_folder, moment, peak_kb, table, timed
from bench.detect.holidays import by_day, library, same_slots
from bench.detect.peers import peers
from bench.rules.recorded import fired, place
from metering.baselines import Baseline, Consumption, Form, Purpose, fit
from metering.degree_days import Weather
from metering.towt import Week
from rules.kinds.deviation import Deviation
from steward.model import FloatArray, IntArray
from steward.units import DAY, HOUR

BEGIN, TRIALS = 84, 12
MOVED = "2017-06-01"
SHARES = (-0.2, -0.1, 0.1, 0.2)
EPOCH = date(1970, 1, 1)
UTC = Week("UTC", {})


@dataclass(slots=True)
class Building:
    """Hours of local time, what is expected, and the labelled days (numbers since 1970)."""

    set: str
    at: IntArray
    value: FloatArray
    expected: FloatArray
    odd: frozenset[int] = frozenset()

    @property
    def first(self) -> int:
        """The first day that counts."""
        return int(self.at[0]) // DAY + BEGIN

    def residuals(self, value: FloatArray) -> dict[int, FloatArray]:
        """Relative residuals of the working hours of a day."""
        return by_day(self.at, value / self.expected - 1)


def american(year: int) -> set[int]:
    """Federal holidays on weekdays, as observed."""

    def nth(month: int, weekday: int, number: int) -> date:
        first = date(year, month, 1)
        return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (number - 1))

    last_monday = date(year, 5, 31) - timedelta(days=date(year, 5, 31).weekday())
    found = [nth(1, 0, 3), nth(2, 0, 3), last_monday, nth(9, 0, 1), nth(10, 0, 2), nth(11, 3, 4)]
    for fixed in (date(year, 1, 1), date(year, 7, 4), date(year, 11, 11), date(year, 12, 25)):
        found.append(fixed + timedelta(days={5: -1, 6: 1}.get(fixed.weekday(), 0)))
    return {(one - EPOCH).days for one in found}


def refitted(hours: Consumption, weather: Weather) -> FloatArray:
    """Expected by a baseline of what is known so far, refitted weekly from week 9 on; the weeks before by the first one."""
    first = int(hours.start[0])
    expected, at = np.full(len(hours.start), np.nan), first + 56 * DAY
    while at < hours.end[-1]:
        made = fit(hours.between(at - 730 * DAY, at), weather, Form.TOWT, UTC, purpose=Purpose.MONITORING, trim=5.0)
        ahead = (hours.start >= (first if at == first + 56 * DAY else at)) & (hours.start < at + 7 * DAY)
        if isinstance(made, Baseline):
            expected[ahead] = made.predict(hours.take(ahead), weather)
        at += 7 * DAY
    return expected


def gathered() -> list[Building]:
    """All of them."""
    found = []
    for number, when in (("1", "pre"), ("1", "post"), ("2", "post"), ("3", "post")):
        hours, weather = recorded.rmv2(number, when)
        odd = american(2006 if when == "pre" else 2017)
        if (number, when) == ("2", "post"):
            hours = hours.between(int(hours.start[0]), moment(MOVED, "%Y-%m-%d"))
        found.append(Building("RMV2.0", hours.start, hours.value, refitted(hours, weather), frozenset(odd)))
    for meter in ("il-electricity-cdd-hdd", "il-electricity-cdd-only"):
        sample = recorded.eemeter(meter, "hourly")
        for part in (sample.before, sample.after):
            local = Consumption(part.start - 6 * HOUR, part.end - 6 * HOUR, part.value, part.eligible, part.unit)
            shifted = Weather(sample.weather.first - 6, sample.weather.degc)
            found.append(Building("OpenEEmeter", local.start, local.value, refitted(local, shifted)))
    column = columns(data_folder("bdg2") / "bdg2_hourly_sample.csv.gz")
    at = np.array([moment(text) for text in column["timestamp"]], np.int64)
    for name in ("building_1", "building_2"):
        value = np.array([float(text or "nan") for text in column[name]])
        found.append(Building("BDG2", at, value, same_slots(value)))
    return found


def told(building: Building, values: list[FloatArray]) -> list[dict[int, float]]:
    """Of each of several loads of a building the days that the kind calls odd, with 1: it says so when the day is over, for as
    long as odd days follow."""
    known = building.expected > 0
    columns_ = {}
    for number, value in enumerate(values):
        columns_[f"p{number}"] = np.where(known, value, np.nan)
        columns_[f"p{number}.expected"] = np.where(known, building.expected, np.nan)
    days: list[dict[int, float]] = [{} for _ in values]
    for alert in fired(Deviation(), place(tuple(columns_), "UTC"), building.at, columns_):
        over = int(building.at[-1]) if alert.resolved is None else alert.resolved
        odd = (when // DAY - 1 for when in range(alert.since, over, DAY))
        days[int(alert.target[1:])].update({day: 1.0 for day in odd if day >= building.first})
    return days


def trials(building: Building, share: float, seed: int) -> tuple[FloatArray, set[int]]:
    """The load with some working days a share higher or lower, three weeks apart at least, and those days."""
    rng = np.random.default_rng(seed)
    days = sorted(building.residuals(building.value))
    work = [day for day in days if day >= building.first and (day + 3) % 7 < 5 and day not in building.odd]
    chosen: list[int] = []
    for day in rng.permutation(work).tolist():
        if all(abs(day - other) >= 21 for other in chosen) and len(chosen) < TRIALS:
            chosen.append(day)
    hour = building.at % DAY // HOUR
    mark = np.isin(building.at // DAY, chosen) & (hour >= 7) & (hour < 19)
    return np.where(mark, building.value * (1 + share), building.value), set(chosen)


@dataclass(slots=True)
class Judged:
    """What a detector says of a load: a score of each day (the kind: 1 where it calls it odd), as it is and with each share
    put in (share, days, scores)."""

    plain: dict[int, float]
    faulty: list[tuple[float, set[int], dict[int, float]]]


Judge = Callable[[Building, list[FloatArray]], list[dict[int, float]]]


def judged(judge: Judge, one: Building, place_: int) -> Judged:
    """A load as it is, then with each share."""
    made = [trials(one, share, 100 * number + place_) for number, share in enumerate(SHARES)]
    plain, *found = judge(one, [one.value, *(value for value, _ in made)])
    return Judged(plain, [(share, chosen, own) for share, (_, chosen), own in zip(SHARES, made, found, strict=True)])


def line(name: str, some: list[Building], found: list[Judged], limit: float) -> list[str]:
    """A line of the table at one limit."""
    days = [{day for day, score in one.plain.items() if score > limit} for one in found]
    due = [{day for day in one.odd if one.first <= day <= int(one.at[-1]) // DAY} for one in some]
    cells = [f"{sum(len(one & want) for one, want in zip(days, due, strict=True))} of {sum(len(want) for want in due)}"]
    cells.append(str(sum(len(one - want) for one, want in zip(days, due, strict=True))))
    for place_ in range(len(SHARES)):
        trial = [one.faulty[place_] for one in found]
        hits = sum(scores.get(day, -np.inf) > limit for _, chosen, scores in trial for day in chosen)
        cells.append(f"{100 * hits / sum(len(chosen) for _, chosen, _ in trial):.0f}")
    return [name, *cells]


def as_many(some: list[Building], found: list[Judged], other: int) -> float:
    """The limit at which at most so many other days are told."""
    pairs = zip(some, found, strict=True)
    rest = sorted((score for one, own in pairs for day, score in own.plain.items() if day not in one.odd), reverse=True)
    return rest[other] if other < len(rest) else -np.inf


def main() -> None:
    """Prints the tables, by set and over all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="*", help="only these")
    wanted = parser.parse_args().sets
    everything = [one for one in gathered() if not wanted or one.set in wanted]
    judges: dict[str, Judge] = {"deviation, as shipped": told}
    for peer in peers():
        judges[peer.name] = lambda one, values, peer=peer: [library(peer, one.residuals(value), one.first) for value in values]  # type: ignore[misc]
    results, costs = {}, []
    days = sum(len(np.unique(one.at // DAY)) for one in everything) * (1 + len(SHARES))
    for name, judge in judges.items():
        results[name], spent = timed(lambda judge=judge: [judged(judge, one, place_) for place_, one in enumerate(everything)])  # type: ignore[misc]
        memory = peak_kb(lambda judge=judge: judge(everything[0], [everything[0].value]))  # type: ignore[misc]
        costs.append([name, f"{1e6 * spent / days:.0f}", f"{memory:,.0f}"])
        print(f"{name} done", flush=True)
    for name in (*dict.fromkeys(one.set for one in everything), "all"):
        pick = [place_ for place_, one in enumerate(everything) if name in ("all", one.set)]
        some, lines, other = [everything[place_] for place_ in pick], [], 0
        for which, result in results.items():
            found = [result[place_] for place_ in pick]
            limit = as_many(some, found, other) if lines else 0.0
            lines.append(line(which, some, found, limit))
            other = other if len(lines) > 1 else int(lines[0][2])
        print(f"\n{name}: {len(some)} loads, {sum(int(one.at[-1]) // DAY - one.first for one in some)} days")
        print(
            table(["detector", "holidays found", "other days", *(f"{100 * share:+.0f} %: found %" for share in SHARES)], lines)
        )
    print(table(["detector", "us a day", "peak kB of one load"], costs))


if __name__ == "__main__":
    main()
