"""Tables of the card. Whatever text a cell holds, it stays one cell."""

from collections.abc import Iterable, Sequence

from ...curation.contamination import BRACKETS, NOT_CHECKED, ContaminationReport

_MAX_MATCHES = 10
_MAX_LETTERS = 600


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a Markdown table.

    >>> table(("a", "b"), [("1|2", "x")])[-1]
    '| 1\\\\|2 | x |'
    """
    lines = [f"| {' | '.join(map(_cell, cells))} |" for cells in (heads, *rows)]
    return [lines[0], "|" + "---|" * len(heads), *lines[1:]]


def contamination_lines(report: ContaminationReport | None) -> list[str]:
    """Return the findings of decontamination for each benchmark, and the first matches.

    Matches are named by their ids: a card is public, and a benchmark's text may be protected. The run's own report has
    the texts.
    """
    if report is None or not report.benchmarks:
        return ["## Contamination", "", f"{NOT_CHECKED}.", ""]
    left_out = f"{report.flagged} of {report.questions} questions repeated a benchmark's problem and were left out."
    heads, rows = report.table()
    lines = ["## Contamination", "", left_out, "", *table(heads, rows), "", BRACKETS, ""]
    names = ("id", "benchmark", "benchmark_id", "reason")
    first = [(*(str(m[name]) for name in names), f"{m['coverage']:.2f}") for m in report.matches[:_MAX_MATCHES]]
    if first:
        lines += [*table(("question", "benchmark", "its problem", "reason", "share"), first), ""]
    more = len(report.matches) - _MAX_MATCHES
    return [*lines, f"And {more} more.", ""] if more > 0 else lines


def _cell(text: str) -> str:
    flat = " ".join(text.split())
    flat = flat if len(flat) <= _MAX_LETTERS else f"{flat[: _MAX_LETTERS - 1]}…"
    return flat.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
