"""The alert desk under load: `python -m bench.desk`. 100,000 points under 100 gateways and a tree of 1,000 switchboards.

Measured, CPU time of this process: laying out the graph; 10,000 alerts taken for the first time; one gateway that dies and
comes back over them (all looked at again); single alerts that come and go among 10,000; writing 10,000 outcomes to SQLite.
Ratio in the same run: matching every alert against every cause, as Alertmanager's inhibition does.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rules.masking import Graph
from steward.app.alerts.delivering import Delivering
from steward.config.desk import DeskSettings
from steward.model import Alert, Condition, Device, Equip, Facility, Nature, Point, Severity, Site
from steward.records import AlertRecord, Records
from steward.records.desk import DeskRecords
from steward.units import MINUTE, SECOND

T0 = 1_767_571_200 * SECOND
POINTS, ALERTS = 100_000, 10_000


def facility() -> Facility:
    """Ten points a device and equip, a hundred devices a gateway; ten equips a switchboard, ten switchboards a transformer."""
    owners, boards = POINTS // 10, POINTS // 100
    equips = {f"e{n}": Equip(f"e{n}", {"": ""}, "pump", "s") for n in range(owners)}
    for n in range(boards):
        equips[f"b{n}"] = Equip(f"b{n}", {"": ""}, "switchboard", "s", feeds=tuple(f"e{n * 10 + k}" for k in range(10)))
    for n in range(boards // 10):
        equips[f"t{n}"] = Equip(f"t{n}", {"": ""}, "transformer", "s", feeds=tuple(f"b{n * 10 + k}" for k in range(10)))
    devices = {f"g{n}": Device(f"g{n}", {"": ""}, "native", f"g{n}", "main", "s") for n in range(owners // 100)}
    for n in range(owners):
        devices[f"d{n}"] = Device(f"d{n}", {"": ""}, "native", f"d{n}", "main", "s", gateway=f"g{n // 100}")
    points = {
        f"p{n}": Point(f"p{n}", {"": ""}, "power", "W", Nature.GAUGE, "s", "", f"e{n // 10}", f"d{n // 10}")
        for n in range(POINTS)
    }
    return Facility("bench", {"": ""}, {}, {"s": Site("s", {"": ""})}, {}, equips, devices, points, (), {}, {})


def alert(target: str, since: int, rule: str = "high", condition: Condition = Condition.FIRING) -> AlertRecord:
    """A firing or resolved alert as the records return it."""
    over = since + MINUTE if condition is Condition.RESOLVED else None
    return AlertRecord(Alert(rule, "threshold", Severity.HIGH, target, (target,), condition, since, since, since, over))


def spent(call: Callable[[], object], times: int = 1) -> float:
    """CPU seconds of one call."""
    started = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - started) / times


def main() -> None:
    """Measures and prints."""
    made = facility()
    print(f"graph laid out                       {1e3 * spent(lambda: Graph(made)):9.1f} ms")
    machine = Delivering(made, DeskSettings(), lambda rule: "device" if rule == "stale" else "below" if rule == "dead" else "")
    alerts = [alert(f"p{n * 10}", T0 + n) for n in range(ALERTS)]
    out = []
    took = spent(lambda: out.append(machine.step(alerts, T0 + MINUTE)))
    print(f"10,000 alerts taken                  {1e3 * took:9.1f} ms   {ALERTS / took:9,.0f} transitions/s")
    causes = [alert(f"g{n}", T0, "stale") for n in range(10)] + [alert(f"t{n}", T0, "dead") for n in range(50)]
    took = spent(lambda: out.append(machine.step(causes, T0 + 2 * MINUTE)))
    masked = sum(bool(held.standing.reasons) for held in machine.open.values())
    print(f"60 causes come, {masked:,} masked         {1e3 * took:9.1f} ms   {ALERTS / took:9,.0f} alerts/s")
    graph = Graph(made)
    nodes = [graph.node(one.alert.target, "below") for one in causes]

    def every_pair() -> int:
        return sum(any(node in graph.over(one.alert.target, one.alert.points) for node in nodes) for one in alerts[:500])

    slow = spent(every_pair) * len(alerts) / 500
    print(f"  the same, every pair looked at     {1e3 * slow:9.1f} ms   {slow / took:9.1f} times as long")
    gone = [replace(one, alert=replace(one.alert, condition=Condition.RESOLVED, resolved=T0 + 3 * MINUTE)) for one in causes]
    took = spent(lambda: out.append(machine.step(gone, T0 + 3 * MINUTE)))
    print(f"they clear, all wait for `settle`    {1e3 * took:9.1f} ms   {ALERTS / took:9,.0f} alerts/s")
    took = spent(lambda: out.append(machine.step([], T0 + 5 * MINUTE)))
    print(f"all are released                     {1e3 * took:9.1f} ms")
    single = iter(range(1000))

    def come_and_go() -> None:
        number = next(single)
        one = alert(f"p{number * 10 + 1}", T0 + 6 * MINUTE + number)
        machine.step([one], T0 + 6 * MINUTE + number)
        machine.step([replace(one, alert=replace(one.alert, condition=Condition.RESOLVED, resolved=T0 + 7 * MINUTE))], T0 + 7 * MINUTE)  # noqa: E501  # fmt: skip

    took = spent(come_and_go, 1000)
    print(f"one comes and goes among 10,000      {1e6 * took:9.1f} us   {2 / took:9,.0f} transitions/s")
    took = spent(lambda: machine.step([], T0 + 6 * MINUTE), 1000)
    print(f"a second in which nothing happens    {1e6 * took:9.1f} us")
    with tempfile.TemporaryDirectory() as folder:
        records = Records(f"sqlite:///{Path(folder) / 'records.db'}")
        records.open()
        records.record_alerts([one.alert for one in alerts], T0)
        rows, first = DeskRecords(records.database), out[0]
        took = spent(lambda: rows.deliver(first.standings, first.notes, first.told, T0))
        print(f"10,000 standings written to SQLite   {1e3 * took:9.1f} ms   {ALERTS / took:9,.0f} transitions/s")
        records.close()
    print(f"peak memory                          {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:9.0f} MB")


if __name__ == "__main__":
    main()
