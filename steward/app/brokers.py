"""From the facility file's brokers to connections; starts the embedded one where it is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from collectors.broker import EmbeddedBroker, window
from collectors.connection import Broker, Tls
from collectors.mqtt import MqttConnection
from steward.config import Settings, secret
from steward.config.schema import BrokerTable
from steward.notices.channels.mqtt import OFFLINE
from steward.units import SECOND

EVERYTHING = ("#",)
"""What is subscribed at the embedded broker. NATS bounds the messages under way both per filter and per session, by the same
number: with several filters a burst passes the session's bound, and what is over it comes only after `ack_wait`, out of
order. One filter can never pass it, and what no template wants shows in the quarantine."""


def filters_of(table: BrokerTable) -> tuple[str, ...]:
    """The filters that stand in the place of the templates', () for none."""
    return tuple(table.filters) or (EVERYTHING if table.embedded else ())


def embedded(table: BrokerTable, settings: Settings, environ: Mapping[str, str], data: Path) -> EmbeddedBroker:
    """The embedded broker of a table; a port of 0 in its url takes a free one."""
    where = f"broker[{table.id}].password_env"
    password = secret(where, table.password_env, table.password_file, environ, settings.root, required=bool(table.username))
    return EmbeddedBroker(
        urlsplit(table.url).port or 0,
        data / table.data,
        username=table.username,
        password=password,
        max_ack_pending=window(filters_of(table)),
    )


def connection(
    table: BrokerTable, settings: Settings, environ: Mapping[str, str], memory: Path, url: str = ""
) -> MqttConnection:
    """A connection, not started. `url`: where it differs from the table's (embedded on a free port).

    Raises ConfigError for a secret that cannot be read, BrokerError for an address or certificate that cannot be used.
    """
    return MqttConnection(described(table, settings, environ, memory, url))


def described(table: BrokerTable, settings: Settings, environ: Mapping[str, str], memory: Path, url: str = "") -> Broker:
    """The settings of a connection. Raises ConfigError for a secret that cannot be read."""
    where = f"broker[{table.id}].password_env"
    password = secret(where, table.password_env, table.password_file, environ, settings.root, required=bool(table.username))

    def path(name: str) -> str:
        return str(settings.root / name) if name else ""

    tls = Tls()
    if table.tls is not None:
        tls = Tls(path(table.tls.ca), path(table.tls.cert), path(table.tls.key), table.tls.insecure)
    return Broker(
        table.id,
        url or table.url,
        protocol=table.protocol,
        client_id=table.client_id,
        username=table.username,
        password=password,
        tls=tls,
        share_group=table.share_group,
        keepalive=table.keepalive / SECOND,
        memory=memory / f"subscriptions-{table.id}.json",
        filters=filters_of(table),
        will=will_of(table, settings),
    )


def renew_wills(settings: Settings, connections: Sequence[MqttConnection]) -> None:
    """Another facility file: what the brokers say when we are lost, where that differs. The brokers are the same."""
    for table, connection in zip(settings.brokers, connections, strict=True):
        connection.change_will(will_of(table, settings))


def will_of(table: BrokerTable, settings: Settings) -> tuple[str, bytes] | None:
    """What the broker says when we are lost, where a channel announces through it."""
    topics = (one.topic for one in settings.notices.channels if one.type == "mqtt" and one.broker == table.id)
    topic = next(topics, "")
    return (f"{topic}/status", OFFLINE) if topic else None
