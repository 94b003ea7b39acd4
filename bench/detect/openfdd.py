"""open-fdd's own rule fixtures on the rules that we share: `python -m bench.detect.openfdd`.

Each case is a few hours of one equip with the peer's verdict (`expected.json`: any fault, or skipped for missing roles). Ours
run with the peer's limits, since the question is whether the same condition is recognised. Rules that are not shared are
named with the reason. Used as a test as well.
"""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rules.load import load
from rules.testing import Case, Player, Sample
from steward.model import METRICS, Calendar, Equip, Facility, Nature, Organisation, Point, Site
from steward.units import MINUTE, SECOND

Conversion = tuple[float, float]
F, INCH, CFM, SAME = (5.0 / 9.0, -160.0 / 9.0), (249.089, 0.0), (4.71947e-4, 0.0), (1.0, 0.0)


@dataclass(frozen=True, slots=True)
class Shared:
    """A rule of the peer that ours cover: our kind, its fields at the peer's limits, the check, what the kind needs beside."""

    kind: str
    check: str
    fields: Mapping[str, Any]
    constant: tuple[str, str, float] | None = None


_SUPPLY = {"delay": "5m", "settle": "0s"}
SHARED: dict[str, Shared] = {
    "FC1": Shared("supply_air", "pressure_low", {**_SUPPLY, "pressure_band": "29.9Pa", "full_speed": "87%"},
                  ("sat", "temperature", 13.0)),
    "AHU-DUCTHI": Shared("supply_air", "pressure_high", {**_SUPPLY, "pressure_band": "24.9Pa"}, ("sat", "temperature", 13.0)),
    "FC7": Shared("supply_air", "heating_short", {**_SUPPLY, "temperature_band": "0.556K", "full": "90%"}),
    "ECON-2": Shared("supply_air", "economizer_hot", {**_SUPPLY, "outdoor_limit": "17.2degC", "open_damper": "42%"},
                     ("sat", "temperature", 13.0)),
    "ECON-4": Shared("supply_air", "air_short", {**_SUPPLY, "least_air": "21%"}, ("sat", "temperature", 13.0)),
    "VAV-2": Shared("vav", "setback_missed", {"delay": "5m", "settle": "0s", "setback": "68degF"}),
    "VAV-4": Shared("vav", "starved", {"delay": "0s", "settle": "0s"}, ("zone", "temperature", 22.0)),
    "SCHED-247": Shared("schedule", "", {"above": 0}),
}  # fmt: skip
NOT_SHARED = {
    "RESET-1": "a supply set point against one curve for all units: no common curve exists",
    "VAV-6": "reheat while it is cool outside: the usual state of a perimeter zone in winter",
}
ROLES: dict[str, tuple[tuple[str, str, Conversion], ...]] = {
    "discharge-air-temp": (("sat", "temperature", F),), "discharge-air-temp-sp": (("sat_sp", "temperature", F),),
    "mixed-air-temp": (("mat", "temperature", F),), "return-air-temp": (("rat", "temperature", F),),
    "outside-air-temp": (("oat", "temperature", F),), "heating-valve": (("hc", "valve", SAME),),
    "outside-air-damper": (("oad", "damper", SAME),), "fan-status": (("fan", "on", SAME),),
    "fan-cmd": (("spd", "speed_ratio", SAME), ("fan", "on", SAME)), "zone-air-temp": (("zone", "temperature", F),),
    "duct-static-pressure": (("dsp", "pressure", INCH),), "duct-static-pressure-sp": (("dsp_sp", "pressure", INCH),),
    "damper": (("damper", "damper", SAME),), "zone-airflow": (("flow", "flow", CFM),), "occupied": (("occ", "occupied", SAME),),
}  # fmt: skip
_WORDS = {"unoccupied": 0.0, "occupied": 1.0, "false": 0.0, "true": 1.0}


@dataclass(frozen=True, slots=True)
class Outcome:
    """A case compared: what the peer says and what we say; `expected` None: the fixture does not say."""

    rule: str
    case: str
    expected: bool | None
    found: bool


def fixtures(archive: Path) -> dict[tuple[str, str], dict[str, str]]:
    """(rule, case) -> file name -> text."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            parts = member.name.split("/")
            file = tar.extractfile(member) if member.isfile() else None
            if file is not None and len(parts) == 4:
                found.setdefault((parts[1], parts[2]), {})[parts[3]] = file.read().decode()
    return found


def judge(rule: str, name: str, files: Mapping[str, str]) -> Outcome:
    """Runs a case through the engine."""
    shared = SHARED[rule]
    samples, points, rows = _read(files, shared)
    equip = Equip("e", {"": "e"}, "equip", "s")
    place = Site("s", {"": "s"}, "o", "UTC", calendar="closed")
    facility = Facility(
        id="case", name={"": ""}, organisations={"o": Organisation("o", {"": "o"})}, sites={"s": place}, spaces={},
        equips={"e": equip}, devices={}, points=points, channels=(), templates={},
        calendars={"closed": Calendar("closed", ((),) * 7)},
    )  # fmt: skip
    match = {"equip_type": "equip", **({"role": "fan"} if shared.kind == "schedule" else {})}
    loaded = load([("rule", {"id": "rule", "kind": shared.kind, "match": match, **shared.fields})], facility)
    if loaded.problems:
        raise ValueError(f"{rule}/{name}: {loaded.problems[0]}")
    start, end = min(rows), max(rows)
    case = Case(name, facility, loaded, start, end + 30 * MINUTE, MINUTE, samples, [], [], None, None)
    stated = Player(case).play().statements
    found = any(not shared.check or one.evidence.get("check") == shared.check for one in stated)
    return Outcome(rule, name, json.loads(files["expected.json"]).get("any_fault"), found)


def _read(files: Mapping[str, str], shared: Shared) -> tuple[list[Sample], dict[str, Point], list[int]]:
    """The samples in the order of the file, trigger last in each row; the points; the times of the rows."""
    roles = {row["col"]: row["point_role"] for row in csv.DictReader(io.StringIO(files["columns.csv"]))}
    samples: list[Sample] = []
    points: dict[str, Point] = {}
    times: list[int] = []
    received = 0
    for row in csv.DictReader(io.StringIO(files["history_wide.csv"])):
        at = int(datetime.fromisoformat(row["timestamp_utc"].replace("Z", "+00:00")).timestamp()) * SECOND
        received = max(received, at)
        times.append(at)
        given = {one[0]: (one[1], row[column], one[2]) for column, role in roles.items() for one in ROLES.get(role, ())}
        if shared.constant is not None and shared.constant[0] not in given:
            role, metric, constant = shared.constant
            given[role] = (metric, str(constant), SAME)
        for role, (metric, text, conversion) in sorted(given.items(), key=lambda item: item[0] in ("sat", "zone")):
            kind = METRICS[metric]
            points[role] = Point(
                role, {"": role}, metric, kind.unit, Nature(kind.nature), "s", "", "e", "", role, "", 5 * MINUTE
            )
            if text != "":
                samples.append(Sample(role, at, received, _value(text, metric) * conversion[0] + conversion[1]))
    return samples, points, times


def _value(text: str, metric: str) -> float:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    value = float(text)
    return value / 100.0 if METRICS[metric].unit == "ratio" and value > 1.5 else value


def run(archive: Path) -> list[Outcome]:
    """All cases of the shared rules."""
    return [judge(rule, name, files) for (rule, name), files in sorted(fixtures(archive).items()) if rule in SHARED]


def main() -> None:
    """The table."""
    from bench.detect.lbnl import data_folder

    archive = data_folder().parent / "openfdd" / "oracle.tar.gz"
    if not archive.is_file():
        raise SystemExit(f"no recorded data at {archive}: set STEWARD_DATA")
    outcomes = run(archive)
    for rule, shared in SHARED.items():
        mine = [one for one in outcomes if one.rule == rule]
        told = [one for one in mine if one.expected is not None]
        wrong = [one.case for one in told if one.expected != one.found]
        print(f"{rule:10} {shared.kind:10} {shared.check:16} {len(mine):2} cases, {len(told):2} with a verdict, "
              f"{len(told) - len(wrong):2} agree {', '.join(wrong)}")  # fmt: skip
    for rule, reason in NOT_SHARED.items():
        print(f"{rule:10} not shared: {reason}")


if __name__ == "__main__":
    main()
