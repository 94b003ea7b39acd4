"""E-mail: a multipart message of text and HTML, by SMTP with STARTTLS, TLS or, on a trusted network, neither.

Message-ID comes of the notice's key and is the same for every try, so that a mail server that has seen it can drop the
second; References name each alert's thread, so that what is said of one alert stands together. Names are RFC 2047.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from hashlib import blake2b
from typing import Literal

from steward.errors import NoticeFailed
from steward.notices.model import ENGLISH, Notice, Reader
from steward.notices.wording import OURS, Templates, one_line, write
from steward.units import SECOND

THREADS = 20  # References stay short: of a large group the first alerts carry the thread


@dataclass(frozen=True, slots=True)
class Email:
    """One mail server. security: starttls, tls, or none; sender: address, or name and address; to: without a recipient;
    ca: PEM of the authority, "" for the system's; insecure: any certificate, for trials only."""

    host: str
    port: int
    sender: str
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: str = field(default="", repr=False)
    to: Sequence[str] = ()
    reader: Reader = ENGLISH
    templates: Templates = OURS
    timeout: float = 20.0
    ca: str = ""
    insecure: bool = False
    prefix: str = ""

    def send(self, notice: Notice, now: int) -> str:
        """Hands a notice over to the server. Raises NoticeFailed."""
        return deliver(encode(notice, self, now), self)


def encode(notice: Notice, channel: Email, now: int) -> EmailMessage:
    """The message of a notice at `now` (ns)."""
    words = write(notice, channel.reader, channel.templates)
    domain = parseaddr(channel.sender)[1].rpartition("@")[2] or "steward.invalid"
    message = EmailMessage(policy=SMTP)
    message["Subject"] = one_line(f"{channel.prefix} {words.subject}")
    message["From"] = _address(channel.sender)
    message["To"] = tuple(_address(one) for one in channel.to)
    message["Date"] = format_datetime(datetime.fromtimestamp(now // SECOND, UTC))
    message["Message-ID"] = f"<{notice.key}@{domain}>"
    threads = [f"<alert-{item.id}@{domain}>" for item in notice.items[:THREADS]]
    if notice.what in ("alerts", "event") and threads:
        message["In-Reply-To"] = threads[0]
        message["References"] = " ".join(threads)
    elif notice.what == "digest":
        message["References"] = f"<digest-{blake2b(notice.route.encode(), digest_size=8).hexdigest()}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Steward-Status"] = notice.status
    if any(item.severity == "critical" and item.status == "firing" for item in notice.items):
        message["Importance"] = "high"
    message.set_content(words.text)
    message.add_alternative(words.html, subtype="html")
    return message


def _address(value: str) -> Address:
    name, address = parseaddr(value)
    return Address(display_name=name, addr_spec=address)


def deliver(message: EmailMessage, channel: Email) -> str:
    """Sends a message. Raises NoticeFailed: a 4yz reply or a lost connection may pass, a 5yz reply will not."""
    try:
        with _connect(channel) as server:
            if channel.username:
                server.login(channel.username, channel.password)
            refused = server.send_message(message)
    except smtplib.SMTPAuthenticationError as error:
        raise NoticeFailed(f"{channel.host}: login refused, {_said(error)}", retry=error.smtp_code < 500) from None
    except smtplib.SMTPRecipientsRefused as error:
        code = max((reply[0] for reply in error.recipients.values()), default=550)
        raise NoticeFailed(f"{channel.host}: recipients refused ({code})", retry=code < 500) from None
    except smtplib.SMTPResponseException as error:
        raise NoticeFailed(f"{channel.host}: refused, {_said(error)}", retry=error.smtp_code < 500) from None
    except smtplib.SMTPNotSupportedError as error:
        raise NoticeFailed(f"{channel.host}: {error}", retry=False) from None
    except (smtplib.SMTPException, OSError) as error:
        raise NoticeFailed(f"{channel.host}: {str(error) or type(error).__name__}") from None
    left = f", refused: {', '.join(refused)}" if refused else ""
    return f"taken by {channel.host}{left}"


def _connect(channel: Email) -> smtplib.SMTP:
    context = ssl.create_default_context(cafile=channel.ca or None)
    if channel.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if channel.security == "tls":
        return smtplib.SMTP_SSL(channel.host, channel.port, timeout=channel.timeout, context=context)
    server = smtplib.SMTP(channel.host, channel.port, timeout=channel.timeout)
    if channel.security == "starttls":
        try:
            server.starttls(context=context)
        except BaseException:
            server.close()
            raise
    return server


def _said(error: smtplib.SMTPResponseException) -> str:
    reply = error.smtp_error
    words = reply.decode(errors="replace") if isinstance(reply, bytes) else str(reply)
    return f"{error.smtp_code} {' '.join(words.split())[:200]}"
