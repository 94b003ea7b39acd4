"""The tables of the newest schema, as SQLAlchemy Core sees them; `migrations/versions` builds the same, step by step.

Invariants: moments are BIGINT ns; floats that are not numbers are NULL, because SQLite stores NaN so and JSON has none;
a test compares this metadata with a migrated database, so the two cannot drift apart.
"""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Double, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

METADATA = MetaData(
    naming_convention={"pk": "pk_%(table_name)s", "fk": "fk_%(table_name)s_%(column_0_name)s", "ix": "ix_%(column_0_label)s"}
)

Plain = JSON().with_variant(JSONB(), "postgresql")
"""Plain values: JSON in SQLite, JSONB in PostgreSQL."""

RowId = BigInteger().with_variant(Integer(), "sqlite")
"""A number the database gives; SQLite counts only INTEGER keys upwards."""

ALERT = Table(
    "alert",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("rule", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("points", Plain, nullable=False),
    Column("condition", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("fired", BigInteger),
    Column("resolved", BigInteger),
    Column("value", Double),
    Column("worst", Double),
    Column("limit", Double),
    Column("evidence", Plain, nullable=False),
    Column("human", Text, nullable=False),
    Column("acknowledged_at", BigInteger),
    Column("acknowledged_by", Text, nullable=False),
    Column("assigned_to", Text, nullable=False),
    Column("comments", Integer, nullable=False),
    Column("recorded", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    Column("closed_by", Text, nullable=False, server_default=text("''")),
    Column("delivery", Text, nullable=False, server_default="deliverable"),
    Column("delivery_since", BigInteger),
    Column("delivery_reasons", Plain),
    Column("told", BigInteger),
    Column("level", Integer, nullable=False, server_default="0"),
    Column("episodes", Integer, nullable=False, server_default="1"),
    Column("fold", Text, nullable=False, server_default=text("''")),
    Column("folded", Integer, nullable=False, server_default="0"),
    Column("ended", Integer, nullable=False, server_default="0"),
    Column("label", Integer),
    Column("label_by", Text, nullable=False, server_default=text("''")),
    Column("label_at", BigInteger),
    Column("cost", Double),
    Index("ix_alert_since_id", "since", "id"),
    Index("ix_alert_ended", "ended"),
    Index("ix_alert_rule_target_since", "rule", "target", "since"),
    Index("ix_alert_condition_since", "condition", "since"),
    Index("ix_alert_target_since", "target", "since"),
    Index("ix_alert_resolved", "resolved"),
)

ALERT_EVENT = Table(
    "alert_event",
    METADATA,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("alert", Text, ForeignKey("alert.id", ondelete="CASCADE"), nullable=False),
    Column("what", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("recorded", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Index("ix_alert_event_alert_id", "alert", "id"),
)

SHELVING = Table(
    "shelving",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("scope", Plain, nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("end", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("cancelled", BigInteger),
    Column("cancelled_by", Text, nullable=False),
    Index("ix_shelving_end", "end"),
)

MAINTENANCE = Table(
    "maintenance",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("scope", Plain, nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("start", BigInteger),
    Column("end", BigInteger),
    Column("days", Plain, nullable=False),
    Column("begins", Integer, nullable=False),
    Column("ends", Integer, nullable=False),
    Column("zone", Text, nullable=False),
    Column("cancelled", BigInteger),
    Column("cancelled_by", Text, nullable=False),
)

TRANSITION = Table(
    "transition",
    METADATA,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("alert", Text, ForeignKey("alert.id", ondelete="CASCADE"), nullable=False),
    Column("what", Text, nullable=False),
    Column("level", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("delivery", Text, nullable=False),
    Column("to", Plain, nullable=False),
    Column("by", Text, nullable=False),
    Column("handed", Integer, nullable=False),
    Column("recorded", BigInteger, nullable=False),
    Index("ix_transition_handed_id", "handed", "id"),
    Index("ix_transition_alert", "alert"),
    sqlite_autoincrement=True,
)

ADMITTED = Table(
    "admitted",
    METADATA,
    Column("device", Text, primary_key=True),
    Column("template", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("broker", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

STATE = Table(
    "state",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("payload", LargeBinary, nullable=False),
    Column("saved", BigInteger, nullable=False),
)

AUDIT = Table(
    "audit",
    METADATA,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Plain, nullable=False),
    Index("ix_audit_at", "at"),
    Index("ix_audit_subject", "subject"),
)

NOTICE = Table(
    "notice",
    METADATA,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("key", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("group_key", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("alerts", Plain, nullable=False),
    Column("payload", Plain, nullable=False),
    Column("state", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("begun", BigInteger),
    Column("done", BigInteger),
    Column("answer", Text, nullable=False),
    Column("error", Text, nullable=False),
    Index("ix_notice_key", "key", unique=True),
    Index("ix_notice_channel_state_due", "channel", "state", "due"),
    Index("ix_notice_lane_state", "lane", "state"),
    Index("ix_notice_done", "done"),
)

NOTICE_TOLD = Table(
    "notice_told",
    METADATA,
    Column("channel", Text, primary_key=True),
    Column("recipient", Text, primary_key=True),
    Column("group_key", Text, primary_key=True),
    Column("alert", Text, primary_key=True),
    Column("route", Text, nullable=False),
    Column("labels", Plain, nullable=False),
    Column("status", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("sent", BigInteger),
    Index("ix_notice_told_group_key", "group_key"),
    Index("ix_notice_told_status", "status"),
)
