"""Every golden case of every format: what the decoder states, in order, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from collectors.formats import Message, formats
from steward.errors import UndecodableMessage
from tests.formats.cases import HERE, Case, expected, folders
from tests.formats.recorder import Recorder

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


def test_the_index_lists_every_format() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    assert [name for name in formats() if f"| [{name}]({name}.md) |" not in index] == []


def test_the_example_of_the_index_is_a_decoder_that_works() -> None:
    source = (DOCS / "index.md").read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    module: dict[str, Any] = {}
    exec(source, module)
    out = Recorder(1)
    module["Decoder"]().decode(Message("acme/m1/reading", b"1.5;20", 1, "m1"), out)
    assert [(row[0], row[1], row[3], row[6]) for row in out.rows] == [
        ("m1", "power", "1.5", "kW"),
        ("m1", "energy", "20.0", "kWh"),
    ]
    with pytest.raises(UndecodableMessage, match="not_acme"):
        module["Decoder"]().decode(Message("acme/m1/reading", b"?", 1, "m1"), out)


def test_the_examples_of_the_native_page_are_the_golden_ones() -> None:
    page = (DOCS / "native.md").read_text(encoding="utf-8")
    examples = [json.loads(part.split("```")[0]) for part in page.split("```json\n")[1:]]
    first = json.loads((HERE / "native" / "points_with_units" / "payload.json").read_text(encoding="utf-8"))
    assert examples[0] == first
    assert examples[1]["values"].items() <= json.loads((HERE / "native/short_form/payload.json").read_text())["values"].items()


def test_the_first_line_of_every_format_names_its_document() -> None:
    for name, module in formats().items():
        first = (module.__doc__ or "").splitlines()[0]
        assert "https://" in first or "docs/" in first, name
