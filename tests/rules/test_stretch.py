"""History replayed in stretches, with most of it left out, gives what minute by minute gives: longer and rougher histories
than the conformance test plays, cut into bins of few samples, so that every kind of leaving out happens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import moments, stretch
from rules.contract import Column, Findings, Gate, Input, Kind, Rule, State, Target
from rules.engine import Engine
from rules.load import load
from rules.testing import facility_of
from steward.model import Alert, Batch, ByteArray, Facility, FloatArray, IntArray, PointIndex
from steward.units import MINUTE, SECOND

START = 1_767_571_200 * SECOND

UNITS = ("a", "b")
POINTS: list[Mapping[str, Any]] = []
for _unit in UNITS:
    _place = {"equip": f"e{_unit}", "equip_type": "ahu", "device": f"d{_unit}", "gateway": "g"}
    POINTS += [
        {"id": f"{_unit}.power", "metric": "power", "role": "power", **_place},
        {"id": f"{_unit}.temp", "metric": "temperature", "role": "supply_temp", **_place},
        {"id": f"{_unit}.fan", "metric": "on", "role": "fan", **_place},
        {"id": f"{_unit}.flow", "metric": "flow", "role": "flow", "interval": "10s", **_place},
        {"id": f"{_unit}.meter", "metric": "energy", "role": "meter", **_place},
    ]

GATE = {"role": "fan", "above": 0}
FLOWS = {"role": "flow", "above": 0.5, "below": 30, "settle": "3m"}
RULES: dict[str, list[dict[str, Any]]] = {
    "threshold": [
        {"kind": "threshold", "match": {"metric": "power"}, "above": 50, "deadband": 5},
        {"kind": "threshold", "match": {"metric": "power"}, "above": 60, "below": 5, "for": "5m", "keep_firing_for": "10m"},
        {"kind": "threshold", "match": {"metric": "flow"}, "above": 50, "for": "2m", "keep_firing_for": "30s"},
    ],
    "gated": [
        {"kind": "threshold", "match": {"metric": "power"}, "above": 50, "deadband": 5, "while": GATE},
        {"kind": "threshold", "match": {"metric": "power"}, "above": 50, "for": "2m", "while": FLOWS},
        {"kind": "threshold", "match": {"metric": "flow"}, "above": 50, "keep_firing_for": "7m", "while": GATE},
    ],
    "gated_leads": [
        {"kind": "stuck", "match": {"metric": "power"}, "duration": "10m", "samples": 3, "while": FLOWS},
        {"kind": "rate", "match": {"metric": "power"}, "rise": 30, "per": "5m", "window": "5m", "while": GATE},
    ],
    "rate": [
        {"kind": "rate", "match": {"metric": "power"}, "rise": 30, "fall": 40, "per": "10m", "window": "10m"},
        {"kind": "rate", "match": {"metric": "power"}, "rise": 60, "per": "1h", "window": "1h", "keep_firing_for": "5m"},
        {"kind": "rate", "match": {"metric": "flow"}, "rise": 40, "per": "5m", "window": "5m", "for": "1m"},
        {"kind": "rate", "match": {"metric": "energy"}, "rise": 900, "per": "10m", "window": "10m"},
    ],
    "stuck": [
        {"kind": "stuck", "match": {"metric": "power"}, "duration": "10m"},
        {"kind": "stuck", "match": {"metric": "power"}, "duration": "9m", "tolerance": 1, "samples": 3, "allowed": [0]},
        {"kind": "stuck", "match": {"metric": "flow"}, "duration": "5m", "samples": 2, "keep_firing_for": "3m"},
        {"kind": "stuck", "match": {"metric": "on"}, "duration": "20m", "samples": 2},
        {"kind": "stuck", "match": {"metric": "on"}, "duration": "15m", "samples": 4},
    ],
    "stale": [{"kind": "stale", "for": "1m"}, {"kind": "stale", "per": "point", "factor": 5, "keep_firing_for": "4m"}],
    "schedule": [
        {"kind": "schedule", "match": {"metric": "power"}, "above": 50, "for": "5m", "hours": {"mon": "00:30-02:00"}},
        {"kind": "schedule", "match": {"metric": "energy"}, "above": 900, "when": "open", "hours": {"mon": "01:00-03:00"}},
    ],
}  # fmt: skip


class Probe(Kind, frozen=True, kw_only=True):
    """Three inputs, the last one optional: what it has seen of every moment stands in its evidence."""

    NAME: ClassVar[str] = "probe"
    INPUTS: ClassVar[tuple[Input, ...]] = (Input("power"), Input("supply_temp"), Input("flow", required=False, hold=3 * MINUTE))

    def state(self) -> Mapping[str, Column]:
        return {"seen": Column(np.int64), "mixed": Column(np.float64)}

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        state["seen"][rows] += 1
        state["mixed"][rows] /= 2
        for slot in range(value.shape[1]):  # no product of matrices: its rounding depends on the number of rows
            state["mixed"][rows] += (slot + 1) * np.nan_to_num(value[:, slot], nan=-7.0)
        return Findings(value[:, 0] > 50, state["mixed"][rows])

    @classmethod
    def evidence(cls, state: State, row: int) -> dict[str, Any]:
        return {"seen": int(state["seen"][row]), "mixed": float(state["mixed"][row])}


class Joined(Probe, frozen=True, kw_only=True):
    """The same by joining: a meter that is not waited for, a flow that is, and a state that is required."""

    NAME: ClassVar[str] = "joined"
    INPUTS: ClassVar[tuple[Input, ...]] = ()
    JOINS: ClassVar[bool] = True

    def bind(self, targets: Sequence[Target]) -> list[Target]:
        beside = [[target.facility.points[target.id[:2] + name] for name in ("meter", "flow", "fan")] for target in targets]
        return [replace(target, points=(target.point, *points)) for target, points in zip(targets, beside, strict=True)]

    def requires(self, target: Target) -> Sequence[bool]:
        return [True, False, False, True]

    def waits(self, target: Target) -> Sequence[bool]:
        return [False, False, True, False]


PROBES = [
    Rule("r0", Probe(), match={"equip_type": ("ahu",)}),
    Rule("r1", Probe(), match={"equip_type": ("ahu",)}, wait=3 * MINUTE, gate=Gate(role="fan", above=0.0, settle=MINUTE)),
    Rule("r2", Joined(), match={"metric": ("power",)}, keep=5 * MINUTE),
    Rule("r3", Joined(), match={"metric": ("temperature",)}),
]


def world(name: str) -> tuple[Facility, PointIndex, list[Rule]]:
    facility = facility_of(POINTS, {})
    if name == "probes":
        return facility, PointIndex(facility.points), PROBES
    loaded = load([(str(n), {"id": f"r{n}", **table}) for n, table in enumerate(RULES[name])], facility)
    assert not loaded.problems, [str(one) for one in loaded.problems]
    return facility, PointIndex(facility.points), loaded.rules


def values(rng: np.random.Generator, metric: str, size: int) -> np.ndarray:
    """Pieces of standing still, noise, ramps and jumps, with values on the limits among them."""
    if metric == "energy":
        steps = rng.choice([0.0, 10.0, 10.0, 10.0, 100.0], size)
        steps[rng.random(size) < 0.01] = -1e4
        return np.maximum(1e4 + np.cumsum(steps), 0.0)
    if metric == "on":
        return np.repeat(rng.integers(0, 2, size), rng.choice([1, 1, 5, 40], size))[:size].astype(float)
    found: list[np.ndarray] = []
    while sum(map(len, found)) < size:
        long, level = int(rng.integers(1, 60)), float(rng.choice([0.0, 4.0, 20.0, 45.0, 50.0, 55.0, 70.0]))
        piece = rng.choice(["still", "noise", "ramp", "jitter"])
        if piece == "still":
            found.append(np.full(long, level))
        elif piece == "noise":
            found.append(level + rng.normal(0, 3, long))
        elif piece == "ramp":
            found.append(level + np.arange(long) * float(rng.choice([0.5, 1.0, 6.0])))
        else:
            found.append(level + rng.choice([0.0, 0.5, 1.0, 2.0], long))
    return np.concatenate(found)[:size]


def history(rng: np.random.Generator, facility: Facility, index: PointIndex, minutes: int) -> Batch:
    """Gaps, silence of a device and of all, two samples of one moment, bad quality, phases and changed intervals."""
    parts = []
    silent = [(int(rng.integers(0, minutes)), int(rng.integers(1, 40)), str(rng.choice(["da", "db", "all"]))) for _ in range(2)]
    for point in facility.points.values():
        step = point.interval * int(rng.choice([1, 1, 1, 2]))
        size = minutes * MINUTE // step
        at = np.arange(size) * step + int(rng.choice([0, 0, 0, 17])) * SECOND
        if point.metric != "flow" and rng.random() < 0.3:
            at = at + rng.integers(0, 20, size) * SECOND
        keep = rng.random(size) > rng.choice([0.0, 0.0, 0.02, 0.3])
        for _ in range(int(rng.integers(0, 3))):
            hole = int(rng.integers(0, size))
            keep[hole : hole + int(rng.integers(1, 30))] = False
        for first, long, who in silent:
            keep &= ~((at >= first * MINUTE) & (at < (first + long) * MINUTE) & (who in ("all", point.device)))
        at, value = at[keep], values(rng, point.metric, size)[keep]
        if not len(at):
            continue
        if rng.random() < 0.2:
            at[1:][rng.random(len(at) - 1) < 0.02] -= step
            at = np.sort(at)
        quality = np.where(rng.random(len(at)) < rng.choice([0.0, 0.0, 0.03]), 2, 0)
        parts.append(Batch.of(np.full(len(at), index.add(point.id)), START + at, value, quality=quality))
    whole = Batch.concat(parts)
    return whole.take(np.lexsort((whole.point, whole.at)))


def minute_by_minute(engine: Engine, batch: Batch, end: int) -> list[Alert]:
    """As live: time passes before each minute's samples."""
    stated: list[Alert] = []
    minute = batch.at // MINUTE
    for now in range(START // MINUTE, end // MINUTE + 1):
        stated += engine.tick(now * MINUTE)
        low, high = np.searchsorted(minute, (now, now + 1))
        if high > low:
            stated += engine.feed(batch.take(np.arange(low, high)), int(batch.at[high - 1]))
    return stated


def told(alerts: list[Alert]) -> list[str]:
    return sorted(map(repr, alerts))


def compare(name: str, seed: int, cuts: list[int], minutes: int) -> int:
    """Both ways over one history, then on live from there; the number of statements."""
    rng = np.random.default_rng(seed)
    facility, index, rules = world(name)
    first = history(rng, facility, index, minutes)
    end, rest = START + minutes * MINUTE, history(rng, facility, index, 90)
    first = first.take(first.at < end)
    rest = replace(rest, at=rest.at + minutes * MINUTE, received=rest.received + minutes * MINUTE)
    live, replayed = (Engine(rules, facility, index, lateness=0) for _ in range(2))
    assert live.resume(START) == replayed.resume(START) == []
    stated = minute_by_minute(live, first, end)
    edges = [START, *sorted(START + cut % minutes * MINUTE for cut in cuts), end]
    found: list[Alert] = []
    for low, high in pairwise(edges):
        found += replayed.replay(first.take((first.at >= low) & (first.at < high)), MINUTE)
    found += replayed.wait(end, MINUTE)
    assert told(found) == told(stated)
    assert told(replayed.active(pending=True)) == told(live.active(pending=True))
    assert {k: v for k, v in replayed.counts.items() if v} == {k: v for k, v in live.counts.items() if v}
    on = [minute_by_minute(one, rest, end + 90 * MINUTE) for one in (live, replayed)]
    assert told(on[1]) == told(on[0])
    return len(stated) + len(on[0])


def check_many(name: str, patch: pytest.MonkeyPatch, examples: int, minutes: int) -> None:
    stated = 0

    @settings(max_examples=examples, deadline=None, derandomize=True)
    @given(
        st.integers(0, 2**32),
        st.lists(st.integers(1, 400), max_size=2),
        st.sampled_from([2, 3, 8]),
        st.sampled_from([50, 10**6]),
    )
    def both(seed: int, cuts: list[int], size: int, chunk: int) -> None:
        nonlocal stated
        patch.setattr(stretch, "BIN", size)
        patch.setattr(stretch, "CHUNK", chunk)
        patch.setattr(moments, "CHUNK", chunk)
        stated += compare(name, seed, cuts, minutes)

    both()
    assert stated > 0  # without alerts it could hold for want of them


@pytest.mark.parametrize("name", [*RULES, "probes"])
def test_what_is_left_out_of_a_stretch_changes_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_many(name, monkeypatch, 4, 160)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*RULES, "probes"])
def test_what_is_left_out_changes_nothing_in_many_histories(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_many(name, monkeypatch, 30, 300)
