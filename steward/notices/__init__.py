"""Notices: who is told of an alert, when, in which words, and by which channel.

`routing`, `grouping`, `pacing` and `wording` are pure; each module of `channels` has a pure encoder (notice -> request or
message) and a sender that blocks, raises NoticeFailed, and never logs. `steward.app.notices.notifier` drives them.
"""

from __future__ import annotations

from steward.notices.grouping import Group, Groups, Told, decide
from steward.notices.model import Answer, Item, Message, Notice, Reader, Recipient, Request, Spent, rank
from steward.notices.pacing import RateLimit, Retries, Rhythm
from steward.notices.routing import Lane, Match, Route, group_key, lanes, matching, spread
from steward.notices.wording import LANGUAGES, Templates, subject, write

__all__ = [
    "LANGUAGES",
    "Answer",
    "Group",
    "Groups",
    "Item",
    "Lane",
    "Match",
    "Message",
    "Notice",
    "RateLimit",
    "Reader",
    "Recipient",
    "Request",
    "Retries",
    "Rhythm",
    "Route",
    "Spent",
    "Templates",
    "Told",
    "decide",
    "group_key",
    "lanes",
    "matching",
    "rank",
    "spread",
    "subject",
    "write",
]
