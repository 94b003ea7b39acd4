"""Device formats: one module per payload format, discovered, not registered by hand.

A format module holds
    TOPICS: tuple[str, ...]     the topic filters it speaks on by default (`{device}` stands for the device's address)
    class Decoder               one instance per broker and template; `decode(message, out)`, and state where there is any
    class Options               optional: a msgspec.Struct, what a template's `options` may hold; given as Decoder(options)
and its first line links the vendor's document. Outsiders add modules through the entry-point group `steward.formats`.

`decode` states fields of devices, by the names that the vendor gives them ("ENERGY.Total"); which point a field is, its
scale and its range is configuration and is applied by `readings`, in columns. Decoders are pure: no clock (the arrival is
in the message), no I/O, no logging. What cannot be read raises UndecodableMessage.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any

import msgspec

from collectors.formats.contract import Decoder, DeviceReadings, Message, Readings
from steward.errors import ConfigError, Problem, UndecodableMessage

__all__ = ["Decoder", "DeviceReadings", "Message", "Readings", "decoder", "formats"]

ENTRY_POINTS = "steward.formats"
NO_FORMATS = {"contract", "times", "payloads"}
"""Modules of this package that hold no format."""


class Formats(Mapping[str, ModuleType]):
    """Format name -> module, imported when asked for."""

    def __init__(self, places: dict[str, str]) -> None:
        self._places = places

    def __getitem__(self, name: str) -> ModuleType:
        return importlib.import_module(self._places[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def formats() -> Mapping[str, ModuleType]:
    """All formats by name: the modules of this package, and those of the entry-point group, which may not replace one."""
    places = {entry.name: entry.value for entry in entry_points(group=ENTRY_POINTS)}
    for module in pkgutil.iter_modules(__path__):
        if module.name not in NO_FORMATS and not module.name.startswith("_"):
            places[module.name] = f"{__name__}.{module.name}"
    return Formats(dict(sorted(places.items())))


def decoder(name: str, options: Mapping[str, Any] | None = None) -> Decoder:
    """A new decoder of a format with a template's options. Raises ConfigError for an unknown format or wrong options."""
    known = formats()
    if name not in known:
        raise ConfigError([Problem("format", f"no format {name!r}", ", ".join(known))])
    made = known[name].Decoder
    kind = getattr(known[name], "Options", None)
    if kind is None:
        if options:
            raise ConfigError([Problem("options", f"the format {name} has no options", "none")])
        return made()  # type: ignore[no-any-return]
    try:
        return made(msgspec.convert(dict(options or {}), kind))  # type: ignore[no-any-return]
    except msgspec.ValidationError as error:
        expected = ", ".join(kind.__struct_fields__)
        raise ConfigError([Problem("options", str(error), expected)]) from None
    except UndecodableMessage as error:  # a path that is none
        raise ConfigError([Problem("options", str(error))]) from None
