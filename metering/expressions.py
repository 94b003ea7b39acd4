"""Expressions of virtual meters: parsed by a grammar, held against units, never evaluated as code.

Invariants: an expression is linear in its inputs but for min and max (which act per quarter hour), so sums over periods are
sums of quarter hours; its unit follows from the units of its inputs (kWh + m3 is refused, with where); every problem of an
expression is found in one pass. The grammar is GRAMMAR (lark, LALR).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken
from lark.exceptions import VisitError

from metering.columns import Columns
from steward.errors import UnknownUnit
from steward.model import FloatArray
from steward.units import unit

GRAMMAR = r"""
?start: sum
?sum: product
    | sum "+" product -> plus
    | sum "-" product -> minus
?product: unary
    | product "*" unary -> times
    | product "/" unary -> over
?unary: atom
    | "-" unary -> negative
?atom: NUMBER -> number
    | NUMBER "[" UNIT "]" -> quantity
    | ID -> reference
    | QUOTED -> quoted
    | SUM part ("," part)* ")" -> total
    | MIN sum ("," sum)+ ")" -> least
    | MAX sum ("," sum)+ ")" -> greatest
    | "(" sum ")"
?part: PATTERN -> pattern
    | sum
SUM.4: /sum\s*\(/
MIN.4: /min\s*\(/
MAX.4: /max\s*\(/
UNIT: /[^\[\]\s]+/
PATTERN.3: /(?:[^\W\d](?:[\w.:]|-(?=[\w*]))*)?\*(?:[\w.:*]|-(?=[\w*]))*/
ID: /[^\W\d](?:[\w.:]|-(?=\w))*/
QUOTED: /"[^"\n]+"/
NUMBER: /\d+(\.\d+)?([eE][+-]?\d+)?/
%ignore /\s+/
"""
"""A hyphen between two letters or digits is part of an id: write spaces around an operator. An id with other signs stands in
double quotes. `sum(a.*.energy)` adds every point that the pattern finds; `2[kWh/m3]` is a number with a unit."""

Dimension = Mapping[str, int]
"""Canonical unit -> exponent; {} is a plain number."""


class Node:
    """A part of an expression. `text` is how it was written, `column` where it starts (from 1)."""

    column: int


@dataclass(frozen=True, slots=True)
class Number(Node):
    """A constant, in canonical units."""

    value: float
    dimension: tuple[tuple[str, int], ...] = ()
    column: int = 1
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Reference(Node):
    """A point, register or other virtual meter."""

    id: str
    column: int = 1


@dataclass(frozen=True, slots=True)
class Pattern(Node):
    """Every point whose id the pattern finds; replaced by their sum when the inputs are known."""

    glob: str
    column: int = 1

    def finds(self, id: str) -> bool:
        """Whether the pattern is that of `id`."""
        return re.fullmatch(".*".join(re.escape(part) for part in self.glob.split("*")), id) is not None


@dataclass(frozen=True, slots=True)
class Call(Node):
    """An operation on parts: + - * / negative sum min max."""

    operation: str
    parts: tuple[Node, ...]
    column: int = 1


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with an expression: where (column from 1), what, and what was expected."""

    column: int
    message: str
    expected: str = ""


class BadExpression(ValueError):
    """A text that is no expression."""

    def __init__(self, complaint: Complaint) -> None:
        self.complaint = complaint
        super().__init__(f"column {complaint.column}: {complaint.message}")


class _Tree(Transformer[Token, Node]):
    def number(self, parts: list[Token]) -> Node:
        return Number(float(parts[0]), column=_column(parts[0]))

    def quantity(self, parts: list[Token]) -> Node:
        scale, dimension, problem = _unit(str(parts[1]))
        return Number(float(parts[0]) * scale, dimension, _column(parts[0]), problem)

    def reference(self, parts: list[Token]) -> Node:
        return Reference(str(parts[0]), _column(parts[0]))

    def quoted(self, parts: list[Token]) -> Node:
        return Reference(str(parts[0])[1:-1], _column(parts[0]))

    def pattern(self, parts: list[Token]) -> Node:
        return Pattern(str(parts[0]), _column(parts[0]))

    def total(self, parts: list[Any]) -> Node:
        return Call("sum", tuple(parts[1:]), _column(parts[0]))

    def least(self, parts: list[Any]) -> Node:
        return Call("min", tuple(parts[1:]), _column(parts[0]))

    def greatest(self, parts: list[Any]) -> Node:
        return Call("max", tuple(parts[1:]), _column(parts[0]))

    def negative(self, parts: list[Node]) -> Node:
        return Call("-", tuple(parts), parts[0].column)

    def plus(self, parts: list[Node]) -> Node:
        return Call("+", tuple(parts), parts[0].column)

    def minus(self, parts: list[Node]) -> Node:
        return Call("-", tuple(parts), parts[0].column)

    def times(self, parts: list[Node]) -> Node:
        return Call("*", tuple(parts), parts[0].column)

    def over(self, parts: list[Node]) -> Node:
        return Call("/", tuple(parts), parts[0].column)


def _column(token: Token) -> int:
    return token.column or 1


def _unit(symbol: str) -> tuple[float, tuple[tuple[str, int], ...], str]:
    """Scale and dimension of a unit or of a quotient of two (`kWh/m3`), and what is wrong with it."""
    try:
        parts = [unit(symbol)]
    except UnknownUnit:
        above, slash, below = symbol.partition("/")
        try:
            parts = [unit(above), unit(below)] if slash else [unit(symbol)]
        except UnknownUnit as error:
            return 1.0, (), str(error)
    if any(part.offset for part in parts):
        return 1.0, (), f"{symbol!r} has no zero of its own"
    scale = 1.0
    dimension: dict[str, int] = {}
    for part, sign in zip(parts, (1, -1), strict=False):
        scale *= part.scale**sign
        if part.canonical not in ("1", "ratio"):
            dimension[part.canonical] = dimension.get(part.canonical, 0) + sign
    return scale, _frozen(dimension), ""


_PARSER = Lark(GRAMMAR, parser="lalr", lexer="contextual", maybe_placeholders=False)
DEEPEST = 50
LONGEST = 4000


def parse(text: str) -> Node:
    """The expression of a text. Raises BadExpression with where and what was expected."""
    if len(text) > LONGEST:
        raise BadExpression(Complaint(1, f"{len(text)} signs long", f"at most {LONGEST}: make virtual meters of its parts"))
    if _depth(text) > DEEPEST:
        raise BadExpression(Complaint(1, f"more than {DEEPEST} brackets inside each other", "virtual meters of its parts"))
    flat = text.replace("\r", " ").replace("\n", " ").replace("\t", " ")
    try:
        return _Tree().transform(_PARSER.parse(flat))
    except (UnexpectedInput, VisitError) as error:
        raise BadExpression(_complaint(flat, error)) from None


def _depth(text: str) -> int:
    deepest = depth = 0
    for sign in text:
        depth += (sign == "(") - (sign == ")")
        deepest = max(deepest, depth)
    return deepest + (text.count("-") if "---" in text else 0)


def _complaint(text: str, error: Exception) -> Complaint:
    expected = "a point, a number, sum(...), min(...), max(...) or a bracket"
    if isinstance(error, UnexpectedEOF) or (isinstance(error, UnexpectedToken) and error.token.type == "$END"):
        return Complaint(len(text) + 1, "ends in the middle" if text.strip() else "empty", expected)
    if isinstance(error, UnexpectedToken):
        return Complaint(error.column, f"{str(error.token)!r} does not fit here", "an operator (+ - * /) or the end")
    if isinstance(error, UnexpectedCharacters):
        sign = text[error.column - 1 : error.column]
        hint = "spaces around operators; * in an id only inside sum(...); ids with other signs in double quotes"
        return Complaint(error.column, f"{sign!r} does not fit here", hint)
    return Complaint(1, str(error), expected)


def _frozen(dimension: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted((name, power) for name, power in dimension.items() if power))


def shown(dimension: Mapping[str, int]) -> str:
    """A dimension as people write it: Wh, Wh/m3, a plain number."""
    above = [name for name, power in sorted(dimension.items()) if power > 0]
    below = [name for name, power in sorted(dimension.items()) if power < 0]
    return ("*".join(above) or "1") + "".join(f"/{name}" for name in below) if dimension else "a plain number"


def references(node: Node) -> list[Reference]:
    """Every reference of an expression, in order of writing."""
    if isinstance(node, Reference):
        return [node]
    return [found for part in node.parts for found in references(part)] if isinstance(node, Call) else []


def expand(node: Node, ids: Callable[[Pattern], list[str]], complaints: list[Complaint]) -> Node:
    """The expression with each pattern replaced by the points it finds; one that finds none is a complaint."""
    if isinstance(node, Pattern):
        found = ids(node)
        if not found:
            complaints.append(Complaint(node.column, f"{node.glob!r} finds nothing", "a pattern that finds a register"))
        return Call("sum", tuple(Reference(id, node.column) for id in found), node.column)
    if isinstance(node, Call):
        return Call(node.operation, tuple(expand(part, ids, complaints) for part in node.parts), node.column)
    return node


@dataclass(frozen=True, slots=True)
class _Checked:
    """dimension None: not known (a complaint was made); constant: no input in it; zero: the number 0, of any dimension."""

    dimension: dict[str, int] | None
    constant: bool
    zero: bool = False


def check(node: Node, units: Mapping[str, str], complaints: list[Complaint]) -> dict[str, int] | None:
    """The dimension of an expression, given the canonical unit of each id; None where it cannot be said. Adds complaints."""
    found = _check(node, units, complaints)
    if found.constant and not complaints:
        complaints.append(Complaint(node.column, "names no meter", "at least one point, register or virtual meter"))
    return found.dimension


def _check(node: Node, units: Mapping[str, str], complaints: list[Complaint]) -> _Checked:
    if isinstance(node, Number):
        if node.problem:
            complaints.append(Complaint(node.column, node.problem, "a unit such as kWh, or a quotient such as kWh/m3"))
            return _Checked(None, True)
        if not np.isfinite(node.value):
            complaints.append(Complaint(node.column, "too large a number", "a number below 1e308"))
            return _Checked(None, True)
        return _Checked(dict(node.dimension), True, node.value == 0)
    if isinstance(node, Reference):
        if node.id not in units:
            complaints.append(_unknown(node, units))
            return _Checked(None, False)
        return _Checked({units[node.id]: 1}, False)
    assert isinstance(node, Call)
    parts = [_check(part, units, complaints) for part in node.parts]
    if node.operation in ("*", "/"):
        return _product(node, parts, complaints)
    constant = all(part.constant for part in parts)
    known = [(part.dimension, number) for number, part in enumerate(parts) if part.dimension is not None and not part.zero]
    for dimension, number in known[1:]:
        if dimension != known[0][0]:
            where = node.parts[number].column
            message = f"{shown(dimension or {})} cannot be put together with {shown(known[0][0] or {})}"
            complaints.append(Complaint(where, message, f"a quantity in {shown(known[0][0] or {})}"))
            return _Checked(None, constant)
    return _Checked(known[0][0] if known else parts[0].dimension if parts else None, constant)


def _product(node: Call, parts: list[_Checked], complaints: list[Complaint]) -> _Checked:
    left, right = parts
    where = node.parts[1].column
    if not left.constant and not right.constant and node.operation == "*":
        complaints.append(Complaint(where, "the product of two meters is no consumption", "a number on one side"))
        return _Checked(None, False)
    if not right.constant and node.operation == "/":
        complaints.append(Complaint(where, "division by a meter gives no consumption that could be summed", "a number"))
        return _Checked(None, False)
    if node.operation == "/" and right.dimension is not None and not np.isfinite(_inverse(node.parts[1])):
        complaints.append(Complaint(where, "division by zero", "a number other than 0"))
        return _Checked(None, left.constant)
    if left.dimension is None or right.dimension is None:
        return _Checked(None, left.constant and right.constant)
    sign = 1 if node.operation == "*" else -1
    names = {*left.dimension, *right.dimension}
    powers = {name: left.dimension.get(name, 0) + sign * right.dimension.get(name, 0) for name in names}
    return _Checked({name: power for name, power in powers.items() if power}, left.constant and right.constant)


def _inverse(node: Node) -> float:
    """One over an expression without inputs; not finite where it is 0, or as good as."""
    with np.errstate(all="ignore"):
        return float(1 / evaluate(node, {}, 1)[0])


def _unknown(node: Reference, units: Mapping[str, str]) -> Complaint:
    near = get_close_matches(node.id, units, 3)
    split = node.id.replace("-", " - ")
    if "-" in node.id and all(part in units or part.isdigit() for part in node.id.split("-")):
        return Complaint(node.column, f"no register {node.id!r}", f"spaces around a minus: {split}")
    return Complaint(
        node.column, f"no register {node.id!r}", f"one of {', '.join(near)}" if near else "a register or a virtual meter"
    )


def evaluate(node: Node, inputs: Mapping[str, Columns], size: int) -> FloatArray:
    """The values of an expression for `size` quarter hours, vectorised; every input on the same grid."""
    if isinstance(node, Number):
        return np.full(size, node.value)
    if isinstance(node, Reference):
        return inputs[node.id].value
    assert isinstance(node, Call)
    parts = [evaluate(part, inputs, size) for part in node.parts]
    if node.operation == "*":
        return parts[0] * parts[1]
    if node.operation == "/":
        return parts[0] / parts[1]
    if node.operation == "-":
        return -parts[0] if len(parts) == 1 else parts[0] - parts[1]
    if node.operation in ("min", "max"):
        found: FloatArray = (np.minimum if node.operation == "min" else np.maximum).reduce(parts)
        return found
    return np.sum(parts, axis=0) if parts else np.zeros(size)
