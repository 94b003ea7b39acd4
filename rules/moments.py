"""How a bank of several inputs, or with a gate, replays a stretch: moments laid out at once, judged by `AlignedBank.close`.

Invariants: a moment is a sample of the trigger, with the newest sample of each input at or before it, as arrival in order of
time, and of one time in order of the points' numbers, would have left them (a test compares). Rows with late samples, or two
of one moment, are fed as they came. Moments that provably change nothing are left out: where the gate says what it said and
the kind names no sample; only kinds of one input that have a coarse form (`Kind.loud`, without leads) are looked at by bins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from rules.aligned import AlignedBank
from rules.contract import NEVER, UNSEEN, Kind
from rules.stretch import CHUNK, Stretch, cut, extend, outlasting, ranges, turns
from steward.model import BoolArray, ByteArray, FloatArray, IntArray

SHUT, OPEN, VARIES = 0, 1, 2
"""What the gate says over a span."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Moments by row and time. of: place in the rows of the part; sample: of the trigger; at, value, quality: of the inputs at
    each, [moments, inputs]; skipped: where moments before are left out."""

    of: IntArray
    sample: IntArray
    at: IntArray
    value: FloatArray
    quality: ByteArray
    skipped: BoolArray

    def take(self, keep: IntArray | BoolArray) -> Moments:
        """The moments at `keep`: row numbers, or a mask."""
        return Moments(*(getattr(self, name)[keep] for name in self.__slots__))


def replay(bank: AlignedBank, stretch: Stretch) -> None:
    """Feeds a stretch to a bank, to the same verdicts as sample by sample: rows whose points came in another order are stepped
    as they came, the rest at once."""
    source, entries = bank.route.entries(stretch.points)
    if not len(entries):
        return
    table = np.full((len(bank), bank.width), -1)
    table[bank.route.row[entries], bank.route.slot[entries]] = source
    rows = np.flatnonzero((table >= 0).any(axis=1))
    column = table[rows]
    here = column >= 0
    span = stretch.span
    begin = np.where(here, span.begin[column], NEVER)
    odd = (here & ((begin <= bank.state["input_at"][rows]) | (span.shortest[column] <= 0))).any(axis=1)
    odd |= begin.min(axis=1) <= bank.state["opened_at"][rows]
    _as_they_came(bank, stretch, rows[odd], column[odd])
    rows, column = rows[~odd], column[~odd]
    bank.close(rows[bank.state["opened_at"][rows] != UNSEEN])  # something newer comes for all of them
    triggered = column[:, 0] >= 0
    for part, moments in _chosen(bank, stretch, rows[triggered], column[triggered]):
        _judge(bank, stretch, rows[triggered][part], column[triggered][part], moments)
    for slot in range(bank.width):
        some = column[:, slot] >= 0
        last = (stretch.starts + stretch.counts - 1)[column[some, slot]]
        bank.put_input(rows[some], slot, stretch.batch.at[last], stretch.batch.value[last], stretch.batch.quality[last])


def _as_they_came(bank: AlignedBank, stretch: Stretch, rows: IntArray, column: IntArray) -> None:
    """Feeds the samples of rows in order of time."""
    batch = stretch.batch
    for part in cut(np.where(column >= 0, stretch.counts[column], 0).sum(axis=1), CHUNK):
        place, slot = np.nonzero(column[part] >= 0)
        which, sample = stretch.samples(column[part][place, slot])
        order = np.lexsort((sample, batch.at[sample], place[which]))
        which, sample = which[order], sample[order]
        row, slot = rows[part][place[which]], slot[which]
        order, edges = turns(row)
        for start, stop in pairwise(edges.tolist()):
            wave = order[start:stop]
            one = sample[wave]
            bank.arrive(row[wave], slot[wave], batch.at[one], batch.value[one], batch.quality[one])


def _chosen(bank: AlignedBank, stretch: Stretch, rows: IntArray, column: IntArray) -> Iterator[tuple[IntArray, Moments]]:
    """The moments that must be judged, in parts of about CHUNK inputs: (places in `rows`, moments); all triggered rows."""
    trigger = column[:, 0]
    coarse = bank.single and not bank.kind.LEADS and bank.kind.telling.__func__ is not Kind.telling.__func__  # type: ignore[attr-defined]
    quiet = np.zeros(len(rows), np.bool_)
    says = np.full(len(rows), VARIES)
    if coarse:
        says = _calm(bank, stretch, rows, column)
        spans = stretch.span.take(trigger)
        quiet = (says == SHUT) | ((says == OPEN) & ~bank.kind.loud(bank.state, rows, np.arange(len(rows)), spans))
        quiet &= bank.state["slot"][rows] < 0
    calm = np.flatnonzero(quiet)
    if len(calm):
        of = np.repeat(np.arange(len(calm)), 1 + (stretch.counts[trigger[calm]] > 1))
        sample = stretch.starts[trigger[calm]][of]
        sample[1:] += np.where(of[1:] == of[:-1], stretch.counts[trigger[calm]][of[1:]] - 1, 0)
        moments = _inputs(bank, stretch, rows[calm], column[calm], of, sample, of < 0)
        yield calm, _telling(bank, rows[calm], moments)
    rest = np.flatnonzero(~quiet)
    for wide in cut(stretch.counts[trigger[rest]] * bank.width, 8 * CHUNK):
        place = rest[wide]
        of, bin = stretch.parts(trigger[place])
        look, head = np.ones(len(of), np.bool_), None
        if coarse:
            look, head = _bins(bank, stretch, rows[place], column[place], says[place], of, bin)
        take, skipped = extend(bank, rows[place], of, stretch, bin, look, head)
        for part in cut((np.bincount(of, take, len(place)) * bank.width).astype(np.int64), CHUNK):
            here = slice(*np.searchsorted(of, (part[0], part[-1] + 1)).tolist())
            sample = ranges(stretch.begins[bin[here]], take[here])
            after = np.zeros(len(sample), np.bool_)
            some = take[here] > 0
            after[(np.cumsum(take[here]) - take[here])[some]] = skipped[here][some]
            inside = np.repeat(of[here] - part[0], take[here])
            moments = _inputs(bank, stretch, rows[place[part]], column[place[part]], inside, sample, after)
            yield place[part], _telling(bank, rows[place[part]], moments)


def _bins(
    bank: AlignedBank, stretch: Stretch, rows: IntArray, column: IntArray, says: IntArray, of: IntArray, bin: IntArray
) -> tuple[BoolArray, BoolArray]:
    """(which bins are looked at sample by sample, of which the first sample); `says`: what the gate says all through."""
    spans = stretch.bins.take(bin)
    look = bank.kind.loud(bank.state, rows, of, spans)
    word = says[of]
    varies = np.flatnonzero(says == VARIES)
    if len(varies):
        some = says[of] == VARIES
        within = np.searchsorted(varies, of[some])
        word[some] = _words(bank, stretch, rows[varies], column[varies], within, spans.begin[some], spans.end[some])
    head = np.diff(word, prepend=-1) != 0
    head[1:] |= word[:-1] == VARIES
    return (look & (word == OPEN)) | (word == VARIES), head


def _calm(bank: AlignedBank, stretch: Stretch, rows: IntArray, column: IntArray) -> IntArray:
    """What the gate of each row says at all its moments, VARIES where that needs a closer look."""
    gate, span = column[:, -1], stretch.span
    first, last = span.begin[column[:, 0]], span.end[column[:, 0]]
    hold = bank.state["input_hold"][rows, -1]
    kept_at, kept = bank.state["input_at"][rows, -1], bank.gate_says(rows, bank.state["input_value"][rows, -1])
    known, over = kept & (kept_at != UNSEEN), first - kept_at > hold
    heard = gate >= 0
    none = ~heard & (~known | over), ~heard & known & (last - kept_at <= hold)
    low, high = bank.gate_says(rows, span.low[gate]), bank.gate_says(rows, span.high[gate])
    above, below = bank.state["gate_above"][rows], bank.state["gate_below"][rows]
    never = heard & ((span.high[gate] <= above) | (span.low[gate] >= below)) & (~known | over | (span.begin[gate] <= first))
    steady = heard & low & high & (span.longest[gate] <= hold) & (last - span.end[gate] <= hold)
    steady &= (span.begin[gate] <= first) | (known & (span.begin[gate] - kept_at <= hold))
    return np.where(none[0] | never, SHUT, np.where(none[1] | steady, OPEN, VARIES))


def _words(
    bank: AlignedBank, stretch: Stretch, rows: IntArray, column: IntArray, of: IntArray, begin: IntArray, end: IntArray
) -> IntArray:
    """What the gate says over each span of moments from `begin` to `end`."""
    gate = column[:, -1]
    state, at = bank.state, stretch.batch.at
    keys = np.stack([gate, state["gate_above"][rows], state["gate_below"][rows], state["input_hold"][rows, -1]], axis=1)
    _, chosen, same = np.unique(keys, axis=0, return_index=True, return_inverse=True)  # many rows share a gate
    chosen = chosen[gate[chosen] >= 0] if len(chosen) else chosen
    which, sample = stretch.samples(gate[chosen])
    opens = bank.gate_says(rows[chosen][which], stretch.batch.value[sample])
    turned = np.zeros(len(sample), np.int64)
    turned[1:] = (opens[1:] != opens[:-1]) | (
        at[sample[1:]] - at[sample[:-1]] > state["input_hold"][rows[chosen], -1][which[1:]]
    )
    turned = np.cumsum(turned)
    shift = np.zeros(int(same.max()) + 1, np.int64)  # from the index of a sample to its place here
    counts = stretch.counts[gate[chosen]]
    shift[same[chosen]] = np.cumsum(counts) - counts - stretch.starts[gate[chosen]]
    first, last = _newest(stretch, gate[of], begin), _newest(stretch, gate[of], end)
    clear = first >= 0
    move = shift[same[of]]
    one, two = np.where(clear, first + move, 0), np.where(clear, last + move, 0)
    if not len(sample):
        return np.full(len(of), VARIES)
    clear &= (turned[one] == turned[two]) & (end - at[last] <= state["input_hold"][rows[of], -1])
    return np.where(clear, np.where(opens[one], OPEN, SHUT), VARIES)


def _newest(stretch: Stretch, column: IntArray, at: IntArray, guess: IntArray | None = None) -> IntArray:
    """Index of the newest sample of points at or before moments; -1 where there is none in the stretch."""
    times = stretch.batch.at
    begin = stretch.starts[column]
    low, high = begin.copy(), np.where(column >= 0, begin + stretch.counts[column], begin)
    if guess is not None:  # as many samples in as the trigger: right where both are sampled together
        place = np.minimum(low + guess, np.maximum(high - 1, low))
        hit = (times[place] <= at) & (low < high)
        hit &= (place + 1 >= high) | (times[np.minimum(place + 1, len(times) - 1)] > at)
        low, high = np.where(hit, place + 1, low), np.where(hit, place + 1, high)
    open_ = np.flatnonzero(low < high)
    while len(open_):
        middle = (low[open_] + high[open_]) // 2
        reached = times[middle] <= at[open_]
        low[open_[reached]] = middle[reached] + 1
        high[open_[~reached]] = middle[~reached]
        open_ = open_[low[open_] < high[open_]]
    return np.where(low > begin, low - 1, -1)


def _inputs(
    bank: AlignedBank, stretch: Stretch, rows: IntArray, column: IntArray, of: IntArray, sample: IntArray, skipped: BoolArray
) -> Moments:
    """The moments of trigger samples, with what each input was."""
    batch, state = stretch.batch, bank.state
    at = batch.at[sample]
    found = np.empty((len(sample), bank.width), np.int64)
    found[:, 0] = sample
    guess = sample - stretch.starts[column[of, 0]]
    for slot in range(1, bank.width):
        found[:, slot] = _newest(stretch, column[of, slot], at, guess)
    _as_closed(bank, stretch, rows, column, of, at, found)
    kept = found < 0
    found[kept] = 0
    times, value, quality = batch.at[found], batch.value[found], batch.quality[found]
    where, input = np.nonzero(kept)
    row = rows[of[where]]
    times[where, input] = state["input_at"][row, input]
    value[where, input] = state["input_value"][row, input]
    quality[where, input] = state["input_quality"][row, input]
    return Moments(of, sample, times, value, quality, skipped)


def _as_closed(
    bank: AlignedBank, stretch: Stretch, rows: IntArray, column: IntArray, of: IntArray, at: IntArray, found: IntArray
) -> None:
    """Takes back samples that came at the very moment, but after it was closed: nothing waits for these inputs."""
    awaited = bank.state["awaited"][rows]
    if bank.width == 1 or awaited[:, 1:].all():
        return
    same = (found >= 0) & (stretch.batch.at[found] == at[:, None])
    number = np.where(column >= 0, stretch.points[column], -1)
    reached = (same | ~awaited[of]).all(axis=1)
    closing = np.where(awaited, number, -1).max(axis=1)
    after = same & ~awaited[of] & reached[:, None] & (number >= closing[:, None])[of]
    after[:, 0] = False
    where, slot = np.nonzero(after)
    before = found[where, slot] - 1
    found[where, slot] = np.where(before >= stretch.starts[column[of[where], slot]], before, -1)


def _telling(bank: AlignedBank, rows: IntArray, moments: Moments) -> Moments:
    """Which moments must be judged; counts those left out that are not complete."""
    of, at = moments.of, moments.at[:, 0]
    usable, complete = bank.complete(rows[of], at, moments.at)
    if not bank.single:
        return moments
    seen = complete
    keep = np.zeros(len(of), np.bool_)
    if bank.gated:
        says = usable[:, -1] & bank.gate_says(rows[of], moments.value[:, -1])
        seen = seen & says
        keep[1:] = says[1:] != says[:-1]
    place = np.flatnonzero(seen)
    skipped = moments.skipped
    if not seen.all():  # a moment that is left out may be one that the kind would not have seen
        gone = np.maximum.accumulate(np.where(skipped, np.arange(len(of)), -1))
        skipped = np.append(False, gone[place][1:] > place[:-1]) if len(place) else skipped[place]
    told = bank.kind.telling(bank.state, rows, of[place], at[place], moments.value[place, 0], skipped)
    if told is None:
        return moments
    keep[place] |= told  # none where the kind sees none
    keep = outlasting(bank, rows, of, at, keep)
    bank.counts["incomplete"] += int(np.count_nonzero(~complete & ~keep))
    return moments.take(keep)


def _judge(bank: AlignedBank, stretch: Stretch, rows: IntArray, column: IntArray, moments: Moments) -> None:
    """Judges moments; the last of a row only where it is known to be over."""
    last = np.diff(moments.of, append=-1) != 0
    most = moments.take(~last)
    if len(most.of):
        order, edges = turns(most.of)
        most = most.take(order)
        for start, stop in pairwise(edges.tolist()):
            wave = slice(start, stop)
            bank.moment(rows[most.of[wave]], most.at[wave], most.value[wave], most.quality[wave])
    end = moments.take(last)
    at = end.at[:, 0]
    rows, column = rows[end.of], column[end.of]
    newest = np.where(column >= 0, stretch.span.end[column], UNSEEN).max(axis=1)
    reached = ((end.at >= at[:, None]) | ~bank.state["awaited"][rows]).all(axis=1)
    bank.moment(rows, end.at, end.value, end.quality, over=reached | (newest > at))
