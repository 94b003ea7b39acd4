"""The ledger as the API shows it: plain values with times in epoch ms, every figure with a way down to its reads.

Invariants: the books block, so each call runs in a thread; units are read here, the books know canonical ones only.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np

from metering.baselines import Refusal
from metering.intervals import Flag, Method
from steward.app.ledger.baselines import describe
from steward.app.ledger.books import Books
from steward.app.ledger.model import AskedQuestion, Closed, Link, Read, RegisterState, Restated
from steward.app.ledger.people import EARLIEST
from steward.units import DAY
from steward.units import unit as unit_of

Plain = Mapping[str, Any]
MS = 1_000_000
MOST = 40_000
"""Periods of one answer: a year of quarter-hours is 35,136."""
LONGEST = 8000 * DAY
"""The longest span of one answer, as for cost: every figure is a sum of quarter-hours."""


class LedgerDesk:
    """What the API calls."""

    def __init__(self, books: Books, clock: Callable[[], int], billing_day: Callable[[str], int] = lambda point: 1) -> None:
        self._books, self._clock, self._billing_day = books, clock, billing_day

    async def registers(self) -> Sequence[Plain]:
        """Every register with its state."""
        return [_register(state) for state in await asyncio.to_thread(self._books.registers)]

    async def figures(self, point: str, start: int, end: int, period: str) -> Plain:
        """Consumption by periods."""
        lengths = {
            "quarter": 900,
            "hour": 3600,
            "day": 86_400,
            "month": 28 * 86_400,
            "billing": 28 * 86_400,
            "year": 365 * 86_400,
        }
        if period in lengths and (end - start) / 1e9 / lengths[period] > MOST:
            raise ValueError(f"more than {MOST} periods, expected a longer period or a shorter span")
        if end - start > LONGEST:
            raise ValueError(f"a span of {(end - start) // DAY} days, expected at most {LONGEST // DAY}")
        billing_day = self._billing_day(point) if period == "billing" else 1
        found = await asyncio.to_thread(self._books.consumption, point, start, end, period, billing_day)
        rows = [
            {
                "start": int(found.start[row]) // MS,
                "end": int(found.end[row]) // MS,
                "value": _finite(found.value[row]),
                "low": _finite(found.low[row]),
                "high": _finite(found.high[row]),
                "method": Method(int(found.method[row])).name.lower(),
                "flags": flags(int(found.flags[row])),
                "confidence": round(float(found.confidence[row]), 4),
                "coverage": round(float(found.coverage[row]), 4),
                "revision": int(found.revision[row]),
                "evidence": _way(point, int(found.start[row]), int(found.end[row])),
            }
            for row in range(len(found))
        ]
        return {"point": point, "unit": found.unit, "period": period, "total": _finite(found.total), "figures": rows}

    async def total(self, points: Sequence[str], start: int, end: int) -> float | None:
        """The consumption of several registers; None where nothing is known."""
        return await asyncio.to_thread(self._total, points, start, end)

    def _total(self, points: Sequence[str], start: int, end: int) -> float | None:
        kept = {state.point for state in self._books.registers()}
        totals = [self._books.consumption(point, start, end, "year").total for point in points if point in kept]
        known = [total for total in totals if not math.isnan(total)]
        return sum(known) if known else None

    async def evidence(self, point: str, start: int, end: int) -> Plain:
        """What the figures rest on."""
        proof = await asyncio.to_thread(self._books.evidence, point, start, end)
        if len(proof.reads) > MOST:
            raise ValueError(f"more than {MOST} reads, expected a shorter span")
        declared = [{**one, "at": one["at"] // MS, "until": (one["until"] or one["at"]) // MS} for one in proof.declarations]
        links = [_link(link) for link in proof.links]
        return {
            "point": point,
            "start": start // MS,
            "end": end // MS,
            "links": links,
            "reads": [_read(read) for read in proof.reads],
            "declarations": declared,
        }

    async def revisions(self, point: str, start: int, end: int) -> Plain:
        """What was restated."""
        found = await asyncio.to_thread(self._books.revisions, point, start, end)
        return {"point": point, "revisions": [_revision(one) for one in found]}

    async def questions(self) -> Sequence[Plain]:
        """What waits for a person."""
        asked = await asyncio.to_thread(self._books.questions)
        return [_question(one, *self._books.shows(one.point)) for one in asked]

    async def answer(self, question: str, answer: int, who: str, values: Mapping[str, float]) -> Plain:
        """Takes an answer."""
        made = await asyncio.to_thread(self._books.answer, question, answer, who, self._clock(), dict(values))
        return {"revisions": [_revision(one) for one in made]}

    async def declare(self, point: str, what: Mapping[str, Any], who: str) -> Plain:
        """Takes a declaration; reads and consumption in the unit named with them."""
        scale = _scale(str(what.get("unit", "")))
        numbers = {name: None if what.get(name) is None else what[name] * scale for name in ("end", "start", "value")}

        def act() -> list[Restated]:
            return self._books.declare(
                point,
                what["kind"],
                what["at"],
                who,
                self._clock(),
                until=what.get("until"),
                power=int(what.get("power") or 0),
                reason=str(what.get("reason") or ""),
                **numbers,
            )

        return {"revisions": [_revision(one) for one in await asyncio.to_thread(act)]}

    async def read(self, point: str, reads: Sequence[tuple[int, float]], unit: str, who: str, origin: str) -> Plain:
        """Takes reads by hand."""
        scale, now = _scale(unit), self._clock()
        wrong = [at for at, value in reads if not EARLIEST <= at <= now or not math.isfinite(value) or value < 0]
        if wrong:
            raise ValueError(f"{len(wrong)} of {len(reads)} reads lie in the future, before 2000 or are no numbers from 0 on")
        await self._books.read(point, [(at, value * scale) for at, value in reads], who, origin)
        return {"taken": len(reads)}

    async def close(self, month: str, who: str) -> Plain:
        """Closes a month."""
        return _month(month, await asyncio.to_thread(self._books.close, month, who, self._clock()))

    async def month(self, month: str) -> Plain:
        """The closings of a month."""
        return _month(month, await asyncio.to_thread(self._books.closed, month))

    async def baseline(self, point: str) -> Plain:
        """The baseline of a register."""
        made = await asyncio.to_thread(self._books.baseline, point)
        if made is None:
            return {"point": point, "baseline": None}
        shown = made.baseline if isinstance(made, Refusal) else made
        start, end = (0, 0) if shown is None else (shown.start, shown.end)
        row = describe(made, start, end)
        return {"point": point, "baseline": {**row, "start": start // MS, "end": end // MS}}

    async def savings(self, point: str, start: int, end: int) -> Plain:
        """Savings against the baseline."""
        row: dict[str, Any] = {"point": point, "refused": "", "expected": None, "actual": None, "saved": None}
        row |= {"half_width": None, "fraction": None, "confidence": 0.9, "cautions": []}
        try:
            made = await asyncio.to_thread(self._books.savings, point, start, end)
        except ValueError as error:
            return row | {"refused": str(error)}
        if isinstance(made, Refusal):
            return row | {"refused": str(made)}
        figures = {"expected": made.expected, "actual": made.actual, "saved": made.saved, "half_width": made.half_width}
        row |= {name: _finite(value) for name, value in figures.items()}
        return row | {"fraction": _finite(made.fraction), "cautions": [one.value for one in made.cautions]}


def flags(bits: int) -> list[str]:
    """The names of flags."""
    return [flag.name.lower() for flag in Flag if bits & flag and flag.name]


def _way(point: str, start: int, end: int) -> str:
    return f"/api/v1/ledger/{quote(point, safe='')}/evidence?start={start // MS}&end={end // MS}"


def _scale(symbol: str) -> float:
    return unit_of(symbol).scale if symbol else 1.0


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _register(state: RegisterState) -> Plain:
    return {
        "point": state.point,
        "at": None if state.at is None else state.at // MS,
        "value": state.value,
        "settled_until": None if state.settled_until is None else state.settled_until // MS,
        "held": state.held,
        "questions": state.questions,
        "revision": state.revision,
        "clean": state.clean,
        "fault": ("none", "held", "stuck", "question")[state.fault],
        "error": state.error,
        "unit": state.unit,
        "today": state.today,
        "waiting": state.waiting,
    }


def _read(read: Read) -> Plain:
    return {
        "at": read.at // MS,
        "received": read.received // MS,
        "value": read.value,
        "raw": read.raw,
        "source": read.source,
        "label": read.label,
    }


def _link(link: Link) -> Plain:
    return {
        "start": link.start // MS,
        "end": link.end // MS,
        "kind": link.kind,
        "first": None if link.first is None else _read(link.first),
        "last": None if link.last is None else _read(link.last),
        "consumption": link.consumption,
        "low": link.low,
        "high": link.high,
        "confidence": round(link.confidence, 4),
    }


def _month(month: str, found: Sequence[Closed]) -> Plain:
    rows = [
        {
            "point": one.point,
            "value": one.value,
            "at": one.at // MS,
            "who": one.who,
            "settled": one.settled,
            "adjustments": [
                {"revision": revision, "at": at // MS, "difference": difference} for revision, at, difference in one.adjustments
            ],
        }
        for one in found
    ]
    return {"month": month, "closed": rows}


def _revision(one: Restated) -> Plain:
    changes = [
        {"start": int(start) // MS, "old": float(old), "new": float(new)}
        for start, old, new in zip(one.start, one.old, one.new, strict=True)
    ]
    head = {"number": one.number, "point": one.point, "at": one.at // MS, "reason": one.reason, "who": one.who}
    return {**head, "difference": float(one.new.sum() - one.old.sum()), "changes": changes}


def _question(one: AskedQuestion, unit: str, resolution: float) -> Plain:
    answers = [
        {"number": answer.number, "action": answer.action, "values": dict(answer.values), "consumption": answer.consumption}
        for answer in one.answers
    ]
    head = {"id": one.id, "point": one.point, "topic": one.topic, "start": one.start // MS, "at": one.at // MS}
    return {**head, "unit": unit, "resolution": resolution, "known": dict(one.known), "answers": answers}
