"""The engine: routing, late samples, inputs by role, restarts, reloads, absence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

from rules.contract import Column, Findings, Input, Kind, Rule, State, Target
from rules.engine import Engine
from rules.kinds.rate import Rate
from rules.kinds.stale import Stale
from rules.kinds.threshold import Threshold
from rules.quantity import Duration, Limit
from steward.model import (
    Alert,
    Batch,
    ByteArray,
    Condition,
    Device,
    Equip,
    Facility,
    FloatArray,
    IntArray,
    Nature,
    Organisation,
    Point,
    PointIndex,
    Quality,
    Site,
)
from steward.units import HOUR, MINUTE

M = MINUTE


def point(id: str, equip: str = "", role: str = "", device: str = "", metric: str = "power", interval: int = M) -> Point:
    unit = {"power": "W", "temperature": "degC", "on": "1"}[metric]
    nature = Nature.STATE if metric == "on" else Nature.GAUGE
    return Point(id, {"": id}, metric, unit, nature, "s", "", equip, device, role, "", interval)


def facility(*points: Point, gateways: Mapping[str, str] | None = None) -> Facility:
    equips = {one.equip: Equip(one.equip, {"": one.equip}, "air_handler", one.site) for one in points if one.equip}
    names = {one.device for one in points if one.device} | set((gateways or {}).values())
    behind = gateways or {}
    devices = {name: Device(name, {"": name}, "native", name, "main", "s", gateway=behind.get(name, "")) for name in names}
    return Facility(
        id="f", name={"": "f"}, organisations={"o": Organisation("o", {"": "o"})}, sites={"s": Site("s", {"": "s"}, "o")},
        spaces={}, equips=equips, devices=devices, points={one.id: one for one in points}, channels=(), calendars={},
        templates={},
    )  # fmt: skip


def threshold(id: str = "high", wait: int = 0, above: str = "5", keep: int = 0, **more: Any) -> Rule:
    return Rule(id, Threshold(above=Limit(above)), wait=wait, keep=keep, **more)


def feed(
    engine: Engine, index: PointIndex, *samples: tuple[str, int, float], now: int | None = None, **more: Any
) -> list[Alert]:
    numbers, at, value = zip(*((index.add(id), at, value) for id, at, value in samples), strict=True)
    return engine.feed(Batch.of(numbers, at, value, **more), max(at) if now is None else now)


def story(alerts: list[Alert]) -> list[tuple[str, str, int]]:
    return [(alert.target, alert.condition.value, alert.at // M) for alert in alerts]


@pytest.fixture
def index() -> PointIndex:
    return PointIndex()


def test_a_point_that_no_rule_watches_is_passed_over(index: PointIndex) -> None:
    engine = Engine([threshold(match={"point": ("a",)})], facility(point("a"), point("b")), index)
    assert story(feed(engine, index, ("b", 0, 9), ("a", 0, 9), ("new", 0, 9))) == [("a", "firing", 0)]


def test_an_engine_without_rules_swallows_everything(index: PointIndex) -> None:
    engine = Engine([], facility(point("a")), index)
    assert feed(engine, index, ("a", 0, 9)) == [] == engine.tick(HOUR)
    assert engine.restore(engine.snapshot(), 0) == []


def test_two_rules_of_one_kind_judge_the_same_point_apart(index: PointIndex) -> None:
    engine = Engine([threshold("low", above="5"), threshold("high", above="8", wait=M)], facility(point("a")), index)
    assert [alert.rule for alert in feed(engine, index, ("a", 0, 9))] == ["low"]
    assert [alert.rule for alert in feed(engine, index, ("a", M, 9))] == ["high"]
    assert len(engine.banks) == 1


def test_historical_bad_future_late_and_duplicate_samples_are_counted_and_not_judged(index: PointIndex) -> None:
    engine = Engine([threshold()], facility(point("a")), index)
    feed(engine, index, ("a", 10 * M, 1))
    assert feed(engine, index, ("a", 11 * M, 9), historical=True) == []
    assert feed(engine, index, ("a", 11 * M, 9), quality=Quality.BAD) == []
    assert feed(engine, index, ("a", 99 * M, 9), now=12 * M) == []
    assert feed(engine, index, ("a", 9 * M, 9), now=12 * M) == []
    assert feed(engine, index, ("a", 10 * M, 9), now=12 * M) == []
    assert +engine.counts == {"historical": 1, "bad": 1, "future": 1, "late": 1, "duplicate": 1}
    assert story(feed(engine, index, ("a", 12 * M, 9), quality=Quality.UNCERTAIN)) == [("a", "firing", 12)]


def test_the_watermark_waits_for_samples_on_their_way(index: PointIndex) -> None:
    engine = Engine([threshold(wait=2 * M)], facility(point("a")), index, lateness=5 * 10**9)
    feed(engine, index, ("a", 0, 9))
    assert engine.tick(2 * M + 5 * 10**9) == []
    assert story(engine.tick(2 * M + 6 * 10**9)) == [("a", "firing", 2)]


def test_ids_are_the_same_for_the_same_episode_and_differ_between_episodes(index: PointIndex) -> None:
    engine = Engine([threshold()], facility(point("a")), index)
    alerts = feed(engine, index, ("a", 0, 9)) + feed(engine, index, ("a", M, 1)) + feed(engine, index, ("a", 2 * M, 9))
    assert [alert.condition.value for alert in alerts] == ["firing", "resolved", "firing"]
    assert alerts[0].id == alerts[1].id != alerts[2].id


def test_keep_firing_for_bridges_short_returns_and_ends_at_its_time(index: PointIndex) -> None:
    engine = Engine([threshold(keep=2 * M)], facility(point("a")), index)
    samples = [9, 1, 9, 1, 1, 1, 1]
    alerts = [one for number, value in enumerate(samples) for one in feed(engine, index, ("a", number * M, value))]
    assert story(alerts) == [("a", "firing", 0), ("a", "resolved", 5)]


def test_a_firing_alert_ends_by_time_alone_when_samples_stop_after_the_return(index: PointIndex) -> None:
    engine = Engine([threshold(keep=10 * M)], facility(point("a")), index, lateness=0)
    feed(engine, index, ("a", 0, 9), ("a", M, 1))
    assert engine.tick(11 * M) == []
    assert story(engine.tick(11 * M + 1)) == [("a", "resolved", 11)]


def test_active_tells_the_worst_so_far_and_pending_on_request(index: PointIndex) -> None:
    engine = Engine([threshold(wait=10 * M)], facility(point("a")), index)
    for minute, value in enumerate((6, 9, 7)):
        feed(engine, index, ("a", minute * M, value))
    assert engine.active() == []
    (alert,) = engine.active(pending=True)
    assert (alert.condition, alert.value, alert.worst, alert.fired) == (Condition.PENDING, 7, 9, None)


class Spread(Kind, frozen=True, kw_only=True):
    """A kind of the tests with several inputs: supply above return by more than `more`, in the shade of an optional outdoor."""

    NAME: ClassVar[str] = ""  # not for the list of kinds
    INPUTS: ClassVar[tuple[Input, ...]] = (Input("supply"), Input("return"), Input("outdoor", required=False, scope="site"))

    more: float = 5.0

    def parameters(self, target: Target) -> Mapping[str, float]:
        return {"more": self.more}

    def state(self) -> Mapping[str, Column]:
        return {"steps": Column(np.int64), "outdoor": Column(np.float64, np.nan)}

    @classmethod
    def step(cls, state: State, rows: IntArray, at: IntArray, value: FloatArray, quality: ByteArray) -> Findings:
        assert value.shape == quality.shape == (len(rows), 3)
        state.put("steps", rows, state.get("steps", rows) + 1)
        state.put("outdoor", rows, value[:, 2])
        difference = value[:, 0] - value[:, 1]
        return Findings(difference > state.get("more", rows), difference)


def air_handlers() -> Facility:
    temperature = {"metric": "temperature"}
    return facility(
        point("s1", "ahu-1", "supply", **temperature), point("r1", "ahu-1", "return", **temperature),
        point("s2", "ahu-2", "supply", **temperature), point("r2", "ahu-2", "return", **temperature),
        point("s3", "ahu-3", "supply", **temperature), point("out", "", "outdoor", **temperature, interval=30 * M),
        point("on1", "ahu-1", "fan", metric="on"),
    )  # fmt: skip


def test_a_kind_with_inputs_binds_by_role_and_says_where_it_does_not_apply(index: PointIndex) -> None:
    engine = Engine([Rule("spread", Spread())], air_handlers(), index)
    assert engine.bindings() == {"spread": 2}
    assert [(one.target, one.reason) for one in engine.not_applicable()] == [("ahu-3", "missing role return")]


def test_a_moment_is_judged_once_with_all_its_inputs_whatever_their_order(index: PointIndex) -> None:
    engine = Engine([Rule("spread", Spread())], air_handlers(), index)
    alerts = feed(engine, index, ("s1", 0, 30), ("s2", 0, 30), ("r1", 0, 20), ("r2", 0, 28))
    assert story(alerts) == [("ahu-1", "firing", 0)]
    assert alerts[0].value == 10
    assert alerts[0].points == ("s1", "r1", "out")
    alerts = feed(engine, index, ("r1", M, 29), ("r2", M, 10), ("s2", M, 30), ("s1", M, 30))
    assert story(alerts) == [("ahu-1", "resolved", 1), ("ahu-2", "firing", 1)]
    assert engine.banks[0].state["steps"].tolist() == [2, 2]


def test_an_input_of_another_rate_holds_and_one_too_old_makes_the_moment_incomplete(index: PointIndex) -> None:
    engine = Engine([Rule("spread", Spread())], air_handlers(), index, lateness=0)
    feed(engine, index, ("out", 0, 5), ("r1", 0, 20), ("s1", 2 * M, 30))
    assert story(engine.tick(2 * M + 1)) == [("ahu-1", "firing", 2)]  # the watermark closes the moment, with the held return
    state = engine.banks[0].state
    assert state["outdoor"].tolist()[0] == 5
    feed(engine, index, ("s1", 9 * M, 20))
    assert engine.tick(9 * M + 1) == []
    assert engine.counts["incomplete"] == 1
    assert len(engine.active()) == 1


def test_an_optional_input_may_be_missing(index: PointIndex) -> None:
    here = facility(point("s", "a", "supply", metric="temperature"), point("r", "a", "return", metric="temperature"))
    engine = Engine([Rule("spread", Spread())], here, index)
    assert story(feed(engine, index, ("s", 0, 30), ("r", 0, 20))) == [("a", "firing", 0)]
    assert np.isnan(engine.banks[0].state["outdoor"][0])


def test_inputs_may_be_split_over_batches(index: PointIndex) -> None:
    names = ("r1", "s2", "s1", "r2")
    samples = [(name, minute * M, 20.0 + (minute % 7) * (name[0] == "s")) for minute in range(60) for name in names]
    whole = Engine([Rule("spread", Spread(more=3), wait=M)], air_handlers(), index)
    once = feed(whole, index, *samples) + whole.tick(61 * M)
    apart = Engine([Rule("spread", Spread(more=3), wait=M)], air_handlers(), index)
    each = [alert for sample in samples for alert in feed(apart, index, sample)] + apart.tick(61 * M)
    assert len(once) > 10
    assert sorted(map(repr, once)) == sorted(map(repr, each))


def test_a_snapshot_between_the_inputs_of_a_moment_loses_nothing(index: PointIndex) -> None:
    engine = Engine([Rule("spread", Spread())], air_handlers(), index)
    feed(engine, index, ("s1", 0, 30))
    again = Engine([Rule("spread", Spread())], air_handlers(), index)
    again.restore(engine.snapshot(), M)
    assert story(feed(again, index, ("r1", 0, 20))) == [("ahu-1", "firing", 0)]


def test_a_restored_engine_goes_on_with_the_same_alert_and_start(index: PointIndex) -> None:
    engine = Engine([threshold(wait=2 * M)], facility(point("a")), index)
    (fired,) = [one for minute in range(4) for one in feed(engine, index, ("a", minute * M, 9))]
    again = Engine([threshold(wait=2 * M)], facility(point("a")), PointIndex(["other"]))
    assert again.restore(engine.snapshot(), 4 * M) == []
    assert [alert.id for alert in again.active()] == [fired.id]
    (over,) = again.feed(Batch.of([1], [5 * M], [1.0]), 5 * M)
    assert (over.id, over.since, over.condition) == (fired.id, 0, Condition.RESOLVED)


def test_a_snapshot_of_another_version_or_none_at_all_is_refused(index: PointIndex) -> None:
    engine = Engine([threshold()], facility(point("a")), index)
    with pytest.raises(ValueError, match="not a snapshot"):
        engine.restore(b"nonsense", 0)


def test_a_changed_rule_starts_afresh_resolves_its_alert_and_others_keep_theirs(index: PointIndex) -> None:
    here = facility(point("a"))
    engine = Engine([threshold("one"), threshold("two")], here, index)
    feed(engine, index, ("a", 0, 9))
    gone = engine.rebind([threshold("one", above="6"), threshold("two", title={"": "another text"})], here, M)
    assert [(alert.rule, alert.condition.value, alert.at) for alert in gone] == [("one", "resolved", M)]
    assert [alert.rule for alert in engine.active()] == ["two"]
    alerts = feed(engine, index, ("a", 2 * M, 9))
    assert [(alert.rule, alert.since) for alert in alerts] == [("one", 2 * M)]


def test_a_changed_rule_does_not_leave_an_alert_firing_across_a_restart(index: PointIndex) -> None:
    engine = Engine([threshold("one")], facility(point("a")), index)
    (fired,) = feed(engine, index, ("a", 0, 9))
    again = Engine([threshold("one", above="7")], facility(point("a")), index)
    (over,) = again.restore(engine.snapshot(), 5 * M)
    assert (over.id, over.resolved, over.kind) == (fired.id, 5 * M, "threshold")


def test_new_points_join_on_a_reload_and_old_ones_keep_their_state(index: PointIndex) -> None:
    engine = Engine([threshold(wait=3 * M)], facility(point("b")), index)
    feed(engine, index, ("b", 0, 9))
    assert engine.rebind([threshold(wait=3 * M)], facility(point("a"), point("b")), M) == []
    alerts = [one for minute in (1, 2, 3) for one in feed(engine, index, ("a", minute * M, 9), ("b", minute * M, 9))]
    assert [(alert.target, alert.since) for alert in alerts] == [("b", 0)]


def test_warming_up_states_only_what_still_fires_and_counts_nothing(index: PointIndex) -> None:
    rule = Rule("rise", Rate(rise=Limit("5"), per=Duration(M), window=Duration(10 * M)))
    engine = Engine([rule], facility(point("a")), index)
    assert engine.look_back() == 10 * M
    assert engine.warming() == [("rise", "a")]
    values = [0] * 10 + [100] * 25 + [100, 200, 300, 400, 500]
    history = Batch.of([index.add("a")] * 40, np.arange(40) * M, values, historical=True)
    assert [alert.condition.value for alert in engine.warm_up(history, 40 * M)] == ["firing"]
    assert engine.warming() == []
    assert engine.warm_up(history, 40 * M) == []
    assert not +engine.counts


def absent(*, per: str = "device") -> Rule:
    return Rule("absent", Stale(per=per))  # type: ignore[arg-type]


def test_nothing_is_absent_before_the_collector_says_that_it_listens(index: PointIndex) -> None:
    engine = Engine([absent()], facility(point("a", device="d")), index, lateness=0)
    assert engine.tick(HOUR) == []
    engine.resume(HOUR)
    assert engine.tick(HOUR + 3 * M) == []
    assert story(engine.tick(HOUR + 4 * M)) == [("d", "firing", 63)]


def test_a_restart_neither_makes_a_device_absent_nor_loses_the_one_that_was(index: PointIndex) -> None:
    here = facility(point("a", device="d"), point("b", device="e"))
    engine = Engine([absent()], here, index, lateness=0)
    engine.resume(0)
    feed(engine, index, ("b", 5 * M, 1))
    (fired,) = engine.tick(6 * M)
    assert fired.target == "d"
    again = Engine([absent()], here, index, lateness=0)
    again.restore(engine.snapshot(), HOUR)
    assert again.tick(HOUR) == []
    assert again.resume(HOUR) == []
    assert again.tick(HOUR + 2 * M) == []
    assert [alert.id for alert in again.active()] == [fired.id]
    (over,) = feed(again, index, ("a", HOUR + 2 * M, 1))
    assert (over.id, over.condition) == (fired.id, Condition.RESOLVED)


def test_waiting_for_absence_is_forgotten_when_the_collector_pauses(index: PointIndex) -> None:
    engine = Engine([replace(absent(), wait=10 * M)], facility(point("a", device="d")), index, lateness=0)
    engine.resume(0)
    engine.tick(5 * M)
    assert [alert.condition.value for alert in engine.active(pending=True)] == ["pending"]
    engine.pause(6 * M)
    assert engine.tick(40 * M) == []
    engine.resume(41 * M)
    assert engine.tick(43 * M) == []
    assert engine.active(pending=True) == []


def test_a_birth_of_a_device_that_talks_gives_it_a_whole_allowance_while_another_is_silent(index: PointIndex) -> None:
    of_d, of_e = (point("a", device="d"), point("b", device="d")), point("c", device="e")
    engine = Engine([absent()], facility(*of_d, of_e), index, lateness=0)
    engine.resume(0)
    for minute in (1, 3, 5):
        feed(engine, index, ("a", minute * M, 1), ("b", minute * M, 1))
    assert story(engine.tick(6 * M)) == [("e", "firing", 3)]
    assert engine.births(["d"], 7 * M) == []
    assert engine.tick(9 * M) == []
    assert story(engine.tick(20 * M)) == [("d", "firing", 10)]


def test_one_broker_down_pauses_its_devices_only(index: PointIndex) -> None:
    engine = Engine([absent()], facility(point("a", device="d"), point("b", device="e")), index, lateness=0)
    engine.resume(0)
    engine.pause(M, ["d"])
    assert story(engine.tick(10 * M)) == [("e", "firing", 3)]
    engine.resume(20 * M, ["d"])
    assert story(engine.tick(30 * M)) == [("d", "firing", 23)]


def test_a_device_admitted_on_a_reload_has_its_allowance_from_then_on(index: PointIndex) -> None:
    engine = Engine([absent()], facility(point("a", device="d")), index, lateness=0)
    engine.resume(0)
    feed(engine, index, ("a", 59 * M, 1))
    engine.rebind([absent()], facility(point("a", device="d"), point("b", device="e")), HOUR)
    feed(engine, index, ("a", 62 * M, 1))
    assert story(engine.tick(64 * M)) == [("e", "firing", 63)]


def test_a_thousand_devices_behind_a_dead_gateway_are_one_alert(index: PointIndex) -> None:
    points = [point(f"p{number}", device=f"d{number}") for number in range(1000)]
    engine = Engine([absent()], facility(*points, gateways={one.device: "gw" for one in points}), index, lateness=0)
    engine.resume(0)
    feed(engine, index, *((one.id, M, 1.0) for one in points))
    assert story(engine.deaths(["gw"], 2 * M)) == [("gw", "firing", 2)]
    assert engine.tick(HOUR) == []
    assert story(feed(engine, index, ("p7", HOUR, 1.0))) == [("gw", "resolved", 60)]
    assert engine.tick(HOUR + 3 * M) == []
    assert len(engine.tick(HOUR + 6 * M)) >= 1


def test_a_dead_device_behind_a_gateway_that_dies_later_is_folded_into_it(index: PointIndex) -> None:
    here = facility(point("a", device="d"), point("b", device="e"), gateways={"d": "gw", "e": "gw"})
    engine = Engine([absent()], here, index, lateness=0)
    engine.resume(0)
    feed(engine, index, ("a", M, 1), ("b", M, 1))
    assert story(engine.deaths(["d"], 2 * M)) == [("d", "firing", 2)]
    assert story(engine.deaths(["gw"], 3 * M)) == [("d", "resolved", 3), ("gw", "firing", 3)]
    assert engine.deaths(["e"], 4 * M) == []
    assert story(engine.births(["gw"], 5 * M)) == [("gw", "resolved", 5)]


def test_every_pack_as_it_is_loaded_can_be_saved_and_restored() -> None:
    from rules.load import load, packs
    from steward.config import parse

    text = '[[site]]\nid = "a"\nname = "A"\n' + "".join(
        f'[[point]]\nid = "{metric}"\nsite = "a"\nmetric = "{metric}"\n'
        for metric in ("power_factor", "temperature", "co2", "flow")
    )
    facility = parse([("f.toml", text)]).facility
    index = PointIndex(facility.points)
    rules = load((), facility, packs()).rules
    engine = Engine(rules, facility, index)
    assert sum(engine.bindings().values()) > 0
    again = Engine(rules, facility, index)
    assert again.restore(engine.snapshot(), 0) == []
    assert again.snapshot() == engine.snapshot()
