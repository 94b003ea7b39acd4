"""Slow drift: `python -m bench.rules.drift`. The rule kind deviation (judge = drift) on residuals with a known drift.

Two years of 24 loads, day noise of 2 % (autocorrelation 0.5) and of 4 % (0.7); false alerts a year without a drift, days until
1, 2, 3 % a month is told (median, 90 % quantile), drifts beginning on day 180.
"""

from __future__ import annotations

import numpy as np

from bench.baselines.synthetic import autoregressive
from bench.rules.recorded import fired, place
from rules.kinds.deviation import Deviation
from steward.model import Alert, FloatArray
from steward.units import DAY, HOUR

LOADS, DAYS, FIRST = 24, 730, 180
START = 20_454 * DAY


def judged(sd: float, rho: float, monthly: float, days: int) -> list[Alert]:
    """Alerts on all loads."""
    rng = np.random.default_rng(5)
    ids = [f"p{number}" for number in range(LOADS)]
    at = np.arange(START, START + days * DAY, 2 * HOUR)
    day = (at - START) // DAY
    grown = monthly / 30.4 * np.maximum(np.arange(days) - FIRST, 0)
    columns: dict[str, FloatArray] = {}
    for id in ids:
        columns[id] = 1000 * (1 + autoregressive(days, sd, rho, rng) + grown)[day]
        columns[f"{id}.expected"] = np.full(len(at), 1000.0)
    return fired(Deviation(judge="drift"), place(tuple(columns), "UTC"), at, columns)


def main() -> None:
    """Prints a table."""
    print("| day noise | false a year | 1 % a month: days (p90) | 2 % | 3 % |\n|---|---|---|---|---|")
    for sd, rho in ((0.02, 0.5), (0.04, 0.7)):
        false = len(judged(sd, rho, 0.0, DAYS)) / (LOADS * (DAYS - 63) / 365)
        cells = []
        for monthly in (0.01, 0.02, 0.03):
            first: dict[str, float] = {}
            for alert in judged(sd, rho, monthly, 420):
                after = (alert.since - START) / DAY - FIRST
                if after > 0:
                    first.setdefault(alert.target, after)
            delays = np.array(list(first.values()))
            found = "" if len(first) == LOADS else f" {len(first)} of {LOADS}"
            cells.append(f"{np.median(delays):.0f} ({np.quantile(delays, 0.9):.0f}){found}")
        print(f"| {sd:.0%}, rho {rho} | {false:.2f} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
