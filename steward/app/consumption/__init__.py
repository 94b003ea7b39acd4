"""Answers about consumption: trees of figures, shapes, balances, indicators, quotas."""
