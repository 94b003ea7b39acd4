"""Torture series of cumulative registers with known truth: every fault that meters, gateways and people put into reads.

Invariants: everything follows from the seed; `truth` is the true cumulative consumption at each instant of `at`, whatever
the reads say; each fault is labelled with its span. No code of `metering` is used: the truth must not depend on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from steward.model import FloatArray, IntArray

MINUTE = 60 * 10**9
HOUR = 60 * MINUTE
DAY = 24 * HOUR

GLITCHES = ("zero", "zeros16", "spike", "spike16", "truncated", "zeroed", "dip", "dip_small", "replay", "replay_block")
SENT_WRONG = ("unit_up_once", "unit_down_once", "nan", "negative", "minus_small")
DELIVERY = ("stuck_short", "gap_short", "gap_day", "duplicate", "jitter")
EVENTS = ("rollover", "reset", "swap_low", "swap_high", "unit_up", "unit_down")
KINDS = (*GLITCHES, *SENT_WRONG, *DELIVERY, *EVENTS)
"""All kinds of faults."""


@dataclass(frozen=True, slots=True)
class Injected:
    """One fault: its kind and the ns from which and until which it touches the reads."""

    kind: str
    start: int
    end: int


@dataclass
class Torture:
    """A series: `at` (ns, regular), `truth` (true cumulative consumption, units), `raw` (what the register sent, NaN or odd
    values included), `sent` (False where nothing was sent), `faults`, `limit` (units per hour that the load never exceeds),
    `digits` of the register, `declared`: (at, end, start) of every swap and reset;
    `unit`: what the register shows at the end for one true unit."""

    at: IntArray
    truth: IntArray
    raw: FloatArray
    sent: np.ndarray[tuple[int], np.dtype[np.bool_]]
    limit: float
    cadence: int
    digits: int
    faults: list[Injected] = field(default_factory=list)
    declared: list[tuple[int, int, int]] = field(default_factory=list)
    unit: float = 1.0

    def reads(self) -> tuple[IntArray, FloatArray]:
        """What was sent, in time order."""
        return self.at[self.sent], self.raw[self.sent]


def load(rng: np.random.Generator, days: int, cadence: int, limit: float) -> IntArray:
    """True consumption per step: a day shape, weekends lower, noise; whole units, never above 0.6 x limit."""
    steps = days * DAY // cadence
    hour = np.arange(steps) * cadence / HOUR
    day = 0.15 + 0.35 * np.clip(np.sin((hour % 24 - 6) / 12 * np.pi), 0, None)
    weekend = np.where((hour // 24) % 7 >= 5, 0.5, 1.0)
    mean = limit * cadence / HOUR * day * weekend * rng.uniform(0.7, 1.15, steps)
    return np.floor(mean + rng.random(steps)).astype(np.int64)


def torture(
    seed: int, kinds: tuple[str, ...] = KINDS, count: int = 3, days: int = 40, cadence: int = 15 * MINUTE, apart: int = 4 * DAY
) -> Torture:
    """A series of `days` with `count` faults of random `kinds`, at least `apart` ns between them (less: they overlap)."""
    rng = np.random.default_rng(seed)
    limit = float(rng.choice([200, 1000, 4000]))
    digits = 8
    consumption = load(rng, days, cadence, limit)
    truth = np.concatenate(([0], np.cumsum(consumption))).astype(np.int64)
    at = np.arange(len(truth), dtype=np.int64) * cadence
    start = int(rng.integers(100_000, 9_000_000))
    series = Torture(at, truth, truth.astype(np.float64) + start, np.ones(len(at), np.bool_), limit, cadence, digits)
    margin = 5 * DAY // cadence
    slots = np.sort(rng.integers(margin, len(at) - margin, count))
    for _ in range(200):
        if count < 2 or np.diff(slots).min() * cadence >= apart:
            break
        slots = np.sort(rng.integers(margin, len(at) - margin, count))
    for slot in slots.tolist():
        inject(series, str(rng.choice(kinds)), slot, rng)
    return series


def tangle(seed: int, days: int = 20) -> Torture:
    """A series that nobody should decide: six swaps in half a day (even seeds), or a coarser unit and a reset hours later."""
    rng = np.random.default_rng(seed)
    series = torture(seed, (), 0, days)
    slot = int(rng.integers(6 * DAY // series.cadence, len(series.at) - 6 * DAY // series.cadence))
    if seed % 2:
        inject(series, "unit_down", slot, rng)
        inject(series, "reset", slot + int(rng.integers(12, 80)), rng)
        return series
    for number, level in enumerate(rng.permutation(6).tolist()):
        place = slot + 8 * number
        _begin(series, place, float(1_000_003 * (level + 1)))
        series.faults.append(Injected("swap_high", int(series.at[place]), int(series.at[place])))
    return series


def inject(series: Torture, kind: str, slot: int, rng: np.random.Generator) -> None:
    """Put a fault of `kind` at row `slot` into a series."""
    length = 1
    if kind == "rollover" and any(one.kind in ("unit_up", "unit_down", "reset", "rollover") for one in series.faults):
        kind = "reset"  # what a changed register's last digit is cannot be said, and one that began anew turns years later
    if kind in EVENTS:
        _event(series, kind, slot, rng)
    elif kind in DELIVERY:
        length = _delivery(series, kind, slot, rng)
    else:
        length = _glitch(series, kind, slot, rng)
    series.faults.append(Injected(kind, int(series.at[slot]), int(series.at[min(slot + length, len(series.at)) - 1])))


def _glitch(series: Torture, kind: str, slot: int, rng: np.random.Generator) -> int:
    raw, value = series.raw, float(series.raw[slot])
    length = 16 if kind in ("zeros16", "spike16") else int(rng.integers(3, 9)) if kind == "replay_block" else 1
    rows = slice(slot, slot + length)
    if kind in ("zero", "zeros16"):
        raw[rows] = 0
    elif kind in ("spike", "spike16"):
        raw[rows] = value * float(rng.uniform(2, 50)) + (1.8e21 if rng.random() < 0.3 else 0)
    elif kind == "truncated":
        raw[slot] = value % 10_000
    elif kind == "zeroed":
        raw[slot] = value // 1000 * 1000
    elif kind == "dip":
        raw[slot] = value - series.limit * float(rng.uniform(1, 3))
    elif kind == "dip_small":
        raw[slot] = value - max(3.0, series.limit * float(rng.uniform(0.02, 0.2)))
    elif kind in ("replay", "replay_block"):
        back = int(rng.integers(length + 2, 40))
        raw[rows] = raw[slot - back : slot - back + length].copy()
    elif kind in ("unit_up_once", "unit_down_once"):
        raw[slot] = value * 1000 if kind == "unit_up_once" else value // 1000
    else:
        raw[slot] = {"nan": float("nan"), "negative": -value, "minus_small": -0.007}[kind]
    return length


def _delivery(series: Torture, kind: str, slot: int, rng: np.random.Generator) -> int:
    length = {
        "stuck_short": int(rng.integers(6, 24)),
        "gap_short": int(rng.integers(2, 20)),
        "gap_day": 26 * HOUR // series.cadence,
    }.get(kind, 1)
    if kind == "stuck_short":
        series.raw[slot : slot + length] = series.raw[slot]
    elif kind in ("gap_short", "gap_day"):
        series.sent[slot : slot + length] = False
    elif kind == "duplicate":
        series.raw[slot] = series.raw[slot - 1]
    else:
        series.raw[slot] = series.raw[slot - 1] - 1
    return length


def _event(series: Torture, kind: str, slot: int, rng: np.random.Generator) -> None:
    """A register event between rows slot - 1 and slot: all later reads follow."""
    raw = series.raw
    passed = (series.truth[slot:] - series.truth[slot - 1]).astype(np.float64) * series.unit
    if kind == "rollover":
        top = 10.0**series.digits
        raw += top - raw[slot - 1] - 1 - passed[0] // 3
        raw[slot:] = np.where(raw[slot:] >= top, raw[slot:] - top, raw[slot:])
        return
    if kind in ("unit_up", "unit_down"):
        factor = 1000.0 if kind == "unit_up" else 0.1
        raw[slot:] = np.floor((raw[slot - 1] + passed) * factor)
        series.unit *= factor
        return
    if kind == "swap_high":
        _begin(series, slot, (float(raw[slot - 1]) + float(passed[0] // 2)) * 3 + 1e6)
    else:
        _begin(series, slot, 0.0 if kind == "reset" else float(rng.integers(10, 3000)))


def _begin(series: Torture, slot: int, begin: float) -> None:
    """A register that begins at `begin` between rows slot - 1 and slot; declared with both of its reads."""
    raw, moment = series.raw, int(series.at[slot]) - series.cadence // 2
    passed = (series.truth[slot:] - series.truth[slot - 1]).astype(np.float64) * series.unit
    middle = float(passed[0] // 2)
    end = float(raw[slot - 1]) + middle
    raw[slot:] = np.floor(begin + passed - middle)
    series.declared.append((moment, round(end), round(begin)))


def arrivals(series: Torture, seed: int, late: float = 0.05) -> list[IntArray]:
    """Batches of rows of `reads()` as they arrive: in time order but for a `late` share that comes up to two days later,
    some of them twice."""
    rng = np.random.default_rng(seed)
    size = int(series.sent.sum())
    delay = np.where(rng.random(size) < late, rng.integers(1, 200, size), 0)
    order = np.argsort(np.arange(size) + delay, kind="stable")
    cuts = np.sort(rng.integers(0, size, max(1, size // 200)))
    batches = np.split(order, cuts)
    return [np.concatenate((batch, batch[:1])) for batch in batches if len(batch)]
