"""What remains of a file when its wrong parts are taken out, so that one look at it tells all that is wrong. Pure.

Invariants: nothing is added or changed, only taken out: a wrong or unknown key, else the table that it stands in; the ids of
tables that went are known, so that nobody is blamed for naming them. The remains are looked at and never run.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

ROUNDS = 4
"""A key is taken out, then the table that needed it, then what needed that table's kind; more is not worth it."""


def remains(model: type[BaseModel], raw: dict[str, Any], error: ValidationError) -> tuple[BaseModel | None, set[str]]:
    """The model of what remains of `raw` (which is changed), None where too much is wrong; the ids of tables that went."""
    gone: set[str] = set()
    for _ in range(ROUNDS):
        locs = [(tuple(detail["loc"]), detail["type"]) for detail in error.errors(include_url=False, include_input=False)]
        for loc, kind in sorted(locs, key=lambda one: tuple(map(_order, one[0])), reverse=True):
            _take_out(raw, loc, kind, gone)
        try:
            return model.model_validate(raw), gone
        except ValidationError as left:
            error = left
    return None, gone


def _order(step: Any) -> tuple[int, int, str]:
    return (0, step, "") if isinstance(step, int) else (1, 0, str(step))


def _take_out(raw: dict[str, Any], loc: Sequence[Any], kind: str, gone: set[str]) -> None:
    """Takes out what a location names, where a key can go by itself; else the innermost table of a list around it."""
    path: list[tuple[Any, Any]] = [("", raw)]
    held: Any = raw
    for step in loc:
        try:
            held = held[step]
        except (KeyError, IndexError, TypeError):
            break
        path.append((step, held))
    step, last = path[-1]
    container = path[-2][1] if len(path) > 1 else None
    if kind != "missing" and isinstance(container, dict) and step != "id" and not isinstance(last, list):
        del container[step]
        return
    for depth in range(len(path) - 1, 0, -1):
        step, held = path[depth]
        around = path[depth - 1][1]
        if isinstance(around, list) and isinstance(step, int):
            if isinstance(held, dict) and isinstance(held.get("id"), str):
                gone.add(held["id"])
            del around[step]
            return
    raw.pop(str(loc[0]) if loc else "", None)


def nearest(key: str, known: Iterable[str]) -> str:
    """The known key that is spelt most like it, "" where none is near."""
    found = difflib.get_close_matches(key, list(known), 1, 0.7)
    return found[0] if found else ""


def keys_at(model: type[BaseModel], loc: Sequence[Any]) -> list[str]:
    """The keys of the table that a location stands in, as far as the model tells."""
    for step in loc[:-1]:
        if isinstance(step, int):
            continue
        field = model.model_fields.get(str(step))
        inner = None if field is None else _model_in(field.annotation)
        if inner is None:
            return []
        model = inner
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The one model that an annotation holds, None where there is none or there are several."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = {id(model): model for part in getattr(annotation, "__args__", ()) if (model := _model_in(part)) is not None}
    return next(iter(found.values())) if len(found) == 1 else None
