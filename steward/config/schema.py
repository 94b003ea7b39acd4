"""The tables of a facility file as pydantic models: keys, types, defaults. Unknown keys are refused.

What one table says alone is checked here; what holds between tables (references, cycles, units against metrics) is
checked in `build`. The docstring of a model and the description of its fields are the reference documentation.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from steward.config.derived import BuildingTable, CategoryTable, EnergyTable, QuotaTable, ReportTable, VirtualMeterTable
from steward.config.desk import DeskTable, EscalationTable, MaintenanceTable
from steward.config.meters import LedgerTable, MeterTable
from steward.config.money_tables import AllocationTable, FactorTable, HeatingSeasonTable, MoneyTable, TariffTable
from steward.config.notices import ChannelTable, DigestTable, NoticesTable, RecipientTable, RouteTable
from steward.config.values import Duration, Flow, Id, Name, OpeningHours, Power
from steward.model import Nature
from steward.units import DAY, HOUR, MINUTE, SECOND


class Table(BaseModel):
    """A table of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FacilityTable(Table):
    """Who this is."""

    id: Id = "facility"
    name: Name = {"": "Facility"}


class StoreTable(Table):
    """The time-series store."""

    engine: Literal["embedded", "influx"] = Field("embedded", description="a file of our own (DuckDB), or an InfluxDB 2 server")
    path: str = Field("data/samples.duckdb", description="embedded: the file, relative to the working folder")
    memory_limit: str = Field("1GB", description="embedded: the most memory that DuckDB takes")
    url: str = Field("http://127.0.0.1:8086", description="influx: address of the server")
    org: str = Field("steward", description="influx: organisation")
    bucket: str = Field("steward", description="influx: bucket")
    token_env: str = Field("STEWARD_INFLUX_TOKEN", description="influx: environment variable that holds the token")
    token_file: str = Field("", description="influx: file that holds the token; wins over token_env")
    retention: Duration = Field(1825 * DAY, description="samples older than this are forgotten")


class RecordsTable(Table):
    """Operational records: alerts, acknowledgements, admitted devices."""

    url: str = Field(
        "sqlite:///data/records.db",
        description="SQLAlchemy URL without a password, e.g. postgresql+psycopg://steward@db/steward",
    )
    password_env: str = Field("", description="environment variable that holds the password")
    password_file: str = Field("", description="file that holds the password")
    retention: Duration = Field(3650 * DAY, description="resolved alerts older than this are forgotten")


class SpoolTable(Table):
    """Where batches wait while the store is down."""

    path: str = Field("data/spool", description="folder, relative to the working folder")
    limit_mb: int = Field(1024, ge=1, description="megabytes; when full, nothing more is acknowledged")


class BatchTable(Table):
    """The unit of commit."""

    max_samples: int = Field(5000, ge=1, le=1_000_000, description="a batch closes when it holds so many")
    max_wait: Duration = Field(100 * 1_000_000, description="a batch closes at this age")


class ClockTable(Table):
    """When a device's time is not believed."""

    future_limit: Duration = Field(5 * MINUTE, description="ahead of us by more than this: uncertain")
    skew_limit: Duration = Field(26 * HOUR, description="a live sample older than this on arrival: uncertain")


class ApiTable(Table):
    """The API and the page."""

    host: str = Field("127.0.0.1", description="address to listen on; others than loopback need --public")
    port: int = Field(8080, ge=0, le=65535, description="port to listen on, 0: any that is free")
    hosts: list[Annotated[str, StringConstraints(pattern=r"^[^\s/@]+$", to_lower=True)]] = Field(
        [],
        description="names that browsers reach us by, as steward.example.org: others are refused (DNS rebinding); empty: those "
        "of this machine, and any with --public",
    )
    live_interval: Duration = Field(100 * 1_000_000, description="live values are sent to pages this often")


class TlsTable(Table):
    """TLS towards a broker; paths relative to the facility file's folder."""

    ca: str = Field("", description="PEM of the authority; empty: the system's")
    cert: str = Field("", description="PEM of our certificate")
    key: str = Field("", description="PEM of our key")
    insecure: bool = Field(False, description="do not check the broker's name: for trials only")


class BrokerTable(Table):
    """An MQTT broker."""

    id: Id
    url: str = Field(
        pattern=r"^(mqtt|mqtts|ws|wss)://[^\s@]+$", description="mqtt://host:port, mqtts://, ws://host/path or wss://"
    )
    protocol: Literal["3.1.1", "5"] = Field("3.1.1", description="version of MQTT")
    client_id: str = Field("steward", min_length=1, description="names the persistent session: unique per broker")
    username: str = Field("", description="login at the broker; needs password_env or password_file")
    password_env: str = Field("", description="environment variable that holds the password")
    password_file: str = Field("", description="file that holds the password")
    keepalive: Duration = Field(15 * SECOND, ge=SECOND, description="a broker silent for two thirds of it is tried again")
    share_group: str = Field("", description="MQTT 5: shared subscription group")
    tls: TlsTable | None = Field(None, description="of mqtts and wss, where the system's authorities do not do; see below")
    embedded: bool = Field(False, description="Steward starts its own broker (NATS server) at this address")
    data: str = Field("data/broker", description="embedded: folder of its data")
    filters: list[str] = Field([], description='subscribed instead of what the templates need; embedded: ["#"] (see brokers)')


class CalendarTable(Table):
    """Opening hours, closed days, and days of a weekend that are worked."""

    id: Id
    hours: OpeningHours = Field(((),) * 7, description='when it is open, e.g. { mon-fri = "08:30-17:30" }')
    holidays: list[str] = Field([], description="closed days (YYYY-MM-DD); they win over the country's")
    workdays: dict[str, Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = Field(
        {}, description="days worked as the weekday given; they win over the country's"
    )
    country: str = Field("", description="ISO 3166 code: its public holidays and make-up workdays are filled in, see calendars")
    subdivision: str = Field("", description="part of the country with holidays of its own, e.g. BY")


class OrganisationTable(Table):
    """A body in the tree."""

    id: Id
    name: Name
    parent: str = Field("", description="id of the organisation above")
    kind: str = Field("", description="province, city, agency, company ...")


class SiteTable(Table):
    """A building or campus."""

    id: Id
    name: Name
    organisation: str = Field("", description="id of the organisation that it belongs to")
    time_zone: str = Field("UTC", description="IANA name, e.g. Asia/Shanghai: days, hours and tariffs are local")
    latitude: float | None = Field(None, ge=-90, le=90, description="degrees north")
    longitude: float | None = Field(None, ge=-180, le=180, description="degrees east")
    area_m2: float | None = Field(None, gt=0, description="floor area, for indicators and quotas")
    headcount: int | None = Field(None, ge=0, description="people who work there, for indicators and quotas")
    calendar: str = Field("", description="id of a calendar; empty: opening_hours, or always closed")
    opening_hours: OpeningHours | None = Field(None, description="short for a calendar of the site's own")


class SpaceTable(Table):
    """A zone, floor or room."""

    id: Id
    name: Name
    site: str = Field("", description="may be left out where parent is given")
    parent: str = Field("", description="id of the space that it is part of")
    area_m2: float | None = Field(None, gt=0, description="floor area, for the allocation of cost")


class EquipTable(Table):
    """An asset."""

    id: Id
    name: Name
    type: str = Field(description="one of the equip types, see metrics and units")
    site: str = Field("", description="id of the site; may be left out where space is given")
    space: str = Field("", description="id of the space that it stands in")
    feeds: list[str] = Field([], description="equips, spaces or sites that it supplies")
    rated_power: Power | None = Field(None, description="for limits in shares of it")
    plate: str = Field("", description="a vehicle's number plate")
    heating_power: Power | None = Field(None, description="design power of the heating coil: prices heat that is lost")
    cooling_power: Power | None = Field(None, description="design power of the cooling coil")
    air_flow: Flow | None = Field(None, description='design flow of supply air, "12000m3/h": where none is measured')
    cop: float | None = Field(None, gt=0, le=30, description="cold made per electricity: prices cold that is lost")


class Measured(Table):
    """What is said of a point, wherever it is written."""

    name: Name | None = None
    nature: Nature | None = Field(None, description="default: that of the metric")
    role: str = Field("", description="what it is to its equip, for rules: main, supply_air, return_water ...")
    category: str = Field("", description="sub-metering category: A1 ... D6")
    interval: Duration | None = Field(None, gt=0, description="expected time between samples")
    low: float | None = Field(None, description="least valid value, in the point's unit")
    high: float | None = Field(None, description="greatest valid value, in the point's unit")
    digits: int | None = Field(None, ge=1, le=18, description="register digits of a counter")
    rated_power: Power | None = Field(None, description="most power its meter can see: a limit of its register")
    display_unit: str = Field("", description="unit on the page; default: chosen by size")


def _states(value: Any) -> Any:
    return {int(code): word for code, word in value.items()} if isinstance(value, dict) else value


class PointFields(Measured):
    """A quantity and its way in."""

    metric: str = Field(description="kind of quantity, see metrics and units")
    unit: str = Field("", description="of the value as sent; default: the canonical unit of the metric")
    scale: float = Field(1.0, description="applied to the value as sent, before its unit")
    field: str = Field("", description="what the format calls it; for format json a JMESPath")
    words: dict[str, float] = Field({}, description="text values -> numbers")
    states: Annotated[dict[int, str], BeforeValidator(_states)] = Field({}, description="codes -> words of a state")


class TemplatePointTable(PointFields):
    """A point that each device of the template has; its id becomes `<device>.<id>`."""

    id: Id
    field: str = Field(description="what the format calls it; for format json a JMESPath")


class TemplateTable(Table):
    """What devices of one make send, written once."""

    id: Id
    format: str = Field(description="of the payload, see formats")
    topic: str = Field("", description="topic filter with {device} where the address stands; empty: the format's own")
    broker: str = Field("", description="empty: every broker")
    interval: Duration = Field(60 * SECOND, gt=0, description="expected time between samples of its points")
    options: dict[str, Any] = Field({}, description="for the format's decoder")
    admit: bool = Field(False, description="admit devices that are not listed when they first appear")
    admit_to: str = Field("", description="the site, space or equip that admitted devices belong to")
    point: list[TemplatePointTable] = Field([], description="what every device of it has; see below")


class OverrideTable(Measured):
    """What one device's point has of its own."""


class DeviceTable(Table):
    """What has an address on the network."""

    id: Id
    name: Name | None = None
    template: str = Field(description="id of a template")
    address: str = Field("", description="what the topic or payload calls it; default: id")
    broker: str = Field("", description="id of the broker that it speaks at; default: the template's")
    site: str = Field("", description="id of the site where it is; may be left out where space or equip is given")
    space: str = Field("", description="id of the space where it is")
    equip: str = Field("", description="id of the equip that it measures")
    gateway: str = Field("", description="id of the device that speaks for it")
    points: dict[str, OverrideTable] = Field({}, description="by the id of the template's point")


class PointTable(PointFields):
    """A point of its own."""

    id: Id
    site: str = Field("", description="id of the site; may be left out where space, equip or device is given")
    space: str = Field("", description="id of the space that it belongs to")
    equip: str = Field("", description="id of the equip that it belongs to")
    device: str = Field("", description="id of the device that sends it; goes with field")

    @model_validator(mode="after")
    def _field_needs_device(self) -> PointTable:
        if bool(self.field) != bool(self.device):
            raise ValueError("device and field belong together")
        return self


class Document(Table):
    """A facility file, whole."""

    facility: FacilityTable = FacilityTable()
    store: StoreTable = StoreTable()
    records: RecordsTable = RecordsTable()
    spool: SpoolTable = SpoolTable()
    batch: BatchTable = BatchTable()
    clock: ClockTable = ClockTable()
    api: ApiTable = ApiTable()
    desk: DeskTable = DeskTable()
    notices: NoticesTable = NoticesTable()
    money: MoneyTable = MoneyTable()
    packs: list[str] = Field([], description="shipped rule packs to switch on")
    broker: list[BrokerTable] = []
    calendar: list[CalendarTable] = []
    organisation: list[OrganisationTable] = []
    site: list[SiteTable] = []
    space: list[SpaceTable] = []
    equip: list[EquipTable] = []
    template: list[TemplateTable] = []
    device: list[DeviceTable] = []
    point: list[PointTable] = []
    energy: EnergyTable = EnergyTable()
    report: ReportTable = ReportTable()
    ledger: LedgerTable = LedgerTable()
    meter: list[MeterTable] = []
    virtual_meter: list[VirtualMeterTable] = []
    building: list[BuildingTable] = []
    quota: list[QuotaTable] = []
    category: list[CategoryTable] = []
    channel: list[ChannelTable] = []
    recipient: list[RecipientTable] = []
    route: list[RouteTable] = []
    digest: list[DigestTable] = []
    maintenance: list[MaintenanceTable] = []
    escalation: list[EscalationTable] = []
    tariff: list[TariffTable] = []
    factor: list[FactorTable] = []
    allocation: list[AllocationTable] = []
    heating_season: list[HeatingSeasonTable] = []
    rule: list[dict[str, Any]] = Field([], description="checked by the rule's kind")
