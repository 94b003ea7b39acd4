"""Points, and the devices and channels that their values come through. Values are in the canonical unit of the metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as default
from typing import Any

import numpy as np

from steward.model.metrics import Nature
from steward.model.names import Text

DERIVED = "derived"
"""Role of points that Steward itself makes of others (demand of a register, pace of a quota): they have no device;
without a value they are not silent, only not known yet. Rules that want them say so, totals of main meters leave them out."""


@dataclass(frozen=True, slots=True)
class Point:
    """One measured quantity. Values are in `unit`, the canonical unit of its metric; times in ns.

    interval: expected time between samples; low, high: the valid range, outside it a sample is rejected as out of range;
    digits: register digits of a counter, in `register_unit` steps; category: sub-metering category (A1, B2 ...);
    states: code -> word for points of nature state.
    """

    id: str
    name: Text
    metric: str
    unit: str
    nature: Nature
    site: str
    space: str = ""
    equip: str = ""
    device: str = ""
    role: str = ""
    category: str = ""
    interval: int = 60_000_000_000
    low: float = -np.inf
    high: float = np.inf
    digits: int | None = None
    register_unit: str = ""
    rated_power: float | None = None
    display_unit: str = ""
    states: Mapping[int, str] = default(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Device:
    """What has an address on the network. `gateway` is the device that speaks for it, or ""."""

    id: str
    name: Text
    format: str
    address: str
    broker: str
    site: str = ""
    space: str = ""
    equip: str = ""
    gateway: str = ""
    template: str = ""


@dataclass(frozen=True, slots=True)
class Channel:
    """The way from a field of a device to a point: `value = raw * scale + offset` gives the canonical unit.

    `words` maps text values (after trimming) to numbers for state points; `field` is what the format's decoder calls it.
    """

    device: str
    field: str
    point: str
    scale: float = 1.0
    offset: float = 0.0
    words: Mapping[str, float] = default(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TemplatePoint:
    """A point that every device of a template has: `point` without place and with the id's suffix, and its channel's way."""

    point: Point
    field: str
    scale: float = 1.0
    offset: float = 0.0
    words: Mapping[str, float] = default(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Template:
    """What devices of one make send, written once. `topic` holds `{device}` where the address stands; "" = the format's own.

    `options` go to the format's decoder; with `admit`, devices not listed are admitted under `admit_to` (a site, space or
    equip) when they first appear.
    """

    id: str
    format: str
    topic: str = ""
    broker: str = ""
    options: Mapping[str, Any] = default(default_factory=dict)
    admit: bool = False
    admit_to: str = ""
    points: tuple[TemplatePoint, ...] = ()
