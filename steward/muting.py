"""The vocabulary of the alert desk: scopes, shelvings, maintenance windows, the standing of an alert's delivery, labels.

Invariants: frozen values, known to the pure rules and to the records alike; times in ns; texts that nobody gave are "",
moments that have not come are None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from steward.model import Delivery


@dataclass(frozen=True, slots=True)
class Scope:
    """What a shelving or window is about: every text that is given must fit the alert."""

    alert: str = ""
    rule: str = ""
    target: str = ""
    site: str = ""
    space: str = ""
    equip: str = ""
    device: str = ""
    severity: str = ""

    def plain(self) -> dict[str, str]:
        """Only what is given."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name))}


@dataclass(frozen=True, slots=True)
class Shelving:
    """Alerts silenced by a person until `end`; `cancelled` before that, by whom."""

    id: str
    scope: Scope
    start: int
    end: int
    by: str
    reason: str
    cancelled: int | None = None
    cancelled_by: str = ""

    @property
    def over(self) -> int:
        """When it ends or ended, ns."""
        return self.end if self.cancelled is None else min(self.end, self.cancelled)


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A maintenance window: once [start, end), or weekly on `days` (0 Monday) from minute `begins` to `ends` of the local day
    in `zone` (`ends` at or before `begins`: it ends the next day), between `start` and `end` where they are given.

    declared: it stands in the facility file, where alone it can be changed.
    """

    id: str
    scope: Scope
    reason: str
    by: str = ""
    start: int | None = None
    end: int | None = None
    days: tuple[int, ...] = ()
    begins: int = 0
    ends: int = 0
    zone: str = "UTC"
    declared: bool = False
    cancelled: int | None = None
    cancelled_by: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an alert is not told now. by: id of the masking alert, the shelving or the window; who: the person who said so;
    until: when that ends, ns, None where it is open."""

    state: Delivery
    by: str = ""
    why: str = ""
    who: str = ""
    until: int | None = None

    def plain(self) -> Mapping[str, Any]:
        """As plain values."""
        return {"state": self.state.value, "by": self.by, "why": self.why, "who": self.who, "until": self.until}


@dataclass(frozen=True, slots=True)
class Standing:
    """The delivery machine of one alert as it is kept.

    since: when `state` began; reasons: the gravest first, none when deliverable; told: when its firing was first told, None
    never; level: escalation step reached; episodes: how many episodes of the same rule and target this one stands for while
    they chatter; fold: id of the first of them, "" when it does not chatter; folded: a later episode stands for this one;
    ended: the desk has seen that it is resolved.
    """

    state: Delivery = Delivery.DELIVERABLE
    since: int | None = None
    reasons: tuple[Reason, ...] = ()
    told: int | None = None
    level: int = 0
    episodes: int = 1
    fold: str = ""
    folded: bool = False
    ended: bool = False


UNMUTED = Standing()


@dataclass(frozen=True, slots=True)
class Label:
    """A person's verdict on an episode: was it a true alert? None: not said."""

    true: bool | None = None
    by: str = ""
    at: int | None = None


UNLABELLED = Label()


@dataclass(frozen=True, slots=True)
class Labelled:
    """An episode with a label, for trials: span in ns (end None while it lasts)."""

    alert: str
    rule: str
    target: str
    since: int
    end: int | None
    true: bool
    comment: str = ""
