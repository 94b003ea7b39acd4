"""Which registers there are, and what each point derives from its register: `P.demand` or `P.flow`, and `P.fault`.

Invariants: every counter point is a register of its own; a `[[meter]]` table only adds what the point does not say; ratios are
exact; a derived point follows from its register alone, so the same facility always has the same points.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from metering.reads import Parameters, ceiling
from metering.sources import Scale, Scales
from steward.config.meters import MeterTable
from steward.model import DERIVED, Facility, FloatArray, IntArray, Nature, Point
from steward.units import HOUR, SECOND, UNITS

FAULTS = {0: "none", 1: "held", 2: "stuck", 3: "question"}
QUARTER_HOURS = 4
_STEP = {"m3": 1e-4}
_MEAN = {"Wh": ("demand", "power", "W"), "m3": ("flow", "flow", "m3/s")}
NAMES = {
    "demand": {"en": "demand", "zh": "需量"},
    "flow": {"en": "mean flow", "zh": "平均流量"},
    "fault": {"en": "meter fault", "zh": "计量异常"},
}


@dataclass(frozen=True, slots=True)
class Register:
    """A register. resolution: canonical units (as stored) per register unit; scales: canonical units with every ratio per
    register unit as they hold over time, negative for export; source: see `steward.config.meters`; base: what is known
    without any decision, dated: what is from a moment on; rated: ledger units an hour at the rated power of its equip, 0 where
    none is known: what is learned never forbids it."""

    id: str
    unit: str
    zone: str
    source: str
    resolution: float
    scales: Scales
    base: Parameters
    meter: MeterTable
    rated: float = 0.0
    dated: tuple[Parameters, ...] = ()

    @property
    def ceiling(self) -> float:
        """Register units that it never shows, whatever meter was there; see `metering.reads.ceiling`."""
        return max(ceiling(row.digits) for row in (self.base, *self.dated))

    def canonical(self, start: IntArray, value: IntArray) -> FloatArray:
        """Ledger units of the quarter-hours at `start` (ns) in the canonical unit, with every ratio."""
        return self.scales.canonical(start, value)

    def energy(self, at: int, value: int) -> float:
        """One amount of ledger units at a moment (ns) in the canonical unit."""
        return float(self.canonical(np.array([at], np.int64), np.array([value], np.int64))[0])

    def shown(self, at: int, value: int) -> float:
        """A read in the canonical unit with every ratio, whatever the direction."""
        return value * float(abs(self.scales.at(at).factor))

    @property
    def plain(self) -> bool:
        """Whether the bank may close it: a cumulative register read at least every hour."""
        return self.source == "register" and self.base.cadence <= HOUR and not self.meter.also

    @property
    def points(self) -> tuple[str, ...]:
        """The points that read it, best first."""
        return (self.id, *self.meter.also)


def registers_of(facility: Facility, meters: Mapping[str, MeterTable]) -> dict[str, Register]:
    """Every register of a facility by its (best) point; sums of tariff registers are not among them."""
    found = {}
    others = {id for meter in meters.values() for id in meter.also}
    for point in facility.points.values():
        meter = meters.get(point.id)
        if (meter is not None and meter.tariffs) or point.id in others:
            continue
        if point.nature is Nature.COUNTER or (meter is not None and meter.source != "register"):
            equip = facility.equips.get(point.equip)
            rated = equip.rated_power or 0.0 if equip is not None else 0.0
            found[point.id] = _register(point, meter or MeterTable(id=point.id), _zone(facility, point), rated)
    return found


def _zone(facility: Facility, point: Point) -> str:
    site = facility.sites.get(point.site)
    return site.time_zone if site else "UTC"


def _register(point: Point, meter: MeterTable, zone: str, rated: float) -> Register:
    unit = "Wh" if meter.source == "power" else point.unit
    resolution, digits = _resolution(point, meter, unit)
    scales = _scales(meter, resolution)
    ratios = min(abs(scale.factor / scale.resolution) for _, scale in scales.rows)
    per_hour = meter.limit * _size(point) if meter.limit else None
    if per_hour is None and point.rated_power and unit == "Wh":
        per_hour = point.rated_power / float(ratios)
    rate = per_hour / resolution if per_hour else None
    base = Parameters(rate=rate, digits=digits, cadence=meter.cadence or point.interval, reason="facility file")
    full = rated / float(ratios) / resolution if unit == "Wh" else 0.0
    return Register(point.id, unit, zone, meter.source, resolution, scales, base, meter, full, _dated(point, meter, unit, base))


def _dated(point: Point, meter: MeterTable, unit: str, base: Parameters) -> tuple[Parameters, ...]:
    """What the file says of a register from a moment on: the digits of a new meter."""
    named = [one for one in meter.ratios if one.digits is not None]
    each = [(one.since, _resolution(point, meter.model_copy(update={"digits": one.digits}), unit)[1]) for one in named]
    return tuple(replace(base, valid_from=round(since.timestamp()) * SECOND, digits=digits) for since, digits in each)


def _scales(meter: MeterTable, resolution: float) -> Scales:
    """The scales of a meter over time."""
    direction = -1 if meter.direction == "export" else 1
    multiplier = Fraction(str(meter.multiplier))
    scale = Scale(Fraction(1), Fraction(str(resolution)), multiplier, meter.ct_ratio, meter.pt_ratio, direction)
    rows = [(0, scale)]
    for one in meter.ratios:
        scale = replace(
            scale,
            multiplier=scale.multiplier if one.multiplier is None else Fraction(str(one.multiplier)),
            current=one.ct_ratio or scale.current,
            voltage=one.pt_ratio or scale.voltage,
        )
        rows.append((round(one.since.timestamp()) * SECOND, scale))
    return Scales(tuple(rows))


def _size(point: Point) -> float:
    """Canonical units of one unit that the register shows."""
    shown = UNITS.get(point.register_unit)
    return shown.scale if shown and point.register_unit else 1.0


def _resolution(point: Point, meter: MeterTable, unit: str) -> tuple[float, int | None]:
    """Canonical units per register unit, and how many decimal digits the register has in them."""
    size = _size(point)
    digits = meter.digits or point.digits
    if meter.source != "register":
        return (1e-3 if unit == "Wh" else 1e-6), None
    step = meter.resolution * size if meter.resolution else _STEP.get(unit, 1.0)
    power = math.log10(size / step)
    if digits is not None and abs(power - round(power)) > 1e-9:
        step, power = size / 1000, 3.0
    fine = None if digits is None else digits + round(power)
    return step, fine if fine is None or 1 <= fine <= 15 else None


def sums_of(meters: Mapping[str, MeterTable]) -> dict[str, tuple[str, ...]]:
    """Tariff sums: id -> the registers that are added up."""
    return {meter.id: tuple(meter.tariffs) for meter in meters.values() if meter.tariffs}


def mean_of(register: Register) -> tuple[str, str, str] | None:
    """(suffix, metric, unit) of the gauge that a register gives, None if it gives none."""
    return None if register.source == "power" else _MEAN.get(register.unit)


def derived_points(facility: Facility, meters: Mapping[str, MeterTable]) -> list[Point]:
    """The points that the registers give: a mean of each quarter-hour where the device has no gauge of its own, and a fault."""
    gauges = {(point.device or point.equip or point.id, point.metric) for point in facility.points.values() if _measured(point)}
    made: list[Point] = []
    for register in registers_of(facility, meters).values():
        point = facility.points[register.id]
        mean = mean_of(register)
        if mean is not None and (point.device or point.equip or point.id, mean[1]) not in gauges:
            made.append(_derive(point, mean[0], mean[1], mean[2], Nature.GAUGE))
        if f"{point.id}.fault" not in facility.points:
            made.append(_derive(point, "fault", "fault", "1", Nature.STATE))
    return made


def _measured(point: Point) -> bool:
    return point.nature is Nature.GAUGE and point.role != DERIVED


def _derive(point: Point, suffix: str, metric: str, unit: str, nature: Nature) -> Point:
    words = NAMES[suffix]
    separator = {"en": " ", "zh": ""}
    base = point.name
    stem = {language: base.get(language) or base.get("") or point.id for language in words}
    name = {language: f"{stem[language]}{separator[language]}{word}" for language, word in words.items()}
    states = FAULTS if nature is Nature.STATE else {}
    return replace(
        point,
        id=f"{point.id}.{suffix}",
        name={"": name["en"], **name},
        metric=metric,
        unit=unit,
        nature=nature,
        device="",
        role=DERIVED,
        category="",
        interval=max(point.interval, HOUR // QUARTER_HOURS),
        low=-math.inf,
        high=math.inf,
        digits=None,
        register_unit="",
        display_unit={"W": "kW", "m3/s": "m3/h"}.get(unit, ""),
        states=states,
    )


def with_derived(facility: Facility, meters: Sequence[MeterTable]) -> Facility:
    """The facility with the points that its registers give."""
    made = derived_points(facility, {meter.id: meter for meter in meters})
    fresh = {point.id: point for point in made if point.id not in facility.points}
    return replace(facility, points={**facility.points, **fresh}) if fresh else facility
