r"""Reads what follows a command: fractions, roots, functions, matrices, sums, integrals, limits, accents."""

from collections.abc import Callable

from .formulas import Formulas, determinant
from .tokens import Unreadable, read_based, read_repeating
from .tree import (
    DEGREE,
    ONE,
    Add,
    Based,
    Big,
    Call,
    Matrix,
    Node,
    Num,
    Pow,
    Quantity,
    Relation,
    Seq,
    Sym,
    Words,
    negative,
    product,
    quotient,
)


def _fraction(p: Formulas, _value: str) -> Node:
    r"""Read a fraction, `\frac{d}{dx} f` or `\frac{dy}{dx}`."""
    start = p.at
    above = _differential_in_braces(p)
    below = _differential_in_braces(p) if above is not None else None
    if below:
        return Sym(f"d{above}/d{below}") if above else Big("derivative", p.term(), below, None, None)
    p.at = start
    return quotient(p.argument(), p.argument())


def _differential_in_braces(p: Formulas) -> str | None:
    """Take `{dx}`, and return the name of its variable; `{d}` has an empty one, None is anything else."""
    if not p.take("{"):
        return None
    kind, value, _ = p.peek()
    p.at += 1
    if kind == "word" and len(value) == 2 and value[0] == "d":
        name = value[1]
    elif kind == "let" and value in ("d", "partial"):
        name = p.value() if p.kind() == "let" else ""
        p.at += bool(name)
    else:
        return None
    return name if p.take("}") else None


def _root(p: Formulas, _value: str) -> Node:
    index = p.arguments_in("]")[0] if p.take("[") else Num(2)
    return Call("root", (p.argument(), index))


def _accent(p: Formulas, name: str) -> Node:
    start = p.at
    text = p.name_text().replace(" ", "").removeprefix("#")
    if text in ("i", "j", "k") and name == "hat":
        return Sym(text)  # as bold letters are
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
        name += p.name_text()
        if name[1:] not in ("+", "-", "*"):
            raise Unreadable("a set of other things")
    return Sym(f"#set{name}")


def _environment(p: Formulas, _value: str) -> Node:
    name = p.group_text().replace(" ", "")
    if name == "array" and p.is_op("{"):
        p.group_text()
    if name.rstrip("*") in ("aligned", "align", "gathered", "split"):
        p.tokens[p.at :] = [token for token in p.tokens[p.at :] if token[1] != "&"]
    rows = _rows(p)
    p.at += 1
    if p.group_text().replace(" ", "") != name:
        raise Unreadable("environments cross")
    kind = name.rstrip("*")
    if kind in ("cases", "aligned", "align", "gathered", "split"):
        if all(len(row) == 1 for row in rows):
            return rows[0][0] if len(rows) == 1 else Seq(tuple(row[0] for row in rows))
        if kind == "cases" and all(len(row) == 2 for row in rows):  # in any order
            return Seq(tuple(Seq((value, _case(when)), "()") for value, when in rows), "{}")
    elif kind in ("pmatrix", "bmatrix", "matrix", "array", "vmatrix", "Bmatrix", "smallmatrix"):
        if len({len(row) for row in rows}) != 1:
            raise Unreadable("rows of unequal length")
        matrix = Matrix(tuple(tuple(row) for row in rows))
        return determinant(matrix) if kind == "vmatrix" else matrix
    raise Unreadable(f"not an answer: {name}")


_CASE_WORDS = ("if", "for", "when", "otherwise", "else")


def _case(condition: Node) -> Node:
    """Return the condition of a case; a word in it counts: `n even`."""
    return Words(f"{condition.value} {condition.unit}") if isinstance(condition, Quantity) else condition


def _rows(p: Formulas) -> list[list[Node]]:
    rows: list[list[Node]] = [[]]
    while p.kind() != "end":
        if p.kind() == "row":
            p.at += 1
            rows.append([])
        elif p.kind() == "op" and p.value() in ("&", ",", ";"):
            p.at += 1
        elif p.kind() in ("text", "word") and p.value().strip(" ,").lower() in (
            "if",
            "for",
            "when",
            "otherwise",
            "else",
        ):
            if p.value().strip(" ,").lower() in ("otherwise", "else"):
                rows[-1].append(Words("otherwise"))
            p.at += 1
        else:
            rows[-1].append(p.relation())
    if p.at_end:
        raise Unreadable("open environment")
    return [row for row in rows if row]


def _big(p: Formulas, kind: str) -> Node:
    bound, high = _bounds(p)
    if bound is None or high is None:
        raise Unreadable("a sum without bounds")
    if not (isinstance(bound, Relation) and bound.operators == ("=",) and isinstance(bound.operands[0], Sym)):
        raise Unreadable("a sum's lower bound names its variable")
    return Big(kind, p.term(), bound.operands[0].name, bound.operands[1], high)


def _bounds(p: Formulas) -> tuple[Node | None, Node | None]:
    """Take what stands below and above a sign, in either order."""
    low: Node | None = None
    high: Node | None = None
    for _ in range(2):
        if p.take("_"):
            low = p.argument()
        elif p.take("^"):
            high = p.argument()
    return low, high


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
    raised = p.take("^")
    braced = raised and p.take("{")
    if raised or p.is_op("+") or p.is_op("-"):
        side = Num(1) if p.take("+") else Num(-1)
        if side == Num(-1):
            p.expect("-")
    if braced:
        p.expect("}")
    p.expect("}")
    return Big("limit", p.term(), variable, point, side)


def _integral(p: Formulas, _value: str) -> Node:
    low, high = _bounds(p)
    for at in range(p.at, len(p.tokens) - 1):
        (kind, value, _), (following, name, _) = p.tokens[at : at + 2]
        if kind == "word" and len(value) == 2 and value[0] == "d":
            variable, end = value[1], at + 1
        elif kind == "let" and value == "d" and following == "let":
            variable, end = name, at + 2
        else:
            continue
        body = p.part(p.at, at) if at > p.at else ONE
        p.at = end
        return Big("integral", body, variable, low, high)
    raise Unreadable("an integral without its variable")


def _function(p: Formulas, name: str) -> Node:
    if name in ("max", "min") and p.is_op("="):
        return Sym(f" {name}")
    base: Node | None = None
    power: Node | None = None
    if name == "log" and p.kind() == "num" and not p.peek()[2] and p.value() in ("2", "10") and p.is_op("(", 1):
        base = p.primary()  # log10(x)
    for _ in range(2):
        if p.is_op("_") and name in ("log", "max", "min"):
            p.at += 1
            whole = name == "log" and p.kind() == "num" and p.kind(1) != "end"  # log_10(x), where TeX takes one digit
            base = p.primary() if whole else p.argument()
        elif p.is_op("^"):
            p.at += 1
            power = p.exponent()
    args = _function_arguments(p, name)
    if name == "perm" and len(args) == 2:
        return quotient(Call("factorial", (args[0],)), Call("factorial", (Add((args[0], negative(args[1]))),)))
    if name == "det" and isinstance(args[0], Matrix):
        return determinant(args[0])
    if name in _SECOND:
        kind, second = _SECOND[name]
        name, args = kind, [args[0], second]
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


def _money(p: Formulas, name: str) -> Node:
    p.currency = name
    return p.primary()


_SECOND = {"sqrt": ("root", Num(2)), "cbrt": ("root", Num(3)), "lg": ("log", Num(10))}
"""Names of functions with a fixed second argument."""
READERS: dict[str, Callable[[Formulas, str], Node]] = {
    "frac": _fraction, "root": _root, "accent": _accent, "mark": _mark, "mathbb": _blackboard, "begin": _environment,
    "big": _big, "lim": _limit, "int": _integral, "func": _function, "cur": _money,
    "binom": lambda p, _: Call("binom", (p.argument(), p.argument())),
    "based": lambda _, value: Based(*read_based(value)),
    "repeat": lambda _, value: Num(read_repeating(value)),
    "set": lambda _p, _value: Seq((), "{}"),
}  # fmt: skip
"""What reads on after a token of each kind."""
