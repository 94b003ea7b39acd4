"""Operational records in SQL: alerts, acknowledgements, admitted devices (SQLAlchemy, Alembic)."""
