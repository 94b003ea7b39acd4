"""What the API needs of trials (steward.app.trials.desk): an order in, plain values out. Times are ns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from steward.errors import NotFound, StewardError


@dataclass(frozen=True, slots=True)
class TrialLabel:
    """What was wrong in [start, end) at `target`; `true` False: an alert there was not right."""

    start: int
    end: int
    target: str = ""
    rule: str = ""
    kind: str = ""
    true: bool = True


@dataclass(frozen=True, slots=True)
class TrialOrder:
    """What to try. use: ids of rules as they run; packs: whole packs; rules: tables; text: rule tables as TOML; against:
    tables of a second version; sweep: (rule, field, values); people: take the labels that people gave to episodes."""

    start: int
    end: int
    use: Sequence[str] = ()
    packs: Sequence[str] = ()
    rules: Sequence[Mapping[str, Any]] = ()
    text: str = ""
    against: Sequence[Mapping[str, Any]] | None = None
    sweep: tuple[str, str, Sequence[Any]] | None = None
    labels: Sequence[TrialLabel] = ()
    people: bool = True
    complete: bool = False
    by: str = ""


class TrialDesk(Protocol):
    """Trials as the API sees them. Answers are plain values with times in epoch ms (api.schema_trials)."""

    async def ask(self, order: TrialOrder) -> Mapping[str, Any]:
        """Starts a trial. Raises ConfigError, StewardError when too many wait."""

    def trials(self) -> Sequence[Mapping[str, Any]]:
        """The trials that are remembered, newest first, without their results."""

    async def trial(self, id: str, episodes: int) -> Mapping[str, Any]:
        """A trial with its result so far and at most so many episodes. Raises NotFound."""

    async def cancel(self, id: str) -> Mapping[str, Any]:
        """Ends a trial. Raises NotFound."""


class NoTrials:
    """The desk of a service that tries no rules."""

    async def ask(self, order: TrialOrder) -> Mapping[str, Any]:
        """Refuses."""
        raise StewardError("this service tries no rules")

    def trials(self) -> Sequence[Mapping[str, Any]]:
        """There are none."""
        return ()

    async def trial(self, id: str, episodes: int) -> Mapping[str, Any]:
        """There is none."""
        raise NotFound("trial", id)

    async def cancel(self, id: str) -> Mapping[str, Any]:
        """There is none."""
        raise NotFound("trial", id)
