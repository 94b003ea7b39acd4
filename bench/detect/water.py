"""Leaks injected into the registers of 92 homes (DAIAD): `python -m bench.detect.water [--all]`.

Each trial adds a leak to the register of one home at a random hour behind 56 days of its history; the register keeps its
resolution. Found: one of the pack's two leak rules (`leak`, `leak` with judge "slow") fires while the leak runs. The same
trials are given, by `--all`, to the limits that operators set (night flow, 24 h without an hour of rest) and to the libraries
that are installed, on daily features. Unlabelled alerts come from the same homes without a leak. One setting for all.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.detect.frame import data_folder, moment, peak_kb, table, timed
from bench.detect.peers import Peer, peers
from rules.contract import Rule
from rules.engine import Engine
from rules.kinds.continuous_flow import ContinuousFlow
from rules.kinds.leak import Leak
from rules.kinds.no_flow import NoFlow
from rules.kinds.schedule import Schedule
from rules.quantity import Limit
from steward.model import Alert, Batch, Condition, Facility, FloatArray, IntArray, Nature, Point, PointIndex, Site
from steward.units import DAY, HOUR, MINUTE

YEAR = 365.25 * DAY
BEFORE = 56 * DAY
LITRE = 1e-3
CONSTANT = (1, 2, 3, 5, 10, 20, 50, 100, 300, 600)
RAMPS = (0.1, 0.2, 0.5)
DUTY = (20, 50, 100)
PART = 30 * DAY
MONTH = 28
Shape = Callable[[FloatArray], FloatArray]
"""Hours since the leak began -> litres leaked."""


@dataclass(slots=True)
class Home:
    """One register: times in ns, m3; the key of its meter."""

    at: IntArray
    read: FloatArray
    key: str = ""


@dataclass(slots=True)
class Trial:
    """A register with a leak between `begin` and `end`; `rate` l/h."""

    home: Home
    begin: int
    end: int
    rate: float


@dataclass(slots=True)
class Outcome:
    """What a detector said of each trial: when it first spoke within the leak (or never), and the alerts before it."""

    delays: list[float | None] = field(default_factory=list)
    before: int = 0
    years: float = 0.0

    @property
    def found(self) -> str:
        """Share found, %."""
        return f"{100 * sum(one is not None for one in self.delays) / max(1, len(self.delays)):.0f}"

    @property
    def delay(self) -> str:
        """Median delay of those found, h."""
        told = [one for one in self.delays if one is not None]
        return f"{np.median(told):.0f}" if told else "-"


def homes() -> list[Home]:
    """The 92 registers, sorted by time."""
    path = data_folder("daiad_water") / "swm_trialA_clean.zip"
    keys: list[str] = []
    at: list[int] = []
    read: list[float] = []
    days: dict[str, int] = {}
    with zipfile.ZipFile(path) as archive, archive.open("swm_trialA_clean.csv") as raw:
        text = io.TextIOWrapper(raw, encoding="utf-8")
        next(text)
        for line in text:
            key, stamp, value, _ = line.split(";")
            date = stamp[:10]
            if date not in days:
                days[date] = moment(date, "%d/%m/%Y") // 10**9
            clock = int(stamp[11:13]) * 3600 + int(stamp[14:16]) * 60 + int(stamp[17:19])
            keys.append(key)
            at.append(days[date] + clock)
            read.append(float(value))
    names, number = np.unique(np.array(keys), return_inverse=True)
    times, values = np.array(at, np.int64) * 10**9, np.array(read) * LITRE
    found = []
    for one in range(int(number.max()) + 1):
        mine = np.flatnonzero(number == one)
        mine = mine[np.argsort(times[mine], kind="stable")]
        found.append(Home(times[mine], values[mine], str(names[one])))
    return found


def drawn(key: str) -> int:
    """A number by the key alone: splits are the same whatever was seen of the data."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big")


def buildings(all_homes: Sequence[Home], size: int) -> list[Home]:
    """Sums of so many homes, drawn by hash, as registers of hours over the year that all of them share; between two reads a
    register rises evenly."""
    year = [home for home in all_homes if home.at[-1] - home.at[0] > 0.97 * YEAR]
    year.sort(key=lambda home: drawn(home.key))
    made = []
    for first in range(0, len(year) - size + 1, size):
        part = year[first : first + size]
        begin, end = max(int(home.at[0]) for home in part), min(int(home.at[-1]) for home in part)
        at = np.arange(-(-begin // HOUR), end // HOUR) * HOUR
        total = np.sum([np.interp(at, home.at, np.maximum.accumulate(home.read)) for home in part], axis=0)
        made.append(Home(at, np.floor(total / LITRE + 1e-6) * LITRE, f"{size} homes, {first // size}"))
    return made


def place(count: int) -> Facility:
    """As many water registers at one site."""
    points = {f"w{n}": Point(f"w{n}", {"": ""}, "water", "m3", Nature.COUNTER, "s", interval=HOUR) for n in range(count)}
    site = Site("s", {"": ""}, time_zone="Europe/Madrid", calendar="")
    return Facility(id="bench", name={"": ""}, organisations={}, sites={"s": site}, spaces={}, equips={}, devices={},
                    points=points, channels=(), templates={}, calendars={})  # fmt: skip


def rules() -> dict[str, list[Rule]]:
    """Detector -> its rules; those of the pack first, then the limits of operators."""
    night = {"mon-sun": "01:00-05:00"}
    return {
        "leak": [Rule("leak", Leak(), keep=2 * DAY), Rule("slow", Leak(judge="slow"), keep=2 * DAY)],
        "24 h without rest": [Rule("24h", ContinuousFlow(), keep=2 * DAY)],
        "night flow > 10 L/h": [
            Rule("n10", Schedule(above=Limit("10L/h"), when="open", hours=night), wait=2 * HOUR, keep=2 * DAY)
        ],
        "night flow > 50 L/h": [
            Rule("n50", Schedule(above=Limit("50L/h"), when="open", hours=night), wait=2 * HOUR, keep=2 * DAY)
        ],
    }


def judge(registers: Sequence[Home], wanted: Sequence[Rule]) -> list[Alert]:
    """All statements of the rules over the registers, in stretches of a month."""
    index = PointIndex()
    engine = Engine(wanted, place(len(registers)), index)
    numbers = np.concatenate([np.full(len(one.at), index.add(f"w{n}"), np.int64) for n, one in enumerate(registers)])
    at = np.concatenate([one.at for one in registers])
    read = np.concatenate([one.read for one in registers])
    stated: list[Alert] = []
    month = at // PART
    for part in np.unique(month).tolist():
        mine = month == part
        stated += engine.replay(Batch.of(numbers[mine], at[mine], read[mine]), MINUTE)
    return stated


def fired(stated: Sequence[Alert]) -> list[Alert]:
    """One statement an episode: that of its firing."""
    return [alert for alert in stated if alert.condition is Condition.FIRING]


def leaking(home: Home, begin: int, end: int, shape: Shape, step: float = 1.0) -> Home:
    """The register with the leak, read in whole steps of `step` litres, up to the end of the leak."""
    upto = home.at <= end
    at, read = home.at[upto], home.read[upto]
    litres = shape(np.maximum(at - begin, 0) / HOUR)
    return Home(at, np.floor((read / LITRE + litres) / step + 1e-6) * step * LITRE)


def trials(all_homes: Sequence[Home], shape: Shape, days: int, rate: float, seed: int, step: float = 1.0) -> list[Trial]:
    """A leak at a random hour for each home that has enough history, and reads in nine of ten hours of the leak."""
    rng = np.random.default_rng(seed)
    made = []
    for home in all_homes:
        low, high = int(home.at[0]) + BEFORE, int(home.at[-1]) - days * DAY
        if high <= low:
            continue
        begin = int(rng.integers(low // HOUR, high // HOUR)) * HOUR
        end = begin + days * DAY
        inside = home.at[(home.at >= begin) & (home.at <= end)]
        if len(np.unique(inside // HOUR)) < 0.9 * days * 24:
            continue
        made.append(Trial(leaking(home, begin, end, shape, step), begin, end, rate))
    return made


def outcome(made: Sequence[Trial], stated: Sequence[Alert]) -> Outcome:
    """When each trial was found."""
    result = Outcome()
    by: dict[str, list[Alert]] = {}
    for alert in fired(stated):
        by.setdefault(alert.target, []).append(alert)
    for number, trial in enumerate(made):
        told = [int(alert.fired or 0) for alert in by.get(f"w{number}", [])]
        hits = [one for one in told if trial.begin < one <= trial.end]
        result.delays.append((min(hits) - trial.begin) / HOUR if hits else None)
        result.before += sum(one <= trial.begin for one in told)
        result.years += (trial.begin - BEFORE / 2 - int(trial.home.at[0])) / YEAR
    return result


def errors(made: Sequence[Trial], stated: Sequence[Alert]) -> tuple[str, str, str]:
    """Median error of the start (h) and of the volume (l/h) of the leaks found, share of volumes within a quarter."""
    starts, volumes = [], []
    for alert in fired(stated):
        trial = made[int(alert.target[1:])]
        if trial.begin < int(alert.fired or 0) <= trial.end and alert.rule == "leak" and alert.evidence["leak_since"]:
            starts.append(abs(alert.evidence["leak_since"] - trial.begin) / HOUR)
            volumes.append(abs(alert.evidence["m3_per_hour"] * 1000 - trial.rate))
    if not starts:
        return "-", "-", "-"
    near = np.mean(np.array(volumes) <= 0.25 * made[0].rate)
    return f"{np.median(starts):.1f}", f"{np.median(volumes):.1f}", f"{100 * near:.0f}"


def constant(rate: float) -> Shape:
    """`rate` l/h."""
    return lambda hours: hours * rate


def ramp(growth: float) -> Shape:
    """A leak that grows by `growth` l/h a day."""
    return lambda hours: growth / 24 * hours**2 / 2


def duty(rate: float) -> Shape:
    """Six hours on, six hours off."""
    return lambda hours: rate * (hours // 12 * 6 + np.minimum(hours % 12, 6))


def library(peer: Peer, made: Sequence[Trial]) -> Outcome:
    """A library on the days of a meter (total, lowest hour, lowest of the night), fitted before the leak or, where it learns
    row by row, on the first 28 days; a day is told beyond what 1 % of the days before the leak exceed."""
    result = Outcome()
    for trial in made:
        days, features = _days(trial.home)
        past = days < trial.begin // DAY
        fit = MONTH if peer.streams else int(past.sum())
        score = peer.score(features[:fit], features[fit:] if peer.streams else features)
        score = np.concatenate((np.zeros(len(days) - len(score)), score))
        flags = score > np.quantile(score[past], 0.99)
        hits = [(int(day) + 1) * DAY - trial.begin for day in days[flags & ~past] if (int(day) + 1) * DAY <= trial.end + DAY]
        result.delays.append(min(hits) / HOUR if hits else None)
        result.before += int(flags[past].sum())
        result.years += past.sum() * DAY / YEAR
    return result


def _days(home: Home) -> tuple[IntArray, FloatArray]:
    passed = np.diff(home.at)
    good = (passed > 45 * MINUTE) & (passed < 3.5 * HOUR) & (np.diff(home.read) >= 0)
    flow = np.diff(home.read)[good] / (passed[good] / HOUR)
    middle = home.at[1:][good]
    days, inverse = np.unique(middle // DAY, return_inverse=True)
    night = np.where((middle // HOUR) % 24 < 5, flow, np.inf)
    lowest, least, total = np.full(len(days), np.inf), np.full(len(days), np.inf), np.zeros(len(days))
    np.minimum.at(lowest, inverse, flow)
    np.minimum.at(least, inverse, night)
    np.add.at(total, inverse, flow)
    least[~np.isfinite(least)] = lowest[~np.isfinite(least)]
    return days.astype(np.int64), np.stack((total, lowest, least), axis=1)


def unlabelled(all_homes: Sequence[Home], detectors: dict[str, list[Rule]]) -> None:
    """Alerts a meter-year where nothing was injected, speed and memory."""
    years = sum(int(home.at[-1] - home.at[0]) for home in all_homes) / YEAR
    reads = sum(len(home.at) for home in all_homes)
    wanted = {**detectors, "no flow": [Rule("none", NoFlow())]}
    lines: list[list[Any]] = []
    for name, given in wanted.items():
        stated, seconds = timed(lambda given=given: judge(all_homes, given))  # type: ignore[misc]
        counted = Counter(alert.rule for alert in fired(stated))
        each = ", ".join(f"{rule} {number / years:.2f}" for rule, number in counted.items())
        lines.append([name, f"{sum(counted.values()) / years:.2f}", each, f"{1e6 * seconds / reads / len(given):.2f}"])
    print(f"\n{len(all_homes)} homes, {years:.1f} meter-years, {reads} reads, nothing injected\n")
    print(table(["detector", "alerts a meter-year", "by rule", "us a read and rule"], lines))


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--all", action="store_true", help="the limits of operators and libraries on every size too")
    parser.add_argument("--sizes", nargs="*", help="only leaks of these names, as in the table")
    given = parser.parse_args()
    all_homes = homes()
    detectors = rules()
    sizes: list[tuple[str, Shape, int, float, float]] = [(f"{size}", constant(size), 7, size, 1.0) for size in CONSTANT]
    sizes += [(f"ramp {growth}", ramp(growth), 28, growth * 28, 1.0) for growth in RAMPS]
    sizes += [(f"duty {rate}", duty(rate), 7, rate, 1.0) for rate in DUTY]
    sizes += [("20 at 10 L steps", constant(20), 7, 20, 10.0)]
    libraries = peers() if given.all else []
    lines: list[list[Any]] = []
    for number, (name, shape, days, rate, step) in enumerate(sizes):
        if given.sizes and name not in given.sizes:
            continue
        made = trials(all_homes, shape, days, rate, given.seed * 1000 + number, step)
        stated = judge([one.home for one in made], detectors["leak"])
        found = outcome(made, stated)
        line = [name, len(made), found.found, found.delay, *errors(made, stated), f"{found.before / found.years:.1f}"]
        if given.all:
            for other in list(detectors)[1:]:
                peer_found = outcome(made, judge([one.home for one in made], detectors[other]))
                line.append(f"{peer_found.found} ({peer_found.delay} h, {peer_found.before / peer_found.years:.1f})")
            for one in libraries:
                peer_found = library(one, made)
                line.append(f"{peer_found.found} ({peer_found.delay} h, {peer_found.before / peer_found.years:.1f})")
        lines.append(line)
    head = [
        "leak l/h",
        "trials",
        "found %",
        "delay h",
        "start +-h",
        "volume +-l/h",
        "volume within 25 %",
        "alerts a year before",
    ]
    if given.all:
        head += [f"{name}: found % (delay, before)" for name in list(detectors)[1:]]
        head += [f"{one.name}, by day" for one in libraries]
    print(table(head, lines))
    if not given.sizes:
        unlabelled(all_homes, detectors)
    size = peak_kb(lambda: Engine(rules()["leak"][:1], place(100), PointIndex()))
    print(f"\n{size / 100:.1f} kB a meter")
    made = trials(all_homes, constant(20), 7, 20, given.seed)[:10]
    reads = sum(len(one.home.at) for one in made)
    lines = []
    for library_ in libraries:
        _, spent = timed(lambda one=library_: library(one, made))  # type: ignore[misc]
        memory = peak_kb(lambda one=library_: library(one, made[:1]))  # type: ignore[misc]
        lines.append([library_.name, f"{1e6 * spent / reads:.1f}", f"{memory:,.0f}"])
    if lines:
        print(table(["library, by day", "us a read", "peak kB of one meter"], lines))


if __name__ == "__main__":
    main()
