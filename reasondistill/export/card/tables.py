"""Tables of the card. Whatever text a cell holds, it stays one cell."""

from collections.abc import Iterable, Sequence

from ...curation.contamination import BRACKETS, ContaminationReport
from ...records import Row

_MAX_MATCHES = 10
_MAX_LETTERS = 600


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a Markdown table.

    >>> table(("a", "b"), [("1|2", "x")])[-1]
    '| 1\\\\|2 | x |'
    """
    return [_line(heads), "|" + "---|" * len(heads), *map(_line, rows)]


def contamination_lines(report: ContaminationReport | None) -> list[str]:
    """Return the findings of decontamination for each benchmark, and the first matches.

    Matches are named by their ids: a card is public, and a benchmark's text may be protected. The run's own report has
    the texts.
    """
    if report is None:
        return []
    left_out = f"{report.flagged} of {report.questions} questions repeated a benchmark's problem and were left out."
    heads, rows = report.table()
    return ["## Contamination", "", left_out, "", *table(heads, rows), "", BRACKETS, "", *_matches(report.matches)]


def _matches(matches: Sequence[Row]) -> list[str]:
    if not matches:
        return []
    rows = [
        (str(m["id"]), m["benchmark"], str(m["benchmark_id"]), m["reason"], f"{m['coverage']:.2f}")
        for m in matches[:_MAX_MATCHES]
    ]
    more = [f"And {len(matches) - _MAX_MATCHES} more.", ""] if len(matches) > _MAX_MATCHES else []
    return [*table(("question", "benchmark", "its problem", "reason", "share"), rows), "", *more]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    flat = " ".join(text.split())
    flat = flat if len(flat) <= _MAX_LETTERS else f"{flat[: _MAX_LETTERS - 1]}…"
    return flat.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
