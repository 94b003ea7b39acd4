"""Notices in the service: planned from transitions, delivered from the outbox."""
