"""What a unit's own days were like: values of a day, and their robust centre and scale over other days.

Values are medians from the day's histograms (NaN where it has under LEAST_MINUTES minutes of them). Centre and scale come
from the shortest half of the other days (least median of squares), which bears almost half of the days being faulty
[P. Rousseeuw 1984]; no label is used anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rules.contract import State
from rules.hvac.minute import COIL_LOW, COIL_STEP, COMMAND_STEP, LOADS, OAF_LOW, OAF_STEP, SPLITS
from rules.hvac.tables import BAND_LEARNED, BAND_MIXED, FAN_RISE, LEAST_DAYS, LEAST_MINUTES, OFFSET_DAYS
from steward.model import BoolArray, FloatArray, IntArray

SATURATED = round(0.98 / COMMAND_STEP)
WIDTH = 1 + SPLITS + 2 * LOADS
"""Values of a day: coil offset, outdoor-air fraction by damper bin, valve command by load bin (cooling, heating)."""


def median(counts: IntArray, low: float, step: float) -> FloatArray:
    """Median of histograms along the last axis, interpolated in its bin; NaN under LEAST_MINUTES."""
    above = np.cumsum(counts, axis=-1, dtype=np.int64)
    total = above[..., -1]
    place = np.argmax(2 * above >= total[..., None], axis=-1)
    inside = np.take_along_axis(counts, place[..., None], axis=-1)[..., 0]
    before = np.take_along_axis(above, place[..., None], axis=-1)[..., 0] - inside
    share = (total / 2 - before) / np.maximum(inside, 1)
    return np.where(total >= LEAST_MINUTES, low + (place + share) * step, np.nan)


def values(state: State, rows: IntArray) -> FloatArray:
    """The values of the day of `rows` so far, [n, WIDTH]."""
    coil = median(state.get("coil", rows), COIL_LOW, COIL_STEP)[:, None]
    fraction = median(state.get("oaf", rows), OAF_LOW, OAF_STEP)
    free = state["effort"][rows, :, :, :SATURATED]  # at a full command the valve gives what it can, not what is needed
    effort = median(free, 0.0, COMMAND_STEP).reshape(len(rows), -1)
    return np.concatenate([coil, fraction, effort], axis=1)


@dataclass(frozen=True, slots=True)
class Norm:
    """Centre and scale of the other days, and how many there were, each [n, WIDTH]; NaN below LEAST_DAYS."""

    centre: FloatArray
    scale: FloatArray
    days: IntArray


def norm(past: FloatArray) -> Norm:
    """Of days [n, days, WIDTH] with NaN where a day has no such value. A load bin with too few days borrows the values of
    its two neighbours."""
    own = plain_norm(past)
    first = 1 + SPLITS
    size = (len(past), past.shape[1], 2, LOADS)
    loads = np.pad(past[:, :, first:].reshape(size), ((0, 0), (0, 0), (0, 0), (1, 1)), constant_values=np.nan)
    near = np.concatenate([loads[..., :-2], loads[..., 1:-1], loads[..., 2:]], axis=1)
    wide = plain_norm(near.reshape(len(past), -1, 2 * LOADS))
    for mine, borrowed in ((own.centre, wide.centre), (own.scale, wide.scale)):
        mine[:, first:] = np.where(own.days[:, first:] < LEAST_DAYS, borrowed, mine[:, first:])
    return own


def plain_norm(past: FloatArray) -> Norm:
    """Of days [n, days, width], each value by itself; NaN where a day has none."""
    count = np.count_nonzero(~np.isnan(past), axis=1)
    order = np.sort(past, axis=1)  # NaN goes to the end
    half = count // 2 + 1
    starts = np.arange(order.shape[1])[None, :, None]
    ends = np.minimum(starts + half[:, None, :] - 1, order.shape[1] - 1)
    span = np.take_along_axis(order, ends, axis=1) - order
    span = np.where(starts + half[:, None, :] <= count[:, None, :], span, np.inf)
    best = np.argmin(span, axis=1)[:, None, :]
    first = np.take_along_axis(order, best + (half[:, None, :] - 1) // 2, axis=1)[:, 0]
    last = np.take_along_axis(order, np.minimum(best + half[:, None, :] // 2, order.shape[1] - 1), axis=1)[:, 0]
    width = np.take_along_axis(span, best, axis=1)[:, 0]
    known = count >= LEAST_DAYS
    correction = 1.4826 * (1.0 + 5.0 / np.maximum(count - 1, 1))
    centre = np.where(known, (first + last) / 2.0, np.nan)
    return Norm(centre, np.where(known, correction * width / 2.0, np.nan), count)


def offset(coil: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(offset of supply over mixed air, band) from the days' values [n, days]: their median, used only near FAN_RISE,
    else it may have learned a leak."""
    known = np.count_nonzero(~np.isnan(coil), axis=1) >= OFFSET_DAYS
    middle = np.full(len(coil), np.nan)
    if known.any():
        middle[known] = np.nanmedian(coil[known], axis=1)
    good: BoolArray = np.abs(middle - FAN_RISE) <= BAND_MIXED
    return np.where(good, middle, FAN_RISE), np.where(good, BAND_LEARNED, BAND_MIXED)
