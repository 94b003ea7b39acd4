"""A process that replays history through some of the rules: the service's event loop and its judge go on undisturbed.

It is told what to do over a pipe and answers each message with one: (word, content). Samples come in memory that both share:
a block of a million of them is written once, whatever the number of processes. It ends with its pipe.
"""

from __future__ import annotations

import contextlib
import signal
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np

from rules.backtest import Trial
from rules.contract import Rule
from steward.model import Batch, Facility, PointIndex

COLUMNS: tuple[tuple[str, type], ...] = (("at", np.int64), ("value", np.float64), ("point", np.int32), ("quality", np.uint8))
"""Columns of a shared block, one after the other, the widest first."""
WIDTH = sum(np.dtype(kind).itemsize for _, kind in COLUMNS)


def write(memory: SharedMemory, batch: Batch) -> None:
    """Puts the columns of a batch into shared memory."""
    for name, view in _views(memory, len(batch)).items():
        view[:] = getattr(batch, name)


def view(memory: SharedMemory, size: int) -> Batch:
    """The batch in shared memory, not copied: to be forgotten before the next block is written."""
    columns = _views(memory, size)
    return Batch(columns["point"], columns["at"], columns["at"], columns["value"], columns["quality"], np.zeros(size, np.bool_))


def _views(memory: SharedMemory, size: int) -> dict[str, Any]:
    views, start = {}, 0
    for name, kind in COLUMNS:
        views[name] = np.ndarray((size,), kind, memory.buf, start)
        start += size * np.dtype(kind).itemsize
    return views


def main(pipe: Connection, rules: list[Rule], facility: Facility, ids: list[str], start: int) -> None:
    """Answers "feed" (name of shared memory, number of samples) with ("fed", moment reached), "look" and "end" (a moment) with
    ("outcome", Outcome)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this process ends it
    try:
        trial = Trial(rules, facility, PointIndex(ids), start)
        pipe.send(("ready", (trial.begin, trial.points().tolist())))
        while True:
            try:
                word, content = pipe.recv()
            except EOFError:
                return
            pipe.send(_answer(trial, word, content))
            if word == "end":
                return
    except Exception as error:  # the process boundary: the reason goes to whoever waits
        with contextlib.suppress(OSError):  # nobody waits any more
            pipe.send(("failed", f"{type(error).__name__}: {error}"))


def _answer(trial: Trial, word: str, content: Any) -> tuple[str, Any]:
    if word == "feed":
        name, size = content
        memory = SharedMemory(name)
        try:
            trial.feed(view(memory, size))
        finally:
            memory.close()
        return "fed", trial.at
    return "outcome", trial.outcome(content)
