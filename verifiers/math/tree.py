"""The small typed tree that an answer is read into. Knows nothing of notation, and computes nothing.

Nodes take their fields by position: they are built thousands of times a second and read like the formulas they stand
for. Division is a power of -1, subtraction a product with -1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from operator import attrgetter
from typing import Any


@dataclass(frozen=True, slots=True)
class Num:
    """A literal number."""

    value: Fraction | int
    digits: int = 0
    """Significant digits if it was written with a decimal point and without an ellipsis, else 0."""


@dataclass(frozen=True, slots=True)
class Sym:
    """A variable, a name, or one of the constants below (whose names no variable can have)."""

    name: str


PI = Sym("#pi")
E = Sym("#e")
I = Sym("#i")  # noqa: E741 - the name that mathematics has for it
INFINITY = Sym("#inf")
DEGREE = Sym("#deg")
"""pi/180."""
UNDEFINED = Sym("#nan")


@dataclass(frozen=True, slots=True)
class Add:
    """A sum."""

    terms: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Mul:
    """A product."""

    factors: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Pow:
    """A power; `Pow(x, Num(-1))` is 1/x. `\\sqrt[n]{x}` is `Call("root", (x, n))`."""

    base: "Node"
    exponent: "Node"


@dataclass(frozen=True, slots=True)
class Call:
    """A function of arguments: one of those that `parser.FUNCTIONS` names, or an unknown one such as `f`."""

    name: str
    args: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class PlusMinus:
    """Both signs of a value; `sign` is -1 for the lower one of a pair of them."""

    value: "Node"
    sign: int


@dataclass(frozen=True, slots=True)
class Big:
    """A sum, product, integral, limit or derivative over a bound variable."""

    kind: str
    body: "Node"
    variable: str
    low: "Node | None"
    high: "Node | None"


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows of equal length."""

    rows: tuple[tuple["Node", ...], ...]


@dataclass(frozen=True, slots=True)
class Seq:
    """Elements in their order as written."""

    items: tuple["Node", ...]
    brackets: str = ""
    """Such as `()`, `[)`, `{}`; empty for a bare list."""
    joined: str = ""
    """The word that joins a bare list: `and`, `or` or empty."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A chain such as `a < x <= b`; one operator fewer than operands.

    Operators: `= ~ < <= > >= != in notin`, where `~` is "approximately".
    """

    operands: tuple["Node", ...]
    operators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetOperation:
    """Sets joined by `cup`, `cap` or `minus`."""

    kind: str
    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Builder:
    """The set of a variable's values that meet a condition."""

    variable: str
    condition: "Node"


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value with its words, sign or unit."""

    value: "Node"
    unit: str
    """As `units.read_unit` takes it: `cm^2`, `percent`, `dollars`, `apples`."""


@dataclass(frozen=True, slots=True)
class Based:
    """A numeral in a base that is written with it."""

    digits: str
    base: int


@dataclass(frozen=True, slots=True)
class Proportion:
    """`a:b`, or `a:b:c`."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of day."""

    seconds: int
    half: str
    """`am`, `pm` or empty."""


@dataclass(frozen=True, slots=True)
class Words:
    """An answer in words, lower case with single spaces."""

    text: str


Node = (
    Num | Sym | Add | Mul | Pow | Call | PlusMinus | Big | Matrix | Seq | Relation | SetOperation | Builder | Quantity
    | Based | Proportion | Clock | Words
)  # fmt: skip

ONE = Num(1)
MINUS_ONE = Num(-1)


def negative(node: Node) -> Node:
    """Return the node with the other sign.

    >>> negative(Num(5))
    Num(value=-5, digits=0)
    """
    if isinstance(node, Num):
        return Num(-node.value, node.digits)
    return Mul((MINUS_ONE, node))


def quotient(top: Node, bottom: Node) -> Node:
    """Return top / bottom, as a number if both are whole.

    >>> quotient(Num(4), Num(6))
    Num(value=Fraction(2, 3), digits=0)
    """
    if isinstance(top, Num) and isinstance(bottom, Num) and bottom.value and not (top.digits or bottom.digits):
        value = Fraction(top.value) / bottom.value
        return Num(value.numerator if value.denominator == 1 else value)
    return Mul((top, Pow(bottom, MINUS_ONE)))


def product(factors: list[Node]) -> Node:
    """Return the product of factors, of which one alone is itself."""
    return Mul(tuple(factors)) if len(factors) > 1 else factors[0]


_PARTS: dict[type, Callable[[Any], tuple["Node", ...]]] = {
    Add: attrgetter("terms"), Mul: attrgetter("factors"), Call: attrgetter("args"), Seq: attrgetter("items"),
    Relation: attrgetter("operands"), SetOperation: attrgetter("parts"), Proportion: attrgetter("parts"),
    Pow: attrgetter("base", "exponent"), PlusMinus: lambda n: (n.value,), Quantity: lambda n: (n.value,),
    Big: lambda n: tuple(part for part in (n.body, n.low, n.high) if part is not None),
    Matrix: lambda n: tuple(cell for row in n.rows for cell in row), Builder: lambda n: (n.condition,),
}  # fmt: skip


def children(node: Node) -> tuple[Node, ...]:
    """Return the nodes right below one."""
    parts = _PARTS.get(type(node))
    return parts(node) if parts else ()


def holds(node: Node, wanted: Node) -> bool:
    """Tell whether a node that is no number is in a tree."""
    stack = [node]
    while stack:
        current = stack.pop()
        if current == wanted:
            return True
        if not isinstance(current, (Num, Sym)):
            stack += children(current)
    return False


def changed(node: Add | Mul | Pow | Call | Quantity, change: Callable[[Node], Node]) -> Node:
    """Return an expression with its parts changed."""
    match node:
        case Add(terms=nodes) | Mul(factors=nodes):
            return type(node)(tuple(map(change, nodes)))
        case Call(name=name, args=nodes):
            return Call(name, tuple(map(change, nodes)))
        case Pow(base=base, exponent=exponent):
            return Pow(change(base), change(exponent))
        case Quantity(value=value, unit=unit):
            return Quantity(change(value), unit)
