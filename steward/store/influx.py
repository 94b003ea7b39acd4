"""The InfluxDB 2 engine: batches as line protocol, reads as Flux. The only file that imports `influxdb_client`.

Invariants: InfluxDB overwrites by (series, at), which makes a write idempotent; a point whose metadata changed is in
several series, and every read makes (point, at) unique again (what was received last wins); what may succeed later is
tried again until `patience` is over and then StoreUnavailable, what never will is StoreError; the token is never shown.
Layout: docs/adr/0006-influx-layout.md.
"""

from __future__ import annotations

import asyncio
import gzip
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import numpy as np
import structlog
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.domain.bucket_retention_rules import BucketRetentionRules
from influxdb_client.domain.dialect import Dialect
from influxdb_client.domain.task_create_request import TaskCreateRequest
from influxdb_client.domain.task_update_request import TaskUpdateRequest
from influxdb_client.rest import ApiException
from influxdb_client.service.ping_service import PingService
from influxdb_client.service.write_service import WriteService
from prometheus_client import CollectorRegistry, Counter, Histogram
from urllib3.exceptions import HTTPError

from steward.errors import StoreError, StoreUnavailable, StoreVersion
from steward.model import Batch, Point, PointIndex
from steward.store import Windows, _columns, flux
from steward.store._refusal import PATIENCE, Patience, Refused, refusal
from steward.store.line_protocol import Encoder, tag

LAYOUT = 1
"""The version of how samples lie in a bucket; a bucket says its own in its description."""
DAY = 86_400 * 10**9
LINES_A_REQUEST = 20_000
REQUESTS, WORTH_SEVERAL = 4, 2_000
"""From so many samples on a write is several requests at once: the server works on all while one alone waits for its log."""
_THREADS = 4
_SPAN = DAY // 4
"""`arrived` reads whole samples by spans of this length, so that one late sample does not widen the read of all points."""
_DIALECT: Any = Dialect(  # type: ignore[no-untyped-call]
    header=True, delimiter=",", annotations=[], comment_prefix="#", date_time_format="RFC3339Nano"
)
_TOO_LARGE = 413
_OUTSIDE_RETENTION = re.compile("(outside|beyond) retention policy")
_LOG = structlog.get_logger()
T = TypeVar("T")
Query = Callable[[list[str] | None], str]
"""The text of a query over some points, all when None."""


def describe(layout: int = LAYOUT) -> str:
    """The description of a bucket of a layout."""
    return f"Steward samples, layout {layout}"


def check_layout(bucket: str, description: str | None) -> None:
    """Raises StoreVersion for a bucket that a newer release has laid out."""
    words = (description or "").rsplit("layout ", 1)
    if len(words) == 2 and words[1].isdigit() and int(words[1]) > LAYOUT:
        raise StoreVersion(f"bucket {bucket!r} has layout {words[1]}, this release reads up to {LAYOUT}: run the newer release")


class InfluxStore:
    """Samples in one bucket of an InfluxDB 2.7 or newer.

    points: looks a point up by id, for the measurement and tags of its series (None: measurement `number`); call
    `refresh` when the facility changes. compress: gzip of writes, worth it on a slow network only. lateness: how much
    later than `at` a sample may have been received to be found by `arrived` (seven days).
    """

    def __init__(
        self,
        url: str,
        org: str,
        bucket: str,
        token: str,
        index: PointIndex,
        points: Callable[[str], Point | None],
        *,
        compress: bool = False,
        lateness: int = 7 * DAY,
        timeout_s: float = 30.0,
        patience: Patience = PATIENCE,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self.url, self.org, self.bucket = url, org, bucket
        self._token, self._index, self._points = token, index, points
        self._compress, self._lateness, self._timeout, self._patience = compress, lateness, timeout_s, patience
        self._encoder = Encoder(index, points)
        self._client: Any = None
        self._pool: ThreadPoolExecutor | None = None
        self._writing = asyncio.Lock()
        registry = registry or CollectorRegistry()
        self._retries = Counter("steward_influx_retries", "Requests tried again", ["what"], registry=registry)
        self._forgotten = Counter(
            "steward_influx_outside_retention", "Requests with samples older than the retention", registry=registry
        )
        self._seconds = Histogram(
            "steward_influx_request_seconds", "Time of a request, with its retries", ["what"], registry=registry
        )

    # --- opening and closing

    async def open(self) -> None:
        """Connects and checks server, token, bucket and layout. Raises StoreVersion, StoreUnavailable, StoreError."""
        if self._client is None:
            self._client = InfluxDBClient(self.url, self._token, org=self.org, timeout=round(self._timeout * 1000))
            self._pool = ThreadPoolExecutor(_THREADS, "influx")
        version = await self._call("ping", self._version)
        if not version.startswith("v2") or tuple(map(int, version[1:].split(".")[:2])) < (2, 7):
            raise StoreVersion(
                f"{self.url} is InfluxDB {version or 'of an unknown version'}, expected 2.7 or newer of version 2"
            )
        found = await self._call("bucket", lambda: self._connected().buckets_api().find_bucket_by_name(self.bucket))
        if found is None:
            raise StoreError(f"{self.url} has no bucket {self.bucket!r} that the token may see: run `steward init-store`")
        check_layout(self.bucket, found.description)

    def _version(self) -> str:
        service: Any = PingService(self._connected().api_client)  # type: ignore[no-untyped-call]
        return str(service.response_header(service.get_ping_with_http_info(_return_http_data_only=False)) or "")

    async def close(self) -> None:
        """Closes the connections; nothing is buffered here. May be called twice."""
        client, pool, self._client, self._pool = self._client, self._pool, None, None
        if pool is not None:
            await asyncio.to_thread(pool.shutdown)
        if client is not None:
            client.close()

    def refresh(self) -> None:
        """Takes the metadata of points anew from the next write on (a reload of the facility)."""
        self._encoder.refresh()

    # --- writing

    async def write(self, batch: Batch) -> None:
        """Makes a batch durable (InfluxDB answers after its log is written). Raises StoreUnavailable, StoreError."""
        async with self._writing:
            self._encoder.encode(batch.take(~np.isfinite(batch.value)))  # refuses what is no number before anything is sent
            for begin in range(0, len(batch), LINES_A_REQUEST):
                await self._write_parted(_rows(batch, begin, begin + LINES_A_REQUEST))

    async def _write_parted(self, batch: Batch) -> None:
        """Several requests at once where there is enough for them: cut by point, so that of two samples with one (point, at)
        the later still wins. Returns, or raises, only when all are over."""
        if len(batch) < WORTH_SEVERAL:
            await self._write(batch)
            return
        share = batch.point % REQUESTS
        parts = [self._write(batch.take(share == part)) for part in np.unique(share).tolist()]
        for outcome in await asyncio.gather(*parts, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def _write(self, batch: Batch) -> None:
        body: Any = self._encoder.encode(batch)
        options = {"precision": "ns"}
        if self._compress:
            body = gzip.compress(body, 1, mtime=0)
            options["content_encoding"] = "gzip"
        service: Any = WriteService(self._connected().api_client)  # type: ignore[no-untyped-call]
        try:
            await self._call("write", lambda: service.post_write(self.org, self.bucket, body, **options))
        except Refused as refused:
            if refused.status == _TOO_LARGE and len(batch) > 1:
                middle = len(batch) // 2
                await self._write(_rows(batch, 0, middle))
                await self._write(_rows(batch, middle, len(batch)))
            elif _OUTSIDE_RETENTION.search(refused.detail):  # the bucket would have deleted them by now: kept as well as can be
                self._forgotten.inc()
                _LOG.warning("samples_outside_retention", bucket=self.bucket, detail=refused.detail)
            else:
                raise StoreError(f"{refused}; {self._encoder.names(self._meant(batch, refused.detail))}") from refused

    def _meant(self, batch: Batch, detail: str) -> Batch:
        """The rows that a refusal is about: those of the measurement that it names, all when it names none of ours."""
        named = [f'measurement "{self._encoder.measurement(number)}"' in detail for number in batch.point.tolist()]
        return batch.take(np.asarray(named)) if any(named) else batch

    # --- reading

    async def latest(self, points: Sequence[int] | None, since: int) -> Batch:
        """The newest usable sample at or after `since` of each point (all points when None)."""
        found = await self._columns(lambda ids: flux.newest(self.bucket, since, ids), points)
        fields = [found.get(name) or flux.empty(name) for name in ("value", "received", "quality")]
        several = np.concatenate([field.point[1:][field.point[1:] == field.point[:-1]] for field in fields])
        batch = flux.samples(found)
        batch = batch.take(~np.isin(batch.point, several))  # of points in one series whose newest sample is usable: done
        others = np.setdiff1d(fields[0].point, batch.point)
        parts = [batch]
        for begin in (fields[0].at[np.isin(fields[0].point, others)].min(initial=flux.LAST), since):
            if len(others):
                raw = await self.read(others.tolist(), int(begin), flux.LAST)
                parts.append(_columns.newest_of_each(_columns.usable(raw)))
                others = np.setdiff1d(others, parts[-1].point)
        return _columns.newest(Batch.concat(parts))

    async def read(self, points: Sequence[int], start: int, end: int, limit: int | None = None) -> Batch:
        """Raw samples in [start, end), sorted by (point, at); at most `limit` rows in all."""
        if limit is not None and limit < 1:
            return Batch.of([], [], [])
        found = await self._columns(lambda ids: flux.raw(self.bucket, start, end, ids, limit), points)
        several = np.unique(np.concatenate([column.repeated() for column in found.values()] or [flux.empty("value").point]))
        batch = flux.samples(found)
        if len(several):
            text = partial(flux.paired, self.bucket, start, end)
            pairs = await self._answers(text, several.tolist(), flux.pairs)
            batch = _columns.newest(Batch.concat([batch.take(~np.isin(batch.point, several)), *pairs]))
        return batch if limit is None else _rows(batch, 0, limit)

    async def aggregate(self, points: Sequence[int], start: int, end: int, window: int, origin: int = 0) -> Windows:
        """Aggregates over windows of `window` ns aligned to `origin` ns, computed by InfluxDB wherever it can."""
        found = await self._columns(lambda ids: flux.aggregated(self.bucket, start, end, ids, window, origin), points)
        sure, doubtful = flux.windows(found, window, origin)
        if not len(doubtful):
            return sure
        wanted = np.unique(doubtful.point)
        low, high = int(doubtful.at.min()), int(doubtful.at.max()) + window
        raw = await self.read(wanted.tolist(), max(low, start), min(high, end))
        raw = _columns.usable(raw)
        again = _columns.merge([_columns.fold(raw.point, raw.at, raw.value, window, origin)])
        kept = ~(np.isin(sure.point, wanted) & (sure.start >= low) & (sure.start < high))
        return flux.merged([Windows(*(getattr(sure, name)[kept] for name in Windows.__slots__)), again])

    async def arrived(self, since: int, until: int, limit: int | None = None) -> Batch:
        """Samples with since <= received < until, sorted by (received, point, at).

        Finds those whose `at` is less than `lateness` (seven days) before or after they were received.
        """
        text = flux.received(self.bucket, since - self._lateness, until + self._lateness, since, until)
        hits = (await self._columns(lambda ids: text, None)).get("received") or flux.empty("received")
        if limit is not None:
            hits = hits.take(np.lexsort((hits.at, hits.point, hits.value))[: limit + len(hits.repeated())])
        parts = []
        for span in np.unique(hits.at // _SPAN).tolist():
            chosen = hits.take(hits.at // _SPAN == span)
            parts.append(await self.read(np.unique(chosen.point).tolist(), int(chosen.at.min()), int(chosen.at.max()) + 1))
        batch = Batch.concat(parts)
        batch = batch.take((batch.received >= since) & (batch.received < until))
        return batch.take(np.lexsort((batch.at, batch.point, batch.received))[:limit])

    async def count(self) -> int:
        """-1: InfluxDB would have to read everything."""
        return -1

    # --- forgetting

    async def delete(self, points: Sequence[int], start: int, end: int) -> int:
        """Deletes samples in [start, end); -1, because InfluxDB does not say how many."""
        if end <= start or not len(points):
            return 0
        wanted = dict.fromkeys(self._index.ids[number] for number in points)
        await asyncio.gather(*(self._delete(start, end, f"point={flux.string(tag(id))}") for id in wanted))
        return -1

    async def retain(self, before: int) -> None:
        """Deletes samples with at < before (beside the bucket's own retention, which `init_store` sets)."""
        await self._delete(flux.FIRST, before, "")

    async def _delete(self, start: int, end: int, predicate: str) -> None:
        begin, last = (f"{np.datetime64(moment, 'ns')}Z" for moment in (max(start, flux.FIRST), min(end, flux.LAST) - 1))
        api = self._connected().delete_api()
        await self._call("delete", lambda: api.delete(begin, last, predicate, self.bucket, self.org))

    async def compact(self) -> None:
        """Nothing to do: InfluxDB compacts by itself."""

    # --- requests

    def _connected(self) -> Any:
        if self._client is None:
            raise StoreError("the InfluxDB store is not open")
        return self._client

    async def _columns(self, text: Query, points: Sequence[int] | None) -> dict[str, flux.Column]:
        """The results of a query over `points`, as columns by name."""
        answers = await self._answers(text, points, flux.columns)
        return flux.joined(answers) if answers else {}

    async def _answers(
        self,
        text: Query,
        points: Sequence[int] | None,
        parse: Callable[[Iterator[bytes], PointIndex], T],
    ) -> list[T]:
        """The parsed answers of a query, asked for a bounded number of points at a time."""
        if points is None:
            return [await self._query(text(None), parse)]
        ids = list(dict.fromkeys(self._index.ids[number] for number in points))
        parts = [ids[begin : begin + flux.POINTS_A_QUERY] for begin in range(0, len(ids), flux.POINTS_A_QUERY)]
        return list(await asyncio.gather(*(self._query(text(part), parse) for part in parts)))

    async def _query(self, text: str, parse: Callable[[Iterator[bytes], PointIndex], T]) -> T:
        api = self._connected().query_api()

        def work() -> T:
            answer = api.query_raw(text, self.org, _DIALECT)
            try:
                return parse(answer.stream(1 << 20), self._index)
            finally:
                answer.release_conn()

        return await self._call("query", work)

    async def _call(self, what: str, work: Callable[[], T]) -> T:
        """Runs blocking work in a thread, again while it may succeed later. Raises StoreUnavailable, StoreError."""
        with self._seconds.labels(what).time():
            deadline, pause = time.monotonic() + self._patience.total, self._patience.first_pause
            while True:
                try:
                    return await asyncio.get_running_loop().run_in_executor(self._pool, work)
                except (ApiException, HTTPError, OSError) as error:
                    refused = refusal(self.url, what, error)
                if time.monotonic() + max(pause, refused.retry_after) > deadline:
                    raise StoreUnavailable(str(refused)) from refused
                self._retries.labels(what).inc()
                await asyncio.sleep(max(pause, refused.retry_after))
                pause = min(2 * pause, self._patience.longest_pause)


def _rows(batch: Batch, begin: int, end: int) -> Batch:
    return batch.take(np.arange(begin, min(end, len(batch))))


def init_store(
    url: str, org: str, bucket: str, token: str, *, retention: int = 0, coarse_retention: int = 0, timeout_s: float = 30.0
) -> list[str]:
    """Sets up a bucket, its coarse companion and the task that fills it; returns what was done, nothing when all was there.

    retention, coarse_retention: ns, 0 keeps for ever. The token needs read and write of buckets and tasks of the
    organisation. Blocking. Raises StoreUnavailable, StoreError, StoreVersion.
    """
    client: Any = InfluxDBClient(url, token, org=org, timeout=round(timeout_s * 1000))
    coarse = f"{bucket}{flux.COARSE_SUFFIX}"
    try:
        organisations = client.organizations_api().find_organizations(org=org)
        done = _set_up_bucket(client, organisations[0].id, bucket, retention, describe())
        done += _set_up_bucket(client, organisations[0].id, coarse, coarse_retention, f"15-minute means of {bucket!r}")
        return done + _set_up_task(client, organisations[0].id, f"{coarse} from {bucket}", bucket, coarse, org)
    except (ApiException, HTTPError, OSError) as error:
        raise StoreUnavailable(str(refusal(url, "set-up", error))) from error
    finally:
        client.close()


def _set_up_bucket(client: Any, organisation: str, name: str, retention: int, description: str) -> list[str]:
    api, seconds = client.buckets_api(), retention // 10**9
    found = api.find_bucket_by_name(name)
    if found is None:
        rules = [BucketRetentionRules(type="expire", every_seconds=seconds)]  # type: ignore[no-untyped-call]
        api.create_bucket(bucket_name=name, org=organisation, retention_rules=rules, description=description)
        return [f"created bucket {name!r}, retention {_days(seconds)}"]
    check_layout(name, found.description)
    before = found.retention_rules[0].every_seconds if found.retention_rules else 0
    if (before, found.description) == (seconds, description):
        return []
    found.retention_rules = [BucketRetentionRules(type="expire", every_seconds=seconds)]  # type: ignore[no-untyped-call]
    found.description = description
    api.update_bucket(found)
    return [f"changed bucket {name!r}: retention {_days(before)} -> {_days(seconds)}, described as {description!r}"]


def _days(seconds: int) -> str:
    return f"{seconds / 86_400:g} days" if seconds else "for ever"


def _set_up_task(client: Any, organisation: str, name: str, bucket: str, coarse: str, org: str) -> list[str]:
    api, text = client.tasks_api(), flux.downsampling(name, bucket, coarse, org)
    found = api.find_tasks(name=name, org_id=organisation)
    if not found:
        request = TaskCreateRequest(flux=text, org_id=organisation, status="active")  # type: ignore[no-untyped-call]
        api.create_task(task_create_request=request)
        return [f"created task {name!r}"]
    if found[0].flux == text:
        return []
    api.update_task_request(found[0].id, TaskUpdateRequest(flux=text))  # type: ignore[no-untyped-call]
    return [f"changed task {name!r}"]
