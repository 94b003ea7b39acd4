"""The errors of Steward, one tree.

    StewardError
    ├── ConfigError          the facility file is wrong; carries every problem found
    ├── UndecodableMessage   a payload is not what its format says (counted, quarantined, acknowledged)
    ├── UnknownUnit          a unit that the table does not hold
    ├── StoreError           the time-series store
    │   ├── StoreUnavailable   down or slow: worth a retry, goes to the spool
    │   └── StoreVersion       a file or bucket of a version that this release cannot read
    ├── SpoolFull            the local spool has reached its limit: nothing more is acknowledged
    ├── RecordsError         operational records (SQL)
    ├── BrokerError          a broker refused us, or cannot be started
    ├── NoticeFailed         a notice could not be handed over; says whether a retry may help
    ├── NotPossible          what is asked cannot be done as this service was started
    └── NotFound             a point, device, alert ... that does not exist

They are caught in three places only: per message (collectors.pipeline), per task (steward.app), in steward.cli.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class StewardError(Exception):
    """Base of all errors that Steward raises on purpose; its text is meant for a person."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a facility file.

    where: `file:table.key`, with the id of the table in brackets where it has one, e.g. `a.toml:point[p1].unit`
    message: what is wrong
    expected: what was expected instead
    """

    where: str
    message: str
    expected: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" + (f", expected {self.expected}" if self.expected else "")


class ConfigError(StewardError):
    """A facility file is wrong; `problems` holds every problem found, in file order."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class UndecodableMessage(StewardError):
    """A payload is not what its format says. `reason` is a short, stable word for the counters."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}" if detail else reason)


class UnknownUnit(StewardError):
    """A unit that the table of `steward.units` does not hold."""


class StoreError(StewardError):
    """The time-series store failed."""


class StoreUnavailable(StoreError):
    """The store is down or slow; the same call may succeed later."""


class StoreVersion(StoreError):
    """A store of a version that this release cannot read."""


class SpoolFull(StewardError):
    """The local spool has reached its configured size."""


class RecordsError(StewardError):
    """The operational records (SQL) failed."""


class BrokerError(StewardError):
    """A broker refused us or cannot be started."""


class NoticeFailed(StewardError):
    """A notice could not be handed over. `retry`: whether another try may succeed; `after`: ns that the server asks us to
    wait first, None when it does not say. The text holds no secret."""

    def __init__(self, detail: str, *, retry: bool = True, after: int | None = None) -> None:
        self.retry = retry
        self.after = after
        super().__init__(detail)


class NotPossible(StewardError):
    """What is asked cannot be done as this service was started; trying again does not help."""


class NotFound(StewardError):
    """What was asked for does not exist. `kind` is the vocabulary word, `id` what was asked, `near` what may be meant."""

    def __init__(self, kind: str, id: str, near: Sequence[str] = ()) -> None:
        self.kind = kind
        self.id = id
        self.near = tuple(near)
        super().__init__(f"no {kind} {id!r}" + (f", expected one of {', '.join(near)}" if near else ""))
