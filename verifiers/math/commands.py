r"""Reads what follows a command: fractions, roots, functions, matrices, sums, integrals, limits, accents."""

from collections.abc import Callable

from .formulas import Formulas
from .tokens import Unreadable, read_based, read_repeating
from .tree import DEGREE, ONE, Based, Big, Call, Matrix, Node, Num, Pow, Relation, Seq, Sym, product, quotient


def _fraction(p: Formulas, _value: str) -> Node:
    start = p.at
    derivative = _derivative(p)
    if derivative is not None:
        return derivative
    p.at = start
    top = p.argument()
    return quotient(top, p.argument())


def _derivative(p: Formulas) -> Node | None:
    r"""Read `\frac{d}{dx} f` and `\frac{dy}{dx}`."""
    names = []
    for _ in range(2):
        if not p.take("{"):
            return None
        kind, value, _spaced = p.peek()
        if kind == "word" and len(value) == 2 and value[0] == "d":
            names.append(value[1])
            p.at += 1
        elif kind == "let" and value in ("d", "partial"):
            p.at += 1
            if p.kind() == "let":
                names.append(p.value())
                p.at += 1
            elif p.is_op("}"):
                names.append("")
            else:
                return None
        else:
            return None
        if not p.take("}"):
            return None
    if not names[1]:
        return None
    if names[0]:
        return Sym(f"d{names[0]}/d{names[1]}")
    return Big("derivative", p.term(), names[1], None, None)


def _root(p: Formulas, _value: str) -> Node:
    index: Node = Num(2)
    if p.is_op("["):
        p.at += 1
        index = p.arguments_in("]")[0]
    return Call("root", (p.argument(), index))


def _binomial(p: Formulas, _value: str) -> Node:
    top = p.argument()
    return Call("binom", (top, p.argument()))


def _accent(p: Formulas, name: str) -> Node:
    start = p.at
    text = p.name_text().replace(" ", "").removeprefix("#")
    if name in ("mathbf", "boldsymbol", "bm", "bold", "pmb") and not text.isalpha():
        p.at = start
        return p.argument()
    if not text or not text[:1].isalpha():
        raise Unreadable("an accent stands over a name")
    if len(text) > 1 or name in ("vec", "mathbf", "boldsymbol", "bm", "bold", "pmb", "overrightarrow", "underline"):
        return p.symbol(text)
    return p.symbol(f"{name}.{text}")


def _mark(p: Formulas, name: str) -> Node:
    letters: list[str] = []
    while p.kind() in ("let", "word") and (p.value().isupper() or not letters):
        letters.append(p.value())
        p.at += 1
        if p.is_op("_"):
            p.at += 1
            letters.append(p.subscript())
    if not letters:
        raise Unreadable("a mark stands before a name")
    return Sym(f"{name} {''.join(letters)}")


def _blackboard(p: Formulas, _value: str) -> Node:
    name = p.name_text()
    if name not in ("R", "Z", "N", "Q", "C"):
        raise Unreadable("no set of numbers")
    if p.take("^"):
        sign = p.name_text()
        if sign not in ("+", "-", "*"):
            raise Unreadable("a set of other things")
        name += sign
    return Sym(f"#set{name}")


def _environment(p: Formulas, _value: str) -> Node:
    name = p.group_text().replace(" ", "")
    if name == "array" and p.is_op("{"):
        p.group_text()
    rows = _rows(p)
    p.at += 1
    if p.group_text().replace(" ", "") != name:
        raise Unreadable("environments cross")
    kind = name.rstrip("*")
    if kind in ("cases", "aligned", "align", "gathered", "split"):
        return Seq(tuple(row[0] for row in rows if len(row) == 1)) if all(len(r) == 1 for r in rows) else _refuse(name)
    if kind not in ("pmatrix", "bmatrix", "matrix", "array", "vmatrix", "Bmatrix", "smallmatrix"):
        raise Unreadable(f"not an answer: {name}")
    if len({len(row) for row in rows}) != 1:
        raise Unreadable("rows of unequal length")
    matrix = Matrix(tuple(tuple(row) for row in rows))
    return Call("det", (matrix,)) if kind == "vmatrix" else matrix


def _rows(p: Formulas) -> list[list[Node]]:
    rows: list[list[Node]] = [[]]
    while p.kind() != "end":
        if p.kind() == "row":
            p.at += 1
            rows.append([])
        elif p.kind() == "op" and p.value() in ("&", ",", ";"):
            p.at += 1
        else:
            rows[-1].append(p.relation())
    if p.at_end:
        raise Unreadable("open environment")
    return [row for row in rows if row]


def _big(p: Formulas, kind: str) -> Node:
    low: Node | None = None
    high: Node | None = None
    variable = ""
    for _ in range(2):
        if p.take("_"):
            bound = p.argument()
            if isinstance(bound, Relation) and bound.operators == ("=",) and isinstance(bound.operands[0], Sym):
                variable, low = bound.operands[0].name, bound.operands[1]
            else:
                raise Unreadable("a sum's lower bound names its variable")
        elif p.take("^"):
            high = p.argument()
    if not variable or high is None:
        raise Unreadable("a sum without bounds")
    return Big(kind, p.term(), variable, low, high)


def _limit(p: Formulas, _value: str) -> Node:
    p.expect("_")
    p.expect("{")
    if p.kind() not in ("let", "word"):
        raise Unreadable("a limit names its variable")
    variable = p.value()
    p.at += 1
    p.expect("->")
    point = p.total()
    side: Node | None = None
    if p.take("^"):
        braced = p.take("{")
        side = Num(1) if p.take("+") else Num(-1)
        if side == Num(-1):
            p.expect("-")
        if braced:
            p.expect("}")
    elif p.is_op("+") or p.is_op("-"):
        side = Num(1) if p.take("+") else Num(-1)
        p.at += side == Num(-1)
    p.expect("}")
    return Big("limit", p.term(), variable, point, side)


def _integral(p: Formulas, _value: str) -> Node:
    low: Node | None = None
    high: Node | None = None
    for _ in range(2):
        if p.take("_"):
            low = p.argument()
        elif p.take("^"):
            high = p.argument()
    end = _differential(p)
    if end is None:
        raise Unreadable("an integral without its variable")
    at, size, variable = end
    body = p.part(p.at, at) if at > p.at else ONE
    p.at = at + size
    return Big("integral", body, variable, low, high)


def _differential(p: Formulas) -> tuple[int, int, str] | None:
    for at in range(p.at, len(p.tokens)):
        kind, value, _ = p.tokens[at]
        if kind == "word" and len(value) == 2 and value[0] == "d":
            return at, 1, value[1]
        if kind == "let" and value == "d" and p.tokens[at + 1 : at + 2] and p.tokens[at + 1][0] == "let":
            return at, 2, p.tokens[at + 1][1]
    return None


def _function(p: Formulas, name: str) -> Node:
    base: Node | None = None
    power: Node | None = None
    for _ in range(2):
        if p.is_op("_") and name in ("log", "max", "min"):
            p.at += 1
            base = p.argument()
        elif p.is_op("^"):
            p.at += 1
            power = p.exponent()
    args = _function_arguments(p, name)
    if name == "sqrt":
        name, args = "root", [args[0], Num(2)]
    elif name == "cbrt":
        name, args = "root", [args[0], Num(3)]
    elif name == "lg":
        name, args = "log", [args[0], Num(10)]
    elif name == "log" and base is not None:
        args = [args[0], base]
    if power == Num(-1) and name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "sec", "csc", "cot"):
        return Call("a" + name, tuple(args))
    node: Node = Call(name, tuple(args))
    return Pow(node, power) if power is not None else node


def _function_arguments(p: Formulas, name: str) -> list[Node]:
    if p.take("("):
        return p.arguments_in(")")
    if p.is_op("{"):
        node = p.braced()
        return list(node.items) if isinstance(node, Seq) and not node.brackets else [node]
    if name == "sqrt" or p.take("["):
        return p.arguments_in("]") if p.kind(-1) == "op" and p.value(-1) == "[" else [p.primary()]
    p.arguments += 1
    factors = [p.signed_power()]
    while p.kind() in ("let", "const", "frac", "root", "deg") or (p.kind() == "word" and p.is_product(p.value())):
        if p.kind() == "deg":
            factors.append(DEGREE)
            p.at += 1
        else:
            factors.append(p.raised_primary())
    p.arguments -= 1
    return [product(factors)]


def _based(p: Formulas, value: str) -> Node:
    return Based(*read_based(value))


def _repeating(p: Formulas, value: str) -> Node:
    return Num(read_repeating(value))


def _money(p: Formulas, name: str) -> Node:
    p.currency = name
    return p.primary()


def _no_elements(p: Formulas, _value: str) -> Node:
    return Seq((), "{}")


def _refuse(name: str) -> Node:
    raise Unreadable(f"not an answer: {name}")


READERS: dict[str, Callable[[Formulas, str], Node]] = {
    "frac": _fraction, "root": _root, "binom": _binomial, "accent": _accent, "mark": _mark, "mathbb": _blackboard,
    "begin": _environment, "big": _big, "lim": _limit, "int": _integral, "func": _function, "based": _based,
    "repeat": _repeating, "cur": _money, "set": _no_elements,
}  # fmt: skip
"""What reads on after a token of each kind."""
