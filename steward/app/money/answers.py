"""Money as plain values for the API: amounts as decimal text, times in epoch ms, reasons in words of both languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from metering.allocation import Allocation
from metering.bills import Bill, BillCheck, Explanation, Reason
from metering.cost import PARTS, Basis, Cost, Priced
from metering.factors import Factor, Wanted, lookup
from metering.rates import MonthDemand, decimal
from metering.tariffs import Tariff
from steward.model import Calendar, Point
from steward.units import SECOND

MS = 1_000_000


def local_day(at: int, zone: str) -> date:
    """The local date of a moment (ns)."""
    return datetime.fromtimestamp(at // SECOND, UTC).astimezone(ZoneInfo(zone)).date()


def amount(units: float) -> str:
    """Money as text, to the cent and as much further as it goes."""
    text = f"{decimal(round(units)):.6f}".rstrip("0")
    whole, _, cents = text.partition(".")
    return f"{whole}.{cents.ljust(2, '0')}"


def _day(day: date) -> str | None:
    return None if day in (date.min, date.max) else day.isoformat()


def _last(valid_to: date) -> str | None:
    return None if valid_to == date.max else date.fromordinal(valid_to.toordinal() - 1).isoformat()


def tariff(one: Tariff) -> dict[str, Any]:
    """A version of a tariff."""
    charge = one.demand
    return {
        "id": one.id,
        "version": one.version,
        "name": dict(one.name),
        "carrier": one.carrier,
        "unit": one.unit,
        "currency": one.currency,
        "valid_from": _day(one.valid_from),
        "valid_to": _last(one.valid_to),
        "prices": {name: str(each) for name, each in one.prices.items()},
        "periods": [
            {
                "name": row.name,
                "price": str(each),
                "hours": [[start, end] for start, end in row.hours],
                "days": sorted(kind.name.lower() for kind in row.days),
                "seasons": [[f"{s.first[0]:02d}-{s.first[1]:02d}", f"{s.last[0]:02d}-{s.last[1]:02d}"] for s in row.seasons],
            }
            for row, each in zip(one.periods, one.row_prices(), strict=False)
        ],
        "demand": None
        if charge is None
        else {
            "kind": charge.kind.value,
            "price": str(charge.price),
            "window": charge.window // MS,
            "sliding": charge.sliding,
            "contracted": str(charge.contracted),
        },
        "blocks": [{"above": str(block.above), "add": str(block.add)} for block in one.blocks],
        "blocks_per": one.blocks_per,
        "billing_day": one.billing_day,
        "fees": [{"name": fee.name, "amount": str(fee.amount), "per": fee.per} for fee in one.fees],
        "power_factor": None if one.power_factor is None else str(one.power_factor.standard),
        "tax": str(one.tax),
        "taxed": one.taxed,
        "sites": list(one.sites),
        "points": list(one.points),
        "source": one.source,
    }


def factor(one: Factor, every: Sequence[Factor], wanted: Wanted, day: date) -> dict[str, Any]:
    """A version of a factor. used: it is what counts on `day` for its carrier, measure and the institution's kind."""
    return {
        "id": one.id,
        "version": one.version,
        "carrier": one.carrier,
        "measure": one.measure.value,
        "kind": one.kind,
        "value": str(one.value),
        "unit": ("kgCO2/" if one.measure.value == "co2" else "kgce/") + one.per,
        "density": None if one.density is None else str(one.density),
        "region": one.region,
        "standard": one.standard,
        "clause": one.clause,
        "source": one.source,
        "mark": one.mark,
        "valid_from": _day(one.valid_from),
        "valid_to": _last(one.valid_to),
        "own": one.own,
        "used": lookup(every, one.carrier, one.measure, wanted, day) is one,
    }


def calendar(one: Calendar, doubtful: Sequence[str], year: int) -> dict[str, Any]:
    """A calendar with the days of one year."""
    mine = f"{year:04d}-"
    return {
        "id": one.id,
        "country": one.country,
        "known_from": one.known_from or None,
        "known_until": one.known_until or None,
        "holidays": sorted(day for day in one.holidays if day.startswith(mine)),
        "workdays": {day: as_ for day, as_ in sorted(one.workdays.items()) if day.startswith(mine)},
        "warnings": list(doubtful),
    }


def _demand(one: MonthDemand) -> dict[str, Any]:
    return {
        "start": one.start // MS,
        "end": one.end // MS,
        "tariff": one.tariff,
        "peak": None if one.peak is None else one.peak.power,
        "at": None if one.peak is None else one.peak.at // MS,
        "covered": None if one.peak is None else one.peak.covered,
        "billed": None if one.kw is None else str(one.kw),
        "amount": amount(one.amount),
    }


def cost(one: Cost) -> dict[str, Any]:
    """The price of a period."""
    return {
        "start": one.start // MS,
        "end": one.end // MS,
        "quantity": one.quantity,
        "quantities": dict(one.quantities),
        "energy": {name: amount(each) for name, each in one.energy.items()},
        "parts": {part: amount(one.parts[part]) for part in PARTS},
        "total": amount(one.total),
        "tax_within": amount(one.tax_within),
        "co2": one.co2,
        "coal": one.coal,
        "estimated": one.estimated,
        "uncovered": one.uncovered,
        "tariffs": list(one.tariffs),
        "factors": list(one.factors),
        "demands": [_demand(each) for each in one.demands],
    }


def point_cost(
    point: Point, basis: Basis, priced: Priced, rows: Sequence[Cost], start: int, end: int, period: str
) -> dict[str, Any]:
    """The price of a register."""
    known = basis.tariffs[0] if basis.tariffs else None
    return {
        "point": point.id,
        "carrier": basis.carrier,
        "start": start // MS,
        "end": end // MS,
        "period": period,
        "currency": known.currency if known else "",
        "unit": known.unit if known else point.unit,
        "total": amount(sum(row.total for row in rows)),
        "co2": _sum([row.co2 for row in rows]),
        "coal": _sum([row.coal for row in rows]),
        "periods": [cost(row) for row in rows],
        "warnings": list(priced.warnings),
    }


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) and known else None


def site_cost(site: str, points: Sequence[Mapping[str, Any]], start: int, end: int, period: str) -> dict[str, Any]:
    """The price of a site. totals: by currency; co2, coal: of what has a factor, `bare` names the carriers that have none."""
    totals: dict[str, Decimal] = {}
    for row in points:
        if row["currency"]:
            totals[row["currency"]] = totals.get(row["currency"], Decimal(0)) + Decimal(row["total"])
    return {
        "site": site,
        "start": start // MS,
        "end": end // MS,
        "period": period,
        "totals": {currency: str(total) for currency, total in totals.items()},
        "co2": sum(row["co2"] for row in points if row["co2"] is not None),
        "coal": sum(row["coal"] for row in points if row["coal"] is not None),
        "bare": {
            "tariff": sorted({row["carrier"] for row in points if not row["currency"]}),
            "co2": sorted({row["carrier"] for row in points if row["co2"] is None}),
            "coal": sorted({row["carrier"] for row in points if row["coal"] is None}),
        },
        "points": list(points),
    }


WORDS: Mapping[Reason, tuple[str, str]] = {
    Reason.MULTIPLIER: (
        "The billed consumption is {factor:g} times the ledger's: a multiplier or transformer ratio.",
        "账单电量为台账的{factor:g}倍:倍率或互感器变比有误。",
    ),
    Reason.READING_TIME: (
        "Read {start_hours:+g} h (begin) and {end_hours:+g} h (end) from the period's edges, the quantities agree best.",
        "抄表时间偏移(起{start_hours:+g}小时,止{end_hours:+g}小时)时电量最为吻合。",
    ),
    Reason.TARIFF: ("Priced by {tariff} the ledger comes closest.", "按电价版本{tariff}计价最为接近。"),
    Reason.DEMAND_MISSING: ("The bill holds no demand charge ({amount:.2f}).", "账单未计需量电费({amount:.2f})。"),
    Reason.DEMAND_EXTRA: (
        "The bill holds a demand charge that the tariff does not have ({amount:.2f}).",
        "账单计有电价方案之外的需量电费({amount:.2f})。",
    ),
    Reason.TAX: ("Tax of {rate:.0%} was added or left out.", "多计或漏计{rate:.0%}税。"),
    Reason.ESTIMATED: (
        "{share:.0%} of the ledger's consumption is estimated or of unknown shape.",
        "台账中{share:.0%}为估算或分摊电量。",
    ),
    Reason.ROUNDING: ("No more than the rounding of the lines.", "仅为各行四舍五入之差。"),
}


def _explanation(one: Explanation, unit: str) -> dict[str, Any]:
    en, zh = WORDS[one.reason]
    figures = dict(one.figures)
    return {
        "reason": one.reason.value,
        "share": one.share,
        "explains": amount(one.explains) if unit == "money" else f"{one.explains:g}",
        "rest": amount(one.rest) if unit == "money" else f"{one.rest:g}",
        "figures": figures,
        "text": {"en": en.format(**figures), "zh": zh.format(**figures)},
    }


def bill_check(bill: Bill, found: BillCheck, by: str, now: int) -> dict[str, Any]:
    """A bill beside the ledger."""
    money = found.unit == "money"
    return {
        "point": bill.point,
        "number": bill.number,
        "by": by,
        "at": now // MS,
        "start": bill.start // MS,
        "end": bill.end // MS,
        "currency": bill.currency,
        "unit": found.cost.unit,
        "of": found.unit,
        "billed": amount(found.billed) if money else f"{found.billed:g}",
        "ledger": amount(found.ledger) if money else f"{found.ledger:g}",
        "difference": amount(found.difference) if money else f"{found.difference:g}",
        "estimated": found.cost.estimated,
        "known": found.known,
        "tariffs": list(found.cost.tariffs),
        "lines": [
            {
                "name": line.name,
                "billed_quantity": line.billed_quantity,
                "ledger_quantity": line.ledger_quantity,
                "billed": None if line.billed is None else amount(line.billed),
                "ledger": None if line.ledger is None else amount(line.ledger),
            }
            for line in found.lines
        ],
        "explanations": [_explanation(one, found.unit) for one in found.explanations],
    }


def allocation(
    id: str, point: str, by: str, found: Allocation, warnings: Sequence[str], basis: Basis, start: int, end: int
) -> dict[str, Any]:
    """A cost and who bears it."""
    whole = found.total or 1
    return {
        "id": id,
        "point": point,
        "by": by,
        "start": start // MS,
        "end": end // MS,
        "currency": basis.tariffs[0].currency if basis.tariffs else "",
        "unit": basis.tariffs[0].unit if basis.tariffs else "",
        "total": amount(found.total),
        "shares": [
            {
                "party": one.party,
                "metered": amount(one.metered),
                "spread": amount(one.spread),
                "total": amount(one.total),
                "share": one.total / whole,
                "quantity": one.quantity,
            }
            for one in found.shares
        ],
        "residual": amount(found.residual),
        "why": found.why,
        "warnings": list(warnings),
    }
