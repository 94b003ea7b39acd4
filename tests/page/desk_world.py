"""The campus with rules, trials and a delivery log, for the tests and pictures of the alert desk.

Real parts: rules bound by the engine, trials in a process of their own over the stored week, the outbox in the records
database. Two channels: one that delivers, one whose server is gone. A switchboard alert masks what its meter feeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from api.services import Services, Wording, plain_wording
from api.services_notices import NoNotices
from rules.contract import Rule
from rules.engine import Engine
from rules.load import load
from rules.masking import Masks
from steward.app.alerts.judge import worded
from steward.app.alerts.rulebook import Rulebook
from steward.app.trials.desk import Desk
from steward.app.trials.runs import Trials
from steward.model import Alert, Condition, Facility, Severity
from steward.records import AlertRecord, Records
from steward.records.desk import DeskRecords
from steward.records.outbox import Delivery, Outbox, Parcel
from steward.units import DAY, HOUR, MINUTE
from tests.page.campus import Campus, campus
from tests.page.server import Service

RULES: list[Mapping[str, Any]] = [
    {"id": "water.night_flow", "kind": "threshold", "severity": "critical", "match": {"metric": "flow"}, "above": "1.44m3/h",
     "for": "10m", "source": "four times the flow of the quiet hours",
     "title": {"en": "{equip} runs at {value} at night", "zh": "{equip}夜间流量{value}"},
     "why": {"en": "Water that runs while nobody is there is a leak or an open valve.",
             "zh": "无人时仍有流量，多为漏水或阀门未关。"},
     "check": {"en": "Close the main valve for five minutes and watch the meter.", "zh": "关总阀五分钟，观察水表。"}},
    {"id": "energy.out_of_hours", "kind": "schedule", "severity": "high", "above": "25kW", "for": "15m",
     "match": {"equip_type": "chiller", "metric": "power"}, "source": "standby of the machine",
     "why": {"en": "Cooling an empty building is the largest waste that a switch can end.",
             "zh": "为空楼供冷，是一开关即可消除的最大浪费。"},
     "check": {"en": "The schedule override in the plant controller.", "zh": "冷站控制器的日程强制。"}},
    {"id": "chiller-high", "kind": "threshold", "severity": "medium", "above": "110kW", "for": "10m", "keep_firing_for": "5m",
     "match": {"equip_type": "chiller", "metric": "power"}, "while": {"metric": "on", "above": 0},
     "source": "operator's choice",
     "why": {"en": "Above this the tariff's demand limit is near.", "zh": "超过此值接近需量上限。"}},
    {"id": "supply.lost", "kind": "stale", "severity": "critical", "match": {"metric": "power"}, "masks": "below"},
]  # fmt: skip


def campus_with_rules() -> Campus:
    """The campus of the page's tests with rules of its own."""
    found = campus()
    tables = tuple((f"facility.toml:rule[{table['id']}]", table) for table in RULES)
    return Campus(replace(found.facility, rules=tables), found.index)


class OutboxDesk(NoNotices):
    """The delivery log of a service: the real outbox, with two channels."""

    def __init__(self, records: Records, clock: Any) -> None:
        self.outbox, self._clock = Outbox(records.database), clock

    def log(self, **filters: Any) -> Sequence[Delivery]:
        """The delivery log, newest first."""
        return self.outbox.log(**filters)

    def channels(self) -> Sequence[Mapping[str, Any]]:
        """Two channels with their counts."""
        counts = self.outbox.counts()
        rows = []
        for id, type, error in (("ding-duty", "dingtalk", ""), ("mail", "email", "connection refused")):
            states = {state: counts.get((id, state), 0) for state in ("waiting", "sending", "sent", "dead", "dropped")}
            rows.append({"id": id, "type": type, "rate": 20, "last_sent": None, "error": error, **states})
        return rows

    def again(self, id: int) -> Delivery:
        """A dead notice is tried again."""
        return self.outbox.again(id, self._clock())


def wording(record: AlertRecord, engine: Engine, facility: Facility) -> Wording:
    """The rule's own sentences; the page's where the rule is not there."""
    rule = engine.rules.get(record.alert.rule)
    return worded(record, rule, facility) if rule and rule.title else replace(plain_wording(record, facility), **reasons(rule))


def reasons(rule: Rule | None) -> dict[str, Any]:
    """Why a rule exists and what to check first."""
    return {"why": rule.why, "check": rule.check} if rule else {}


class DeskService(Service):
    """The service with everything that the desk shows."""

    def masks(self, rule: str) -> Masks:
        """A lost supply explains what hangs below it."""
        return "below" if rule == "supply.lost" else ""

    def _services(self, now: int) -> Services:
        services = super()._services(now)
        facility, index = self.campus.facility, self.campus.index
        loaded = load(facility.rules, facility, ("basic",))
        assert not loaded.problems
        engine, book = Engine(loaded.rules, facility, index), Rulebook()
        trials = Trials(lambda: facility, index, self.store, services.clock)
        self.notices = OutboxDesk(self.records, services.clock)
        told(self.notices.outbox, self.records, now)
        return replace(
            services,
            rules=lambda: book.states(engine, facility, ("basic",)),
            wording=lambda record, place: wording(record, engine, place),
            trials=Desk(trials, lambda: facility, lambda: ("basic",), self.desk.labels),
            notices=self.notices,
        )

    async def _seed(self, now: int) -> None:
        await super()._seed(now)
        if not self._with_alerts:
            return
        told = self.records.record_alerts(more_alerts(now), now)
        priced = {record.id: 1030.0 for record in told if record.alert.rule == "chiller-high"}
        DeskRecords(self.records.database).set_costs(priced, now)


def more_alerts(now: int) -> list[Alert]:
    """A cause that masks its consequence, earlier episodes, one alert with all its evidence."""
    points, since = ("b.main.power",), now - 20 * MINUTE
    lost = Alert("supply.lost", "stale", Severity.CRITICAL, "b.main", points, Condition.FIRING, since, now)
    warm = Alert(
        "comfort.supply_air", "profile", Severity.MEDIUM, "b.ahu3.supply", ("b.ahu3.supply",), Condition.FIRING,
        now - 18 * MINUTE, now, now - 17 * MINUTE,
        value=19.4, worst=19.6, limit=18.2, evidence={"unit": "degC", "cost": UNPRICED, "counterfactual": CLEARS},
    )  # fmt: skip
    full = Alert(
        "chiller-high", "threshold", Severity.MEDIUM, "c.ch2.power", ("c.ch2.power",), Condition.FIRING,
        now - 5 * HOUR, now, now - 5 * HOUR + 10 * MINUTE, value=131e3, worst=138e3, limit=110e3, evidence=EVIDENCE,
    )  # fmt: skip
    earlier = [
        Alert(
            "water.night_flow", "threshold", Severity.CRITICAL, "c.water.flow", ("c.water.flow",), Condition.RESOLVED,
            now - days * DAY, now - days * DAY + hours * HOUR, now - days * DAY + 10 * MINUTE, now - days * DAY + hours * HOUR,
            1.1e-4, 6.2e-4, 4e-4,
        )
        for days, hours in ((2, 3), (4, 5), (9, 2), (17, 7), (26, 4))
    ]  # fmt: skip
    return [replace(lost, fired=now - 19 * MINUTE, value=1200.0, worst=1200.0, limit=360.0), warm, full, *earlier]


UNPRICED = {"reason": "comfort", "why": {"en": "warm air costs nothing by itself", "zh": "送风偏热本身不产生费用"}}
CLEARS = {"en": "It would clear within 17.0 °C to 18.2 °C.", "zh": "回到 17.0 至 18.2 °C 即解除。"}
EVIDENCE: dict[str, Any] = {
    "unit": "W",
    "first": 112e3,
    "expected_low": 70e3,
    "expected_high": 96e3,
    "clear_at": 108e3,
    "cost": {
        "money": 214.6, "currency": "CNY", "energy": 268e3, "volume": None, "carbon": 142.2, "coal": 32.9, "per_day": 1030.0,
        "share_estimated": 0.02, "basis": {"register": "", "gauge": "c.ch2.power", "how": "above", "level": 96e3},
    },
}  # fmt: skip
"""Evidence as the ledger prices it: 268 kWh in five hours."""


def told(outbox: Outbox, records: Records, now: int) -> None:
    """Who was told of the alerts that fire: one delivered, one given up, one that waits."""
    alerts = {alert.rule: alert for alert in records.active()}
    out, water = alerts.get("energy.out_of_hours"), alerts.get("water.night_flow")
    if out is None or water is None:
        return

    def parcel(key: str, channel: str, whom: str, record: Any, title: str) -> Parcel:
        statuses = {record.id: "firing"}
        return Parcel(key, channel, whom, "grave", "{}", "alerts", "first notification", title, statuses, {}, now)

    outbox.put(
        [parcel("1", "ding-duty", "duty engineer", out, "Chiller 2 runs out of hours")], [], now - 16 * HOUR + 6 * MINUTE
    )
    outbox.put([parcel("2", "mail", "lead@block-a.example", water, "Water main runs at night")], [], now - 40 * MINUTE)
    outbox.put([parcel("3", "ding-duty", "duty engineer", water, "Water main runs at night")], [], now - 46 * MINUTE)
    ids = {one.key: one.id for one in outbox.log()}
    for key, at in (("1", now - 16 * HOUR + 7 * MINUTE), ("2", now - 39 * MINUTE)):
        outbox.begin(ids[key], at)
    outbox.sent(ids["1"], "errcode 0", now - 16 * HOUR + 7 * MINUTE)
    outbox.give_up(ids["2"], "connection refused", now - 38 * MINUTE)


def desk_service(folder: Path, **more: Any) -> DeskService:
    """The service in a folder."""
    return DeskService(folder, campus_with_rules(), **more)
