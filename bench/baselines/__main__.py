"""Measures baselines and savings in one run: `python -m bench.baselines [--peer PYTHON] [--quick]`.

PYTHON is an interpreter with OpenDSM (`python -m venv V && V/bin/pip install opendsm "multimethod<2"`), which then fits the
same columns in the same run; without it the peer's columns say so. Recorded data: STEWARD_DATA.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.baselines import recorded, synthetic
from bench.baselines.recorded import METERS, celsius
from metering.baselines import Baseline, Consumption, Form, Limits, Purpose, Refusal, fit
from metering.changepoint import ChangePoint
from metering.degree_days import Weather
from metering.savings import Savings, SavingsRefusal, avoided, uncertainty
from metering.towt import Week
from steward.units import DAY, HOUR

ANYTHING = Limits(scatter=((float("inf"), 9.0),), half_width=9.0, outside=1.0, bias=9.0)
CHICAGO, MELBOURNE, UTC = Week("America/Chicago", {}), Week("Australia/Melbourne", {}), Week("UTC", {})


def timed(make: Callable[[], Baseline | Refusal], repeats: int = 5) -> tuple[Baseline, float]:
    """A baseline and the median seconds of fitting it."""
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        found = make()
        seconds.append(time.perf_counter() - started)
    assert isinstance(found, Baseline), str(found)
    return found, float(np.median(seconds))


def peer(
    python: str | None, kind: str, zone: str, before: Consumption, after: Consumption, air: Weather, electricity: bool = True
) -> dict[str, Any]:
    """What OpenDSM says of the same columns; {"error": ...} without it."""
    if python is None:
        return {"error": "no peer"}
    low, high = int(before.start[0]) // HOUR - air.first, int(after.end[-1]) // HOUR - air.first
    rows = np.arange(max(low, 0), min(high + 1, len(air.degc)))
    rows = rows[np.isfinite(air.degc[rows])]
    request = {
        "kind": kind,
        "zone": zone,
        "electricity": electricity,
        "hours": ((air.first + rows) * HOUR).tolist(),
        "degf": (air.degc[rows] * 1.8 + 32).tolist(),
    }
    for name, columns in (("fit", before), ("predict", after)):
        request[name] = {"at": columns.start.tolist(), "value": columns.value.tolist()}
    words = [python, str(Path(__file__).with_name("peer.py"))]
    done = subprocess.run(words, input=json.dumps(request), capture_output=True, text=True, check=False)
    try:
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return {"error": done.stderr.strip().splitlines()[-1][:120] if done.stderr.strip() else "no answer"}
    return answer


def matched(answer: dict[str, Any], after: Consumption) -> tuple[np.ndarray, np.ndarray]:
    """Actual and the peer's expected value of the intervals that it predicts."""
    expected = dict(zip(answer["at"], answer["predicted"], strict=True))
    rows = np.array([at in expected for at in after.start.tolist()])
    return after.value[rows], np.array([expected[at] for at in after.start[rows].tolist()])


def relative_error(actual: np.ndarray, expected: np.ndarray) -> float:
    """RMSE over the mean."""
    good = np.isfinite(expected)
    return float(np.sqrt(np.mean((actual[good] - expected[good]) ** 2)) / actual[good].mean())


def told(answer: dict[str, Any], after: Consumption, saving: bool = False) -> str:
    """The peer's figure and seconds in words."""
    if "error" in answer:
        return str(answer["error"])[:70]
    actual, expected = matched(answer, after)
    figure = (
        f"saving {100 * (1 - actual.sum() / expected.sum()):5.2f} %" if saving else f"CV {relative_error(actual, expected):.4f}"
    )
    return f"{figure}, fit {answer['seconds']:.2f} s, {len(actual)} intervals"


def eemeter(python: str | None) -> None:
    """Savings and balance points of the OpenEEmeter samples, daily and monthly bills."""
    print("\nOpenEEmeter samples (10 % saved in truth): ours | true balance points given | OpenDSM (days)")
    for meter, (_, heating, cooling) in METERS.items():
        for frequency in ("daily", "billing_monthly"):
            sample = recorded.eemeter(meter, frequency)
            loose = Limits(scatter=ANYTHING.scatter, per_parameter=2)
            columns = sample.before, sample.weather, Form.CHANGE_POINT, CHICAGO
            free, seconds = timed(lambda c=columns, loose=loose: fit(*c, limits=loose))  # type: ignore[misc]
            given = fit(*columns, limits=loose, heating_at=celsius(heating), cooling_at=celsius(cooling))
            assert isinstance(given, Baseline)
            ours, truth = (avoided(one, sample.after, sample.weather, limits=ANYTHING) for one in (free, given))
            assert isinstance(ours, Savings)
            assert isinstance(truth, Savings)
            assert isinstance(free.model, ChangePoint)
            points = [f"{b * 1.8 + 32:.1f}" for b in (free.model.heating_balance, free.model.cooling_balance)]
            strict = fit(*columns)
            verdict = f"refused: {strict}" if isinstance(strict, Refusal) else "kept"
            other = ""
            if frequency == "daily":
                zone = CHICAGO.zone
                answer = peer(python, "daily", zone, sample.before, sample.after, sample.weather, "gas" not in meter)
                other = told(answer, sample.after, saving=True)
            print(
                f"{meter:24} {frequency:16} {100 * ours.fraction:5.2f} % | {100 * truth.fraction:5.2f} % | {other}\n"
                f"    +-{100 * ours.half_width / ours.expected:.1f} points, CV {free.accuracy.cv:.3f},"
                f" balance {'/'.join(points)} degF"
                f" (truth {heating}/{cooling}), {1e3 * seconds:.1f} ms, {verdict}"
            )


def next_year(python: str | None) -> None:
    """Victoria: fit a year, predict the next."""
    demand = recorded.victoria()
    print("\nVictoria, fit one year, predict the next: relative error, seconds of the fit")
    first = int(demand.hours.start[0])
    for kind, columns in (("hourly", demand.hours), ("daily", recorded.daily(demand.hours, first_hour=14))):
        for year in (0, 1):
            before = columns.between(first + year * 365 * DAY, first + (year + 1) * 365 * DAY)
            after = columns.between(first + (year + 1) * 365 * DAY, first + (year + 2) * 365 * DAY)
            for purpose in Purpose:
                model, seconds = timed(
                    lambda b=before, p=purpose: fit(b, demand.weather, Form.TOWT, MELBOURNE, purpose=p, limits=ANYTHING)  # type: ignore[misc]
                )
                error = relative_error(after.value, model.predict(after, demand.weather))
                print(f"{kind:7} {2012 + year}->{2013 + year} {purpose:10} CV {error:.4f}, fit {1e3 * seconds:.0f} ms")
            zone = MELBOURNE.zone if kind == "hourly" else "Etc/GMT-10"
            answer = peer(python, kind, zone, before, after, demand.weather)
            print(f"{kind:7} {2012 + year}->{2013 + year} OpenDSM    {told(answer, after)}")


def buildings(python: str | None) -> None:
    """RMV2.0: fit of the year before, saving of the year after."""
    print("\nRMV2.0 simulated buildings: hourly and daily TOWT of the year before, saving of the year after")
    for number in ("1", "2", "3"):
        (before, air), (after, later) = recorded.rmv2(number, "pre"), recorded.rmv2(number, "post")
        both = Weather.of(
            np.r_[(air.first + np.arange(len(air.degc))) * HOUR, (later.first + np.arange(len(later.degc))) * HOUR],
            np.r_[air.degc, later.degc],
        )
        for kind, pair in (("hourly", (before, after)), ("daily", (recorded.daily(before), recorded.daily(after)))):
            model, seconds = timed(lambda p=pair, w=both: fit(p[0], w, Form.TOWT, UTC, limits=ANYTHING))  # type: ignore[misc]
            found = avoided(model, pair[1], both)
            saving = found if isinstance(found, Savings) else found.savings
            assert saving is not None
            verdict = f"refused: {found}" if isinstance(found, SavingsRefusal) else "kept"
            other = told(peer(python, kind, "UTC", pair[0], pair[1], both), pair[1], saving=True)
            print(
                f"{number} {kind:7} CV {model.accuracy.cv:.3f} rho by days {model.daily.rho:.2f}"
                f" saving {100 * saving.fraction:.1f} "
                f"+-{100 * saving.half_width / saving.expected:.1f} %, {1e3 * seconds:.0f} ms, {verdict} | OpenDSM {other}"
            )


def coverage(seeds: int) -> None:
    """How often the 90 % interval covers zero in years without a saving."""
    print(f"\n{seeds} synthetic years without a saving: the 90 % interval covers zero")
    for sd, rho in ((0.02, 0.5), (0.04, 0.7)):
        days = plain = hours = 0
        for seed in range(seeds):
            air = synthetic.weather(2, 500 + seed)
            both = synthetic.load(air, 730, sd, rho, 700 + seed)
            before, after = both.between(both.start[0], both.start[365]), both.between(both.start[365], both.end[-1] + 1)
            model = fit(before, air, Form.TOWT, UTC, limits=ANYTHING)
            assert isinstance(model, Baseline)
            found = avoided(model, after, air, limits=ANYTHING)
            saving = found if isinstance(found, Savings) else found.savings
            assert saving is not None
            days += abs(saving.saved) <= saving.half_width
            plain += abs(saving.saved) * saving.uncertainty[0].factor <= saving.half_width
            independent = replace(model.daily, rho=0.0)
            hours += abs(saving.saved) <= uncertainty(independent, saving.expected, 365).half_width
        print(
            f"sd {sd:.0%}, rho {rho}: {days} of {seeds}; without the factor for high rho {plain};"
            f" without autocorrelation {hours}"
        )


def balance(seeds: int) -> None:
    """Error of the balance points: the mean of the likelihood against its top, by noise."""
    print("\nBalance points of synthetic years (14 and 19 degC): RMS error, K, over seeds")
    for sd in (0.1, 0.2, 0.35):
        errors = []
        for seed in range(seeds):
            air = synthetic.weather(1, seed)
            start = air.first * HOUR + np.arange(364) * DAY
            truth = ChangePoint(1000, 40, 14.0, 70, 19.0).predict(air, start, start + DAY)
            value = truth * (1 + np.random.default_rng(seed).normal(0, sd, 364))
            model = fit(
                Consumption(start, start + DAY, value, np.ones(364, np.bool_)), air, Form.CHANGE_POINT, UTC, limits=ANYTHING
            )
            assert isinstance(model, Baseline)
            assert isinstance(model.model, ChangePoint)
            mean = model.model.heating_balance - 14, model.model.cooling_balance - 19
            top = synthetic.least_squares(air, start, value)
            errors.append((*mean, top[0] - 14, top[1] - 19))
        rms = np.sqrt(np.nanmean(np.array(errors) ** 2, axis=0))
        print(f"noise {sd:.0%}: mean of the likelihood {rms[0]:.2f}, {rms[1]:.2f}; least squares {rms[2]:.2f}, {rms[3]:.2f}")


def main() -> None:
    """Everything, in the order of docs/reference/baselines.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", help="a Python that can import opendsm")
    parser.add_argument("--quick", action="store_true", help="fewer seeds")
    asked = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    if asked.peer is None:
        print('No peer: give --peer a Python with OpenDSM (pip install opendsm "multimethod<2").')
    eemeter(asked.peer)
    next_year(asked.peer)
    buildings(asked.peer)
    coverage(20 if asked.quick else 60)
    balance(10 if asked.quick else 40)


if __name__ == "__main__":
    main()
