"""Closing: samples of all registers in the order of commits, quarter-hours out; the clean ones together, the others queued.

Invariants: what a sample does depends on the samples before it and on the moment of its arrival only, never on batches; a
sample older than the last read of its register opens the register from there, so late equals in time; a closing reads
neither store nor records, so nothing holds it up: open registers are solved after it, some at a time. Used under a lock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from metering.cut import DEMAND
from metering.intervals import QUARTER, Flag
from steward.app.ledger.columns import ABSENT, TRUST, Cells
from steward.app.ledger.decisions import Decisions
from steward.app.ledger.queue import Queue
from steward.app.ledger.registers import Register, mean_of
from steward.app.ledger.restate import Restater, unpack_revision
from steward.app.ledger.shelf import FAR, Shelf
from steward.app.ledger.solve import usable
from steward.model import Batch, BoolArray, FloatArray, IntArray, NumberArray, PointIndex, Quality
from steward.records.ledger import LedgerRecords
from steward.units import HOUR, SECOND

GRACE = 90 * SECOND
"""A quarter-hour is closed so long after its end: the read behind it has come by then."""
_BACK, _FURTHEST = 10, 96
"""Quarter-hours that one closing reaches back, at least and at most: a register further behind is solved by itself."""
WIDE = np.uint16(1 << 14)
"""On a quarter-hour not yet closed: reads that touch it lie too far apart for a demand."""
_TELL = 3 * HOUR
"""Of a register that is worked out for the first time, derived samples no older than this are told."""
_DOUBT = np.uint16(Flag.SPREAD | Flag.ABOVE_LIMIT | Flag.EVENT | Flag.BACKFLOW | Flag.UNRESOLVED | Flag.MISSING | Flag.HELD)


@dataclass
class Pending:
    """Reads of clean registers that wait for the closing."""

    slot: list[NumberArray] = field(default_factory=list)
    at: list[IntArray] = field(default_factory=list)
    value: list[IntArray] = field(default_factory=list)

    def __len__(self) -> int:
        return sum(len(part) for part in self.at)

    def take(self) -> tuple[NumberArray, IntArray, IntArray]:
        """All of them, and none left."""
        none = np.zeros(0, np.int64)
        found = (
            np.concatenate([none.astype(np.int32), *self.slot]),
            np.concatenate([none, *self.at]),
            np.concatenate([none, *self.value]),
        )
        self.slot, self.at, self.value = [], [], []
        return found

    def put(self, slot: NumberArray, at: IntArray, value: IntArray) -> None:
        """Adds reads."""
        if len(slot):
            self.slot.append(slot)
            self.at.append(at)
            self.value.append(value)


class Core:
    """The books without the world around them."""

    def __init__(self, records: LedgerRecords, index: PointIndex) -> None:
        self.records, self.index = records, index
        self.shelf = Shelf()
        self.decisions = Decisions(records)
        self.restater = Restater(self.shelf, records, self.decisions)
        self.pending = Pending()
        self.queue = Queue(self.shelf, self.restater)
        self.snapped = 0
        self.closed_until = 0
        self.behind = False
        """Whether reads have come since the last closing that belong to quarter-hours closed without them."""
        self.rejected = 0

    def bind(self, registers: Mapping[str, Register], points: Sequence[str]) -> None:
        """Takes the registers of a facility; `points` are the ids of all its points (derived ones are told where they are)."""
        known = set(points)
        every = list(registers.values())
        before = list(self.shelf.names)
        self.shelf.bind(every, [self.decisions.parameters(register) for register in every])
        self._renumbered(before)
        numbers = [(self.index.add(id), slot) for slot, register in enumerate(every) for id in register.points]
        self._slot = np.full(max(len(self.index), 1), -1, np.int32)
        for number, slot in numbers:
            self._slot[number] = slot
        self._resolution: FloatArray = np.array([register.resolution for register in every])
        self._ceiling: FloatArray = np.array([register.ceiling for register in every])
        self._plain = self.shelf.plain
        self.shelf.close(self.records.closed_until())
        self._source = np.array([register.source != "register" for register in every], np.bool_)
        means = [mean_of(register) for register in every]
        names = ["" if mean is None else f"{one.id}.{mean[0]}" for one, mean in zip(every, means, strict=True)]
        self._mean = np.array([self.index.add(name) if name in known else -1 for name in names], np.int32)
        self._fault = np.array(
            [self.index.add(f"{one.id}.fault") if f"{one.id}.fault" in known else -1 for one in every], np.int32
        )
        rate = [HOUR / QUARTER if one.unit == "Wh" else SECOND / QUARTER for one in every]
        self._rate: FloatArray = np.array(rate)
        self._per: FloatArray = np.array([abs(one.energy(0, 1)) * each for one, each in zip(every, rate, strict=True)])
        self._dated = np.array([len(one.scales.rows) > 1 for one in every], np.bool_)
        self._catch_up()
        for slot in np.flatnonzero((self.shelf.rows["last_at"] < 0) & (self.shelf.rows["fresh"] == 0)).tolist():
            self.queue.open(slot, 0)
        self.queue.turn()

    def _catch_up(self) -> None:
        """What is on record and the saved state does not show yet (a kill after the record): revisions hold, once; what they
        and acts of people concern is solved again, for its marks and questions."""
        rows, hot = self.shelf.rows, self.shelf.hot
        for act, name, since in self.decisions.acts:
            if act > self.shelf.decided and name in self.shelf.slots:
                self.queue.open(self.shelf.slots[name], since)
                self.shelf.decided = act
        for name, number in self.records.numbers().items():
            slot = self.shelf.slots.get(name)
            if slot is None or number <= rows["revision"][slot]:
                continue
            for row in self.records.revised(name, int(rows["revision"][slot])) if hot.size else ():
                start, _, new = unpack_revision(row["payload"])
                self.queue.open(slot, int(start[0]))
                place = (start - hot.first) // QUARTER
                inside = (place >= 0) & (place < hot.size)
                hot.value[slot, place[inside]] = new[inside]
            rows["revision"][slot] = number

    def _renumbered(self, names: Sequence[str]) -> None:
        """What waits keeps its registers when their slots change."""
        slots = self.shelf.slots
        moved = np.array([slots.get(name, -1) for name in names] or [-1], np.int32)
        slot, at, value = self.pending.take()
        slot = moved[slot]
        self.pending.put(slot[slot >= 0], at[slot >= 0], value[slot >= 0])
        self.queue.renumbered(moved)

    # samples in

    def take(self, batch: Batch, apart: bool = False) -> int:
        """Takes the samples of registers; how many there were. apart: each register with a sample is solved by itself."""
        inside = batch.point < len(self._slot)
        slot = np.where(inside, self._slot[np.where(inside, batch.point, 0)], -1)
        mine = (slot >= 0) & usable(batch)
        if not mine.any():
            return 0
        slot, at, raw = slot[mine], batch.at[mine], batch.value[mine]
        units = raw / self._resolution[slot]
        good = self._source[slot] | ((units >= 0) & (units < self._ceiling[slot]))
        self.rejected += int((~good).sum())
        slot, at, value = slot[good], at[good], np.rint(units[good]).astype(np.int64)
        bank, rows = self.shelf.bank, self.shelf.rows
        again = ~self._source[slot] & (at == bank.at[slot]) & (value == bank.value[slot])
        slot, at, value = slot[~again], at[~again], value[~again]
        known = rows["last_at"][slot]
        unread = (known < 0) & (rows["fresh"][slot] == 0)
        special = ~self._plain[slot] | unread | (at <= known) | (rows["open_from"][slot] < FAR) | apart
        self.queue.open_all(slot[special], at[special])
        self.pending.put(slot[~special], at[~special], value[~special])
        self.behind |= bool((at < self.closed_until - QUARTER).any())
        return len(slot)

    def save(self) -> bytes:
        """Everything that is held, as bytes."""
        waiting = self.pending.take()
        self.pending.put(*waiting)
        self.shelf.decided = self.decisions.acts[-1][0] if self.decisions.acts else 0
        return self.shelf.save({"slot": waiting[0].astype(np.int64), "at": waiting[1], "value": waiting[2]})

    def load(self, payload: bytes) -> None:
        """What `save` gave; `bind` must follow. Raises ValueError."""
        waiting = self.shelf.load(payload)
        self.pending.put(waiting["slot"].astype(np.int32), waiting["at"], waiting["value"])
        slots = np.flatnonzero(self.shelf.rows["open_from"] < FAR)
        self.queue.touched = dict(zip(slots.tolist(), self.shelf.rows["open_from"][slots].tolist(), strict=True))

    # quarter-hours out

    def due(self, now: int) -> bool:
        """Whether a quarter-hour is to be closed."""
        return (now - GRACE) // QUARTER * QUARTER > self.closed_until

    def close(self, now: int) -> Batch:
        """Closes the clean registers and queues the others; the samples of derived points that follow."""
        edge = now // QUARTER * QUARTER + 2 * QUARTER
        self.behind = False
        self.shelf.reach_now(now)
        self._close_clean(edge)
        self.closed_until = max(self.closed_until, (now - GRACE) // QUARTER * QUARTER)
        self.queue.turn()
        if not self.shelf.snaps or now // HOUR > self.snapped:
            self.shelf.snap()
            self.snapped = now // HOUR
        return self.derived(now)

    def _close_clean(self, edge: int) -> None:
        """The clean registers, together."""
        slot, at, value = self.pending.take()
        if not len(at):
            return
        rows, bank = self.shelf.rows, self.shelf.bank
        base = self._begun(slot, at)
        behind = (base[slot] < edge - _FURTHEST * QUARTER) | (base[slot] < self.shelf.closed[slot])
        self.queue.open_all(slot[behind], at[behind])
        opened = rows["open_from"][slot] < FAR
        slot, at, value = slot[~opened], at[~opened], value[~opened]
        reach = (edge - int(base[slot].min(initial=edge))) // QUARTER
        edges = edge - np.arange(max(_BACK, reach), -1, -1, dtype=np.int64) * QUARTER
        before, level_before = bank.at.copy(), bank.level.copy()
        closed = bank.close(slot, at, value, edges)
        for one in closed.trouble.tolist():
            self.queue.open(one, int(before[one]) + 1)
        level, clean = closed.level, rows["open_from"] == FAR
        place = (rows["edge"] - edges[0]) // QUARTER
        inside = np.flatnonzero((place >= 0) & (place < len(edges)) & clean)
        level[inside, place[inside]] = rows["edge_level"][inside]
        here = (level >= 0) & clean[:, None]
        both = here[:, 1:] & here[:, :-1] & (edges[None, :-1] >= rows["edge"][:, None])
        self._put(edges[:-1], both, np.diff(level, axis=1), closed.longest)
        self._first(edges, here, level)
        moved = (bank.level > level_before) & clean
        rows["count"][moved] += 1
        rows["moved"][moved] = bank.at[moved]
        seen = clean & (bank.at >= 0)
        rows["last_at"][seen], rows["last_value"][seen] = bank.at[seen], bank.value[seen]
        columns = np.where(here, np.arange(len(edges)), -1).max(axis=1)
        newer = np.flatnonzero((columns >= 0) & clean)
        newer = newer[edges[columns[newer]] > rows["edge"][newer]]
        rows["edge"][newer] = edges[columns[newer]]
        rows["edge_level"][newer] = level[newer, columns[newer]]
        rows["born"][newer] = -1

    def _begun(self, slot: NumberArray, at: IntArray) -> IntArray:
        """The newest quarter-hour cut of every register; of one that begins with these reads, the one it begins in."""
        rows = self.shelf.rows
        first = np.full(len(self.shelf.names), FAR, np.int64)
        np.minimum.at(first, slot, at)
        new = (rows["last_at"] < 0) & (rows["open_from"] == FAR) & (first < FAR)
        rows["born"][new] = rows["run"][new] = first[new]
        return np.where(rows["edge"] >= 0, rows["edge"], rows["born"] // QUARTER * QUARTER)

    def _first(self, edges: IntArray, here: BoolArray, level: IntArray) -> None:
        """The quarter-hour in which a register began, known in part."""
        rows, hot = self.shelf.rows, self.shelf.hot
        begun = np.flatnonzero((rows["edge"] < 0) & (rows["born"] >= 0) & (rows["born"] % QUARTER > 0) & here.any(axis=1))
        following = np.argmax(here[begun], axis=1)
        column = (edges[following] - QUARTER - hot.first) // QUARTER
        begun, following, column = (one[(column >= 0) & (column < hot.size)] for one in (begun, following, column))
        hot.value[begun, column], hot.flags[begun, column] = level[begun, following], np.uint16(Flag.MISSING)
        hot.method[begun, column], hot.trust[begun, column] = 0, TRUST

    def _put(self, start: IntArray, known: BoolArray, value: IntArray, longest: IntArray) -> None:
        """Writes closed quarter-hours of the bank: measured, peak-eligible where the reads lie close enough."""
        hot = self.shelf.hot
        for number, begin in enumerate(start.tolist()):
            column, mine = (begin - hot.first) // QUARTER, np.flatnonzero(known[:, number])
            if not 0 <= column < hot.size:
                continue
            wide = (longest[:, number] > DEMAND * QUARTER) & ((hot.flags[:, column] & ABSENT) != 0)
            hot.flags[wide, column] |= WIDE
            if not len(mine):
                continue
            eligible = (hot.flags[mine, column] & WIDE) == 0
            hot.value[mine, column] = value[mine, number]
            hot.flags[mine, column] = np.where(eligible, np.uint16(Flag.PEAK_ELIGIBLE), np.uint16(0))
            hot.method[mine, column], hot.trust[mine, column] = 0, TRUST

    def derived(self, now: int, names: Collection[str] | None = None) -> Batch:
        """What derived points say after a closing, or after these registers were solved, sorted by time."""
        hot, rows = self.shelf.hot, self.shelf.rows
        given = [] if names is None else [self.shelf.slots[name] for name in names if name in self.shelf.slots]
        wanted = np.flatnonzero((self._mean >= 0) & (rows["last_at"] >= 0))
        wanted = wanted if names is None else np.intersect1d(wanted, np.array(given, np.intp))
        emitted = np.where(rows["emitted"][wanted] > 0, rows["emitted"][wanted], now - _TELL)
        since = max(hot.first, int(emitted.min(initial=FAR)))
        first = min(max(0, (since - hot.first) // QUARTER), hot.size)
        starts = hot.start[first:]
        new = ((hot.flags[wanted, first:] & ABSENT) == 0) & (starts[None, :] >= emitted[:, None])
        place, column = np.nonzero(new)
        slot = wanted[place]
        value = self._means(slot, starts[column], hot.value[slot, first + column])
        quality = np.where(hot.flags[slot, first + column] & _DOUBT, Quality.UNCERTAIN, Quality.GOOD)
        at = starts[column] + QUARTER
        parts = (
            [Batch.of(self._mean[slot], at, value, received=max(now, 1), quality=quality, historical=at < now - HOUR)]
            if len(slot)
            else []
        )
        np.maximum.at(rows["emitted"], slot, at)
        parts.append(self._faults(now))
        found = Batch.concat(parts)
        return found.take(np.lexsort((found.point, found.at)))

    def means(self) -> dict[int, int]:
        """The slots of the registers by the numbers of their derived means."""
        return {int(number): slot for slot, number in enumerate(self._mean.tolist()) if number >= 0}

    def told(self, slot: int, cells: Cells, start: int, end: int) -> Batch:
        """The derived mean of a register's quarter-hours: stamped with their ends, those in [start, end)."""
        at = cells.start + QUARTER
        rows = np.flatnonzero(cells.known & (at >= start) & (at < end))
        quality = np.where(cells.flags[rows] & _DOUBT, Quality.UNCERTAIN, Quality.GOOD)
        numbers = np.full(len(rows), self._mean[slot], np.int32)
        value = self._means(np.full(len(rows), slot), cells.start[rows], cells.value[rows])
        return Batch.of(numbers, at[rows], value, quality=quality)

    def _means(self, slot: IntArray, start: IntArray, value: IntArray) -> FloatArray:
        """Ledger units of quarter-hours as mean rates (W, m3/s), however the register counts."""
        found: FloatArray = value * self._per[slot]
        for one in np.unique(slot[self._dated[slot]]).tolist():
            mine = slot == one
            found[mine] = np.abs(self.shelf.registers[one].canonical(start[mine], value[mine])) * self._rate[one]
        return found

    def faults_of(self, batch: Batch) -> BoolArray:
        """Which samples are of derived faults."""
        return np.asarray(np.isin(batch.point, self._fault[self._fault >= 0]))

    def tell_again(self, now: int) -> None:
        """After a start: the last hour of derived samples, and every fault, are told again; who has heard them drops them."""
        rows = self.shelf.rows
        told = rows["emitted"] > 0
        rows["emitted"][told] = np.minimum(rows["emitted"][told], (now - HOUR) // QUARTER * QUARTER)
        rows["fault"][:] = -1

    def _faults(self, now: int) -> Batch:
        """The meter fault of each register whose fault has changed, or has not been told."""
        rows = self.shelf.rows
        code = np.zeros(len(self.shelf.names), np.int64)
        silent = (rows["still"] > 0) & (rows["last_at"] - rows["moved"] > 3 * rows["still"]) & (rows["moved"] >= 0)
        code[silent] = 2
        code[rows["held"] > 0] = 1
        for name, asked in self.shelf.questions.items():
            if asked and name in self.shelf.slots:
                code[self.shelf.slots[name]] = 3
        changed = np.flatnonzero((code != rows["fault"]) & (rows["last_at"] >= 0))
        rows["fault"] = np.where(rows["last_at"] >= 0, code, rows["fault"])
        told = changed[self._fault[changed] >= 0]
        return Batch.of(self._fault[told], np.full(len(told), now), code[told].astype(np.float64))
