"""The one page of an audit: counts with intervals and a few rows behind each. Self-contained, everything escaped."""

from collections.abc import Sequence
from importlib.resources import files

from ..report.text import visible
from .results import CHECKS, Tally

SCOPE = (
    "Hashes find what was changed by accident or by a hand that left them alone; an edit that recomputes every hash is "
    "out of their scope and is found only where judging or running the row again tells."
)


def render_audit(name: str, tally: Tally, *, verifier: str, lines: Sequence[str] = ()) -> str:
    """Return the page's HTML.

    >>> "Nothing disagrees" in render_audit("d", Tally(), verifier="rules 1")
    True
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    source = (files(__package__) / "page.html").read_text(encoding="utf-8")
    order = {check: i for i, check in enumerate(CHECKS)}
    return environment.from_string(source).render(
        name=visible(name),
        total=tally.to_row(),
        verifier=verifier,
        lines=lines,
        meanings={check: meaning for check, (_, meaning) in CHECKS.items()},
        examples={check: tally.examples[check] for check in sorted(tally.examples, key=order.__getitem__)},
        shown=visible,
        scope=SCOPE,
    )
