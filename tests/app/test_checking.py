"""The facility files that we show to others are good ones."""

from __future__ import annotations

import re
from pathlib import Path

from steward.app.checking import check

ROOT = Path(__file__).parents[2]


def test_the_facility_of_the_compose_file_is_good() -> None:
    assert check(ROOT / "deploy/steward").startswith("good: 1 sites")


def test_the_facility_file_of_the_how_to_is_good_and_has_the_device_that_it_speaks_of(tmp_path: Path) -> None:
    page = (ROOT / "docs/how-to/connect-a-site.md").read_text(encoding="utf-8")
    example = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    assert example is not None
    file = tmp_path / "site.toml"
    file.write_text(example[1], encoding="utf-8")
    assert "1 devices, 2 points" in check(file)
