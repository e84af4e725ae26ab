"""What the text of tests says: the names that only the program can define, and the changes to arguments they want."""

import ast
import builtins
import importlib.util
import inspect
import re
import sys
import types
from collections.abc import Iterator

from .usual_names import MODULES, usual_names

MAX_READ = 200_000
"""Characters up to which tests are read."""
TEST_MODULES = {
    **{name: name for name in MODULES}, "np": "numpy", "numpy": "numpy", "pytest": "pytest", "pd": "pandas",
    "plt": "matplotlib.pyplot", "nx": "networkx", "scipy": "scipy", "sympy": "sympy",
}  # fmt: skip
"""Names that always mean a module, never a name of the program, even in tests that do not import it."""
_STANDING = (
    "your my module solutions? main submission program code answer script file impl\\w* functions? tasks? problem"
)
_OF_PROGRAM = re.compile(rf"(^|_)({_STANDING.replace(' ', '|')})(_|\d|$)")
"""Names of modules that stand for the program."""


def names_in_classes(code: types.CodeType, in_class: bool = False) -> set[str]:
    """Return the names used in class bodies of some code, with their attributes."""
    names = set(code.co_names) if in_class else set()
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= names_in_classes(constant, in_class=not constant.co_flags & inspect.CO_OPTIMIZED)
    return names


def names_asked_for(code: str) -> set[str]:
    """Return the names in some tests that only the program can define.

    >>> sorted(names_asked_for("assert isclose(f(1), g(1)) and len([np])"))
    ['f', 'g']
    """
    if len(code) > MAX_READ:
        return {"unknown"}
    used: set[str] = set()
    bound: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.alias):
            bound.add(node.asname or node.name.partition(".")[0])
    free = {name for name in used - bound if not hasattr(builtins, name)}
    return free - set(usual_names(free)) - set(TEST_MODULES)


def names_under_test(code: str) -> set[str]:
    """Return the names of Python that tests assert something of, if they use no name that only the program can define.

    They are called innermost in an assertion, outside functions where there is one.

    >>> names_under_test("assert abs(sum(1, 2) - 3) < 1"), names_under_test("assert isclose(mean([1, 2]), 1.5)")
    ({'sum'}, {'mean'})
    >>> names_under_test("assert len(f(1)) == 1")
    set()
    """
    if names_asked_for(code):
        return set()
    tree = ast.parse(code)
    for nodes in (_within(tree), ast.walk(tree)):
        asserts = [node for node in nodes if isinstance(node, ast.Assert) or _asserts(node)]
        calls = [n for node in asserts for n in ast.walk(node) if isinstance(n, ast.Call) and not _asserts(n)]
        given = [(n.func, [i for a in [*n.args, *n.keywords] for i in ast.walk(a)]) for n in calls]
        inner = [function for function, inside in given if not any(isinstance(i, ast.Call) for i in inside)]
        if names := {function.id for function in inner if isinstance(function, ast.Name)}:
            return names
    return set()


def _asserts(node: ast.AST) -> bool:
    """Whether a node calls a function like assertEqual or assertion."""
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return str(name).startswith("assert")


def module_names(code: str) -> set[str]:
    """Return the names of standard modules that tests use as modules only, without importing them.

    >>> module_names("assert cmath.isclose(f(1), 2) and queue(3) == queue.x")
    {'cmath'}
    """
    if len(code) > MAX_READ:
        return set()
    nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name | ast.Attribute)]
    bases = {n.value.id for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)}
    based = {id(n.value) for n in nodes if isinstance(n, ast.Attribute)}
    alone = {n.id for n in nodes if isinstance(n, ast.Name) and id(n) not in based}
    return (bases - alone) & sys.stdlib_module_names


def unknown_modules(code: str, entry: str | None) -> set[str]:
    """Return the modules, not installed here, from which tests import the program's names.

    >>> unknown_modules("from your_module import f; from sortedcontainers_x import SortedList", None)
    {'your_module'}
    """
    found = set()
    for module, names in re.findall(r"\bfrom[ \t]+(\w+)[ \t]+import\b([^\n]*)", code):
        theirs = {module, entry} & set(re.findall(r"\w+", names)) or _OF_PROGRAM.search(module)
        if theirs and importlib.util.find_spec(module) is None:
            found.add(module)
    return found


def wanted_changes(code: str) -> set[tuple[int, int]] | None:
    """Return the places (line, column) of the calls whose changes to arguments the tests look at; None: unknown.

    Such a call stands alone as a statement, or tests compare a variable that it was given with something that has
    nothing to do with the program's results, before the variable is assigned anew.

    >>> wanted_changes("x = [1]; f(x); assert x == [2]"), wanted_changes("assert f(x) == max(x)")
    ({(1, 9)}, set())
    >>> wanted_changes("x = [0]; assert g(x) is x and x == [1]")
    {(1, 16)}
    """
    if len(code) > MAX_READ:
        return None
    tree, theirs = ast.parse(code), {"candidate", *names_asked_for(code)} | names_under_test(code)
    found: set[tuple[int, int]] = set()
    for scope in ast.walk(tree):
        if isinstance(scope, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef):
            found |= _wanted_in(scope, set(theirs))
    return found


def _wanted_in(scope: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef, theirs: set[str]) -> set[tuple[int, int]]:
    calls: list[tuple[ast.Call, set[str]]] = []
    looks: list[tuple[tuple[int, int], set[str]]] = []
    assigned: list[tuple[tuple[int, int], set[str]]] = []
    found: set[tuple[int, int]] = set()
    judging: set[int] = set()
    for node in _within(scope):
        if isinstance(node, ast.Assign | ast.For) and node.lineno:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = {n for target in targets for n in _plain_targets(target)}
            assigned.append(((node.lineno, node.col_offset), names))
            value = node.value if isinstance(node, ast.Assign) else node.iter
            theirs |= names if _names(value) & theirs else set()
        elif isinstance(node, ast.Call) and _root(node.func) in theirs:
            calls.append((node, {n for a in [*node.args, *(k.value for k in node.keywords)] for n in _names(a)}))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and _root(node.value.func) in theirs:
            found.add((node.value.lineno, node.value.col_offset))
        if not (isinstance(node, ast.Compare) or (isinstance(node, ast.Call) and _asserts(node))):
            continue
        if id(node) in judging:
            continue
        if _names(node) & theirs:  # a comparison with a result; what it holds only prepares it
            judging |= {id(inner) for inner in ast.walk(node)}
        else:
            looks.append(((node.lineno, node.col_offset), _names(node)))
    for call, names in calls:
        place = (call.lineno, call.col_offset)
        for look, seen in looks:
            ended = {n for at, new in assigned if place < at < look for n in new}
            if look > place and seen & names - ended:
                found.add(place)
    return found


def _within(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a scope in the order of its statements, without those of inner functions."""
    for child in ast.iter_child_nodes(scope):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _within(child)


def _names(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _plain_targets(target: ast.AST) -> set[str]:
    """Return the names that an assignment binds; `x[0] = 1` binds none."""
    if isinstance(target, ast.Tuple | ast.List):
        return {name for item in target.elts for name in _plain_targets(item)}
    return {target.id} if isinstance(target, ast.Name) else set()


def _root(function: ast.AST) -> str | None:
    while isinstance(function, ast.Attribute | ast.Call | ast.Subscript):
        function = function.func if isinstance(function, ast.Call) else function.value
    return function.id if isinstance(function, ast.Name) else None
