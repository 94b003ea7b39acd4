"""Faults of air-handling units: rules on the minute, statistics of the day, and a verdict that names a component.

Pure and vectorised over units. `minute.step` folds samples into day counters, `history` keeps what the unit's own other
days were like, `verdict` weighs them. The rule kind `air_handler` runs it live, `past` over an import with all other days.
"""
