"""What the API needs of the rest of Steward, as one frozen dataclass: `steward.app` builds it, tests build it by hand.

Siblings (collectors, rules) are known here only by the shape of what they hand over: protocols that their own classes
satisfy, and plain callables. Times are ns. Callables without `await` are called in the event loop and must return at once.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from prometheus_client import CollectorRegistry

from api.energy import EnergyDesk, NoEnergy
from api.reports import NoReports, ReportDesk
from api.services_desk import AlertDesk, NoDesk
from api.services_ledger import LedgerDesk, NoLedger
from api.services_money import MoneyDesk, NoMoney
from api.services_notices import NoNotices, NoticeDesk
from api.services_trials import NoTrials, TrialDesk
from steward import __version__
from steward.errors import NotPossible, StewardError
from steward.live import LiveState
from steward.model import Facility, PointIndex, Text
from steward.records import AlertRecord, Records
from steward.store import Store
from steward.units import MINUTE, SECOND

WEB = Path(__file__).parent / "web"


class Rejected(Protocol):
    """A rejected message or part of one, seen `count` times (collectors.quarantine.Entry). `cut`: the payload is cut."""

    @property
    def broker(self) -> str: ...
    @property
    def topic(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def detail(self) -> str: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def cut(self) -> bool: ...
    @property
    def address(self) -> str: ...
    @property
    def template(self) -> str: ...
    @property
    def count(self) -> int: ...
    @property
    def first(self) -> int: ...
    @property
    def last(self) -> int: ...


class Stranger(Protocol):
    """An address that no device has, with the last value of each field it sent (collectors.quarantine.Stranger)."""

    @property
    def broker(self) -> str: ...
    @property
    def template(self) -> str: ...
    @property
    def format(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def fields(self) -> Mapping[str, float | int | bool | str]: ...
    @property
    def count(self) -> int: ...
    @property
    def first(self) -> int: ...
    @property
    def last(self) -> int: ...


class Quarantine(Protocol):
    """The bounded store of what could not be used (collectors.quarantine.Quarantine). Thread-safe."""

    def list(
        self, *, broker: str | None = None, topic: str | None = None, reason: str | None = None, limit: int = 100
    ) -> Sequence[Rejected]:
        """Entries, newest first."""

    def counts(self) -> Mapping[str, int]:
        """Rejected since the start, by reason."""

    def strangers(self) -> Sequence[Stranger]:
        """Addresses that wait for adoption."""


class EmptyQuarantine:
    """The quarantine of a service that collects nothing."""

    def list(
        self, *, broker: str | None = None, topic: str | None = None, reason: str | None = None, limit: int = 100
    ) -> Sequence[Rejected]:
        """Nothing is kept."""
        return ()

    def counts(self) -> Mapping[str, int]:
        """Nothing was rejected."""
        return {}

    def strangers(self) -> Sequence[Stranger]:
        """Nobody waits."""
        return ()


@dataclass(frozen=True, slots=True)
class DeviceState:
    """What is known of a device since the start. seen: last arrival, ns; offset: its clock minus ours, ns; None: not known.

    dead: when it was declared lost (last will, death certificate), None while it is not.
    """

    seen: int | None = None
    offset: int | None = None
    samples: int = 0
    dead: int | None = None


@dataclass(frozen=True, slots=True)
class BrokerState:
    """A broker connection. refused: topic filter -> reason of subscriptions that the broker refused; since: ns."""

    id: str
    url: str
    connected: bool
    since: int | None = None
    messages: int = 0
    refused: Mapping[str, str] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, slots=True)
class StorageState:
    """Store and spool. spool_bytes of spool_limit are waiting; error: why the store does not take batches, "" if it does."""

    engine: str = ""
    error: str = ""
    samples: int | None = None
    spool_bytes: int = 0
    spool_limit: int = 0
    spool_samples: int = 0


class JobState(Protocol):
    """A scheduled job (steward.app.jobs.JobStatus)."""

    name: str
    schedule: str
    last_good: int | None
    last_failure: int | None
    error: str
    runs: int
    failures: int
    missed: int
    overruns: int
    seconds: float
    next_run: int | None


@dataclass(frozen=True, slots=True)
class Wording:
    """The sentences of an alert in every language: what it is, why we think so, what to check first; clears: what would end
    it; costs: what it cost (both empty where nothing is known)."""

    title: Text
    why: Text
    check: Text
    clears: Text = field(default_factory=dict)
    costs: Text = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unjudged:
    """Targets that a rule fits and cannot judge (or of whose conditions one) for one reason: how many, and the first of them;
    code, params: of a reason that has them."""

    reason: str
    count: int
    targets: Sequence[str] = ()
    code: str = ""
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RuleState:
    """A rule as it runs. points: how many it watches; definition: its table in the facility file or pack; where: of it;
    about: what its kind does; source: where its limits come from; pack: "" for one of the facility; unevaluated: conditions
    of it that some targets cannot be judged by."""

    id: str
    kind: str
    severity: str
    title: Text
    where: str = ""
    points: int = 0
    targets: int = 0
    about: str = ""
    definition: Mapping[str, Any] = field(default_factory=dict)
    why: Text = field(default_factory=dict)
    check: Text = field(default_factory=dict)
    source: str = ""
    pack: str = ""
    unjudged: Sequence[Unjudged] = ()
    unevaluated: Sequence[Unjudged] = ()


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """How the API behaves; times in ns.

    tick: live values are sent this often; hosts: accepted Host names, empty for any; look_back: newest data older than
    this is not loaded at the start; web: folder of the page, None for none.
    """

    tick: int = SECOND
    heartbeat: int = 15 * SECOND
    cut_after: int = 30 * SECOND
    pending_limit: int = 16
    clients_limit: int = 2000
    ring: int = 1000
    summary_age: int = MINUTE
    raw_limit: int = 200_000
    window_limit: int = 500_000
    points_limit: int = 100
    hosts: tuple[str, ...] = ()
    web: Path | None = WEB


def plain_wording(record: AlertRecord, facility: Facility) -> Wording:
    """The wording where no rules package gives a better one."""
    return Wording({"": f"{record.alert.rule}: {record.alert.target}"}, {"": ""}, {"": ""})


async def no_reload() -> None:
    """The reload of a service that was not started from a file."""
    raise NotPossible("this service was not started from a facility file: there is nothing to reload")


@dataclass(frozen=True)
class Services:
    """Everything that the API reads and does.

    facility: the facility as it stands; devices: device id -> state; wording: of an alert; rules: the rules as they run;
    reload: applies the changed facility file, or raises ConfigError and changes nothing.
    """

    facility: Callable[[], Facility]
    index: PointIndex
    live: LiveState
    store: Store
    records: Records
    clock: Callable[[], int]
    registry: CollectorRegistry
    settings: ApiSettings = ApiSettings()
    quarantine: Quarantine = field(default_factory=EmptyQuarantine)
    devices: Callable[[], Mapping[str, DeviceState]] = dict
    brokers: Callable[[], Sequence[BrokerState]] = tuple
    storage: Callable[[], StorageState] = StorageState
    jobs: Callable[[], Sequence[JobState]] = tuple
    rules: Callable[[], Sequence[RuleState]] = tuple
    wording: Callable[[AlertRecord, Facility], Wording] = plain_wording
    reload: Callable[[], Awaitable[None]] = no_reload
    energy: EnergyDesk = field(default_factory=NoEnergy)
    reports: ReportDesk = field(default_factory=NoReports)
    desk: AlertDesk = field(default_factory=NoDesk)
    trials: TrialDesk = field(default_factory=NoTrials)
    ledger: LedgerDesk = field(default_factory=NoLedger)
    money: MoneyDesk = field(default_factory=NoMoney)
    notices: NoticeDesk = field(default_factory=NoNotices)
    version: str = __version__


def refuse_public_bind(host: str, allow: bool) -> None:
    """Refuses to listen where others can reach us, as nobody has to log in yet. Raises StewardError naming the way out."""
    if allow or host == "localhost":
        return
    try:
        loopback = ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise StewardError(
            f"api.host {host!r} can be reached from other machines and the API has no login yet; expected 127.0.0.1 or ::1, "
            "or an explicit --public where a proxy in front asks for credentials"
        )


LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def served_hosts(configured: Sequence[str], public: bool) -> tuple[str, ...]:
    """The Host names that are served, against DNS rebinding: those of this machine and those configured; () for any, where
    others may reach us and no names are configured."""
    return () if public and not configured else (*LOOPBACK, *configured)
