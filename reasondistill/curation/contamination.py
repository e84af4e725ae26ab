"""Contamination of a training set by benchmarks: the search, and its report for files, terminals and pages."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Self

from ..records import SCHEMA, Row
from ..rows.problem import RowRules
from ..rows.problem_file import iter_problems, write_problems
from .lookup.held_out import ANY_HIT, DecontaminationOptions, HeldOut, Lookup, Match, read_benchmarks
from .lookup.normalise import text_key

_QUOTED_LETTERS = 1200
"""Letters of a question in the Markdown report."""
BRACKETS = "In brackets: problems of the benchmark that the rule would call repeated."
"""Note under the table of benchmarks."""
NOT_CHECKED = "Contamination: not checked"
_HEADS = (
    *("benchmark", "problems", "questions flagged", "problems repeated"),
    *(f"any shared {n}-gram would flag" for n in ANY_HIT),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContaminationReport:
    """Findings of decontamination: counts per benchmark, and every match with both texts."""

    questions: int
    """Different questions that were looked up."""
    flagged: int
    """Questions that repeat a problem of some benchmark."""
    options: Mapping[str, float]
    """Options of the search; see `DecontaminationOptions`."""
    benchmarks: Mapping[str, Row]
    """`{problems, questions, benchmark_problems, reasons, any_8_gram, any_13_gram}` by benchmark: its size, the
    questions flagged for it, its problems that they repeat, and `{questions, benchmark_problems}` under the any-hit
    rules."""
    matches: Sequence[Row]
    """`{benchmark, reason, coverage, id, question, benchmark_id, benchmark_question}` of each match."""

    @classmethod
    def from_row(cls, row: Mapping[str, object]) -> Self:
        """Rebuild a report from its JSON object."""
        return cls(**{key: value for key, value in row.items() if key != "schema"})  # type: ignore[arg-type]

    def to_row(self) -> Row:
        """Return the JSON object."""
        return {"schema": SCHEMA, **asdict(self)}

    def summary(self) -> Row:
        """Return the JSON object with the number of matches in place of the matches."""
        return {key: value for key, value in asdict(self).items() if key != "matches"} | {"matches": len(self.matches)}

    def lines(self) -> list[str]:
        """Return a line per benchmark, and one about all, for a terminal.

        >>> ContaminationReport(questions=2, flagged=0, options={}, benchmarks={}, matches=()).lines()
        ['Contamination: not checked; no benchmark is named']
        """
        if not self.benchmarks:
            return [f"{NOT_CHECKED}; no benchmark is named"]
        lines = []
        for name, counts in self.benchmarks.items():
            reasons = ", ".join(f"{n} {reason}" for reason, n in counts["reasons"].items())
            others = ", ".join(f"any shared {n}-gram {counts[f'any_{n}_gram']['questions']}" for n in ANY_HIT)
            flagged = f"{counts['questions']} of {self.questions} questions flagged{f' ({reasons})' if reasons else ''}"
            lines.append(f"{name}: {flagged}; by the rules of others: {others}")
        return [*lines, f"{self.flagged} of {self.questions} questions repeat a benchmark's problem"]

    def table(self) -> tuple[Sequence[str], list[list[str]]]:
        """Return head and rows of the table of benchmarks; brackets hold the problems repeated by an any-hit rule."""
        rows = []
        for name, counts in self.benchmarks.items():
            any_hit = [counts[f"any_{n}_gram"] for n in ANY_HIT]
            sizes = [counts[key] for key in ("problems", "questions", "benchmark_problems")]
            others = [f"{hits['questions']:,} ({hits['benchmark_problems']:,})" for hits in any_hit]
            rows.append([name, *(f"{n:,}" for n in sizes), *others])
        return _HEADS, rows

    def markdown(self) -> str:
        """Return the table of benchmarks, then every match with both texts, as Markdown."""
        if not self.benchmarks:
            return f"{self.lines()[-1]}.\n"
        heads, rows = self.table()
        lines = [f"{self.lines()[-1]}.", "", *(f"| {' | '.join(cells)} |" for cells in (heads, *rows)), "", BRACKETS]
        lines.insert(3, "|---" * len(heads) + "|")
        for match in self.matches:
            lines += ["", f"## {match['benchmark']}: {match['reason']}, {match['coverage']:.2f}", ""]
            for name, text in (("id", "question"), ("benchmark_id", "benchmark_question")):
                # An indented block, which Markdown shows as it is.
                quoted = (f"    {line}" for line in match[text][:_QUOTED_LETTERS].splitlines() or [""])
                lines += [f"`{match[name]}`", "", *quoted, ""]
            lines.pop()
        return "\n".join(lines) + "\n"


@dataclass(slots=True)
class ContaminationSearch:
    """Looks up each different question of a training set in the benchmarks, and counts.

    >>> search = ContaminationSearch(HeldOut({}))
    >>> search.add("p", "What is 1 + 1?").matches
    ()
    >>> search.report().questions
    1
    """

    held_out: HeldOut
    _found: list[tuple[str, str, Match]] = field(default_factory=list)
    """Id and text of the question, and the match; one for each benchmark that has it."""
    _questions: set[bytes] = field(default_factory=set)
    _flagged: int = 0
    _touching: Counter[tuple[int, str]] = field(default_factory=Counter)
    _touched: dict[int, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))

    def add(self, identifier: str, question: str) -> Lookup:
        """Look a question up; a repeated one counts once."""
        lookup, key = self.held_out.lookup(question), text_key(question)
        if key in self._questions:
            return lookup
        self._questions.add(key)
        self._flagged += bool(lookup.matches)
        self._found += [(identifier, question, match) for match in lookup.matches]
        for n, problems in lookup.any_hit.items():
            self._touching.update((n, benchmark) for benchmark in {benchmark for benchmark, _ in problems})
            self._touched[n].update(problems)
        return lookup

    def report(self) -> ContaminationReport:
        """Return what was found so far."""
        return ContaminationReport(
            questions=len(self._questions),
            flagged=self._flagged,
            options={f.name: getattr(self.held_out.options, f.name) for f in fields(DecontaminationOptions)},
            benchmarks={name: self._benchmark(name) for name in self.held_out.sizes},
            matches=[
                {
                    "benchmark": m.benchmark,
                    "reason": m.reason,
                    "coverage": round(m.coverage, 4),
                    "id": identifier,
                    "question": question,
                    "benchmark_id": m.problem_id,
                    "benchmark_question": m.question,
                }
                for identifier, question, m in self._found
            ],
        )

    def _benchmark(self, name: str) -> Row:
        """Return one benchmark's counts: questions flagged, its problems repeated, and both by the any-hit rules."""
        matches = [match for _, _, match in self._found if match.benchmark == name]
        row: Row = {
            "problems": self.held_out.sizes[name],
            "questions": len(matches),
            "benchmark_problems": len({match.problem_id for match in matches}),
            "reasons": dict(Counter(match.reason for match in matches)),
        }
        for n in ANY_HIT:
            touched = sum(benchmark == name for benchmark, _ in self._touched[n])
            row[f"any_{n}_gram"] = {"questions": self._touching[n, name], "benchmark_problems": touched}
        return row


def decontaminate_file(
    dataset: Path,
    against: Sequence[str],
    options: DecontaminationOptions | None = None,
    *,
    skip_bad: bool = False,
    out: Path | None = None,
) -> ContaminationReport:
    """Look up every question of a file, a folder or a hub dataset, one row at a time, and return the report.

    `out` gets the problems without match. Raises DataError for a dataset or a benchmark that cannot be read.
    """

    search = ContaminationSearch(HeldOut(read_benchmarks(against), options))
    rules = RowRules(where=str(dataset), require_reference=False, skip_bad=skip_bad)
    clean = (p for p in iter_problems(dataset, rules) if not search.add(p.id, p.question).matches)
    if out:
        write_problems(out, clean)
    else:
        for _ in clean:
            continue
    return search.report()
