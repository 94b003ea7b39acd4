"""How far the runs of a day are stretched against the runs that a machine has learned, whatever the mix of its programmes.

The logarithms of lengths (or energies) of learned runs make a density by kernels; a day of runs is as likely under a stretch as
the runs are when moved back by it. Stretches of a whole day scatter from day to day. Width of the kernels and that scatter
are not chosen but weighted by how well they foretold each learned day from the others; so the shares of programmes, few runs
and few days widen what is taken for normal by themselves. Arrays over rows; a row is one feature of one machine.
"""

from __future__ import annotations

import numpy as np

from rules.machines.runs import weights
from steward.model import FloatArray, IntArray

STEP, SIZE = 0.02, 512
"""The grid of logarithms about a row's centre: a factor of 160 both ways."""
WIDTHS = np.array([0.02, 0.04, 0.07, 0.12, 0.2, 0.35])
"""Kernel widths: how much a run differs from one of its programme."""
SCATTERS = np.array([0.01, 0.02, 0.04, 0.08, 0.16, 0.32])
"""Spreads of the stretch of a normal day."""
ALTERNATIVES = np.array([0.06, 0.1, 0.14, 0.2, 0.28, 0.4, 0.56])
"""Lasting stretches that are looked for, logarithms: 6 to 75 %."""
SHIFTS = np.arange(-40, 61)
"""Stretches of a day that are summed over, in steps: 0.45 to 3.3 times."""
WIDE, WIDE_SHARE = 0.4, 0.15
"""So many runs are no programme's: a kernel of this width. Without it one odd run would widen all others."""
ODD, ODD_SHARE = 0.3, 0.05
"""So many days are odd, with this spread: one day alone proves little."""
ANYWHERE = 1 / 5.0
"""Density of a run that is unlike all; its share is that of the next run being new, 1 / (runs + 1)."""
ROUNDING = np.array([-0.5, -0.25, 0.0, 0.25, 0.5])
ROUNDED = np.array([1.0, 2.0, 3.0, 2.0, 1.0]) / 9.0
"""A length is known to half a sample: it is spread over these places, in sampling intervals, with these weights. Else runs of
the same number of samples would seem to repeat exactly."""
ROWS = 256
"""Rows taken at a time, so that memory stays small."""


def _kernels() -> FloatArray:
    """Transforms of the kernels, [widths + 1, SIZE / 2 + 1], the wide one last."""
    distance = STEP * np.minimum(np.arange(SIZE), SIZE - np.arange(SIZE))
    kernels = np.exp(-0.5 * (distance / np.append(WIDTHS, WIDE)[:, None]) ** 2)
    return np.asarray(np.fft.rfft(kernels / kernels.sum(axis=1, keepdims=True), axis=1))


def _scatter() -> FloatArray:
    """How likely each shift is for a day, [shifts, scatters x (1 + alternatives)]; the first alternative is no stretch."""
    shift, middle = STEP * SHIFTS, np.append(0.0, ALTERNATIVES)
    near = np.exp(-0.5 * ((shift[:, None, None] - middle) / SCATTERS[:, None]) ** 2)
    odd = np.exp(-0.5 * (shift / ODD) ** 2)
    mixed = (1 - ODD_SHARE) * near / near.sum(axis=0) + ODD_SHARE * (odd / odd.sum())[:, None, None]
    return np.asarray(mixed.reshape(len(shift), -1))


_KERNELS, _SCATTER = _kernels(), _scatter()
_TINY = 1e-300


def centre(days: FloatArray) -> FloatArray:
    """Median of learned values, [rows, days, TYPICAL] -> [rows]; 0 where there are none."""
    flat = np.sort(days.reshape(len(days), -1), axis=1)
    number = np.count_nonzero(~np.isnan(flat), axis=1)
    middle = flat[np.arange(len(flat)), np.maximum(number - 1, 0) // 2]
    return np.asarray(np.nan_to_num(middle))


def density(days: FloatArray, counts: IntArray, about: FloatArray, blur: FloatArray) -> FloatArray:
    """Log density of one run for each kernel width, [rows, widths, SIZE], from learned days: `days` [rows, days, TYPICAL]
    logs of typical runs (NaN: none), `counts` [rows, days] of how many runs (0: leave the day out), `about` [rows] the grid's
    middle, `blur` [rows] the sampling interval in the unit of the values (0: not rounded). Days weigh alike, however many
    runs they had."""
    rows = len(days)
    share = weights(counts) / np.maximum(counts, 1)[:, :, None] / np.maximum((counts > 0).sum(axis=1), 1)[:, None, None]
    plain = np.exp(np.nan_to_num(days))[..., None]
    spread = np.log(np.maximum(plain + blur[:, None, None, None] * ROUNDING, 0.2 * plain))
    place = np.clip(np.rint((spread - about[:, None, None, None]) / STEP).astype(np.int64) + SIZE // 2, 0, SIZE - 1)
    flat = (place + SIZE * np.arange(rows)[:, None, None, None]).ravel()
    histogram = np.bincount(flat, (share[..., None] * ROUNDED).ravel(), rows * SIZE).reshape(rows, SIZE)
    smooth = np.fft.irfft(np.fft.rfft(histogram)[:, None, :] * _KERNELS, SIZE, axis=2) / STEP
    new = (1.0 / (counts.sum(axis=1) + 1.0))[:, None, None]
    mixed = (1 - WIDE_SHARE) * smooth[:, :-1] + WIDE_SHARE * smooth[:, -1:]
    return np.asarray(np.log(np.maximum((1 - new) * mixed + new * ANYWHERE, _TINY)))


def foretold(logs: FloatArray, about: FloatArray, day: FloatArray, count: IntArray) -> FloatArray:
    """How likely a day's runs are, log, [rows, widths, scatters, 1 + alternatives]: `logs` of `density`, `day` [rows,
    TYPICAL]."""
    rows, widths = len(logs), len(WIDTHS)
    place = np.rint((np.nan_to_num(day) - about[:, None]) / STEP).astype(np.int64) + SIZE // 2
    place = np.clip(place[:, :, None] - SHIFTS, 0, SIZE - 1)
    flat = place[:, None] + SIZE * np.arange(rows * widths).reshape(rows, widths)[:, :, None, None]
    like = np.einsum("rwts,rt->rws", logs.ravel()[flat], weights(count))
    top = like.max(axis=2, keepdims=True)
    found = np.log(np.maximum(np.exp(like - top) @ _SCATTER, _TINY)) + top
    return np.asarray(found.reshape(rows, widths, len(SCATTERS), -1))


def ratios(found: FloatArray, scores: FloatArray) -> FloatArray:
    """Log of how much likelier each alternative makes the day than none, [rows, alternatives], weighted by `scores` [rows,
    widths, scatters], the logs of how well each setting has foretold so far."""
    every = (found + scores[..., None]).reshape(len(found), -1, found.shape[-1])
    top = every.max(axis=1, keepdims=True)
    total = np.log(np.exp(every - top).sum(axis=1)) + top[:, 0]
    return np.asarray(total[:, 1:] - total[:, :1])


def left_out(days: FloatArray, counts: IntArray, about: FloatArray, blur: FloatArray) -> FloatArray:
    """Scores of the settings, [rows, widths, scatters]: each learned day foretold from the others."""
    scores = np.zeros((len(days), len(WIDTHS), len(SCATTERS)))
    for day in range(days.shape[1]):
        rows = np.flatnonzero((counts[:, day] > 0) & ((counts > 0).sum(axis=1) > 1))
        others = counts[rows].copy()
        others[:, day] = 0
        for part in (rows[first : first + ROWS] for first in range(0, len(rows), ROWS)):
            some = np.searchsorted(rows, part)
            logs = density(days[part], others[some], about[part], blur[part])
            scores[part] += foretold(logs, about[part], days[part, day], counts[part, day])[..., 0]
    return scores
