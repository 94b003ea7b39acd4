"""OpenDSM on the same data, for an interpreter that has it: `python bench/baselines/peer.py < request.json` -> one JSON line.

It runs by itself, in an environment of its own (`pip install opendsm "multimethod<2"`), and imports nothing of Steward.
Request: kind (daily | hourly), zone, fit and predict = columns {at: ISO times of hours or days, value, hours: ISO, degf: ...}.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from typing import Any


def frame(columns: dict[str, Any], zone: str, pandas: Any) -> Any:
    """A frame of hours or days in local time with `temperature` and `observed`."""
    index = pandas.to_datetime(columns["at"], unit="ns", utc=True).tz_convert(zone)
    return pandas.Series(columns["value"], index=index, name="observed")


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Fit and predict; seconds of the fit, the balance points, expected values (null where none)."""
    import pandas  # type: ignore[import-untyped,unused-ignore]
    from opendsm import eemeter  # type: ignore[import-not-found,unused-ignore]

    zone = request["zone"]
    hours = pandas.to_datetime(request["hours"], unit="ns", utc=True).tz_convert(zone)
    degf = pandas.Series(request["degf"], index=hours, name="temperature")
    kind = request["kind"]
    electric = request.get("electricity", True)
    meter, later = frame(request["fit"], zone, pandas), frame(request["predict"], zone, pandas)
    if kind == "daily":
        baseline = eemeter.DailyBaselineData.from_series(meter, degf, is_electricity_data=electric)
        reporting = eemeter.DailyReportingData.from_series(later, degf, is_electricity_data=electric)
        model = eemeter.DailyModel()
    else:
        both = [
            pandas.concat([series, degf.reindex(series.index)], axis=1).set_axis(["observed", "temperature"], axis=1)
            for series in (meter, later)
        ]
        baseline = eemeter.HourlyBaselineData(both[0], is_electricity_data=electric)
        reporting = eemeter.HourlyReportingData(both[1], is_electricity_data=electric)
        model = eemeter.HourlyModel()
    started = time.perf_counter()
    model.fit(baseline, ignore_disqualification=True)
    seconds = time.perf_counter() - started
    found = model.predict(reporting, ignore_disqualification=True)
    column = found["predicted"].dropna()
    return {
        "seconds": seconds,
        "at": [int(stamp.value) for stamp in column.index.tz_convert("UTC").as_unit("ns")],
        "predicted": [float(value) for value in column],
    }


def main() -> None:
    """One request on standard input, one answer on standard output."""
    warnings.simplefilter("ignore")
    request = json.load(sys.stdin)
    out, sys.stdout = sys.stdout, sys.stderr
    try:
        answer = run(request)
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), file=out)


if __name__ == "__main__":
    main()
