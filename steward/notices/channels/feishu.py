"""Feishu (飞书) custom bot: a card, signed.

https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot: time (s, within an hour) and signature stand in the body; the
signature's key is "<seconds>\\n<secret>" and what is signed is empty; 100 messages a minute and 5 a second, a body of at most
20 KB. A failure is HTTP 200 or 400 with `code` other than 0, or HTTP 429; `x-ogw-ratelimit-reset` says in how many seconds that
passes (https://open.feishu.cn/document/server-docs/api-call-guide/frequency-control). What its markdown would read is written
as character references (https://open.feishu.cn/document/ukTMukTMukTM/uADOwUjLwgDM14CM4ATN).
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from steward.notices.channels.http import accept, post
from steward.notices.channels.robot import fitting, verdict
from steward.notices.model import CHINESE, Answer, Notice, Reader, Recipient, Request
from steward.notices.wording import OURS, REFERENCES, Templates, cut, gravest, write
from steward.units import SECOND

HOST = "https://open.feishu.cn"
LIMIT = 18_000
"""Of the markdown, at first."""
BODY_LIMIT = 20 * 1024
BUSY = {11232: 10 * SECOND, 11233: 10 * SECOND, 99991400: 10 * SECOND, 2200: None}
"""Codes that pass, and when: 11232 too many messages (or a busy hour), 11233 too many at once, 99991400 too many calls, 2200
internal error. Everything else is wrong the next time too: 19001 no such token, 19021 signature or time, 19022 address, 19024
keyword, 9499 what is sent."""
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
        if answer.status == 429 and "retry-after" not in answer.headers:
            reset = answer.headers.get("x-ogw-ratelimit-reset", "")
            answer = replace(answer, headers={**answer.headers, "retry-after": reset})
        if answer.status != 400:  # the bot's own refusals: the body says more
            accept(answer, now)
        return verdict(answer.body, "code", "msg", _with_reset(answer))


def _with_reset(answer: Answer) -> dict[int, int | None]:
    """The codes that pass; when, by what the answer says of it."""
    reset = answer.headers.get("x-ogw-ratelimit-reset", "")
    return {**BUSY, 99991400: int(reset) * SECOND} if reset.isdigit() else dict(BUSY)


def encode(notice: Notice, channel: Feishu, now: int) -> Request:
    """The request of a notice at `now` (ns)."""
    signed: dict[str, Any] = {}
    if channel.secret:
        stamp = str(now // SECOND)
        signed = {"timestamp": stamp, "sign": sign(channel.secret, stamp)}

    def body(limit: int) -> bytes:
        content = {**signed, "msg_type": "interactive", "card": card(notice, channel, limit)}
        return json.dumps(content, ensure_ascii=False).encode()

    raw = fitting(body, LIMIT, BODY_LIMIT)
    url = f"{channel.base.rstrip('/')}/open-apis/bot/v2/hook/{channel.token}"
    return Request(url, raw, {"Content-Type": "application/json"})


def card(notice: Notice, channel: Feishu, limit: int = LIMIT) -> dict[str, Any]:
    """The card: a header in the colour of the gravest alert, the text as markdown of at most `limit` bytes."""
    message = write(notice, channel.reader, channel.templates, limit, REFERENCES)
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
