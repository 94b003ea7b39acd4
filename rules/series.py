"""Prometheus series notation: `0+10x5 _x3 80+1x4`, one value an interval.

`a` is a value, `a+bxn` is a, a+b ... a+b*n (n+1 values), `a-bxn` falls, `axn` is a, n+1 times; `_` is no sample and `_xn` is n
times no sample. As in `promtool test rules`.
"""

from __future__ import annotations

import re

_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_PART = re.compile(rf"({_NUMBER}|_)(?:([-+](?:\d+(?:\.\d*)?|\.\d+)))?(?:x(\d+))?")


def values(text: str) -> list[float | None]:
    """The values of a series, None where there is no sample. Raises ValueError."""
    series: list[float | None] = []
    for part in text.split():
        found = _PART.fullmatch(part)
        if found is None or (found[2] and not found[3]) or (found[1] == "_" and found[2]):
            raise ValueError(f"not a series: {part!r}, expected for example 5, 0+10x5, 80-1x4, 7x3, _, _x3")
        times = int(found[3] or 0)
        if found[1] == "_":
            series.extend([None] * max(1, times))
        else:
            first, step = float(found[1]), float(found[2] or 0)
            series.extend(first + step * number for number in range(times + 1))
    return series
