"""Facility files -> Settings, or every problem at once.

A facility is one TOML file or a folder of them: lists of tables add up, a single table ([store], [api] ...) may stand in
one file only. Relative paths inside it are kept as written; `Settings.root` is the folder that they are relative to.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import tomli
from pydantic import ValidationError

from steward.config.build import Origin, build
from steward.config.derived import Derived, DerivedCheck, build_derived
from steward.config.desk import DeskSettings, desk_of
from steward.config.meters import LedgerTable, MeterTable, check_meters
from steward.config.money import Money, build_money
from steward.config.notices import NoticeTables, notice_tables
from steward.config.notices import check_rules as check_notice_rules
from steward.config.rest import keys_at, nearest, remains
from steward.config.schema import (
    ApiTable,
    BatchTable,
    BrokerTable,
    ClockTable,
    Document,
    RecordsTable,
    SpoolTable,
    StoreTable,
)
from steward.errors import ConfigError, Problem
from steward.model import Facility

RuleCheck = Callable[[Facility, Sequence[str]], list[Problem]]
"""Checks rule tables and pack names against a facility; given by whoever knows the kinds."""
RuleNames = Callable[[Facility, Sequence[str]], tuple[Collection[str], Collection[str]]]
"""(facility, packs) -> (ids of rules, kinds of rules)."""

SINGLE = (
    *("facility", "desk", "store", "records", "spool", "batch", "clock", "api"),
    *("notices", "packs", "energy", "report", "money", "ledger"),
)


@dataclass(frozen=True)
class Settings:
    """A validated facility file: the facility itself, and how this service runs."""

    facility: Facility
    brokers: tuple[BrokerTable, ...]
    store: StoreTable
    records: RecordsTable
    spool: SpoolTable
    batch: BatchTable
    clock: ClockTable
    api: ApiTable
    packs: tuple[str, ...] = ()
    root: Path = field(default_factory=Path)
    files: tuple[Path, ...] = ()
    derived: Derived = field(default_factory=Derived)
    money: Money = field(default_factory=Money)
    desk: DeskSettings = field(default_factory=DeskSettings)
    notices: NoticeTables = field(default_factory=NoticeTables)
    meters: tuple[MeterTable, ...] = ()
    ledger: LedgerTable = field(default_factory=LedgerTable)


def facility_files(path: Path) -> list[Path]:
    """The files of a facility: the file itself, or every *.toml of a folder by name. Raises ConfigError."""
    if path.is_dir():
        files = sorted(path.glob("*.toml"))
        if not files:
            raise ConfigError([Problem(str(path), "no facility file here", "at least one *.toml")])
        return files
    if not path.exists():
        raise ConfigError([Problem(str(path), "no such file or folder", "a facility file (TOML) or a folder of them")])
    return [path]


def load(
    path: str | Path,
    *,
    formats: Collection[str] | None = None,
    check_rules: RuleCheck | None = None,
    check_derived: DerivedCheck | None = None,
    rule_names: RuleNames | None = None,
) -> Settings:
    """Reads and validates a facility. Opens no connection and reads no secret.

    formats: the names of the known payload formats; check_rules, check_derived, rule_names: what knows the rules' kinds, the
    grammar of expressions and the ids of rules (None: not checked). Raises ConfigError with every problem.
    """
    path = Path(path)
    files = facility_files(path)
    texts: list[tuple[str, str]] = []
    problems: list[Problem] = []
    for file in files:
        try:
            texts.append((file.name, file.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError) as error:
            problems.append(Problem(file.name, f"cannot be read: {error}", "a UTF-8 text file"))
    return parse(
        texts,
        root=path if path.is_dir() else path.parent,
        files=tuple(files),
        formats=formats,
        check_rules=check_rules,
        check_derived=check_derived,
        rule_names=rule_names,
        problems=problems,
    )


def parse(
    texts: Sequence[tuple[str, str]],
    *,
    root: Path | None = None,
    files: tuple[Path, ...] = (),
    formats: Collection[str] | None = None,
    check_rules: RuleCheck | None = None,
    check_derived: DerivedCheck | None = None,
    rule_names: RuleNames | None = None,
    problems: Sequence[Problem] = (),
) -> Settings:
    """As `load`, from (file name, text) pairs."""
    found = list(problems)
    gone: set[str] = set()
    with _without_collection():
        merged, origin = _documents(texts, found, gone)
        known = len(found)
        facility = build(merged, origin, formats, found)
        check_meters(merged.meter, origin.get("meter", []), facility.points, merged.ledger, found)
        if check_rules is not None:
            found.extend(check_rules(facility, merged.packs))
        derived = build_derived(merged, origin, facility, found)
        if check_derived is not None:
            found.extend(check_derived(facility, derived))
        money = build_money(merged, origin, facility, found)
    rules, kinds = rule_names(facility, merged.packs) if rule_names is not None else (None, None)
    tables = notice_tables(merged)
    people = [one.id for one in tables.recipients]
    desk = desk_of(merged.desk, merged.maintenance, merged.escalation, facility, origin, found, rules, people)
    if rules is not None and kinds is not None:
        found.extend(check_notice_rules(tables, rules, kinds, origin))
    if found:  # whoever names a table that is missing because it is wrong itself is not to blame
        gone.update(id for one in found for id in _ID.findall(one.where))
        raise ConfigError([*found[:known], *(one for one in found[known:] if not _names(one, gone))])
    return Settings(
        facility,
        tuple(merged.broker),
        merged.store,
        merged.records,
        merged.spool,
        merged.batch,
        merged.clock,
        merged.api,
        tuple(merged.packs),
        root or Path(),
        files,
        derived,
        money,
        desk=desk,
        notices=tables,
        meters=tuple(merged.meter),
        ledger=merged.ledger,
    )


_ID = re.compile(r":device\[([^\]]+)\]\.template$")
"""A device that is not made, as nobody knows its template."""


def _names(problem: Problem, ids: Collection[str]) -> bool:
    return problem.message.startswith("no ") and any(repr(id) in problem.message for id in ids)


@contextmanager
def _without_collection() -> Iterator[None]:
    """A large facility makes millions of objects that all stay: looking for cycles among them took a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _documents(texts: Sequence[tuple[str, str]], problems: list[Problem], gone: set[str]) -> tuple[Document, Origin]:
    """All files as one document. Raises ConfigError when one of them cannot be used."""
    documents: list[tuple[str, Document]] = []
    given: list[tuple[str, set[str]]] = []
    for name, content in texts:
        keys, document = _read(name, content, problems, gone)
        if keys is not None:
            given.append((name, keys))
        if document is not None:
            documents.append((name, document))
    _refuse_twice(given, problems)
    if problems and len(documents) < len(texts):
        raise ConfigError(problems)
    return _merge(documents, dict(given))


def _read(name: str, content: str, problems: list[Problem], gone: set[str]) -> tuple[set[str] | None, Document | None]:
    """The keys of a file, and what it says, or what remains of it without its wrong parts (`gone`: ids that went); each table
    as parsed is let go when it is validated: a large file has many."""
    try:
        raw = tomli.loads(content)
    except tomli.TOMLDecodeError as error:
        problems.append(Problem(name, f"not TOML: {error}", "see https://toml.io"))
        return None, None
    keys = set(raw)
    for key in keys - set(SINGLE):
        if isinstance(raw[key], list):
            raw[key] = _handed_over(raw[key])
    try:
        return keys, Document.model_validate(raw)
    except ValidationError as error:
        raw = tomli.loads(content)
        problems.extend(_problem(name, raw, detail) for detail in error.errors(include_url=False))
        found, lost = remains(Document, raw, error)
        gone |= lost
        return keys, cast(Document | None, found)


def _handed_over(tables: list[Any]) -> Iterator[Any]:
    tables.reverse()
    while tables:
        yield tables.pop()


def _problem(file: str, raw: Any, detail: Any) -> Problem:
    message = str(detail["msg"]).removeprefix("Value error, ")
    expected = ""
    if detail["type"] == "extra_forbidden":
        message, expected = "unknown key", _secret_hint(detail["loc"]) or _spelling(detail["loc"])
    elif detail["type"] == "missing":
        message, expected = "missing", "this key is required"
    elif isinstance(detail.get("input"), str | int | float | bool) and "got" not in message:
        message += f", got {detail['input']!r}"
    return Problem(_where(file, raw, detail["loc"]), message, expected)


def _spelling(loc: Sequence[Any]) -> str:
    meant = nearest(str(loc[-1]), keys_at(Document, loc))
    return f"{meant!r} perhaps, or another key of this table" if meant else "a key of this table (a spelling mistake?)"


def _secret_hint(loc: Sequence[Any]) -> str:
    key = str(loc[-1])
    if key in ("password", "token"):
        return f"{key}_env or {key}_file: secrets never stand in the file"
    return ""


def _where(file: str, raw: Any, loc: Sequence[Any]) -> str:
    """`file:table[id].key`, the id being the table's own or its number in the file, from 1."""
    path = ""
    value = raw
    for step in loc:
        value = _step(value, step)
        if isinstance(step, int):
            id = value.get("id") if isinstance(value, dict) else None
            path += f"[{id if isinstance(id, str) else step + 1}]"
        else:
            path += f".{step}" if path else str(step)
    return f"{file}:{path}"


def _step(value: Any, step: Any) -> Any:
    try:
        return value[step]
    except (KeyError, IndexError, TypeError):
        return None


def _refuse_twice(given: list[tuple[str, set[str]]], problems: list[Problem]) -> None:
    for table in SINGLE:
        holders = [name for name, keys in given if table in keys]
        problems.extend(Problem(f"{name}:{table}", f"stands in {holders[0]} too", "one file only") for name in holders[1:])


def _merge(documents: list[tuple[str, Document]], given: Mapping[str, set[str]]) -> tuple[Document, Origin]:
    values: dict[str, Any] = {}
    origin: Origin = {}
    for name, document in documents:
        for key in Document.model_fields:
            value = getattr(document, key)
            if key in SINGLE:
                if key in given[name]:
                    values[key] = value
            else:
                values.setdefault(key, []).extend(value)
                origin.setdefault(key, []).extend([name] * len(value))
    return Document.model_construct(**{**{key: getattr(Document(), key) for key in SINGLE}, **values}), origin
