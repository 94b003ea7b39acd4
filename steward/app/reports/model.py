"""The monthly report as data: figures with their quality, and everything that a reader must know beside them.

Invariants: a report holds no text but names and reasons of others (`report_tables` puts words in, in the reader's language) and
no rounded number; times are epoch milliseconds, values canonical units, as in `api.energy`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from api.energy import BalanceRow, Branch, Figure, Generation, Indicators, QuotaRow, VehicleCharging
from steward.model import Text


@dataclass(frozen=True, slots=True)
class SiteReport:
    """A site in a month. figures: of the month, with their days; year: of the year up to the month's end; heated_area: m2 with
    heating; it_load: Wh of the UPS outputs of a data room, None without them; boiler_gas: m3 burnt for heat."""

    id: str
    name: Text
    area: float | None
    people: int | None
    vehicles: int
    data_room: bool
    heated_area: float | None
    figures: Sequence[Figure]
    year: Sequence[Figure]
    categories: Sequence[Branch]
    generation: Generation | None
    charging: VehicleCharging | None
    indicators: Indicators | None
    quotas: Sequence[QuotaRow]
    balance: Sequence[BalanceRow]
    it_load: float | None = None
    boiler_gas: float | None = None

    def figure(self, metric: str, year: bool = False) -> Figure | None:
        """The figure of a metric, of the month or of the year so far."""
        return next((one for one in (self.year if year else self.figures) if one.metric == metric), None)


@dataclass(frozen=True, slots=True)
class AlertLine:
    """An alert of the month. cost: money, None where nobody can say."""

    title: Text
    target: str
    severity: str
    since: int
    resolved: int | None
    human: str
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class RestatementLine:
    """A revision that touched the month, and what it changed in it (canonical unit of the register)."""

    register: str
    metric: str
    number: int
    at: int
    reason: str
    who: str
    old: float
    new: float


@dataclass(frozen=True, slots=True)
class AdjustmentLine:
    """A later difference of a closed month, booked in the open one."""

    register: str
    metric: str
    month: str
    revision: int
    at: int
    value: float


@dataclass(frozen=True, slots=True)
class QuestionLine:
    """What waits for a person, and what is known of it."""

    register: str
    topic: str
    since: int
    known: Mapping[str, float]


@dataclass(frozen=True)
class Report:
    """A month of a facility. closed: registers whose month is closed, of `registers`; created: when it was made."""

    month: str
    facility: Text
    time_zone: str
    start: int
    end: int
    created: int
    whole: bool
    closed: int
    registers: int
    sites: Sequence[SiteReport]
    alerts: Sequence[AlertLine] = ()
    restatements: Sequence[RestatementLine] = ()
    adjustments: Sequence[AdjustmentLine] = ()
    questions: Sequence[QuestionLine] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    """Alerts of the month by severity."""
