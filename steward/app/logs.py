"""Structured logs: one line an event, JSON for machines or plain text for a terminal; no secrets, no payloads.

Invariants: a value whose name says that it is secret is hidden; a traceback shows lines of code and never the values of
variables, which may be secrets; what a device or a person wrote (a topic, a name) makes no line of its own and moves no cursor.
"""

from __future__ import annotations

import logging
import sys
import unicodedata

import structlog

HIDDEN = ("password", "token", "secret", "authorization", "payload")


def _hide(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    for key in event:
        if any(word in key.lower() for word in HIDDEN):
            event[key] = "(hidden)"
    return event


def _one_line(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Signs that a terminal obeys, as escapes; tracebacks are ours and keep their lines."""
    for key, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[key] = "".join(map(_shown, value.rstrip("\r\n")))
    return event


def _shown(sign: str) -> str:
    return sign if sign.isprintable() or unicodedata.category(sign) == "Zs" else sign.encode("unicode_escape").decode()


def configure(*, json: bool, level: str = "INFO") -> None:
    """Sets up structlog for this process; libraries that use `logging` come out in the same form at WARNING and above."""
    number = logging.getLevelNamesMapping()[level.upper()]
    last: list[structlog.typing.Processor]
    if json:
        last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    else:
        plain = structlog.dev.plain_traceback
        last = [
            _one_line,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0, exception_formatter=plain),
        ]
    shared: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _hide,
    ]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.WARNING))
