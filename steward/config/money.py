"""Money in the facility file: what holds between tariffs, factors, allocations, heating seasons and the facility.

Invariants: references, units and overlaps in time are checked here, every problem is said at once; what a tariff means is known
to `metering`, into whose dataclasses `steward.app.money.cashier` converts. No I/O.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from steward.config.money_tables import (
    CARRIERS,
    AllocationTable,
    Dated,
    FactorTable,
    HeatingSeasonTable,
    MoneyTable,
    PartyTable,
    TariffTable,
)
from steward.errors import Problem, UnknownUnit
from steward.model import Facility, Nature
from steward.units import unit


@dataclass(frozen=True)
class Money:
    """All of it, validated."""

    settings: MoneyTable = field(default_factory=MoneyTable)
    tariffs: tuple[TariffTable, ...] = ()
    factors: tuple[FactorTable, ...] = ()
    allocations: tuple[AllocationTable, ...] = ()
    seasons: tuple[HeatingSeasonTable, ...] = ()


class Tables(Protocol):
    """The part of a document that is read here."""

    @property
    def money(self) -> MoneyTable: ...
    @property
    def tariff(self) -> list[TariffTable]: ...
    @property
    def factor(self) -> list[FactorTable]: ...
    @property
    def allocation(self) -> list[AllocationTable]: ...
    @property
    def heating_season(self) -> list[HeatingSeasonTable]: ...


def build_money(document: Tables, origin: Mapping[str, list[str]], facility: Facility, problems: list[Problem]) -> Money:
    """The money tables of a document; what is wrong between tables is added to `problems`."""
    _Check(document, origin, facility, problems).run()
    return Money(
        document.money,
        tuple(document.tariff),
        tuple(document.factor),
        tuple(document.allocation),
        tuple(document.heating_season),
    )


class _Check:
    def __init__(self, document: Tables, origin: Mapping[str, list[str]], facility: Facility, problems: list[Problem]) -> None:
        self.document, self.origin, self.facility, self.problems = document, origin, facility, problems

    def run(self) -> None:
        """Everything that holds between tables."""
        self._money()
        self._tariffs()
        self._overlaps("factor", self.document.factor)
        self._allocations()
        for where, season in self._each("heating_season", self.document.heating_season):
            self._known(f"{where}.sites", season.sites, self.facility.sites, "site")

    def _each(self, table: str, rows: Sequence[Any]) -> Iterator[tuple[str, Any]]:
        for number, row in enumerate(rows):
            yield f"{self.origin[table][number]}:{table}[{row.id}]", row

    def _say(self, where: str, message: str, expected: str = "") -> None:
        self.problems.append(Problem(where, message, expected))

    def _known(self, where: str, values: Collection[str], known: Collection[str], what: str) -> None:
        for value in values:
            if value not in known:
                self._say(where, f"no {what} {value!r}", f"the id of a {what}")

    def _registers(self, where: str, ids: Collection[str], carrier: str = "") -> None:
        points = self.facility.points
        self._known(where, ids, points, "point")
        for id in ids:
            if id in points and points[id].nature is not Nature.COUNTER:
                self._say(where, f"{id!r} is a {points[id].nature}", "a register (nature counter)")
            elif id in points and carrier in CARRIERS and points[id].unit != CARRIERS[carrier]:
                self._say(where, f"{id!r} counts {points[id].unit}", f"a register of {carrier} ({CARRIERS[carrier]})")

    def _money(self) -> None:
        settings = self.document.money
        fuels = {name for name, canonical in CARRIERS.items() if canonical == "m3"}
        for id, carrier in {"": settings.fuel, **settings.fuels}.items():
            where = f"money.fuels.{id}" if id else "money.fuel"
            if id:
                self._known(where, [id], self.facility.points, "point")
            if carrier not in fuels:
                self._say(where, f"no fuel {carrier!r}", ", ".join(sorted(fuels)))

    def _tariffs(self) -> None:
        for where, table in self._each("tariff", self.document.tariff):
            self._known(f"{where}.sites", table.sites, self.facility.sites, "site")
            self._registers(f"{where}.points", table.points, table.carrier)
            wanted = CARRIERS.get(table.carrier)
            if wanted is None:
                self._say(f"{where}.carrier", f"no carrier {table.carrier!r}", ", ".join(CARRIERS))
                continue
            try:
                found = unit(table.unit).canonical
            except UnknownUnit as error:
                self._say(f"{where}.unit", str(error), "kWh, m3, GJ, L ...")
                continue
            if found != wanted:
                self._say(
                    f"{where}.unit", f"{table.unit!r} is a unit of {found}", f"one of {wanted}, as {table.carrier} is metered"
                )
            if table.demand is not None and table.carrier != "electricity":
                self._say(f"{where}.demand", f"{table.carrier} has no demand charge", "electricity")
        self._overlaps("tariff", self.document.tariff)
        self._rivals()

    def _overlaps(self, name: str, rows: Sequence[Any]) -> None:
        """Versions of one id must not hold at once."""
        seen: dict[str, list[tuple[str, Any]]] = {}
        for where, row in self._each(name, rows):
            for other, earlier in seen.setdefault(row.id, []):
                if _meet(row, earlier):
                    self._say(
                        f"{where}.valid_from", f"overlaps the version from {earlier.valid_from} ({other})", "one after another"
                    )
            seen[row.id].append((where, row))

    def _rivals(self) -> None:
        """Two tariffs must not claim the same consumption, nor one register two currencies or units."""
        rows = list(self._each("tariff", self.document.tariff))
        for number, (where, row) in enumerate(rows):
            for _, other in rows[:number]:
                if row.carrier != other.carrier or not _same_scope(row, other):
                    continue
                if row.id != other.id and _meet(row, other):
                    self._say(f"{where}.id", f"holds at the same time and place as {other.id!r}", "sites or points of its own")
                elif (row.unit, row.currency) != (other.unit, other.currency):
                    self._say(
                        f"{where}.unit", f"{row.currency}/{row.unit} after {other.currency}/{other.unit}", "the same as before"
                    )
                elif row.billing_day != other.billing_day:
                    self._say(f"{where}.billing_day", f"{row.billing_day} after {other.billing_day}", "the same as before")

    def _allocations(self) -> None:
        facility = self.facility
        bodies = {**facility.organisations, **facility.spaces, **facility.sites}
        ids: set[str] = set()
        for where, table in self._each("allocation", self.document.allocation):
            if table.id in ids:
                self._say(f"{where}.id", f"{table.id!r} stands twice", "an id of its own")
            ids.add(table.id)
            self._registers(f"{where}.point", [table.point])
            seen: set[str] = set()
            for party in table.party:
                for id in [party.id, *party.points]:
                    if id in seen:
                        self._say(f"{where}.party[{party.id}]", f"{id!r} stands twice: it would be counted twice", "each once")
                    seen.add(id)
                self._known(f"{where}.party[{party.id}].id", [party.id], bodies, "organisation, space or site")
                self._registers(f"{where}.party[{party.id}].points", party.points)
            for key in {table.by, table.residual} - {"show", "meter"}:
                if not any(weight(facility, party, key) for party in table.party):
                    self._say(f"{where}.by", f"no party has {key}", "area_m2, headcount or key of the parties")
            if table.by == "meter" and not any(party.points for party in table.party):
                self._say(f"{where}.by", "no party has points", "sub-meters of the parties")


def weight(facility: Facility, party: PartyTable, key: str) -> float:
    """The weight of a party by "area", "headcount" or "key"; 0 where it has none."""
    if key == "key":
        return party.key or 0.0
    space, site = facility.spaces.get(party.id), facility.sites.get(party.id)
    if key == "area":
        return party.area_m2 or (space.area_m2 if space else site.area_m2 if site else None) or 0.0
    return party.headcount or float((site.headcount if site else None) or 0)


def _meet(one: Dated, other: Dated) -> bool:
    return one.valid_from <= other.valid_to and other.valid_from <= one.valid_to


def _same_scope(one: TariffTable, other: TariffTable) -> bool:
    if one.points or other.points:
        return bool(set(one.points) & set(other.points))
    if one.sites or other.sites:
        return bool(set(one.sites) & set(other.sites))
    return True
