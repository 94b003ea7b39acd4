"""The composition root: the only place where collectors, metering, rules, api and simulators meet.

`service` builds and runs everything; `serve` puts it on a port, `demo` adds the simulated campus; `judge`, `directory`,
`fleet`, `jobs`, `brokers`, `stores` are its parts; the rest are commands.
"""
