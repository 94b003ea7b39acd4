"""Schedule: something runs, or flows, at an hour at which it should not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np

from rules import hours
from rules.contract import NEVER, UNSEEN, Column, Findings, Kind, NotApplicable, Span, State, Target
from rules.quantity import RATES, Duration, Limit
from rules.waste import How, Waste
from steward.model import Alert, BoolArray, ByteArray, Calendar, FloatArray, IntArray, Nature

POWER, FLOW = 1, 2
"""What the value measures, where what was used can be told."""


class Schedule(Kind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The equip runs (its value is above `above`) outside the opening hours of its site; or inside hours of the rule's own.

    Fields: `above`: more than this counts as running ("5kW"; default 0 for states, else needed; a register is judged by its
    rate: energy in W, water and gas in m3/s, so "20L/h" fits a water meter); `when`: "closed" (default) judges outside
    the hours, "open" inside them; `hours`: hours of the rule's own, as `{ mon-sun = "01:00-05:00" }` (without them: the
    site's calendar, with its holidays and make-up workdays); `calendar`: the id of another calendar; `before`, `after`:
    margins by which the place opens earlier and closes later (starting up, clearing away).

    Hours are local time of the site, daylight saving included. Closing time itself turns the condition true, without a
    sample, as long as the last one holds (states: without limit, gauges: three expected intervals). A register's interval
    between two reads counts only where it lies wholly within the judged time. A site without a calendar: not applicable.
    The evidence tells what was used since the condition became true: kWh of power, m3 of flow.

    Example: `kind = "schedule", match = { equip_type = "chiller", metric = "power" }, above = "5kW", after = "30m"`.
    Source: open-fdd SCHED-1; opening hours and holidays are the operator's own; night flow: the hours of least use, 1-5 h,
    as water utilities take for minimum night flow.
    """

    NAME: ClassVar[str] = "schedule"
    TIMED: ClassVar[bool] = True
    COMPLETES: ClassVar[frozenset[str]] = frozenset({"used_kwh", "used_m3"})

    above: Limit | None = None
    when: Literal["closed", "open"] = "closed"
    hours: dict[str, str] = {}
    calendar: str = ""
    before: Duration = Duration(0)
    after: Duration = Duration(0)

    def check(self) -> list[tuple[str, str, str]]:
        problems = []
        try:
            hours.weekly(self.hours)
        except ValueError as problem:
            problems.append(("hours", str(problem), ""))
        if self.hours and self.calendar:
            problems.append(("calendar", "hours and a calendar", "one of them"))
        return problems

    def unit(self, target: Target) -> str:
        point = target.point
        return RATES[point.unit][0] if point.nature is Nature.COUNTER and point.unit in RATES else point.unit

    def parameters(self, target: Target) -> Mapping[str, float | int | bool]:
        point = target.point
        counter = point.nature is Nature.COUNTER
        if counter and point.unit not in RATES:
            raise NotApplicable(f"no rate of a register in {point.unit}")
        if self.above is None and point.nature is not Nature.STATE:
            raise ValueError("`above` is missing: from which value on does it run?")
        above = 0.0 if self.above is None else self.above.value(self.unit(target))
        site = target.facility.sites.get(point.site)
        if site is None:
            raise NotApplicable(f"no site {point.site!r}")
        calendar = self._calendar(target, site.calendar)
        table = hours.number(calendar, site.time_zone, int(self.before), int(self.after))
        factor = RATES[point.unit][1] if counter else 1.0
        measured = {"W": POWER, "m3/s": FLOW}.get(self.unit(target), 0)
        return {
            "above": above,
            "hours": table,
            "wanted": int(self.when == "open"),
            "counter": counter,
            "factor": factor,
            "measured": measured,
        }

    def _calendar(self, target: Target, of_site: str) -> Calendar:
        if self.hours:
            return Calendar("", hours.weekly(self.hours))
        name = self.calendar or of_site
        found = target.facility.calendars.get(name)
        if found is None:
            raise NotApplicable(f"no calendar {name!r}" if name else f"site {target.point.site!r} has no calendar")
        return found

    def waste(self, alert: Alert, evidence: Mapping[str, Any], target: Target) -> Waste:
        return Waste(How.FLOOR if target.point.unit in ("m3/s", "m3") else How.WHOLE)

    def judged(self, target: Target, start: int, end: int) -> list[tuple[int, int]]:
        site = target.facility.sites[target.point.site]
        table = hours.number(self._calendar(target, site.calendar), site.time_zone, int(self.before), int(self.after))
        spans, at = [], start
        while at < end:
            inside, _, ends = (int(part[0]) for part in hours.look(np.array([table]), np.array([at], np.int64)))
            if inside == (self.when == "open"):
                spans.append((at, min(end, ends)))
            at = ends
        return spans

    def state(self) -> Mapping[str, Column]:
        return {
            "running": Column(np.bool_, False),
            "shown": Column(np.float64, np.nan),
            "register": Column(np.float64, np.nan),
            "stretch_since": Column(np.int64, UNSEEN),
            "true": Column(np.bool_, False),
            "used": Column(np.float64),
            "used_at": Column(np.int64, UNSEEN),
        }

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        counter = state.get("counter", rows)
        moment, whole = at, np.ones(len(rows), np.bool_)
        if counter.any():
            value, moment, whole = cls._rate(state, rows, at, value, counter)
        inside, began, ends = hours.look(state.get("hours", rows), moment)
        running = value > state.get("above", rows)
        whole &= ~counter | (ends >= at)
        true = running & (inside == state.get("wanted", rows)) & whole
        cls._use(state, rows, at, np.where(counter, value, state.get("shown", rows)), true)
        state.put("running", rows, running)
        state.put("shown", rows, value)
        state.put("stretch_since", rows, began)
        due = np.where(running & ~counter, ends, NEVER)
        return Findings(true, value, state.get("above", rows), due=due)

    @classmethod
    def loud(cls, state: State, rows: IntArray, of: IntArray, span: Span) -> BoolArray:
        loud: BoolArray = state["counter"][rows][of] | (span.high > state["above"][rows][of])
        return loud

    @classmethod
    def telling(cls, state: State, rows: IntArray, of: IntArray, at: IntArray, value: FloatArray, cut: BoolArray) -> BoolArray:
        telling: BoolArray = state["counter"][rows][of] | (value > state["above"][rows][of])
        telling[1:] |= telling[:-1].copy()  # and the sample that ends it
        return telling

    @classmethod
    def _rate(
        cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, counter: BoolArray
    ) -> tuple[FloatArray, IntArray, BoolArray]:
        """Values of registers as rates, the start of their interval, and whether there is one (no first read, fall, gap)."""
        last, register = state.get("last_at", rows), state.get("register", rows)
        state.put("register", rows, value)
        seconds = (at - last) / 1e9
        whole = ~counter | ((value >= register) & (at - last <= state.get("hold", rows)))
        rate = np.where(whole, (value - register) / seconds * state.get("factor", rows), 0.0)
        return np.where(counter, rate, value), np.where(counter & whole, last, at), whole

    @classmethod
    def _use(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, true: BoolArray) -> None:
        """Adds what `value` made in the time before `at` while the condition was true (a register's interval counts that ends
        so); begins anew with an episode."""
        before, since = state.get("true", rows), state.get("used_at", rows)
        since = np.where(state.get("counter", rows) & ~before, state.get("last_at", rows), since)
        counts = np.where(state.get("counter", rows), true, before) & (since != UNSEEN)
        counts &= at - since <= state.get("hold", rows)
        used = np.where(before | ~true | (state.get("slot", rows) >= 0), state.get("used", rows), 0.0)
        passed = np.where(counts, at - since, 0) / 1e9
        state.put("used", rows, used + passed * np.where(counts, value, 0.0))
        state.put("used_at", rows, at)
        state.put("true", rows, true)

    @classmethod
    def elapse(cls, state: State, rows: IntArray, at: IntArray) -> Findings:
        inside, began, ends = hours.look(state.get("hours", rows), at)
        running = state.get("running", rows)
        state.put("stretch_since", rows, began)
        true = running & (inside == state.get("wanted", rows))
        cls._use(state, rows, at, state.get("shown", rows), true)
        return Findings(true, state.get("shown", rows), state.get("above", rows), due=np.where(running, ends, NEVER))

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        began = int(state["stretch_since"][row])
        name = "inside_since" if state["wanted"][row] else "closed_since"
        found: dict[str, Any] = {name: began if began > UNSEEN else None}
        measured = int(state["measured"][row])
        if measured:
            key, factor = ("used_kwh", 3.6e6) if measured == POWER else ("used_m3", 1.0)
            found[key] = round(float(state["used"][row]) / factor, 3)
        return found
