"""Simulated machines with runs, power by the minute: what is normal is known, so false alerts can be counted for years.

A machine has one to three programmes, each with a length of its runs; how they mix differs from day to day, runs of a programme
differ, days differ (also from one to the next: autocorrelated), odd runs happen, a season moves all lengths. A fault stretches
all runs from a day on. The ranges below are wide on purpose and were written down before the limits of `cycles` were chosen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from steward.model import FloatArray

MINUTES = 1440


@dataclass(frozen=True, slots=True)
class Machine:
    """What a machine is like. lengths: min, of its programmes; run, day: spreads of the logarithm; keep: autocorrelation of
    days; mix: shares of the programmes; steady: how near a day's mix is to them; runs: a day; lead: minutes of part load
    before each; power, standby: W; phase: of the year."""

    lengths: FloatArray
    run: float
    day: float
    keep: float
    mix: FloatArray
    steady: float
    runs: float
    lead: float
    power: float
    standby: float
    phase: float


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def machine(rng: np.random.Generator) -> Machine:
    """One drawn at random."""
    lengths = np.exp(rng.uniform(np.log(5), np.log(120), int(rng.integers(1, 4))))
    mix = rng.dirichlet(np.ones(len(lengths)))
    most = 0.6 * MINUTES / float(mix @ lengths + 3)
    return Machine(
        lengths=lengths,
        run=_between(rng, 0.02, 0.15),
        day=_between(rng, 0.005, 0.08),
        keep=float(rng.uniform(0, 0.5)),
        mix=mix,
        steady=_between(rng, 1, 30),
        runs=min(_between(rng, 1.5, 40), most),
        lead=float(rng.choice([0.0, rng.uniform(2, 10)])),
        power=_between(rng, 100, 5000),
        standby=float(rng.choice([0.0, rng.uniform(1, 10)])),
        phase=float(rng.uniform(0, 2 * np.pi)),
    )


def days(
    one: Machine, count: int, rng: np.random.Generator, season: float = 0.0, fault: float = 0.0, since: int = 0
) -> Iterator[FloatArray]:
    """Power by the minute, a day at a time. season: amplitude of the year, a share; fault: share by which runs are longer from
    day `since` on. One generator gives the same use whatever the fault."""
    effect = 0.0
    for day in range(count):
        effect = one.keep * effect + rng.normal(0, one.day * np.sqrt(1 - one.keep**2))
        stretch = effect + np.log1p(season * np.sin(2 * np.pi * day / 365 + one.phase))
        if day >= since:
            stretch += np.log1p(fault)
        power = np.full(MINUTES, one.standby)
        mix = rng.dirichlet(np.maximum(one.mix * one.steady * len(one.mix), 0.05))
        begins = np.sort(rng.uniform(0, MINUTES, max(1, int(rng.poisson(one.runs))))).tolist()
        free = 0.0
        for begin in begins:
            length = float(one.lengths[rng.choice(len(mix), p=mix)] * np.exp(rng.normal(0, one.run)))
            if rng.uniform() < 0.02:
                length = _between(rng, 4, 180)
            length *= float(np.exp(stretch))
            begin = max(begin, free)
            start, heated = round(begin), round(begin + one.lead)
            end = round(begin + one.lead + length)
            if end >= MINUTES - 5:
                break
            power[start:heated] = 0.2 * one.power
            power[heated:end] = one.power * (1 + 0.02 * rng.normal(size=end - heated))
            free = end + 5
        yield power
