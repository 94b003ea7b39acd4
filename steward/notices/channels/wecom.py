"""WeCom (企业微信) group robot: markdown.

https://developer.work.weixin.qq.com/document/path/91770: the key in the address is the only secret; markdown of at most 4,096
bytes of UTF-8, of which it knows headings, bold, links, code, quotes and three colours, no lists and no escapes; `<@userid>`
mentions somebody; 20 messages a minute. It answers HTTP 200 whatever happens: `errcode` says how it went
(https://developer.work.weixin.qq.com/document/path/90313).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from steward.notices.channels.http import accept, post
from steward.notices.channels.robot import verdict
from steward.notices.model import CHINESE, Answer, Notice, Reader, Recipient, Request
from steward.notices.wording import NO_LISTS, OURS, Templates, write
from steward.units import MINUTE

HOST = "https://qyapi.weixin.qq.com"
LIMIT = 4096
BUSY = {-1: None, 45009: MINUTE, 45033: MINUTE}
"""Codes that pass, and when: -1 system busy, 45009 too many messages a minute, 45033 too many at once. Everything else is wrong
the next time too: 93000 no such key, 40008 and 40058 what is sent."""


@dataclass(frozen=True, slots=True)
class WeCom:
    """One robot. key: of its address."""

    key: str = field(repr=False)
    base: str = HOST
    reader: Reader = CHINESE
    templates: Templates = OURS
    people: Sequence[Recipient] = ()
    send_request: Callable[[Request], Answer] = post

    def send(self, notice: Notice, now: int) -> str:
        """Hands a notice over. Raises NoticeFailed."""
        answer = self.send_request(encode(notice, self, now))
        accept(answer, now)
        return verdict(answer.body, "errcode", "errmsg", BUSY)


def encode(notice: Notice, channel: WeCom, now: int) -> Request:
    """The request of a notice. A mention is `<@userid>` in the text."""
    mentions = " ".join(f"<@{one.users['wecom']}>" for one in channel.people if one.users.get("wecom"))
    tail = f"\n\n{mentions}" if mentions else ""
    message = write(notice, channel.reader, channel.templates, LIMIT - len(tail.encode()), NO_LISTS)
    body = {"msgtype": "markdown", "markdown": {"content": message.markdown + tail}}
    raw = json.dumps(body, ensure_ascii=False).encode()
    url = f"{channel.base.rstrip('/')}/cgi-bin/webhook/send?{urlencode({'key': channel.key})}"
    return Request(url, raw, {"Content-Type": "application/json"})
