"""A place in the stream of changes, as an opaque text: `status?since=`, `events?since=` and Last-Event-ID alike.

Invariants: a cursor of another run of the service is recognised (its epoch differs) and never mistaken for one of ours;
`events` counts what is kept in the ring, `values` is the live state's cursor, so that resuming values needs no ring.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_FORM = re.compile(r"([0-9a-z]{1,16})-(\d{1,18})-(\d{1,18})")


class Cursor(NamedTuple):
    """epoch: names one run of the service; events: number of the last event; values: the live state's cursor."""

    epoch: str
    events: int
    values: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.events}-{self.values}"

    @classmethod
    def parse(cls, text: str | None) -> Cursor | None:
        """The cursor of a text, None where it is not one."""
        found = _FORM.fullmatch(text or "")
        return cls(found[1], int(found[2]), int(found[3])) if found else None
