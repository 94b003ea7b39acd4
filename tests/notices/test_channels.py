"""Each channel against a real local server that speaks its protocol."""

from __future__ import annotations

import hmac
import json
import re
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from steward.errors import NoticeFailed
from steward.notices import Item, Notice, Reader, Recipient
from steward.notices.channels.apprise import Apprise
from steward.notices.channels.dingtalk import DingTalk
from steward.notices.channels.email import Email
from steward.notices.channels.feishu import Feishu
from steward.notices.channels.webhook import NEVER, Webhook, fingerprint
from steward.notices.channels.wecom import WeCom
from steward.units import HOUR, MINUTE, SECOND
from tests.notices.servers import DingTalkBot, FeishuBot, Server, WeComBot, said, serving
from tests.ports import free_port

NOW = 1_795_500_000 * SECOND
SECONDS = NOW / SECOND
FACILITY = {"en": "Campus", "zh": "行政中心"}
READER = Reader("en", "Asia/Shanghai", FACILITY, "https://steward.example.org")


def item(id: str = "a1", **more: Any) -> Item:
    """A leak that fires."""
    values: dict[str, Any] = {
        "id": id, "rule": "leak", "kind": "leak", "severity": "high", "status": "firing", "target": f"block-a.{id}.water",
        "title": {"en": "Block A leaks 0.4 m3/h", "zh": "A座漏水0.4立方米每小时"}, "since": NOW - HOUR,
        "fired": NOW - HOUR + MINUTE, "at": NOW, "why": {"en": "Flow at night never fell to zero", "zh": "夜间流量未归零"},
        "check": {"en": "Toilets on floor 2", "zh": "先查二楼卫生间"}, "where": {"en": "Block A › Plant", "zh": "A座 › 冷站"},
        "site": "block-a", "organisations": ("zj", "linhai"), "money": 12.5, "per_day": 300.0, "currency": "CNY", "volume": 0.4,
    }  # fmt: skip
    return Item(**{**values, **more})


def notice(*items: Item, **more: Any) -> Notice:
    """A notice of alerts."""
    values: dict[str, Any] = {"key": "k1", "what": "alerts", "channel": "c", "recipient": "", "route": "all", "at": NOW,
                              "items": items or (item(),), "group": '{}/{route="all"}:{site="block-a"}',
                              "labels": {"site": "block-a"}, "reason": "first notification"}  # fmt: skip
    return Notice(**{**values, **more})


OVER = item(status="resolved", resolved=NOW)


# -- webhook


@pytest.fixture
def server() -> Iterator[Server]:
    """An HTTP server that takes everything."""
    with serving() as one:
        yield one


def test_a_webhook_gets_alertmanagers_body_signed_and_with_its_token(server: Server) -> None:
    channel = Webhook(f"{server.url}/hook?x=1", secret="s3", bearer="b4", reader=READER)
    assert channel.send(notice(item(), OVER), NOW) == "HTTP 200"
    got = server.got[0]
    assert got.path == "/hook"
    assert got.query == {"x": "1"}
    assert got.headers["authorization"] == "Bearer b4"
    assert got.headers["idempotency-key"] == "k1"
    stamp, digest = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", got.headers["x-steward-signature"]).groups()  # type: ignore[union-attr]
    assert int(stamp) == SECONDS
    assert digest == hmac.new(b"s3", stamp.encode() + b"." + got.body, sha256).hexdigest()
    body = got.json
    assert set(body) == {"version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels", "commonLabels",
                         "commonAnnotations", "externalURL", "notification_reason", "alerts"}  # fmt: skip
    assert (body["version"], body["status"], body["truncatedAlerts"]) == ("4", "firing", 0)
    assert body["notification_reason"] == "first notification"
    firing, over = body["alerts"]
    assert set(firing) == {"status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"}
    assert firing["labels"]["alertname"] == "leak"
    assert firing["startsAt"] == "2026-11-24T05:01:00.000Z"
    assert firing["endsAt"] == NEVER
    assert over["endsAt"] == "2026-11-24T06:00:00.000Z"
    assert firing["generatorURL"] == "https://steward.example.org/#/alerts/a1"
    assert firing["fingerprint"] == over["fingerprint"] == fingerprint(OVER)
    texts = [*firing["labels"].values(), *firing["annotations"].values()]
    assert all(isinstance(one, str) for one in texts)
    assert body["commonLabels"]["severity"] == "high"


def test_the_status_of_a_webhook_is_resolved_only_when_nothing_fires(server: Server) -> None:
    Webhook(server.url, reader=READER).send(notice(OVER), NOW)
    assert server.got[0].json["status"] == "resolved"
    assert "authorization" not in server.got[0].headers
    assert "x-steward-signature" not in server.got[0].headers


@pytest.mark.parametrize(
    ("status", "headers", "retry", "after"),
    [
        (500, {}, True, None),
        (503, {"Retry-After": "7"}, True, 7 * SECOND),
        (429, {"Retry-After": "Tue, 24 Nov 2026 06:01:00 GMT"}, True, 60 * SECOND),
        (429, {"Retry-After": "soon"}, True, None),
        (400, {}, False, None),
        (401, {}, False, None),
        (301, {"Location": "http://127.0.0.1:1/"}, False, None),
    ],
)
def test_a_refused_webhook_says_whether_and_when_to_come_again(
    server: Server, status: int, headers: dict[str, str], retry: bool, after: int | None
) -> None:
    server.replies = [(status, headers, b"no")]
    with pytest.raises(NoticeFailed, match=f"HTTP {status}: no") as failed:
        Webhook(server.url).send(notice(), NOW)
    assert (failed.value.retry, failed.value.after) == (retry, after)
    assert len(server.got) == 1  # a redirect is not followed


def test_a_server_that_is_away_is_worth_a_retry_and_no_secret_is_said(server: Server) -> None:
    url = "http://127.0.0.1:1/hook/sEcReT"
    with pytest.raises(NoticeFailed) as failed:
        Webhook(url, secret="hidden").send(notice(), NOW)
    assert failed.value.retry
    assert "sEcReT" not in str(failed.value)
    assert "sEcReT" not in repr(Webhook(url, secret="hidden", bearer="hidden"))
    assert "hidden" not in repr(Webhook(url, secret="hidden", bearer="hidden"))


# -- bots

PEOPLE = (Recipient("li", "Li", mobile="13800000000", users={"dingtalk": "d1", "wecom": "w1", "feishu": "f1"}),)
CHINESE = replace(READER, language="zh")


def test_dingtalk_takes_a_signed_markdown_with_mentions() -> None:
    with serving(DingTalkBot("tok", "SECx", clock=lambda: SECONDS)) as server:
        channel = DingTalk("tok", "SECx", server.url, CHINESE, people=PEOPLE)
        assert channel.send(notice(), NOW) == "errcode 0: ok"
        body = server.got[0].json
        assert body["markdown"]["title"] == "【重要】A座漏水0.4立方米每小时"
        assert "先查二楼卫生间" in body["markdown"]["text"]
        assert "@13800000000 @d1" in body["markdown"]["text"]
        assert body["at"] == {"atMobiles": ["13800000000"], "atUserIds": ["d1"], "isAtAll": False}


def test_a_failure_of_dingtalk_is_http_200_with_an_errcode() -> None:
    with serving(DingTalkBot("tok", "SECx", clock=lambda: SECONDS)) as server:
        for channel, moment, words in (
            (DingTalk("tok", "wrong", server.url), NOW, "310000: sign not match"),
            (DingTalk("tok", "SECx", server.url), NOW + 2 * HOUR, "310000: invalid timestamp"),
            (DingTalk("other", "SECx", server.url), NOW, "300001: token"),
        ):
            with pytest.raises(NoticeFailed, match=words) as failed:
                channel.send(notice(), moment)
            assert not failed.value.retry


def test_the_twenty_first_message_of_a_minute_is_refused_and_worth_a_retry() -> None:
    bots: list[tuple[Any, Any, str, int]] = [
        (DingTalkBot("t", clock=lambda: SECONDS), lambda url: DingTalk("t", "", url), "130101", 10 * MINUTE),
        (WeComBot("t", clock=lambda: SECONDS), lambda url: WeCom("t", url), "45009", MINUTE),
    ]
    for bot, make, code, pause in bots:
        with serving(bot) as server:
            channel = make(server.url)
            for _ in range(20):
                channel.send(notice(), NOW)
            with pytest.raises(NoticeFailed, match=code) as failed:
                channel.send(notice(), NOW)
            assert failed.value.retry
            assert failed.value.after == pause
            later = SECONDS + pause / SECOND
            bot.clock = lambda later=later: later
            channel.send(notice(), NOW + pause)


def test_feishu_takes_five_a_second_and_a_hundred_a_minute() -> None:
    clock = [SECONDS]
    with serving(FeishuBot("t", clock=lambda: clock[0])) as server:
        channel, sent = Feishu("t", "", server.url), 0
        for _ in range(20):
            for _ in range(5):
                channel.send(notice(), NOW)
                sent += 1
            with pytest.raises(NoticeFailed, match="11232") as failed:
                channel.send(notice(), NOW)
            assert (failed.value.retry, failed.value.after) == (True, 10 * SECOND)
            clock[0] += 1
        with pytest.raises(NoticeFailed, match="11232"):
            channel.send(notice(), NOW)
        assert sent == 100


@pytest.mark.parametrize("status", [400, 429])
def test_feishus_gateway_says_in_how_many_seconds_too_many_calls_pass(server: Server, status: int) -> None:
    _, _, body = said(code=99991400, msg="request trigger frequency limit")
    server.replies = [(status, {"x-ogw-ratelimit-limit": "100", "x-ogw-ratelimit-reset": "52"}, body)]
    with pytest.raises(NoticeFailed, match="99991400") as failed:
        Feishu("t", "", server.url).send(notice(), NOW)
    assert (failed.value.retry, failed.value.after) == (True, 52 * SECOND)


@pytest.mark.parametrize(
    ("make", "reply", "retry"),
    [
        (DingTalk, {"errcode": -1, "errmsg": "系统繁忙"}, True),
        (DingTalk, {"errcode": 90018, "errmsg": "too many calls"}, True),
        (DingTalk, {"errcode": 300001, "errmsg": "token is not exist"}, False),
        (DingTalk, {"errcode": 310000, "errmsg": "keywords not in content"}, False),
        (DingTalk, {"errcode": 430102, "errmsg": "inappropriate text"}, False),
        (WeCom, {"errcode": -1, "errmsg": "system busy"}, True),
        (WeCom, {"errcode": 45033, "errmsg": "api concurrent out of limit"}, True),
        (
            WeCom,
            {"errcode": 93000, "errmsg": "invalid webhook url, hint: [1], from ip: 1.2.3.4, more info at https://..."},
            False,
        ),
        (Feishu, {"code": 11233, "msg": "too many"}, True),
        (Feishu, {"code": 19001, "msg": "param invalid: incoming webhook access token invalid"}, False),
        (Feishu, {"code": 19022, "msg": "Ip Not Allowed"}, False),
        (Feishu, {"code": 19024, "msg": "Key Words Not Found"}, False),
        (Feishu, {"code": 9499, "msg": "Bad Request", "data": {}}, False),
    ],
)
def test_a_robots_code_says_whether_it_is_busy_or_what_it_got_is_wrong(
    server: Server, make: Any, reply: dict[str, Any], retry: bool
) -> None:
    server.replies = [said(**reply)]
    with pytest.raises(NoticeFailed) as failed:
        make("t", base=server.url).send(notice(), NOW)
    assert failed.value.retry is retry


EVIL = "# [x](http://b) *y* `z` <@all> <font> ~~s~~ |a_b|"


def test_what_a_stranger_wrote_is_no_markdown_of_any_program() -> None:
    bots: list[tuple[Any, Any, Any]] = [
        (DingTalkBot("t", clock=lambda: SECONDS), DingTalk, lambda body: body["markdown"]["text"]),
        (WeComBot("t", clock=lambda: SECONDS), WeCom, lambda body: body["markdown"]["content"]),
        (FeishuBot("t", clock=lambda: SECONDS), Feishu, lambda body: body["card"]["elements"][0]["content"]),
    ]
    for bot, make, text_of in bots:
        with serving(bot) as server:
            make("t", base=server.url, people=PEOPLE).send(notice(item(title={"zh": "标题", "en": "t"}, why={"zh": EVIL})), NOW)
            text = text_of(server.got[0].json)
            assert "](http://b)" not in text or "\\](http://b)" in text, make
            assert "<@all>" not in text.replace("\\<", "").replace("<@w1>", ""), make
            assert " *y* " not in text, make


def test_feishu_writes_character_references_and_wecom_quotes_in_place_of_a_list() -> None:
    with serving(FeishuBot("t", clock=lambda: SECONDS)) as server:
        Feishu("t", "", server.url).send(notice(item(why={"zh": "a*b&c"})), NOW)
        assert "a&#42;b&#38;c" in server.got[0].json["card"]["elements"][0]["content"]
    with serving(WeComBot("t", clock=lambda: SECONDS)) as server:
        WeCom("t", server.url).send(notice(), NOW)
        content = server.got[0].json["markdown"]["content"]
        assert content.startswith("### 【重要】A座漏水0.4立方米每小时\n\n")
        assert "\n> **位置**：A座 › 冷站\n> **开始**：" in content


def test_a_body_that_feishu_would_refuse_for_its_size_is_not_sent_and_none_of_ours_is_so_long() -> None:
    with serving(FeishuBot("t", clock=lambda: SECONDS)) as server:
        long = [item(f"a{number}", why={"zh": '"' * 300}) for number in range(200)]
        Feishu("t", "", server.url).send(notice(*long), NOW)
        assert len(server.got[0].body) <= 20 * 1024
    with serving(DingTalkBot("t", clock=lambda: SECONDS)) as server:
        DingTalk("t", "", server.url).send(notice(*long), NOW)
        assert len(server.got[0].body) <= 20_000


def test_wecom_takes_markdown_within_its_4096_bytes_and_says_how_many_were_left_out() -> None:
    with serving(WeComBot("key", clock=lambda: SECONDS)) as server:
        many = [item(f"a{number}") for number in range(60)]
        WeCom("key", server.url, CHINESE, people=PEOPLE).send(notice(*many), NOW)
        content = server.got[0].json["markdown"]["content"]
        assert len(content.encode()) <= 4096
        assert content.endswith("<@w1>")
        shown = content.count("**位置**")
        assert 5 < shown < 60
        assert f"另有{60 - shown}条" in content


def test_a_wrong_key_of_wecom_is_not_tried_again() -> None:
    with serving(WeComBot("key")) as server, pytest.raises(NoticeFailed, match="93000") as failed:
        WeCom("other", server.url).send(notice(), NOW)
    assert not failed.value.retry


def test_feishu_takes_a_signed_card_in_the_colour_of_the_gravest() -> None:
    with serving(FeishuBot("hook", "sec", clock=lambda: SECONDS)) as server:
        channel = Feishu("hook", "sec", server.url, CHINESE, people=PEOPLE)
        assert channel.send(notice(item(), item("a2", severity="critical")), NOW) == "code 0: success"
        channel.send(notice(OVER), NOW)
        channel.send(notice(*[item(f"a{number}") for number in range(500)]), NOW)
        card = server.got[0].json["card"]
        assert card["header"]["template"] == "red"
        assert "<at id=f1></at>" in card["elements"][0]["content"]
        assert server.got[1].json["card"]["header"]["template"] == "green"
        with pytest.raises(NoticeFailed, match="19021") as failed:
            replace(channel, secret="wrong").send(notice(), NOW)
        assert not failed.value.retry


def test_a_robot_that_answers_something_else_is_tried_again() -> None:
    with serving() as server:
        server.replies = [(200, {}, b"<html>"), (200, {}, b"[]"), said(502)]
        for channel in (DingTalk("t", "", server.url), WeCom("t", server.url), Feishu("t", "", server.url)):
            with pytest.raises(NoticeFailed) as failed:
                channel.send(notice(), NOW)
            assert failed.value.retry


# -- e-mail


class Mailbox:
    """Keeps what the server took; refuses addresses that say so."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.to: list[list[str]] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address.startswith("nobody"):
            return "550 no such user"
        if address.startswith("later"):
            return "451 try later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        self.to.append(list(envelope.rcpt_tos))
        return "250 OK"


def _login(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"steward", b"pw")
    return AuthResult(success=good, handled=good)


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost with its key, in one folder."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


@pytest.fixture(params=["starttls", pytest.param("tls", marks=pytest.mark.filterwarnings("ignore:Requiring AUTH"))])
def mail(request: pytest.FixtureRequest, pem: Path) -> Iterator[tuple[Mailbox, Email]]:
    """A mail server that wants TLS and a login, and a channel that has both."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem / "cert.pem", pem / "key.pem")
    box = Mailbox()
    starttls = request.param == "starttls"
    options: dict[str, Any] = {"tls_context": context, "require_starttls": True} if starttls else {}
    controller = Controller(
        box, hostname="127.0.0.1", authenticator=_login, auth_required=True,
        auth_require_tls=starttls, ssl_context=None if starttls else context, ready_timeout=60, **options,
    )  # fmt: skip
    controller.port = free_port()
    controller.start()
    channel = Email(
        "127.0.0.1", controller.port, "能源管家 <steward@example.org>", request.param, "steward", "pw",
        ["李伟 <li@example.org>"], READER, ca=str(pem / "cert.pem"), prefix="[S]",
    )  # fmt: skip
    yield box, channel
    controller.stop()


def test_a_mail_arrives_over_tls_with_login_as_text_and_html_in_its_thread(mail: tuple[Mailbox, Email]) -> None:
    box, channel = mail
    assert channel.send(notice(), NOW) == "taken by 127.0.0.1"
    channel.send(notice(OVER, key="k2"), NOW)
    first, second = box.mails
    assert first["From"].addresses[0].display_name == "能源管家"
    assert first["To"].addresses[0].display_name == "李伟"
    assert box.to[0] == ["li@example.org"]
    assert first["Subject"] == "[S] [high] Block A leaks 0.4 m3/h"
    assert second["Subject"] == "[S] [resolved] Block A leaks 0.4 m3/h"
    assert first["Message-ID"] == "<k1@example.org>"
    assert first["References"] == second["References"] == second["In-Reply-To"] == "<alert-a1@example.org>"
    assert first.get_content_type() == "multipart/alternative"
    text = first.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    html = first.get_body(("html",)).get_content()  # type: ignore[union-attr]
    for part in ("Block A › Plant", "¥12.50", "¥300.00 per day if left", "Toilets on floor 2", "2026-11-24 13:00"):
        assert part in text
        assert part in html
    assert '<a href="https://steward.example.org/#/alerts/a1">' in html


def test_a_wrong_login_and_a_refused_address_are_not_tried_again_but_a_busy_server_is(mail: tuple[Mailbox, Email]) -> None:
    _, channel = mail
    for changed, words, retry in (
        (replace(channel, password="no"), "535", False),
        (replace(channel, to=["nobody@example.org"]), "550", False),
        (replace(channel, to=["later@example.org"]), "451", True),
        (replace(channel, port=1), "refused", True),
        (replace(channel, ca=""), "certificate", True),
    ):
        with pytest.raises(NoticeFailed, match=words) as failed:
            changed.send(notice(), NOW)
        assert failed.value.retry is retry
    assert "pw" not in repr(channel)


def test_a_title_with_a_line_break_cannot_add_a_header(mail: tuple[Mailbox, Email]) -> None:
    box, channel = mail
    channel.send(notice(item(title={"en": "x\r\nBcc: thief@example.org"})), NOW)
    assert box.to[0] == ["li@example.org"]
    assert "Bcc" not in box.mails[0]
    assert box.mails[0]["Subject"] == "[S] [high] x Bcc: thief@example.org"


# -- apprise

QUIET = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what Apprise imports


@QUIET
def test_apprise_hands_over_by_its_own_json_service(server: Server) -> None:
    channel = Apprise(f"json://127.0.0.1:{server.port}/in", READER)
    assert channel.send(notice(), NOW) == "taken by Apprise"
    body = json.loads(server.got[0].body)
    assert body["title"] == "[high] Block A leaks 0.4 m3/h"
    assert "Toilets on floor 2" in body["message"]
    assert body["type"] == "failure"


@QUIET
def test_apprise_says_when_it_could_not(server: Server) -> None:
    server.replies = [(500, {}, b"")]
    with pytest.raises(NoticeFailed) as failed:
        Apprise(f"json://127.0.0.1:{server.port}/", READER).send(notice(), NOW)
    assert failed.value.retry
    with pytest.raises(NoticeFailed, match="does not know") as failed:
        Apprise("nonsense", READER).send(notice(), NOW)
    assert not failed.value.retry
