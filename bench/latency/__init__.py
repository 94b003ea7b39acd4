"""Publish-to-page latency through a whole service: run `python -m bench.latency`."""
