"""From raw rule tables to rules, or to every problem at once, each with its place, what is wrong and what was expected.

Kinds are discovered: every module of `rules.kinds` may hold one. Packs are rule tables shipped with Steward
(`rules/packs/<name>.toml`); a table of the facility with the id of a pack's rule replaces single keys of it, or turns it off
with `enabled = false`. A match that fits nothing is a warning for a rule of the facility, and no matter for one of a pack.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import msgspec

import rules.kinds
from rules.binding import MATCH_KEYS, POINT_KEYS, Catalogue, bind
from rules.contract import Gate, Kind, NotApplicable, Rule
from rules.quantity import Duration, Limit, read
from steward.errors import Problem
from steward.model import METRICS, Facility, Severity

COMMON = (
    "id",
    "kind",
    "severity",
    "match",
    "for",
    "keep_firing_for",
    "max_gap",
    "while",
    "title",
    "why",
    "check",
    "source",
    "enabled",
    "masks",
)
"""The keys that every rule has beside those of its kind."""
GATE_KEYS = ("role", "metric", "above", "below", "settle")


@dataclass(slots=True)
class Loaded:
    """What `load` made of the tables: the good rules, and what is wrong or doubtful."""

    rules: list[Rule] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


@cache
def kinds() -> dict[str, type[Kind]]:
    """Name -> kind, of every module in `rules.kinds`."""
    found: dict[str, type[Kind]] = {}
    for module in pkgutil.iter_modules(rules.kinds.__path__):
        for value in vars(importlib.import_module(f"rules.kinds.{module.name}")).values():
            if isinstance(value, type) and issubclass(value, Kind) and value.NAME:
                found[value.NAME] = value
    return dict(sorted(found.items()))


@cache
def packs() -> tuple[str, ...]:
    """The names of the packs."""
    return tuple(
        sorted(entry.name[:-5] for entry in files("rules").joinpath("packs").iterdir() if entry.name.endswith(".toml"))
    )


def pack(name: str) -> list[tuple[str, Mapping[str, Any]]]:
    """The rule tables of a pack, each with its place. Raises KeyError."""
    if name not in packs():
        raise KeyError(name)
    content = tomllib.loads(files("rules").joinpath("packs", f"{name}.toml").read_text("utf-8"))
    return [(f"pack {name}:rule[{table.get('id', number)}]", table) for number, table in enumerate(content.get("rule", []))]


def load(tables: Iterable[tuple[str, Mapping[str, Any]]], facility: Facility, use: Sequence[str] = ()) -> Loaded:
    """Rules from tables (`where`, table) and from the packs named in `use`. Raises nothing: see `Loaded.problems`."""
    loaded = Loaded()
    merged = merge(tables, use, loaded.problems)
    catalogue = Catalogue(facility)
    for where, table, origin in merged.values():
        if table.get("enabled", True) is not False:
            _load_one(where, table, origin, catalogue, loaded)
    return loaded


def merge(
    tables: Iterable[tuple[str, Mapping[str, Any]]], use: Sequence[str], problems: list[Problem]
) -> dict[str, tuple[str, Mapping[str, Any], str]]:
    """Rule id -> (where, its whole table, the pack it comes from or ""): packs, with the facility's own keys over them."""
    merged: dict[str, tuple[str, Mapping[str, Any], str]] = {}
    for name in sorted(use, key=lambda name: name != "basic"):  # other packs sharpen rules of the basic one, in whatever order
        try:
            for where, table in pack(name):
                merged[table["id"]] = (where, table, name)
        except KeyError:
            problems.append(Problem("packs", f"no pack {name!r}", _near(name, packs())))
    own: set[str] = set()
    for where, table in tables:
        id = table.get("id")
        if not isinstance(id, str) or not id:
            problems.append(Problem(f"{where}.id", "a rule without an id", "a text"))
        elif id in own:
            problems.append(Problem(f"{where}.id", f"a second rule with id {id!r}", "ids of their own"))
        elif id in merged and ("kind" not in table or table["kind"] == merged[id][1]["kind"]):
            merged[id] = (where, {**merged[id][1], **table}, merged[id][2])
            own.add(id)
        else:
            merged[id] = (where, table, "")
            own.add(id)
    return merged


def _load_one(where: str, table: Mapping[str, Any], origin: str, catalogue: Catalogue, loaded: Loaded) -> None:
    before = len(loaded.problems)
    reader = _Reader(where, loaded.problems)
    found = kinds().get(str(table.get("kind")))
    if found is None:
        what = f"no rule kind {table['kind']!r}" if "kind" in table else "a rule without a kind"
        loaded.problems.append(Problem(f"{where}.kind", what, _near(str(table.get("kind", "")), kinds())))
        return
    fields = {one.name: one for one in msgspec.structs.fields(found)}
    reader.refuse_unknown(table, (*COMMON, *fields))
    values = {name: reader.value(name, table[name], one.type) for name, one in fields.items() if name in table}
    for name, one in fields.items():
        if one.required and name not in table:
            loaded.problems.append(Problem(f"{where}.{name}", "missing", f"a value: kind {found.NAME} needs it"))
    rule = reader.common(table, found, origin)
    if len(loaded.problems) > before:
        return
    kind = found(**values)
    loaded.problems.extend(Problem(f"{where}.{key}", what, expected) for key, what, expected in kind.check())
    if len(loaded.problems) > before:
        return
    complete = rule(kind)
    if complete.gate is not None and kind.PATIENT:
        reader.wrong("while", f"kind {kind.NAME} judges silence, which nothing else can gate")
        return
    if complete.gate is not None and kind.JOINS:
        reader.wrong("while", f"kind {kind.NAME} joins several points, which a gate cannot be one of")
        return
    _try(complete, catalogue, loaded)
    if len(loaded.problems) == before:
        loaded.rules.append(complete)


def _try(rule: Rule, catalogue: Catalogue, loaded: Loaded) -> None:
    """What only shows when the rule meets the facility: units that do not fit, a match that fits nothing."""
    if rule.kind.INPUTS:
        chosen = bool(catalogue.select_equips(rule.match))
    else:
        points = catalogue.select(rule.match)
        chosen = bool(points)
        seen: set[tuple[str, str]] = set()
        for point in points:
            if (point.metric, point.unit) in seen:
                continue
            seen.add((point.metric, point.unit))
            try:
                rule.kind.parameters(catalogue.target(point))
            except NotApplicable:
                seen.discard((point.metric, point.unit))  # a matter of this target, not of its unit
            except ValueError as problem:
                loaded.problems.append(Problem(rule.where, f"{problem} (point {point.id}, metric {point.metric})"))
    if not chosen and not rule.pack:
        loaded.warnings.append(Problem(f"{rule.where}.match", "fits nothing in this facility", "at least one point or equip"))
    elif not bind(rule, catalogue).targets and not rule.pack:
        loaded.warnings.append(Problem(f"{rule.where}.match", "the rule is not applicable to anything that it fits"))


def _near(word: str, known: Iterable[str]) -> str:
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f"{close[0]!r}?" if close else "one of " + ", ".join(names)


@dataclass(slots=True)
class _Reader:
    """Reads the keys of one table, noting problems."""

    where: str
    problems: list[Problem]

    def wrong(self, key: str, message: str, expected: str = "") -> None:
        self.problems.append(Problem(f"{self.where}.{key}", message, expected))

    def refuse_unknown(self, table: Mapping[str, Any], known: Sequence[str], under: str = "") -> None:
        for key in table:
            if key not in known:
                self.wrong(f"{under}{key}", "unknown key", _near(key, known))

    def value(self, key: str, raw: Any, wanted: Any) -> Any:
        try:
            return msgspec.convert(raw, wanted, dec_hook=read)
        except msgspec.ValidationError as problem:
            message, _, expected = str(problem).partition(", expected ")
            self.wrong(key, message.replace("`", ""), expected)
            return None

    def texts(self, key: str, raw: Any) -> Mapping[str, str]:
        if isinstance(raw, str):
            return {"": raw}
        if isinstance(raw, Mapping) and all(isinstance(one, str) for one in raw.values()):
            return dict(raw)
        self.wrong(key, f"not a text: {raw!r}", 'a text or { en = "...", zh = "..." }')
        return {}

    def match(self, raw: Any, kind: type[Kind]) -> dict[str, tuple[str, ...]]:
        if not isinstance(raw, Mapping):
            self.wrong("match", f"not a table: {raw!r}", '{ metric = "power" }')
            return {}
        self.refuse_unknown(raw, MATCH_KEYS, "match.")
        match: dict[str, tuple[str, ...]] = {}
        for key, globs in raw.items():
            listed = [globs] if isinstance(globs, str) else globs
            if not isinstance(listed, list | tuple) or not all(isinstance(glob, str) for glob in listed):
                self.wrong(f"match.{key}", f"not a glob: {globs!r}", "a text or a list of texts")
                continue
            match[key] = tuple(listed)
            if key == "metric":
                for name in listed:
                    if name not in METRICS and not any(sign in name for sign in "*?["):
                        self.wrong("match.metric", f"unknown metric {name!r}", _near(name, METRICS))
            if kind.INPUTS and key in POINT_KEYS:
                self.wrong(
                    f"match.{key}",
                    f"kind {kind.NAME} watches equips, its inputs are roles",
                    "a key for places, such as equip_type",
                )
        return match

    def gate(self, raw: Any) -> Gate | None:
        if raw is None:
            return None
        if not isinstance(raw, Mapping):
            self.wrong("while", f"not a table: {raw!r}", '{ role = "on", above = 0 }')
            return None
        self.refuse_unknown(raw, GATE_KEYS, "while.")
        role, metric = str(raw.get("role", "")), str(raw.get("metric", ""))
        if not role and not metric:
            self.wrong("while", "names no point", "`role` or `metric`")
        if "above" not in raw and "below" not in raw:
            self.wrong("while", "says no limit", "`above` or `below`")
        if metric and metric not in METRICS:
            self.wrong("while.metric", f"unknown metric {metric!r}", _near(metric, METRICS))
        limits = {key: self._gate_limit(key, raw[key], metric) for key in ("above", "below") if key in raw}
        settle = self.value("while.settle", raw.get("settle", "0s"), Duration)
        return Gate(role, metric, limits.get("above"), limits.get("below"), settle or 0)

    def _gate_limit(self, key: str, raw: Any, metric: str) -> float | None:
        limit = self.value(f"while.{key}", raw, Limit)
        try:
            return None if limit is None else float(limit.value(METRICS[metric].unit if metric in METRICS else "1"))
        except ValueError as problem:
            self.wrong(f"while.{key}", str(problem), "" if metric else "`metric` beside a limit with a unit")
            return None

    def common(self, table: Mapping[str, Any], kind: type[Kind], origin: str) -> Callable[[Kind], Rule]:
        durations = {
            key: self.value(key, table[key], Duration)
            for key in ("for", "keep_firing_for", "max_gap")
            if table.get(key) is not None
        }
        severity = self.value("severity", table.get("severity", "medium"), Severity)
        match = self.match(table.get("match", {}), kind)
        gate = self.gate(table.get("while"))
        texts = {key: self.texts(key, table.get(key, {})) for key in ("title", "why", "check")}
        source = table.get("source", "")
        if not isinstance(source, str):
            self.wrong("source", f"not a text: {source!r}")
        masks = self.value("masks", table.get("masks", ""), Literal["", "nothing", "below"])
        if not isinstance(table.get("enabled", True), bool):
            self.wrong("enabled", f"not true or false: {table['enabled']!r}")
        return lambda made: Rule(
            table["id"], made, severity, match, int(durations.get("for") or 0), int(durations.get("keep_firing_for") or 0),
            durations.get("max_gap"), gate, texts["title"], texts["why"], texts["check"], str(source), self.where, origin,
            masks or "",
        )  # fmt: skip
