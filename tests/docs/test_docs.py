"""The documentation is held to the code: what a user can name is written down, links lead somewhere, pages are current."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import pytest
import typer
import yaml  # type: ignore[import-untyped, unused-ignore]

from collectors.formats import formats
from rules.load import kinds
from steward.cli import cli
from steward.config.schema import Document
from tests.api.world import opened

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
READ = [ROOT / "README.md", *PAGES]


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


GENERATED = generator().PAGES


def tracked() -> list[Path]:
    out = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if out.returncode:
        pytest.skip("no git checkout here: run the tests from a clone")
    return [ROOT / name for name in out.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def text(*pages: Path) -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in pages)


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_every_rule_kind_has_its_page(kind: str) -> None:
    assert f"`{kind}`" in text(DOCS / "reference" / "rules" / f"{kind}.md") + text(DOCS / "reference" / "rules" / "index.md")


@pytest.mark.parametrize("format", sorted(formats()))
def test_every_format_has_its_page(format: str) -> None:
    assert format in text(DOCS / "reference" / "formats" / f"{format}.md").lower()
    assert f"{format}.md" in text(DOCS / "reference" / "formats" / "index.md")


@pytest.mark.parametrize("pack", sorted(pack.name for pack in files("rules.packs").iterdir() if pack.name.endswith(".toml")))
def test_every_pack_is_mentioned(pack: str) -> None:
    assert f"`{pack.removesuffix('.toml')}`" in text(*PAGES) or f'"{pack.removesuffix(".toml")}"' in text(*PAGES)


@pytest.mark.parametrize("command", sorted(vars(typer.main.get_command(cli))["commands"]))
def test_every_command_is_in_the_reference_and_in_a_guide(command: str) -> None:
    assert f"`steward {command}`" in text(DOCS / "reference" / "commands.md")
    guides = [page for page in READ if page.name != "commands.md"]
    assert f"steward {command}" in text(*guides)


@pytest.mark.parametrize("table", sorted(Document.model_fields))
def test_every_table_of_the_facility_file_is_described(table: str) -> None:
    assert re.search(rf"^## `\[{{0,2}}{table}\]{{0,2}}`", text(DOCS / "reference" / "facility-file.md"), re.MULTILINE)


def test_every_key_of_the_facility_file_has_a_meaning() -> None:
    rows = re.findall(r"^\| `.*\|$", text(DOCS / "reference" / "facility-file.md"), re.MULTILINE)
    assert len(rows) > 200
    assert [row for row in rows if row.endswith("|  |")] == []


async def test_every_path_of_the_api_is_described_and_every_one_that_a_page_names_exists(tmp_path: Path) -> None:
    written = text(DOCS / "reference" / "api.md")
    async with opened(tmp_path) as world:
        paths = [*world.app.openapi()["paths"], str(world.app.openapi_url)]
    assert len(paths) > 20
    assert [path for path in paths[:-1] if f" {path}`" not in written] == []
    known = [re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))) for path in paths]
    for page in READ:
        for path, more in re.findall(r"(/api/v1(?:/[\w{}-]+(?:\.\w+)*)+)(\.\.\.|/\*)?", page.read_text(encoding="utf-8")):
            begins = more and any(each.startswith(path) for each in paths)
            assert begins or any(form.fullmatch(path) for form in known), f"{page.relative_to(ROOT)}: {path}{more}"


@pytest.mark.parametrize("page", READ, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_a_page_shows_exists_with_its_options(page: Path) -> None:
    commands = vars(typer.main.get_command(cli))["commands"]
    for name, rest in re.findall(r"(?:`|^|bin/)steward ([a-z-]+)([^`\n]*)", page.read_text(encoding="utf-8"), re.MULTILINE):
        assert name in commands, name
        known = {"--help", *(option for parameter in commands[name].params for option in parameter.opts)}
        assert set(re.findall(r"--[a-z-]+", rest)) <= known, f"steward {name}{rest}"


@pytest.mark.parametrize("page", sorted(GENERATED))
def test_a_generated_page_is_current(page: str) -> None:
    assert (DOCS / page).read_text(encoding="utf-8") == GENERATED[page](), "run python docs/generate.py"


def links(page: Path) -> Iterator[str]:
    body = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", body):
        if not re.match(r"[a-z]+:", target):
            yield target


@pytest.mark.parametrize("page", READ, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    dead = [link for link in links(page) if link.split("#")[0] and not (page.parent / link.split("#")[0]).exists()]
    assert dead == []


@pytest.mark.parametrize("page", READ, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_table_is_whole(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    begins = [number for number, line in enumerate(lines) if line.startswith("|") and not lines[number - 1].startswith("|")]
    headless = [lines[number] for number in begins if not re.fullmatch(r"\|[-:| ]+\|", [*lines, ""][number + 1])]
    assert headless == [], "a blank line cuts the table"


def test_every_page_is_in_the_navigation() -> None:
    tree = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]

    def leaves(node: object) -> Iterator[str]:
        if isinstance(node, str):
            yield node
        for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            yield from leaves(inner)

    assert sorted(leaves(tree)) == sorted(str(page.relative_to(DOCS)) for page in PAGES)


def test_every_make_target_that_the_readme_and_the_guides_name_exists() -> None:
    named = set(re.findall(r"^make ([a-z-]+)", text(*READ), re.MULTILINE)) | set(re.findall(r"`make ([a-z-]+)", text(*READ)))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"run", "test"} <= named
    assert named - targets == set()


def test_every_file_that_the_readme_names_exists() -> None:
    named = re.findall(r"`((?:tests|docs|deploy|bench|steward|simulators)/[\w./-]+)`", text(ROOT / "README.md"))
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_changelog_says_what_is_not_released_yet() -> None:
    assert "\n## [Unreleased]\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


BINARY = {".png", ".woff2", ".ico", ".gz", ".zip", ".parquet", ".bin", ".pb", ".raw"}
MACHINE = re.compile(
    r"(?<![\w.$}/-])/(?:work|root|home/[a-z]+)/[\w.]|index-url\s*=\s*https?://|--index-url[ =]https?://|/artifactory/|/simple/?['\"]"
)


def test_no_tracked_file_names_a_path_of_a_machine_or_a_registry() -> None:
    found = []
    for path in tracked():
        if path.suffix in BINARY or path == Path(__file__).resolve():
            continue
        try:
            body = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in MACHINE.finditer(body)]
    assert found == []


def sources() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py" and "vendor" not in path.parts]


def test_no_module_is_longer_than_400_lines() -> None:
    sizes = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sources() if "tests" not in path.parts}
    assert {str(path.relative_to(ROOT)): size for path, size in sizes.items() if size > 400} == {}, "split what is too long"


def test_no_function_is_longer_than_60_lines() -> None:
    found = {}
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                found[f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"] = node.end_lineno - node.lineno + 1
    assert {name: size for name, size in found.items() if size > 60} == {}, "split what is too long"
