"""The words of the page: one catalogue a language, complete, nothing missing, nothing unused, every family whole."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from api.sentences import LED_BY, TABLE
from rules.load import kinds, pack, packs
from rules.terms import _WORDS
from steward.config.notices import ChannelType
from steward.model import EQUIP_TYPES, METRICS, SEVERITIES, Condition, Human

WEB = Path(__file__).parents[2] / "api" / "web"
COLLECTORS = WEB.parents[1] / "collectors"
DEMO = WEB.parents[1] / "simulators" / "campus_energy.toml"
RULES = DEMO.with_name("campus_rules.toml")
SOURCES = [path for folder in ("lib", "parts", "views", "chart") for path in sorted((WEB / folder).glob("*.js"))] + [
    WEB / "app.js"
]

CALLED = re.compile(r"\bt\(\s*'([^']+)'")
"""A key named outright: t('now.title')."""
FAMILY = re.compile(r"\b(?:t|known)\(\s*`([a-z][A-Za-z.]*\.)\$\{|\bword\(\s*'([a-z]+)'|(?:=|\[|, )\s*`([a-z]+\.)\$\{")
"""The beginning of a key that is put together: t(`sev.${severity}`), word('metric', ...)."""
QUOTED = re.compile(r"'([a-z][A-Za-z]*(?:\.[A-Za-z0-9_]+)+)'")
"""Any text that looks like a key: tables of keys count as use."""


def catalogue(language: str) -> dict[str, str | dict[str, str]]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node.js to read the catalogues (apt-get install nodejs)")
    program = f"import c from {json.dumps((WEB / 'i18n' / f'{language}.js').as_uri())}; process.stdout.write(JSON.stringify(c))"
    done = subprocess.run([node, "--input-type=module", "-e", program], capture_output=True, check=True, timeout=120)
    words: dict[str, str | dict[str, str]] = json.loads(done.stdout)
    return words


@pytest.fixture(scope="module")
def english() -> dict[str, str | dict[str, str]]:
    return catalogue("en")


@pytest.fixture(scope="module")
def chinese() -> dict[str, str | dict[str, str]]:
    return catalogue("zh")


def _used() -> tuple[set[str], set[str], set[str]]:
    """Keys called outright, beginnings of keys put together, and all that merely looks like a key."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    families = {first or (f"{second}." if second else third) for first, second, third in FAMILY.findall(text)}
    return set(CALLED.findall(text)), families, set(QUOTED.findall(text))


def test_every_key_that_the_page_uses_is_in_both_catalogues(english: dict[str, object], chinese: dict[str, object]) -> None:
    called, _, quoted = _used()
    families = {key.split(".")[0] for key in english}
    wanted = called | {key for key in quoted if key.split(".")[0] in families and not key.endswith((".js", ".css"))}
    assert not wanted - english.keys()
    assert not wanted - chinese.keys()


def test_no_key_is_unused(english: dict[str, object]) -> None:
    called, families, quoted = _used()
    unused = {key for key in english if key not in called | quoted and not key.startswith(tuple(families))}
    assert not unused


def test_the_catalogues_have_the_same_keys_and_the_same_placeholders(
    english: dict[str, str | dict[str, str]], chinese: dict[str, str | dict[str, str]]
) -> None:
    assert english.keys() == chinese.keys()

    def holes(text: str | dict[str, str]) -> set[str]:
        return set(re.findall(r"\{(\w+)\}", text if isinstance(text, str) else " ".join(text.values())))

    assert not {key for key in english if holes(english[key]) - {"n"} != holes(chinese[key]) - {"n"}}


def test_no_text_is_empty_and_plurals_have_the_forms_that_their_language_needs(
    english: dict[str, str | dict[str, str]], chinese: dict[str, str | dict[str, str]]
) -> None:
    for words, forms in ((english, {"one", "other"}), (chinese, {"other"})):
        for key, text in words.items():
            assert text, key
            if isinstance(text, dict):
                assert text.keys() == forms, key


def test_every_source_of_a_shipped_rule_and_of_the_demonstration_has_chinese_words() -> None:
    chinese = catalogue("sources.zh")
    told = {table["source"] for name in packs() for _, table in pack(name) if table.get("source")}
    told |= {table["source"] for table in tomllib.loads(RULES.read_text("utf-8"))["rule"] if table.get("source")}
    told |= {quota["source"] for quota in tomllib.loads(DEMO.read_text("utf-8"))["quota"]}
    assert told
    assert not told - chinese.keys()
    assert not [text for text in chinese.values() if not re.search("[\u4e00-\u9fff]", str(text))]


def test_chinese_is_not_english_left_over(english: dict[str, object], chinese: dict[str, object]) -> None:
    same = {key for key, text in chinese.items() if text == english[key]}
    assert same <= {"act.csv", "act.png", "metric.pm25"}


def _reasons() -> set[str]:
    """The words by which collectors count what they could not use."""
    text = "\n".join(path.read_text("utf-8") for path in sorted(COLLECTORS.rglob("*.py")))
    return set(re.findall(r"(?:UndecodableMessage|reject|_ask)\(\s*(?:place, )?\"(\w+)\"", text)) | {
        "out_of_range", "not_finite", "clock_future", "clock_skew", "retained", "unknown_unit", "unit_mismatch",
    }  # fmt: skip


def _evidence() -> set[str]:
    """What rules record beside an alert: keys of the tables that functions named evidence make."""
    found: set[str] = set()
    for path in sorted((COLLECTORS.parent / "rules").rglob("*.py")):
        for function in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(function, ast.FunctionDef) or "evidence" not in function.name:
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.Dict):
                    found |= {key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}
                elif (
                    isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) and isinstance(node.slice, ast.Constant)
                ):
                    found.add(str(node.slice.value))
                elif isinstance(node, ast.Constant) and re.fullmatch(r"\w+_(?:value|percent)", str(node.value)):
                    found.add(str(node.value))
    return found - {"clear_at", "expected_low", "expected_high"}  # drawn


def _jobs() -> set[str]:
    """The names of what the service does by the clock."""
    text = "\n".join(path.read_text("utf-8") for path in sorted((COLLECTORS.parent / "steward" / "app").rglob("*.py")))
    return set(re.findall(r"jobs\.(?:every|nightly)\(\"([\w-]+)\"", text))


@pytest.mark.parametrize(
    ("family", "members"),
    [
        ("metric", sorted(METRICS)),
        ("equip", sorted(EQUIP_TYPES)),
        ("rulekind", sorted(kinds())),
        ("said", sorted({*TABLE, LED_BY})),
        ("reason", sorted(_reasons())),
        ("evidence", sorted(_evidence())),
        ("job", sorted(_jobs())),
        ("channel", sorted(get_args(ChannelType))),
        ("engine", ["embedded", "influx"]),
        ("term", sorted({*_WORDS, "rule or target changed"})),
        ("sev", [str(severity) for severity in SEVERITIES]),
        ("event", sorted({*map(str, Condition), *map(str, Human), "severity", "comment"})),
    ],
)
def test_every_word_of_the_vocabulary_has_a_text(
    family: str, members: list[str], english: dict[str, object], chinese: dict[str, object]
) -> None:
    assert not [member for member in members if f"{family}.{member}" not in english or f"{family}.{member}" not in chinese]
