"""Machines with cycles: on and off found from power alone, runs and what a day of them was like.

Pure and vectorised over rows, as all of `rules`; the kind `cycles` is built on it.
"""
