"""Seeded randomness as a function of time, not of how often it was asked.

`key(seed, name)` names a stream; `uniform` and `normal` hash (key, index) with splitmix64 (Steele, Lea, Flood 2014), so the
same minute gets the same number in whichever order or block it is computed. `smooth` is value noise: it wanders with a
period instead of jumping. `lag` is the exact first-order recursion, carried over blocks by its last value.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steward.model import FloatArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_UNIT = 2.0**-53


def key(seed: int, *name: object) -> int:
    """A 64-bit key for a named stream of random numbers."""
    text = "\n".join(str(part) for part in (seed, *name))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def _mix(key: int, index: Any) -> NDArray[np.uint64]:
    x = np.asarray(index, dtype=np.int64).astype(np.uint64)
    with np.errstate(over="ignore"):
        x = (x + np.uint64(1)) * _GOLDEN + np.uint64(key)
        x = (x ^ (x >> np.uint64(30))) * _FIRST
        x = (x ^ (x >> np.uint64(27))) * _SECOND
        mixed: NDArray[np.uint64] = x ^ (x >> np.uint64(31))
    return mixed


def uniform(key: int, index: Any) -> FloatArray:
    """Uniform numbers in [0, 1), one per index (any shape)."""
    numbers: FloatArray = (_mix(key, index) >> np.uint64(11)).astype(np.float64) * _UNIT
    return numbers


def normal(key: int, index: Any) -> FloatArray:
    """Standard normal numbers, one per index (Box-Muller)."""
    first = uniform(key, index)
    second = uniform(key ^ 0x5DEECE66D, index)
    numbers: FloatArray = np.sqrt(-2.0 * np.log1p(-first)) * np.cos(2.0 * np.pi * second)
    return numbers


def smooth(key: int, t: Any, period: float) -> FloatArray:
    """Noise of unit variance at its knots that wanders with `period` (s); `t` in s since 1970, any shape."""
    position = np.asarray(t, dtype=np.float64) / period
    knot = np.floor(position)
    share = position - knot
    share = share * share * (3.0 - 2.0 * share)
    index = knot.astype(np.int64)
    wandering: FloatArray = normal(key, index) * (1.0 - share) + normal(key, index + 1) * share
    return wandering


def pick(key: int, index: int, count: int) -> int:
    """A whole number in [0, count)."""
    return int(uniform(key, index) * count)


def lag(target: FloatArray, before: float, step: float, constant: float) -> FloatArray:
    """First-order lag of `target` (n,) from the value `before` the first step; step and time constant in s."""
    keep = float(np.exp(-step / constant))
    out = np.empty_like(target)
    value = before
    for number, wanted in enumerate(target.tolist()):
        value = wanted + (value - wanted) * keep
        out[number] = value
    return out


def running(rate: FloatArray, before: float) -> FloatArray:
    """A register of n + 1 boundary values that starts at `before` and grows by `rate` (n,) each step, added in order."""
    total: FloatArray = np.cumsum(np.concatenate(([before], rate)))
    return total
