"""The detectors on recorded public data, by its own scoring; the labels are read to count only."""

from __future__ import annotations

import pytest

from bench.detect import batadal, nab
from bench.detect.frame import data_folder
from rules.detectors.network import LIMIT
from rules.detectors.record import THRESHOLD, RecordRatio

pytestmark = [pytest.mark.data, pytest.mark.slow]


def need(name: str) -> None:
    try:
        data_folder(name)
    except SystemExit as absent:
        pytest.skip(str(absent))


def test_the_nab_files_score_79_as_shipped_and_the_quiet_ones_stay_quiet() -> None:
    need("nab")
    files = nab.load()
    run = nab.stream(RecordRatio)
    result = nab.measure(files, [run(one) for one in files], THRESHOLD)
    assert result.all >= 79
    assert result.shaped >= 90
    assert result.quiet == 0


def test_the_network_finds_all_attacks_of_batadal_early() -> None:
    need("batadal")
    score, attack, _, _ = batadal.network()
    total, _, _, _, found = batadal.measure(score > LIMIT, attack)
    assert total >= 0.95
    assert found == 7
