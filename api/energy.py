"""What the API answers about consumption, and the desk that answers it: dataclasses as they leave, and a protocol.

Conventions of these answers: times are epoch milliseconds, values in the canonical unit of their metric, None where there is
nothing to say; `reason` is a word that the page translates. `steward.app` builds them; reports are made from the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from steward.errors import StewardError

By = Literal["site", "space", "equip", "category"]
PeriodName = Literal["quarter", "hour", "day", "month", "year"]
PerName = Literal["m2", "person"]


@dataclass(frozen=True, slots=True)
class QualityMark:
    """How a figure came about. estimated, spread: shares of its consumption; held, missing, provisional: shares of its time;
    negative: intervals below zero; method: the worst of its intervals; revision: rises with every restatement."""

    estimated: float
    spread: float
    held: float
    missing: float
    provisional: float
    negative: int
    confidence: float
    method: str
    revision: int


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A meter that was not added, and why: under, beyond, beside_main, loose, rests_on; `of` is the other one concerned."""

    register: str
    why: str
    of: str


@dataclass(frozen=True, slots=True)
class Worth:
    """What consumption cost and emitted; None where no tariff or factor holds. carbon: kg CO2; coal: kg of standard coal."""

    cost: float | None = None
    currency: str = ""
    carbon: float | None = None
    coal: float | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """A figure by period. mark: "" as measured, estimated, provisional, held, missing, negative."""

    start: list[int]
    value: list[float]
    mark: list[str]


@dataclass(frozen=True, slots=True)
class Figure:
    """Consumption of one metric at one node. registers: the meters that were added (to drill down); parts: the registers that
    they rest on, where they are virtual; left_out: meters of the node that were not added, with the reason."""

    metric: str
    unit: str
    value: float
    quality: QualityMark
    registers: list[str]
    parts: list[str]
    left_out: list[LeftOut]
    worth: Worth
    course: Course | None = None


@dataclass(frozen=True, slots=True)
class Generation:
    """Own generation of a site, Wh: consumption = imported + generated - exported. Ratios are None without a meaning."""

    imported: float
    exported: float
    generated: float
    consumption: float
    own: float
    self_consumption: float | None
    autarky: float | None
    contradictions: int


@dataclass(frozen=True, slots=True)
class VehicleCharging:
    """Charging of own vehicles, Wh, each kWh once: by `rule`, `building` is what counts as the building's."""

    rule: str
    vehicles: float
    with_chargers: float
    without_chargers: float
    building: float
    registers: list[str]


@dataclass(frozen=True, slots=True)
class Branch:
    """A node of the tree of figures. key: `kind:id`; parent: key of the node above, "" at the top."""

    key: str
    kind: str
    id: str
    name: Mapping[str, str]
    parent: str
    figures: list[Figure]
    generation: Generation | None = None
    charging: VehicleCharging | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """The tree of figures of a span."""

    start: int
    end: int
    by: str
    period: str
    time_zone: str
    branches: list[Branch]


@dataclass(frozen=True, slots=True)
class ProfileAnswer:
    """The shape of a load. heat: mean rate (canonical unit per hour: W for Wh) by local day (rows of `days`) and hour (24
    columns), null where unknown; uncertain: cells that rest on an estimated or spread shape; weekday, weekend: mean rate by
    quarter hour of the day; duration: load duration curve, highest first, at equal steps of time; curve: the course."""

    key: str
    metric: str
    unit: str
    start: int
    end: int
    time_zone: str
    registers: list[str]
    days: list[str]
    heat: list[list[float | None]]
    uncertain: list[list[bool]]
    weekday: list[float | None]
    weekend: list[float | None]
    duration: list[float]
    curve: Course
    quality: QualityMark


@dataclass(frozen=True, slots=True)
class BalanceChild:
    """A meter below a balanced node."""

    node: str
    registers: list[str]
    value: float


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """A node (or several that feed the same things) against the nearest meters below. significant: the difference is larger
    than the meters' uncertainty; clear: every meter is whole."""

    nodes: list[str]
    registers: list[str]
    children: list[BalanceChild]
    supplied: float
    accounted: float
    unaccounted: float
    share: float | None
    uncertainty: float
    significant: bool
    clear: bool
    quality: QualityMark


@dataclass(frozen=True, slots=True)
class BalanceAnswer:
    """The balances of a site for one metric."""

    site: str
    metric: str
    unit: str
    start: int
    end: int
    meter_class: float
    rows: list[BalanceRow]


@dataclass(frozen=True, slots=True)
class Indicator:
    """A number, or None and the reason. detail: the figures that it rests on."""

    value: float | None
    reason: str = ""
    detail: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PeakAnswer:
    """Peak demand of a quarter hour (W), when, and the share of the span that could be one."""

    value: float | None
    at: int | None
    reason: str
    eligible: float


@dataclass(frozen=True, slots=True)
class ComparisonAnswer:
    """A total against another period's."""

    start: int
    end: int
    value: float | None
    difference: float | None
    change: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Indicators:
    """Indicators of one site and metric. per_m2, per_person, per_degree_day in canonical units; heating, cooling: degree-days
    below 18 and above 26 degC; baseload in canonical unit per hour; shares and load factor 0-1; worth as in Figure."""

    site: str
    metric: str
    unit: str
    start: int
    end: int
    area_m2: float | None
    people: int | None
    value: float
    quality: QualityMark
    registers: list[str]
    per_m2: Indicator
    per_person: Indicator
    per_degree_day: Indicator
    heating: float | None
    cooling: float | None
    peak: PeakAnswer
    load_factor: Indicator
    baseload: Indicator
    baseload_share: Indicator
    night_share: Indicator
    weekend_share: Indicator
    previous: ComparisonAnswer
    last_year: ComparisonAnswer


@dataclass(frozen=True, slots=True)
class ForecastAnswer:
    """The year's end with its 90 % range. basis: degree_days, season, run_rate, none."""

    value: float | None
    low: float | None
    high: float | None
    basis: str
    days: int
    known: float


@dataclass(frozen=True, slots=True)
class PaceAnswer:
    """How much of the limit is used. expected: the share that the season leaves for this date; pace: consumed / expected."""

    consumed: float
    expected: float
    pace: float | None
    shape: str


@dataclass(frozen=True, slots=True)
class QuotaRow:
    """A quota of a site. limit, guide: of the year, canonical unit; per_limit, per_guide: as stated, per m2 or person."""

    id: str
    metric: str
    unit: str
    per: str
    per_limit: float
    per_guide: float | None
    limit: float | None
    guide: float | None
    reason: str
    standard: str
    clause: str
    source: str
    to_date: float
    quality: QualityMark
    registers: list[str]
    forecast: ForecastAnswer
    pace: PaceAnswer | None
    outlook: str


@dataclass(frozen=True, slots=True)
class QuotaAnswer:
    """The quotas of a site in a year, as of a moment."""

    site: str
    year: int
    at: int
    rows: list[QuotaRow]


@dataclass(frozen=True, slots=True)
class RankRow:
    """A building among its like. percentile: share of the other peers that consume more; None with a reason."""

    site: str
    name: Mapping[str, str]
    use: str
    climate: str
    size: str
    value: float | None
    rank: int | None
    of: int
    percentile: float | None
    median: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Ranking:
    """Buildings ranked with like ones: rank 1 consumes least per m2 or person."""

    start: int
    end: int
    metric: str
    unit: str
    per: str
    least: int
    rows: list[RankRow]


class NoLedger(StewardError):
    """The service keeps no books: there is no consumption to answer with."""


class EnergyDesk(Protocol):
    """Answers about consumption (steward.app.consumption.desk). Times in ns; None: the present month of the facility's time.

    Raises NotFound for unknown nodes, ValueError for what cannot be asked."""

    async def summary(self, by: By, start: int | None, end: int | None, period: PeriodName | None, under: str) -> Summary:
        """The tree of figures; with a period, each with its course."""

    async def profile(self, node: str, metric: str, start: int | None, end: int | None) -> ProfileAnswer:
        """The shape of the load of a site, space, equip, category or register."""

    async def balance(self, site: str, metric: str, start: int | None, end: int | None) -> BalanceAnswer:
        """Sub-meters against the meters above them."""

    async def indicators(self, site: str, metric: str, start: int | None, end: int | None) -> Indicators:
        """Indicators of a site."""

    async def quota(self, site: str, year: int | None) -> QuotaAnswer:
        """Quotas, their pace, and the forecast of the year's end."""

    async def ranking(self, metric: str, per: PerName, start: int | None, end: int | None) -> Ranking:
        """Like buildings with like."""


class NoEnergy:
    """The desk of a service without books."""

    _WHY = "this service keeps no books of consumption"

    async def summary(self, by: By, start: int | None, end: int | None, period: PeriodName | None, under: str) -> Summary:
        """Refused."""
        raise NoLedger(self._WHY)

    async def profile(self, node: str, metric: str, start: int | None, end: int | None) -> ProfileAnswer:
        """Refused."""
        raise NoLedger(self._WHY)

    async def balance(self, site: str, metric: str, start: int | None, end: int | None) -> BalanceAnswer:
        """Refused."""
        raise NoLedger(self._WHY)

    async def indicators(self, site: str, metric: str, start: int | None, end: int | None) -> Indicators:
        """Refused."""
        raise NoLedger(self._WHY)

    async def quota(self, site: str, year: int | None) -> QuotaAnswer:
        """Refused."""
        raise NoLedger(self._WHY)

    async def ranking(self, metric: str, per: PerName, start: int | None, end: int | None) -> Ranking:
        """Refused."""
        raise NoLedger(self._WHY)
