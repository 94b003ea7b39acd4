"""NAB's scoring, own code after its paper (Lavin and Ahmad 2015) and its published scorer: one threshold for all files.

In a window only the best detection counts, by a sigmoid that favours early ones; a window without one costs `fn`; a row outside
every window costs by its distance behind the last window. The first 15 % of a file (at most 750 rows) are not scored. The
corpus score is 0 for a detector that is never right nor wrong and 100 for a perfect one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

PROBATION, LONGEST = 0.15, 5000


@dataclass(frozen=True, slots=True)
class Profile:
    """What a true, a false and a missed detection weigh."""

    tp: float = 1.0
    fp: float = 0.11
    fn: float = 1.0


STANDARD = Profile()


def probation(rows: int) -> int:
    """Rows that are not scored."""
    return int(min(math.floor(PROBATION * rows), PROBATION * LONGEST))


def sigmoid(position: float) -> float:
    """2 / (1 + e^(5 p)) - 1, and -1 from 3 on."""
    return -1.0 if position >= 3.0 else 2.0 / (1.0 + math.exp(5.0 * position)) - 1.0


def weights(rows: int, windows: Sequence[tuple[int, int]], profile: Profile = STANDARD) -> list[tuple[float, int]]:
    """Of every row what a detection there is worth, and its window's number (-1: in none)."""
    best = sigmoid(-1.0)
    worth: list[tuple[float, int]] = []
    number, behind, width = 0, -1, 1
    for row in range(rows):
        if number < len(windows) and row > windows[number][1]:
            behind, width = windows[number][1], windows[number][1] - windows[number][0] + 1
            number += 1
        if number < len(windows) and row >= windows[number][0]:
            first, last = windows[number]
            worth.append((sigmoid(-(last - row + 1) / (last - first + 1)) * profile.tp / best, number))
        else:
            past = 3.0 if behind < 0 else (row - behind) / max(width - 1, 1)
            worth.append((sigmoid(past) * profile.fp, -1))
    return worth


def score(detected: Sequence[int], rows: int, windows: Sequence[tuple[int, int]], profile: Profile = STANDARD) -> float:
    """The raw score of a file, given the rows that are detections."""
    skip, worth = probation(rows), weights(rows, windows, profile)
    parts = {number: -profile.fn for number, (_, last) in enumerate(windows) if last >= skip}
    wrong = 0.0
    for row in detected:
        value, number = worth[row]
        if row < skip:
            continue
        if number < 0:
            wrong += value
        else:
            parts[number] = max(parts[number], value)
    return wrong + sum(parts.values())


def corpus(raw: float, windows: int, profile: Profile = STANDARD) -> float:
    """0 to 100 of the sum of raw scores over files with `windows` windows."""
    null, perfect = -profile.fn * windows, profile.tp * windows
    return 100.0 * (raw - null) / (perfect - null)
