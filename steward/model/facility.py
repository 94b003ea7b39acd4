"""A facility, whole: what a facility file says once it is validated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from steward.model.names import Text
from steward.model.places import Calendar, Equip, Organisation, Site, Space
from steward.model.points import Channel, Device, Point, Template


@dataclass(frozen=True)
class Facility:
    """A validated facility: everything by id, immutable. A reload makes a new one.

    `rules` are the raw rule tables (validated by the rules package, which knows the kinds), each with its `where`.
    """

    id: str
    name: Text
    organisations: Mapping[str, Organisation]
    sites: Mapping[str, Site]
    spaces: Mapping[str, Space]
    equips: Mapping[str, Equip]
    devices: Mapping[str, Device]
    points: Mapping[str, Point]
    channels: tuple[Channel, ...]
    calendars: Mapping[str, Calendar]
    templates: Mapping[str, Template]
    rules: tuple[tuple[str, Mapping[str, Any]], ...] = ()
