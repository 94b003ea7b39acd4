"""Holidays as odd days in the demand of a state (bdg2, Victoria): `python -m bench.detect.holidays`.

The kind `deviation` by day, through the engine, with a baseline refitted weekly on the past only (as in
`bench.rules.recorded`), counted over days 57 to the end; beside it the same judgement without weather: the median of eight
same slots of the week as what is expected. Libraries get the relative residuals of the twelve working hours from the same
baseline, fitted anew every four weeks on the days before, and the threshold at which they tell as many other days.
"""

from __future__ import annotations

import numpy as np

from bench.baselines import recorded
from bench.detect.frame import peak_kb, table, timed
from bench.detect.peers import Peer, peers
from bench.rules.recorded import fired, odd_days, place, refitted
from rules.kinds.deviation import Deviation
from steward.model import FloatArray, IntArray
from steward.units import DAY, HOUR

BEGIN = 56
WEEK, REFIT = 168, 28


def same_slots(value: FloatArray) -> FloatArray:
    """The median of the last eight values of the same hour of the week."""
    past = np.stack([np.concatenate((np.full(WEEK * k, np.nan), value[: -WEEK * k])) for k in range(1, 9)])
    known = (~np.isnan(past)).sum(axis=0) >= 4
    expected = np.full(len(value), np.nan)
    expected[known] = np.nanmedian(past[:, known], axis=0)
    return expected


def library(peer: Peer, residual: dict[int, FloatArray], first: int) -> dict[int, float]:
    """Scores of the days from `first` on; residual: day -> relative residuals of its working hours."""
    days, rows = np.array(sorted(residual)), np.stack([residual[day] for day in sorted(residual)])
    begin = int(np.searchsorted(days, first))
    if peer.streams:
        return dict(zip(days[begin:].tolist(), peer.score(rows[:begin], rows[begin:]).tolist(), strict=True))
    found: dict[int, float] = {}
    for row in range(begin, len(days), REFIT):
        scores = peer.score(rows[:row], rows[row : row + REFIT])
        found |= dict(zip(days[row : row + REFIT].tolist(), scores.tolist(), strict=True))
    return found


def by_day(local: IntArray, relative: FloatArray) -> dict[int, FloatArray]:
    """Local day -> its twelve working hours, of the days that have them all; local: hours in local time."""
    inside = (local % DAY // HOUR >= 7) & (local % DAY // HOUR < 19) & np.isfinite(relative)
    days, count = np.unique(local[inside] // DAY, return_counts=True)
    parts = np.split(relative[inside], np.cumsum(count)[:-1])
    return {day: part for day, part in zip(days.tolist(), parts, strict=True) if len(part) == 12}


def main() -> None:
    """Prints the table."""
    demand = recorded.victoria()
    at, end = demand.hours.start, int(demand.hours.end[-1])
    here = place(("p", "p.expected"), "Australia/Melbourne")
    first = (int(at[0]) + 10 * HOUR) // DAY + BEGIN
    holidays = {day for day in demand.holidays if day >= first}
    lines: list[list[object]] = []
    expectations = {"baseline refitted weekly": refitted(demand, 7), "last eight same slots": same_slots(demand.hours.value)}
    for name, expected in expectations.items():
        columns = {"p": demand.hours.value, "p.expected": expected}
        alerts, spent = timed(lambda columns=columns: fired(Deviation(), here, at, columns))  # type: ignore[misc]
        odd = {day for day in odd_days(alerts, end) if day >= first}
        cost = f"{1e6 * spent / (len(at) / 24):.0f}"
        lines.append([f"deviation, {name}", f"{len(odd & holidays)} of {len(holidays)}", len(odd - holidays), cost, ""])
    residual = by_day(at + 10 * HOUR, demand.hours.value / expectations["baseline refitted weekly"] - 1)
    for one in peers():
        scores, spent = timed(lambda one=one: library(one, residual, first))  # type: ignore[misc]
        rest = sorted((score for day, score in scores.items() if day not in holidays), reverse=True)
        odd = {day for day, score in scores.items() if score > rest[int(str(lines[0][2]))]}
        year = {day: hours for day, hours in residual.items() if day < first + 365}
        held = f"{peak_kb(lambda one=one, year=year: library(one, year, first + 300)):,.0f}"  # type: ignore[misc]
        cells = [f"{len(odd & holidays)} of {len(holidays)}", len(odd - holidays), f"{1e6 * spent / len(scores):.0f}", held]
        lines.append([f"{one.name}, as many other days", *cells])
    print(table(["judged by", "weekday holidays found", "other days", "us a day", "peak kB"], lines))


if __name__ == "__main__":
    main()
