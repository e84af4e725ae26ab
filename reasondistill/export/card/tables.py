"""Tables of the card: cells hold whatever text there is and stay cells."""

from collections.abc import Iterable, Sequence

from ...curation.lookup.held_out import ANY_HIT
from ...records import Row

_SHOWN = 10
"""Matches that stand on the card."""
_LETTERS = 600


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a Markdown table.

    >>> table(("a", "b"), [("1|2", "x")])[-1]
    '| 1\\\\|2 | x |'
    """
    return [_line(heads), "|" + "---|" * len(heads), *map(_line, rows)]


def contamination_lines(row: Row | None) -> list[str]:
    """Return what decontamination found of each benchmark, and the first matches.

    By their ids: a card is public, and a benchmark's text may be somebody's. The run's own report has the texts.
    """
    if row is None:
        return []
    heads = ["benchmark", "problems", "questions dropped", "problems repeated"]
    heads += [f"any shared {n}-gram would drop" for n in ANY_HIT]
    rows = [
        [name, *(str(counts[key]) for key in ("problems", "questions", "benchmark_problems"))]
        + [str(counts[f"any_{n}_gram"]["questions"]) for n in ANY_HIT]
        for name, counts in row["benchmarks"].items()
    ]
    found = f"{row['flagged']} of {row['questions']} questions repeated a benchmark's problem and were left out."
    return ["## Contamination", "", found, "", *table(heads, rows), "", *_matches(row["matches"])]


def _matches(matches: Sequence[Row]) -> list[str]:
    if not matches:
        return []
    rows = [
        (str(m["id"]), m["benchmark"], str(m["benchmark_id"]), m["reason"], f"{m['coverage']:.2f}")
        for m in matches[:_SHOWN]
    ]
    more = [f"And {len(matches) - _SHOWN} more.", ""] if len(matches) > _SHOWN else []
    return [*table(("question", "benchmark", "its problem", "reason", "share"), rows), "", *more]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    flat = " ".join(text.split())
    flat = flat if len(flat) <= _LETTERS else f"{flat[: _LETTERS - 1]}…"
    return flat.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
