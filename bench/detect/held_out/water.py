"""The leak rules on meters that no constant was chosen on: `python -m bench.detect.held_out.water`.

Two sets that the water bench never saw: the irrigation meters of BDG2 (water, hourly, two years) and OpenEEmeter's gas meters
(hourly, energy turned into volume); and sums of ten homes of DAIAD as buildings: the homes themselves were looked at when the
constants were made, their sums were not. Leaks of a share of the meter's mean flow are put in at random hours for seven days,
behind 56 days. Each trial has a twin, the same week of the same register without the leak: what is told there is chance, and
must be taken off what is found. (A library's threshold is the 1 % of its own fitted days, which it beats more often on new
ones, KNN above all: a day is its own nearest neighbour; alerts of our rules are episodes.) At last the homes in two halves by
a hash of their keys: no held-out figure, it shows how far chance goes. The trend of ranks and the floor of the long windows
were chosen on sums of five homes and on the homes, not on these sets.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np

from bench.baselines.recorded import nanoseconds
from bench.detect import water
from bench.detect.frame import columns, data_folder, table
from bench.detect.peers import peers
from bench.detect.water import Home, Trial
from steward.model import FloatArray, IntArray
from steward.units import DAY, HOUR

SHARES = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
COMPARED = (0.1, 0.5)
"""Shares at which the libraries are given the same trials."""
EACH = 12
GAS = {"therm": 2.83, "kWh": 0.0948}
"""m3 of gas in a unit of energy."""
Meters = list[tuple[Home, float]]
"""Register and its step in litres."""
Judge = Callable[[list[Trial]], water.Outcome]


def register(key: str, at: IntArray, litres: FloatArray) -> Home:
    """Consumption of hours as a register that is read at their ends; no read where the hour is unknown."""
    known = np.isfinite(litres)
    total = np.cumsum(np.where(known, litres, 0.0)) * water.LITRE
    return Home((at + HOUR)[known], total[known], key)


def irrigation() -> Meters:
    """Meters of BDG2 that ran in at least 300 hours and are known in nine of ten."""
    found: Meters = []
    column = columns(data_folder("bdg2") / "irrigation.csv.gz")
    at = np.array([nanoseconds(text + "+00:00") for text in column.pop("timestamp")], np.int64)
    for key, cells in column.items():
        litres = np.array([float(text) if text else np.nan for text in cells])
        if np.isfinite(litres).mean() >= 0.9 and (litres > 0).sum() >= 300:
            found.append((register(key, at, litres), float(np.min(litres[litres > 0]))))
    return found


def gas() -> Meters:
    """OpenEEmeter's hourly gas meters."""
    found: Meters = []
    for path in sorted(data_folder("eemeter").glob("*gas*hourly*.csv.gz")):
        column = columns(path)
        at = np.array([nanoseconds(text) for text in column["start"]], np.int64)
        unit = GAS["kWh" if path.name.startswith("uk") else "therm"]
        litres = np.array([float(text or "nan") for text in column["value"]]) * unit / water.LITRE
        good = np.concatenate(([True], np.diff(at) > 0))
        found.append((register(path.name, at[good], litres[good]), 1.0))
    return found


def made(meters: Meters, share: float, seed: int, each: int = EACH) -> tuple[list[Trial], list[Trial]]:
    """Leaks of a share of the mean flow, each of few meters `each` times, of many half as often; and the same weeks of the same
    registers without the leak: what is told there is chance."""
    rng = np.random.default_rng(seed)
    found, calm = [], []
    for home, step in meters:
        mean = (home.read[-1] - home.read[0]) / water.LITRE / ((home.at[-1] - home.at[0]) / HOUR)
        for _ in range(each if len(meters) < 10 else each // 2):
            begin = int(rng.integers((home.at[0] + water.BEFORE) // HOUR, (home.at[-1] - 7 * DAY) // HOUR)) * HOUR
            end, rate = begin + 7 * DAY, float(share * mean)
            inside = (home.at >= begin) & (home.at <= end)
            if len(np.unique(home.at[inside] // HOUR)) >= 0.9 * 7 * 24:
                found.append(Trial(water.leaking(home, begin, end, water.constant(rate), step), begin, end, rate))
                calm.append(Trial(water.leaking(home, begin, end, water.constant(0.0), step), begin, end, 0.0))
    return found, calm


def quiet(meters: Meters) -> str:
    """Alerts a meter-year where nothing was put in, from 56 days on."""
    stated = water.fired(water.judge([home for home, _ in meters], water.rules()["leak"]))
    told = sum(int(alert.fired or 0) > meters[int(alert.target[1:])][0].at[0] + water.BEFORE for alert in stated)
    years = sum(float(home.at[-1] - home.at[0] - water.BEFORE) for home, _ in meters) / water.YEAR
    return f"{told / years:.1f}"


def halves(homes: list[Home]) -> None:
    """The water bench's own trials, the homes split by hash."""
    lines = []
    for half in (0, 1):
        some = [home for home in homes if water.drawn(home.key) % 2 == half]
        calm, years = (
            water.judge(some, water.rules()["leak"]),
            sum(float(home.at[-1] - home.at[0]) for home in some) / water.YEAR,
        )
        line: list[object] = ["even" if half == 0 else "odd", len(some), f"{len(water.fired(calm)) / years:.2f}"]
        for size in (1, 5, 20, 100):
            trials = water.trials(some, water.constant(size), 7, size, 4000 + size)
            found = water.outcome(trials, water.judge([one.home for one in trials], water.rules()["leak"]))
            line.append(f"{found.found} ({found.delay} h)")
        lines.append(line)
    print(
        table(["homes by hash", "homes", "alerts a meter-year", *(f"{size} l/h: found %" for size in (1, 5, 20, 100))], lines)
    )


def line(judge: Judge, leaking: list[Trial], calm: list[Trial]) -> str:
    """Found %, by chance % (told in the same weeks without a leak), median delay, alerts a year before."""
    found, chance = judge(leaking), judge(calm)
    return f"{found.found} / {chance.found} ({found.delay} h, {found.before / max(found.years, 1e-9):.1f})"


def ours(trials: list[Trial]) -> water.Outcome:
    """Both rules of the pack."""
    return water.outcome(trials, water.judge([one.home for one in trials], water.rules()["leak"]))


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="*", help="only these; halves: the homes in two halves")
    parser.add_argument("--each", type=int, default=EACH, help="trials of a meter where there are few meters")
    given = parser.parse_args()
    homes = water.homes()
    sets: dict[str, Meters] = {
        "irrigation meters": irrigation(),
        "gas meters": gas(),
        "sums of ten homes": [(one, 1.0) for one in water.buildings(homes, 10)],
        "sums of thirty homes": [(one, 1.0) for one in water.buildings(homes, 30)],
    }
    judges: dict[str, Judge] = {"leak rules": ours}
    judges |= {one.name: lambda trials, one=one: water.library(one, trials) for one in peers()}  # type: ignore[misc]
    lines: list[list[object]] = []
    for name, meters in sets.items():
        if given.sets and name not in given.sets:
            continue
        print(f"{name}: {len(meters)} meters, {quiet(meters)} alerts a meter-year of the leak rules without a leak", flush=True)
        for number, share in enumerate(SHARES):
            leaking, calm = made(meters, share, 77 + number, given.each)
            some = judges if share in COMPARED else {"leak rules": ours}
            cells = [line(judge, leaking, calm) for judge in some.values()]
            lines.append([name, f"{100 * share:.0f} %", len(leaking), *cells, *[""] * (len(judges) - len(some))])
            print(lines[-1], flush=True)
    print(table(["meters", "leak, share of mean", "trials", *(f"{name}: found / by chance %" for name in judges)], lines))
    if not given.sets or "halves" in given.sets:
        halves(homes)


if __name__ == "__main__":
    main()
