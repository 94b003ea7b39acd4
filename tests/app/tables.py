"""Tables that the facility files of several tests begin with."""

from __future__ import annotations

STORES = """
[store]
path = "samples.duckdb"
[records]
url = "sqlite:///records.db"
[spool]
path = "spool"
"""
"""Everything beside the file."""
METER = """
[[template]]
id = "meter"
format = "native"
[[template.point]]
id = "power"
field = "power"
metric = "power"
unit = "kW"
"""
"""A template whose devices measure power; a table `[[template.point]]` may follow."""
ENERGY = """
[[template.point]]
id = "energy"
field = "energy"
metric = "energy"
unit = "kWh"
"""
"""A further point of METER: a register."""
SITE = (
    STORES
    + """
[api]
port = 0
[[broker]]
id = "main"
url = "mqtt://127.0.0.1:0"
embedded = true
data = "broker"
[[site]]
id = "a"
name = "Block A"
time_zone = "Asia/Shanghai"
"""
    + METER
    + """
[[device]]
id = "m1"
template = "meter"
site = "a"
"""
)
"""A site with one meter and an embedded broker."""
