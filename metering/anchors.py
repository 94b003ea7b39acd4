"""Anchors: reads that every cheapest explanation passes, and the windows between them that need a search.

Invariant: a read with five informative good links and H on either side, all in one run of good links, lies on every optimal
path (leaving it out costs more than entering and leaving by swaps), so the two sides of it are independent: what lies
between two anchors is restated alone, and what lies before the last one is settled. See docs/adr/0011 for the argument.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from metering.explain import Link, Path, Window, explain, informative, repeat_rank, replayed, supported, throw_costs
from metering.reads import Limits
from metering.runs import (
    MARGIN,
    Explained,
    Rows,
    Series,
    anchor_rows,
    good_links,
    raise_limits,
    standing_rows,
)
from steward.model import BoolArray, IntArray

__all__ = ["MARGIN", "Explained", "Rows", "Search", "Series", "search"]

_DENSE = 260
_EDGE = 12
_PLATEAU = 7
_MOST_UNITS = 6


@dataclass(frozen=True, slots=True)
class _Place:
    """A stretch to search: first and last row, and the unit in which its last row must be read (None: any)."""

    first: int
    last: int
    power: int | None = None
    further: tuple[tuple[int, int | None], ...] = ()
    ready: bool = False


class Search:
    """The explanation of one series, in rounds: `windows()` are to be explained, `accept()` takes their paths."""

    def __init__(self, series: Series) -> None:
        self.series = series
        self.limits = series.limits
        self._position = 0
        self._power = series.power
        self._parts: list[tuple[Rows, IntArray, IntArray]] = []
        self._done_to = -1
        self._anchors: list[Rows] = []
        self._places: list[_Place] = []
        self.finished = len(series) == 0
        if not self.finished:
            self._replays = replayed(series.at, series.value, series.limits.horizon)
            self._changes: IntArray = np.cumsum(informative(series.value) & ~self._replays).astype(np.int64)
            self._supported: dict[tuple[int, int, int], tuple[int, ...]] = {}
            self._cost: IntArray | None = None
            self._screen()

    def _screen(self) -> None:
        """Links of the epoch from the position on; without a bad one all is done."""
        series, start = self.series, self._position
        self.limits = replace(self.limits, raised=_later(self.limits, raise_limits(series, start, self._power), start))
        good = good_links(series, self.limits, start, len(series), self._power)
        bad = np.flatnonzero(~good) + start
        strict = good if self.limits.raised.max() == 1 else good_links(series, series.limits, start, len(series), self._power)
        anchored = start > 0 or series.anchored
        rows = anchor_rows(series.at[start:], self._changes[start:], strict, series.limits.horizon, anchored)
        if len(bad):
            rows = standing_rows(series, series.limits, start, strict, rows, self._power)
        rows = rows + start
        self._bad, self._epoch_anchors = bad, rows
        if not len(bad):
            self._take_good(len(series) - 1)
            self._anchors.append(rows)
            self.finished = True
            return
        if self._cost is None:
            self._cost = np.concatenate(([0], np.cumsum(throw_costs(series.value, self._replays))))
            self._rank = repeat_rank(series.value)
            self._since = series.since()
        before = np.searchsorted(rows, bad, side="right") - 1
        after = np.searchsorted(rows, bad + 1, side="left")
        edges = np.concatenate(([start], rows, [len(series) - 1]))
        pairs = np.unique(np.stack((edges[before + 1], edges[after + 1])), axis=1)
        self._places = [_Place(int(first), int(last)) for first, last in pairs.T]

    def windows(self) -> list[Window]:
        """The windows of this round, in time order."""
        self._places = [place if place.ready else self._ends(place) for place in self._places]
        return [self._window(place) for place in self._places]

    def _powers(self, place: _Place) -> tuple[int, ...]:
        """Units that the place supports, the one it starts in first: those reached from it, and those reached from these."""
        key = (place.first, place.last, self._power)
        if key in self._supported:
            return self._supported[key]
        powers = [self._power]
        bad = self._bad[(self._bad >= place.first) & (self._bad < place.last)]
        for power in powers:
            near = np.unique(bad[:40, None] + np.arange(-10, 12)[None, :])
            near = near[(near >= place.first) & (near <= place.last)]
            fresh = [one for one in supported(_plain(self.series, self.limits, near), power)[1:] if one not in powers]
            powers.extend(fresh[: _MOST_UNITS - len(powers)])
            for one in fresh:  # what no unit so far explains
                bad = bad[~good_links(self.series, self.limits, place.first, place.last + 1, one)[bad - place.first]]
        self._supported[key] = tuple(powers)
        return self._supported[key]

    def _ends(self, place: _Place) -> _Place:
        """The place with the nearer ends that it may have if the unit changes in it."""
        ends: list[tuple[int, int | None]] = []
        for power in self._powers(place)[1:]:
            found = self._anchors_in(place, power)
            if len(found) and found[0] < place.last:
                ends.append((int(found[0]), power))
        choices = [*sorted(ends), (place.last, None)]
        return _Place(place.first, choices[0][0], choices[0][1], tuple(choices[1:]), True)

    def _anchors_in(self, place: _Place, power: int) -> Rows:
        """Rows behind the first bad link of a place that are anchors in another unit."""
        series, last = self.series, place.last + 1
        begin = int(self._bad[np.searchsorted(self._bad, place.first)]) + 1
        good = good_links(series, series.limits, begin, last, power)
        return anchor_rows(series.at[begin:last], self._changes[begin:last], good, series.limits.horizon) + begin

    def _window(self, place: _Place) -> Window:
        series = self.series
        assert self._cost is not None
        powers = self._powers(place)
        stretch = np.arange(place.first, place.last + 1)
        chains = np.stack([good_links(series, self.limits, place.first, place.last + 1, power) for power in powers])
        if len(stretch) > _DENSE:
            usual = chains.mean(axis=1) > 0.5
            usual[0] = True
            stretch = stretch[np.any([self._nodes(place, good) for good in chains[usual]], axis=0)]
        faults = np.concatenate((np.zeros((len(powers), 1), np.int64), np.cumsum(~chains, axis=1)), axis=1)
        local = stretch - place.first
        chained = np.zeros((len(powers), len(stretch)), np.bool_)
        chained[:, :-1] = faults[:, local[1:]] == faults[:, local[:-1]]
        return Window(
            at=series.at[stretch],
            value=series.value[stretch],
            thrown=self._cost[stretch],
            passed=self._cost[stretch + 1],
            changes=self._changes[stretch],
            since=self._since[stretch],
            chained=chained,
            rows=stretch,
            limits=self.limits.take(stretch),
            powers=powers,
            open_start=place.first == 0 and not series.pinned_first,
            open_end=place.last == len(series) - 1 and not series.pinned_last,
            total=int(self._cost[-1]),
        )

    def _nodes(self, place: _Place, good: BoolArray) -> BoolArray:
        """Which reads of a dense stretch can matter: the ends of runs, and where one run's end meets another's values."""
        rows = slice(place.first, place.last + 1)
        value, changes, rank = self.series.value[rows], self._changes[rows], self._rank[rows]
        size = len(value)
        breaks = np.flatnonzero(~good)
        starts, stops = np.concatenate(([0], breaks + 1)), np.concatenate((breaks, [size - 1]))
        run = np.zeros(size, np.intp)
        run[breaks + 1] = 1
        run = np.cumsum(run)
        keep: BoolArray = (changes - changes[starts][run] <= _EDGE) | (changes[stops][run] - changes <= _EDGE)
        plateau_end = np.concatenate((np.flatnonzero(np.diff(changes) > 0), [size - 1]))
        left = plateau_end[np.searchsorted(plateau_end, np.arange(size))] - np.arange(size)
        keep &= (rank <= _PLATEAU) | (left <= _PLATEAU)
        marks = np.unique(np.concatenate((value[starts], value[stops])))[:200]
        for start, stop in zip(starts, stops, strict=True):
            if stop - start > 2 * _EDGE:
                found = np.searchsorted(value[start : stop + 1], marks)[:, None] + np.arange(-1, 2)[None, :] + start
                keep[found[(found >= start) & (found <= stop)]] = True
        keep[starts], keep[stops] = True, True
        return keep

    def accept(self, windows: Sequence[Window], paths: Sequence[Path]) -> None:
        """Take the paths of this round; an end that was not in its unit is tried again further on."""
        later: list[_Place] = []
        for place, window, path in zip(self._places, windows, paths, strict=True):
            if later:
                later.append(place)
                continue
            ended = int(path.power[-1])
            if place.power is not None and ended != place.power and place.further and not self._ends_firm(place, ended):
                later.append(_Place(place.first, place.further[0][0], place.further[0][1], place.further[1:], True))
                continue
            self._take_good(place.first - 1)
            self._take(window, path)
            if ended != self._power and place.last < len(self.series) - 1:
                self._next_epoch(place.first, place.last, ended)
                return
        self._places = later
        if not later:
            self._take_good(len(self.series) - 1)
            self._anchors.append(self._epoch_anchors)
            self.finished = True

    def _ends_firm(self, place: _Place, power: int) -> bool:
        """Whether the end of a place is an anchor in the unit in which the path came to it."""
        whole = _Place(place.first, place.further[-1][0])
        return bool((self._anchors_in(whole, power) == place.last).any())

    def _next_epoch(self, first: int, last: int, power: int) -> None:
        """Go on in another unit from an anchor of that unit."""
        self._anchors.append(self._epoch_anchors[self._epoch_anchors <= first])
        self._position, self._power, self._places = last, power, []
        self._anchors.append(np.array([last], np.intp))
        self._screen()

    def _take_good(self, last: int) -> None:
        """All reads up to `last` that no window has taken are good."""
        rows = np.arange(self._done_to + 1, last + 1)
        if len(rows):
            self._parts.append((rows, np.full(len(rows), self._power), np.zeros(len(rows), np.int64)))
            self._done_to = last

    def _take(self, window: Window, path: Path) -> None:
        """The path of a window, with the reads between two of its nodes that a run of good links joins."""
        nodes = path.nodes
        rows, power, kind = window.rows[nodes], path.power, path.kind
        column = {value: number for number, value in enumerate(window.powers)}
        pieces: list[tuple[Rows, IntArray, IntArray]] = []
        joined = (np.diff(nodes) == 1) & (np.diff(rows) > 1) & (power[1:] == power[:-1])
        state = np.array([column[int(value)] for value in power])
        joined &= window.chained[state[:-1], nodes[:-1]]
        begin = 0
        for place in np.flatnonzero(joined).tolist():
            pieces.append((rows[begin : place + 1], power[begin : place + 1], kind[begin : place + 1]))
            between = np.arange(rows[place] + 1, rows[place + 1])
            pieces.append((between, np.full(len(between), power[place]), np.zeros(len(between), np.int64)))
            begin = place + 1
        pieces.append((rows[begin:], power[begin:], kind[begin:]))
        for piece, unit, links in pieces:
            fresh = piece > self._done_to
            self._parts.append((piece[fresh], unit[fresh], links[fresh]))
        self._done_to = int(window.rows[-1])

    def result(self) -> Explained:
        """The explanation, once finished."""
        empty = np.zeros(0, np.intp)
        if not self._parts:
            return Explained(empty, empty.astype(np.int64), empty.astype(np.int64), self.limits, empty)
        rows, power, kind = (np.concatenate(column) for column in zip(*self._parts, strict=True))
        kind[:1] = Link.MEASURED
        firm = np.zeros(len(self.series), np.bool_)
        firm[np.concatenate([*self._anchors, empty])] = True
        anchors = np.flatnonzero(firm)
        return Explained(rows.astype(np.intp), power.astype(np.int64), kind.astype(np.int64), self.limits, anchors)


def _later(old: Limits, new: Limits, start: int) -> NDArray[np.float64]:
    """Raised limits of an epoch, those before its start as they were."""
    return np.concatenate((old.raised[: start + 1], new.raised[start + 1 :]))


def _plain(series: Series, limits: Limits, rows: Rows) -> Window:
    """A window that serves only to ask which units are supported."""
    none = np.zeros(len(rows), np.int64)
    return Window(
        series.at[rows],
        series.value[rows],
        none,
        none,
        none,
        series.at[rows],
        np.zeros((1, len(rows)), np.bool_),
        rows,
        limits.take(rows),
        (0,),
        False,
        False,
        0,
    )


def search(many: Sequence[Series]) -> list[Explained]:
    """The explanation of each series; the windows of all are solved together, round by round."""
    searches = [Search(series) for series in many]
    active = [one for one in searches if not one.finished]
    while active:
        rounds = [one.windows() for one in active]
        paths = explain([window for windows in rounds for window in windows])
        position = 0
        for one, windows in zip(active, rounds, strict=True):
            one.accept(windows, paths[position : position + len(windows)])
            position += len(windows)
        active = [one for one in active if not one.finished]
    return [one.result() for one in searches]
