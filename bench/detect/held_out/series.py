"""The record ratio on series that were never used to choose its constants: `python -m bench.detect.held_out.series`.

Sets: eight meters of OpenEEmeter (hourly electricity and gas), the building of RMV2.0 with its three later years, the room of
UCI's occupancy data (5 min), ten homes' water flows at a time (DAIAD, hourly), the measured tags of BATADAL's normal year. None
has labels of faults, so alerts are counted as they are, and faults of known kind and size are put into the same series at
random moments behind its first 30 %. Size 1 is the range from the 5 % to the 95 % quantile of the series. The
libraries are fitted on those first 30 % or learn row by row; they are given the threshold that was best on the NAB files,
and the one at which they alert as often as ours.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from bench.baselines import recorded
from bench.detect import batadal, water
from bench.detect.frame import alerts, columns, data_folder, moment, peak_kb, table, timed
from bench.detect.peers import Peer, peers
from rules.detectors.record import THRESHOLD, RecordRatio
from steward.model import FloatArray, IntArray
from steward.units import DAY, MINUTE

PART, TRIALS, LEAD = 0.3, 4, 300
Fault = Callable[[FloatArray, float, float], FloatArray]
"""(values of a day, range of the series, its 5 % quantile) -> the values with the fault."""


def _spike(size: float) -> Fault:
    def made(value: FloatArray, wide: float, low: float) -> FloatArray:
        return value + size * wide * (np.arange(len(value)) == 0)

    return made


FAULTS: dict[str, Fault] = {
    "a day 0.5 higher": lambda value, wide, low: value + 0.5 * wide,
    "a day 1 higher": lambda value, wide, low: value + wide,
    "a day 0.5 lower": lambda value, wide, low: value - 0.5 * wide,
    "one sample 1 higher": _spike(1.0),
    "one sample 2 higher": _spike(2.0),
    "a day at its first value": lambda value, wide, low: np.full(len(value), value[0]),
    "a day at the 5 % quantile": lambda value, wide, low: np.full(len(value), low),
    "a day of twice the swing": lambda value, wide, low: 2 * value - float(np.median(value)),
}


@dataclass(slots=True)
class Series:
    """One series of a set, even in time; trials: fault -> rows at which it begins."""

    set: str
    at: IntArray
    value: FloatArray
    trials: dict[str, list[int]] = field(default_factory=dict)

    @property
    def fitted(self) -> int:
        """Rows of the first part."""
        return int(PART * len(self.value))

    @property
    def day(self) -> int:
        """Rows of a day."""
        return round(DAY / float(np.median(np.diff(self.at))))

    def window(self, fault: str, row: int) -> FloatArray:
        """The day from `row` with the fault."""
        low, high = np.quantile(self.value, (0.05, 0.95))
        return FAULTS[fault](self.value[row : row + self.day], float(high - low), float(low))


@dataclass(slots=True)
class Scores:
    """Of one series: scores as it is, and of each trial those of the day with the fault."""

    plain: FloatArray
    faulty: dict[tuple[str, int], FloatArray]


def gathered() -> list[Series]:
    """All series, with the moments of their trials."""
    found: list[Series] = []
    for path in sorted(data_folder("eemeter").glob("*hourly*.csv.gz")):
        column = columns(path)
        at = np.array([recorded.nanoseconds(text) for text in column["start"]], np.int64)
        found.append(_clean("OpenEEmeter", at, np.array([float(text or "nan") for text in column["value"]])))
    for number, when in (("1", "pre"), ("1", "post"), ("2", "post"), ("3", "post")):
        hours, _ = recorded.rmv2(number, when)
        found.append(_clean("RMV2.0", hours.start, hours.value))
    for path in sorted(data_folder("occupancy").glob("*.csv.gz")):
        found += _room(columns(path))
    for one in water.buildings(water.homes(), 10):
        found.append(_clean("DAIAD tens", one.at[1:], np.diff(one.read) / water.LITRE))
    tags, at, rows, _ = batadal.read("dataset03")
    found += [
        _clean("BATADAL tags", at, rows[:, place]) for place, tag in enumerate(tags) if len(np.unique(rows[:, place])) > 50
    ]
    found = [one for one in found if len(one.value) > 4 * LEAD and one.value.std() > 0]
    rng = np.random.default_rng(11)
    for one in found:
        for fault in FAULTS:
            one.trials[fault] = rng.integers(max(one.fitted, LEAD), len(one.value) - one.day, TRIALS).tolist()
    return found


def _clean(name: str, at: IntArray, value: FloatArray) -> Series:
    good = np.isfinite(value) & np.concatenate(([True], np.diff(at) > 0))
    return Series(name, at[good], value[good])


def _room(column: dict[str, list[str]]) -> list[Series]:
    """Four gauges of a room as means of 5 min; the rows have one cell more than the head."""
    stamp = column["Temperature"] if "-" in column["Temperature"][0] else column["date"]
    names = list(column)
    shift = 1 if stamp is column["Temperature"] else 0
    at = np.array([moment(text) for text in stamp], np.int64) // (5 * MINUTE)
    _, first = np.unique(at, return_index=True)
    made = []
    for name in ("Temperature", "Humidity", "Light", "CO2"):
        value = np.array([float(text) for text in column[names[names.index(name) + shift]]])
        mean = np.add.reduceat(value, first) / np.diff(np.append(first, len(value)))
        made.append(_clean("Occupancy", at[first] * 5 * MINUTE, mean))
    return made


def ours(one: Series) -> Scores:
    """The record ratio: at each trial its state is kept, the day with the fault played, the state taken back."""
    detector, plain, faulty = RecordRatio(), [], {}
    due: dict[int, list[str]] = {}
    for fault, rows in one.trials.items():
        for row in rows:
            due.setdefault(row, []).append(fault)
    at = one.at.tolist()
    for row, x in enumerate(one.value.tolist()):
        for fault in due.get(row, ()):
            kept = detector.save()
            faulty[fault, row] = _play(detector, one.window(fault, row), at[row : row + one.day])
            detector.restore(kept)
        plain.append(detector.score(x, at[row]))
        detector.learn(x, at[row])
    return Scores(np.array(plain), faulty)


def _play(detector: RecordRatio, value: FloatArray, at: list[int]) -> FloatArray:
    found = []
    for x, t in zip(value.tolist(), at, strict=True):
        found.append(detector.score(x, t))
        detector.learn(x, t)
    return np.array(found)


def theirs(peer: Peer) -> Callable[[Series], Scores]:
    """A library: scores of the series, and of each day with a fault by what it knew at its fit (a batch detector) or by the
    `LEAD` rows before the fault (one that learns row by row: it keeps no more than that)."""

    def run(one: Series) -> Scores:
        plain, faulty = peer.series(one.value, one.fitted), {}
        places = [(fault, row) for fault, rows in one.trials.items() for row in rows]
        if peer.streams:
            for fault, row in places:
                before = peer.rows(np.concatenate((one.value[row - LEAD : row], one.window(fault, row))))
                faulty[fault, row] = peer.score(before[:LEAD], before[LEAD:])
            return Scores(plain, faulty)
        if not places:
            return Scores(plain, {})
        fit = peer.rows(one.value)[: one.fitted]
        days = [peer.rows(np.concatenate((one.value[row - 12 : row], one.window(fault, row))))[12:] for fault, row in places]
        own = peer.score(fit, np.concatenate((fit, *days)))
        known = own[: len(fit)]
        scaled = (own[len(fit) :] - np.median(known)) / max(float(known.std()), 1e-9)
        return Scores(plain, dict(zip(places, np.split(scaled, np.cumsum([len(day) for day in days])[:-1]), strict=True)))

    return run


@dataclass(slots=True)
class Told:
    """At one threshold: alerts behind the first part, days, and per fault (found, trials)."""

    false: int
    days: float
    found: dict[str, list[int]]

    @property
    def rate(self) -> float:
        """Alerts a series-day."""
        return self.false / self.days


def count(all_series: list[Series], scores: list[Scores], threshold: float) -> Told:
    """A fault is found where an alert begins within its day; an episode that runs already hides it."""
    told = Told(0, 0.0, {fault: [0, 0] for fault in FAULTS})
    for one, score in zip(all_series, scores, strict=True):
        first = max(one.fitted, LEAD)
        rows = alerts(score.plain, threshold)
        told.false += int((rows >= first).sum())
        told.days += float(one.at[-1] - one.at[first]) / DAY
        for (fault, row), own in score.faulty.items():
            joined = alerts(np.concatenate((score.plain[row - LEAD : row], own)), threshold)
            told.found[fault][0] += bool((joined >= LEAD).any())
            told.found[fault][1] += 1
    return told


def as_often(all_series: list[Series], scores: list[Scores], rate: float) -> float:
    """The lowest threshold at which a detector alerts no more often than `rate`."""
    ladder = np.unique(np.quantile(np.concatenate([one.plain for one in scores]), 1 - np.geomspace(1e-6, 0.2, 120)))
    low, high = 0, len(ladder) - 1
    while low < high:
        middle = (low + high) // 2
        if count(all_series, scores, float(ladder[middle])).rate <= rate:
            high = middle
        else:
            low = middle + 1
    return float(ladder[low]) + 1e-12


def line(name: str, told: Told) -> list[str]:
    """A line of the table."""
    found, trials = (sum(one[place] for one in told.found.values()) for place in (0, 1))
    each = [f"{100 * one[0] / max(1, one[1]):.0f}" for one in told.found.values()]
    return [name, f"{told.rate:.3f}", f"{100 * found / trials:.0f}", *each]


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="*", help="only these")
    wanted = parser.parse_args().sets
    everything = [one for one in gathered() if not wanted or one.set in wanted]
    sets = list(dict.fromkeys(one.set for one in everything))
    rows = sum(len(one.value) for one in everything)
    runners: dict[str, tuple[Callable[[Series], Scores], Peer | None]] = {"record ratio": (ours, None)}
    runners |= {one.name: (theirs(one), one) for one in peers()}
    lines, costs, by_set = [], [], []
    rate: dict[str, float] = {}
    for name, (run, peer) in runners.items():
        scores, spent = timed(lambda run=run: [run(one) for one in everything])
        memory = peak_kb(lambda run=run: run(Series("", everything[0].at[:5000], everything[0].value[:5000])))
        played = rows + sum(one.day * TRIALS * len(FAULTS) for one in everything)
        costs.append([name, f"{1e6 * spent / played:.1f}", f"{memory:,.0f}"])
        own = count(everything, scores, THRESHOLD if peer is None else peer.nab)
        lines.append(line(f"{name}, {'shipped' if peer is None else 'best on NAB'}", own))
        if peer is None:
            rate["all"] = own.rate
        else:
            lines.append(
                line(f"{name}, as often as ours", count(everything, scores, as_often(everything, scores, rate["all"])))
            )
        for set in sets:
            pick = [place for place, one in enumerate(everything) if one.set == set]
            some, part = [everything[place] for place in pick], [scores[place] for place in pick]
            if peer is None:
                rate[set] = count(some, part, THRESHOLD).rate
                by_set.append([set, len(some), f"{sum(len(one.value) for one in some):,}"])
            told = count(some, part, THRESHOLD if peer is None else as_often(some, part, rate[set]))
            found, trials = (sum(one[place] for one in told.found.values()) for place in (0, 1))
            by_set[sets.index(set)] += [f"{told.rate:.3f}"] * (peer is None) + [f"{100 * found / trials:.0f}"]
        print(f"{name} done: {lines[-1]} {costs[-1]}", flush=True)
    print(table(["detector, threshold", "alerts a series-day", "faults found %", *FAULTS], lines))
    print(table(["set", "series", "rows", "alerts a series-day", *(f"{name}: found %" for name in runners)], by_set))
    print(table(["detector", "us a row, the days with faults included", "peak kB, 5,000 rows"], costs))


if __name__ == "__main__":
    main()
