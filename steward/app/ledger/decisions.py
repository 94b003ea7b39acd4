"""What people and jobs decided about registers, as the records hold it: parameters, profiles, declarations, reads by hand.

Invariants: rows are only added; what holds now follows from the rows in order; each row says who and when.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from metering.declarations import Declaration, Declared
from metering.profile import Profile
from metering.reads import BEGINNING, Parameters
from steward.app.ledger.registers import Register
from steward.app.ledger.solve import Decided
from steward.records.ledger import LedgerRecords

_KEYS = ("rate", "daily", "digits", "cadence", "still")


class Decisions:
    """All decisions by register."""

    def __init__(self, records: LedgerRecords) -> None:
        self._records = records
        self._parameters: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        self._declarations: dict[str, list[Declaration]] = defaultdict(list)
        self._profiles: dict[str, list[Profile]] = defaultdict(list)
        self._manual: dict[str, set[int]] = defaultdict(set)
        self._learned: dict[str, int] = {}
        self.acts: list[tuple[int, str, int]] = []
        """What people said of figures: (number, register, from when, ns), in order."""

    def load(self) -> None:
        """Reads them all from the records."""
        for row in self._records.decisions():
            self._take(str(row["register"]), str(row["kind"]), row["content"], int(row["id"]), str(row["who"]))

    def _take(self, register: str, kind: str, content: Mapping[str, Any], number: int, who: str) -> None:
        if kind == "declaration" or (kind == "parameter" and content.get("reason") != "learned"):
            self.acts.append((number, register, max(0, int(content.get("at", content.get("valid_from", 0))))))
        if kind == "parameter":
            self._parameters[register].append({**content, "revision": number})
            if content.get("reason") == "learned":
                self._learned[register] = int(content.get("learned", content["valid_from"]))
        elif kind == "declaration":
            declared = {**content, "kind": Declared(content["kind"]), "number": number, "by": who}
            self._declarations[register].append(Declaration(**declared))
        elif kind == "profile":
            rest, worked = frozenset(content["rest"]), frozenset(content["worked"])
            weights = np.array(content["weights"], np.int64)
            self._profiles[register].append(Profile(weights, content["zone"], content["valid_from"], rest, worked))
        elif kind == "read":
            self._manual[register].add(int(content["at"]))

    def add(self, register: str, kind: str, at: int, content: Mapping[str, Any], who: str, now: int) -> int:
        """Adds a decision to the records, then takes it; returns its number."""
        number = self._records.decide(register, kind, at, who, content, now)
        self._take(register, kind, content, number, who)
        return number

    def add_all(self, rows: Sequence[tuple[str, str, int, Mapping[str, Any]]], who: str, now: int) -> None:
        """Adds many decisions of one job: (register, kind, at, content)."""
        last = self._records.decide_all(rows, who, now)
        for place, (register, kind, _, content) in enumerate(rows):
            self._take(register, kind, content, last - len(rows) + 1 + place, who)

    def parameters(self, register: Register) -> list[Parameters]:
        """The dated rows of a register: what the facility file says, then what was decided; what a row leaves out is as
        before it, and what it says holds for the rows after it too. A limit of the facility file wins over a learned one."""
        rows = [register.base, *register.dated]
        for content in self._parameters[register.id]:
            at = int(content["valid_from"])
            known = {key: content[key] for key in _KEYS if content.get(key) is not None}
            if content.get("reason") == "learned" and register.base.rate is not None:
                known.pop("rate", None), known.pop("daily", None)
            said: dict[str, Any] = {"reason": str(content.get("reason", "")), "revision": int(content["revision"])}
            if at <= BEGINNING:
                rows = [replace(one, **known) for one in rows]
                continue
            earlier, later = [one for one in rows if one.valid_from < at], [one for one in rows if one.valid_from >= at]
            begun = [] if any(one.valid_from == at for one in later) else [replace(earlier[-1], valid_from=at)]
            rows = [*earlier, *(replace(one, **said, **known) for one in [*begun, *later])]
        return rows

    def of(self, register: Register) -> Decided:
        """Everything decided about a register."""
        return Decided(
            self.parameters(register),
            tuple(self._declarations[register.id]),
            tuple(self._profiles[register.id]),
            frozenset(self._manual[register.id]),
        )

    def learned(self, register: str) -> int | None:
        """When limits were learned last, ns."""
        return self._learned.get(register)

    def note_learned(self, register: str, now: int) -> None:
        """Limits were looked at again and are as before."""
        self._learned[register] = now

    def profiled(self, register: str) -> bool:
        """Whether a shape for gaps is known."""
        return bool(self._profiles[register])


def as_row(declaration: Declaration) -> dict[str, Any]:
    """A declaration as a row's content."""
    row = asdict(declaration)
    row["kind"] = declaration.kind.value
    del row["number"], row["by"]
    return row


def profile_row(profile: Profile) -> dict[str, Any]:
    """A profile as a row's content."""
    return {
        "weights": profile.weights.tolist(),
        "zone": profile.zone,
        "valid_from": profile.valid_from,
        "rest": sorted(profile.rest),
        "worked": sorted(profile.worked),
    }
