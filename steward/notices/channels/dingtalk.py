"""DingTalk group robot: markdown, signed.

https://open.dingtalk.com/document/robots/custom-robot-access. The robot answers HTTP 200 whatever happens: `errcode` says
how it went. It takes 20 messages a minute, and a message of at most 20,000 bytes; a mention must stand in the text too.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import urlencode

from steward.notices.channels.http import accept, post
from steward.notices.channels.robot import verdict
from steward.notices.model import CHINESE, Answer, Notice, Reader, Recipient, Request
from steward.notices.wording import OURS, Templates, cut, write
from steward.units import SECOND

HOST = "https://oapi.dingtalk.com"
LIMIT = 18_000
BUSY = {-1: "system busy", 130101: "too many messages a minute", 410100: "too many messages a minute", 90018: "too frequent"}
"""Codes that pass: everything else is wrong the next time too (310000: signature, keyword or address not allowed)."""
PAUSE = 60 * SECOND


@dataclass(frozen=True, slots=True)
class DingTalk:
    """One robot. token: access_token of its address; secret: of the signature ("SEC..."), "" when it checks otherwise."""

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
        accept(answer, now)
        return verdict(answer.body, "errcode", "errmsg", BUSY, PAUSE)


def encode(notice: Notice, channel: DingTalk, now: int) -> Request:
    """The request of a notice at `now` (ns)."""
    query = {"access_token": channel.token}
    if channel.secret:
        stamp = str(now // 1_000_000)
        query |= {"timestamp": stamp, "sign": sign(channel.secret, stamp)}
    mobiles = [one.mobile for one in channel.people if one.mobile]
    users = [one.users["dingtalk"] for one in channel.people if one.users.get("dingtalk")]
    message = write(notice, channel.reader, channel.templates, LIMIT - 40 * (len(mobiles) + len(users)))
    mentions = " ".join(f"@{one}" for one in (*mobiles, *users))
    body = {
        "msgtype": "markdown",
        "markdown": {"title": cut(message.subject, 200), "text": message.markdown + (f"\n\n{mentions}" if mentions else "")},
        "at": {"atMobiles": mobiles, "atUserIds": users, "isAtAll": False},
    }
    raw = json.dumps(body, ensure_ascii=False).encode()
    return Request(f"{channel.base.rstrip('/')}/robot/send?{urlencode(query)}", raw, {"Content-Type": "application/json"})


def sign(secret: str, stamp: str) -> str:
    """base64(HMAC-SHA256(secret, "<ms>\\n<secret>")), before it is quoted for the address."""
    return base64.b64encode(hmac.new(secret.encode(), f"{stamp}\n{secret}".encode(), sha256).digest()).decode()
