"""The static model of a simulated facility: bodies, sites, equips, devices and what each device measures.

A point's id is `<device>.<quantity>`; the physics writes one column under that id in canonical units, the device layer
turns it into what the device sends (unit, resolution, noise, register digits), the facility file describes it. One plan,
three readers: what is sent, what is configured and what is labelled cannot disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from steward.model import METRICS, Nature
from steward.units import UNITS


@dataclass(frozen=True, slots=True)
class Quantity:
    """One measured quantity of a device template.

    unit: as sent; decimals: resolution as sent; noise: standard deviation of the instrument in that unit; digits: register
    digits before the point, in that unit; low, high: valid range in that unit; states: code -> word.
    """

    id: str
    en: str
    zh: str
    metric: str
    unit: str = ""
    decimals: int = 1
    noise: float = 0.0
    digits: int | None = None
    low: float | None = None
    high: float | None = None
    role: str = ""
    states: Mapping[int, str] = field(default_factory=dict)

    @property
    def nature(self) -> Nature:
        """gauge, counter or state, by the metric."""
        return METRICS[self.metric].nature

    @property
    def scale(self) -> float:
        """canonical = sent * scale + offset."""
        return UNITS[self.unit].scale if self.unit else 1.0

    @property
    def offset(self) -> float:
        """canonical = sent * scale + offset."""
        return UNITS[self.unit].offset if self.unit else 0.0


@dataclass(frozen=True, slots=True)
class Template:
    """What devices of one make send, in one format; `fields` names each quantity as the format calls it."""

    id: str
    format: str
    topic: str
    quantities: tuple[Quantity, ...]
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SimDevice:
    """A device: interval in s; `address` as its format addresses it; `gateway` speaks for it; `category` of its points."""

    id: str
    en: str
    zh: str
    template: Template
    address: str
    interval: int
    site: str
    equip: str = ""
    space: str = ""
    gateway: str = ""
    category: str = ""


@dataclass(frozen=True, slots=True)
class Body:
    """An organisation, site, space or equip: an id, two names and what else the facility file says of it."""

    id: str
    en: str
    zh: str
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """A facility to simulate."""

    id: str
    en: str
    zh: str
    organisations: tuple[Body, ...]
    sites: tuple[Body, ...]
    spaces: tuple[Body, ...]
    equips: tuple[Body, ...]
    gateways: tuple[SimDevice, ...]
    devices: tuple[SimDevice, ...]

    def device(self, id: str) -> SimDevice:
        """The device of an id. Raises KeyError."""
        for device in (*self.devices, *self.gateways):
            if device.id == id:
                return device
        raise KeyError(id)

    def points(self) -> list[str]:
        """The ids of all points, in the order of the devices."""
        return [f"{device.id}.{quantity.id}" for device in self.devices for quantity in device.template.quantities]

    def behind(self, gateway: str) -> list[SimDevice]:
        """The devices that a gateway speaks for."""
        return [device for device in self.devices if device.gateway == gateway]
