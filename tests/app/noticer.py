"""A process that states alerts and sends notices of them, as the service does, until all are delivered or it is killed.

Arguments: folder of the records, address of the webhook, port of the mail server, how many alerts in all.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from prometheus_client import CollectorRegistry

from steward.app.notices.service import NoticeService, transitions_of
from steward.config import parse
from steward.model import Alert, Condition, PointIndex, Severity
from steward.records import Records

FILE = """
[notices]
first_retry = "50ms"
longest_retry = "200ms"
[[site]]
id = "a"
name = "A"
[[channel]]
id = "hook"
type = "webhook"
url = "{url}"
[[channel]]
id = "mail"
type = "email"
host = "127.0.0.1"
port = {port}
security = "none"
sender = "steward@example.org"
to = ["li@example.org"]
[[route]]
id = "all"
channels = ["hook", "mail"]
group_by = ["target"]
group_wait = "0s"
repeat_interval = "0s"
"""


async def work(folder: Path, url: str, port: str, total: int) -> None:
    """Goes on where the last process was killed."""
    settings = parse([("f.toml", FILE.format(url=url, port=port))])
    records = Records(f"sqlite:///{folder}/records.db")
    records.open()
    service = NoticeService(
        settings, {}, lambda: settings.facility, lambda id: None, PointIndex(), records, time.time_ns, CollectorRegistry()
    )
    await service.start({})
    number = len(records.alerts(limit=total).alerts)
    while number < total:
        now = time.time_ns()
        alert = Alert("hot", "threshold", Severity.HIGH, f"p{number}", (), Condition.FIRING, now, now, now)
        await service.take(transitions_of(records.record_alerts([alert], now)))
        number += 1
    while service.log(limit=1000, states=("waiting", "sending")) or len(service.log(limit=1000)) < 2 * total:
        await asyncio.sleep(0.05)
    await service.stop()
    records.close()


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])))
