"""Quarter-hours of registers as columns: the hot ones of all registers in one block, older ones sealed by register and month.

Invariants: 12 B for each quarter-hour in memory (value int64 ledger units, flags uint16, method and trust uint8); one that
was never given out is ABSENT, counts as nothing and is missing; a sealed month holds exactly what the block held.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from metering.intervals import QUARTER, Flag, Intervals
from steward.model import BoolArray, ByteArray, IntArray
from steward.units import DAY

ABSENT = np.uint16(1 << 15)
"""Not given out: beyond the reads, or not yet closed."""
EMPTY = np.uint16(ABSENT | np.uint16(Flag.MISSING))
TRUST = 250
"""`trust` is the confidence in this many parts."""
_LEVEL = 6


@dataclass(frozen=True, slots=True)
class Cells:
    """Quarter-hours in time order: columns (or blocks of equal shape) beside `first`, the start of the first, ns."""

    first: int
    value: IntArray
    flags: NDArray[np.uint16]
    method: ByteArray
    trust: ByteArray

    @property
    def size(self) -> int:
        return int(self.value.shape[-1])

    @property
    def end(self) -> int:
        return self.first + self.size * QUARTER

    @property
    def start(self) -> IntArray:
        return self.first + np.arange(self.size, dtype=np.int64) * QUARTER

    @property
    def known(self) -> BoolArray:
        return np.asarray((self.flags & ABSENT) == 0)

    def put(self, other: Cells) -> None:
        """Writes the cells of another span where both overlap."""
        begin, finish = max(self.first, other.first), min(self.end, other.end)
        if begin >= finish:
            return
        to = slice((begin - self.first) // QUARTER, (finish - self.first) // QUARTER)
        of = slice((begin - other.first) // QUARTER, (finish - other.first) // QUARTER)
        for name in COLUMNS:
            getattr(self, name)[..., to] = getattr(other, name)[..., of]

    def row(self, number: int) -> Cells:
        """The cells of one register of a block (a view)."""
        return Cells(self.first, *(getattr(self, name)[number] for name in COLUMNS))


COLUMNS = tuple(column.name for column in fields(Cells))[1:]
_TYPES = {"value": np.int64, "flags": np.uint16, "method": np.uint8, "trust": np.uint8}


def absent(first: int, end: int, rows: int | None = None) -> Cells:
    """Cells that were never given out."""
    size = max(0, (end - first) // QUARTER)
    shape = (size,) if rows is None else (rows, size)
    flags = np.full(shape, EMPTY, np.uint16)
    return Cells(first, np.zeros(shape, np.int64), flags, np.zeros(shape, np.uint8), np.zeros(shape, np.uint8))


def cells_of(found: Intervals) -> Cells:
    """Intervals in a row as cells."""
    first = int(found.start[0]) if len(found) else 0
    trust = np.rint(found.confidence * TRUST).astype(np.uint8)
    return Cells(first, found.value.copy(), found.flags & ~np.uint16(Flag.PROVISIONAL), found.method.copy(), trust)


def intervals_of(cells: Cells, settled: int) -> Intervals:
    """Cells as intervals; those that end after `settled` (ns) are provisional."""
    flags = cells.flags & ~ABSENT
    flags[cells.start + QUARTER > settled] |= np.uint16(Flag.PROVISIONAL)
    none = np.full(cells.size, -1, np.int32)
    trust = (cells.trust / TRUST).astype(np.float32)
    return Intervals(cells.start, cells.value, cells.method, flags, trust, none, none, np.zeros(cells.size, np.int32))


def month_of(at: int) -> int:
    """The UTC month of a moment, months since 1970."""
    return int(np.datetime64(at // DAY, "D").astype("datetime64[M]").astype(np.int64))


def month_span(month: int) -> tuple[int, int]:
    """Start and end of a UTC month, ns."""
    days = [int(np.datetime64(month + step, "M").astype("datetime64[D]").astype(np.int64)) for step in (0, 1)]
    return days[0] * DAY, days[1] * DAY


def pack(cells: Cells) -> bytes:
    """Cells as compressed bytes; values as differences, which are small."""
    steps = np.diff(cells.value, prepend=np.int64(0))
    body = steps.astype("<i8").view(np.uint8).reshape(-1, 8).T.tobytes()
    rest = b"".join(getattr(cells, name).astype(_TYPES[name]).tobytes() for name in COLUMNS[1:])
    head = np.array([cells.first, cells.size], "<i8").tobytes()
    return head + zlib.compress(body + rest, _LEVEL)


def unpack(payload: bytes) -> Cells:
    """Cells of packed bytes."""
    first, size = (int(part) for part in np.frombuffer(payload[:16], "<i8"))
    raw = zlib.decompress(payload[16:])
    steps = np.frombuffer(raw[: 8 * size], np.uint8).reshape(8, size).T.copy().view("<i8").ravel()
    place, columns = 8 * size, [np.cumsum(steps, dtype=np.int64)]
    for name in COLUMNS[1:]:
        kind = np.dtype(_TYPES[name])
        columns.append(np.frombuffer(raw, kind, size, place).copy())
        place += size * kind.itemsize
    return Cells(first, *columns)  # type: ignore[arg-type]
