"""Mappings of public data sets, so that real recordings can be replayed by name.

carobd: a real car's OBD-II at 1 Hz (idle and driving), free with citation of eron93br/carOBD; daiad_water: hourly smart water
meters, DAIAD, CC BY-SA 4.0; lbnl_ahu: air-handling units at 1 min, Granderson et al., CC BY 4.0; occupancy: an office room at
1 min, UCI 357, CC BY 4.0. The data are not part of Steward; `files_of` finds them in a folder.
"""

from __future__ import annotations

from pathlib import Path

from simulators.recording import Mapping, Recording, UnreadableRecording, Value, read

CAR_COLUMNS = (
    "ENGINE_RUN_TINE", "ENGINE_RPM", "VEHICLE_SPEED", "THROTTLE", "ENGINE_LOAD", "COOLANT_TEMPERATURE", "LONG_TERM_FUEL_TRIM",
    "SHORT_TERM_FUEL_TRIM", "INTAKE_MANIFOLD_PRESSURE", "FUEL_TANK", "ABSOLUTE_THROTTLE_B", "PEDAL_D", "PEDAL_E",
    "COMMANDED_THROTTLE", "FUEL_AIR_RATIO", "BAROMETRIC_PRESSURE", "RELATIVE_THROTTLE", "INTAKE_AIR_TEMP", "TIMING_ADVANCE",
    "CATALYST_TEMPERATURE_1", "CATALYST_TEMPERATURE_2", "CONTROL_MODULE_VOLTAGE", "EVAPORATIVE_PURGE", "TIME_WITH_MIL",
    "TIME_SINCE_CLEARED", "DISTANCE_WITH_MIL", "WARM_UPS",
)  # fmt: skip
CAR = Mapping(
    values=(
        Value("ENGINE_RUN_TINE", "engine_run", "number", "", "Engine run time since start (s)", low=0, high=1e7),
        Value("ENGINE_RPM", "engine_speed", "engine_speed", "rpm", "Engine speed", low=0, high=9000),
        Value("VEHICLE_SPEED", "speed", "speed", "km/h", "Speed", role="speed", low=0, high=300),
        Value("ENGINE_LOAD", "engine_load", "engine_load", "%", "Engine load", low=0, high=100),
        Value("COOLANT_TEMPERATURE", "coolant", "coolant_temperature", "degC", "Coolant", role="coolant", low=-40, high=150),
        Value("FUEL_TANK", "fuel", "fuel_level", "%", "Fuel level", role="fuel", low=0, high=100),
        Value("INTAKE_MANIFOLD_PRESSURE", "manifold", "pressure", "kPa", "Intake manifold", low=0, high=300),
        Value("INTAKE_AIR_TEMP", "intake", "temperature", "degC", "Intake air", low=-40, high=120),
        Value("CONTROL_MODULE_VOLTAGE", "battery", "battery_voltage", "V", "Battery voltage", role="battery", low=0, high=20),
    ),
    period=1.0,
    origin=1_546_300_800_000_000_000,  # the files state no date: 2019-01-01
    columns=CAR_COLUMNS,
    skip=1,
    trailing=True,
    equip_type="vehicle",
    interval="1s",
)
WATER = Mapping(
    values=(Value("meter.reading", "water", "water", "L", "Water register", role="water", low=0),),
    time="datetime",
    formats=("%d/%m/%Y %H:%M:%S",),
    zone="Europe/Madrid",
    device="user.key",
    delimiter=";",
    equip_type="meter",
    interval="1h",
)


def _air(column: str, id: str, metric: str, unit: str, name: str) -> Value:
    return Value(f"AHU: {column}", id, metric, unit, name, role=id)


MULTI_ZONE = Mapping(
    values=(
        _air("Supply Air Temperature", "sat", "temperature", "degF", "Supply air"),
        _air("Supply Air Temperature Set Point", "sat_sp", "temperature", "degF", "Supply air set point"),
        _air("Outdoor Air Temperature", "oat", "temperature", "degF", "Outdoor air"),
        _air("Mixed Air Temperature", "mat", "temperature", "degF", "Mixed air"),
        _air("Return Air Temperature", "rat", "temperature", "degF", "Return air"),
        _air("Supply Air Fan Status", "fan", "on", "", "Supply fan"),
        _air("Supply Air Fan Speed Control Signal", "spd", "speed_ratio", "ratio", "Supply fan speed"),
        _air("Outdoor Air Damper Control Signal  ", "oad", "damper", "ratio", "Outdoor air damper"),
        _air("Cooling Coil Valve Control Signal", "cc", "valve", "ratio", "Cooling valve"),
        _air("Heating Coil Valve Control Signal", "hc", "valve", "ratio", "Heating valve"),
        _air("Supply Air Duct Static Pressure ", "dsp", "pressure", "inH2O", "Duct static pressure"),
        _air("Supply Air Duct Static Pressure Set Point", "dsp_sp", "pressure", "inH2O", "Duct static pressure set point"),
        Value("Occupancy Mode Indicator", "occ", "occupied", "", "Occupied mode", role="occ"),
    ),
    time="Datetime",
    formats=("%m/%d/%Y %H:%M",),
    zone="America/Chicago",
    equip_type="air_handler",
)
SINGLE_ZONE = Mapping(
    values=(
        *(
            value
            for value in MULTI_ZONE.values
            if value.id in ("sat", "oat", "mat", "rat", "fan", "spd", "oad", "cc", "hc", "occ")
        ),
        _air("Supply Air Temperature Heating Set Point", "sat_sp", "temperature", "degF", "Supply air heating set point"),
    ),
    time="Datetime",
    formats=("%m/%d/%Y %H:%M",),
    zone="America/Chicago",
    equip_type="air_handler",
)
ROOM = Mapping(
    values=(
        Value("Temperature", "temperature", "temperature", "degC", "Temperature", role="room_temperature", low=-20, high=60),
        Value("Humidity", "humidity", "humidity", "%", "Humidity", low=0, high=100),
        Value("Light", "light", "illuminance", "lx", "Illuminance", low=0, high=100000),
        Value("CO2", "co2", "co2", "ppm", "CO2", role="co2", low=0, high=10000),
        Value("Occupancy", "occupied", "occupied", "", "Occupied", role="occ"),
    ),
    time="date",
    formats=("%Y-%m-%d %H:%M:%S",),
    zone="Europe/Brussels",
    columns=("row", "date", "Temperature", "Humidity", "Light", "CO2", "HumidityRatio", "Occupancy"),
    skip=1,
    equip_type="sensor",
)

PRESETS: dict[str, tuple[str, str, Mapping]] = {
    # name: folder, pattern of its files, mapping
    "carobd": ("carobd", "*.csv.gz", CAR),
    "daiad_water": ("daiad_water", "*.zip", WATER),
    "lbnl_ahu": ("lbnl_ahu", "MZVAV-2-1.csv.gz", MULTI_ZONE),
    "lbnl_ahu_single": ("lbnl_ahu", "SZVAV.csv.gz", SINGLE_ZONE),
    "occupancy": ("occupancy", "*.csv.gz", ROOM),
}


def files_of(preset: str, folder: Path) -> list[Path]:
    """The files of a preset below `folder` (the data root or the set's own folder), sorted. Raises UnreadableRecording."""
    if preset not in PRESETS:
        raise UnreadableRecording(f"no preset {preset!r}, expected one of {', '.join(PRESETS)}")
    name, pattern, _ = PRESETS[preset]
    found = sorted((folder / name).glob(pattern)) or sorted(folder.glob(pattern))
    if not found:
        raise UnreadableRecording(f"{preset}: no {name}/{pattern} in the data folder")
    return found


def load_preset(preset: str, folder: Path) -> Recording:
    """Reads the recording of a preset. Raises UnreadableRecording."""
    return read(preset, files_of(preset, folder), PRESETS[preset][2])
