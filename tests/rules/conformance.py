"""What the conformance tests share: the kinds with their case files, and players that interrupt the engine."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from rules import testing
from rules.contract import UNSEEN
from rules.engine import Engine
from rules.lifecycle import FIRING
from rules.load import kinds
from rules.testing import Case, Player, Result, Sample
from steward.model import Alert, Condition
from steward.units import DAY, HOUR, MINUTE

HERE = Path(__file__).parent
KINDS = sorted(kinds())


def cases(kind: str) -> dict[str, Case]:
    """All cases of a kind by name."""
    found: dict[str, Case] = {}
    for path in sorted((HERE / kind).glob("*.toml")):
        for case in testing.read(path.read_text("utf-8")):
            assert case.name not in found, f"two cases {case.name} of {kind}"
            found[case.name] = case
    return found


def quiet(case: Case, samples: list[Sample], tick: int | None = None) -> Case:
    """The case with other samples and nothing expected."""
    end = max(case.end, *(one.received for one in samples)) + HOUR
    tick = case.tick if tick is None else tick
    return replace(case, samples=samples, expect=[], alerts=None, not_applicable=None, events=[], end=end, tick=tick)


def told(alerts: list[Alert]) -> list[str]:
    """Statements as text: NaN compares equal, every field counts; each once, since a replay states again."""
    return sorted(set(map(repr, alerts)))


class Outlasted(Player):
    """Gives every alert two days after its condition, and notes how what it says then differs from what it said last while
    the condition was seen to be true, but for what the kind completes."""

    def __init__(self, case: Case) -> None:
        loaded = replace(case.loaded, rules=[replace(rule, keep=2 * DAY) for rule in case.loaded.rules])
        super().__init__(replace(case, loaded=loaded, expect=[], alerts=None))
        self.true: dict[str, Alert] = {}
        self.outlasted = 0
        self.differences: list[str] = []

    def feed(self, samples: list[Sample], first: int, split: set[int] | None) -> None:
        for number, sample in enumerate(samples, first):
            super().feed([sample], number, split)
            self.compare_now()

    def happen(self, at: int, what: str, detail: Any) -> None:
        """Also after what is no sample."""
        super().happen(at, what, detail)
        self.compare_now()

    def compare_now(self) -> None:
        """Compares what firing alerts say now."""
        for bank in self.engine.banks:
            life = bank.lifecycle
            for row in life.rows().tolist() if life.active else ():
                slot = int(bank.state["slot"][row])
                if life.episodes["condition"][slot] != FIRING:
                    continue
                alert = self.engine._alert(bank, life.describe(slot, Condition.FIRING, self.now))
                if life.episodes["over"][slot] == UNSEEN and slot not in life.said:
                    self.true[alert.id] = alert
                elif alert.id in self.true:
                    self.outlasted += 1
                    self.differ(self.true[alert.id], alert, bank.kind.COMPLETES)

    def differ(self, said: Alert, says: Alert, completes: frozenset[str]) -> None:
        """Notes differences."""
        pairs = {"value": (said.value, says.value)} | {
            name: (said.evidence.get(name), says.evidence.get(name)) for name in said.evidence | says.evidence
        }
        for name, (was, now) in pairs.items():
            if name not in completes and repr(was) != repr(now):
                self.differences.append(f"{name}: {was} -> {now}")


class Restored(Player):
    """Replaces the engine by a new one from its snapshot before sample `cut`."""

    def __init__(self, case: Case, cut: int) -> None:
        super().__init__(case)
        self.cut = cut

    def feed(self, samples: list[Sample], first: int, split: set[int] | None) -> None:
        if first <= self.cut < first + len(samples):
            before = samples[: self.cut - first]
            super().feed(before, first, split)
            self.engine = self.reborn(self.engine.snapshot())
            samples, first = samples[self.cut - first :], self.cut
        super().feed(samples, first, split)

    def reborn(self, snapshot: bytes) -> Engine:
        """A new engine in that state."""
        engine = self.new_engine()
        heard = max([self.now, *(one.received for one in self.case.samples), *(one.at for one in self.case.samples)])
        assert engine.restore(snapshot, heard) == []
        assert engine.refused == []
        for bank in engine.banks:
            if bank.kind.PATIENT:  # not `resume`, which would give new allowances
                bank.state["paused"][:] = False
        return engine


class Crashed(Restored):
    """Takes a snapshot before sample `cut`, loses the engine before `crash`, replays from `overlap` samples before the cut."""

    def __init__(self, case: Case, cut: int, crash: int, overlap: int) -> None:
        super().__init__(case, cut)
        self.crash, self.overlap = crash, overlap
        self.kept = b""
        self.seen: list[Sample] = []

    def feed(self, samples: list[Sample], first: int, split: set[int] | None) -> None:
        for number, sample in enumerate(samples, first):
            if number == self.cut:
                self.kept = self.engine.snapshot()
            if number == self.crash and self.kept:
                self.engine = self.reborn(self.kept)
                Player.feed(self, self.seen[max(0, self.cut - self.overlap) :], 0, None)
            Player.feed(self, [sample], number, split)
            self.seen.append(sample)


class Minutes(Player):
    """Feeds the samples minute by minute, time passing before each; of one moment in the order of the points' numbers."""

    def play(self, split: set[int] | None = None) -> Result:
        """The whole case."""
        self.state(self.engine.resume(self.case.start))
        minutes = {one.at // MINUTE for one in self.case.samples}
        for minute in range(min({self.case.start // MINUTE, *minutes}), self.case.end // MINUTE + 1):
            self.state(self.engine.tick(minute * MINUTE))
            if minute in minutes:
                self.take([one for one in self.case.samples if one.at // MINUTE == minute])
        return self.result

    def take(self, samples: list[Sample]) -> None:
        """One minute's samples."""
        part = testing.batch(sorted(samples, key=lambda one: (one.at, self.index.add(one.point))), self.index)
        self.state(self.engine.feed(part, int(part.at.max())))


class Replayed(Player):
    """Hands the samples over in a few stretches, cut between minutes."""

    def __init__(self, case: Case, cuts: set[int]) -> None:
        super().__init__(case)
        self.cuts = cuts

    def play(self, split: set[int] | None = None) -> Result:
        """The whole case."""
        self.state(self.engine.resume(self.case.start))
        minutes = sorted({one.at // MINUTE for one in self.case.samples})
        edges = [minutes[0], *sorted({minutes[cut % len(minutes)] for cut in self.cuts} - {minutes[0]}), minutes[-1] + 1]
        for first, last in pairwise(edges):
            part = [one for one in self.case.samples if first <= one.at // MINUTE < last]
            self.state(self.engine.replay(testing.batch(part, self.index), MINUTE))
        self.state(self.engine.wait(self.case.end // MINUTE * MINUTE, MINUTE))
        return self.result
