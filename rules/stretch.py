"""A stretch of history as columns by point, and how a bank replays it: only the samples that can tell something are judged.

Invariants: a replay states what feeding the same samples minute by minute would, with time passing in between (a test compares
both for every kind). Rows are independent, so a wave may hold the third telling sample of each row, whatever their times. What
may be left out is found from coarse to fine: rows, bins of BIN samples (`Kind.loud`), samples (`Kind.telling`). Kinds that
watch absence judge the first and the last sample of each time of talking, in time order; several inputs: `rules.moments`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from rules.bank import Bank
from rules.contract import NEVER, Span
from rules.waves import Cutter
from steward.model import Batch, BoolArray, ByteArray, FloatArray, IntArray

BIN = 32
"""Samples of a point that are looked at as one before they are looked at singly."""
CHUNK = 1_000_000
"""Samples that are laid out at once for rows that may find something."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Samples sorted by (point, at). points: numbers; starts, counts: of their samples; span: what each point did; bins: what
    it did in each BIN samples; first, pieces: of its bins, the first and how many; begins, sizes: of each bin's samples."""

    batch: Batch
    points: IntArray
    starts: IntArray
    counts: IntArray
    span: Span
    bins: Span
    first: IntArray
    pieces: IntArray
    begins: IntArray
    sizes: IntArray

    @classmethod
    def of(cls, batch: Batch) -> Stretch:
        """The stretch of a batch whose points stand together; each point's samples are sorted by time where they are not."""
        changes = np.flatnonzero(batch.point[1:] != batch.point[:-1])
        starts = np.concatenate(([0], changes + 1))
        points = batch.point[starts].astype(np.int64)
        step = np.empty(len(batch), np.int64)
        np.subtract(batch.at[1:], batch.at[:-1], out=step[:-1])
        ends = np.append(changes, len(batch) - 1)  # no sample of the point follows these
        step[ends] = NEVER
        if (points[1:] <= points[:-1]).any() or int(step.min()) < 0:
            return cls.of(batch.take(np.lexsort((batch.at, batch.point))))
        counts = np.diff(np.append(starts, len(batch)))
        pieces = -(-counts // BIN)
        first = np.cumsum(pieces) - pieces
        begins = ranges(starts, pieces, BIN)
        sizes = np.diff(np.append(begins, len(batch)))
        bins = _summary(batch, step, begins, ends)
        return cls(batch, points, starts, counts, _merged(bins, first), bins, first, pieces, begins, sizes)

    def samples(self, columns: IntArray) -> tuple[IntArray, IntArray]:
        """(place in `columns`, index of the sample) of all samples of points, by place and time; a point may come twice."""
        counts = self.counts[columns]
        return np.repeat(np.arange(len(columns)), counts), ranges(self.starts[columns], counts)

    def parts(self, columns: IntArray) -> tuple[IntArray, IntArray]:
        """(place in `columns`, index of the bin) of all bins of points, likewise."""
        pieces = self.pieces[columns]
        return np.repeat(np.arange(len(columns)), pieces), ranges(self.first[columns], pieces)


def ranges(starts: IntArray, counts: IntArray, step: int = 1) -> IntArray:
    """`counts` numbers from each of `starts` on, `step` apart, one after the other."""
    shift = starts - (np.cumsum(counts) - counts) * step
    found: IntArray = np.arange(int(counts.sum())) * step + np.repeat(shift, counts)
    return found


def _summary(batch: Batch, step: IntArray, begins: IntArray, ends: IntArray) -> Span:
    value = batch.value
    shortest = np.minimum.reduceat(step, begins)
    step[ends] = 0
    leap = np.empty(len(value))
    np.subtract(value[1:], value[:-1], out=leap[:-1])
    np.abs(leap, out=leap)
    leap[ends] = 0.0
    low = np.fmin.reduceat(value, begins)
    high = np.fmax.reduceat(value, begins)
    last = np.append(begins[1:], len(value)) - 1
    return Span(
        batch.at[begins], batch.at[last], low, high, np.maximum.reduceat(step, begins), shortest,
        np.maximum.reduceat(leap, begins),
    )  # fmt: skip


def _merged(bins: Span, first: IntArray) -> Span:
    last = np.append(first[1:], len(bins.begin)) - 1
    return Span(
        bins.begin[first], bins.end[last], np.fmin.reduceat(bins.low, first), np.fmax.reduceat(bins.high, first),
        np.maximum.reduceat(bins.longest, first), np.minimum.reduceat(bins.shortest, first),
        np.maximum.reduceat(bins.leap, first),
    )  # fmt: skip


def replay(bank: Bank, stretch: Stretch, step: int) -> None:
    """Feeds a stretch to a bank of single inputs. step: how finely time passes for absence, ns."""
    pass_time(bank, int(stretch.span.begin.min()) // step * step, step)
    columns, entries = bank.route.entries(stretch.points)
    if not len(columns):
        return
    rows = bank.route.row.take(entries)
    span = stretch.span.take(columns)
    state = bank.state
    odd = (span.begin <= state["last_at"][rows]) | (span.shortest <= 0)
    loud = bank.kind.loud(state, rows, np.arange(len(rows)), span) | odd | (state["slot"][rows] >= 0)
    if bank.kind.PATIENT and bank.lifecycle.active and bank.keep.any():
        loud[:] = True  # an alert of what is above may outlast its condition
    quiet = np.flatnonzero(~loud)
    if len(quiet):
        first = stretch.starts[columns[quiet]]
        last = first + stretch.counts[columns[quiet]] - 1
        if not bank.kind.PATIENT:
            _judge(bank, rows[quiet], stretch, first)
        more = np.flatnonzero(last > first) if not bank.kind.PATIENT else np.arange(len(quiet))
        _judge(bank, rows[quiet[more]], stretch, last[more])
    rest = np.flatnonzero(loud)
    if bank.kind.PATIENT:
        _talks(bank, rows[rest], stretch, columns[rest], step)
        pass_time(bank, int(stretch.span.end.max()) // step * step, step)
        return
    odd = odd[rest]
    _loud(bank, rows[rest[~odd]], stretch, columns[rest[~odd]])
    for part in cut(stretch.counts[columns[rest[odd]]], CHUNK):  # late samples, two of one moment: all are looked at
        of, sample = stretch.samples(columns[rest[odd]][part])
        _waves(bank, stretch, rows[rest[odd]][part][of], sample)


def cut(sizes: IntArray, most: int) -> Iterator[IntArray]:
    """Consecutive places in parts of at most about `most` in sum, or of one."""
    if len(sizes):
        part = (np.cumsum(sizes) - sizes) // most
        edges = np.flatnonzero(np.diff(part, prepend=-1, append=-1))
        for start, stop in pairwise(edges.tolist()):
            yield np.arange(start, stop)


def _loud(bank: Bank, rows: IntArray, stretch: Stretch, columns: IntArray) -> None:
    """Judges the telling samples of rows."""
    kept: list[tuple[IntArray, IntArray]] = []
    size = 0
    for part, of, sample, skipped in chosen(bank, rows, stretch, columns):
        of, sample = _telling(bank, rows[part], stretch, of, sample, skipped)
        kept.append((rows[part][of], sample))
        size += len(of)
        if size >= CHUNK:
            _waves(bank, stretch, *(np.concatenate(one) for one in zip(*kept, strict=True)))
            kept, size = [], 0
    if kept:
        _waves(bank, stretch, *(np.concatenate(one) for one in zip(*kept, strict=True)))


def chosen(
    bank: Bank, rows: IntArray, stretch: Stretch, columns: IntArray, more: int = 0
) -> Iterator[tuple[IntArray, IntArray, IntArray, BoolArray]]:
    """The samples that must be looked at, in parts of about CHUNK: (places in `rows`, place in these, index of the sample,
    where samples before it are left out)."""
    for wide in cut(stretch.counts[columns], 8 * CHUNK):
        of, bin = stretch.parts(columns[wide])
        look = bank.kind.loud(bank.state, rows[wide], of, stretch.bins.take(bin))
        take, skipped = extend(bank, rows[wide], of, stretch, bin, look, more=more)
        for part in cut(np.bincount(of, take, len(wide)).astype(np.int64), CHUNK):
            here = slice(*np.searchsorted(of, (part[0], part[-1] + 1)).tolist())
            sample = ranges(stretch.begins[bin[here]], take[here])
            after = np.zeros(len(sample), np.bool_)
            some = take[here] > 0
            after[(np.cumsum(take[here]) - take[here])[some]] = skipped[here][some]
            yield wide[part], np.repeat(of[here] - part[0], take[here]), sample, after


def extend(
    bank: Bank,
    rows: IntArray,
    of: IntArray,
    stretch: Stretch,
    bin: IntArray,
    look: BoolArray,
    head: BoolArray | None = None,
    more: int = 0,
) -> tuple[IntArray, BoolArray]:
    """How many samples of each bin are looked at, and where those before it are left out. All of the bins in `look`, of the
    last of each row and of those in which an alert may outlast its condition; the first sample of those in `head`, of each
    row and after a bin that is looked at."""
    first = np.diff(of, prepend=-1) != 0
    look = look | np.append(first[1:], True)
    wait = _outlasts(bank, rows, more)[of]
    if wait.any():
        begin, place = stretch.bins.begin[bin], np.arange(len(of))
        told = np.maximum.accumulate(np.where(look | first, place, 0))
        told = np.where(first, place, np.append(0, told[:-1]))  # the last one before
        look |= (wait > 0) & (begin <= begin[np.where(look[told] & ~first, told + 1, told)] + wait)
    before = np.append(False, look[:-1]) & ~first
    heads = first | before if head is None else first | before | head
    return np.where(look, stretch.sizes[bin], heads), ~before & ~first


def outlasting(bank: Bank, rows: IntArray, of: IntArray, at: IntArray, keep: BoolArray, more: int = 0) -> BoolArray:
    """`keep` with the first and last of each row; and those at which an alert may outlast its condition: sums of its
    evidence (COMPLETES) and a condition that returns are told as of the newest sample."""
    keep[np.flatnonzero(np.diff(of, prepend=-1))] = True
    keep[np.flatnonzero(np.diff(of, append=-1))] = True
    wait = _outlasts(bank, rows, more)
    if wait.any():
        told = np.maximum.accumulate(np.where(keep, np.arange(len(keep)), 0))
        keep |= at - at[told] <= wait[of]
    return keep


def _outlasts(bank: Bank, rows: IntArray, more: int) -> IntArray:
    """How long alerts of rows outlast their condition, ns, and `more` where they do."""
    wait: IntArray = bank.keep[bank.rule_of[rows]]
    return wait + more * (wait > 0)


def _telling(
    bank: Bank, rows: IntArray, stretch: Stretch, of: IntArray, sample: IntArray, skipped: BoolArray
) -> tuple[IntArray, IntArray]:
    at = stretch.batch.at[sample]
    keep = bank.kind.telling(bank.state, rows, of, at, stretch.batch.value[sample], skipped)
    if keep is None:
        return of, sample
    keep = outlasting(bank, rows, of, at, keep)
    return of[keep], sample[keep]


def turns(row: IntArray) -> tuple[IntArray, IntArray]:
    """(order, edges) of waves: the first of each row, the second of each, and so on; equal rows stand together."""
    begins = np.flatnonzero(np.diff(row, prepend=-1))
    sizes = np.diff(np.append(begins, len(row)))
    turn = np.arange(len(row)) - np.repeat(begins, sizes)
    most = int(sizes.max())
    narrow = turn.astype(np.int16) if most < np.iinfo(np.int16).max else turn  # sorted by radix
    return np.argsort(narrow, kind="stable"), np.append(0, np.cumsum(np.bincount(turn, minlength=most)))


def _waves(bank: Bank, stretch: Stretch, row: IntArray, sample: IntArray) -> None:
    """Judges samples, each row's in time order; equal rows stand together."""
    order, edges = turns(row)
    row, sample = row[order], sample[order]
    batch = stretch.batch
    at, value, quality = batch.at[sample], batch.value[sample], batch.quality[sample]
    for start, stop in pairwise(edges.tolist()):
        fresh_judge(bank, row[start:stop], at[start:stop], value[start:stop], quality[start:stop])


def fresh_judge(bank: Bank, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> None:
    """Judges what is newer than what its row has seen, and counts the rest."""
    last = bank.state["last_at"][rows]
    fresh = at > last
    if not fresh.all():
        bank.count_late(at, last, fresh)
        rows, at, value, quality = rows[fresh], at[fresh], value[fresh], quality[fresh]
    bank.judge(rows, at, value, quality)


def _judge(bank: Bank, rows: IntArray, stretch: Stretch, sample: IntArray) -> None:
    batch = stretch.batch
    bank.judge(rows, batch.at[sample], batch.value[sample], batch.quality[sample])


def _talks(bank: Bank, rows: IntArray, stretch: Stretch, columns: IntArray, step: int) -> None:
    """Rows that watch absence: of each time in which a row talked the first sample, when it came, and at once the last: what
    lies between says only that the row still talks. Time passes before each minute in which one begins."""
    found: list[tuple[IntArray, IntArray, IntArray]] = []
    batch = stretch.batch
    for part, of, sample, skipped in chosen(bank, rows, stretch, columns, step):
        at = batch.at[sample]
        ended = bank.kind.telling(bank.state, rows[part], of, at, batch.value[sample], skipped)
        ended = np.ones(len(of), np.bool_) if ended is None else outlasting(bank, rows[part], of, at, ended, step)
        if bank.keep.any():  # until it is known that no alert outlasts the silence, each sample comes when it came
            ended[1:] |= ended[:-1].copy()
        begin = np.flatnonzero(ended & ~skipped)  # what is left out belongs to the time before it
        found.append((rows[part][of[begin]], sample[begin], sample[np.append(begin[1:], len(sample)) - 1]))
    if not found:
        return
    row, first, last = (np.concatenate(one) for one in zip(*found, strict=True))
    order = np.argsort(batch.at[first], kind="stable")
    row, first, last = row[order], first[order], last[order]
    minute = batch.at[first] // step
    edges = np.flatnonzero(np.diff(minute, prepend=minute[0] - 1, append=minute[-1] + 1)).tolist()
    cutter = Cutter()
    for start, stop in pairwise(edges):
        now = int(minute[start]) * step
        pass_time(bank, now, step)
        bank.tick(now)
        for wave in cutter.cut(row[start:stop], len(bank)):
            for sample in (first[start:stop][wave], last[start:stop][wave]):
                fresh_judge(bank, row[start:stop][wave], batch.at[sample], batch.value[sample], batch.quality[sample])


def pass_time(bank: Bank, until: int, step: int) -> None:
    """Time passes up to `until` where rows that watch absence are due before it."""
    if not bank.kind.PATIENT:
        return
    due = bank.state["due"]
    while (soonest := int(due[~bank.state["paused"]].min(initial=NEVER))) < until:
        bank.tick((soonest // step + 1) * step)
