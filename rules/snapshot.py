"""The state of banks as bytes and back: msgpack of arrays, no pickle; keyed by rule content and target.

A rule whose content (kind, fields, `for`, gate ...; not its texts) has changed finds no state and starts afresh; all others
keep theirs. Rows that have seen nothing are left out. What is not a snapshot is refused as a whole; the state of a rule that
does not fit its kind, and a row that cannot be (an episode that ends before it begins, a sample of a time to come), are
refused alone: these learn anew. An alert that was firing and has no row any more is handed back with the reason.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np

from rules.bank import Bank
from rules.contract import UNSEEN, Rule, Target
from rules.lifecycle import EPISODE, FIRING, PENDING
from steward.model import BoolArray, IntArray

VERSION = 1
KEPT = ("last_at", "due", "opened_at", "input_at", "input_value", "input_quality", "judged", "gate_since")
"""Columns of the engine that are state; the others follow from the rule and the facility."""
TIMES = ("last_at", "opened_at", "input_at", "gate_since")
"""Those of them that hold the time of a sample: none is of a time to come."""
GONE, REFUSED = "rule or target changed", "saved state refused"
"""Why an alert ended that has no row any more."""


class Table(msgspec.Struct, array_like=True):
    """An array: dtype, shape, bytes."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes

    @classmethod
    def of(cls, array: Any) -> Table:
        """The table of an array: type, shape and bytes, no objects."""
        return cls(array.dtype.str, array.shape, np.ascontiguousarray(array).tobytes())

    def array(self) -> Any:
        """The table as an array of its own. Raises ValueError where it is none."""
        try:
            dtype = np.dtype(self.dtype)
            if dtype.kind not in "biuf" or dtype.shape:
                raise ValueError(f"a column of {dtype}")
            return np.frombuffer(self.data, dtype).reshape(self.shape).copy()
        except (TypeError, SyntaxError, OverflowError) as error:
            raise ValueError(f"no array: {error}") from None


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


@dataclass(frozen=True, slots=True)
class Refused:
    """State that was not taken over: of a rule, or of one of its targets ("" for all), and why."""

    rule: str
    target: str
    why: str


@dataclass(slots=True)
class Laid:
    """What became of a snapshot: rows that found state, by bank; firing episodes that have no row any more, each with
    why (`ended`); what was refused."""

    rows: list[tuple[Bank, IntArray]] = field(default_factory=list)
    orphans: list[dict[str, Any]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Read:
    """A part as arrays: columns by name [targets], place [episodes], episodes by name [episodes]."""

    part: Part
    columns: Mapping[str, Any]
    place: IntArray
    episodes: Mapping[str, Any]

    @classmethod
    def of(cls, part: Part) -> Read:
        """Raises ValueError where the arrays do not belong together."""
        columns = {name: table.array() for name, table in part.columns.items()}
        episodes = {name: table.array() for name, table in part.episodes.items()}
        place, size = part.place.array(), len(part.targets)
        if any(column.ndim == 0 or len(column) != size for column in columns.values()):
            raise ValueError("columns of different lengths")
        if len(set(part.targets)) < size:
            raise ValueError("a target twice")
        if place.ndim != 1 or place.dtype.kind != "i" or ((place < 0) | (place >= size)).any() or len(set(place)) < len(place):
            raise ValueError("episodes without a row")
        for name, dtype in EPISODE.items():
            if name != "row" and (name not in episodes or episodes[name].shape != place.shape
                                  or episodes[name].dtype != dtype):  # fmt: skip
                raise ValueError(f"episodes without {name}")
        return cls(part, columns, place, episodes)

    def fits(self, bank: Bank) -> None:
        """Raises ValueError where a column is not what the bank keeps under its name. One that is missing begins anew."""
        for name, column in self.columns.items():
            own = bank.state.columns.get(name)
            if own is not None and (own.dtype != column.dtype or own.shape[1:] != column.shape[1:]):
                raise ValueError(f"{name} is {column.dtype}{list(column.shape[1:])}, expected {own.dtype}{list(own.shape[1:])}")

    def odd(self, latest: int) -> dict[int, str]:
        """Places of targets whose state cannot be: why. latest: no sample is newer, ns."""
        found: dict[int, str] = {}
        for name in TIMES:
            if name in self.columns:
                ahead = self.columns[name] > latest
                for place in np.flatnonzero(ahead.reshape(len(ahead), -1).any(axis=1)).tolist():
                    found[place] = "a sample of a time to come"
        one = self.episodes
        firing = one["condition"] == FIRING
        wrong: dict[str, BoolArray] = {
            "an episode of no condition": ~(firing | (one["condition"] == PENDING)),
            "an episode that fired before it began": firing & (one["fired"] < one["since"]),
            "an episode that was over before it began": (one["over"] != UNSEEN) & (one["over"] < one["since"]),
            "an episode of a time to come": one["since"] > latest,
        }
        for why, where in wrong.items():
            found |= dict.fromkeys(self.place[where].tolist(), why)
        return found

    def firing(self, why: Mapping[int, str]) -> list[dict[str, Any]]:
        """The firing episodes of the targets at the places of `why`."""
        return [
            {
                "rule": self.part.rule,
                "target": self.part.targets[place],
                "ended": why[place],
                **{name: column[number].item() for name, column in self.episodes.items()},
            }
            for number, place in enumerate(self.place.tolist())
            if place in why and self.episodes["condition"][number] == FIRING
        ]


def put(banks: Iterable[Bank], snapshot: Snapshot, latest: int) -> Laid:
    """Lays a snapshot into fresh banks. latest: what is of a later time is refused, ns."""
    left = dict(snapshot.parts)
    laid = Laid()
    for bank in banks:
        kept: list[IntArray] = []
        for number, rule in enumerate(bank.rules):
            part = left.pop(content_key(rule), None)
            if part is not None:
                kept.append(_take_over(bank, rule, np.flatnonzero(bank.rule_of == number), part, latest, laid))
        laid.rows.append((bank, np.sort(np.concatenate(kept)) if kept else np.empty(0, np.int64)))
    for part in left.values():
        try:
            laid.orphans.extend(Read.of(part).firing(dict.fromkeys(range(len(part.targets)), GONE)))
        except ValueError as error:
            laid.refused.append(Refused(part.rule, "", str(error)))
    return laid


def _take_over(bank: Bank, rule: Rule, rows: IntArray, part: Part, latest: int, laid: Laid) -> IntArray:
    """Lays the state of a rule into its rows; returns those that found some."""
    try:
        read = Read.of(part)
    except ValueError as error:
        laid.refused.append(Refused(rule.id, "", str(error)))
        return np.empty(0, np.int64)
    where = {_key(rule, bank.targets[row]): row for row in rows.tolist()}
    row_of = np.array([where.get(key, -1) for key in part.targets], np.int64)
    why = dict.fromkeys(np.flatnonzero(row_of < 0).tolist(), GONE)
    try:
        read.fits(bank)
    except ValueError as error:
        laid.refused.append(Refused(rule.id, "", str(error)))
        laid.orphans.extend(read.firing(dict.fromkeys(range(len(row_of)), REFUSED) | why))
        return np.empty(0, np.int64)
    odd = {place: reason for place, reason in read.odd(latest).items() if place not in why}
    laid.refused.extend(Refused(rule.id, part.targets[place].split("\n")[0], reason) for place, reason in odd.items())
    laid.orphans.extend(read.firing(why | dict.fromkeys(odd, REFUSED)))
    row_of[list(odd)] = -1
    _lay(bank, read, row_of)
    return row_of[row_of >= 0]


def _lay(bank: Bank, read: Read, row_of: IntArray) -> None:
    known = np.flatnonzero(row_of >= 0)
    for name, column in read.columns.items():
        if name in bank.state.columns:
            bank.state[name][row_of[known]] = column[known]
    alive = np.flatnonzero(row_of[read.place] >= 0)
    if not len(alive):
        return
    slots = bank.lifecycle.open(row_of[read.place[alive]])
    for name in EPISODE:
        if name != "row":
            bank.lifecycle.episodes[name][slots] = read.episodes[name][alive]
    said = read.part.said
    for number, slot in zip(alive.tolist(), slots.tolist(), strict=True) if said else ():
        if number in said:
            bank.lifecycle.said[slot] = said[number]


def encode(snapshot: Snapshot) -> bytes:
    """The bytes of a snapshot (msgpack, zlib): `decode` gives an equal one."""
    return zlib.compress(msgspec.msgpack.encode(snapshot), 1)


def decode(data: bytes) -> Snapshot:
    """From bytes. Raises ValueError where they are not a snapshot of this version."""
    try:
        snapshot = msgspec.msgpack.decode(zlib.decompress(data), type=Snapshot)
    except (zlib.error, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"not a snapshot of the rules: {error}") from None
    if snapshot.version != VERSION:
        raise ValueError(f"a snapshot of version {snapshot.version}, expected {VERSION}")
    return snapshot
