"""Registers to consumption: the evidence ledger, tariffs, carbon, baselines. Pure: no I/O, no clock, no logging."""
