"""Tables of derived consumption and reports: virtual meters, buildings, quotas, categories; and what holds between them.

Invariants: references (site, space, equip, point) are resolved here; expressions are only text here, since what they mean is
known to `metering`, which `steward.app` asks; every problem is added to the list given. No I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, model_validator

from steward.config.values import Id, Name, expected
from steward.errors import Problem, UnknownUnit
from steward.model import METRICS, Facility, Nature, Text
from steward.units import unit

Climate = Literal["", "severe_cold", "cold", "hot_summer_cold_winter", "hot_summer_warm_winter", "temperate"]


class DerivedTable(BaseModel):
    """A table of this module."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class VirtualMeterTable(DerivedTable):
    """A meter that is calculated from others."""

    id: Id
    name: Name | None = None
    site: str = Field("", description="id of its site; may be left out where space or equip is given")
    space: str = Field("", description="id of its space")
    equip: str = Field("", description="id of its equip")
    category: str = Field("", description="sub-metering category: A1 ... D6")
    role: str = Field("", description='"main": the whole of its site')
    metric: str = Field("", description="default: that of its inputs; to be given where a result in m3 may be several things")
    display_unit: str = Field("", description="unit on the page; default: chosen by size")
    expression: str = Field(
        min_length=1, description="for example `main.energy - sum(tenant.*.energy) + 0.5 * pv.energy`: see virtual meters"
    )


class BuildingTable(DerivedTable):
    """What a site is, for quotas, ranking and the returns of public institutions."""

    site: str = Field(description="id of the site")
    use: str = Field("", description="government_office, hospital, school ...: free, but as in the quotas")
    grade: str = Field("", description="class of the building in the quota's standard, e.g. A or B")
    climate: Climate = Field("", description="climate zone of building regulation")
    people: int | None = Field(None, ge=0, description="number of energy users; default: headcount of the site")
    heated_area_m2: float | None = Field(None, gt=0, description="area with heating, for the heating table")
    vehicles: int | None = Field(None, ge=0, description="official vehicles; default: vehicles and buses of the site")
    weather: str = Field("", description="point of the outdoor temperature; default: that of [energy]")
    data_room: bool = Field(False, description="the site is a data room: its return stands in a table of its own")


class QuotaTable(DerivedTable):
    """A limit and a guide value per year for one site, before those of the shipped standards."""

    id: Id
    site: str = Field(description="id of the site")
    metric: str = Field("energy", description="energy, heat, water, gas ...")
    per: Literal["site", "m2", "person"] = Field("site", description="what limit and guide are per, and year")
    unit: str = Field("", description="of limit and guide; default: kWh for energy and heat, else the canonical unit")
    limit: float = Field(gt=0, description="not to be passed (约束值)")
    guide: float | None = Field(None, gt=0, description="to be aimed at (引导值)")
    standard: str = Field("", description="name of the standard, as reports write it")
    source: str = Field("", description="who set it, and where it is written")
    year: int | None = Field(None, ge=2000, le=2200, description="for this year only")

    @model_validator(mode="after")
    def _guide_below_limit(self) -> QuotaTable:
        if self.guide is not None and self.guide > self.limit:
            raise ValueError(f"guide {self.guide:g} is above limit {self.limit:g}")
        return self


class CategoryTable(DerivedTable):
    """A sub-metering category: a name of your own, or a category that is not shipped."""

    code: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9]{0,3}$", description="as points name it: A, A1, B2 ...")
    name: Name


class EnergyTable(DerivedTable):
    """How consumption is added up and compared."""

    charging: Literal["building", "vehicles"] = Field(
        "building", description="where the energy of chargers on a building's meter is counted"
    )
    meter_class: float = Field(0.01, gt=0, le=0.1, description="accuracy of the meters in balances, as a share (class 1: 0.01)")
    least_peers: int = Field(3, ge=2, description="fewer buildings of a kind than this are not ranked")
    quotas: bool = Field(True, description="use the shipped standards where a site has no quota of its own")
    weather: str = Field("", description="point of the outdoor temperature; default: the only weather station's")
    weather_file: str = Field("", description="CSV with columns at (ISO 8601 with zone) and degc, instead of a point")


class ReportTable(DerivedTable):
    """The monthly report."""

    path: str = Field("data/reports", description="folder, relative to the working folder")
    languages: list[Literal["en", "zh"]] = Field(["zh", "en"], description="each is written")
    working_days: int = Field(
        3, ge=0, le=10, description="written on so many first working days of a month, as late data come in; 0: on demand only"
    )


@dataclass(frozen=True, slots=True)
class Virtual:
    """A virtual meter as declared, its place resolved. `where` names it in problems."""

    id: str
    name: Text
    site: str
    space: str
    equip: str
    category: str
    role: str
    metric: str
    display_unit: str
    expression: str
    where: str


@dataclass(frozen=True, slots=True)
class SiteQuota:
    """A site's own quota, canonical units of its metric per year."""

    id: str
    site: str
    metric: str
    per: str
    limit: float
    guide: float | None
    standard: str
    source: str
    year: int | None


@dataclass(frozen=True)
class Derived:
    """All of it, validated but for the expressions."""

    virtual: tuple[Virtual, ...] = ()
    buildings: Mapping[str, BuildingTable] = field(default_factory=dict)
    quotas: tuple[SiteQuota, ...] = ()
    categories: Mapping[str, Text] = field(default_factory=dict)
    energy: EnergyTable = field(default_factory=EnergyTable)
    report: ReportTable = field(default_factory=ReportTable)


class Tables(Protocol):
    """The part of a document that is read here."""

    @property
    def virtual_meter(self) -> list[VirtualMeterTable]: ...
    @property
    def building(self) -> list[BuildingTable]: ...
    @property
    def quota(self) -> list[QuotaTable]: ...
    @property
    def category(self) -> list[CategoryTable]: ...
    @property
    def energy(self) -> EnergyTable: ...
    @property
    def report(self) -> ReportTable: ...


DerivedCheck = Callable[[Facility, Derived], list[Problem]]
"""Checks expressions against a facility; given by whoever knows their grammar."""


def build_derived(document: Tables, origin: Mapping[str, list[str]], facility: Facility, problems: list[Problem]) -> Derived:
    """The derived tables of a document; what is wrong is added to `problems` and left out."""
    maker = _Maker(document, origin, facility, problems)
    return Derived(
        maker.virtual(),
        maker.buildings(),
        maker.quotas(),
        {table.code.upper(): table.name for table in document.category},
        maker.energy(),
        document.report,
    )


class _Maker:
    def __init__(self, document: Tables, origin: Mapping[str, list[str]], facility: Facility, problems: list[Problem]) -> None:
        self.document, self.origin, self.facility, self.problems = document, origin, facility, problems

    def _where(self, table: str, number: int, id: str) -> str:
        return f"{self.origin[table][number]}:{table}[{id}]"

    def _say(self, where: str, message: str, expected: str = "") -> None:
        self.problems.append(Problem(where, message, expected))

    def _known(self, where: str, value: str, known: Collection[str], what: str) -> bool:
        if not value or value in known:
            return True
        self._say(where, f"no {what} {value!r}", expected(value, known, what))
        return False

    def virtual(self) -> tuple[Virtual, ...]:
        """Virtual meters with their places; an id is one of a point neither here nor there."""
        found: dict[str, Virtual] = {}
        for number, table in enumerate(self.document.virtual_meter):
            where = self._where("virtual_meter", number, table.id)
            if table.id in found or table.id in self.facility.points:
                other = found[table.id].where if table.id in found else "a point"
                self._say(f"{where}.id", f"{table.id!r} is taken by {other}", "an id of its own")
                continue
            site, space = self._place(where, table)
            if table.display_unit:
                self._unit(
                    f"{where}.display_unit", table.display_unit, METRICS.get(table.metric or "energy", METRICS["energy"]).unit
                )
            if table.metric and (table.metric not in METRICS or METRICS[table.metric].nature is not Nature.COUNTER):
                self._say(f"{where}.metric", f"{table.metric!r} is no metric of a register", "energy, heat, water, gas ...")
            found[table.id] = Virtual(
                table.id,
                table.name or {"": table.id},
                site,
                space,
                table.equip,
                table.category,
                table.role,
                table.metric,
                table.display_unit,
                table.expression,
                where,
            )
        return tuple(found.values())

    def _place(self, where: str, table: VirtualMeterTable) -> tuple[str, str]:
        facility = self.facility
        ok = self._known(f"{where}.site", table.site, facility.sites, "site")
        ok &= self._known(f"{where}.space", table.space, facility.spaces, "space")
        ok &= self._known(f"{where}.equip", table.equip, facility.equips, "equip")
        if not ok:
            return table.site, table.space
        site, space = table.site, table.space
        if table.equip:
            space = space or facility.equips[table.equip].space
            site = site or facility.equips[table.equip].site
        if space:
            site = site or facility.spaces[space].site
        if not site:
            self._say(f"{where}.site", "missing", "site, space or equip")
        return site, space

    def _unit(self, where: str, symbol: str, canonical: str) -> float | None:
        try:
            found = unit(symbol)
        except UnknownUnit as error:
            self._say(where, str(error), f"a unit of {canonical}")
            return None
        if found.canonical != canonical:
            self._say(where, f"{symbol!r} is a unit of {found.canonical}", f"a unit of {canonical}")
            return None
        return found.scale

    def buildings(self) -> dict[str, BuildingTable]:
        """Descriptions by site, each once."""
        found: dict[str, BuildingTable] = {}
        for number, table in enumerate(self.document.building):
            where = self._where("building", number, table.site)
            known = self._known(f"{where}.site", table.site, self.facility.sites, "site")
            if table.site in found:
                self._say(f"{where}.site", f"{table.site!r} is described twice", "one table for each site")
            self._temperature(f"{where}.weather", table.weather)
            if known:
                found.setdefault(table.site, table)
        return found

    def _temperature(self, where: str, point: str) -> None:
        if self._known(where, point, self.facility.points, "point") and point:
            metric = self.facility.points[point].metric
            if metric != "temperature":
                self._say(where, f"{point!r} is a point of {metric}", "an outdoor temperature")

    def energy(self) -> EnergyTable:
        """The one table, its point checked."""
        table = self.document.energy
        self._temperature("energy.weather", table.weather)
        if table.weather and table.weather_file:
            self._say("energy.weather_file", "stands beside weather", "one of the two")
        return table

    def quotas(self) -> tuple[SiteQuota, ...]:
        """Quotas of sites, in canonical units."""
        found: dict[str, SiteQuota] = {}
        for number, table in enumerate(self.document.quota):
            where = self._where("quota", number, table.id)
            if table.id in found:
                self._say(f"{where}.id", f"{table.id!r} stands twice", "an id of its own")
            self._known(f"{where}.site", table.site, self.facility.sites, "site")
            kind = METRICS.get(table.metric)
            if kind is None or kind.nature is not Nature.COUNTER:
                self._say(f"{where}.metric", f"{table.metric!r} is no metric of a register", "energy, heat, water, gas ...")
                continue
            scale = self._unit(f"{where}.unit", table.unit or ("kWh" if kind.unit == "Wh" else kind.unit), kind.unit)
            if scale is None:
                continue
            guide: Any = None if table.guide is None else table.guide * scale
            found[table.id] = SiteQuota(
                table.id,
                table.site,
                table.metric,
                table.per,
                table.limit * scale,
                guide,
                table.standard,
                table.source,
                table.year,
            )
        return tuple(found.values())
