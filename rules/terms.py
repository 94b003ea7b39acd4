"""Words of evidence in both languages: components, checks and states that the HVAC kinds name by a code.

A text of several parts, divided by commas, is put into words part by part; a part without a word stays as it is.
"""

from __future__ import annotations

from steward.model import Text, text

KEYS = ("component", "others", "state", "check", "work", "level", "band_from", "reason", "by", "litres_from", "view", "ended")
"""Keys of evidence whose values are such codes."""

_WORDS: dict[str, tuple[str, str]] = {
    # components
    "heating_valve": ("heating valve", "热水阀"),
    "cooling_valve": ("cooling valve", "冷水阀"),
    "outdoor_air_damper": ("outdoor-air damper", "新风阀"),
    "mixed_air_sensor": ("mixed-air sensor", "混风温度传感器"),
    "outdoor_air_sensor": ("outdoor-air sensor", "室外温度传感器"),
    "supply_air_sensor": ("supply-air sensor", "送风温度传感器"),
    "return_air_sensor": ("return-air sensor", "回风温度传感器"),
    "temperature_sensor": ("temperature sensor", "温度传感器"),
    "static_pressure": ("fan or duct pressure", "风机或风管静压"),
    "control_sequence": ("control sequence", "控制程序"),
    "box_damper": ("box damper", "末端风阀"),
    "box_supply": ("air supply of the box", "末端供风"),
    "airflow_sensor": ("airflow sensor", "风量传感器"),
    "reheat_valve": ("reheat valve", "再热阀"),
    "zone_cooling": ("cooling of the zone", "区域供冷"),
    "zone_heating": ("heating of the zone", "区域供热"),
    "chiller": ("chiller", "冷水机组"),
    "pump": ("pump", "水泵"),
    "pump_or_fan": ("pump or fan", "水泵或风机"),
    "machine": ("machine", "设备"),
    # states
    "flow": ("air flows", "有风"),
    "both valves shut": ("both valves shut", "冷热水阀全关"),
    "heating": ("heating", "加热"),
    "cooling": ("cooling", "制冷"),
    "fan off": ("fan off", "风机停"),
    "heating valve shut": ("heating valve shut", "热水阀关"),
    "cooling valve half open or more": ("cooling valve half open or more", "冷水阀开度过半"),
    "heating valve half open or more": ("heating valve half open or more", "热水阀开度过半"),
    "damper full open": ("damper full open", "新风阀全开"),
    "damper shut": ("damper shut", "新风阀关"),
    "fan on": ("fan on", "风机开"),
    "occupied": ("occupied", "有人"),
    "fan at full speed": ("fan at full speed", "风机全速"),
    "outdoor air cool": ("outdoor air cool", "室外凉"),
    "outdoor air warm": ("outdoor air warm", "室外热"),
    "both valve commands 0": ("both valve commands 0", "冷热水阀指令为0"),
    "by damper command": ("by damper command", "按新风阀指令"),
    "by load": ("by load", "按负荷"),
    # views of an anomaly
    "value": ("the value itself", "数值本身"),
    "mean of 4": ("mean of 4 samples", "4个样本的均值"),
    "mean of 12": ("mean of 12 samples", "12个样本的均值"),
    "mean of 48": ("mean of 48 samples", "48个样本的均值"),
    "jump": ("jump from one sample to the next", "相邻样本跳变"),
    "jump over 24": ("jump over 24 samples", "24个样本间的跳变"),
    "profile": ("departure from the usual day or week", "偏离平常的日、周曲线"),
    "gross error": ("gross error", "粗大误差"),
    # clocks
    "wrong time": ("wrong time", "时间有误"),
    "wrong time zone": ("wrong time zone", "时区有误"),
    # checks of panels
    "pressure_low": ("pressure below its set point at full speed", "全速时静压低于设定"),
    "pressure_high": ("pressure above its set point", "静压高于设定"),
    "heating_short": ("supply air too cold at a fully open valve", "阀门全开送风仍偏冷"),
    "cooling_short": ("supply air too warm at a fully open valve", "阀门全开送风仍偏热"),
    "temperature_off": ("supply air off its set point", "送风温度偏离设定"),
    "simultaneous": ("heating and cooling at once", "同时加热与制冷"),
    "economizer_hot": ("damper open while it is warm outside", "室外炎热时新风阀大开"),
    "air_short": ("too little outdoor air", "新风不足"),
    "low_flow": ("too little air", "风量偏低"),
    "high_flow": ("too much air", "风量偏高"),
    "starved": ("fully open and short of air", "全开仍缺风"),
    "leaking_damper": ("air at a shut damper", "风阀关闭仍有风"),
    "flow_sensor": ("air flow shown with the fan off", "风机停仍显示风量"),
    "leaking_valve": ("warm at a shut valve", "阀门关闭仍加热"),
    "no_reheat": ("no heat at an open valve", "阀门打开不加热"),
    "zone_hot": ("zone too warm", "区域过热"),
    "zone_cold": ("zone too cold", "区域过冷"),
    "setback_missed": ("not set back when empty", "无人时未降低设定"),
    # features of cycles
    "full_length": ("a run at full power", "满负荷单次运行时长"),
    "full_energy": ("energy of a run at full power", "满负荷单次电量"),
    "full_mean_energy": ("mean energy of a run at full power", "满负荷单次平均电量"),
    "active_length": ("a run", "单次运行时长"),
    "active_energy": ("energy of a run", "单次电量"),
    "active_mean_energy": ("mean energy of a run", "单次平均电量"),
    # other
    "heat of water": ("heat of the water", "水侧热量"),
    "hydraulic power": ("hydraulic power", "水力功率"),
    "load": ("load", "负荷率"),
    "fault": ("fault", "故障"),
    "warning": ("warning", "预警"),
    "own history": ("own history", "自身历史"),
    "own curve": ("own curve", "自身曲线"),
    # why an alert ended without its rule
    "rule or target changed": ("rule or target changed", "规则或对象已变更"),
    "saved state refused": ("its saved state could not be used", "保存的状态无法使用"),
    "the state of the rules was lost": ("the state of the rules was lost", "规则状态已丢失"),
    # vehicles
    "no approved trip": ("no approved trip", "无批准出车单"),
    "sealed day": ("sealed day", "封存日"),
    "out of hours": ("out of hours", "非工作时间"),
    "low at rest": ("low at rest", "静置电压低"),
    "not charged": ("not charged while driving", "行驶中未充电"),
    "low at the start": ("low at the start of the engine", "启动电压低"),
    "wears out": ("falling towards its limit", "持续衰减"),
    "pressure low": ("pressure low", "胎压过低"),
    "loses against the others": ("loses pressure against the other tyres", "较其他轮胎漏气"),
    "like vehicles": ("like vehicles", "同类车辆"),
    "distance": ("distance", "里程"),
    "hours": ("engine hours", "发动机小时"),
    "every": ("date", "日期"),
    "fuel rate": ("measured fuel rate", "实测油耗率"),
    "usual rate": ("usual rate", "常规怠速油耗"),
}


def words(codes: str, language: str) -> str:
    """The codes of a text, divided by commas, in words."""
    parts = [part.strip() for part in codes.split(",")]
    found = [text(_text(part), language) if part in _WORDS else part for part in parts]
    return ("、" if language == "zh" else ", ").join(found)


def _text(code: str) -> Text:
    en, zh = _WORDS[code]
    return {"en": en, "zh": zh}
