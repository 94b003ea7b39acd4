"""Steward: one service that watches buildings and official vehicles.

This package is the shared core and the only vocabulary. The siblings `collectors`, `metering`, `rules`, `api` and
`simulators` never import one another; they meet in `steward.app`.
"""

__version__ = "0.1.0"
