"""Every other service through Apprise (https://github.com/caronc/apprise): one address, which is a secret, says which.

Apprise says only whether it worked; its log lines, which may hold the address, are not ours and stay off.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from steward.errors import NoticeFailed
from steward.notices.model import ENGLISH, Message, Notice, Reader
from steward.notices.wording import OURS, Templates, gravest, write

LIMIT = 4000
"""Bytes of text: most services take that much; Apprise cuts further where one takes less."""


@dataclass(frozen=True, slots=True)
class Apprise:
    """One service by its Apprise address, such as `tgram://token/chat` or `json://host/path`."""

    url: str = field(repr=False)
    reader: Reader = ENGLISH
    templates: Templates = OURS

    def send(self, notice: Notice, now: int) -> str:
        """Hands a notice over. Raises NoticeFailed."""
        import apprise  # takes half a second to import, and most sites do without

        logging.getLogger("apprise").disabled = True
        service = apprise.Apprise()
        if not service.add(self.url):
            raise NoticeFailed("Apprise does not know this address", retry=False)
        message = encode(notice, self)
        if not service.notify(body=message.text, title=message.subject, notify_type=kind(notice)):
            raise NoticeFailed("Apprise could not hand it over")
        return "taken by Apprise"


def encode(notice: Notice, channel: Apprise) -> Message:
    """Title and text of a notice: the subject is not said twice."""
    message = write(notice, channel.reader, channel.templates, LIMIT)
    rest = message.text.split("\n\n", 1)
    return Message(message.subject, rest[1] if len(rest) > 1 else message.text, message.markdown, message.html)


def kind(notice: Notice) -> str:
    """Apprise's word for how grave it is."""
    if notice.what in ("digest", "test"):
        return "info"
    if notice.status == "resolved":
        return "success"
    worst = gravest([item for item in notice.items if item.status == "firing"])
    return "failure" if worst in ("critical", "high") else "warning"
