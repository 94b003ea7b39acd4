"""Slow drift: `python -m bench.rules.drift`. The rule kind deviation (judge = drift) on residuals with a known drift.

First 24 loads whose expectation is known, drifts beginning on day 180 of two years; then 48 loads in Victoria's temperatures,
whose expectation is a baseline fitted to the year before and not refitted, drifts beginning on day 63. Day noise of 2 %
(autocorrelation 0.5) and of 4 % (0.7); false alerts a year without a drift, days until 1, 2, 3 % a month is told (median,
90 % quantile).
"""

from __future__ import annotations

import argparse

import numpy as np

from bench.baselines import recorded, synthetic
from bench.baselines.synthetic import autoregressive
from bench.rules.recorded import fired, place
from metering.degree_days import Weather
from rules.kinds.deviation import Deviation
from steward.model import Alert, FloatArray
from steward.units import DAY, HOUR

LOADS, DAYS, FIRST, FIRST_OF_YEAR = 24, 730, 180, 63
START = 20_454 * DAY
NOISE = ((0.02, 0.5), (0.04, 0.7))
MONTHLY = (0.01, 0.02, 0.03)


def judged(relative: FloatArray) -> list[Alert]:
    """Alerts on loads whose actual / expected by day is `relative`, [days, loads]."""
    days, loads = relative.shape
    at = np.arange(START, START + days * DAY, 2 * HOUR)
    day = (at - START) // DAY
    columns: dict[str, FloatArray] = {}
    for number in range(loads):
        columns[f"p{number}"] = 1000 * relative[day, number]
        columns[f"p{number}.expected"] = np.full(len(at), 1000.0)
    return fired(Deviation(judge="drift"), place(tuple(columns), "UTC"), at, columns)


def known(sd: float, rho: float, monthly: float, days: int) -> FloatArray:
    """actual / expected of loads whose expectation is known, [days, LOADS]."""
    rng = np.random.default_rng(5)
    grown = monthly / 30.4 * np.maximum(np.arange(days) - FIRST, 0)
    return np.stack([1 + autoregressive(days, sd, rho, rng) + grown for _ in range(LOADS)], axis=1)


def fitted(air: Weather, loads: int, sd: float, rho: float) -> FloatArray:
    """actual / expected of the second year by a baseline of the first, [365, loads]."""
    found = []
    for seed in range(loads):
        days = synthetic.load(air, 730, sd, rho, 1000 + seed, first=1 + 365 * (seed % 2) - (seed % 2) * 2)
        first, second = days.between(days.start[0], days.start[365]), days.between(days.start[365], days.end[-1] + 1)
        found.append((second.value / synthetic.frozen(first, air).predict(second, air))[:364])
    return np.stack(found, axis=1)


def delays(found: list[Alert], from_day: int) -> FloatArray:
    """Days from the beginning of the drift to the first alert, of the loads with one."""
    first: dict[str, float] = {}
    for alert in found:
        after = (alert.since - START) / DAY - from_day
        if after > 0:
            first.setdefault(alert.target, after)
    return np.array(list(first.values()))


def cell(found: list[Alert], from_day: int, loads: int) -> str:
    """Median and 90 % quantile of the delays."""
    late = delays(found, from_day)
    missed = "" if len(late) == loads else f" {len(late)} of {loads}"
    return f"{np.median(late):.0f} ({np.quantile(late, 0.9):.0f}){missed}"


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loads", type=int, default=48, help="loads with a fitted baseline")
    loads = parser.parse_args().loads
    print("| expected by | day noise | false a year | 1 % a month: days (p90) | 2 % | 3 % |\n|---|---|---|---|---|---|")
    for sd, rho in NOISE:
        false = len(judged(known(sd, rho, 0.0, DAYS))) / (LOADS * (DAYS - FIRST_OF_YEAR) / 365)
        cells = [cell(judged(known(sd, rho, monthly, 420)), FIRST, LOADS) for monthly in MONTHLY]
        print(f"| truth | {sd:.0%}, rho {rho} | {false:.2f} | {' | '.join(cells)} |")
    air = recorded.victoria().weather
    for sd, rho in NOISE:
        plain = fitted(air, loads, sd, rho)
        false = len(judged(plain)) / loads
        months = np.maximum(np.arange(len(plain)) - FIRST_OF_YEAR, 0)[:, None] / 30.44
        cells = [cell(judged(plain * (1 + monthly * months)), FIRST_OF_YEAR, loads) for monthly in MONTHLY]
        print(f"| baseline of the year before | {sd:.0%}, rho {rho} | {false:.2f} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
