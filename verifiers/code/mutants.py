"""Wrong variants of a right program: strong tests refuse them. Makes text; runs nothing.

Some variants of a program mean the same as it does (a bound that is never reached): tests cannot refuse those, and
nothing here can tell them from the others. The cheats at the end of the list are never right.
"""

import ast
import copy
import random
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .program_text import last_head


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One wrong variant."""

    kind: str
    """The rule that made it, such as `comparison`, or the cheat's name."""
    line: int | None
    """Where the program was changed; None where it was replaced."""
    change: str
    source: str
    cheat: bool = False
    """Whether it cannot be right by accident."""


_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.FloorDiv, ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip


def mutants(source: str, *, first_line: int = 1, most: int = 40, seed: int = 0) -> list[Mutant]:
    """Return up to `most` changed programs, drawn by the seed, from the text at or after `first_line`.

    >>> [m.change for m in mutants("def f(a):\\n    return a < 1")]
    ['return a < 1 -> return None', 'return a < 1 -> return not a < 1', 'a < 1 -> a <= 1', '1 -> 2']
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source)
    sites = [site for site in _sites(tree) if (site.line or 0) >= first_line]
    if len(sites) > most:
        kept = sorted(random.Random(seed).sample(range(len(sites)), most))
        sites = [sites[place] for place in kept]
    same = ast.unparse(tree)
    return [mutant for mutant in (_mutated(tree, site) for site in sites) if mutant.source != same]


def cheats(source: str, entry_point: str | None, *, main: bool) -> list[Mutant]:
    """Return programs that do not try: nothing, a constant, an early exit, an output cut short."""
    if main:
        return [_cheat(kind, text) for kind, text in _script_cheats(source)]
    entry_point = entry_point or last_head(source)
    if entry_point is None:
        return []
    return [_cheat(kind, text) for kind, text in _function_cheats(source, entry_point)]


def _cheat(kind: str, source: str) -> Mutant:
    return Mutant(kind=kind, line=None, change=kind, source=source, cheat=True)


def _function_cheats(source: str, entry_point: str) -> Iterator[tuple[str, str]]:
    owner = _owner_of(source, entry_point)
    target = f"{owner}.{entry_point}" if owner else entry_point
    arguments = "a[1:]" if owner else "a"
    bodies = {
        "no-op": "return None",
        "constant 0": "return 0",
        "constant 1": "return 1",
        "constant True": "return True",
        "constant False": "return False",
        "constant ''": "return ''",
        "constant []": "return []",
        "echo": f"return next(iter({arguments}), None)",
        "early exit": "raise SystemExit(0)",
        "hard exit": "__import__('os')._exit(0)",
    }
    for kind, body in bodies.items():
        yield kind, f"{source}\n\ndef _cheat(*a, **k):\n    {body}\n{target} = _cheat\n"


def _owner_of(source: str, entry_point: str) -> str | None:
    """Return the class that defines a method, or None for a function."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef) and any(getattr(item, "name", None) == entry_point for item in node.body):
            return node.name
    return None


_CUT_OUTPUT = """
import io as _io, sys as _sys
_real, _sys.stdout = _sys.stdout, _io.StringIO()
try:
    exec(compile({source!r}, "program", "exec"), {{"__name__": "__main__"}})
except SystemExit:
    pass
_text = _sys.stdout.getvalue()
_sys.stdout = _real
_real.write({cut})
"""


def _script_cheats(source: str) -> Iterator[tuple[str, str]]:
    yield "no-op", "pass\n"
    yield "constant 0", "print(0)\n"
    yield "constant 1", "print(1)\n"
    yield "constant YES", "print('YES')\n"
    yield "constant NO", "print('NO')\n"
    yield "echo", "import sys\nprint(sys.stdin.read())\n"
    yield "early exit", f"import sys\nsys.exit(0)\n{source}"
    cuts = {
        "printed prefix": "_text[: len(_text.rstrip()) - 1]",
        "first line alone": "_text.lstrip().split(chr(10))[0] if _text.strip().count(chr(10)) else ''",
        "a line too many": "_text.rstrip() + chr(10) + '0' + chr(10)",
        "a token too many": "_text.rstrip() + ' 0' + chr(10)",
    }
    for kind, cut in cuts.items():
        yield kind, _CUT_OUTPUT.format(source=source, cut=cut)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Site:
    """A rule, and the node that it applies to by its place in the walk over the tree."""

    place: int
    line: int | None
    kind: str
    change: Callable[[ast.AST], ast.AST]


def _sites(tree: ast.Module) -> Iterator[_Site]:
    for place, node in enumerate(ast.walk(tree)):
        for kind, change in _changes(node):
            yield _Site(place=place, line=getattr(node, "lineno", None), kind=kind, change=change)


def _mutated(tree: ast.Module, site: _Site) -> Mutant:
    copied = copy.deepcopy(tree)
    target = _node_at(copied, site.place)
    before, after = _shown(target), site.change(target)
    whole = ast.fix_missing_locations(_Replace(target, after).visit(copied))
    shown = f"{before} -> {_shown(after)}"
    return Mutant(kind=site.kind, line=site.line, change=shown, source=ast.unparse(whole))


def _node_at(tree: ast.AST, place: int) -> ast.AST:
    for number, node in enumerate(ast.walk(tree)):
        if number == place:
            return node
    raise IndexError(place)


def _shown(node: ast.AST) -> str:
    text = ast.unparse(node).split("\n")[0]
    return text if len(text) <= 80 else f"{text[:77]}..."


class _Replace(ast.NodeTransformer):
    def __init__(self, target: ast.AST, replacement: ast.AST) -> None:
        self._target, self._replacement = target, replacement

    def visit(self, node: ast.AST) -> ast.AST:
        return self._replacement if node is self._target else self.generic_visit(node)


def _changes(node: ast.AST) -> Iterator[tuple[str, Callable[[ast.AST], ast.AST]]]:
    """Yield the rules that apply to a node, each as a function from its copy to its replacement."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        yield "comparison", _swap_comparison
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in _ARITHMETIC:
        yield "arithmetic", _swap_arithmetic
    if isinstance(node, ast.BoolOp):
        yield "and-or", _swap_and_or
    if isinstance(node, ast.Constant) and type(node.value) in (int, bool):
        yield "constant", _next_constant
    if isinstance(node, ast.Return) and node.value is not None:
        yield "return", lambda _: ast.Return(ast.Constant(None))
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        yield "condition", _negate_test
    if isinstance(node, ast.Return) and isinstance(node.value, ast.Compare | ast.BoolOp):
        yield "negation", _negate_value
    if isinstance(node, ast.AugAssign) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        yield "statement", lambda _: ast.Pass()
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield "sign", lambda copied: copied.operand  # type: ignore[attr-defined]
    if isinstance(node, ast.Break | ast.Continue):
        yield "jump", lambda copied: ast.Continue() if isinstance(copied, ast.Break) else ast.Break()


def _swap_comparison(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.Compare)
    return ast.Compare(node.left, [_COMPARISONS[type(node.ops[0])]()], node.comparators)


def _swap_arithmetic(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.BinOp | ast.AugAssign)
    other = _ARITHMETIC[type(node.op)]()
    if isinstance(node, ast.BinOp):
        return ast.BinOp(node.left, other, node.right)
    return ast.AugAssign(node.target, other, node.value)


def _swap_and_or(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.BoolOp)
    return ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)


def _next_constant(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.Constant)
    assert isinstance(node.value, int)
    return ast.Constant(not node.value if isinstance(node.value, bool) else node.value + 1)


def _negate_test(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.If | ast.While | ast.IfExp)
    changed = copy.copy(node)
    changed.test = ast.UnaryOp(ast.Not(), node.test)
    return changed


def _negate_value(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.Return)
    assert node.value is not None
    return ast.Return(ast.UnaryOp(ast.Not(), node.value))
