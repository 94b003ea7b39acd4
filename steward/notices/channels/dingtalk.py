"""DingTalk group robot: markdown, signed.

https://open.dingtalk.com/document/robots/custom-robot-access: time (ms, within an hour) and signature in the address; JSON in
UTF-8, at most 20,000 bytes; 20 messages a minute, who sends more is shut out for ten; a mention must stand in the text too. Its
markdown knows headings, quotes, bold, italics, links, pictures and lists. It answers HTTP 200 whatever happens: `errcode` says
how it went (https://open.dingtalk.com/document/orgapp/server-api-error-codes-1).
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
from steward.notices.channels.robot import fitting, verdict
from steward.notices.model import CHINESE, Answer, Notice, Reader, Recipient, Request
from steward.notices.wording import OURS, Templates, cut, write
from steward.units import MINUTE

HOST = "https://oapi.dingtalk.com"
LIMIT = 18_000
"""Of the text, at first."""
BODY_LIMIT = 20_000
SHUT_OUT = 10 * MINUTE
BUSY = {-1: None, 130101: SHUT_OUT, 410100: SHUT_OUT, 90018: MINUTE, 90006: MINUTE, 90005: MINUTE, 34015: None}
"""Codes that pass, and when: -1 system busy, 130101 and 410100 too many messages a minute, 90018, 90006 and 90005 too many
calls, 34015 not sent, try later. Everything else is wrong the next time too: 300001 no such token, 310000 signature, time,
keyword or address, 40035 and 430101 to 430104 what is sent."""
TYPE = {"Content-Type": "application/json; charset=utf-8"}


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
        return verdict(answer.body, "errcode", "errmsg", BUSY)


def encode(notice: Notice, channel: DingTalk, now: int) -> Request:
    """The request of a notice at `now` (ns)."""
    query = {"access_token": channel.token}
    if channel.secret:
        stamp = str(now // 1_000_000)
        query |= {"timestamp": stamp, "sign": sign(channel.secret, stamp)}
    mobiles = [one.mobile for one in channel.people if one.mobile]
    users = [one.users["dingtalk"] for one in channel.people if one.users.get("dingtalk")]
    mentions = " ".join(f"@{one}" for one in (*mobiles, *users))
    tail = f"\n\n{mentions}" if mentions else ""

    def body(limit: int) -> bytes:
        message = write(notice, channel.reader, channel.templates, limit - len(tail.encode()))
        content = {
            "msgtype": "markdown",
            "markdown": {"title": cut(message.subject, 200), "text": message.markdown + tail},
            "at": {"atMobiles": mobiles, "atUserIds": users, "isAtAll": False},
        }
        return json.dumps(content, ensure_ascii=False).encode()

    raw = fitting(body, LIMIT, BODY_LIMIT)
    return Request(f"{channel.base.rstrip('/')}/robot/send?{urlencode(query)}", raw, TYPE)


def sign(secret: str, stamp: str) -> str:
    """base64(HMAC-SHA256(secret, "<ms>\\n<secret>")), before it is quoted for the address."""
    return base64.b64encode(hmac.new(secret.encode(), f"{stamp}\n{secret}".encode(), sha256).digest()).decode()
