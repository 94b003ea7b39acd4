"""Registers to consumption: the evidence ledger."""
