"""Wrong variants of a right program: strong tests refuse them. Makes text; runs nothing.

Some variants of a program mean the same as it does (a bound that is never reached): tests cannot refuse those, and
nothing here can tell them from the others. The cheats at the end of the list are never right.
"""

import ast
import copy
import random
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

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
    sites = [
        (place, number)
        for place, node in enumerate(ast.walk(tree))
        if getattr(node, "lineno", 0) >= first_line
        for number, _ in enumerate(_changes(node))
    ]
    if len(sites) > most:
        sites = [sites[drawn] for drawn in sorted(random.Random(seed).sample(range(len(sites)), most))]
    same = ast.unparse(tree)
    return [mutant for mutant in (_mutated(tree, *site) for site in sites) if mutant.source != same]


def _mutated(tree: ast.Module, place: int, number: int) -> Mutant:
    """Apply a rule, by its number, to a node, by its place in the walk over the tree."""
    copied = copy.deepcopy(tree)
    target = next(islice(ast.walk(copied), place, None))
    kind, after = list(_changes(target))[number]
    before, line = _shown(target), getattr(target, "lineno", None)
    whole = ast.fix_missing_locations(_Replace(target, after).visit(copied))
    return Mutant(kind=kind, line=line, change=f"{before} -> {_shown(after)}", source=ast.unparse(whole))


def _shown(node: ast.AST) -> str:
    text = ast.unparse(node).split("\n")[0]
    return text if len(text) <= 80 else f"{text[:77]}..."


class _Replace(ast.NodeTransformer):
    def __init__(self, target: ast.AST, replacement: ast.AST) -> None:
        self._target, self._replacement = target, replacement

    def visit(self, node: ast.AST) -> ast.AST:
        return self._replacement if node is self._target else self.generic_visit(node)


def _changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield the rules that apply to a node, each with the node's replacement."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        yield "comparison", ast.Compare(node.left, [_COMPARISONS[type(node.ops[0])]()], node.comparators)
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        yield "arithmetic", ast.BinOp(node.left, _ARITHMETIC[type(node.op)](), node.right)
    if isinstance(node, ast.AugAssign) and type(node.op) in _ARITHMETIC:
        yield "arithmetic", ast.AugAssign(node.target, _ARITHMETIC[type(node.op)](), node.value)
    if isinstance(node, ast.BoolOp):
        yield "and-or", ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield "constant", ast.Constant(not node.value if isinstance(node.value, bool) else node.value + 1)
    if isinstance(node, ast.Return) and node.value is not None:
        yield "return", ast.Return(ast.Constant(None))
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        changed = copy.copy(node)
        changed.test = ast.UnaryOp(ast.Not(), node.test)
        yield "condition", changed
    if isinstance(node, ast.Return) and isinstance(node.value, ast.Compare | ast.BoolOp):
        yield "negation", ast.Return(ast.UnaryOp(ast.Not(), node.value))
    if isinstance(node, ast.AugAssign) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        yield "statement", ast.Pass()
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield "sign", node.operand
    if isinstance(node, ast.Break | ast.Continue):
        yield "jump", ast.Continue() if isinstance(node, ast.Break) else ast.Break()


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


def cheats(source: str, entry_point: str | None, *, main: bool) -> list[Mutant]:
    """Return programs that do not try: nothing, a constant, an early exit, an output cut short."""
    if main:
        texts = _script_cheats(source)
    else:
        entry_point = entry_point or last_head(source)
        texts = _function_cheats(source, entry_point) if entry_point else iter(())
    return [Mutant(kind=kind, line=None, change=kind, source=text, cheat=True) for kind, text in texts]


def _function_cheats(source: str, entry_point: str) -> Iterator[tuple[str, str]]:
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    owners = [c.name for c in classes if any(getattr(item, "name", None) == entry_point for item in c.body)]
    target, arguments = (f"{owners[0]}.{entry_point}", "a[1:]") if owners else (entry_point, "a")
    bodies = {
        "no-op": "return None",
        **{f"constant {value}": f"return {value}" for value in ("0", "1", "True", "False", "''", "[]")},
        "echo": f"return next(iter({arguments}), None)",
        "early exit": "raise SystemExit(0)",
        "hard exit": "__import__('os')._exit(0)",
    }
    for kind, body in bodies.items():
        yield kind, f"{source}\n\ndef _cheat(*a, **k):\n    {body}\n{target} = _cheat\n"


def _script_cheats(source: str) -> Iterator[tuple[str, str]]:
    yield "no-op", "pass\n"
    for constant in ("0", "1", "YES", "NO"):
        yield f"constant {constant}", f"print({constant!r})\n"
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
