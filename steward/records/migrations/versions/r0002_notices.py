"""Notices: the outbox, and what each lane was told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"

PLAIN = sa.JSON().with_variant(JSONB(), "postgresql")
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def text(name: str) -> sa.Column[str]:
    """A text that is never NULL."""
    return sa.Column(name, sa.Text, nullable=False)


def upgrade() -> None:
    """Creates the two tables."""
    op.create_table(
        "notice",
        sa.Column("id", ROW_ID, primary_key=True, autoincrement=True),
        *(text(name) for name in ("key", "channel", "recipient", "route", "group_key", "lane", "what", "reason", "title")),
        sa.Column("alerts", PLAIN, nullable=False),
        sa.Column("payload", PLAIN, nullable=False),
        text("state"),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("due", sa.BigInteger, nullable=False),
        sa.Column("begun", sa.BigInteger),
        sa.Column("done", sa.BigInteger),
        text("answer"),
        text("error"),
    )
    op.create_index("ix_notice_key", "notice", ["key"], unique=True)
    op.create_index("ix_notice_channel_state_due", "notice", ["channel", "state", "due"])
    op.create_index("ix_notice_lane_state", "notice", ["lane", "state"])
    op.create_index("ix_notice_done", "notice", ["done"])
    op.create_table(
        "notice_told",
        *(sa.Column(name, sa.Text, primary_key=True) for name in ("channel", "recipient", "group_key", "alert")),
        text("route"),
        sa.Column("labels", PLAIN, nullable=False),
        text("status"),
        text("severity"),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("sent", sa.BigInteger),
    )
    op.create_index("ix_notice_told_group_key", "notice_told", ["group_key"])
    op.create_index("ix_notice_told_status", "notice_told", ["status"])
