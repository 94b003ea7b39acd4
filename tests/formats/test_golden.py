"""Every golden case of every format: what the decoder states, in order, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors.formats import formats
from steward.errors import UndecodableMessage
from tests.formats.cases import HERE, Case, expected, folders

DOCS = HERE.parents[1] / "docs" / "reference" / "formats"
FOLDERS = folders()


@pytest.mark.parametrize("folder", FOLDERS, ids=[f"{folder.parent.name}-{folder.name}" for folder in FOLDERS])
def test_a_decoder_states_exactly_what_the_message_says(folder: Path) -> None:
    case = Case.read(folder)
    failure = folder / "error.txt"
    if failure.exists():
        with pytest.raises(UndecodableMessage) as caught:
            case.run(catch=False)
        assert caught.value.reason == failure.read_text().strip()
    else:
        assert case.run() == expected(folder)


@pytest.mark.parametrize("folder", FOLDERS, ids=[f"{folder.parent.name}-{folder.name}" for folder in FOLDERS])
def test_a_case_names_the_source_of_its_payload(folder: Path) -> None:
    assert len((folder / "source.txt").read_text().strip()) > 10


def test_every_format_has_a_page_and_four_cases() -> None:
    for name, module in formats().items():
        page = (DOCS / f"{name}.md").read_text(encoding="utf-8")
        for topic in module.TOPICS:
            assert topic.replace("{device}", "<device>") in page, f"{name}.md does not name the topic {topic}"
        for option in getattr(getattr(module, "Options", None), "__struct_fields__", ()):
            assert f"`{option}`" in page, f"{name}.md does not explain the option {option}"
        assert len([folder for folder in FOLDERS if folder.parent.name == name]) >= 4, f"{name} has too few cases"


def test_the_first_line_of_every_format_names_its_document() -> None:
    for name, module in formats().items():
        first = (module.__doc__ or "").splitlines()[0]
        assert "https://" in first or "docs/" in first, name
