"""Energy: answers about consumption, from the books: trees of figures, load shapes, balances.

Invariants: nothing is stored here, every answer is computed from what the books say now, so a restatement shows at once; the
sum of a node takes each kWh once (`steward.app.consumption.scopes`); work on columns runs in a thread, never in the event
loop. Cost and carbon come from `Money`, which may be absent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from api.energy import (
    BalanceAnswer,
    BalanceChild,
    BalanceRow,
    Branch,
    By,
    Figure,
    Generation,
    LeftOut,
    PeriodName,
    ProfileAnswer,
    Summary,
    VehicleCharging,
    Worth,
)
from metering import balance as balancing
from metering import indicators as indicating
from metering.balance import Chosen, Meter
from metering.columns import Columns, add, quality
from metering.ownuse import ChargingRule, OwnUse, charging, own_use
from steward.app.consumption import data as energy_data
from steward.app.consumption.figures import Money, NoMoney, course, mark_of, moment, ms, numbers, works
from steward.app.consumption.scopes import COMMODITIES, UNASSIGNED, ConsumptionBooks, Node, Reader, Scopes, points_of, unit_of
from steward.config.derived import Derived
from steward.errors import NotFound
from steward.model import Calendar, Facility
from steward.units import DAY, MINUTE, SECOND

LONGEST = 4 * 366 * DAY
FINEST = {"quarter": 45 * DAY, "hour": 200 * DAY, "day": LONGEST, "month": LONGEST, "year": LONGEST}
"""The longest span that is told by each period."""


class Energy:
    """The desk for consumption (api.energy.EnergyDesk). facility, derived: as they stand; now: ns."""

    def __init__(
        self,
        facility: Callable[[], Facility],
        derived: Callable[[], Derived],
        books: ConsumptionBooks,
        clock: Callable[[], int],
        money: Money | None = None,
    ) -> None:
        self._facility, self._derived = facility, derived
        self.books, self.clock = books, clock
        self.money: Money = money or NoMoney()
        self._scopes: Scopes | None = None

    @property
    def scopes(self) -> Scopes:
        """The facility as it stands, laid out for sums."""
        facility, derived = self._facility(), self._derived()
        held = self._scopes
        if held is None or held.facility is not facility or held.derived is not derived:
            held = self._scopes = Scopes(facility, derived, energy_data.categories())
        return held

    # -- spans

    def zone(self, site: str = "") -> str:
        """The time zone of a site, or of the first one."""
        sites = self._facility().sites
        found = sites.get(site) or next(iter(sites.values()), None)
        return found.time_zone if found else "UTC"

    def site_of(self, node: Node) -> str:
        """The site that a node belongs to."""
        facility = self._facility()
        if node.kind == "site":
            return node.id
        if node.kind == "category":
            return node.key.partition(":")[2].partition("/")[0]
        if node.kind == "space":
            return facility.spaces[node.id].site
        return facility.equips[node.id].site if node.kind == "equip" else self.scopes.point(node.id).site

    def span(self, start: int | None, end: int | None, zone: str) -> tuple[int, int]:
        """[start, end) on whole quarter hours; default: the present local month up to now. Raises ValueError."""
        now = self.clock()
        until = now if end is None else end
        if start is None:
            local = datetime.fromtimestamp((until - 1) // SECOND, UTC).astimezone(ZoneInfo(zone))
            start = moment(local.date().replace(day=1), zone)
        quarter = 15 * MINUTE
        first, last = start // quarter * quarter, -(-until // quarter) * quarter
        if first >= last:
            raise ValueError("start is not before end")
        if last - first > LONGEST:
            raise ValueError(f"a span of {(last - first) // DAY} days, expected at most {LONGEST // DAY}")
        return first, last

    def calendar(self, site: str) -> Calendar | None:
        """The calendar of a site, None if it has none."""
        facility = self._facility()
        return facility.calendars.get(facility.sites[site].calendar) if site in facility.sites else None

    # -- the tree of figures

    async def summary(
        self,
        by: By = "site",
        start: int | None = None,
        end: int | None = None,
        period: PeriodName | None = None,
        under: str = "",
    ) -> Summary:
        """See api.energy.EnergyDesk."""
        return await asyncio.to_thread(self.summary_now, by, start, end, period, under)

    def summary_now(self, by: By, start: int | None, end: int | None, period: PeriodName | None, under: str = "") -> Summary:
        """As `summary`; blocks."""
        scopes = self.scopes
        nodes = scopes.nodes(by, under)
        zone = self.zone(next((node.id for node in nodes if node.kind == "site"), ""))
        since, until = self.span(start, end, zone)
        if period and until - since > FINEST[period]:
            raise ValueError(f"{(until - since) // DAY} days by {period}, expected at most {FINEST[period] // DAY}")
        reader = Reader(scopes, self.books, since, until)
        branches = [self._branch(node, reader, period) for node in nodes]
        kept = [branch for branch in branches if branch.figures or branch.kind == "site"]
        return Summary(ms(since), ms(until), by, period or "", zone, _attached(branches, kept))

    def _branch(self, node: Node, reader: Reader, period: str | None) -> Branch:
        if node.id == UNASSIGNED and node.kind == "category":
            figures = self._unassigned(node, reader, period)
        else:
            figures = [figure for metric in COMMODITIES if (figure := self.figure(node, metric, reader, period)) is not None]
        generation = charged = None
        if node.kind == "site":
            generation = self._generation(node, reader)
            charged = self._charging(node, reader)
        return Branch(node.key, node.kind, node.id, node.name, node.parent, figures, generation, charged)

    def figure(self, node: Node, metric: str, reader: Reader, period: str | None = None) -> Figure | None:
        """Consumption of a metric at a node; None where it has no meter of it."""
        chosen = reader.scopes.chosen(node, metric)
        if not chosen.meters:
            return None
        columns = self.columns(node, metric, reader, chosen)
        return self._figure(metric, columns, chosen, reader, self.zone(self.site_of(node)), period)

    def columns(self, node: Node, metric: str, reader: Reader, chosen: Chosen | None = None) -> Columns:
        """Quarter-hour consumption of a node: of a site with generation, import and generation less export."""
        chosen = chosen or reader.scopes.chosen(node, metric)
        if not chosen.meters:
            raise NotFound(f"{metric} meter at", node.key)
        if metric == "energy" and node.kind == "site" and (own := self.own_use(node, reader)) is not None:
            return own.consumption
        return add(reader.every(chosen.points))

    def _figure(self, metric: str, columns: Columns, chosen: Chosen, reader: Reader, zone: str, period: str | None) -> Figure:
        scopes = reader.scopes
        left_out = [LeftOut(points_of([one.meter])[0], one.why, one.of) for one in chosen.dropped]
        return Figure(
            metric,
            unit_of(metric),
            columns.total(),
            mark_of(quality(columns)),
            list(chosen.points),
            [id for id in scopes.plan.registers(chosen.points) if id not in chosen.points],
            left_out,
            self.worth(chosen.points, reader),
            course(columns, zone, period) if period else None,
        )

    def worth(self, points: tuple[str, ...], reader: Reader) -> Worth:
        """What the consumption of registers cost and emitted, together; None where one of them is not known."""
        found = [self.money.valued(point, reader.columns(point)) for point in points]
        currencies = {one.currency for one in found if one.currency}

        def total(values: list[float | None]) -> float | None:
            return None if not values or None in values else sum(value for value in values if value is not None)

        cost = total([one.cost for one in found]) if len(currencies) <= 1 else None
        return Worth(
            cost,
            "".join(currencies) if cost is not None else "",
            total([one.carbon for one in found]),
            total([one.coal for one in found]),
        )

    def _unassigned(self, node: Node, reader: Reader, period: str | None) -> list[Figure]:
        """What the site's meters count and no category does."""
        site = reader.scopes.node(f"site:{self.site_of(node)}")
        tops = [one for one in reader.scopes.nodes("category", site.id) if one.parent == site.key and one.id != UNASSIGNED]
        figures = []
        for metric in COMMODITIES:
            whole = reader.scopes.chosen(site, metric)
            parts = [chosen for one in tops if (chosen := reader.scopes.chosen(one, metric)).meters]
            if not whole.meters or not parts:
                continue
            counted = [column for chosen in parts for column in reader.every(chosen.points)]
            columns = add([self.columns(site, metric, reader, whole), *counted], [1.0] + [-1.0] * len(counted))
            figure = self._figure(metric, columns, Chosen((), ()), reader, self.zone(site.id), period)
            figures.append(figure)
        return figures

    # -- generation and charging

    def own_use(self, node: Node, reader: Reader) -> OwnUse | None:
        """Import, generation and export of a site; None where nothing is generated or exported."""
        graph = reader.scopes.graphs["energy"]
        chosen = reader.scopes.chosen(node, "energy")
        sources = [meter for meter in graph.sources.values() if meter.site == node.id]
        tops = {meter.node for meter in chosen.meters}
        exports = [
            meter for id, meter in graph.exports.items() if id in tops or (meter.site == node.id and id not in graph.meters)
        ]
        if not sources and not exports:
            return None
        return own_use(
            reader.every(chosen.points), reader.every(points_of(exports)), reader.every(points_of(sources)), reader.nothing()
        )

    def _generation(self, node: Node, reader: Reader) -> Generation | None:
        found = self.own_use(node, reader)
        if found is None:
            return None
        return Generation(
            found.imported.total(),
            found.exported.total(),
            found.generated.total(),
            found.consumption.total(),
            found.own.total(),
            found.self_consumption,
            found.autarky,
            found.contradictions,
        )

    def _charging(self, node: Node, reader: Reader) -> VehicleCharging | None:
        chargers: list[Meter] = reader.scopes.chargers(node.id)
        if not chargers or not reader.scopes.chosen(node, "energy").meters:
            return None
        rule = ChargingRule(reader.scopes.derived.energy.charging)
        own = points_of(chargers)
        found = charging(self.columns(node, "energy", reader), reader.every(own), [], rule)
        return VehicleCharging(
            rule.value,
            found.vehicles.total(),
            found.with_chargers.total(),
            found.without_chargers.total(),
            found.building.total(),
            own,
        )

    # -- shapes and balances

    async def profile(
        self, node: str, metric: str = "energy", start: int | None = None, end: int | None = None
    ) -> ProfileAnswer:
        """See api.energy.EnergyDesk."""
        return await asyncio.to_thread(self._profile, node, metric, start, end)

    def _profile(self, key: str, metric: str, start: int | None, end: int | None) -> ProfileAnswer:
        self._metric(metric)
        scopes = self.scopes
        node = scopes.node(key)
        site = self.site_of(node)
        zone = self.zone(site)
        since, until = self.span(start, end, zone)
        if until - since > FINEST["hour"] * 2:
            raise ValueError(f"{(until - since) // DAY} days, expected at most {FINEST['hour'] * 2 // DAY}")
        if node.kind == "point":
            metric = scopes.point(node.id).metric
        reader = Reader(scopes, self.books, since, until)
        chosen = scopes.chosen(node, metric)
        columns = self.columns(node, metric, reader, chosen)
        shape = indicating.profile(columns, zone, self.working(site))
        step = "quarter" if until - since <= FINEST["quarter"] else "hour"
        return ProfileAnswer(
            node.key,
            metric,
            unit_of(metric),
            ms(since),
            ms(until),
            zone,
            list(chosen.points),
            [(date(1970, 1, 1) + timedelta(days=int(day))).isoformat() for day in shape.days],
            [numbers(row) for row in shape.heat],
            (~shape.shape).tolist(),
            numbers(shape.weekday),
            numbers(shape.weekend),
            shape.duration.tolist(),
            course(columns, zone, step),
            mark_of(quality(columns)),
        )

    def working(self, site: str) -> Callable[[int], bool] | None:
        """Says of a local day number whether it is a workday of the site; None without a calendar."""
        calendar = self.calendar(site)
        return None if calendar is None else lambda day: works(calendar, date(1970, 1, 1) + timedelta(days=day))

    async def balance(
        self, site: str, metric: str = "energy", start: int | None = None, end: int | None = None
    ) -> BalanceAnswer:
        """See api.energy.EnergyDesk."""
        return await asyncio.to_thread(self.balance_now, site, metric, start, end)

    def balance_now(self, site: str, metric: str, start: int | None, end: int | None) -> BalanceAnswer:
        """As `balance`; blocks."""
        self._metric(metric)
        scopes = self.scopes
        if site not in scopes.facility.sites:
            raise NotFound("site", site)
        since, until = self.span(start, end, self.zone(site))
        reader = Reader(scopes, self.books, since, until)
        graph = scopes.graphs[metric]
        accuracy = scopes.derived.energy.meter_class
        columns = {point: reader.columns(point) for point in balancing.needed(graph)}
        rows = [
            _balance_row(one, columns)
            for one in balancing.balances(graph, columns, accuracy)
            if any(graph.meters[node].site == site for node in one.nodes)
        ]
        return BalanceAnswer(site, metric, unit_of(metric), ms(since), ms(until), accuracy, rows)

    def _metric(self, metric: str) -> None:
        if metric not in COMMODITIES:
            raise ValueError(f"metric {metric!r}, expected one of {', '.join(COMMODITIES)}")


def _balance_row(found: balancing.Balance, columns: dict[str, Columns]) -> BalanceRow:
    children = [
        BalanceChild(meter.node, list(meter.points), sum(columns[point].total() for point in meter.points))
        for meter in found.children
    ]
    return BalanceRow(
        list(found.nodes),
        list(found.points),
        children,
        found.supplied,
        found.accounted,
        found.unaccounted,
        found.share,
        found.uncertainty,
        found.significant,
        found.clear,
        mark_of(found.quality),
    )


def _attached(every: list[Branch], kept: list[Branch]) -> list[Branch]:
    """The kept branches and every branch above one of them: no branch hangs in the air."""
    parents = {branch.key: branch.parent for branch in every}
    wanted: set[str] = set()
    for branch in kept:
        key = branch.key
        while key and key not in wanted:
            wanted.add(key)
            key = parents.get(key, "")
    return [branch for branch in every if branch.key in wanted]
