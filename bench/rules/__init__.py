"""What rules cost: `python -m bench.rules`."""
