"""The facility file: what loads, and that every problem is said at once with file, table and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from steward.config import admit, load, parse, secret
from steward.errors import ConfigError
from steward.model import Nature

GOOD = """
[facility]
id = "f"
name = { en = "Campus", zh = "园区" }
[[organisation]]
id = "zj"
name = "Zhejiang"
[[organisation]]
id = "linhai"
name = "Linhai"
parent = "zj"
[[calendar]]
id = "office"
hours = { mon-fri = "08:30-12:00, 13:00-17:30", sat = "09:00-12:00" }
holidays = ["2026-10-01"]
workdays = { "2026-10-10" = "thu" }
[[site]]
id = "a"
name = "Block A"
organisation = "linhai"
time_zone = "Asia/Shanghai"
calendar = "office"
[[space]]
id = "a.1"
name = "Floor 1"
site = "a"
[[space]]
id = "a.1.plant"
name = "Plant room"
parent = "a.1"
[[equip]]
id = "chiller"
name = "Chiller"
type = "chiller"
space = "a.1.plant"
rated_power = "200kW"
[[broker]]
id = "main"
url = "mqtt://127.0.0.1:1883"
[[template]]
id = "plug"
format = "tasmota"
topic = "tele/{device}/SENSOR"
interval = "5m"
admit = true
admit_to = "a.1.plant"
[[template.point]]
id = "power"
field = "ENERGY.Power"
metric = "power"
unit = "kW"
low = 0
high = 5
[[template.point]]
id = "temperature"
field = "T"
metric = "temperature"
unit = "degF"
[[template.point]]
id = "energy"
field = "ENERGY.Total"
metric = "energy"
unit = "kWh"
digits = 6
[[device]]
id = "plug-1"
template = "plug"
address = "plug_1"
equip = "chiller"
points = { power = { role = "power", high = 10, interval = "30s" } }
[[point]]
id = "outdoor"
site = "a"
metric = "temperature"
unit = "degC"
"""


def problems(*texts: str, **options: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse([(f"{number}.toml", text) for number, text in enumerate(texts)], **options)  # type: ignore[arg-type]
    return [str(problem) for problem in caught.value.problems]


def test_a_good_file_becomes_a_facility_in_canonical_units() -> None:
    facility = parse([("f.toml", GOOD)]).facility
    power = facility.points["plug-1.power"]
    assert (power.unit, power.low, power.high, power.interval) == ("W", 0.0, 10_000.0, 30_000_000_000)
    assert (power.site, power.space, power.equip, power.device) == ("a", "a.1.plant", "chiller", "plug-1")
    energy = facility.points["plug-1.energy"]
    assert (energy.nature, energy.digits, energy.register_unit) == (Nature.COUNTER, 6, "kWh")
    channel = next(channel for channel in facility.channels if channel.point == "plug-1.temperature")
    assert 68 * channel.scale + channel.offset == pytest.approx(20)
    assert facility.equips["chiller"].rated_power == 200_000
    assert facility.equips["chiller"].site == "a"
    assert facility.calendars["office"].hours[4] == ((510, 720), (780, 1050))
    assert facility.calendars["office"].workdays == {"2026-10-10": 3}


def test_a_template_with_admission_takes_a_device_that_appears_later() -> None:
    facility = parse([("f.toml", GOOD)]).facility
    grown, device = admit(facility, "plug", "new plug", "main")
    assert grown.devices["new_plug"] is device
    assert (device.address, device.broker, device.space) == ("new plug", "main", "a.1.plant")
    assert grown.points["new_plug.energy"].site == "a"
    assert "new_plug" not in facility.devices


def test_every_problem_is_reported_at_once_with_file_table_and_key() -> None:
    found = problems(
        GOOD,
        """
        [[site]]
        id = "b"
        name = "B"
        time_zone = "Asia/Shanghay"
        organisation = "linhia"
        [[equip]]
        id = "pump"
        name = "Pump"
        type = "pomp"
        site = "b"
        feeds = ["nothing"]
        [[point]]
        id = "p"
        site = "b"
        metric = "powr"
        [[point]]
        id = "q"
        site = "b"
        metric = "power"
        unit = "degC"
        low = 5
        high = 1
        """,
    )
    assert found == [
        "1.toml:site[b].organisation: no organisation 'linhia', expected one of linhai",
        "1.toml:site[b].time_zone: no time zone 'Asia/Shanghay', expected an IANA name such as Asia/Shanghai",
        "1.toml:equip[pump].type: no equip type 'pomp', expected one of pump",
        "1.toml:equip[pump].feeds: no equip, space or site 'nothing', expected the id of an equip, space or site",
        "1.toml:point[p].metric: no metric 'powr', expected one of power",
        "1.toml:point[q].unit: 'degC' is a unit of degC, expected a unit of W, as power is",
        "1.toml:point[q].low: 5.0 is not below high, 1.0, expected low < high",
    ]


def test_wrong_types_and_unknown_keys_of_several_files_are_reported_together() -> None:
    found = problems('[[site]]\nid = "a"\nnam = "A"\n', '[api]\nport = "http"\n[store]\nretention = 5\n')
    assert found[0] == "0.toml:site[a].name: missing, expected this key is required"
    assert found[1].startswith("0.toml:site[a].nam: unknown key")
    assert found[2].startswith("1.toml:store.retention: expected a duration in quotes")
    assert found[3].startswith("1.toml:api.port: ")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (
            '[[organisation]]\nid="a"\nname="A"\nparent="b"\n[[organisation]]\nid="b"\nname="B"\nparent="a"\n',
            "circle: a > b > a",
        ),
        ('[[equip]]\nid="x"\nname="X"\ntype="pump"\nsite="s"\nfeeds=["x"]\n[[site]]\nid="s"\nname="S"\n', "circle: x > x"),
        ('[[site]]\nid="s"\nname="S"\n[[site]]\nid="s"\nname="T"\n', "'s' is taken by 0.toml:site[s]"),
        ('[[broker]]\nid="m"\nurl="mqtt://h:1"\npassword="x"\n', "password_env or password_file: secrets never stand"),
        ('[[broker]]\nid="m"\nurl="mqtt://h:1"\nshare_group="g"\n', "shared subscriptions need MQTT 5"),
        ('[[broker]]\nid="m"\nurl="http://h:1"\n', "broker[m].url"),
        ('[[calendar]]\nid="c"\nhours={ mon="17:00-08:00" }\n', "hours must rise within one day"),
        ('[[calendar]]\nid="c"\nhours={ monday="08:00-09:00" }\n', "unknown day 'monday'"),
        ('[[calendar]]\nid="c"\nholidays=["1 May"]\n', "not a date: '1 May'"),
        ('[[template]]\nid="t"\nformat="json"\ntopic="a/#/b"\n', "'#' stands alone and last"),
        ('[[template]]\nid="t"\nformat="json"\nadmit=true\n', "template[t].admit_to: missing"),
        ('[[point]]\nid="a b"\nmetric="power"\nsite="s"\n[[site]]\nid="s"\nname="S"\n', "point[a b].id"),
        ('[[point]]\nid="p"\nmetric="power"\ndigits=6\nsite="s"\n[[site]]\nid="s"\nname="S"\n', "a gauge has no register"),
        (
            '[[point]]\nid="p"\nmetric="power"\nfield="x"\nsite="s"\n[[site]]\nid="s"\nname="S"\n',
            "device and field belong together",
        ),
        ("[[site]\n", "not TOML"),
    ],
)
def test_what_is_wrong_is_named(text: str, part: str) -> None:
    assert part in "\n".join(problems(text))


def test_a_format_that_does_not_exist_is_named_with_the_nearest() -> None:
    found = problems(GOOD.replace('"tasmota"', '"tasmotta"'), formats={"tasmota", "json"})
    assert found == ["0.toml:template[plug].format: no format 'tasmotta', expected one of tasmota"]


def test_a_folder_adds_up_and_a_single_table_stands_in_one_file_only(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "b.toml").write_text('[api]\nport = 1\n[[site]]\nid = "b"\nname = "B"\n', encoding="utf-8")
    settings = load(tmp_path)
    assert set(settings.facility.sites) == {"a", "b"}
    assert settings.api.port == 1
    (tmp_path / "c.toml").write_text("[api]\nport = 2\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"c.toml:api: stands in b.toml too, expected one file only"):
        load(tmp_path)


def test_a_missing_file_and_an_empty_folder_are_config_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load(tmp_path / "no.toml")
    with pytest.raises(ConfigError, match="no facility file here"):
        load(tmp_path)


def test_a_secret_comes_from_a_file_or_the_environment_and_a_missing_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc\n")
    assert secret("store.token_file", "T", "token", {"T": "env"}, tmp_path) == "abc"
    assert secret("store.token_env", "T", "", {"T": "env"}, tmp_path) == "env"
    with pytest.raises(ConfigError, match="environment variable T is not set"):
        secret("store.token_env", "T", "", {}, tmp_path, required=True)
    with pytest.raises(ConfigError, match="cannot read gone"):
        secret("store.token_file", "", "gone", {}, tmp_path)
