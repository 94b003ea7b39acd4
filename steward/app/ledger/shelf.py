"""What the books hold in memory: one row per register in arrays, its last days of quarter-hours, and the open questions.

Invariants: rows follow the facility (`bind` carries over by id); a register with `open_from` below FAR is solved by itself,
every other stands in the bank; `save` and `load` carry everything, so that a restart goes on as if there had been none.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from metering.bank import Bank
from metering.cut import GAP
from metering.intervals import QUARTER
from metering.reads import BEGINNING, Parameters, lay
from steward.app.ledger.columns import COLUMNS, Cells, absent
from steward.app.ledger.model import AskedAnswer, AskedQuestion
from steward.app.ledger.registers import Register
from steward.model import BoolArray, IntArray
from steward.units import DAY

FAR = 2**62
HOT = 2 * DAY
"""Quarter-hours younger than this stay in memory."""
_FILL = {
    "edge": -1,
    "edge_level": 0,
    "open_from": FAR,
    "settled": BEGINNING,
    "run": FAR,
    "count": 0,
    "held": 0,
    "emitted": 0,
    "fault": -1,
    "revision": 0,
    "last_at": -1,
    "last_value": 0,
    "moved": -1,
    "still": 0,
    "looked": 0,
    "fresh": 0,
    "born": -1,
}
"""Columns by name and what a new register has. edge, edge_level: the newest quarter-hour cut and the cumulative there; run:
since when it has stood in the bank; count: closings in which it advanced; moved: when it last did; still: the longest time
that it stood still, ns, 0 = not learned; looked: how far back the last solving had to look, ns;
fresh: the store had nothing of it, so that its first read goes to the bank; born: that read, until a quarter-hour is cut."""
_BANK = ("at", "value", "level")
_SNAPS = 9 * 24


class Shelf:
    """Rows of registers. `rows[name]` are int64 arrays; `names` their ids in order."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.registers: list[Register] = []
        self.slots: dict[str, int] = {}
        self.rows: dict[str, IntArray] = {name: np.zeros(0, np.int64) for name in _FILL}
        self.bank = Bank([])
        self.plain: BoolArray = np.zeros(0, np.bool_)
        self.horizon: IntArray = np.zeros(0, np.int64)
        self.closed: IntArray = np.zeros(0, np.int64)
        """Until when each register's months are closed, ns: the bank writes nothing there, for what comes is an adjustment."""
        self.hot: Cells = absent(0, 0, 0)
        self.snaps: list[tuple[IntArray, IntArray]] = []
        """By the hour: last read and count of every register, from which follows what is settled."""
        self.questions: dict[str, list[AskedQuestion]] = {}
        self.epochs: dict[str, list[tuple[int, int]]] = {}
        self.errors: dict[str, str] = {}
        self.decided = 0
        """The number of the last decision that these figures show."""

    def bind(self, registers: Sequence[Register], parameters: Sequence[Sequence[Parameters]]) -> None:
        """Takes the registers of a facility; what is held of those that were there before stays theirs."""
        size = len(registers)
        old = np.array([self.slots.get(register.id, -1) for register in registers], np.int64)
        stay = np.flatnonzero(old >= 0)
        bank, before = Bank([Parameters()] * size), self.bank
        for name in _BANK:
            getattr(bank, name)[stay] = getattr(before, name)[old[stay]]
        for name, fill in _FILL.items():
            column = np.full(size, fill, np.int64)
            column[stay] = self.rows[name][old[stay]]
            self.rows[name] = column
        hot = absent(self.hot.first, self.hot.end, size)
        for name in COLUMNS:
            getattr(hot, name)[stay] = getattr(self.hot, name)[old[stay]]
        snaps = []
        for at, count in self.snaps:
            columns = (np.full(size, -1, np.int64), np.zeros(size, np.int64))
            columns[0][stay], columns[1][stay] = at[old[stay]], count[old[stay]]
            snaps.append(columns)
        self.hot, self.snaps, self.bank = hot, snaps, bank
        self.registers = list(registers)
        self.names = [register.id for register in registers]
        self.slots = {name: slot for slot, name in enumerate(self.names)}
        self.plain = np.array([register.plain for register in registers], np.bool_)
        self.horizon, self.closed = np.zeros(size, np.int64), np.zeros(size, np.int64)
        for slot, rows in enumerate(parameters):
            self.limit(slot, rows)

    def close(self, until: Mapping[str, int]) -> None:
        """Months of registers are closed until these ns."""
        for name, end in until.items():
            if name in self.slots:
                self.closed[self.slots[name]] = max(int(self.closed[self.slots[name]]), end)

    def limit(self, slot: int, rows: Sequence[Parameters]) -> None:
        """Takes the parameters of a register as they hold now."""
        last = max(rows, key=lambda row: (row.valid_from, row.revision))
        laid = lay([last], np.zeros(1, np.int64))
        self.bank.rate[slot], self.bank.daily[slot], self.bank.slack[slot] = laid.rate[0], laid.daily[0], laid.slack
        self.bank.most[slot] = int(GAP * last.cadence)
        self.horizon[slot] = last.horizon
        self.rows["still"][slot] = last.still or 0

    def reach(self, edge: int) -> None:
        """Makes room for quarter-hours up to `edge` (ns)."""
        if self.hot.end >= edge and self.hot.size:
            return
        first = self.hot.first if self.hot.size else edge - HOT
        grown = absent(first, max(edge, first) + 24 * QUARTER, len(self.names))
        if self.hot.size:
            grown.put(self.hot)
        self.hot = grown

    def reach_now(self, now: int) -> None:
        """Makes room for the quarter-hours that are closing at `now` (ns)."""
        self.reach(now // QUARTER * QUARTER + 2 * QUARTER)

    def drop(self, before: int) -> None:
        """Lets go what is sealed."""
        keep = absent(before, self.hot.end, len(self.names))
        keep.put(self.hot)
        self.hot = keep

    def snap(self) -> None:
        """Remembers where the registers stand, and settles what has a run of an H and five advances behind it."""
        at, count, rows = self.bank.at.copy(), self.rows["count"].copy(), self.rows
        closed = rows["open_from"] == FAR
        for past_at, past_count in self.snaps:
            sure = closed & (past_at >= rows["run"]) & (at - past_at >= self.horizon) & (count - past_count >= 5)
            rows["settled"] = np.where(sure, np.maximum(rows["settled"], past_at), rows["settled"])
        self.snaps = [*self.snaps, (at, count)][-_SNAPS:]

    def save(self, waiting: Mapping[str, IntArray]) -> bytes:
        """Everything as bytes, with columns of what waits."""
        arrays: dict[str, Any] = {f"row_{name}": column for name, column in self.rows.items()}
        arrays |= {f"bank_{name}": getattr(self.bank, name) for name in _BANK}
        arrays |= {f"hot_{name}": getattr(self.hot, name) for name in COLUMNS}
        arrays |= {f"waiting_{name}": column for name, column in waiting.items()}
        arrays["hot_first"] = np.array([self.hot.first], np.int64)
        arrays["snap_at"] = np.array([at for at, _ in self.snaps], np.int64).reshape(len(self.snaps), len(self.names))
        arrays["snap_count"] = np.array([count for _, count in self.snaps], np.int64).reshape(len(self.snaps), len(self.names))
        words = {
            "names": self.names,
            "questions": {name: [asdict(one) for one in asked] for name, asked in self.questions.items() if asked},
            "epochs": self.epochs,
            "errors": self.errors,
            "decided": self.decided,
        }
        arrays["words"] = np.frombuffer(json.dumps(words).encode(), np.uint8)
        out = io.BytesIO()
        np.savez_compressed(out, **arrays)
        return out.getvalue()

    def load(self, payload: bytes) -> dict[str, Any]:
        """What `save` gave; returns what waits; `bind` must follow. Raises ValueError where it cannot be read."""
        try:
            with np.load(io.BytesIO(payload), allow_pickle=False) as arrays:
                words: Mapping[str, Any] = json.loads(arrays["words"].tobytes())
                names = list(words["names"])
                self.rows = {
                    name: arrays[f"row_{name}"] if f"row_{name}" in arrays.files else np.full(len(names), fill, np.int64)
                    for name, fill in _FILL.items()
                }
                self.bank = Bank([Parameters()] * len(names))
                for name in _BANK:
                    setattr(self.bank, name, arrays[f"bank_{name}"])
                self.hot = Cells(int(arrays["hot_first"][0]), *(arrays[f"hot_{name}"] for name in COLUMNS))
                waiting = {name: arrays[f"waiting_{name}"] for name in ("slot", "at", "value")}
                self.snaps = list(zip(arrays["snap_at"], arrays["snap_count"], strict=True))
        except (KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"the state of the books cannot be read: {error}") from error
        self.names, self.slots = names, {name: slot for slot, name in enumerate(names)}
        self.questions = {name: [_asked(row) for row in rows] for name, rows in words["questions"].items()}
        self.epochs = {name: [(at, power) for at, power in rows] for name, rows in words["epochs"].items()}
        self.errors, self.decided = dict(words["errors"]), int(words.get("decided", 0))
        return waiting


def _asked(row: Mapping[str, Any]) -> AskedQuestion:
    return AskedQuestion(**{**row, "answers": tuple(AskedAnswer(**answer) for answer in row["answers"])})
