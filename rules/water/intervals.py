"""Flow over intervals of about an hour, from cumulative registers and from flow gauges alike, folded sample by sample.

A register's interval lies between two reads that are 45 minutes to three and a half hours apart; nearer reads are passed over,
longer silences and falls of the register give none: what nobody metered is never made into flow. A gauge's interval is an
hour, its flow the time-weighted mean, of which half must be known. A kind takes `COLUMNS` into its state and has the
parameters of `parameters`. Flow in m3/s, times in ns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from rules import bins, local
from rules.contract import UNSEEN, Column, NotApplicable, State, Target
from steward.model import FloatArray, IntArray, Nature
from steward.units import HOUR, MINUTE, SECOND

LEAST = 45 * MINUTE
LONGEST = 7 * HOUR // 2
"""A longer interval says nothing about its lowest flow."""
KNOWN = 0.5

COLUMNS = {
    **bins.COLUMNS,
    "read_at": Column(np.int64, UNSEEN),
    "read": Column(np.float64, np.nan),
    "last_read": Column(np.float64, np.nan),
    "last_rise": Column(np.float64, np.nan),
    "step": Column(np.float64, np.inf),
}
"""Of registers, m3: time and value of the last read that was taken; the last read and rise of all, and the smallest rise or
difference of two rises ever seen, which is the register's resolution."""
LITTLE = 1e-6
"""Differences below a millilitre are those of floating point."""


@dataclass(slots=True)
class Interval:
    """Complete intervals: `rows` of the bank, start and end in ns, flow in m3/s."""

    rows: IntArray
    start: IntArray
    end: IntArray
    flow: FloatArray

    def take(self, where: IntArray) -> Interval:
        """The intervals at the places `where`, in that order."""
        return Interval(self.rows[where], self.start[where], self.end[where], self.flow[where])


def parameters(target: Target) -> Mapping[str, float | int | bool]:
    """The constant columns. Raises NotApplicable where the point is neither a volume register nor a gauge of flow."""
    point = target.point
    counter = point.nature is Nature.COUNTER
    if point.unit != ("m3" if counter else "m3/s"):
        raise NotApplicable(f"neither a register of volume nor a flow: {point.nature.value} in {point.unit}")
    return {"width": HOUR, "local": local.number(target), "counter": counter}


def collect(state: State, rows: IntArray, at: IntArray, value: FloatArray) -> Iterator[Interval]:
    """Takes one sample of each of `rows` in and yields the intervals that it completes, each row at most once per item."""
    counter = state.get("counter", rows)
    if counter.any():
        where = np.flatnonzero(counter)
        found = _read(state, rows[where], at[where], value[where])
        if len(found.rows):
            yield found
    if not counter.all():
        where = np.flatnonzero(~counter)
        gauges = rows[where]
        for closed in bins.collect(state, gauges, at[where], value[where]):
            told = closed.share >= KNOWN
            if told.any():
                start = closed.start[told]
                yield Interval(gauges[closed.where[told]], start, start + HOUR, closed.mean[told])


def _read(state: State, rows: IntArray, at: IntArray, value: FloatArray) -> Interval:
    """One read of each register."""
    before, read = state.get("read_at", rows), state.get("read", rows)
    passed = at - before
    whole = (before != UNSEEN) & (value >= read) & (passed >= LEAST) & (passed <= LONGEST)
    rise = value - state.get("last_read", rows)
    change = np.abs(rise - state.get("last_rise", rows))
    for size in (np.where(rise > LITTLE, rise, np.inf), np.where((rise >= 0) & (change > LITTLE), change, np.inf)):
        state.put("step", rows, np.fmin(state.get("step", rows), size))
    state.put("last_read", rows, value)
    state.put("last_rise", rows, np.where(rise >= 0, rise, np.nan))
    taken = np.flatnonzero((before == UNSEEN) | (value < read) | (passed >= LEAST))
    state["read_at"][rows[taken]] = at[taken]
    state["read"][rows[taken]] = value[taken]
    flow = (value - read)[whole] / (passed[whole] / SECOND)
    return Interval(rows[whole], before[whole], at[whole], flow)


def resolution(state: State, rows: IntArray) -> FloatArray:
    """Flow that one step of a register makes in an hour, m3/s; 0 for gauges and registers that have not moved."""
    step = state.get("step", rows)
    return np.where(np.isfinite(step), step, 0.0) / 3600.0
