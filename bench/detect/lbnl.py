"""Air-handling units of LBNL's fault data by day, against open-fdd's default rules: `python -m bench.detect.lbnl`.

Every day of both units is judged against all other days of its unit (an import: `rules.hvac.past`), with the constants as
shipped; the labels are read only to count. "live" runs the kind `air_handler` through the engine, with earlier days only.
The peer sees the same minutes in its own units and roles; the libraries of `bench.detect.peers` see means and spreads of the
days. Then what a sample costs at 500 units, and memory.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import importlib.util
import json
import os
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from bench.detect.frame import peak_kb
from bench.detect.peers import Peer, peers
from rules.contract import Rule
from rules.engine import Engine
from rules.hvac import past
from rules.hvac.tables import COMPONENTS, ROLES, SLOT
from rules.hvac.verdict import FAULT
from rules.kinds.air_handler import AirHandler
from steward.model import Batch, Equip, Facility, FloatArray, IntArray, Nature, Point, PointIndex, Site
from steward.units import MINUTE

UNITS = ("MZVAV-2-1", "SZVAV")
CAUSES = {"heating coil": "heating_valve", "cooling coil": "cooling_valve", "damper": "outdoor_air_damper"}
FAHRENHEIT, INCH = (5.0 / 9.0, -160.0 / 9.0), (250.0, 0.0)
_PREFIX = "AHU: "
COLUMNS: dict[str, tuple[str, tuple[float, float], str]] = {
    "Supply Air Temperature": ("sat", FAHRENHEIT, "discharge-air-temp"),
    "Supply Air Temperature Set Point": ("sat_sp", FAHRENHEIT, "discharge-air-temp-sp"),
    "Supply Air Temperature Heating Set Point": ("sat_sp_heat", FAHRENHEIT, ""),
    "Supply Air Temperature Cooling Set Point": ("sat_sp_cool", FAHRENHEIT, "discharge-air-temp-sp"),
    "Outdoor Air Temperature": ("oat", FAHRENHEIT, "outside-air-temp"),
    "Mixed Air Temperature": ("mat", FAHRENHEIT, "mixed-air-temp"),
    "Return Air Temperature": ("rat", FAHRENHEIT, "return-air-temp"),
    "Supply Air Fan Status": ("fan", (1.0, 0.0), "fan-status"),
    "Supply Air Fan Speed Control Signal": ("spd", (1.0, 0.0), "fan-cmd"),
    "Outdoor Air Damper Control Signal": ("oad", (1.0, 0.0), "outside-air-damper"),
    "Cooling Coil Valve Control Signal": ("cc", (1.0, 0.0), "cooling-valve"),
    "Heating Coil Valve Control Signal": ("hc", (1.0, 0.0), "heating-valve"),
    "Supply Air Duct Static Pressure Set Point": ("dsp_sp", INCH, "duct-static-pressure-sp"),
    "Supply Air Duct Static Pressure": ("dsp", INCH, "duct-static-pressure"),
    "Occupancy Mode Indicator": ("occ", (1.0, 0.0), "occupied"),
}
"""Column of the files -> our role with scale and offset, the peer's role (in the file's unit)."""


@dataclass(slots=True)
class Unit:
    """A unit as recorded: our series, the raw columns by the peer's role, labelled component by day (days since 1970)."""

    name: str
    series: past.Series
    raw: dict[str, FloatArray]
    causes: dict[int, str]


@dataclass(slots=True)
class Score:
    """Days counted: found, missed and false, and of the fault days those whose component is named rightly."""

    found: int = 0
    missed: int = 0
    false: int = 0
    quiet: int = 0
    right: int = 0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2.0 * self.found / max(2 * self.found + self.missed + self.false, 1)


def data_folder() -> Path:
    """Where the recorded data are."""
    return Path(os.environ.get("STEWARD_DATA", Path(__file__).parents[3] / "shared" / "data")) / "lbnl_ahu"


def number(text: str) -> float:
    """A value of the files; NaN for an empty cell or an error of the spreadsheet."""
    try:
        return float(text)
    except ValueError:
        return np.nan


def load(name: str, folder: Path) -> Unit:
    """Reads a unit."""
    with gzip.open(folder / f"{name}.csv.gz", "rt") as file:
        rows = list(csv.reader(file))
    head = [title.strip().removeprefix(_PREFIX) for title in rows[0]]
    moments = [datetime.strptime(row[0], "%m/%d/%Y %H:%M").replace(tzinfo=UTC) for row in rows[1:]]
    minute = np.array([int(moment.timestamp()) // 60 for moment in moments], np.int64)
    value = np.full((len(minute), len(ROLES)), np.nan)
    raw: dict[str, FloatArray] = {}
    for title, (role, (scale, offset), peer) in COLUMNS.items():
        if title in head:
            column = np.array([number(row[head.index(title)]) for row in rows[1:]])
            value[:, SLOT[role]] = column * scale + offset
            if peer:
                raw[peer] = column
    whole = ~np.isnan(value[:, :8]).any(axis=1)
    minute, first = np.unique(minute[whole], return_index=True)
    raw = {role: column[whole][first] for role, column in raw.items()}
    return Unit(name, past.Series(minute, value[whole][first]), raw, causes(folder / f"{name}-faults.csv"))


def causes(path: Path) -> dict[int, str]:
    """Day -> component, of the data set's own inventory of faults."""
    found: dict[int, str] = {}
    with path.open(encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            kind, text = row["fault type"].lower(), row["fault occurred time"]
            month, day, year = (int(part) for part in text.split("/"))
            component = next(name for word, name in CAUSES.items() if word in kind)
            found[(date(year + 2000 * (year < 100), month, day) - date(1970, 1, 1)).days] = component
    return found


def count(score: Score, flagged: bool, named: str, cause: str | None) -> None:
    """Counts a day."""
    if cause is None:
        score.false += flagged
        score.quiet += not flagged
    else:
        score.found += flagged
        score.missed += not flagged
        score.right += flagged and named == cause


def imported(units: list[Unit], least: int = 0) -> tuple[Score, list[dict[str, Any]]]:
    """Each day against all other days of its unit. least: level from which a day counts as flagged (FAULT: evidence only)."""
    judged = past.judge([unit.series for unit in units])
    score, days = Score(), []
    for row, (unit, day) in enumerate(zip(judged.unit.tolist(), judged.day.tolist(), strict=True)):
        component, level = int(judged.verdict.component[row]), int(judged.verdict.level[row])
        flagged = component >= 0 and level >= least
        named = COMPONENTS[component] if flagged else ""
        cause = units[unit].causes.get(day)
        count(score, flagged, named, cause)
        when = date.fromordinal(day + date(1970, 1, 1).toordinal()).isoformat()
        days.append({"unit": units[unit].name, "day": when, "label": cause or "", "named": named, "level": level})
    return score, days


def facility(count: int, interval: int = MINUTE) -> Facility:
    """So many air handlers with all roles."""
    metrics = {"cc": "valve", "hc": "valve", "oad": "damper", "fan": "on", "spd": "speed_ratio", "dsp": "pressure",
               "dsp_sp": "pressure", "occ": "occupied"}  # fmt: skip
    points = {}
    for unit in range(count):
        for role in ROLES:
            metric = metrics.get(role, "temperature")
            id = f"u{unit}.{role}"
            nature = Nature.STATE if metric in ("on", "occupied") else Nature.GAUGE
            points[id] = Point(id, {"": id}, metric, "", nature, "s", "", f"u{unit}", "", role, "", interval)
    equips = {f"u{unit}": Equip(f"u{unit}", {"": ""}, "air_handler", "s") for unit in range(count)}
    return Facility(
        id="bench", name={"": ""}, organisations={}, sites={"s": Site("s", {"": ""}, "", "UTC")}, spaces={}, equips=equips,
        devices={}, points=points, channels=(), templates={}, calendars={},
    )  # fmt: skip


def batch(index: PointIndex, unit: int, minute: IntArray, value: FloatArray) -> Batch:
    """A stretch of a unit's samples, trigger last of each minute."""
    order = [*list(ROLES)[1:], "sat"]
    column = [SLOT[role] for role in order]
    numbers = np.array([index.add(f"u{unit}.{role}") for role in order], np.int64)
    point, at = np.tile(numbers, len(minute)), np.repeat(minute * MINUTE, len(order))
    flat = value[:, column].reshape(-1)
    known = ~np.isnan(flat)
    return Batch.of(point[known], at[known], flat[known])


def live(units: list[Unit]) -> Score:
    """The kind itself, day after day, with earlier days only."""
    score = Score()
    for unit in units:
        world = facility(1)
        index = PointIndex(world.points)
        engine = Engine([Rule("ahu", AirHandler())], world, index)
        minute, value = unit.series.minute, unit.series.value
        named: dict[int, str] = {}
        for day in np.unique(minute // 1440).tolist():
            first, last = np.searchsorted(minute, [day * 1440, (day + 1) * 1440])
            end = (day + 1) * 1440 * MINUTE
            stated = engine.feed(batch(index, 0, minute[first:last], value[first:last]), end)
            close = np.array([(day + 1) * 1440])
            stated += engine.feed(batch(index, 0, close, value[last - 1 : last]), end)
            bank = engine.banks[0]
            row = int(bank.state["component"][0])
            if row >= 0 and int(bank.state["verdict_day"][0]) // (1440 * MINUTE) == day:
                named[day] = COMPONENTS[row]
        for day in np.unique(minute // 1440).tolist():
            count(score, day in named, named.get(day, ""), unit.causes.get(day))
    return score


def peer(units: list[Unit]) -> tuple[Score, dict[str, int]] | None:
    """open-fdd's default rules on each day alone: a day is flagged when any of them confirms a fault; None: not installed."""
    if importlib.util.find_spec("open_fdd") is None:
        return None
    import pandas as pd  # type: ignore[import-untyped,import-not-found,unused-ignore]
    from open_fdd.rules import run_all  # type: ignore[import-not-found,unused-ignore]

    score, fired = Score(), {}
    for unit in units:
        days = unit.series.minute // 1440
        for day in np.unique(days).tolist():
            pick = days == day
            frame = pd.DataFrame({role: column[pick] for role, column in unit.raw.items()})
            frame.index = pd.to_datetime(unit.series.minute[pick] * 60, unit="s", utc=True)
            frame.attrs.update(equipment_id=unit.name, equipment_type="AHU")
            hit = [one.rule_id for one in run_all(frame, poll_seconds=60.0) if (one.fault_hours or 0.0) > 0.0]
            for rule in hit:
                fired[rule] = fired.get(rule, 0) + 1
            count(score, bool(hit), "", unit.causes.get(day))
    return score, dict(sorted(fired.items(), key=lambda item: -item[1]))


def library(peer_: Peer, units: list[Unit]) -> tuple[Score, float, float]:
    """A library on the days of a unit (mean and spread of each role), each fitted on all other days; the single threshold of
    both units that is best in hindsight. (score, us a day, peak kB)"""

    def scores() -> list[tuple[float, str | None]]:
        found: list[tuple[float, str | None]] = []
        for unit in units:
            days, features = _days(unit)
            for row, day in enumerate(days.tolist()):
                others = np.arange(len(days)) != row
                found.append((float(peer_.score(features[others], features[row : row + 1])[0]), unit.causes.get(day)))
        return found

    begun = time.process_time()
    found = scores()
    spent = time.process_time() - begun
    best = Score()
    for limit in sorted(value for value, _ in found):
        score = Score()
        for value, cause in found:
            count(score, value >= limit, "", cause)
        best = max(best, score, key=lambda one: one.f1)
    return best, 1e6 * spent / len(found), peak_kb(scores)


def _days(unit: Unit) -> tuple[IntArray, FloatArray]:
    """Days, and of each the mean and spread of the roles that the unit has."""
    day = unit.series.minute // 1440
    days, value = np.unique(day), unit.series.value[:, ~np.isnan(unit.series.value).any(axis=0)]
    return days, np.stack([np.concatenate((value[day == one].mean(axis=0), value[day == one].std(axis=0))) for one in days])


def speed(unit: Unit, size: int, minutes: int) -> tuple[float, float]:
    """(us per unit and minute, bytes per unit) of the kind through the engine, all units at once by the minute."""
    world = facility(size)
    index = PointIndex(world.points)
    engine = Engine([Rule("ahu", AirHandler())], world, index)
    order = [*list(ROLES)[1:], "sat"]
    numbers = np.array([[index.add(f"u{one}.{role}") for role in order] for one in range(size)], np.int64).reshape(-1)
    value = unit.series.value[:, [SLOT[role] for role in order]]
    spent = 0.0
    for place in range(minutes):
        row = value[(place * 7 + np.arange(size) * 13) % len(value)].reshape(-1)
        known = ~np.isnan(row)
        at = np.full(int(known.sum()), (28_000_000 + place) * MINUTE, np.int64)
        samples = Batch.of(numbers[known], at, row[known])
        start = time.perf_counter()
        engine.feed(samples, int(at[0]))
        spent += time.perf_counter() - start
    return spent / (size * minutes) * 1e6, engine.memory / size


def main() -> None:
    """The tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=500)
    parser.add_argument("--minutes", type=int, default=1440)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    if not data_folder().is_dir():
        raise SystemExit(f"no recorded data in {data_folder()}: set STEWARD_DATA")
    units = [load(name, data_folder()) for name in UNITS]
    scores = {}
    scores["air_handler, import"], days = imported(units)
    scores["air_handler, import, faults only"], _ = imported(units, FAULT)
    scores["air_handler, live"] = live(units)
    other = peer(units)
    if other is None:
        print("peer not installed: pip install open-fdd")
    else:
        scores["open-fdd, default rules"] = other[0]
    costs = {}
    for each in peers():
        name = f"{each.name}, best threshold"
        scores[name], *costs[name] = library(each, units)
    for one in days:
        mark = "ok" if one["label"] == one["named"] else ("other" if one["label"] and one["named"] else "WRONG")
        print(f"{one['unit']:10} {one['day']} {one['label']:19} {one['named']:19} {mark}")
    print(f"\n{'':34} found missed false quiet right    F1")
    for name, score in scores.items():
        print(f"{name:34} {score.found:5} {score.missed:6} {score.false:5} {score.quiet:5} {score.right:5} {score.f1:6.3f}")
    for name, (spent, held) in costs.items():
        print(f"{name}: {spent:.0f} us a day, peak {held:,.0f} kB")
    if other is not None:
        print("open-fdd, days by rule:", other[1])
    cost, memory = speed(units[0], chosen.units, chosen.minutes)
    print(f"\n{chosen.units} units x {chosen.minutes} min: {cost:.2f} us per unit and minute", end="")
    print(f" ({cost / len(ROLES):.3f} us per sample), {memory / 1e3:.1f} kB per unit")
    if chosen.json:
        table = {
            name: {"f1": one.f1, "found": one.found, "false": one.false, "right": one.right} for name, one in scores.items()
        }
        chosen.json.write_text(json.dumps({"days": days, "scores": table, "us": cost, "bytes": memory}, indent=1), "utf-8")


if __name__ == "__main__":
    main()
