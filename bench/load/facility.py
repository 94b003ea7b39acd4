"""Facility files of any number of points, in the two ways in which they are written.

`points`: every point a [[point]] table of its own; `template`: devices of one template with twenty points each.
"""

from __future__ import annotations

FIELDS = (
    ("power", "power", "kW"),
    ("voltage", "voltage", "V"),
    ("current", "current", "A"),
    ("frequency", "frequency", "Hz"),
    ("power_factor", "power_factor", ""),
    ("energy", "energy", "kWh"),
    ("supply_temperature", "temperature", "degC"),
    ("return_temperature", "temperature", "degC"),
    ("room_temperature", "temperature", "degC"),
    ("humidity", "humidity", "%"),
    ("co2", "co2", "ppm"),
    ("flow", "flow", "m3/h"),
    ("pressure", "pressure", "kPa"),
    ("level", "level", "%"),
    ("illuminance", "illuminance", "lx"),
    ("power_l1", "power", "kW"),
    ("power_l2", "power", "kW"),
    ("power_l3", "power", "kW"),
    ("occupied", "occupied", ""),
    ("starts", "number", ""),
)
"""(field, metric, unit): what a distribution board with a room around it may say."""
PER_DEVICE = len(FIELDS)
SITES = 50

HEAD = """packs = ["basic"]
[store]
path = "samples.duckdb"
[records]
url = "sqlite:///records.db"
[spool]
path = "spool"
[[broker]]
id = "main"
url = "mqtt://127.0.0.1:0"
embedded = true
data = "broker"
[[template]]
id = "board"
format = "native"
interval = "60s"
"""


def _places(devices: int) -> list[str]:
    """Fifty sites, an equip for each device."""
    parts = []
    for number in range(SITES):
        parts.append(
            f'[[site]]\nid = "s{number}"\nname = {{ en = "Site {number}", zh = "{number}号院" }}\n'
            'time_zone = "Asia/Shanghai"\nopening_hours = { mon-fri = "08:30-17:30" }\n'
        )
    parts += [
        f'[[equip]]\nid = "e{number}"\nname = "Board {number}"\ntype = "meter"\nsite = "s{number % SITES}"\n'
        for number in range(devices)
    ]
    return parts


def template(points: int) -> str:
    """Devices of one template."""
    devices = points // PER_DEVICE
    parts = [HEAD]
    parts += [
        f'[[template.point]]\nid = "{field}"\nfield = "{field}"\nmetric = "{metric}"\nunit = "{unit}"\n'
        for field, metric, unit in FIELDS
    ]
    parts += _places(devices)
    parts += [f'[[device]]\nid = "d{number}"\ntemplate = "board"\nequip = "e{number}"\n' for number in range(devices)]
    return "".join(parts)


def points(points: int) -> str:
    """The same points, each written out."""
    devices = points // PER_DEVICE
    parts = [HEAD, *_places(devices)]
    for number in range(devices):
        parts.append(f'[[device]]\nid = "d{number}"\ntemplate = "board"\nequip = "e{number}"\n')
        parts += [
            f'[[point]]\nid = "d{number}.{field}"\nmetric = "{metric}"\nunit = "{unit}"\n'
            f'device = "d{number}"\nfield = "{field}"\ninterval = "60s"\n'
            for field, metric, unit in FIELDS
        ]
    return "".join(parts)


WAYS = {"points": points, "template": template}
