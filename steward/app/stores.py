"""The store and the records that a facility file asks for, built but not opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry
from sqlalchemy.engine import make_url

from steward.app.directory import Directory
from steward.config import Settings, secret
from steward.model import Point, PointIndex
from steward.store import Store
from steward.store.embedded import EmbeddedStore
from steward.store.spool import SpooledStore


def store_of(
    settings: Settings, directory: Directory, environ: Mapping[str, str], data: Path, registry: CollectorRegistry
) -> SpooledStore:
    """The engine of `[store]` behind its spool."""
    spool = settings.spool
    return SpooledStore(
        engine_of(settings, directory.index, directory.point, environ, data, directory.clock),
        directory.index,
        data / spool.path,
        spool.limit_mb << 20,
        directory.clock,
        registry,
    )


def engine_of(
    settings: Settings,
    index: PointIndex,
    point: Callable[[str], Point | None],
    environ: Mapping[str, str],
    data: Path,
    clock: Callable[[], int],
) -> Store:
    """The engine of `[store]`. `point`: what is known of a point now. Raises ConfigError when its secret cannot be read."""
    table = settings.store
    if table.engine == "embedded":
        return EmbeddedStore(data / table.path, index, clock=clock, memory_limit=table.memory_limit)
    from steward.store.influx import InfluxStore  # its client takes a second to import, and many sites do without

    token = secret("store.token_env", table.token_env, table.token_file, environ, settings.root, required=True)
    return InfluxStore(table.url, table.org, table.bucket, token, index, point)


def open_url(settings: Settings, environ: Mapping[str, str], data: Path) -> str:
    """The URL of the records with its password; a relative SQLite path belongs to `data`, its folder is made."""
    table = settings.records
    password = secret("records.password_env", table.password_env, table.password_file, environ, settings.root)
    url = make_url(table.url)
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        path = data / url.database
        path.parent.mkdir(parents=True, exist_ok=True)
        return url.set(database=str(path)).render_as_string(hide_password=False)
    return (url.set(password=password) if password else url).render_as_string(hide_password=False)
