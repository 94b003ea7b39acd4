"""The alert desk: delivery, closing, labels and cost of alerts; shelvings, maintenance windows, transitions to be told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"

PLAIN = sa.JSON().with_variant(JSONB(), "postgresql")
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def text(name: str, default: str | None = None) -> sa.Column[str]:
    """A text that is never NULL."""
    return sa.Column(name, sa.Text, nullable=False, server_default=None if default is None else sa.text(f"'{default}'"))


def number(name: str, default: str) -> sa.Column[int]:
    """A small number that is never NULL."""
    return sa.Column(name, sa.Integer, nullable=False, server_default=default)


def moment(name: str, nullable: bool = True) -> sa.Column[int]:
    """A moment in ns."""
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def upgrade() -> None:
    """Adds columns to the alerts, and three tables. What was resolved before has been seen by everybody."""
    for column in (
        moment("closed_at"), text("closed_by", ""), text("delivery", "deliverable"), moment("delivery_since"),
        sa.Column("delivery_reasons", PLAIN), moment("told"), number("level", "0"), number("episodes", "1"), text("fold", ""),
        number("folded", "0"), number("ended", "0"), sa.Column("label", sa.Integer), text("label_by", ""), moment("label_at"),
        sa.Column("cost", sa.Double),
    ):  # fmt: skip
        op.add_column("alert", column)
    op.create_index("ix_alert_ended", "alert", ["ended"])
    op.create_index("ix_alert_rule_target_since", "alert", ["rule", "target", "since"])
    op.execute("UPDATE alert SET ended = 1 WHERE condition = 'resolved'")
    op.create_table(
        "shelving",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("scope", PLAIN, nullable=False),
        moment("start", False),
        moment("end", False),
        text("by"),
        text("reason"),
        moment("cancelled"),
        text("cancelled_by"),
    )
    op.create_index("ix_shelving_end", "shelving", ["end"])
    op.create_table(
        "maintenance",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("scope", PLAIN, nullable=False),
        text("reason"),
        text("by"),
        moment("start"),
        moment("end"),
        sa.Column("days", PLAIN, nullable=False),
        sa.Column("begins", sa.Integer, nullable=False),
        sa.Column("ends", sa.Integer, nullable=False),
        text("zone"),
        moment("cancelled"),
        text("cancelled_by"),
    )
    op.create_table(
        "transition",
        sa.Column("id", ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("alert", sa.Text, sa.ForeignKey("alert.id", ondelete="CASCADE"), nullable=False),
        text("what"),
        sa.Column("level", sa.Integer, nullable=False),
        moment("at", False),
        text("delivery"),
        sa.Column("to", PLAIN, nullable=False),
        text("by"),
        sa.Column("handed", sa.Integer, nullable=False),
        moment("recorded", False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_transition_handed_id", "transition", ["handed", "id"])
    op.create_index("ix_transition_alert", "transition", ["alert"])
