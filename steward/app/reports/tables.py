"""A report as tables of typed cells in one language: what the workbook, the page and the CSV all show.

Invariants: numbers stay numbers (a format says how to show them), what is not known is None, never zero; one table per subject;
units are those that people read (`steward.app.reports.amounts`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from api.energy import Figure, Indicator
from steward.app.reports.amounts import SHOWN, amounts, over, ratios, shown, totals
from steward.app.reports.model import Report, SiteReport
from steward.app.reports.words import word
from steward.model import text

Cell = str | float | int | date | datetime | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column: key (its heading) and format: text, n0, n1, n2, n3, percent, money, date, moment, whole."""

    key: str
    format: str = "text"


@dataclass(frozen=True, slots=True)
class Table:
    """One subject: key (its name), headings in the language asked for, rows of cells in the order of the columns."""

    key: str
    title: str
    columns: tuple[Column, ...]
    headings: tuple[str, ...]
    rows: list[list[Cell]]


def tables(report: Report, language: str) -> list[Table]:
    """Every table of a report; empty ones are kept, so that a reader sees that there is nothing."""
    makers: list[tuple[str, str, Callable[[Report, str], list[list[Cell]]]]] = [
        ("overview", OVERVIEW, _overview),
        ("categories", "site code category value:n1 share:percent estimated:percent missing:percent registers", _categories),
        ("indicators", "site metric indicator value:n3 unit reason", _indicators),
        ("quotas", QUOTAS, _quotas),
        ("balance", BALANCE, _balance),
        ("generation", GENERATION, _generation),
        ("charging", "site rule with_chargers:n1 without_chargers:n1 vehicles_kwh:n1 building_kwh:n1 registers", _charging),
        ("standard", STANDARD, _standard),
        ("data_rooms", "site period electricity_kwh:n1 it_kwh:n1 pue:n2 area_m2:n1", _data_rooms),
        ("heating", "site period heat_gj:n2 boiler_gas_m3:n1 heated_area_m2:n1 heat_per_m2:n3", _heating),
        ("daily", "site metric day:date value:n2 unit mark", _daily),
        ("alerts", "alert register severity since:moment resolved:moment handled cost:money", _alerts),
        ("restatements", "register metric revision:whole at:moment why who old:n2 new:n2 difference:n2 unit", _restatements),
        ("adjustments", "register metric of_month revision:whole at:moment value:n2 unit", _adjustments),
        ("questions", "register topic since:moment known", _questions),
        ("left_out", "site metric register why of", _left_out),
    ]
    return [_table(key, spec, make(report, language), language) for key, spec, make in makers]


OVERVIEW = (
    "site period metric value:n1 unit cost:money currency carbon:n1 coal:n1 estimated:percent spread:percent held:percent "
    "missing:percent provisional:percent method revision:whole registers"
)
QUOTAS = (
    "site metric per limit:n0 guide:n0 unit to_date:n0 used:percent expected:percent pace:n2 forecast:n0 low:n0 high:n0 basis "
    "outlook reason standard_id source"
)
BALANCE = "site node supplied:n1 accounted:n1 unaccounted:n1 share:percent uncertainty:n1 significant clear registers"
GENERATION = (
    "site imported:n1 exported:n1 generated:n1 consumed:n1 self_consumption:percent autarky:percent contradictions:whole"
)
STANDARD = (
    "site period electricity_kwh:n1 water_m3:n1 gas_m3:n1 fuel_l:n1 heat_gj:n2 coal_kg:n1 area_m2:n1 people:whole "
    "vehicles:whole coal_per_person:n2 coal_per_m2:n3 electricity_per_m2:n3 electricity_per_person:n2 water_per_person:n3 "
    "fuel_per_vehicle:n1"
)


def _table(key: str, spec: str, rows: list[list[Cell]], language: str) -> Table:
    columns = tuple(Column(*part.split(":")) for part in spec.split())
    return Table(key, word(key, language), columns, tuple(word(column.key, language) for column in columns), rows)


def _unit(metric: str) -> str:
    return SHOWN[metric][0].replace("m3", "m³")


def _ids(registers: Sequence[str]) -> str:
    return ", ".join(registers)


def _name(site: SiteReport, language: str) -> str:
    return text(site.name, language)


def _overview(report: Report, language: str) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for site in report.sites:
        for period, figures in (("month", site.figures), ("year", site.year)):
            for one in figures:
                mark, worth = one.quality, one.worth
                rows.append([
                    _name(site, language), word(period, language), word(one.metric, language), shown(one.value, one.metric),
                    _unit(one.metric), worth.cost, worth.currency, worth.carbon, worth.coal, mark.estimated, mark.spread,
                    mark.held, mark.missing, mark.provisional, word(mark.method, language, "method"), mark.revision,
                    _ids(one.registers),
                ])  # fmt: skip
    return rows


def _categories(report: Report, language: str) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for site in report.sites:
        whole = site.figure("energy")
        for branch in site.categories:
            for one in branch.figures:
                if one.metric == "energy":
                    share = one.value / whole.value if whole and whole.value > 0 else None
                    rows.append([
                        _name(site, language), branch.id, text(branch.name, language), shown(one.value, "energy"), share,
                        one.quality.estimated, one.quality.missing, _ids(one.registers),
                    ])  # fmt: skip
    return rows


def _indicators(report: Report, language: str) -> list[list[Cell]]:
    return [row for site in report.sites if site.indicators for row in _indicators_of(site, language)]


def _indicators_of(site: SiteReport, language: str) -> list[list[Cell]]:
    found = site.indicators
    assert found is not None
    kwh = SHOWN[found.metric][1]
    free_days = found.weekend_share.reason or ("unannounced" if "unannounced" in found.weekend_share.detail else "")
    unit = _unit(found.metric)
    said: list[tuple[str, float | None, str, str]] = [
        ("per_m2", *_scaled(found.per_m2, kwh), f"{unit}/m²"),
        ("per_person", *_scaled(found.per_person, kwh), f"{unit}/{word('person', language)}"),
        ("per_degree_day", *_scaled(found.per_degree_day, kwh), f"{unit}/(K·d)"),
        ("heating_days", found.heating, "" if found.heating is not None else "no_weather", "K·d"),
        ("cooling_days", found.cooling, "" if found.cooling is not None else "no_weather", "K·d"),
        ("peak", shown(found.peak.value, found.metric), found.peak.reason, "kW"),
        ("load_factor", *_scaled(found.load_factor, 1), ""),
        ("baseload", *_scaled(found.baseload, kwh), "kW"),
        ("baseload_share", *_scaled(found.baseload_share, 1), ""),
        ("night_share", *_scaled(found.night_share, 1), ""),
        ("weekend_share", found.weekend_share.value, free_days, ""),
        ("previous", found.previous.change, found.previous.reason, ""),
        ("last_year", found.last_year.change, found.last_year.reason, ""),
    ]
    name, metric = _name(site, language), word(found.metric, language)
    return [
        [name, metric, word(key, language), value, symbol, word(why, language) if why else ""]
        for key, value, why, symbol in said
    ]


def _scaled(one: Indicator, factor: float) -> tuple[float | None, str]:
    return (None if one.value is None else one.value * factor), one.reason


def _quotas(report: Report, language: str) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for site in report.sites:
        for one in site.quotas:
            metric, pace, forecast = one.metric, one.pace, one.forecast
            rows.append([
                _name(site, language), word(metric, language), word(one.per, language), shown(one.limit, metric),
                shown(one.guide, metric), _unit(metric), shown(one.to_date, metric), pace.consumed if pace else None,
                pace.expected if pace else None, pace.pace if pace else None, shown(forecast.value, metric),
                shown(forecast.low, metric), shown(forecast.high, metric), word(forecast.basis, language),
                word(one.outlook, language), word(one.reason, language) if one.reason else "",
                " ".join(part for part in (one.standard, one.clause) if part), one.source,
            ])  # fmt: skip
    return rows


def _balance(report: Report, language: str) -> list[list[Cell]]:
    return [
        [
            _name(site, language), ", ".join(row.nodes), shown(row.supplied, "energy"), shown(row.accounted, "energy"),
            shown(row.unaccounted, "energy"), row.share, shown(row.uncertainty, "energy"),
            word("yes" if row.significant else "no", language), word("yes" if row.clear else "no", language),
            _ids(row.registers),
        ]
        for site in report.sites
        for row in site.balance
    ]  # fmt: skip


def _generation(report: Report, language: str) -> list[list[Cell]]:
    return [
        [
            _name(site, language),
            *(shown(value, "energy") for value in (one.imported, one.exported, one.generated, one.consumption)),
            one.self_consumption, one.autarky, one.contradictions,
        ]
        for site in report.sites
        if (one := site.generation) is not None
    ]  # fmt: skip


def _charging(report: Report, language: str) -> list[list[Cell]]:
    return [
        [
            _name(site, language), word(one.rule, language, "rule"),
            *(shown(value, "energy") for value in (one.with_chargers, one.without_chargers, one.vehicles, one.building)),
            _ids(one.registers),
        ]
        for site in report.sites
        if (one := site.charging) is not None
    ]  # fmt: skip


def _standard(report: Report, language: str) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    sites = [site for site in report.sites if not site.data_room]
    for period in ("month", "year"):
        found = [amounts(site, period == "year") for site in sites]
        names = [_name(site, language) for site in sites]
        if len(found) > 1:
            found.append(totals(found))
            names.append(word("total", language))
        rows += [[name, word(period, language), *row, *ratios(row)] for name, row in zip(names, found, strict=True)]
    return rows


def _data_rooms(report: Report, language: str) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for site in report.sites:
        if site.data_room:
            for period in ("month", "year"):
                one = site.figure("energy", period == "year")
                power = None if one is None else shown(one.value, "energy")
                it = shown(site.it_load, "energy") if period == "month" else None
                rows.append([_name(site, language), word(period, language), power, it, over(power, it), site.area])
    return rows


def _heating(report: Report, language: str) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for site in report.sites:
        one = site.figure("heat")
        if one is None and site.boiler_gas is None and site.heated_area is None:
            continue
        heat = None if one is None else shown(one.value, "heat")
        rows.append([
            _name(site, language), word("month", language), heat, site.boiler_gas, site.heated_area,
            over(heat, site.heated_area),
        ])  # fmt: skip
    return rows


def _daily(report: Report, language: str) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for site in report.sites:
        for one in site.figures:
            for day, value, mark in days(one, report.time_zone):
                said = word(mark, language, "mark") if mark else ""
                name, metric = _name(site, language), word(one.metric, language)
                rows.append([name, metric, day, shown(value, one.metric), _unit(one.metric), said])
    return rows


def days(figure: Figure, zone: str) -> list[tuple[date, float | None, str]]:
    """The days of a figure: local date, value (None where all is missing), mark."""
    found = figure.course
    if found is None:
        return []
    place = ZoneInfo(zone)
    return [
        (
            datetime.fromtimestamp(start / 1000, UTC).astimezone(place).date(),
            None if mark == "missing" and not value else value,
            mark,
        )
        for start, value, mark in zip(found.start, found.value, found.mark, strict=True)
    ]


def local(at: int | None, zone: str) -> datetime | None:
    """Local time without a zone (what a workbook can show)."""
    return None if at is None else datetime.fromtimestamp(at / 1000, UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def _alerts(report: Report, language: str) -> list[list[Cell]]:
    zone = report.time_zone
    return [
        [
            text(one.title, language), one.target, word(one.severity, language, "severity"), local(one.since, zone),
            local(one.resolved, zone), word(one.human, language, "handled"), one.cost,
        ]
        for one in report.alerts
    ]  # fmt: skip


def _restatements(report: Report, language: str) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for one in report.restatements:
        old, new = shown(one.old, one.metric), shown(one.new, one.metric)
        difference = shown(one.new - one.old, one.metric)
        rows.append([
            one.register, word(one.metric, language), one.number, local(one.at, report.time_zone),
            word(one.reason, language, "revision"), one.who, old, new, difference, _unit(one.metric),
        ])  # fmt: skip
    return rows


def _adjustments(report: Report, language: str) -> list[list[Cell]]:
    return [
        [
            one.register, word(one.metric, language), one.month, one.revision, local(one.at, report.time_zone),
            shown(one.value, one.metric), _unit(one.metric),
        ]
        for one in report.adjustments
    ]  # fmt: skip


def _questions(report: Report, language: str) -> list[list[Cell]]:
    return [
        [
            one.register,
            word(one.topic, language, "topic"),
            local(one.since, report.time_zone),
            ", ".join(_known(key, value, report.time_zone, language) for key, value in one.known.items()),
        ]
        for one in report.questions
    ]


def _known(key: str, value: float, zone: str, language: str) -> str:
    shown = f"{local(round(value) // 1_000_000, zone):%Y-%m-%d %H:%M}" if key == "until" else f"{value:g}"
    return f"{word(key, language, 'known')} {shown}"


def _left_out(report: Report, language: str) -> list[list[Cell]]:
    return [
        [_name(site, language), word(figure.metric, language), one.register, word(one.why, language), one.of]
        for site in report.sites
        for figure in site.figures
        for one in figure.left_out
    ]
