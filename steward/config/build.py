"""A facility document -> the Facility: templates expanded, references resolved, units applied.

Everything that holds between tables is checked here, and every problem is added to the list given; what can be built is
built all the same, so that one wrong reference does not hide the next.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from steward.config.calendars import with_country
from steward.config.notices import check as check_notices
from steward.config.notices import notice_tables
from steward.config.points import Place, expand, measured
from steward.config.schema import DeviceTable, Document, PointTable, TemplateTable
from steward.config.values import expected
from steward.errors import Problem
from steward.model import (
    EQUIP_TYPES,
    Calendar,
    Channel,
    Device,
    Equip,
    Facility,
    Organisation,
    Point,
    Site,
    Space,
    Template,
    TemplatePoint,
)
from steward.units import MINUTE

Origin = dict[str, list[str]]
"""table name -> the file of each of its entries."""


NOTICES = ("channel", "recipient", "route", "digest")

_BUILT = PointTable.model_construct(id="", metric="")
"""Stands in the place of a point's table once it is built: all tables together weigh more than the facility."""


def build(document: Document, origin: Origin, formats: Collection[str] | None, problems: list[Problem]) -> Facility:
    """The facility of a document; problems between tables are added to `problems`. Uses up the document's points."""
    return _Builder(document, origin, formats, problems).facility()


class _Builder:
    def __init__(self, document: Document, origin: Origin, formats: Collection[str] | None, problems: list[Problem]) -> None:
        self.document, self.origin, self.formats, self.problems = document, origin, formats, problems
        self.spaces: dict[str, Space] = {}
        self.sites: dict[str, Site] = {}
        self.equips: dict[str, Equip] = {}
        self.calendars: dict[str, Calendar] = {}
        self.organisations: dict[str, Organisation] = {}
        self.templates: dict[str, Template] = {}
        self.devices: dict[str, Device] = {}
        self.points: dict[str, Point] = {}
        self.channels: list[Channel] = []

    def facility(self) -> Facility:
        document = self.document
        self._unique()
        self._calendars()
        self._organisations()
        self._sites()
        self._spaces()
        self._equips()
        self._templates()
        self._devices()
        self._points()
        self._brokers()
        rules = tuple((self._where("rule", number), rule) for number, rule in enumerate(document.rule))
        facility = Facility(
            document.facility.id,
            document.facility.name,
            self.organisations,
            self.sites,
            self.spaces,
            self.equips,
            self.devices,
            self.points,
            tuple(self.channels),
            self.calendars,
            self.templates,
            rules,
        )
        check_notices(notice_tables(document), facility, [table.id for table in document.broker], self._known, self._say)
        return facility

    # -- saying what is wrong

    def _where(self, table: str, number: int, key: str = "") -> str:
        entry = getattr(self.document, table)[number]
        id = entry.get("id") if isinstance(entry, dict) else getattr(entry, "id", "")
        return f"{self.origin[table][number]}:{table}[{id or number + 1}]" + (f".{key}" if key else "")

    def _say(self, table: str, number: int, key: str, message: str, expected: str = "") -> None:
        self.problems.append(Problem(self._where(table, number, key), message, expected))

    def _known(self, table: str, number: int, key: str, value: str, known: Collection[str], what: str) -> bool:
        if not value or value in known:
            return True
        self._say(table, number, key, f"no {what} {value!r}", expected(value, known, what))
        return False

    def _unique(self) -> None:
        for table in ("broker", "calendar", "organisation", "template", "device", "point", "rule", *NOTICES):
            self._once(table, {})
        places: dict[str, str] = {}  # sites, spaces and equips share one name space: feeds and admit_to name any of them
        for table in ("site", "space", "equip"):
            self._once(table, places)

    def _once(self, table: str, seen: dict[str, str]) -> None:
        for number, entry in enumerate(getattr(self.document, table)):
            id = entry.get("id") if isinstance(entry, dict) else entry.id
            if not isinstance(id, str):
                continue  # a rule without an id: said by the rules' own check
            if id in seen:
                self._say(table, number, "id", f"{id!r} is taken by {seen[id]}", "an id of its own")
            else:
                seen[id] = self._where(table, number)

    def _cycles(self, table: str, key: str, next_of: Mapping[str, Iterable[str]]) -> None:
        """Reports each entry that reaches itself, in linear time (iterative depth-first search)."""
        numbers = {entry.id: number for number, entry in enumerate(getattr(self.document, table))}
        done: set[str] = set()
        for start in next_of:
            if start in done:
                continue
            path: list[str] = []
            on_path: set[str] = set()
            stack: list[tuple[str, Iterator[str]]] = [(start, iter(next_of.get(start, ())))]
            path.append(start)
            on_path.add(start)
            while stack:
                following = next(stack[-1][1], None)
                if following is None:
                    done.add(path[-1])
                    on_path.discard(path.pop())
                    stack.pop()
                elif following in on_path:
                    loop = [*path[path.index(following) :], following]
                    if following in numbers:
                        self._say(table, numbers[following], key, "goes round in a circle: " + " > ".join(loop), "a tree")
                elif following not in done and following in next_of:
                    path.append(following)
                    on_path.add(following)
                    stack.append((following, iter(next_of[following])))

    # -- places

    def _calendars(self) -> None:
        for number, table in enumerate(self.document.calendar):
            for key, days in (("holidays", table.holidays), ("workdays", list(table.workdays))):
                for day in days:
                    try:
                        date.fromisoformat(day)
                    except ValueError:
                        self._say("calendar", number, key, f"not a date: {day!r}", "YYYY-MM-DD")
            workdays = {
                day: ("mon", "tue", "wed", "thu", "fri", "sat", "sun").index(as_) for day, as_ in table.workdays.items()
            }
            calendar = Calendar(table.id, table.hours, frozenset(table.holidays), workdays)
            if table.country or table.subdivision:
                try:
                    calendar = with_country(calendar, table.country, table.subdivision)
                except ValueError as error:
                    self._say("calendar", number, "subdivision" if table.subdivision else "country", str(error))
            self.calendars[table.id] = calendar

    def _organisations(self) -> None:
        known = {table.id for table in self.document.organisation}
        for number, table in enumerate(self.document.organisation):
            self._known("organisation", number, "parent", table.parent, known, "organisation")
            self.organisations[table.id] = Organisation(table.id, table.name, table.parent, table.kind)
        self._cycles("organisation", "parent", {id: [body.parent] for id, body in self.organisations.items() if body.parent})

    def _sites(self) -> None:
        for number, table in enumerate(self.document.site):
            self._known("site", number, "organisation", table.organisation, self.organisations, "organisation")
            self._known("site", number, "calendar", table.calendar, self.calendars, "calendar")
            try:
                ZoneInfo(table.time_zone)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                self._say(
                    "site", number, "time_zone", f"no time zone {table.time_zone!r}", "an IANA name such as Asia/Shanghai"
                )
            calendar = table.calendar
            if table.opening_hours is not None:
                if calendar:
                    self._say("site", number, "opening_hours", "stands beside calendar", "one of the two")
                calendar = f"{table.id}.hours"
                self.calendars[calendar] = Calendar(calendar, table.opening_hours)
            self.sites[table.id] = Site(
                table.id,
                table.name,
                table.organisation,
                table.time_zone,
                table.latitude,
                table.longitude,
                table.area_m2,
                table.headcount,
                calendar,
            )

    def _spaces(self) -> None:
        tables = {table.id: table for table in self.document.space}
        for number, table in enumerate(self.document.space):
            self._known("space", number, "parent", table.parent, tables, "space")
            self._known("space", number, "site", table.site, self.sites, "site")
        self._cycles("space", "parent", {id: [table.parent] for id, table in tables.items() if table.parent})
        for number, table in enumerate(self.document.space):
            site, above, steps = table.site, tables.get(table.parent), 0
            while above is not None and not site and steps < len(tables):
                site, above, steps = above.site, tables.get(above.parent), steps + 1
            if not site:
                self._say("space", number, "site", "missing", "the id of a site, here or at a parent")
            self.spaces[table.id] = Space(table.id, table.name, site, table.parent, table.area_m2)

    def _place(self, table: str, number: int, entry: Any, *, equip: bool = True) -> Place:
        """The place of an entry: an equip tells space and site, a space tells the site; what is written must agree."""
        given = Place(entry.site, entry.space, getattr(entry, "equip", "") if equip else "")
        ok = self._known(table, number, "site", given.site, self.sites, "site")
        ok &= self._known(table, number, "space", given.space, self.spaces, "space")
        ok &= self._known(table, number, "equip", given.equip, self.equips, "equip")
        if not ok:
            return given
        site, space = given.site, given.space
        if given.equip:
            space = space or self.equips[given.equip].space
            site = site or self.equips[given.equip].site
        if space:
            site = site or self.spaces[space].site
            if site != self.spaces[space].site:
                self._say(table, number, "site", f"{site!r} is not the site of space {space!r}", repr(self.spaces[space].site))
        return Place(site, space, given.equip)

    def _equips(self) -> None:
        document = self.document
        known = {table.id for table in document.equip} | set(self.spaces) | set(self.sites)
        for number, table in enumerate(document.equip):
            place = self._place("equip", number, table, equip=False)
            if not place.site and not (table.site or table.space):
                self._say("equip", number, "site", "missing", "site or space")
            self._known("equip", number, "type", table.type, EQUIP_TYPES, "equip type")
            for target in table.feeds:
                self._known("equip", number, "feeds", target, known, "equip, space or site")
            self.equips[table.id] = Equip(
                table.id, table.name, table.type, place.site, place.space, tuple(table.feeds), table.rated_power, table.plate,
                table.heating_power, table.cooling_power, table.air_flow, table.cop,
            )  # fmt: skip
        self._cycles("equip", "feeds", {id: equip.feeds for id, equip in self.equips.items() if equip.feeds})

    # -- points

    def _templates(self) -> None:
        brokers = {table.id for table in self.document.broker}
        for number, table in enumerate(self.document.template):
            self._known("template", number, "broker", table.broker, brokers, "broker")
            if self.formats is not None:
                self._known("template", number, "format", table.format, self.formats, "format")
            self._admission(number, table)
            if table.topic:
                self._topic(number, table.topic)
            points: list[TemplatePoint] = []
            ids: set[str] = set()
            for entry in table.point:
                if entry.id in ids:
                    self._say("template", number, f"point[{entry.id}].id", f"{entry.id!r} stands twice", "an id of its own")
                ids.add(entry.id)
                say = self._sayer("template", number, f"point[{entry.id}].")
                point, scale, offset = measured(entry, entry.id, table.interval, say)
                points.append(TemplatePoint(point, entry.field, scale, offset, entry.words))
            self.templates[table.id] = Template(
                table.id, table.format, table.topic, table.broker, table.options, table.admit, table.admit_to, tuple(points)
            )

    def _admission(self, number: int, table: TemplateTable) -> None:
        if table.admit and not table.admit_to:
            self._say("template", number, "admit_to", "missing", "the site, space or equip that admitted devices belong to")
        self._known(
            "template", number, "admit_to", table.admit_to, {**self.sites, **self.spaces, **self.equips}, "site, space or equip"
        )

    def _topic(self, number: int, topic: str) -> None:
        levels = topic.split("/")
        if any("#" in level and level != "#" for level in levels) or "#" in levels[:-1]:
            self._say("template", number, "topic", f"'#' stands alone and last, got {topic!r}", "an MQTT topic filter")
        if any("+" in level and level != "+" for level in levels):
            self._say("template", number, "topic", f"'+' stands alone in its level, got {topic!r}", "an MQTT topic filter")
        if topic.count("{device}") > 1:
            self._say("template", number, "topic", "{device} stands twice", "{device} once")

    def _sayer(self, table: str, number: int, prefix: str = "") -> Callable[[str, str, str], None]:
        return lambda key, message, expected: self._say(table, number, prefix + key, message, expected)

    def _devices(self) -> None:
        tables = {table.id: table for table in self.document.device}
        brokers = [table.id for table in self.document.broker]
        addresses: dict[tuple[str, str, str], str] = {}
        for number, table in enumerate(self.document.device):
            self._known("device", number, "gateway", table.gateway, tables, "device")
            self._known("device", number, "broker", table.broker, brokers, "broker")
            place = self._place("device", number, table)
            if not self._known("device", number, "template", table.template, self.templates, "template"):
                continue
            template = self.templates[table.template]
            if not (place.site or table.site or table.space or table.equip):
                self._say("device", number, "site", "missing", "site, space or equip")
            broker = table.broker or template.broker or (brokers[0] if len(brokers) == 1 else "")
            device = self._device(table, template, place, broker)
            key = (broker, template.format, device.address)
            if key in addresses:
                self._say(
                    "device", number, "address", f"{device.address!r} is the address of {addresses[key]!r} too", "one each"
                )
            addresses.setdefault(key, table.id)
            suffixes = {entry.point.id for entry in template.points}
            for suffix in table.points:
                self._known("device", number, f"points.{suffix}", suffix, suffixes, f"point of template {template.id!r}:")
            self.devices[device.id] = device
            points, channels = expand(template, device, table.points)
            self.points.update((point.id, point) for point in points)
            self.channels += channels
        self._cycles("device", "gateway", {id: [table.gateway] for id, table in tables.items() if table.gateway})

    def _device(self, table: DeviceTable, template: Template, place: Place, broker: str) -> Device:
        name = table.name or {"": table.id}
        address = table.address or table.id
        return Device(
            table.id,
            name,
            template.format,
            address,
            broker,
            place.site,
            place.space,
            place.equip,
            table.gateway,
            template.id,
        )

    def _points(self) -> None:
        for number, table in enumerate(self.document.point):
            self._known("point", number, "device", table.device, self.devices, "device")
            place = self._point_place(number, table)
            say = self._sayer("point", number)
            point, scale, offset = measured(table, table.id, MINUTE, say, place, table.device)
            if table.id in self.points:
                self._say("point", number, "id", f"{table.id!r} is a point of its device's template too", "an id of its own")
            self.points[table.id] = point
            if table.device:
                self.channels.append(Channel(table.device, table.field, table.id, scale, offset, table.words))
            self.document.point[number] = _BUILT

    def _point_place(self, number: int, table: PointTable) -> Place:
        place = self._place("point", number, table)
        if table.site or table.space or table.equip:
            return place
        device = self.devices.get(table.device)
        if device is None:
            if not table.device:
                self._say("point", number, "site", "missing", "site, space, equip or device")
            return place
        return Place(device.site, device.space, device.equip)

    def _brokers(self) -> None:
        names: dict[tuple[str, str], str] = {}
        for number, table in enumerate(self.document.broker):
            if table.share_group and table.protocol != "5":
                self._say("broker", number, "share_group", "shared subscriptions need MQTT 5", 'protocol = "5"')
            if table.embedded and not table.url.startswith("mqtt://"):
                self._say("broker", number, "url", "the embedded broker speaks plain MQTT on loopback", "mqtt://127.0.0.1:1883")
            if table.embedded and table.protocol != "3.1.1":
                self._say("broker", number, "protocol", "the embedded broker speaks MQTT 3.1.1", '"3.1.1"')
            key = (table.url, table.client_id)
            if key in names:
                self._say(
                    "broker",
                    number,
                    "client_id",
                    f"{table.client_id!r} is used at this address by {names[key]!r} too",
                    "one each",
                )
            names[key] = table.id
