"""Idling and trips of a recorded car (carOBD, OBD-II): `python -m bench.detect.carobd`.

The files' kind is the label: `idle*` were recorded parked with the engine on, `live*` while driving. Truth by the row: standing
with the engine on, as part of a stop of at least a minute, from the file's own speed and engine speed with hindsight.
Judged by the rule kind through the engine, row by row, against two naive rules. Rows are spaced by the engine's own clock
(about two a second).
"""

from __future__ import annotations

import csv
import gzip
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.detect.frame import data_folder, table
from rules.engine import Engine
from rules.load import load
from steward.model import (
    METRICS,
    Batch,
    BoolArray,
    Equip,
    Facility,
    FloatArray,
    Organisation,
    Point,
    PointIndex,
    Site,
)
from steward.units import SECOND

START = 1_546_300_800 * SECOND
"""The files state no date: 2019-01-01."""
LEAST = 60
"""Seconds from which on a stop is idling."""
POINTS = {"v": "speed", "e": "engine_speed", "c": "coolant_temperature"}
RULES: list[tuple[str, dict[str, object]]] = [
    ("idling", {"id": "idling", "kind": "idling", "match": {"equip_type": "vehicle"}, "above": "300rpm", "for": "1m"}),
    (
        "coolant",
        {
            "id": "coolant",
            "kind": "threshold",
            "match": {"metric": "coolant_temperature"},
            "above": "110degC",
            "deadband": "5K",
            "for": "30s",
        },
    ),
]


@dataclass(slots=True)
class Drive:
    """One file: s between two rows, speed km/h, engine speed rpm, coolant degC."""

    name: str
    period: float
    speed: FloatArray
    engine: FloatArray
    coolant: FloatArray


def read(path: Path) -> Drive:
    """A file; rows that are cut off or empty are left out."""
    with gzip.open(path, "rt") as file:
        rows = list(csv.reader(file))
    names = [name.split(" (")[0].strip() for name in rows[0]]
    places = [names.index(name) for name in ("ENGINE_RUN_TINE", "VEHICLE_SPEED", "ENGINE_RPM", "COOLANT_TEMPERATURE")]
    whole = [[row[place].strip() for place in places] for row in rows[1:] if len(row) > max(places)]
    table_ = np.array([[float(cell) for cell in row] for row in whole if all(row)])
    clock = table_[:, 0]
    period = (clock.max() - clock.min()) / max(int(np.count_nonzero(clock > clock.min())), 1)
    return Drive(path.name.split(".")[0], float(period), *(table_[:, column].copy() for column in (1, 2, 3)))


def facility(vehicles: int = 1) -> Facility:
    """Vehicles with three points each."""
    points: dict[str, Point] = {}
    for car in range(vehicles):
        for id, metric in POINTS.items():
            kind = METRICS[metric]
            name = f"{id}{car}"
            points[name] = Point(name, {"": id}, metric, kind.unit, kind.nature, "site", "", f"car-{car}", interval=SECOND)
    equips = {f"car-{car}": Equip(f"car-{car}", {"": "car"}, "vehicle", "site") for car in range(vehicles)}
    site = {"site": Site("site", {"": "site"}, "org")}
    organisation = {"org": Organisation("org", {"": "org"})}
    return Facility("bench", {"": "bench"}, organisation, site, {}, equips, {}, points, (), {}, {})


def stretches(mask: BoolArray, least: float) -> BoolArray:
    """The mask without its runs shorter than `least`."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    kept = np.zeros(len(mask), np.bool_)
    for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        kept[begin:end] = end - begin >= least
    return kept


@dataclass(slots=True)
class Judged:
    """What the engine said of a file: seconds idling, alerts on the coolant, seconds of CPU, samples."""

    idle: BoolArray
    hot: int
    cpu: float
    samples: int


def judge(drive: Drive) -> Judged:
    """Through the engine, ten rows at a time."""
    place = facility()
    loaded = load(RULES, place)
    assert not loaded.problems, loaded.problems
    index = PointIndex(place.points)
    engine = Engine(loaded.rules, place, index)
    engine.resume(START)
    values = (drive.speed / 3.6, drive.engine / 60.0, drive.coolant)
    times = START + (np.arange(len(drive.speed)) * drive.period * SECOND).astype(np.int64)
    idle = np.zeros(len(times), np.bool_)
    ends: dict[int, int] = {}
    hot, begun = 0, time.process_time()
    for first in range(0, len(times), 10):
        rows = np.arange(first, min(first + 10, len(times)))
        at = np.tile(times[rows], 3)
        point = np.repeat([index.add(f"{id}0") for id in POINTS], len(rows))
        batch = Batch.of(point, at, np.concatenate([value[rows] for value in values]))
        order = np.argsort(at, kind="stable")
        now = int(at.max())
        for alert in (*engine.feed(batch.take(order), now), *engine.tick(now)):
            if alert.rule == "coolant":
                hot += alert.resolved is None
            else:
                ends[alert.since] = alert.resolved or int(times[-1]) + 1
    cpu = time.process_time() - begun
    for since, end in ends.items():
        idle[np.searchsorted(times, since) : np.searchsorted(times, end)] = True
    return Judged(idle, hot, cpu, 3 * len(idle))


def fleet(drive: Drive, vehicles: int, rows: int = 120) -> float:
    """us a sample where `vehicles` send a row at each moment."""
    place = facility(vehicles)
    index = PointIndex(place.points)
    engine = Engine(load(RULES, place).rules, place, index)
    engine.resume(START)
    point = np.array([index.add(f"{id}{car}") for car in range(vehicles) for id in POINTS])
    begun = time.process_time()
    for number in range(rows):
        value = np.tile([drive.speed[number] / 3.6, drive.engine[number] / 60.0, drive.coolant[number]], vehicles)
        now = START + number * SECOND
        engine.feed(Batch.of(point, np.full(len(point), now), value), now)
    return 1e6 * (time.process_time() - begun) / (rows * len(point))


def scores(found: list[BoolArray], truth: list[BoolArray]) -> tuple[float, float]:
    """Precision and recall over all seconds."""
    told, true = np.concatenate(found), np.concatenate(truth)
    both = int((told & true).sum())
    return both / max(int(told.sum()), 1), both / max(int(true.sum()), 1)


def rules(drive: Drive, own: BoolArray) -> dict[str, BoolArray]:
    """Where each rule says idling."""
    minute = max(round(LEAST / drive.period), 1)
    mean = np.convolve(drive.speed, np.full(minute, 1.0 / minute))[: len(drive.speed)]
    return {
        "rule kind idling, for = 1m": own,
        "naive: speed 0 and engine on, at once": (drive.speed == 0) & (drive.engine > 0),
        "naive: mean speed of the last minute below 3 km/h": mean < 3.0,
    }


def row(name: str, drives: list[Drive], found: list[BoolArray], truth: list[BoolArray]) -> list[object]:
    """A row of the table: whole files right, precision and recall by rows, spells that are told."""
    share = {drive.name: float(one.mean()) for drive, one in zip(drives, found, strict=True)}
    parked = [part > 0.9 for name, part in share.items() if name.startswith("idle")]
    driven = [part < 0.5 for name, part in share.items() if name.startswith("live")]
    spells = sum(int(np.count_nonzero(np.diff(one.astype(np.int8), prepend=0) > 0)) for one in found)
    precision, recall = scores(found, truth)
    return [
        name,
        f"{sum(parked)} of {len(parked)}",
        f"{sum(driven)} of {len(driven)}",
        f"{precision:.3f}",
        f"{recall:.3f}",
        spells,
    ]


def main() -> None:
    """Prints the table."""
    drives = [read(path) for path in sorted(data_folder("carobd").glob("*.csv.gz"))]
    ours = [judge(drive) for drive in drives]
    truth = [stretches((drive.speed == 0) & (drive.engine > 0), LEAST / drive.period) for drive in drives]
    by_rule = [rules(drive, one.idle) for drive, one in zip(drives, ours, strict=True)]
    lines = [row(name, drives, [one[name] for one in by_rule], truth) for name in by_rule[0]]
    lines.append(row("truth", drives, truth, truth))
    head = ["judged by", "parked files found idling", "driving files found trips", "precision", "recall", "spells"]
    print(table(head, lines))
    print(f"{len(drives)} files, {sum(len(one.speed) * one.period for one in drives) / 3600:.1f} h")
    hottest = max(float(drive.coolant.max()) for drive in drives)
    print(f"alerts on a coolant above 110 degC: {sum(one.hot for one in ours)} (hottest {hottest:.0f} degC)")
    samples, cpu = sum(one.samples for one in ours), sum(one.cpu for one in ours)
    many = fleet(drives[-1], 1000)
    print(f"{1e6 * cpu / samples:.1f} us a sample, one vehicle, ten rows at a time; {many:.2f} us, 1,000 vehicles at once")


if __name__ == "__main__":
    main()
