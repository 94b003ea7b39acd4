"""The small facility with a webhook and a route: what the tests of notices and the examples ask. Nothing leaves the process."""

from __future__ import annotations

from dataclasses import replace

from prometheus_client import CollectorRegistry

from steward.app.notices.service import NoticeService
from steward.config import parse
from steward.errors import NoticeFailed
from steward.notices import Notice
from tests.api.world import FILE, UNNAMED, World

NOTICES = """
[[channel]]
id = "hook"
type = "webhook"
url = "http://127.0.0.1:1/hook"
token_env = "HOOK_TOKEN"
[[route]]
id = "plant"
organisation = ["zj"]
channels = ["hook"]
group_wait = "0s"
"""


class Mailbox:
    """A sender that keeps what it got; while `broken` it refuses for good."""

    def __init__(self) -> None:
        self.got: list[Notice] = []
        self.broken = False

    def send(self, notice: Notice, now: int) -> str:
        """Takes a notice."""
        if self.broken:
            raise NoticeFailed("HTTP 410: gone", retry=False)
        self.got.append(notice)
        return "HTTP 200"


def noticing(world: World) -> tuple[NoticeService, Mailbox]:
    """Notices of a world, into a mailbox."""
    settings = parse([("f.toml", UNNAMED.sub(r'\1name = "\2"\n', FILE) + NOTICES)])
    service = NoticeService(
        settings, {"HOOK_TOKEN": "sEcReT"}, lambda: world.facility, lambda id: None, world.index, world.records,
        lambda: world.now, CollectorRegistry(), seed=1,
    )  # fmt: skip
    box = Mailbox()
    plan = replace(service.plan, sender=lambda channel, recipient, mentioned: box)
    service.plan = service.notifier.plan = service.notifier.postman.plan = plan
    return service, box


async def one_dead_one_sent(world: World, service: NoticeService, box: Mailbox) -> str:
    """Tells of two alerts, of which the first is given up; returns the id of its notice."""
    from steward.app.notices.service import transitions_of

    box.broken = True
    await service.take(transitions_of([world.records.alert(world.alert(rule="no-supply").id)]))
    await service.notifier.postman.deliver_all()
    box.broken = False
    await service.take(transitions_of([world.records.alert(world.alert().id)]))
    await service.notifier.postman.deliver_all()
    return str(service.log(states=("dead",))[0].id)
