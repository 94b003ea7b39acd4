"""The demonstration's own facility: a past that is played is old, and no clock is wrong for that."""

from __future__ import annotations

import tomllib
from pathlib import Path

from steward.app.tools.demo import FACILITY, prepare
from steward.units import DAY, HOUR, duration

NOW = 1_795_500_000 * 1_000_000_000


def test_the_past_that_is_played_is_within_what_a_clock_may_be_off(tmp_path: Path) -> None:
    for age, now in ((2 * DAY, NOW), (2 * DAY, NOW + 5 * DAY)):
        begun = prepare(tmp_path, age, now)
        limit = duration(tomllib.loads((tmp_path / FACILITY).read_text("utf-8"))["clock"]["skew_limit"])
        assert now - begun.start + 25 * HOUR <= limit <= now - begun.start + 27 * HOUR
    assert begun.start == NOW - 2 * DAY
