"""Layouts of rows: what the columns of other people's files mean, one file per layout.

A layout turns a row into rows with names that `rows.keys` knows, one per completion. Most datasets need none: their
columns are names in that table. `LAYOUTS` names the built-in ones; your own is `package.module:Name`, a `Layout` or any
object with its attributes.
"""

from collections.abc import Mapping
from functools import cache

from ...records import Row
from ...store.options import load_member
from .layout import Layout

DEFAULT = "rollouts"
LAYOUTS: Mapping[str, str] = {
    name: f"{__name__}.{module}:LAYOUT"
    for name, module in (
        ("evalplus", "evalplus"),
        ("lm-eval", "lm_eval"),
        ("open-r1", "open_r1"),
        ("openthoughts", "openthoughts"),
        ("s1k", "s1k"),
        (DEFAULT, "own"),
    )
}
"""Layouts in the order in which they are tried; the last one takes every row."""


def recognise(row: Row, wanted: str = "auto") -> Layout:
    """Return the layout of a row, or the wanted one. Raises RecipeError for an unknown name.

    >>> recognise({"task_id": "HumanEval/0", "solution": "def f(): ..."}).name
    'evalplus'
    """
    if wanted != "auto":
        layout: Layout = load_member(wanted, {"auto": "", **LAYOUTS}, "--format")
        return layout
    for layout in _all():
        if layout.knows(row):
            break
    return layout


@cache
def _all() -> tuple[Layout, ...]:
    return tuple(load_member(name, LAYOUTS, "layout") for name in LAYOUTS)


__all__ = ["DEFAULT", "LAYOUTS", "Layout", "recognise"]
