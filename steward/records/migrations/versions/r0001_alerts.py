"""The first schema: alerts with their history, admitted devices, engine states, the audit log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

PLAIN = sa.JSON().with_variant(JSONB(), "postgresql")
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def text(name: str) -> sa.Column[str]:
    """A text that is never NULL."""
    return sa.Column(name, sa.Text, nullable=False)


def moment(name: str, nullable: bool = False) -> sa.Column[int]:
    """A moment in ns."""
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def upgrade() -> None:
    """Creates the five tables."""
    op.create_table(
        "alert",
        sa.Column("id", sa.Text, primary_key=True),
        *(text(name) for name in ("rule", "kind", "severity", "target")),
        sa.Column("points", PLAIN, nullable=False),
        text("condition"),
        moment("since"),
        moment("at"),
        moment("fired", True),
        moment("resolved", True),
        *(sa.Column(name, sa.Double) for name in ("value", "worst", "limit")),
        sa.Column("evidence", PLAIN, nullable=False),
        text("human"),
        moment("acknowledged_at", True),
        text("acknowledged_by"),
        text("assigned_to"),
        sa.Column("comments", sa.Integer, nullable=False),
        moment("recorded"),
        moment("changed"),
    )
    op.create_index("ix_alert_since_id", "alert", ["since", "id"])
    op.create_index("ix_alert_condition_since", "alert", ["condition", "since"])
    op.create_index("ix_alert_target_since", "alert", ["target", "since"])
    op.create_index("ix_alert_resolved", "alert", ["resolved"])
    op.create_table(
        "alert_event",
        sa.Column("id", ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("alert", sa.Text, sa.ForeignKey("alert.id", ondelete="CASCADE"), nullable=False),
        text("what"),
        moment("at"),
        moment("recorded"),
        text("by"),
        text("comment"),
    )
    op.create_index("ix_alert_event_alert_id", "alert_event", ["alert", "id"])
    op.create_table(
        "admitted",
        sa.Column("device", sa.Text, primary_key=True),
        *(text(name) for name in ("template", "address", "broker")),
        moment("at"),
    )
    op.create_table(
        "state",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        moment("saved"),
    )
    op.create_table(
        "audit",
        sa.Column("id", ROW_ID, primary_key=True, autoincrement=True),
        moment("at"),
        *(text(name) for name in ("who", "what", "subject")),
        sa.Column("detail", PLAIN, nullable=False),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_subject", "audit", ["subject"])
