"""Types of money, factors and calendars; see api.schema for the conventions. Amounts are decimal text: no float rounds them."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schema import Ms, Names, Shape

Amount = Annotated[str, Field(description="money as decimal text", examples=["1234.56"])]
Day = Annotated[str | None, Field(description="ISO date, null without a limit", examples=["2026-01-01"])]
PeriodName = Literal["quarter", "hour", "day", "month", "billing", "year"]


class TariffPeriodRow(Shape):
    """When a price holds."""

    name: str
    price: str
    hours: list[list[int]] = Field(description="start and end, minutes of the local day")
    days: list[str]
    seasons: list[list[str]] = Field(description="first and last day of the year, MM-DD; empty: all year")


class DemandRow(Shape):
    """A demand charge. window: ms."""

    kind: str
    price: str
    window: int
    sliding: bool
    contracted: str


class BlockRow(Shape):
    """What more a unit costs above a consumption."""

    above: str
    add: str


class FeeRow(Shape):
    """A fixed fee."""

    name: str
    amount: str
    per: str


class TariffRow(Shape):
    """One version of a tariff. valid_to: its last day."""

    id: str
    version: str
    name: Names
    carrier: str
    unit: str
    currency: str
    valid_from: Day
    valid_to: Day
    prices: dict[str, str]
    periods: list[TariffPeriodRow]
    demand: DemandRow | None
    blocks: list[BlockRow]
    blocks_per: str
    billing_day: int = Field(description="local day on which its months begin")
    fees: list[FeeRow]
    power_factor: str | None = Field(description="standard of the power factor clause")
    tax: str
    taxed: bool
    sites: list[str]
    points: list[str]
    source: str


class TariffList(Shape):
    """Every version of every tariff."""

    tariffs: list[TariffRow]


class FactorRow(Shape):
    """One version of an emission or standard-coal factor. mark: how well its source is known; used: counts today."""

    id: str
    version: str
    carrier: str
    measure: Literal["co2", "coal"]
    kind: str
    value: str
    unit: str
    density: str | None = Field(description="kg per litre")
    region: str
    standard: str
    clause: str
    source: str
    mark: str
    valid_from: Day
    valid_to: Day
    own: bool = Field(description="from the facility file")
    used: bool


class FactorList(Shape):
    """Every version of every factor."""

    factors: list[FactorRow]


class CalendarRow(Shape):
    """A calendar. known_from, known_until: for which days its country's holidays are announced; outside, weekdays count."""

    id: str
    country: str
    known_from: Day
    known_until: Day
    holidays: list[str]
    workdays: dict[str, int]
    warnings: list[str]


class CalendarList(Shape):
    """The calendars of the facility."""

    calendars: list[CalendarRow]


class MonthDemandRow(Shape):
    """The demand charge of a month. peak: W; at: start of its window; covered: share of windows that could be judged."""

    start: Ms
    end: Ms
    tariff: str
    peak: float | None
    at: Ms | None
    covered: float | None
    billed: str | None = Field(description="kW or kVA paid for, null where no peak could be measured")
    amount: Amount


class CostRow(Shape):
    """The price of a period. The parts add up to the total exactly; tariffs, factors: the versions that were used."""

    start: Ms
    end: Ms
    quantity: float
    quantities: dict[str, float]
    energy: dict[str, str] = Field(description="money by period name")
    parts: dict[str, str] = Field(description="energy, blocks, demand, fixed, power_factor, tax")
    total: Amount
    tax_within: Amount
    co2: float | None = Field(description="kgCO2, null where no factor holds")
    coal: float | None = Field(description="kgce")
    estimated: float = Field(description="share of the consumption that rests on estimates or spread gaps")
    uncovered: float = Field(description="share that no tariff covers")
    tariffs: list[str]
    factors: list[str]
    demands: list[MonthDemandRow]


class PointCost(Shape):
    """The price of a register."""

    point: str
    carrier: str
    start: Ms
    end: Ms
    period: PeriodName
    currency: str
    unit: str
    total: Amount
    co2: float | None
    coal: float | None
    periods: list[CostRow]
    warnings: list[str]


class Bare(Shape):
    """Carriers that have no tariff or factor, and are therefore in no sum."""

    tariff: list[str]
    co2: list[str]
    coal: list[str]


class SiteCost(Shape):
    """The price of a site: its main registers by carrier. totals: by currency."""

    site: str
    start: Ms
    end: Ms
    period: PeriodName
    totals: dict[str, str]
    co2: float
    coal: float
    bare: Bare
    points: list[PointCost]


class BillLineAsk(BaseModel):
    """A line: a period's name, or demand, fixed, power_factor, tax, total."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=50, examples=["peak"])
    quantity: Decimal | None = Field(None, description="tariff units; kW for demand", allow_inf_nan=False)
    amount: Decimal | None = Field(None, description="in the bill's currency", allow_inf_nan=False)


class BillAsk(BaseModel):
    """A supplier's bill as it stands on paper."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "point": "block-a.energy",
                    "start": "2026-11-01T00:00:00+08:00",
                    "end": "2026-12-01T00:00:00+08:00",
                    "supplier": "State Grid",
                    "number": "2026-11/1",
                    "by": "Li Wei",
                    "lines": [
                        {"name": "peak", "quantity": "22400", "amount": "22848.00"},
                        {"name": "demand", "quantity": "400", "amount": "16000.00"},
                    ],
                }
            ]
        },
    )

    point: str = Field(max_length=200)
    start: str | int = Field(description="ISO 8601 with zone, or epoch milliseconds")
    end: str | int
    currency: str = Field("CNY", pattern="^[A-Z]{3}$")
    supplier: str = Field("", max_length=200, description="who sent it")
    number: str = Field("", max_length=100, description="of the bill")
    lines: list[BillLineAsk] = Field(min_length=1, max_length=50)
    ratios: list[float] = Field([], max_length=20, description="of the meter's transformers, to explain multiples")
    by: str = Field(min_length=1, max_length=200, description="who enters it")


class BillLineRow(Shape):
    """A line beside the ledger; null where one side says nothing."""

    name: str
    billed_quantity: float | None
    ledger_quantity: float | None
    billed: str | None
    ledger: str | None


class BillExplanation(Shape):
    """What may explain the difference. share: of the difference that it takes away; rest: what is left."""

    reason: str
    share: float
    explains: str
    rest: str
    figures: dict[str, float | str]
    text: Names


class BillRow(Shape):
    """A bill beside the ledger; of: what billed, ledger and difference are, money or quantity."""

    point: str
    supplier: str
    number: str
    by: str
    at: Ms
    start: Ms
    end: Ms
    currency: str
    unit: str
    of: Literal["money", "quantity"]
    billed: str
    ledger: str
    difference: str
    estimated: float
    known: float | None = Field(description="share of the bill's time that the ledger knows; null: not recorded")
    tariffs: list[str]
    lines: list[BillLineRow]
    explanations: list[BillExplanation] = Field(description="what explains most first")


class RecordedBill(BillRow):
    """A bill on record."""

    id: int


class BillPage(Shape):
    """Bills that were checked, newest first."""

    bills: list[RecordedBill]
    before: int | None = Field(description="for the next page")


class AllocationRow(Shape):
    """An allocation as declared."""

    id: str
    name: Names
    point: str
    by: str
    residual: str
    parties: list[str]


class AllocationList(Shape):
    """The allocations that are declared."""

    allocations: list[AllocationRow]


class PartyShareRow(Shape):
    """What a party bears: by its own meters, and spread by a key."""

    party: str
    metered: Amount
    spread: Amount
    total: Amount
    share: float
    quantity: float


class AllocationAnswer(Shape):
    """A cost and who bears it: shares and residual add up to the total exactly."""

    id: str
    point: str
    by: str
    start: Ms
    end: Ms
    currency: str
    unit: str
    total: Amount
    shares: list[PartyShareRow]
    residual: Amount
    why: str
    warnings: list[str]
