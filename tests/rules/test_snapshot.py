"""Saved state that cannot be used: refused with the reason, learned anew, and nothing half taken over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules import snapshot as snapshots
from rules import testing
from rules.engine import Engine
from rules.lifecycle import FIRING
from rules.snapshot import GONE, REFUSED, Part, Snapshot, Table
from rules.testing import Case, Player
from steward.model import Condition
from steward.units import DAY, MINUTE
from tests.rules.conformance import KINDS, cases

few = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
HEAVY = {"network", "anomaly", "air_handler", "leak", "cycles"}
"""Kinds with a large state: their bytes stand for the others' in the tests of every kind."""


class Played(Player):
    """A case fed up to its first alert: `bytes` is the state while it fires."""

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.state(self.engine.resume(case.start))
        for sample in sorted(case.samples, key=lambda one: one.received):
            self.state(self.engine.tick(sample.received))
            if self.engine.active():  # of absence: before the sample that ends it
                break
            self.feed([sample], 0, None)
            self.now = max(sample.received, sample.at)
        self.bytes = self.engine.snapshot()

    def changed(self, change: dict[str, Any]) -> bytes:
        """The state with fields of its only part changed."""
        snapshot = snapshots.decode(self.bytes)
        (key, part) = next(iter(snapshot.parts.items()))
        return snapshots.encode(msgspec.structs.replace(snapshot, parts={key: msgspec.structs.replace(part, **change)}))

    def part(self) -> Part:
        """The part."""
        return next(iter(snapshots.decode(self.bytes).parts.values()))


def played(kind: str = "threshold") -> Played:
    """The case of a fault of a kind, while it fires."""
    return Played(cases(kind)["fault"])


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_that_were_damaged_are_refused_by_every_kind_and_leave_a_fresh_engine(kind: str) -> None:
    found = played(kind)
    saved = found.bytes
    fresh = found.new_engine().snapshot()

    @settings(few, max_examples=4 if kind in HEAVY else 12)
    @given(st.integers(0, len(saved) - 1), st.integers(1, 255), st.sampled_from(["flip", "cut", "insert"]))
    def check(place: int, by: int, how: str) -> None:
        damaged = bytearray(saved)
        if how == "flip":
            damaged[place] ^= by
        elif how == "cut":
            del damaged[place:]
        else:
            damaged.insert(place, by)
        engine = found.new_engine()
        refused: ValueError | None = None
        try:
            engine.restore(bytes(damaged), found.now)
        except ValueError as error:
            refused = error
        assert refused is None or "not a snapshot" in str(refused)
        assert engine.snapshot() == (saved if refused is None else fresh), "all is taken over as it was, or nothing"

    check()


TABLES = st.builds(
    Table,
    st.sampled_from(["<f8", "<i8", "|b1", "|O", "<U4", "nonsense", "", "<f8,<f8", "(2,2)<f8", "<M8[ns]", ">i8"]),
    st.lists(st.integers(-2, 5), max_size=3).map(tuple),
    st.binary(max_size=64),
)
"""Tables that need not be arrays."""


@few
@given(st.sampled_from(["place", "columns", "episodes", "targets"]), TABLES, st.lists(st.text(max_size=3), max_size=3))
def test_a_part_whose_tables_do_not_belong_together_is_refused_alone_and_its_rule_learns_anew(
    field: str, table: Table, targets: list[str]
) -> None:
    found = played()
    part = found.part()
    change: dict[str, Any] = {
        "place": table,
        "targets": targets,
        "columns": {**part.columns, "high": table},
        "episodes": {**part.episodes, "since": table},
    }
    engine = found.new_engine()
    over = engine.restore(found.changed({field: change[field]}), found.now)
    gone = field == "targets" and len(set(targets)) == len(targets) == 1  # the state of another target: that is no fault
    assert ([one.rule for one in engine.refused] == ["rule"]) is not gone
    assert [one.evidence["ended"] for one in over] in ([], [GONE if gone else REFUSED])
    assert engine.active() == []


def test_a_column_of_another_shape_is_of_another_algorithm_and_its_alert_ends_with_the_reason() -> None:
    found = played()
    part = found.part()
    engine = found.new_engine()
    wide = Table.of(np.zeros((len(part.targets), 3)))
    (over,) = engine.restore(found.changed({"columns": {**part.columns, "high": wide}}), found.now)
    assert (over.condition, over.evidence) == (Condition.RESOLVED, {"ended": REFUSED})
    assert [(one.rule, one.target, one.why) for one in engine.refused] == [
        ("rule", "", "high is float64[3], expected float64[]")
    ]
    assert engine.active() == []


def test_a_column_that_a_release_added_begins_anew_and_the_rest_goes_on() -> None:
    found = played()
    part = found.part()
    engine = found.new_engine()
    fewer = {name: one for name, one in part.columns.items() if name != "side"}
    assert engine.restore(found.changed({"columns": fewer}), found.now) == []
    assert engine.refused == []
    assert len(engine.active()) == 1


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("condition", 7, "an episode of no condition"),
        ("since", 10**18 * 9, "an episode of a time to come"),
        ("fired", 0, "an episode that fired before it began"),
        ("over", 5, "an episode that was over before it began"),
    ],
)
def test_an_episode_that_cannot_be_is_refused_and_its_target_learns_anew(name: str, value: int, why: str) -> None:
    found = played()
    part = found.part()
    column = part.episodes[name].array()
    column[:] = value
    engine = found.new_engine()
    over = engine.restore(found.changed({"episodes": {**part.episodes, name: Table.of(column)}}), found.now)
    assert [(one.rule, one.target, one.why) for one in engine.refused] == [("rule", "p", why)]
    assert [one.evidence["ended"] for one in over] == ([] if name == "condition" else [REFUSED])
    assert all(one.resolved is not None and one.resolved >= one.since for one in over)
    assert engine.active() == []


def test_state_that_was_saved_by_a_clock_days_ahead_does_not_make_a_row_deaf_until_then() -> None:
    found = played()
    ahead = found.new_engine()
    ahead.resume(found.case.start)
    late = [replace(one, at=one.at + 2 * DAY, received=one.received + 2 * DAY) for one in found.case.samples]
    ahead.feed(testing.batch(late, found.index), late[-1].received)
    engine = found.new_engine()
    engine.restore(ahead.snapshot(), found.now)
    assert [one.why for one in engine.refused] == ["a sample of a time to come"]
    player = Player(found.case)
    player.engine = engine
    assert [one.condition for one in player.play().statements] == [Condition.FIRING, Condition.RESOLVED]


def test_a_stale_alert_whose_device_was_saved_as_talking_ends_with_its_next_message() -> None:
    """As a release before wrote it: the birth of a device that talks was an error, and what came before it was kept."""
    found = played("stale")
    part = found.part()
    talks = Table.of(np.zeros_like(part.columns["silence"].array()))
    saved = found.changed({"columns": {**part.columns, "silence": talks}})
    engine: Engine = found.new_engine()
    assert engine.restore(saved, found.now) == []
    assert [one.condition for one in engine.active()] == [Condition.FIRING]
    engine.resume(found.now)
    again = [replace(found.case.samples[0], at=found.now + MINUTE, received=found.now + MINUTE)]
    told = engine.feed(testing.batch(again, found.index), found.now + MINUTE)
    assert {one.condition for one in told} == {Condition.RESOLVED}
    assert engine.active() == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_evidence_of_a_row_that_has_learned_nothing_is_no_failure(kind: str) -> None:
    """A gate that shuts, or an unknown moment, may leave a firing alert on a row that begins anew."""
    found = played(kind)
    for bank in found.engine.banks:
        bank.reset(bank.state.every)
        for row in range(len(bank)):
            bank.kind.evidence(bank.state, row)
        assert set(bank.lifecycle.episodes["condition"].tolist()) <= {0, 1, FIRING}


def test_a_snapshot_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version 99, expected 1"):
        Player(cases("threshold")["fault"]).engine.restore(snapshots.encode(Snapshot(99, {}, {})), 0)
