"""Rules: batches in, alerts out. Pure: no I/O, no clock, no asyncio, no logging; time is an argument.

The same fold runs live, at warm-up (replay) and in a backtest. `engine` routes and cuts waves, `lifecycle` is the alert
state machine, `kinds` holds one module per rule kind, `packs` shipped rule sets as configuration.
"""
