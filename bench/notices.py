"""Notices a second through the outbox into a local HTTP server, beside the same requests without an outbox.

Run: python -m bench.notices [COUNT]. Each notice is its own alert and group: planned, put into SQLite, tried, marked, logged.
The peer is the same sender in a loop, which shows what the outbox costs.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import msgspec
from prometheus_client import CollectorRegistry

from steward.app.notices.service import NoticeService, transitions_of
from steward.config import parse
from steward.model import Alert, Condition, PointIndex, Severity
from steward.notices import Notice
from steward.records import Records
from tests.notices.servers import serving

FILE = """
[[channel]]
id = "w"
type = "webhook"
url = "{url}"
[[route]]
id = "r"
channels = ["w"]
group_by = ["target"]
group_wait = "0s"
"""


async def run(count: int) -> None:
    """Measures and prints both."""
    with serving() as server, tempfile.TemporaryDirectory() as folder:
        settings = parse([("f.toml", FILE.replace("{url}", server.url))])
        records = Records(f"sqlite:///{Path(folder) / 'records.db'}")
        records.open()
        clock = time.time_ns
        service = NoticeService(
            settings, {}, lambda: settings.facility, lambda id: None, PointIndex(), records, clock, CollectorRegistry(), 1
        )
        now = clock()
        alerts = [
            Alert("r", "threshold", Severity.HIGH, f"t{number}", (), Condition.FIRING, now, now, now) for number in range(count)
        ]
        stated = transitions_of(records.record_alerts(alerts, now))
        started = time.perf_counter()
        await service.take(stated)
        planned = time.perf_counter()
        tried = await service.notifier.postman.deliver_all()
        done = time.perf_counter()
        assert tried == count == len(server.got), (tried, len(server.got))
        notice = msgspec.convert(service.notifier.outbox.log(limit=1)[0].payload, Notice)
        assert service.plan.sender is not None
        sender = service.plan.sender("w", "", ())
        for _ in range(count):
            sender.send(notice, now)
        alone = time.perf_counter()
        records.close()
    print(f"{count} notices: planned in {planned - started:.2f} s, delivered at {count / (done - planned):.0f}/s; "
          f"without outbox {count / (alone - done):.0f}/s")  # fmt: skip


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]) if len(sys.argv) > 1 else 500))
