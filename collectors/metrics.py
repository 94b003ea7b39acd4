"""What the ingest path tells Prometheus. Counted per batch, not per message; one instance per registry.

`steward_messages_received_total` = decoded + rejected messages; a rejected part of a message counts by its reason, so that
the sum over reasons may exceed the messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from collectors.intake import Intake, Part

if TYPE_CHECKING:
    from collectors.mqtt import MqttConnection

_LAGS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0)


class IngestMetrics:
    """The metrics of a pipeline."""

    def __init__(self, registry: CollectorRegistry) -> None:
        broker = ["broker"]
        self.received = Counter("steward_messages_received", "Messages received", broker, registry=registry)
        self.decoded = Counter("steward_messages_decoded", "Messages that were routed and decoded", broker, registry=registry)
        self.rejected = Counter("steward_rejected", "Messages or parts rejected", ["broker", "reason"], registry=registry)
        self.samples = Counter("steward_samples", "Samples made durable", broker, registry=registry)
        self.batches = Counter("steward_batches", "Batches closed", broker, registry=registry)
        self.bytes = Counter("steward_payload_bytes", "Bytes of payload received", broker, registry=registry)
        self.writes = Counter("steward_store_writes", "Writes to the store that succeeded", registry=registry)
        self.failures = Counter(
            "steward_store_write_failures", "Writes to the store that failed and are retried", registry=registry
        )
        self.lag = Histogram(
            "steward_write_lag_seconds", "Arrival to durable, oldest message", buckets=_LAGS, registry=registry
        )
        self.queue = Gauge("steward_queue_samples", "Samples under way to the store", registry=registry)
        self._registry = registry

    def watch(self, connections: Callable[[], Iterable[MqttConnection]], intakes: Callable[[], Iterable[Intake]]) -> None:
        """Also exports the state of connections, read when scraped."""
        self.queue.set_function(lambda: sum(intake.in_flight for intake in intakes()))
        self._registry.register(_Connections(connections))

    def count(self, part: Part) -> None:
        """Counts a closed batch."""
        broker = part.intake.broker
        self.received.labels(broker).inc(part.messages)
        self.decoded.labels(broker).inc(max(0, part.messages - part.failed))
        self.bytes.labels(broker).inc(part.bytes)
        self.batches.labels(broker).inc()
        for reason, number in part.taken.counts.items():
            self.rejected.labels(broker, reason).inc(number)


class _Connections(Collector):
    def __init__(self, connections: Callable[[], Iterable[MqttConnection]]) -> None:
        self._connections = connections

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("steward_broker_ready", "1 while everything wanted is subscribed", labels=["broker"])
        paused = GaugeMetricFamily(
            "steward_broker_paused", "1 while the socket is not read for lack of room", labels=["broker"]
        )
        connects = CounterMetricFamily("steward_broker_connects", "Connections made", labels=["broker"])
        acknowledged = CounterMetricFamily("steward_messages_acknowledged", "Messages acknowledged", labels=["broker"])
        for connection in self._connections():
            status = connection.status()
            labels = [status.broker]
            up.add_metric(labels, float(status.ready))
            paused.add_metric(labels, float(status.paused))
            connects.add_metric(labels, connection.connects)
            acknowledged.add_metric(labels, connection.acknowledged)
        yield from (up, paused, connects, acknowledged)
