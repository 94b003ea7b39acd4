"""Load time and memory of a large facility: run `python -m bench.load`."""
