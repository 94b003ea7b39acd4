"""Writes the reference pages that follow from the code: `python docs/generate.py` (tests fail when they are not current).

Pages: facility-file.md (from the pydantic tables), metrics-and-units.md (from model and units), commands.md (from the CLI).
"""

from __future__ import annotations

import sys
import types
import typing
from collections.abc import Callable, Iterator
from pathlib import Path

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from steward.config import schema
from steward.config.values import Duration, Id, Name, OpeningHours, Power
from steward.model import EQUIP_TYPES, METRICS
from steward.units import DAY, HOUR, MINUTE, SECOND, UNITS

HERE = Path(__file__).parent
NOTE = "<!-- written by docs/generate.py: do not edit -->\n"
TYPES: list[tuple[object, str]] = [
    (Id, "id"),
    (Name, "text, or text by language"),
    (Duration, "duration"),
    (Power, "power"),
    (OpeningHours, "hours by day"),
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
        return " or ".join(f"`{value}`" for value in arguments)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(type_name(argument) for argument in arguments if argument is not type(None))
    if origin is list:
        return f"list of {type_name(arguments[0])}"
    if origin is dict:
        return "table"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "table"
    return {str: "text", int: "integer", float: "number", bool: "true/false"}.get(
        annotation, getattr(annotation, "__name__", "any")
    )  # type: ignore[call-overload, no-any-return]


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
        yield f"| `{key}` | {kind} | {_default(field, kind)} | {field.description or ''} |\n"


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
    for key, field in schema.Document.model_fields.items():
        annotation = field.annotation
        inner = typing.get_args(annotation)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            parts += table_section(f"[{key}]", annotation)
        elif inner and isinstance(inner[0], type) and issubclass(inner[0], BaseModel):
            parts += table_section(f"[[{key}]]", inner[0])
    parts += table_section("[[template.point]]", schema.TemplatePointTable)
    parts += table_section("[broker.tls]", schema.TlsTable)
    parts += table_section("[device.points.*]", schema.OverrideTable)
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


PAGES: dict[str, Callable[[], str]] = {
    "reference/facility-file.md": facility_file,
    "reference/metrics-and-units.md": metrics_and_units,
    "reference/commands.md": commands,
}


def main() -> None:
    """Writes every page."""
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")
        sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    main()
