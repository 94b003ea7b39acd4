"""What a broker connection is to the rest of the ingest path: its settings, its state, and what takes its messages."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from collectors.tap import Frame
from steward.errors import BrokerError


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS towards a broker: paths of PEM files. `insecure` accepts any certificate: for trials only."""

    ca: str = ""
    cert: str = ""
    key: str = ""
    insecure: bool = False

    def context(self, broker: str) -> ssl.SSLContext:
        """For the connection to a broker of this id. Raises BrokerError for files that cannot be used."""
        try:
            context = ssl.create_default_context(cafile=self.ca or None)
            if self.cert:
                context.load_cert_chain(self.cert, self.key or None)
        except (OSError, ValueError) as error:
            raise BrokerError(f"broker {broker}: the TLS files cannot be used: {error}") from None
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker to connect to. `url`: mqtt://host:port, mqtts, ws, wss (with a path); `keepalive` in seconds.

    share_group: MQTT 5 shared subscription, several Stewards (with client ids of their own) share the messages;
    session_expiry: MQTT 5, seconds that the broker keeps the session while we are away; memory: a file that remembers which
    filters the session holds, so that filters taken out of the facility file are unsubscribed after a restart; filters:
    subscribed instead of those that the templates need (one "#" for NATS: see docs/reference/brokers.md); transient: the
    broker keeps no session for us (tools that only listen); will: topic and payload that the broker publishes, retained,
    when we are lost.
    """

    id: str
    url: str
    protocol: Literal["3.1.1", "5"] = "3.1.1"
    client_id: str = "steward"
    username: str = ""
    password: str = field(default="", repr=False)
    tls: Tls = Tls()
    share_group: str = ""
    keepalive: float = 15.0
    session_expiry: int = 7 * 86_400
    memory: Path | None = None
    filters: tuple[str, ...] = ()
    transient: bool = False
    will: tuple[str, bytes] | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """What a connection's state is. state: connecting, subscribing, ready, refused, lost, stopped; `error` says why.

    refused: filter -> reason, for each subscription that the broker refused; weak: filters granted at QoS 0 only;
    paused: the socket is not read for lack of room.
    """

    broker: str
    state: str
    error: str
    refused: dict[str, str]
    weak: tuple[str, ...]
    filters: tuple[str, ...]
    paused: bool

    @property
    def ready(self) -> bool:
        """Whether everything wanted is subscribed."""
        return self.state == "ready"


class Receiver(Protocol):
    """What takes the messages of one connection; called by the connection's thread only. `now` is monotonic seconds."""

    def ready(self) -> bool:
        """Whether there is room: while not, the socket is not read."""

    def take(self, frames: list[Frame], received: int, session: int, now: float) -> None:
        """Messages of one receive; the first arrived at `received` ns, each further one counts as 1 ns later. `session`
        counts the connections made: acknowledgements hold for that one only."""

    def tick(self, now: float) -> float:
        """Called on every turn of the loop; returns the seconds until it wants to be called again at the latest."""

    def idle(self, now: float) -> float:
        """Seconds since the newest message, 0 while one is under way to the store."""

    def flush(self) -> None:
        """Hands on what it holds: the connection is lost, or nothing more will be read."""
