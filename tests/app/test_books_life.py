"""Whatever happens to books while reads come, late and twice: in the end they say what the ledger of all reads says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.books_life import lived

FOUND = {
    "a kill before anything was saved, after a month was closed": 101,
    "a kill before a night, with a change of unit": 26,
    "six swaps that nobody should decide": 56,
}


@pytest.mark.parametrize("seed", FOUND.values(), ids=FOUND)
async def test_books_end_as_the_ledger_of_all_reads(tmp_path: Path, seed: int) -> None:
    assert await lived(tmp_path, seed) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1060))
async def test_sixty_lives_of_books_end_as_the_ledger_of_all_reads(tmp_path: Path, seed: int) -> None:
    assert await lived(tmp_path, seed) == []
