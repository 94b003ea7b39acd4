"""The `[[meter]]` table: what is known of a register beyond its point. Its docstrings are the reference documentation.

A counter point needs no table: digits, unit and rated power are the point's. A table adds ratios, the kind of source, limits.
What a table says of a point that does not exist, or is of the wrong nature, is reported with all other problems.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from steward.config.values import Duration, quantity
from steward.errors import Problem
from steward.model import Nature, Point
from steward.units import MINUTE


def _ratio(value: Any) -> Any:
    if isinstance(value, str) and "/" in value:
        parts = value.split("/")
        if len(parts) == 2 and all(part.strip().isdigit() and int(part) > 0 for part in parts):
            return (int(parts[0]), int(parts[1]))
        raise ValueError(f"got {value!r}, expected primary/secondary such as 400/5")
    return value


def _per_pulse(value: Any) -> Any:
    """A quantity of energy or volume, or a number in the point's canonical unit."""
    if not isinstance(value, str):
        return value
    for canonical in ("Wh", "m3"):
        try:
            return quantity(value, canonical)
        except ValueError:
            continue
    raise ValueError(f'got {value!r}, expected for example "0.5kWh" or "10L"')


Ratio = Annotated[tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]], BeforeValidator(_ratio)]


class RatioTable(BaseModel):
    """What holds from a moment on: a transformer, multiplier or meter was changed; what is not named stays as it was before."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    since: AwareDatetime = Field(alias="from", description="TOML date-time with an offset: 2026-03-01T10:00:00+08:00")
    multiplier: float | None = Field(None, gt=0, description="of the meter")
    ct_ratio: Ratio | None = Field(None, description="current transformer")
    pt_ratio: Ratio | None = Field(None, description="voltage transformer")
    digits: int | None = Field(None, ge=1, le=15, description="decimal digits of the new meter's register")


class MeterTable(BaseModel):
    """A meter: what the ledger must know of a point's register."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1, description="the point")
    source: Literal["register", "interval", "pulses", "power"] = Field(
        "register",
        description="cumulative register; consumption per interval; pulses since the last sample; power",
    )
    digits: int | None = Field(None, ge=1, le=15, description="decimal digits of the register; wins over the point's")
    resolution: float = Field(
        0, ge=0, description="smallest step of the register, in its unit; 0: found from digits and metric"
    )
    multiplier: float = Field(1.0, gt=0, description="of the meter")
    ct_ratio: Ratio = Field((1, 1), description='current transformer, "400/5", where the register does not include it')
    pt_ratio: Ratio = Field((1, 1), description='voltage transformer, "10000/100"')
    ratios: list[RatioTable] = Field([], description="what holds from a moment on; figures before it stay as they were")
    direction: Literal["import", "export"] = Field("import", description="export counts negative")
    tariffs: list[str] = Field([], description="points of the tariff registers that together are this register (id: a name)")
    also: list[str] = Field(
        [], description="further points that read the same register by other ways, best first: they fill what is silent"
    )
    agree: float = Field(2.0, ge=0, description="also: steps of the register by which the ways may differ")
    limit: float | None = Field(
        None, gt=0, description="most that can be consumed in an hour, register units; default: learned"
    )
    cadence: Duration | None = Field(None, gt=0, description="expected time between reads; default: the point's interval")
    per_pulse: Annotated[float, BeforeValidator(_per_pulse)] = Field(
        1.0, gt=0, description='pulses: consumption of one pulse, "0.5kWh", "10L", or a number in the point\'s canonical unit'
    )
    method: Literal["trapezoid", "hold"] = Field(
        "trapezoid", description="power: straight line, or the earlier value holds; below zero nothing counts"
    )
    longest: Duration = Field(15 * MINUTE, gt=0, description="power: samples further apart are a gap and not integrated")


class LedgerTable(BaseModel):
    """How the ledger is kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    close_day: int = Field(0, ge=0, le=28, description="day on which the month before is closed by itself; 0: by a person only")
    weather: str = Field("", description="point of the outdoor temperature for baselines; empty: a weather_station's")


def check_meters(
    meters: Sequence[MeterTable],
    where: Sequence[str],
    points: Mapping[str, Point],
    ledger: LedgerTable,
    problems: list[Problem],
) -> None:
    """Adds what does not hold between meters and points."""
    seen: set[str] = set()
    others = {id for meter in meters for id in meter.also}
    for number, meter in enumerate(meters):
        place = f"{where[number]}:meter[{meter.id}]"
        if meter.id in seen:
            problems.append(Problem(f"{place}.id", f"{meter.id!r} stands here twice", "one table for each point"))
        if meter.id in others:
            problems.append(Problem(f"{place}.id", f"{meter.id!r} is a further way to another register", "a point of its own"))
        seen.add(meter.id)
        _check_meter(place, meter, points, problems)
    if ledger.weather and (ledger.weather not in points or points[ledger.weather].metric != "temperature"):
        problems.append(Problem("ledger.weather", f"no point {ledger.weather!r} of temperature", "the id of such a point"))


def _check_meter(place: str, meter: MeterTable, points: Mapping[str, Point], problems: list[Problem]) -> None:
    known = [points.get(id) for id in (meter.tariffs or [meter.id])]
    for id, point in zip(meter.tariffs or [meter.id], known, strict=True):
        key = "tariffs" if meter.tariffs else "id"
        if point is None:
            problems.append(Problem(f"{place}.{key}", f"no point {id!r}", "the id of a point"))
        elif meter.source == "power" and point.metric != "power":
            problems.append(Problem(f"{place}.source", f"{id!r} is of {point.metric}", "a point of power"))
        elif meter.source != "power" and (meter.tariffs or meter.source == "register") and point.nature is not Nature.COUNTER:
            problems.append(Problem(f"{place}.{key}", f"{id!r} is a {point.nature}", "a point of nature counter"))
    moments = [one.since for one in meter.ratios]
    if sorted(set(moments)) != moments:
        problems.append(Problem(f"{place}.ratios", "are not in the order of time", "each `from` later than the one before"))
    for id in meter.also:
        other, own = points.get(id), points.get(meter.id)
        if other is None or own is None or id == meter.id or (other.metric, other.nature) != (own.metric, own.nature):
            problems.append(
                Problem(f"{place}.also", f"{id!r} does not read this register", "another point of its metric and nature")
            )
    if meter.also and (meter.tariffs or meter.source != "register"):
        problems.append(Problem(f"{place}.also", "several ways to what is no single register", "source register"))
    if len(set(meter.tariffs)) < len(meter.tariffs):
        problems.append(Problem(f"{place}.tariffs", "a register stands twice: it would be counted twice", "each once"))
    if len({point.metric for point in known if point is not None}) > 1:
        problems.append(Problem(f"{place}.tariffs", "registers of different metrics cannot be added", "of one metric"))
    if meter.tariffs and meter.source != "register":
        problems.append(Problem(f"{place}.tariffs", f"tariff registers of source {meter.source}", "source register"))
