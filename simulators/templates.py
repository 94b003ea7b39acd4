"""Device templates of the campus: which quantities a make of device measures and what its format calls them.

Resolution, noise and valid range are those of ordinary instruments (meters of class 0.5, Pt1000, NDIR CO2). Field names are
the vendors' for Tasmota, OwnTracks and Traccar, our own choice for the free formats.
"""

from __future__ import annotations

from simulators.plan import Quantity, Template

Q = Quantity
ON_OFF = {0: "off", 1: "on"}
YES_NO = {0: "no", 1: "yes"}


def _state(id: str, en: str, zh: str, metric: str, role: str = "") -> Quantity:
    return Q(id, en, zh, metric, decimals=0, role=role, states=YES_NO if metric in ("occupied", "charging") else ON_OFF)


def _temp(id: str, en: str, zh: str, role: str = "", low: float = -30.0, high: float = 90.0, noise: float = 0.06) -> Quantity:
    return Q(id, en, zh, "temperature", "degC", 2, noise, low=low, high=high, role=role)


def _ratio(id: str, en: str, zh: str, metric: str, role: str = "", noise: float = 0.0) -> Quantity:
    return Q(id, en, zh, metric, "%", 1, noise, low=-1.0, high=101.0, role=role)


def _power(high: float, noise: float = 0.0) -> Quantity:
    return Q("power", "Power", "功率", "power", "kW", 3, noise, low=-1.0, high=high, role="power")


def _energy(digits: int = 7, decimals: int = 2) -> Quantity:
    return Q("energy", "Energy", "电量", "energy", "kWh", decimals, digits=digits, low=0.0, role="energy")


PHASES = (1, 2, 3)
MAIN = (
    _power(2000.0),
    _energy(8),
    Q("reactive_energy", "Reactive energy", "无功电量", "reactive_energy", "kvarh", 2, digits=8, low=0.0),
    Q("power_factor", "Power factor", "功率因数", "power_factor", "", 3, 0.001, low=-1.0, high=1.0, role="power_factor"),
    Q("frequency", "Frequency", "频率", "frequency", "Hz", 2, 0.005, low=45.0, high=55.0),
    *(Q(f"voltage_{p}", f"Voltage L{p}", f"L{p}相电压", "voltage", "V", 1, 0.15, None, 0, 300, f"voltage_{p}") for p in PHASES),
    *(
        Q(f"current_{p}", f"Current L{p}", f"L{p}相电流", "current", "A", 1, 0.05, None, 0, 5000, f"current_{p}")
        for p in PHASES
    ),
)
WINDING = _temp("winding", "Winding temperature", "绕组温度", "winding", high=180.0, noise=0.2)
SUBMETER = (_power(500.0), _energy())
PLUG = (
    Q("power", "Power", "功率", "power", "W", 0, 0.4, low=0.0, high=4000.0, role="power"),
    Q("energy", "Energy", "电量", "energy", "kWh", 3, digits=6, low=0.0, role="energy"),
    Q("voltage", "Voltage", "电压", "voltage", "V", 0, 0.3, low=0.0, high=300.0),
    Q("current", "Current", "电流", "current", "A", 3, 0.002, low=0.0, high=20.0),
)
CHILLER = (
    _power(250.0),
    _energy(),
    _state("on", "Running", "运行", "on", "status"),
    _temp("chws", "Chilled water supply", "冷冻水供水温度", "chws"),
    _temp("chwr", "Chilled water return", "冷冻水回水温度", "chwr"),
    _ratio("load", "Load", "负荷率", "level", "load", 0.3),
    Q("runtime", "Run time", "运行时间", "runtime", "h", 2, digits=6, low=0.0),
)
PUMP = (_state("on", "Running", "运行", "on", "status"), _ratio("speed", "Speed", "转速", "speed_ratio", "spd", 0.1))
TOWER = (*PUMP, _temp("leaving", "Leaving water", "出水温度"))
BOILER = (
    _state("on", "Running", "运行", "on", "status"),
    _temp("hws", "Hot water supply", "热水供水温度", "hws", high=110.0),
    _temp("hwr", "Hot water return", "热水回水温度", "hwr", high=110.0),
)
AHU = (
    _temp("sat", "Supply air", "送风温度", "sat"),
    _temp("sat_sp", "Supply air set point", "送风温度设定", "sat_sp", noise=0.0),
    _temp("mat", "Mixed air", "混风温度", "mat"),
    _temp("rat", "Return air", "回风温度", "rat"),
    _temp("oat", "Outdoor air", "室外温度", "oat"),
    _ratio("cc", "Cooling valve", "冷水阀开度", "valve", "cc"),
    _ratio("hc", "Heating valve", "热水阀开度", "valve", "hc"),
    _ratio("oad", "Outdoor air damper", "新风阀开度", "damper", "oad"),
    _state("fan", "Fan", "风机", "on", "fan"),
    _ratio("spd", "Fan speed", "风机转速", "speed_ratio", "spd"),
    Q("dsp", "Duct static pressure", "风管静压", "pressure", "Pa", 1, 1.8, low=-100.0, high=1500.0, role="dsp"),
    Q("dsp_sp", "Duct static pressure set point", "风管静压设定", "pressure", "Pa", 0, role="dsp_sp"),
    _state("occ", "Occupied mode", "占用模式", "occupied", "occ"),
)
ROOM = (
    _temp("temperature", "Temperature", "温度", "room_temperature"),
    _ratio("humidity", "Humidity", "湿度", "humidity", noise=0.4),
    Q("co2", "CO2", "二氧化碳", "co2", "ppm", 0, 6.0, low=200.0, high=5000.0, role="co2"),
    Q("light", "Illuminance", "照度", "illuminance", "lx", 0, 4.0, low=0.0, high=100000.0),
    _state("occupied", "Occupied", "有人", "occupied", "occ"),
)
UPS = (
    _power(150.0),
    _energy(),
    _ratio("load", "Load", "负载率", "level", "load", 0.1),
    _ratio("battery", "Battery charge", "电池电量", "battery"),
    Q("battery_voltage", "Battery voltage", "电池电压", "battery_voltage", "V", 1, 0.2, low=300.0, high=600.0),
    Q("on_battery", "On battery", "电池供电", "alarm", decimals=0, states=YES_NO),
)
CRAC = (
    _power(60.0),
    _energy(),
    _state("on", "Running", "运行", "on", "status"),
    _temp("supply", "Supply air", "送风温度", "sat"),
    _temp("return", "Return air", "回风温度", "rat"),
)
HALL = (
    _temp("temperature", "Temperature", "温度", "room_temperature"),
    _ratio("humidity", "Humidity", "湿度", "humidity", noise=0.3),
)
WATER = (
    Q("water", "Water", "用水量", "water", "m3", 3, digits=6, low=0.0, role="water"),
    Q("flow", "Flow", "流量", "flow", "m3/h", 3, 0.0, low=0.0, high=80.0, role="flow"),
)
PRESSURE = Q("pressure", "Pressure", "水压", "pressure", "kPa", 1, 0.8, low=0.0, high=1000.0, role="pressure")
GAS = (
    Q("gas", "Gas", "用气量", "gas", "m3", 2, digits=6, low=0.0, role="gas"),
    Q("flow", "Flow", "流量", "flow", "m3/h", 2, low=0.0, high=200.0, role="flow"),
)
WEATHER = (
    _temp("temperature", "Outdoor temperature", "室外温度", "oat"),
    _ratio("humidity", "Outdoor humidity", "室外湿度", "humidity", noise=0.5),
    Q("irradiance", "Irradiance", "太阳辐照度", "irradiance", "W/m2", 0, 2.0, low=-20.0, high=1500.0),
    Q("wind", "Wind speed", "风速", "speed", "m/s", 1, 0.1, low=0.0, high=60.0),
)
CHARGER = (_power(30.0), _energy(), _state("charging", "Charging", "充电中", "charging"))
PLACE = (
    Q("latitude", "Latitude", "纬度", "latitude", "deg", 6, low=-90.0, high=90.0),
    Q("longitude", "Longitude", "经度", "longitude", "deg", 6, low=-180.0, high=180.0),
)
TYRES = tuple(
    Q(f"tyre_{n}", f"Tyre {n} pressure", f"{n}号胎压", "tyre_pressure", "kPa", 0, 0.6, low=0.0, high=900.0, role=f"tyre_{n}")
    for n in (1, 2, 3, 4)
)
ENGINE = (
    *PLACE,
    Q("speed", "Speed", "车速", "speed", "kn", 2, low=0.0, high=160.0, role="speed"),
    Q("heading", "Heading", "航向", "heading", "deg", 0, low=0.0, high=360.0),
    _state("ignition", "Ignition", "点火", "ignition"),
    Q("odometer", "Odometer", "里程", "odometer", "m", 0, digits=9, low=0.0, role="odometer"),
    Q("engine_hours", "Engine hours", "发动机小时", "engine_hours", "ms", 0, digits=12, low=0.0),
    Q("fuel", "Fuel level", "油量", "fuel_level", "%", 1, 0.15, low=0.0, high=100.5, role="fuel"),
    Q("battery", "Battery voltage", "蓄电池电压", "battery_voltage", "V", 2, 0.02, low=0.0, high=40.0),
    Q("coolant", "Coolant", "冷却液温度", "coolant_temperature", "degC", 2, 0.3, low=-40.0, high=150.0, role="coolant"),
    *TYRES,
    Q("dtc", "Trouble codes", "故障码数", "dtc_count", "", 0, low=0.0, high=64.0),
)
ELECTRIC = tuple(
    Q("soc", "State of charge", "剩余电量", "soc", "%", 1, low=0.0, high=100.0, role="soc")
    if quantity.id == "fuel"
    else quantity
    for quantity in ENGINE
    if quantity.id not in ("coolant", "engine_hours")
)
TRACKED = (
    *PLACE,
    Q("speed", "Speed", "车速", "speed", "km/h", 0, low=0.0, high=300.0, role="speed"),
    Q("heading", "Heading", "航向", "heading", "deg", 0, low=0.0, high=360.0),
    Q("battery", "Tracker battery", "终端电量", "battery", "%", 0, low=0.0, high=100.0),
)

TRACCAR = {
    "latitude": "latitude", "longitude": "longitude", "speed": "speed", "heading": "course", "ignition": "ignition",
    "odometer": "odometer", "engine_hours": "hours", "fuel": "fuelLevel", "soc": "batteryLevel", "battery": "power",
    "coolant": "coolantTemp", "tyre_1": "tire1Pressure", "tyre_2": "tire2Pressure", "tyre_3": "tire3Pressure",
    "tyre_4": "tire4Pressure", "dtc": "dtcs",
}  # fmt: skip
FIELDS: dict[str, dict[str, str]] = {
    "tasmota": {"power": "ENERGY.Power", "energy": "ENERGY.Total", "voltage": "ENERGY.Voltage", "current": "ENERGY.Current"},
    "owntracks": {"latitude": "lat", "longitude": "lon", "speed": "vel", "heading": "cog", "battery": "batt"},
    "traccar": TRACCAR,
    "sparkplug": {},
    "native": {},
    "thingsboard": {},
    "json": {},
}


def field_of(format: str, quantity: str) -> str:
    """What a format calls a quantity."""
    named = FIELDS[format].get(quantity)
    if named is not None:
        return named
    if format == "sparkplug":
        return f"Measurements/{quantity}"
    return f"data.{quantity}" if format == "json" else quantity


def _template(id: str, format: str, topic: str, quantities: tuple[Quantity, ...]) -> Template:
    return Template(id, format, topic, quantities, tuple(field_of(format, quantity.id) for quantity in quantities))


JSON_TOPIC = "linhai/{device}/data"

TEMPLATES: dict[str, Template] = {
    template.id: template
    for template in (
        _template("main-meter", "sparkplug", "", MAIN),
        _template("transformer-meter", "sparkplug", "", (*MAIN, WINDING)),
        _template("sparkplug-node", "sparkplug", "", ()),
        _template("tb-gateway", "thingsboard", "", ()),
        _template("submeter-tb", "thingsboard", "", SUBMETER),
        _template("submeter-json", "json", JSON_TOPIC, SUBMETER),
        _template("plug", "tasmota", "", PLUG),
        _template("chiller", "native", "", CHILLER),
        _template("pump", "native", "", PUMP),
        _template("tower", "native", "", TOWER),
        _template("boiler", "native", "", BOILER),
        _template("ahu", "native", "", AHU),
        _template("room", "native", "", ROOM),
        _template("charger", "native", "", CHARGER),
        _template("ups", "json", JSON_TOPIC, UPS),
        _template("crac", "json", JSON_TOPIC, CRAC),
        _template("hall", "json", JSON_TOPIC, HALL),
        _template("water", "json", JSON_TOPIC, WATER),
        _template("water-main", "json", JSON_TOPIC, (*WATER, PRESSURE)),
        _template("gas", "json", JSON_TOPIC, GAS),
        _template("weather", "json", JSON_TOPIC, WEATHER),
        _template("vehicle-traccar", "traccar", "", ENGINE),
        _template("vehicle-traccar-ev", "traccar", "", ELECTRIC),
        _template("vehicle-owntracks", "owntracks", "", TRACKED),
    )
}
