"""Virtual meters: expressions over registers, points and each other, resolved once and evaluated on quarter-hour columns.

Invariants: a plan holds only meters whose inputs exist, whose units agree and which do not go round in a circle, in an order in
which each comes after its inputs; the marks of a result are those of all its inputs (`metering.columns`), so a gap, an estimate
or a restatement of an input shows in it; a value below zero carries BACKFLOW.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from metering import columns as columns_of
from metering.columns import Columns, align, grid_columns, marks, negative_flagged
from metering.expressions import (
    BadExpression,
    Call,
    Complaint,
    Node,
    Pattern,
    check,
    evaluate,
    expand,
    parse,
    references,
    shown,
)
from steward.model import METRICS, Nature

METRIC_OF_UNIT = {"Wh": "energy", "varh": "reactive_energy", "VAh": "apparent_energy", "m": "odometer", "s": "runtime"}
"""The metric of a virtual meter whose inputs are of several metrics, by its unit; m3 must be told (water, gas, fuel)."""


@dataclass(frozen=True, slots=True)
class Register:
    """What an expression may name: canonical unit and metric; gauge: a point that is no register, named only to refuse it."""

    id: str
    unit: str
    metric: str
    gauge: bool = False


@dataclass(frozen=True, slots=True)
class VirtualMeter:
    """A virtual meter as declared. metric "": taken from its inputs. `where` names it in problems."""

    id: str
    expression: str
    metric: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True)
class Planned:
    """A virtual meter that can be evaluated: its expression, inputs (each once), unit, metric, and the registers below it."""

    id: str
    node: Node
    inputs: tuple[str, ...]
    unit: str
    metric: str
    registers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a virtual meter: its key (`expression`, `metric`), what, and what was expected."""

    where: str
    key: str
    message: str
    expected: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Virtual meters that can be evaluated, each after its inputs, by id."""

    meters: Mapping[str, Planned]

    def registers(self, ids: Iterable[str]) -> tuple[str, ...]:
        """The registers that `ids` (registers or virtual meters) rest on, each once."""
        found: dict[str, None] = {}
        for id in ids:
            found.update(dict.fromkeys(self.meters[id].registers if id in self.meters else (id,)))
        return tuple(found)


Overlap = Callable[[Sequence[str]], str]
"""Says why registers must not be added up ("" if they may): one lies under another in the feeds graph."""


def resolve(
    meters: Sequence[VirtualMeter], registers: Iterable[Register], overlap: Overlap | None = None
) -> tuple[Plan, list[Fault]]:
    """The plan of all meters that are right, and everything that is wrong with the others."""
    return _Resolver(meters, registers, overlap).plan()


class _Resolver:
    def __init__(self, meters: Sequence[VirtualMeter], registers: Iterable[Register], overlap: Overlap | None) -> None:
        every = list(registers)
        self.registers = {one.id: one for one in every if not one.gauge}
        self.gauges = {one.id: one for one in every if one.gauge}
        self.meters = {one.id: one for one in meters}
        self.overlap = overlap
        self.faults: list[Fault] = []
        self.nodes: dict[str, Node] = {}

    def plan(self) -> tuple[Plan, list[Fault]]:
        for meter in self.meters.values():
            self._parse(meter)
        order = self._order()
        planned: dict[str, Planned] = {}
        units = {id: register.unit for id, register in self.registers.items()}
        for id in order:
            made = self._check(self.meters[id], units, planned)
            if made is not None:
                planned[id] = made
                units[id] = made.unit
        return Plan(planned), self.faults

    def _say(self, meter: VirtualMeter, complaint: Complaint, key: str = "expression") -> None:
        where = f"column {complaint.column}: " if key == "expression" else ""
        self.faults.append(Fault(meter.where or meter.id, key, f"{where}{complaint.message}", complaint.expected))

    def _parse(self, meter: VirtualMeter) -> None:
        complaints: list[Complaint] = []
        try:
            node = expand(parse(meter.expression), lambda pattern: self._found(pattern, meter.id), complaints)
        except BadExpression as error:
            complaints.append(error.complaint)
        else:
            self.nodes[meter.id] = node
            complaints += self._twice(node)
        for complaint in complaints:
            self._say(meter, complaint)
        if complaints:
            self.nodes.pop(meter.id, None)

    def _found(self, pattern: Pattern, own: str) -> list[str]:
        """What a pattern finds: registers and virtual meters other than the one that it stands in."""
        return [id for id in (*self.registers, *self.meters) if id != own and pattern.finds(id)]

    def _twice(self, node: Node) -> list[Complaint]:
        """Double counting inside a sum(): an id that stands in it twice, or a meter that lies under another one of it."""
        if not isinstance(node, Call):
            return []
        found = [complaint for part in node.parts for complaint in self._twice(part)]
        if node.operation == "sum" and not found:
            ids = [one.id for one in references(node)]
            again = [id for id, count in Counter(ids).items() if count > 1]
            found += [Complaint(node.column, f"{id!r} is counted twice in a sum", "each meter once") for id in again]
            why = self.overlap([id for id in ids if id in self.registers]) if self.overlap and not again else ""
            if why:
                found.append(Complaint(node.column, f"double counting: {why}", "meters of which none lies under another"))
        return found

    def _order(self) -> list[str]:
        """Meters after their inputs; what goes round in a circle is reported once and left out."""
        done: dict[str, bool] = {}
        order: list[str] = []
        for start in self.nodes:
            stack = [(start, iter(self._meters_in(start)))] if start not in done else []
            path = [start] if stack else []
            while stack:
                following = next(stack[-1][1], None)
                if following is None:
                    id = path.pop()
                    stack.pop()
                    done.setdefault(id, True)
                    order.append(id)
                elif following in path:
                    loop = [*path[path.index(following) :], following]
                    self._say(self.meters[following], Complaint(1, "goes round in a circle: " + " > ".join(loop), "no circle"))
                    done[following] = False
                elif following not in done:
                    path.append(following)
                    stack.append((following, iter(self._meters_in(following))))
        return [id for id in order if done[id]]

    def _meters_in(self, id: str) -> list[str]:
        return list(dict.fromkeys(one.id for one in references(self.nodes[id]) if one.id in self.nodes))

    def _check(self, meter: VirtualMeter, units: Mapping[str, str], planned: Mapping[str, Planned]) -> Planned | None:
        node = self.nodes[meter.id]
        inputs = tuple(dict.fromkeys(one.id for one in references(node)))
        complaints: list[Complaint] = []
        for one in references(node):
            if one.id in self.gauges:
                what = f"{one.id!r} is a gauge ({self.gauges[one.id].metric}), no register"
                complaints.append(Complaint(one.column, what, "a register (energy, water, gas ...)"))
        broken = [id for id in inputs if id in self.meters and id not in planned]
        if broken and not complaints:
            return None  # said of the broken one; saying it again of all that use it would hide the cause
        known = {**units, **dict.fromkeys((id for id in inputs if id in self.gauges), "?")}
        dimension = check(node, known, complaints if not complaints else []) if not complaints else None
        for complaint in complaints:
            self._say(meter, complaint)
        if dimension is None or complaints:
            return None
        return self._planned(meter, node, inputs, dimension, planned)

    def _planned(
        self,
        meter: VirtualMeter,
        node: Node,
        inputs: tuple[str, ...],
        dimension: Mapping[str, int],
        planned: Mapping[str, Planned],
    ) -> Planned | None:
        symbol = shown(dimension)
        counters = {kind.unit for kind in METRICS.values() if kind.nature is Nature.COUNTER}
        if symbol not in counters:
            self._say(meter, Complaint(1, f"the result is in {symbol}", f"one of {', '.join(sorted(counters))}"))
            return None
        metrics = {planned[id].metric if id in planned else self.registers[id].metric for id in inputs}
        metric = meter.metric or (metrics.pop() if len(metrics) == 1 else METRIC_OF_UNIT.get(symbol, ""))
        kind = METRICS.get(metric)
        if meter.metric and (kind is None or kind.nature is not Nature.COUNTER or kind.unit != symbol):
            message = f"{metric!r} is no metric of consumption in {symbol}"
            self._say(meter, Complaint(1, message, _metrics_in(symbol)), "metric")
            return None
        if kind is None or kind.unit != symbol:
            metric = METRIC_OF_UNIT.get(symbol, "") if not meter.metric else metric
        if not metric:
            self._say(
                meter, Complaint(1, f"missing: a result in {symbol} may be several things", _metrics_in(symbol)), "metric"
            )
            return None
        below = dict.fromkeys(one for id in inputs for one in (planned[id].registers if id in planned else (id,)))
        return Planned(meter.id, node, inputs, symbol, metric, tuple(below))


def _metrics_in(symbol: str) -> str:
    names = [name for name, kind in METRICS.items() if kind.unit == symbol and kind.nature is Nature.COUNTER]
    return f"one of {', '.join(names)}"


Source = Callable[[str], Columns]
"""Quarter-hour columns of a register for the span asked for."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The result of a virtual meter: its columns, and the newest revision of each input register within the span."""

    columns: Columns
    revisions: Mapping[str, int]


def derive(plan: Plan, id: str, source: Source, start: int, end: int) -> Evaluated:
    """Quarter-hour columns of a virtual meter in [start, end), from those of its registers; what they do not hold is missing.

    Raises KeyError for an id that is no meter of the plan.
    """
    starts, ends = grid_columns(start, end)
    held: dict[str, Columns] = {}

    def columns(one: str) -> Columns:
        if one not in held:
            planned = plan.meters.get(one)
            if planned is None:
                held[one] = align(source(one), starts)
            else:
                parts = {input: columns(input) for input in planned.inputs}
                value = evaluate(planned.node, parts, len(starts))
                made = replace(Columns.of(starts, ends, value), **marks(list(parts.values())))
                held[one] = negative_flagged(made)
        return held[one]

    result = columns(plan.meters[id].id)
    registers = plan.meters[id].registers
    return Evaluated(result, {one: columns_of.quality(held[one]).revision for one in registers})
