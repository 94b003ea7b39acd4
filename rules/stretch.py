"""A stretch of history as columns by point, and how a bank replays it: only the samples that can tell something are judged.

Invariants: a replay states what feeding the same samples minute by minute would, with time passing in between (a test compares
both for every kind). Rows are independent, so a wave may hold the third telling sample of each row, whatever their times; only
kinds that watch absence, or join several points, are replayed minute by minute.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rules.bank import AlignedBank, Bank
from rules.contract import NEVER, Span
from rules.waves import Cutter
from steward.model import Batch, IntArray

CHUNK = 1_000_000
"""Samples that are laid out at once for rows that may find something."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Samples sorted by (point, at). points: numbers; starts, counts: of their samples; span: what each point did."""

    batch: Batch
    points: IntArray
    starts: IntArray
    counts: IntArray
    span: Span

    @classmethod
    def of(cls, batch: Batch) -> Stretch:
        """Sorts where needed."""
        same = batch.point[1:] == batch.point[:-1]
        if (same & (batch.at[1:] < batch.at[:-1])).any() or (batch.point[1:] < batch.point[:-1]).any():
            batch = batch.take(np.lexsort((batch.at, batch.point)))
        starts = np.flatnonzero(np.diff(batch.point, prepend=-1))
        counts = np.diff(np.append(starts, len(batch)))
        step = np.diff(batch.at, append=batch.at[-1:])
        step[starts + counts - 1] = 0  # no sample follows
        longest = np.maximum.reduceat(step, starts)
        step[starts + counts - 1] = np.iinfo(np.int64).max
        span = Span(
            batch.at[starts],
            batch.at[starts + counts - 1],
            np.minimum.reduceat(batch.value, starts),
            np.maximum.reduceat(batch.value, starts),
            longest,
            np.minimum.reduceat(step, starts),
        )
        return cls(batch, batch.point[starts].astype(np.int64), starts, counts, span)

    def samples(self, columns: IntArray) -> tuple[IntArray, IntArray]:
        """(place in `columns`, index of the sample) of all samples of points, by place and time; a point may come twice."""
        counts = self.counts[columns]
        of = np.repeat(np.arange(len(columns)), counts)
        shift = self.starts[columns] - (np.cumsum(counts) - counts)
        return of, np.arange(len(of)) + np.repeat(shift, counts)


def replay(bank: Bank, stretch: Stretch, step: int, size: int) -> None:
    """Feeds a stretch to a bank. step: how finely time passes for absence, ns; size: of the point index."""
    pass_time(bank, int(stretch.batch.at.min()) // step * step, step)
    columns, entries = bank.route.entries(stretch.points)
    if not len(columns):
        return
    rows = bank.route.row.take(entries)
    if isinstance(bank, AlignedBank):
        _by_minute(bank, stretch, np.unique(columns), step, size)
        return
    span = stretch.span.take(columns)
    state = bank.state
    loud = bank.kind.loud(state, rows, span)
    loud |= (state["slot"][rows] >= 0) | (span.begin <= state["last_at"][rows]) | (span.shortest <= 0)
    quiet = np.flatnonzero(~loud)
    if len(quiet):
        last = (stretch.starts + stretch.counts - 1)[columns[quiet]]
        _judge(bank, rows[quiet], stretch, last)
    rest = np.flatnonzero(loud)
    if bank.kind.PATIENT:
        if len(rest):
            _by_minute(bank, stretch, np.unique(columns[rest]), step, size)
        pass_time(bank, int(stretch.batch.at.max()) // step * step, step)
        return
    for part in _parts(rest, stretch.counts[columns[rest]]):
        _telling(bank, rows[part], stretch, columns[part])


def _in_time(at: IntArray, step: int) -> IntArray:
    """Order by time, to the 30,000th of a step; equal times keep their order. Two passes of sixteen bits, sorted by radix."""
    minute, within = np.divmod(at, step)
    minute -= minute.min()
    if int(minute.max()) >= np.iinfo(np.int16).max:
        return np.argsort(at, kind="stable")
    order: IntArray = np.arange(len(at))
    if within.any():
        order = np.argsort((within * 30_000 // step).astype(np.int16), kind="stable")
    return order[np.argsort(minute[order].astype(np.int16), kind="stable")]


def _parts(rest: IntArray, counts: IntArray) -> Iterator[IntArray]:
    """Rows in parts of at most CHUNK samples, or of one row."""
    if not len(rest):
        return
    part = (np.cumsum(counts) - counts) // CHUNK
    for number in np.unique(part).tolist():
        yield rest[part == number]


def _telling(bank: Bank, rows: IntArray, stretch: Stretch, columns: IntArray) -> None:
    """Judges the telling samples of rows, each row's in time order; the first and the last of a row always tell."""
    of, sample = stretch.samples(columns)
    batch = stretch.batch
    keep = bank.kind.telling(bank.state, rows, of, batch.at[sample], batch.value[sample])
    if keep is not None:
        counts = stretch.counts[columns]
        first = np.cumsum(counts) - counts
        keep[first] = True
        keep[first + counts - 1] = True
        wait = bank.keep[bank.rule_of[rows]]
        if wait.any():  # while an alert outlasts its condition, its value is that of the newest sample
            told = np.maximum.accumulate(np.where(keep, np.arange(len(keep)), 0))
            keep |= batch.at[sample] - batch.at[sample[told]] <= wait[of]
        keep |= (stretch.span.shortest[columns] <= 0)[of]  # two samples of one moment: all are looked at, one is judged
        of, sample = of[keep], sample[keep]
    sizes = np.bincount(of, minlength=len(rows))
    turn = np.arange(len(of)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    narrow = turn.astype(np.int16) if len(turn) and int(turn.max()) < np.iinfo(np.int16).max else turn  # radix sort
    order = np.argsort(narrow, kind="stable")
    for wave in np.split(order, np.cumsum(np.bincount(turn))[:-1]):
        moment = batch.at[sample[wave]]
        last = bank.state["last_at"][rows[of[wave]]]
        fresh = moment > last
        if not fresh.all():
            bank.count_late(moment, last, fresh)
            wave = wave[fresh]
        _judge(bank, rows[of[wave]], stretch, sample[wave])


def _judge(bank: Bank, rows: IntArray, stretch: Stretch, sample: IntArray) -> None:
    batch = stretch.batch
    bank.judge(rows, batch.at[sample], batch.value[sample], batch.quality[sample])


def _by_minute(bank: Bank, stretch: Stretch, columns: IntArray, step: int, size: int) -> None:
    """Feeds the samples of some points as they came, time passing before each minute."""
    _, sample = stretch.samples(columns)
    batch = stretch.batch
    order = _in_time(batch.at[sample], step)
    sample = sample[order]
    minute = batch.at[sample] // step
    numbers, at = batch.point[sample].astype(np.int64), batch.at[sample]
    value, quality = batch.value[sample], batch.quality[sample]
    edges = np.flatnonzero(np.diff(minute, prepend=minute[0] - 1)).tolist()
    cutter = Cutter()
    for start, stop in zip(edges, [*edges[1:], len(sample)], strict=True):
        now = int(at[start]) // step * step
        pass_time(bank, now, step)
        bank.tick(now)
        here = numbers[start:stop]
        bank.feed(here, at[start:stop], value[start:stop], quality[start:stop], cutter.cut(here, size))


def pass_time(bank: Bank, until: int, step: int) -> None:
    """Time passes up to `until` where rows that watch absence are due before it."""
    if not bank.kind.PATIENT:
        return
    due = bank.state["due"]
    while (soonest := int(due[~bank.state["paused"]].min(initial=NEVER))) < until:
        bank.tick((soonest // step + 1) * step)
