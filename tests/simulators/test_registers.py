"""The torture generator: repeatable, its truth independent of its faults, every kind leaves its mark."""

from __future__ import annotations

import numpy as np
import pytest

from simulators.registers import KINDS, arrivals, torture


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_touches_the_reads_and_never_the_truth(kind: str) -> None:
    plain, faulty = torture(11, (), 0, 20), torture(11, (kind,), 1, 20)
    np.testing.assert_array_equal(plain.truth, faulty.truth)
    assert len(faulty.faults) == 1
    assert (plain.raw != faulty.raw).any() or (~faulty.sent).any() or kind == "duplicate"


def test_a_seed_gives_the_same_series_again_and_the_load_stays_below_its_limit() -> None:
    one, other = torture(5), torture(5)
    np.testing.assert_array_equal(one.raw, other.raw)
    assert [fault.kind for fault in one.faults] == [fault.kind for fault in other.faults]
    assert np.diff(one.truth).max() <= one.limit * 0.25


def test_every_read_arrives_and_some_arrive_late_or_twice() -> None:
    series = torture(5)
    batches = arrivals(series, 1)
    rows = np.concatenate(batches)
    assert set(rows.tolist()) == set(range(int(series.sent.sum())))
    assert len(rows) > len(set(rows.tolist()))
    assert (np.diff(rows) < 0).any()
