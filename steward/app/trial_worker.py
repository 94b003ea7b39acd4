"""A process that replays history through some of the rules: the service's event loop and its judge go on undisturbed.

It is told what to do over a pipe and answers each message with one: (word, content). It ends with its pipe.
"""

from __future__ import annotations

import contextlib
import signal
from multiprocessing.connection import Connection
from typing import Any

from rules.backtest import Trial
from rules.contract import Rule
from steward.model import Batch, Facility, PointIndex


def main(pipe: Connection, rules: list[Rule], facility: Facility, ids: list[str], start: int) -> None:
    """Answers "feed" (a batch) with ("fed", moment reached), "look" and "end" (a moment) with ("outcome", Outcome)."""
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
        batch: Batch = content
        trial.feed(batch)
        return "fed", trial.at
    return "outcome", trial.outcome(content)
