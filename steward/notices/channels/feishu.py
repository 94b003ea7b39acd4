"""Feishu (飞书) custom bot: a card, signed.

https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot. Time and signature stand in the body; the signature's
key is "<seconds>\\n<secret>" and what is signed is empty. A failure is HTTP 200 (or 400) with `code` other than 0. It takes
100 messages a minute and 5 a second, and a body of at most 20 KB.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from steward.notices.channels.http import accept, post
from steward.notices.channels.robot import verdict
from steward.notices.model import CHINESE, Answer, Notice, Reader, Recipient, Request
from steward.notices.wording import OURS, Templates, cut, gravest, write
from steward.units import SECOND

HOST = "https://open.feishu.cn"
LIMIT = 14_000
"""Of the markdown: what JSON adds, and the frame of the card, stay under the 20 KB of a body."""
BUSY = {11232: "too many messages a minute", 11233: "too many at once", 2200: "internal error"}
PAUSE = 10 * SECOND
COLOURS = {"critical": "red", "high": "orange", "medium": "yellow", "low": "blue"}


@dataclass(frozen=True, slots=True)
class Feishu:
    """One bot. token: the last part of its address; secret: of the signature, "" when it checks otherwise."""

    token: str = field(repr=False)
    secret: str = field(default="", repr=False)
    base: str = HOST
    reader: Reader = CHINESE
    templates: Templates = OURS
    people: Sequence[Recipient] = ()
    send_request: Callable[[Request], Answer] = post

    def send(self, notice: Notice, now: int) -> str:
        """Hands a notice over. Raises NoticeFailed."""
        answer = self.send_request(encode(notice, self, now))
        if answer.status != 400:  # the bot's own refusals: the body says more
            accept(answer, now)
        return verdict(answer.body, "code", "msg", BUSY, PAUSE)


def encode(notice: Notice, channel: Feishu, now: int) -> Request:
    """The request of a notice at `now` (ns)."""
    body: dict[str, Any] = {"msg_type": "interactive", "card": card(notice, channel)}
    if channel.secret:
        stamp = str(now // SECOND)
        body = {"timestamp": stamp, "sign": sign(channel.secret, stamp), **body}
    raw = json.dumps(body, ensure_ascii=False).encode()
    url = f"{channel.base.rstrip('/')}/open-apis/bot/v2/hook/{channel.token}"
    return Request(url, raw, {"Content-Type": "application/json"})


def card(notice: Notice, channel: Feishu) -> dict[str, Any]:
    """The card: a header in the colour of the gravest alert, the text as markdown."""
    message = write(notice, channel.reader, channel.templates, LIMIT)
    mentions = " ".join(f"<at id={one.users['feishu']}></at>" for one in channel.people if one.users.get("feishu"))
    firing = [item for item in notice.items if item.status == "firing"]
    colour = COLOURS.get(gravest(firing), "green" if notice.items else "blue")
    content = message.markdown.split("\n\n", 1)[1] if "\n\n" in message.markdown else message.markdown
    return {
        "config": {"wide_screen_mode": True},
        "header": {"title": {"tag": "plain_text", "content": cut(message.subject, 300)}, "template": colour},
        "elements": [{"tag": "markdown", "content": content + (f"\n\n{mentions}" if mentions else "")}],
    }


def sign(secret: str, stamp: str) -> str:
    """base64(HMAC-SHA256(key = "<seconds>\\n<secret>", message = ""))."""
    return base64.b64encode(hmac.new(f"{stamp}\n{secret}".encode(), b"", sha256).digest()).decode()
