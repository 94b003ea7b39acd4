"""What the page weighs, what it may load, and that nothing vendored was changed unsaid."""

from __future__ import annotations

import gzip
import re
from hashlib import sha256
from pathlib import Path

WEB = Path(__file__).parents[2] / "api" / "web"
LIMIT = 300_000
"""Bytes of the whole page, compressed."""
LINES = 400


def _sources() -> list[Path]:
    return [path for path in WEB.rglob("*.js") if "vendor" not in path.parts]


def test_the_whole_page_is_below_its_weight_compressed() -> None:
    weight = sum(len(gzip.compress(path.read_bytes(), 9)) for path in WEB.rglob("*") if path.is_file() and path.suffix != ".md")
    assert weight < LIMIT, f"{weight} bytes"


def test_what_is_vendored_is_what_the_list_says() -> None:
    rows = re.findall(
        r"^\| (\S+\.(?:js|css)) \|.*\| ([0-9a-f]{64}) \|$", (WEB / "vendor" / "VENDORED.md").read_text(), re.MULTILINE
    )
    files = {path.name for path in (WEB / "vendor").iterdir() if path.suffix != ".md"}
    assert {name for name, _ in rows} == files
    for name, digest in rows:
        assert sha256((WEB / "vendor" / name).read_bytes()).hexdigest() == digest, name


def test_the_page_names_no_foreign_origin_and_writes_no_markup() -> None:
    for path in [*_sources(), *WEB.rglob("*.html"), *(WEB / "css").glob("*.css")]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(
            r"(?:https?:)?//(?!www\.w3\.org)[a-z0-9-]+\.[a-z]{2,}", re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)
        ), path
        assert "innerHTML" not in text, path
        assert "insertAdjacentHTML" not in text, path
        assert not re.search(r"\beval\(|new Function", text), path


def test_the_html_holds_no_script_and_no_style_of_its_own() -> None:
    text = (WEB / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert "<style" not in text
    assert " style=" not in text
    assert not re.search(r"\son[a-z]+=", text)


def test_every_colour_is_a_token() -> None:
    for path in (WEB / "css").glob("*.css"):
        if path.name != "tokens.css":
            assert not re.findall(r"#[0-9a-fA-F]{3,8}\b", path.read_text()), path


def test_no_module_is_longer_than_the_house_allows() -> None:
    assert not [path.name for path in _sources() if len(path.read_text(encoding="utf-8").splitlines()) > LINES]
