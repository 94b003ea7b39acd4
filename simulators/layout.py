"""The campus that is simulated: a government centre of four buildings and eight official vehicles.

Content only, no behaviour: who and what there is, under which address each device speaks and in which format. Names are
invented but for the province and the city; the vehicles' plates are of no real car. `campus_plan` is the one entry.
"""

from __future__ import annotations

from simulators.plan import Body, Plan, SimDevice
from simulators.templates import TEMPLATES

SPARKPLUG_GROUP, SPARKPLUG_NODE = "linhai", "switchroom"

ORGANISATIONS: tuple[Body, ...] = (
    Body("zj", "Zhejiang Province", "浙江省", {"kind": "province"}),
    Body("linhai", "Linhai City", "临海市", {"kind": "city", "parent": "zj"}),
    Body("office-affairs", "Government Offices Administration", "机关事务中心", {"kind": "agency", "parent": "linhai"}),
    Body("service-centre", "Government Service Centre", "政务服务中心", {"kind": "agency", "parent": "linhai"}),
    Body("canteen", "Canteen and Training Centre", "后勤培训中心", {"kind": "agency", "parent": "linhai"}),
    Body("data-bureau", "Data Bureau", "大数据局", {"kind": "agency", "parent": "linhai"}),
)


def _site(id: str, en: str, zh: str, organisation: str, area: int, people: int) -> Body:
    return Body(id, en, zh, {"organisation": organisation, "area_m2": area, "headcount": people})


SITES: tuple[Body, ...] = (
    _site("block-a", "Block A", "A座", "office-affairs", 12800, 420),
    _site("block-b", "Block B", "B座", "service-centre", 8600, 260),
    _site("block-c", "Block C", "C座", "canteen", 5200, 120),
    _site("data-room", "Data room", "数据机房", "data-bureau", 900, 8),
)
HEADCOUNT: dict[str, float] = {site.id: float(str(site.extra["headcount"])) for site in SITES}


def _space(id: str, en: str, zh: str, site: str) -> Body:
    return Body(id, en, zh, {"site": site})


SPACES: tuple[Body, ...] = (
    _space("block-a.plant", "Plant room", "冷热站", "block-a"),
    _space("block-a.switchroom", "Switchroom", "配电室", "block-a"),
    _space("block-a.garage", "Garage", "车库", "block-a"),
    _space("block-a.lower", "Floors 1-4", "1-4层", "block-a"),
    _space("block-a.upper", "Floors 5-8", "5-8层", "block-a"),
    _space("block-a.r301", "Room 301", "301室", "block-a"),
    _space("block-a.r612", "Room 612", "612室", "block-a"),
    _space("block-b.hall", "Service hall", "办事大厅", "block-b"),
    _space("block-b.offices", "Offices", "办公区", "block-b"),
    _space("block-c.kitchen", "Kitchen", "厨房", "block-c"),
    _space("block-c.training", "Training rooms", "培训教室", "block-c"),
    _space("data-room.hall", "Machine hall", "机房", "data-room"),
)


class _Campus:
    """Collects equips and devices; every device gets an equip of the same id within its site."""

    def __init__(self) -> None:
        self.equips: list[Body] = []
        self.devices: list[SimDevice] = []

    def equip(self, id: str, en: str, zh: str, type: str, **extra: object) -> str:
        self.equips.append(Body(id, en, zh, {"type": type, **extra}))
        return id

    def device(
        self, id: str, en: str, zh: str, template: str, interval: int, site: str, *,
        equip: str = "", space: str = "", address: str = "", gateway: str = "", category: str = "",
    ) -> None:  # fmt: skip
        self.devices.append(
            SimDevice(id, en, zh, TEMPLATES[template], address or id, interval, site, equip, space, gateway, category)
        )


MAINS: tuple[tuple[str, str, str, str, str], ...] = (
    ("em-t1", "Transformer 1 main meter", "1号变压器总表", "block-a", "transformer-1"),
    ("em-t2", "Transformer 2 main meter", "2号变压器总表", "block-a", "transformer-2"),
    ("em-a", "Block A main meter", "A座总表", "block-a", "block-a.board"),
    ("em-b", "Block B main meter", "B座总表", "block-b", "block-b.board"),
    ("em-c", "Block C main meter", "C座总表", "block-c", "block-c.board"),
    ("em-d", "Data room main meter", "机房总表", "data-room", "data-room.board"),
)

CIRCUITS: tuple[tuple[str, str, str, str, str, str, str], ...] = (
    # id, en, zh, equip type, category, template, gateway
    ("a-light", "Block A lighting", "A座照明", "lighting", "A1", "submeter-tb", "gw-a"),
    ("a-socket", "Block A sockets", "A座插座", "socket", "A1", "submeter-tb", "gw-a"),
    ("a-corridor", "Block A corridors", "A座走廊与应急照明", "lighting", "A2", "submeter-tb", "gw-a"),
    ("a-outdoor", "Outdoor lighting", "室外景观照明", "lighting", "A3", "submeter-tb", "gw-a"),
    ("a-lift", "Block A lifts", "A座电梯", "lift", "C1", "submeter-tb", "gw-a"),
    ("a-ahu", "Block A air handlers", "A座空调末端", "fan", "B2", "submeter-tb", "gw-a"),
    ("a-vent", "Block A ventilation", "A座通风机", "fan", "C3", "submeter-tb", "gw-a"),
    ("a-pumps", "Plant pumps and tower", "冷热站水泵与冷却塔", "pump", "B1", "submeter-tb", "gw-a"),
    ("b-light", "Block B lighting", "B座照明", "lighting", "A1", "submeter-tb", "gw-b"),
    ("b-socket", "Block B sockets", "B座插座", "socket", "A1", "submeter-tb", "gw-b"),
    ("b-lift", "Block B lifts", "B座电梯", "lift", "C1", "submeter-tb", "gw-b"),
    ("b-ahu", "Block B air handlers", "B座空调末端", "fan", "B2", "submeter-tb", "gw-b"),
    ("c-light", "Block C lighting and sockets", "C座照明插座", "lighting", "A1", "submeter-json", ""),
    ("c-lift", "Block C lift", "C座电梯", "lift", "C1", "submeter-json", ""),
    ("c-ahu", "Block C air handlers", "C座空调末端", "fan", "B2", "submeter-json", ""),
    ("c-kitchen", "Kitchen", "厨房餐厅", "kitchen", "D2", "submeter-json", ""),
    ("d-light", "Data room lighting", "机房照明", "lighting", "A1", "submeter-json", ""),
)

PLUGS: tuple[tuple[str, str, str, str, float], ...] = (
    ("plug-11", "Water dispenser 1", "1号饮水机", "block-a", 900.0),
    ("plug-12", "Water dispenser 2", "2号饮水机", "block-a", 900.0),
    ("plug-17", "Printer room", "文印室", "block-b", 600.0),
    ("plug-21", "Display wall", "大屏", "block-b", 1200.0),
)

ROOMS: tuple[tuple[str, str, str], ...] = (
    ("room-301", "block-a", "block-a.r301"),
    ("room-612", "block-a", "block-a.r612"),
    ("room-hall", "block-b", "block-b.hall"),
    ("room-training", "block-c", "block-c.training"),
)

VEHICLES: tuple[tuple[str, str, str, str, str, str], ...] = (
    # id, plate, en, zh, drive, template
    ("car-0312", "浙A·0312", "Saloon 0312", "轿车0312", "petrol", "vehicle-traccar"),
    ("car-0318", "浙A·0318", "Saloon 0318", "轿车0318", "petrol", "vehicle-traccar"),
    ("car-0526", "浙A·0526", "Off-road 0526", "越野车0526", "petrol", "vehicle-traccar"),
    ("bus-0731", "浙A·0731", "Minibus 0731", "中巴0731", "diesel", "vehicle-traccar"),
    ("ev-1105", "浙A·D1105", "Electric car 1105", "电动车1105", "electric", "vehicle-traccar-ev"),
    ("car-0607", "浙A·0607", "Saloon 0607", "轿车0607", "petrol", "vehicle-owntracks"),
    ("car-0619", "浙A·0619", "Saloon 0619", "轿车0619", "petrol", "vehicle-owntracks"),
    ("ev-1126", "浙A·D1126", "Electric van 1126", "电动客货车1126", "electric", "vehicle-owntracks"),
)


def _electric(campus: _Campus) -> None:
    feeds = {
        "transformer-1": ["block-a.board", "block-c.board"], "transformer-2": ["block-b.board", "data-room.board"],
        "block-a.board": [f"{c[0]}.circuit" for c in CIRCUITS if c[0].startswith("a-")] + ["chiller-1", "chiller-2"]
        + ["charger-1", "charger-2"],
        "block-b.board": [f"{c[0]}.circuit" for c in CIRCUITS if c[0].startswith("b-")],
        "block-c.board": [f"{c[0]}.circuit" for c in CIRCUITS if c[0].startswith("c-")],
        "data-room.board": ["d-light.circuit", "ups-1", "crac-1", "crac-2"],
    }  # fmt: skip
    for number, rated in ((1, "1600kW"), (2, "1250kW")):
        id = f"transformer-{number}"
        campus.equip(id, f"Transformer {number}", f"{number}号变压器", "transformer", space="block-a.switchroom",
                     rated_power=rated, feeds=feeds[id])  # fmt: skip
    for site in SITES:
        id = f"{site.id}.board"
        campus.equip(id, f"{site.en} switchboard", f"{site.zh}配电柜", "switchboard", site=site.id, feeds=feeds[id])
    for id, en, zh, site_id, equip in MAINS:
        template = "transformer-meter" if equip.startswith("transformer") else "main-meter"
        address = f"{SPARKPLUG_GROUP}/{SPARKPLUG_NODE}/{id}"
        campus.device(id, en, zh, template, 60, site_id, equip=equip, address=address, gateway="gw-switchroom")
    owner = {"a": "block-a", "b": "block-b", "c": "block-c", "d": "data-room"}
    behind = {"a-socket": ["plug-11.socket", "plug-12.socket"], "b-socket": ["plug-17.socket", "plug-21.socket"]}
    for id, en, zh, type_, category, template, gateway in CIRCUITS:
        site_id = owner[id[0]]
        campus.equip(f"{id}.circuit", en, zh, type_, site=site_id, feeds=behind.get(id, ()))
        campus.device(id, en, zh, template, 60, site_id, equip=f"{id}.circuit", gateway=gateway, category=category)
    for id, en, zh, site_id, watts in PLUGS:
        campus.equip(f"{id}.socket", en, zh, "socket", site=site_id, rated_power=f"{watts:g}W")
        address = id.replace("-", "_")
        campus.device(id, en, zh, "plug", 300, site_id, equip=f"{id}.socket", address=address, category="A1")


def _plant(campus: _Campus) -> None:
    plant = "block-a.plant"
    air = {"ahu-a1": ("block-a", "block-a.lower", "A1"), "ahu-a2": ("block-a", "block-a.upper", "A2"),
           "ahu-b1": ("block-b", "block-b.offices", "B1"), "ahu-c1": ("block-c", "block-c.training", "C1")}  # fmt: skip
    for number in (1, 2):
        id = f"chiller-{number}"
        campus.equip(
            id, f"Chiller {number}", f"{number}号冷水机组", "chiller", space=plant, rated_power="130kW", feeds=list(air)
        )
        campus.device(id, f"Chiller {number}", f"{number}号冷水机组", "chiller", 60, "block-a", equip=id, category="B1")
    for id, en, zh, type_, template in (
        ("pump-1", "Chilled water pump 1", "1号冷冻水泵", "pump", "pump"),
        ("pump-2", "Chilled water pump 2", "2号冷冻水泵", "pump", "pump"),
        ("pump-3", "Hot water pump", "热水泵", "pump", "pump"),
        ("tower-1", "Cooling tower", "冷却塔", "cooling_tower", "tower"),
        ("boiler-1", "Gas boiler", "燃气锅炉", "boiler", "boiler"),
    ):
        campus.equip(id, en, zh, type_, space=plant)
        campus.device(id, en, zh, template, 60, "block-a", equip=id)
    for id, (site, space, name) in air.items():
        campus.equip(id, f"Air handler {name}", f"{name}空调机组", "air_handler", site=site, feeds=[space])
        campus.device(id, f"Air handler {name}", f"{name}空调机组", "ahu", 60, site, equip=id)
    for id, site, space in ROOMS:
        campus.device(id, f"Sensor of {space}", f"{space}传感器", "room", 300, site, space=space)


def _supplies(campus: _Campus) -> None:
    hall = "data-room.hall"
    campus.equip("ups-1", "UPS", "不间断电源", "ups", space=hall, rated_power="120kW")
    campus.device("ups-1", "UPS", "不间断电源", "ups", 60, "data-room", equip="ups-1", category="D1")
    for number in (1, 2):
        id = f"crac-{number}"
        campus.equip(id, f"Room cooler {number}", f"{number}号精密空调", "air_handler", space=hall, rated_power="40kW")
        campus.device(id, f"Room cooler {number}", f"{number}号精密空调", "crac", 60, "data-room", equip=id, category="D1")
    campus.device("hall-1", "Machine hall sensor", "机房温湿度", "hall", 60, "data-room", space=hall)
    for id, en, zh, site, feeds in (
        ("water-main", "Campus water main", "园区总水表", "block-a", ["water-a.meter", "water-b.meter", "water-c.meter"]),
        ("water-a", "Block A water", "A座水表", "block-a", []),
        ("water-b", "Block B water", "B座水表", "block-b", []),
        ("water-c", "Block C water", "C座水表", "block-c", []),
    ):
        campus.equip(f"{id}.meter", en, zh, "meter", site=site, feeds=feeds)
        campus.device(id, en, zh, "water-main" if id == "water-main" else "water", 300, site, equip=f"{id}.meter")
    for id, en, zh, site, burnt in (
        ("gas-boiler", "Boiler gas", "锅炉燃气表", "block-a", "boiler-1"),
        ("gas-kitchen", "Kitchen gas", "厨房燃气表", "block-c", "block-c.kitchen"),
    ):
        campus.equip(f"{id}.meter", en, zh, "meter", site=site, feeds=[burnt])
        campus.device(id, en, zh, "gas", 300, site, equip=f"{id}.meter")
    campus.equip("weather-1", "Weather station", "气象站", "weather_station", site="block-a")
    campus.device("weather-1", "Weather station", "气象站", "weather", 300, "block-a", equip="weather-1")


def _fleet(campus: _Campus) -> None:
    for number in (1, 2):
        id = f"charger-{number}"
        campus.equip(id, f"Charger {number}", f"{number}号充电桩", "charger", space="block-a.garage", rated_power="22kW")
        campus.device(id, f"Charger {number}", f"{number}号充电桩", "charger", 60, "block-a", equip=id, category="D6")
    for id, plate, en, zh, _drive, template in VEHICLES:
        type_ = "bus" if id.startswith("bus") else "vehicle"
        campus.equip(id, en, zh, type_, site="block-a", plate=plate)
        tracker = f"8681200{abs(hash_digits(id)):08d}" if "traccar" in template else id
        address = f"fleet/{id}" if "owntracks" in template else tracker
        campus.device(id, en, f"{zh} {plate}", template, 30, "block-a", equip=id, address=address)


def hash_digits(id: str) -> int:
    """Eight digits that follow from an id (the tracker's serial number)."""
    number = 0
    for sign in id:
        number = (number * 131 + ord(sign)) % 100_000_000
    return number


def _gateways() -> tuple[SimDevice, ...]:
    rows = (
        (
            "gw-switchroom",
            "Switchroom gateway",
            "配电室网关",
            "sparkplug-node",
            f"{SPARKPLUG_GROUP}/{SPARKPLUG_NODE}",
            "block-a",
        ),
        ("gw-a", "Block A gateway", "A座网关", "tb-gateway", "gw-a", "block-a"),
        ("gw-b", "Block B gateway", "B座网关", "tb-gateway", "gw-b", "block-b"),
    )
    return tuple(SimDevice(id, en, zh, TEMPLATES[template], address, 60, site) for id, en, zh, template, address, site in rows)


def campus_plan() -> Plan:
    """The campus."""
    campus = _Campus()
    _electric(campus)
    _plant(campus)
    _supplies(campus)
    _fleet(campus)
    return Plan(
        "linhai", "Linhai Government Campus", "临海市行政中心", ORGANISATIONS, SITES, SPACES, tuple(campus.equips), _gateways(),
        tuple(campus.devices),
    )  # fmt: skip
