"""Checking a supplier's bill against the ledger: the difference line by line, and what explains it, ranked, with figures.

Each explanation is a hypothesis that is computed: the bill as it would be if the hypothesis held, how much of the difference
that takes away, and what is left. Those that explain most come first; one that explains nothing is not told. Micro-units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

import numpy as np

from metering.columns import Columns
from metering.cost import Basis, Cost, Priced, cost, price
from metering.rates import micro
from metering.tariffs import MICRO, Tariff
from steward.model import FloatArray, IntArray
from steward.units import DAY, HOUR

SHIFT = 3 * DAY
"""How far a supplier's reading time may lie from the period's edge to be tried."""
TOLERANCE = 0.01
"""A ratio or a rest within 1 % counts as found."""
MULTIPLIERS = (10.0, 100.0, 1000.0)
LEAST = 0.1
"""An explanation of less than this share of the difference is not told."""
OTHER = ("demand", "fixed", "power_factor", "tax", "total")
"""Lines that are no consumption."""


class Reason(StrEnum):
    """What may explain a difference."""

    MULTIPLIER = "multiplier"
    """A factor of ten or the ratio of a current transformer."""
    READING_TIME = "reading_time"
    """The supplier read at another moment."""
    TARIFF = "tariff"
    """Another version of the tariff, or another tariff."""
    DEMAND_MISSING = "demand_missing"
    """The bill has no demand charge, the tariff has."""
    DEMAND_EXTRA = "demand_extra"
    """The bill has a demand charge that the tariff or the ledger does not have."""
    TAX = "tax"
    """Tax was added or left out."""
    ESTIMATED = "estimated"
    """Part of the ledger's consumption is estimated or of unknown shape."""
    ROUNDING = "rounding"
    """No more than the rounding of the bill's lines."""


@dataclass(frozen=True, slots=True)
class BillLine:
    """A line of a bill: a period's name, or one of OTHER. quantity: tariff units (kW for demand); amount: currency."""

    name: str
    quantity: Decimal | None = None
    amount: Decimal | None = None


@dataclass(frozen=True)
class Bill:
    """A supplier's bill for [start, end), ns."""

    point: str
    start: int
    end: int
    currency: str
    lines: tuple[BillLine, ...]
    number: str = ""

    def line(self, name: str) -> BillLine | None:
        """The line that the bill calls `name`, None where it has none."""
        return next((one for one in self.lines if one.name == name), None)

    def total(self) -> int | None:
        """The bill's total in micro-units: its own line, else the sum of its amounts; None without amounts."""
        own = self.line("total")
        if own is not None and own.amount is not None:
            return micro(own.amount)
        amounts = [one.amount for one in self.lines if one.amount is not None and one.name != "total"]
        return micro(sum(amounts, Decimal(0))) if amounts else None

    def consumed(self) -> float | None:
        """Units billed over all names, None where no line has a quantity."""
        given = [float(one.quantity) for one in self.lines if one.quantity is not None and one.name not in OTHER]
        return sum(given) if given else None


@dataclass(frozen=True, slots=True)
class Difference:
    """A line of the bill beside the ledger's; None where one of them says nothing. Amounts in micro-units."""

    name: str
    billed_quantity: float | None
    ledger_quantity: float | None
    billed: int | None
    ledger: int | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A hypothesis: how much of the difference it takes away, what is left (micro-units, or tariff units for a bill without
    amounts), and its figures."""

    reason: Reason
    explains: float
    rest: float
    share: float
    figures: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class BillCheck:
    """What came of a check. unit: of `difference`: "money" in micro-units or "quantity" in tariff units; known: share of the
    bill's time that the ledger knows."""

    cost: Cost
    lines: tuple[Difference, ...]
    billed: float
    ledger: float
    unit: str
    explanations: tuple[Explanation, ...]
    known: float = 1.0

    @property
    def difference(self) -> float:
        """Billed less ledger."""
        return self.billed - self.ledger


Hypothesis = tuple[Reason, float, dict[str, float | str]]
"""Reason, the ledger's figure if it held, figures."""


def check(
    bill: Bill,
    columns: Columns,
    basis: Basis,
    others: Sequence[Tariff] = (),
    ratios: Sequence[float] = (),
    reactive: FloatArray | None = None,
) -> BillCheck | None:
    """Compares a bill with the ledger; None where the ledger knows nothing of its time.

    columns: quarter hours from SHIFT before the bill's start to SHIFT after its end where there are any, and of whole months
    (years) where its tariff counts by them; others: tariffs that might have been used instead; ratios: of the meter's
    transformers; reactive: varh on the same rows.
    """
    inside = _within(columns, bill.start, bill.end)
    if not inside.coverage.any():
        return None
    known = float((inside.coverage * (inside.end - inside.start)).sum() / (bill.end - bill.start))
    priced = price(columns, basis, reactive)
    found = cost(priced.between(bill.start, bill.end))
    assert found is not None
    billed, unit = bill.total(), "money"
    if billed is None:
        consumed = bill.consumed()
        if consumed is None:
            raise ValueError("a bill without a quantity or an amount cannot be checked")
        value, ledger, unit = consumed, found.quantity, "quantity"
    else:
        value, ledger = float(billed), float(found.total)
    judge = _Judge(bill, columns, priced, found, unit, reactive)
    told = [
        *judge.multipliers(ratios),
        *judge.reading_time(),
        *judge.tariffs(others),
        *judge.demand(),
        *judge.tax(),
        *judge.estimated(value),
        *judge.rounding(value),
    ]
    return BillCheck(
        found, tuple(_lines(bill, found)), value, ledger, unit, tuple(_ranked(told, value, ledger)), min(1.0, known)
    )


def _within(columns: Columns, start: int, end: int) -> Columns:
    low, high = np.searchsorted(columns.start, (start, end))
    return columns.take(slice(int(low), int(high)))


def _lines(bill: Bill, found: Cost) -> list[Difference]:
    rows = []
    for name in dict.fromkeys([*(one.name for one in bill.lines), *found.quantities, *_parts(found), "total"]):
        line = bill.line(name)
        quantity, amount = found.quantities.get(name), found.energy.get(name)
        if name == "total":
            quantity, amount = None, found.total
        elif name in OTHER:
            amount = found.parts[name]
            kw = [one.kw for one in found.demands if one.kw is not None]
            quantity = float(max(kw)) if name == "demand" and kw else None
        rows.append(
            Difference(
                name,
                None if line is None or line.quantity is None else float(line.quantity),
                quantity,
                bill.total() if name == "total" else None if line is None or line.amount is None else micro(line.amount),
                amount,
            )
        )
    return rows


def _parts(found: Cost) -> list[str]:
    return [part for part in ("demand", "fixed", "power_factor", "tax") if found.parts[part]]


def _ranked(told: Sequence[Hypothesis], billed: float, ledger: float) -> list[Explanation]:
    gap = abs(billed - ledger)
    if not gap:
        return []
    rows = []
    for reason, would_be, figures in told:
        rest = billed - would_be
        share = 1 - abs(rest) / gap
        if share >= LEAST:
            rows.append(Explanation(reason, (billed - ledger) - rest, rest, share, figures))
    order = list(Reason)
    rows.sort(key=lambda row: (-round(row.share, 3), order.index(row.reason)))
    return rows


class _Judge:
    """Computes what the ledger's figure would be under each hypothesis."""

    def __init__(
        self, bill: Bill, columns: Columns, priced: Priced, found: Cost, unit: str, reactive: FloatArray | None
    ) -> None:
        self.bill, self.columns, self.priced, self.found, self.unit = bill, columns, priced, found, unit
        self.basis, self.reactive = priced.basis, reactive

    def _figure(self, one: Cost) -> float:
        return float(one.total) if self.unit == "money" else one.quantity

    def _would_be(self, columns: Columns, basis: Basis, reactive: FloatArray | None) -> Cost:
        """The bill's time, priced otherwise."""
        found = cost(price(columns, basis, reactive).between(self.bill.start, self.bill.end))
        assert found is not None
        return found

    def multipliers(self, ratios: Sequence[float]) -> list[Hypothesis]:
        """All of the consumption by a factor."""
        billed, known = self.bill.consumed(), self.found.quantity
        if not billed or not known:
            return []
        ratio = billed / known
        told: list[Hypothesis] = []
        for one in dict.fromkeys([*MULTIPLIERS, *(float(ratio) for ratio in ratios if ratio > 1)]):
            for factor in (one, 1 / one):
                if abs(ratio / factor - 1) <= TOLERANCE:
                    varh = None if self.reactive is None else self.reactive * factor
                    would = self._would_be(replace(self.columns, value=self.columns.value * factor), self.basis, varh)
                    told.append((Reason.MULTIPLIER, self._figure(would), {"factor": factor, "ratio": ratio}))
        return told

    def reading_time(self) -> list[Hypothesis]:
        """The edges of the period moved by whole hours so that the quantities fit best."""
        names = [one.name for one in self.bill.lines if one.quantity is not None and one.name not in OTHER]
        if not names or not len(self.columns):
            return []
        starts, ends = self._edges(self.bill.start), self._edges(self.bill.end)
        off = np.zeros((len(starts), len(ends)))
        priced = self.priced
        for name in names:
            line = self.bill.line(name)
            assert line is not None
            assert line.quantity is not None
            number = priced.names.index(name) if name in priced.names else -2
            mine = np.ones(len(priced), np.bool_) if len(names) == 1 and number < 0 else priced.name == number
            level = np.concatenate(([0.0], np.cumsum(np.where(mine, priced.value, 0.0)))) / self._scale()
            first, last = (level[np.searchsorted(priced.start, edges)] for edges in (starts, ends))
            off += np.abs(last[None, :] - first[:, None] - float(line.quantity))
        # the nearest edges among those that fit equally well
        away = np.abs(starts - self.bill.start)[:, None] + np.abs(ends - self.bill.end)[None, :]
        best = off.min()
        rank = np.where(off <= best + 1e-6 * max(1.0, abs(self.found.quantity)), away, np.iinfo(np.int64).max)
        row, column = np.unravel_index(int(np.argmin(rank)), rank.shape)
        start, end = int(starts[row]), int(ends[column])
        if (start, end) == (self.bill.start, self.bill.end):
            return []
        would = cost(priced.between(start, end))
        if would is None:
            return []
        figures: dict[str, float | str] = {
            "start_hours": (start - self.bill.start) / HOUR,
            "end_hours": (end - self.bill.end) / HOUR,
            "quantity_left": float(best),
        }
        return [(Reason.READING_TIME, self._figure(would), figures)]

    def _edges(self, at: int) -> IntArray:
        edges = at + np.arange(-SHIFT, SHIFT + 1, HOUR, dtype=np.int64)
        first, last = int(self.columns.start[0]), int(self.columns.end[-1])
        return edges[(edges >= first) & (edges <= last)]

    def _scale(self) -> float:
        return next((one.scale for one in self.basis.tariffs), 1.0)

    def tariffs(self, others: Sequence[Tariff]) -> list[Hypothesis]:
        """The ledger's consumption at the prices of another tariff, as if it held all the time."""
        if self.unit != "money":
            return []
        told: list[Hypothesis] = []
        for other in others:
            if other.version in self.found.tariffs and len(self.found.tariffs) == 1:
                continue
            held = replace(other, valid_from=type(other.valid_from).min, valid_to=type(other.valid_to).max)
            would = self._would_be(self.columns, replace(self.basis, tariffs=[held]), self.reactive)
            told.append((Reason.TARIFF, float(would.total), {"tariff": other.version}))
        return told

    def demand(self) -> list[Hypothesis]:
        """A demand charge on one side only."""
        if self.unit != "money":
            return []
        line = self.bill.line("demand")
        charged = 0 if line is None or line.amount is None else micro(line.amount)
        itemised = any(one.amount is not None for one in self.bill.lines if one.name != "total")
        mine = self.found.parts["demand"]
        if mine and not charged and itemised:
            return [(Reason.DEMAND_MISSING, float(self.found.total - self._taxed(mine)), {"amount": mine / MICRO})]
        if charged and not mine:
            return [(Reason.DEMAND_EXTRA, float(self.found.total + charged), {"amount": charged / MICRO})]
        return []

    def _taxed(self, amount: int) -> int:
        rate = self._rate()
        return amount + (round(amount * float(rate)) if self.found.parts["tax"] else 0)

    def _rate(self) -> Decimal:
        return next((one.tax for one in self.basis.tariffs if one.version in self.found.tariffs), Decimal(0))

    def tax(self) -> list[Hypothesis]:
        """Tax added on prices that hold it already, or left out."""
        rate = Fraction(self._rate())
        if self.unit != "money" or not rate:
            return []
        total = self.found.total
        plain = float(total / (1 + rate))
        if self.found.parts["tax"]:
            return [(Reason.TAX, plain, {"rate": float(rate), "tax": -1.0})]
        more = float(total * (1 + rate))
        return [
            (Reason.TAX, more, {"rate": float(rate), "tax": 1.0}),
            (Reason.TAX, plain, {"rate": float(rate), "tax": -1.0}),
        ]

    def estimated(self, billed: float) -> list[Hypothesis]:
        """What is estimated or of unknown shape may be as much more or less as it is."""
        ledger = self._figure(self.found)
        reach = abs(ledger) * self.found.estimated
        if not reach:
            return []
        would = min(max(billed, ledger - reach), ledger + reach)
        return [(Reason.ESTIMATED, would, {"share": self.found.estimated})]

    def rounding(self, billed: float) -> list[Hypothesis]:
        """A hundredth of the currency for each line."""
        reach = len(self.bill.lines) * MICRO // 100
        ledger = self._figure(self.found)
        if self.unit != "money" or abs(billed - ledger) > reach:
            return []
        return [(Reason.ROUNDING, billed, {"most": reach / MICRO})]
