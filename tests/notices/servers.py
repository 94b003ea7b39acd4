"""Real local servers that speak the channels' protocols, as strict as the vendors' documentation.

HTTP: a threading server whose judge answers each request; the judges of DingTalk, WeCom and Feishu verify address, signature,
age, body and rate, and answer HTTP 200 with the vendors' codes.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Reply = tuple[int, dict[str, str], bytes]
OK: Reply = (200, {}, b"ok")


@dataclass
class Got:
    """A request as it came."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


Judge = Callable[[Got], Reply]


@dataclass
class Server:
    """A server that keeps what it got; `replies` go first, then `judge`; `gate` holds answers back while it is not set."""

    judge: Judge = lambda got: OK
    replies: list[Reply] = field(default_factory=list)
    got: list[Got] = field(default_factory=list)
    port: int = 0

    def __post_init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(judge: Judge | None = None) -> Iterator[Server]:
    """A server on a free port."""
    server = Server(judge) if judge is not None else Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(length)
            if len(raw) < length:  # the sender died in the midst of it: that is no request
                self.close_connection = True
                return
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            got = Got(url.path, query, {name.lower(): value for name, value in self.headers.items()}, raw)
            server.got.append(got)
            server.gate.wait(120)
            status, headers, body = server.replies.pop(0) if server.replies else server.judge(got)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.port = http.server_address[1]
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.gate.set()
        http.shutdown()
        http.server_close()
        thread.join()


def said(status: int = 200, **body: Any) -> Reply:
    """A JSON answer."""
    return status, {"Content-Type": "application/json"}, json.dumps(body).encode()


class Bot:
    """What the three robots have in common: at most `per_minute` and `per_second`, by the clock given (seconds)."""

    per_minute, per_second, shut_out = 20, 0, 0.0

    def __init__(self, token: str, secret: str = "", clock: Callable[[], float] = time.time) -> None:
        self.token, self.secret, self.clock = token, secret, clock
        self.times: list[float] = []
        self.until = 0.0

    def busy(self) -> bool:
        """Whether this message is one too many, or its sender is shut out; counts it if not."""
        now = self.clock()
        if now < self.until:
            return True
        self.times = [one for one in self.times if now - one < 60]
        burst = sum(now - one < 1 for one in self.times)
        if len(self.times) >= self.per_minute or (self.per_second and burst >= self.per_second):
            self.until = now + self.shut_out
            return True
        self.times.append(now)
        return False


class DingTalkBot(Bot):
    """https://open.dingtalk.com/document/robots/custom-robot-access: who sends more than 20 a minute is out for ten minutes."""

    shut_out = 600.0

    def __call__(self, got: Got) -> Reply:
        """Judges a request."""
        if got.path != "/robot/send" or got.query.get("access_token") != self.token:
            return said(errcode=300001, errmsg="token is not exist")
        if self.secret:
            stamp = got.query.get("timestamp", "0")
            if abs(self.clock() * 1000 - int(stamp)) > 3_600_000:
                return said(errcode=310000, errmsg="invalid timestamp")
            raw = hmac.new(self.secret.encode(), f"{stamp}\n{self.secret}".encode(), sha256).digest()
            if got.query.get("sign") != base64.b64encode(raw).decode():
                return said(errcode=310000, errmsg="sign not match")
        body = got.json
        if got.headers.get("content-type", "").split(";")[0] != "application/json" or body.get("msgtype") != "markdown":
            return said(errcode=40035, errmsg="invalid parameter")
        if not body["markdown"]["title"] or not body["markdown"]["text"]:
            return said(errcode=40035, errmsg="缺少参数 markdown.title")
        if len(got.body) > 20_000:
            return said(errcode=460101, errmsg="message too long, exceed 20000 bytes")
        at, text = body["at"], body["markdown"]["text"]
        if not all(f"@{one}" in text for one in (*at["atMobiles"], *at["atUserIds"])):
            return said(errcode=400901, errmsg="a mention does not stand in the text")
        if self.busy():
            return said(errcode=130101, errmsg="send too fast, exceed 20 times per minute")
        return said(errcode=0, errmsg="ok")


class WeComBot(Bot):
    """https://developer.work.weixin.qq.com/document/path/91770: of markdown no lists, no escapes, tags only as documented."""

    def __call__(self, got: Got) -> Reply:
        """Judges a request."""
        if got.path != "/cgi-bin/webhook/send" or got.query.get("key") != self.token:
            return said(errcode=93000, errmsg="invalid webhook url")
        body = got.json
        if body.get("msgtype") != "markdown":
            return said(errcode=40008, errmsg="invalid message type")
        content = body["markdown"]["content"]
        if not 0 < len(content.encode()) <= 4096:
            return said(errcode=40058, errmsg="markdown.content exceed max length 4096")
        tags = re.findall(r"<[^>]*>", content)
        if re.search(r"^[-*+] |\[*_`\[#]", content, re.MULTILINE) or not all(re.fullmatch(r"<@\w+>", one) for one in tags):
            return said(errcode=40058, errmsg="markdown that nobody would read")  # it would be shown as it stands
        if self.busy():
            return said(errcode=45009, errmsg="api freq out of limit")
        return said(errcode=0, errmsg="ok")


class FeishuBot(Bot):
    """https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot: 100 a minute, 5 a second."""

    per_minute, per_second = 100, 5

    def __call__(self, got: Got) -> Reply:
        """Judges a request."""
        if got.path != f"/open-apis/bot/v2/hook/{self.token}":
            return said(code=19001, msg="param invalid: incoming webhook access token invalid")
        body = got.json
        if self.secret:
            stamp = str(body.get("timestamp", "0"))
            raw = hmac.new(f"{stamp}\n{self.secret}".encode(), b"", sha256).digest()
            if (
                not isinstance(body.get("timestamp"), str)
                or abs(self.clock() - int(stamp)) > 3600
                or body.get("sign") != base64.b64encode(raw).decode()
            ):
                return said(400, code=19021, msg="sign match fail or timestamp is not within one hour from current time")
        if body.get("msg_type") != "interactive" or not body["card"]["elements"] or len(got.body) > 20_480:
            return said(400, code=9499, msg="Bad Request", data={})
        if self.busy():
            return said(code=11232, msg="frequency limited psm[lark.oapi.app_platform_runtime]")
        return said(StatusCode=0, StatusMessage="success", code=0, data={}, msg="success")
