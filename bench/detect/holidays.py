"""Holidays as odd days in the demand of a state (bdg2, Victoria): `python -m bench.detect.holidays`.

The kind `deviation` by day, through the engine, with a baseline refitted weekly on the past only (as in
`bench.rules.recorded`), counted over days 57 to the end; beside it the same judgement without weather: the median of eight
same slots of the week as what is expected.
"""

from __future__ import annotations

import numpy as np

from bench.baselines import recorded
from bench.detect.frame import table
from bench.rules.recorded import fired, odd_days, place, refitted
from rules.kinds.deviation import Deviation
from steward.model import FloatArray
from steward.units import DAY, HOUR

BEGIN = 56
WEEK = 168


def same_slots(value: FloatArray) -> FloatArray:
    """The median of the last eight values of the same hour of the week."""
    past = np.stack([np.concatenate((np.full(WEEK * k, np.nan), value[: -WEEK * k])) for k in range(1, 9)])
    known = (~np.isnan(past)).sum(axis=0) >= 4
    expected = np.full(len(value), np.nan)
    expected[known] = np.nanmedian(past[:, known], axis=0)
    return expected


def main() -> None:
    """Prints the table."""
    demand = recorded.victoria()
    at, end = demand.hours.start, int(demand.hours.end[-1])
    here = place(("p", "p.expected"), "Australia/Melbourne")
    first = (int(at[0]) + 10 * HOUR) // DAY + BEGIN
    holidays = {day for day in demand.holidays if day >= first}
    lines = []
    for name, expected in (
        ("baseline refitted weekly", refitted(demand, 7)),
        ("last eight same slots", same_slots(demand.hours.value)),
    ):
        odd = odd_days(fired(Deviation(), here, at, {"p": demand.hours.value, "p.expected": expected}), end)
        odd = {day for day in odd if day >= first}
        lines.append([name, f"{len(odd & holidays)} of {len(holidays)}", len(odd - holidays)])
    print(table(["expected by", "weekday holidays found", "other days"], lines))


if __name__ == "__main__":
    main()
