"""Water and gas: flow by intervals of about an hour from registers and gauges, and what the learning kinds remember of it.

Pure and vectorised over rows, as all of `rules`; the kinds `leak` and `continuous_flow` are built on it.
"""
