"""Writes the reference pages that follow from the code: `python docs/generate.py` (tests fail when they are not current).

Pages: facility-file.md (from the pydantic tables), metrics-and-units.md (from model and units), commands.md (from the CLI),
self-metrics.md (from the registry of a built service), adr/README.md (from the decisions).
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
import types
import typing
from collections.abc import Callable, Iterator
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path

import typer
from prometheus_client import Metric
from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from steward.app.checking import read
from steward.app.service import Steward
from steward.config import money_tables, schema
from steward.config.desk import DaySpan, Weekdays
from steward.config.meters import Ratio
from steward.config.values import Duration, Id, Name, OpeningHours, Power
from steward.model import EQUIP_TYPES, METRICS
from steward.units import DAY, HOUR, MINUTE, SECOND, UNITS

HERE = Path(__file__).parent
NOTE = "<!-- written by docs/generate.py: do not edit -->\n"
EVERYWHERE = {"id": "what other tables and the API call it", "name": "what people read"}
"""Meanings of keys that say no more than that."""
TYPES: list[tuple[object, str]] = [
    (money_tables.Exact, "number"),
    (money_tables.Season, "days of the year"),
    (money_tables.DayHours, "hours of the day"),
    (Id, "id"),
    (Name, "text, or text by language"),
    (Duration, "duration"),
    (Power, "power"),
    (OpeningHours, "hours by day"),
    (Weekdays, "days of the week"),
    (DaySpan, "hours"),
    (Ratio, "ratio"),
    (AwareDatetime, "moment with zone"),
    (datetime, "moment"),
    (date, "day"),
]


def type_name(annotation: object) -> str:
    """The type of a key as a reader of the reference knows it."""
    for known, word in TYPES:
        if annotation == known:
            return word
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return type_name(arguments[0])
    if origin is typing.Literal:
        return " or ".join(f"`{value}`" for value in arguments if value != "")
    if origin in (types.UnionType, typing.Union):
        return " or ".join(type_name(argument) for argument in arguments if argument is not type(None))
    if origin is list:
        return f"list of {type_name(arguments[0])}"
    if origin is dict:
        return "table"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "table"
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return " or ".join(f"`{value}`" for value in annotation)
    words: dict[object, str] = {str: "text", int: "integer", float: "number", bool: "true/false"}
    return words.get(annotation) or str(getattr(annotation, "__name__", "any"))


def _hint(model: type[BaseModel], key: str) -> object:
    return typing.get_type_hints(model, include_extras=True).get(key, model.model_fields[key].annotation)


def _default(field: FieldInfo, kind: str) -> str:
    value = field.default
    if value is PydanticUndefined:
        return "required" if field.is_required() else ""
    if value in ("", None) or value == [] or value == {} or isinstance(value, BaseModel):
        return ""
    if kind == "duration":
        for unit, size in (("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND)):
            if value % size == 0:
                return f'`"{value // size}{unit}"`'
        return f'`"{value // 1_000_000}ms"`'
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`" if isinstance(value, int | float) else ""


def table_section(name: str, model: type[BaseModel], level: int = 2) -> Iterator[str]:
    """A heading and the table of keys of one TOML table."""
    yield f"\n{'#' * level} `{name}`\n\n{(model.__doc__ or '').strip()}\n\n"
    yield "| key | type | default | meaning |\n|---|---|---|---|\n"
    for key, field in model.model_fields.items():
        kind = type_name(_hint(model, key))
        meaning = field.description or EVERYWHERE.get(key, "")
        yield f"| `{field.alias or key}` | {kind} | {_default(field, kind)} | {meaning} |\n"


def _models(annotation: object, form: str) -> Iterator[tuple[str, type[BaseModel]]]:
    """The tables inside the type of a key, each with the form of its heading."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield form, annotation
    origin = typing.get_origin(annotation)
    inner = "[[{}]]" if origin is list else "[{}.*]" if origin is dict else form
    for argument in typing.get_args(annotation):
        yield from _models(argument, inner)


def sections(path: str, model: type[BaseModel], level: int) -> Iterator[tuple[str, type[BaseModel]]]:
    """(heading, table) of the tables of a table, `level` deep."""
    for key, field in model.model_fields.items():
        name = f"{path}.{field.alias or key}" if path else key
        for form, found in _models(_hint(model, key), "[{}]"):
            if level == 0:
                yield form.format(name), found
            else:
                yield from sections(name, found, level - 1)


def facility_file() -> str:
    """The page of the facility file."""
    parts = [
        NOTE,
        "# Facility file\n\nOne TOML file, or a folder of them: lists of tables add up, a single table stands in one file",
        " only. Unknown keys are refused. `steward check FILE` reports every problem at once.\n\n",
        'Durations are written `"90s"`, `"15m"`, `"1h30m"`, `"2d"`; powers `"200kW"`; names as a text or by language, ',
        '`{ en = "Block A", zh = "A座" }`. Secrets never stand in the file: `*_env` names an environment variable, ',
        "`*_file` a file.\n",
    ]
    for level in (0, 1):
        for name, model in sections("", schema.Document, level):
            parts += table_section(name, model)
    parts.append("\n## `[[rule]]`\n\nThe keys of a rule are those of its kind: see the pages under Rules.\n")
    parts.append('\n## `packs`\n\nA list of shipped rule packs to switch on, for example `packs = ["basic"]`.\n')
    return "".join(parts)


def metrics_and_units() -> str:
    """The page of metrics, equip types and units."""
    rows = "".join(f"| `{name}` | {kind.unit} | {kind.nature} |\n" for name, kind in sorted(METRICS.items()))
    groups: dict[str, list[str]] = {}
    for symbol, found in UNITS.items():
        groups.setdefault(found.canonical, []).append(f"`{symbol}`" if symbol else "(none)")
    units = "".join(f"| {canonical} | {', '.join(symbols)} |\n" for canonical, symbols in groups.items())
    return (
        f"{NOTE}# Metrics and units\n\nA metric is a kind of quantity; it fixes the canonical unit inside Steward and the usual"
        f" nature of a point.\n\n| metric | canonical unit | nature |\n|---|---|---|\n{rows}\n## Equip types\n\n"
        f"{', '.join(f'`{name}`' for name in EQUIP_TYPES)}\n\n## Units that are understood\n\n"
        f"| canonical | symbols |\n|---|---|\n{units}"
    )


def commands() -> str:
    """The page of the commands, from the CLI itself."""
    from steward.cli import cli

    group = typer.main.get_command(cli)
    parts = [NOTE, "# Commands\n\nExit codes: 0 good, 1 failed while running, 2 the facility file or the call is wrong.\n"]
    for name, command in sorted(getattr(group, "commands", {}).items()):
        parts.append(f"\n## `steward {name}`\n\n{(command.help or '').strip()}\n\n| argument | meaning |\n|---|---|\n")
        for parameter in command.params:
            label = (
                ", ".join(f"`{option}`" for option in parameter.opts)
                if parameter.param_type_name == "option"
                else f"`{parameter.name.upper()}`"
            )
            parts.append(f"| {label} | {getattr(parameter, 'help', '') or ''} |\n")
    return "".join(parts)


def self_metrics() -> str:
    """The page of Steward's own metrics, from the registry of a service that runs for a moment on an empty facility."""
    families = asyncio.run(_families())
    rows = "".join(
        f"| `{name}` | {family.type} | {', '.join(f'`{label}`' for label in labels)} | {family.documentation} |\n"
        for name, family, labels in families
    )
    return (
        f"{NOTE}# Self-metrics\n\nWhat `/metrics` says of Steward itself, for Prometheus. A counter's samples end in `_total`, "
        "a histogram's in `_bucket`, `_sum` and `_count`.\n\n| metric | type | labels | meaning |\n|---|---|---|---|\n" + rows
    )


def decisions() -> str:
    """The index of the decisions, from their first lines."""
    pages = sorted((HERE / "adr").glob("0*.md"))
    rows = []
    for page in pages:
        number, title = page.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ").split(". ", 1)
        rows.append(f"| {number} | [{title}]({page.name}) |\n")
    return (
        f"{NOTE}# Decisions\n\nOne page each: context, decision, consequences, what was measured. Numbered in the order in"
        f" which they were taken.\n\n| | decision |\n|---|---|\n{''.join(rows)}"
    )


async def _families() -> list[tuple[str, Metric, tuple[str, ...]]]:
    """Metrics by name. Labels come from the collectors, as a metric without a sample yet shows none."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "site.toml"
        file.write_text('[[broker]]\nid = "main"\nurl = "mqtt://127.0.0.1:0"\nembedded = true\n', encoding="utf-8")
        steward = Steward(read(file), clock=time.time_ns, environ={}, data=Path(folder))
        await steward.start()
        try:
            labels = {
                name: tuple(getattr(collector, "_labelnames", ()))
                for name, collector in steward.registry._names_to_collectors.items()
            }
            found = {family.name: family for family in steward.registry.collect()}
            return [(name, found[name], labels.get(name) or _seen(found[name])) for name in sorted(found)]
        finally:
            await steward.stop()


def _seen(family: Metric) -> tuple[str, ...]:
    return tuple(sorted({label for sample in family.samples for label in sample.labels} - {"le", "quantile"}))


PAGES: dict[str, Callable[[], str]] = {
    "adr/README.md": decisions,
    "reference/facility-file.md": facility_file,
    "reference/metrics-and-units.md": metrics_and_units,
    "reference/commands.md": commands,
    "reference/self-metrics.md": self_metrics,
}


def main() -> None:
    """Writes every page."""
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")
        sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    main()
