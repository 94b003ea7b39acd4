"""The state of banks as bytes and back: msgpack of arrays, no pickle; keyed by rule content and target.

A rule whose content (kind, fields, `for`, gate ...; not its texts) has changed finds no state and starts afresh; all others
keep theirs. Rows that have seen nothing are left out. An alert that was firing and has no row any more is handed back, so
that it can be stated as resolved instead of staying open for ever.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np

from rules.bank import Bank
from rules.contract import UNSEEN, Rule, Target
from rules.lifecycle import EPISODE, FIRING
from steward.model import IntArray

VERSION = 1
KEPT = ("last_at", "due", "opened_at", "input_at", "input_value", "input_quality", "judged", "gate_since")
"""Columns of the engine that are state; the others follow from the rule and the facility."""


class Table(msgspec.Struct, array_like=True):
    """An array: dtype, shape, bytes."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes

    @classmethod
    def of(cls, array: Any) -> Table:
        """The array as a table."""
        return cls(array.dtype.str, array.shape, np.ascontiguousarray(array).tobytes())

    def array(self) -> Any:
        """The table as an array of its own."""
        return np.frombuffer(self.data, self.dtype).reshape(self.shape).copy()


class Part(msgspec.Struct):
    """The rows of one rule. `place`: for each episode, its position in `targets`; `said`: by number of the episode the
    evidence of those whose condition is not seen to be true (a snapshot of an older release has none)."""

    rule: str
    targets: list[str]
    columns: dict[str, Table]
    place: Table
    episodes: dict[str, Table]
    said: dict[int, dict[str, Any]] = {}


class Snapshot(msgspec.Struct):
    """All parts by content key, and the engine's counters."""

    version: int
    parts: dict[str, Part]
    counts: dict[str, int]


def content_key(rule: Rule) -> str:
    """Hexadecimal digits that are the same as long as the rule judges the same."""
    kind = {name: str(value) if value is not None else None for name, value in msgspec.structs.asdict(rule.kind).items()}
    gate = None if rule.gate is None else [str(part) for part in dataclasses.astuple(rule.gate)]
    durations = [str(rule.wait), str(rule.keep), str(rule.max_gap)]  # a Duration is an int that msgspec does not encode
    content = msgspec.json.encode([rule.id, rule.kind.NAME, kind, *durations, gate])
    return blake2b(content, digest_size=12).hexdigest()


def _key(rule: Rule, target: Target) -> str:
    """Within a rule: the target, and of which points it is made, so that state never moves to another sensor."""
    return "\n".join([target.id, *(point.id if point else "" for point in target.points)])


def take(banks: Iterable[Bank], counts: dict[str, int]) -> Snapshot:
    """The state of `banks` now."""
    parts: dict[str, Part] = {}
    for bank in banks:
        for number, rule in enumerate(bank.rules):
            rows = np.flatnonzero((bank.rule_of == number) & _touched(bank))
            if len(rows):
                parts[content_key(rule)] = _part(bank, rule, rows)
    return Snapshot(VERSION, parts, dict(counts))


def _touched(bank: Bank) -> Any:
    state = bank.state
    touched = (state["last_at"] != UNSEEN) | (state["slot"] >= 0)
    for name, column in bank.initial.items():
        fill = state[column.initial] if isinstance(column.initial, str) else np.asarray(column.initial, state[name].dtype)
        differs = (state[name] != fill) & ~((state[name] != state[name]) & (fill != fill))  # NaN equals NaN here
        touched |= differs.reshape(len(bank), -1).any(axis=1) if state[name].ndim > 1 else differs
    if "input_at" in state.columns:
        touched |= (state["input_at"] != UNSEEN).any(axis=1)
    return touched


def _part(bank: Bank, rule: Rule, rows: IntArray) -> Part:
    state = bank.state
    names = [name for name in (*KEPT, *bank.initial) if name in state.columns and len(state[name]) == len(bank)]
    slots = state["slot"][rows]
    place = np.flatnonzero(slots >= 0)
    episodes = {name: Table.of(bank.lifecycle.episodes[name][slots[place]]) for name in EPISODE if name != "row"}
    columns = {name: Table.of(state[name][rows]) for name in names}
    kept = bank.lifecycle.said
    said = {number: kept[slot] for number, slot in enumerate(slots[place].tolist()) if slot in kept} if kept else {}
    return Part(rule.id, [_key(rule, bank.targets[row]) for row in rows], columns, Table.of(place), episodes, said)


def put(banks: Iterable[Bank], snapshot: Snapshot) -> tuple[list[tuple[Bank, IntArray]], list[dict[str, Any]]]:
    """Lays a snapshot into fresh banks: (rows that found state, by bank; firing episodes that have no row any more)."""
    left = dict(snapshot.parts)
    found: list[tuple[Bank, IntArray]] = []
    orphans: list[dict[str, Any]] = []
    for bank in banks:
        kept: list[IntArray] = []
        for number, rule in enumerate(bank.rules):
            part = left.pop(content_key(rule), None)
            if part is not None:
                kept.append(_fill(bank, rule, np.flatnonzero(bank.rule_of == number), part, orphans))
        found.append((bank, np.sort(np.concatenate(kept)) if kept else np.empty(0, np.int64)))
    for part in left.values():
        orphans.extend(_firing(part, range(len(part.targets))))
    return found, orphans


def _fill(bank: Bank, rule: Rule, rows: IntArray, part: Part, orphans: list[dict[str, Any]]) -> IntArray:
    where = {_key(rule, bank.targets[row]): row for row in rows.tolist()}
    row_of = np.array([where.get(key, -1) for key in part.targets], np.int64)
    known = np.flatnonzero(row_of >= 0)
    for name, table in part.columns.items():
        if name in bank.state.columns and bank.state[name].shape[1:] == table.shape[1:]:
            bank.state[name][row_of[known]] = table.array()[known]
    place = part.place.array()
    alive = np.flatnonzero(row_of[place] >= 0)
    if len(alive):
        slots = bank.lifecycle.open(row_of[place[alive]])
        for name, table in part.episodes.items():
            bank.lifecycle.episodes[name][slots] = table.array()[alive]
        for number, slot in zip(alive.tolist(), slots.tolist(), strict=True) if part.said else ():
            if number in part.said:
                bank.lifecycle.said[slot] = part.said[number]
    orphans.extend(_firing(part, set(np.flatnonzero(row_of < 0).tolist())))
    return row_of[known]


def _firing(part: Part, places: Iterable[int]) -> list[dict[str, Any]]:
    wanted = set(places)
    episodes = {name: table.array() for name, table in part.episodes.items()}
    return [
        {"rule": part.rule, "target": part.targets[place], **{name: column[number].item() for name, column in episodes.items()}}
        for number, place in enumerate(part.place.array().tolist())
        if place in wanted and episodes["condition"][number] == FIRING
    ]


def encode(snapshot: Snapshot) -> bytes:
    """As bytes."""
    return zlib.compress(msgspec.msgpack.encode(snapshot), 1)


def decode(data: bytes) -> Snapshot:
    """From bytes. Raises ValueError where they are not a snapshot of this version."""
    try:
        snapshot = msgspec.msgpack.decode(zlib.decompress(data), type=Snapshot)
    except (zlib.error, msgspec.DecodeError) as error:
        raise ValueError(f"not a snapshot of the rules: {error}") from None
    if snapshot.version != VERSION:
        raise ValueError(f"a snapshot of version {snapshot.version}, expected {VERSION}")
    return snapshot
