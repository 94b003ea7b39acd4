"""The ledger: decisions, revisions, bounded events, sealed quarter-hours, closings, adjustments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"

PLAIN = sa.JSON().with_variant(JSONB(), "postgresql")
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def number() -> sa.Column[int]:
    """A key that the database gives."""
    return sa.Column("id", ROW_ID, primary_key=True, autoincrement=True)


def text(name: str) -> sa.Column[str]:
    """A text that is never NULL."""
    return sa.Column(name, sa.Text, nullable=False)


def whole(name: str) -> sa.Column[int]:
    """A moment in ns or an energy in ledger units."""
    return sa.Column(name, sa.BigInteger, nullable=False)


def small(name: str) -> sa.Column[int]:
    """A small number."""
    return sa.Column(name, sa.Integer, nullable=False)


def payload() -> sa.Column[bytes]:
    """Compressed columns."""
    return sa.Column("payload", sa.LargeBinary, nullable=False)


def upgrade() -> None:
    """Creates the six tables."""
    decision = (number(), text("register"), text("kind"), whole("at"), text("who"), whole("recorded"))
    op.create_table("ledger_decision", *decision, sa.Column("content", PLAIN, nullable=False))
    op.create_index("ix_ledger_decision_register", "ledger_decision", ["register"])
    named = (
        number(),
        text("register"),
        small("number"),
        whole("at"),
        text("reason"),
        text("who"),
        whole("start"),
        whole("end"),
    )
    op.create_table("ledger_revision", *named, payload())
    op.create_index("ix_ledger_revision_register_start", "ledger_revision", ["register", "start"])
    bounds = (text("kind"), whole("gain"), whole("low"), whole("high"))
    op.create_table("ledger_event", number(), text("register"), whole("start"), whole("end"), *bounds)
    op.create_index("ix_ledger_event_register_end", "ledger_event", ["register", "end"])
    op.create_table(
        "ledger_chunk",
        sa.Column("register", sa.Text, primary_key=True),
        sa.Column("month", sa.Integer, primary_key=True, autoincrement=False),
        payload(),
    )
    span = (number(), text("register"), text("month"), whole("start"), whole("end"), whole("value"), whole("at"), text("who"))
    op.create_table("ledger_closing", *span, small("settled"))
    op.create_index("ix_ledger_closing_month_register", "ledger_closing", ["month", "register"], unique=True)
    op.create_table("ledger_adjustment", number(), whole("closing"), small("revision"), whole("at"), whole("difference"))
    op.create_index("ix_ledger_adjustment_closing", "ledger_adjustment", ["closing"])


def downgrade() -> None:
    """Drops them."""
    for table in ("adjustment", "closing", "chunk", "event", "revision", "decision"):
        op.drop_table(f"ledger_{table}")
